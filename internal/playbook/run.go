package playbook

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// NewRun makes the run of an episode that is Due: named after the account, the playbook and the episode, owned by the
// account, with the facts that fired it and the steps as they are now. It is an error where the episode is not Due, or
// where no trigger that holds has held for long enough: then the triggers have changed since the episode was decided.
func (p *Playbook) NewRun(v View, e v1alpha1.Episode, triggers []TriggerResult) (*v1alpha1.PlaybookRun, error) {
	switch {
	case v.Account == nil:
		return nil, fmt.Errorf("playbook %s: a run needs an account", p.name)
	case e.State != v1alpha1.EpisodeDue || e.Sequence < 1:
		return nil, fmt.Errorf("playbook %s on account %s: the episode is %s, not Due", p.name, v.Account.Name, e.State)
	}
	fired, ok := p.fired(e, triggers, seconds(v.Now))
	if !ok {
		return nil, fmt.Errorf("playbook %s on account %s: no trigger holds now", p.name, v.Account.Name)
	}
	run := p.newRun(v, e.Sequence, fired.Name, fired.Reason)
	run.Name = RunName(v.Account.Name, p.name, e.Sequence)
	run.Spec.Facts = runFacts(v, fired, triggers)
	if fired.Event {
		run.Spec.TriggerType = v1alpha1.TriggerEvent
	}
	return run, nil
}

// newRun makes a run without its name and facts.
func (p *Playbook) newRun(v View, sequence int64, trigger, reason string) *v1alpha1.PlaybookRun {
	run := &v1alpha1.PlaybookRun{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: v.Account.Namespace,
			Labels: map[string]string{
				v1alpha1.LabelManagedBy: v1alpha1.ManagedBy,
				v1alpha1.LabelAccount:   LabelValue(v.Account.Name),
				v1alpha1.LabelPlaybook:  LabelValue(p.name),
			},
			OwnerReferences: []metav1.OwnerReference{ownedBy("Account", &v.Account.ObjectMeta)},
		},
		Spec: v1alpha1.PlaybookRunSpec{
			AccountRef:         v1alpha1.LocalReference{Name: v.Account.Name},
			PlaybookRef:        v1alpha1.LocalReference{Name: p.name},
			PlaybookGeneration: p.generation,
			Sequence:           sequence,
			Trigger:            trigger,
			Reason:             value.Shorten(reason, 512),
			OnResolve:          p.onResolve,
			Calendar:           p.calendar.DeepCopy(),
		},
	}
	for _, s := range p.steps {
		run.Spec.Steps = append(run.Spec.Steps, *s.DeepCopy())
	}
	return run
}

// fired returns the first trigger, in the playbook's order, that holds and has held for as long as it must.
func (p *Playbook) fired(e v1alpha1.Episode, triggers []TriggerResult, now time.Time) (TriggerResult, bool) {
	for _, t := range triggers {
		if t.Truth != True {
			continue
		}
		if from := p.heldLongEnough(&e, t.Name); !from.IsZero() && !from.After(now) {
			return t, true
		}
	}
	return TriggerResult{}, false
}

// maxFacts is the number of facts that a run has room for.
const maxFacts = 64

// runFacts lists the facts behind a run, each once: those of the trigger that fired first, then those of the others that
// hold, then the account's band and score where they are known.
func runFacts(v View, fired TriggerResult, triggers []TriggerResult) []v1alpha1.NamedValue {
	all := fired.Reads
	for _, t := range triggers {
		if t.Truth == True {
			all = append(all[:len(all):len(all)], t.Reads...)
		}
	}
	if v.unscored() == "" {
		all = append(all[:len(all):len(all)], named("health.band", string(v.Health.Band)))
		if v.Health.Score != nil {
			all = append(all, named("health.score", fmt.Sprint(*v.Health.Score)))
		}
	}
	var facts []v1alpha1.NamedValue
	seen := map[string]bool{}
	for _, f := range all {
		if !seen[f.Name] && len(facts) < maxFacts {
			seen[f.Name] = true
			facts = append(facts, f)
		}
	}
	return facts
}

// ownedBy is the reference of an owner whose deletion takes the object along, and does not wait for it.
func ownedBy(kind string, owner *metav1.ObjectMeta) metav1.OwnerReference {
	yes, no := true, false
	return metav1.OwnerReference{
		APIVersion:         v1alpha1.GroupVersion.String(),
		Kind:               kind,
		Name:               owner.Name,
		UID:                owner.UID,
		Controller:         &yes,
		BlockOwnerDeletion: &no,
	}
}
