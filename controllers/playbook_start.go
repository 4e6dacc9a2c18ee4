package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// startResult is what came of starting the runs that are due.
type startResult struct {
	// runs of the playbook, those that were just made included.
	runs []v1alpha1.PlaybookRun
	// held are the accounts whose run may not start now, and why.
	held []v1alpha1.HeldRun
	// renames say what the playbooks of the namespace were called before.
	renames *playbook.Renames
	// refused are the errors of an API server that does not let a run be made: a quota, or a policy of the cluster.
	refused error
	// undecided means that nothing may start yet, so that what was held before still stands.
	undecided bool
	// due is how many accounts wait while nothing may start, and wait is what is to be said of that.
	due  int
	wait standstill
	// next is when to look again; the zero time is when something changes.
	next time.Time
}

// start makes the runs that are due, as far as the limits and other playbooks allow.
func (r *PlaybookReconciler) start(ctx context.Context, p plan) (result startResult, err error) {
	now := r.Clock.Now()
	if result.renames, err = r.Catalog.renamesIn(ctx, p.Namespace); err != nil {
		return result, err
	}
	if result.runs, result.next, err = r.runsOf(ctx, client.ObjectKeyFromObject(p.Playbook), result.renames, now); err != nil || p.err != nil {
		return result, err
	}
	if result.renames.WaitsFor(p.Name) != "" {
		return result, nil
	}
	defer func() {
		if err == nil && !result.undecided && r.holds.set(client.ObjectKeyFromObject(p.Playbook), result.held) {
			r.wakeInhibited(ctx, client.ObjectKeyFromObject(p.Playbook))
		}
	}()
	due, err := r.due(ctx, p)
	if err != nil || len(due) == 0 {
		return result, err
	}
	if p.Spec.Suspend {
		result.held = playbook.Admit(playbook.AdmitInput{Candidates: candidates(due), Suspended: true}).Held
		return result, nil
	}
	watched, err := r.watched(ctx, p)
	if err != nil {
		return result, err
	}
	ready, next, err := r.mayStart(ctx, p, watched, now)
	if err != nil {
		return result, err
	}
	if !ready {
		result.undecided, result.due = true, len(due)
		wait, speak := r.stillWaits(p, len(due), watched, now)
		result.wait, result.next = wait, value.Earliest(result.next, next, speak)
		return result, nil
	}
	return r.admit(ctx, p, watched, result)
}

// runsOf returns the runs of a playbook, under whichever name it started them, with those that were just made and the cache
// does not show yet, and when to ask again whether it does.
func (r *PlaybookReconciler) runsOf(ctx context.Context, of types.NamespacedName, renames *playbook.Renames, now time.Time) ([]v1alpha1.PlaybookRun, time.Time, error) {
	var all []v1alpha1.PlaybookRun
	var next time.Time
	for _, name := range renames.Names(of.Name) {
		var runs v1alpha1.PlaybookRunList
		err := r.List(ctx, &runs, client.InNamespace(of.Namespace), client.MatchingFields{IndexPlaybook: name}, client.UnsafeDisableDeepCopy)
		if err != nil {
			return nil, time.Time{}, err
		}
		merged, again := r.created.merge(types.NamespacedName{Namespace: of.Namespace, Name: name}, runs.Items, now)
		all, next = append(all, merged...), value.Earliest(next, again)
	}
	return all, next, nil
}

// due returns the accounts that have an episode of the playbook in the state Due. They are the cache's own.
func (r *PlaybookReconciler) due(ctx context.Context, p plan) ([]*v1alpha1.Account, error) {
	return r.accountsOf(ctx, p, client.MatchingFields{IndexDuePlaybook: p.Name})
}

// watched returns the accounts that the playbook watches. They are the cache's own.
func (r *PlaybookReconciler) watched(ctx context.Context, p plan) ([]*v1alpha1.Account, error) {
	return r.accountsOf(ctx, p)
}

// accountsOf returns those of some accounts that the playbook watches.
func (r *PlaybookReconciler) accountsOf(ctx context.Context, p plan, among ...client.ListOption) ([]*v1alpha1.Account, error) {
	var accounts v1alpha1.AccountList
	if err := r.List(ctx, &accounts, append(among, client.InNamespace(p.Namespace), client.UnsafeDisableDeepCopy)...); err != nil {
		return nil, err
	}
	var watched []*v1alpha1.Account
	for i := range accounts.Items {
		if acct := &accounts.Items[i]; acct.DeletionTimestamp.IsZero() && p.selector.Matches(acct) {
			watched = append(watched, acct)
		}
	}
	return watched, nil
}

// candidates are accounts as the limits see them.
func candidates(accounts []*v1alpha1.Account) []playbook.Candidate {
	all := make([]playbook.Candidate, len(accounts))
	for i, acct := range accounts {
		all[i] = playbook.Candidate{Account: acct.Name, ARR: account.ARR(acct)}
	}
	return all
}

// mayStart reports whether runs may start now: every account that the playbook watches was evaluated since the
// operator started, and the configuration has settled. next is when to ask again, where time alone decides.
func (r *PlaybookReconciler) mayStart(ctx context.Context, p plan, watched []*v1alpha1.Account, now time.Time) (ready bool, next time.Time, err error) {
	settled, err := r.Settle.over(ctx, p.Namespace, now)
	if err != nil {
		return false, time.Time{}, err
	}
	if now.Before(settled) {
		return false, settled, nil
	}
	for _, acct := range watched {
		if !r.Progress.ready(p.Playbook, acct, atLeast) {
			return false, time.Time{}, nil
		}
	}
	return true, time.Time{}, nil
}

// stillWaits says for what runs that are due have waited for longer than usual, and when to say it next.
func (r *PlaybookReconciler) stillWaits(p plan, due int, watched []*v1alpha1.Account, now time.Time) (standstill, time.Time) {
	apart := patience + r.Settle.Delay // so that what a change begins, its own delay included, is nothing to speak of
	return r.standstills.at(client.ObjectKeyFromObject(p.Playbook), now, apart, func() (reason, message string) {
		var unevaluated []string
		lastChanged := r.Settle.changing(p.Namespace, now)
		for _, acct := range watched {
			if lastChanged == "" && !r.Progress.ready(p.Playbook, acct, atLeast) {
				unevaluated = append(unevaluated, acct.Name)
			}
		}
		return describeWait(due, unevaluated, lastChanged, r.Settle.Delay)
	})
}

// admit makes a run for each account that the limits and other playbooks let through. Who is due is read off the very
// accounts that mayStart looked at: the largest goes first only where all of them are known.
func (r *PlaybookReconciler) admit(ctx context.Context, p plan, watched []*v1alpha1.Account, result startResult) (startResult, error) {
	now := r.Clock.Now()
	started, open := namesOf(p.Name, result.runs), openAccounts(result.runs)
	active, today, oldest := countRuns(result.runs, now)
	gone, oldestGone := countGone(p.Name, watched, started, now, r.Location)
	due := map[string]*v1alpha1.Account{}
	var all []*v1alpha1.Account
	for _, acct := range watched {
		episode := playbook.DueEpisode(acct, p.Name)
		if episode == nil || started[playbook.EpisodeRunName(acct.Name, episode, r.Location)] || open[acct.Name] {
			continue // What has its run, or another one, the account will see as soon as its cache does.
		}
		due[acct.Name] = acct
		all = append(all, acct)
	}
	in := playbook.AdmitInput{Candidates: candidates(all), Active: active, StartedToday: today + gone, Limits: p.Spec.Limits}
	if err := r.inhibit(ctx, p, all, in.Candidates); err != nil {
		return result, err
	}
	admission := playbook.Admit(in)
	result.held = admission.Held
	for _, name := range admission.Start {
		run, next, err := r.startOne(ctx, p, due[name].DeepCopy())
		switch {
		case apierrors.IsForbidden(err), apierrors.IsInvalid(err):
			// What is wrong with one run keeps no other account waiting.
			reason := apierrors.ReasonForError(err)
			recorder{r.Recorder}.warning(due[name], "RunRefused", "StartRun", "playbook %s is due, and the API server refuses its run: %s", p.Name, reason)
			result.refused = errors.Join(result.refused, err)
			continue
		case err != nil:
			return result, err
		}
		if run != nil {
			result.runs = append(result.runs, *run)
		}
		result.next = value.Earliest(result.next, next)
	}
	if oldest = value.Earliest(oldest, oldestGone); heldFor(result.held, v1alpha1.HeldLimitReached) > 0 && !oldest.IsZero() {
		// A place within the day becomes free when its oldest run is a day old.
		result.next = value.Earliest(result.next, oldest.Add(24*time.Hour))
	}
	return result, nil
}

// inhibit notes for each candidate which other playbook keeps the run from starting.
func (r *PlaybookReconciler) inhibit(ctx context.Context, p plan, accounts []*v1alpha1.Account, of []playbook.Candidate) error {
	if len(p.Spec.InhibitedBy) == 0 || len(accounts) == 0 {
		return nil
	}
	plans, err := r.Catalog.playbooksIn(ctx, p.Namespace)
	if err != nil {
		return err
	}
	all, err := r.inhibitors(ctx, p, plans)
	if err != nil {
		return err
	}
	for i, acct := range accounts {
		standings := playbook.Standings{}
		for name, other := range all {
			standings[name] = r.standing(other, acct)
		}
		of[i].InhibitedBy = standings.Inhibitor(p.Name)
	}
	return nil
}

// inhibitor is a playbook, and its runs: their names, and the accounts on which one is open. Of one that was deleted the
// plan is nil: the work that it left goes on, and inhibits.
type inhibitor struct {
	plan        *plan
	inhibitedBy []string
	names, open map[string]bool
}

// inhibitors returns a playbook, and those that inhibit it, directly or through others.
func (r *PlaybookReconciler) inhibitors(ctx context.Context, p plan, plans []plan) (map[string]inhibitor, error) {
	all := map[string]inhibitor{}
	now, renames := r.Clock.Now(), renamesOf(plans)
	for next := []string{p.Name}; len(next) > 0; next = next[1:] {
		name := next[0]
		if _, known := all[name]; known {
			continue
		}
		runs, _, err := r.runsOf(ctx, types.NamespacedName{Namespace: p.Namespace, Name: name}, renames, now)
		if err != nil {
			return nil, err
		}
		found := inhibitor{names: namesOf(name, runs), open: openAccounts(runs)}
		if i := slices.IndexFunc(plans, func(other plan) bool { return other.Name == name }); i >= 0 {
			found.plan = &plans[i]
			found.inhibitedBy = renames.NowAll(plans[i].Spec.InhibitedBy)
			next = append(next, found.inhibitedBy...)
		}
		all[name] = found
	}
	return all, nil
}

// standing says where a playbook stands on an account.
func (r *PlaybookReconciler) standing(of inhibitor, acct *v1alpha1.Account) playbook.Standing {
	standing := playbook.Standing{Open: of.open[acct.Name]}
	p := of.plan
	if p == nil {
		return standing
	}
	standing.InhibitedBy = of.inhibitedBy
	episode := playbook.DueEpisode(acct, p.Name)
	standing.Due = episode != nil && p.err == nil && !p.Spec.Suspend && p.selector.Matches(acct) &&
		!of.names[playbook.EpisodeRunName(acct.Name, episode, r.Location)] &&
		!r.holds.byLimit(client.ObjectKeyFromObject(p.Playbook), acct.Name)
	return standing
}

// wakeInhibited looks again at the playbooks that another one keeps from starting, whatever they call it.
func (r *PlaybookReconciler) wakeInhibited(ctx context.Context, by types.NamespacedName) {
	renames, err := r.Catalog.renamesIn(ctx, by.Namespace)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "look up what playbooks were called before")
	}
	for _, name := range renames.Called(by.Name) {
		var list v1alpha1.PlaybookList
		err := r.List(ctx, &list, client.InNamespace(by.Namespace), client.MatchingFields{IndexInhibitedBy: name}, client.UnsafeDisableDeepCopy)
		if err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "look up the playbooks that a playbook inhibits")
		}
		for i := range list.Items {
			r.Waker.WakeAfter(client.ObjectKeyFromObject(&list.Items[i]), wakeDelay)
		}
	}
}

// holds remembers which accounts each playbook held back when it was last looked at: what a limit holds back is not about
// to start, and so keeps no other playbook waiting.
type holds struct {
	mu   sync.Mutex
	held map[types.NamespacedName][]v1alpha1.HeldRun
}

// set notes what a playbook holds back, and reports whether that is another than before.
func (h *holds) set(of types.NamespacedName, held []v1alpha1.HeldRun) (changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if slices.Equal(h.held[of], held) {
		return false
	}
	if h.held == nil {
		h.held = map[types.NamespacedName][]v1alpha1.HeldRun{}
	}
	h.held[of] = held
	return true
}

// byLimit reports whether a limit of a playbook holds the run on an account back.
func (h *holds) byLimit(of types.NamespacedName, acct string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.held[of], v1alpha1.HeldRun{Account: acct, Reason: v1alpha1.HeldLimitReached})
}

// forget drops a playbook that is gone.
func (h *holds) forget(of types.NamespacedName) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.held, of)
}

// heldFor counts the accounts that are held back for a reason.
func heldFor(held []v1alpha1.HeldRun, reason v1alpha1.HeldReason) int {
	n := 0
	for _, h := range held {
		if h.Reason == reason {
			n++
		}
	}
	return n
}

// describeHeld says why runs are held, and what can be done about it.
func describeHeld(p *v1alpha1.Playbook, held []v1alpha1.HeldRun) (reason, message string) {
	limited, inhibited := heldFor(held, v1alpha1.HeldLimitReached), heldFor(held, v1alpha1.HeldInhibited)
	activeRuns, newRunsPerDay := playbook.Limits(p.Spec.Limits)
	limits := fmt.Sprintf("spec.limits (activeRuns %d, newRunsPerDay %d) holds %d of them back, the largest ARR goes first", activeRuns, newRunsPerDay, limited)
	others := fmt.Sprintf("spec.inhibitedBy holds %d of them back", inhibited)
	due := areDue(len(held))
	switch {
	case limited > 0 && inhibited > 0:
		return v1alpha1.ReasonLimitReached, due + limits + "; " + others
	case limited > 0:
		return v1alpha1.ReasonLimitReached, due + limits
	case inhibited > 0:
		return v1alpha1.ReasonInhibited, due + others
	default:
		return v1alpha1.ReasonSuspended, due + "spec.suspend holds their runs back"
	}
}
