//go:build unix

package docs

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/score"
)

// schema is what matters here of a field's schema.
type schema struct {
	Properties          map[string]*schema
	Items               *schema
	Enum                []string
	MaxItems, MaxLength int
}

// at follows a path of fields.
func (s *schema) at(t *testing.T, path string) *schema {
	t.Helper()
	for name := range strings.SplitSeq(path, ".") {
		if s.Items != nil {
			s = s.Items
		}
		if s = s.Properties[name]; s == nil {
			t.Fatalf("no field %s in %s", name, path)
		}
	}
	return s
}

func schemaOf(t *testing.T, plural string) *schema {
	t.Helper()
	text, err := os.ReadFile("../../../config/crd/bases/perennial.dev_" + plural + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct{ OpenAPIV3Schema schema }
			}
		}
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	return &crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

func TestTheLimitsOfThePageAreThoseOfTheAPI(t *testing.T) {
	models, accounts := schemaOf(t, "healthscoremodels"), schemaOf(t, "accounts")
	items := func(s *schema, paths ...string) []int {
		var limits []int
		for _, path := range paths {
			limits = append(limits, s.at(t, path).MaxItems)
		}
		return limits
	}
	limits := map[string][]int{
		"measures, dimensions, bands, rules of a model": items(models, "spec.measures", "spec.dimensions", "spec.bands", "spec.rules"),
		"steps and categories of a scale":               items(models, "spec.measures.scale.steps", "spec.measures.scale.categories"),
		"an expression":                                 {models.at(t, "spec.measures.from.expression").MaxLength, 64, 3},
		"facts in a status":                             items(accounts, "status.health.facts"),
		"`history`, `changes`":                          items(accounts, "status.health.history", "status.health.changes"),
		"a text that an expression gives":               {accounts.at(t, "status.health.measures.value").MaxLength},
	}
	for _, row := range tableOf(t, section(t, "Limits"), "what", "most") {
		want, ok := limits[row[0]]
		if !ok {
			continue
		}
		delete(limits, row[0])
		var says []int
		for _, digits := range regexp.MustCompile(`\d+`).FindAllString(row[1], -1) {
			n, err := strconv.Atoi(digits)
			if err != nil {
				t.Fatal(err)
			}
			says = append(says, n)
		}
		if !slices.Equal(says, want) {
			t.Errorf("%s: the page says %v, the API %v", row[0], says, want)
		}
	}
	for what := range limits {
		t.Errorf("the page does not say how many %s there may be", what)
	}
}

func TestAModelReadsAsManyMetricsAsThePageSays(t *testing.T) {
	for _, row := range tableOf(t, section(t, "Limits"), "what", "most") {
		if row[0] != "metrics that the expressions of one model read" {
			continue
		}
		most, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		for n, fits := range map[int]bool{most: true, most + 1: false} {
			m := &v1alpha1.HealthScoreModel{}
			decode(t, objectsIn(t, section(t, exampleHeading)), "HealthScoreModel", m)
			m.Spec.Measures = append(m.Spec.Measures[:1:1], m.Spec.Measures[2:]...)
			m.Spec.Rules = nil
			for i := range n {
				m.Spec.Rules = append(m.Spec.Rules, v1alpha1.Rule{
					Name: fmt.Sprintf("r%d", i), When: v1alpha1.Expression(fmt.Sprintf("metrics.usage.m%d > 1", i)), Cap: ptr.To(int32(1)),
				})
			}
			if _, err := score.Compile(m); (err == nil) != fits {
				t.Errorf("%d metrics in expressions: %v", n, err)
			}
		}
		return
	}
	t.Error("the page does not say how many metrics expressions may read")
}
