package cli

import (
	"io"
	"strings"

	"github.com/perennial-dev/perennial/internal/preview"
)

// planCSVColumns are those of the CSV form; kind says which of them a row has.
var planCSVColumns = []string{
	"KIND", "ACTION", "ACCOUNT", "NAME", "OWNER", "ARR", "BAND_BEFORE", "BAND_AFTER", "SCORE_BEFORE", "SCORE_AFTER", "PLAYBOOK", "TRIGGER", "RUN",
	"TASK", "STEP", "TITLE", "STATE", "ASSIGNEE", "PRIORITY", "DUE", "AT", "REASON",
}

// writeCSV writes a row for each account that comes, goes or moves, each run and each task.
func (r *planReport) writeCSV(w io.Writer) error {
	t := planColumns(planCSVColumns...)
	for i := range t.columns {
		t.columns[i].name = strings.ToLower(t.columns[i].name)
	}
	add := func(cells map[string]string) {
		row := make([]string, len(planCSVColumns))
		for i, name := range planCSVColumns {
			row[i] = planCSVCell(cells[name])
		}
		t.row(row...)
	}
	of := func(kind string, action preview.Action, a preview.Account) map[string]string {
		return map[string]string{
			"KIND": kind, "ACTION": string(action), "ACCOUNT": a.Name, "NAME": a.DisplayName, "OWNER": a.Owner, "ARR": strings.ReplaceAll(planARRText(a.ARR), ",", ""),
		}
	}
	for _, c := range r.sortedChanged() {
		cells := of("account", c.Action, c.Account)
		cells["REASON"] = planFields(c.Fields)
		add(cells)
	}
	for _, g := range r.planMoveGroups() {
		for _, m := range g.moves {
			cells := of("move", "Moved", m.Account)
			cells["BAND_BEFORE"], cells["BAND_AFTER"] = m.Before.Band, m.After.Band
			cells["SCORE_BEFORE"], cells["SCORE_AFTER"] = strings.Trim(planScore(m.Before), "-"), strings.Trim(planScore(m.After), "-")
			cells["AT"], cells["REASON"] = planStamp(m.At), m.Reason
			add(cells)
		}
	}
	for _, run := range r.sortedRuns() {
		cells := of("run", run.Action, run.Account)
		cells["PLAYBOOK"], cells["TRIGGER"], cells["RUN"], cells["AT"], cells["REASON"] = run.Playbook, run.Trigger, run.Run, planStamp(run.At), run.Reason
		add(cells)
	}
	for _, task := range r.sortedTasks() {
		add(map[string]string{
			"KIND": "task", "ACTION": string(task.Action), "ACCOUNT": task.Account, "PLAYBOOK": task.Playbook, "RUN": task.Run, "TASK": task.Name, "STEP": task.Step,
			"TITLE": task.Title, "STATE": string(task.State), "ASSIGNEE": task.Assignee, "PRIORITY": task.Priority, "DUE": planStamp(task.Due),
		})
	}
	return t.write(w, formatCSV)
}

// planCSVCell keeps a spreadsheet from taking a customer's name for a formula.
func planCSVCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
