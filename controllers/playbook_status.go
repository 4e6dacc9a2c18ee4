package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// maxHeldNames is how many of the accounts that are held back a playbook's status names.
const maxHeldNames = 10

// setStatus computes a playbook's status.
func (r *PlaybookReconciler) setStatus(ctx context.Context, p plan, started startResult) error {
	status := &p.Playbook.Status
	status.ObservedGeneration = p.Generation
	status.LastHandledRequestedAt = requestedAt(p.Playbook)
	status.Results = playbook.Results(started.runs)
	status.ActiveRuns, status.OlderGenerations = 0, 0
	for i := range started.runs {
		run := &started.runs[i]
		if at := run.CreationTimestamp; status.LastTriggeredTime == nil || status.LastTriggeredTime.Before(&at) {
			status.LastTriggeredTime = &metav1.Time{Time: at.Time}
		}
		if !playbook.RunOpen(run) {
			continue
		}
		status.ActiveRuns++
		if run.Spec.PlaybookGeneration != p.Generation || run.Spec.PlaybookRef.Name != p.Name {
			status.OlderGenerations++
		}
	}
	c := conditions{list: &status.Conditions, generation: p.Generation, now: r.Clock.Now()}
	setHeld(p, c, started)
	waitsFor := started.renames.WaitsFor(p.Name)
	if err := r.setRoom(ctx, p, c, waitsFor != ""); err != nil {
		return err
	}
	if p.err != nil {
		c.stalled(v1alpha1.ReasonInvalidSpec, p.err.Error())
		return nil
	}
	missing, err := missingReferences(ctx, r.Client, p.Namespace, p.result.Reads())
	if err != nil {
		return err
	}
	untimed, err := r.untimedSources(ctx, p)
	if err != nil {
		return err
	}
	missing = append(missing, untimed...)
	inhibitors, err := r.missingInhibitors(ctx, p, started.renames)
	if err != nil {
		return err
	}
	declared, err := declaredTypes(ctx, r.Client, p.Namespace, p.result.Reads())
	if err != nil {
		return err
	}
	misfits := p.result.Misfits(declared)
	var wrong []string
	if len(missing) > 0 {
		wrong = append(wrong, notThere(missing))
	}
	if len(inhibitors) > 0 {
		wrong = append(wrong, "not there: "+atMostTen(inhibitors)+"; until it is, it keeps nothing from starting")
	}
	switch {
	case len(wrong) > 0:
		c.reconciling(v1alpha1.ReasonReferenceNotFound, strings.Join(wrong, "; "))
	case len(misfits) > 0:
		c.reconciling(v1alpha1.ReasonTypeMismatch, "these have no result on any account: "+atMostThree(inWords(misfits)))
	case waitsFor != "":
		c.ready(v1alpha1.ReasonPreviousNameInUse, fmt.Sprintf(
			"starts nothing while Playbook %s is there, a name of spec.previousNames: delete that playbook, or leave its name out here", waitsFor))
	case p.Spec.Suspend:
		c.ready(v1alpha1.ReasonSuspended, "suspended: nothing new starts; work in flight goes on")
	default:
		c.ready(v1alpha1.ReasonReady, "the playbook is in use")
	}
	return nil
}

// setRoom says on how many accounts the playbook starts nothing because their status has no room for its episode. One that
// waits for its name has none yet, and is to have those of the old one.
func (r *PlaybookReconciler) setRoom(ctx context.Context, p plan, c conditions, waits bool) error {
	full, err := r.accountsOf(ctx, p, client.MatchingFields{IndexFull: "true"})
	if err != nil {
		return err
	}
	var left []string
	for _, acct := range full {
		if p.err == nil && !waits && !account.Churned(acct) && !p.result.Remembered(acct) {
			left = append(left, acct.Name)
		}
	}
	slices.Sort(left)
	c.setIf(len(left) > 0, v1alpha1.ConditionPlaybookLimitExceeded, v1alpha1.ReasonTooManyPlaybooks, fmt.Sprintf(
		"an account remembers at most %d episodes; where there is no room for one of this playbook it starts nothing: %s (%d in all); narrow its accountSelector, or that of others",
		playbook.MaxEpisodes, atMostThree(left), len(left)))
	return nil
}

// playbooksOfFull looks at the playbooks beside an account whose status has no room for one of them, or has room again.
func (r *PlaybookReconciler) playbooksOfFull(ctx context.Context, obj client.Object) []reconcile.Request {
	if full(obj) == "" {
		return nil
	}
	var list v1alpha1.PlaybookList
	if err := r.List(ctx, &list, client.InNamespace(obj.GetNamespace()), client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "look up the playbooks beside an account")
	}
	for i := range list.Items {
		r.Waker.WakeAfter(client.ObjectKeyFromObject(&list.Items[i]), wakeDelay)
	}
	return nil
}

// setHeld notes which runs are held back. While nothing may start, after a restart say, what was decided last stands,
// unless that takes so long that people should look.
func setHeld(p plan, c conditions, started startResult) {
	status := &p.Playbook.Status
	if wait := started.wait; wait.reason != "" {
		status.HeldRuns, status.InhibitedRuns, status.Held = int32(started.due), 0, nil
		c.set(v1alpha1.ConditionHeld, metav1.ConditionTrue, wait.reason, wait.message)
		return
	}
	if started.undecided {
		if last := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionHeld); last != nil {
			c.set(last.Type, last.Status, last.Reason, last.Message)
		}
		return
	}
	status.HeldRuns = int32(len(started.held))
	status.InhibitedRuns = int32(heldFor(started.held, v1alpha1.HeldInhibited))
	status.Held = started.held[:min(len(started.held), maxHeldNames)]
	reason, message := describeHeld(p.Playbook, started.held)
	c.setIf(len(started.held) > 0, v1alpha1.ConditionHeld, reason, message)
}

// missingInhibitors names the playbooks in inhibitedBy that are not there. What is not there keeps nothing from starting.
func (r *PlaybookReconciler) missingInhibitors(ctx context.Context, p plan, renames *playbook.Renames) ([]string, error) {
	var missing []string
	for _, name := range renames.NowAll(p.Spec.InhibitedBy) {
		var other v1alpha1.Playbook
		err := r.Get(ctx, types.NamespacedName{Namespace: p.Namespace, Name: name}, &other)
		switch {
		case apierrors.IsNotFound(err):
			missing = append(missing, fmt.Sprintf("Playbook %s of spec.inhibitedBy", name))
		case err != nil:
			return nil, err
		}
	}
	return missing, nil
}

// untimedSources names the sources whose observations the playbook watches and whose rows say no time.
func (r *PlaybookReconciler) untimedSources(ctx context.Context, p plan) ([]string, error) {
	var untimed []string
	for _, metric := range p.result.ObservedMetrics() {
		var source v1alpha1.DataSource
		err := r.Get(ctx, types.NamespacedName{Namespace: p.Namespace, Name: metric.Source}, &source)
		if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if err == nil && source.Spec.ObservedTime == nil {
			untimed = append(untimed, fmt.Sprintf("spec.observedTime of DataSource %s, which per: Observation needs", metric.Source))
		}
	}
	return slices.Compact(untimed), nil
}

// countRuns counts the runs with open work and those that began within 24 hours, and says when the oldest of these began.
func countRuns(runs []v1alpha1.PlaybookRun, now time.Time) (active, today int, oldest time.Time) {
	for i := range runs {
		if playbook.RunOpen(&runs[i]) {
			active++
		}
		if began := runs[i].CreationTimestamp.Time; began.After(now.Add(-24 * time.Hour)) {
			today++
			oldest = value.Earliest(oldest, began)
		}
	}
	return active, today, oldest
}

// namesOf returns the names of a playbook's runs, as they would be had it always had its name.
func namesOf(playbookName string, runs []v1alpha1.PlaybookRun) map[string]bool {
	names := make(map[string]bool, len(runs))
	for i := range runs {
		if runs[i].DeletionTimestamp.IsZero() {
			names[playbook.RunNameUnder(&runs[i], playbookName)] = true
		}
	}
	return names
}

// openAccounts returns the accounts on which a run has open work: no other starts beside it.
func openAccounts(runs []v1alpha1.PlaybookRun) map[string]bool {
	open := map[string]bool{}
	for i := range runs {
		if playbook.RunOpen(&runs[i]) {
			open[runs[i].Spec.AccountRef.Name] = true
		}
	}
	return open
}

// countGone counts the episodes that began to fire within 24 hours and whose run somebody has deleted, and says when the
// oldest of these began: to delete a run makes no room for another on the same day.
func countGone(playbookName string, accounts []*v1alpha1.Account, started map[string]bool, now time.Time, location *time.Location) (gone int, oldest time.Time) {
	for _, acct := range accounts {
		for _, e := range playbook.EpisodesOf(acct, playbookName) {
			if e.State != v1alpha1.EpisodeFiring || e.Since == nil || started[playbook.EpisodeRunName(acct.Name, e, location)] {
				continue
			}
			if e.Since.After(now.Add(-24 * time.Hour)) {
				gone++
				oldest = value.Earliest(oldest, e.Since.Time)
			}
		}
	}
	return gone, oldest
}

// ownCreates remembers the runs that were just made and that the cache may not show yet, so that the limits count them.
type ownCreates struct {
	mu   sync.Mutex
	runs map[types.NamespacedName][]ownCreate
}

type ownCreate struct {
	run *v1alpha1.PlaybookRun
	at  time.Time
}

// cacheLag is how long the cache may take to show a run. A run that is not in it after that was deleted.
const cacheLag = time.Minute

// add remembers a run.
func (o *ownCreates) add(playbook types.NamespacedName, run *v1alpha1.PlaybookRun, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.runs == nil {
		o.runs = map[types.NamespacedName][]ownCreate{}
	}
	o.runs[playbook] = append(o.runs[playbook], ownCreate{run, now})
}

// merge returns the runs that the cache shows and those that it does not show yet, and forgets what it shows. next is when
// the first of those counts as deleted.
func (o *ownCreates) merge(playbook types.NamespacedName, cached []v1alpha1.PlaybookRun, now time.Time) (merged []v1alpha1.PlaybookRun, next time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	shown := make(map[types.UID]bool, len(cached))
	for i := range cached {
		shown[cached[i].UID] = true
	}
	var waiting []ownCreate
	for _, own := range o.runs[playbook] {
		if !shown[own.run.UID] && now.Sub(own.at) < cacheLag {
			waiting = append(waiting, own)
			next = value.Earliest(next, own.at.Add(cacheLag))
		}
	}
	if len(waiting) == 0 {
		delete(o.runs, playbook)
		return cached, next
	}
	o.runs[playbook] = waiting
	merged = make([]v1alpha1.PlaybookRun, 0, len(cached)+len(waiting))
	merged = append(merged, cached...)
	for _, own := range waiting {
		merged = append(merged, *own.run)
	}
	return merged, next
}
