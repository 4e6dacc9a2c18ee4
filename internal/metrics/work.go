package metrics

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// lookAtSets adds up what AccountSets hold.
func (s *scrape) lookAtSets(ctx context.Context) error {
	var sets v1alpha1.AccountSetList
	if err := s.list(ctx, &sets); err != nil {
		return err
	}
	for i := range sets.Items {
		set := &sets.Items[i]
		s.declared(set.Namespace, kindAccountSet, set.Status.Conditions)
		if p := set.Status.Pending; p != nil {
			s.values.add(s.pendingChanges, float64(p.Creates)+float64(p.Prunes), set.Namespace)
		}
	}
	return nil
}

// lookAtNotifiers counts the notifiers that are stalled, not ready or down, and the events that wait for them.
func (s *scrape) lookAtNotifiers(ctx context.Context) error {
	var notifiers v1alpha1.NotifierList
	if err := s.list(ctx, &notifiers); err != nil {
		return err
	}
	for i := range notifiers.Items {
		n := &notifiers.Items[i]
		s.declared(n.Namespace, kindNotifier, n.Status.Conditions)
		s.values.add(s.waitingEvents, float64(n.Status.Waiting), n.Namespace)
		if meta.IsStatusConditionFalse(n.Status.Conditions, v1alpha1.ConditionAvailable) {
			s.values.add(s.downNotifiers, 1, n.Namespace)
		}
	}
	return nil
}

// lookAtSources adds up the sources.
func (s *scrape) lookAtSources(ctx context.Context) error {
	var sources v1alpha1.DataSourceList
	if err := s.list(ctx, &sources); err != nil {
		return err
	}
	for i := range sources.Items {
		ds := &sources.Items[i]
		s.declared(ds.Namespace, kindSource, ds.Status.Conditions)
		provider := providerOf(ds)
		for _, status := range []metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown} {
			s.values.add(s.sources, 0, ds.Namespace, provider, string(status))
		}
		s.values.add(s.suspendedSources, 0, ds.Namespace, provider)
		s.values.add(s.rejectedValues, float64(ds.Status.RejectedValues), ds.Namespace, provider)
		available := metav1.ConditionUnknown
		if c := meta.FindStatusCondition(ds.Status.Conditions, v1alpha1.ConditionAvailable); c != nil {
			available = c.Status
		}
		if ds.Spec.Suspend {
			// Whether it was available when it was last read says nothing of now, and nobody is to be woken for it.
			available = metav1.ConditionUnknown
			s.values.add(s.suspendedSources, 1, ds.Namespace, provider)
		} else {
			s.values.add(s.sources, 1, ds.Namespace, provider, string(available))
		}
		if s.ObjectNames {
			s.nameSource(ds, available)
		}
	}
	return nil
}

// nameSource gives a source series of its own.
func (s *scrape) nameSource(ds *v1alpha1.DataSource, available metav1.ConditionStatus) {
	switch available {
	case metav1.ConditionTrue:
		s.values.add(s.sourceAvailable, 1, ds.Namespace, ds.Name)
	case metav1.ConditionFalse:
		s.values.add(s.sourceAvailable, 0, ds.Namespace, ds.Name)
	}
	// The status is written once an hour while nothing changes but this time.
	last := s.LastRead(client.ObjectKeyFromObject(ds))
	if at := ds.Status.LastReadTime; at != nil && at.After(last) {
		last = at.Time
	}
	if !last.IsZero() {
		s.values.add(s.sourceLastRead, float64(last.UnixMilli())/1000, ds.Namespace, ds.Name)
	}
	s.values.add(s.sourceValues, float64(ds.Status.Rows), ds.Namespace, ds.Name)
}

// lookAtPlaybooks adds up what playbooks hold back.
func (s *scrape) lookAtPlaybooks(ctx context.Context) error {
	var playbooks v1alpha1.PlaybookList
	if err := s.list(ctx, &playbooks); err != nil {
		return err
	}
	for i := range playbooks.Items {
		p := &playbooks.Items[i]
		s.declared(p.Namespace, kindPlaybook, p.Status.Conditions)
		reason := v1alpha1.ReasonLimitReached
		if held := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionHeld); held != nil && held.Reason != v1alpha1.ReasonInhibited {
			reason = held.Reason
		}
		s.values.add(s.heldRuns, float64(p.Status.HeldRuns-p.Status.InhibitedRuns), p.Namespace, reason)
		s.values.add(s.heldRuns, float64(p.Status.InhibitedRuns), p.Namespace, v1alpha1.ReasonInhibited)
	}
	return nil
}

// lookAtRuns counts the runs. One that nobody has looked at yet has work.
func (s *scrape) lookAtRuns(ctx context.Context) error {
	var runs v1alpha1.PlaybookRunList
	if err := s.list(ctx, &runs); err != nil {
		return err
	}
	for i := range runs.Items {
		run := &runs.Items[i]
		s.begin(run.Namespace)
		state := run.Status.State
		if state == "" {
			state = v1alpha1.RunActive
		}
		s.values.add(s.runs, 1, run.Namespace, string(state))
	}
	return nil
}

// lookAtTasks counts the tasks. One that nobody has looked at yet waits for that.
func (s *scrape) lookAtTasks(ctx context.Context) error {
	var tasks v1alpha1.TaskList
	if err := s.list(ctx, &tasks); err != nil {
		return err
	}
	for i := range tasks.Items {
		task := &tasks.Items[i]
		s.begin(task.Namespace)
		state := task.Status.State
		if state == "" {
			state = v1alpha1.TaskBlocked
		}
		s.values.add(s.tasks, 1, task.Namespace, string(state))
		if meta.IsStatusConditionTrue(task.Status.Conditions, v1alpha1.ConditionOverdue) {
			s.values.add(s.overdue, 1, task.Namespace)
		}
	}
	return nil
}
