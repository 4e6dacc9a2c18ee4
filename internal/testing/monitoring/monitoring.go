// Package monitoring reads what config/prometheus gives to Prometheus and Grafana, for tests: the rules, the queries of
// the dashboard, and the metrics that they are about.
package monitoring

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// The files, in the folder config/prometheus.
const (
	RulesFile     = "rules.yaml"
	DashboardFile = "dashboard.json"
)

// Rule is one alert, or one series that is recorded.
type Rule struct {
	Alert, Record, Expr, For string
	Labels, Annotations      map[string]string
}

// PrometheusRule is what the Prometheus operator takes.
type PrometheusRule struct {
	APIVersion, Kind string
	Spec             struct {
		Groups []struct {
			Name  string
			Rules []Rule
		}
	}
}

// Rules reads the rules of a folder.
func Rules(t testing.TB, folder string) []Rule {
	t.Helper()
	var manifest PrometheusRule
	read(t, filepath.Join(folder, RulesFile), &manifest, yaml.Unmarshal)
	if manifest.APIVersion != "monitoring.coreos.com/v1" || manifest.Kind != "PrometheusRule" {
		t.Fatalf("%s is a %s of %s", RulesFile, manifest.Kind, manifest.APIVersion)
	}
	var rules []Rule
	for _, group := range manifest.Spec.Groups {
		rules = append(rules, group.Rules...)
	}
	return rules
}

// Panel is one panel of the dashboard.
type Panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ H, W, X, Y int }
	Datasource               struct{ Type, UID string }
	Targets                  []Target
}

// Target is one query of a panel.
type Target struct {
	RefID, Expr string
	Datasource  struct{ Type, UID string }
}

// Variable is what a user chooses on top of the dashboard.
type Variable struct {
	Name, Type, AllValue string
	Query                any
}

// Dashboard is what Grafana loads.
type Dashboard struct {
	Title, UID    string
	SchemaVersion int
	Panels        []Panel
	Templating    struct{ List []Variable }
}

// ReadDashboard reads the dashboard of a folder.
func ReadDashboard(t testing.TB, folder string) *Dashboard {
	t.Helper()
	var d Dashboard
	read(t, filepath.Join(folder, DashboardFile), &d, func(data []byte, into any, _ ...yaml.JSONOpt) error {
		return json.Unmarshal(data, into)
	})
	return &d
}

func read(t testing.TB, file string, into any, unmarshal func([]byte, any, ...yaml.JSONOpt) error) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// Query is a query as Grafana sends it with all namespaces and models chosen, and a time for rates.
func Query(expr, interval string) string {
	return strings.NewReplacer("$namespace", ".+", "$model", ".*", "$__rate_interval", interval).Replace(expr)
}

var (
	quoted   = regexp.MustCompile(`"[^"]*"|'[^']*'`)
	selected = regexp.MustCompile(`\{[^}]*\}|\[[^\]]*\]`)
	grouped  = regexp.MustCompile(`\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)`)
	words    = regexp.MustCompile(`[0-9][0-9A-Za-z_.]*|[a-zA-Z_:][a-zA-Z0-9_:]*\s*\(?`)
	keyword  = regexp.MustCompile(`^(and|or|unless|offset|bool|by|without|on|ignoring|group_left|group_right|inf|nan)$`)
)

// Metrics returns the names of the metrics that a query reads, as often as it reads them.
func Metrics(expr string) []string {
	for _, part := range []*regexp.Regexp{quoted, selected, grouped} {
		expr = part.ReplaceAllString(expr, " ")
	}
	var names []string
	for _, word := range words.FindAllString(expr, -1) {
		word = strings.TrimSpace(word)
		if word[0] >= '0' && word[0] <= '9' || strings.HasSuffix(word, "(") || keyword.MatchString(strings.ToLower(word)) {
			continue
		}
		names = append(names, word)
	}
	return names
}
