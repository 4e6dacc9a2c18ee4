package preview

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// pair is a run without the change and with it; nil where there is none.
type pair struct{ before, after *v1alpha1.PlaybookRun }

// about is the run, whichever there is.
func (p pair) about() *v1alpha1.PlaybookRun {
	if p.after != nil {
		return p.after
	}
	return p.before
}

// atOtherTimes reports whether a run starts with the change and without it, and not in the same moment.
func (p pair) atOtherTimes() bool {
	return p.before != nil && p.after != nil && !p.before.CreationTimestamp.Equal(&p.after.CreationTimestamp)
}

// pairs returns the runs with the change and without it, by name. A run of a playbook that the change renames has another
// name with it, if it starts after the change; one that began before is the same with both.
func (c *comparison) pairs() []pair {
	pairs := map[string]pair{}
	for _, run := range c.base.Runs() {
		pairs[c.nameIn(c.head, run)] = pair{before: run}
	}
	for _, run := range c.head.Runs() {
		name := c.nameIn(c.base, run)
		pairs[name] = pair{pairs[name].before, run}
	}
	sorted := make([]pair, 0, len(pairs))
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		sorted = append(sorted, pairs[name])
	}
	return sorted
}

// nameIn returns the name by which a run of one fleet is compared with those of the other: its own where both have it.
func (c *comparison) nameIn(other *fleet.Fleet, run *v1alpha1.PlaybookRun) string {
	if other.RunOf(run.Name) != nil {
		return run.Name
	}
	return c.nameOf(run)
}

// nameOf returns what a run would be called, had its playbook always had the name that it has with the change.
func (c *comparison) nameOf(run *v1alpha1.PlaybookRun) string {
	return playbook.RunNameUnder(run, c.head.NowCalled(run.Spec.PlaybookRef.Name))
}

// runs lists the runs that the change starts, ends, holds back or averts.
func (c *comparison) runs() {
	for _, p := range c.pairs() {
		if p.before != p.after {
			c.run(p)
		}
	}
	c.held()
	for _, after := range c.head.Accounts() {
		c.waiting(c.base.Account(after.Name), after) // how long it waits is the playbook's, and not the account's
	}
	slices.SortFunc(c.preview.Runs, func(a, b RunChange) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Playbook, b.Playbook), cmp.Compare(a.Run, b.Run), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Trigger, b.Trigger))
	})
}

// run notes what becomes of one run.
func (c *comparison) run(p pair) {
	run := p.about()
	change := RunChange{
		Account: c.account(run.Spec.AccountRef.Name), Playbook: c.head.NowCalled(run.Spec.PlaybookRef.Name), Run: run.Name, Trigger: run.Spec.Trigger,
	}
	switch {
	case p.before == nil && run.CreationTimestamp.Time.Before(c.now):
		c.skipped[run.Name] = true // it is there, and without the change it would be deleted meanwhile: it is kept
		return
	case p.before == nil && c.unforetold(change.Account.Name, change.Playbook):
		c.skipped[run.Name] = true
		return
	case p.before == nil:
		change.Action, change.Reason, change.At = Started, run.Spec.Reason, c.later(run.CreationTimestamp.Time)
	case p.after == nil:
		if !c.gone(p.before, &change) {
			return
		}
	case p.atOtherTimes():
		change.Action, change.At = Started, c.later(p.after.CreationTimestamp.Time)
		change.Reason = p.after.Spec.Reason + ", instead of " + value.FormatTime(p.before.CreationTimestamp.Time)
	case !ended(p, &change):
		return
	}
	c.preview.Runs = append(c.preview.Runs, change)
}

// gone says why a run is not there with the change; false where that is not the change's doing.
func (c *comparison) gone(run *v1alpha1.PlaybookRun, change *RunChange) bool {
	accountGone := c.head.Account(change.Account.Name) == nil
	switch {
	case run.CreationTimestamp.After(c.now):
		change.Action, change.At = Averted, c.later(run.CreationTimestamp.Time)
		change.Reason = "would start: " + run.Spec.Reason
		return accountGone || !c.silent(change.Account.Name, change.Playbook)
	case accountGone:
		change.Action, change.Reason = Deleted, "its account is deleted"
	default:
		change.Action, change.Reason = Deleted, "spec.historyLimit of the playbook keeps fewer finished runs"
	}
	return true
}

// ended says how a run ends with the change that goes on without it, and the other way round; false where neither is so.
func ended(p pair, change *RunChange) bool {
	before, after := &p.before.Status, &p.after.Status
	open, stays := playbook.RunOpen(p.before), playbook.RunOpen(p.after)
	switch {
	case before.ResolvedTime == nil && after.ResolvedTime != nil:
		change.Action, change.Reason = Resolved, "its condition has cleared"
		if stays {
			change.Reason += "; its tasks stay"
		}
	case open && !stays && after.State == v1alpha1.RunCompleted:
		change.Action, change.Reason = Completed, "its work is done"
	case open && !stays:
		change.Action, change.Reason = Canceled, "none of its work is left to do"
	case !open && stays, before.ResolvedTime != nil && after.ResolvedTime == nil:
		change.Action, change.Reason = Updated, "goes on; without the change it would end"
	default:
		return false
	}
	return true
}

// silent reports whether nothing can be said of a playbook on an account: it, or the account's model, reads what no read has
// given yet, and did not before the change.
func (c *comparison) silent(accountName, playbookName string) bool {
	if c.head.Blind(accountName) {
		return true
	}
	unknown := c.head.Unknown(accountName)
	if len(unknown) == 0 {
		return false
	}
	_, playbooks := c.head.Under(accountName)
	i := slices.IndexFunc(playbooks, func(pb *v1alpha1.Playbook) bool { return pb.Name == playbookName })
	if i < 0 {
		return false
	}
	known := c.base.Unknown(accountName)
	return slices.ContainsFunc(playbookReads(playbooks[i]), func(read readAt) bool {
		return slices.Contains(unknown, read.ref) && !slices.Contains(known, read.ref)
	})
}

// held lists the runs that something holds back with the change, and those that something held back without it.
func (c *comparison) held() {
	names, heldInBase := map[string]bool{}, map[string][]v1alpha1.HeldRun{}
	for _, pb := range c.configured.Playbooks {
		names[pb.Name] = true
	}
	for _, pb := range c.in.Base.Playbooks {
		name := c.head.NowCalled(pb.Name)
		names[name] = true
		for _, h := range c.base.Held(pb.Name) {
			h.By = c.head.NowCalled(h.By)
			heldInBase[name] = append(heldInBase[name], h)
		}
	}
	for name := range names {
		before, after := heldBy(heldInBase[name]), heldBy(c.head.Held(name))
		c.heldInHead[name] = after
		place := 0
		for _, h := range c.head.Held(name) {
			change := RunChange{Account: c.account(h.Account), Action: Held, Playbook: name}
			switch h.Reason {
			case v1alpha1.HeldSuspended:
				change.Reason = "the playbook is suspended"
			case v1alpha1.HeldInhibited:
				change.Reason = "inhibited by " + h.By
			default:
				place++
				change.Place, change.Reason = place, fmt.Sprintf("the playbook's limits: place %d of those that wait", place)
			}
			if was, ok := before[h.Account]; (!ok || was != h) && !c.unforetold(h.Account, name) {
				c.preview.Runs = append(c.preview.Runs, change)
			}
		}
		for accountName := range before {
			if _, ok := after[accountName]; ok || c.starts(accountName, name) || c.silent(accountName, name) {
				continue
			}
			c.preview.Runs = append(c.preview.Runs, RunChange{
				Account: c.account(accountName), Action: Averted, Playbook: name, Reason: "was held back, and is not due any more",
			})
		}
	}
}

func heldBy(runs []v1alpha1.HeldRun) map[string]v1alpha1.HeldRun {
	out := make(map[string]v1alpha1.HeldRun, len(runs))
	for _, h := range runs {
		out[h.Account] = h
	}
	return out
}

// starts reports whether the change starts a run of a playbook on an account.
func (c *comparison) starts(accountName, playbookName string) bool {
	return slices.ContainsFunc(c.preview.Runs, func(r RunChange) bool {
		return r.Name == accountName && r.Playbook == playbookName && r.Action == Started
	})
}

// waiting lists the runs that wait with the change, or waited without it. An account that is new has none before.
func (c *comparison) waiting(before, after *v1alpha1.Account) {
	waits := c.head.Waiting(after)
	var waited []fleet.Wait
	if before != nil {
		waited = c.base.Waiting(before)
	}
	for i := range waited {
		waited[i].Playbook = c.head.NowCalled(waited[i].Playbook)
	}
	for _, w := range waits {
		same := func(o fleet.Wait) bool { return o.Playbook == w.Playbook && o.Trigger == w.Trigger }
		i := slices.IndexFunc(waited, same)
		if i >= 0 && waited[i].At.Equal(w.At) || c.unforetold(after.Name, w.Playbook) {
			continue
		}
		change := RunChange{Account: named(after), Action: Waiting, Playbook: w.Playbook, Trigger: w.Trigger, At: c.later(w.At), Reason: waitReason(w)}
		if i >= 0 && !waited[i].At.IsZero() {
			change.Reason += ", instead of " + value.FormatTime(waited[i].At)
		}
		c.preview.Runs = append(c.preview.Runs, change)
	}
	for _, w := range waited {
		still := slices.ContainsFunc(waits, func(o fleet.Wait) bool { return o.Playbook == w.Playbook })
		if still || c.head.Open(after.Name, w.Playbook) || c.heldInHead[w.Playbook][after.Name].Account != "" || c.silent(after.Name, w.Playbook) {
			continue
		}
		c.preview.Runs = append(c.preview.Runs, RunChange{
			Account: named(after), Action: Averted, Playbook: w.Playbook, Trigger: w.Trigger, At: c.later(w.At), Reason: c.avertedReason(after, w),
		})
	}
}

// avertedReason says why a run that waited does so no more.
func (c *comparison) avertedReason(after *v1alpha1.Account, w fleet.Wait) string {
	for _, e := range playbook.EpisodesOf(after, w.Playbook) {
		if e.State == v1alpha1.EpisodePending {
			return "nobody can say whether its trigger holds, and its time stands still"
		}
	}
	return "its trigger does not hold any more"
}

// unforetold reports whether a run of a playbook on an account says nothing: the playbook is not what it was and asks about a
// health that will be another one as soon as what its model reads is known.
func (c *comparison) unforetold(accountName, playbookName string) bool {
	if !c.head.Blind(accountName) {
		return false
	}
	named := func(pb *v1alpha1.Playbook) bool { return pb.Name == playbookName }
	was, is := slices.IndexFunc(c.in.Base.Playbooks, named), slices.IndexFunc(c.configured.Playbooks, named)
	if is < 0 || was >= 0 && c.in.Base.Playbooks[was].Generation == c.configured.Playbooks[is].Generation {
		return false
	}
	return slices.ContainsFunc(c.configured.Playbooks[is].Spec.Triggers, asksHealth)
}

// asksHealth reports whether a trigger is about the health of an account.
func asksHealth(t v1alpha1.Trigger) bool {
	if t.Band != nil || t.Score != nil || t.ScoreDrop != nil {
		return true
	}
	if t.Expression == "" {
		return false
	}
	program, err := expr.CompileBool(expr.ContextTrigger, t.Expression)
	return err == nil && (program.Reads().Health || program.Reads().Score || len(program.Reads().Measures) > 0)
}

// waitReason says what a run waits for.
func waitReason(w fleet.Wait) string {
	switch {
	case w.At.IsZero():
		return "waits for earlier work to end"
	case w.Trigger == "":
		return "waits for the cooldown, until " + value.FormatTime(w.At)
	}
	return fmt.Sprintf("trigger %s has to hold until %s", w.Trigger, value.FormatTime(w.At))
}
