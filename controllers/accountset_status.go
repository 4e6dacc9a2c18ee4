package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/accountset"
)

// maxShown bounds the rejected rows and the overridden fields that a status shows.
const maxShown = 10

// setConditions returns the set's conditions, to be changed at this generation.
func setConditions(set *v1alpha1.AccountSet, now time.Time) conditions {
	set.Status.ObservedGeneration = set.Generation
	set.Status.LastHandledRequestedAt = requestedAt(set)
	return conditions{list: &set.Status.Conditions, generation: set.Generation, now: now}
}

// refuse reports whether nothing is to be done for the set whatever its source gives, and says so in the status.
func (r *AccountSetReconciler) refuse(set *v1alpha1.AccountSet, memory *setMemory) bool {
	now := r.Clock.Now()
	switch {
	case len(set.Name) > validation.LabelValueMaxLength:
		setConditions(set, now).stalled(v1alpha1.ReasonInvalidSpec, fmt.Sprintf("metadata.name: longer than the %d characters that the label %s can hold",
			validation.LabelValueMaxLength, v1alpha1.LabelAccountSet))
	case memory.err != nil:
		setConditions(set, now).stalled(v1alpha1.ReasonInvalidSpec, memory.err.Error())
	case set.Spec.Suspend:
		setConditions(set, now).ready(v1alpha1.ReasonSuspended, "suspended: nothing is made, changed or pruned")
	default:
		return false
	}
	return true
}

// waitFor says that the set waits for something that may still come.
func (r *AccountSetReconciler) waitFor(set *v1alpha1.AccountSet, reason, message string) {
	setConditions(set, r.Clock.Now()).reconciling(reason, message)
}

// sourceUnavailable says that the source cannot be read. Whether the set was ready for this generation stays as it is:
// an outage of the source takes nothing away.
func (r *AccountSetReconciler) sourceUnavailable(set *v1alpha1.AccountSet, message string) {
	ready := readyAtGeneration(set)
	c := setConditions(set, r.Clock.Now())
	if ready {
		c.ready(v1alpha1.ReasonSourceUnavailable, message)
		return
	}
	c.reconciling(v1alpha1.ReasonSourceUnavailable, message)
}

// notRead says that the source was not read since the operator started. Nothing is known then that was not known before
// the restart, and a status of this generation stays as it is.
func (r *AccountSetReconciler) notRead(set *v1alpha1.AccountSet) {
	if ready := meta.FindStatusCondition(set.Status.Conditions, v1alpha1.ConditionReady); ready != nil && ready.ObservedGeneration == set.Generation {
		return
	}
	r.waitFor(set, v1alpha1.ReasonFirstRead, fmt.Sprintf("waiting for the first read of DataSource %s", set.Spec.SourceRef.Name))
}

// readyAtGeneration reports whether the set is ready as its spec is now.
func readyAtGeneration(set *v1alpha1.AccountSet) bool {
	ready := meta.FindStatusCondition(set.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == set.Generation
}

// setAccountSetStatus writes what a plan found and what came of its changes into the set's status.
func setAccountSetStatus(set *v1alpha1.AccountSet, plan *accountset.Plan, done *outcome, now time.Time) {
	s := &set.Status
	c := setConditions(set, now)
	s.Accounts = int32(plan.Accounts + done.created - done.deleted)
	s.Filled = s.Filled || s.Accounts > 0 && len(done.failures) == 0 && !done.outdated
	s.Window = windowAfter(s.Window, done.counted, now)
	s.Pending = plan.Pending
	setRejected(s, append(plan.Rejected, done.rejected...))
	setOverridden(s, append(plan.Overridden, done.overridden...))
	if failed := len(done.failures); failed > 0 {
		c.reconciling(v1alpha1.ReasonDependencyUnavailable, fmt.Sprintf("%d changes could not be made and are tried again", failed))
	} else {
		c.ready(v1alpha1.ReasonReady, readyMessage(s))
	}
	c.setIf(s.Pending != nil, v1alpha1.ConditionHeld, v1alpha1.ReasonApprovalNeeded, heldMessage(set))
}

// windowAfter counts changes in the running window, or in one that they begin.
func windowAfter(w *v1alpha1.ChangeWindow, changes int32, now time.Time) *v1alpha1.ChangeWindow {
	if changes == 0 {
		return w
	}
	if w == nil || !accountset.InWindow(w, now) {
		return &v1alpha1.ChangeWindow{StartTime: metav1.NewTime(now.Truncate(time.Second)), Changes: changes}
	}
	return &v1alpha1.ChangeWindow{StartTime: w.StartTime, Changes: w.Changes + changes}
}

func setRejected(s *v1alpha1.AccountSetStatus, rows []v1alpha1.RejectedRow) {
	slices.SortStableFunc(rows, func(a, b v1alpha1.RejectedRow) int { return strings.Compare(a.Key, b.Key) })
	s.RejectedRows = int32(len(rows))
	s.Rejected = rows[:min(len(rows), maxShown)]
}

func setOverridden(s *v1alpha1.AccountSetStatus, fields []v1alpha1.OverriddenField) {
	slices.SortStableFunc(fields, func(a, b v1alpha1.OverriddenField) int {
		return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Field, b.Field))
	})
	s.OverriddenFields = int32(len(fields))
	s.Overridden = fields[:min(len(fields), maxShown)]
}

// readyMessage counts what there is.
func readyMessage(s *v1alpha1.AccountSetStatus) string {
	message := fmt.Sprintf("%d accounts", s.Accounts)
	if s.RejectedRows > 0 {
		message += fmt.Sprintf("; %d rows rejected", s.RejectedRows)
	}
	if s.OverriddenFields > 0 {
		message += fmt.Sprintf("; fields left to others: %d", s.OverriddenFields)
	}
	if s.Pending != nil {
		message += fmt.Sprintf("; %d changes wait for approval", s.Pending.Creates+s.Pending.Prunes)
	}
	return message
}

// heldMessage says what waits, and how to let it through.
func heldMessage(set *v1alpha1.AccountSet) string {
	p := set.Status.Pending
	if p == nil {
		return ""
	}
	return fmt.Sprintf("%d accounts to make and %d to prune are more than spec.maxChangePercent allows within 24h; to let exactly these through: kubectl annotate accountset -n %s %s %s=%s --overwrite",
		p.Creates, p.Prunes, set.Namespace, set.Name, v1alpha1.AnnotationApprove, p.ID)
}

// tell records events about what is new in the status.
func (r *AccountSetReconciler) tell(set *v1alpha1.AccountSet, before *v1alpha1.AccountSetStatus) {
	record := recorder{r.Recorder}
	if p := set.Status.Pending; p != nil && (before.Pending == nil || before.Pending.ID != p.ID) {
		record.warning(set, v1alpha1.ReasonApprovalNeeded, "Hold", "%s", heldMessage(set))
	}
	if now, earlier := set.Status.Accounts, before.Accounts; now != earlier {
		record.normal(set, "AccountsChanged", "Sync", "%d accounts, %d before", now, earlier)
	}
	if set.Status.RejectedRows > before.RejectedRows {
		record.warning(set, "RowsRejected", "Sync", "%d rows rejected", set.Status.RejectedRows)
	}
}
