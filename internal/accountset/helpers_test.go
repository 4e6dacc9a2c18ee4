package accountset

import (
	"maps"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// testTemplate returns a template with a spec written in JSON.
func testTemplate(spec string) v1alpha1.AccountTemplate {
	return v1alpha1.AccountTemplate{
		Key: "${row.id}", Name: "${slug(row.name)}", Labels: map[string]string{"industry": "${row.industry}"},
		Spec: runtime.RawExtension{Raw: []byte(spec)},
	}
}

const fullSpec = `{
  "displayName": "${row.name}",
  "owner": "${row.owner}",
  "externalIDs": {"crm": ["${row.id}"]},
  "team": [{"role": "AccountExecutive", "user": "${row.ae}"}],
  "contract": {"arr": "${row.arr}", "renewalDate": "${row.renewal}", "plan": "Enterprise"}
}`

func words(s string) value.Value { return value.Value{Type: v1alpha1.MetricText, Text: s} }

func number(n int64) value.Value { return value.Number(value.DecimalFromInt(n)) }

// customer is a row of the source.
func customer(id, name string, more map[string]value.Value) SourceRow {
	values := map[string]value.Value{
		"id": words(id), "name": words(name), "industry": value.Category("Financial Services"), "owner": words("jo@example.com"),
		"arr": number(120000), "renewal": {Type: v1alpha1.MetricTime, Time: time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)},
	}
	maps.Copy(values, more)
	return SourceRow{ID: id, Values: values}
}

func customers(from, to int) []SourceRow {
	var rows []SourceRow
	for i := from; i < to; i++ {
		id := strconv.Itoa(1000 + i)
		rows = append(rows, customer(id, "Customer "+id, nil))
	}
	return rows
}

func compile(t testing.TB, template v1alpha1.AccountTemplate) *Template {
	t.Helper()
	compiled, err := Compile(template)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// cluster plays the API server: it keeps the accounts that a plan makes, and who owns which of their fields.
type cluster struct {
	t        testing.TB
	template *Template
	in       Input
	made     int
}

func newCluster(t testing.TB, spec v1alpha1.AccountSetSpec) *cluster {
	t.Helper()
	if spec.Template.Key == "" {
		spec.Template = testTemplate(fullSpec)
	}
	spec.SourceRef.Name = "crm"
	set := &v1alpha1.AccountSet{ObjectMeta: metav1.ObjectMeta{Name: "customers"}, Spec: spec}
	return &cluster{t: t, template: compile(t, spec.Template), in: Input{
		Set: set, Sets: []string{"customers"}, Now: start, Location: time.UTC,
	}}
}

func (c *cluster) plan() *Plan { return c.template.Plan(c.in) }

// settle makes a plan's changes, as the reconciler does, until there are none.
func (c *cluster) settle() *Plan {
	c.t.Helper()
	for range 5 {
		p := c.plan()
		if len(p.Changes) == 0 {
			c.in.Set.Status.Filled = true
			return p
		}
		for i := range p.Changes {
			c.make(&p.Changes[i])
		}
	}
	c.t.Fatal("the plan never comes to an end")
	return nil
}

func (c *cluster) make(change *Change) {
	c.t.Helper()
	if change.Counted {
		if w := c.in.Set.Status.Window; w == nil || !InWindow(w, c.in.Now) {
			c.in.Set.Status.Window = &v1alpha1.ChangeWindow{StartTime: metav1.NewTime(c.in.Now)}
		}
		c.in.Set.Status.Window.Changes++
	}
	if change.Action == ActionDelete {
		c.remove(change.Name)
		return
	}
	a := c.account(change.Name)
	if a == nil {
		c.made++
		c.in.Accounts = append(c.in.Accounts, v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{
			Name: change.Name, UID: types.UID(strconv.Itoa(c.made)), CreationTimestamp: metav1.NewTime(c.in.Now),
		}})
		a = c.account(change.Name)
	}
	c.apply(a, FieldManager, metav1.ManagedFieldsOperationApply, change.Fields)
}

// apply replaces what a manager owns of an account.
func (c *cluster) apply(a *v1alpha1.Account, manager string, operation metav1.ManagedFieldsOperationType, fields Fields) {
	c.t.Helper()
	before := liveOf(a)
	var kept Fields
	entries := []metav1.ManagedFieldsEntry{entry(c.t, manager, operation, fields)}
	for _, e := range a.ManagedFields {
		if e.Manager == manager {
			continue
		}
		before.owned = fieldsIn(&e).Leaves()
		others := before.carried()
		if operation == metav1.ManagedFieldsOperationUpdate { // an update takes the fields over
			others = others.without(paths(fields)...)
		}
		kept = append(kept.without(paths(others)...), others...)
		entries = append(entries, entry(c.t, e.Manager, e.Operation, others))
	}
	object := append(kept.without(paths(fields)...), fields...).object()
	meta, _ := object["metadata"].(map[string]any)
	a.Labels, a.Annotations = stringMap(meta["labels"]), stringMap(meta["annotations"])
	a.Spec = v1alpha1.AccountSpec{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object["spec"].(map[string]any), &a.Spec); err != nil {
		c.t.Fatal(err)
	}
	a.ManagedFields = entries
}

func paths(fields Fields) []fieldpath.Path {
	out := make([]fieldpath.Path, len(fields))
	for i := range fields {
		out[i] = fields[i].Path
	}
	return out
}

func entry(t testing.TB, manager string, operation metav1.ManagedFieldsOperationType, fields Fields) metav1.ManagedFieldsEntry {
	t.Helper()
	raw, err := fieldpath.NewSet(paths(fields)...).ToJSON()
	if err != nil {
		t.Fatal(err)
	}
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, FieldsV1: metav1.NewFieldsV1(string(raw))}
}

func stringMap(v any) map[string]string {
	m, _ := v.(map[string]any)
	out := make(map[string]string, len(m))
	for k, s := range m {
		out[k] = s.(string)
	}
	return out
}

func (c *cluster) account(name string) *v1alpha1.Account {
	for i := range c.in.Accounts {
		if c.in.Accounts[i].Name == name {
			return &c.in.Accounts[i]
		}
	}
	return nil
}

func (c *cluster) remove(name string) {
	for i := range c.in.Accounts {
		if c.in.Accounts[i].Name == name {
			c.in.Accounts = append(c.in.Accounts[:i:i], c.in.Accounts[i+1:]...)
			return
		}
	}
}

func (c *cluster) after(d time.Duration) { c.in.Now = c.in.Now.Add(d) }

// summary writes changes as lines.
func summary(changes []Change) []string {
	out := []string{}
	for i := range changes {
		out = append(out, string(changes[i].Action)+" "+changes[i].Name)
	}
	return out
}
