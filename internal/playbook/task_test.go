package playbook_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

func TestTaskMadeByHand(t *testing.T) {
	created := noon.Add(-time.Hour)
	dueTime := stamp(noon.Add(time.Minute))
	for name, c := range map[string]struct {
		spec    v1alpha1.TaskSpec
		before  v1alpha1.TaskStatus
		now     time.Time
		want    v1alpha1.TaskStatus
		overdue bool
		next    time.Time
	}{
		"is Open and of Medium priority where nothing is said": {
			spec: v1alpha1.TaskSpec{}, want: v1alpha1.TaskStatus{
				State: v1alpha1.TaskOpen, Priority: v1alpha1.PriorityMedium, OpenedTime: stamp(created),
			},
		},
		"is what people say": {
			spec: v1alpha1.TaskSpec{State: v1alpha1.WorkInProgress, Assignee: "jo", Priority: v1alpha1.PriorityUrgent, DueTime: dueTime},
			want: v1alpha1.TaskStatus{
				State: v1alpha1.TaskInProgress, Assignee: "jo", SpecAssignee: "jo", Priority: v1alpha1.PriorityUrgent, OpenedTime: stamp(created), DueTime: dueTime,
			},
			next: dueTime.Time,
		},
		"is overdue from its due time on": {
			spec: v1alpha1.TaskSpec{DueTime: dueTime}, now: dueTime.Time,
			want: v1alpha1.TaskStatus{
				State: v1alpha1.TaskOpen, Priority: v1alpha1.PriorityMedium, OpenedTime: stamp(created), DueTime: dueTime,
			},
			overdue: true,
		},
		"is not overdue once it is done": {
			spec: v1alpha1.TaskSpec{State: v1alpha1.WorkDone, DueTime: dueTime}, now: dueTime.Add(time.Hour),
			before: v1alpha1.TaskStatus{OpenedTime: stamp(created), EndedTime: stamp(noon)},
			want: v1alpha1.TaskStatus{
				State: v1alpha1.TaskDone, Priority: v1alpha1.PriorityMedium, OpenedTime: stamp(created), DueTime: dueTime, EndedTime: stamp(noon),
			},
		},
		"ends when it is first seen canceled": {
			spec: v1alpha1.TaskSpec{State: v1alpha1.WorkCanceled}, before: v1alpha1.TaskStatus{OpenedTime: stamp(created)},
			want: v1alpha1.TaskStatus{
				State: v1alpha1.TaskCanceled, Priority: v1alpha1.PriorityMedium, OpenedTime: stamp(created), EndedTime: stamp(noon),
			},
		},
		"has no end once it is open again": {
			before: v1alpha1.TaskStatus{OpenedTime: stamp(created), EndedTime: stamp(created)},
			want:   v1alpha1.TaskStatus{State: v1alpha1.TaskOpen, Priority: v1alpha1.PriorityMedium, OpenedTime: stamp(created)},
		},
		"loses a due time that people take away": {
			before: v1alpha1.TaskStatus{OpenedTime: stamp(created), DueTime: dueTime},
			want:   v1alpha1.TaskStatus{State: v1alpha1.TaskOpen, Priority: v1alpha1.PriorityMedium, OpenedTime: stamp(created)},
		},
		"keeps the due time of a run that is gone": {
			spec:   v1alpha1.TaskSpec{RunRef: &v1alpha1.LocalReference{Name: "gone"}},
			before: v1alpha1.TaskStatus{OpenedTime: stamp(created), DueTime: dueTime},
			want: v1alpha1.TaskStatus{
				State: v1alpha1.TaskOpen, Priority: v1alpha1.PriorityMedium, OpenedTime: stamp(created), DueTime: dueTime,
			},
			next: dueTime.Time,
		},
	} {
		t.Run(name, func(t *testing.T) {
			now := c.now
			if now.IsZero() {
				now = noon
			}
			task := &v1alpha1.Task{
				ObjectMeta: metav1.ObjectMeta{Name: "by-hand", Generation: 4, CreationTimestamp: *stamp(created)}, Spec: c.spec, Status: c.before,
			}
			c.want.ObservedGeneration = 4
			got, overdue, next := playbook.TaskStatus(task, nil, now)
			same(t, "status", c.want, got)
			same(t, "overdue", c.overdue, overdue)
			same(t, "next change", c.next, next)
		})
	}
}

func TestTaskOfARun(t *testing.T) {
	call := after("call")
	call.Due = &v1alpha1.StepTime{After: "1h"}
	j := newJob(t, call, after("mail", "call"))
	j.carryOut()
	task := j.task("call")
	task.Spec.Assignee, task.Spec.Priority = "", v1alpha1.PriorityLow
	task.Status.Conditions = []metav1.Condition{{Type: "Ready"}}

	j.now = noon.Add(time.Hour - time.Second)
	status, overdue, next := playbook.TaskStatus(task, j.plan(), j.now)
	same(t, "assignee, the owner where a person named nobody", "jo@example.com", status.Assignee)
	same(t, "priority", v1alpha1.PriorityLow, status.Priority)
	same(t, "conditions", task.Status.Conditions, status.Conditions)
	same(t, "overdue", false, overdue)
	same(t, "next change", noon.Add(time.Hour), next)

	j.now = noon.Add(time.Hour)
	if _, overdue, _ = playbook.TaskStatus(task, j.plan(), j.now); !overdue {
		t.Error("not overdue at its due time")
	}
	if status, _, _ = playbook.TaskStatus(j.task("mail"), j.plan(), j.now); status.State != v1alpha1.TaskBlocked || status.OpenedTime != nil {
		t.Errorf("the task after it is %s, opened %v", status.State, status.OpenedTime)
	}
}

func TestATaskThatThePlanDoesNotKnowIsByHand(t *testing.T) {
	j := newJob(t, after("call"))
	extra := &v1alpha1.Task{ObjectMeta: metav1.ObjectMeta{Name: "extra"}, Spec: v1alpha1.TaskSpec{State: v1alpha1.WorkDone}}
	status, _, _ := playbook.TaskStatus(extra, j.plan(), noon)
	same(t, "state", v1alpha1.TaskDone, status.State)
}

func TestWhatPeopleSayOfATaskMadeByHand(t *testing.T) {
	until := stamp(noon.Add(time.Hour))
	dueTime := stamp(noon.Add(-time.Hour))
	run := &v1alpha1.LocalReference{Name: "gone"}
	for name, c := range map[string]struct {
		spec   v1alpha1.TaskSpec
		before v1alpha1.TaskStatus
		now    time.Time
		state  v1alpha1.TaskState
		by     string
		who    string
		late   bool
		next   time.Time
	}{
		"it is put off": {
			spec: v1alpha1.TaskSpec{Snooze: &v1alpha1.Snooze{Until: *until}}, state: v1alpha1.TaskSnoozed, who: "jo", next: until.Time,
		},
		"it is put off and overdue": {
			spec:  v1alpha1.TaskSpec{Snooze: &v1alpha1.Snooze{Until: *until}, State: v1alpha1.WorkInProgress, DueTime: dueTime},
			state: v1alpha1.TaskSnoozed, who: "jo", late: true, next: until.Time,
		},
		"it is put off no more": {
			spec: v1alpha1.TaskSpec{Snooze: &v1alpha1.Snooze{Until: *until}}, now: until.Time, state: v1alpha1.TaskOpen, who: "jo",
		},
		"it is done by somebody": {
			spec: v1alpha1.TaskSpec{State: v1alpha1.WorkDone, CompletedBy: "bot"}, state: v1alpha1.TaskDone, by: "bot", who: "jo",
		},
		"somebody will complete it": {spec: v1alpha1.TaskSpec{CompletedBy: "bot"}, state: v1alpha1.TaskOpen, who: "jo"},
		"it is somebody else's":     {spec: v1alpha1.TaskSpec{Assignee: "pat"}, state: v1alpha1.TaskOpen, who: "pat"},
		"it was begun before the owner changed": {
			spec: v1alpha1.TaskSpec{State: v1alpha1.WorkInProgress}, before: v1alpha1.TaskStatus{Assignee: "kim", State: v1alpha1.TaskInProgress},
			state: v1alpha1.TaskInProgress, who: "kim",
		},
		"it closed itself, and its run is gone": {
			spec: v1alpha1.TaskSpec{RunRef: run}, before: v1alpha1.TaskStatus{State: v1alpha1.TaskDone, CompletedBy: "DoneWhen", Assignee: "kim"},
			state: v1alpha1.TaskDone, by: "DoneWhen", who: "kim",
		},
	} {
		t.Run(name, func(t *testing.T) {
			now := c.now
			if now.IsZero() {
				now = noon
			}
			task := &v1alpha1.Task{ObjectMeta: metav1.ObjectMeta{Name: "by-hand", CreationTimestamp: *stamp(noon)}, Spec: c.spec, Status: c.before}
			got, late, next := playbook.TaskStatus(task, playbook.NoRun(acme(func(a *v1alpha1.Account) { a.Spec.Owner = "jo" })), now)
			same(t, "state", c.state, got.State)
			same(t, "completed by", c.by, got.CompletedBy)
			same(t, "assignee", c.who, got.Assignee)
			same(t, "overdue", c.late, late)
			same(t, "next change", c.next, next)
		})
	}
}

func TestATaskWhoseRunIsGoneStaysWithWhomItWas(t *testing.T) {
	task := &v1alpha1.Task{
		Spec:   v1alpha1.TaskSpec{RunRef: &v1alpha1.LocalReference{Name: "gone"}},
		Status: v1alpha1.TaskStatus{State: v1alpha1.TaskOpen, Assignee: "kim", OpenedTime: stamp(noon)},
	}
	status, _, _ := playbook.TaskStatus(task, nil, noon)
	same(t, "assignee", "kim", status.Assignee)
}
