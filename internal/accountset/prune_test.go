package accountset

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

func pathOf(names ...string) fieldpath.Path {
	var path fieldpath.Path
	for _, name := range names {
		path = append(path, element(name))
	}
	return path
}

func TestPrune(t *testing.T) {
	for name, c := range map[string]struct {
		prune v1alpha1.PrunePolicy
		want  []string
		next  time.Time
	}{
		"Orphan does nothing":        {prune: v1alpha1.PruneOrphan, want: []string{}},
		"no policy is Orphan":        {want: []string{}},
		"MarkChurned marks":          {prune: v1alpha1.PruneMarkChurned, want: []string{"mark churned customer-1001"}, next: start.Add(24 * time.Hour)},
		"Delete deletes the account": {prune: v1alpha1.PruneDelete, want: []string{"delete customer-1001"}, next: start.Add(24 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			world := newCluster(t, v1alpha1.AccountSetSpec{Prune: c.prune})
			world.in.Rows = customers(0, 3)
			world.settle()
			before := world.account("customer-1001").Spec.DeepCopy()

			world.in.Rows = append(world.in.Rows[:1:1], world.in.Rows[2])
			p := world.settle()
			if got := world.account("customer-1001").Annotations[v1alpha1.AnnotationAbsentSince]; got != "2026-11-22T10:00:00Z" {
				t.Errorf("absent since %q", got)
			}
			if !p.NextChange.Equal(c.next) {
				t.Errorf("next change %v, want %v", p.NextChange, c.next)
			}
			if diff := cmp.Diff(*before, world.account("customer-1001").Spec); diff != "" {
				t.Errorf("the mark changed the account: %s", diff)
			}

			world.after(24*time.Hour - time.Second)
			if p := world.plan(); len(p.Changes) != 0 {
				t.Errorf("too early: %v", summary(p.Changes))
			}
			world.after(time.Second)
			if diff := cmp.Diff(c.want, summary(world.plan().Changes)); diff != "" {
				t.Error(diff)
			}
			world.settle()

			world.in.Rows = customers(0, 3)
			world.after(25 * time.Hour)
			world.settle()
			back := world.account("customer-1001")
			if len(back.Annotations) != 2 {
				t.Errorf("the row is back and the marks stay: %v", back.Annotations)
			}
			if diff := cmp.Diff(*before, back.Spec); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAReturnStartsTheClockAnew(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{Prune: v1alpha1.PruneDelete})
	all := customers(0, 3)
	for range 4 {
		c.in.Rows = all[:2]
		c.settle()
		c.after(20 * time.Hour)
		c.in.Rows = all
		c.settle()
		c.after(time.Hour)
	}
	if len(c.in.Accounts) != 3 {
		t.Error("an account was deleted whose row was never gone for a day")
	}
}

func TestARejectedRowIsNoAbsentRow(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{Prune: v1alpha1.PruneMarkChurned})
	all := customers(0, 2)
	c.in.Rows = all
	c.settle()
	c.in.Rows = all[:1]
	c.settle()
	c.after(24 * time.Hour)
	c.settle()
	if c.account("customer-1001").Annotations[v1alpha1.AnnotationChurnedBy] != "customers" {
		t.Fatal("not marked")
	}
	all[1].Values["arr"] = words("secret")
	c.in.Rows = all
	c.settle()
	a := c.account("customer-1001")
	if len(a.Annotations) != 2 || *a.Spec.Contract.ARR != 120000 {
		t.Errorf("got %v and %v", a.Annotations, a.Spec)
	}
}

func TestNothingIsPrunedWhileARowHasNoKey(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{Prune: v1alpha1.PruneDelete})
	c.in.Rows = customers(0, 2)
	c.settle()
	c.in.Rows = []SourceRow{c.in.Rows[0], {ID: "?", Values: map[string]value.Value{"name": words("who")}}}
	c.settle()
	c.after(48 * time.Hour)
	c.settle()
	if got := c.account("customer-1001"); got == nil || len(got.Annotations) != 2 {
		t.Errorf("got %v", got)
	}
}

func TestGuard(t *testing.T) {
	filled := func(t *testing.T, percent int32) *cluster {
		c := newCluster(t, v1alpha1.AccountSetSpec{Prune: v1alpha1.PruneDelete, MaxChangePercent: ptr.To(percent)})
		c.in.Rows = customers(0, 20)
		c.settle()
		return c
	}
	t.Run("as many as allowed go through", func(t *testing.T) {
		c := filled(t, 10)
		c.in.Rows = customers(0, 22)
		if p := c.settle(); p.Pending != nil || len(c.in.Accounts) != 22 {
			t.Errorf("%d accounts, pending %v", len(c.in.Accounts), p.Pending)
		}
	})
	t.Run("one goes through however few accounts there are", func(t *testing.T) {
		c := filled(t, 1)
		c.in.Rows = customers(0, 21)
		if p := c.settle(); p.Pending != nil {
			t.Errorf("pending %v", p.Pending)
		}
	})
	t.Run("a batch over the limit waits as a whole", func(t *testing.T) {
		c := filled(t, 10)
		c.in.Rows = customers(0, 26)
		p := c.settle()
		if p.Pending == nil || p.Pending.Creates != 6 || p.Pending.Prunes != 0 || len(p.Pending.Sample) != 5 || len(c.in.Accounts) != 20 {
			t.Fatalf("%d accounts, pending %v", len(c.in.Accounts), p.Pending)
		}
		if p.Pending.Sample[0] != "create customer-1020" {
			t.Errorf("sample %v", p.Pending.Sample)
		}
		c.after(72 * time.Hour)
		if again := c.settle(); again.Pending == nil || again.Pending.ID != p.Pending.ID {
			t.Errorf("the id moves by itself: %v", again.Pending)
		}
	})
	t.Run("the limit holds over a day", func(t *testing.T) {
		c := filled(t, 10)
		c.in.Rows = customers(0, 22)
		c.settle()
		c.after(time.Hour)
		c.in.Rows = customers(0, 23)
		p := c.settle()
		if p.Pending == nil || !p.NextChange.Equal(start.Add(24*time.Hour)) {
			t.Fatalf("pending %v, next change %v", p.Pending, p.NextChange)
		}
		c.in.Now = p.NextChange
		if p = c.settle(); p.Pending != nil || len(c.in.Accounts) != 23 {
			t.Errorf("%d accounts, pending %v", len(c.in.Accounts), p.Pending)
		}
	})
	t.Run("prunes wait too", func(t *testing.T) {
		c := filled(t, 10)
		c.in.Rows = customers(0, 10)
		c.settle()
		c.after(24 * time.Hour)
		p := c.settle()
		if p.Pending == nil || p.Pending.Prunes != 10 || len(c.in.Accounts) != 20 {
			t.Fatalf("%d accounts, pending %v", len(c.in.Accounts), p.Pending)
		}
		c.in.Set.Annotations = map[string]string{v1alpha1.AnnotationApprove: "0123456789"}
		if p := c.settle(); p.Pending == nil {
			t.Fatal("another id lets it through")
		}
		c.in.Set.Annotations[v1alpha1.AnnotationApprove] = p.Pending.ID
		if p := c.plan(); !p.Approved || len(p.Changes) != 10 || p.Changes[0].Counted {
			t.Fatalf("approved %v, changes %v", p.Approved, summary(p.Changes))
		}
		c.settle()
		if len(c.in.Accounts) != 10 {
			t.Errorf("%d accounts", len(c.in.Accounts))
		}
		// The same rows come back and go again: it is not the change that was approved.
		c.in.Set.Status.Filled = false
		c.in.Rows = customers(0, 20)
		c.settle()
		c.in.Rows = customers(0, 10)
		c.settle()
		c.after(24 * time.Hour)
		if p := c.settle(); p.Pending == nil || len(c.in.Accounts) != 20 {
			t.Errorf("%d accounts, pending %v", len(c.in.Accounts), p.Pending)
		}
	})
	t.Run("the first fill is no leave to prune", func(t *testing.T) {
		c := filled(t, 10)
		c.in.Rows = customers(0, 10)
		c.settle()
		c.after(24 * time.Hour)
		c.in.Set.Status.Filled = false
		if p := c.plan(); p.Pending == nil || len(p.Changes) != 0 {
			t.Errorf("changes %v", summary(p.Changes))
		}
	})
	t.Run("an approved change that failed is made later", func(t *testing.T) {
		c := filled(t, 10)
		c.in.Rows = customers(0, 26)
		p := c.settle()
		c.in.Set.Annotations = map[string]string{v1alpha1.AnnotationApprove: p.Pending.ID}
		p = c.plan()
		c.in.Approved = map[string]bool{}
		for i := range p.Changes {
			if i < 2 {
				c.make(&p.Changes[i])
				continue
			}
			c.in.Approved[p.Changes[i].Identity()] = true
		}
		if p := c.settle(); p.Pending != nil || len(c.in.Accounts) != 26 {
			t.Errorf("%d accounts, pending %v", len(c.in.Accounts), p.Pending)
		}
	})
}

func TestRenamingTheSetDestroysNothing(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{Prune: v1alpha1.PruneDelete})
	c.in.Rows = customers(0, 20)
	c.settle()
	c.in.Set = &v1alpha1.AccountSet{ObjectMeta: metav1.ObjectMeta{Name: "clients"}, Spec: c.in.Set.Spec}
	c.in.Sets = []string{"clients", "customers"}
	if p := c.settle(); len(p.Rejected) != 20 || !strings.Contains(p.Rejected[0].Reason, `"customers"`) {
		t.Fatalf("rejected %v", p.Rejected)
	}
	c.in.Set.Status.Filled = false
	c.in.Sets = []string{"clients"}
	p := c.plan()
	if len(p.Changes) != 20 || p.Changes[0].Action != ActionUpdate {
		t.Fatalf("changes %v", summary(p.Changes))
	}
	if p = c.settle(); p.Accounts != 20 || len(p.Rejected) != 0 || c.account("customer-1004").Labels[v1alpha1.LabelAccountSet] != "clients" {
		t.Errorf("%d accounts, rejected %v", p.Accounts, p.Rejected)
	}
}

func TestACopyOfAnAccountIsLeftAlone(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{Prune: v1alpha1.PruneDelete})
	c.in.Rows = customers(0, 1)
	c.settle()
	dup := c.account("customer-1000").DeepCopy()
	dup.Name, dup.UID, dup.CreationTimestamp = "a-copy", "copy", metav1.NewTime(start.Add(time.Hour))
	c.in.Accounts = append([]v1alpha1.Account{*dup}, c.in.Accounts...)
	if p := c.plan(); len(p.Changes) != 0 || p.Accounts != 1 {
		t.Errorf("changes %v, %d accounts", summary(p.Changes), p.Accounts)
	}
	c.in.Rows[0].Values["arr"] = number(7)
	if diff := cmp.Diff([]string{"update customer-1000"}, summary(c.plan().Changes)); diff != "" {
		t.Error(diff)
	}
}

func TestTheSameAccountsGoneAgainIsAnotherChange(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{Prune: v1alpha1.PruneMarkChurned})
	c.in.Rows = customers(0, 4)
	c.settle()
	gone := func() string {
		c.in.Rows = customers(0, 2)
		c.settle()
		c.after(24 * time.Hour)
		p := c.settle()
		if p.Pending == nil {
			t.Fatal("nothing waits")
		}
		return p.Pending.ID
	}
	first := gone()
	c.in.Rows = customers(0, 4)
	c.settle()
	if second := gone(); second == first {
		t.Error("an approval of the first absence lets the second through")
	}
}

// TestEveryPlanSettles checks, for any sequence of rows, that a plan's changes bring an end to it, and that an account
// whose row is there is never pruned.
func TestEveryPlanSettles(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c := newCluster(t, v1alpha1.AccountSetSpec{
			Prune:            rapid.SampledFrom([]v1alpha1.PrunePolicy{"", v1alpha1.PruneOrphan, v1alpha1.PruneMarkChurned, v1alpha1.PruneDelete}).Draw(r, "prune"),
			MaxChangePercent: ptr.To(rapid.Int32Range(1, 100).Draw(r, "percent")),
		})
		all := customers(0, 6)
		for range rapid.IntRange(1, 8).Draw(r, "steps") {
			there := map[string]bool{}
			c.in.Rows = nil
			for i, keep := range rapid.SliceOfN(rapid.Bool(), 6, 6).Draw(r, "rows") {
				if keep {
					row := customer(all[i].ID, "Customer "+all[i].ID, map[string]value.Value{"arr": number(rapid.Int64Range(0, 3).Draw(r, "arr"))})
					c.in.Rows = append(c.in.Rows, row)
					there[all[i].ID] = true
				}
			}
			before := len(c.in.Accounts)
			for _, change := range c.plan().Changes {
				if change.Action != ActionCreate && change.Action != ActionUpdate && there[change.Key] {
					r.Fatalf("%s %s, and its row is there", change.Action, change.Name)
				}
			}
			c.settle()
			if c.in.Set.Spec.Prune != v1alpha1.PruneDelete && len(c.in.Accounts) < before {
				r.Fatal("an account was deleted")
			}
			c.after(time.Duration(rapid.IntRange(1, 40).Draw(r, "hours")) * time.Hour)
		}
	})
}

func BenchmarkPlan(b *testing.B) {
	c := newCluster(b, v1alpha1.AccountSetSpec{})
	c.in.Rows = customers(0, 10_000)
	c.settle()
	for b.Loop() {
		if p := c.plan(); len(p.Changes) != 0 {
			b.Fatal("changes")
		}
	}
}
