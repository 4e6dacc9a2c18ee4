package playbook

import (
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Waits returns which trigger an episode that is Pending waits for, and the moment from which its run may start if nothing
// changes until then; zero where that takes more than time. It reports false where no trigger of the playbook holds.
func (p *Playbook) Waits(e *v1alpha1.Episode) (trigger string, at time.Time, ok bool) {
	cooled := time.Time{}
	if e.EndedTime != nil && p.cooldown > 0 {
		cooled = e.EndedTime.Add(p.cooldown)
	}
	if e.Every != "" || e.Source != "" {
		return e.Every, cooled, true
	}
	for _, entry := range e.Pending {
		hold, known := p.hold(entry.Trigger)
		if !known || entry.Since == nil {
			continue
		}
		from := entry.Since.Add(hold)
		if ok && !from.Before(at) {
			continue
		}
		trigger, at, ok = entry.Trigger, from, true
	}
	if ok && cooled.After(at) {
		at = cooled
	}
	if ok && e.EndedTime == nil && e.Sequence > 0 {
		at = time.Time{} // the work of the last run has to end first
	}
	return trigger, at, ok
}
