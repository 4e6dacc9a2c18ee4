package metrics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

const (
	fresh   = v1alpha1.ValueFresh
	stale   = v1alpha1.ValueStale
	missing = v1alpha1.ValueMissing
	errored = v1alpha1.ValueErrored
)

// with changes an object that is made in one line.
func with[T any](obj T, change func(T)) T {
	change(obj)
	return obj
}

// customers are accounts in every state that there is.
func customers() cache {
	notScored := func(reason string) func(*v1alpha1.Account) {
		return func(a *v1alpha1.Account) {
			a.Status.Conditions = []metav1.Condition{ready(), condition(v1alpha1.ConditionModelApplied, metav1.ConditionFalse, reason)}
		}
	}
	return cache{
		model("enterprise"), model("standard"),
		scored("acme", "enterprise", "Healthy", 80, 100, 1000, fresh, fresh, fresh),
		scored("beta", "enterprise", "Critical", 0, 75, 200, fresh, missing, stale),
		with(scored("core", "enterprise", "Critical", 72, 50, 30, fresh, errored, errored), func(a *v1alpha1.Account) {
			a.Status.Health.Override = &v1alpha1.AppliedOverride{By: "jo@example.com", ComputedBand: "Healthy"}
			a.Status.Conditions = append(a.Status.Conditions,
				condition(v1alpha1.ConditionHealthOverridden, metav1.ConditionTrue, v1alpha1.ReasonOverridden),
				condition(v1alpha1.ConditionScorePartial, metav1.ConditionTrue, v1alpha1.ReasonValuesTooOld))
		}),
		scored("dora", "enterprise", v1alpha1.BandUnknown, -1, 0, 4, missing, missing, missing),
		// A model that is stalled leaves health as it was.
		with(scored("echo", "standard", "AtRisk", 55, 90, 7, fresh), notScored(v1alpha1.ReasonModelStalled)),
		// A model that does not select the account any more is remembered, and its health is not from it.
		with(scored("fern", "standard", v1alpha1.BandUnknown, -1, 0, 50), notScored(v1alpha1.ReasonNoModel)),
		with(scored("gone", "enterprise", "Critical", 10, 100, 999, fresh), func(a *v1alpha1.Account) { a.Spec.LifecycleStage = v1alpha1.StageChurned }),
		with(scored("pruned", "enterprise", "Critical", 10, 100, 999, fresh), func(a *v1alpha1.Account) {
			a.Annotations = map[string]string{v1alpha1.AnnotationChurnedBy: "crm"}
		}),
		// Nobody has looked at it yet, and it has no contract.
		&v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: "new"}},
	}
}

func TestAccountsAreCountedByModelAndBand(t *testing.T) {
	want := []string{
		`perennial_accounts{band="AtRisk",model="enterprise",namespace="success"} 0`,
		`perennial_accounts{band="AtRisk",model="standard",namespace="success"} 1`,
		`perennial_accounts{band="Critical",model="enterprise",namespace="success"} 2`,
		`perennial_accounts{band="Critical",model="standard",namespace="success"} 0`,
		`perennial_accounts{band="Healthy",model="enterprise",namespace="success"} 1`,
		`perennial_accounts{band="Healthy",model="standard",namespace="success"} 0`,
		`perennial_accounts{band="Unknown",model="",namespace="success"} 2`,
		`perennial_accounts{band="Unknown",model="enterprise",namespace="success"} 1`,
		`perennial_accounts{band="Unknown",model="standard",namespace="success"} 0`,
		`perennial_accounts_churned{namespace="success"} 2`,
		`perennial_accounts_overridden{model="enterprise",namespace="success"} 1`,
		`perennial_accounts_overridden{model="standard",namespace="success"} 0`,
		`perennial_accounts_score_partial{model="enterprise",namespace="success"} 1`,
		`perennial_accounts_score_partial{model="standard",namespace="success"} 0`,
		`perennial_arr{band="AtRisk",model="enterprise",namespace="success"} 0`,
		`perennial_arr{band="AtRisk",model="standard",namespace="success"} 7`,
		`perennial_arr{band="Critical",model="enterprise",namespace="success"} 230`,
		`perennial_arr{band="Critical",model="standard",namespace="success"} 0`,
		`perennial_arr{band="Healthy",model="enterprise",namespace="success"} 1000`,
		`perennial_arr{band="Healthy",model="standard",namespace="success"} 0`,
		`perennial_arr{band="Unknown",model="",namespace="success"} 50`,
		`perennial_arr{band="Unknown",model="enterprise",namespace="success"} 4`,
		`perennial_arr{band="Unknown",model="standard",namespace="success"} 0`,
		`perennial_band_min_points{band="AtRisk",model="enterprise",namespace="success"} 40`,
		`perennial_band_min_points{band="AtRisk",model="standard",namespace="success"} 40`,
		`perennial_band_min_points{band="Critical",model="enterprise",namespace="success"} 0`,
		`perennial_band_min_points{band="Critical",model="standard",namespace="success"} 0`,
		`perennial_band_min_points{band="Healthy",model="enterprise",namespace="success"} 70`,
		`perennial_band_min_points{band="Healthy",model="standard",namespace="success"} 70`,
		`perennial_measure_values{model="enterprise",namespace="success",state="Errored"} 2`,
		`perennial_measure_values{model="enterprise",namespace="success",state="Fresh"} 5`,
		`perennial_measure_values{model="enterprise",namespace="success",state="Missing"} 4`,
		`perennial_measure_values{model="enterprise",namespace="success",state="Stale"} 1`,
		`perennial_measure_values{model="standard",namespace="success",state="Errored"} 0`,
		`perennial_measure_values{model="standard",namespace="success",state="Fresh"} 1`,
		`perennial_measure_values{model="standard",namespace="success",state="Missing"} 0`,
		`perennial_measure_values{model="standard",namespace="success",state="Stale"} 0`,
	}
	got := linesOf(scrapeOf(t, fleet(customers())), "perennial_accounts{", "perennial_accounts_", "perennial_arr", "perennial_band", "perennial_measure")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestScoresAndCoverageAreDistributions(t *testing.T) {
	// Scores 80, 0 and 72; coverage 100, 75, 50 and 0 percent.
	want := []string{
		`perennial_score_coverage_ratio_bucket{model="enterprise",namespace="success",le="0.1"} 1`,
		`perennial_score_coverage_ratio_bucket{model="enterprise",namespace="success",le="0.2"} 1`,
		`perennial_score_coverage_ratio_bucket{model="enterprise",namespace="success",le="0.3"} 1`,
		`perennial_score_coverage_ratio_bucket{model="enterprise",namespace="success",le="0.4"} 1`,
		`perennial_score_coverage_ratio_bucket{model="enterprise",namespace="success",le="0.5"} 2`,
		`perennial_score_coverage_ratio_bucket{model="enterprise",namespace="success",le="0.6"} 2`,
		`perennial_score_coverage_ratio_bucket{model="enterprise",namespace="success",le="0.7"} 2`,
		`perennial_score_coverage_ratio_bucket{model="enterprise",namespace="success",le="0.8"} 3`,
		`perennial_score_coverage_ratio_bucket{model="enterprise",namespace="success",le="0.9"} 3`,
		`perennial_score_coverage_ratio_bucket{model="enterprise",namespace="success",le="1"} 4`,
		`perennial_score_coverage_ratio_bucket{model="enterprise",namespace="success",le="+Inf"} 4`,
		`perennial_score_coverage_ratio_sum{model="enterprise",namespace="success"} 2.25`,
		`perennial_score_coverage_ratio_count{model="enterprise",namespace="success"} 4`,
		`perennial_score_points_bucket{model="enterprise",namespace="success",le="10"} 1`,
		`perennial_score_points_bucket{model="enterprise",namespace="success",le="20"} 1`,
		`perennial_score_points_bucket{model="enterprise",namespace="success",le="30"} 1`,
		`perennial_score_points_bucket{model="enterprise",namespace="success",le="40"} 1`,
		`perennial_score_points_bucket{model="enterprise",namespace="success",le="50"} 1`,
		`perennial_score_points_bucket{model="enterprise",namespace="success",le="60"} 1`,
		`perennial_score_points_bucket{model="enterprise",namespace="success",le="70"} 1`,
		`perennial_score_points_bucket{model="enterprise",namespace="success",le="80"} 3`,
		`perennial_score_points_bucket{model="enterprise",namespace="success",le="90"} 3`,
		`perennial_score_points_bucket{model="enterprise",namespace="success",le="100"} 3`,
		`perennial_score_points_bucket{model="enterprise",namespace="success",le="+Inf"} 3`,
		`perennial_score_points_sum{model="enterprise",namespace="success"} 152`,
		`perennial_score_points_count{model="enterprise",namespace="success"} 3`,
	}
	lines := linesOf(scrapeOf(t, fleet(customers())), "perennial_score")
	got := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !strings.Contains(line, `model="enterprise"`) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, line := range lines {
		if strings.Contains(line, `model=""`) {
			t.Errorf("accounts that no model scores have no score: %s", line)
		}
	}
}

// work is everything but accounts.
func work() cache {
	source := func(name string, change func(*v1alpha1.DataSource)) *v1alpha1.DataSource {
		ds := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: name}}
		ds.Spec.SQL = &v1alpha1.SQLSource{}
		ds.Status.Conditions = []metav1.Condition{ready(), condition(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonReadSucceeded)}
		ds.Status.Rows, ds.Status.RejectedValues = 40, 2
		change(ds)
		return ds
	}
	down := condition(v1alpha1.ConditionAvailable, metav1.ConditionFalse, v1alpha1.ReasonReadFailed)
	held := func(name, reason string, runs int32) *v1alpha1.Playbook {
		p := &v1alpha1.Playbook{ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: name}}
		p.Status.HeldRuns = runs
		p.Status.Conditions = []metav1.Condition{ready(), condition(v1alpha1.ConditionHeld, metav1.ConditionTrue, reason)}
		return p
	}
	objects := cache{
		source("crm", func(*v1alpha1.DataSource) {}),
		source("warehouse", func(ds *v1alpha1.DataSource) { ds.Status.Conditions = []metav1.Condition{ready(), down} }),
		source("support", func(ds *v1alpha1.DataSource) {
			ds.Spec.SQL, ds.Spec.HTTP = nil, &v1alpha1.HTTPSource{}
			ds.Status = v1alpha1.DataSourceStatus{Conditions: []metav1.Condition{
				condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonFirstRead),
				condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonFirstRead),
			}}
		}),
		source("old", func(ds *v1alpha1.DataSource) {
			ds.Spec.Suspend, ds.Status.Conditions = true, []metav1.Condition{ready(), down}
		}),
		held("rescue", v1alpha1.ReasonLimitReached, 7), held("renewal", v1alpha1.ReasonLimitReached, 1), held("paused", v1alpha1.ReasonSuspended, 30),
		with(&v1alpha1.AccountSet{}, func(set *v1alpha1.AccountSet) {
			set.Namespace, set.Name, set.Status.Conditions = "success", "customers", []metav1.Condition{ready()}
			set.Status.Pending = &v1alpha1.PendingChange{Creates: 3, Prunes: 9}
		}),
		with(&v1alpha1.Notifier{}, func(n *v1alpha1.Notifier) {
			n.Namespace, n.Name, n.Status.Waiting = "success", "csms", 7
			n.Status.Conditions = []metav1.Condition{ready(), condition(v1alpha1.ConditionAvailable, metav1.ConditionFalse, v1alpha1.ReasonDeliveryFailed)}
		}),
		with(model("typo"), func(m *v1alpha1.HealthScoreModel) {
			m.Status.Conditions = []metav1.Condition{
				condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalidSpec),
				condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalidSpec),
			}
		}),
	}
	for i, state := range []v1alpha1.RunState{"", v1alpha1.RunActive, v1alpha1.RunActive, v1alpha1.RunCompleted, v1alpha1.RunCanceled} {
		run := &v1alpha1.PlaybookRun{ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: fmt.Sprint("run-", i)}}
		run.Status.State = state
		objects = append(objects, run)
	}
	for i, state := range []v1alpha1.TaskState{"", v1alpha1.TaskOpen, v1alpha1.TaskInProgress, v1alpha1.TaskDone, v1alpha1.TaskDone, v1alpha1.TaskCanceled} {
		task := &v1alpha1.Task{ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: fmt.Sprint("task-", i)}}
		task.Status.State = state
		if i == 1 || i == 2 {
			task.Status.Conditions = []metav1.Condition{ready(), condition(v1alpha1.ConditionOverdue, metav1.ConditionTrue, v1alpha1.ReasonPastDue)}
		}
		objects = append(objects, task)
	}
	return objects
}

func TestSourcesAndWorkAreCounted(t *testing.T) {
	want := []string{
		`perennial_accountset_pending_changes{namespace="success"} 12`,
		`perennial_active 1`,
		`perennial_notifier_waiting_events{namespace="success"} 7`,
		`perennial_notifiers_unavailable{namespace="success"} 1`,
		`perennial_objects_not_ready{kind="Account",namespace="success"} 0`,
		`perennial_objects_not_ready{kind="AccountSet",namespace="success"} 0`,
		`perennial_objects_not_ready{kind="DataSource",namespace="success"} 1`,
		`perennial_objects_not_ready{kind="HealthScoreModel",namespace="success"} 1`,
		`perennial_objects_not_ready{kind="Notifier",namespace="success"} 0`,
		`perennial_objects_not_ready{kind="Playbook",namespace="success"} 0`,
		`perennial_objects_stalled{kind="Account",namespace="success"} 0`,
		`perennial_objects_stalled{kind="AccountSet",namespace="success"} 0`,
		`perennial_objects_stalled{kind="DataSource",namespace="success"} 0`,
		`perennial_objects_stalled{kind="HealthScoreModel",namespace="success"} 1`,
		`perennial_objects_stalled{kind="Notifier",namespace="success"} 0`,
		`perennial_objects_stalled{kind="Playbook",namespace="success"} 0`,
		`perennial_playbook_held_runs{namespace="success",reason="AccountsNotEvaluated"} 0`,
		`perennial_playbook_held_runs{namespace="success",reason="ConfigurationChanging"} 0`,
		`perennial_playbook_held_runs{namespace="success",reason="Inhibited"} 0`,
		`perennial_playbook_held_runs{namespace="success",reason="LimitReached"} 8`,
		`perennial_playbook_held_runs{namespace="success",reason="Suspended"} 30`,
		`perennial_playbook_runs{namespace="success",state="Active"} 3`,
		`perennial_playbook_runs{namespace="success",state="Canceled"} 1`,
		`perennial_playbook_runs{namespace="success",state="Completed"} 1`,
		`perennial_source_rejected_values{namespace="success",provider="http"} 0`,
		`perennial_source_rejected_values{namespace="success",provider="sql"} 6`,
		`perennial_sources{available="False",namespace="success",provider="http"} 0`,
		`perennial_sources{available="False",namespace="success",provider="sql"} 1`,
		`perennial_sources{available="True",namespace="success",provider="http"} 0`,
		`perennial_sources{available="True",namespace="success",provider="sql"} 1`,
		`perennial_sources{available="Unknown",namespace="success",provider="http"} 1`,
		`perennial_sources{available="Unknown",namespace="success",provider="sql"} 0`,
		`perennial_sources_suspended{namespace="success",provider="http"} 0`,
		`perennial_sources_suspended{namespace="success",provider="sql"} 1`,
		`perennial_tasks{namespace="success",state="Blocked"} 1`,
		`perennial_tasks{namespace="success",state="Canceled"} 1`,
		`perennial_tasks{namespace="success",state="Done"} 2`,
		`perennial_tasks{namespace="success",state="InProgress"} 1`,
		`perennial_tasks{namespace="success",state="Open"} 1`,
		`perennial_tasks{namespace="success",state="Snoozed"} 0`,
		`perennial_tasks_overdue{namespace="success"} 2`,
	}
	got := linesOf(scrapeOf(t, fleet(work())), "perennial_accountset", "perennial_active", "perennial_notifier", "perennial_objects", "perennial_playbook", "perennial_source", "perennial_task")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNamespacesAreApart(t *testing.T) {
	other := scored("acme", "enterprise", "Healthy", 80, 100, 5, fresh)
	other.Namespace = "trial"
	lines := scrapeOf(t, fleet(append(customers(), other)))
	for _, line := range []string{
		`perennial_accounts{band="Healthy",model="enterprise",namespace="success"} 1`,
		`perennial_accounts{band="Healthy",model="enterprise",namespace="trial"} 1`,
		`perennial_arr{band="Healthy",model="enterprise",namespace="trial"} 5`,
		`perennial_accounts{band="Unknown",model="",namespace="trial"} 0`,
		`perennial_objects_not_ready{kind="Account",namespace="success"} 1`,
		`perennial_objects_not_ready{kind="Account",namespace="trial"} 0`,
	} {
		if !slices.Contains(lines, line) {
			t.Errorf("there is no %s", line)
		}
	}
}

func TestAReplicaThatWaitsSaysNothingOfTheFleet(t *testing.T) {
	active := make(chan struct{})
	f := fleet(append(customers(), work()...), func(o *Options) { o.Active, o.ObjectNames = active, true })
	if diff := cmp.Diff([]string{"perennial_active 0"}, scrapeOf(t, f)); diff != "" {
		t.Errorf("while it waits (-want +got):\n%s", diff)
	}
	close(active)
	if lines := scrapeOf(t, f); len(lines) < 100 || !slices.Contains(lines, "perennial_active 1") {
		t.Errorf("once it is active it says only %q", lines)
	}
}

func TestNamesOfObjectsAreInLabelsOnlyIfAskedFor(t *testing.T) {
	objects := append(customers(), work()...)
	plain := scrapeOf(t, fleet(objects))
	for _, line := range plain {
		for _, obj := range objects {
			if _, configuration := obj.(*v1alpha1.HealthScoreModel); !configuration && strings.Contains(line, `"`+obj.GetName()+`"`) {
				t.Errorf("the name of %T %s is in %s", obj, obj.GetName(), line)
			}
		}
	}
	began := time.Date(2026, 11, 22, 9, 0, 0, 500e6, time.UTC)
	named := scrapeOf(t, fleet(objects, func(o *Options) {
		o.ObjectNames = true
		o.LastRead = func(source types.NamespacedName) time.Time {
			return map[types.NamespacedName]time.Time{{Namespace: "success", Name: "crm"}: began}[source]
		}
	}))
	var more []string
	for _, line := range named {
		if !slices.Contains(plain, line) {
			more = append(more, line)
		}
	}
	want := []string{
		`perennial_account_coverage_ratio{account="acme",model="enterprise",namespace="success"} 1`,
		`perennial_account_coverage_ratio{account="beta",model="enterprise",namespace="success"} 0.75`,
		`perennial_account_coverage_ratio{account="core",model="enterprise",namespace="success"} 0.5`,
		`perennial_account_coverage_ratio{account="dora",model="enterprise",namespace="success"} 0`,
		`perennial_account_coverage_ratio{account="echo",model="standard",namespace="success"} 0.9`,
		`perennial_account_score{account="acme",model="enterprise",namespace="success"} 80`,
		`perennial_account_score{account="beta",model="enterprise",namespace="success"} 0`,
		`perennial_account_score{account="core",model="enterprise",namespace="success"} 72`,
		`perennial_account_score{account="echo",model="standard",namespace="success"} 55`,
		`perennial_source_available{namespace="success",source="crm"} 1`,
		`perennial_source_available{namespace="success",source="warehouse"} 0`,
		`perennial_source_last_read_timestamp_seconds{namespace="success",source="crm"} 1.7953380005e+09`,
		`perennial_source_rows{namespace="success",source="crm"} 40`,
		`perennial_source_rows{namespace="success",source="old"} 40`,
		`perennial_source_rows{namespace="success",source="support"} 0`,
		`perennial_source_rows{namespace="success",source="warehouse"} 40`,
	}
	if diff := cmp.Diff(want, more); diff != "" {
		t.Errorf("with names (-want +got):\n%s", diff)
	}
}

func TestTheLastReadIsTheLaterOfMemoryAndStatus(t *testing.T) {
	written := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	ds := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: "crm"}}
	ds.Status.LastReadTime = &metav1.Time{Time: written}
	for name, test := range map[string]struct{ memory, want time.Time }{
		"nothing was read since the operator started":    {time.Time{}, written},
		"read since the status was written":              {written.Add(time.Minute), written.Add(time.Minute)},
		"the cache shows a read that memory lacks":       {written.Add(-time.Minute), written},
		"the status is written only while others change": {written, written},
	} {
		t.Run(name, func(t *testing.T) {
			lines := scrapeOf(t, fleet(cache{ds}, func(o *Options) {
				o.ObjectNames = true
				o.LastRead = func(types.NamespacedName) time.Time { return test.memory }
			}))
			want := fmt.Sprintf(`perennial_source_last_read_timestamp_seconds{namespace="success",source="crm"} %v`, float64(test.want.Unix()))
			if !slices.Contains(lines, want) {
				t.Errorf("there is no %s among %q", want, linesOf(lines, "perennial_source_last"))
			}
		})
	}
}

// broken is a cache that cannot say what there is of one kind.
type broken struct {
	cache
	kind client.ObjectList
}

func (b broken) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if fmt.Sprintf("%T", list) == fmt.Sprintf("%T", b.kind) {
		return errors.New("the cache is not filled")
	}
	return b.cache.List(ctx, list, opts...)
}

func TestAScrapeThatLacksAPartFails(t *testing.T) {
	for _, kind := range []client.ObjectList{
		&v1alpha1.AccountList{}, &v1alpha1.AccountSetList{}, &v1alpha1.DataSourceList{}, &v1alpha1.HealthScoreModelList{},
		&v1alpha1.PlaybookList{}, &v1alpha1.PlaybookRunList{}, &v1alpha1.TaskList{},
	} {
		f := fleet(nil, func(o *Options) { o.Reader = broken{append(customers(), work()...), kind} })
		if text, err := textOf(f); err == nil || !strings.Contains(err.Error(), "the cache is not filled") {
			t.Errorf("without %T the scrape says %v and\n%s", kind, err, text)
		}
	}
}

func TestAScrapeIsTheSameWhateverTheOrderOfTheCache(t *testing.T) {
	objects := append(customers(), work()...)
	names := func(o *Options) { o.ObjectNames = true }
	first, err := textOf(fleet(objects, names))
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(objects)
	for range 20 {
		again, err := textOf(fleet(objects, names))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, again); diff != "" {
			t.Fatalf("(-first +again):\n%s", diff)
		}
	}
}
