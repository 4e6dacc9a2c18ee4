package offline_test

import (
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/offline"
)

func TestRead(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 7, time.UTC)
	files := map[string]map[string]string{"usage": {"usage.csv": "org,users\nacme,3\n", "usage.json": `[{"org":"acme","users":4}]`}}
	inMap := func(name, key string, format v1alpha1.DataFormat) func(*v1alpha1.DataSourceSpec) {
		return func(spec *v1alpha1.DataSourceSpec) {
			spec.ConfigMap = &v1alpha1.ConfigMapSource{Name: name, Key: key, Format: format}
		}
	}
	for name, c := range map[string]struct {
		of    func(*v1alpha1.DataSourceSpec)
		reads bool
		want  string
		err   string
	}{
		"CSV in a ConfigMap":  {of: inMap("usage", "usage.csv", v1alpha1.FormatCSV), reads: true, want: "3"},
		"JSON in a ConfigMap": {of: inMap("usage", "usage.json", v1alpha1.FormatJSON), reads: true, want: "4"},
		"rows in the spec": {of: func(s *v1alpha1.DataSourceSpec) {
			s.Fake = &v1alpha1.FakeSource{Rows: []v1alpha1.FakeRow{{"org": "acme", "users": "5"}}}
		}, reads: true, want: "5"},
		"a key that is not there":       {of: inMap("usage", "usage.yaml", v1alpha1.FormatYAML), reads: true, err: `spec.configMap: ConfigMap "usage" has no key "usage.yaml"; its keys are: usage.csv, usage.json`},
		"a ConfigMap that is not there": {of: inMap("crm", "crm.csv", v1alpha1.FormatCSV), err: `spec.configMap: ConfigMap "crm" is not there; make it, or correct the name`},
		"a database":                    {of: func(s *v1alpha1.DataSourceSpec) { s.SQL = &v1alpha1.SQLSource{} }, err: "spec.sql: this operator has no such provider"},
	} {
		t.Run(name, func(t *testing.T) {
			ds := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Name: "usage"}, Spec: v1alpha1.DataSourceSpec{
				Account: v1alpha1.AccountColumn{Field: "org"}, Metrics: []v1alpha1.Metric{{Name: "users", Type: v1alpha1.MetricNumber}},
			}}
			c.of(&ds.Spec)
			if got := offline.Reads(ds, files); got != c.reads {
				t.Errorf("it can be read: %t", got)
			}
			s, err := offline.Read(t.Context(), ds, files, now)
			var told *observe.Error
			if c.err != "" {
				if !errors.As(err, &told) || told.Message != c.err {
					t.Errorf("the error is %v, want %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if o := s.Lookup([]string{"acme"})["users"]; o.Value == nil || o.Value.String() != c.want || !o.ObservedTime.Equal(now.Truncate(time.Second)) {
				t.Errorf("got %+v, want %s", o, c.want)
			}
		})
	}
}
