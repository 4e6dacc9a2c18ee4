package playbook_test

import (
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// inStage is what a playbook sees of an account in a stage, since some time before noon.
func inStage(stage v1alpha1.LifecycleStage, ago time.Duration) playbook.View {
	return playbook.View{
		Account:   acme(func(a *v1alpha1.Account) { a.Spec.LifecycleStage = stage }),
		Lifecycle: &v1alpha1.LifecycleStatus{Stage: stage, Since: stamp(noon.Add(-ago))},
	}
}

// stageRead are the values that a lifecycle trigger reads; without a time the stage alone.
func stageRead(stage string, since ...string) []v1alpha1.NamedValue {
	reads := []v1alpha1.NamedValue{{Name: "account.spec.lifecycleStage", Value: stage}}
	for _, s := range since {
		reads = append(reads, v1alpha1.NamedValue{Name: "account.status.lifecycle.since", Value: s})
	}
	return reads
}

func TestLifecycleTrigger(t *testing.T) {
	for name, c := range map[string]conditionCase{
		"holds in a stage that it names": {
			view: inStage("Onboarding", 0), truth: playbook.True, reason: "lifecycle stage is Onboarding", reads: stageRead("Onboarding"),
		},
		"holds although the operator never saw the stage": {
			view:  playbook.View{Account: inStage("Onboarding", 0).Account},
			truth: playbook.True, reason: "lifecycle stage is Onboarding", reads: stageRead("Onboarding"),
		},
		"does not hold in another stage": {
			view: inStage("Adoption", 0), truth: playbook.False, reason: "lifecycle stage is Adoption, not Onboarding", reads: stageRead("Adoption"),
		},
		"does not hold without a stage": {truth: playbook.False, reason: "the account has no lifecycle stage"},
	} {
		c.trigger = v1alpha1.Trigger{Lifecycle: &v1alpha1.LifecycleTrigger{Stages: []v1alpha1.LifecycleStage{"Onboarding"}}}
		t.Run(name, c.run)
	}
}

func TestLifecycleTriggerWithLongerThan(t *testing.T) {
	moved := inStage("Onboarding", 90*value.Day)
	moved.Lifecycle.Stage = "Adoption"
	for name, c := range map[string]conditionCase{
		"holds once the account has been in its stage for as long": {
			view: inStage("Onboarding", 60*value.Day), truth: playbook.True, since: noon,
			reason: "lifecycle stage is Onboarding since 2026-09-03T12:00:00Z, for 60d and more", reads: stageRead("Onboarding", "2026-09-03T12:00:00Z"),
		},
		"says when it began to hold": {
			view: inStage("Onboarding", 61*value.Day), truth: playbook.True, since: noon.Add(-value.Day),
			reason: "lifecycle stage is Onboarding since 2026-09-02T12:00:00Z, for 60d and more", reads: stageRead("Onboarding", "2026-09-02T12:00:00Z"),
		},
		"does not hold until a second before, and says when it will": {
			view: inStage("Onboarding", 60*value.Day-time.Second), truth: playbook.False, next: noon.Add(time.Second),
			reason: "lifecycle stage is Onboarding since 2026-09-03T12:00:01Z, not for 60d yet", reads: stageRead("Onboarding", "2026-09-03T12:00:01Z"),
		},
		"does not hold in another stage, for however long": {
			view: inStage("Adoption", 90*value.Day), truth: playbook.False, reason: "lifecycle stage is Adoption, not Onboarding", reads: stageRead("Adoption"),
		},
		"is Unknown where the operator never saw the stage": {
			view:   playbook.View{Account: inStage("Onboarding", 0).Account},
			reason: "since when the account is in its stage is not known",
		},
		"is Unknown where it saw another": {view: moved, reason: "since when the account is in its stage is not known"},
	} {
		c.trigger = v1alpha1.Trigger{Lifecycle: &v1alpha1.LifecycleTrigger{Stages: []v1alpha1.LifecycleStage{"Onboarding"}, LongerThan: "60d"}}
		t.Run(name, c.run)
	}
}

func TestLifecycleTriggerOfAnEntry(t *testing.T) {
	entry := func(within v1alpha1.Duration) v1alpha1.Trigger {
		return v1alpha1.Trigger{Lifecycle: &v1alpha1.LifecycleTrigger{Enters: []v1alpha1.LifecycleStage{"Onboarding", "Expansion"}, Within: within}}
	}
	for name, c := range map[string]conditionCase{
		"holds from the moment of the entry": {
			trigger: entry(""), view: inStage("Onboarding", 0), truth: playbook.True, since: noon, next: noon.Add(7 * value.Day),
			reason: "lifecycle stage is Onboarding since 2026-11-02T12:00:00Z", reads: stageRead("Onboarding", "2026-11-02T12:00:00Z"),
		},
		"holds until a second before seven days are over": {
			trigger: entry(""), view: inStage("Expansion", 7*value.Day-time.Second), truth: playbook.True,
			since: noon.Add(time.Second - 7*value.Day), next: noon.Add(time.Second),
			reason: "lifecycle stage is Expansion since 2026-10-26T12:00:01Z", reads: stageRead("Expansion", "2026-10-26T12:00:01Z"),
		},
		"does not hold from then on": {
			trigger: entry(""), view: inStage("Onboarding", 7*value.Day), truth: playbook.False,
			reason: "lifecycle stage is Onboarding since 2026-10-26T12:00:00Z, which is no entry within 1w", reads: stageRead("Onboarding", "2026-10-26T12:00:00Z"),
		},
		"holds for as long as it says": {
			trigger: entry("30d"), view: inStage("Onboarding", 10*value.Day), truth: playbook.True, since: noon.Add(-10 * value.Day), next: noon.Add(20 * value.Day),
			reason: "lifecycle stage is Onboarding since 2026-10-23T12:00:00Z", reads: stageRead("Onboarding", "2026-10-23T12:00:00Z"),
		},
		"does not hold in another stage": {
			trigger: entry(""), view: inStage("Adoption", 0), truth: playbook.False,
			reason: "lifecycle stage is Adoption, not Onboarding or Expansion", reads: stageRead("Adoption"),
		},
		"does not hold without a stage": {trigger: entry(""), truth: playbook.False, reason: "the account has no lifecycle stage"},
		"is Unknown where the operator never saw the stage": {
			trigger: entry(""), view: playbook.View{Account: inStage("Onboarding", 0).Account},
			reason: "since when the account is in its stage is not known",
		},
	} {
		c.event = true
		t.Run(name, c.run)
	}
}

func TestAStageIsWhatTheAccountSetSaysToo(t *testing.T) {
	v := inStage("Onboarding", 0)
	v.Account.Annotations = map[string]string{v1alpha1.AnnotationChurnedBy: "crm"}
	conditionCase{
		trigger: v1alpha1.Trigger{Lifecycle: &v1alpha1.LifecycleTrigger{Enters: []v1alpha1.LifecycleStage{"Onboarding"}}},
		view:    v, truth: playbook.False, reason: "the account is churned", event: true,
	}.run(t)
}

func TestEachEntryIntoAStageIsAnEvent(t *testing.T) {
	p := compiled(t, spec(triggers(v1alpha1.Trigger{
		Name: "moved", Lifecycle: &v1alpha1.LifecycleTrigger{Enters: []v1alpha1.LifecycleStage{"Onboarding", "Adoption"}, Within: "14d"},
	})))
	var runs []v1alpha1.PlaybookRun
	a := acme()
	look := func(stage v1alpha1.LifecycleStage, since, now time.Time) {
		a.Spec.LifecycleStage = stage
		v := playbook.View{Account: a, Lifecycle: &v1alpha1.LifecycleStatus{Stage: stage, Since: stamp(since)}, Now: now}
		for range 3 {
			a.Status.Playbooks, _, _ = playbook.Episodes(playbook.EpisodesInput{View: v, Playbooks: []playbook.Watching{{Name: "rescue", Playbook: p}}, Runs: runs})
			e := playbook.DueEpisode(a, "rescue")
			if e == nil {
				continue
			}
			run, err := p.NewEpisodeRun(v, *e)
			if err != nil {
				t.Fatal(err)
			}
			runs = append(runs, *run)
		}
	}
	second := noon.Add(10 * value.Day)
	look("Onboarding", noon, noon)
	look("Adoption", second, second)
	same(t, "runs while the first is open", 1, len(runs))
	runs[0].Status.State, runs[0].Status.EndedTime = v1alpha1.RunCompleted, stamp(second)
	for days := range 30 {
		look("Adoption", second, second.Add(time.Duration(days)*value.Day))
	}
	same(t, "runs", 2, len(runs))
}
