package samples

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/accountset"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/configmap"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

const namespace = "default"

// customer is an account, and what is different from its rows in the files.
type customer struct {
	account *v1alpha1.Account
	// facts replace what the sources say, by "source.metric"; an empty text is a metric without a value.
	facts map[string]string
	// answers are rows of surveys beside those of the file.
	answers []value.Event
}

// world is the sample company as the operator sees it, with a clock that a test moves.
type world struct {
	t         *testing.T
	samples   *samples
	now       time.Time
	store     *observe.Store
	fleet     *fleet.Fleet
	reads     []v1alpha1.MetricReference
	customers []*customer
}

// newWorld reads the samples at a moment. only are the playbooks that are there; all, where none is named.
func newWorld(t *testing.T, s *samples, now time.Time, only ...string) *world {
	t.Helper()
	w := &world{t: t, samples: s, now: now, store: observe.NewStore(), fleet: fleet.New(time.UTC)}
	for _, ds := range s.sources {
		w.read(ds)
	}
	var err error
	for _, m := range s.models {
		err = errors.Join(err, w.fleet.SetModel(m))
	}
	there := 0
	for _, pb := range s.playbooks {
		if len(only) == 0 || slices.Contains(only, pb.Name) {
			there++
			err = errors.Join(err, w.fleet.SetPlaybook(pb))
		}
	}
	if err != nil || there < len(only) {
		t.Fatalf("%d playbooks of %v are there: %v", there, only, err)
	}
	w.fill()
	return w
}

// read reads a source as the operator does.
func (w *world) read(ds *v1alpha1.DataSource) {
	w.t.Helper()
	reader, err := configmap.New(ds, observe.Dependencies{Keys: w.samples})
	if err != nil {
		w.t.Fatalf("source %s: %v", ds.Name, err)
	}
	table, err := reader.Read(w.t.Context(), observe.Request{Now: w.now})
	if err != nil {
		w.t.Fatalf("source %s: %v", ds.Name, err)
	}
	snapshot, err := observe.Ingest(ds, table, w.now)
	if err != nil {
		w.t.Fatalf("source %s: %v", ds.Name, err)
	}
	if examples := snapshot.RejectedExamples(); len(examples) > 0 {
		w.t.Errorf("source %s: values are rejected: %v", ds.Name, examples)
	}
	for _, m := range ds.Spec.Metrics {
		w.reads = append(w.reads, v1alpha1.MetricReference{Source: ds.Name, Metric: m.Name})
	}
	w.store.Accept(types.NamespacedName{Namespace: namespace, Name: ds.Name}, ds, snapshot)
}

// fill makes the accounts that the AccountSet makes.
func (w *world) fill() {
	w.t.Helper()
	set := w.samples.set
	template, err := accountset.Compile(set.Spec.Template)
	if err != nil {
		w.t.Fatal(err)
	}
	snapshot, _ := w.store.Snapshot(types.NamespacedName{Namespace: namespace, Name: set.Spec.SourceRef.Name})
	var rows []accountset.SourceRow
	for _, id := range snapshot.Keys() {
		rows = append(rows, accountset.SourceRow{ID: id, Values: snapshot.Row(id)})
	}
	plan := template.Plan(accountset.Input{Set: set, Rows: rows, Sets: []string{set.Name}, Now: w.now, Location: time.UTC})
	if len(plan.Rejected) > 0 {
		w.t.Fatalf("rows are rejected: %v", plan.Rejected)
	}
	for _, change := range plan.Changes {
		acct := &v1alpha1.Account{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(change.Object(), acct, true); err != nil {
			w.t.Fatalf("account %s: %v", change.Name, err)
		}
		acct.Namespace, acct.UID, acct.CreationTimestamp = namespace, types.UID(change.Name), metav1.NewTime(w.now)
		w.customers = append(w.customers, &customer{account: acct, facts: map[string]string{}})
	}
	slices.SortFunc(w.customers, func(a, b *customer) int { return strings.Compare(a.account.Name, b.account.Name) })
}

// only leaves one customer in the world and returns it.
func (w *world) only(name string) *customer {
	w.t.Helper()
	w.customers = slices.DeleteFunc(w.customers, func(c *customer) bool { return c.account.Name != name })
	if len(w.customers) != 1 {
		w.t.Fatalf("there is no account %s", name)
	}
	return w.customers[0]
}

// settle lets the operator work until nothing changes any more at this moment.
func (w *world) settle() {
	w.t.Helper()
	for _, c := range w.customers {
		w.fleet.SetAccount(c.account)
		facts, events := w.observed(c)
		if err := w.fleet.SetFacts(c.account.Name, facts, events); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.fleet.Step(w.now); err != nil {
		w.t.Fatal(err)
	}
}

// observed is what the sources say of a customer.
func (w *world) observed(c *customer) (value.Facts, map[string]value.Events) {
	w.t.Helper()
	facts := w.store.Facts(namespace, c.account, w.reads)
	for _, name := range slices.Sorted(maps.Keys(c.facts)) {
		source, metric, _ := strings.Cut(name, ".")
		ref := v1alpha1.MetricReference{Source: source, Metric: metric}
		was, ok := facts[ref]
		if !ok {
			w.t.Fatalf("no source declares %s", name)
		}
		facts[ref] = value.Observation{Type: was.Type, State: v1alpha1.ValueMissing}
		if text := c.facts[name]; text != "" {
			val, err := value.Parse(was.Type, text)
			if err != nil {
				w.t.Fatalf("%s: %v", name, err)
			}
			facts[ref] = value.Observation{Type: was.Type, State: v1alpha1.ValueFresh, Value: &val, ObservedTime: w.now}
		}
	}
	events := map[string]value.Events{}
	for _, ds := range w.samples.sources {
		events[ds.Name] = w.store.Events(namespace, c.account, ds.Name)
	}
	surveys := events["surveys"]
	surveys.Rows = slices.Concat(surveys.Rows, c.answers)
	events["surveys"] = surveys
	return facts, events
}

// runs are those on a customer, in the order in which they began.
func (w *world) runs(c *customer) []*v1alpha1.PlaybookRun {
	runs := slices.DeleteFunc(w.fleet.Runs(), func(run *v1alpha1.PlaybookRun) bool { return run.Spec.AccountRef.Name != c.account.Name })
	slices.SortStableFunc(runs, func(a, b *v1alpha1.PlaybookRun) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return runs
}

// tasks are those of a run, in the order of its steps.
func (w *world) tasks(run *v1alpha1.PlaybookRun) []*v1alpha1.Task {
	step := func(task *v1alpha1.Task) int {
		return slices.IndexFunc(run.Spec.Steps, func(s v1alpha1.PlaybookStep) bool { return s.Name == task.Spec.Step })
	}
	tasks := w.fleet.Tasks(run.Name)
	slices.SortFunc(tasks, func(a, b *v1alpha1.Task) int { return cmp.Compare(step(a), step(b)) })
	return tasks
}

// person changes the one task of a step that is open.
func (w *world) person(step string, change func(task *v1alpha1.Task)) {
	w.t.Helper()
	w.settle()
	changed := 0
	w.fleet.Work(fleet.PeopleFunc(func(task *v1alpha1.Task, _ time.Time) {
		if string(task.Spec.Step) == step && task.Status.State == v1alpha1.TaskOpen {
			changed++
			change(task)
		}
	}), w.now)
	if changed != 1 {
		w.t.Fatalf("%d tasks of step %s are open", changed, step)
	}
}

// finish does what the person does who has the open task of a step.
func (w *world) finish(step, outcome string) {
	w.t.Helper()
	w.person(step, func(task *v1alpha1.Task) {
		if ok := len(task.Spec.Outcomes) == 0 && outcome == "" || slices.Contains(task.Spec.Outcomes, v1alpha1.Outcome(outcome)); !ok {
			w.t.Fatalf("step %s has the outcomes %v, not %q", step, task.Spec.Outcomes, outcome)
		}
		task.Spec.State, task.Spec.Outcome = v1alpha1.WorkDone, v1alpha1.Outcome(outcome)
	})
}

// work says what there is to do for a customer: a line for each run and task.
func (w *world) work(c *customer) []string {
	var lines []string
	for _, run := range w.runs(c) {
		line := fmt.Sprintf("run of %s by %s: %s", run.Spec.PlaybookRef.Name, run.Spec.Trigger, run.Status.State)
		if !playbook.ResolvedTime(run).IsZero() {
			line += ", resolved"
		}
		lines = append(lines, line)
		for _, task := range w.tasks(run) {
			lines = append(lines, taskLine(task))
			w.checkTexts(task)
		}
	}
	return lines
}

// checkTexts is about expressions of which nothing came: the sample accounts have what the texts read.
func (w *world) checkTexts(task *v1alpha1.Task) {
	w.t.Helper()
	for _, text := range []string{task.Spec.Title, task.Spec.Description, fmt.Sprint(task.Spec.Input)} {
		if strings.Contains(text, "<no value>") {
			w.t.Errorf("%s: %s", task.Name, text)
		}
	}
}

// taskLine says how a task stands: "- triage: Open, High, jo@example.com, due 2026-11-24".
func taskLine(task *v1alpha1.Task) string {
	s := &task.Status
	parts := []string{string(s.State)}
	switch s.State {
	case v1alpha1.TaskDone, v1alpha1.TaskCanceled:
		if s.CompletedBy != "" {
			parts = append(parts, "by "+s.CompletedBy)
		}
	default:
		parts = append(parts, string(s.Priority), s.Assignee)
		if s.State == v1alpha1.TaskBlocked && s.OpensTime != nil {
			parts = append(parts, "opens "+s.OpensTime.Format(time.DateOnly))
		}
		if s.DueTime != nil {
			parts = append(parts, "due "+s.DueTime.Format(time.DateOnly))
		}
	}
	return fmt.Sprintf("- %s: %s", task.Spec.Step, strings.Join(parts, ", "))
}
