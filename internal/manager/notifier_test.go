package manager

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/notify"
)

// pursue is a playbook whose task is escalated.
const pursue = `
kind: Playbook
metadata: {name: pursue}
spec:
  triggers: [{name: low, score: {atMost: 40}}]
  steps:
  - name: triage
    title: "Look at ${account.spec.displayName}"
    priority: High
    outcomes: [RealDrop, FalseAlarm]
    due: {after: 2d}
    escalation: [{overdueBy: 1d, assignee: lead@example.com, priority: Urgent}]
`

// what a receiver gets when acme falls to 30, and pursue begins.
var acmeFalls = []string{
	"account.health.changed, Healthy -> Critical, score 30",
	"run.started",
	"task.opened triage",
}

// acmeHealthy makes the account acme with a score of 90, and what looks after it.
func (w *world) acmeHealthy() {
	w.t.Helper()
	w.setUsage("acme,90,ok")
	w.apply(usage)
	w.apply(pursue)
	w.addAccount("acme", 120000)
	w.health("acme", 90, "Healthy")
	w.episode("acme", "pursue", v1alpha1.EpisodeClear, 0)
}

func TestEveryEventArrivesOnce(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t)
	w.apply(r.notifier("all", ""))
	w.notifierIs("all", "can be used", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady))
	w.acmeHealthy()
	w.setUsage("acme,30,ok")
	want := slices.Clone(acmeFalls)
	w.getsAll(r, want...)

	w.pass(49 * time.Hour)
	want = append(want, "task.overdue triage")
	w.getsAll(r, want...)
	w.pass(24 * time.Hour)
	want = append(want, "task.escalated triage, stage 1: assignee lead@example.com, priority Urgent")
	w.getsAll(r, want...)
	task := w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen})["triage"]
	w.finish(task, `{"spec":{"state":"Done","outcome":"RealDrop","completedBy":"jo@example.com"}}`)
	want = append(want, "task.done triage")
	w.getsAll(r, want...)
	w.setUsage("acme,90,ok")
	want = append(want, "account.health.changed, Critical -> Healthy, score 90", "run.resolved, the condition that started it has cleared")
	w.getsAll(r, want...)
	w.patch(accountNamed("acme"), `{"spec": {"lifecycleStage": "Adoption", "contract": {"arr": 150000, "renewalDate": "2027-02-01"}}}`)
	want = append(want, "account.contract.changed, arr 120000 -> 150000, renewalDate none -> 2027-02-01")
	w.getsAll(r, want...)
	w.patch(accountNamed("acme"), `{"spec": {"lifecycleStage": "Churned", "contract": {"renewalDate": "2027-02-01T00:00:00Z"}}}`)
	want = append(want, "account.churned, Adoption -> Churned", "account.health.changed, Healthy -> Unknown")
	w.getsAll(r, want...)

	w.holds("all")
	w.pass(time.Minute)
	w.notifierIs("all", "has nothing left", func(s *v1alpha1.NotifierStatus) bool {
		return s.Waiting == 0 && s.Dropped == 0 && hasCondition(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonDelivered)(s)
	})
	w.quiet()
	w.getsAll(r, want...)
	w.checkContent(r, task)
}

// checkContent looks at what one of the events says, and that each has an id of its own.
func (w *world) checkContent(r *receiver, task v1alpha1.Task) {
	w.t.Helper()
	ids := map[string]bool{}
	for _, d := range r.deliveries(2) {
		if ids[d.event.ID] || len(d.event.ID) != 32 {
			w.t.Errorf("the id %q came twice, or is none", d.event.ID)
		}
		ids[d.event.ID] = true
		if got := d.header.Get("Content-Type"); got != "application/cloudevents+json; charset=UTF-8" {
			w.t.Errorf("the content type is %s", got)
		}
	}
	i := slices.IndexFunc(r.deliveries(2), func(d delivery) bool { return d.event.Type == "dev.perennial.task.escalated" })
	got := r.deliveries(2)[i].event
	if _, err := time.Parse(time.RFC3339, got.Time); err != nil {
		w.t.Errorf("the time is %q", got.Time)
	}
	got.ID, got.Time = "", ""
	want := cloudEvent{
		SpecVersion: "1.0", Type: "dev.perennial.task.escalated", DataContentType: "application/json",
		Source: "/namespaces/" + w.namespace + "/accounts/acme", Subject: "tasks/" + task.Name,
		Data: notify.Data{
			Account:  notify.AccountData{Name: "acme", DisplayName: "ACME Corp", Owner: "jo@example.com", ARR: ptr.To[int64](120000), Band: "Critical", Score: ptr.To[int32](30)},
			Playbook: "pursue", Run: task.Spec.RunRef.Name, Reason: got.Data.Reason,
			Detail: "stage 1: assignee lead@example.com, priority Urgent",
			Task: &notify.TaskData{
				Name: task.Name, Title: "Look at ACME Corp", Assignee: "lead@example.com", Priority: "Urgent", Due: task.Status.DueTime, State: "Open",
				Outcomes: []v1alpha1.Outcome{"RealDrop", "FalseAlarm"},
			},
		},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b metav1.Time) bool { return a.Equal(&b) })); diff != "" {
		w.t.Errorf("the event is another (- want, + got):\n%s", diff)
	}
	if !strings.Contains(got.Data.Reason, "30") {
		w.t.Errorf("the reason is %q", got.Data.Reason)
	}
}

// TestAReceiverThatIsDown blocks nothing, and loses nothing: not over a restart of the operator either.
func TestAReceiverThatIsDown(t *testing.T) {
	w := newWorld(t)
	good, bad := newReceiver(t), newReceiver(t)
	bad.answers(func(delivery) int { return http.StatusServiceUnavailable })
	w.apply(good.notifier("good", ""))
	w.apply(bad.notifier("bad", ""))
	w.notifierIs("bad", "can be used", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady))
	w.notifierIs("good", "can be used", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady))
	w.acmeHealthy()
	w.setUsage("acme,30,ok")
	w.getsAll(good, acmeFalls...)
	task := w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen})["triage"]
	w.finish(task, `{"spec":{"state":"Done","outcome":"RealDrop"}}`)
	all := append(slices.Clone(acmeFalls), "task.done triage")
	w.getsAll(good, all...)
	n := w.notifierIs("bad", "says so", hasCondition(v1alpha1.ConditionAvailable, metav1.ConditionFalse, v1alpha1.ReasonDeliveryFailed))
	if message := n.Status.Conditions[slices.IndexFunc(n.Status.Conditions, func(c metav1.Condition) bool { return c.Type == v1alpha1.ConditionAvailable })].Message; message !=
		"spec.cloudEvents.url: the receiver, or what is before it, fails (503 Service Unavailable); see its log: delivery goes on by itself" {
		t.Errorf("it says %q", message)
	}
	held := []string{"HealthChanged of account", "RunStarted of run", "TaskOpened of triage", "TaskDone of triage"}
	w.holds("bad", held...)
	w.holds("good")

	w.pass(time.Minute)
	w.notifierIs("bad", "counts", func(s *v1alpha1.NotifierStatus) bool { return s.Waiting == 4 })
	version := w.notifierIs("bad", "is there", func(*v1alpha1.NotifierStatus) bool { return true }).ResourceVersion
	for range 3 {
		tries := len(bad.deliveries(5))
		w.pass(10 * time.Minute)
		w.until("another attempt", func() error { return unless(len(bad.deliveries(5)) > tries) })
	}
	w.quiet() // attempts write nothing
	if n := w.notifierIs("bad", "is there", func(*v1alpha1.NotifierStatus) bool { return true }); n.ResourceVersion != version {
		t.Errorf("attempts have written the notifier's status: %s", asYAML(n.Status))
	}
	w.notified("bad", v1alpha1.ReasonDeliveryFailed, "503 Service Unavailable")

	w.restart()
	tries := len(bad.deliveries(5))
	w.until("an attempt after the restart", func() error { return unless(len(bad.deliveries(5)) > tries) })
	w.holds("bad", held...)
	w.notified("bad", v1alpha1.ReasonDeliveryFailed, "503 Service Unavailable")
	bad.answers(nil)
	w.pass(10 * time.Minute)
	w.getsAll(bad, all...)
	w.holds("bad")
	w.notified("bad", "DeliveryRecovered", "delivered again")
	w.getsAll(good, all...)
	if diff := cmp.Diff(sortedIDs(good.deliveries(2)), sortedIDs(bad.deliveries(2))); diff != "" {
		t.Errorf("the two got other ids:\n%s", diff)
	}
}

func sortedIDs(all []delivery) []string {
	var ids []string
	for _, d := range all {
		ids = append(ids, d.event.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// TestWhatMayHaveArrivedComesAgainWithTheSameID is about a receiver that takes an event and fails before it says so.
func TestWhatMayHaveArrivedComesAgainWithTheSameID(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t)
	r.answers(func(delivery) int { return http.StatusInternalServerError })
	w.apply(r.notifier("all", "  events: [HealthChanged]"))
	w.notifierIs("all", "can be used", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady))
	w.acmeHealthy()
	w.setUsage("acme,30,ok")
	w.until("an attempt", func() error { return unless(len(r.deliveries(5)) > 0) })
	w.restart()
	r.answers(nil)
	w.pass(10 * time.Minute)
	w.getsAll(r, acmeFalls[0])
	ids := sortedIDs(append(r.deliveries(5), r.deliveries(2)...))
	if len(ids) != 1 {
		t.Errorf("the same event came with the ids %q", ids)
	}
}

// TestOneEventThatIsRefused blocks no other, is tried again, and given up in the end, which is said.
func TestOneEventThatIsRefused(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t)
	r.answers(func(d delivery) int {
		if d.event.Type == "dev.perennial.run.started" {
			return http.StatusBadRequest
		}
		return http.StatusAccepted
	})
	w.apply(r.notifier("all", "  giveUpAfter: 1d"))
	w.notifierIs("all", "can be used", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady))
	w.acmeHealthy()
	w.setUsage("acme,30,ok")
	w.getsAll(r, acmeFalls[0], acmeFalls[2])
	w.until("it was refused", func() error { return unless(len(r.deliveries(4)) == 1) })
	w.holds("all", "RunStarted of run")
	w.pass(time.Minute)
	w.until("it was tried again", func() error { return unless(len(r.deliveries(4)) == 2) })
	w.patch(accountNamed("acme"), `{"spec": {"contract": {"arr": 1}}}`)
	w.getsAll(r, acmeFalls[0], acmeFalls[2], "account.contract.changed, arr 120000 -> 1")
	w.pass(24 * time.Hour)
	w.holds("all")
	w.notifierIs("all", "counts it", func(s *v1alpha1.NotifierStatus) bool { return s.Dropped == 1 })
	w.notified("all", v1alpha1.ReasonEventsDropped, "1 given up after 1d")
	if ids := sortedIDs(r.deliveries(4)); len(ids) != 1 {
		t.Errorf("it was tried with the ids %q", ids)
	}
}

// TestASignedEventAndASlackMessage come of Secrets, which must say that they may be used.
func TestASignedEventAndASlackMessage(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t)
	host := strings.TrimPrefix(r.URL, "http://")
	w.apply("apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {signing: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}\n")
	w.apply(fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: slack}\nstringData: {url: %q}\n", r.URL+"/services/T0/B0/XyZsecret"))
	w.apply(r.notifier("signed", "  events: [HealthChanged]\n  accountSelector: {lifecycleStages: [Adoption]}"))
	w.patch(&v1alpha1.Notifier{ObjectMeta: metav1.ObjectMeta{Name: "signed"}}, `{"spec": {"cloudEvents": {"signingSecretRef": {"name": "key", "key": "signing"}}}}`)
	w.apply("kind: Notifier\nmetadata: {name: slack}\nspec:\n  events: [TaskOpened]\n  slack: {webhookSecretRef: {name: slack, key: url}}\n")
	refused := hasCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSecretNotAllowed)
	n := w.notifierIs("signed", "waits for its Secret", refused)
	if want := fmt.Sprintf("kubectl annotate secret -n %s key 'perennial.dev/allow-host=%s'", w.namespace, host); !strings.Contains(asYAML(n.Status), "allow-host="+host) {
		t.Errorf("it does not say %q:\n%s", want, asYAML(n.Status))
	}
	n = w.notifierIs("slack", "waits for its Secret", refused)
	if text := asYAML(n.Status); strings.Contains(text, host) || strings.Contains(text, "XyZ") || !strings.Contains(text, "allow-host=HOST") {
		t.Errorf("it says too much, or too little:\n%s", text)
	}
	w.acmeHealthy()
	w.patch(accountNamed("acme"), `{"spec": {"lifecycleStage": "Adoption"}}`)
	w.setUsage("acme,30,ok")
	w.holds("signed", "HealthChanged of account")
	w.holds("slack", "TaskOpened of triage")
	for _, secret := range []string{"key", "slack"} {
		w.patch(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: secret}}, fmt.Sprintf(`{"metadata": {"annotations": {"perennial.dev/allow-host": %q}}}`, host))
	}
	w.pass(2 * time.Minute)
	w.holds("signed")
	w.holds("slack")
	byPath := func(slack bool) []delivery {
		return slices.DeleteFunc(r.deliveries(2), func(d delivery) bool { return (d.event.Type == "") != slack })
	}
	w.until("both came", func() error { return unless(len(byPath(true)) == 1 && len(byPath(false)) == 1) })
	signed := byPath(false)[0]
	if got := signed.header.Get("webhook-id"); got != signed.event.ID || !strings.HasPrefix(signed.header.Get("webhook-signature"), "v1,") {
		t.Errorf("the signature is of %q: %v", got, signed.header)
	}
	if text := byPath(true)[0].body; !strings.Contains(text, "Look at ACME Corp") || !strings.Contains(text, "kubectl patch ptask") {
		t.Errorf("Slack got %s", text)
	}
	w.notifierIs("slack", "is ready", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady))
}

// TestASecretThatIsAllowedNoMore sends nothing from then on, with or without the signature, and loses nothing. Another
// notifier goes on.
func TestASecretThatIsAllowedNoMore(t *testing.T) {
	w := newWorld(t)
	r, other := newReceiver(t), newReceiver(t)
	w.apply(fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: key, annotations: {perennial.dev/allow-host: %q}}\nstringData: {signing: a-key}\n", strings.TrimPrefix(r.URL, "http://")))
	w.apply(r.notifier("signed", "  events: [HealthChanged]"))
	w.patch(&v1alpha1.Notifier{ObjectMeta: metav1.ObjectMeta{Name: "signed"}}, `{"spec": {"cloudEvents": {"signingSecretRef": {"name": "key", "key": "signing"}}}}`)
	w.apply(other.notifier("other", "  events: [HealthChanged]"))
	for _, name := range []string{"signed", "other"} {
		w.notifierIs(name, "can be used", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady))
	}
	w.acmeHealthy()
	w.setUsage("acme,30,ok")
	w.getsAll(r, acmeFalls[0])
	w.holds("signed")

	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "key"}}
	w.patch(secret, `{"metadata": {"annotations": {"perennial.dev/allow-host": null}}}`)
	w.setUsage("acme,90,ok")
	again := []string{acmeFalls[0], "account.health.changed, Critical -> Healthy, score 90"}
	w.getsAll(other, again...)
	w.notifierIs("signed", "says so", hasCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSecretNotAllowed))
	w.holds("signed", "HealthChanged of account")
	w.pass(10 * time.Minute)
	w.quiet()
	w.getsAll(r, acmeFalls[0])

	w.patch(secret, fmt.Sprintf(`{"metadata": {"annotations": {"perennial.dev/allow-host": %q}}}`, strings.TrimPrefix(r.URL, "http://")))
	w.pass(10 * time.Minute)
	w.getsAll(r, again...)
	w.notifierIs("signed", "can be used", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady))
}

// TestANotifierIsSuspendedAndDeleted keeps events while it is suspended, and lets go of them with the notifier.
func TestANotifierIsSuspendedAndDeleted(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t)
	w.apply(r.notifier("all", "  suspend: true\n"))
	w.notifierIs("all", "is suspended", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSuspended))
	w.acmeHealthy()
	w.setUsage("acme,30,ok")
	w.holds("all", "HealthChanged of account", "RunStarted of run", "TaskOpened of triage")
	w.patch(&v1alpha1.Notifier{ObjectMeta: metav1.ObjectMeta{Name: "all"}}, `{"spec": {"suspend": false}}`)
	w.getsAll(r, acmeFalls...)
	w.holds("all")

	w.patch(&v1alpha1.Notifier{ObjectMeta: metav1.ObjectMeta{Name: "all"}}, `{"spec": {"suspend": true}}`)
	w.notifierIs("all", "is suspended", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSuspended))
	w.setUsage("acme,90,ok")
	w.holds("all", "HealthChanged of account", "RunResolved of run")
	if err := w.Delete(t.Context(), &v1alpha1.Notifier{ObjectMeta: metav1.ObjectMeta{Name: "all"}}); err != nil {
		t.Fatal(err)
	}
	w.holds("all")
	w.apply(r.notifier("late", "")) // gets no backlog
	w.notifierIs("late", "can be used", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady))
	w.quiet()
	w.getsAll(r, acmeFalls...)
}

// TestAReceiverOfACompanysOwnAuthority is told what happens once the ConfigMap with the authority is there.
func TestAReceiverOfACompanysOwnAuthority(t *testing.T) {
	w := newWorld(t)
	r := &receiver{}
	r.Server = httptest.NewTLSServer(r)
	t.Cleanup(r.Close)
	w.apply(r.notifier("all", "  events: [HealthChanged]"))
	w.patch(&v1alpha1.Notifier{ObjectMeta: metav1.ObjectMeta{Name: "all"}}, `{"spec": {"cloudEvents": {"tls": {"caConfigMapRef": {"name": "ca", "key": "ca.crt"}}}}}`)
	w.notifierIs("all", "waits for its ConfigMap", hasCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonReferenceNotFound))
	w.acmeHealthy()
	w.setUsage("acme,30,ok")
	w.holds("all", "HealthChanged of account")
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw})
	w.apply(fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ca}\ndata: {ca.crt: %q}\n", authority))
	w.pass(2 * time.Minute)
	w.getsAll(r, acmeFalls[0])
	w.notifierIs("all", "is ready", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady))
}

// TestAFinishedRunStaysUntilItWasToldOf keeps what the history would let go while a receiver is down, for as long as the
// notifier tries: not as many days as it would try by default, and not longer.
func TestAFinishedRunStaysUntilItWasToldOf(t *testing.T) {
	w := newWorld(t)
	back, never := newReceiver(t), newReceiver(t)
	down := func(delivery) int { return http.StatusServiceUnavailable }
	back.answers(down)
	never.answers(down)
	w.apply(back.notifier("back", "  events: [TaskDone]\n  giveUpAfter: 30d"))
	w.apply(never.notifier("never", "  events: [RunStarted, TaskDone]\n  giveUpAfter: 10d"))
	for _, name := range []string{"back", "never"} {
		w.notifierIs(name, "can be used", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady))
	}
	w.acmeHealthy()
	w.patch(&v1alpha1.Playbook{ObjectMeta: metav1.ObjectMeta{Name: "pursue"}}, `{"spec": {"historyLimit": 0}}`)
	w.pass(time.Minute)
	w.setUsage("acme,30,ok")
	w.finish(w.taskIs("triage", "is open", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskOpen }), `{"spec":{"state":"Done","outcome":"RealDrop"}}`)
	w.holds("back", "TaskDone of triage")
	w.holds("never", "RunStarted of run", "TaskDone of triage")
	w.pass(9 * 24 * time.Hour)
	w.quiet()
	w.holds("back", "TaskDone of triage")
	w.holds("never", "RunStarted of run", "TaskDone of triage")
	w.pass(24 * time.Hour)
	w.notifierIs("never", "has given up", func(s *v1alpha1.NotifierStatus) bool { return s.Dropped == 2 })
	w.holds("never")
	w.quiet()
	w.holds("back", "TaskDone of triage") // an event of a task alone keeps its run
	back.answers(nil)
	w.pass(10 * time.Minute)
	w.getsAll(back, "task.done triage")
	w.until("the run and its task are gone", func() error {
		for _, list := range []client.ObjectList{&v1alpha1.PlaybookRunList{}, &v1alpha1.TaskList{}} {
			n, err := w.count(list)
			if err != nil {
				return err
			}
			if n != 0 {
				return fmt.Errorf("%d are left of %T", n, list)
			}
		}
		return nil
	})
	w.notifierIs("back", "dropped nothing", func(s *v1alpha1.NotifierStatus) bool { return s.Dropped == 0 })
}

// TestARedirectIsNotFollowed is about where events, and the credentials with them, must not go.
func TestARedirectIsNotFollowed(t *testing.T) {
	w := newWorld(t)
	elsewhere := newReceiver(t)
	redirecting := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(redirecting.Close)
	w.apply(fmt.Sprintf("kind: Notifier\nmetadata: {name: all}\nspec:\n  events: [HealthChanged]\n  cloudEvents: {url: %q}\n", redirecting.URL))
	w.notifierIs("all", "can be used", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady))
	w.acmeHealthy()
	w.setUsage("acme,30,ok")
	w.notifierIs("all", "says so", func(s *v1alpha1.NotifierStatus) bool {
		return slices.ContainsFunc(s.Conditions, func(c metav1.Condition) bool {
			return strings.Contains(c.Message, "the receiver redirects, which is not followed (307 Temporary Redirect)")
		})
	})
	if got := elsewhere.deliveries(2); len(got) > 0 {
		t.Errorf("it went elsewhere: %v", got)
	}
}

// TestKilledWhileItTells ends the operator in the middle of its work again and again. What happened is told all the same:
// each event at least once, and each with one id.
func TestKilledWhileItTells(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t)
	const accounts = 24
	w.apply(r.notifier("all", ""))
	w.notifierIs("all", "can be used", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady))
	w.stop()
	var lines []string
	for i := range accounts {
		lines = append(lines, fmt.Sprintf("a%02d,30,ok", i))
	}
	w.setUsage(lines...)
	w.apply(usage)
	w.apply(pursue)
	for i := range accounts {
		w.addAccount(fmt.Sprintf("a%02d", i), i)
	}
	for kill := 1; kill <= 5; kill++ {
		w.start()
		w.until("some progress", func() error { return unless(len(sortedIDs(r.deliveries(2))) >= kill*accounts/4) })
		w.stop()
	}
	w.start()
	w.until("all was told", func() error {
		if ids := sortedIDs(r.deliveries(2)); len(ids) != 2*accounts { // a run and a task of each
			return fmt.Errorf("%d events", len(ids))
		}
		return nil
	})
	w.holds("all")
	w.quiet()
	ids := map[string]string{}
	for _, d := range r.deliveries(2) {
		what := d.event.Type + " " + d.event.Subject
		if id, ok := ids[what]; ok && id != d.event.ID {
			t.Errorf("%s came with the ids %s and %s", what, id, d.event.ID)
		}
		ids[what] = d.event.ID
	}
	if len(ids) != 2*accounts {
		t.Errorf("%d events came, want %d", len(ids), 2*accounts)
	}
	t.Logf("%d deliveries of %d events", len(r.deliveries(2)), len(ids))
}
