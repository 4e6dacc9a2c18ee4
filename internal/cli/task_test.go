package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// callSpec is a task of a playbook.
const callSpec = `{metadata: {labels: {perennial.dev/playbook: rescue}}, spec: {accountRef: {name: acme}, title: Call them, step: call,
  runRef: {name: acme-rescue-0123456789}, outcomes: [Reached, NoReply], note: They were away., input: {template: winback},
  checklist: [{name: usage review}, {name: sponsor mail}, {name: sponsor call}]}}`

func TestATaskFromBeginningToEnd(t *testing.T) {
	d := newDesk(t)
	d.make("Task", "call", callSpec)
	d.says("Task", "call", `{state: Open, assignee: jo@example.com}`)

	d.ok(jo, "task/call started\n", "task", "start", "task/call")
	d.says("Task", "call", `{state: InProgress}`)
	d.ok(jo, "task/call is in progress already\n", "task", "start", "call")
	d.ok(jo, "task/call ticked off: sponsor mail; usage review\n", "task", "check", "call", "sponsor m", "1")
	d.ok(jo, "task/call has these ticked off already: usage review\n", "task", "check", "call", "USAGE")
	d.ok(jo, "task/call no longer ticked off: usage review\n", "task", "check", "call", "1", "--undo")
	d.ok(jo, "   1 [ ] usage review\n   2 [x] sponsor mail\n   3 [ ] sponsor call\n", "task", "check", "call")
	d.refused(jo, `several items begin with "sponsor"`, "task", "check", "call", "sponsor")
	d.refused(jo, `no item is or begins with "4"`, "task", "check", "call", "4")
	d.ok(jo, "task/call put off until 2026-11-25T15:00:00Z\n", "task", "snooze", "call", "--until", "3d", "--reason", "a fair")
	d.ok(jo, "task/call is put off until 2026-11-25T15:00:00Z already\n", "task", "snooze", "call", "--until", "3d")
	d.ok(jo, "task/call put off until 2026-12-01T00:00:00Z\n", "task", "snooze", "call", "--until", "2026-12-01")
	d.wants("the snooze", d.spec("Task", "call", "snooze"), `until: "2026-12-01T00:00:00Z"`)
	d.ok(jo, "task/call started, and no longer put off\n", "task", "start", "call")
	d.ok(jo, "task/call given to al@example.com\n", "task", "assign", "call", "--to", "al@example.com")
	d.ok(jo, "task/call is al@example.com's already\n", "task", "assign", "call", "--to", "al@example.com")

	d.refused(jo, "task call: --outcome: Done needs one of Reached, NoReply", "task", "done", "call")
	d.refused(jo, "task call: --outcome: Won is none of Reached, NoReply", "task", "done", "call", "--outcome", "Won")
	d.ok(jo, "task/call done: Reached, by jo@example.com\n", "task", "done", "call", "--outcome", "reached", "--note", "They stay.")
	d.ok(jo, "task/call is done already: Reached, by jo@example.com\n", "task", "done", "call")
	d.refused(jo, "it is Done already, with Reached; perennial task reopen call", "task", "done", "call", "--outcome", "NoReply")
	d.refused(jo, "it is Done; perennial task reopen call", "task", "start", "call")
	d.refused(jo, "it is Done; perennial task reopen call", "task", "cancel", "call")
	d.refused(jo, "it is Done; perennial task reopen call", "task", "assign", "call", "--to", "x")
	d.wants("the task", d.spec("Task", "call"), `accountRef:
  name: acme
assignee: al@example.com
checklist:
- done: false
  name: usage review
- done: true
  name: sponsor mail
- name: sponsor call
completedBy: jo@example.com
input:
  template: winback
note: |-
  They were away.
  They stay.
outcome: Reached
outcomes:
- Reached
- NoReply
runRef:
  name: acme-rescue-0123456789
state: Done
step: call
title: Call them`)

	d.ok(al, "task/call opened again\n", "task", "reopen", "call")
	d.says("Task", "call", `{state: Open}`)
	d.ok(al, "task/call is open already\n", "task", "reopen", "call")
	d.wants("the outcome", d.spec("Task", "call", "outcome"), "null")
	d.wants("the signature", d.spec("Task", "call", "completedBy"), "null")
	d.ok(al, "task/call canceled\n", "task", "cancel", "call", "--note", "They merged.")
	d.ok(al, "task/call is canceled already\n", "task", "cancel", "call", "--note", "Again.")
	d.wants("the note", d.spec("Task", "call", "note"), "|-\n  They were away.\n  They stay.\n  They merged.")
	// What a person did beats what another said before: canceled, and done after all.
	d.ok(al, "task/call done: NoReply, by al@example.com\n", "task", "done", "call", "--outcome", "NoReply")

	for _, f := range d.get("Task", "call").GetManagedFields() {
		if f.Manager != "maker" && f.Manager != "operator" && f.Manager != v1alpha1.FieldManagerPerson {
			t.Errorf("%s owns fields of the task", f.Manager)
		}
	}
}

func TestWhoFinishesSigns(t *testing.T) {
	d := newDesk(t)
	for i := range 5 {
		d.make("Task", fmt.Sprintf("call-%d", i), `{spec: {accountRef: {name: acme}, title: Call them, completedBy: zoe@example.com}}`)
	}
	d.ok(jo, "done: Reached, by jo@example.com", "task", "done", "call-0", "--outcome", "Reached")
	d.refused(jo, "you cannot complete a task in the name of al@example.com: write jo@example.com", "task", "done", "call-1", "--by", "al@example.com")
	d.ok(admin, "task/call-1 done, by whatsapp-1", "task", "done", "call-1", "--by", "whatsapp-1")
	d.env[userVariable] = "max@example.com"
	d.ok(admin, "task/call-2 done, by max@example.com", "task", "done", "call-2")
	delete(d.env, userVariable)
	d.ok(admin, "task/call-3 done, by root", "task", "done", "call-3")
	for name, want := range map[string]string{"call-0": "jo@example.com", "call-1": "whatsapp-1", "call-2": "max@example.com", "call-3": "root"} {
		d.wants("the signature of "+name, d.spec("Task", name, "completedBy"), want)
	}
}

// TestUserNamesThatAreNoSignatures: where the policies take something off the user's name, they fill it in.
func TestUserNamesThatAreNoSignatures(t *testing.T) {
	d := newDesk(t)
	policies := ""
	for _, file := range []string{"task_policy.yaml", "task_signature.yaml"} {
		text, err := os.ReadFile("../../config/policy/" + file)
		if err != nil {
			t.Fatal(err)
		}
		policies += string(text) + "\n---\n"
	}
	policies = strings.NewReplacer("perennial:csm", "oidc:csm", "perennial-csm", "oidc-csm",
		"expression: request.userInfo.username\n", "expression: request.userInfo.username.replace('oidc:', '')\n").Replace(policies)
	file := filepath.Join(t.TempDir(), "policies.yaml")
	if err := os.WriteFile(file, []byte(policies), 0o600); err != nil {
		t.Fatal(err)
	}
	d.kubectl("apply", "-f", file)
	t.Cleanup(func() { _, _ = actionAPI.RunKubectl(context.Background(), "delete", "-f", file) })
	d.kubectl("create", "rolebinding", "oidc-csm", "--clusterrole=perennial-csm", "--group=oidc:csm")
	maxi := user{"oidc:max@example.com", []string{"oidc:csm"}}
	d.make("Task", "call", `{spec: {accountRef: {name: acme}, title: Call them, completedBy: zoe@example.com}}`)
	d.until("the policies are in force", func() error {
		task := d.get("Task", "call")
		err := d.as(maxi).Patch(t.Context(), task, mergePatch(`{"spec":{"state":"Done"}}`), client.DryRunAll)
		if by, _, _ := unstructured.NestedString(task.Object, "spec", "completedBy"); err == nil && by != "max@example.com" {
			err = errors.New("the signature is not filled in")
		}
		if err == nil {
			err = d.as(maxi).Patch(t.Context(), task, mergePatch(`{"spec":{"state":"Done","completedBy":"oidc:max@example.com"}}`), client.DryRunAll)
			if err == nil {
				return errors.New("the signature is not checked")
			}
			return nil
		}
		return err
	})
	d.ok(maxi, "task/call done\n", "task", "done", "call")
	d.wants("the signature", d.spec("Task", "call", "completedBy"), "max@example.com")
}

// TestSomebodyIsFaster: what another person writes between our reading and our writing stays.
func TestSomebodyIsFaster(t *testing.T) {
	for name, tt := range map[string]struct {
		meanwhile string
		args      []string
		want      string
		state     string
	}{
		"a note stays, and ours comes after it": {
			`{"spec":{"note":"from al"}}`,
			[]string{"done", "call", "--outcome", "Reached", "--note", "from jo"},
			"task/call done: Reached", "note: |-\n  from al\n  from jo\n",
		},
		"another item's tick stays": {
			`{"spec":{"checklist":[{"name":"new first"},{"name":"usage review","done":true},{"name":"sponsor mail"},{"name":"sponsor call"}]}}`,
			[]string{"check", "call", "sponsor mail"},
			"task/call ticked off: sponsor mail",
			"checklist:\n- name: new first\n- done: true\n  name: usage review\n- done: true\n  name: sponsor mail\n- name: sponsor call\n",
		},
		"who finished it before us has finished it": {
			`{"spec":{"state":"Done","outcome":"NoReply","completedBy":"al@example.com"}}`,
			[]string{"done", "call", "--outcome", "NoReply", "--note", "from jo"},
			"task/call is done already: NoReply, by al@example.com", "note: They were away.\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.make("Task", "call", callSpec)
			meanwhile := func() {
				if err := d.as(admin).Patch(t.Context(), d.get("Task", "call"), mergePatch(tt.meanwhile)); err != nil {
					t.Fatal(err)
				}
			}
			out, errOut, code := d.interrupted(jo, meanwhile, append([]string{"task"}, tt.args...)...)
			if code != ExitOK || !strings.Contains(out, tt.want) {
				t.Errorf("exit code %d: %s%s", code, out, errOut)
			}
			if spec := d.spec("Task", "call") + "\n"; !strings.Contains(spec, tt.state) {
				t.Errorf("the task is:\n%s\nwithout:\n%s", spec, tt.state)
			}
		})
	}
}

func TestSeveralTasks(t *testing.T) {
	d := newDesk(t)
	d.make("Task", "one", `{spec: {accountRef: {name: acme}, title: One}}`)
	d.make("Task", "two", `{spec: {accountRef: {name: acme}, title: Two, outcomes: [Won, Lost]}}`)
	d.make("Task", "three", `{spec: {accountRef: {name: acme}, title: Three}}`)
	out, errOut, code := d.run(jo, "task", "done", "one", "nothing", "two", "account/acme", "three")
	if code != ExitError {
		t.Errorf("exit code %d", code)
	}
	d.wants("the answer", out, "task/one done, by jo@example.com\ntask/three done, by jo@example.com\n")
	d.wants("what is wrong", errOut, "Error: task nothing: there is no task nothing in namespace "+d.namespace+
		"\nError: task two: --outcome: Done needs one of Won, Lost\nError: task account/acme: account/acme: write NAME or task/NAME\n")
	d.wants("the second", d.spec("Task", "two", "state"), "Open")
}

func TestWhatTasksRefuse(t *testing.T) {
	d := newDesk(t)
	long := strings.Repeat("ö", 4000)
	d.make("Task", "call", `{spec: {accountRef: {name: acme}, title: Call, note: `+long+`}}`)
	d.make("Task", "closed", `{spec: {accountRef: {name: acme}, title: Call}}`)
	d.says("Task", "closed", `{state: Done, completedBy: DoneWhen}`)
	d.make("Task", "cleared", `{spec: {accountRef: {name: acme}, title: Call}}`)
	d.says("Task", "cleared", `{state: Canceled}`)
	d.make("Task", "gone", `{spec: {accountRef: {name: acme}, title: Call}}`)
	d.says("Task", "gone", `{state: Canceled, conditions: [{type: NoLongerNeeded, status: "True", reason: RunCanceled, message: x,
	  lastTransitionTime: "2026-11-01T00:00:00Z"}]}`)
	d.make("Task", "escalated", `{spec: {accountRef: {name: acme}, title: Call}}`)
	d.says("Task", "escalated", `{state: Open, assignee: lead@example.com,
	  escalation: {stage: 1, time: "2026-11-01T00:00:00Z", assignee: lead@example.com, specAssignee: jo@example.com}}`)
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"nobody is named":                      {[]string{"done"}, "name the tasks; perennial tasks lists them"},
		"no command":                           {[]string{"don", "call"}, "perennial task don: there is no such command; did you mean done?"},
		"a command with letters missing":       {[]string{"dne", "call"}, "perennial task dne: there is no such command; did you mean done?"},
		"a task that is not there":             {[]string{"start", "nothing"}, "there is no task nothing in namespace " + d.namespace},
		"a note that is too long":              {[]string{"done", "call", "--note", strings.Repeat("x", 96)}, "the note has 4097 characters, and 4096 are the most"},
		"a snooze without an end":              {[]string{"snooze", "call"}, "--until: say when the task is back"},
		"a snooze until nonsense":              {[]string{"snooze", "call", "--until", "soon"}, `--until: "soon" is no time: write 3d, 2026-12-01 or 2026-12-01T09:00:00Z`},
		"a snooze until yesterday":             {[]string{"snooze", "call", "--until", "2026-11-21"}, "--until: 2026-11-21T00:00:00Z is over"},
		"nobody to give it to":                 {[]string{"assign", "call"}, "--to: say who shall do it"},
		"a task without a checklist":           {[]string{"check", "call", "1"}, "it has no checklist"},
		"a dry run that there is not":          {[]string{"start", "call", "--dry-run=maybe"}, "--dry-run=maybe: use none, client or server"},
		"an outcome that is no word":           {[]string{"done", "call", "--outcome", "not one"}, "spec.outcome"},
		"to begin what closed itself":          {[]string{"start", "closed"}, "what its playbook's doneWhen asks for is so"},
		"to open what closed itself":           {[]string{"reopen", "closed"}, "what its playbook's doneWhen asks for is so"},
		"to open what is not needed":           {[]string{"reopen", "cleared"}, "perennial task start cleared takes it up all the same"},
		"to begin what ended with its run":     {[]string{"start", "gone"}, "its run was canceled"},
		"to open what ended with its run":      {[]string{"reopen", "gone"}, "its run was canceled"},
		"to put off what is canceled":          {[]string{"snooze", "cleared", "--until", "1d"}, "it is Canceled"},
		"to give it back to whom it was taken": {[]string{"assign", "escalated", "--to", "jo@example.com"}, "it was jo@example.com's when it escalated to lead@example.com"},
		"who hands over must be said":          {[]string{"reassign", "--to", "x"}, "--from: say whose tasks they are"},
		"to whom must be said":                 {[]string{"reassign", "--from", "x"}, "--to: say who shall have them"},
		"it must be somebody else":             {[]string{"reassign", "--from", "x", "--to", "x"}, "--to: x has them already"},
		"a form that there is not":             {[]string{"reassign", "--from", "x", "--to", "y", "-o", "pdf"}, "-o pdf"},
	} {
		t.Run(name, func(t *testing.T) {
			in := *d
			in.t = t
			in.refused(jo, tt.want, append([]string{"task"}, tt.args...)...)
		})
	}
	d.ok(jo, "task/closed is done already, by DoneWhen", "task", "done", "closed")
	d.ok(jo, "task/cleared is canceled already", "task", "cancel", "cleared")
	d.ok(jo, "task/cleared started", "task", "start", "cleared")
	d.ok(jo, "task/escalated given to al@example.com", "task", "assign", "escalated", "--to", "al@example.com")
	d.refused(guest, "forbidden", "task", "start", "call")
}

func TestDryRun(t *testing.T) {
	d := newDesk(t)
	d.make("Task", "call", callSpec)
	before := d.get("Task", "call").GetResourceVersion()
	d.ok(jo, "task/call done: Reached, by jo@example.com (dry run)\n", "task", "done", "call", "--outcome", "Reached", "--dry-run")
	d.ok(jo, "task/call done: Reached, by jo@example.com (server dry run)\n", "task", "done", "call", "--outcome", "Reached", "--dry-run=server")
	d.ok(jo, "task/call ticked off: usage review (server dry run)\n", "task", "check", "call", "1", "--dry-run=server")
	d.refused(jo, "you cannot complete a task in the name of", "task", "done", "call", "--outcome", "Reached", "--by", "al", "--dry-run=server")
	d.wants("the version", d.get("Task", "call").GetResourceVersion(), before)
}

func TestReassign(t *testing.T) {
	d := newDesk(t)
	for name, spec := range map[string]string{
		"open":      `{metadata: {labels: {perennial.dev/playbook: rescue}}, spec: {accountRef: {name: acme}, title: Open}}`,
		"blocked":   `{spec: {accountRef: {name: acme}, title: Blocked}}`,
		"elsewhere": `{metadata: {labels: {perennial.dev/playbook: rescue}}, spec: {accountRef: {name: beta}, title: Elsewhere}}`,
		"done":      `{spec: {accountRef: {name: acme}, title: Done, state: Done}}`,
		"canceled":  `{spec: {accountRef: {name: acme}, title: Canceled}}`,
		"taken":     `{spec: {accountRef: {name: acme}, title: Taken, assignee: jo@example.com}}`,
		"given":     `{spec: {accountRef: {name: acme}, title: Given, assignee: zoe@example.com}}`,
	} {
		d.make("Task", name, spec)
	}
	d.says("Task", "open", `{state: InProgress, assignee: jo@example.com, dueTime: "2026-12-02T00:00:00Z"}`)
	d.says("Task", "blocked", `{state: Blocked, assignee: jo@example.com}`)
	d.says("Task", "elsewhere", `{state: Open, assignee: jo@example.com, dueTime: "2026-12-01T00:00:00Z"}`)
	d.says("Task", "done", `{state: Done, assignee: jo@example.com}`)
	d.says("Task", "canceled", `{state: Canceled, assignee: jo@example.com}`)
	d.says("Task", "taken", `{state: Open, assignee: lead@example.com}`)
	d.says("Task", "given", `{state: Open, assignee: jo@example.com, observedGeneration: 0}`)

	move := []string{"task", "reassign", "--from", "jo@example.com", "--to", "al@example.com"}
	d.refused(jo, "3 tasks would be given to al@example.com: nobody is there to ask, so say --yes", move...)
	out, errOut, code := d.run(jo, append(move, "--dry-run")...)
	want := `NAME        ACCOUNT   STATE        DUE                    FROM             TO
elsewhere   beta      Open         2026-12-01T00:00:00Z   jo@example.com   al@example.com
open        acme      InProgress   2026-12-02T00:00:00Z   jo@example.com   al@example.com
blocked     acme      Blocked                             jo@example.com   al@example.com
`
	d.wants("the table", out, want)
	if code != ExitOK || !strings.Contains(errOut, "jo@example.com still owns 1 account: new tasks on them go there") ||
		!strings.HasSuffix(errOut, "Given to al@example.com: 3 tasks (dry run)\n") {
		t.Errorf("exit code %d: %s", code, errOut)
	}
	d.answers("no\n")
	d.refused(jo, "Give 3 tasks to al@example.com? [y/N] Nothing was changed.", move...)
	d.wants("the assignee", d.spec("Task", "open", "assignee"), "null")
	d.types = nil
	d.ok(jo, `"name": "elsewhere"`, append(move, "--account", "beta", "--yes", "-o", "json")...)
	d.wants("the assignee elsewhere", d.spec("Task", "elsewhere", "assignee"), "al@example.com")
	d.wants("the assignee", d.spec("Task", "open", "assignee"), "null")
	d.answers("y\n")
	d.make("Playbook", "save", `{spec: {previousNames: [rescue], triggers: [{name: low, score: {atMost: 40}}], steps: [{name: call, title: Call}]}}`)
	d.ok(jo, "open ", append(move, "--playbook", "save")...)
	d.wants("the assignee", d.spec("Task", "open", "assignee"), "al@example.com")
	d.wants("the assignee of another playbook", d.spec("Task", "blocked", "assignee"), "null")
	d.types = nil
	d.ok(jo, "blocked ", append(move, "-y")...)
	out, errOut, code = d.run(jo, append(move, "-y")...)
	if out != "" || code != ExitOK || !strings.Contains(errOut, "jo@example.com has no such open tasks.") {
		t.Errorf("again, exit code %d: %s%s", code, out, errOut)
	}
	for name, assignee := range map[string]string{"done": "null", "canceled": "null", "taken": "jo@example.com", "given": "zoe@example.com", "blocked": "al@example.com"} {
		d.wants("the assignee of "+name, d.spec("Task", name, "assignee"), assignee)
	}
}

// TestATaskThatChangesHandsMeanwhile is left with whom it is by then.
func TestATaskThatChangesHandsMeanwhile(t *testing.T) {
	d := newDesk(t)
	for _, name := range []string{"one", "two"} {
		d.make("Task", name, `{spec: {accountRef: {name: acme}, title: Work}}`)
		d.says("Task", name, `{state: Open, assignee: jo@example.com}`)
	}
	out, errOut, code := d.interrupted(jo, func() {
		d.ok(al, "given to zoe@example.com", "task", "assign", "one", "--to", "zoe@example.com")
	}, "task", "reassign", "--from", "jo@example.com", "--to", "al@example.com", "--yes")
	if code != ExitError || !strings.Contains(errOut, "/one: it is Open, and zoe@example.com's by now\n") || !strings.Contains(errOut, "Given to al@example.com: 1 task\n") {
		t.Errorf("exit code %d: %s%s", code, out, errOut)
	}
	d.wants("the first", d.spec("Task", "one", "assignee"), "zoe@example.com")
	d.wants("the second", d.spec("Task", "two", "assignee"), "al@example.com")
}

func TestMoment(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := actionNow.In(berlin)
	for text, want := range map[string]string{
		"36h":                       "2026-11-24T03:00:00Z",
		"2w":                        "2026-12-06T15:00:00Z",
		"2026-12-01":                "2026-11-30T23:00:00Z", // the first moment of the day in Berlin
		"2026-12-01T09:00:00Z":      "2026-12-01T09:00:00Z",
		"2026-12-01T09:00:00+05:30": "2026-12-01T03:30:00Z",
		"":                          "",
		"tomorrow":                  "",
		"3":                         "",
		"2026-02-30":                "",
		"2026-12-01 09:00":          "",
	} {
		got, err := moment(text, now)
		if (err != nil) != (want == "") || err == nil && got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

func TestOneOf(t *testing.T) {
	for word, want := range map[string]string{"Yes": "Yes", "yes": "Yes", "YES": "Yes", "no": "no", "No": "No", "nO": "", "maybe": "", "": ""} {
		if got, ok := oneOf(word, []string{"Yes", "No", "no"}); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %t", word, got, ok)
		}
	}
}

func TestItemOf(t *testing.T) {
	task := &v1alpha1.Task{}
	for _, name := range []string{"usage review", "2 calls", "Sponsor mail", "sponsor", "ünder way"} {
		task.Spec.Checklist = append(task.Spec.Checklist, v1alpha1.ChecklistItem{Name: v1alpha1.ChecklistText(name)})
	}
	for item, want := range map[string]int{
		"1": 0, "2": 1, "5": 4, "usage": 0, "USAGE r": 0, "2 calls": 1, "2 c": 1, "sponsor": 3, "sponsor m": 2, "ÜNDER": 4,
		"0": -1, "6": -1, "-1": -1, "spons": -1, "": -1, "calls": -1,
	} {
		got, err := itemOf(task, item)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q is item %d, want %d: %v", item, got, want, err)
		}
	}
}

// TestCtrlCEndsAQuestion: nobody answers, and the program ends.
func TestCtrlCEndsAQuestion(t *testing.T) {
	reader, writer := io.Pipe()
	defer func() { _ = writer.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	a := &app{Env: Env{IOStreams: genericiooptions.IOStreams{In: reader, ErrOut: io.Discard}}}
	cancel()
	if yes, err := a.confirm(ctx, "Well?"); yes || !errors.Is(err, context.Canceled) {
		t.Errorf("%t, %v", yes, err)
	}
}

func TestCompletion(t *testing.T) {
	d := newDesk(t)
	d.make("Task", "call", callSpec)
	d.make("Task", "over", `{spec: {accountRef: {name: acme}, title: Over, state: Done}}`)
	d.make("HealthScoreModel", "enterprise", enterpriseModel)
	d.make("Account", "acme", inGit)
	for typed, want := range map[string]string{
		"task done ":                          "call\nprobe\n:4\n",
		"task reopen ":                        "over\n:4\n",
		"task done call ":                     "probe\n:4\n",
		"task done call --outcome ":           "Reached\nNoReply\n:4\n",
		"task check call ":                    "1\tusage review\n2\tsponsor mail\n3\tsponsor call\n:36\n",
		"account measure ":                    "acme\nprobe\n:4\n",
		"account measure acme ":               "csm-sentiment=\nsponsors=\n:6\n",
		"account measure acme csm-sentiment=": "csm-sentiment=Bad\ncsm-sentiment=Good\n:4\n",
		"account override acme --band ":       "Healthy\nAtRisk\nCritical\n:4\n",
		"account override probe --band ":      ":4\n",
		"task start --dry-run=":               "none\nclient\nserver\n:4\n",
		"task done nothing --outcome ":        ":4\n",
	} {
		out, _, code := d.run(jo, append([]string{"__complete"}, strings.Split(typed, " ")...)...)
		if code != ExitOK || out != want {
			t.Errorf("%q: exit code %d: %q, want %q", typed, code, out, want)
		}
	}
}
