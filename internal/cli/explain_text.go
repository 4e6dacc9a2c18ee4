package cli

import (
	"fmt"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/explain"
)

// explainText writes explanations for people.
type explainText struct {
	app *app
	b   strings.Builder
}

// maxLine is how many characters of a free text a line shows.
const maxLine = 400

// line writes a line, indented by two spaces a level.
func (t *explainText) line(level int, format string, args ...any) {
	t.b.WriteString(strings.Repeat("  ", level) + strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}

// title begins a section.
func (t *explainText) title(format string, args ...any) {
	t.b.WriteString("\n" + t.app.paint(paintTitle, fmt.Sprintf(format, args...)) + "\n")
}

// lines writes a list of sentences.
func (t *explainText) lines(level int, all []string) {
	for _, s := range all {
		t.line(level, "%s", planText(s, maxLine))
	}
}

// table writes a table, indented.
func (t *explainText) table(level int, rows *table) {
	var b strings.Builder
	_ = rows.write(&b, formatTable)
	for _, line := range strings.Split(strings.TrimRight(b.String(), "\n"), "\n") {
		t.line(level, "%s", line)
	}
}

// customer describes an account in one line.
func (t *explainText) customer(c explain.Customer) string {
	parts := []string{c.Name}
	if c.Owner != "" {
		parts = append(parts, "owner "+planText(c.Owner, 60))
	} else {
		parts = append(parts, "no owner")
	}
	if c.TouchModel != "" {
		parts = append(parts, string(c.TouchModel))
	}
	if c.LifecycleStage != "" {
		parts = append(parts, string(c.LifecycleStage))
	}
	if c.ARR != nil {
		parts = append(parts, "ARR "+planNumber(*c.ARR))
	}
	if c.RenewalDays != nil {
		parts = append(parts, "renewal "+viewDays(*c.RenewalDays)+" ("+string(c.RenewalDate)+")")
	}
	return strings.Join(parts, ", ")
}

// viewDays writes a number of days from today.
func viewDays(days int) string {
	switch {
	case days == 0:
		return "today"
	case days < 0:
		return fmt.Sprintf("%dd ago", -days)
	default:
		return fmt.Sprintf("in %dd", days)
	}
}

// account writes the explanation of an account.
func (t *explainText) account(e *explain.AccountExplanation) string {
	t.line(0, "%s", t.headline(e))
	t.line(1, "%s", t.app.paint(paintFaint, t.customer(e.Customer)))
	if line := t.trend(e); line != "" {
		t.line(1, "%s", line)
	}
	if e.Override != nil {
		t.line(1, "%s", planText(e.Override.Text, maxLine))
	}
	if e.Pending != nil {
		t.line(1, "%s", e.Pending.Text)
	}
	if e.Unscored != "" {
		t.line(1, "not scored: %s", planText(e.Unscored, maxLine))
	}
	t.score(e)
	if len(e.Notes) > 0 {
		t.title("Not known now")
		t.lines(1, e.Notes)
	}
	if len(e.Changes) > 0 {
		t.title("%s", t.moved(e))
		t.lines(1, e.Changes)
	}
	if len(e.Moves) > 0 {
		t.title("What would move the band")
		for _, m := range e.Moves {
			t.line(1, "%s", m.Text)
			t.lines(2, m.By)
		}
	}
	t.children(e)
	t.standings(e)
	return t.b.String()
}

// headline is the first line, with the band in its colour.
func (t *explainText) headline(e *explain.AccountExplanation) string {
	var bands []v1alpha1.BandName
	if e.Model != nil {
		for _, b := range e.Model.Bands {
			bands = append(bands, b.Name)
		}
	}
	return strings.Replace(planText(e.Headline, maxLine), " is "+string(e.Band), " is "+t.app.paintBand(e.Band, bands, string(e.Band)), 1)
}

// trend is the history of the score in one line.
func (t *explainText) trend(e *explain.AccountExplanation) string {
	if len(e.History) < 2 {
		return ""
	}
	text := sparkline(e.History, e.Now) + " "
	if e.Trend != "" {
		text += string(e.Trend)
	}
	if e.PreviousScore != nil && e.Score != nil {
		text += fmt.Sprintf(", %d before", *e.PreviousScore)
	}
	return text
}

// moved is the title of why the score moved.
func (t *explainText) moved(e *explain.AccountExplanation) string {
	if e.PreviousScore == nil || e.Score == nil {
		return "Why the score last moved"
	}
	return fmt.Sprintf("Why the score moved from %d to %d", *e.PreviousScore, *e.Score)
}

// children lists the accounts below.
func (t *explainText) children(e *explain.AccountExplanation) {
	if len(e.Children) == 0 {
		return
	}
	t.title("Accounts below")
	rows := &table{columns: []column{{name: "ACCOUNT"}, {name: "BAND"}, {name: "SCORE", right: true}, {name: "ARR", right: true}}}
	for _, c := range e.Children {
		rows.row(planText(c.Title(), 40), string(c.Band), viewScore(c.Score), viewMoney(c.ARR))
	}
	t.table(1, rows)
}

// viewScore writes a score; a dash is none.
func viewScore(score *int32) string {
	if score == nil {
		return "-"
	}
	return fmt.Sprint(*score)
}

// viewMoney writes an amount; a dash is none.
func viewMoney(n *int64) string {
	if n == nil {
		return "-"
	}
	return planNumber(*n)
}
