package score

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// customer returns an account whose health the model enterprise computed: its measures wau, depth and tickets are in
// states.
func customer(band v1alpha1.BandName, score *int32, coverage int32, arr int64, states ...v1alpha1.ValueState) v1alpha1.Account {
	a := v1alpha1.Account{Spec: v1alpha1.AccountSpec{Contract: &v1alpha1.Contract{ARR: &arr}}}
	a.Status.Health = &v1alpha1.Health{Model: "enterprise", Band: band, Score: score, Coverage: coverage}
	for i, name := range []string{"wau", "depth", "tickets"} {
		measure := v1alpha1.MeasureScore{Name: name, State: v1alpha1.ValueFresh}
		if i < len(states) {
			measure.State = states[i]
		}
		a.Status.Health.Measures = append(a.Status.Health.Measures, measure)
	}
	return a
}

// Short names of states.
const (
	fresh   = v1alpha1.ValueFresh
	missing = v1alpha1.ValueMissing
	stale   = v1alpha1.ValueStale
	errored = v1alpha1.ValueErrored
)

func TestASummaryCounts(t *testing.T) {
	none := []v1alpha1.BandSummary{{Name: "Healthy"}, {Name: "AtRisk"}, {Name: "Critical"}}
	other := customer("Healthy", ptr.To[int32](90), 100, 5)
	other.Status.Health.Model = "standard"
	unscored := v1alpha1.Account{Status: v1alpha1.AccountStatus{Health: &v1alpha1.Health{Model: "enterprise", Band: v1alpha1.BandUnknown}}}
	for name, test := range map[string]struct {
		accounts []v1alpha1.Account
		want     Summary
	}{
		"nothing": {nil, Summary{Bands: none}},
		"no account of another model, none that is not scored, and none that was never looked at": {
			[]v1alpha1.Account{other, unscored, {}}, Summary{Bands: none},
		},
		"accounts and what they are worth by band, the best first": {
			[]v1alpha1.Account{customer("Critical", ptr.To[int32](10), 100, 5), customer("Healthy", ptr.To[int32](90), 100, 7), customer("Critical", ptr.To[int32](11), 100, 6)},
			Summary{
				Accounts: 3, AverageScore: ptr.To[int32](37), AverageCoverage: ptr.To[int32](100),
				Bands: []v1alpha1.BandSummary{{Name: "Healthy", Accounts: 1, ARR: 7}, {Name: "AtRisk"}, {Name: "Critical", Accounts: 2, ARR: 11}},
			},
		},
		"Unknown last, and bands that the model once had before it, by name": {
			[]v1alpha1.Account{
				customer(v1alpha1.BandUnknown, nil, 0, 1), customer("Red", ptr.To[int32](10), 100, 2), customer("Amber", ptr.To[int32](50), 100, 3),
				customer("AtRisk", ptr.To[int32](51), 100, 4),
			},
			Summary{
				Accounts: 4, AverageScore: ptr.To[int32](37), AverageCoverage: ptr.To[int32](75),
				Bands: []v1alpha1.BandSummary{
					{Name: "Healthy"},
					{Name: "AtRisk", Accounts: 1, ARR: 4},
					{Name: "Critical"},
					{Name: "Amber", Accounts: 1, ARR: 3},
					{Name: "Red", Accounts: 1, ARR: 2},
					{Name: v1alpha1.BandUnknown, Accounts: 1, ARR: 1},
				},
			},
		},
		"the average of the scores that there are, a half up": {
			[]v1alpha1.Account{customer("AtRisk", ptr.To[int32](50), 100, 0), customer("AtRisk", ptr.To[int32](51), 100, 0), customer(v1alpha1.BandUnknown, nil, 100, 0)},
			Summary{
				Accounts: 3, AverageScore: ptr.To[int32](51), AverageCoverage: ptr.To[int32](100),
				Bands: []v1alpha1.BandSummary{{Name: "Healthy"}, {Name: "AtRisk", Accounts: 2}, {Name: "Critical"}, {Name: v1alpha1.BandUnknown, Accounts: 1}},
			},
		},
		"the average coverage, cut: 100 only where all have all": {
			[]v1alpha1.Account{customer("AtRisk", ptr.To[int32](50), 99, 0), customer("AtRisk", ptr.To[int32](50), 100, 0)},
			Summary{
				Accounts: 2, AverageScore: ptr.To[int32](50), AverageCoverage: ptr.To[int32](99),
				Bands: []v1alpha1.BandSummary{{Name: "Healthy"}, {Name: "AtRisk", Accounts: 2}, {Name: "Critical"}},
			},
		},
		"no fresh value by measure, those that most lack first, then in the model's order": {
			[]v1alpha1.Account{
				customer("AtRisk", ptr.To[int32](50), 100, 0, missing, missing, errored),
				customer("AtRisk", ptr.To[int32](50), 100, 0, stale, errored, stale),
				customer("AtRisk", ptr.To[int32](50), 100, 0, fresh, fresh, missing),
			},
			Summary{
				Accounts: 3, AverageScore: ptr.To[int32](50), AverageCoverage: ptr.To[int32](100),
				Bands: []v1alpha1.BandSummary{{Name: "Healthy"}, {Name: "AtRisk", Accounts: 3}, {Name: "Critical"}},
				Missing: []v1alpha1.MissingMeasure{
					{Measure: "tickets", Accounts: 3, Stale: 1, Errored: 1}, {Measure: "wau", Accounts: 2, Stale: 1}, {Measure: "depth", Accounts: 2, Errored: 1},
				},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Summarize(object(t, plain), test.accounts)
			if len(got.Missing) == 0 {
				got.Missing = nil
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(- want, + got):\n%s", diff)
			}
		})
	}
}

func TestASummarySaysNothingOfMeasuresThatAnEarlierGenerationHad(t *testing.T) {
	a := customer("AtRisk", ptr.To[int32](50), 100, 0, missing, missing, missing)
	a.Status.Health.Measures[0].Name = "logins" // renamed to wau since
	got := Summarize(object(t, plain), []v1alpha1.Account{a}).Missing
	want := []v1alpha1.MissingMeasure{{Measure: "depth", Accounts: 1}, {Measure: "tickets", Accounts: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(- want, + got):\n%s", diff)
	}
}

func TestWhatIsNotScoredIsMissingAfterWhatIs(t *testing.T) {
	m := object(t, plain+"- {name: sentiment, dimension: support, weight: 0, from: {measurement: sentiment}}\n")
	accounts := []v1alpha1.Account{customer("AtRisk", nil, 0, 0, fresh, fresh, stale), customer("AtRisk", nil, 0, 0)}
	for i := range accounts {
		h := accounts[i].Status.Health
		h.Measures = append(h.Measures, v1alpha1.MeasureScore{Name: "sentiment", State: missing})
	}
	want := []v1alpha1.MissingMeasure{{Measure: "tickets", Accounts: 1, Stale: 1}, {Measure: "sentiment", Accounts: 2}}
	if diff := cmp.Diff(want, Summarize(m, accounts).Missing); diff != "" {
		t.Errorf("(- want, + got):\n%s", diff)
	}
}

func TestASummaryFitsIntoAStatus(t *testing.T) {
	var accounts []v1alpha1.Account
	for i := range 60 {
		accounts = append(accounts, customer(v1alpha1.BandName(fmt.Sprintf("Once%02d", i)), ptr.To[int32](1), 100, 1))
	}
	accounts = append(accounts, customer(v1alpha1.BandUnknown, nil, 0, 1))
	got := Summarize(object(t, plain), accounts).Bands
	if n := len(got); n != 32 || got[0].Name != "Healthy" || got[31].Name != v1alpha1.BandUnknown {
		t.Errorf("%d bands, the first %s, the last %s", n, got[0].Name, got[n-1].Name)
	}
}

func TestTheTextOfASummary(t *testing.T) {
	accounts := []v1alpha1.Account{customer("Healthy", ptr.To[int32](90), 100, 0), customer(v1alpha1.BandUnknown, nil, 0, 0), customer("Healthy", ptr.To[int32](90), 100, 0)}
	if got, want := Summarize(object(t, plain), accounts).Text(), "2 Healthy, 0 AtRisk, 0 Critical, 1 Unknown"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Summarize(object(t, plain), nil).Text(); got != "" {
		t.Errorf("of no accounts: %q", got)
	}
}

// TestWhatCountsAsItDidIsCountedAsItWas holds the two functions together: the operator counts anew only where
// SameInSummary says that an account counts differently.
func TestWhatCountsAsItDidIsCountedAsItWas(t *testing.T) {
	m := object(t, plain)
	changes := []func(*rapid.T, *v1alpha1.Account){
		func(t *rapid.T, a *v1alpha1.Account) {},
		func(t *rapid.T, a *v1alpha1.Account) { a.Status.Health = nil },
		func(t *rapid.T, a *v1alpha1.Account) { a.Spec.Contract = nil },
		func(t *rapid.T, a *v1alpha1.Account) { a.Status.Health.Measures = nil },
		func(t *rapid.T, a *v1alpha1.Account) { a.Status.Health.Model = "standard" },
		func(t *rapid.T, a *v1alpha1.Account) { a.Status.Health.Band = "AtRisk" },
		func(t *rapid.T, a *v1alpha1.Account) { a.Status.Health.Coverage++ },
		func(t *rapid.T, a *v1alpha1.Account) { *a.Spec.Contract.ARR++ },
		func(t *rapid.T, a *v1alpha1.Account) { a.Status.Health.Score = anyScore(t) },
		func(t *rapid.T, a *v1alpha1.Account) {
			a.Status.Health.Measures[rapid.IntRange(0, 2).Draw(t, "measure")].State = anyState(t)
		},
	}
	rapid.Check(t, func(t *rapid.T) {
		before := customer("Healthy", anyScore(t), 100, 7, anyState(t), anyState(t), anyState(t))
		after := before.DeepCopy()
		rapid.SampledFrom(changes).Draw(t, "change")(t, after)
		same := cmp.Equal(Summarize(m, []v1alpha1.Account{before}), Summarize(m, []v1alpha1.Account{*after}))
		if SameInSummary(&before, after) != same || SameInSummary(after, &before) != same {
			t.Fatalf("the same summary: %t; counts as it did: %t\n%+v\n%+v", same, !same, before, after)
		}
	})
}

func anyScore(t *rapid.T) *int32 {
	if rapid.Bool().Draw(t, "unscored") {
		return nil
	}
	return ptr.To(rapid.Int32Range(50, 52).Draw(t, "score"))
}

func anyState(t *rapid.T) v1alpha1.ValueState {
	return rapid.SampledFrom([]v1alpha1.ValueState{fresh, missing, stale, errored}).Draw(t, "state")
}

// TestWhatMakesNoDifferenceToASummary is what changes in a status all the time.
func TestWhatMakesNoDifferenceToASummary(t *testing.T) {
	before := customer("AtRisk", ptr.To[int32](50), 100, 7)
	for name, change := range map[string]func(*v1alpha1.Account){
		"values and times": func(a *v1alpha1.Account) {
			a.Status.Health.Measures[0].Value, a.Status.Health.Measures[0].ObservedTime = "7", &metav1.Time{Time: begin()}
		},
		"playbooks and tasks": func(a *v1alpha1.Account) { a.Status.OpenTasks = 3 },
		"who owns it":         func(a *v1alpha1.Account) { a.Spec.Owner = "jo" },
	} {
		t.Run(name, func(t *testing.T) {
			after := before.DeepCopy()
			change(after)
			if !SameInSummary(&before, after) {
				t.Error("it counts differently")
			}
		})
	}
}
