//go:build unix

package manager

import (
	"context"
	"fmt"
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	prometheusapi "github.com/prometheus/client_golang/api"
	prometheusv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	prometheusclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/model"
	runtimemetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/perennial-dev/perennial/internal/testing/monitoring"
	"github.com/perennial-dev/perennial/internal/testing/prometheus"
)

// TestARealPrometheusShowsEveryPanel has a Prometheus scrape the operator, with the rules in it, and asks it what Grafana
// would: every panel has something to show.
func TestARealPrometheusShowsEveryPanel(t *testing.T) {
	m := newMeasured(t)
	target := httptest.NewServer(promhttp.HandlerFor(prometheusclient.Gatherers{m.registry, runtimemetrics.Registry}, promhttp.HandlerOpts{}))
	defer target.Close()
	server := prometheus.Start(t, prometheus.Options{Config: fmt.Sprintf(`
- job_name: perennial
  honor_labels: true
  scrape_interval: 1s
  scrape_timeout: 1s
  static_configs:
  - targets: [%q]
    labels: {namespace: perennial-system}
rule_files: [%q]
`, strings.TrimPrefix(target.URL, "http://"), plainRules(t))})
	m.startWith(func(o *Options) { o.MetricsObjectNames = true })
	m.zoo()

	server.Await(fmt.Sprintf(`perennial_accounts{namespace=%q, model="standard", band="Critical"}`, m.namespace), "1")
	server.Await(fmt.Sprintf(`sum(perennial_arr{namespace=%q})`, m.namespace), "1230")
	server.Await(`perennial_active{namespace="perennial-system"}`, "1")
	server.Await(fmt.Sprintf(`perennial_account_score{namespace=%q, account="okapi"}`, m.namespace), "80")

	asks := newAsker(t, server.URL())
	for _, rule := range monitoring.Rules(t, monitoringFolder) {
		if _, err := asks.query(rule.Expr); err != nil {
			t.Errorf("%s%s: %v", rule.Alert, rule.Record, err)
		}
	}
	if got, err := asks.query(monitoring.Rules(t, monitoringFolder)[0].Expr); err != nil || len(got) > 0 {
		t.Errorf("an operator that runs is down, says %v, %v", got, err)
	}
	for _, panel := range monitoring.ReadDashboard(t, monitoringFolder).Panels {
		for _, query := range panel.Targets {
			expr := monitoring.Query(strings.ReplaceAll(query.Expr, "$namespace", m.namespace), "30s")
			m.until("panel "+panel.Title+" "+query.RefID, func() error {
				m.bustle()
				got, err := asks.query(expr)
				// Nothing divided by nothing is of a controller that has nothing to do.
				if got = slices.DeleteFunc(got, func(s *model.Sample) bool { return math.IsNaN(float64(s.Value)) }); err == nil && len(got) == 0 {
					err = fmt.Errorf("it shows nothing: %s", expr)
				}
				return err
			})
		}
	}
}

// plainRules writes the rules for a Prometheus that reads files, and returns where.
func plainRules(t *testing.T) string {
	t.Helper()
	manifest, err := os.ReadFile(filepath.Join(monitoringFolder, monitoring.RulesFile))
	if err != nil {
		t.Fatal(err)
	}
	_, groups, ok := strings.Cut(string(manifest), "\nspec:\n")
	if !ok {
		t.Fatal("the manifest has no spec")
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll("\n"+groups, "\n  ", "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// bustle has something read, evaluated and written, so that there is something to count a second.
func (m *measured) bustle() {
	m.t.Helper()
	now := strconv.FormatInt(time.Now().UnixNano(), 10)
	m.request("giraffe", now)
	m.request("usage", now)
	m.setUsage("okapi,8"+now[len(now)-1:]+",ok", "quokka,30,ok", "numbat,much,ok", "walrus,90,ok")
}

// asker asks a Prometheus.
type asker struct {
	t   *testing.T
	api prometheusv1.API
}

func newAsker(t *testing.T, url string) asker {
	t.Helper()
	c, err := prometheusapi.NewClient(prometheusapi.Config{Address: url})
	if err != nil {
		t.Fatal(err)
	}
	return asker{t, prometheusv1.NewAPI(c)}
}

// query returns what a query gives now.
func (a asker) query(expr string) (model.Vector, error) {
	ctx, cancel := context.WithTimeout(a.t.Context(), 10*time.Second)
	defer cancel()
	got, warnings, _, err := a.api.Query(ctx, expr, time.Now())
	if err != nil {
		return nil, err
	}
	if len(warnings) > 0 {
		return nil, fmt.Errorf("warnings: %q", warnings)
	}
	vector, ok := got.(model.Vector)
	if !ok {
		return nil, fmt.Errorf("it gives a %s", got.Type())
	}
	return vector, nil
}
