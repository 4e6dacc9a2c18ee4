package unittest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// none is how nothing is written in a difference.
const none = "none"

// comparison collects what is otherwise than expected.
type comparison struct {
	location    *time.Location
	differences []Difference
}

// differs notes a difference.
func (c *comparison) differs(field, want, got string) {
	c.differences = append(c.differences, Difference{Field: field, Want: cmp.Or(want, none), Got: cmp.Or(got, none)})
}

// text compares text, where something is expected. Null expects nothing.
func (c *comparison) text(field string, want text, got string) {
	if want.said && want.text != got {
		c.differs(field, want.text, got)
	}
}

// moment compares a moment: a day with the day in the time zone, else the second.
func (c *comparison) moment(field string, want text, got *metav1.Time) {
	switch {
	case !want.said:
	case got.IsZero() || want.null:
		c.text(field, want, formatMoment(got))
	case isDay(want.text):
		c.text(field, want, got.In(c.location).Format(time.DateOnly))
	default:
		if at, err := momentIn(want.text, c.location); err != nil || !at.Equal(got.Time) {
			c.differs(field, want.text, formatMoment(got))
		}
	}
}

// formatMoment writes a moment; none is empty.
func formatMoment(t *metav1.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// compare compares all that a step expects of an account.
func (p *play) compare(number int, s *step, accountName string) {
	c := &comparison{location: p.config.location}
	a := p.fleet.Account(accountName)
	health := a.Status.Health
	if health == nil {
		health = &v1alpha1.Health{}
	}
	if s.Expect.Health != nil {
		c.health(s.Expect.Health, health)
	}
	c.dimensions(s.Expect.Dimensions, health)
	c.measures(s.Expect.Measures, health)
	for _, name := range slices.Sorted(maps.Keys(s.Expect.Playbooks)) {
		c.text("playbooks."+name, s.Expect.Playbooks[name], string(stateOf(a, name)))
	}
	if s.Expect.Runs != nil {
		c.runs(*s.Expect.Runs, p.runs(accountName))
	}
	if s.Expect.Tasks != nil {
		c.tasks(*s.Expect.Tasks, p.tasks(accountName))
	}
	if len(c.differences) == 0 {
		return
	}
	p.result.Failures = append(p.result.Failures, Failure{
		Step: number, Line: s.Expect.Line, Time: p.now, Since: p.now.Sub(p.start), Account: accountName, Differences: c.differences,
		Why: p.why(accountName, s.Expect, c.differences),
	})
}

// health compares the score and what goes with it.
func (c *comparison) health(want *wantHealth, got *v1alpha1.Health) {
	c.text("health.band", want.Band, string(got.Band))
	c.text("health.score", want.Score, number(got.Score))
	c.text("health.previousScore", want.PreviousScore, number(got.PreviousScore))
	c.text("health.trend", want.Trend, string(got.Trend))
	c.text("health.coverage", want.Coverage, strconv.Itoa(int(got.Coverage)))
	c.text("health.model", want.Model, got.Model)
	pending := ""
	if got.PendingBand != nil {
		pending = string(got.PendingBand.Band)
	}
	c.text("health.pendingBand", want.PendingBand, pending)
	if want.Rules == nil {
		return
	}
	var applied []string
	for _, r := range got.RulesApplied {
		applied = append(applied, r.Name)
	}
	if !slices.Equal(*want.Rules, applied) {
		c.differs("health.rules", strings.Join(*want.Rules, ", "), strings.Join(applied, ", "))
	}
}

// number writes a score; none is empty.
func number(n *int32) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(int(*n))
}

// dimensions compares those that are named.
func (c *comparison) dimensions(want []wantDimension, got *v1alpha1.Health) {
	for _, w := range want {
		field := "dimensions[" + w.Name + "]"
		i := slices.IndexFunc(got.Dimensions, func(d v1alpha1.DimensionScore) bool { return d.Name == w.Name })
		if i < 0 {
			var names []string
			for _, d := range got.Dimensions {
				names = append(names, d.Name)
			}
			c.differs(field, "a dimension of this name", strings.Join(names, ", "))
			continue
		}
		c.text(field+".score", w.Score, number(got.Dimensions[i].Score))
	}
}

// measures compares those that are named.
func (c *comparison) measures(want []wantMeasure, got *v1alpha1.Health) {
	for _, w := range want {
		field := "measures[" + w.Name + "]"
		i := slices.IndexFunc(got.Measures, func(m v1alpha1.MeasureScore) bool { return m.Name == w.Name })
		if i < 0 {
			var names []string
			for _, m := range got.Measures {
				names = append(names, m.Name)
			}
			c.differs(field, "a measure of this name", strings.Join(names, ", "))
			continue
		}
		m := got.Measures[i]
		c.value(field+".value", w.Value, m.Value)
		c.text(field+".score", w.Score, number(m.Score))
		c.text(field+".state", w.State, string(m.State))
	}
}

// value compares a value as it was observed: 0.10 is 0.1.
func (c *comparison) value(field string, want text, got string) {
	w, err := value.ParseDecimal(want.text)
	g, errGot := value.ParseDecimal(got)
	if err == nil && errGot == nil && w == g {
		return
	}
	c.text(field, want, got)
}

// stateOf is where a playbook stands on an account: its episode or, of several, the one that is furthest. Empty where the
// account remembers none.
func stateOf(a *v1alpha1.Account, playbookName string) v1alpha1.EpisodeState {
	order := []v1alpha1.EpisodeState{
		"", v1alpha1.EpisodeClear, v1alpha1.EpisodeIgnored, v1alpha1.EpisodePending, v1alpha1.EpisodeDue, v1alpha1.EpisodeFiring,
	}
	var furthest v1alpha1.EpisodeState
	for _, e := range playbook.EpisodesOf(a, playbookName) {
		if slices.Index(order, e.State) > slices.Index(order, furthest) {
			furthest = e.State
		}
	}
	return furthest
}

// best finds, for each thing that is expected, the thing that there is and that differs least, of those that nothing else
// expected has. left are those that nobody expected; taken has -1 where there is nothing left of that name.
func best[W, G any](want []W, got []G, same func(W, G) bool, differences func(W, G) int) (taken, left []int) {
	free := make([]bool, len(got))
	for i := range free {
		free[i] = true
	}
	for _, w := range want {
		found, least := -1, 0
		for i, g := range got {
			if !free[i] || !same(w, g) {
				continue
			}
			if n := differences(w, g); found < 0 || n < least {
				found, least = i, n
			}
		}
		if found >= 0 {
			free[found] = false
		}
		taken = append(taken, found)
	}
	for i := range got {
		if free[i] {
			left = append(left, i)
		}
	}
	return taken, left
}

// runs compares all runs with all that are expected.
func (c *comparison) runs(want []wantRun, got []*v1alpha1.PlaybookRun) {
	same := func(w wantRun, g *v1alpha1.PlaybookRun) bool { return w.Playbook == g.Spec.PlaybookRef.Name }
	taken, left := best(want, got, same, func(w wantRun, g *v1alpha1.PlaybookRun) int {
		one := comparison{location: c.location}
		one.run("", w, g)
		return len(one.differences)
	})
	for i, w := range want {
		if taken[i] < 0 {
			c.differs("runs", "a run of "+w.Playbook, "")
			continue
		}
		c.run("runs["+w.Playbook+"]", w, got[taken[i]])
	}
	for _, i := range left {
		c.differs("runs", "", runLine(got[i]))
	}
}

// run compares one run.
func (c *comparison) run(field string, want wantRun, got *v1alpha1.PlaybookRun) {
	c.text(field+".trigger", want.Trigger, got.Spec.Trigger)
	c.text(field+".state", want.State, string(got.Status.State))
	c.text(field+".reason", want.Reason, got.Spec.Reason)
	c.text(field+".resolved", want.Resolved, strconv.FormatBool(!playbook.ResolvedTime(got).IsZero()))
}

// tasks compares the tasks with those that are expected. A task that is over need not be.
func (c *comparison) tasks(want []wantTask, got []madeTask) {
	same := func(w wantTask, g madeTask) bool {
		return w.Step == string(g.Spec.Step) && (w.Playbook == "" || w.Playbook == g.run.Spec.PlaybookRef.Name)
	}
	taken, left := best(want, got, same, func(w wantTask, g madeTask) int {
		one := comparison{location: c.location}
		one.task("", w, g)
		return len(one.differences)
	})
	for i, w := range want {
		if taken[i] < 0 {
			c.differs("tasks", "a task of step "+w.Step, "")
			continue
		}
		c.task("tasks["+w.Step+"]", w, got[taken[i]])
	}
	for _, i := range left {
		if !got[i].over() {
			c.differs("tasks", "", got[i].line())
		}
	}
}

// task compares one task.
func (c *comparison) task(field string, want wantTask, got madeTask) {
	c.text(field+".title", want.Title, got.Spec.Title)
	c.text(field+".description", want.Description, got.Spec.Description)
	c.text(field+".assignee", want.Assignee, got.Status.Assignee)
	c.text(field+".priority", want.Priority, string(got.Status.Priority))
	c.text(field+".state", want.State, string(got.Status.State))
	c.text(field+".outcome", want.Outcome, string(got.Spec.Outcome))
	c.text(field+".completedBy", want.CompletedBy, got.Status.CompletedBy)
	c.moment(field+".opens", want.Opens, got.Status.OpensTime)
	c.moment(field+".due", want.Due, got.Status.DueTime)
	c.text(field+".overdue", want.Overdue, strconv.FormatBool(got.overdue))
}

// runLine says what a run is: "usage-drop by decline: Active".
func runLine(run *v1alpha1.PlaybookRun) string {
	line := fmt.Sprintf("%s by %s: %s", run.Spec.PlaybookRef.Name, run.Spec.Trigger, run.Status.State)
	if !playbook.ResolvedTime(run).IsZero() {
		line += ", resolved"
	}
	return line
}

// line says what a task is: "triage: Open, High, jo@example.com, due 2026-11-24T09:00:00Z".
func (t madeTask) line() string {
	parts := []string{string(t.Status.State)}
	if t.over() {
		if t.Spec.Outcome != "" {
			parts = append(parts, string(t.Spec.Outcome))
		}
		if t.Status.CompletedBy != "" {
			parts = append(parts, "by "+t.Status.CompletedBy)
		}
		return string(t.Spec.Step) + ": " + strings.Join(parts, ", ")
	}
	parts = append(parts, string(t.Status.Priority), cmp.Or(t.Status.Assignee, "nobody"))
	if t.Status.State == v1alpha1.TaskBlocked && t.Status.OpensTime != nil {
		parts = append(parts, "opens "+formatMoment(t.Status.OpensTime))
	}
	if t.Status.DueTime != nil {
		parts = append(parts, "due "+formatMoment(t.Status.DueTime))
	}
	if t.overdue {
		parts = append(parts, "overdue")
	}
	return string(t.Spec.Step) + ": " + strings.Join(parts, ", ")
}
