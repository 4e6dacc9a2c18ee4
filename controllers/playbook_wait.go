package controllers

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// patience is how long runs that are due wait without a word until the operator knows whether they may start: a restart, or a
// large commit, is over by then.
const patience = 5 * time.Minute

// standstill is how long a playbook with runs that are due has not known whether they may start, and what its status says of it.
type standstill struct {
	since, said time.Time
	// reason and message are of the condition Held; empty where there is nothing to say yet.
	reason, message string
}

// at brings a standstill up to a moment. say reports whether it is time for a word, or for a new one, and next is the next such
// time. Words are this far apart, so that a wait for many accounts that come one by one is not as many writes.
func (w standstill) at(now time.Time, apart time.Duration) (updated standstill, say bool, next time.Time) {
	if w.since.IsZero() || w.since.After(now) || w.said.After(now) {
		w = standstill{since: now, reason: w.reason, message: w.message} // it begins, or the clock was put back
	}
	from := w.since
	if !w.said.IsZero() {
		from = w.said
	}
	if next = from.Add(apart); now.Before(next) {
		return w, false, next
	}
	w.said = now
	return w, true, now.Add(apart)
}

// standstills remembers those of playbooks. The zero value is ready, and safe for concurrent use.
type standstills struct {
	mu sync.Mutex
	of map[types.NamespacedName]standstill
}

// at brings a playbook's standstill up to a moment; describe says what it waits for, where it is time for a word.
func (w *standstills) at(of types.NamespacedName, now time.Time, apart time.Duration, describe func() (reason, message string)) (standstill, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	is, say, next := w.of[of].at(now, apart)
	if say {
		is.reason, is.message = describe()
	}
	if w.of == nil {
		w.of = map[types.NamespacedName]standstill{}
	}
	w.of[of] = is
	return is, next
}

// over ends a playbook's standstill.
func (w *standstills) over(of types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.of, of)
}

// describeWait says for what the runs that are due wait: for accounts that were not evaluated, or else for an end of changes.
func describeWait(due int, unevaluated []string, lastChanged string, delay time.Duration) (reason, message string) {
	switch {
	case len(unevaluated) > 0:
		slices.Sort(unevaluated)
		return v1alpha1.ReasonAccountsNotEvaluated, areDue(due) + fmt.Sprintf(
			"nothing starts until every account that the playbook selects was evaluated, and these were not for more than %s: %s. "+
				"The log of the operator says why; see the events and conditions of the account, too: kubectl describe account %s",
			patience, atMostThree(unevaluated), unevaluated[0])
	case lastChanged != "":
		return v1alpha1.ReasonConfigurationChanging, areDue(due) + fmt.Sprintf(
			"models, playbooks or sources of the namespace have kept changing for more than %s, %s was the last, and nothing starts until none has for %s. "+
				"Look for what writes it again and again: kubectl get -o yaml --show-managed-fields names the managers of its fields",
			patience, lastChanged, delay)
	}
	return "", "" // it has just ended
}

// areDue counts the accounts that are due and wait.
func areDue(n int) string {
	if n == 1 {
		return "1 account is due and waits: "
	}
	return fmt.Sprintf("%d accounts are due and wait: ", n)
}
