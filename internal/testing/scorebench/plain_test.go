package scorebench

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/score"
)

// compiled returns the model of the comparison.
func compiled(t testing.TB, expressions bool) *score.Model {
	t.Helper()
	object, err := Model(expressions)
	if err != nil {
		t.Fatal(err)
	}
	m, err := score.Compile(object)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// plain returns the hand-written loop for the model.
func plain(expressions bool) func(*Values, Memory, int64, *Outcome) {
	if expressions {
		return ScoreComputed
	}
	return Score
}

// outcomeOf returns the numbers of a health.
func outcomeOf(t testing.TB, h *v1alpha1.Health) Outcome {
	t.Helper()
	o := Outcome{Score: number(h.Score), Band: rank(h.Band), Pending: none, Coverage: h.Coverage}
	if h.PendingBand != nil {
		o.Pending, o.Since = rank(h.PendingBand.Band), h.PendingBand.Since.Unix()
	}
	for d, shown := range h.Dimensions {
		o.DimensionScores[d], o.DimensionPoints[d] = number(shown.Score), thousandths(t, shown.Points)
	}
	for i, shown := range h.Measures {
		o.Scores[i], o.Points[i] = number(shown.Score), thousandths(t, shown.Points)
	}
	return o
}

func number(n *int32) int32 {
	if n == nil {
		return none
	}
	return *n
}

// thousandths reads points as a status shows them.
func thousandths(t testing.TB, points string) int64 {
	t.Helper()
	if points == "" {
		return 0
	}
	whole, fraction, _ := strings.Cut(points, ".")
	n, err := strconv.ParseInt(whole+(fraction + "000")[:3], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheHandWrittenLoopComputesWhatEvaluateComputes(t *testing.T) {
	fleet := Fleet(1000)
	for _, expressions := range []bool{false, true} {
		m := compiled(t, expressions)
		checkPlain(t, m, expressions, fleet, Inputs(m, fleet))
	}
}

// checkPlain compares the hand-written loop with Evaluate on every account, and makes sure that the accounts differ enough
// for that to say something.
func checkPlain(t testing.TB, m *score.Model, expressions bool, fleet []Account, inputs []score.Input) {
	t.Helper()
	unknown, pending, skipped := 0, 0, 0
	bandsSeen := map[v1alpha1.BandName]bool{}
	for i := range fleet {
		h := m.Evaluate(inputs[i]).Health
		memory := MemoryOf(inputs[i].Previous)
		var got Outcome
		plain(expressions)(&fleet[i].Now, memory, inputs[i].Now.Unix(), &got)
		if diff := cmp.Diff(outcomeOf(t, h), got); diff != "" {
			t.Fatalf("account %d: Evaluate, and the hand-written loop:\n%s", i, diff)
		}
		explained := Explained(m, expressions, &fleet[i].Now, memory, inputs[i].Previous, inputs[i].Now)
		aside := cmp.Options{
			cmpopts.IgnoreFields(v1alpha1.Health{}, "Trend", "History", "Changes", "PreviousScore", "Facts"),
			cmpopts.IgnoreFields(v1alpha1.MeasureScore{}, "Message", "From"),
		}
		if diff := cmp.Diff(h, explained, aside); diff != "" {
			t.Fatalf("account %d: Evaluate, and the hand-written explanation:\n%s", i, diff)
		}
		bandsSeen[h.Band] = true
		if h.Score == nil {
			unknown++
		}
		if h.PendingBand != nil {
			pending++
		}
		if h.Coverage < 100 && h.Score != nil {
			skipped++
		}
	}
	if len(bandsSeen) != len(bands)+1 || unknown == 0 || pending == 0 || skipped == 0 {
		t.Errorf("bands %v, %d Unknown, %d pending, %d with skipped weight: the fleet shows too little", bandsSeen, unknown, pending, skipped)
	}
}
