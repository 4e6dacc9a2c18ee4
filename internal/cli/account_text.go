package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/explain"
)

// overview writes all there is about an account.
func (t *explainText) overview(o *explain.Overview) string {
	t.line(0, "%s", t.headline(o.AccountExplanation))
	t.fields(o)
	t.healthOf(o)
	if len(o.Measurements) > 0 {
		t.title("What people entered")
		rows := &table{columns: []column{{name: "NAME"}, {name: "VALUE"}, {name: "WHEN"}, {name: "BY"}}}
		for _, m := range o.Measurements {
			rows.row(m.Name, planText(m.Value, 40), measuredAgo(m, o.Now), orWord(planText(m.By, 60), "-"))
		}
		t.table(1, rows)
	}
	t.workOn(o)
	if len(o.Timeline) > 0 {
		t.title("What happened")
		rows := &table{columns: []column{{name: "WHEN"}, {name: "KIND"}, {name: "WHAT"}}}
		for _, h := range o.Timeline {
			rows.row(happenedAt(h), t.app.paint(paintFaint, h.Kind), planText(h.Text, 160))
		}
		t.table(1, rows)
	}
	return t.b.String()
}

// fields writes contract and team.
func (t *explainText) fields(o *explain.Overview) {
	field := func(name, text string) {
		if text != "" {
			t.line(1, "%s %s", t.app.paint(paintFaint, fmt.Sprintf("%-10s", name)), text)
		}
	}
	field("name", o.Name)
	field("stage", strings.Join(notEmpty(string(o.LifecycleStage), string(o.TouchModel)), ", "))
	field("owner", orWord(planText(o.Owner, 60), "nobody"))
	var team []string
	for _, m := range o.Team {
		team = append(team, planText(m.User, 60)+" ("+m.Role+")")
	}
	field("team", strings.Join(team, ", "))
	field("contract", contractText(o))
}

// notEmpty are the words that are there.
func notEmpty(words ...string) []string {
	var all []string
	for _, w := range words {
		if w != "" {
			all = append(all, w)
		}
	}
	return all
}

// contractText describes a contract in one line.
func contractText(o *explain.Overview) string {
	c := o.Contract
	if c == nil {
		return ""
	}
	parts := notEmpty(c.Plan)
	if c.ARR != nil {
		parts = append(parts, "ARR "+planNumber(*c.ARR))
	}
	if c.Seats != nil {
		parts = append(parts, planNumber(*c.Seats)+" seats")
	}
	if c.StartDate != "" {
		parts = append(parts, "since "+string(c.StartDate))
	}
	if o.RenewalDays != nil {
		parts = append(parts, "renewal "+viewDays(*o.RenewalDays)+" ("+string(o.RenewalDate)+")")
	}
	return strings.Join(parts, ", ")
}

// healthOf writes the health in short.
func (t *explainText) healthOf(o *explain.Overview) {
	t.title("Health")
	if line := t.trend(o.AccountExplanation); line != "" {
		t.line(1, "%s", line)
	}
	if o.Unscored != "" {
		t.line(1, "not scored: %s", planText(o.Unscored, maxLine))
	}
	if o.Override != nil {
		t.line(1, "%s", planText(o.Override.Text, maxLine))
	}
	if o.Pending != nil {
		t.line(1, "%s", o.Pending.Text)
	}
	var dimensions []string
	for _, d := range o.Dimensions {
		dimensions = append(dimensions, d.Name+" "+viewScore(d.Score))
	}
	if len(dimensions) > 0 {
		t.line(1, "%s", strings.Join(dimensions, ", "))
	}
	for _, r := range o.Rules {
		t.line(1, "rule %s: %s", r.Name, r.Effect)
	}
	if len(o.Worst) == 0 {
		return
	}
	rows := &table{columns: []column{{name: "LOSES MOST"}, {name: "VALUE"}, {name: "STATE"}, {name: "SCORE", right: true}, {name: "POINTS LOST", right: true}}}
	for _, m := range o.Worst {
		rows.row(m.Name, planText(m.Value, 24), t.state(m.State), viewScore(m.Score), m.Lost)
	}
	t.table(1, rows)
}

// workOn writes the work that is under way.
func (t *explainText) workOn(o *explain.Overview) {
	if len(o.Work) == 0 {
		return
	}
	t.title("Work")
	for _, w := range o.Work {
		head := "tasks made by hand"
		if w.Run != "" {
			head = t.app.paint(paintStrong, w.Playbook)
			if w.Started != nil {
				head += ", since " + w.Started.Format(time.DateOnly)
			}
			if w.Reason != "" {
				head += ": " + shortReason(w.Reason)
			}
		}
		t.line(1, "%s", head)
		rows := &table{columns: []column{{name: "TASK"}, {name: "STATE"}, {name: "ASSIGNEE"}, {name: "DUE"}}}
		for _, task := range w.Tasks {
			due := orWord(task.DueIn, "-")
			if task.Overdue {
				due = t.app.paint(paintBad, due)
			}
			rows.row(planText(task.Title, 80), string(task.State), orWord(planText(task.Assignee, 60), "nobody"), due)
		}
		if len(rows.rows) > 0 {
			t.table(2, rows)
		}
	}
}

// measuredAgo is how long ago a value was true.
func measuredAgo(m v1alpha1.Measurement, now time.Time) string {
	if m.ObservedTime == nil {
		return "-"
	}
	return viewRelative(m.ObservedTime.Time, now)
}

// happenedAt is the time of a line of the timeline.
func happenedAt(h explain.Happening) string {
	if h.Day {
		return h.Time.Format(time.DateOnly)
	}
	return h.Time.Format("2006-01-02 15:04")
}
