package fleet

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/accountset"
	"github.com/perennial-dev/perennial/internal/value"
)

// World is what there is in one namespace: the configuration, the accounts, the work on them, and what sources gave. What
// has no status here, such as a file of a git repository, is as a person wrote it.
type World struct {
	// Namespace that all of it is in.
	Namespace string
	// Accounts with their statuses, as far as they have any. The rest of the fields hold each kind likewise.
	Accounts    []*v1alpha1.Account
	AccountSets []*v1alpha1.AccountSet
	DataSources []*v1alpha1.DataSource
	Models      []*v1alpha1.HealthScoreModel
	Playbooks   []*v1alpha1.Playbook
	Notifiers   []*v1alpha1.Notifier
	Runs        []*v1alpha1.PlaybookRun
	Tasks       []*v1alpha1.Task
	// Sources are what the DataSources of this world gave; nil is nothing at all.
	Sources Sources
	// Reread names the DataSources whose rows are others than in the world before this one, though they may be declared
	// alike: those of a ConfigMap that changes with the configuration.
	Reread map[string]bool
	// Location is the time zone of days; nil is UTC.
	Location *time.Location
}

// Add puts an object where it belongs. An object of another kind is none of this world's, and left out.
func (w *World) Add(object runtime.Object) {
	switch o := object.(type) {
	case *v1alpha1.Account:
		w.Accounts = append(w.Accounts, o)
	case *v1alpha1.AccountSet:
		w.AccountSets = append(w.AccountSets, o)
	case *v1alpha1.DataSource:
		w.DataSources = append(w.DataSources, o)
	case *v1alpha1.HealthScoreModel:
		w.Models = append(w.Models, o)
	case *v1alpha1.Playbook:
		w.Playbooks = append(w.Playbooks, o)
	case *v1alpha1.Notifier:
		w.Notifiers = append(w.Notifiers, o)
	case *v1alpha1.PlaybookRun:
		w.Runs = append(w.Runs, o)
	case *v1alpha1.Task:
		w.Tasks = append(w.Tasks, o)
	}
}

// Sources answer what the sources of one namespace gave, as its DataSources declare it.
type Sources interface {
	// Facts returns what is known of an account, one observation for each read. What nothing is held of is Errored.
	Facts(a *v1alpha1.Account, reads []v1alpha1.MetricReference) value.Facts
	// Events returns the rows of an account in a source, each an event.
	Events(a *v1alpha1.Account, source string) value.Events
	// Known reports whether anything is held of a metric of an account: a value, or that the source has none. It is false
	// for a metric that no read has given yet.
	Known(a *v1alpha1.Account, ref v1alpha1.MetricReference) bool
	// Rows returns the rows of a source for the accounts that a set makes of them, sorted by id, and whether it was read
	// completely: without that nothing may be made of it.
	Rows(source string) (rows []accountset.SourceRow, complete bool)
	// ReadTime is when a source was read; zero where it was not, or nobody knows.
	ReadTime(source string) time.Time
}
