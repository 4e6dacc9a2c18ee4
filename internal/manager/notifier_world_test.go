package manager

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/notify"
)

// cloudEvent is a CloudEvent as a receiver reads it.
type cloudEvent struct {
	SpecVersion, ID, Type, Source, Subject, Time, DataContentType string

	Data notify.Data
}

// delivery is one request that a receiver got.
type delivery struct {
	header http.Header
	body   string
	event  cloudEvent
	status int
}

// receiver is a server that events are sent to.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	got  []delivery
	rule func(delivery) int
}

// newReceiver starts one that takes everything.
func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// ServeHTTP notes what came and answers as the rule says.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	d := delivery{header: req.Header, body: string(body), status: http.StatusOK}
	_ = json.Unmarshal(body, &d.event)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rule != nil {
		d.status = r.rule(d)
	}
	r.got = append(r.got, d)
	if d.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "0")
	}
	w.WriteHeader(d.status)
}

// answers has it answer with these statuses from now on.
func (r *receiver) answers(rule func(delivery) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rule = rule
}

// deliveries returns the requests that were answered with a status of so many hundreds.
func (r *receiver) deliveries(hundreds int) []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.got), func(d delivery) bool { return d.status/100 != hundreds })
}

// taken returns what it took: "task.opened, detail", sorted.
func (r *receiver) taken() []string {
	var all []string
	for _, d := range r.deliveries(2) {
		text := strings.TrimPrefix(d.event.Type, "dev.perennial.")
		if d.event.Data.Task != nil {
			_, step, _ := strings.Cut(d.event.Data.Task.Name, d.event.Data.Run+"-")
			text += " " + step
		}
		if d.event.Data.Detail != "" {
			text += ", " + d.event.Data.Detail
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// notifier writes a Notifier that sends CloudEvents to a receiver.
func (r *receiver) notifier(name, more string) string {
	return fmt.Sprintf("kind: Notifier\nmetadata: {name: %s}\nspec:\n  cloudEvents: {url: %q}\n%s", name, r.URL+"/events", more)
}

// getsAll waits until a receiver has taken just these.
func (w *world) getsAll(r *receiver, want ...string) {
	w.t.Helper()
	slices.Sort(want)
	w.until("the receiver has what happened", func() error {
		if got := r.taken(); !slices.Equal(got, want) {
			return fmt.Errorf("it has\n  %s\nwant\n  %s\n%s", strings.Join(got, "\n  "), strings.Join(want, "\n  "), asYAML(w.notifiers()))
		}
		return nil
	})
}

func (w *world) notifiers() []v1alpha1.Notifier {
	w.t.Helper()
	var list v1alpha1.NotifierList
	if err := w.List(context.Background(), &list); err != nil {
		w.t.Fatal(err)
	}
	for i := range list.Items {
		list.Items[i].ManagedFields = nil
	}
	return list.Items
}

// notifierIs waits until a notifier's status is as wanted, and returns it.
func (w *world) notifierIs(name, what string, so func(*v1alpha1.NotifierStatus) bool) *v1alpha1.Notifier {
	w.t.Helper()
	n := &v1alpha1.Notifier{}
	w.until("notifier "+name+" "+what, func() error {
		if err := w.Get(context.Background(), client.ObjectKey{Name: name}, n); err != nil {
			return err
		}
		if !so(&n.Status) {
			return fmt.Errorf("its status is %s", asYAML(n.Status))
		}
		return nil
	})
	return n
}

// hasCondition returns a check for a condition of a status and reason.
func hasCondition(conditionType string, status metav1.ConditionStatus, reason string) func(*v1alpha1.NotifierStatus) bool {
	return func(s *v1alpha1.NotifierStatus) bool {
		c := meta.FindStatusCondition(s.Conditions, conditionType)
		return c != nil && c.Status == status && c.Reason == reason
	}
}

// marks returns the events that objects hold for a notifier, sorted: "Task/name TaskOpened".
func (w *world) marks(notifier string) []string {
	w.t.Helper()
	var (
		accounts v1alpha1.AccountList
		runs     v1alpha1.PlaybookRunList
		tasks    v1alpha1.TaskList
		all      []string
	)
	for _, list := range []client.ObjectList{&accounts, &runs, &tasks} {
		if err := w.List(context.Background(), list); err != nil {
			w.t.Fatal(err)
		}
	}
	add := func(name string, marks []v1alpha1.UndeliveredEvent) {
		for _, m := range marks {
			if slices.Contains(m.Notifiers, notifier) {
				all = append(all, fmt.Sprintf("%s of %s", m.Type, name))
			}
		}
	}
	for _, a := range accounts.Items {
		add("account", a.Status.Undelivered)
	}
	for _, r := range runs.Items {
		add("run", r.Status.Undelivered)
	}
	for _, t := range tasks.Items {
		add(string(t.Spec.Step), t.Status.Undelivered)
	}
	slices.Sort(all)
	return all
}

// holds waits until objects hold just these events for a notifier.
func (w *world) holds(notifier string, want ...string) {
	w.t.Helper()
	slices.Sort(want)
	w.until("what waits for "+notifier, func() error {
		if got := w.marks(notifier); !slices.Equal(got, want) {
			return fmt.Errorf("%d events wait: %q, want %q", len(got), got, want)
		}
		return nil
	})
}

// notifierEvents returns the notes of the events about a notifier with a reason.
func (w *world) notifierEvents(name, reason string) []string {
	w.t.Helper()
	var list eventsv1.EventList
	if err := w.List(context.Background(), &list); err != nil {
		w.t.Fatal(err)
	}
	var notes []string
	for _, e := range list.Items {
		if e.Regarding.Kind == "Notifier" && e.Regarding.Name == name && e.Reason == reason {
			notes = append(notes, e.Note)
			if e.Series != nil {
				notes = append(notes, fmt.Sprintf("and again: %d", e.Series.Count))
			}
		}
	}
	return notes
}

// notified waits until there is just one event about a notifier with a reason, and wants this in it.
func (w *world) notified(name, reason, note string) {
	w.t.Helper()
	w.until("an event "+reason, func() error {
		if notes := w.notifierEvents(name, reason); len(notes) != 1 || !strings.Contains(notes[0], note) {
			return fmt.Errorf("there are %q, want one with %q", notes, note)
		}
		return nil
	})
}
