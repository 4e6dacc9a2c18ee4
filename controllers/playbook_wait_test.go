package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestAStandstillIsWorthAWordNowAndThen(t *testing.T) {
	began := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return began.Add(time.Duration(minutes) * time.Minute) }
	for name, c := range map[string]struct {
		is   standstill
		now  int
		say  bool
		next int
	}{
		"it begins":              {standstill{}, 0, false, 5},
		"it is young":            {standstill{since: began}, 4, false, 5},
		"it is old":              {standstill{since: began}, 5, true, 10},
		"it was said":            {standstill{since: began, said: at(5)}, 9, false, 10},
		"it was said long ago":   {standstill{since: began, said: at(5)}, 10, true, 15},
		"the clock was put back": {standstill{since: at(60)}, 0, false, 5},
		"the clock was put back after it is said": {standstill{since: began, said: at(60)}, 7, false, 12},
	} {
		t.Run(name, func(t *testing.T) {
			if _, say, next := c.is.at(at(c.now), patience); say != c.say || !next.Equal(at(c.next)) {
				t.Errorf("say %v, next %s; want %v, %s", say, next, c.say, at(c.next))
			}
		})
	}
}

// lookAgain looks at the playbook alone, and wants it looked at again after a while.
func (s *starter) lookAgain(want time.Duration) {
	s.t.Helper()
	result, err := s.reconciler.Reconcile(s.t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "default", Name: "welcome"}})
	if err != nil {
		s.t.Fatal(err)
	}
	if want > 0 {
		want += time.Millisecond
	}
	if result.RequeueAfter != want {
		s.t.Errorf("it is looked at again in %s, want %s", result.RequeueAfter, want)
	}
}

// held wants the condition Held to have a reason and words; an empty reason wants none.
func (s *starter) held(reason string, words ...string) {
	s.t.Helper()
	status := s.status()
	is := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionHeld)
	if is == nil {
		if reason != "" {
			s.t.Errorf("it is not Held; want %s", reason)
		}
		return
	}
	if is.Reason != reason || reason == "" {
		s.t.Errorf("it is Held: %s: %s; want %q", is.Reason, is.Message, reason)
	}
	for _, word := range words {
		if !strings.Contains(is.Message, word) {
			s.t.Errorf("no %q in %q", word, is.Message)
		}
	}
}

func TestAPlaybookSaysForWhichAccountsItWaits(t *testing.T) {
	s := newStarter(t, func(*v1alpha1.Playbook) {}, map[string]int64{"large": 900, "one": 1, "two": 2, "three": 3, "four": 4})
	if _, err := s.accounts.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "default", Name: "large"}}); err != nil {
		t.Fatal(err)
	}
	s.lookAgain(5 * time.Minute)
	writes := s.writes
	s.clock.SetTime(s.clock.Now().Add(4 * time.Minute))
	s.lookAgain(time.Minute)
	s.held("")
	if s.writes != writes {
		t.Error("it wrote its status although a wait of four minutes is usual after a restart")
	}
	s.clock.SetTime(s.clock.Now().Add(time.Minute))
	s.lookAgain(5 * time.Minute)
	s.held(v1alpha1.ReasonAccountsNotEvaluated, "1 account is due and waits", "four, one, three and 1 more", "log of the operator", "kubectl describe account four")
	if n := s.status().HeldRuns; n != 1 {
		t.Errorf("%d runs are held", n)
	}
	writes = s.writes
	s.clock.SetTime(s.clock.Now().Add(time.Minute))
	s.lookAgain(4 * time.Minute)
	if s.writes != writes {
		t.Error("it wrote its status again although nothing is new")
	}
	s.evaluate()
	s.lookAgain(0)
	s.held("")
	if n := s.status().ActiveRuns; n != 5 {
		t.Errorf("%d runs have started", n)
	}
}

func TestAPlaybookSaysThatTheConfigurationKeepsChanging(t *testing.T) {
	s := newStarter(t, func(*v1alpha1.Playbook) {}, map[string]int64{"acme": 1})
	s.reconciler.Settle.Delay = 30 * time.Second
	for i := range 17 { // 20 seconds apart: no longer than five minutes and a half
		s.changeModel(i)
		if _, err := s.look(); err != nil {
			t.Fatal(err)
		}
		s.held("")
		s.clock.SetTime(s.clock.Now().Add(20 * time.Second))
	}
	s.changeModel(17)
	if _, err := s.look(); err != nil {
		t.Fatal(err)
	}
	s.held(v1alpha1.ReasonConfigurationChanging, "1 account is due and waits", "HealthScoreModel busy was the last", "30s")
	s.clock.SetTime(s.clock.Now().Add(30 * time.Second))
	if _, err := s.look(); err != nil {
		t.Fatal(err)
	}
	s.held("")
	if n := s.status().ActiveRuns; n != 1 {
		t.Errorf("%d runs have started", n)
	}
}

// changeModel makes or changes a model that selects no account.
func (s *starter) changeModel(i int) {
	s.t.Helper()
	m := &v1alpha1.HealthScoreModel{}
	m.Name, m.Namespace, m.UID = "busy", "default", "busy"
	if i > 0 {
		if err := s.Get(s.t.Context(), client.ObjectKeyFromObject(m), m); err != nil {
			s.t.Fatal(err)
		}
	}
	m.Generation = int64(i + 1)
	m.Spec.AccountSelector = v1alpha1.AccountSelector{MatchLabels: map[string]string{"n": fmt.Sprint(i)}}
	write := func() error { return s.Update(s.t.Context(), m) }
	if i == 0 {
		write = func() error { return s.Create(s.t.Context(), m) }
	}
	if err := write(); err != nil {
		s.t.Fatal(err)
	}
}
