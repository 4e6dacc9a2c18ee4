// Package unittest runs the unit tests of a configuration: it plays what sources say and what people do, on a clock that
// it moves, and compares what the operator would make of it with what a test expects. The tests are YAML. The package is
// pure: it is given the text of the files and the configuration under test, and returns results.
package unittest

import (
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// File is one file of tests.
type File struct {
	// Name of the file, for errors.
	Name string `json:"-"`
	// Files under test, relative to this one: files, patterns and folders. Without any: the folder of this one.
	Files []string `json:"files"`
	// Namespace of the objects under test, where the files have objects of several.
	Namespace string `json:"namespace"`
	// TimeZone that days begin in, UTC if empty.
	TimeZone string `json:"timeZone"`
	// Start, Account and Facts are what the tests begin with, unless they say otherwise.
	Start   text         `json:"start"`
	Account accountEntry `json:"account"`
	Facts   facts        `json:"facts"`
	// Tests of the file.
	Tests []Test `json:"tests"`
}

// Test is one test: accounts, what sources say of them from the start, and what happens then.
type Test struct {
	// Line of the file on which it begins.
	Line int `json:"-"`
	// Name of the test, unique in the file.
	Name  string `json:"name"`
	Start text   `json:"start"`
	// Account is the one account; Accounts are several.
	Account  accountEntry   `json:"account"`
	Accounts []accountEntry `json:"accounts"`
	Facts    facts          `json:"facts"`
	Steps    []step         `json:"steps"`

	file *File
}

// step is a moment: what happens then, and what is expected of it.
type step struct {
	Line int `json:"-"`
	// At is a moment, or how long after the start; After is how long after the step before.
	At    text `json:"at"`
	After text `json:"after"`
	// On names the account that the step is about, where the test has several.
	On      string       `json:"on"`
	Facts   facts        `json:"facts"`
	Account accountEntry `json:"account"`
	Work    []work       `json:"work"`
	Expect  *expects     `json:"expect"`
}

// work is what a person does with a task.
type work struct {
	Line int `json:"-"`
	// Task is the step of a playbook that it was made of; Playbook is needed where two have a step of that name.
	Task        string   `json:"task"`
	Playbook    string   `json:"playbook"`
	State       text     `json:"state"`
	Outcome     text     `json:"outcome"`
	Note        text     `json:"note"`
	Assignee    text     `json:"assignee"`
	Priority    text     `json:"priority"`
	DueTime     text     `json:"dueTime"`
	CompletedBy text     `json:"completedBy"`
	Checklist   []string `json:"checklist"`
	Snooze      *snooze  `json:"snooze"`
}

// snooze puts a task off.
type snooze struct {
	Line   int    `json:"-"`
	Until  text   `json:"until"`
	Reason string `json:"reason"`
}

// expects is what is compared at a step: only what is said.
type expects struct {
	Line       int             `json:"-"`
	Health     *wantHealth     `json:"health"`
	Dimensions []wantDimension `json:"dimensions"`
	Measures   []wantMeasure   `json:"measures"`
	Playbooks  map[string]text `json:"playbooks"`
	Runs       *[]wantRun      `json:"runs"`
	Tasks      *[]wantTask     `json:"tasks"`
}

type wantHealth struct {
	Band          text      `json:"band"`
	Score         text      `json:"score"`
	PreviousScore text      `json:"previousScore"`
	Trend         text      `json:"trend"`
	Coverage      text      `json:"coverage"`
	Model         text      `json:"model"`
	PendingBand   text      `json:"pendingBand"`
	Rules         *[]string `json:"rules"`
}

type wantDimension struct {
	Name  string `json:"name"`
	Score text   `json:"score"`
}

type wantMeasure struct {
	Name  string `json:"name"`
	Value text   `json:"value"`
	Score text   `json:"score"`
	State text   `json:"state"`
}

type wantRun struct {
	Playbook string `json:"playbook"`
	Trigger  text   `json:"trigger"`
	State    text   `json:"state"`
	Reason   text   `json:"reason"`
	Resolved text   `json:"resolved"`
}

type wantTask struct {
	Step        string `json:"step"`
	Playbook    string `json:"playbook"`
	Title       text   `json:"title"`
	Description text   `json:"description"`
	Assignee    text   `json:"assignee"`
	Priority    text   `json:"priority"`
	State       text   `json:"state"`
	Outcome     text   `json:"outcome"`
	Opens       text   `json:"opens"`
	Due         text   `json:"due"`
	Overdue     text   `json:"overdue"`
	CompletedBy text   `json:"completedBy"`
}

// text is a scalar as it is written. One that is not there is no null.
type text struct {
	line int
	said bool
	null bool
	text string
}

// accountEntry is an account in short, or a change of one: a merge patch of what is said of it.
type accountEntry struct {
	line  int
	said  bool
	name  string
	facts facts
	// patch has metadata and spec as the object has them.
	patch map[string]any
}

// accountForm is what may be said of an account.
type accountForm struct {
	Name        string               `json:"name"`
	Labels      map[string]string    `json:"labels"`
	Annotations map[string]string    `json:"annotations"`
	Spec        v1alpha1.AccountSpec `json:"spec"`
	Facts       facts                `json:"facts"`
}

// facts are what sources say, by source.
type facts map[string]sourceFacts

// sourceFacts are what one source says: values by metric, or whether it can be read.
type sourceFacts struct {
	line int
	// state is Unavailable or Available where that alone is said.
	state  text
	values map[string]fact
}

// fact is what a source says of one metric. A null is that it has no value.
type fact struct {
	value    text
	observed text
}

// Position of the test in its file.
func (t *Test) Position() (file string, line int) { return t.file.Name, t.Line }

// maxSpan is the longest time that a test may take: nobody plans further ahead, and it ends.
const maxSpan = 20 * 366 * 24 * time.Hour
