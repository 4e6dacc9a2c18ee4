package cli

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// held is an object with a guard, and what the guard holds.
type held struct {
	kind   string
	key    types.NamespacedName
	object client.Object
	// id and what of the change that waits; what is empty where none does.
	id, what string
	// sample of what would happen, in lines.
	sample string
}

// name writes the object as people name it: accountset/customers.
func (h *held) name() string { return h.kind + "/" + h.key.Name }

// annotation is the change that somebody approved last.
func (h *held) annotation() string { return h.object.GetAnnotations()[v1alpha1.AnnotationApprove] }

// The kinds that have guards.
const (
	kindAccountSet = "accountset"
	kindDataSource = "datasource"
)

// kindsOf are the names under which kubectl knows them.
var heldKinds = map[string]string{
	kindAccountSet: kindAccountSet, "accountsets": kindAccountSet, "acctset": kindAccountSet,
	kindDataSource: kindDataSource, "datasources": kindDataSource, "dsrc": kindDataSource,
}

// readHeld reads what an object holds.
func readHeld(ctx context.Context, c client.Client, namespace, arg string) (*held, error) {
	resource, name, _ := strings.Cut(arg, "/")
	resource, _, _ = strings.Cut(strings.ToLower(resource), ".")
	kind := heldKinds[resource]
	if kind == "" || name == "" || strings.Contains(name, "/") {
		return nil, fmt.Errorf("%s: write accountset/NAME or datasource/NAME; nothing else has a guard that can be approved", arg)
	}
	key := types.NamespacedName{Namespace: namespace, Name: name}
	if kind == kindAccountSet {
		var set v1alpha1.AccountSet
		if err := c.Get(ctx, key, &set); err != nil {
			return nil, notThere(err, kind, key)
		}
		return heldBySet(&set), nil
	}
	var source v1alpha1.DataSource
	if err := c.Get(ctx, key, &source); err != nil {
		return nil, notThere(err, kind, key)
	}
	return heldBySource(&source), nil
}

// allHeld lists what waits in a namespace.
func allHeld(ctx context.Context, c client.Client, namespace string) ([]*held, error) {
	var sets v1alpha1.AccountSetList
	if err := c.List(ctx, &sets, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	var sources v1alpha1.DataSourceList
	if err := c.List(ctx, &sources, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	var waiting []*held
	for i := range sets.Items {
		waiting = append(waiting, heldBySet(&sets.Items[i]))
	}
	for i := range sources.Items {
		waiting = append(waiting, heldBySource(&sources.Items[i]))
	}
	kept := waiting[:0]
	for _, h := range waiting {
		if h.what != "" {
			kept = append(kept, h)
		}
	}
	return kept, nil
}

// heldBySet reads what waits off an AccountSet.
func heldBySet(set *v1alpha1.AccountSet) *held {
	h := &held{kind: kindAccountSet, key: client.ObjectKeyFromObject(set), object: set}
	p := set.Status.Pending
	if p == nil {
		return h
	}
	prune := ""
	if p.Prunes > 0 && set.Spec.Prune != "" {
		prune = fmt.Sprintf(" (prune: %s)", set.Spec.Prune)
	}
	h.id = p.ID
	h.what = fmt.Sprintf("%s to make and %d to prune%s, beside the %d that there are",
		count(int(p.Creates), "account", "accounts"), p.Prunes, prune, set.Status.Accounts)
	for _, line := range p.Sample {
		h.sample += "  " + line + "\n"
	}
	if more := int(p.Creates+p.Prunes) - len(p.Sample); more > 0 && len(p.Sample) > 0 {
		h.sample += fmt.Sprintf("  and %d more\n", more)
	}
	return h
}

// A DataSource says what it refused, and how to accept it, in one message: see controllers/datasource_guard.go.
var acceptLine = regexp.MustCompile(`(?s)^(.*?)(?:; to accept it: .*` + regexp.QuoteMeta(v1alpha1.AnnotationApprove) + `=([0-9a-f]+) .*)?$`)

// heldBySource reads what waits off a DataSource.
func heldBySource(source *v1alpha1.DataSource) *held {
	h := &held{kind: kindDataSource, key: client.ObjectKeyFromObject(source), object: source}
	c := meta.FindStatusCondition(source.Status.Conditions, v1alpha1.ConditionAvailable)
	if c == nil || c.Status != metav1.ConditionFalse || c.Reason != v1alpha1.ReasonRowsDropped {
		return h
	}
	parts := acceptLine.FindStringSubmatch(c.Message)
	h.what, h.id = parts[1], parts[2]
	return h
}
