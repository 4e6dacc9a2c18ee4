package cli

import (
	"cmp"
	"slices"
	"time"

	"github.com/perennial-dev/perennial/internal/preview"
)

// planReport is what plan answers: a preview, and what it rests on.
type planReport struct {
	preview.Preview
	// Changes is whether anything changes: the same as exit code 2.
	Changes bool `json:"changes"`
	// FactsFrom says where the facts come from, such as "the operator".
	FactsFrom string `json:"factsFrom"`
	// Warnings are what a reader should know before trusting the rest.
	Warnings []string `json:"warnings,omitempty"`
	// NotInFiles is configuration of the cluster that the files lack, and that stays without --prune.
	NotInFiles []string `json:"notInFiles,omitempty"`
	// Redacted means that customers' names and money are taken out.
	Redacted bool `json:"redacted,omitempty"`
	// Bands stand in for the preview's, which know no percent.
	Bands []planBand `json:"bands"`
}

// planBand counts the accounts of a band. It has the money, or in a redacted report its share in percent.
type planBand struct {
	Band           string `json:"band"`
	Before         int    `json:"before"`
	After          int    `json:"after"`
	ARRBefore      *int64 `json:"arrBefore,omitempty"`
	ARRAfter       *int64 `json:"arrAfter,omitempty"`
	ARRShareBefore *int   `json:"arrShareBefore,omitempty"`
	ARRShareAfter  *int   `json:"arrShareAfter,omitempty"`
}

// newPlanReport makes the report of a preview.
func newPlanReport(p *preview.Preview, factsFrom string) *planReport {
	r := &planReport{Preview: *p, Changes: p.Changes(), FactsFrom: factsFrom, Bands: []planBand{}}
	for _, b := range p.Bands {
		r.Bands = append(r.Bands, planBand{Band: b.Band, Before: b.Before, After: b.After, ARRBefore: &b.ARRBefore, ARRAfter: &b.ARRAfter})
	}
	return r
}

// planMoves are the accounts that go from one band to another.
type planMoves struct {
	before, after string
	worse         bool
	moves         []preview.Move
	arr           int64
}

// planMoveGroups sorts the moves by where from and where to: what gets worse first, into the worst band first. In each the
// largest ARR comes first.
func (r *planReport) planMoveGroups() []planMoves {
	var groups []planMoves
	for _, m := range r.Moves {
		at := slices.IndexFunc(groups, func(g planMoves) bool { return g.before == m.Before.Band && g.after == m.After.Band })
		if at < 0 {
			at = len(groups)
			groups = append(groups, planMoves{before: m.Before.Band, after: m.After.Band, worse: m.Worse})
		}
		g := &groups[at]
		g.worse = g.worse || m.Worse // two models may not agree on which band is the better one
		g.moves = append(g.moves, m)
		g.arr += planARR(m.ARR)
	}
	for _, g := range groups {
		slices.SortStableFunc(g.moves, func(a, b preview.Move) int { return planCompareAccounts(a.Account, b.Account) })
	}
	slices.SortStableFunc(groups, func(a, b planMoves) int {
		return cmp.Or(
			cmp.Compare(planDirection(a), planDirection(b)), cmp.Compare(r.bandRank(b.after), r.bandRank(a.after)),
			cmp.Compare(b.arr, a.arr), cmp.Compare(r.bandRank(a.before), r.bandRank(b.before)), cmp.Compare(a.before, b.before), cmp.Compare(a.after, b.after),
		)
	})
	return groups
}

// unknownBand is the band of whom nobody knows enough.
const unknownBand = "Unknown"

// planDirection is 0 for what gets worse, 1 for what becomes unknown, 2 for what becomes known and 3 for what gets better.
func planDirection(g planMoves) int {
	switch {
	case g.worse:
		return 0
	case g.after == unknownBand || g.after == "":
		return 1
	case g.before == unknownBand || g.before == "":
		return 2
	}
	return 3
}

// bandRank is the place of a band among the bands, the best is 0.
func (r *planReport) bandRank(band string) int {
	if at := slices.IndexFunc(r.Bands, func(b planBand) bool { return b.Band == band }); at >= 0 {
		return at
	}
	return len(r.Bands)
}

// planCompareAccounts puts the largest ARR first.
func planCompareAccounts(a, b preview.Account) int {
	return cmp.Or(cmp.Compare(planARR(b.ARR), planARR(a.ARR)), compareNumbered(a.Name, b.Name))
}

func planARR(arr *int64) int64 {
	if arr == nil {
		return 0
	}
	return *arr
}

// planRunActions are the actions of runs, in the order in which they are told.
var planRunActions = []preview.Action{
	preview.Started, preview.Held, preview.Waiting, preview.Averted, preview.Resolved, preview.Canceled, preview.Completed,
	preview.Created, preview.Updated, preview.Deleted,
}

// planTaskActions are the actions of tasks, in the order in which they are told.
var planTaskActions = []preview.Action{
	preview.Created, preview.Started, preview.Waiting, preview.Held, preview.Updated, preview.Averted, preview.Resolved, preview.Canceled,
	preview.Completed, preview.Deleted,
}

// sortedRuns are the runs by action, the largest ARR first.
func (r *planReport) sortedRuns() []preview.RunChange {
	runs := slices.Clone(r.Runs)
	slices.SortStableFunc(runs, func(a, b preview.RunChange) int {
		return cmp.Or(
			cmp.Compare(slices.Index(planRunActions, a.Action), slices.Index(planRunActions, b.Action)),
			planCompareAccounts(a.Account, b.Account), cmp.Compare(a.Playbook, b.Playbook),
		)
	})
	return runs
}

// sortedTasks are the tasks by action, then by whom they are for and when they are due.
func (r *planReport) sortedTasks() []preview.TaskChange {
	tasks := slices.Clone(r.Tasks)
	slices.SortStableFunc(tasks, func(a, b preview.TaskChange) int {
		return cmp.Or(
			cmp.Compare(slices.Index(planTaskActions, a.Action), slices.Index(planTaskActions, b.Action)),
			cmp.Compare(a.Assignee, b.Assignee), planTime(a.Due).Compare(planTime(b.Due)), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Step, b.Step),
		)
	})
	return tasks
}

// planTime is a time of which nothing is known as the last one there is.
func planTime(t *time.Time) time.Time {
	if t == nil {
		return time.Unix(1<<40, 0)
	}
	return *t
}

// sortedChanged are the accounts that come, go or are written, by action.
func (r *planReport) sortedChanged() []preview.AccountChange {
	changed := slices.Clone(r.Changed)
	order := []preview.Action{preview.Deleted, preview.Churned, preview.Created, preview.Updated}
	slices.SortStableFunc(changed, func(a, b preview.AccountChange) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Action), slices.Index(order, b.Action)), planCompareAccounts(a.Account, b.Account))
	})
	return changed
}

// planCross counts things by what they belong to and by action.
type planCross struct {
	names   []string
	actions []preview.Action
	counts  map[string]map[preview.Action]int
}

// planCount counts n things. Names come by how many things they have, the most first; actions in the order that is given,
// without those that do not occur.
func planCount(n int, thing func(i int) (name string, action preview.Action), order []preview.Action) planCross {
	c := planCross{counts: map[string]map[preview.Action]int{}}
	total := map[string]int{}
	for i := range n {
		name, action := thing(i)
		if c.counts[name] == nil {
			c.counts[name] = map[preview.Action]int{}
			c.names = append(c.names, name)
		}
		c.counts[name][action]++
		total[name]++
	}
	slices.SortFunc(c.names, func(a, b string) int { return cmp.Or(cmp.Compare(total[b], total[a]), cmp.Compare(a, b)) })
	for _, action := range order {
		if c.of(action) > 0 {
			c.actions = append(c.actions, action)
		}
	}
	return c
}

// of counts the things with an action.
func (c planCross) of(action preview.Action) (n int) {
	for _, counts := range c.counts {
		n += counts[action]
	}
	return n
}

// with are the names that have things with an action, the most first.
func (c planCross) with(action preview.Action) []string {
	names := slices.DeleteFunc(slices.Clone(c.names), func(name string) bool { return c.counts[name][action] == 0 })
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(c.counts[b][action], c.counts[a][action]) })
	return names
}

// runsByPlaybook counts the runs.
func (r *planReport) runsByPlaybook() planCross {
	return planCount(len(r.Runs), func(i int) (string, preview.Action) { return r.Runs[i].Playbook, r.Runs[i].Action }, planRunActions)
}

// tasksByAssignee counts the tasks.
func (r *planReport) tasksByAssignee() planCross {
	return planCount(len(r.Tasks), func(i int) (string, preview.Action) {
		return cmp.Or(r.Tasks[i].Assignee, "nobody"), r.Tasks[i].Action
	}, planTaskActions)
}
