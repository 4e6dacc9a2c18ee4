//go:build unix

package manager

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	prometheusclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	runtimemetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/testing/monitoring"
	"github.com/perennial-dev/perennial/internal/testing/prometheus"
)

const monitoringFolder = "../../config/prometheus"

// measured is a world whose operator a Prometheus could scrape.
type measured struct {
	*world
	registry *prometheusclient.Registry
	// requests are those that the operator made of the API server.
	requests atomic.Int64
}

// newMeasured makes a world without an operator.
func newMeasured(t *testing.T) *measured {
	t.Helper()
	m := &measured{world: newWorld(t), registry: prometheusclient.NewPedanticRegistry()}
	m.stop()
	return m
}

// startWith runs the operator.
func (m *measured) startWith(change func(*Options)) {
	m.t.Helper()
	o := Options{Namespaces: []string{m.namespace}, Clock: m.clock, DataRoot: m.dataRoot, AllowLoopback: true, Registerer: m.registry}
	change(&o)
	cfg := rest.CopyConfig(api.Get(m.t).Config())
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			m.requests.Add(1)
			return next.RoundTrip(r)
		})
	})
	operator, err := New(cfg, o)
	if err != nil {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- operator.Start(ctx) }()
	m.manager = operator
	m.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			m.t.Errorf("the operator ended with: %v", err)
		}
	})
	if !operator.GetCache().WaitForCacheSync(ctx) {
		m.t.Fatal("the operator's cache did not fill")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// textOf returns what a Prometheus would read of a registry.
func textOf(t *testing.T, g prometheusclient.Gatherer) string {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&b, family); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// scrape returns the operator's own series, one a line.
func (m *measured) scrape() []string {
	m.t.Helper()
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(textOf(m.t, m.registry)), "\n"), func(line string) bool {
		return line == "" || strings.HasPrefix(line, "#")
	})
}

// says waits until a scrape has all these lines, in which NS is the namespace.
func (m *measured) says(want ...string) {
	m.t.Helper()
	m.until("the metrics", func() error {
		lines := m.scrape()
		for _, line := range want {
			line = strings.ReplaceAll(line, "NS", m.namespace)
			if slices.Contains(lines, line) {
				continue
			}
			name, _, _ := strings.Cut(line, "{")
			return fmt.Errorf("there is no %s among:\n%s", line, strings.Join(slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, name) }), "\n"))
		}
		return nil
	})
}

// zoo is a fleet in which a lot goes on: three accounts that are scored, one that left, a source that answers nothing, work
// that is overdue, runs that are held back, and a playbook with a mistake.
func (m *measured) zoo() *feedServer {
	m.t.Helper()
	server := newFeedServer(m.t, nil)
	server.does(func(w http.ResponseWriter, _ *http.Request) {
		m.clock.SetTime(m.clock.Now().Add(3 * time.Second)) // it takes its time
		http.Error(w, "not now", http.StatusInternalServerError)
	})
	m.setUsage("okapi,80,ok", "quokka,30,ok", "numbat,much,ok", "walrus,90,ok")
	m.apply(usage)
	m.apply(rescue)
	m.apply(strings.NewReplacer("name: rescue", "name: paused", "spec:\n", "spec:\n  suspend: true\n").Replace(rescue))
	m.apply(strings.NewReplacer("name: rescue", "name: mistaken", "title: Write it up", `title: "${account.spec.odd}"`).Replace(rescue))
	m.apply(fmt.Sprintf(`
kind: DataSource
metadata: {name: giraffe}
spec:
  account: {field: id}
  metrics: [{name: open_p1, type: Number}]
  http: {url: "http://%s/", format: JSON}
`, server.address))
	m.addAccount("okapi", 1000)
	m.addAccount("quokka", 200)
	m.addAccount("numbat", 30)
	m.apply("kind: Account\nmetadata: {name: walrus}\nspec: {lifecycleStage: Churned, contract: {arr: 7}}\n")
	m.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
	m.health("okapi", 80, "Healthy")
	giraffe := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Name: "giraffe"}}
	m.condition(giraffe, func() []metav1.Condition { return giraffe.Status.Conditions }, "Available", "False", "ReadFailed", "500")
	m.pass(72 * time.Hour)
	m.quiet()
	return server
}

// zooNames are the names of accounts, sources and everything else there that no label may hold.
func zooNames() []string {
	return []string{"okapi", "quokka", "numbat", "walrus", "giraffe", "usage", "rescue", "paused", "mistaken", "triage", "jo@example.com"}
}

func TestMetricsSayWhatTheStatusesSay(t *testing.T) {
	m := newMeasured(t)
	m.startWith(func(*Options) {})
	m.zoo()
	m.says(
		`perennial_active 1`,
		`perennial_accounts{band="Critical",model="standard",namespace="NS"} 1`,
		`perennial_accounts_churned{namespace="NS"} 1`,
		`perennial_objects_not_ready{kind="DataSource",namespace="NS"} 1`,
		`perennial_objects_stalled{kind="Playbook",namespace="NS"} 1`,
		`perennial_playbook_held_runs{namespace="NS",reason="LimitReached"} 0`,
		`perennial_playbook_held_runs{namespace="NS",reason="Suspended"} 1`,
		`perennial_playbook_runs{namespace="NS",state="Active"} 1`,
		`perennial_source_rejected_values{namespace="NS",provider="configMap"} 1`,
		`perennial_sources{available="False",namespace="NS",provider="http"} 1`,
		`perennial_sources{available="True",namespace="NS",provider="configMap"} 1`,
		`perennial_tasks{namespace="NS",state="Blocked"} 1`,
		`perennial_tasks{namespace="NS",state="Open"} 1`,
		`perennial_tasks_overdue{namespace="NS"} 1`,
	)
	m.until("the metrics are those of the statuses", func() error {
		want, err := m.fromStatuses()
		if err != nil {
			return err
		}
		got := slices.DeleteFunc(m.scrape(), func(line string) bool {
			return !slices.ContainsFunc([]string{"perennial_accounts{", "perennial_arr{", "perennial_measure_values{", "perennial_score_points_", "perennial_score_coverage_ratio_count"},
				func(name string) bool { return strings.HasPrefix(line, name) }) || strings.Contains(line, "_bucket{")
		})
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("(-statuses +metrics):\n%s", diff)
		}
		return nil
	})
}

// fromStatuses computes series from what users see: the status of the model, and those of the accounts.
func (m *measured) fromStatuses() ([]string, error) {
	var model v1alpha1.HealthScoreModel
	if err := m.Get(m.t.Context(), client.ObjectKey{Name: "standard"}, &model); err != nil {
		return nil, err
	}
	var accounts v1alpha1.AccountList
	if err := m.List(m.t.Context(), &accounts); err != nil {
		return nil, err
	}
	labels := fmt.Sprintf(`model="standard",namespace=%q`, m.namespace)
	want := []string{
		fmt.Sprintf(`perennial_accounts{band="Unknown",model="",namespace=%q} 0`, m.namespace),
		fmt.Sprintf(`perennial_arr{band="Unknown",model="",namespace=%q} 0`, m.namespace),
		fmt.Sprintf(`perennial_score_coverage_ratio_count{%s} %d`, labels, model.Status.Accounts),
	}
	bands := model.Status.Bands
	if !slices.ContainsFunc(bands, func(b v1alpha1.BandSummary) bool { return b.Name == v1alpha1.BandUnknown }) {
		bands = append(bands, v1alpha1.BandSummary{Name: v1alpha1.BandUnknown})
	}
	for _, band := range bands {
		want = append(want,
			fmt.Sprintf(`perennial_accounts{band=%q,%s} %d`, band.Name, labels, band.Accounts),
			fmt.Sprintf(`perennial_arr{band=%q,%s} %d`, band.Name, labels, band.ARR))
	}
	states := map[v1alpha1.ValueState]int{v1alpha1.ValueFresh: 0, v1alpha1.ValueStale: 0, v1alpha1.ValueMissing: 0, v1alpha1.ValueErrored: 0}
	scored, sum := 0, int32(0)
	for _, a := range accounts.Items {
		if score.ModelOf(a.Status.Health) == "" {
			continue
		}
		for _, measure := range a.Status.Health.Measures {
			states[measure.State]++
		}
		if s := a.Status.Health.Score; s != nil {
			scored, sum = scored+1, sum+*s
		}
	}
	for state, n := range states {
		want = append(want, fmt.Sprintf(`perennial_measure_values{%s,state=%q} %d`, labels, state, n))
	}
	want = append(want, fmt.Sprintf(`perennial_score_points_count{%s} %d`, labels, scored), fmt.Sprintf(`perennial_score_points_sum{%s} %d`, labels, sum))
	slices.Sort(want)
	return want, nil
}

func TestReadsAndWritesAreCounted(t *testing.T) {
	m := newMeasured(t)
	server := newFeedServer(t, nil)
	server.gives(orgsJSON(badDayOrgs()))
	m.startWith(func(*Options) {})
	m.apply(badDayFeed + badDayHTTP(server, "JSON", ""))
	m.apply(badDayRules)
	m.addAccount("acme", 1)
	m.health("acme", 95, "Healthy")
	m.says(
		`perennial_source_reads_total{provider="http",result="success"} 1`,
		`perennial_source_reads_total{provider="http",result="ReadFailed"} 0`,
		`perennial_source_read_duration_seconds_count{provider="http"} 1`,
	)
	takes := func(d time.Duration, then http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			m.clock.SetTime(m.clock.Now().Add(d))
			then(w, r)
		}
	}
	read := func(id string) {
		m.request("feed", id)
		m.handled("feed", id)
	}
	server.does(takes(3*time.Second, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not now", http.StatusInternalServerError) }))
	read("fails")
	server.does(takes(4*time.Second, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "600")
		http.Error(w, "later", http.StatusTooManyRequests)
	}))
	read("too often")
	server.does(takes(5*time.Second, func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, orgsJSON(badDayOrgs()[:3])) }))
	read("half a table")
	m.says(
		`perennial_source_reads_total{provider="http",result="success"} 1`,
		`perennial_source_reads_total{provider="http",result="ReadFailed"} 1`,
		`perennial_source_reads_total{provider="http",result="RateLimited"} 1`,
		`perennial_source_reads_total{provider="http",result="RowsDropped"} 1`,
		`perennial_source_read_duration_seconds_count{provider="http"} 4`,
		`perennial_source_read_duration_seconds_sum{provider="http"} 12`,
		`perennial_source_read_duration_seconds_bucket{provider="http",le="2.5"} 1`,
		`perennial_source_read_duration_seconds_bucket{provider="http",le="5"} 4`,
	)
	for _, counted := range []string{
		`perennial_account_evaluations_total{result="changed"}`, `perennial_account_evaluation_duration_seconds_count`,
		`perennial_status_writes_total{kind="Account",result="success"}`, `perennial_status_writes_total{kind="DataSource",result="success"}`,
		`perennial_status_writes_total{kind="HealthScoreModel",result="success"}`, `perennial_status_writes_total{kind="Playbook",result="success"}`,
	} {
		if slices.Contains(m.scrape(), counted+" 0") {
			t.Errorf("nothing was counted: %s", counted)
		}
	}
}

func TestAReadThatWasCutOffIsNotCounted(t *testing.T) {
	m := newMeasured(t)
	server := newSlowServer(t)
	defer close(server.release)
	m.startWith(func(*Options) {})
	m.apply(fmt.Sprintf("kind: DataSource\nmetadata: {name: slow}\nspec: {account: {field: org}, timeout: 10m, metrics: [{name: wau, type: Number}], http: {url: %q, format: JSON}}\n", server.URL+"/slow"))
	m.until("it is being read", func() (err error) {
		server.look(func() {
			if server.bySource["slow"] != 1 {
				err = fmt.Errorf("%d reads are under way", server.bySource["slow"])
			}
		})
		return err
	})
	m.patchSource("slow", `{"spec": {"suspend": true}}`)
	ds := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Name: "slow"}}
	m.condition(ds, func() []metav1.Condition { return ds.Status.Conditions }, "Ready", "True", "Suspended", "")
	m.says(`perennial_sources_suspended{namespace="NS",provider="http"} 1`, `perennial_sources{available="Unknown",namespace="NS",provider="http"} 0`)
	for _, line := range m.scrape() {
		if strings.HasPrefix(line, "perennial_source_reads_total") && !strings.HasSuffix(line, " 0") {
			t.Errorf("a read that says nothing about the source was counted: %s", line)
		}
	}
}

func TestNamesOfObjectsAreInNoLabelUnlessAskedFor(t *testing.T) {
	m := newMeasured(t)
	m.startWith(func(*Options) {})
	m.zoo()
	all := textOf(t, m.registry) + textOf(t, runtimemetrics.Registry)
	for _, name := range zooNames() {
		if strings.Contains(all, `"`+name) {
			t.Errorf("the name %s is in a label", name)
		}
	}
	m.stop()
	m.startWith(func(o *Options) { o.MetricsObjectNames = true })
	m.quiet()
	m.says(
		`perennial_account_score{account="okapi",model="standard",namespace="NS"} 80`,
		`perennial_account_coverage_ratio{account="quokka",model="standard",namespace="NS"} 1`,
		`perennial_source_available{namespace="NS",source="usage"} 1`,
		`perennial_source_available{namespace="NS",source="giraffe"} 0`,
		`perennial_source_rows{namespace="NS",source="usage"} 4`,
	)
	if text := strings.Join(m.scrape(), "\n"); strings.Contains(text, `"walrus"`) || !strings.Contains(text, `perennial_source_last_read_timestamp_seconds{namespace="`+m.namespace+`",source="usage"}`) {
		t.Errorf("a churned account has a series, or a source no time of its last read:\n%s", text)
	}
}

func TestAScrapeAsksTheAPIServerNothing(t *testing.T) {
	m := newMeasured(t)
	m.startWith(func(o *Options) { o.MetricsObjectNames = true })
	m.zoo()
	const scrapes = 200
	before := m.requests.Load()
	for range scrapes {
		m.scrape()
	}
	// A read that is tried again meanwhile writes a status.
	if n := m.requests.Load() - before; n > scrapes/10 {
		t.Errorf("%d scrapes made %d requests", scrapes, n)
	}
}

func TestOfTwoReplicasTheActiveOneCounts(t *testing.T) {
	first := newMeasured(t)
	elected := func(o *Options) { o.LeaderElection, o.LeaderElectionNamespace = true, first.namespace }
	first.startWith(elected)
	first.setUsage("okapi,80,ok")
	first.apply(usage)
	first.addAccount("okapi", 1000)
	first.health("okapi", 80, "Healthy")

	second := &measured{world: &world{t: t, namespace: first.namespace, clock: first.clock, dataRoot: first.dataRoot, Client: first.Client}, registry: prometheusclient.NewPedanticRegistry()}
	second.startWith(elected)
	defer func() { second.stop() }()
	const counted = `perennial_accounts{band="Healthy",model="standard",namespace="NS"} 1`
	first.says(`perennial_active 1`, counted)
	second.says(`perennial_active 0`)
	for _, line := range second.scrape() {
		if strings.Contains(line, "namespace=") {
			t.Errorf("a replica that waits says %s", line)
		}
	}
	first.stop()
	second.says(`perennial_active 1`, counted)
	if left := first.scrape(); len(left) > 0 {
		t.Errorf("after its end the first one still says %q", left)
	}
}

// TestTheMonitoringComponentIsBuiltIntoAnOverlay as the page says.
func TestTheMonitoringComponentIsBuiltIntoAnOverlay(t *testing.T) {
	dir := t.TempDir()
	config, err := filepath.Abs("../../config")
	if err != nil {
		t.Fatal(err)
	}
	if config, err = filepath.Rel(dir, config); err != nil {
		t.Fatal(err)
	}
	overlay := fmt.Sprintf("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [%s/default]\ncomponents: [%s/prometheus]\n", config, config)
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(overlay), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"kustomization.yaml", "service_monitor.yaml", monitoring.RulesFile} {
		// go test keeps the result of a test until a file changes that the test itself has read.
		if _, err := os.ReadFile(filepath.Join(monitoringFolder, file)); err != nil {
			t.Fatal(err)
		}
	}
	built, err := api.Get(t).RunKubectl(t.Context(), "kustomize", dir)
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]*unstructured.Unstructured{}
	for doc := range strings.SplitSeq(built, "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			t.Fatal(err)
		}
		objects[u.GetKind()+" "+u.GetNamespace()+"/"+u.GetName()] = u
	}
	dashboard, monitor, rules := objects["ConfigMap perennial-system/perennial-dashboard"], objects["ServiceMonitor perennial-system/perennial"], objects["PrometheusRule perennial-system/perennial"]
	if dashboard == nil || monitor == nil || rules == nil {
		t.Fatalf("there are only %v", slices.Sorted(maps.Keys(objects)))
	}
	want, err := os.ReadFile(filepath.Join(monitoringFolder, monitoring.DashboardFile))
	if err != nil {
		t.Fatal(err)
	}
	if data, _, _ := unstructured.NestedStringMap(dashboard.Object, "data"); data["perennial.json"] != string(want) || len(data) != 1 {
		t.Error("the ConfigMap does not hold the dashboard")
	}
	if dashboard.GetLabels()["grafana_dashboard"] != "1" || dashboard.GetAnnotations()["kustomize.toolkit.fluxcd.io/substitute"] != "disabled" {
		t.Errorf("Grafana does not find the dashboard, or Flux fills in its variables: %v, %v", dashboard.GetLabels(), dashboard.GetAnnotations())
	}
	endpoints, _, _ := unstructured.NestedSlice(monitor.Object, "spec", "endpoints")
	if len(endpoints) != 1 || endpoints[0].(map[string]any)["honorLabels"] != true {
		t.Errorf("the label namespace would be that of the operator: %v", endpoints)
	}
}

// exported returns the names of the series that an operator serves, its own and those of controller-runtime.
func exported(text string) map[string]bool {
	names := map[string]bool{}
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			names[line[:strings.IndexAny(line, "{ ")]] = true
		}
	}
	return names
}

func TestRulesDashboardAndPageAreAboutMetricsThatThereAre(t *testing.T) {
	m := newMeasured(t)
	m.startWith(func(o *Options) { o.MetricsObjectNames = true })
	m.zoo()
	own := textOf(t, m.registry)
	if output, err := prometheus.Promtool(t, t.TempDir(), own, "check", "metrics"); err != nil || strings.TrimSpace(output) != "" {
		t.Errorf("promtool check metrics: %v\n%s", err, output)
	}
	names := exported(own + textOf(t, runtimemetrics.Registry))
	rules := monitoring.Rules(t, monitoringFolder)
	for _, rule := range rules {
		if rule.Record != "" {
			names[rule.Record] = true
		}
	}
	check := func(what, expr string) {
		t.Helper()
		metrics := monitoring.Metrics(expr)
		if len(metrics) == 0 {
			t.Errorf("%s is about no metric: %s", what, expr)
		}
		for _, name := range metrics {
			if !names[name] {
				t.Errorf("%s is about %s, which the operator does not export", what, name)
			}
		}
	}
	for _, rule := range rules {
		check(rule.Alert+rule.Record, rule.Expr)
	}
	for _, panel := range monitoring.ReadDashboard(t, monitoringFolder).Panels {
		for _, target := range panel.Targets {
			check("panel "+panel.Title, target.Expr)
		}
	}
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(familiesOf(own), documentedMetrics(string(page))); diff != "" {
		t.Errorf("the page has other metrics than the operator, or other labels (-operator +page):\n%s", diff)
	}
}

var (
	typeLine    = regexp.MustCompile(`(?m)^# TYPE (\S+) \S+$`)
	labelNames  = regexp.MustCompile(`([a-z_]+)="`)
	documentRow = regexp.MustCompile("(?m)^\\| `(perennial_[a-z_]+)` \\| ([^|]*)\\|")
)

// familiesOf returns the metrics of a scrape, each with its labels in alphabetical order.
func familiesOf(text string) map[string]string {
	families := map[string]string{}
	for _, match := range typeLine.FindAllStringSubmatch(text, -1) {
		series := regexp.MustCompile(`(?m)^` + match[1] + `(_bucket|_sum|_count)?(\{[^}]*\})? `).FindString(text)
		labels := map[string]bool{}
		for _, label := range labelNames.FindAllStringSubmatch(series, -1) {
			labels[label[1]] = label[1] != "le"
		}
		families[match[1]] = sortedTrue(labels)
	}
	return families
}

// documentedMetrics returns the metrics in the table of the page, in the same form.
func documentedMetrics(page string) map[string]string {
	families := map[string]string{}
	for _, row := range documentRow.FindAllStringSubmatch(page, -1) {
		labels := map[string]bool{}
		for _, label := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(row[2], -1) {
			labels[label[1]] = true
		}
		families[row[1]] = sortedTrue(labels)
	}
	return families
}

func sortedTrue(set map[string]bool) string {
	var names []string
	for name, is := range set {
		if is {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}
