package cli

import (
	"regexp"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/internal/preview"
)

// report returns a report without customers, people and money. Everything is written anew: what nobody thought of here does
// not come out.
func (d *redactor) report(r *planReport) *planReport {
	is := &planReport{
		Preview: preview.Preview{
			Namespace: r.Namespace, Now: r.Now, Ahead: r.Ahead, Accounts: r.Accounts, Facts: slices.Clone(r.Facts),
			Config: []preview.ConfigChange{},
		},
		Changes: r.Changes, FactsFrom: r.FactsFrom, Redacted: true, Bands: d.bands(r.Bands),
	}
	for i := range is.Facts {
		is.Facts[i].Source = d.text(is.Facts[i].Source)
	}
	for _, warning := range r.Warnings {
		is.Warnings = append(is.Warnings, d.text(warning))
	}
	for _, name := range r.NotInFiles {
		is.NotInFiles = append(is.NotInFiles, d.text(name))
	}
	for _, c := range r.Config {
		is.Config = append(is.Config, d.config(c))
	}
	for _, n := range r.NoData {
		is.NoData = append(is.NoData, preview.NoData{Reader: d.text(n.Reader), Source: d.text(n.Source), Metric: d.text(n.Metric), Accounts: n.Accounts})
	}
	for _, p := range r.Problems {
		is.Problems = append(is.Problems, d.problem(p))
	}
	for _, s := range r.Stopped {
		is.Stopped = append(is.Stopped, preview.Stopped{Set: d.text(s.Set), Creates: s.Creates, Prunes: s.Prunes})
	}
	for _, c := range r.Changed {
		is.Changed = append(is.Changed, preview.AccountChange{Account: d.who(c.Account), Action: c.Action, Set: d.text(c.Set), Fields: redactFields(c.Fields)})
	}
	d.work(r, is)
	is.inNumbers()
	return is
}

// work redacts what is about accounts one by one.
func (d *redactor) work(r, is *planReport) {
	for _, m := range r.Moves {
		is.Moves = append(is.Moves, preview.Move{
			Account: d.who(m.Account), Before: d.standing(m.Before), After: d.standing(m.After), Worse: m.Worse, At: m.At, Reason: d.reason(m.Reason),
		})
	}
	for _, run := range r.Runs {
		is.Runs = append(is.Runs, preview.RunChange{
			Account: d.who(run.Account), Action: run.Action, Playbook: d.text(run.Playbook), Trigger: d.text(run.Trigger), At: run.At, Place: run.Place,
			Reason: d.reason(run.Reason),
		})
	}
	for _, task := range r.Tasks {
		is.Tasks = append(is.Tasks, preview.TaskChange{
			Account: d.account(task.Account), Action: task.Action, Title: d.text(task.Step), Playbook: d.text(task.Playbook), Step: d.text(task.Step),
			State: task.State, Assignee: d.person(task.Assignee), Priority: task.Priority, Due: task.Due,
		})
	}
}

// problem keeps what is wrong with the rules. Of an account, or of the rows that a set cannot use, it keeps no more than that
// something is: what comes after names them.
func (d *redactor) problem(p preview.Problem) preview.Problem {
	is := preview.Problem{Kind: p.Kind, Name: d.text(p.Name), Message: d.text(p.Message)}
	switch p.Kind {
	case "Account":
		is.Name, is.Message = d.account(p.Name), "the files, or what they would make, do not fit"
	case "AccountSet":
		is.Message, _, _ = strings.Cut(is.Message, ": ")
	}
	return is
}

// who stands in for an account.
func (d *redactor) who(a preview.Account) preview.Account {
	return preview.Account{Name: d.account(a.Name), Owner: d.person(a.Owner)}
}

func (d *redactor) standing(s preview.Standing) preview.Standing {
	return preview.Standing{Band: d.text(s.Band), Score: s.Score, Model: d.text(s.Model)}
}

// bands have shares of the money in place of the money.
func (d *redactor) bands(bands []planBand) []planBand {
	var before, after int64
	for _, b := range bands {
		before += planARR(b.ARRBefore)
		after += planARR(b.ARRAfter)
	}
	share := func(arr *int64, of int64) *int {
		if of <= 0 {
			return nil
		}
		return new(int((planARR(arr)*200 + of) / (2 * of)))
	}
	is := []planBand{}
	for _, b := range bands {
		is = append(is, planBand{
			Band: d.text(b.Band), Before: b.Before, After: b.After, ARRShareBefore: share(b.ARRBefore, before), ARRShareAfter: share(b.ARRAfter, after),
		})
	}
	return is
}

// config keeps a change of the rules: it is in the files that the comment is about. An account is no rule.
func (d *redactor) config(c preview.ConfigChange) preview.ConfigChange {
	is := preview.ConfigChange{Kind: c.Kind, Name: d.text(c.Name), Action: c.Action, More: c.More, Hint: d.text(c.Hint)}
	if c.Kind == "Account" {
		is.Name, is.Fields = d.account(c.Name), redactFields(c.Fields)
		return is
	}
	for _, f := range c.Fields {
		is.Fields = append(is.Fields, preview.FieldChange{Path: d.text(f.Path), Before: d.value(f.Path, f.Before), After: d.value(f.Path, f.After)})
	}
	return is
}

// redactedKey is the key of a map or list in a path: somebody's id, or a label.
var redactedKey = regexp.MustCompile(`\[[^\]]*\]?`)

// value takes the names out of a value of the configuration. Of a text that is cut nobody knows which names it begins or ends
// with, and who is named as an assignee is a person.
func (d *redactor) value(path, s string) string {
	switch {
	case strings.HasPrefix(s, "...") || strings.HasSuffix(s, "..."):
		return "(a long text)"
	case strings.HasSuffix(path, ".assignee") && !strings.Contains(s, "${"):
		return d.person(s)
	}
	return d.text(s)
}

// redactFields says which fields of an account change, and not how.
func redactFields(fields []preview.FieldChange) []preview.FieldChange {
	var is []preview.FieldChange
	for _, f := range fields {
		path := redactedKey.ReplaceAllString(f.Path, "[…]")
		if !slices.ContainsFunc(is, func(other preview.FieldChange) bool { return other.Path == path }) {
			is = append(is, preview.FieldChange{Path: path})
		}
	}
	return is
}

// inNumbers sorts by what stands in for the names: the order of the names themselves says something of them.
func (r *planReport) inNumbers() {
	slices.SortStableFunc(r.Moves, func(a, b preview.Move) int { return compareNumbered(a.Name, b.Name) })
	slices.SortStableFunc(r.Runs, func(a, b preview.RunChange) int { return compareNumbered(a.Name, b.Name) })
	slices.SortStableFunc(r.Changed, func(a, b preview.AccountChange) int { return compareNumbered(a.Name, b.Name) })
	slices.SortStableFunc(r.Tasks, func(a, b preview.TaskChange) int { return compareNumbered(a.Account, b.Account) })
}
