//go:build unix

package ravenstack

import (
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// memory is everything that an outage must not move. Of accounts it is all but the states of values, of rules and of
// conditions, which say that there is an outage; of the rest it is every byte.
type memory struct {
	Accounts map[string]v1alpha1.Account
	Versions map[string]string
}

// remember reads what there is now.
func (w *world) remember() memory {
	w.t.Helper()
	m := memory{Accounts: map[string]v1alpha1.Account{}, Versions: map[string]string{}}
	var (
		accounts v1alpha1.AccountList
		runs     v1alpha1.PlaybookRunList
		tasks    v1alpha1.TaskList
	)
	if err := errors.Join(w.List(w.t.Context(), &accounts), w.List(w.t.Context(), &runs), w.List(w.t.Context(), &tasks)); err != nil {
		w.t.Fatal(err)
	}
	for i := range accounts.Items {
		m.Accounts[accounts.Items[i].Name] = withoutStates(accounts.Items[i])
	}
	for i := range runs.Items {
		m.Versions["run "+runs.Items[i].Name] = runs.Items[i].ResourceVersion
	}
	for i := range tasks.Items {
		m.Versions["task "+tasks.Items[i].Name] = tasks.Items[i].ResourceVersion
	}
	return m
}

// withoutStates removes from an account what says whether its sources can be read.
func withoutStates(a v1alpha1.Account) v1alpha1.Account {
	a.ResourceVersion, a.ManagedFields, a.Status.Conditions = "", nil, nil
	if h := a.Status.Health; h != nil {
		for i := range h.Measures {
			h.Measures[i].State = ""
		}
		for i := range h.Facts {
			h.Facts[i].State = ""
		}
		for i := range h.RulesApplied {
			h.RulesApplied[i].Held = false
		}
	}
	return a
}

// unmoved checks that nothing has changed since.
func (w *world) unmoved(during string, before memory) {
	w.t.Helper()
	if diff := difference(before, w.remember()); diff != "" {
		w.t.Fatalf("%s moved something (-before +after):\n%s", during, diff)
	}
}

// noticed waits until every account shows that its sources cannot be read, or that they can.
func (w *world) noticed(outage bool) {
	w.t.Helper()
	unwanted := v1alpha1.ValueErrored
	if outage {
		unwanted = v1alpha1.ValueFresh
	}
	w.until(fmt.Sprintf("no value is %s", unwanted), func() error {
		var accounts v1alpha1.AccountList
		if err := w.cache.List(w.t.Context(), &accounts, client.InNamespace(w.namespace)); err != nil {
			return err
		}
		for i := range accounts.Items {
			for _, m := range accounts.Items[i].Status.Health.Measures {
				if m.State == unwanted {
					return fmt.Errorf("%s of account %s is %s", m.Name, accounts.Items[i].Name, m.State)
				}
			}
		}
		return nil
	})
}

// outage has the sources fail for a reason, checks that every account notices and that nothing moves.
func (w *world) outage(what, reason string, before memory) {
	w.t.Helper()
	w.readSources(metav1.ConditionFalse, reason)
	w.noticed(true)
	w.unmoved(what, before)
}

// recovery has the sources read again, and checks that everything is as it was.
func (w *world) recovery(what string, before memory) {
	w.t.Helper()
	w.readSources(metav1.ConditionTrue, v1alpha1.ReasonReadSucceeded)
	w.noticed(false)
	w.unmoved(what, before)
	w.agrees()
}
