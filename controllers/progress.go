package controllers

import (
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Progress knows which accounts were evaluated since the operator started. A playbook starts nothing before all the
// accounts that it watches were, so that what is left in a status from before says nothing. Safe for concurrent use.
type Progress struct {
	// Playbooks is woken when an account that a playbook waits for was evaluated.
	Playbooks *Waker

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

// evaluated notes that an account's status is current.
func (p *Progress) evaluated(account types.NamespacedName, e evaluation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.accounts == nil {
		p.accounts = map[types.NamespacedName]evaluation{}
	}
	previous, known := p.accounts[account]
	p.accounts[account] = e
	if known && previous.resourceVersion == e.resourceVersion && maps.Equal(previous.generations, e.generations) {
		return
	}
	for playbook := range p.waiting {
		if playbook.Namespace == account.Namespace {
			p.Playbooks.WakeAfter(playbook, wakeDelay)
			delete(p.waiting, playbook)
		}
	}
}

// forget drops an account that is gone.
func (p *Progress) forget(account types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.accounts, account)
}

// ready reports whether an account was evaluated with this generation of a playbook; exactly says that it must also be
// the very version of the account that was evaluated. Where it reports false, the playbook is woken by the next
// evaluation in its namespace.
func (p *Progress) ready(playbook types.NamespacedName, generation int64, account types.NamespacedName, exactly string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.accounts[account]
	if ok && e.generations[playbook.Name] == generation && (exactly == "" || e.resourceVersion == exactly) {
		return true
	}
	if p.waiting == nil {
		p.waiting = map[types.NamespacedName]struct{}{}
	}
	p.waiting[playbook] = struct{}{}
	return false
}
