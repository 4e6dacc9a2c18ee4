package unittest

import (
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// Config is a configuration under test.
type Config struct {
	world    *fleet.World
	sources  map[string]*declared
	models   []score.Candidate
	location *time.Location
}

// NewConfig takes a configuration, of which DataSources, models and playbooks count. The error says what in it does not
// compile. Days begin in the time zone; nil is UTC.
func NewConfig(w *fleet.World, location *time.Location) (*Config, error) {
	if location == nil {
		location = time.UTC
	}
	if len(w.Models)+len(w.Playbooks) == 0 {
		return nil, errors.New("nothing to test: there is no HealthScoreModel and no Playbook in the files under test")
	}
	c := &Config{world: w, location: location}
	var err error
	if c.sources, err = declaredBy(w); err != nil {
		return nil, err
	}
	for _, m := range w.Models {
		candidate, err := score.CandidateOf(m)
		if err != nil {
			return nil, fmt.Errorf("health score model %s: spec.%w", m.Name, err)
		}
		c.models = append(c.models, candidate)
	}
	if _, err = c.newFleet(); err != nil {
		return nil, err
	}
	return c, nil
}

// scores reports whether a model scores the account.
func (c *Config) scores(a *v1alpha1.Account) bool {
	_, ok := score.Choose(c.models, a)
	return ok && !account.Churned(a)
}

// newFleet is a customer base without customers under the configuration.
func (c *Config) newFleet() (*fleet.Fleet, error) {
	f := fleet.New(c.location)
	for _, m := range c.world.Models {
		m = m.DeepCopy()
		m.Generation = max(m.Generation, 1)
		if err := f.SetModel(m); err != nil {
			return nil, err
		}
	}
	for _, pb := range c.world.Playbooks {
		pb = pb.DeepCopy()
		pb.Generation = max(pb.Generation, 1)
		if err := f.SetPlaybook(pb); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// Result is what came of a test.
type Result struct {
	// Failures are expectations that were not met, in the order of the steps.
	Failures []Failure
	// Err is what kept the test from going on: it asks for something that is not there.
	Err error
	// Moments are what happened at each step, in short.
	Moments []Moment
}

// Passed reports whether all went as expected.
func (r *Result) Passed() bool { return r.Err == nil && len(r.Failures) == 0 }

// Failure is a step at which something is otherwise than expected.
type Failure struct {
	// Step counts from 1; Line is where it stands in the file.
	Step, Line int
	Time       time.Time
	// Since is how long after the start.
	Since time.Duration
	// Account that the step is about.
	Account     string
	Differences []Difference
	// Why says what led to it, a line each.
	Why []string
}

// Difference is one thing that is otherwise than expected.
type Difference struct {
	// Field: health.score, tasks[triage].due.
	Field     string
	Want, Got string
}

// Moment is how things stand at a step.
type Moment struct {
	Time  time.Time
	Since time.Duration
	Lines []string
}

// play is a test under way.
type play struct {
	test     *Test
	config   *Config
	fleet    *fleet.Fleet
	start    time.Time
	now      time.Time
	accounts map[string]*v1alpha1.Account
	saying   map[string]saying
	coverage *Coverage
	result   *Result
	// steps is how often the fleet was brought up to date.
	steps int
}

// maxSteps bounds how often things may change by themselves in one test.
const maxSteps = 20_000

// Run plays the test. What it reaches of the configuration is noted in the coverage, which may be nil.
func (t *Test) Run(c *Config, coverage *Coverage) *Result {
	p := &play{test: t, config: c, coverage: coverage, result: &Result{}, accounts: map[string]*v1alpha1.Account{}, saying: map[string]saying{}}
	if err := p.run(); err != nil {
		line := t.Line
		if at := (*placed)(nil); errors.As(err, &at) {
			line = at.line
		}
		p.result.Err = fmt.Errorf("%s:%d: %w", t.file.Name, line, err)
	}
	return p.result
}

// placed is an error of one line of the file.
type placed struct {
	line int
	err  error
}

func (e *placed) Error() string { return e.err.Error() }

func (e *placed) Unwrap() error { return e.err }

// failedAt is an error of one line.
func failedAt(line int, format string, args ...any) error {
	return &placed{line, fmt.Errorf(format, args...)}
}

// run plays all steps.
func (p *play) run() error {
	var err error
	if p.fleet, err = p.config.newFleet(); err != nil {
		return err
	}
	if p.start, err = momentIn(p.test.start().text, p.config.location); err != nil {
		return err
	}
	p.now = p.start
	p.coverage.expect(p.config.world)
	if err := p.begin(); err != nil {
		return err
	}
	for i := range p.test.Steps {
		s := &p.test.Steps[i]
		if err := p.play(i+1, s); err != nil {
			err = fmt.Errorf("step %d, at %s: %w", i+1, p.now.Format(time.RFC3339), err)
			if errors.As(err, new(*placed)) {
				return err
			}
			return &placed{s.Line, err}
		}
	}
	return nil
}

// begin makes the accounts, and says what sources say from the start. A first step that is at the start says the rest.
func (p *play) begin() error {
	all := p.test.Accounts
	if len(all) == 0 {
		all = []accountEntry{p.test.Account}
	}
	for i, name := range p.test.accountNames() {
		if err := p.setAccount(name, p.test.file.Account.patch, all[i].patch); err != nil {
			return err
		}
		p.saying[name] = newSaying(p.config.sources)
		for _, said := range []facts{p.test.file.Facts, p.test.file.Account.facts, p.test.Facts, all[i].facts} {
			if err := p.saying[name].change(said, p.start, p.config.location); err != nil {
				return err
			}
		}
	}
	return nil
}

// setAccount changes an account by patches, one after the other.
func (p *play) setAccount(name string, patches ...map[string]any) error {
	object := map[string]any{}
	if before, ok := p.accounts[name]; ok {
		var err error
		if object, err = runtime.DefaultUnstructuredConverter.ToUnstructured(before); err != nil {
			return err
		}
	}
	for _, patch := range patches {
		object = merged(object, patch)
	}
	a := &v1alpha1.Account{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object, a, true); err != nil {
		return fmt.Errorf("account %s: %w", name, err)
	}
	a.Name, a.Namespace, a.CreationTimestamp = name, p.config.world.Namespace, metav1.NewTime(p.start)
	a.Generation++
	p.accounts[name] = a
	p.fleet.SetAccount(a)
	return nil
}

// merged is an object with a merge patch applied (RFC 7386): what it says is said, null is gone, a list is replaced whole.
func merged(object, patch map[string]any) map[string]any {
	result := map[string]any{}
	for key, val := range object {
		result[key] = val
	}
	for key, val := range patch {
		switch val := val.(type) {
		case nil:
			delete(result, key)
		case map[string]any:
			inner, _ := result[key].(map[string]any)
			result[key] = merged(inner, val)
		default:
			result[key] = val
		}
	}
	return result
}

// play plays one step: time passes, then the world changes, then people work, and then all is compared.
func (p *play) play(number int, s *step) error {
	at, err := p.momentOf(s)
	if err != nil {
		return err
	}
	if at.After(p.now) {
		if err := p.pass(at); err != nil {
			return err
		}
	}
	if err := p.change(s); err != nil {
		return err
	}
	if err := p.settle(); err != nil {
		return err
	}
	name := s.On
	if names := p.test.accountNames(); len(names) == 1 {
		name = names[0]
	}
	for i := range s.Work {
		if err := p.do(name, &s.Work[i]); err != nil {
			return err
		}
	}
	if name == "" {
		return nil
	}
	if s.Expect != nil {
		p.compare(number, s, name)
	}
	p.result.Moments = append(p.result.Moments, Moment{Time: p.now, Since: p.now.Sub(p.start), Lines: p.story(name)})
	return nil
}

// momentOf is when a step is.
func (p *play) momentOf(s *step) (time.Time, error) {
	at := p.now
	var after time.Duration
	var err error
	switch {
	case s.After.said:
		after, err = value.ParseDuration(v1alpha1.Duration(s.After.text))
		at = p.now.Add(after)
	case s.At.said && isDuration(s.At.text):
		after, err = value.ParseDuration(v1alpha1.Duration(s.At.text))
		at = p.start.Add(after)
	case s.At.said:
		at, err = momentIn(s.At.text, p.config.location)
	}
	switch {
	case err != nil:
		return time.Time{}, err
	case at.Before(p.now):
		return time.Time{}, fmt.Errorf("the step is at %s, before the one before it: time does not go back", at.Format(time.RFC3339))
	case at.Sub(p.start) > maxSpan:
		return time.Time{}, fmt.Errorf("the step is at %s: a test lasts twenty years at most", at.Format(time.RFC3339))
	}
	return at, nil
}

// pass lets time pass up to a moment, and stops at each at which something changes by itself.
func (p *play) pass(to time.Time) error {
	if p.steps == 0 {
		if err := p.settle(); err != nil {
			return err // the world as it is at the start
		}
	}
	for next := p.fleet.Next(); !next.IsZero() && next.Before(to); next = p.fleet.Next() {
		if !next.After(p.now) {
			return fmt.Errorf("at %s: what changes by itself changes again at once", p.now.Format(time.RFC3339))
		}
		p.now = next
		if err := p.settle(); err != nil {
			return err
		}
	}
	p.now = to
	return p.settle()
}

// settle has sources read, and everything decided that follows from it.
func (p *play) settle() error {
	if p.steps++; p.steps > maxSteps {
		return fmt.Errorf("things change by themselves more than %d times: is maxAge, for or hold meant to be that short, or the test that long?", maxSteps)
	}
	for name, saying := range p.saying {
		saying.read(p.now)
		facts, events := saying.observations()
		if err := p.fleet.SetFacts(name, facts, events); err != nil {
			return err
		}
	}
	if err := p.fleet.Step(p.now); err != nil {
		return err
	}
	p.coverage.see(p.fleet)
	return nil
}

// change changes what sources say and what the account is.
func (p *play) change(s *step) error {
	if s.Account.said {
		name := s.On
		if name == "" {
			name = p.test.accountNames()[0]
		}
		if err := p.setAccount(name, s.Account.patch); err != nil {
			return err
		}
	}
	for _, name := range p.test.accountNames() {
		if s.On != "" && s.On != name {
			continue
		}
		if err := p.saying[name].change(s.Facts, p.now, p.config.location); err != nil {
			return err
		}
	}
	return nil
}
