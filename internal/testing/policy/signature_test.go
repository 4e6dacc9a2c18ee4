package policy

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestAJudgementIsSignedByWhoGivesIt: al measured, and set the override.
func TestAJudgementIsSignedByWhoGivesIt(t *testing.T) {
	const (
		als     = `{"name":"sentiment","value":"Good","by":"al@example.com"}`
		nobodys = `{"name":"champion","value":"1"}`
	)
	tests := map[string]struct {
		spec string
		// refused are words of the refusal; empty: it is allowed.
		refused string
	}{
		"another measurement beside those of others": {`{"measurements":[` + als + `,` + nobodys + `,{"name":"new","value":"1","by":"jo@example.com"}]}`, ""},
		"without a name":   {`{"measurements":[` + als + `,` + nobodys + `,{"name":"new","value":"1"}]}`, ""},
		"in another order": {`{"measurements":[` + nobodys + `,` + als + `]}`, ""},
		"what somebody else measured, measured again":     {`{"measurements":[{"name":"sentiment","value":"Bad","by":"jo@example.com"}]}`, ""},
		"what somebody else measured, taken away":         {`{"measurements":[` + nobodys + `]}`, ""},
		"a new one in another's name":                     {`{"measurements":[` + als + `,{"name":"new","value":"1","by":"al@example.com"}]}`, "spec.measurements[new].by: what you measure or change is measured by you: write jo@example.com, or leave it out"},
		"another value in another's name":                 {`{"measurements":[{"name":"sentiment","value":"Bad","by":"al@example.com"}]}`, "spec.measurements[sentiment].by"},
		"another time in another's name":                  {`{"measurements":[{"name":"sentiment","value":"Good","by":"al@example.com","observedTime":"2026-01-01T00:00:00Z"}]}`, "spec.measurements[sentiment].by"},
		"another's name to what nobody signed":            {`{"measurements":[{"name":"champion","value":"1","by":"al@example.com"}]}`, "spec.measurements[champion].by"},
		"two at once":                                     {`{"measurements":[{"name":"sentiment","value":"Bad","by":"al@example.com"},{"name":"champion","value":"2","by":"pat"}]}`, "spec.measurements[sentiment].by, spec.measurements[champion].by"},
		"an override of one's own":                        {`{"healthOverride":{"band":"Healthy","by":"jo@example.com"}}`, ""},
		"somebody else's override, ended":                 {`{"healthOverride":null}`, ""},
		"somebody else's override, prolonged in his name": {`{"healthOverride":{"until":"2027-01-01"}}`, "spec.healthOverride.by: an override that you set or change is yours: write jo@example.com"},
		"somebody else's override, for another reason":    {`{"healthOverride":{"reason":"other"}}`, "spec.healthOverride.by"},
		"an override in the name of a third":              {`{"healthOverride":{"by":"pat@example.com"}}`, "spec.healthOverride.by"},
	}
	w := newWorld(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := &world{t: t, namespace: w.namespace}
			patch := `{"spec":` + test.spec + `}`
			if test.refused == "" {
				w.allowed(jo, "account", patch)
			} else {
				w.refused(jo, "account", patch, test.refused)
			}
			// Whoever is not in the group writes what he is told.
			w.allowed(editor, "account", patch)
		})
	}
}

// TestATaskIsSignedByWhoFinishesIt is about the states in which jo finds a task, and what he makes of it.
func TestATaskIsSignedByWhoFinishesIt(t *testing.T) {
	const refused = "spec.completedBy: you cannot complete a task in the name of "
	tests := map[string]struct {
		is, patch string
		// by is who completed it after that; or refused are words of the refusal.
		by, refused string
	}{
		"Done, and no name":                            {`{"state":"Open","completedBy":null}`, `{"state":"Done"}`, "jo@example.com", ""},
		"Done, and his own name":                       {`{"state":"Open","completedBy":null}`, `{"state":"Done","completedBy":"jo@example.com"}`, "jo@example.com", ""},
		"Done, and another's name":                     {`{"state":"Open","completedBy":null}`, `{"state":"Done","completedBy":"al@example.com"}`, "", refused + "al@example.com: write jo@example.com, or leave it out"},
		"another's name before it is done":             {`{"state":"Open","completedBy":null}`, `{"completedBy":"al@example.com"}`, "", refused},
		"Done, where another's name is from last time": {`{"state":"Open"}`, `{"state":"Done"}`, "jo@example.com", ""},
		"begun":                           {`{"state":"Open","completedBy":null}`, `{"state":"InProgress"}`, "", ""},
		"begun, where another's name is":  {`{"state":"Open"}`, `{"state":"InProgress"}`, "al@example.com", ""},
		"opened again":                    {`{"state":"Done"}`, `{"state":"Open"}`, "al@example.com", ""},
		"opened again, without the name":  {`{"state":"Done"}`, `{"state":"Open","completedBy":null}`, "", ""},
		"canceled":                        {`{"state":"Open","completedBy":null}`, `{"state":"Canceled"}`, "", ""},
		"a note to what another did":      {`{"state":"Done"}`, `{"note":"well done"}`, "al@example.com", ""},
		"a note to what nobody signed":    {`{"state":"Done","completedBy":null}`, `{"note":"who was it?"}`, "", ""},
		"his name to what nobody signed":  {`{"state":"Done","completedBy":null}`, `{"completedBy":"jo@example.com"}`, "jo@example.com", ""},
		"another's to what nobody signed": {`{"state":"Done","completedBy":null}`, `{"completedBy":"al@example.com"}`, "", refused},
		"the name left out later":         {`{"state":"Done"}`, `{"completedBy":null,"note":"x"}`, "al@example.com", ""},
		"his own name left out later":     {`{"state":"Done","completedBy":"jo@example.com"}`, `{"completedBy":null}`, "jo@example.com", ""},
	}
	w := newWorld(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := &world{t: t, namespace: w.namespace}
			task := w.object("task")
			if err := w.as(admin).Patch(t.Context(), task, merge(`{"spec":{"completedBy":"al@example.com"}}`)); err != nil {
				t.Fatal(err)
			}
			if err := w.as(admin).Patch(t.Context(), task, merge(`{"spec":`+test.is+`}`)); err != nil {
				t.Fatal(err)
			}
			patch := `{"spec":` + test.patch + `}`
			w.allowed(editor, "task", patch)
			if test.refused != "" {
				w.refused(jo, "task", patch, test.refused)
				return
			}
			if err := w.as(jo).Patch(t.Context(), task, merge(patch), client.DryRunAll); err != nil {
				t.Fatal(err)
			}
			if by, _, _ := unstructured.NestedString(task.Object, "spec", "completedBy"); by != test.by {
				t.Errorf("completed by %q, want %q", by, test.by)
			}
		})
	}
}

// TestTheSignatureStaysWhoeverAppliesLater: with server-side apply, to leave a field out is to give it up.
func TestTheSignatureStaysWhoeverAppliesLater(t *testing.T) {
	const done = `
apiVersion: perennial.dev/v1alpha1
kind: Task
metadata: {name: call}
spec: {state: Done, outcome: Reached}
`
	w := newWorld(t)
	w.must(w.kubectl(admin, "patch", "task", "call", "--type=merge", "-p", `{"spec":{"completedBy":null}}`))
	for _, u := range []user{jo, jo, al} {
		w.types(u, "", "apply", "--server-side", "--force-conflicts", "-f", write(t, done))
		w.is("task", ".spec.completedBy", "jo@example.com")
	}
	// Who is in no such group may say who it was, and no name is filled in for him.
	w.types(editor, "", "patch", "task", "call", "--type=merge", "-p", `{"spec":{"state":"Open","completedBy":null}}`)
	w.types(editor, "", "patch", "task", "call", "--type=merge", "-p", `{"spec":{"state":"Done"}}`)
	w.is("task", ".spec.completedBy", "")
}

// TestWithoutTheSignature: where nothing fills names in, as before Kubernetes 1.36, nobody signs for somebody else.
func TestWithoutTheSignature(t *testing.T) {
	w := newWorld(t)
	w.must(w.kubectl(admin, "delete", "mutatingadmissionpolicybinding", "perennial-csm-signature"))
	defer func() { w.must(w.kubectl(admin, "apply", "-k", config+"/policy")) }()
	w.must(w.kubectl(admin, "patch", "task", "call", "--type=merge", "-p", `{"spec":{"state":"Open","completedBy":null}}`))
	w.until("no name is filled in", func() error {
		task := w.object("task")
		if err := w.as(jo).Patch(t.Context(), task, merge(`{"spec":{"state":"Done"}}`), client.DryRunAll); err != nil {
			return err
		}
		_, filled, err := unstructured.NestedString(task.Object, "spec", "completedBy")
		if filled {
			err = errStill
		}
		return err
	})
	w.must(w.kubectl(admin, "patch", "task", "call", "--type=merge", "-p", `{"spec":{"completedBy":"al@example.com"}}`))
	w.refused(jo, "task", `{"spec":{"state":"Done"}}`, "spec.completedBy: you cannot complete a task in the name of al@example.com")
	w.allowed(jo, "task", `{"spec":{"state":"Done","completedBy":"jo@example.com"}}`)
	w.allowed(jo, "task", `{"spec":{"completedBy":null}}`)
	w.must(w.kubectl(admin, "patch", "task", "call", "--type=merge", "-p", `{"spec":{"state":"Done"}}`))
	w.refused(jo, "task", `{"spec":{"completedBy":null}}`, "spec.completedBy: al@example.com completed the task, and that stays so while it is Done")
	w.allowed(jo, "task", `{"spec":{"state":"Open"}}`)
}
