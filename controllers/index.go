package controllers

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Names of the cache's indexes. A handler that maps one object to others looks them up here and never lists everything.
const (
	// IndexExternalID finds accounts by "scheme/id".
	IndexExternalID = "externalID"
	// IndexDuePlaybook finds accounts that have an episode in the state Due, by playbook.
	IndexDuePlaybook = "duePlaybook"
	// IndexFull finds accounts whose status has no room for an episode, under "true".
	IndexFull = "full"
	// IndexModel finds accounts by the HealthScoreModel that computed their health.
	IndexModel = "model"
	// IndexParent finds accounts by the account that they are part of.
	IndexParent = "spec.parentRef.name"
	// IndexStale finds accounts that show a Stale value, under "true".
	IndexStale = "stale"
	// IndexInhibitedBy finds playbooks by a playbook that keeps them from starting: one that inhibits them, or that still has
	// a name which they had.
	IndexInhibitedBy = "spec.inhibitedBy"
	// IndexReadSource finds models and playbooks by a DataSource that they read.
	IndexReadSource = "readSource"
	// IndexConfigMap finds DataSources by the ConfigMap that they read.
	IndexConfigMap = "configMap"
	// IndexSetSource finds AccountSets by their DataSource.
	IndexSetSource = "setSource"
	// IndexAccount finds runs and tasks by account.
	IndexAccount = "spec.accountRef.name"
	// IndexPlaybook finds runs by playbook.
	IndexPlaybook = "spec.playbookRef.name"
	// IndexUndelivered finds accounts, runs and tasks by a notifier that has yet to take an event of theirs.
	IndexUndelivered = "status.undelivered.notifiers"
	// IndexRun finds tasks by run.
	IndexRun = "spec.runRef.name"
)

// ExternalIDKey is the key under which IndexExternalID finds an account.
func ExternalIDKey(scheme, id string) string { return scheme + "/" + id }

// SetupIndexes adds the indexes to a manager's cache; call it before the manager starts.
func SetupIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for _, index := range []struct {
		object  client.Object
		name    string
		extract client.IndexerFunc
	}{
		{&v1alpha1.Account{}, IndexExternalID, accountExternalIDs},
		{&v1alpha1.Account{}, IndexDuePlaybook, duePlaybooks},
		{&v1alpha1.Account{}, IndexFull, fullAccounts},
		{&v1alpha1.Account{}, IndexModel, scoringModel},
		{&v1alpha1.Account{}, IndexParent, accountParent},
		{&v1alpha1.Account{}, IndexStale, staleValues},
		{&v1alpha1.DataSource{}, IndexConfigMap, sourceConfigMap},
		{&v1alpha1.AccountSet{}, IndexSetSource, setSource},
		{&v1alpha1.Playbook{}, IndexInhibitedBy, playbookInhibitors},
		{&v1alpha1.PlaybookRun{}, IndexAccount, runAccount},
		{&v1alpha1.PlaybookRun{}, IndexPlaybook, runPlaybook},
		{&v1alpha1.Task{}, IndexAccount, taskAccount},
		{&v1alpha1.Task{}, IndexRun, taskRun},
		{&v1alpha1.Account{}, IndexUndelivered, waitingNotifiers},
		{&v1alpha1.PlaybookRun{}, IndexUndelivered, waitingNotifiers},
		{&v1alpha1.Task{}, IndexUndelivered, waitingNotifiers},
	} {
		if err := indexer.IndexField(ctx, index.object, index.name, index.extract); err != nil {
			return err
		}
	}
	return nil
}

func accountExternalIDs(obj client.Object) []string {
	var keys []string
	for scheme, ids := range obj.(*v1alpha1.Account).Spec.ExternalIDs {
		for _, id := range ids {
			keys = append(keys, ExternalIDKey(scheme, string(id)))
		}
	}
	slices.Sort(keys)
	return keys
}

// staleValues finds accounts that show a value which was too old.
func staleValues(obj client.Object) []string {
	h := obj.(*v1alpha1.Account).Status.Health
	if h == nil {
		return nil
	}
	if slices.ContainsFunc(h.Measures, func(m v1alpha1.MeasureScore) bool { return m.State == v1alpha1.ValueStale }) ||
		slices.ContainsFunc(h.Facts, func(f v1alpha1.Fact) bool { return f.State == v1alpha1.ValueStale }) {
		return []string{"true"}
	}
	return nil
}

// fullAccounts finds accounts whose status has no room for an episode.
func fullAccounts(obj client.Object) []string {
	if full(obj) != "" {
		return []string{"true"}
	}
	return nil
}

// full returns what an account says of the playbooks that its status has no room for; empty where there are none.
func full(obj client.Object) string {
	found := meta.FindStatusCondition(obj.(*v1alpha1.Account).Status.Conditions, v1alpha1.ConditionPlaybookLimitExceeded)
	if found == nil || found.Status != metav1.ConditionTrue {
		return ""
	}
	return found.Message
}

func duePlaybooks(obj client.Object) []string {
	var names []string
	for _, episode := range obj.(*v1alpha1.Account).Status.Playbooks {
		if episode.State == v1alpha1.EpisodeDue {
			names = append(names, episode.Name)
		}
	}
	return names
}

func scoringModel(obj client.Object) []string {
	if name := modelOf(obj); name != "" {
		return []string{name}
	}
	return nil
}

func sourceConfigMap(obj client.Object) []string {
	if cm := obj.(*v1alpha1.DataSource).Spec.ConfigMap; cm != nil {
		return []string{cm.Name}
	}
	return nil
}

func setSource(obj client.Object) []string {
	return []string{obj.(*v1alpha1.AccountSet).Spec.SourceRef.Name}
}

func playbookInhibitors(obj client.Object) []string {
	spec := &obj.(*v1alpha1.Playbook).Spec
	return slices.Concat(spec.InhibitedBy, spec.PreviousNames)
}

func runAccount(obj client.Object) []string {
	return []string{obj.(*v1alpha1.PlaybookRun).Spec.AccountRef.Name}
}

func runPlaybook(obj client.Object) []string {
	return []string{obj.(*v1alpha1.PlaybookRun).Spec.PlaybookRef.Name}
}

func taskAccount(obj client.Object) []string {
	return []string{obj.(*v1alpha1.Task).Spec.AccountRef.Name}
}

func taskRun(obj client.Object) []string {
	if run := obj.(*v1alpha1.Task).Spec.RunRef; run != nil {
		return []string{run.Name}
	}
	return nil
}

// lookUp maps an object to the objects of a list's kind, in its namespace, that an index finds under its name.
func lookUp(reader client.Reader, kind client.ObjectList, index string) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		list := kind.DeepCopyObject().(client.ObjectList)
		var requests []reconcile.Request
		err := reader.List(ctx, list, client.InNamespace(obj.GetNamespace()), client.MatchingFields{index: obj.GetName()}, client.UnsafeDisableDeepCopy)
		if err == nil {
			err = meta.EachListItem(list, func(found runtime.Object) error {
				requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(found.(client.Object))})
				return nil
			})
		}
		if err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "look up what depends on an object", "index", index)
		}
		return requests
	})
}
