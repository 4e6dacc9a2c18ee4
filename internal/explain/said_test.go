package explain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/explain"
	"github.com/perennial-dev/perennial/internal/value"
)

// overridden is an account that a person holds at a band, and whose score calls for another.
func overridden(name string, band, computed v1alpha1.BandName, points int32) *v1alpha1.Account {
	a := inBand(name, band, points)
	a.Status.Health.Override = &v1alpha1.AppliedOverride{By: "admin", Reason: "they called", Until: "2026-11-24", ComputedBand: computed}
	return a
}

func TestWhilePeopleHoldABandNothingIsCloseToAnother(t *testing.T) {
	const held = "held at Healthy by admin's override until 2026-11-24; computed: Critical"
	// At 36 the score is one point from where Critical begins, and that moves nothing.
	held1, free := overridden("acme", "Healthy", "Critical", 36), inBand("bolt", "AtRisk", 38)
	w := world(t, rescue, held1, free)
	a, err := explain.Account(w, "acme", noon)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]explain.Move{{Band: "Critical", Text: held}}, a.Moves); diff != "" {
		t.Errorf("what would move the band (- want, + got):\n%s", diff)
	}
	on, err := explain.PlaybookOn(w, "rescue", "acme", noon)
	if err != nil {
		t.Fatal(err)
	}
	trigger := on.Triggers[0]
	if on.State != explain.Clear || on.Nearest != nil || trigger.Distance == nil || trigger.Distance.Text != held || trigger.Distance.At != nil {
		t.Errorf("rescue is %s on it: %+v, the nearest %+v", on.State, trigger, on.Nearest)
	}
	whole, err := explain.Playbook(w, "rescue", noon)
	if err != nil {
		t.Fatal(err)
	}
	if len(whole.Close) != 1 || whole.Close[0].Name != "bolt" {
		t.Errorf("close are %+v, and not bolt alone", whole.Close)
	}
}

func TestATriggerOnTheScoreDoesNotMindAnOverride(t *testing.T) {
	w := world(t, `low: {triggers: [{name: critical, band: {in: [Critical]}}, {name: low, score: {atMost: 40}}]}`, overridden("acme", "Healthy", "AtRisk", 42))
	e, err := explain.Playbook(w, "low", noon)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Close) != 1 || e.Close[0].Text != "score at 40 or less: 2 points away" {
		t.Errorf("close are %+v", e.Close)
	}
}

func TestABandThatWaitsUnderAnOverrideIsTheComputedOne(t *testing.T) {
	a := overridden("acme", "Healthy", "AtRisk", 30)
	a.Status.Health.PendingBand = &v1alpha1.PendingBand{Band: "Critical", Since: *stamp(-value.Day), EffectiveTime: stamp(2 * value.Day)}
	e, err := explain.Account(world(t, rescue, a), "acme", noon)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(e.Pending.Text, "; the computed band becomes Critical on 2026-11-24 12:00 (in 2d), if it stays so") {
		t.Error(e.Pending.Text)
	}
	if d := e.Playbooks[0].Triggers[0].Distance; d == nil || !strings.HasPrefix(d.Text, "held at Healthy by admin's override") {
		t.Errorf("the trigger is said to be %+v away", d)
	}
}

func TestOfACustomerWhoLeftNoDistanceIsSaid(t *testing.T) {
	a := inBand("acme", "AtRisk", 38)
	a.Spec.LifecycleStage = v1alpha1.StageChurned
	w := world(t, `rescue: {accountSelector: {lifecycleStages: [Adoption, Churned]}, triggers: [{name: critical, band: {in: [Critical]}}, {name: low, score: {atMost: 30}}, {name: quarter, every: 90d}]}`, a)
	w.Runs = append(w.Runs, run("acme", "rescue", 1, true, -value.Day)) // its work is not over yet
	e, err := explain.Account(w, "acme", noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, trigger := range e.Playbooks[0].Triggers {
		if trigger.Truth != "False" || trigger.Reason != "the account is churned" || trigger.Distance != nil {
			t.Errorf("%+v", trigger)
		}
	}
	if e.Playbooks[0].State != explain.Firing {
		t.Errorf("it is %s", e.Playbooks[0].State)
	}
}

func TestWhereThereIsNoScoreNothingAddsUpToOneAndNothingMovedIt(t *testing.T) {
	a := inBand("acme", v1alpha1.BandUnknown, 50)
	h := a.Status.Health
	h.Score, h.PreviousScore, h.Changes = nil, ptr.To[int32](71), []string{"model standard/1 -> standard/2"}
	e, err := explain.Account(world(t, rescue, a), "acme", noon)
	if err != nil {
		t.Fatal(err)
	}
	if e.Points != "" || e.Lost != "" || e.Rounded != 0 || e.Changes != nil || e.PreviousScore != nil || len(e.Dimensions) != 1 {
		t.Errorf("%+v", e)
	}
}

func TestAScaleOfStepsNeverReadsAsIfAPartWereTheWhole(t *testing.T) {
	three := []v1alpha1.Step{{Min: "80", Score: 100}, {Min: "60", Score: 70}, {Min: "40", Score: 30}}
	five := []v1alpha1.Step{{Min: "-5", Score: 100}, {Min: "-15", Score: 70}, {Min: "-30", Score: 35}, {Min: "-45", Score: 10}, {Min: "-90", Score: 5}}
	for name, c := range map[string]struct {
		steps       []v1alpha1.Step
		value, says string
	}{
		"a short one is whole":            {three, "50", "0 below 40, 30 from 40 on, 70 from 60 on, 100 from 80 on"},
		"also without a value":            {three, "", "0 below 40, 30 from 40 on, 70 from 60 on, 100 from 80 on"},
		"below the first step":            {five, "-100", "0 below -90, 5 from -90 on, ..., 100 from -5 on"},
		"in the middle":                   {five, "-40", "..., 10 from -45 on, 35 from -30 on, ..., 100 from -5 on"},
		"at the bound of a step":          {five, "-30", "..., 35 from -30 on, 70 from -15 on, 100 from -5 on"},
		"before the last step":            {five, "-15", "..., 70 from -15 on, 100 from -5 on"},
		"at the last step":                {five, "3", "..., 100 from -5 on"},
		"a long one of which none is had": {five, "", "0 below -90, 5 from -90 on, ..., 100 from -5 on"},
	} {
		t.Run(name, func(t *testing.T) {
			a := inBand("acme", "AtRisk", 50)
			a.Status.Health.Measures[0].Value = c.value
			w := world(t, rescue, a)
			w.Models[0].Spec.Measures[0].Scale = &v1alpha1.Scale{Steps: c.steps}
			e, err := explain.Account(w, "acme", noon)
			if err != nil {
				t.Fatal(err)
			}
			if got := e.Dimensions[0].Measures[0].Scale; got != c.says {
				t.Errorf("%q, and not %q", got, c.says)
			}
		})
	}
}

func TestAStepSaysWhatItWaitsFor(t *testing.T) {
	r := run("acme", "rescue", 1, true, -value.Day)
	decode(t, `[{name: ask, title: Ask}, {name: grow, title: Grow, when: "outcomes.ask == 'Grow'", after: [ask]}, {name: sign, title: Sign, after: [ask, call]},
 {name: call, title: Call}, {name: past, title: Past, ifPast: Skip}, {name: told, title: Told, when: "true", ifPast: Skip}, {name: late, title: Late, after: [ask]}]`, &r.Spec.Steps)
	ready := stamp(-value.Day)
	r.Status.Steps = []v1alpha1.StepStatus{
		{Name: "ask", State: v1alpha1.StepOpen, Task: "ask"},
		{Name: "grow", State: v1alpha1.StepSkipped},
		{Name: "sign", State: v1alpha1.StepWaiting, Task: "sign"},
		{Name: "call", State: v1alpha1.StepDone, Outcome: "Reached"},
		{Name: "past", State: v1alpha1.StepSkipped},
		{Name: "told", State: v1alpha1.StepSkipped},
		{Name: "late", State: v1alpha1.StepWaiting, Task: "late", ReadyTime: ready},
	}
	w := world(t, rescue, inBand("acme", "Critical", 20))
	w.Runs = []*v1alpha1.PlaybookRun{r}
	for name, state := range map[string]v1alpha1.TaskState{"ask": v1alpha1.TaskInProgress, "sign": v1alpha1.TaskBlocked, "late": v1alpha1.TaskBlocked} {
		of := task(name, "acme", state, "jo", 0)
		of.Spec.RunRef, of.Spec.Step = &v1alpha1.LocalReference{Name: r.Name}, v1alpha1.StepName(name)
		of.Status.OpensTime = stamp(time.Hour)
		w.Tasks = append(w.Tasks, of)
	}
	e, err := explain.Run(w, r.Name, noon)
	if err != nil {
		t.Fatal(err)
	}
	want := []explain.Step{
		{Name: "ask", Mark: explain.Info, Text: "Open (InProgress): Do ask (jo)"},
		{Name: "grow", Mark: explain.Info, Text: "Skipped, since its when did not hold: outcomes.ask == 'Grow'"},
		{Name: "sign", Mark: explain.Info, Text: "Waiting for ask, and until its time comes on 2026-11-22 13:00 (in 1h): Do sign (jo)"},
		{Name: "call", Mark: explain.Yes, Text: "Done, outcome Reached"},
		{Name: "past", Mark: explain.Info, Text: "Skipped, since its time was over before the run began"},
		{Name: "told", Mark: explain.Info, Text: "Skipped"},
		{Name: "late", Mark: explain.Info, Text: "Waiting until its time comes on 2026-11-22 13:00 (in 1h): Do late (jo)"},
	}
	if diff := cmp.Diff(want, e.Steps); diff != "" {
		t.Errorf("(- want, + got):\n%s", diff)
	}
	of, err := explain.Task(w, "sign", noon)
	if err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(of.Lines, "\n"); !strings.Contains(all, "\nit waits for ask, and until its time comes on 2026-11-22 13:00 (in 1h)\n") {
		t.Error(all)
	}
}

func TestWhatAccountsCanBeGroupedBy(t *testing.T) {
	w := world(t, rescue, account("acme"), account("bolt"))
	w.Accounts[1].Labels["region"] = "emea"
	const none = ": no account has a label of that name; "
	const words = "se owner, touchModel, lifecycleStage, model or namespace, or one of the labels region, tier"
	for by, want := range map[string]string{
		"owner": "", "namespace": "", "tier": "", "region": "", "label=region": "",
		"Owner":       "Owner" + none + "did you mean owner? U" + words,
		"regoin":      "regoin" + none + "did you mean region? U" + words,
		"xyz":         "xyz" + none + "u" + words,
		"label=owner": "label=owner" + none + "u" + words,
	} {
		got := ""
		if err := explain.CheckBy(w, by); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("by %s: %q, and not %q", by, got, want)
		}
	}
	if err := explain.CheckBy(world(t, rescue), "industry"); err != nil {
		t.Errorf("of no accounts: %v", err)
	}
}
