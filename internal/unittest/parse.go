package unittest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// Parse reads a file of tests. The error names every mistake with its place.
func Parse(name string, content []byte) (*File, error) {
	d := &decoder{name: name}
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		return nil, fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	f := &File{Name: name}
	if len(document.Content) == 0 {
		return nil, fmt.Errorf("%s: the file is empty: write tests", name)
	}
	d.into(document.Content[0], reflect.ValueOf(f).Elem(), "")
	if len(d.problems) == 0 {
		f.check(d)
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return f, nil
}

// check looks for what no configuration can make right.
func (f *File) check(d *decoder) {
	if len(f.Tests) == 0 {
		d.problems = append(d.problems, fmt.Errorf("%s: there are no tests in it", f.Name))
	}
	if f.Start.said {
		d.moment(f.Start, "start")
	}
	lines := map[string]int{}
	for i := range f.Tests {
		t := &f.Tests[i]
		t.file = f
		if t.Name == "" {
			d.failAt(t.Line, "the test needs a name: what happens, and what comes of it")
		} else if before, ok := lines[t.Name]; ok {
			d.failAt(t.Line, "test %q: line %d has one of this name", t.Name, before)
		}
		lines[t.Name] = t.Line
		t.check(d)
	}
}

// check looks at one test.
func (t *Test) check(d *decoder) {
	if start := t.start(); start.said {
		d.moment(start, "start")
	} else {
		d.failAt(t.Line, "test %q needs a start, or the file does: write start: \"2026-11-02T09:00:00Z\"", t.Name)
	}
	names := t.accountNames()
	switch {
	case t.Account.said && len(t.Accounts) > 0:
		d.failAt(t.Line, "test %q has account and accounts: write one of them", t.Name)
	case slices.Contains(names, ""):
		d.failAt(t.Line, "test %q needs an account with a name, or the file does", t.Name)
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			d.failAt(t.Line, "test %q has two accounts %s", t.Name, name)
		}
	}
	if len(t.Steps) == 0 {
		d.failAt(t.Line, "test %q needs steps", t.Name)
	}
	expected := false
	for i := range t.Steps {
		s := &t.Steps[i]
		expected = expected || s.Expect != nil
		s.check(d, names)
	}
	if len(t.Steps) > 0 && !expected {
		d.failAt(t.Line, "test %q expects nothing: give a step an expect", t.Name)
	}
}

// check looks at one step.
func (s *step) check(d *decoder, names []string) {
	switch {
	case s.At.said && s.After.said:
		d.failAt(s.Line, "a step has at or after, not both")
	case s.After.said:
		d.duration(s.After, "after")
	case s.At.said && !isDuration(s.At.text):
		d.moment(s.At, "at")
	}
	switch {
	case s.On != "" && !slices.Contains(names, s.On):
		d.failAt(s.Line, "on: there is no account %s in this test; there is %s", s.On, strings.Join(names, ", "))
	case s.On == "" && len(names) > 1 && (s.Account.said || s.Work != nil || s.Expect != nil):
		d.failAt(s.Line, "the test has several accounts: say which one the step is about, with on: %s", names[0])
	}
	if s.Account.name != "" || s.Account.facts != nil {
		d.failAt(s.Account.line, "account: a step changes labels, annotations and spec; say name with on, and facts beside account")
	}
	for i := range s.Work {
		s.Work[i].check(d)
	}
	if s.Expect != nil {
		s.Expect.check(d)
	}
}

// check looks at what a person does.
func (w *work) check(d *decoder) {
	if w.Task == "" {
		d.failAt(w.Line, "work needs a task: the name of the step that it was made of")
	}
	oneOf(d, w.State, "state", v1alpha1.WorkOpen, v1alpha1.WorkInProgress, v1alpha1.WorkDone, v1alpha1.WorkCanceled)
	oneOf(d, w.Priority, "priority", priorities...)
	d.momentOrNull(w.DueTime, "dueTime")
	if w.Snooze != nil {
		switch {
		case !w.Snooze.Until.said:
			d.failAt(w.Snooze.Line, "snooze needs until: a moment, or how long")
		case !isDuration(w.Snooze.Until.text):
			d.moment(w.Snooze.Until, "until")
		}
	}
}

var (
	priorities = []v1alpha1.Priority{v1alpha1.PriorityLow, v1alpha1.PriorityMedium, v1alpha1.PriorityHigh, v1alpha1.PriorityUrgent}
	truths     = []string{"true", "false"}
)

// check looks for words that nothing ever says, which no expectation would meet.
func (e *expects) check(d *decoder) {
	if e.Health != nil {
		oneOf(d, e.Health.Trend, "trend", v1alpha1.TrendImproving, v1alpha1.TrendStable, v1alpha1.TrendDeclining)
	}
	for i := range e.Measures {
		oneOf(d, e.Measures[i].State, "state", v1alpha1.ValueFresh, v1alpha1.ValueStale, v1alpha1.ValueMissing, v1alpha1.ValueErrored)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Playbooks)) {
		oneOf(d, e.Playbooks[name], "playbooks", v1alpha1.EpisodeClear, v1alpha1.EpisodeIgnored, v1alpha1.EpisodePending, v1alpha1.EpisodeDue, v1alpha1.EpisodeFiring)
	}
	if e.Runs != nil {
		for i := range *e.Runs {
			r := &(*e.Runs)[i]
			if r.Playbook == "" {
				d.failAt(e.Line, "runs[%d] needs a playbook", i)
			}
			oneOf(d, r.State, "state", v1alpha1.RunActive, v1alpha1.RunCompleted, v1alpha1.RunCanceled)
			oneOf(d, r.Resolved, "resolved", truths...)
		}
	}
	if e.Tasks == nil {
		return
	}
	for i := range *e.Tasks {
		t := &(*e.Tasks)[i]
		if t.Step == "" {
			d.failAt(e.Line, "tasks[%d] needs a step: the name of the one that it was made of", i)
		}
		oneOf(d, t.State, "state", taskStates...)
		oneOf(d, t.Priority, "priority", priorities...)
		oneOf(d, t.Overdue, "overdue", truths...)
		d.momentOrNull(t.Opens, "opens")
		d.momentOrNull(t.Due, "due")
	}
}

var taskStates = []v1alpha1.TaskState{
	v1alpha1.TaskBlocked, v1alpha1.TaskOpen, v1alpha1.TaskInProgress, v1alpha1.TaskSnoozed, v1alpha1.TaskDone, v1alpha1.TaskCanceled,
}

// start is when the test begins.
func (t *Test) start() text {
	if t.Start.said {
		return t.Start
	}
	return t.file.Start
}

// accountNames are the accounts of the test.
func (t *Test) accountNames() []string {
	if len(t.Accounts) == 0 {
		if t.Account.name != "" {
			return []string{t.Account.name}
		}
		return []string{t.file.Account.name}
	}
	var names []string
	for i := range t.Accounts {
		names = append(names, t.Accounts[i].name)
	}
	return names
}

// oneOf refuses a word that is none of some.
func oneOf[T ~string](d *decoder, t text, name string, words ...T) {
	if t.said && !t.null && !slices.Contains(words, T(t.text)) {
		d.failAt(t.line, "%s is %q: write %s", name, t.text, orList(words))
	}
}

// orList writes words as a person lists choices.
func orList[T ~string](words []T) string {
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = string(w)
	}
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " or " + parts[len(parts)-1]
}

// duration refuses what is no duration.
func (d *decoder) duration(t text, name string) {
	if !isDuration(t.text) {
		d.failAt(t.line, "%s: %q is not a duration: write 30m, 36h, 90d or 12w", name, t.text)
	}
}

// moment refuses what is no moment. The time zone matters later.
func (d *decoder) moment(t text, name string) {
	if _, err := momentIn(t.text, time.UTC); err != nil {
		d.failAt(t.line, "%s: %v", name, err)
	}
}

// momentOrNull refuses what is no moment, where something is said.
func (d *decoder) momentOrNull(t text, name string) {
	if t.said && !t.null {
		d.moment(t, name)
	}
}

// isDuration reports whether text is a duration: 0, 30m, 90d.
func isDuration(s string) bool {
	if s == "" {
		return false
	}
	_, err := value.ParseDuration(v1alpha1.Duration(s))
	return err == nil
}

// isDay reports whether text is a day without a time.
func isDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// momentIn reads a moment: RFC 3339, or a day, which begins in a time zone.
func momentIn(s string, location *time.Location) (time.Time, error) {
	if isDay(s) {
		return value.ParseDateIn(v1alpha1.Date(s), location)
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < 1970 || t.Year() > 9000 {
		return time.Time{}, fmt.Errorf("%q is not a moment: write 2026-11-02T09:00:00Z, or 2026-11-02 for the beginning of the day", s)
	}
	return t.UTC().Truncate(time.Second), nil
}
