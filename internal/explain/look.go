package explain

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// look is a world at a moment, with its models and playbooks compiled.
type look struct {
	world      *fleet.World
	now        time.Time
	zone       *time.Location
	models     map[string]*model
	candidates []score.Candidate
	plays      map[string]*play
	accounts   map[string]*v1alpha1.Account
	// renames say what playbooks were called before.
	renames *playbook.Renames
	// runs by account, in order of their names; tasks by run.
	runs  map[string][]*v1alpha1.PlaybookRun
	tasks map[string][]*v1alpha1.Task
	// seen are the accounts as playbooks see them, by name.
	seen map[string]*sight
	// admitted is what the limits, and other playbooks, let start now, by playbook; nil until it is asked for.
	admitted map[string]playbook.Admission
	// used is what is used of the playbooks' limits, as far as it was asked for.
	used map[string]use
}

// model is a health score model; compiled is nil where err says what is wrong with it.
type model struct {
	spec     *v1alpha1.HealthScoreModel
	compiled *score.Model
	err      error
}

// play is a playbook; compiled is nil where err says what is wrong with it.
type play struct {
	spec     *v1alpha1.Playbook
	compiled *playbook.Playbook
	selector *account.Selector
	err      error
}

// newLook compiles what is in a world.
func newLook(w *fleet.World, now time.Time) *look {
	l := &look{
		world: w, now: now.UTC().Truncate(time.Second), zone: cmp.Or(w.Location, time.UTC),
		models: map[string]*model{}, plays: map[string]*play{}, accounts: map[string]*v1alpha1.Account{},
		runs: map[string][]*v1alpha1.PlaybookRun{}, tasks: map[string][]*v1alpha1.Task{}, seen: map[string]*sight{}, used: map[string]use{},
	}
	for _, spec := range w.Models {
		m := &model{spec: spec}
		m.compiled, m.err = score.Compile(spec)
		l.models[spec.Name] = m
		if c, err := score.CandidateOf(spec); err == nil {
			l.candidates = append(l.candidates, c)
		}
	}
	l.renames = playbook.RenamesOf(w.Playbooks)
	for _, spec := range w.Playbooks {
		p := &play{spec: spec}
		p.compiled, p.err = playbook.Compile(spec)
		p.selector, _ = account.CompileSelector(spec.Spec.AccountSelector)
		l.plays[spec.Name] = p
	}
	for _, a := range w.Accounts {
		l.accounts[a.Name] = a
	}
	for _, run := range w.Runs {
		l.runs[run.Spec.AccountRef.Name] = append(l.runs[run.Spec.AccountRef.Name], run)
	}
	for _, runs := range l.runs {
		slices.SortFunc(runs, func(a, b *v1alpha1.PlaybookRun) int { return cmp.Compare(a.Name, b.Name) })
	}
	for _, t := range w.Tasks {
		if t.Spec.RunRef != nil {
			l.tasks[t.Spec.RunRef.Name] = append(l.tasks[t.Spec.RunRef.Name], t)
		}
	}
	return l
}

// account finds an account.
func (l *look) account(name string) (*v1alpha1.Account, error) {
	if a, ok := l.accounts[name]; ok {
		return a, nil
	}
	return nil, NotFound("account", name, l.world.Namespace, slices.Sorted(maps.Keys(l.accounts)))
}

// play finds a playbook.
func (l *look) play(name string) (*play, error) {
	if p, ok := l.plays[name]; ok {
		return p, nil
	}
	return nil, NotFound("playbook", name, l.world.Namespace, slices.Sorted(maps.Keys(l.plays)))
}

// playbookOf returns what the playbook of a run is called now.
func (l *look) playbookOf(run *v1alpha1.PlaybookRun) string {
	return l.renames.Now(run.Spec.PlaybookRef.Name)
}

// names returns the names of the playbooks, sorted.
func (l *look) names() []string { return slices.Sorted(maps.Keys(l.plays)) }

// choose returns the model that scores an account, and why it and no other; nil where none does.
func (l *look) choose(a *v1alpha1.Account) (*model, string) {
	if account.Churned(a) {
		return nil, "the account is churned, and such are not scored"
	}
	choice, ok := score.Choose(l.candidates, a)
	switch {
	case ok:
		return l.models[choice.Name], choice.Why
	case len(l.candidates) == 0:
		return nil, "there is no HealthScoreModel in this namespace"
	}
	return nil, "no HealthScoreModel selects the account"
}

// sight is an account as playbooks see it.
type sight struct {
	// account with its episodes as they are at the moment, and not as its status last remembered them.
	account *v1alpha1.Account
	view    playbook.View
	runs    []v1alpha1.PlaybookRun
	renames *playbook.Renames
	// remembered are the episodes of its status.
	remembered []v1alpha1.Episode
}

// see returns an account as playbooks see it now.
func (l *look) see(a *v1alpha1.Account) *sight {
	if s, ok := l.seen[a.Name]; ok {
		return s
	}
	s := &sight{renames: l.renames, remembered: a.Status.Playbooks}
	for _, run := range l.runs[a.Name] {
		s.runs = append(s.runs, *run)
	}
	s.view = playbook.View{
		Account: a, Health: a.Status.Health, Lifecycle: account.Lifecycle(a, l.now), Now: l.now, Location: l.zone,
		Events: map[string]value.Events{},
	}
	m, _ := l.choose(a)
	s.view.Scored = m != nil && m.compiled != nil
	s.view.ScorePartial = s.view.Scored && m.compiled.Partial(a.Status.Health)
	l.readFacts(&s.view)
	var watching []playbook.Watching
	for _, name := range l.names() {
		watching = append(watching, playbook.Watching{Name: name, Playbook: l.plays[name].compiled})
	}
	episodes, _, _ := playbook.Episodes(playbook.EpisodesInput{View: s.view, Playbooks: watching, Runs: s.runs, Renames: l.renames})
	now := *a // only the list of episodes is another
	now.Status.Playbooks = l.known(s, episodes)
	s.account, s.view.Account = &now, &now
	l.seen[a.Name] = s
	return s
}

// known returns the episodes of an account, less what they became because something is not known here: that the operator
// may know, and the account's status has what it made of it.
func (l *look) known(s *sight, episodes []v1alpha1.Episode) []v1alpha1.Episode {
	for i := range episodes {
		e := &episodes[i]
		p := l.plays[e.Name]
		n := slices.IndexFunc(s.remembered, func(r v1alpha1.Episode) bool { return sameEpisode(&r, e) })
		if n < 0 || p == nil || p.compiled == nil || s.remembered[n].State == e.State {
			continue
		}
		blind := false
		switch {
		case e.Source != "":
			blind = !s.view.Events[e.Source].Known
		case e.Every == "":
			results, _ := p.compiled.Conditions(s.view)
			blind = playbook.Overall(results) == playbook.Unknown
		}
		if blind {
			episodes[i] = *s.remembered[n].DeepCopy()
		}
	}
	return episodes
}

// sameEpisode reports whether two episodes are about the same.
func sameEpisode(a, b *v1alpha1.Episode) bool {
	return a.Name == b.Name && a.Source == b.Source && a.Metric == b.Metric && a.Every == b.Every
}

// readFacts reads what the playbooks that watch an account read of it.
func (l *look) readFacts(v *playbook.View) {
	if l.world.Sources == nil {
		return
	}
	var reads []v1alpha1.MetricReference
	for _, name := range l.names() {
		p := l.plays[name]
		if p.compiled == nil || !p.selector.Matches(v.Account) {
			continue
		}
		reads = append(reads, p.compiled.Reads()...)
		for _, metric := range p.compiled.ObservedMetrics() {
			v.Events[metric.Source] = l.world.Sources.Events(v.Account, metric.Source)
		}
	}
	v.Facts = l.world.Sources.Facts(v.Account, value.DistinctMetrics(reads))
}

// input is what the episodes of an account follow from, as they are now.
func (s *sight) input() playbook.EpisodesInput {
	return playbook.EpisodesInput{View: s.view, Runs: s.runs, Renames: s.renames}
}

// open returns the open run of a playbook on the account, the newest of several; nil where there is none.
func (s *sight) open(playbookName string) *v1alpha1.PlaybookRun {
	return s.newest(playbookName, playbook.RunOpen)
}

// last returns the newest run of a playbook on the account; nil where there is none.
func (s *sight) last(playbookName string) *v1alpha1.PlaybookRun {
	return s.newest(playbookName, func(*v1alpha1.PlaybookRun) bool { return true })
}

func (s *sight) newest(playbookName string, of func(*v1alpha1.PlaybookRun) bool) *v1alpha1.PlaybookRun {
	var newest *v1alpha1.PlaybookRun
	for i := range s.runs {
		run := &s.runs[i]
		if s.renames.Now(run.Spec.PlaybookRef.Name) == playbookName && of(run) &&
			(newest == nil || newest.CreationTimestamp.Before(&run.CreationTimestamp)) {
			newest = run
		}
	}
	return newest
}
