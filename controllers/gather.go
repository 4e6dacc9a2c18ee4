package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// Gatherer reads what the evaluation of one account depends on.
type Gatherer struct {
	client.Client
	// Clock tells the time.
	Clock clock.PassiveClock
	// Location is the time zone of days.
	Location *time.Location
	// Store holds what the sources gave.
	Store *observe.Store
	// Catalog holds the models and playbooks.
	Catalog *Catalog
}

// gather reads everything that an account's status depends on; nil where a source was not read yet.
func (g *Gatherer) gather(ctx context.Context, acct *v1alpha1.Account) (*accountInput, error) {
	in := &accountInput{account: acct, now: g.Clock.Now(), location: g.Location}
	models, err := g.Catalog.modelsIn(ctx, acct.Namespace)
	if err != nil {
		return nil, err
	}
	in.models = models
	in.model, in.why = chooseModel(models, acct)
	if in.playbooks, err = g.Catalog.playbooksIn(ctx, acct.Namespace); err != nil {
		return nil, err
	}
	in.renames = renamesOf(in.playbooks)
	reads := in.reads()
	if waiting, err := g.unread(ctx, acct.Namespace, reads); err != nil || waiting {
		return nil, err
	}
	in.facts = g.Store.Facts(acct.Namespace, acct, reads)
	score.Remember(in.facts, acct.Status.Health, in.model.object())
	in.events = map[string]value.Events{}
	for _, p := range in.watching() {
		for _, metric := range p.result.ObservedMetrics() {
			in.events[metric.Source] = g.Store.Events(acct.Namespace, acct, metric.Source)
		}
	}
	if in.sharedWith, err = g.othersWithSameID(ctx, acct); err != nil {
		return nil, err
	}
	if in.ancestry, in.children, err = g.family(ctx, acct); err != nil {
		return nil, err
	}
	var runs v1alpha1.PlaybookRunList
	if err := g.List(ctx, &runs, client.InNamespace(acct.Namespace), client.MatchingFields{IndexAccount: acct.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	// A run of an account of the same name that is gone is on its way to the garbage collector.
	in.runs = slices.DeleteFunc(runs.Items, func(run v1alpha1.PlaybookRun) bool {
		owner := metav1.GetControllerOf(&run)
		return owner != nil && owner.UID != acct.UID
	})
	var tasks v1alpha1.TaskList
	if err := g.List(ctx, &tasks, client.InNamespace(acct.Namespace), client.MatchingFields{IndexAccount: acct.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	in.openTasks = countOpen(tasks.Items)
	return in, nil
}

// unread reports whether a source that exists has not been read, nor failed, since the operator started.
func (g *Gatherer) unread(ctx context.Context, namespace string, reads []v1alpha1.MetricReference) (bool, error) {
	last := ""
	for _, ref := range reads {
		if ref.Source == last {
			continue
		}
		last = ref.Source
		key := types.NamespacedName{Namespace: namespace, Name: ref.Source}
		var source v1alpha1.DataSource
		if err := g.Get(ctx, key, &source); client.IgnoreNotFound(err) != nil {
			return false, err
		} else if err == nil && source.DeletionTimestamp.IsZero() && !g.Store.Attempted(key, source.UID) {
			return true, nil
		}
	}
	return false, nil
}

// othersWithSameID returns the names of other accounts that have one of this account's external ids.
func (g *Gatherer) othersWithSameID(ctx context.Context, acct *v1alpha1.Account) (map[string]string, error) {
	others := map[string]string{}
	for _, key := range accountExternalIDs(acct) {
		var accounts v1alpha1.AccountList
		if err := g.List(ctx, &accounts, client.InNamespace(acct.Namespace), client.MatchingFields{IndexExternalID: key}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, err
		}
		for i := range accounts.Items {
			if name := accounts.Items[i].Name; name != acct.Name {
				others[name] = key
			}
		}
	}
	return others, nil
}

// missingReferences names the DataSources and metrics that are referred to and not there.
func missingReferences(ctx context.Context, c client.Reader, namespace string, reads []v1alpha1.MetricReference) ([]string, error) {
	var missing []string
	for _, ref := range reads {
		what, _, err := missingReference(ctx, c, namespace, ref)
		if err != nil {
			return nil, err
		}
		if what != "" {
			missing = append(missing, what)
		}
	}
	return slices.Compact(missing), nil
}

// missingFields names the fields that refer to DataSources and metrics that are not there.
func missingFields(ctx context.Context, c client.Reader, namespace string, reads []score.ReadAt) ([]string, error) {
	var missing []string
	for _, read := range reads {
		what, noSource, err := missingReference(ctx, c, namespace, read.Ref)
		if err != nil {
			return nil, err
		}
		if what == "" {
			continue
		}
		path := read.Path
		switch {
		case !strings.HasSuffix(path, ".from"):
		case noSource:
			path += ".source"
		default:
			path += ".metric"
		}
		missing = append(missing, fmt.Sprintf("%s: %s is not there", path, what))
	}
	return slices.Compact(missing), nil
}

// missingReference names what is not there of a DataSource and its metric, and reports whether it is the source; the
// name is empty where all is there.
func missingReference(ctx context.Context, c client.Reader, namespace string, ref v1alpha1.MetricReference) (what string, noSource bool, err error) {
	var source v1alpha1.DataSource
	switch err := c.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Source}, &source); {
	case client.IgnoreNotFound(err) != nil:
		return "", false, err
	case err != nil:
		return "DataSource " + ref.Source, true, nil
	case !slices.ContainsFunc(source.Spec.Metrics, func(m v1alpha1.Metric) bool { return m.Name == ref.Metric }):
		return fmt.Sprintf("metric %s of DataSource %s", ref.Metric, ref.Source), false, nil
	default:
		return "", false, nil
	}
}

// declaredTypes returns the types of metrics as their sources declare them, as far as those are there.
func declaredTypes(ctx context.Context, c client.Reader, namespace string, reads []v1alpha1.MetricReference) (expr.Declared, error) {
	declared := expr.Declared{}
	for _, name := range sourcesOf(reads) {
		var source v1alpha1.DataSource
		if err := c.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &source); client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		for _, metric := range source.Spec.Metrics {
			declared[v1alpha1.MetricReference{Source: name, Metric: metric.Name}] = metric.Type
		}
	}
	return declared, nil
}

// inWords says what cannot use the types that sources declare.
func inWords(misfits []expr.Misfit) []string {
	words := make([]string, len(misfits))
	for i, misfit := range misfits {
		words[i] = misfit.String()
	}
	return words
}

// sourcesOf returns the names of the DataSources that are read, for an index.
func sourcesOf(reads []v1alpha1.MetricReference) []string {
	var names []string
	for _, ref := range reads {
		names = append(names, ref.Source)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
