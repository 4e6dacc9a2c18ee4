package explain_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/explain"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// run is one of a playbook on an account, with open work or without.
func run(account, playbookName string, sequence int64, open bool, began time.Duration) *v1alpha1.PlaybookRun {
	r := &v1alpha1.PlaybookRun{}
	r.Name, r.CreationTimestamp = playbook.RunName(account, playbookName, sequence), *stamp(began)
	r.Spec.AccountRef.Name, r.Spec.PlaybookRef.Name, r.Spec.Sequence = account, playbookName, sequence
	r.Spec.Trigger, r.Spec.Reason, r.Spec.PlaybookGeneration = "critical", "band is Critical", 1
	r.Status.State, r.Status.OpenTasks = v1alpha1.RunActive, 2
	if !open {
		r.Status.State, r.Status.OpenTasks, r.Status.EndedTime = v1alpha1.RunCompleted, 0, stamp(began+value.Day)
	}
	return r
}

// remembers gives an account an episode.
func remembers(a *v1alpha1.Account, episodes ...v1alpha1.Episode) *v1alpha1.Account {
	a.Status.Playbooks = append(a.Status.Playbooks, episodes...)
	return a
}

// firing is an episode whose run was made.
func firing(name string, ended bool) v1alpha1.Episode {
	e := v1alpha1.Episode{Name: name, State: v1alpha1.EpisodeFiring, Since: stamp(-3 * value.Day), Sequence: 1}
	if ended {
		e.EndedTime = stamp(-2 * value.Day)
	}
	return e
}

const rescue = `rescue: {triggers: [{name: critical, band: {in: [Critical]}}]}`

// whyNot is a case: what is there, and what is said of rescue on acme.
type whyNot struct {
	playbooks string
	account   func(a *v1alpha1.Account) // of one that is Critical at 20
	world     func(w *fleet.World)
	state     explain.State
	// says is a part of the sentence, and step a part of a step with its name before it.
	says, step string
}

var whyNots = map[string]whyNot{
	"the playbook asks for another label": {
		playbooks: `rescue: {accountSelector: {matchLabels: {tier: platinum}}, triggers: [{name: critical, band: {in: [Critical]}}]}`,
		state:     explain.NotSelected, says: "label tier is gold, not platinum", step: "selected: label tier is gold, not platinum",
	},
	"the playbook asks for another touch model": {
		playbooks: `rescue: {accountSelector: {touchModels: [TechTouch]}, triggers: [{name: critical, band: {in: [Critical]}}]}`,
		state:     explain.NotSelected, says: "touchModel is HighTouch, not TechTouch",
	},
	"the playbook asks for another stage": {
		playbooks: `rescue: {accountSelector: {lifecycleStages: [Onboarding, Expansion]}, triggers: [{name: critical, band: {in: [Critical]}}]}`,
		state:     explain.NotSelected, says: "lifecycleStage is Adoption, not Onboarding or Expansion",
	},
	"the customer left": {
		playbooks: rescue, account: func(a *v1alpha1.Account) { a.Spec.LifecycleStage = v1alpha1.StageChurned },
		state: explain.NotSelected, says: "the customer left",
	},
	"the playbook is stalled": {
		playbooks: `rescue: {triggers: [{name: low, expression: "health.scor < 40"}]}`,
		state:     explain.Stalled, says: "spec.triggers[low].expression", step: "playbook: it cannot be used",
	},
	"no trigger holds": {
		playbooks: `rescue: {triggers: [{name: well, band: {in: [Healthy]}}, {name: high, score: {atLeast: 50}}]}`,
		state:     explain.Clear, says: "band is Critical, not Healthy; score 20 is not at least 50",
		step: "trigger high: False: score 20 is not at least 50 (score at 50 or more: 30 points away)",
	},
	"a value is missing": {
		playbooks: `rescue: {triggers: [{name: many, value: {from: {source: support, metric: tickets}, atLeast: "6"}}]}`,
		state:     explain.Unknown, says: "metrics.support.tickets is Missing",
	},
	"a source is down": {
		playbooks: `rescue: {triggers: [{name: left, expression: "metrics.crm.champion < 1"}]}`,
		state:     explain.Unknown, says: "metrics.crm.champion is Errored",
	},
	"the band is not known": {
		playbooks: rescue, account: func(a *v1alpha1.Account) { a.Status.Health.Band = v1alpha1.BandUnknown },
		state: explain.Unknown, says: "the band is Unknown",
	},
	"no model scores the account": {
		playbooks: rescue, world: func(w *fleet.World) { w.Models = nil },
		state: explain.Unknown, says: "no model scores the account now",
	},
	"the trigger must hold for longer": {
		playbooks: `rescue: {triggers: [{name: critical, band: {in: [Critical]}, for: 24h}]}`,
		account: func(a *v1alpha1.Account) {
			remembers(a, v1alpha1.Episode{Name: "rescue", State: v1alpha1.EpisodePending, Since: stamp(-6 * time.Hour), Pending: []v1alpha1.PendingTrigger{{Trigger: "critical", Since: stamp(-6 * time.Hour)}}})
		},
		state: explain.Waiting, says: "not yet for 1d: a run may start on 2026-11-23 06:00 (in 18h)", step: "for of critical: it must hold for 1d",
	},
	"the condition held already and such are ignored": {
		playbooks: `rescue: {existing: Ignore, triggers: [{name: critical, band: {in: [Critical]}}]}`,
		state:     explain.Ignored, says: "existing: Ignore",
	},
	"the cooldown is not over": {
		playbooks: `rescue: {cooldown: 30d, triggers: [{name: critical, band: {in: [Critical]}}]}`,
		account: func(a *v1alpha1.Account) {
			remembers(a, v1alpha1.Episode{Name: "rescue", State: v1alpha1.EpisodeClear, Since: stamp(-value.Day), Sequence: 1, ClearedSequence: 1, EndedTime: stamp(-2 * value.Day)})
		},
		state: explain.CoolingDown, says: "the cooldown of 30d after the last work is not over until 2026-12-20 (in 28d)", step: "cooldown: 30d after the last work, until 2026-12-20",
	},
	"it has fired and never repeats": {
		playbooks: rescue, account: func(a *v1alpha1.Account) { remembers(a, firing("rescue", true)) },
		world: func(w *fleet.World) { w.Runs = append(w.Runs, run("acme", "rescue", 1, false, -3*value.Day)) },
		state: explain.Fired, says: "it has fired already on 2026-11-19, and its work ended on 2026-11-20; with repeat: Never", step: "memory: Firing since",
	},
	"it has fired and repeats after the cooldown": {
		playbooks: `rescue: {repeat: AfterCooldown, cooldown: 10d, triggers: [{name: critical, band: {in: [Critical]}}]}`,
		account:   func(a *v1alpha1.Account) { remembers(a, firing("rescue", true)) },
		world:     func(w *fleet.World) { w.Runs = append(w.Runs, run("acme", "rescue", 1, false, -3*value.Day)) },
		state:     explain.CoolingDown, says: "the cooldown of 10d is over on 2026-11-30",
	},
	"it has fired and nobody knows whether it still holds": {
		playbooks: rescue,
		account: func(a *v1alpha1.Account) {
			remembers(a, firing("rescue", true)).Status.Health.Band = v1alpha1.BandUnknown
		},
		world: func(w *fleet.World) { w.Runs = append(w.Runs, run("acme", "rescue", 1, false, -3*value.Day)) },
		state: explain.Fired, says: "nobody can say now whether its condition still holds: the band is Unknown",
	},
	"the playbook is suspended": {
		playbooks: `rescue: {suspend: true, triggers: [{name: critical, band: {in: [Critical]}}]}`,
		state:     explain.Suspended, says: "the playbook is suspended", step: "suspend: spec.suspend is true",
	},
	"another playbook works on the account": {
		playbooks: "rescue: {inhibitedBy: [renewal], triggers: [{name: critical, band: {in: [Critical]}}]}\nrenewal: {triggers: [{name: near, renewal: {within: 30d}}]}",
		world:     func(w *fleet.World) { w.Runs = append(w.Runs, run("acme", "renewal", 1, true, -value.Day)) },
		state:     explain.Inhibited, says: "renewal keeps it from starting: its run acme-renewal-", step: "inhibitedBy: renewal: its run",
	},
	"another playbook that is gone left work": {
		playbooks: `rescue: {inhibitedBy: [renewal], triggers: [{name: critical, band: {in: [Critical]}}]}`,
		world:     func(w *fleet.World) { w.Runs = append(w.Runs, run("acme", "renewal", 1, true, -value.Day)) },
		state:     explain.Inhibited, says: "renewal keeps it from starting: its run acme-renewal-",
	},
	"another playbook is about to start": {
		playbooks: "rescue: {inhibitedBy: [alarm], triggers: [{name: critical, band: {in: [Critical]}}]}\nalarm: {triggers: [{name: low, score: {atMost: 30}}]}",
		state:     explain.Inhibited, says: "alarm keeps it from starting: it is about to start a run itself",
	},
	"a limit holds another playbook back that would come first": {
		playbooks: "rescue: {inhibitedBy: [alarm], triggers: [{name: critical, band: {in: [Critical]}}]}\nalarm: {limits: {activeRuns: 1}, triggers: [{name: low, score: {atMost: 30}}]}",
		world:     func(w *fleet.World) { w.Runs = append(w.Runs, run("other", "alarm", 1, true, -2*value.Day)) },
		state:     explain.Starting, says: "a run starts as soon as the operator looks: band is Critical",
	},
	"a limit holds another playbook back that would come first, and whose name comes later": {
		playbooks: "rescue: {inhibitedBy: [zebra], triggers: [{name: critical, band: {in: [Critical]}}]}\nzebra: {limits: {activeRuns: 1}, triggers: [{name: low, score: {atMost: 30}}]}",
		world:     func(w *fleet.World) { w.Runs = append(w.Runs, run("other", "zebra", 1, true, -2*value.Day)) },
		state:     explain.Starting, says: "a run starts as soon as the operator looks: band is Critical",
	},
	"the run that used the day's limit up was deleted": {
		playbooks: `rescue: {limits: {newRunsPerDay: 1}, triggers: [{name: critical, band: {in: [Critical]}}]}`,
		world: func(w *fleet.World) {
			e := firing("rescue", true)
			e.Since = stamp(-time.Hour)
			w.Accounts = append(w.Accounts, remembers(inBand("other", "Critical", 10), e))
		},
		state: explain.Held, says: "1 of 1 started within a day): place 1 of 1",
	},
	"a limit holds it back": {
		playbooks: `rescue: {limits: {newRunsPerDay: 1}, triggers: [{name: critical, band: {in: [Critical]}}]}`,
		world: func(w *fleet.World) {
			for i, arr := range []int64{5000, 3000, 1000, 10} { // acme pays 1000 and comes before zeta by its name
				other := inBand([]string{"big", "large", "zeta", "tiny"}[i], "Critical", 10)
				other.Spec.Contract.ARR = &arr
				w.Accounts = append(w.Accounts, other)
			}
		},
		state: explain.Held, says: "place 2 of 4, the largest ARR goes first", step: "limits: 0 of 200 active runs, 0 of 1 started within a day: place 2 of 4",
	},
	"the configuration has just changed": {
		playbooks: rescue, world: func(w *fleet.World) { w.Models[0].Generation, w.Models[0].Status.ObservedGeneration = 2, 1 },
		state: explain.Settling, says: "HealthScoreModel/standard has just changed",
	},
	"it is about to start": {
		playbooks: rescue, state: explain.Starting, says: "rescue is about to start on Acme: a run starts as soon as the operator looks: band is Critical", step: "guards: not suspended",
	},
	"it works on the account": {
		playbooks: rescue, account: func(a *v1alpha1.Account) { remembers(a, firing("rescue", false)) },
		world: func(w *fleet.World) { w.Runs = append(w.Runs, run("acme", "rescue", 1, true, -3*value.Day)) },
		state: explain.Firing, says: "rescue works on Acme: it fires since 2026-11-19 (3d ago), because band is Critical; 2 tasks open", step: "run: acme-rescue-",
	},
	"it works by an older generation": {
		playbooks: rescue, account: func(a *v1alpha1.Account) { remembers(a, firing("rescue", false)) },
		world: func(w *fleet.World) {
			w.Runs = append(w.Runs, run("acme", "rescue", 1, true, -3*value.Day))
			w.Playbooks[0].Generation, w.Playbooks[0].Status.ObservedGeneration = 4, 4
		},
		state: explain.Firing, says: "the run follows generation 1 of the playbook, which is at 4 now",
	},
	"the observation is history": {
		playbooks: `rescue: {triggers: [{name: low, value: {from: {source: surveys, metric: nps}, atMost: "6"}, per: Observation}]}`,
		account: func(a *v1alpha1.Account) {
			remembers(a, v1alpha1.Episode{Name: "rescue", Source: "surveys", Metric: "nps", State: v1alpha1.EpisodeClear, UpTo: stamp(-7 * value.Day)})
		},
		state: explain.Clear, says: "which is history: it has had its run",
	},
	"the next period has not begun": {
		playbooks: `rescue: {triggers: [{name: quarter, every: 90d}]}`,
		state:     explain.Clear, says: "the first period began on 2026-10-01", step: "trigger quarter: False: the first period began on 2026-10-01 (the next period begins on 2026-12-30 (in 37d))",
	},
	"the renewal is far": {
		playbooks: `rescue: {triggers: [{name: near, renewal: {within: 90d}}]}`,
		state:     explain.Clear, says: "renewal on 2027-06-01 is not within 90d", step: "renewal on 2027-06-01 (in 191d): it holds from 2027-03-03 (in 100d) on",
	},
}

func TestWhyAPlaybookDidOrDidNotStart(t *testing.T) {
	for name, c := range whyNots {
		t.Run(name, func(t *testing.T) {
			a := inBand("acme", "Critical", 20)
			if c.account != nil {
				c.account(a)
			}
			w := world(t, c.playbooks, a)
			slices.SortFunc(w.Playbooks, func(a, b *v1alpha1.Playbook) int { return strings.Compare(b.Name, a.Name) }) // rescue first
			if c.world != nil {
				c.world(w)
			}
			e, err := explain.PlaybookOn(w, "rescue", "acme", noon)
			if err != nil {
				t.Fatal(err)
			}
			var steps []string
			for _, s := range e.Steps {
				steps = append(steps, fmt.Sprintf("%s: %s", s.Name, s.Text))
			}
			all := strings.Join(steps, "\n")
			if e.State != c.state || !strings.Contains(e.Sentence, c.says) || !strings.Contains(all, c.step) {
				t.Errorf("it is %s, and not %s: %s\n%s\nand not %q and %q", e.State, c.state, e.Sentence, all, c.says, c.step)
			}
			whole, err := explain.Playbook(w, "rescue", noon)
			if err != nil {
				t.Fatal(err)
			}
			if i := slices.IndexFunc(whole.States, func(s explain.StateCount) bool { return s.State == c.state && s.Accounts > 0 }); i < 0 {
				t.Errorf("the playbook as a whole counts %v", whole.States)
			}
		})
	}
}

func TestEveryStateHasACase(t *testing.T) {
	for _, state := range explain.States() {
		found := false
		for _, c := range whyNots {
			found = found || c.state == state
		}
		if !found {
			t.Errorf("no case leads to %s", state)
		}
	}
}

func TestNamesThatAreCloseAreOffered(t *testing.T) {
	w := world(t, rescue, account("acme-corp"), account("bolt"))
	for name, want := range map[string]string{
		"acme":      "there is no account acme in namespace default; did you mean acme-corp?",
		"acme-crop": "there is no account acme-crop in namespace default; did you mean acme-corp?",
		"zephyr":    "there is no account zephyr in namespace default",
	} {
		if _, err := explain.Account(w, name, noon); err == nil || err.Error() != want {
			t.Errorf("%v, and not %s", err, want)
		}
	}
	if _, err := explain.Playbook(w, "resuce", noon); err == nil || !strings.HasSuffix(err.Error(), "did you mean rescue?") {
		t.Error(err)
	}
}
