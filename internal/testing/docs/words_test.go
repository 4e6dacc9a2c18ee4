//go:build unix

package docs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/score"
)

// onlyMeasure is a change of a model that leaves one measure in it.
func onlyMeasure(measure v1alpha1.Measure) func(*v1alpha1.HealthScoreModel) {
	return func(m *v1alpha1.HealthScoreModel) {
		measure.Name, measure.Dimension, measure.Weight = "only", m.Spec.Dimensions[0].Name, 1
		m.Spec.Dimensions, m.Spec.Measures, m.Spec.Rules = m.Spec.Dimensions[:1], []v1alpha1.Measure{measure}, nil
	}
}

// tryScale compiles a scale.
func tryScale(s *v1alpha1.Scale) error {
	m := &v1alpha1.HealthScoreModel{}
	m.Spec.Bands = []v1alpha1.Band{{Name: "Healthy"}}
	m.Spec.Dimensions = []v1alpha1.Dimension{{Name: "all", Weight: 1}}
	onlyMeasure(v1alpha1.Measure{From: v1alpha1.MeasureFrom{Source: "usage", Metric: "wau"}, Scale: s})(m)
	_, err := score.Compile(m)
	return err
}

func TestTheScalesOfThePageCompile(t *testing.T) {
	shown := map[string]bool{}
	for _, row := range tableOf(t, section(t, "From a value to a band"), "scale", "what it makes of a value") {
		s := &v1alpha1.Scale{}
		if err := yaml.UnmarshalStrict([]byte(code(t, row[0])), s); err != nil {
			t.Fatal(err)
		}
		if err := tryScale(s); err != nil {
			t.Errorf("%s: %v", row[0], err)
		}
		name, _, _ := strings.Cut(code(t, row[0]), ":")
		shown[name] = true
	}
	if got := slices.Sorted(maps.Keys(shown)); !slices.Equal(got, []string{"categories", "expression", "linear", "steps"}) {
		t.Errorf("the page shows the scales %v", got)
	}
}

func TestAnExpressionWithoutAResultSaysWhatThePageSays(t *testing.T) {
	for _, row := range tableOf(t, section(t, "Expressions"), "expression", "the account", "message") {
		expression := code(t, row[0])
		e := newExample(t, onlyMeasure(v1alpha1.Measure{
			From: v1alpha1.MeasureFrom{Expression: v1alpha1.Expression(expression)}, Scale: &v1alpha1.Scale{Linear: &v1alpha1.LinearScale{Worst: "0", Best: "1"}},
		}))
		if row[1] == "no contract" {
			e.account.Spec.Contract = nil
		}
		if m := e.see(tuesday(), nil).Measures[0]; m.State != v1alpha1.ValueMissing || m.Message != code(t, row[2]) {
			t.Errorf("%s: the page says %s, the status %s %q", expression, row[2], m.State, m.Message)
		}
	}
}

// inWords puts an example of each type in the place of the page's letters.
var inWords = map[string]string{
	"a": "metrics.usage.wau", "b": "2.5", "t": "account.spec.contract.renewalDate", "s": "account.spec.owner", "x": "account.spec.owner",
}

var letter = regexp.MustCompile(`\b[abtsx]\b`)

func TestTheFunctionsOfThePageExist(t *testing.T) {
	tried := 0
	for _, row := range tableOf(t, section(t, "Expressions"), "function", "gives") {
		spans := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[0]+row[1], -1)
		for _, span := range spans {
			parts := strings.Split(span[1], "'") // every second one stands in quotes
			for i := range parts {
				if i%2 == 0 {
					parts[i] = letter.ReplaceAllStringFunc(parts[i], func(s string) string { return inWords[s] })
				}
			}
			expression := strings.Join(parts, "'")
			if expression == "now" || strings.HasPrefix(expression, "--") {
				continue
			}
			tried++
			// A length of time is no value: it is compared with another.
			if strings.HasPrefix(expression, "days(") || strings.HasPrefix(expression, "period(") {
				expression += " < days(1)"
			}
			if _, err := expr.CompileValue(expr.ContextMeasure, v1alpha1.Expression(expression)); err != nil {
				t.Errorf("%s, as %s: %v", span[1], expression, err)
			}
		}
	}
	if tried < 15 {
		t.Errorf("only %d functions were found", tried)
	}
	if _, err := expr.CompileValue(expr.ContextMeasure, "now"); err == nil {
		t.Error("the page says that there is no now")
	}
}

func TestTheVariablesOfExpressionsAreThoseOfThePage(t *testing.T) {
	contexts := []expr.Context{expr.ContextMeasure, expr.ContextScale, expr.ContextRule}
	reading := map[string]string{
		"metrics": "metrics.usage.wau == 1", "measures": "measures['a'].score == 1", "score": "score == 1", "value": "value == 1",
		"account": "account.name == 'a'", "today": "today == today", "health": "health.score == 1",
	}
	for i, row := range tableOf(t, section(t, "Expressions"), "where", "reads", "result") {
		for name, expression := range reading {
			_, err := expr.CompileBool(contexts[i], v1alpha1.Expression(expression))
			if says := strings.Contains(row[1], "`"+name+"`"); says != (err == nil) {
				t.Errorf("%s: the page says of %s: %v; the compiler: %v", row[0], name, says, err)
			}
		}
	}
}

func TestTheChildrenOfThePageAddUp(t *testing.T) {
	text := section(t, "Groups")
	objects := objectsIn(t, text)
	parent := &v1alpha1.Account{}
	decode(t, objects, "Account", parent, "acme-group")
	var children []*v1alpha1.Account
	var scores []score.Child
	for _, m := range regexp.MustCompile(`(acme-[a-z]+) at (\d+)`).FindAllStringSubmatch(text, -1) {
		child := &v1alpha1.Account{}
		decode(t, objects, "Account", child, m[1])
		points, err := strconv.ParseInt(m[2], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		if child.Spec.ParentRef == nil || child.Spec.ParentRef.Name != parent.Name {
			t.Errorf("%s is not part of %s", child.Name, parent.Name)
		}
		children = append(children, child)
		scores = append(scores, score.Child{Name: child.Name, Score: ptr.To(int32(points)), ARR: account.TotalARR(child)})
	}
	if len(children) < 2 {
		t.Fatal("the page does not say how the children do")
	}
	for _, row := range tableOf(t, text, "`from.children`", "value", "is") {
		model := compileModel(t, objects, onlyMeasure(v1alpha1.Measure{From: v1alpha1.MeasureFrom{Children: v1alpha1.ChildrenMode(code(t, row[0]))}}))
		health := model.Evaluate(score.Input{Account: parent, Children: scores, Now: tuesday()}).Health
		if m := health.Measures[0]; m.Value != row[1] || fmt.Sprint(*health.Score) != row[1] {
			t.Errorf("%s of the children is %s and scores %d, the page says %s", row[0], m.Value, *health.Score, row[1])
		}
	}
	rollup := account.Rollup(parent, children)
	wantSentence(t, text, fmt.Sprintf("their ARR together with its own: %d here", rollup.ARR))

	model := compileModel(t, objects)
	if got := model.Evaluate(score.Input{Account: parent, Children: scores, Now: tuesday()}).Health; len(got.RulesApplied) != 0 {
		t.Errorf("the rule holds: %v", got.RulesApplied)
	}
	scores[1].Score = ptr.To(int32(20))
	if got := model.Evaluate(score.Input{Account: parent, Children: scores, Now: tuesday()}).Health; len(got.RulesApplied) != 1 {
		t.Error("the rule does not hold")
	}
}

// TestADayThatPassesChangesNothingThatIsNotFresh is about the page's example of a scale with days.
func TestADayThatPassesChangesNothingThatIsNotFresh(t *testing.T) {
	objects := objectsIn(t, section(t, "Expressions"))
	m := &v1alpha1.HealthScoreModel{}
	decode(t, objects, "HealthScoreModel", m)
	last := m.Spec.Measures[slices.IndexFunc(m.Spec.Measures, func(m v1alpha1.Measure) bool { return m.Name == "last-review" })]
	wantSentence(t, section(t, "From a value to a band"), "`expression: \""+string(last.Scale.Expression)+"\"`")

	e := newExample(t, onlyMeasure(last))
	ds := &v1alpha1.DataSource{}
	ds.Name, ds.Spec.Account.Field = "crm", "account"
	ds.Spec.Metrics = []v1alpha1.Metric{{Name: "last_review", Type: v1alpha1.MetricTime}}
	ds.Spec.Fake = &v1alpha1.FakeSource{Rows: []v1alpha1.FakeRow{{"account": "acme", "last_review": "2026-11-13"}}}
	facts := factsOf(t, ds, observe.Dependencies{}, monday(), e.account)["acme"]
	in := score.Input{Account: e.account, Facts: facts, Now: monday()}
	evaluate := func(now time.Time) v1alpha1.MeasureScore {
		t.Helper()
		in.Now = now
		in.Previous = throughYAML(t, e.model.Evaluate(in).Health)
		return in.Previous.Measures[0]
	}
	if m := evaluate(monday()); *m.Score != 80 || m.AsOf != "2026-11-23" {
		t.Errorf("after ten days the score is %d as of %q", *m.Score, m.AsOf)
	}
	if m := evaluate(tuesday()); *m.Score != 78 {
		t.Errorf("a day later the score is %d", *m.Score)
	}
	for ref, o := range facts {
		o.State = v1alpha1.ValueErrored
		facts[ref] = o
	}
	evaluate(tuesday().Add(time.Hour))
	if m := evaluate(tuesday().AddDate(0, 0, 5)); *m.Score != 78 || m.AsOf != "2026-11-24" || m.State != v1alpha1.ValueErrored {
		t.Errorf("five days into an outage the score is %d as of %q, %s", *m.Score, m.AsOf, m.State)
	}
}

func TestWhatIsMissingCountsAsThePageSays(t *testing.T) {
	text := section(t, "Values that are not there")
	counts := map[string]string{}
	for _, row := range tableOf(t, text, "`whenMissing`", "counts as") {
		modes := regexp.MustCompile("`([A-Za-z]+)`").FindAllStringSubmatch(row[0], -1)
		numbers := strings.Split(row[1], ", ")
		for i, mode := range modes {
			counts[mode[1]] = numbers[min(i, len(numbers)-1)]
		}
	}
	shown := map[string]string{"Skip": "nothing: the weight goes to the other measures", "LastKnown": "its last score"}
	for _, mode := range []string{"Worst", "Neutral", "Best", "Skip", "LastKnown"} {
		e := newExample(t, func(m *v1alpha1.HealthScoreModel) { m.Spec.Measures[3].WhenMissing = v1alpha1.WhenMissing(mode) })
		e.see(monday(), map[string]string{"csat": "4.8"})
		got := e.see(tuesday(), nil)
		csat, coverage := got.Measures[3], map[bool]int32{true: 100, false: 88}[mode == "LastKnown"]
		if got.Coverage != coverage {
			t.Errorf("%s: the coverage is %d, not %d", mode, got.Coverage, coverage)
		}
		switch says := counts[mode]; {
		case shown[mode] != "" && says != shown[mode]:
			t.Errorf("%s counts as %q on the page, not as %q", mode, says, shown[mode])
		case mode == "Skip" && csat.Score != nil, mode == "LastKnown" && *csat.Score != 100:
			t.Errorf("%s scores %v", mode, csat.Score)
		case shown[mode] == "" && says != fmt.Sprint(*csat.Score):
			t.Errorf("%s counts as %s on the page, and scores %d", mode, says, *csat.Score)
		}
	}
	wantSentence(t, text, "be it the last known one; `Worst`, `Neutral` and `Best` make a score and no value")
}

func TestTheMarginIsWhatThePageSays(t *testing.T) {
	text := section(t, "Bands that keep calm")
	m := regexp.MustCompile(`With a margin of (\d) a Healthy account becomes AtRisk at (\d+), and an AtRisk one\s+Healthy at (\d+)`).FindStringSubmatch(text)
	if m == nil {
		t.Fatal("the page has no example of a margin")
	}
	var numbers [3]int32
	for i := range numbers {
		n, err := strconv.ParseInt(m[i+1], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		numbers[i] = int32(n)
	}
	margin, down, up := numbers[0], numbers[1], numbers[2]
	for _, c := range []struct {
		from, to int32
		want     v1alpha1.BandName
	}{{90, down + 1, "Healthy"}, {90, down, "AtRisk"}, {50, up - 1, "AtRisk"}, {50, up, "Healthy"}} {
		e := newExample(t)
		for i, points := range []int32{c.from, c.to} {
			e.model = compileModel(t, objectsIn(t, e.text), func(m *v1alpha1.HealthScoreModel) {
				m.Spec.BandChange = &v1alpha1.BandChange{Margin: margin}
				m.Spec.Rules = []v1alpha1.Rule{{Name: "exactly", When: "true", Set: ptr.To(points)}}
			})
			e.see(monday().Add(time.Duration(i)*time.Hour), nil)
		}
		if e.health.Band != c.want {
			t.Errorf("from %d to %d the band is %s, not %s", c.from, c.to, e.health.Band, c.want)
		}
	}
}
