package playbook

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// AwaitsValue reports whether a task of a run may close by itself: whether an open step has doneWhen.
func AwaitsValue(run *v1alpha1.PlaybookRun) bool {
	if !RunOpen(run) {
		return false
	}
	open := map[v1alpha1.StepName]bool{}
	for _, s := range run.Status.Steps {
		open[s.Name] = s.State == v1alpha1.StepOpen
	}
	return slices.ContainsFunc(run.Spec.Steps, func(s v1alpha1.PlaybookStep) bool { return s.DoneWhen != "" && open[s.Name] })
}

// ResolvedTime returns when a run reached its end: when the condition that started it cleared or, where an event started
// it, when its work was completed. It is the zero time where it has not.
func ResolvedTime(run *v1alpha1.PlaybookRun) time.Time {
	switch {
	case !OfEvent(run):
		return timeOf(run.Status.ResolvedTime)
	case run.Status.State == v1alpha1.RunCompleted:
		return timeOf(run.Status.EndedTime)
	}
	return time.Time{}
}

// Results sums up what came of runs; nil where there are none.
func Results(runs []v1alpha1.PlaybookRun) *v1alpha1.PlaybookResults {
	var results v1alpha1.PlaybookResults
	var took []time.Duration
	for i := range runs {
		run := &runs[i]
		if !run.DeletionTimestamp.IsZero() {
			continue
		}
		results.Runs++
		results.OverdueTasks += run.Status.OverdueTasks
		switch {
		case RunOpen(run):
			results.Open++
		case run.Status.State == v1alpha1.RunCompleted:
			results.Completed++
		default:
			results.Canceled++
		}
		if resolved := ResolvedTime(run); !resolved.IsZero() {
			results.Resolved++
			took = append(took, max(resolved.Sub(run.CreationTimestamp.Time), 0))
		}
	}
	if results.Runs == 0 {
		return nil
	}
	results.MedianDaysToResolve = medianDays(took)
	return &results
}

// medianDays writes the median of some times in days, with one digit after the point; empty for none.
func medianDays(times []time.Duration) string {
	if len(times) == 0 {
		return ""
	}
	slices.Sort(times)
	half := len(times) / 2
	median := times[half]
	if len(times)%2 == 0 {
		median = times[half-1]/2 + times[half]/2
	}
	return fmt.Sprintf("%.1f", median.Hours()/24)
}

// How long a finished run is kept at least, so that the limit of a day counts it, and how long it is kept at most for
// events that nobody takes: a day longer than a notifier may try, so that what it gives up is counted first.
const (
	keepAtLeast = 24 * time.Hour
	keepForNews = 31 * 24 * time.Hour
)

// Expired returns the finished runs of a playbook that need not be kept: those beyond the newest limit ones of each
// account, if they began more than a day ago. A run with news waits for those to be delivered, for 31 days after its end
// at most. next is the moment at which another one expires by itself; zero is never.
func Expired(runs []v1alpha1.PlaybookRun, limit int, news func(*v1alpha1.PlaybookRun) bool, now time.Time) (expired []*v1alpha1.PlaybookRun, next time.Time) {
	finished := map[string][]*v1alpha1.PlaybookRun{}
	for i := range runs {
		if run := &runs[i]; run.DeletionTimestamp.IsZero() && run.Status.EndedTime != nil {
			finished[run.Spec.AccountRef.Name] = append(finished[run.Spec.AccountRef.Name], run)
		}
	}
	for _, of := range finished {
		slices.SortFunc(of, func(a, b *v1alpha1.PlaybookRun) int {
			return cmp.Or(b.Status.EndedTime.Compare(a.Status.EndedTime.Time), b.CreationTimestamp.Compare(a.CreationTimestamp.Time),
				cmp.Compare(b.Spec.Sequence, a.Spec.Sequence), cmp.Compare(b.Name, a.Name))
		})
		for _, run := range of[min(limit, len(of)):] {
			at := run.CreationTimestamp.Add(keepAtLeast)
			if until := run.Status.EndedTime.Add(keepForNews); !at.After(now) && until.After(now) && news(run) {
				at = until
			}
			if at.After(now) {
				next = value.Earliest(next, at)
				continue
			}
			expired = append(expired, run)
		}
	}
	slices.SortFunc(expired, func(a, b *v1alpha1.PlaybookRun) int { return cmp.Compare(a.Name, b.Name) })
	return expired, next
}
