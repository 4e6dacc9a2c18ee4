package manager

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// busy is a playbook whose first task several people work on, and whose second nobody does.
const busy = `
kind: Playbook
metadata: {name: busy}
spec:
  triggers: [{name: low, score: {atMost: 40}}]
  steps:
  - name: shared
    title: Look at them together
    assignee: first@example.com
    description: Say what you see.
    due: {after: 1h}
    outcomes: [Saved, Lost]
    checklist: [one, two, three, four]
    escalation:
    - {overdueBy: 0s, priority: High}
    - {overdueBy: 1h, assignee: lead@example.com}
    - {overdueBy: 2h, assignee: head@example.com, priority: Urgent}
  - {name: alone, title: Look at them alone}
`

// record follows a task and returns all specs that it had.
func (w *world) record(name string) (stop func() []v1alpha1.Task) {
	w.t.Helper()
	c, err := client.NewWithWatch(api.Get(w.t).Config(), client.Options{Scheme: w.Scheme()})
	if err != nil {
		w.t.Fatal(err)
	}
	events, err := c.Watch(w.t.Context(), &v1alpha1.TaskList{}, client.InNamespace(w.namespace), client.MatchingFields{"metadata.name": name})
	if err != nil {
		w.t.Fatal(err)
	}
	var versions []v1alpha1.Task
	done := make(chan struct{})
	go func() {
		defer close(done)
		for event := range events.ResultChan() {
			task, ok := event.Object.(*v1alpha1.Task)
			if !ok {
				continue
			}
			versions = append(versions, *task)
			if event.Type == watch.Deleted || task.Annotations["example.com/over"] != "" {
				return
			}
		}
	}()
	return func() []v1alpha1.Task {
		w.t.Helper()
		over := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"example.com/over":"yes"}}}`))
		if err := w.Patch(w.t.Context(), &v1alpha1.Task{ObjectMeta: metav1.ObjectMeta{Name: name}}, over, client.FieldOwner("recorder")); err != nil {
			w.t.Fatal(err)
		}
		<-done
		events.Stop()
		return versions
	}
}

// creators are the managers of the spec of a task that nobody has touched: the operator.
func creators(task *v1alpha1.Task) []string {
	var names []string
	for _, entry := range task.ManagedFields {
		if entry.Subresource == "" {
			names = append(names, entry.Manager)
		}
	}
	return names
}

func TestPeopleAtOnceOnOneTask(t *testing.T) { atOnce(newWorld(t), withApply()) }

func TestPeopleAtOnceOnOneTaskWithServerSideApply(t *testing.T) {
	atOnce(newWorld(t), withServerSideApply())
}

// atOnce has people work on a task while the operator does.
func atOnce(w *world, all map[string]person) {
	t := w.t
	w.setUsage("acme,30,ok")
	w.apply(usage)
	w.apply(busy)
	w.addAccount("acme", 1)
	tasks := w.taskStates(map[string]v1alpha1.TaskState{"shared": v1alpha1.TaskOpen, "alone": v1alpha1.TaskOpen})
	before := tasks["shared"]
	if before.Generation != 1 {
		t.Errorf("the operator has written the spec %d times, not once", before.Generation)
	}
	operator := creators(&before)
	if len(operator) != 1 {
		t.Fatalf("managers of a new task are %v", operator)
	}
	versions := w.record(before.Name)

	// Meanwhile the operator finds the task overdue, escalates it in three stages, and what asked for it clears.
	wait := w.together(before.Name, all)
	w.pass(time.Hour + time.Minute) // It is due an hour after the API server's clock says that it was made.
	w.reached(before.Name, 1)
	w.pass(time.Hour)
	w.reached(before.Name, 2)
	w.setUsage("acme,80,ok")
	w.until("what nobody began is canceled", func() error {
		tasks, err := w.tasks()
		if err == nil && tasks["alone"].Status.State != v1alpha1.TaskCanceled {
			err = fmt.Errorf("it is %s", tasks["alone"].Status.State)
		}
		return err
	})
	w.pass(time.Hour)
	w.reached(before.Name, 3)
	wait()
	w.quiet()
	seen := versions()

	after, want := seen[len(seen)-1], *before.Spec.DeepCopy()
	for _, someone := range all {
		someone.wrote(&want, rounds)
	}
	if diff := cmp.Diff(want, after.Spec); diff != "" {
		t.Errorf("somebody's work is not there (- written, + there):\n%s", diff)
	}
	if after.Status.State != v1alpha1.TaskInProgress || !meta.IsStatusConditionTrue(after.Status.Conditions, v1alpha1.ConditionOverdue) || !meta.IsStatusConditionTrue(after.Status.Conditions, v1alpha1.ConditionNoLongerNeeded) {
		t.Errorf("the status is %s", asYAML(after.Status))
	}
	if after.Status.ObservedGeneration != after.Generation {
		t.Errorf("generation %d was acted on, not %d", after.Status.ObservedGeneration, after.Generation)
	}
	w.onlyPeopleWrote(seen, operator[0], rounds*len(all))
	if alone, err := w.tasks(); err != nil || alone["alone"].Generation != 1 {
		t.Errorf("the spec of the task that was canceled was written: %v", err)
	}
}

// reached waits until an overdue task was escalated so far.
func (w *world) reached(name string, stage int32) {
	w.t.Helper()
	w.until(fmt.Sprintf("stage %d", stage), func() error {
		var task v1alpha1.Task
		err := w.Get(context.Background(), client.ObjectKey{Name: name}, &task)
		if err == nil && (task.Status.Escalation == nil || task.Status.Escalation.Stage != stage) {
			err = fmt.Errorf("the status is %s", asYAML(task.Status))
		}
		return err
	})
}

// onlyPeopleWrote checks all versions of a task: the operator wrote the spec when it made it, and never again.
func (w *world) onlyPeopleWrote(versions []v1alpha1.Task, operator string, writes int) {
	w.t.Helper()
	generations := map[int64]bool{}
	for i, version := range versions {
		generations[version.Generation] = true
		if i > 0 && version.Generation == versions[i-1].Generation && !cmp.Equal(version.Spec, versions[i-1].Spec) {
			w.t.Errorf("a change of the spec without a generation")
		}
		for _, entry := range version.ManagedFields {
			fields := string(entry.FieldsV1.GetRawBytes())
			switch {
			case entry.Manager != operator:
			case entry.Subresource == "" && !entry.Time.Equal(&version.CreationTimestamp):
				w.t.Errorf("the operator wrote the spec at %s: %s", entry.Time, fields)
			case entry.Subresource == "status" && strings.Contains(fields, `"f:spec"`):
				w.t.Errorf("the operator holds fields of the spec: %s", fields)
			}
		}
	}
	// One to make it, and at most one for each write of a person.
	last := versions[len(versions)-1]
	if got := int64(len(generations)); got != last.Generation || got > int64(1+writes) {
		w.t.Errorf("%d generations were seen, up to %d, of %d writes by people", got, last.Generation, writes)
	}
	for _, entry := range last.ManagedFields {
		for _, field := range []string{"f:note", "f:state", "f:completedBy", "f:title"} {
			if fields := string(entry.FieldsV1.GetRawBytes()); entry.Manager == operator && strings.Contains(fields, `"`+field+`"`) && entry.Subresource == "" {
				w.t.Errorf("the operator still holds %s of the spec: %s", field, fields)
			}
		}
	}
}

// TestPeopleOneAfterTheOther: of those who write the same field in different ways, the last one's word stands.
func TestPeopleOneAfterTheOther(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,ok")
	w.apply(usage)
	w.apply(busy)
	w.addAccount("acme", 1)
	name := w.taskStates(map[string]v1alpha1.TaskState{"shared": v1alpha1.TaskOpen, "alone": v1alpha1.TaskOpen})["shared"].Name
	w.pass(4 * time.Hour)
	w.reached(name, 3)
	d := w.newDesk()
	for i, do := range []func(who string) error{
		func(who string) error { return d.types("s/^  assignee: .*/  assignee: "+who+"/", "edit", "task", name) },
		func(who string) error {
			return d.types("", "patch", "task", name, "--type=merge", "-p", `{"spec":{"assignee":"`+who+`"}}`)
		},
		func(who string) error {
			return d.applies(name, "{assignee: "+who+"}", "--server-side", "--force-conflicts", "--field-manager=kim")
		},
		func(who string) error { return d.applies(name, "{assignee: "+who+"}") },
		func(who string) error {
			return d.types("", "patch", "task", name, "--type=json", "-p", `[{"op":"replace","path":"/spec/assignee","value":"`+who+`"}]`)
		},
	} {
		who := fmt.Sprintf("person%d@example.com", i)
		if err := do(who); err != nil {
			t.Fatal(err)
		}
		// It was escalated to somebody; what a person says later beats that.
		w.until("the assignee is "+who, func() error {
			var task v1alpha1.Task
			err := w.Get(t.Context(), client.ObjectKey{Name: name}, &task)
			if err == nil && (task.Spec.Assignee != who || task.Status.Assignee != who) {
				err = fmt.Errorf("it is %s in the spec, %s in the status", task.Spec.Assignee, task.Status.Assignee)
			}
			return err
		})
	}
}

// starts are the ways to begin a task, and changes that are none.
var starts = map[string]struct {
	patch string
	state v1alpha1.TaskState
}{
	"state":       {`{"state":"InProgress"}`, v1alpha1.TaskInProgress},
	"note":        {`{"note":"called them"}`, v1alpha1.TaskOpen},
	"outcome":     {`{"outcome":"Saved"}`, v1alpha1.TaskOpen},
	"checklist":   {`{"checklist":[{"name":"one","done":true},{"name":"two"}]}`, v1alpha1.TaskOpen},
	"snooze":      {`{"snooze":{"until":"2099-01-01T00:00:00Z"}}`, v1alpha1.TaskSnoozed},
	"completedby": {`{"completedBy":"jo@example.com"}`, v1alpha1.TaskOpen},
	"done":        {`{"state":"Done","outcome":"Saved"}`, v1alpha1.TaskDone},
	"title":       {`{"title":"Other"}`, v1alpha1.TaskCanceled},
	"duetime":     {`{"dueTime":"2099-01-01T00:00:00Z"}`, v1alpha1.TaskCanceled},
	"assignee":    {`{"assignee":"al@example.com"}`, v1alpha1.TaskCanceled},
	"priority":    {`{"priority":"Low"}`, v1alpha1.TaskCanceled},
	"description": {`{"description":"Other"}`, v1alpha1.TaskCanceled},
	"nothing":     {`{}`, v1alpha1.TaskCanceled},
}

// TestPeopleKeepWhatTheyStarted: when the condition clears, only what nobody began is canceled.
func TestPeopleKeepWhatTheyStarted(t *testing.T) {
	w := newWorld(t)
	type object = map[string]any
	var steps []any
	open, want := map[string]v1alpha1.TaskState{}, map[string]v1alpha1.TaskState{}
	for _, name := range slices.Sorted(maps.Keys(starts)) {
		steps = append(steps, object{"name": name, "title": name, "outcomes": []string{"Saved", "Lost"}, "checklist": []string{"one", "two"}})
		open[name], want[name] = v1alpha1.TaskOpen, starts[name].state
	}
	playbook, err := yaml.Marshal(object{"kind": "Playbook", "metadata": object{"name": "starts"}, "spec": object{
		"triggers": []any{object{"name": "low", "score": object{"atMost": 40}}}, "steps": steps, "onResolve": "CancelUntouched",
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.setUsage("acme,30,ok")
	w.apply(usage)
	w.apply(string(playbook))
	w.addAccount("acme", 1)
	tasks := w.taskStates(open)
	specs := map[string]v1alpha1.TaskSpec{}
	for name, start := range starts {
		task := tasks[name]
		w.patch(&task, `{"spec":`+start.patch+`}`)
		specs[name] = task.Spec
	}
	w.setUsage("acme,80,ok")
	w.taskStates(want)
	w.restart()
	w.quiet()
	tasks = w.taskStates(want)
	for name, task := range tasks {
		if diff := cmp.Diff(specs[name], task.Spec); diff != "" {
			t.Errorf("%s (- written, + there):\n%s", name, diff)
		}
		if needless := meta.IsStatusConditionTrue(task.Status.Conditions, v1alpha1.ConditionNoLongerNeeded); needless == (name == "done") {
			t.Errorf("%s: that it is no longer needed is %v", name, needless)
		}
	}
}

// TestPeopleWhoHaveDoneItAreRight: a person's Done beats the operator's Canceled, whichever comes first.
func TestPeopleWhoHaveDoneItAreRight(t *testing.T) {
	w := newWorld(t)
	done := `{"spec":{"state":"Done","outcome":"Saved","completedBy":"jo@example.com"}}`
	w.setUsage("acme,30,ok")
	w.apply(usage)
	w.apply(busy)
	w.addAccount("acme", 1)
	open := map[string]v1alpha1.TaskState{"shared": v1alpha1.TaskOpen, "alone": v1alpha1.TaskOpen}
	canceled := map[string]v1alpha1.TaskState{"shared": v1alpha1.TaskCanceled, "alone": v1alpha1.TaskCanceled}
	finished := map[string]v1alpha1.TaskState{"shared": v1alpha1.TaskDone, "alone": v1alpha1.TaskCanceled}
	w.taskStates(open)
	w.setUsage("acme,80,ok")
	shared := w.taskStates(canceled)["shared"]
	w.finish(shared, done)
	if by := w.taskStates(finished)["shared"].Status.CompletedBy; by != "jo@example.com" {
		t.Errorf("completed by %q", by)
	}
	w.runState("acme", v1alpha1.RunCompleted, metav1.ConditionTrue)
	w.restart()
	w.quiet()
	w.taskStates(finished)

	// And at the same moment, as often as it takes to see both orders.
	for range 5 {
		if err := w.DeleteAllOf(t.Context(), &v1alpha1.PlaybookRun{}, client.InNamespace(w.namespace)); err != nil {
			t.Fatal(err)
		}
		w.taskStates(map[string]v1alpha1.TaskState{})
		w.setUsage("acme,30,ok")
		shared = w.taskStates(open)["shared"]
		wait := w.together(shared.Name, map[string]person{"jo finishes": patches("merge", `{"spec":{"state":"Done","outcome":"Saved","completedBy":"jo %d"}}`, nil)})
		w.setUsage("acme,80,ok")
		wait()
		w.taskStates(finished)
	}
}
