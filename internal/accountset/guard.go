package accountset

import (
	"slices"
	"strings"
	"time"

	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

const (
	// GuardWindow is how long changes count against the guard.
	GuardWindow = value.Day
	// defaultMaxChangePercent is the default of spec.maxChangePercent.
	defaultMaxChangePercent = 10
	// maxSample bounds the changes that a pending change shows.
	maxSample = 5
	// idDigits is the length of a pending change's id.
	idDigits = 10
)

// guard lets the creations and prunes through, or makes them wait.
func (p *planner) guard() {
	var asked []Change
	for _, c := range p.guarded {
		// The first fill makes as many accounts as there are rows. Nothing is pruned unasked, ever.
		if c.Action == ActionCreate && !p.Set.Status.Filled || p.Approved[c.Identity()] {
			p.plan.Changes = append(p.plan.Changes, c)
			continue
		}
		asked = append(asked, c)
	}
	if len(asked) == 0 {
		return
	}
	used, end := p.used()
	allowed := p.allowed()
	id := changeID(asked)
	switch {
	case used+len(asked) <= allowed:
		for i := range asked {
			asked[i].Counted = true
		}
	case p.Set.Annotations[v1alpha1.AnnotationApprove] == id:
		p.plan.Approved = true
	default:
		p.plan.Pending = pending(id, asked)
		if len(asked) <= allowed {
			p.plan.NextChange = value.Earliest(p.plan.NextChange, end)
		}
		return
	}
	p.plan.Changes = append(p.plan.Changes, asked...)
}

// used returns how many changes the running window has seen, and when it ends.
func (p *planner) used() (int, time.Time) {
	w := p.Set.Status.Window
	if w == nil || !InWindow(w, p.Now) {
		return 0, time.Time{}
	}
	return int(w.Changes), w.StartTime.Add(GuardWindow)
}

// InWindow reports whether a window is still running.
func InWindow(w *v1alpha1.ChangeWindow, now time.Time) bool {
	return now.Before(w.StartTime.Add(GuardWindow))
}

// allowed returns how many accounts may be made and pruned in one window.
func (p *planner) allowed() int {
	percent := int(ptr.Deref(p.Set.Spec.MaxChangePercent, defaultMaxChangePercent))
	return max(1, p.plan.Accounts*percent/100)
}

// changeID names exactly this set of changes.
func changeID(changes []Change) string {
	identities := make([]string, len(changes))
	for i := range changes {
		identities[i] = changes[i].Identity()
	}
	slices.Sort(identities)
	return digest([]byte(strings.Join(identities, "\x01")))[:idDigits]
}

// pending describes changes that wait.
func pending(id string, changes []Change) *v1alpha1.PendingChange {
	out := &v1alpha1.PendingChange{ID: id}
	for i := range changes {
		if changes[i].Action == ActionCreate {
			out.Creates++
		} else {
			out.Prunes++
		}
		if len(out.Sample) < maxSample {
			out.Sample = append(out.Sample, string(changes[i].Action)+" "+changes[i].Name)
		}
	}
	return out
}
