package explain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// Account explains an account: its score as its status has it, and what playbooks make of it at a moment.
func Account(w *fleet.World, name string, now time.Time) (*AccountExplanation, error) {
	l := newLook(w, now)
	a, err := l.account(name)
	if err != nil {
		return nil, err
	}
	e := &AccountExplanation{
		Customer: l.customer(a), Namespace: w.Namespace, Now: l.now, Band: v1alpha1.BandUnknown, Children: l.children(a),
	}
	m, why := l.choose(a)
	if h := a.Status.Health; h != nil {
		l.explainHealth(e, h, m)
	}
	if e.Model != nil && m != nil && m.spec.Name == e.Model.Name {
		e.Model.Why = why
	}
	e.Unscored = unscored(a, m, why, e)
	e.Headline = l.headline(e)
	for _, p := range l.names() {
		e.Playbooks = append(e.Playbooks, l.standing(l.plays[p], a))
	}
	slices.SortStableFunc(e.Playbooks, compareStandings)
	return e, nil
}

// customer names an account for people.
func (l *look) customer(a *v1alpha1.Account) Customer {
	c := Customer{
		Name: a.Name, DisplayName: a.Spec.DisplayName, Owner: a.Spec.Owner,
		TouchModel: a.Spec.TouchModel, LifecycleStage: account.Stage(a),
	}
	if contract := a.Spec.Contract; contract != nil {
		c.ARR, c.RenewalDate = contract.ARR, contract.RenewalDate
		if date, err := value.ParseDateIn(contract.RenewalDate, l.zone); err == nil {
			c.RenewalDate = v1alpha1.Date(date.Format(time.DateOnly))
			c.RenewalDays = ptr.To(value.DaysBetween(l.now, date, l.zone))
		}
	}
	return c
}

// Title is what people call the customer.
func (c Customer) Title() string {
	if c.DisplayName != "" {
		return c.DisplayName
	}
	return c.Name
}

// explainHealth explains what a status has of an account's health.
func (l *look) explainHealth(e *AccountExplanation, h *v1alpha1.Health, chosen *model) {
	e.Score, e.Band, e.Coverage, e.Trend = h.Score, h.Band, h.Coverage, h.Trend
	e.History = history(h.History)
	if h.Score != nil {
		e.Changes, e.PreviousScore = h.Changes, h.PreviousScore // of no score nobody asks why it moved
	}
	if h.BandSince != nil {
		e.BandSince = pointer(h.BandSince.Time)
	}
	e.Before = before(h, e.History)
	m := l.models[h.Model]
	if score.ModelOf(h) == "" {
		return
	}
	e.Model = modelUsed(h, m)
	e.Dimensions, e.Recorded = l.dimensions(h, m)
	e.Points, e.Lost, e.Rounded = sum(h)
	e.Rules = rules(h, m)
	e.Notes = l.notes(h, m)
	e.Override = l.override(h)
	e.Pending = l.pending(h)
	switch {
	case h.Override != nil:
		e.Moves = []Move{{Band: h.Override.ComputedBand, Text: heldBand(h)}}
	case m != nil && m == chosen && m.compiled != nil:
		e.Moves = moves(h, m)
	}
}

// modelUsed describes the model that computed a health.
func modelUsed(h *v1alpha1.Health, m *model) *ModelUsed {
	used := &ModelUsed{Name: h.Model, Generation: h.ModelGeneration}
	switch {
	case m == nil:
		used.Note = "the model is gone: how it weighs is not known any more"
		return used
	case m.err != nil:
		used.Note = "the model is stalled, so that the account keeps the health that it had: " + m.err.Error()
		return used
	case !m.compiled.Computed(h):
		used.Note = fmt.Sprintf("the model has changed since (it is %s now): how it weighs is not shown, and the next look at the account scores it anew",
			account.ModelVersion(m.spec.Name, m.spec.Generation))
	}
	used.Bands = slices.Clone(m.spec.Spec.Bands)
	slices.SortFunc(used.Bands, func(a, b v1alpha1.Band) int { return int(b.Min - a.Min) })
	used.MinimumCoverage = m.spec.Spec.MinimumCoverage
	if change := m.spec.Spec.BandChange; change != nil {
		used.Margin, used.Hold = change.Margin, change.Hold
	}
	return used
}

// sum adds up the points of the dimensions, and rounds them; nothing where too little is known for a score.
func sum(h *v1alpha1.Health) (points, lost string, rounded int32) {
	if h.Score == nil {
		return "", "", 0
	}
	var total score.Points
	counted := false
	for i := range h.Dimensions {
		if h.Dimensions[i].Points != "" {
			total, counted = total+score.ParsePoints(h.Dimensions[i].Points), true
		}
	}
	if !counted {
		return "", "", 0
	}
	return total.String(), (score.ParsePoints("100") - total).String(), total.Round()
}

// rules are the rules that hold.
func rules(h *v1alpha1.Health, m *model) []Rule {
	var all []Rule
	for _, applied := range h.RulesApplied {
		r := Rule{Name: applied.Name, Effect: applied.Effect, Points: applied.Points, Held: applied.Held}
		if m != nil {
			for _, spec := range m.spec.Spec.Rules {
				if spec.Name == applied.Name {
					r.When, r.Immediate = spec.When, spec.Timing == v1alpha1.TimingImmediate
				}
			}
		}
		all = append(all, r)
	}
	return all
}

// override says which band a person has set.
func (l *look) override(h *v1alpha1.Health) *Override {
	if h.Override == nil {
		return nil
	}
	o := &Override{AppliedOverride: *h.Override}
	o.Text = fmt.Sprintf("%s set the band to %s until %s: %s; by its score the account would be %s",
		o.By, h.Band, o.Until, o.Reason, o.ComputedBand)
	return o
}

// pending says which band waits for its time.
func (l *look) pending(h *v1alpha1.Health) *Pending {
	if h.PendingBand == nil {
		return nil
	}
	p := &Pending{Band: h.PendingBand.Band, Since: h.PendingBand.Since.Time.UTC()}
	p.Text = fmt.Sprintf("the score has called for %s since %s", p.Band, l.when(p.Since))
	if h.PendingBand.EffectiveTime != nil {
		p.At = pointer(h.PendingBand.EffectiveTime.Time)
		becomes := "the account becomes"
		if h.Override != nil {
			becomes = "the computed band becomes"
		}
		p.Text += fmt.Sprintf("; %s %s on %s, if it stays so", becomes, p.Band, l.when(*p.At))
	}
	return p
}

// children are the accounts that are part of one.
func (l *look) children(a *v1alpha1.Account) []Child {
	var referring []*v1alpha1.Account
	for _, other := range l.accounts {
		if other.Spec.ParentRef != nil && other.Spec.ParentRef.Name == a.Name {
			referring = append(referring, other)
		}
	}
	up := account.AncestryOf(a, func(name string) (*v1alpha1.Account, bool) {
		found, ok := l.accounts[name]
		return found, ok
	})
	var all []Child
	for _, other := range account.Children(a, up, referring) {
		c := Child{Customer: l.customer(other)}
		if h := other.Status.Health; h != nil {
			c.Score, c.Band = h.Score, h.Band
		}
		all = append(all, c)
	}
	return all
}

// history reads the lines of a status.
func history(lines []string) []Point {
	var points []Point
	for _, line := range lines {
		words := strings.Fields(line)
		if len(words) != 4 {
			continue
		}
		if n, err := strconv.ParseInt(words[1], 10, 32); err == nil {
			points = append(points, Point{Day: words[0], Score: int32(n), Band: words[2], Model: words[3]})
		}
	}
	return points
}

// before is the known band before the present one, with the last score that the history has of it.
func before(h *v1alpha1.Health, history []Point) *Before {
	if h.PreviousBand == "" || h.PreviousBand == h.Band {
		return nil
	}
	b := &Before{Band: h.PreviousBand}
	for i := len(history) - 1; i >= 0; i-- {
		if band, _, _ := strings.Cut(history[i].Band, "("); v1alpha1.BandName(band) == h.PreviousBand {
			b.Score = &history[i].Score
			break
		}
	}
	return b
}

// unscored says why there is no score.
func unscored(a *v1alpha1.Account, m *model, why string, e *AccountExplanation) string {
	if e.Score != nil {
		return ""
	}
	applied := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionModelApplied)
	switch {
	case m == nil && applied != nil && applied.Message != "":
		return applied.Message
	case m == nil:
		return why
	case m.err != nil:
		return fmt.Sprintf("HealthScoreModel %s is stalled: %s", m.spec.Name, m.err)
	case a.Status.Health == nil || score.ModelOf(a.Status.Health) == "":
		return fmt.Sprintf("HealthScoreModel %s applies, and the operator has not scored the account yet", m.spec.Name)
	case e.Model != nil && e.Coverage < e.Model.MinimumCoverage:
		return fmt.Sprintf("%d%% of the weight has a value, and the model asks for %d%%", e.Coverage, e.Model.MinimumCoverage)
	default:
		return "no measure has a score"
	}
}

// headline says it in one line.
func (l *look) headline(e *AccountExplanation) string {
	text := e.Title() + " is " + string(e.Band)
	if e.Override != nil {
		text += " (set by " + e.Override.By + ")"
	}
	if e.Score != nil {
		text += fmt.Sprintf(" at %d", *e.Score)
	}
	if e.Before != nil && e.BandSince != nil {
		was := string(e.Before.Band)
		if e.Before.Score != nil {
			was += fmt.Sprintf(" at %d", *e.Before.Score)
		}
		text += fmt.Sprintf(" (was %s until %s)", was, l.day(*e.BandSince))
	}
	if e.Model != nil {
		text += fmt.Sprintf(", coverage %d%%", e.Coverage)
	}
	return text
}
