package expr

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// A field that the API gains must be a field that expressions can read.
func TestSchemasHaveTheFieldsOfTheAPI(t *testing.T) {
	for name, c := range map[string]struct {
		schema *schema
		of     any
	}{
		"the spec of an account": {specSchema, v1alpha1.AccountSpec{}},
		"a contract":             {contractSchema, v1alpha1.Contract{}},
		"a member of the team":   {teamMemberSchema, v1alpha1.TeamMember{}},
		"a measurement":          {measurementSchema, v1alpha1.Measurement{}},
		"an override":            {overrideSchema, v1alpha1.HealthOverride{}},
		"a parent":               {parentSchema, v1alpha1.LocalReference{}},
	} {
		t.Run(name, func(t *testing.T) {
			var want []string
			for field := range reflect.TypeOf(c.of).Fields() {
				jsonName, _, _ := strings.Cut(field.Tag.Get("json"), ",")
				want = append(want, jsonName)
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(c.schema.fields))); diff != "" {
				t.Errorf("fields (-API +schema):\n%s", diff)
			}
		})
	}
}
