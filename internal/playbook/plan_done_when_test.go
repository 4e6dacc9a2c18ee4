package playbook_test

import (
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// wau is the metric that the tests of doneWhen read.
var wau = v1alpha1.MetricReference{Source: "usage", Metric: "wau"}

// closing is a run whose first step closes itself, with one step after it.
func closing(t tester, doneWhen v1alpha1.Expression) *job {
	call := after("call")
	call.DoneWhen, call.Outcomes = doneWhen, []v1alpha1.Outcome{"Reached"}
	return newJob(t, call, after("mail", "call"))
}

// reads sets the observation of the metric.
func (j *job) reads(o value.Observation) { j.view.Facts = value.Facts{wau: o} }

func TestDoneWhenIsJudgedByWhatIsKnownNow(t *testing.T) {
	eleven := func(change func(*value.Observation)) func(*job) {
		return func(j *job) {
			o := fresh("11")
			if change != nil {
				change(&o)
			}
			j.reads(o)
		}
	}
	measure := func(state v1alpha1.ValueState) func(*job) {
		return func(j *job) {
			j.view.Health.Measures = []v1alpha1.MeasureScore{{Name: "wau", Value: "11", Score: ptr(int32(90)), State: state}}
		}
	}
	for name, c := range map[string]struct {
		doneWhen v1alpha1.Expression
		given    func(*job)
		want     v1alpha1.StepState
	}{
		"a fresh value that meets it closes the task": {"metrics.usage.wau > 10", eleven(nil), done},
		"a fresh value that does not, does not":       {"metrics.usage.wau > 11", eleven(nil), open},
		"a value as old as it may be closes it": {
			"metrics.usage.wau > 10", eleven(func(o *value.Observation) { o.MaxAge, o.ObservedTime = time.Hour, noon.Add(-time.Hour) }), done,
		},
		"a stale value closes nothing": {
			"metrics.usage.wau > 10",
			eleven(func(o *value.Observation) { o.MaxAge, o.ObservedTime = time.Hour, noon.Add(-time.Hour-time.Second) }), open,
		},
		"a value of a source that is down closes nothing": {
			"metrics.usage.wau > 10", eleven(func(o *value.Observation) { o.State = v1alpha1.ValueErrored }), open,
		},
		"a value that is remembered of a suspended source closes nothing": {
			"metrics.usage.wau > 10", eleven(func(o *value.Observation) { o.Suspended = true }), open,
		},
		"a value that the account remembers closes nothing": {
			"metrics.usage.wau > 10", func(j *job) {
				j.reads(value.Observation{Type: v1alpha1.MetricNumber, State: v1alpha1.ValueErrored})
				j.view.Health.Facts = []v1alpha1.Fact{{Source: "usage", Metric: "wau", Value: "11", State: v1alpha1.ValueFresh}}
			}, open,
		},
		"a value that is missing closes nothing, also where the expression asks for that": {
			"!has(metrics.usage.wau)", func(j *job) { j.reads(value.Observation{Type: v1alpha1.MetricNumber, State: v1alpha1.ValueMissing}) }, open,
		},
		"a value that was not read closes nothing":  {"!has(metrics.usage.wau)", nil, open},
		"an expression that fails closes nothing":   {"account.spec.contract.arr > 1", nil, open},
		"one that does not compile closes nothing":  {"account.spec.boss == 'x'", nil, open},
		"a fresh measure closes it":                 {"measures.wau.value > 10", measure(v1alpha1.ValueFresh), done},
		"a stale measure closes nothing":            {"measures.wau.value > 10", measure(v1alpha1.ValueStale), open},
		"a measure that is down closes nothing":     {"measures.wau.score > 10", measure(v1alpha1.ValueErrored), open},
		"a measure that is not there closes none":   {"measures.wau.score > 10", nil, open},
		"the score closes it":                       {"health.score < 50", nil, done},
		"the score of an unscored account does not": {"health.score < 50", func(j *job) { j.view.Scored = false }, open},
		"the score of an account whose band is Unknown does not": {
			"health.score < 50", func(j *job) { j.view.Health.Band = v1alpha1.BandUnknown }, open,
		},
		"the score does not, while part of it is out": {"health.score < 50", func(j *job) { j.view.ScorePartial = true }, open},
		"the band does, while part of the score is out": {
			"health.band == 'Critical'", func(j *job) { j.view.ScorePartial = true }, done,
		},
		"what the account says closes it": {"account.spec.owner == 'jo@example.com'", func(j *job) { j.view.Scored = false }, done},
	} {
		t.Run(name, func(t *testing.T) {
			j := closing(t, c.doneWhen)
			if c.given != nil {
				c.given(j)
			}
			j.carryOut()
			same(t, "step", c.want, j.run.Status.Steps[0].State)
			wantBy := map[v1alpha1.StepState]string{done: "DoneWhen"}[c.want]
			same(t, "completed by, of the step", wantBy, j.run.Status.Steps[0].CompletedBy)
			same(t, "completed by, of the task", wantBy, j.task("call").Status.CompletedBy)
		})
	}
}

func TestATaskThatClosedItselfStaysClosed(t *testing.T) {
	j := closing(t, "metrics.usage.wau > 10")
	j.reads(fresh("5"))
	j.carryOut()
	j.wantSteps(active, open, waiting)
	j.now = j.now.Add(time.Hour)
	j.reads(fresh("11"))
	j.carryOut()
	closed := stamp(j.now)
	j.wantSteps(active, done, open)
	j.wantTasks(tasks{"call": v1alpha1.TaskDone, "mail": v1alpha1.TaskOpen})
	same(t, "ended", closed, j.task("call").Status.EndedTime)
	j.now = j.now.Add(time.Hour)
	j.reads(fresh("3"))
	j.carryOut()
	j.wantSteps(active, done, open)
	same(t, "ended, once the value fell", closed, j.task("call").Status.EndedTime)
	// Nobody reads it any more.
	same(t, "reads", []v1alpha1.MetricReference(nil), playbook.RunReads(j.run))
}

func TestDoneWhenAndPeople(t *testing.T) {
	for name, c := range map[string]struct {
		before  func(*v1alpha1.TaskSpec)
		after   func(*v1alpha1.TaskSpec)
		step    v1alpha1.StepState
		outcome v1alpha1.Outcome
		by      string
	}{
		"a task that somebody began closes": {func(s *v1alpha1.TaskSpec) { s.State = v1alpha1.WorkInProgress }, nil, done, "", "DoneWhen"},
		"a task that somebody meant to complete closes itself": {
			func(s *v1alpha1.TaskSpec) { s.State, s.CompletedBy = v1alpha1.WorkInProgress, "bot" }, nil, done, "", "DoneWhen",
		},
		"a task that somebody put off closes": {
			func(s *v1alpha1.TaskSpec) { s.Snooze = &v1alpha1.Snooze{Until: *stamp(noon.Add(72 * time.Hour))} }, nil, done, "", "DoneWhen",
		},
		"a task that somebody canceled stays canceled": {
			func(s *v1alpha1.TaskSpec) { s.State = v1alpha1.WorkCanceled }, nil, canceled, "", "",
		},
		"a task that somebody did is theirs": {
			func(s *v1alpha1.TaskSpec) { s.State, s.CompletedBy = v1alpha1.WorkDone, "jo" }, nil, done, "", "jo",
		},
		"a person's outcome counts later": {
			nil, func(s *v1alpha1.TaskSpec) { s.State, s.Outcome = v1alpha1.WorkDone, "Reached" }, done, "Reached", "DoneWhen",
		},
		"a person's name counts later": {
			nil, func(s *v1alpha1.TaskSpec) { s.State, s.CompletedBy = v1alpha1.WorkDone, "jo" }, done, "", "jo",
		},
		"a person who begins later finds it closed":       {nil, func(s *v1alpha1.TaskSpec) { s.State = v1alpha1.WorkInProgress }, done, "", "DoneWhen"},
		"a person who cancels it later has the last word": {nil, func(s *v1alpha1.TaskSpec) { s.State = v1alpha1.WorkCanceled }, canceled, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			j := closing(t, "metrics.usage.wau > 10")
			j.carryOut()
			if c.before != nil {
				j.set("call", c.before)
				j.carryOut()
			}
			j.reads(fresh("11"))
			j.carryOut()
			if c.after != nil {
				j.set("call", c.after)
				j.carryOut()
			}
			step := j.run.Status.Steps[0]
			same(t, "step", c.step, step.State)
			same(t, "outcome", c.outcome, step.Outcome)
			same(t, "completed by", c.by, j.task("call").Status.CompletedBy)
		})
	}
}

func TestABlockedTaskDoesNotCloseItself(t *testing.T) {
	report := after("report", "call")
	report.DoneWhen = "metrics.usage.wau > 10"
	j := newJob(t, after("call"), report)
	j.reads(fresh("11"))
	j.carryOut()
	j.wantSteps(active, open, waiting)
	j.finish("call", "")
	j.carryOut()
	j.wantSteps(completed, done, done)
}

func TestWorkThatClosesItselfAsItsConditionClearsIsDone(t *testing.T) {
	j := closing(t, "metrics.usage.wau > 10")
	j.carryOut()
	j.cleared = true
	j.reads(fresh("11"))
	j.carryOut()
	j.wantSteps(completed, done, canceled)
	// The other way round it stays canceled.
	j = closing(t, "metrics.usage.wau > 10")
	j.carryOut()
	j.cleared = true
	j.carryOut()
	j.reads(fresh("11"))
	j.carryOut()
	j.wantSteps(runCanceled, canceled, canceled)
}

func TestDoneWhenThatDependsOnTheDayIsJudgedAtMidnight(t *testing.T) {
	j := closing(t, "daysSince('2026-11-01') >= 2.0")
	j.view.Location = zone(t, "Europe/Berlin")
	plan := j.carryOut()
	j.wantSteps(active, open, waiting)
	midnight := time.Date(2026, 11, 2, 23, 0, 0, 0, time.UTC)
	same(t, "next change", midnight, plan.NextChange)
	j.now = midnight
	j.carryOut()
	j.wantSteps(active, done, open)
}

func TestAPlanThatFollowsJudgesNothing(t *testing.T) {
	j := closing(t, "account.spec.owner == 'jo@example.com'")
	plan, err := playbook.PlanRun(playbook.PlanInput{Run: j.run, Follow: true, View: j.view, Now: j.now})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "step", open, plan.Status.Steps[0].State)
}

func TestARunReadsWhatItsDoneWhenReads(t *testing.T) {
	call := v1alpha1.PlaybookStep{Name: "call", Title: "${metrics.crm.size}", DoneWhen: "metrics.usage.wau > 10"}
	j := newJob(t, call)
	size := v1alpha1.MetricReference{Source: "crm", Metric: "size"}
	same(t, "reads at first", []v1alpha1.MetricReference{size, wau}, playbook.RunReads(j.run))
	j.carryOut()
	same(t, "reads while the task is open", []v1alpha1.MetricReference{wau}, playbook.RunReads(j.run))
	same(t, "reads of the playbook", []v1alpha1.MetricReference{size, wau}, compiled(t, spec(steps(call))).Reads())
}

func TestATaskWhoseDoneWhenAsksForAnOutcomeIsMadeAtOnce(t *testing.T) {
	mail := after("mail", "call")
	mail.DoneWhen = "outcomes.call == 'Reached'"
	j := newJob(t, after("call"), mail)
	j.carryOut()
	j.wantTasks(tasks{"call": v1alpha1.TaskOpen, "mail": v1alpha1.TaskBlocked})
	j.finish("call", "Reached")
	j.carryOut()
	j.wantSteps(completed, done, done)
}
