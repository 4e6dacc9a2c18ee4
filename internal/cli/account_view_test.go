package cli

import (
	"strings"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// newViewDesk is a desk with two accounts and work on one of them.
func newViewDesk(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t)
	d.make("Account", "acme", `{spec: {displayName: Acme Corp, owner: jo@example.com, contract: {arr: 120000, renewalDate: "2027-02-01"}}}`)
	d.says("Account", "acme", `{health: {band: AtRisk, previousBand: Healthy, bandSince: "2026-11-20T09:00:00Z", score: 55, coverage: 92, model: standard}}`)
	d.make("Account", "bolt", `{spec: {owner: al@example.com}}`)
	d.make("Task", "call", `{spec: {accountRef: {name: acme}, title: Call Acme, assignee: Jo@example.com}}`)
	d.says("Task", "call", `{state: Open, assignee: Jo@example.com, priority: High, dueTime: "2026-11-21T15:00:00Z"}`)
	d.make("Task", "mail", `{spec: {accountRef: {name: acme}, title: Mail Acme}}`)
	d.says("Task", "mail", `{state: Open, assignee: al@example.com}`)
	event := func(name, kind, about, reason, note string) {
		e := &eventsv1.Event{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: d.namespace}, EventTime: metav1.NewMicroTime(actionNow.Add(-3600e9)),
			Reason: reason, Note: note, Type: "Normal", Action: "Evaluate", ReportingController: "perennial", ReportingInstance: "one",
		}
		e.Regarding.APIVersion, e.Regarding.Kind, e.Regarding.Name, e.Regarding.Namespace = "perennial.dev/v1alpha1", kind, about, d.namespace
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(e)
		if err != nil {
			t.Fatal(err)
		}
		u := d.object("Event", name, "{}")
		u.Object = object
		u.SetAPIVersion("events.k8s.io/v1")
		u.SetKind("Event")
		if err := d.as(admin).Create(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	event("of-acme", "Account", "acme", "ModelChanged", "standard/1 -> standard/2")
	event("of-the-band", "Account", "acme", "BandChanged", "Healthy -> AtRisk")
	event("of-bolt", "Account", "bolt", "ModelChanged", "nothing to acme")
	event("of-a-playbook", "Playbook", "acme", "SomethingElse", "of the same name")
	return d
}

func TestViewsOfACluster(t *testing.T) {
	d := newViewDesk(t)
	for name, c := range map[string]struct {
		who     user
		args    string
		says    []string
		saysNot []string
		code    int
	}{
		"a CSM sees an account": {
			who: jo, args: "account acme",
			says:    []string{"Acme Corp is AtRisk at 55 (was Healthy until 2026-11-20)", "renewal in 71d (2027-02-01)", "Call Acme", "24h overdue", "from Healthy to AtRisk"},
			saysNot: []string{"nothing to acme", "of the same name"},
		},
		"whoever may read events sees them, but for what is told anyway": {
			who: admin, args: "account acme",
			says: []string{"ModelChanged: standard/1 -> standard/2"}, saysNot: []string{"BandChanged", "nothing to acme", "of the same name"},
		},
		"a CSM's own tasks": {who: jo, args: "tasks --mine", says: []string{"call", "24h overdue", "Acme Corp"}, saysNot: []string{"mail"}},
		"another one's":     {who: jo, args: "tasks --mine --as-user al@example.com", says: []string{"mail"}, saysNot: []string{"Call Acme"}},
		"nobody's":          {who: jo, args: "tasks --mine --as-user nobody", says: []string{"no task is with nobody; where tasks know you by another name, use --as-user"}},
		"late tasks everywhere": {
			who: admin, args: "tasks --overdue -A", says: []string{"NAMESPACE", d.namespace, "call"}, saysNot: []string{"mail"},
		},
		"a portfolio":             {who: jo, args: "portfolio", says: []string{"jo@example.com          2", "120,000", "TOTAL"}},
		"an account explained":    {who: jo, args: "explain account/acme", says: []string{"Acme Corp is AtRisk at 55 (was Healthy until 2026-11-20)"}},
		"a name that is close":    {who: jo, args: "account acm", says: []string{"there is no account acm in namespace " + d.namespace + "; did you mean acme?"}, code: 1},
		"tasks of no playbook":    {who: jo, args: "tasks --playbook nobodys", says: []string{"there is no playbook nobodys in namespace " + d.namespace}, code: 1},
		"whoever may not look":    {who: guest, args: "tasks", says: []string{"is forbidden"}, code: 1},
		"a form that there isn't": {who: jo, args: "account acme -o csv", says: []string{"-o csv: there is no such form here; use text, json, yaml"}, code: 1},
	} {
		t.Run(name, func(t *testing.T) {
			out, errOut, code := d.run(c.who, strings.Fields(c.args)...)
			if code != c.code {
				t.Errorf("exit code %d, and not %d", code, c.code)
			}
			for _, s := range c.says {
				if !strings.Contains(out+errOut, s) {
					t.Errorf("it does not say %q:\n%s%s", s, out, errOut)
				}
			}
			for _, s := range c.saysNot {
				if strings.Contains(out+errOut, s) {
					t.Errorf("it says %q:\n%s%s", s, out, errOut)
				}
			}
		})
	}
}
