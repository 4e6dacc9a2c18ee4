package unittest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// story says how an account stands: its health, its runs and their tasks.
func (p *play) story(accountName string) []string {
	a := p.fleet.Account(accountName)
	lines := []string{healthLine(a.Status.Health)}
	for _, run := range p.runs(accountName) {
		lines = append(lines, "run of "+runLine(run))
		for _, t := range p.tasksOf(run) {
			lines = append(lines, "- "+t.line()+t.unread())
		}
	}
	return lines
}

// unread says which texts of a task show what they could not evaluate.
func (t madeTask) unread() string {
	var fields []string
	for _, text := range []struct{ name, text string }{{"title", t.Spec.Title}, {"description", t.Spec.Description}} {
		if strings.Contains(text.text, expr.NoValue) {
			fields = append(fields, text.name)
		}
	}
	if len(fields) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s in its %s)", expr.NoValue, strings.Join(fields, " and "))
}

// healthLine says how healthy an account is: "AtRisk at 55, coverage 100%, by model enterprise".
func healthLine(h *v1alpha1.Health) string {
	if h == nil || h.Model == "" {
		return "no model scores the account"
	}
	line := string(h.Band)
	if h.Score != nil {
		line += fmt.Sprintf(" at %d", *h.Score)
	}
	return line + fmt.Sprintf(", coverage %d%%, by model %s", h.Coverage, h.Model)
}

// why says what led to what was not expected.
func (p *play) why(accountName string, e *expects, differences []Difference) []string {
	a := p.fleet.Account(accountName)
	var lines []string
	var names []string
	ofHealth, ofWork := false, false
	for _, d := range differences {
		kind, rest, _ := strings.Cut(strings.ReplaceAll(d.Field, "[", "."), ".")
		switch kind {
		case "health", "dimensions", "measures":
			ofHealth = true
		case "playbooks":
			names = append(names, rest)
		default:
			ofWork = true
		}
	}
	if ofHealth {
		lines = append(lines, p.whyHealth(a)...)
	}
	if ofWork {
		names = append(names, p.involved(e, accountName)...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		lines = append(lines, p.whyPlaybook(a, name)...)
	}
	return lines
}

// involved are the playbooks that a step's runs and tasks are of: those expected, and those that there are.
func (p *play) involved(e *expects, accountName string) []string {
	var names []string
	if e.Runs != nil {
		for _, r := range *e.Runs {
			names = append(names, r.Playbook)
		}
	}
	if e.Tasks != nil {
		for _, t := range *e.Tasks {
			names = append(names, t.Playbook)
			for _, pb := range p.config.world.Playbooks {
				if slices.ContainsFunc(pb.Spec.Steps, func(s v1alpha1.PlaybookStep) bool { return string(s.Name) == t.Step }) {
					names = append(names, pb.Name)
				}
			}
		}
	}
	for _, run := range p.runs(accountName) {
		names = append(names, run.Spec.PlaybookRef.Name)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// whyHealth says where the score comes from.
func (p *play) whyHealth(a *v1alpha1.Account) []string {
	h := a.Status.Health
	if account.Churned(a) {
		return []string{"the account is churned: nothing scores it"}
	}
	if !p.config.scores(a) || h == nil {
		return []string{"no model under test scores the account"}
	}
	lines := []string{healthLine(h)}
	if h.PreviousScore != nil && len(h.Changes) > 0 {
		lines = append(lines, fmt.Sprintf("the score moved from %d: %s", *h.PreviousScore, strings.Join(h.Changes, "; ")))
	}
	if h.PendingBand != nil {
		line := fmt.Sprintf("the band will be %s", h.PendingBand.Band)
		if h.PendingBand.EffectiveTime != nil {
			line += fmt.Sprintf(" at %s, if the score calls for it until then", formatMoment(h.PendingBand.EffectiveTime))
		}
		lines = append(lines, line)
	}
	if h.Override != nil {
		lines = append(lines, fmt.Sprintf("%s has set the band until %s; by its score it would be %s", h.Override.By, h.Override.Until, h.Override.ComputedBand))
	}
	for _, r := range h.RulesApplied {
		lines = append(lines, fmt.Sprintf("rule %s applies: %s", r.Name, r.Effect))
	}
	for _, m := range h.Measures {
		line := fmt.Sprintf("measure %s: ", m.Name)
		switch {
		case m.State != v1alpha1.ValueFresh:
			line += string(m.State)
		case m.Value == "":
			line += "no value"
		default:
			line += m.Value
		}
		if m.Score != nil {
			line += fmt.Sprintf(", score %d, points %s", *m.Score, m.Points)
		}
		if m.Message != "" {
			line += " (" + m.Message + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

// whyPlaybook says where a playbook stands on an account, and why.
func (p *play) whyPlaybook(a *v1alpha1.Account, name string) []string {
	i := slices.IndexFunc(p.config.world.Playbooks, func(pb *v1alpha1.Playbook) bool { return pb.Name == name })
	if i < 0 {
		return []string{fmt.Sprintf("playbook %s: there is none of this name in the files under test", name)}
	}
	pb := p.config.world.Playbooks[i]
	compiled, err := playbook.Compile(pb)
	if err != nil {
		return []string{fmt.Sprintf("playbook %s: %v", name, err)}
	}
	prefix := "playbook " + name
	if !compiled.Selector().Matches(a) {
		return []string{prefix + " does not select the account"}
	}
	var lines []string
	episodes := playbook.EpisodesOf(a, name)
	if len(episodes) == 0 {
		lines = append(lines, prefix+" has nothing to remember of the account yet")
	}
	for _, e := range episodes {
		lines = append(lines, prefix+p.episodeLine(pb, e))
	}
	for _, held := range p.fleet.Held(name) {
		if held.Account == a.Name {
			line := fmt.Sprintf("%s holds its run back: %s", prefix, held.Reason)
			if held.By != "" {
				line += " by " + held.By
			}
			lines = append(lines, line)
		}
	}
	results, _ := compiled.Conditions(p.view(a))
	for _, t := range results {
		lines = append(lines, fmt.Sprintf("trigger %s is %s: %s%s", t.Name, t.Truth, t.Reason, pendingUntil(pb, episodes, t.Name)))
	}
	return lines
}

// episodeLine says where an episode stands.
func (p *play) episodeLine(pb *v1alpha1.Playbook, e *v1alpha1.Episode) string {
	line := " is " + string(e.State)
	switch {
	case e.Every != "":
		line = ", trigger " + e.Every + "," + line
	case e.Source != "":
		line = ", observations of " + e.Source + "." + e.Metric + "," + line
	}
	if e.Since != nil {
		line += " since " + formatMoment(e.Since)
	}
	if cooldown := value.DurationOr(pb.Spec.Cooldown, 0); cooldown > 0 && e.EndedTime != nil {
		if until := e.EndedTime.Add(cooldown); until.After(p.now) {
			line += ", in its cooldown until " + until.UTC().Format(time.RFC3339)
		}
	}
	return line
}

// pendingUntil says until when a trigger must hold that does not yet long enough.
func pendingUntil(pb *v1alpha1.Playbook, episodes []*v1alpha1.Episode, trigger string) string {
	i := slices.IndexFunc(pb.Spec.Triggers, func(t v1alpha1.Trigger) bool { return t.Name == trigger })
	for _, e := range episodes {
		for _, pending := range e.Pending {
			if pending.Trigger != trigger || e.State == v1alpha1.EpisodeFiring || i < 0 {
				continue
			}
			hold := value.DurationOr(pb.Spec.Triggers[i].For, 0)
			if pending.Since != nil && hold > 0 {
				return fmt.Sprintf("; for %s, until %s", pb.Spec.Triggers[i].For, pending.Since.Add(hold).UTC().Format(time.RFC3339))
			}
		}
	}
	return ""
}

// view is what playbooks see of an account, as the fleet shows it to them.
func (p *play) view(a *v1alpha1.Account) playbook.View {
	known, events := p.saying[a.Name].observations()
	return playbook.View{
		Account: a, Lifecycle: a.Status.Lifecycle, Health: a.Status.Health, Scored: p.config.scores(a),
		Facts: known, Events: events, Now: p.now, Location: p.config.location,
	}
}
