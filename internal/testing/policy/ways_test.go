package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// editorScript writes a program that edits a file as a person does, and has kubectl use it.
func editorScript(t *testing.T, sed string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "editor")
	if err := os.WriteFile(file, []byte("#!/bin/sh\nsed '"+sed+"' \"$1\" >\"$1.new\" && mv \"$1.new\" \"$1\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBE_EDITOR", file)
}

// write writes a manifest.
func write(t *testing.T, manifest string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "manifest.yaml")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// types runs kubectl and checks that it is refused with these words, or does it where there are none.
func (w *world) types(u user, refused string, args ...string) {
	w.t.Helper()
	switch _, err := w.kubectl(u, args...); {
	case refused == "" && err != nil:
		w.t.Errorf("%s: %v", u.name, err)
	case refused != "" && (err == nil || !strings.Contains(err.Error(), refused)):
		w.t.Errorf("%s: kubectl %s: no %q in: %v", u.name, strings.Join(args, " "), refused, err)
	}
}

// is checks a field of acme or the call.
func (w *world) is(resource, path, want string) {
	w.t.Helper()
	if got := w.read(resource, path); got != want {
		w.t.Errorf("%s of the %s is %q, want %q", path, resource, got, want)
	}
}

func TestPatch(t *testing.T) {
	w := newWorld(t)
	w.types(jo, "", "patch", "task", "call", "--type=merge", "-p", `{"spec":{"note":"from a merge"}}`)
	w.is("task", ".spec.note", "from a merge")
	w.types(jo, "", "patch", "task", "call", "--type=json", "-p", `[{"op":"replace","path":"/spec/checklist/0/done","value":true}]`)
	w.is("task", ".spec.checklist[0].done", "true")
	w.types(jo, "metadata.labels: members of perennial:csm", "label", "task", "call", "a=b")
	w.types(jo, "spec.owner: members of perennial:csm", "patch", "account", "acme", "--type=json", "-p", `[{"op":"remove","path":"/spec/owner"}]`)
	w.types(jo, "metadata.annotations: members of perennial:csm", "annotate", "account", "acme", "perennial.dev/requestedAt=now")
	// One field that is not theirs, and nothing of it is done.
	w.types(jo, "spec.owner: members", "patch", "account", "acme", "--type=merge", "-p", `{"spec":{"owner":"x","measurements":null}}`)
	w.is("account", ".spec.measurements[0].value", "Good")
}

func TestEdit(t *testing.T) {
	w := newWorld(t)
	editorScript(t, "s/note: .*/note: from an editor/")
	w.types(jo, "", "edit", "task", "call")
	w.is("task", ".spec.note", "from an editor")
	editorScript(t, "s/by: al@example.com/by: jo@example.com/")
	w.types(jo, "", "edit", "account", "acme")
	w.is("account", ".spec.healthOverride.by", "jo@example.com")
	editorScript(t, "s/arr: .*/arr: 1/")
	w.types(jo, "spec.contract: members of perennial:csm", "edit", "account", "acme")
	w.is("account", ".spec.contract.arr", "120000")
}

// TestWhatWasApplied: some commands also write the annotation of kubectl apply, where there is one.
func TestWhatWasApplied(t *testing.T) {
	w := newWorld(t)
	w.types(gitOps, "", "apply", "-f", write(t, acme))
	editorScript(t, "s/by: al@example.com/by: jo@example.com/")
	w.types(jo, "", "edit", "account", "acme")
	w.is("account", ".spec.healthOverride.by", "jo@example.com")
	w.types(jo, "", "patch", "account", "acme", "--type=merge", "-p", `{"spec":{"healthOverride":null}}`)
	w.is("account", ".spec.healthOverride", "")
	read := w.must(w.kubectl(jo, "get", "account", "acme", "-o", "yaml"))
	file := write(t, strings.Replace(read, "value: \"1\"", "value: \"2\"", 1))
	w.types(jo, "kubectl apply, and kubectl replace of what was applied, write an annotation: use kubectl patch, edit", "replace", "-f", file)
	w.is("account", ".spec.measurements[1].value", "1")
}

func TestApply(t *testing.T) {
	w := newWorld(t)
	judged := `
apiVersion: perennial.dev/v1alpha1
kind: Account
metadata: {name: acme}
spec:
  measurements: [{name: nps-call, value: "9", by: jo@example.com}]
`
	w.types(jo, "use kubectl patch, edit, or apply --server-side", "apply", "-f", write(t, judged))
	w.types(jo, "", "apply", "--server-side", "-f", write(t, judged))
	w.is("account", `.spec.measurements[?(@.name=="nps-call")].value`, "9")
	w.is("account", `.spec.measurements[?(@.name=="sentiment")].value`, "Good")
	w.types(jo, "", "apply", "--server-side", "-f", write(t, judged))
	more := judged + "  contract: {arr: 1}\n"
	w.types(jo, "spec.contract: members", "apply", "--server-side", "--force-conflicts", "-f", write(t, more))
	w.types(jo, "cannot create resource", "apply", "--server-side", "-f", write(t, strings.Replace(judged, "acme", "beta", 1)))
	// GitOps takes over what is its own, and leaves what is theirs.
	w.types(gitOps, "", "apply", "--server-side", "--force-conflicts", "--field-manager=flux", "-f", write(t, strings.Replace(more, "measurements", "team: [] #", 1)))
	w.is("account", ".spec.contract.arr", "1")
	w.is("account", `.spec.measurements[?(@.name=="nps-call")].value`, "9")
}

func TestReplace(t *testing.T) {
	w := newWorld(t)
	read := w.must(w.kubectl(jo, "get", "task", "call", "-o", "yaml"))
	w.types(jo, "", "replace", "-f", write(t, strings.Replace(read, "note: They were away.", "note: from a file", 1)))
	w.is("task", ".spec.note", "from a file")
	w.types(jo, "the object has been modified", "replace", "-f", write(t, read))
	w.types(jo, "metadata.labels", "replace", "-f", write(t, strings.Replace(call, "labels: {perennial.dev/account: acme}, ", "", 1)))
	// What was written by hand, without what the API server keeps, is good too.
	w.types(jo, "", "replace", "-f", write(t, strings.Replace(call, "They were away.", "by hand", 1)))
	w.is("task", ".spec.note", "by hand")
}
