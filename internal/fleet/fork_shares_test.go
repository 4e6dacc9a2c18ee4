package fleet

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Two customer bases go their own ways after a Fork, also on an account whose last run was deleted before it.
func TestAForkSharesNoRunsOfAnAccountThatHasLostItsOwn(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	run := func(name string) *v1alpha1.PlaybookRun {
		r := &v1alpha1.PlaybookRun{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(now)}}
		r.Spec.AccountRef.Name, r.Spec.PlaybookRef.Name = "acme", "rescue"
		return r
	}
	base := New(nil)
	base.SetAccount(&v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme"}})
	if err := base.AddRun(run("old")); err != nil {
		t.Fatal(err)
	}
	base.DeleteRun("old") // as spec.historyLimit does at the end of a Step
	head := base.Fork()
	if err := head.AddRun(run("of-head")); err != nil {
		t.Fatal(err)
	}
	if err := base.AddRun(run("of-base")); err != nil {
		t.Fatal(err)
	}
	if got := head.customers["acme"].runs[0].run.Name; got != "of-head" {
		t.Errorf("the fork's account has the run %s, which is the other fleet's", got)
	}
	if head.customers["acme"].runs[0] != head.runs["of-head"] {
		t.Error("the run of the account is not the fleet's run")
	}
}
