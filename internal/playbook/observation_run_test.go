package playbook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// closeTheLoop is a playbook whose texts read the row of the answer, and one that they read of another source.
func closeTheLoop(t testing.TB) *playbook.Playbook {
	return compiled(t, spec(triggers(
		v1alpha1.Trigger{Name: "furious", Per: v1alpha1.PerObservation, Value: &v1alpha1.ValueTrigger{
			From: detractor.Value.From, AtMost: ptr(v1alpha1.Decimal("2")),
		}},
		detractor,
		v1alpha1.Trigger{Name: "low", Score: &v1alpha1.ScoreTrigger{AtMost: ptr(int32(40))}},
	), steps(
		v1alpha1.PlaybookStep{
			Name: "call", Title: "They gave ${metrics.surveys.nps}, ${metrics.surveys.nps - 10.0} from the best",
			Description: "They said: ${metrics.surveys.comment}. ${metrics.usage.wau} use it.",
		},
		v1alpha1.PlaybookStep{Name: "thank", Title: "Thank for the ${metrics.surveys.nps} of ${metrics.surveys.sent}", After: []v1alpha1.StepName{"call"}, When: "metrics.surveys.nps < 7"},
	)))
}

// answered is what the playbook sees of an account that answered an hour ago, with more in the row than it reads.
func answered(more ...value.Event) playbook.View {
	row := said(-1, "3", "too slow")
	row.Values["sent"] = value.Value{Type: v1alpha1.MetricTime, Time: hour(-26)}
	row.Values["secret"] = value.Category("not read")
	row.Values["wau"] = value.Category("read of another source")
	return playbook.View{
		Account: acme(), Health: scored(34, "Critical"), Scored: true, Now: noon,
		Events: map[string]value.Events{"surveys": rows(append([]value.Event{row}, more...)...)},
	}
}

func TestNewObservationRun(t *testing.T) {
	p := closeTheLoop(t)
	run, err := p.NewObservationRun(answered(said(-1, "8", "fine")), *episode(due, noon, 4, nps(of(-1))))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "name", playbook.ObservationRunName("acme", "rescue", npsOf, hour(-1)), run.Name)
	same(t, "observation", &v1alpha1.ObservationReference{Source: "surveys", Metric: "nps", ObservedTime: *stamp(hour(-1))}, run.Spec.Observation)
	same(t, "trigger", "detractor", run.Spec.Trigger)
	same(t, "reason", "metrics.surveys.nps 3 is at most 6, observed 2026-11-02T11:00:00Z", run.Spec.Reason)
	same(t, "sequence", int64(4), run.Spec.Sequence)
	same(t, "generation", int64(7), run.Spec.PlaybookGeneration)
	same(t, "facts", []v1alpha1.NamedValue{
		{Name: "metrics.surveys.nps", Value: "3", Type: v1alpha1.MetricNumber},
		{Name: "metrics.surveys.comment", Value: "too slow", Type: v1alpha1.MetricText},
		{Name: "metrics.surveys.sent", Value: "2026-11-01T10:00:00Z", Type: v1alpha1.MetricTime},
		{Name: "health.band", Value: "Critical"},
		{Name: "health.score", Value: "34"},
	}, run.Spec.Facts)
	if owner := run.OwnerReferences; len(owner) != 1 || owner[0].UID != "acme-uid" || run.Labels[v1alpha1.LabelPlaybook] != "rescue" {
		t.Errorf("owners %v, labels %v", owner, run.Labels)
	}
}

func TestNewObservationRunNamesTheFirstTriggerThatHolds(t *testing.T) {
	for name, c := range map[string]struct {
		rows value.Events
		want string
	}{
		"both hold":                  {rows(said(-1, "1")), "furious: 1"},
		"only the second holds":      {rows(said(-1, "5")), "detractor: 5"},
		"the first row that holds":   {rows(said(-1, "9"), said(-1, "6"), said(-1, "1")), "detractor: 6"},
		"the row of that very time":  {rows(said(-2, "1"), said(-1, "4")), "detractor: 4"},
		"a row that is given twice":  {rows(said(-1, "4"), said(-1, "4")), "detractor: 4"},
		"a row beside one without a": {rows(said(-1, ""), said(-1, "4")), "detractor: 4"},
	} {
		t.Run(name, func(t *testing.T) {
			v := playbook.View{Account: acme(), Now: noon, Events: map[string]value.Events{"surveys": c.rows}}
			run, err := closeTheLoop(t).NewObservationRun(v, *episode(due, noon, 1, nps(of(-1))))
			if err != nil {
				t.Fatal(err)
			}
			same(t, "trigger and value", c.want, run.Spec.Trigger+": "+run.Spec.Facts[0].Value)
		})
	}
}

func TestNewObservationRunIsRefused(t *testing.T) {
	ready := episode(due, noon, 1, nps(of(-1)))
	sees := func(change func(*playbook.View)) playbook.View {
		v := answered()
		change(&v)
		return v
	}
	source := func(events value.Events) playbook.View {
		return sees(func(v *playbook.View) { v.Events["surveys"] = events })
	}
	for name, c := range map[string]struct {
		view    playbook.View
		episode *v1alpha1.Episode
	}{
		"without an account":                      {sees(func(v *playbook.View) { v.Account = nil }), ready},
		"while the episode is not Due":            {answered(), episode(pending, noon, 1, nps(of(-1)))},
		"for an episode without a number":         {answered(), episode(due, noon, 0, nps(of(-1)))},
		"for an episode without an observation":   {answered(), episode(due, noon, 1, nps())},
		"for a metric that no trigger watches":    {answered(), episode(due, noon, 1, of(-1), func(e *v1alpha1.Episode) { e.Source, e.Metric = "surveys", "ces" })},
		"when the row is gone":                    {source(rows(said(-2, "3"))), ready},
		"when the row does not hold any more":     {source(rows(said(-1, "9"))), ready},
		"when the row has lost its value":         {source(rows(said(-1, ""))), ready},
		"when the source cannot be read any more": {source(value.Events{}), ready},
		"when the row has grown too old":          {source(value.Events{Known: true, MaxAge: time.Minute, Rows: []value.Event{said(-1, "3")}}), ready},
		"when the clock was set back before it":   {sees(func(v *playbook.View) { v.Now = hour(-2) }), ready},
		"when it has its run":                     {answered(), episode(due, noon, 1, nps(of(-1), taken(-1)))},
		"when it is history":                      {answered(), episode(due, noon, 1, nps(of(-1), upTo(-1)))},
		"when the customer has left":              {sees(func(v *playbook.View) { v.Account = churned() }), ready},
	} {
		t.Run(name, func(t *testing.T) {
			if run, err := closeTheLoop(t).NewObservationRun(c.view, *c.episode); err == nil {
				t.Errorf("made run %s", run.Name)
			}
		})
	}
}

func TestTheNameOfAnObservationsRun(t *testing.T) {
	// A restored backup finds its runs by this name: another hash would make their work twice.
	same(t, "name", "acme-rescue-f4f44e629b", playbook.ObservationRunName("acme", "rescue", npsOf, noon))
	zone := time.FixedZone("", 3600)
	same(t, "name in another time zone", "acme-rescue-f4f44e629b", playbook.ObservationRunName("acme", "rescue", npsOf, noon.In(zone)))
	seen := map[string]string{playbook.RunName("acme", "rescue", 1): "a state"}
	for what, name := range map[string]string{
		"one":              playbook.ObservationRunName("acme", "rescue", npsOf, noon),
		"a second later":   playbook.ObservationRunName("acme", "rescue", npsOf, noon.Add(time.Second)),
		"another metric":   playbook.ObservationRunName("acme", "rescue", v1alpha1.MetricReference{Source: "surveys", Metric: "ces"}, noon),
		"another source":   playbook.ObservationRunName("acme", "rescue", v1alpha1.MetricReference{Source: "survey", Metric: "nps"}, noon),
		"another playbook": playbook.ObservationRunName("acme", "rescu", npsOf, noon),
		"another account":  playbook.ObservationRunName("acm", "rescue", npsOf, noon),
	} {
		if other, ok := seen[name]; ok {
			t.Errorf("%s has the name of %s", what, other)
		}
		seen[name] = what
	}
}

// loop is the work of the answer of an hour ago, after which everything else has changed.
func loop(t *testing.T) *job {
	t.Helper()
	run, err := closeTheLoop(t).NewObservationRun(answered(), *episode(due, noon, 1, nps(of(-1))))
	if err != nil {
		t.Fatal(err)
	}
	j := newJob(t)
	j.run.Name, j.run.Spec = run.Name, run.Spec
	newer := fresh("10")
	j.view.Facts = value.Facts{npsOf: newer, {Source: "usage", Metric: "wau"}: fresh("12")}
	j.view.Health.Facts = []v1alpha1.Fact{{Source: "surveys", Metric: "sent", Value: "2026-11-02"}}
	return j
}

func TestTheTextsOfAnObservationsRunShowItsRow(t *testing.T) {
	j := loop(t)
	j.carryOut()
	same(t, "title", "They gave 3, -7 from the best", j.task("call").Spec.Title)
	same(t, "description", "They said: too slow. 12 use it.", j.task("call").Spec.Description)

	// A task that is made later, after newer answers, and with the source down, shows that row as well.
	j.view.Facts[npsOf] = value.Observation{Type: v1alpha1.MetricNumber, State: v1alpha1.ValueErrored}
	j.finish("call", "")
	j.carryOut()
	same(t, "title of the second task", "Thank for the 3 of 2026-11-01T10:00:00Z", j.task("thank").Spec.Title)
	j.wantSteps(active, done, open)
}

func TestAColumnThatTheRowDoesNotHaveIsNotTakenFromAnother(t *testing.T) {
	j := loop(t)
	comment := v1alpha1.MetricReference{Source: "surveys", Metric: "comment"}
	j.run.Spec.Facts = j.run.Spec.Facts[:1] // of an answer without a word
	newest := value.Value{Type: v1alpha1.MetricText, Text: "of another answer"}
	j.view.Facts[comment] = value.Observation{Type: v1alpha1.MetricText, Value: &newest, State: v1alpha1.ValueFresh}
	j.view.Facts[v1alpha1.MetricReference{Source: "surveys", Metric: "sent"}] = value.Observation{Type: v1alpha1.MetricTime, State: v1alpha1.ValueErrored}
	plan := j.plan()
	same(t, "description", "They said: <no value>. 12 use it.", plan.Create[0].Spec.Description)
	same(t, "text errors", []string{"steps[call].description: ${metrics.surveys.comment}: metrics.surveys.comment has no value"}, plan.TextErrors)
	j.finishNow()
	if later := j.plan(); len(later.Create) != 1 || later.Create[0].Spec.Title != "Thank for the 3 of <no value>" {
		t.Errorf("the second task is %+v", later.Create)
	}
}

// finishNow carries the plan out and finishes the call.
func (j *job) finishNow() {
	j.t.Helper()
	j.carryOut()
	j.finish("call", "")
}

func TestNothingThatComesLaterTakesAnObservationBack(t *testing.T) {
	j := loop(t)
	for name, e := range map[string]*v1alpha1.Episode{
		"nothing":                   nil,
		"a Clear episode":           episode(clearState, noon, 1, nps()),
		"a later episode":           episode(firing, noon, 5, nps()),
		"a state of that number":    episode(clearState, noon, 1),
		"a later one of the states": episode(pending, noon, 9),
	} {
		if playbook.Cleared(j.run, e) {
			t.Errorf("%s clears it", name)
		}
	}
}

func TestARunDoesNotReadTheSourceOfItsObservation(t *testing.T) {
	same(t, "reads", []v1alpha1.MetricReference{{Source: "usage", Metric: "wau"}}, playbook.RunReads(loop(t).run))
}

func TestALongCommentIsCut(t *testing.T) {
	v := answered()
	v.Events["surveys"].Rows[0].Values["comment"] = value.Value{Type: v1alpha1.MetricText, Text: strings.Repeat("ä", 2500)}
	run, err := closeTheLoop(t).NewObservationRun(v, *episode(due, noon, 1, nps(of(-1))))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "comment", strings.Repeat("ä", 2045)+"...", run.Spec.Facts[1].Value)
}

func TestDoneWhenSeesWhatTheSourceSaysNow(t *testing.T) {
	j := newJob(t, v1alpha1.PlaybookStep{Name: "call", Title: "They gave ${metrics.surveys.nps}", DoneWhen: "metrics.surveys.nps > 8.0"})
	j.run.Spec.Observation = &v1alpha1.ObservationReference{Source: "surveys", Metric: "nps", ObservedTime: *stamp(noon)}
	j.run.Spec.Facts = []v1alpha1.NamedValue{{Name: "metrics.surveys.nps", Value: "3", Type: v1alpha1.MetricNumber}}
	j.carryOut()
	same(t, "title", "They gave 3", j.task("call").Spec.Title)
	nps := v1alpha1.MetricReference{Source: "surveys", Metric: "nps"}
	same(t, "reads", []v1alpha1.MetricReference{nps}, playbook.RunReads(j.run))
	j.view.Facts = value.Facts{nps: fresh("10")}
	j.carryOut()
	same(t, "the task", v1alpha1.TaskDone, j.task("call").Status.State)
}
