//go:build unix

package docs

import (
	"fmt"
	"go/constant"
	"go/token"
	gotypes "go/types"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/score"
)

// The days of the example.
func monday() time.Time  { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }
func tuesday() time.Time { return monday().AddDate(0, 0, 1) }

// example is the account of the worked example.
type example struct {
	t       *testing.T
	text    string
	account *v1alpha1.Account
	source  *v1alpha1.DataSource
	model   *score.Model
	health  *v1alpha1.Health
}

const exampleHeading = "An example with a pocket calculator"

// newExample reads the objects of the example, and changes the model before it is compiled.
func newExample(t *testing.T, change ...func(*v1alpha1.HealthScoreModel)) *example {
	t.Helper()
	e := &example{t: t, text: section(t, exampleHeading), account: &v1alpha1.Account{}, source: &v1alpha1.DataSource{}}
	objects := objectsIn(t, e.text)
	decode(t, objects, "Account", e.account)
	decode(t, objects, "DataSource", e.source)
	e.model = compileModel(t, objects, change...)
	return e
}

// remodel puts a changed model in force.
func (e *example) remodel(change func(*v1alpha1.HealthScoreModel)) {
	e.t.Helper()
	e.model = compileModel(e.t, objectsIn(e.t, e.text), func(m *v1alpha1.HealthScoreModel) { m.Generation = 2 }, change)
}

// see evaluates the account with some values of its row changed, and remembers the result as its status does.
func (e *example) see(now time.Time, changed map[string]string) *v1alpha1.Health {
	e.t.Helper()
	ds := e.source.DeepCopy()
	for name, text := range changed {
		if _, ok := ds.Spec.Fake.Rows[0][name]; !ok {
			e.t.Fatalf("the row has no column %q", name)
		}
		ds.Spec.Fake.Rows[0][name] = v1alpha1.FakeValue(text)
	}
	facts := factsOf(e.t, ds, observe.Dependencies{}, now, e.account)
	e.health = e.model.Evaluate(score.Input{Account: e.account, Facts: facts[e.account.Name], Previous: e.health, Now: now}).Health
	e.health = throughYAML(e.t, e.health)
	return e.health
}

var wasOnMonday = regexp.MustCompile("`([a-z_]+)` was `([^`]+)`")

// onMonday is what the page says was different then.
func (e *example) onMonday() map[string]string {
	e.t.Helper()
	changed := map[string]string{}
	for _, m := range wasOnMonday.FindAllStringSubmatch(e.text, -1) {
		changed[m[1]] = m[2]
	}
	if len(changed) == 0 {
		e.t.Fatal("the page does not say what was different on Monday")
	}
	return changed
}

// play evaluates both days.
func (e *example) play() *v1alpha1.Health {
	e.t.Helper()
	e.see(monday(), e.onMonday())
	return e.see(tuesday(), nil)
}

// TestTheStatusOfTheExampleIsWhatTheOperatorComputes compares every field that the page shows.
func TestTheStatusOfTheExampleIsWhatTheOperatorComputes(t *testing.T) {
	e := newExample(t)
	got := e.play()
	shown := map[string]any{}
	for _, block := range blocksOf(e.text, "yaml") {
		if strings.HasPrefix(block, "health:") {
			if err := yaml.UnmarshalStrict([]byte(block), &struct{ Health *v1alpha1.Health }{}); err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal([]byte(block), &shown); err != nil {
				t.Fatal(err)
			}
		}
	}
	text, err := json.Marshal(map[string]any{"health": got})
	if err != nil {
		t.Fatal(err)
	}
	actual := map[string]any{}
	if err := yaml.Unmarshal(text, &actual); err != nil {
		t.Fatal(err)
	}
	if len(shown) == 0 {
		t.Fatal("the section shows no status")
	}
	for _, d := range differences("", shown, actual) {
		t.Error(d)
	}
	for _, field := range []string{"score", "measures", "changes", "rulesApplied", "pendingBand", "facts", "history"} {
		if _, ok := shown["health"].(map[string]any)[field]; !ok {
			t.Errorf("the status on the page does not show %s", field)
		}
	}
	if t.Failed() {
		all, _ := yaml.Marshal(actual)
		t.Logf("the whole status:\n%s", all)
	}
}

// differences compares what is shown with what is there: fields may be left out, elements of a list may not.
func differences(at string, shown, actual any) []string {
	var found []string
	switch shown := shown.(type) {
	case map[string]any:
		there, _ := actual.(map[string]any)
		for key, v := range shown {
			found = append(found, differences(at+"."+key, v, there[key])...)
		}
	case []any:
		there, _ := actual.([]any)
		if len(there) != len(shown) {
			return []string{fmt.Sprintf("%s: the page shows %d, there are %d: %v", at, len(shown), len(there), there)}
		}
		for i := range shown {
			found = append(found, differences(fmt.Sprintf("%s[%d]", at, i), shown[i], there[i])...)
		}
	default:
		if fmt.Sprint(shown) != fmt.Sprint(actual) {
			found = append(found, fmt.Sprintf("%s: the page says %v, the operator %v", at, shown, actual))
		}
	}
	return found
}

// sum is one line of arithmetic on the page.
type sum struct {
	name, left string
	result     float64
}

var sumLine = regexp.MustCompile(`(?m)^(\S+) +(\S.*?) += (-?[0-9.]+)(?: .*)?$`)

// sums returns the arithmetic of the example, by the name before each line.
func sums(t *testing.T, text string) map[string][]sum {
	t.Helper()
	byName, lines := map[string][]sum{}, 0
	for _, block := range blocksOf(text, "text") {
		lines += strings.Count(block, " = ")
		for _, m := range sumLine.FindAllStringSubmatch(block, -1) {
			result, err := strconv.ParseFloat(m[3], 64)
			if err != nil {
				t.Fatal(err)
			}
			byName[m[1]] = append(byName[m[1]], sum{name: m[1], left: m[2], result: result})
			lines--
		}
	}
	if lines != 0 {
		t.Fatalf("%d lines with = in them were not understood", lines)
	}
	return byName
}

var wholeNumber = regexp.MustCompile(`\b(\d+)\b(\.\d)?`)

// exactly computes an expression of numbers as a calculator does.
func exactly(t *testing.T, expression string) float64 {
	t.Helper()
	// Constants of Go are exact, but 1/2 is 0 and 1.0/2 is a half.
	expression = wholeNumber.ReplaceAllStringFunc(expression, func(n string) string {
		if strings.Contains(n, ".") {
			return n
		}
		return n + ".0"
	})
	expression = regexp.MustCompile(`(\.\d+)\.0\b`).ReplaceAllString(expression, "$1")
	v, err := gotypes.Eval(token.NewFileSet(), nil, token.NoPos, expression)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	result, _ := constant.Float64Val(constant.ToFloat(v.Value))
	return result
}

func TestExactly(t *testing.T) {
	for expression, want := range map[string]float64{
		"1 / 2": 0.5, "100 * (0.35 - 0.10) / (0.50 - 0.10)": 62.5, "-8 + -5.25": -13.25, "(67 - 67.25) - (73 - 72.5)": -0.75,
	} {
		if got := exactly(t, expression); got != want {
			t.Errorf("%s is %v, not %v", expression, got, want)
		}
	}
}

// TestTheArithmeticOfTheExampleIsRight uses the pocket calculator, and compares the results with the status.
func TestTheArithmeticOfTheExampleIsRight(t *testing.T) {
	e := newExample(t)
	health := e.play()
	results := map[string]map[string]bool{}
	for name, lines := range sums(t, e.text) {
		results[name] = map[string]bool{}
		for _, line := range lines {
			if got := exactly(t, line.left); got != line.result {
				t.Errorf("%s: %s is %v, not %v", name, line.left, got, line.result)
			}
			results[name][strconv.FormatFloat(line.result, 'f', -1, 64)] = true
		}
	}
	want := func(name, number string) {
		t.Helper()
		number = strings.TrimSuffix(number, ".0")
		if !results[name][number] {
			t.Errorf("%s is %s in the status; the page computes %v", name, number, results[name])
		}
	}
	total := 0.0
	for _, d := range health.Dimensions {
		want(d.Name, d.Points)
		points, err := strconv.ParseFloat(d.Points, 64)
		if err != nil {
			t.Fatal(err)
		}
		total += points
	}
	want("together", strconv.FormatFloat(total, 'f', -1, 64))
	want("coverage", strconv.Itoa(int(health.Coverage)))
	want("score", strconv.Itoa(int(*health.Score-*health.PreviousScore)))
	for _, line := range health.Changes {
		subject, points, _ := strings.Cut(line, ": ")
		name, _, _ := strings.Cut(subject, " ")
		want(name, points)
	}
	for _, m := range health.Measures {
		if m.Score != nil && m.Name != "pulse" && m.Name != "seats-in-use" && !roundsTo(results[m.Name], *m.Score) {
			t.Errorf("%s scores %d in the status; the page computes %v", m.Name, *m.Score, results[m.Name])
		}
	}
}

// roundsTo reports whether one of some numbers rounds to a whole one.
func roundsTo(numbers map[string]bool, whole int32) bool {
	for text := range numbers {
		if n, err := strconv.ParseFloat(text, 64); err == nil && int32(n+0.5) == whole {
			return true
		}
	}
	return false
}

// wantSentence checks that a section says something, in whatever lines.
func wantSentence(t *testing.T, text, sentence string) {
	t.Helper()
	if !strings.Contains(strings.Join(strings.Fields(text), " "), sentence) {
		t.Errorf("the page does not say: %s", sentence)
	}
}

// TestTheWordsOfTheExampleAreTrue checks the numbers that stand in sentences.
func TestTheWordsOfTheExampleAreTrue(t *testing.T) {
	e := newExample(t)
	health := e.play()
	wantSentence(t, e.text, fmt.Sprintf("`71.25` rounds to %d. The rule `escalated` holds, and its cap makes that %d.",
		*health.Score-health.RulesApplied[0].Points, *health.Score))
	wantSentence(t, e.text, fmt.Sprintf("On Monday the score was %d, from 76.5 points", *health.PreviousScore))
	for _, m := range health.Measures {
		switch m.Name {
		case "seats-in-use":
			wantSentence(t, e.text, fmt.Sprintf("reaches the step of 60, which scores %d", *m.Score))
		case "pulse":
			wantSentence(t, e.text, fmt.Sprintf("%s scores %d", m.Value, *m.Score))
		}
	}

	wantSentence(t, e.text, "with the margin of 2 a score of 68 would still be Healthy")
	e = newExample(t, func(m *v1alpha1.HealthScoreModel) { m.Spec.Rules[0].Cap, m.Spec.Rules[0].Set = nil, ptr.To(int32(68)) })
	if got := e.play(); got.PendingBand != nil || got.Band != "Healthy" {
		t.Errorf("at %d the band is %s, pending %v", *got.Score, got.Band, got.PendingBand)
	}
	e = newExample(t, func(m *v1alpha1.HealthScoreModel) { m.Spec.Rules[0].Timing = v1alpha1.TimingImmediate })
	if got := e.play(); got.PendingBand != nil || got.Band != "AtRisk" {
		t.Errorf("with timing: Immediate the band is %s, pending %v", got.Band, got.PendingBand)
	}
	e = newExample(t)
	if got := e.see(e.play().PendingBand.EffectiveTime.Time, nil); got.PendingBand != nil || got.Band != "AtRisk" {
		t.Errorf("after the hold the band is %s, pending %v", got.Band, got.PendingBand)
	}
}

// TestTheLinesOfChangesAreReal makes each line that the page explains.
func TestTheLinesOfChangesAreReal(t *testing.T) {
	lines := map[string]bool{}
	add := func(h *v1alpha1.Health) {
		for _, line := range h.Changes {
			lines[line] = true
		}
	}
	e := newExample(t)
	add(e.play())
	add(e.see(tuesday().Add(time.Hour), map[string]string{"escalated": "No"}))
	e = newExample(t)
	e.see(monday(), map[string]string{"escalated": "No", "csat": "4.8"})
	add(e.see(tuesday(), map[string]string{"escalated": "No"}))
	e = newExample(t)
	e.see(monday(), e.onMonday())
	e.see(tuesday(), map[string]string{"dau_mau": "0.42", "escalated": "No", "open_tickets": "", "pulse": ""})
	add(e.see(tuesday().Add(time.Hour), map[string]string{"dau_mau": "0.42", "escalated": "No", "pulse": "Good"}))
	e = newExample(t)
	e.play()
	e.remodel(func(m *v1alpha1.HealthScoreModel) { m.Spec.Rules[0].Cap = ptr.To(int32(51)) })
	got := e.see(tuesday().Add(time.Hour), nil)
	if got.PreviousScore != nil || got.Trend != v1alpha1.TrendStable {
		t.Errorf("under a changed model the previous score is %v, the trend %s", got.PreviousScore, got.Trend)
	}
	add(got)

	for _, row := range tableOf(t, section(t, "Why the score moved"), "line", "means") {
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[0], -1) {
			if line := m[1]; !lines[line] && !strings.Contains(line, " more: ") {
				t.Errorf("no change was explained by %q, only by %v", line, lines)
			}
		}
	}
}
