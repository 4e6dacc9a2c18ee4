package specs_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe/specs"
)

func TestASpecIsCheckedWithoutReadingAnything(t *testing.T) {
	for name, c := range map[string]struct{ spec, want string }{
		"a query that jq cannot read":      {`http: {url: "https://example.com", format: JSON, records: ".[", fields: {id: .id}}`, "spec.http.records"},
		"a URL that is none":               {`http: {url: "https://", format: JSON, records: ".[]", fields: {id: .id}}`, "spec.http.url"},
		"a column that no query fills":     {`prometheus: {url: "http://prometheus.example.com", queries: [{metric: other, query: up, label: org}]}`, "spec.prometheus.queries"},
		"no provider":                      {`{}`, "spec: one of configMap, sql, prometheus, http, fake is required"},
		"what is right":                    {`http: {url: "https://example.com", format: JSON, records: ".[]", fields: {id: .id, wau: .wau}}`, ""},
		"a query of SQL, which is not run": {`sql: {driver: Postgres, dsnSecretRef: {name: a, key: b}, query: "select 1"}`, ""},
		"rows of its own":                  {`fake: {rows: [{id: a, wau: 1}]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var ds v1alpha1.DataSource
			if err := yaml.Unmarshal([]byte(c.spec), &ds.Spec); err != nil {
				t.Fatal(err)
			}
			ds.Spec.Account.Field, ds.Spec.Metrics = "id", []v1alpha1.Metric{{Name: "wau", Type: v1alpha1.MetricNumber}}
			err := specs.Check(&ds)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
