package score

import (
	"os"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// goldenFeatures are what must be in the golden file, and in how many accounts at least: a file that no longer shows a
// feature proves nothing about it.
var goldenFeatures = []struct {
	name    string
	atLeast int
	in      func(goldenAccount) bool
}{
	{"a score", 88, func(a goldenAccount) bool { return a.Health.Score != nil }},
	{"no score, and so the band Unknown", 11, func(a goldenAccount) bool { return a.Health.Score == nil && a.Health.Band == v1alpha1.BandUnknown }},
	{"a band Unknown with a score: of a source that was never read", 1, func(a goldenAccount) bool {
		return a.Health.Score != nil && a.Health.Band == v1alpha1.BandUnknown
	}},
	{"a last band behind Unknown", 10, func(a goldenAccount) bool { return a.Health.Band == v1alpha1.BandUnknown && a.Health.LastBand != "" }},
	{"the best of five bands", 1, inBand("A")},
	{"the worst of five bands", 1, inBand("E")},
	{"Healthy", 15, inBand("Healthy")},
	{"AtRisk", 30, inBand("AtRisk")},
	{"Critical", 36, inBand("Critical")},
	{"a pending band", 15, func(a goldenAccount) bool { return a.Health.PendingBand != nil }},
	{"a pending band under an override", 2, func(a goldenAccount) bool { return a.Health.PendingBand != nil && a.Health.Override != nil }},
	{"a pending band that came into force", 27, pendingCameTrue},
	{"an override in force", 17, func(a goldenAccount) bool { return a.Health.Override != nil && a.Override == "Holds" }},
	{"an override that sets another band than the score calls for", 12, func(a goldenAccount) bool {
		return a.Health.Override != nil && a.Health.Override.ComputedBand != a.Health.Band
	}},
	{"an override over no score", 1, func(a goldenAccount) bool { return a.Health.Override != nil && a.Health.Score == nil }},
	{"an override that is over", 16, func(a goldenAccount) bool { return a.Health.Override == nil && a.Override == "Expired" }},
	{"an override for a band that there is not", 12, func(a goldenAccount) bool { return a.Health.Override == nil && a.Override == "UnknownBand" }},
	{"a history that marks an override", 24, inLines(historyLines, "(override)")},
	{"Improving", 30, func(a goldenAccount) bool { return a.Health.Trend == v1alpha1.TrendImproving }},
	{"Declining", 26, func(a goldenAccount) bool { return a.Health.Trend == v1alpha1.TrendDeclining }},
	{"Stable", 31, func(a goldenAccount) bool { return a.Health.Trend == v1alpha1.TrendStable }},
	{"weight that is out, for a source cannot be read", 9, func(a goldenAccount) bool { return a.Partial }},
	{"a history of two generations", 22, func(a goldenAccount) bool { return generations(a.Health) > 1 }},
	{"a change by another generation", 2, inLines(changeLines, "model large/4 -> large/5: ")},
	{"a change by another model", 2, inLines(changeLines, " -> computed/7: ")},
	{"a change by a rule that began", 12, inLines(changeLines, " began, ")},
	{"a change by a rule that ended", 5, inLines(changeLines, " ended")},
	{"a change that rounding leaves", 74, inLines(changeLines, "rounding: ")},
	{"a Fresh value", 98, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.State == v1alpha1.ValueFresh })},
	{"a Missing value", 72, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.State == v1alpha1.ValueMissing })},
	{"a Stale value", 16, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.State == v1alpha1.ValueStale })},
	{"an Errored value that keeps its score", 43, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.State == v1alpha1.ValueErrored && m.Score != nil })},
	{"an Errored value that is out", 10, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.State == v1alpha1.ValueErrored && m.Score == nil })},
	{"whenMissing Skip", 9, func(a goldenAccount) bool { return standsIn("tickets", "", -1)(a) || standsIn("wau", "", -1)(a) }},
	{"whenMissing Worst", 5, standsIn("csat", "", 0)},
	{"whenMissing Neutral", 3, standsIn("plan-fit", "", 50)},
	{"whenMissing Best", 6, standsIn("nps", "", 100)},
	{"whenMissing LastKnown", 3, measureWhere(func(m v1alpha1.MeasureScore) bool {
		return m.Name == "dau-mau" && m.State == v1alpha1.ValueMissing && m.Value != "" && m.Score != nil
	})},
	{"a value that is older than the measure accepts", 7, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.Name == "sentiment" && m.State == v1alpha1.ValueStale })},
	{"a measurement", 28, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.Name == "sentiment" && m.Value != "" })},
	{"a measurement that cannot be read", 11, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.Name == "mood" && m.Value == "" })},
	{"a measure without a weight", 13, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.Name == "last-login" && m.Value != "" && m.Points == "" })},
	{"a measure by an expression", 18, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.Name == "seats-used" && m.Points != "" })},
	{"a word by an expression", 12, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.Name == "load" && m.Value == "Some" })},
	{"an expression of the day", 20, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.Name == "silence" && m.State == v1alpha1.ValueFresh })},
	{"a value that stands for another day", 14, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.AsOf != "" })},
	{"a scale by an expression", 29, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.Name == "habit" && m.Points != "" })},
	{"a scale of the day", 29, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.Name == "meeting" && m.Points != "" })},
	{"an expression without a result, for a value is missing", 21, messageWith("has no value")},
	{"an expression without a result, for it divides by zero", 18, messageWith("division by zero")},
	{"the average of children", 8, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.Name == "average" && m.State == v1alpha1.ValueFresh })},
	{"the worst of children", 8, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.Name == "worst" && m.State == v1alpha1.ValueFresh })},
	{"children weighted by ARR", 7, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.Name == "by-arr" && m.State == v1alpha1.ValueFresh })},
	{"no children", 5, messageWith("no account below this one")},
	{"children that are partial", 2, measureWhere(func(m v1alpha1.MeasureScore) bool { return m.Name == "average" && m.State == v1alpha1.ValueErrored })},
	{"a rule that caps", 12, ruleWhere(func(r v1alpha1.AppliedRule) bool { return strings.HasPrefix(r.Effect, "cap ") && r.Points < 0 })},
	{"a rule that lifts", 4, ruleWhere(func(r v1alpha1.AppliedRule) bool { return strings.HasPrefix(r.Effect, "floor ") && r.Points > 0 })},
	{"a rule that sets", 7, ruleWhere(func(r v1alpha1.AppliedRule) bool { return strings.HasPrefix(r.Effect, "set ") && r.Points != 0 })},
	{"a rule that changes nothing", 28, ruleWhere(func(r v1alpha1.AppliedRule) bool { return r.Points == 0 })},
	{"a rule that keeps its last effect", 14, ruleWhere(func(r v1alpha1.AppliedRule) bool { return r.Held })},
	{"an Immediate rule", 4, ruleWhere(func(r v1alpha1.AppliedRule) bool { return r.Name == "open-p1" && r.Effect == "cap 39" })},
	{"a fact that rules read", 77, func(a goldenAccount) bool { return len(a.Health.Facts) > 0 }},
	{"a fact that expressions read", 26, factOf("usage", "last_login")},
	{"a fact that only a trigger reads", 1, func(a goldenAccount) bool { return a.Health.Model == "uneven" && factOf("crm", "years")(a) }},
	{"a fact that cannot be read", 29, func(a goldenAccount) bool {
		return slices.ContainsFunc(a.Health.Facts, func(f v1alpha1.Fact) bool { return f.State == v1alpha1.ValueErrored })
	}},
}

func inBand(b v1alpha1.BandName) func(goldenAccount) bool {
	return func(a goldenAccount) bool { return a.Health.Band == b }
}

func historyLines(h *v1alpha1.Health) []string { return h.History }

func changeLines(h *v1alpha1.Health) []string { return h.Changes }

func inLines(of func(*v1alpha1.Health) []string, text string) func(goldenAccount) bool {
	return func(a goldenAccount) bool {
		return slices.ContainsFunc(of(a.Health), func(line string) bool { return strings.Contains(line, text) })
	}
}

func measureWhere(is func(v1alpha1.MeasureScore) bool) func(goldenAccount) bool {
	return func(a goldenAccount) bool { return slices.ContainsFunc(a.Health.Measures, is) }
}

// standsIn finds a Missing measure without a value that counts as a score; -1 is none.
func standsIn(name, value string, score int32) func(goldenAccount) bool {
	return measureWhere(func(m v1alpha1.MeasureScore) bool {
		return m.Name == name && m.State == v1alpha1.ValueMissing && m.Value == value && shownScore(m.Score) == score
	})
}

func messageWith(text string) func(goldenAccount) bool {
	return measureWhere(func(m v1alpha1.MeasureScore) bool { return strings.Contains(m.Message, text) })
}

func ruleWhere(is func(v1alpha1.AppliedRule) bool) func(goldenAccount) bool {
	return func(a goldenAccount) bool { return slices.ContainsFunc(a.Health.RulesApplied, is) }
}

func factOf(source, metric string) func(goldenAccount) bool {
	return func(a goldenAccount) bool {
		return slices.ContainsFunc(a.Health.Facts, func(f v1alpha1.Fact) bool { return f.Source == source && f.Metric == metric && f.Value != "" })
	}
}

// generations counts the generations and models in a history.
func generations(h *v1alpha1.Health) int {
	seen := map[string]bool{}
	for _, line := range h.History {
		seen[line[strings.LastIndex(line, " ")+1:]] = true
	}
	return len(seen)
}

// pendingCameTrue reports whether a band that was pending in one step is the band of the next, of the same model.
func pendingCameTrue(a goldenAccount) bool {
	for i, step := range a.Steps[1:] {
		_, rest, pending := strings.Cut(a.Steps[i], ", ")
		band, _, isPending := strings.Cut(rest, " pending, ")
		if pending && isPending && strings.Contains(strings.Split(step, ",")[0], " "+band) {
			return true
		}
	}
	return false
}

func TestGoldenHealthsShowEveryFeature(t *testing.T) {
	if *update {
		t.Skip("the golden file is being written anew: run again without -update")
	}
	text, err := os.ReadFile(goldenHealths)
	if err != nil {
		t.Fatal(err)
	}
	var accounts []goldenAccount
	if err := yaml.UnmarshalStrict(text, &accounts); err != nil {
		t.Fatal(err)
	}
	if len(accounts) != goldenAccounts {
		t.Errorf("%d accounts, want %d", len(accounts), goldenAccounts)
	}
	if limit := 600_000; len(text) > limit {
		t.Errorf("the file has %d bytes, want at most %d, for people read it", len(text), limit)
	}
	for _, feature := range goldenFeatures {
		n := 0
		for _, a := range accounts {
			if feature.in(a) {
				n++
			}
		}
		t.Logf("%4d accounts with %s", n, feature.name)
		if n < feature.atLeast {
			t.Errorf("%d accounts with %s, want at least %d", n, feature.name, feature.atLeast)
		}
	}
}
