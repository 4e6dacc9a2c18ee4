package preview_test

import (
	"slices"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// An account that is in another band for some days because of the change moves, however far anybody looks ahead.
func TestAMoveThatIsOverByTheEndOfTheLookAhead(t *testing.T) {
	w := evaluated(t, world(t, 40, 1), today)
	h := head(w)
	h.Accounts = slices.Clone(w.Accounts)
	for i, a := range h.Accounts {
		if hl := a.Status.Health; hl.Model == "enterprise" && hl.Band == "AtRisk" && hl.Score != nil {
			a = a.DeepCopy()
			a.Spec.HealthOverride = &v1alpha1.HealthOverride{Band: "Critical", Reason: "sponsor left", By: "jo@example.com", Until: "2026-11-24"}
			h.Accounts[i] = a
			break
		}
	}
	for _, ahead := range []time.Duration{0, 24 * time.Hour, 7 * 24 * time.Hour} {
		if p := foretell(t, w, h, ahead); len(p.Moves) != 1 {
			t.Errorf("looking %s ahead %d accounts move; the operator has it Critical at once, until the end of the 24th", ahead, len(p.Moves))
		}
	}
}
