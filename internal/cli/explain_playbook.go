package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/internal/explain"
)

// maxGroup is how many accounts of a state the text lists.
const maxGroup = 10

// playbook writes the explanation of a playbook.
func (t *explainText) playbook(e *explain.PlaybookExplanation) string {
	t.line(0, "%s", planText(e.Headline, maxLine))
	l := e.Limits
	t.line(1, "%s", t.app.paint(paintFaint, fmt.Sprintf("limits: %d of %d active runs, %d of %d started within a day", l.Active, l.ActiveRuns, l.StartedToday, l.NewRunsPerDay)))
	if e.Problem != "" {
		t.line(1, "%s", t.app.paint(paintBad, planText(e.Problem, maxLine)))
	}
	for _, g := range e.Groups {
		t.group(e, g)
	}
	if len(e.Close) > 0 {
		t.title("Close")
		rows := &table{columns: []column{{name: "ACCOUNT"}, {name: "ARR", right: true}, {name: "TRIGGER"}, {name: "HOW FAR"}}}
		for _, n := range e.Close {
			rows.row(viewName(n.Customer), viewMoney(n.ARR), n.Trigger, planText(n.Text, maxLine))
		}
		t.table(1, rows)
	}
	if len(e.Unknown) > 0 {
		t.title("Nobody can say")
		for _, u := range e.Unknown {
			t.line(1, "%s: %s", count(u.Accounts, "account", "accounts"), planText(u.Reason, maxLine))
		}
	}
	var counts []string
	for _, s := range e.States {
		counts = append(counts, fmt.Sprintf("%d %s", s.Accounts, s.State))
	}
	t.title("All accounts")
	t.line(1, "%s", strings.Join(counts, ", "))
	return t.b.String()
}

// viewName is what people call an account, with its name where that is another.
func viewName(c explain.Customer) string {
	if c.DisplayName == "" || c.DisplayName == c.Name {
		return c.Name
	}
	return planText(c.DisplayName, 40) + " (" + c.Name + ")"
}

// group writes the accounts of one state.
func (t *explainText) group(e *explain.PlaybookExplanation, g explain.Group) {
	titles := map[explain.State]string{
		explain.Firing: "Fires for", explain.Starting: "About to start", explain.Held: "Held by the limits, in the order in which they start",
		explain.Inhibited: "Kept from starting by another playbook", explain.Suspended: "Would start, if it were not suspended",
		explain.Settling: "Waits until the configuration has settled", explain.Waiting: "Pending", explain.CoolingDown: "Cooling down",
	}
	t.title("%s", titles[g.State])
	shown := g.Accounts[:min(len(g.Accounts), maxGroup)]
	ends := slices.ContainsFunc(shown, func(a explain.AccountStanding) bool { return a.Until != nil })
	rows := &table{columns: []column{{name: "ACCOUNT"}, {name: "ARR", right: true}, {name: "SINCE"}}}
	if ends {
		rows.columns = append(rows.columns, column{name: "UNTIL"})
	}
	rows.columns = append(rows.columns, column{name: "WHY"})
	for _, a := range shown {
		name := viewName(a.Customer)
		if a.Place > 0 {
			name = fmt.Sprintf("%d. %s", a.Place, name)
		}
		cells := []string{name, viewMoney(a.ARR), viewAgo(a.Since, e.Now)}
		if ends {
			cells = append(cells, viewAgo(a.Until, e.Now))
		}
		rows.row(append(cells, groupText(a))...)
	}
	t.table(1, rows)
	if more := len(g.Accounts) - len(shown) + g.More; more > 0 {
		t.line(1, "and %d more", more)
	}
}

// groupText says why an account is in its group.
func groupText(a explain.AccountStanding) string {
	text := shortReason(a.Why)
	if a.Run != "" {
		text += "; " + count(int(a.OpenTasks), "task", "tasks") + " open"
	}
	return text
}

// The longest reason, and the longest expression in one, that a table shows.
const (
	maxReason     = 240
	maxConditions = 100
)

// shortReason cuts the expression in a reason, and not the values that it read.
func shortReason(s string) string {
	if i := strings.LastIndex(s, " ("); i > maxConditions && strings.HasPrefix(s, "expression ") {
		return planText(s[:i], maxConditions) + " " + planText(s[i:], maxReason)
	}
	return planText(s, maxReason)
}

// viewAgo writes how far away a moment is; a dash is none.
func viewAgo(at *time.Time, now time.Time) string {
	if at == nil {
		return "-"
	}
	return viewRelative(*at, now)
}

// viewRelative writes how far away a moment is: in 2d, 3h ago.
func viewRelative(at, now time.Time) string {
	switch d := at.Sub(now); {
	case d > -time.Second && d < time.Second:
		return "now"
	case d > 0:
		return "in " + explain.Span(d)
	}
	return explain.Span(now.Sub(at)) + " ago"
}

// playbookOn writes why a playbook did or did not start on an account.
func (t *explainText) playbookOn(e *explain.PlaybookOnExplanation) string {
	t.line(0, "%s on %s: %s", t.app.paint(paintStrong, e.Playbook), viewName(e.Customer), t.standing(e.State))
	t.line(1, "%s", t.app.paint(paintFaint, t.customer(e.Customer)))
	t.b.WriteString("\n")
	t.steps(e.Steps)
	t.b.WriteString("\n")
	t.line(0, "%s", planText(e.Sentence, 2*maxLine))
	return t.b.String()
}

// steps writes steps, each with its mark.
func (t *explainText) steps(steps []explain.Step) {
	width := 0
	for _, s := range steps {
		width = max(width, len(s.Name))
	}
	for _, s := range steps {
		name := s.Name + strings.Repeat(" ", width-len(s.Name))
		t.line(1, "%s %s  %s", t.mark(s.Mark), name, planText(s.Text, maxLine))
	}
}

// mark writes whether a step lets a run start.
func (t *explainText) mark(m explain.Mark) string {
	switch m {
	case explain.Yes:
		return t.app.paint(paintGood, "✓")
	case explain.No:
		return t.app.paint(paintBad, "✗")
	case explain.Open:
		return t.app.paint(paintWarn, "?")
	default:
		return "·"
	}
}

// work writes the explanation of a task or a run.
func (t *explainText) work(e *explain.WorkExplanation) string {
	t.line(0, "%s", planText(e.Headline, maxLine))
	t.line(1, "%s", t.app.paint(paintFaint, t.customer(e.Customer)))
	t.lines(1, e.Lines)
	if len(e.Steps) > 0 {
		t.title("Steps")
		t.steps(e.Steps)
	}
	if len(e.Facts) > 0 {
		t.title("What held when it began")
		for _, f := range e.Facts[:min(len(e.Facts), 20)] {
			t.line(1, "%s = %s", f.Name, planText(f.Value, 120))
		}
	}
	return t.b.String()
}
