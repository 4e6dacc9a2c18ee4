package controllers

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/notify"
	"github.com/perennial-dev/perennial/internal/notify/send"
	"github.com/perennial-dev/perennial/internal/observe/network"
)

// taskCache is a cache of tasks that gives them away without a copy, as the real one does, and of one notifier.
type taskCache struct {
	client.Client
	notifier *v1alpha1.Notifier
	tasks    []v1alpha1.Task
	byName   map[string]*v1alpha1.Task
	writes   int
}

func (c *taskCache) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	switch list := list.(type) {
	case *v1alpha1.NotifierList:
		list.Items = []v1alpha1.Notifier{*c.notifier}
	case *v1alpha1.TaskList:
		for i := range c.tasks {
			if len(c.tasks[i].Status.Undelivered) > 0 {
				list.Items = append(list.Items, c.tasks[i])
			}
		}
	}
	return nil
}

func (c *taskCache) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	switch obj := obj.(type) {
	case *v1alpha1.Notifier:
		*obj = *c.notifier.DeepCopy()
		return nil
	case *v1alpha1.Task:
		if task := c.byName[key.Name]; task != nil {
			*obj = *task
			return nil
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

func (c *taskCache) Status() client.SubResourceWriter { return statusOf{cache: c} }

// statusOf writes the notifier's status.
type statusOf struct {
	client.SubResourceWriter
	cache *taskCache
}

func (s statusOf) Update(_ context.Context, obj client.Object, _ ...client.SubResourceUpdateOption) error {
	s.cache.writes++
	*s.cache.notifier = *obj.(*v1alpha1.Notifier).DeepCopy()
	return nil
}

// sink is a receiver that counts, and answers as it is told.
type sink struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	answer func(body string) int
}

func newSink(t *testing.T, answer func(body string) int) *sink {
	s := &sink{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		status := s.answer(string(body))
		if status/100 == 2 {
			s.bodies = append(s.bodies, string(body))
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) took() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.bodies)
}

var deliveryTime = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// deliverer is a reconciler over tasks with one undelivered event each, a second apart.
func deliverer(url string, tasks int) (*NotifierReconciler, *taskCache, *clocktesting.FakePassiveClock) {
	clock := clocktesting.NewFakePassiveClock(deliveryTime.Add(24 * time.Hour))
	c := &taskCache{
		notifier: &v1alpha1.Notifier{ObjectMeta: metav1.ObjectMeta{Namespace: "cs", Name: "all", UID: "n", Generation: 1}},
		tasks:    make([]v1alpha1.Task, tasks), byName: map[string]*v1alpha1.Task{},
	}
	c.notifier.Spec.CloudEvents = &v1alpha1.CloudEventsTarget{URL: v1alpha1.URL(url)}
	for i := range c.tasks {
		task := &c.tasks[i]
		task.Namespace, task.Name, task.UID = "cs", fmt.Sprintf("task-%05d", i), types.UID(fmt.Sprintf("uid-%05d", i))
		task.Spec.Title, task.Spec.AccountRef.Name = "Call them", "acme"
		at := metav1.NewTime(deliveryTime.Add(time.Duration(i) * time.Second))
		task.Status.Undelivered = []v1alpha1.UndeliveredEvent{{Type: v1alpha1.EventTaskOpened, Time: at, Notifiers: []string{"all"}}}
		c.byName[task.Name] = task
	}
	r := &NotifierReconciler{
		Client: c, Clock: clock, Outbox: &Outbox{Reader: c, Clock: clock, Catalog: NewCatalog(c), Notifiers: &Waker{}},
		Waker: &Waker{}, Accounts: &AccountWaker{}, Runs: &Waker{}, Tasks: &Waker{},
		Dependencies: send.Dependencies{Dial: network.Dialer{AllowLoopback: true}.DialContext, Now: clock.Now},
	}
	return r, c, clock
}

// look makes one pass.
func look(t *testing.T, r *NotifierReconciler) ctrl.Result {
	t.Helper()
	result, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "cs", Name: "all"}})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// heap returns how many bytes are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestTenThousandWaitingEventsTakeLittleMemory looks at what is kept beside the cache: while the receiver is down, while
// the objects have yet to take the events off, and after that.
func TestTenThousandWaitingEventsTakeLittleMemory(t *testing.T) {
	const n = 10_000
	down := true
	s := newSink(t, func(string) int {
		if down {
			return http.StatusBadGateway
		}
		return http.StatusOK
	})
	r, c, clock := deliverer(s.URL, n)
	before := heap()
	for range 20 {
		look(t, r)
		clock.SetTime(clock.Now().Add(time.Minute))
	}
	perEvent := func(when string, most int64) {
		each := (heap() - before) / n
		t.Logf("%s: %d bytes an event", when, each)
		if each > most {
			t.Errorf("%s: %d bytes an event, at most %d are allowed", when, each, most)
		}
	}
	perEvent("the receiver is down", 16)
	var was, is runtime.MemStats
	runtime.ReadMemStats(&was)
	look(t, r)
	runtime.ReadMemStats(&is)
	t.Logf("one pass works with %d bytes an event", (is.TotalAlloc-was.TotalAlloc)/n)
	if c.notifier.Status.Waiting != n {
		t.Errorf("%d are said to wait", c.notifier.Status.Waiting)
	}

	down = false
	clock.SetTime(clock.Now().Add(time.Hour))
	s.answer = func(string) int { return http.StatusOK }
	passes := 0
	for passes < 2*n/batch && look(t, r).RequeueAfter == time.Millisecond {
		passes++
	}
	if want := n / batch; passes != want {
		t.Errorf("it took %d passes, want %d", passes, want)
	}
	sent := s.took()
	s.bodies = nil
	perEvent("all are delivered, and no object has written that yet", 120)
	if sent != n {
		t.Errorf("%d were sent", sent)
	}

	for i := range c.tasks {
		task := &c.tasks[i]
		told, err := r.Outbox.ofTask(t.Context(), task, task.Status.DeepCopy())
		if told(); err != nil || len(task.Status.Undelivered) > 0 {
			t.Fatalf("%s still has %v: %v", task.Name, task.Status.Undelivered, err)
		}
	}
	look(t, r)
	if len(r.Outbox.ledger.took) > 0 {
		t.Errorf("%d deliveries are still remembered", len(r.Outbox.ledger.took))
	}
	runtime.KeepAlive(c)
}

func TestTheOldestGoFirstAndEachGoesOnce(t *testing.T) {
	s := newSink(t, func(string) int { return http.StatusOK })
	r, c, _ := deliverer(s.URL, 300)
	slices.Reverse(c.tasks)
	for i := range c.tasks {
		c.byName[c.tasks[i].Name] = &c.tasks[i]
	}
	look(t, r)
	look(t, r)
	look(t, r) // the objects still hold them
	if len(s.bodies) != 300 {
		t.Fatalf("%d were sent", len(s.bodies))
	}
	for i, body := range s.bodies {
		if want := fmt.Sprintf("task-%05d", i); !strings.Contains(body, want) {
			t.Fatalf("the one of place %d is not %s: %s", i, want, body)
		}
	}
	if c.writes != 1 {
		t.Errorf("the notifier's status was written %d times", c.writes)
	}
}

// TestAReceiverThatFailsOverOneEvent gets the others in the end.
func TestAReceiverThatFailsOverOneEvent(t *testing.T) {
	s := newSink(t, func(body string) int {
		if strings.Contains(body, "task-00000") {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	r, _, clock := deliverer(s.URL, 10)
	for range 5 {
		look(t, r)
		clock.SetTime(clock.Now().Add(10 * time.Minute))
	}
	if got := s.took(); got != 9 {
		t.Errorf("%d of the others came", got)
	}
}

// TestAReceiverThatRefusesAll is not asked about every event at once, and more and more rarely.
func TestAReceiverThatRefusesAll(t *testing.T) {
	asked := 0
	s := newSink(t, func(string) int { asked++; return http.StatusUnauthorized })
	r, c, clock := deliverer(s.URL, 1000)
	look(t, r)
	look(t, r)
	if asked != maxRefused {
		t.Errorf("it was asked %d times at once", asked)
	}
	for range 60 {
		clock.SetTime(clock.Now().Add(10 * time.Second))
		look(t, r)
	}
	if asked > 12*maxRefused {
		t.Errorf("it was asked %d times in ten minutes", asked)
	}
	available := meta.FindStatusCondition(c.notifier.Status.Conditions, v1alpha1.ConditionAvailable)
	if available == nil || available.Status != metav1.ConditionFalse || !strings.Contains(available.Message, "401 Unauthorized") {
		t.Errorf("it says %v", available)
	}
}

// TestWhatIsGivenUpIsCounted also while the receiver is down, and before an object lets go of it.
func TestWhatIsGivenUpIsCounted(t *testing.T) {
	s := newSink(t, func(string) int { return http.StatusBadGateway })
	r, c, clock := deliverer(s.URL, 3)
	look(t, r)
	clock.SetTime(deliveryTime.Add(7*24*time.Hour + time.Second)) // two of three
	look(t, r)
	look(t, r)
	if got := c.notifier.Status; got.Dropped != 2 || got.Waiting != 1 {
		t.Errorf("dropped %d, waiting %d", got.Dropped, got.Waiting)
	}
	available := meta.FindStatusCondition(c.notifier.Status.Conditions, v1alpha1.ConditionAvailable)
	if available == nil || available.Reason != v1alpha1.ReasonEventsDropped || !strings.HasSuffix(available.Message, dropsNote) {
		t.Errorf("it says %v", available)
	}
	for i, want := range []int{0, 0, 1} {
		task := &c.tasks[i]
		if _, err := r.Outbox.ofTask(t.Context(), task, task.Status.DeepCopy()); err != nil || len(task.Status.Undelivered) != want {
			t.Errorf("task %d holds %d, %v", i, len(task.Status.Undelivered), err)
		}
	}
	writes := c.writes
	clock.SetTime(clock.Now().Add(time.Second))
	look(t, r)
	if is := c.notifier.Status; is.Dropped != 3 || c.writes != writes+1 {
		t.Errorf("dropped %d after %d writes", is.Dropped, c.writes-writes)
	}
}

// TestAnObjectThatHasNoRoomSaysSo counts what it drops, once it was written.
func TestAnObjectThatHasNoRoomSaysSo(t *testing.T) {
	s := newSink(t, func(string) int { return http.StatusBadGateway })
	r, c, _ := deliverer(s.URL, 1)
	task := &c.tasks[0]
	others := []v1alpha1.EventType{"TaskOverdue", "TaskEscalated", "RunStarted", "RunResolved", "HealthChanged", "AccountChurned", "ContractChanged"}
	for i, other := range others {
		task.Status.Undelivered = append(task.Status.Undelivered, v1alpha1.UndeliveredEvent{
			Type: other, Time: metav1.NewTime(deliveryTime.Add(time.Duration(i) * time.Second)), Notifiers: []string{"all"},
		})
	}
	before := task.Status.DeepCopy()
	task.Status.State = v1alpha1.TaskDone
	told, err := r.Outbox.ofTask(t.Context(), task, before)
	if err != nil || len(task.Status.Undelivered) != 8 {
		t.Fatalf("it holds %d, %v", len(task.Status.Undelivered), err)
	}
	look(t, r)
	if got := c.notifier.Status.Dropped; got != 0 {
		t.Errorf("%d were dropped before that was written", got)
	}
	told()
	look(t, r)
	if got := c.notifier.Status.Dropped; got != 1 {
		t.Errorf("%d were dropped", got)
	}
	if notify.IDOf(task.UID, &task.Status.Undelivered[7]) == (notify.ID{}) || task.Status.Undelivered[7].Type != v1alpha1.EventTaskDone {
		t.Errorf("the newest is not there: %v", task.Status.Undelivered)
	}
}

// TestANotifierThatCannotWork is Stalled, and is kept no events for.
func TestANotifierThatCannotWork(t *testing.T) {
	s := newSink(t, func(string) int { return http.StatusOK })
	r, c, _ := deliverer(s.URL, 1)
	c.notifier.Spec.Timeout = "2m"
	result := look(t, r)
	stalled := meta.FindStatusCondition(c.notifier.Status.Conditions, v1alpha1.ConditionStalled)
	if stalled == nil || stalled.Message != "spec.timeout: 2m is longer than 1m; events that happen meanwhile are not kept for it" || result.RequeueAfter != 0 {
		t.Errorf("it says %v, and looks again in %s", stalled, result.RequeueAfter)
	}
	task := &v1alpha1.Task{ObjectMeta: metav1.ObjectMeta{Namespace: "cs", Name: "new"}, Status: v1alpha1.TaskStatus{State: v1alpha1.TaskDone}}
	if _, err := r.Outbox.ofTask(t.Context(), task, &v1alpha1.TaskStatus{}); err != nil || task.Status.Undelivered != nil {
		t.Errorf("it is kept %v, %v", task.Status.Undelivered, err)
	}
}

// TestAReceiverThatAsksForAPause works: its condition does not go to and fro while it takes one event after the other.
func TestAReceiverThatAsksForAPause(t *testing.T) {
	asked := 0
	s := newSink(t, func(string) int {
		if asked++; asked%3 == 0 {
			return http.StatusTooManyRequests
		}
		return http.StatusOK
	})
	r, c, clock := deliverer(s.URL, 40)
	for range 30 {
		look(t, r)
		available := meta.FindStatusCondition(c.notifier.Status.Conditions, v1alpha1.ConditionAvailable)
		if available == nil || available.Status != metav1.ConditionTrue {
			t.Fatalf("it says %v", available)
		}
		clock.SetTime(clock.Now().Add(2 * time.Second))
	}
	if got := s.took(); got != 40 {
		t.Errorf("%d came", got)
	}
	asked = 0
	s.answer = func(string) int { asked++; return http.StatusTooManyRequests }
	r, c, clock = deliverer(s.URL, 1)
	for range 3 {
		look(t, r)
		clock.SetTime(clock.Now().Add(10 * time.Minute))
	}
	if is := meta.FindStatusCondition(c.notifier.Status.Conditions, v1alpha1.ConditionAvailable); is == nil || is.Status != metav1.ConditionFalse {
		t.Errorf("one that takes nothing says %v", is)
	}
}

// TestNobodyLooksForNothing is about a receiver that was down when the last event went with its object.
func TestNobodyLooksForNothing(t *testing.T) {
	s := newSink(t, func(string) int { return http.StatusBadGateway })
	r, c, clock := deliverer(s.URL, 1)
	if result := look(t, r); result.RequeueAfter < time.Second {
		t.Errorf("it looks again in %s", result.RequeueAfter)
	}
	c.tasks[0].Status.Undelivered = nil
	clock.SetTime(clock.Now().Add(10 * time.Minute))
	if result := look(t, r); result.RequeueAfter != 0 {
		t.Errorf("with nothing to deliver it looks again in %s", result.RequeueAfter)
	}
}

// TestAClockThatIsPutBack does not make a receiver, an event or a number wait until it was put back to.
func TestAClockThatIsPutBack(t *testing.T) {
	for name, status := range map[string]int{"a receiver that was down": http.StatusBadGateway, "an event that was refused": http.StatusBadRequest} {
		t.Run(name, func(t *testing.T) {
			s := newSink(t, func(string) int { return status })
			r, c, clock := deliverer(s.URL, 1)
			look(t, r)
			s.answer = func(string) int { return http.StatusOK }
			clock.SetTime(clock.Now().AddDate(0, 0, -20))
			result := look(t, r)
			if result.RequeueAfter > 2*maxRefusedPause {
				t.Errorf("it looks again in %s", result.RequeueAfter)
			}
			clock.SetTime(clock.Now().Add(2 * time.Minute))
			look(t, r)
			if s.took() != 1 || c.notifier.Status.Waiting != 0 {
				t.Errorf("%d came, %d are said to wait", s.took(), c.notifier.Status.Waiting)
			}
		})
	}
}

// TestTheOperatorIsKilledBetweenADeliveryAndTheMark sends the event again, with the id that it had.
func TestTheOperatorIsKilledBetweenADeliveryAndTheMark(t *testing.T) {
	s := newSink(t, func(string) int { return http.StatusOK })
	r, c, clock := deliverer(s.URL, 1)
	look(t, r)
	again, _, _ := deliverer(s.URL, 0) // remembers nothing
	again.Client, again.Clock = c, clock
	again.Outbox = &Outbox{Reader: c, Clock: clock, Notifiers: &Waker{}}
	look(t, again)
	if len(s.bodies) != 2 || s.bodies[0] != s.bodies[1] {
		t.Fatalf("it came as %q", s.bodies)
	}
	task := &c.tasks[0]
	if _, err := again.Outbox.ofTask(t.Context(), task, task.Status.DeepCopy()); err != nil || len(task.Status.Undelivered) > 0 {
		t.Errorf("it holds %v, %v", task.Status.Undelivered, err)
	}
	look(t, again)
	if len(s.bodies) != 2 {
		t.Errorf("it came %d times", len(s.bodies))
	}
}

// TestAReceiverThatAnswersTooLate has the event, and gets it again with the same id: nobody knows that it came.
func TestAReceiverThatAnswersTooLate(t *testing.T) {
	var (
		mu     sync.Mutex
		bodies []string
	)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		bodies = append(bodies, string(body))
		first := len(bodies) == 1
		mu.Unlock()
		if first {
			<-r.Context().Done() // until nobody listens any more
		}
	}))
	defer s.Close()
	r, c, clock := deliverer(s.URL, 1)
	c.notifier.Spec.Timeout = "100ms"
	look(t, r)
	available := meta.FindStatusCondition(c.notifier.Status.Conditions, v1alpha1.ConditionAvailable)
	if available == nil || available.Status != metav1.ConditionFalse || !strings.Contains(available.Message, "no answer within 100ms (spec.timeout)") {
		t.Errorf("it says %v", available)
	}
	c.notifier.Spec.Timeout = "30s"
	clock.SetTime(clock.Now().Add(2 * time.Second))
	look(t, r)
	mu.Lock()
	defer mu.Unlock()
	if len(bodies) != 2 || bodies[0] != bodies[1] {
		t.Errorf("it came as %q", bodies)
	}
}
