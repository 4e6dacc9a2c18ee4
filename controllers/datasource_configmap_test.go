package controllers

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// fromConfigMap has a source read a ConfigMap.
func fromConfigMap(ds *v1alpha1.DataSource) {
	ds.Spec.SQL = nil
	ds.Spec.ConfigMap = &v1alpha1.ConfigMapSource{Name: "usage", Key: "usage.csv", Format: v1alpha1.FormatCSV}
}

func newConfigMap(namespace, csv string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "usage"}, Data: map[string]string{"usage.csv": csv}}
}

// expect waits until the source's conditions and rows are as wanted, and returns it.
func (s *sourceTest) expect(conditions string, rows int64) *v1alpha1.DataSource {
	s.Helper()
	var ds *v1alpha1.DataSource
	eventually(s.T, func() error {
		ds = s.get()
		if got := conditionsOf(ds); got != conditions || ds.Status.Rows != rows {
			return fmt.Errorf("%s, %d rows, error %q", got, ds.Status.Rows, ds.Status.LastError)
		}
		return nil
	})
	return ds
}

func TestAConfigMapIsReadWheneverItChanges(t *testing.T) {
	s := newSourceTest(t)
	startManager(t, s.namespace, func(mgr ctrl.Manager) error {
		s.r.Client = mgr.GetClient()
		return s.r.SetupWithManager(mgr)
	})
	s.source(fromConfigMap, "acme", "bolt")
	s.expect("Ready=False ReferenceNotFound, Reconciling=True ReferenceNotFound, Available=False ReferenceNotFound", 0)

	cm := newConfigMap(s.namespace, "org,n\nacme,1\nbolt,2\n")
	if err := s.client.Create(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
	ds := s.expect(wellRead, 2)
	if ds.Status.AccountsMatched != 2 {
		t.Errorf("%d accounts matched, want 2", ds.Status.AccountsMatched)
	}
	eventually(t, func() error {
		if got := s.woken(); got != "" {
			return fmt.Errorf("woken %q", got)
		}
		return nil
	})

	s.clock.SetTime(s.clock.Now().Add(time.Minute))
	cm.Data["usage.csv"] = "org,n\nacme,1\nbolt,3\n"
	if err := s.client.Update(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
	woken := ""
	eventually(t, func() error {
		woken += s.woken()
		if woken != "bolt" {
			return fmt.Errorf("woken %q, want bolt", woken)
		}
		return nil
	})
	eventually(t, func() error {
		if got := s.get().Status.LastReadTime; got == nil || !got.Time.Equal(s.clock.Now()) {
			return fmt.Errorf("last read %s, want %s", got, s.clock.Now())
		}
		return nil
	})

	if err := s.client.Delete(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
	s.expect("Ready=True Ready, Available=False ReferenceNotFound", 2)
	if err := s.client.Create(t.Context(), newConfigMap(s.namespace, "org,n\nacme,1\nbolt,3\n")); err != nil {
		t.Fatal(err)
	}
	s.expect(wellRead, 2)
}

func TestAccountsThatComeLaterAreCounted(t *testing.T) {
	s := newSourceTest(t)
	startManager(t, s.namespace, func(mgr ctrl.Manager) error {
		s.r.Client = mgr.GetClient()
		return s.r.SetupWithManager(mgr)
	})
	if err := s.client.Create(t.Context(), newConfigMap(s.namespace, "org,n\nacme,1\nbolt,2\n")); err != nil {
		t.Fatal(err)
	}
	s.source(fromConfigMap)
	s.expect(wellRead, 2)
	account := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "acme"}}
	s.create(account)
	matched := func(want int32) {
		t.Helper()
		eventually(t, func() error {
			if got := s.get().Status.AccountsMatched; got != want {
				return fmt.Errorf("%d accounts matched, want %d", got, want)
			}
			return nil
		})
	}
	matched(1)
	if err := s.client.Delete(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	matched(0)
}

func TestAConfigMapThatDidNotChangeIsNoNewRead(t *testing.T) {
	tests := map[string]struct {
		// ahead is how far the operator's clock is ahead of the API server's, which says when a ConfigMap changed.
		ahead time.Duration
		again func(*sourceTest)
	}{
		"because the rows are those in memory":                    {-time.Hour, func(s *sourceTest) { s.r.schedule.readNow(s.key()) }},
		"because it is older than the last read, after a restart": {time.Minute, (*sourceTest).restart},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSourceTest(t)
			s.clock.SetTime(time.Now().Add(test.ahead).Truncate(time.Second))
			if err := s.client.Create(t.Context(), newConfigMap(s.namespace, "org,n\nacme,1\n")); err != nil {
				t.Fatal(err)
			}
			s.source(fromConfigMap, "acme")
			first, next := s.reconcile()
			s.want("conditions", conditionsOf(first), wellRead)
			if next != 0 {
				t.Errorf("polled after %s; a ConfigMap is watched", next)
			}
			test.again(s)
			if again := s.later(time.Hour); again.ResourceVersion != first.ResourceVersion {
				t.Error("a write without a change")
			}
			if snapshot, _ := s.r.Store.Snapshot(s.key()); !snapshot.ReadTime().Equal(first.Status.LastReadTime.Time) {
				t.Errorf("the values are of %s, want %s: they did not get newer", snapshot.ReadTime(), first.Status.LastReadTime)
			}
		})
	}
}
