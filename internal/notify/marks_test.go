package notify

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// show writes marks: "HealthChanged a -> b for x,y".
func show(marks []v1alpha1.UndeliveredEvent) []string {
	var all []string
	for _, m := range marks {
		all = append(all, strings.Join(strings.Fields(fmt.Sprintf("%s %s for %s", m.Type, m.Detail, strings.Join(m.Notifiers, ","))), " "))
	}
	return all
}

func wants(t v1alpha1.EventType, detail string, names ...string) []Wanted {
	return []Wanted{{Event{t, detail}, names}}
}

func TestMark(t *testing.T) {
	full := func(types ...v1alpha1.EventType) []v1alpha1.UndeliveredEvent {
		var marks []v1alpha1.UndeliveredEvent
		for i, t := range types {
			marks, _ = Mark(marks, wants(t, fmt.Sprint(i), "x"), noon.Add(time.Duration(i)*time.Minute))
		}
		return marks
	}
	eight := full("RunStarted", "TaskOpened", "TaskOverdue", "TaskEscalated", "TaskDone", "RunResolved", "AccountChurned", "HealthChanged")
	oneDown := full("RunStarted", "HealthChanged", "HealthChanged", "TaskOpened", "TaskOverdue", "TaskEscalated", "TaskDone", "RunResolved")
	var many []string
	for i := range 20 {
		many = append(many, fmt.Sprintf("n%02d", i))
	}
	tests := map[string]struct {
		marks   []v1alpha1.UndeliveredEvent
		events  []Wanted
		want    []string
		dropped []string
	}{
		"nothing":                       {full("RunStarted"), nil, []string{"RunStarted 0 for x"}, nil},
		"one for two":                   {nil, wants("TaskDone", "", "y", "x"), []string{"TaskDone for x,y"}, nil},
		"one for many":                  {nil, wants("TaskDone", "", many...), []string{"TaskDone for " + strings.Join(many[:16], ","), "TaskDone for " + strings.Join(many[16:], ",")}, nil},
		"twice at once":                 {nil, append(wants("TaskDone", "", "x"), wants("TaskDone", "", "x")...), []string{"TaskDone for x"}, nil},
		"no room, and none of its type": {eight, wants("ContractChanged", "new", "x"), append(show(eight[1:]), "ContractChanged new for x"), []string{"RunStarted 0 for x"}},
		"no room, and one of its type":  {eight, wants("HealthChanged", "new", "x"), append(show(eight[:7]), "HealthChanged 7; new for x"), nil},
		"no room, and two of a type for others": {
			oneDown, wants("HealthChanged", "new", "x", "y"),
			append([]string{"RunStarted 0 for x", "HealthChanged 1; 2 for x"}, append(show(oneDown[3:]), "HealthChanged new for x,y")...), nil,
		},
		"no room, and one of its type for others": {eight, wants("HealthChanged", "new", "y"), append(show(eight[1:]), "HealthChanged new for y"), []string{"RunStarted 0 for x"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(test.marks)
			got, dropped := Mark(test.marks, test.events, noon.Add(time.Hour))
			if diff := cmp.Diff(test.want, show(got)); diff != "" {
				t.Errorf("marks: %s", diff)
			}
			if diff := cmp.Diff(test.dropped, show(dropped)); diff != "" {
				t.Errorf("dropped: %s", diff)
			}
			if diff := cmp.Diff(before, test.marks); diff != "" {
				t.Errorf("the object itself was changed: %s", diff)
			}
		})
	}
}

func TestMarkCutsLongDetails(t *testing.T) {
	marks, _ := Mark(nil, wants("HealthChanged", strings.Repeat("ä", 600), "x"), noon)
	for range 20 {
		marks, _ = Mark(marks, wants("HealthChanged", strings.Repeat("ö", 300), "x"), noon.Add(time.Hour))
		marks, _ = Mark(marks, wants("HealthChanged", strings.Repeat("ü", 300), "x"), noon.Add(2*time.Hour))
	}
	for _, m := range marks {
		if n := utf8.RuneCountInString(m.Detail); n > 512 {
			t.Errorf("a detail has %d characters", n)
		}
	}
}

func TestUnmark(t *testing.T) {
	marks, _ := Mark(nil, append(wants("TaskOpened", "", "x", "y"), wants("TaskDone", "", "x")...), noon)
	opened := IDOf("uid", &marks[0])
	left := Unmark("uid", marks, func(name string, id ID) bool { return name == "x" && id == opened })
	if diff := cmp.Diff([]string{"TaskOpened for y", "TaskDone for x"}, show(left)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"TaskOpened for x,y", "TaskDone for x"}, show(marks)); diff != "" {
		t.Errorf("the object itself was changed: %s", diff)
	}
	if left := Unmark("uid", marks, func(string, ID) bool { return true }); left != nil {
		t.Errorf("left are %v", left)
	}
}

func TestIDsAreOfTheEventAlone(t *testing.T) {
	marks, _ := Mark(nil, wants("TaskOpened", "d", "x", "y"), noon.Add(time.Millisecond))
	id := IDOf("uid", &marks[0])
	if len(id.String()) != 32 {
		t.Errorf("the id is %s", id)
	}
	same := marks[0]
	same.Notifiers = []string{"y"}
	same.Time.Time = same.Time.In(time.FixedZone("east", 3600))
	if IDOf("uid", &same) != id {
		t.Error("who has yet to take it, or the time zone, makes it another event")
	}
	for what, other := range map[string]func(*v1alpha1.UndeliveredEvent){
		"type":   func(m *v1alpha1.UndeliveredEvent) { m.Type = "TaskDone" },
		"time":   func(m *v1alpha1.UndeliveredEvent) { m.Time.Time = m.Time.Add(time.Second) },
		"detail": func(m *v1alpha1.UndeliveredEvent) { m.Detail = "e" },
	} {
		m := marks[0]
		if other(&m); IDOf("uid", &m) == id {
			t.Errorf("another %s has the same id", what)
		}
	}
	if IDOf("other", &marks[0]) == id {
		t.Error("another object has the same id")
	}
}

func TestWaiting(t *testing.T) {
	mark := []v1alpha1.UndeliveredEvent{{}}
	run := &v1alpha1.PlaybookRun{}
	if Waiting(run, make([]v1alpha1.Task, 2)) {
		t.Error("nothing waits")
	}
	if !Waiting(run, []v1alpha1.Task{{}, {Status: v1alpha1.TaskStatus{Undelivered: mark}}}) {
		t.Error("an event of a task waits")
	}
	run.Status.Undelivered = mark
	if !Waiting(run, nil) {
		t.Error("an event of the run waits")
	}
}
