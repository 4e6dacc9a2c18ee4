package preview

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/fleet"
)

// adopt returns the head's configuration as an API server would have it: an object that is there already keeps its identity
// and its status, and has another generation only where its spec is another.
func (c *comparison) adopt() *fleet.World {
	base, head := c.in.Base, c.in.Head
	now := metav1.NewTime(c.now)
	return &fleet.World{
		Namespace: head.Namespace, Sources: head.Sources, Reread: head.Reread, Location: base.Location,
		AccountSets: adopted(base.AccountSets, head.AccountSets, now,
			func(o *v1alpha1.AccountSet) any { return o.Spec }, func(to, from *v1alpha1.AccountSet) { to.Status = from.Status }),
		DataSources: adopted(base.DataSources, head.DataSources, now,
			func(o *v1alpha1.DataSource) any { return o.Spec }, func(to, from *v1alpha1.DataSource) { to.Status = from.Status }),
		Models: adopted(base.Models, head.Models, now,
			func(o *v1alpha1.HealthScoreModel) any { return o.Spec }, func(to, from *v1alpha1.HealthScoreModel) { to.Status = from.Status }),
		Playbooks: adopted(base.Playbooks, head.Playbooks, now,
			func(o *v1alpha1.Playbook) any { return o.Spec }, func(to, from *v1alpha1.Playbook) { to.Status = from.Status }),
		Notifiers: adopted(base.Notifiers, head.Notifiers, now,
			func(o *v1alpha1.Notifier) any { return o.Spec }, func(to, from *v1alpha1.Notifier) { to.Status = from.Status }),
	}
}

// object is one of ours, as a pointer.
type object[T any] interface {
	*T
	metav1.Object
	DeepCopy() *T
}

// adopted returns the objects of the head of one kind, sorted by name, with what an API server gives them.
func adopted[T any, P object[T]](base, head []P, now metav1.Time, spec func(P) any, keep func(to, from P)) []P {
	before := make(map[string]P, len(base))
	for _, o := range base {
		before[o.GetName()] = o
	}
	out := make([]P, 0, len(head))
	for _, o := range head {
		was, ok := before[o.GetName()]
		if ok && was == o {
			out = append(out, o)
			continue
		}
		o = P(o.DeepCopy())
		if !ok {
			o.SetUID(types.UID(o.GetName()))
			o.SetGeneration(1)
			o.SetCreationTimestamp(now)
			out = append(out, o)
			continue
		}
		keep(o, was)
		identify(o, was, equality.Semantic.DeepEqual(spec(o), spec(was)))
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b P) int { return strings.Compare(a.GetName(), b.GetName()) })
	return out
}

// identify gives an object the identity of the one that is there, with another generation where its spec is not the same.
func identify(o, was metav1.Object, sameSpec bool) {
	o.SetUID(was.GetUID())
	o.SetCreationTimestamp(was.GetCreationTimestamp())
	o.SetManagedFields(was.GetManagedFields())
	o.SetGeneration(was.GetGeneration())
	if !sameSpec {
		o.SetGeneration(was.GetGeneration() + 1)
	}
	o.SetLabels(merged(was.GetLabels(), o.GetLabels()))
	o.SetAnnotations(merged(was.GetAnnotations(), o.GetAnnotations()))
}

// merged returns labels or annotations as they are after the change: those of the file, and those of others that a file says
// nothing of. Those with the prefix of a tool's domain were not written by a person.
func merged(before, after map[string]string) map[string]string {
	var out map[string]string
	for key, content := range before {
		if _, written := after[key]; !written && ofTool(key) {
			if out == nil {
				out = maps.Clone(after)
			}
			if out == nil {
				out = map[string]string{}
			}
			out[key] = content
		}
	}
	if out == nil {
		return after
	}
	return out
}

// ofTool reports whether a label or annotation is one that a tool or the operator writes for itself.
func ofTool(key string) bool {
	domain, _, found := strings.Cut(key, "/")
	if !found {
		return false
	}
	for _, suffix := range []string{v1alpha1.GroupVersion.Group, "kubernetes.io", "k8s.io", "fluxcd.io", "argoproj.io", "helm.sh"} {
		if domain == suffix || strings.HasSuffix(domain, "."+suffix) {
			return true
		}
	}
	return false
}

// ofSet reports whether an account is one that sets make.
func ofSet(a *v1alpha1.Account) bool { return a.Labels[v1alpha1.LabelAccountSet] != "" }

// handWritten makes, changes and deletes the accounts that people write.
func (c *comparison) handWritten() {
	written, there := map[string]bool{}, make(map[string]*v1alpha1.Account, len(c.in.Base.Accounts))
	for _, a := range c.in.Base.Accounts {
		there[a.Name] = a
	}
	for _, a := range c.in.Head.Accounts {
		if ofSet(a) {
			continue
		}
		written[a.Name] = true
		if there[a.Name] == a {
			continue
		}
		was := c.base.Account(a.Name)
		if was != nil && ofSet(was) {
			c.problem("Account", a.Name, "an AccountSet makes this account: a file with its name changes it, and which of the two wins depends on who owns which field; remove the file, or the row")
			continue
		}
		is := c.writtenAccount(a, was)
		if is == was {
			continue
		}
		c.head.UseAccount(is)
		c.note(was, is, "")
	}
	for _, a := range c.in.Base.Accounts {
		if !ofSet(a) && !written[a.Name] {
			c.head.DeleteAccount(a.Name)
			c.note(c.base.Account(a.Name), nil, "")
		}
	}
}

// writtenAccount returns an account of a file as an API server would have it; the one that is there where they are the same.
func (c *comparison) writtenAccount(a, was *v1alpha1.Account) *v1alpha1.Account {
	again := *a
	is := &again
	if was == nil {
		is.UID, is.Generation, is.CreationTimestamp = types.UID(a.Name), 1, metav1.NewTime(c.now)
		is.Status = v1alpha1.AccountStatus{}
		return is
	}
	c.keepPeoples(is, was)
	sameSpec := equality.Semantic.DeepEqual(is.Spec, was.Spec)
	identify(is, was, sameSpec)
	is.Status = was.Status
	if sameSpec && maps.Equal(is.Labels, was.Labels) && maps.Equal(is.Annotations, was.Annotations) {
		return was
	}
	return is
}

// keepPeoples keeps what people measured and overrode, where the file does not say otherwise.
func (c *comparison) keepPeoples(is, was *v1alpha1.Account) {
	owned := ""
	for _, e := range was.ManagedFields {
		if e.Manager == v1alpha1.FieldManagerPerson && e.FieldsV1 != nil {
			owned += e.FieldsV1.GetRawString()
		}
	}
	if owned == "" {
		return
	}
	if is.Spec.HealthOverride == nil && strings.Contains(owned, `"f:healthOverride"`) {
		is.Spec.HealthOverride = was.Spec.HealthOverride
	}
	for _, m := range was.Spec.Measurements {
		said := slices.ContainsFunc(is.Spec.Measurements, func(o v1alpha1.Measurement) bool { return o.Name == m.Name })
		if !said && strings.Contains(owned, `k:{\"name\":\"`+m.Name+`\"}`) {
			is.Spec.Measurements = append(slices.Clone(is.Spec.Measurements), m)
		}
	}
}

// note notes that an account comes, goes or is written; a nil side is none. The set is empty for a file.
func (c *comparison) note(before, after *v1alpha1.Account, set string) {
	about := after
	if about == nil {
		about = before
	}
	if about == nil {
		return
	}
	if earlier, ok := c.changed[about.Name]; ok && earlier.Action == Created {
		before = nil
	} else if ok {
		before = c.base.Account(about.Name)
	}
	change := &AccountChange{Account: named(about), Set: set, Action: Updated}
	switch {
	case after == nil && before == nil:
		delete(c.changed, about.Name)
		return
	case before == nil:
		change.Action = Created
	case after == nil:
		change.Action = Deleted
	default:
		if change.Fields, _ = fieldChanges(accountContent(before), accountContent(after), maxFields); len(change.Fields) == 0 {
			delete(c.changed, about.Name)
			return
		}
		if account.Churned(after) && !account.Churned(before) {
			change.Action = Churned
		}
	}
	c.changed[about.Name] = change
}
