//go:build unix

package monitoring_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/internal/testing/monitoring"
	"github.com/perennial-dev/perennial/internal/testing/prometheus"
)

const (
	top    = "../../.."
	folder = top + "/config/prometheus"
	page   = top + "/docs/operations.md"
	tests  = "testdata/alerts.yaml"
)

// plainRules are the rules as a Prometheus that reads files takes them: what the line that the page tells to type prints.
func plainRules(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	// go test keeps the result of a test until a file changes that the test itself has read.
	if _, err := os.ReadFile(filepath.Join(folder, monitoring.RulesFile)); err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^(sed .*config/prometheus/rules\.yaml) > (\S+)$`).FindSubmatch(text)
	if line == nil {
		t.Fatalf("%s does not say how the rules become a file of rules", page)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", string(line[1]))
	cmd.Dir = top
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	rules, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", line[1], err, &stderr)
	}
	return rules
}

// promtool runs promtool with files in a folder, and fails the test unless it is content.
func promtool(t *testing.T, files map[string][]byte, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	output, err := prometheus.Promtool(t, dir, "", args...)
	if err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	return output
}

func TestTheRulesAreWellFormed(t *testing.T) {
	output := promtool(t, map[string][]byte{"rules.yml": plainRules(t)}, "check", "rules", "--lint=all", "--lint-fatal", "rules.yml")
	if want := fmt.Sprintf("%d rules found", len(monitoring.Rules(t, folder))); !strings.Contains(output, want) {
		t.Errorf("promtool does not say that %s:\n%s", want, output)
	}
}

// TestTheFileOfRulesIsTheManifest: nothing is lost on the way from one to the other.
func TestTheFileOfRulesIsTheManifest(t *testing.T) {
	var file struct {
		Groups []struct{ Rules []monitoring.Rule }
	}
	if err := yaml.Unmarshal(plainRules(t), &file); err != nil {
		t.Fatal(err)
	}
	var rules []monitoring.Rule
	for _, group := range file.Groups {
		rules = append(rules, group.Rules...)
	}
	if diff := cmp.Diff(monitoring.Rules(t, folder), rules); diff != "" {
		t.Errorf("(-manifest +file):\n%s", diff)
	}
}

func TestAlertsFireWhenTheyShould(t *testing.T) {
	scenarios, err := os.ReadFile(tests)
	if err != nil {
		t.Fatal(err)
	}
	output := promtool(t, map[string][]byte{"rules.yml": plainRules(t), "alerts.yml": scenarios}, "test", "rules", "alerts.yml")
	if !strings.Contains(output, "SUCCESS") {
		t.Errorf("promtool says:\n%s", output)
	}
}

// TestEveryAlertIsTested: each fires in one scenario and does not in another, and says in full what users will read.
func TestEveryAlertIsTested(t *testing.T) {
	var file struct {
		Tests []struct {
			AlertRuleTest []struct {
				Alertname string
				ExpAlerts []map[string]any `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		}
	}
	text, err := os.ReadFile(tests)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, check := range test.AlertRuleTest {
			set := silent
			if len(check.ExpAlerts) > 0 {
				set = fires
			}
			set[check.Alertname] = true
		}
	}
	for _, rule := range monitoring.Rules(t, folder) {
		if rule.Alert != "" && (!fires[rule.Alert] || !silent[rule.Alert]) {
			t.Errorf("%s: there is a test in which it fires: %t; in which it does not: %t", rule.Alert, fires[rule.Alert], silent[rule.Alert])
		}
	}
}

func TestAlertsSayWhatToDo(t *testing.T) {
	seen := map[string]bool{}
	for _, rule := range monitoring.Rules(t, folder) {
		if rule.Alert == "" {
			continue
		}
		if seen[rule.Alert] {
			t.Errorf("%s is there twice", rule.Alert)
		}
		seen[rule.Alert] = true
		if !strings.HasPrefix(rule.Alert, "Perennial") || rule.For == "" {
			t.Errorf("%s: the name of an alert begins with Perennial, and it waits for some time", rule.Alert)
		}
		if s := rule.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity is %q", rule.Alert, s)
		}
		if rule.Annotations["summary"] == "" || !strings.Contains(rule.Annotations["description"], "Next: kubectl ") {
			t.Errorf("%s: the summary says what is wrong, the description which line to type next; they are %v", rule.Alert, rule.Annotations)
		}
	}
}

// TestEveryQueryOfTheDashboardIsPromQL has promtool read them as rules.
func TestEveryQueryOfTheDashboardIsPromQL(t *testing.T) {
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	var rules []rule
	for _, panel := range monitoring.ReadDashboard(t, folder).Panels {
		for _, target := range panel.Targets {
			rules = append(rules, rule{fmt.Sprintf("panel:%d:%s", panel.ID, target.RefID), monitoring.Query(target.Expr, "5m")})
		}
	}
	file, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	output := promtool(t, map[string][]byte{"rules.yml": file}, "check", "rules", "--lint-fatal", "rules.yml")
	if want := fmt.Sprintf("%d rules found", len(rules)); len(rules) == 0 || !strings.Contains(output, want) {
		t.Errorf("promtool does not say that %s:\n%s", want, output)
	}
}

func TestGrafanaCanLoadTheDashboard(t *testing.T) {
	d := monitoring.ReadDashboard(t, folder)
	if d.Title != "Perennial" || d.UID != "perennial" || d.SchemaVersion != 42 {
		t.Errorf("it is %q, uid %q, schema %d", d.Title, d.UID, d.SchemaVersion)
	}
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name+" "+v.Type+" "+v.AllValue)
	}
	if diff := cmp.Diff([]string{"datasource datasource ", "namespace query .+", "model query .*"}, variables); diff != "" {
		t.Errorf("the variables are others (-want +got):\n%s", diff)
	}
	taken := map[[2]int]string{}
	ids := map[int]string{}
	for _, p := range d.Panels {
		if other, ok := ids[p.ID]; ok {
			t.Errorf("panels %q and %q have the id %d", other, p.Title, p.ID)
		}
		ids[p.ID] = p.Title
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x > 23 {
					t.Fatalf("panel %q is on top of %q, or off the page", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
			t.Errorf("panel %d, %q: %d queries, from %q", p.ID, p.Title, len(p.Targets), p.Datasource.UID)
		}
		refs := map[string]bool{}
		for _, target := range p.Targets {
			if refs[target.RefID] || target.Expr == "" || target.Datasource.UID != "${datasource}" {
				t.Errorf("panel %q: query %s is %q, from %q", p.Title, target.RefID, target.Expr, target.Datasource.UID)
			}
			refs[target.RefID] = true
		}
	}
}

// TestWhatIsOfSomeCustomersCanBeChosen: a query about accounts, sources or work without the variables would show all of
// them whatever is chosen.
func TestWhatIsOfSomeCustomersCanBeChosen(t *testing.T) {
	ofAll := regexp.MustCompile(`^perennial_(active|band_min_points|source_reads|source_read_duration|account_evaluation|status_writes)`)
	for _, panel := range monitoring.ReadDashboard(t, folder).Panels {
		for _, target := range panel.Targets {
			for _, name := range monitoring.Metrics(target.Expr) {
				if !strings.HasPrefix(name, "perennial_") || ofAll.MatchString(name) {
					continue
				}
				if !strings.Contains(target.Expr, name+`{namespace=~"$namespace"`) {
					t.Errorf("panel %q shows %s of all namespaces: %s", panel.Title, name, target.Expr)
				}
			}
		}
	}
}

// TestThePageHasEveryAlert, with its severity.
func TestThePageHasEveryAlert(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, rule := range monitoring.Rules(t, folder) {
		if rule.Alert != "" {
			want = append(want, rule.Alert+" "+rule.Labels["severity"])
		}
	}
	for _, row := range regexp.MustCompile(`(?m)^\| (Perennial\w+) \| (\w+) \|`).FindAllStringSubmatch(string(text), -1) {
		got = append(got, row[1]+" "+row[2])
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-rules +page):\n%s", diff)
	}
}

// TestPrometheusTakesTheConfigurationOfThePage is what users copy.
func TestPrometheusTakesTheConfigurationOfThePage(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(scrape_configs:.*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatal("the page has no scrape_configs")
	}
	config := strings.Replace(string(block[1]), "/var/run/secrets/kubernetes.io/serviceaccount/token", "token", 1)
	// Debian's Prometheus is built without the client of Kubernetes.
	config = regexp.MustCompile(`(?m)^  kubernetes_sd_configs: .*$`).ReplaceAllString(config, "  static_configs: [{targets: ['127.0.0.1:8443']}]")
	if output := promtool(t, map[string][]byte{"prometheus.yml": []byte(config), "token": nil}, "check", "config", "prometheus.yml"); !strings.Contains(output, "SUCCESS") {
		t.Errorf("promtool says:\n%s", output)
	}
	if !strings.Contains(config, "honor_labels: true") {
		t.Error("the label namespace would be that of the operator")
	}
}

func TestMetricsOfAQuery(t *testing.T) {
	for expr, want := range map[string][]string{
		`absent(perennial_active == 1)`: {"perennial_active"},
		`sum by (namespace, model) (rate(a_total{b="c_d", e=~"f|g"}[5m])) / on () sum(h:i:sum offset 1h) > 0.05`: {"a_total", "h:i:sum"},
		`histogram_quantile(0.95, sum by (le) (x_bucket)) unless on (namespace) y`:                               {"x_bucket", "y"},
		`a - a offset 1h > 2 and on (b) group_left () up == bool 1`:                                              {"a", "a", "up"},
		`label_values(z{q=~"$q"}, w)`: {"z", "w"},
	} {
		if got := monitoring.Metrics(expr); !slices.Equal(got, want) {
			t.Errorf("%s reads %q, want %q", expr, got, want)
		}
	}
}
