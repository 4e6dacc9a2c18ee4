package score

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestCompileNamesWhatIsWrong(t *testing.T) {
	const bands = "bands: [{name: Fine, min: 0}]\n"
	const dimension = "dimensions: [{name: all, weight: 1}]\n"
	const measure = "measures: [{name: m, dimension: all, weight: 1, from: {source: s, metric: m}, scale: {linear: {worst: 0, best: 1}}}]\n"
	oneMeasure := func(rest string) string {
		return bands + dimension + "measures: [{name: m, dimension: all, " + rest + "}]\n"
	}
	rule := func(rest string) string {
		return bands + dimension + measure + "rules: [{name: r, " + rest + "}]\n"
	}
	const from = "from: {source: s, metric: m}, "
	for name, test := range map[string]struct{ spec, want string }{
		"a selector with an operator that there is not": {
			bands + dimension + measure + "accountSelector: {matchExpressions: [{key: a, operator: Like}]}", "spec.accountSelector: Invalid value",
		},
		"a coverage above 100": {bands + dimension + measure + "minimumCoverage: 101", "spec.minimumCoverage: Invalid value: 101: must be between 0 and 100"},
		"a trend window of more than four weeks": {
			bands + dimension + measure + "trend: {window: 29d}", `spec.trend.window: Invalid value: "29d": must be at most 28d`,
		},
		"a trend window that is no duration": {bands + dimension + measure + "trend: {window: soon}", "spec.trend.window: Invalid value"},
		"a trend threshold below 1":          {bands + dimension + measure + "trend: {threshold: -1}", "spec.trend.threshold: Invalid value"},
		"no band with min 0":                 {dimension + measure + "bands: [{name: Fine, min: 1}]", "spec.bands: Required value"},
		"two bands with one min": {
			dimension + measure + "bands: [{name: Fine, min: 0}, {name: Bad, min: 0}]", "spec.bands[Bad].min: Duplicate value: 0",
		},
		"two bands with one name": {
			dimension + measure + "bands: [{name: Fine, min: 0}, {name: Fine, min: 1}]", `spec.bands[Fine].name: Duplicate value: "Fine"`,
		},
		"a band called Unknown":    {dimension + measure + "bands: [{name: Unknown, min: 0}]", "spec.bands[Unknown].name: Invalid value"},
		"a margin above 50":        {bands + dimension + measure + "bandChange: {margin: 51}", "spec.bandChange.margin: Invalid value: 51"},
		"a hold that is no time":   {bands + dimension + measure + "bandChange: {hold: 1x}", "spec.bandChange.hold: Invalid value"},
		"no dimension":             {bands + measure, "spec.dimensions: Required value"},
		"a dimension of no weight": {bands + "dimensions: [{name: all, weight: 0}]\n" + measure, "spec.dimensions[all].weight: Invalid value: 0"},
		"two dimensions of one name": {
			bands + "dimensions: [{name: all, weight: 1}, {name: all, weight: 1}]\n" + measure, `spec.dimensions[all].name: Duplicate value: "all"`,
		},
		"a dimension without a measure": {
			bands + "dimensions: [{name: all, weight: 1}, {name: idle, weight: 1}]\n" + measure, "spec.dimensions[idle]: Required value",
		},
		"more dimensions than a status holds": {
			bands + "dimensions: [" + strings.Repeat("{name: all, weight: 1},", 17) + "]\n" + measure, "spec.dimensions: Too many",
		},
		"a measure of no dimension of the model": {
			bands + dimension + "measures: [{name: m, dimension: none, weight: 1, " + from + "scale: {linear: {worst: 0, best: 1}}}]", `spec.measures[m].dimension: Not found: "none"`,
		},
		"two measures of one name": {
			bands + dimension + "measures: [" + strings.Repeat("{name: m, dimension: all, weight: 1, "+from+"scale: {linear: {worst: 0, best: 1}}},", 2) + "]",
			`spec.measures[m].name: Duplicate value: "m"`,
		},
		"a weight without a scale":                  {oneMeasure("weight: 1, " + from), "spec.measures[m].scale: Required value"},
		"a scale of two kinds":                      {oneMeasure("weight: 1, " + from + "scale: {linear: {worst: 0, best: 1}, steps: [{min: 0, score: 1}]}"), "spec.measures[m].scale: Invalid value"},
		"a line without slope, written in two ways": {oneMeasure("weight: 1, " + from + `scale: {linear: {worst: "0.5", best: "0.50"}}`), "spec.measures[m].scale.linear.best: Invalid value"},
		"a line that ends in a word":                {oneMeasure("weight: 1, " + from + "scale: {linear: {worst: 0, best: much}}"), `spec.measures[m].scale.linear.best: Invalid value: "much": not a number`},
		"two steps with one min":                    {oneMeasure("weight: 1, " + from + `scale: {steps: [{min: 1, score: 1}, {min: "1.0", score: 2}]}`), "spec.measures[m].scale.steps[1].min: Duplicate value"},
		"a step above 100":                          {oneMeasure("weight: 1, " + from + "scale: {steps: [{min: 1, score: 101}]}"), "spec.measures[m].scale.steps[0].score: Invalid value: 101"},
		"two scores for one word":                   {oneMeasure("weight: 1, " + from + `scale: {categories: [{value: Good, score: 1}, {value: "Good ", score: 2}]}`), "spec.measures[m].scale.categories[Good ].value: Duplicate value"},
		"a value from a source and a person":        {oneMeasure("weight: 0, from: {source: s, metric: m, measurement: x}"), "spec.measures[m].from: Invalid value"},
		"a value from nowhere":                      {oneMeasure("weight: 0, from: {source: s}"), "spec.measures[m].from: Invalid value"},
		"a maxAge that is no time":                  {oneMeasure("weight: 0, maxAge: old, " + from), "spec.measures[m].maxAge: Invalid value"},
		"a whenMissing that there is not":           {oneMeasure("weight: 0, whenMissing: Guess, " + from), "spec.measures[m].whenMissing: Unsupported value"},
		"a rule without an effect":                  {rule(`when: "score > 1"`), "spec.rules[r]: Invalid value"},
		"a rule of two effects":                     {rule(`when: "score > 1", cap: 1, set: 2`), "spec.rules[r]: Invalid value"},
		"a cap above 100":                           {rule(`when: "score > 1", cap: 101`), "spec.rules[r].cap: Invalid value: 101"},
		"a timing that there is not":                {rule(`when: "score > 1", cap: 1, timing: Soon`), "spec.rules[r].timing: Unsupported value"},
		"a rule that does not compile":              {rule(`when: "score >", cap: 1`), "spec.rules[r].when: Invalid value"},
		"a rule with a misspelt field":              {rule(`when: "account.spec.ownr == 'jo'", cap: 1`), "ownr"},
		"a rule on a measure that there is not":     {rule(`when: "measures['x'].score > 1", cap: 1`), `spec.rules[r].when: Invalid value: "measures['x'].score > 1": the model has no measure "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Compile(object(t, test.spec))
			if err == nil {
				t.Fatalf("compiled: %v", m)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not say %q", err, test.want)
			}
		})
	}
}

func TestCompileReportsAllMistakesAtOnce(t *testing.T) {
	_, err := Compile(object(t, "minimumCoverage: 101\nbands: [{name: Fine, min: 1}]\n"))
	for _, path := range []string{"spec.minimumCoverage", "spec.bands", "spec.dimensions"} {
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v does not name %s", err, path)
		}
	}
}

func TestReadsAreSortedAndWithoutDuplicates(t *testing.T) {
	m := compiled(t, plain+`
- {name: sentiment, dimension: support, weight: 0, from: {measurement: sentiment}}
rules:
- {name: a, when: "metrics.usage.wau < 1 && metrics.crm.arr > 2", cap: 1}
- {name: b, when: "metrics['the-desk'].open > 0", cap: 2}
`)
	want := []v1alpha1.MetricReference{
		ref("crm", "arr"), ref("desk", "tickets"), ref("the-desk", "open"), ref("usage", "depth"), ref("usage", "wau"),
	}
	if diff := cmp.Diff(want, m.Reads()); diff != "" {
		t.Error(diff)
	}
	if m.Name() != "enterprise" || m.Generation() != 4 || !m.Selector().Matches(&v1alpha1.Account{}) {
		t.Errorf("the model is %s/%d", m.Name(), m.Generation())
	}
}

func TestChoose(t *testing.T) {
	candidate := func(name string, priority int32, age time.Duration, labels map[string]string) Candidate {
		m := &v1alpha1.HealthScoreModel{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(begin().Add(-age))}}
		m.Spec.Priority, m.Spec.AccountSelector.MatchLabels = priority, labels
		c, err := CandidateOf(m)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	enterprise := map[string]string{"tier": "enterprise"}
	for name, test := range map[string]struct {
		candidates []Candidate
		want       string
	}{
		"the only one that selects the account": {
			[]Candidate{candidate("smb", 9, 0, map[string]string{"tier": "smb"}), candidate("any", 0, 0, nil)}, "any",
		},
		"the highest priority": {[]Candidate{candidate("any", 0, time.Hour, nil), candidate("enterprise", 10, 0, enterprise)}, "enterprise"},
		"of equal priority, the older": {
			[]Candidate{candidate("a", 1, time.Minute, nil), candidate("b", 1, time.Hour, nil)}, "b",
		},
		"of equal priority and age, the first by name": {[]Candidate{candidate("b", 1, 0, nil), candidate("a", 1, 0, nil)}, "a"},
		"none":                  {[]Candidate{candidate("smb", 1, 0, map[string]string{"tier": "smb"})}, ""},
		"none of no candidates": {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := Choose(test.candidates, &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Labels: enterprise}})
			if got.Name != test.want || ok != (test.want != "") {
				t.Errorf("Choose() = %q, %v, want %q", got.Name, ok, test.want)
			}
		})
	}
}

func TestCandidateOfRefusesASelectorThatDoesNotCompile(t *testing.T) {
	m := object(t, "accountSelector: {matchExpressions: [{key: a, operator: Like}]}")
	if _, err := CandidateOf(m); err == nil {
		t.Error("no error")
	}
}
