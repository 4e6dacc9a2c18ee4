package notify

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Message is an event as it is told: what happened, and what its object and the account say now.
type Message struct {
	// ID of the event.
	ID ID
	// Type of the event, and when it was seen.
	Type v1alpha1.EventType
	Time time.Time
	// Namespace of the objects; Subject is the one that it happened to: tasks/acme-rescue-call.
	Namespace, Subject string
	// Data is what is told.
	Data Data
}

// Data is what a CloudEvent carries.
type Data struct {
	// Account that it happened to.
	Account AccountData `json:"account"`
	// Playbook of the run or task.
	Playbook string `json:"playbook,omitempty"`
	// Run is the name of the PlaybookRun.
	Run string `json:"run,omitempty"`
	// Reason for which the run began.
	Reason string `json:"reason,omitempty"`
	// Task, of an event of a task.
	Task *TaskData `json:"task,omitempty"`
	// Detail says what changed.
	Detail string `json:"detail,omitempty"`
}

// AccountData is an account as it is when the event is sent.
type AccountData struct {
	Name        string            `json:"name"`
	DisplayName string            `json:"displayName,omitempty"`
	Owner       string            `json:"owner,omitempty"`
	ARR         *int64            `json:"arr,omitempty"`
	Band        v1alpha1.BandName `json:"band,omitempty"`
	Score       *int32            `json:"score,omitempty"`
}

// TaskData is a task as it is when the event is sent.
type TaskData struct {
	Name        string             `json:"name"`
	Title       string             `json:"title"`
	Description string             `json:"description,omitempty"`
	Assignee    string             `json:"assignee,omitempty"`
	Priority    v1alpha1.Priority  `json:"priority,omitempty"`
	Due         *metav1.Time       `json:"due,omitempty"`
	State       v1alpha1.TaskState `json:"state,omitempty"`
	// Outcomes to choose from, and the one that was chosen.
	Outcomes    []v1alpha1.Outcome `json:"outcomes,omitempty"`
	Outcome     v1alpha1.Outcome   `json:"outcome,omitempty"`
	CompletedBy string             `json:"completedBy,omitempty"`
}

// Objects are what a message tells of. The account and the run may be nil: they may be gone, or never have been.
type Objects struct {
	Account *v1alpha1.Account
	Run     *v1alpha1.PlaybookRun
	Task    *v1alpha1.Task
}

// NewMessage writes an event of the task, else of the run, else of the account.
func NewMessage(mark *v1alpha1.UndeliveredEvent, of Objects) *Message {
	m := &Message{Type: mark.Type, Time: mark.Time.UTC(), Data: Data{Detail: mark.Detail}}
	object := func(kind string, meta *metav1.ObjectMeta) {
		m.ID, m.Namespace, m.Subject = IDOf(meta.UID, mark), meta.Namespace, kind+"/"+meta.Name
	}
	if of.Account != nil {
		object("accounts", &of.Account.ObjectMeta)
		m.Data.Account = accountData(of.Account)
	}
	if run := of.Run; run != nil {
		object("playbookruns", &run.ObjectMeta)
		m.Data.Account.Name = run.Spec.AccountRef.Name
		m.Data.Playbook, m.Data.Run, m.Data.Reason = run.Spec.PlaybookRef.Name, run.Name, run.Spec.Reason
	}
	if of.Task != nil {
		object("tasks", &of.Task.ObjectMeta)
		m.Data.Account.Name = of.Task.Spec.AccountRef.Name
		m.Data.Task = taskData(of.Task)
	}
	return m
}

func accountData(a *v1alpha1.Account) AccountData {
	data := AccountData{Name: a.Name, DisplayName: a.Spec.DisplayName, Owner: a.Spec.Owner}
	if a.Spec.Contract != nil {
		data.ARR = a.Spec.Contract.ARR
	}
	if h := a.Status.Health; h != nil {
		data.Band, data.Score = h.Band, h.Score
	}
	return data
}

func taskData(t *v1alpha1.Task) *TaskData {
	return &TaskData{
		Name: t.Name, Title: t.Spec.Title, Description: t.Spec.Description,
		Assignee: t.Status.Assignee, Priority: t.Status.Priority, Due: t.Status.DueTime, State: t.Status.State,
		Outcomes: t.Spec.Outcomes, Outcome: t.Spec.Outcome, CompletedBy: t.Status.CompletedBy,
	}
}
