package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/internal/preview"
)

// planSection is one thing that a plan tells of: what the forms for people have in common.
type planSection struct {
	title string
	parts []planPart
}

// planPart is a table of a section.
type planPart struct {
	// caption says what the rows are, and how many; empty where the section's title says it.
	caption string
	// fold is what stands in its place where the rows are too many to be shown at once, in place of a caption.
	fold  string
	table *table
}

// planColumns makes columns of names: "ARR>" is aligned to the right, "(MODEL)" is shown with -o wide alone.
func planColumns(names ...string) *table {
	t := &table{}
	for _, name := range names {
		c := column{name: strings.Trim(name, "()>")}
		c.wide = strings.HasPrefix(name, "(")
		c.right = strings.Contains(name, ">")
		t.columns = append(t.columns, c)
	}
	return t
}

// sections are all that there is to tell beside the configuration, in the order in which people ask.
func (r *planReport) sections() []planSection {
	var sections []planSection
	for _, section := range []planSection{
		r.bandSection(), r.moveSection(), r.accountSection(), r.runSection(), r.taskSection(), r.noDataSection(),
	} {
		if len(section.parts) > 0 {
			sections = append(sections, section.clean())
		}
	}
	return sections
}

// planCellLimit is the most that any cell takes.
const planCellLimit = 400

// clean keeps the texts of a section on their lines, and leaves out columns in which there is nothing.
func (s planSection) clean() planSection {
	s.title = planText(s.title, planCellLimit)
	for i := range s.parts {
		part := &s.parts[i]
		part.caption = planText(part.caption, planCellLimit)
		for _, cells := range part.table.rows {
			for n := range cells {
				cells[n] = planText(cells[n], planCellLimit)
			}
		}
		part.table = part.table.filled()
	}
	return s
}

// filled is a table without the columns in which there is nothing.
func (t *table) filled() *table {
	var at []int
	for i := range t.columns {
		if slices.ContainsFunc(t.rows, func(cells []string) bool { return cells[i] != "" }) {
			at = append(at, i)
		}
	}
	is := &table{}
	for _, i := range at {
		is.columns = append(is.columns, t.columns[i])
	}
	for _, cells := range t.rows {
		var row []string
		for _, i := range at {
			row = append(row, cells[i])
		}
		is.rows = append(is.rows, row)
	}
	return is
}

// problemSection is what is wrong with the configuration.
func (r *planReport) problemSection() planSection {
	if len(r.Problems) == 0 {
		return planSection{}
	}
	t := planColumns("OBJECT", "PROBLEM")
	for _, p := range r.Problems {
		t.row(planText(p.Kind+"/"+p.Name, planNameLimit), planText(p.Message, 400))
	}
	title := fmt.Sprintf("Problems: %s cannot work, and what would come of that is not foretold", planMany(len(r.Problems), "object"))
	return planSection{title: title, parts: []planPart{{table: t}}}.clean()
}

// noDataSection is what the plan cannot know. It is not about anything that moves.
func (r *planReport) noDataSection() planSection {
	if len(r.NoData) == 0 {
		return planSection{}
	}
	t := planColumns("READ BY", "VALUE", "ACCOUNTS>")
	for _, n := range r.NoData {
		t.row(planText(n.Reader, planNameLimit), planText(n.Source+"."+n.Metric, planNameLimit), planNumber(int64(n.Accounts)))
	}
	title := fmt.Sprintf("No data yet: %s of which nothing is known, so what %s would do is not foretold", planMany(len(r.NoData), "value"), planPronoun(len(r.NoData)))
	return planSection{title: title, parts: []planPart{{table: t}}}
}

// bandSection counts the accounts by band.
func (r *planReport) bandSection() planSection {
	same := !slices.ContainsFunc(r.Bands, func(b planBand) bool { return b.Before != b.After || planARR(b.ARRBefore) != planARR(b.ARRAfter) })
	if same && r.Accounts.Rescored+len(r.Moves) == 0 {
		return planSection{}
	}
	columns := []string{"BAND", "BEFORE>", "AFTER>", "CHANGE>", "ARR BEFORE>", "ARR AFTER>"}
	if r.Redacted {
		columns[4], columns[5] = "ARR % BEFORE>", "ARR % AFTER>"
	}
	t := planColumns(columns...)
	for _, b := range r.Bands {
		before, after := planARRText(b.ARRBefore), planARRText(b.ARRAfter)
		if r.Redacted {
			before, after = planPercent(b.ARRShareBefore), planPercent(b.ARRShareAfter)
		}
		t.row(planText(planBandName(b.Band), planNameLimit), planNumber(int64(b.Before)), planNumber(int64(b.After)), planDifference(b.After-b.Before), before, after)
	}
	title := "Bands"
	if n := r.Accounts.Rescored; n > 0 {
		title += fmt.Sprintf(": %s %s another score within their band", planMany(n, "account"), planVerb(n, "get"))
	}
	return planSection{title: title, parts: []planPart{{table: t}}}
}

func planPercent(share *int) string {
	if share == nil {
		return ""
	}
	return strconv.Itoa(*share) + "%"
}

// planDifference writes +3, -2, or nothing where nothing changes.
func planDifference(n int) string {
	switch {
	case n > 0:
		return "+" + planNumber(int64(n))
	case n < 0:
		return planNumber(int64(n))
	}
	return ""
}

// moveSection is who moves, a table for each pair of bands.
func (r *planReport) moveSection() planSection {
	section := planSection{title: fmt.Sprintf("Moves: %s another band", planMany(len(r.Moves), "account")+" "+planVerb(len(r.Moves), "get"))}
	for _, g := range r.planMoveGroups() {
		columns := []string{"ACCOUNT", "(ID)", "OWNER", "ARR>", "SCORE>", "WHEN", "WHY", "(MODEL)"}
		t := planColumns(r.withoutMoney(columns)...)
		later := slices.ContainsFunc(r.Moves, func(m preview.Move) bool { return m.At != nil })
		for _, m := range g.moves {
			model := m.After.Model
			if m.Before.Model != m.After.Model {
				model = planBandName(m.Before.Model) + " → " + planBandName(m.After.Model)
			}
			t.row(r.withoutMoney([]string{
				planAccountName(m.Account), planText(m.Name, planNameLimit), planText(m.Owner, planNameLimit), planARRText(m.ARR), planScores(m),
				planWhen(m.At, later), planText(m.Reason, planReasonLimit), model,
			})...)
		}
		section.parts = append(section.parts, planPart{
			caption: fmt.Sprintf("%s → %s: %s%s", planBandName(g.before), planBandName(g.after), planMany(len(g.moves), "account"), r.planMoney(g.arr)),
			table:   t,
		})
	}
	return section
}

// planWhen is when something happens. "At once" goes without saying where nothing happens later.
func planWhen(at *time.Time, later bool) string {
	if at == nil && later {
		return "at once"
	}
	return planMoment(at)
}

// withoutMoney takes the fourth cell, which is the ARR, and the second, which is the id, out of a redacted row.
func (r *planReport) withoutMoney(cells []string) []string {
	if !r.Redacted {
		return cells
	}
	return append([]string{cells[0], cells[2]}, cells[4:]...)
}

// accountSection is which accounts come, go and are written.
func (r *planReport) accountSection() planSection {
	var section planSection
	if len(r.Changed)+len(r.Stopped) > 0 {
		section.title = fmt.Sprintf("Accounts: %s before, %s after", planNumber(int64(r.Accounts.Before)), planNumber(int64(r.Accounts.After)))
	}
	if len(r.Stopped) > 0 {
		t := planColumns("HELD BY THE GUARD OF", "CREATES>", "REMOVES>", "SUCH AS")
		for _, s := range r.Stopped {
			t.row(planText(s.Set, planNameLimit), planNumber(int64(s.Creates)), planNumber(int64(s.Prunes)), planText(strings.Join(s.Sample, ", "), planReasonLimit))
		}
		section.parts = append(section.parts, planPart{table: t})
	}
	if len(r.Changed) == 0 {
		return section
	}
	t := planColumns(r.withoutMoney([]string{"ACCOUNT", "(ID)", "OWNER", "ARR>", "WHAT", "FROM", "FIELDS"})...)
	for _, c := range r.sortedChanged() {
		from := "the files"
		if c.Set != "" {
			from = "AccountSet " + c.Set
		}
		t.row(r.withoutMoney([]string{
			planAccountName(c.Account), planText(c.Name, planNameLimit), planText(c.Owner, planNameLimit), planARRText(c.ARR), string(c.Action),
			planText(from, planNameLimit), planFields(c.Fields),
		})...)
	}
	section.parts = append(section.parts, planPart{fold: "All " + planMany(len(r.Changed), "account"), table: t})
	return section
}

// planFields writes fields in a cell.
func planFields(fields []preview.FieldChange) string {
	var parts []string
	for _, f := range fields {
		part := f.Path
		if f.Before != "" || f.After != "" {
			part += ": " + planBandName(f.Before) + " → " + planBandName(f.After)
		}
		parts = append(parts, part)
	}
	return planText(strings.Join(parts, "; "), planReasonLimit)
}

// runSection is which work starts, ends and is held back.
func (r *planReport) runSection() planSection {
	if len(r.Runs) == 0 {
		return planSection{}
	}
	section := r.runsByPlaybook().section("Runs", "PLAYBOOK")
	later := slices.ContainsFunc(r.Runs, func(run preview.RunChange) bool { return run.At != nil })
	columns := []string{"ACCOUNT", "(ID)", "PLAYBOOK", "ARR>", "WHAT", "TRIGGER", "WHEN", "WHY", "(RUN)"}
	t := planColumns(r.withoutMoney(columns)...)
	for _, run := range r.sortedRuns() {
		t.row(r.withoutMoney([]string{
			planAccountName(run.Account), planText(run.Name, planNameLimit), planText(run.Playbook, planNameLimit), planARRText(run.ARR), string(run.Action),
			planText(run.Trigger, planNameLimit), planWhen(run.At, later && run.Action == preview.Started), planText(run.Reason, planReasonLimit), run.Run,
		})...)
	}
	section.parts = append(section.parts, planPart{fold: "All " + planMany(len(r.Runs), "run"), table: t})
	return section
}

// taskSection is who gets work, and whose goes away.
func (r *planReport) taskSection() planSection {
	if len(r.Tasks) == 0 {
		return planSection{}
	}
	section := r.tasksByAssignee().section("Tasks", "ASSIGNEE")
	t := planColumns("ASSIGNEE", "WHAT", "TITLE", "PRIORITY", "DUE", "ACCOUNT", "STATE", "WHY", "(PLAYBOOK)", "(STEP)", "(TASK)")
	names := r.displayNames()
	for _, task := range r.sortedTasks() {
		account := cmp.Or(task.DisplayName, task.Account)
		if name, ok := names[account]; ok {
			account = name
		}
		t.row(planText(task.Assignee, planNameLimit), string(task.Action), planText(task.Title, planValueLimit), task.Priority, planMoment(task.Due),
			planText(account, planNameLimit), string(task.State), planText(task.Reason, planReasonLimit), planText(task.Playbook, planNameLimit), planText(task.Step, planNameLimit), task.Name)
	}
	section.parts = append(section.parts, planPart{fold: "All " + planMany(len(r.Tasks), "task"), table: t})
	return section
}

// displayNames are the names of accounts as people write them, as far as the report has them.
func (r *planReport) displayNames() map[string]string {
	names := map[string]string{}
	for i := range r.Changed {
		names[r.Changed[i].Name] = planAccountName(r.Changed[i].Account)
	}
	for i := range r.Runs {
		names[r.Runs[i].Name] = planAccountName(r.Runs[i].Account)
	}
	for i := range r.Moves {
		names[r.Moves[i].Name] = planAccountName(r.Moves[i].Account)
	}
	return names
}

// section begins a section with the counts. Of one name the title says all.
func (c planCross) section(title, name string) planSection {
	var counts []string
	for _, action := range c.actions {
		counts = append(counts, planNumber(int64(c.of(action)))+" "+strings.ToLower(string(action)))
	}
	s := planSection{title: title + ": " + strings.Join(counts, ", ")}
	if len(c.names) > 1 {
		s.parts = append(s.parts, planPart{fold: planMany(len(c.names), strings.ToLower(name)), table: c.table(name)})
	}
	return s
}

// table writes the counts: a row for each name, a column for each action.
func (c planCross) table(name string) *table {
	columns := []string{name}
	for _, action := range c.actions {
		columns = append(columns, strings.ToUpper(string(action))+">")
	}
	t := planColumns(columns...)
	for _, name := range c.names {
		cells := []string{planText(name, planNameLimit)}
		for _, action := range c.actions {
			cell := ""
			if n := c.counts[name][action]; n > 0 {
				cell = planNumber(int64(n))
			}
			cells = append(cells, cell)
		}
		t.row(cells...)
	}
	return t
}
