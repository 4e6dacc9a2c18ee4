package cli

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/accountset"
	"github.com/perennial-dev/perennial/internal/explain"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/manifest"
	"github.com/perennial-dev/perennial/internal/snapshot"
)

// samplesTime is when the sample company is looked at.
var samplesTime = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// samplesWorld is the sample company as the operator leaves it: scored, with the runs and tasks that are due.
func samplesWorld(t *testing.T) *fleet.World {
	t.Helper()
	set, err := manifest.Load(t.Context(), manifest.Options{Kustomize: []string{"../../config/samples"}})
	if err != nil || len(set.Problems) > 0 {
		t.Fatalf("the samples cannot be read: %v %v", err, set)
	}
	w, err := set.World("perennial-samples")
	if err != nil {
		t.Fatal(err)
	}
	w.Sources = snapshot.SourcesOf(w.DataSources, set.ConfigMaps("perennial-samples"), samplesTime)
	for _, s := range w.AccountSets {
		w.Accounts = append(w.Accounts, accountsOf(t, w, s)...)
	}
	step(t, w, samplesTime)
	return w
}

// accountsOf makes the accounts that a set makes.
func accountsOf(t *testing.T, w *fleet.World, set *v1alpha1.AccountSet) []*v1alpha1.Account {
	t.Helper()
	template, err := accountset.Compile(set.Spec.Template)
	if err != nil {
		t.Fatal(err)
	}
	rows, complete := w.Sources.Rows(set.Spec.SourceRef.Name)
	if !complete {
		t.Fatalf("source %s was not read", set.Spec.SourceRef.Name)
	}
	plan := template.Plan(accountset.Input{Set: set, Rows: rows, Sets: []string{set.Name}, Now: samplesTime, Location: time.UTC})
	var all []*v1alpha1.Account
	for _, change := range plan.Changes {
		a := &v1alpha1.Account{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(change.Object(), a, true); err != nil {
			t.Fatal(err)
		}
		a.Namespace, a.UID, a.CreationTimestamp = w.Namespace, types.UID(change.Name), metav1.NewTime(samplesTime)
		all = append(all, a)
	}
	return all
}

// step has the operator's functions bring a world up to date with a moment.
func step(t *testing.T, w *fleet.World, now time.Time) {
	t.Helper()
	f, faults := fleet.Load(w, now)
	if len(faults) > 0 {
		t.Fatalf("the world has faults: %v", faults)
	}
	if err := f.Step(now); err != nil {
		t.Fatal(err)
	}
	w.Accounts, w.Runs, w.Tasks = f.Accounts(), f.Runs(), nil
	for _, run := range w.Runs {
		w.Tasks = append(w.Tasks, f.Tasks(run.Name)...)
	}
	slices.SortFunc(w.Tasks, func(a, b *v1alpha1.Task) int { return cmp.Compare(a.Name, b.Name) })
}

// snapshotFile writes a world as a snapshot file.
func snapshotFile(t *testing.T, w *fleet.World, now time.Time) string {
	t.Helper()
	var b bytes.Buffer
	if err := snapshot.Write(&b, &snapshot.Snapshot{Time: now, World: w, From: snapshot.Statuses}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "world.snapshot")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// runCLI runs the program as a person does, and returns what it says.
func runCLI(t *testing.T, color bool, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	env := Env{
		IOStreams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &out}, Name: "perennial", Color: color,
		Clock: testingclock.NewFakePassiveClock(samplesTime), Getenv: func(string) string { return "" },
	}
	if code := Run(t.Context(), env, args); code != ExitOK {
		_, _ = fmt.Fprintf(&out, "exit code %d\n", code)
	}
	return out.String()
}

// updateExplain writes the golden files anew: go test ./internal/cli -run Golden -update-explain.
var updateExplain = flag.Bool("update-explain", false, "write the golden files of explain and the views anew")

// goldenCommands are commands whose answers are kept, by the name of their file.
func goldenCommands(t *testing.T, world string, w *fleet.World, commands map[string]string) {
	t.Helper()
	file := snapshotFile(t, w, samplesTime)
	for name, command := range commands {
		t.Run(name, func(t *testing.T) {
			got := "$ perennial " + command + "\n" + runCLI(t, false, append(strings.Fields(command), "--snapshot", file)...)
			path := filepath.Join("testdata", "explain", world+"-"+strings.ReplaceAll(name, " ", "-")+".txt")
			if *updateExplain {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (- want, + got); -update-explain writes it anew:\n%s", path, diff)
			}
		})
	}
}

func TestGoldenSamples(t *testing.T) {
	goldenCommands(t, "samples", samplesWorld(t), map[string]string{
		"an account that is critical":            "explain account/castellan-insurance",
		"an account under an immediate rule":     "explain account/eastmark-retail-group",
		"an account that churned":                "explain acct/driftwood-surf",
		"an account that is not there":           "explain account birchwood",
		"a playbook that is pending":             "explain playbook/rescue",
		"a playbook that a limit holds back":     "explain pb/detractor",
		"a playbook with periods":                "explain playbook/check-in",
		"a run that another playbook inhibits":   "explain playbook/usage-drop --account castellan-insurance",
		"a run that a limit holds back":          "explain playbook/detractor --account oakline-furniture",
		"a playbook that selects others":         "explain playbook/check-in --account birchwood-bakery",
		"a run":                                  "explain run/castellan-insurance-renewal-6c4b057327",
		"a task":                                 "explain task/castellan-insurance-renewal-6c4b057327-close",
		"a portfolio by owner":                   "portfolio",
		"a portfolio by a label in Markdown":     "portfolio --by industry -o markdown -l industry!=retail",
		"a portfolio by touch model as CSV":      "portfolio --by touchModel -o csv",
		"a page about an account":                "account castellan-insurance",
		"the tasks of a person":                  "tasks --mine --as-user oidc:Jo@example.com -o wide",
		"the tasks of a playbook for a program":  "tasks --playbook detractor -o json",
		"no task is late":                        "tasks --overdue",
		"no task on an account":                  "tasks --account account/driftwood-surf --all",
		"tasks of an account that is not there":  "tasks --account castelan-insurance",
		"tasks of two people":                    "tasks --mine --unassigned",
		"tasks with a word too many":             "tasks castellan-insurance",
		"a portfolio by what nothing has":        "portfolio --by regoin",
		"a portfolio by a word in capitals":      "portfolio --by Owner",
		"a structure of an account for programs": "explain account/brightwater-clinics -o yaml",
	})
}

func TestGoldenRich(t *testing.T) {
	goldenCommands(t, "rich", richWorld(t).world, map[string]string{
		"an account that fell":                  "explain account/acme",
		"an account whose source is down":       "explain account/bolt",
		"an account that a person overrides":    "explain account/acme-retail",
		"a page about an account that fell":     "account acme",
		"a playbook":                            "explain playbook/rescue",
		"a playbook that is suspended":          "explain playbook/happy",
		"a playbook on an account that fired":   "explain playbook/escalation --account acme",
		"a portfolio":                           "portfolio --since 10d -o wide",
		"an account that is not known":          "explain account/dust",
		"an account that is held":               "explain account/elm",
		"a playbook on an account that is held": "explain playbook/rescue --account elm",
	})
}

func TestExplainSaysWhatTheOperatorDoes(t *testing.T) {
	w := samplesWorld(t)
	f, _ := fleet.Load(w, samplesTime)
	if err := f.Step(samplesTime); err != nil {
		t.Fatal(err)
	}
	for _, pb := range w.Playbooks {
		e, err := explain.Playbook(w, pb.Name, samplesTime)
		if err != nil {
			t.Fatal(err)
		}
		held, said := map[string]v1alpha1.HeldReason{}, map[string]v1alpha1.HeldReason{}
		for _, h := range f.Held(pb.Name) {
			held[h.Account] = h.Reason
		}
		reasons := map[explain.State]v1alpha1.HeldReason{
			explain.Held: v1alpha1.HeldLimitReached, explain.Inhibited: v1alpha1.HeldInhibited, explain.Suspended: v1alpha1.HeldSuspended,
		}
		firing := map[string]bool{}
		for _, g := range e.Groups {
			for _, a := range g.Accounts {
				switch reason, ok := reasons[g.State]; {
				case ok:
					said[a.Name] = reason
				case g.State == explain.Firing:
					firing[a.Name] = true
				case g.State == explain.Starting || g.State == explain.Settling:
					t.Errorf("%s is said to be about to start on %s, and the operator has started all that it may", pb.Name, a.Name)
				}
			}
		}
		if diff := gocmp.Diff(held, said); diff != "" {
			t.Errorf("%s holds back (- does, + is said to):\n%s", pb.Name, diff)
		}
		for _, a := range w.Accounts {
			if open := f.Open(a.Name, pb.Name); open != firing[a.Name] {
				t.Errorf("%s on %s has an open run: %v, and is said to fire: %v", pb.Name, a.Name, open, firing[a.Name])
			}
		}
	}
}
