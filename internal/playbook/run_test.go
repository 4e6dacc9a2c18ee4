package playbook_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

func TestNewRun(t *testing.T) {
	pb := spec(triggers(
		v1alpha1.Trigger{Name: "renewal", Renewal: &v1alpha1.RenewalTrigger{Within: "90d"}, For: "1d"},
		v1alpha1.Trigger{Name: "low", Score: &v1alpha1.ScoreTrigger{AtMost: ptr(int32(40))}},
		v1alpha1.Trigger{Name: "fine", Score: &v1alpha1.ScoreTrigger{AtLeast: ptr(int32(90))}},
	))
	p := compiled(t, pb)
	v := playbook.View{
		Account: acme(func(a *v1alpha1.Account) {
			a.Labels = map[string]string{"argocd.argoproj.io/instance": "crm"}
			a.Spec.Contract = &v1alpha1.Contract{RenewalDate: "2026-12-01"}
		}),
		Health: scored(34, "Critical"), Scored: true, Now: noon,
	}
	results, _ := p.Conditions(v)
	e, _ := p.Decide(playbook.DecideInput{Triggers: results, Now: noon})
	run, err := p.NewRun(v, *e, results)
	if err != nil {
		t.Fatal(err)
	}
	want := &v1alpha1.PlaybookRun{
		ObjectMeta: metav1.ObjectMeta{
			Name: playbook.RunName("acme", "rescue", 1), Namespace: "customers",
			Labels: map[string]string{
				"app.kubernetes.io/managed-by": "perennial", "perennial.dev/account": "acme", "perennial.dev/playbook": "rescue",
			},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "perennial.dev/v1alpha1", Kind: "Account", Name: "acme", UID: "acme-uid",
				Controller: ptr(true), BlockOwnerDeletion: ptr(false),
			}},
		},
		Spec: v1alpha1.PlaybookRunSpec{
			AccountRef: v1alpha1.LocalReference{Name: "acme"}, PlaybookRef: v1alpha1.LocalReference{Name: "rescue"},
			PlaybookGeneration: 7, Sequence: 1, Trigger: "low", Reason: "score 34 is at most 40",
			Facts: []v1alpha1.NamedValue{
				{Name: "health.score", Value: "34"},
				{Name: "account.spec.contract.renewalDate", Value: "2026-12-01"},
				{Name: "health.band", Value: "Critical"},
			},
			OnResolve: v1alpha1.ResolveCancelUntouched, Steps: pb.Spec.Steps,
		},
	}
	same(t, "run", want, run)
}

func TestARunOfAnEventIsNotClearedByWhatComesLater(t *testing.T) {
	p := compiled(t, spec(triggers(
		v1alpha1.Trigger{Name: "arrived", Lifecycle: &v1alpha1.LifecycleTrigger{Enters: []v1alpha1.LifecycleStage{"Onboarding"}}},
		v1alpha1.Trigger{Name: "there", Lifecycle: &v1alpha1.LifecycleTrigger{Stages: []v1alpha1.LifecycleStage{"Onboarding"}}},
	)))
	start := func(v playbook.View) *v1alpha1.PlaybookRun {
		t.Helper()
		v.Now = noon
		results, _ := p.Conditions(v)
		e, _ := p.Decide(playbook.DecideInput{Triggers: results, Now: noon})
		run, err := p.NewRun(v, *e, results)
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	over := episode(v1alpha1.EpisodeClear, noon.Add(time.Hour), 1)
	over.ClearedSequence = 1
	event, state := start(inStage("Onboarding", time.Hour)), start(inStage("Onboarding", 8*24*time.Hour))
	if event.Spec.Trigger != "arrived" || event.Spec.TriggerType != v1alpha1.TriggerEvent || playbook.Cleared(event, over) {
		t.Errorf("the run of an entry is of %s, %q, and cleared: %t", event.Spec.Trigger, event.Spec.TriggerType, playbook.Cleared(event, over))
	}
	if state.Spec.Trigger != "there" || state.Spec.TriggerType != "" || !playbook.Cleared(state, over) {
		t.Errorf("the run of a stage is of %s, %q, and cleared: %t", state.Spec.Trigger, state.Spec.TriggerType, playbook.Cleared(state, over))
	}
}

func TestNewRunIsRefused(t *testing.T) {
	low := []playbook.TriggerResult{{Name: "low", Truth: yes}}
	ready := episode(due, noon, 1, since("low", noon))
	for name, c := range map[string]struct {
		account  *v1alpha1.Account
		episode  *v1alpha1.Episode
		triggers []playbook.TriggerResult
	}{
		"without an account":                               {nil, ready, low},
		"while the episode is not Due":                     {acme(), episode(pending, noon, 1, since("low", noon)), low},
		"when the condition has cleared meanwhile":         {acme(), ready, []playbook.TriggerResult{{Name: "low", Truth: no}}},
		"when the condition cannot be judged any more":     {acme(), ready, []playbook.TriggerResult{{Name: "low", Truth: unknown}}},
		"when the trigger that holds has held too short":   {acme(), episode(due, noon, 1, since("low", noon.Add(time.Second))), low},
		"when another trigger holds that is not yet noted": {acme(), episode(due, noon, 1, since("other", noon)), low},
	} {
		t.Run(name, func(t *testing.T) {
			if run, err := compiled(t, spec()).NewRun(playbook.View{Account: c.account, Now: noon}, *c.episode, c.triggers); err == nil {
				t.Errorf("made run %s", run.Name)
			}
		})
	}
}

func TestARunKeepsItsStepsWhenThePlaybookChanges(t *testing.T) {
	pb := spec(steps(v1alpha1.PlaybookStep{Name: "call", Title: "Call", Checklist: []v1alpha1.ChecklistText{"usage"}}))
	p := compiled(t, pb)
	pb.Spec.Steps[0].Checklist[0] = "changed"
	v := playbook.View{Account: acme(), Now: noon}
	run, err := p.NewRun(v, *episode(due, noon, 1, since("low", noon)), []playbook.TriggerResult{{Name: "low", Truth: yes}})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "checklist", []v1alpha1.ChecklistText{"usage"}, run.Spec.Steps[0].Checklist)
}
