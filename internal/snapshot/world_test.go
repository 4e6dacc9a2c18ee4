package snapshot_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/snapshot"
	"github.com/perennial-dev/perennial/internal/value"
)

var (
	now      = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	readTime = now.Add(-26 * time.Minute)
)

// newSource returns a source of a database with metrics: users, a number, and plan, a word.
func newSource(name string) *v1alpha1.DataSource {
	return &v1alpha1.DataSource{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "DataSource"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: name, UID: "u1"},
		Spec: v1alpha1.DataSourceSpec{
			Account: v1alpha1.AccountColumn{Field: "org"}, MaxAge: "7d",
			Metrics: []v1alpha1.Metric{{Name: "users", Type: v1alpha1.MetricNumber}, {Name: "plan", Type: v1alpha1.MetricCategory}},
			SQL:     &v1alpha1.SQLSource{},
		},
	}
}

func newAccount(name string) *v1alpha1.Account {
	return &v1alpha1.Account{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Account"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: name},
	}
}

// rows makes a table of lines of org, users and plan.
func rows(lines ...string) *observe.Table {
	t := &observe.Table{Columns: []string{"org", "users", "plan"}}
	for _, line := range lines {
		var cells []observe.Cell
		for _, text := range strings.Split(line, ",") {
			cells = append(cells, observe.Cell{Text: text})
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// base is a snapshot of three accounts and a source, usage, of which the operator holds these rows.
type base struct {
	t      *testing.T
	world  *fleet.World
	store  *observe.Store
	from   snapshot.Origin
	source *v1alpha1.DataSource
}

func newBase(t *testing.T, lines ...string) *base {
	t.Helper()
	b := &base{t: t, store: observe.NewStore(), from: snapshot.Operator, source: newSource("usage")}
	b.world = &fleet.World{Namespace: "success", DataSources: []*v1alpha1.DataSource{b.source}}
	for _, name := range []string{"acme", "bolt", "cray"} {
		b.world.Accounts = append(b.world.Accounts, newAccount(name))
	}
	if len(lines) > 0 {
		b.read(rows(lines...))
	}
	return b
}

// read has the operator read the source.
func (b *base) read(table *observe.Table) {
	b.t.Helper()
	s, err := observe.Ingest(b.source, table, readTime)
	if err != nil {
		b.t.Fatal(err)
	}
	b.store.Accept(b.key(), b.source, s)
}

func (b *base) key() types.NamespacedName {
	return types.NamespacedName{Namespace: "success", Name: "usage"}
}

// file writes the snapshot.
func (b *base) file() []byte {
	b.t.Helper()
	var objects, facts bytes.Buffer
	if err := snapshot.Write(&objects, &snapshot.Snapshot{Time: now, World: b.world, From: b.from}); err != nil {
		b.t.Fatal(err)
	}
	if b.from == snapshot.Statuses {
		return objects.Bytes()
	}
	if err := snapshot.WriteFacts(&facts, snapshot.Header{Time: now, Namespace: "success"}, func(yield func(*observe.Dump) bool) {
		for _, name := range b.store.Sources("success") {
			yield(b.store.Dump(types.NamespacedName{Namespace: "success", Name: name}))
		}
	}); err != nil {
		b.t.Fatal(err)
	}
	lines := slicesOf(objects.Bytes())
	lines = append(lines[:len(lines)-1], slicesOf(facts.Bytes())[1:]...)
	end, err := json.Marshal(map[string]any{"kind": "End", "lines": len(lines)})
	if err != nil {
		b.t.Fatal(err)
	}
	lines[len(lines)-1] = string(end)
	return []byte(strings.Join(lines, "\n") + "\n")
}

func slicesOf(text []byte) []string { return strings.Split(strings.TrimSpace(string(text)), "\n") }

// take reads the snapshot again.
func (b *base) take() *snapshot.Snapshot {
	b.t.Helper()
	s, err := snapshot.Read(bytes.NewReader(b.file()))
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// says writes what is known of a metric of an account.
func says(s fleet.Sources, account *v1alpha1.Account, source, metric string) string {
	ref := v1alpha1.MetricReference{Source: source, Metric: metric}
	text := show(s.Facts(account, []v1alpha1.MetricReference{ref})[ref])
	if !s.Known(account, ref) {
		text += ", not known"
	}
	return text
}

func show(o value.Observation) string {
	text := string(o.State)
	if o.Value != nil {
		text += " " + o.Value.String()
	}
	if !o.ObservedTime.IsZero() {
		text += o.ObservedTime.UTC().Format(" 15:04")
	}
	for _, mark := range []struct {
		is   bool
		text string
	}{{o.Unreadable, " unreadable"}, {o.Suspended, " suspended"}, {o.MaxAge > 0, fmt.Sprintf(" within %s", value.FormatDuration(o.MaxAge))}} {
		if mark.is {
			text += mark.text
		}
	}
	return text
}
