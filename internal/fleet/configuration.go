package fleet

import (
	"cmp"
	"slices"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// configuration is the models and playbooks of a customer base.
type configuration struct {
	// models are sorted as they are chosen, and candidates go with them.
	models     []*model
	candidates []score.Candidate
	// playbooks by name; watching goes with them.
	playbooks []*plan
	watching  []playbook.Watching
	// renames say what playbooks were called before.
	renames *playbook.Renames
	// setups are what accounts are evaluated under, by the model and playbooks that select them.
	setups map[string]*setup
}

// model is a health score model and what came of compiling it. It is not changed once it is made.
type model struct {
	spec     *v1alpha1.HealthScoreModel
	compiled *score.Model
	// selector is nil where it cannot be read.
	selector *account.Selector
	// err is why the model is stalled.
	err error
}

// plan is a playbook and what came of compiling it. It is not changed once it is made.
type plan struct {
	spec     *v1alpha1.Playbook
	compiled *playbook.Playbook
	selector *account.Selector
	err      error
	reads    []v1alpha1.MetricReference
	observed []v1alpha1.MetricReference
}

// setup is what an account is evaluated under. Accounts that are selected by the same share one.
type setup struct {
	// model that is the one for the account; nil where none is.
	model *model
	// playbooks that work and select the account, by name.
	playbooks []*plan
	// extra is what they read, and reads all that is read; both sorted, each once.
	extra, reads []v1alpha1.MetricReference
	// sources of which rows are watched one by one.
	observed []string
	// childless is false where the score takes something of the accounts below.
	childless bool
}

func newConfiguration() configuration { return configuration{setups: map[string]*setup{}} }

// compileModel compiles a model, which is not changed any more.
func compileModel(m *v1alpha1.HealthScoreModel) *model {
	compiled := &model{spec: m}
	var selectorErr error
	compiled.selector, selectorErr = account.CompileSelector(m.Spec.AccountSelector)
	if compiled.compiled, compiled.err = score.Compile(m); compiled.err == nil && selectorErr != nil {
		compiled.err = selectorErr
	}
	if compiled.err != nil {
		compiled.compiled = nil
	}
	return compiled
}

// compilePlaybook compiles a playbook, which is not changed any more.
func compilePlaybook(pb *v1alpha1.Playbook) *plan {
	p := &plan{spec: pb}
	var selectorErr error
	p.selector, selectorErr = account.CompileSelector(pb.Spec.AccountSelector)
	if p.compiled, p.err = playbook.Compile(pb); p.err == nil && selectorErr != nil {
		p.err = selectorErr
	}
	if p.err != nil {
		p.compiled = nil
		return p
	}
	p.reads, p.observed = p.compiled.Reads(), p.compiled.ObservedMetrics()
	return p
}

// setModel adds a model, or puts it in the place of the one of its name.
func (c *configuration) setModel(m *model) {
	c.changeModels(append(slices.DeleteFunc(slices.Clone(c.models), func(other *model) bool { return other.spec.Name == m.spec.Name }), m))
}

// changeModels makes these the models.
func (c *configuration) changeModels(models []*model) {
	c.candidates = make([]score.Candidate, len(models))
	byName := make(map[string]*model, len(models))
	for i, m := range models {
		c.candidates[i] = score.Candidate{
			Name: m.spec.Name, Priority: m.spec.Spec.Priority, Created: m.spec.CreationTimestamp.Time, Selector: m.selector,
		}
		byName[m.spec.Name] = m
	}
	score.SortCandidates(c.candidates)
	c.models = make([]*model, len(models))
	for i, candidate := range c.candidates {
		c.models[i] = byName[candidate.Name]
	}
	c.setups = map[string]*setup{}
}

// setPlaybook adds a playbook, or puts it in the place of the one of its name.
func (c *configuration) setPlaybook(p *plan) {
	c.changePlaybooks(append(slices.DeleteFunc(slices.Clone(c.playbooks), func(other *plan) bool { return other.spec.Name == p.spec.Name }), p))
}

// changePlaybooks makes these the playbooks.
func (c *configuration) changePlaybooks(playbooks []*plan) {
	slices.SortFunc(playbooks, func(a, b *plan) int { return cmp.Compare(a.spec.Name, b.spec.Name) })
	c.playbooks = playbooks
	c.watching = make([]playbook.Watching, len(playbooks))
	specs := make([]*v1alpha1.Playbook, len(playbooks))
	for i, p := range playbooks {
		specs[i] = p.spec
		c.watching[i] = playbook.Watching{Name: p.spec.Name, Playbook: p.compiled}
	}
	c.renames = playbook.RenamesOf(specs)
	c.setups = map[string]*setup{}
}

// playbook returns a playbook; nil where there is none of this name.
func (c *configuration) playbook(name string) *plan {
	i, ok := slices.BinarySearchFunc(c.playbooks, name, func(p *plan, name string) int { return cmp.Compare(p.spec.Name, name) })
	if !ok {
		return nil
	}
	return c.playbooks[i]
}

// setupOf returns what an account is evaluated under.
func (c *configuration) setupOf(a *v1alpha1.Account) *setup {
	key := make([]byte, 0, 16)
	m := score.First(c.candidates, a)
	key = append(key, byte(m), byte(m>>8), churnedByte(a))
	var bits byte
	for i, p := range c.playbooks {
		if p.err == nil && p.selector.Matches(a) {
			bits |= 1 << (i % 8)
		}
		if i%8 == 7 || i == len(c.playbooks)-1 {
			key = append(key, bits)
			bits = 0
		}
	}
	s := c.setups[string(key)]
	if s == nil {
		s = c.newSetup(a, m)
		c.setups[string(key)] = s
	}
	return s
}

// churnedByte tells accounts apart that are scored by no model although one selects them.
func churnedByte(a *v1alpha1.Account) byte {
	if account.Churned(a) {
		return 1
	}
	return 0
}

// newSetup makes what an account is evaluated under, and every other that model number m and the same playbooks select.
func (c *configuration) newSetup(a *v1alpha1.Account, m int) *setup {
	s := &setup{childless: true}
	if m >= 0 {
		s.model = c.models[m]
	}
	for _, p := range c.playbooks {
		if p.err != nil || !p.selector.Matches(a) {
			continue
		}
		s.playbooks = append(s.playbooks, p)
		s.extra = append(s.extra, p.reads...)
		for _, metric := range p.observed {
			s.observed = append(s.observed, metric.Source)
		}
	}
	slices.Sort(s.observed)
	s.observed = slices.Compact(s.observed)
	s.extra = value.DistinctMetrics(s.extra)
	s.reads = slices.Clone(s.extra)
	if s.scores(a) {
		s.reads = value.DistinctMetrics(append(s.reads, s.model.compiled.Reads()...))
		s.childless = !slices.ContainsFunc(s.model.spec.Spec.Measures, func(m v1alpha1.Measure) bool { return m.From.Children != "" })
	}
	return s
}

// scores reports whether a model that works scores the account.
func (s *setup) scores(a *v1alpha1.Account) bool {
	return s.model != nil && s.model.err == nil && !account.Churned(a)
}
