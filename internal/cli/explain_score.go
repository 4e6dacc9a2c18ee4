package cli

import (
	"fmt"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/explain"
)

// score writes how the score comes to be, as a table whose points add up.
func (t *explainText) score(e *explain.AccountExplanation) {
	if e.Model == nil {
		return
	}
	t.title("Score, by model %s", t.model(e.Model))
	if e.Model.Note != "" {
		t.line(1, "%s", planText(e.Model.Note, maxLine))
	}
	t.table(1, t.measures(e))
	if len(e.Recorded) > 0 {
		var parts []string
		for _, m := range e.Recorded {
			text := m.Name + " " + planText(m.Value, 24)
			if m.State != v1alpha1.ValueFresh {
				text = m.Name + " " + string(m.State)
			}
			parts = append(parts, text)
		}
		t.line(1, "recorded, not scored: %s", strings.Join(parts, ", "))
	}
}

// measures is a table of what the score is made of. Where there is no score nothing adds up to one, and the points stay out.
func (t *explainText) measures(e *explain.AccountExplanation) *table {
	scored := e.Points != ""
	rows := &table{columns: []column{{name: "MEASURE"}, {name: "VALUE"}, {name: "STATE"}, {name: "AGE", right: true}, {name: "SCORE", right: true}}}
	if scored {
		rows.columns = append(rows.columns, column{name: "POINTS", right: true}, column{name: "OF", right: true}, column{name: "LOST", right: true})
	}
	rows.columns = append(rows.columns, column{name: "SCALE"})
	row := func(name, value, state, age string, score *int32, points, of, lost, scale string) {
		cells := []string{name, value, state, age, viewScore(score)}
		if scored {
			cells = append(cells, viewPoints(points), viewPoints(of), viewPoints(lost))
		}
		rows.row(append(cells, scale)...)
	}
	for _, d := range e.Dimensions {
		row(t.app.paint(paintStrong, d.Name), "", "", "", d.Score, d.Points, d.Of, d.Lost, viewWeight(d.Weight))
		for _, m := range d.Measures {
			row("  "+m.Name, planText(m.Value, 24), t.state(m.State), m.Age, m.Score, m.Points, m.Of, m.Lost, planText(m.Scale, 80))
		}
	}
	if scored {
		rows.row("together", "", "", "", "", e.Points, "100.0", e.Lost, "")
		t.rounded(rows, e)
	}
	return rows
}

// rounded writes what is between the sum and the score: rounding, and rules.
func (t *explainText) rounded(rows *table, e *explain.AccountExplanation) {
	rows.row("rounded", "", "", "", "", fmt.Sprint(e.Rounded), "", "", "")
	for _, r := range e.Rules {
		words := planText(string(r.When), 80)
		if r.Immediate {
			words += " (the band changes at once)"
		}
		if r.Held {
			words += " (cannot be evaluated now: held)"
		}
		rows.row("rule "+r.Name, r.Effect, "", "", "", viewSigned(r.Points), "", "", words)
	}
	if e.Score != nil {
		rows.row(t.app.paint(paintStrong, "score"), "", "", "", "", t.app.paint(paintStrong, viewScore(e.Score)), "", "", "")
	}
}

// model names the model, and says why it is this one.
func (t *explainText) model(m *explain.ModelUsed) string {
	text := m.Name
	if m.Generation > 0 {
		text += fmt.Sprintf(", generation %d", m.Generation)
	}
	if m.Why != "" {
		text += ": " + planText(m.Why, 160)
	}
	return text
}

// state colours the state of a value.
func (t *explainText) state(s v1alpha1.ValueState) string {
	switch s {
	case v1alpha1.ValueFresh:
		return string(s)
	case v1alpha1.ValueErrored:
		return t.app.paint(paintBad, string(s))
	default:
		return t.app.paint(paintWarn, string(s))
	}
}

// viewPoints writes points; a dash is none.
func viewPoints(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// viewWeight writes the weight of a dimension.
func viewWeight(n int32) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("weight %d", n)
}

// viewSigned writes a difference, with its sign.
func viewSigned(n int32) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%+d", n)
}

// standings writes where the playbooks stand on the account.
func (t *explainText) standings(e *explain.AccountExplanation) {
	if len(e.Playbooks) == 0 {
		return
	}
	t.title("Playbooks")
	var away []string
	rows := &table{columns: []column{{name: "PLAYBOOK"}, {name: "STATE"}, {name: "WHY, AND HOW FAR"}}}
	for _, s := range e.Playbooks {
		if s.State == explain.NotSelected {
			away = append(away, s.Playbook)
			continue
		}
		name, state := t.app.paint(paintStrong, s.Playbook), t.standing(s.State)
		for _, line := range standingLines(s) {
			rows.row(name, state, planText(line, maxLine))
			name, state = "", ""
		}
	}
	if len(rows.rows) > 0 {
		t.table(1, rows)
	}
	switch {
	case e.LifecycleStage == v1alpha1.StageChurned && len(away) == len(e.Playbooks):
		t.line(1, "the customer left, and no playbook starts work for one who did")
	case e.LifecycleStage == v1alpha1.StageChurned && len(away) > 0:
		t.line(1, "the customer left, and no other playbook starts work for one who did")
	case len(away) > 0:
		t.line(1, "do not select it: %s", strings.Join(away, ", "))
	}
}

// standingLines say why a playbook stands where it does, and how far its triggers are. Where no trigger holds, the
// distances say why; those without one do.
func standingLines(s explain.Standing) []string {
	var lines []string
	for _, trigger := range s.Triggers {
		switch {
		case trigger.Distance != nil:
			lines = append(lines, trigger.Name+": "+trigger.Distance.Text)
		case s.State == explain.Clear:
			lines = append(lines, trigger.Name+": "+shortReason(trigger.Reason))
		}
	}
	if s.State == explain.Clear && len(lines) > 0 {
		return lines
	}
	return append([]string{s.Text}, lines...)
}

// standing colours a state of a playbook.
func (t *explainText) standing(s explain.State) string {
	switch s {
	case explain.Firing, explain.Starting:
		return t.app.paint(paintBad, string(s))
	case explain.Held, explain.Inhibited, explain.Suspended, explain.Settling, explain.Waiting, explain.CoolingDown, explain.Stalled:
		return t.app.paint(paintWarn, string(s))
	default:
		return t.app.paint(paintFaint, string(s))
	}
}
