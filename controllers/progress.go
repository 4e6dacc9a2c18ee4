package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Progress knows which accounts were evaluated since the operator started. A playbook starts nothing before all the
// accounts that it watches were, so that what is left in a status from before says nothing. Safe for concurrent use.
type Progress struct {
	// Playbooks is woken when an account that a playbook waits for was evaluated.
	Playbooks *Waker
	// Evaluated, where it is set, is called with every account that was evaluated. Tests count with it.
	Evaluated func(types.NamespacedName)

	mu       sync.Mutex
	accounts map[types.NamespacedName]evaluation
	waiting  map[types.NamespacedName]struct{}
}

// evaluation is what an account was last evaluated with.
type evaluation struct {
	// resourceVersion of the account once its status was written.
	resourceVersion string
	// generations of the playbooks, by name.
	generations map[string]int64
}

// wakeDelay gathers many evaluations into one look at a playbook.
const wakeDelay = 200 * time.Millisecond

// evaluated notes that an account's status is current, and reports whether it is the first time.
func (p *Progress) evaluated(account types.NamespacedName, e evaluation) (first bool) {
	if p.Evaluated != nil {
		p.Evaluated(account)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.accounts == nil {
		p.accounts = map[types.NamespacedName]evaluation{}
	}
	_, known := p.accounts[account]
	p.accounts[account] = e
	for playbook := range p.waiting {
		if playbook.Namespace == account.Namespace {
			p.Playbooks.WakeAfter(playbook, wakeDelay)
			delete(p.waiting, playbook)
		}
	}
	return !known
}

// standing is how far the evaluations of some accounts have come.
type standing int

const (
	// known: the cache shows what came of them, or something newer.
	known standing = iota
	// onTheWay: they were evaluated, and the cache does not show it yet.
	onTheWay
	// unknown: one was not evaluated since the operator started. What it shows is from before.
	unknown
)

// of says how far the evaluations of accounts, as the cache shows them, have come.
func (p *Progress) of(accounts []*v1alpha1.Account) standing {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := known
	for _, account := range accounts {
		e, ok := p.accounts[client.ObjectKeyFromObject(account)]
		switch {
		case !ok:
			return unknown
		case !e.shownBy(account.ResourceVersion, atLeast):
			all = onTheWay
		}
	}
	return all
}

// forget drops an account that is gone.
func (p *Progress) forget(account types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.accounts, account)
}

// freshness is how closely what the cache shows of an account must follow its evaluation.
type freshness int

const (
	// atLeast: the cache shows the status that the evaluation wrote, or something newer.
	atLeast freshness = iota
	// exactly: it shows that very version.
	exactly
)

// ready reports whether an account, as the cache shows it, was evaluated with this generation of a playbook. Where it
// reports false, the playbook is woken by the next evaluation in its namespace; one follows each write.
func (p *Progress) ready(playbook *v1alpha1.Playbook, account *v1alpha1.Account, how freshness) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.accounts[client.ObjectKeyFromObject(account)]
	if ok && e.generations[playbook.Name] == playbook.Generation && e.shownBy(account.ResourceVersion, how) {
		return true
	}
	if p.waiting == nil {
		p.waiting = map[types.NamespacedName]struct{}{}
	}
	p.waiting[client.ObjectKeyFromObject(playbook)] = struct{}{}
	return false
}

// shownBy reports whether a version of the account shows what the evaluation wrote.
func (e evaluation) shownBy(resourceVersion string, how freshness) bool {
	if e.resourceVersion == resourceVersion {
		return true
	}
	order, err := resourceversion.CompareResourceVersion(resourceVersion, e.resourceVersion)
	return how == atLeast && err == nil && order > 0
}
