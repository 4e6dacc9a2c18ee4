package controllers

import (
	"context"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/notify"
)

// Outbox puts what happened to an object into the object's own status, for the notifiers that want it, in the same write
// as what happened; and takes it out again once it was delivered. Nil does nothing. It is safe for concurrent use.
type Outbox struct {
	// Reader reads from the cache.
	Reader client.Reader
	// Clock tells the time.
	Clock clock.PassiveClock
	// Catalog holds the playbooks.
	Catalog *Catalog
	// Notifiers are woken when an event of theirs was dropped.
	Notifiers *Waker

	filters compiledSet[*notify.Filter]
	ledger  ledger
}

// filter compiles a notifier, or returns what came of it the last time.
func (o *Outbox) filter(n *v1alpha1.Notifier) (*notify.Filter, error) {
	c := o.filters.get(n, v1alpha1.AccountSelector{}, func() (*notify.Filter, error) { return notify.Compile(n) })
	return c.result, c.err
}

// ofAccount puts the account's new undelivered events into its new status. Call told once that was written.
func (o *Outbox) ofAccount(ctx context.Context, acct *v1alpha1.Account, status *v1alpha1.AccountStatus) (told func(), err error) {
	subject := func(context.Context) (notify.Subject, error) {
		s := notify.Subject{Account: acct, Assignee: acct.Spec.Owner}
		if was := acct.Status.Lifecycle; was != nil {
			s.Was = was.Stage
		}
		return s, nil
	}
	status.Undelivered, told, err = o.next(ctx, acct, acct.Status.Undelivered, notify.AccountEvents(&acct.Status, status), subject)
	return told, err
}

// ofRun puts the run's new undelivered events into its status, which is new too. Call told once that was written.
func (o *Outbox) ofRun(ctx context.Context, run *v1alpha1.PlaybookRun, acct *v1alpha1.Account, before *v1alpha1.PlaybookRunStatus) (told func(), err error) {
	subject := func(ctx context.Context) (notify.Subject, error) {
		s := notify.Subject{Account: acct, Assignee: acct.Spec.Owner}
		err := o.ofPlaybook(ctx, run, &s)
		return s, err
	}
	run.Status.Undelivered, told, err = o.next(ctx, run, before.Undelivered, notify.RunEvents(run, before, &run.Status), subject)
	return told, err
}

// ofTask puts the task's new undelivered events into its status, which is new too. Call told once that was written.
func (o *Outbox) ofTask(ctx context.Context, task *v1alpha1.Task, before *v1alpha1.TaskStatus) (told func(), err error) {
	subject := func(ctx context.Context) (notify.Subject, error) {
		s := notify.Subject{Assignee: task.Status.Assignee}
		of, err := objectsOfTask(ctx, o.Reader, task)
		s.Account = of.Account
		if err == nil && of.Run != nil {
			err = o.ofPlaybook(ctx, of.Run, &s)
		}
		return s, err
	}
	task.Status.Undelivered, told, err = o.next(ctx, task, before.Undelivered, notify.TaskEvents(before, &task.Status), subject)
	return told, err
}

// ofPlaybook says whose work a run is: a notifier may name its playbook as it is called now, as it was, or as it is about to be.
func (o *Outbox) ofPlaybook(ctx context.Context, run *v1alpha1.PlaybookRun, s *notify.Subject) error {
	renames, err := o.Catalog.renamesIn(ctx, run.Namespace)
	s.Playbook = run.Spec.PlaybookRef.Name
	s.AlsoCalled = renames.Called(s.Playbook)
	return err
}

// next returns the events that an object holds from now on: those that it held and that are not delivered yet, and what
// has happened since. Call told once they were written.
func (o *Outbox) next(
	ctx context.Context, obj client.Object, held []v1alpha1.UndeliveredEvent, happened []notify.Event, about func(context.Context) (notify.Subject, error),
) (all []v1alpha1.UndeliveredEvent, told func(), err error) {
	told = func() {}
	if o == nil || len(held) == 0 && len(happened) == 0 {
		return held, told, nil
	}
	var list v1alpha1.NotifierList
	if err := o.Reader.List(ctx, &list, client.InNamespace(obj.GetNamespace()), client.UnsafeDisableDeepCopy); err != nil {
		return nil, told, err
	}
	all = o.undelivered(obj, held, list.Items)
	wanted, err := o.wanted(ctx, list.Items, happened, about)
	if err != nil {
		return nil, told, err
	}
	all, dropped := notify.Mark(all, wanted, o.Clock.Now())
	if len(dropped) == 0 {
		return all, told, nil
	}
	return all, func() {
		for i := range dropped {
			for _, name := range dropped[i].Notifiers {
				key := types.NamespacedName{Namespace: obj.GetNamespace(), Name: name}
				o.ledger.drop(key, 1)
				o.Notifiers.Wake(key)
			}
		}
	}, nil
}

// undelivered returns those of an object's events that a notifier has yet to take. One that is gone takes none.
func (o *Outbox) undelivered(obj client.Object, held []v1alpha1.UndeliveredEvent, notifiers []v1alpha1.Notifier) []v1alpha1.UndeliveredEvent {
	return notify.Unmark(obj.GetUID(), held, func(name string, id notify.ID) bool {
		there := slices.ContainsFunc(notifiers, func(n v1alpha1.Notifier) bool { return n.Name == name })
		return !there || o.ledger.taken(types.NamespacedName{Namespace: obj.GetNamespace(), Name: name}, id)
	})
}

// wanted returns the events that somebody wants, with the names of those who do.
func (o *Outbox) wanted(ctx context.Context, notifiers []v1alpha1.Notifier, happened []notify.Event, about func(context.Context) (notify.Subject, error)) ([]notify.Wanted, error) {
	if len(happened) == 0 || len(notifiers) == 0 {
		return nil, nil
	}
	subject, err := about(ctx)
	if err != nil {
		return nil, err
	}
	var wanted []notify.Wanted
	for _, event := range happened {
		var names []string
		for i := range notifiers {
			n := &notifiers[i]
			// Whom a notifier that cannot be read would choose is not known: its status says so.
			if f, err := o.filter(n); err == nil && n.DeletionTimestamp.IsZero() && f.Wants(event.Type, subject) {
				names = append(names, n.Name)
			}
		}
		if len(names) > 0 {
			wanted = append(wanted, notify.Wanted{Event: event, Notifiers: names})
		}
	}
	return wanted, nil
}

// forget drops what is remembered of a notifier that is gone.
func (o *Outbox) forget(notifier types.NamespacedName) {
	o.filters.forget(notifier)
	o.ledger.forget(notifier)
}

// objectsOfTask returns a task with its run and its account; one that is not there is nil.
func objectsOfTask(ctx context.Context, reader client.Reader, task *v1alpha1.Task) (notify.Objects, error) {
	of := notify.Objects{Task: task}
	var err error
	if of.Account, err = find[v1alpha1.Account](ctx, reader, task.Namespace, task.Spec.AccountRef.Name); err != nil {
		return of, err
	}
	if ref := task.Spec.RunRef; ref != nil {
		of.Run, err = find[v1alpha1.PlaybookRun](ctx, reader, task.Namespace, ref.Name)
	}
	return of, err
}

// find reads an object from the cache, without a copy; nil where it is not there.
func find[T any, P interface {
	*T
	client.Object
}](ctx context.Context, reader client.Reader, namespace, name string) (*T, error) {
	var obj T
	err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, P(&obj), client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return &obj, nil
}

// ledger remembers which events notifiers took, or gave up, until their objects show it; and how many objects had no room
// for. The zero value is ready.
type ledger struct {
	mu      sync.Mutex
	took    map[types.NamespacedName]map[notify.ID]struct{}
	dropped map[types.NamespacedName]int64
}

// take notes that a notifier has taken an event.
func (l *ledger) take(notifier types.NamespacedName, id notify.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.took == nil {
		l.took = map[types.NamespacedName]map[notify.ID]struct{}{}
	}
	if l.took[notifier] == nil {
		l.took[notifier] = map[notify.ID]struct{}{}
	}
	l.took[notifier][id] = struct{}{}
}

// taken reports whether a notifier has taken an event.
func (l *ledger) taken(notifier types.NamespacedName, id notify.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.took[notifier][id]
	return ok
}

// keep forgets the events that no object shows any more.
func (l *ledger) keep(notifier types.NamespacedName, shown func(notify.ID) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.took[notifier] {
		if !shown(id) {
			delete(l.took[notifier], id)
		}
	}
	if len(l.took[notifier]) == 0 {
		delete(l.took, notifier)
	}
}

// drop notes that an object had no room for events of a notifier.
func (l *ledger) drop(notifier types.NamespacedName, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dropped == nil {
		l.dropped = map[types.NamespacedName]int64{}
	}
	l.dropped[notifier] += n
}

// drops returns how many there were since the last call, and forgets them.
func (l *ledger) drops(notifier types.NamespacedName) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.dropped[notifier]
	delete(l.dropped, notifier)
	return n
}

func (l *ledger) forget(notifier types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.took, notifier)
	delete(l.dropped, notifier)
}
