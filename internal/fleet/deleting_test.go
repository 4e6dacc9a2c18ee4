package fleet_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/internal/fleet"
)

// The operator looks at no account that is on its way out, and starts nothing on it: neither does a fleet, where a finalizer
// still holds it.
func TestNothingStartsOnAnAccountThatIsBeingDeleted(t *testing.T) {
	going := entered("a", "", 10)
	going.DeletionTimestamp, going.Finalizers = &metav1.Time{Time: quarterBegins}, []string{"foregroundDeletion"}
	f, _ := fleet.Load(manualWorld(t, going), quarterBegins)
	stepTo(t, f, quarterBegins)
	if runs := f.Runs(); len(runs) != 0 {
		t.Errorf("%s starts", runs[0].Name)
	}
}
