package controllers

import (
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

var errStill = errors.New("not yet")

func reconcileRequest(key types.NamespacedName) ctrl.Request {
	return ctrl.Request{NamespacedName: key}
}

// approvalIn finds the id in the message of a refused read.
func (s *sourceTest) approvalIn(ds *v1alpha1.DataSource) string {
	s.Helper()
	found := regexp.MustCompile(`kubectl annotate datasource -n ` + s.namespace + ` usage perennial\.dev/approve=([0-9a-f]+) --overwrite$`).FindStringSubmatch(ds.Status.LastError)
	if found == nil {
		s.Fatalf("no command in %q", ds.Status.LastError)
	}
	return found[1]
}

func TestAReadOfFarFewerRowsIsRefusedUntilTheyAreBack(t *testing.T) {
	s := newSourceTest(t)
	s.database.many(100)
	s.source(nil, "org0", "org99")
	s.reconcile()
	s.woken()

	s.database.many(49)
	refused := s.later(time.Hour)
	s.want("conditions", conditionsOf(refused), rowsDropped)
	s.want("events", s.told(), "RowsDropped")
	s.want("message", refused.Status.LastError, fmt.Sprintf(
		"49 rows, after 100 in the last accepted read: that is more than 50 percent fewer (spec.maxRowDropPercent), so the last values stand; to accept it: kubectl annotate datasource -n %s usage perennial.dev/approve=%s --overwrite",
		s.namespace, s.approvalIn(refused)))
	if snapshot, available := s.r.Store.Snapshot(s.key()); available || snapshot.Rows() != 100 || refused.Status.Rows != 100 {
		t.Errorf("available %t with %d rows, status %d; want the last values", available, snapshot.Rows(), refused.Status.Rows)
	}
	s.database.many(48)
	if again := s.later(time.Hour); again.ResourceVersion != refused.ResourceVersion {
		t.Error("another refused read, much like the first, was written")
	}
	s.database.many(50)
	s.want("conditions, with just enough rows", conditionsOf(s.later(time.Hour)), wellRead)
	s.want("events", s.told(), "SourceRecovered")
}

func TestAnApprovalLetsExactlyOneDropPass(t *testing.T) {
	s := newSourceTest(t)
	s.database.many(100)
	s.source(nil)
	s.reconcile()
	s.database.many(40)
	id := s.approvalIn(s.later(time.Hour))

	s.annotate(v1alpha1.AnnotationApprove, "0000000000")
	ds, _ := s.reconcile()
	s.want("conditions, with another id", conditionsOf(ds), rowsDropped)

	s.database.many(10)
	s.annotate(v1alpha1.AnnotationApprove, id)
	ds, _ = s.reconcile()
	s.want("conditions, when far more rows went meanwhile", conditionsOf(ds), rowsDropped)

	s.database.many(40)
	ds = s.later(time.Hour)
	s.want("conditions, when the approved drop is back", conditionsOf(ds), wellRead)

	// The annotation stays where somebody left it.
	s.database.many(100)
	s.later(time.Hour)
	s.database.many(40)
	ds = s.later(time.Hour)
	s.want("conditions, at the next such drop", conditionsOf(ds), rowsDropped)

	s.annotate(v1alpha1.AnnotationApprove, s.approvalIn(ds))
	s.database.many(39)
	ds, _ = s.reconcile()
	s.want("conditions, when a few more rows went meanwhile", conditionsOf(ds), wellRead)
	if ds.Status.Rows != 39 {
		t.Errorf("%d rows, want 39", ds.Status.Rows)
	}
}

func TestTheGuardSurvivesARestart(t *testing.T) {
	s := newSourceTest(t)
	s.database.many(100)
	s.source(nil)
	s.reconcile()
	s.restart()
	s.database.many(40)
	refused := s.later(time.Hour)
	s.want("conditions", conditionsOf(refused), rowsDropped)
	id := s.approvalIn(refused)
	s.restart()
	again := s.later(time.Hour)
	s.want("the id, after another restart", s.approvalIn(again), id)
	if again.ResourceVersion != refused.ResourceVersion {
		t.Error("a restart wrote what was there")
	}
}

func TestTheGuardComparesReadsOfOneQuery(t *testing.T) {
	tests := map[string]struct {
		edit func(*v1alpha1.DataSource)
		want string
	}{
		"another query is not compared": {func(ds *v1alpha1.DataSource) { ds.Spec.SQL.Query = "select org, n from big" }, wellRead},
		"another interval changes nothing": {
			func(ds *v1alpha1.DataSource) { ds.Spec.Interval = "10m" },
			"Ready=False RowsDropped, Reconciling=True RowsDropped, Available=False RowsDropped",
		},
		"a guard of 100 percent accepts": {func(ds *v1alpha1.DataSource) { ds.Spec.MaxRowDropPercent = new(int32(100)) }, wellRead},
		"a guard of 61 percent accepts":  {func(ds *v1alpha1.DataSource) { ds.Spec.MaxRowDropPercent = new(int32(61)) }, wellRead},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSourceTest(t)
			s.database.many(100)
			s.source(nil)
			s.reconcile()
			s.database.many(39)
			s.edit(test.edit)
			ds, _ := s.reconcile()
			s.want("conditions", conditionsOf(ds), test.want)
		})
	}
}
