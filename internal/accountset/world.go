package accountset

import (
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// world is the accounts of a namespace as one set sees them.
type world struct {
	// own are the set's accounts by key.
	own map[string]*v1alpha1.Account
	// others are accounts of the same source and another set, or of none, by key.
	others map[string]*v1alpha1.Account
	// unkeyed are the names of accounts that carry the set's label and no key.
	unkeyed map[string]bool
	// taken are the names of all accounts.
	taken map[string]bool
	// sets are the names of all sets.
	sets map[string]bool
}

func worldOf(in *Input) world {
	w := world{
		own: map[string]*v1alpha1.Account{}, others: map[string]*v1alpha1.Account{}, unkeyed: map[string]bool{},
		taken: make(map[string]bool, len(in.Accounts)), sets: make(map[string]bool, len(in.Sets)),
	}
	for _, name := range in.Sets {
		w.sets[name] = true
	}
	for i := range in.Accounts {
		a := &in.Accounts[i]
		w.taken[a.Name] = true
		key := a.Annotations[v1alpha1.AnnotationSourceKey]
		source := a.Annotations[v1alpha1.AnnotationSource]
		owner := a.Labels[v1alpha1.LabelAccountSet]
		switch {
		case owner == in.Set.Name && key == "":
			w.unkeyed[a.Name] = true
		case owner == in.Set.Name:
			keepFirst(w.own, key, a)
		case key != "" && (source == in.Set.Spec.SourceRef.Name || source == "" && owner == ""):
			keepFirst(w.others, key, a)
		}
	}
	return w
}

// keepFirst keeps the older of two accounts with one key: the younger is a copy that somebody made.
func keepFirst(accounts map[string]*v1alpha1.Account, key string, a *v1alpha1.Account) {
	before, ok := accounts[key]
	if !ok {
		accounts[key] = a
		return
	}
	if c := a.CreationTimestamp.Compare(before.CreationTimestamp.Time); c < 0 || c == 0 && strings.Compare(a.Name, before.Name) < 0 {
		accounts[key] = a
	}
}

// claim returns the account of a key: the set's own, or one whose set is gone. It is nil where one is to be made. The
// reason is set where the account is not the set's to keep.
func (w *world) claim(key string) (*v1alpha1.Account, string) {
	if a, ok := w.own[key]; ok {
		return a, ""
	}
	a, ok := w.others[key]
	if !ok {
		return nil, ""
	}
	owner := a.Labels[v1alpha1.LabelAccountSet]
	switch {
	case owner == "":
		return nil, "account " + quoted(a.Name) + " has this key and was not made by an AccountSet: delete its annotation " + v1alpha1.AnnotationSourceKey + ", or the account"
	case w.sets[owner]:
		return nil, "account " + quoted(a.Name) + " belongs to the AccountSet " + quoted(owner) + ", which has the same source: delete that set, or leave the row to it"
	}
	w.own[key] = a
	return a, ""
}
