package gitops

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	fluxcel "github.com/fluxcd/pkg/runtime/cel"
	"github.com/fluxcd/pkg/ssa"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestFluxAppliesTheSamplesTwiceWithoutDrift(t *testing.T) {
	w := newWorld(t)
	w.commit("the samples", nil)
	for subject, action := range w.reconcile() {
		if action != ssa.CreatedAction {
			t.Errorf("first: %s %s", subject, action)
		}
	}
	w.begun()
	before := w.quiet()
	w.only(w.reconcile(), map[string]ssa.Action{})
	w.only(w.reconcile(), map[string]ssa.Action{})
	if diff := cmp.Diff(before, w.quiet()); diff != "" {
		t.Errorf("something was written meanwhile: before -, after +:\n%s", diff)
	}
	w.fluxNeverTouched(generated...)
	w.step("by the rules of the example and by kstatus all is well", w.allIsCurrent)
	w.step("what the API server gives fits the schemas", w.allFitsTheSchemas)
	w.step("a renamed AccountSet destroys nothing", w.renameSet)
	w.step("a renamed playbook is a new one, unless it says what it was called", w.renamePlaybooks)
	w.step("a file that moves changes nothing", w.moveFiles)
	w.fluxNeverTouched(generated...)
}

func TestFluxPrunesWhatIsGoneFromGit(t *testing.T) {
	w := newWorld(t)
	w.write("playbook-extra.yaml", extraPlaybook)
	w.edit("kustomization.yaml", "resources:\n", "resources:\n- playbook-extra.yaml\n")
	w.begin()
	w.step("a playbook and a set go and come back, and their work stays", w.prune)
	w.step("an account goes with its work", w.dropAccount)
	w.step("a source goes, and nobody moves", w.dropSource)
	w.fluxNeverTouched("PlaybookRun", "Task")
}

// allIsCurrent is about the rules of the example and about kstatus, which Flux asks where there are none.
func (w *world) allIsCurrent() {
	for _, kind := range kinds() {
		for _, obj := range w.list(kind) {
			if is, want := evaluate(w.t, &obj), status.CurrentStatus; is != want {
				w.t.Errorf("%s %s is %s", kind, obj.GetName(), is)
			}
			if is, err := status.Compute(&obj); err != nil || is.Status != status.CurrentStatus {
				w.t.Errorf("%s %s is %v by kstatus: %v", kind, obj.GetName(), is, err)
			}
		}
	}
}

// extraPlaybook has work at once, and no other playbook names it.
const extraPlaybook = `apiVersion: perennial.dev/v1alpha1
kind: Playbook
metadata: {name: extra}
spec:
  triggers: [{name: critical, band: {in: [Critical]}}]
  steps: [{name: look, title: Look at them}]
`

// fluxNeverTouched checks that Flux owns no field of these, and that its labels were not copied to them.
func (w *world) fluxNeverTouched(kinds ...string) {
	w.t.Helper()
	for _, kind := range kinds {
		for _, obj := range w.list(kind) {
			for _, entry := range obj.GetManagedFields() {
				if entry.Manager == fluxManager {
					w.t.Errorf("%s %s: Flux owns fields", kind, obj.GetName())
				}
			}
			for key := range obj.GetLabels() {
				if strings.HasPrefix(key, fluxGroup) || key == "app.kubernetes.io/part-of" {
					w.t.Errorf("%s %s has the label %s", kind, obj.GetName(), key)
				}
			}
			for key := range obj.GetAnnotations() {
				if strings.HasPrefix(key, fluxGroup) {
					w.t.Errorf("%s %s has the annotation %s", kind, obj.GetName(), key)
				}
			}
		}
	}
}

// evaluate is what Flux thinks of an object by the rules of the example; kinds that it does not apply have none.
func evaluate(t *testing.T, obj *unstructured.Unstructured) status.Status {
	t.Helper()
	rules := healthRules(t)
	at := slices.IndexFunc(rules, func(r kustomize.CustomHealthCheck) bool {
		return r.Kind == obj.GetKind() && r.APIVersion == obj.GetAPIVersion()
	})
	if at < 0 {
		if slices.Contains([]string{"PlaybookRun", "Task"}, obj.GetKind()) {
			return status.CurrentStatus
		}
		t.Fatalf("there is no rule for %s", obj.GetKind())
	}
	evaluator, err := fluxcel.NewStatusEvaluator(&rules[at].HealthCheckExpressions)
	if err != nil {
		t.Fatal(err)
	}
	result, err := evaluator.Evaluate(t.Context(), obj)
	if err != nil {
		t.Fatalf("%s %s: %v", obj.GetKind(), obj.GetName(), err)
	}
	return result.Status
}

// TestFluxAndArgoCDAgree goes through the objects that the health checks of Argo CD are tested with.
func TestFluxAndArgoCDAgree(t *testing.T) {
	settings := readSettings(t)
	files, err := filepath.Glob(filepath.Join(customizations, "perennial.dev", "_", "testdata", "*.yaml"))
	if err != nil || len(files) < 10 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		obj := parse(t, string(readFile(t, file)))[0]
		var plain map[string]any
		readYAML(t, file, &plain)
		argo, err := runLua(settings.key(t, "health", obj.GetKind()), plain)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]status.Status{
			"Healthy": status.CurrentStatus, "Suspended": status.CurrentStatus, "Progressing": status.InProgressStatus, "Degraded": status.FailedStatus,
		}[argo.(map[string]any)["status"].(string)]
		byKstatus, err := status.Compute(obj)
		if err != nil {
			t.Fatal(err)
		}
		if flux := evaluate(t, obj); flux != want || byKstatus.Status != want {
			t.Errorf("%s: Argo CD: %v, Flux: %s, kstatus: %s", file, argo, flux, byKstatus.Status)
		}
	}
}

func (w *world) prune() {
	before := w.uids(generated...)
	w.commit("a playbook with work in flight and the set go", func() {
		w.edit("kustomization.yaml", "- playbook-extra.yaml\n", "", "- accountset-customers.yaml\n", "")
		w.git("rm", "--quiet", folder+"/playbook-extra.yaml", folder+"/accountset-customers.yaml")
	})
	w.only(w.reconcile(), map[string]ssa.Action{
		"Playbook/extra": ssa.DeletedAction, "AccountSet/customers": ssa.DeletedAction,
	})
	w.wait()
	w.quiet()
	w.unchanged(before, generated...)
	for _, run := range w.list("PlaybookRun") {
		if state, _, _ := unstructured.NestedString(run.Object, "status", "state"); state != string(v1alpha1.RunActive) {
			w.t.Errorf("run %s is %s", run.GetName(), state)
		}
	}

	// It comes back as it was, and finds its work.
	w.commit("they come back", func() { w.git("revert", "--no-commit", "HEAD") })
	w.only(w.reconcile(), map[string]ssa.Action{
		"Playbook/extra": ssa.CreatedAction, "AccountSet/customers": ssa.CreatedAction,
	})
	w.wait()
	w.quiet()
	w.unchanged(before, generated...)
	w.fluxNeverTouched(generated...)
}

func (w *world) dropSource() {
	before, bands := w.uids(generated...), w.bands()
	w.commit("the source of usage goes, and its file", func() {
		w.edit("kustomization.yaml", "- datasource-usage.yaml\n", "", "- {name: usage, files: [data/usage.csv]}\n", "")
	})
	w.only(w.reconcile(), map[string]ssa.Action{"DataSource/usage": ssa.DeletedAction, "ConfigMap/usage": ssa.DeletedAction})
	w.until("the model waits for it", func() error {
		if is := evaluate(w.t, w.get("HealthScoreModel", "standard")); is != status.InProgressStatus {
			return fmt.Errorf("it is %s", is)
		}
		return nil
	})
	w.quiet()
	if diff := cmp.Diff(bands, w.bands()); diff != "" {
		w.t.Errorf("bands moved: before -, after +:\n%s", diff)
	}
	w.unchanged(before, generated...)
}

// bands are those of the accounts.
func (w *world) bands() map[string]string {
	w.t.Helper()
	bands := map[string]string{}
	for _, a := range w.list("Account") {
		bands[a.GetName()], _, _ = unstructured.NestedString(a.Object, "status", "health", "band")
	}
	return bands
}

func (w *world) renamePlaybooks() {
	before := w.uids(generated...)
	w.commit("three playbooks have better names", func() {
		// Those that name this one need not be edited.
		w.edit("playbook-onboarding.yaml", "name: onboarding\n", "name: welcome\n", "spec:\n", "spec:\n  previousNames: [onboarding]\n")
		w.edit("playbook-detractor.yaml", "name: detractor\n", "name: unhappy\n")
		w.edit("playbook-usage-drop.yaml", "name: usage-drop\n", "name: fewer-people\n", "spec:\n", "spec:\n  existing: Ignore\n")
		// Those that name them wait for what they name.
		for _, file := range []string{"advocacy", "check-in", "expansion"} {
			w.edit("playbook-"+file+".yaml", ", detractor", ", unhappy")
		}
		for _, file := range []string{"advocacy", "check-in", "expansion", "low-adoption", "rescue"} {
			w.edit("playbook-"+file+".yaml", ", usage-drop", ", fewer-people")
		}
		w.edit("playbook-usage-drop.yaml", ", detractor]", ", unhappy]")
	})
	w.reconcile()
	w.wait()
	w.until("the first begins anew", func() error {
		for _, run := range w.list("PlaybookRun") {
			if run.GetLabels()[v1alpha1.LabelPlaybook] == "unhappy" {
				return nil
			}
		}
		return fmt.Errorf("there is no run of it")
	})
	w.quiet()
	after := w.uids(generated...)
	for name, uid := range before {
		if after[name] != uid {
			w.t.Errorf("%s is gone or another one", name)
		}
	}
	for _, run := range w.list("PlaybookRun") {
		if run.GetLabels()[v1alpha1.LabelPlaybook] == "fewer-people" {
			w.t.Errorf("%s began, though the playbook ignores what is there", run.GetName())
		}
		if run.GetLabels()[v1alpha1.LabelPlaybook] == "welcome" {
			w.t.Errorf("%s began, though the playbook goes on where it was", run.GetName())
		}
	}
	for _, pb := range w.list("Playbook") {
		if active, _, _ := unstructured.NestedInt64(pb.Object, "status", "activeRuns"); pb.GetName() == "welcome" && active == 0 {
			w.t.Error("the renamed playbook has no work")
		}
	}
}

func (w *world) dropAccount() {
	w.commit("an account in trouble that is a file", func() {
		w.write("account-acme.yaml", strings.NewReplacer("NAME", "acme", "Adoption", "Onboarding").Replace(handMade))
		w.edit("kustomization.yaml", "resources:\n", "resources:\n- account-acme.yaml\n")
	})
	w.reconcile()
	w.wait()
	work := func() (n int) {
		for _, kind := range []string{"PlaybookRun", "Task"} {
			for _, obj := range w.list(kind) {
				if obj.GetLabels()[v1alpha1.LabelAccount] == "acme" {
					n++
				}
			}
		}
		return n
	}
	w.until("it has work", func() error {
		if n := work(); n < 2 {
			return fmt.Errorf("%d runs and tasks", n)
		}
		return nil
	})
	w.commit("it goes", func() { w.edit("kustomization.yaml", "- account-acme.yaml\n", "") })
	w.only(w.reconcile(), map[string]ssa.Action{"Account/acme": ssa.DeletedAction})
	w.until("its work is gone too", func() error {
		if n := work(); n > 0 {
			return fmt.Errorf("%d runs and tasks", n)
		}
		return nil
	})
}

func (w *world) moveFiles() {
	before := w.uids(kinds()...)
	versions := w.quiet()
	w.commit("folders", func() {
		for _, name := range []string{"playbook-renewal.yaml", "datasource-crm.yaml", "accountset-customers.yaml"} {
			if err := os.MkdirAll(filepath.Join(w.repo, folder, "moved"), 0o755); err != nil {
				w.t.Fatal(err)
			}
			w.git("mv", folder+"/"+name, folder+"/moved/"+name)
			w.edit("kustomization.yaml", "- "+name, "- moved/"+name)
		}
	})
	w.only(w.reconcile(), map[string]ssa.Action{})
	w.wait()
	if diff := cmp.Diff(versions, w.quiet()); diff != "" {
		w.t.Errorf("something was written: before -, after +:\n%s", diff)
	}
	w.unchanged(before, kinds()...)
}

func (w *world) renameSet() {
	before := w.uids(generated...)
	w.commit("the set has a better name", func() { w.edit("accountset-customers.yaml", "name: customers", "name: book-of-business") })
	w.only(w.reconcile(), map[string]ssa.Action{"AccountSet/book-of-business": ssa.CreatedAction, "AccountSet/customers": ssa.DeletedAction})
	w.wait()
	w.until("all accounts are the new set's", func() error {
		for _, a := range w.list("Account") {
			if set := a.GetLabels()[v1alpha1.LabelAccountSet]; set != "book-of-business" {
				return fmt.Errorf("account %s has the set %q", a.GetName(), set)
			}
		}
		return nil
	})
	w.quiet()
	w.unchanged(before, generated...)
}

// handMade is an account that is a file in git.
const handMade = `apiVersion: perennial.dev/v1alpha1
kind: Account
metadata: {name: NAME}
spec:
  displayName: Acme Corp
  touchModel: MidTouch
  lifecycleStage: Adoption
  owner: jo@example.com
`

// judge measures and overrides an account as a field manager: by server-side apply, as perennial does, else by a patch.
func (w *world) judge(account, manager string, apply bool) {
	w.t.Helper()
	text := fmt.Sprintf(`{"apiVersion": "perennial.dev/v1alpha1", "kind": "Account", "metadata": {"name": %q}, "spec": {
		"measurements": [{"name": "csm-sentiment", "value": "Good", "observedTime": "2026-11-01T09:00:00Z", "by": "jo@example.com"}],
		"healthOverride": {"band": "Critical", "reason": "sponsor left", "by": "jo@example.com", "until": %q}}}`,
		account, time.Now().AddDate(0, 0, 14).Format(time.DateOnly))
	u := parse(w.t, text)[0]
	if apply {
		if err := w.Apply(w.t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(manager)); err != nil {
			w.t.Fatal(err)
		}
		return
	}
	if err := w.Patch(w.t.Context(), u, client.RawPatch("application/merge-patch+json", []byte(text)), client.FieldOwner(manager)); err != nil {
		w.t.Fatal(err)
	}
}

// judged says which of the two judgements an account has.
func (w *world) judged(account string) (measured, overridden bool) {
	w.t.Helper()
	a := w.get("Account", account)
	_, measured, _ = unstructured.NestedSlice(a.Object, "spec", "measurements")
	_, overridden, _ = unstructured.NestedMap(a.Object, "spec", "healthOverride")
	return measured, overridden
}

func TestWhatPeopleEnterSurvivesFlux(t *testing.T) {
	cases := map[string]struct {
		account, manager string
		apply, survives  bool
	}{
		"perennial account override, on an account in git":         {"dune", "perennial-person", true, true},
		"kubectl with its field manager, on an account in git":     {"acme", "perennial-person", false, true},
		"kubectl edit, on an account in git":                       {"bolt", "kubectl-edit", false, false},
		"kubectl patch, on an account in git":                      {"cargo", "kubectl-patch", false, false},
		"kubectl apply --server-side, on an account in git":        {"echo", "kubectl", true, false},
		"perennial account override, on an account of the set":     {"alder-freight", "perennial-person", true, true},
		"kubectl edit, on an account of the set, which is no file": {"castellan-insurance", "kubectl-edit", false, true},
	}
	inGit := []string{"acme", "bolt", "cargo", "dune", "echo"}
	w := newWorld(t)
	w.commit("accounts that are files", func() {
		for _, name := range inGit {
			w.write("account-"+name+".yaml", strings.Replace(handMade, "NAME", name, 1))
			w.edit("kustomization.yaml", "resources:\n", "resources:\n- account-"+name+".yaml\n")
		}
	})
	w.reconcile()
	w.wait()
	for _, c := range cases {
		w.until("the account is there", func() error {
			return w.Get(t.Context(), client.ObjectKey{Name: c.account}, unstructuredAccount())
		})
		w.judge(c.account, c.manager, c.apply)
	}
	w.reconcile()
	w.wait()
	// Once more, with another change of the same objects.
	w.commit("a new owner", func() {
		for _, name := range inGit {
			w.edit("account-"+name+".yaml", "jo@example.com", "al@example.com")
		}
	})
	w.reconcile()
	w.wait()
	w.quiet()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if measured, overridden := w.judged(c.account); measured != c.survives || overridden != c.survives {
				t.Errorf("measurements: %v, override: %v", measured, overridden)
			}
			owner, _, _ := unstructured.NestedString(w.get("Account", c.account).Object, "spec", "owner")
			if is := owner == "al@example.com"; slices.Contains(inGit, c.account) && !is {
				t.Errorf("the owner is %s", owner)
			}
		})
	}
	w.step("an approval that was used is taken away, and stays used", w.approve)
}

func unstructuredAccount() *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Account"))
	return u
}

func (w *world) approve() {
	w.commit("nine customers of a sister company", func() {
		csv := string(readFile(w.t, filepath.Join(w.repo, folder, "data/crm.csv")))
		lines := strings.Split(strings.TrimSpace(csv), "\n")
		id, name, _ := strings.Cut(lines[1], ",")
		name, rest, _ := strings.Cut(name, ",")
		for i := range 9 {
			csv += fmt.Sprintf("%s-%d,%s %d,%s\n", id, i, name, i, rest)
		}
		w.write("data/crm.csv", csv)
	})
	w.only(w.reconcile(), map[string]ssa.Action{"ConfigMap/crm": ssa.ConfiguredAction})
	accounts := len(w.list("Account"))
	id := ""
	w.until("the change waits", func() error {
		var found bool
		if id, found, _ = unstructured.NestedString(w.get("AccountSet", "customers").Object, "status", "pending", "id"); !found {
			return fmt.Errorf("nothing is pending")
		}
		return nil
	})
	w.wait() // A change that waits for a person fails no rollout.
	approve := v1alpha1.AnnotationApprove + "=" + id
	if _, err := api.Get(w.t).RunKubectl(w.t.Context(), "annotate", "accountset", "customers", "-n", w.namespace, approve); err != nil {
		w.t.Fatal(err)
	}
	w.until("it was let through", func() error {
		if n := len(w.list("Account")); n != accounts+9 {
			return fmt.Errorf("%d accounts", n)
		}
		return nil
	})
	w.reconcile()
	if _, ok := w.get("AccountSet", "customers").GetAnnotations()[v1alpha1.AnnotationApprove]; ok {
		w.t.Error("what kubectl annotate wrote is still there")
	}
	w.wait()
	w.quiet()
	if n := len(w.list("Account")); n != accounts+9 {
		w.t.Errorf("%d accounts, want %d", n, accounts+9)
	}
}

func TestFluxWaitsForWhatIsNotThereAndStopsAtWhatCannotWork(t *testing.T) {
	w := newWorld(t)
	w.commit("a set before its source", func() {
		w.edit("kustomization.yaml", "- datasource-crm.yaml\n", "")
	})
	w.reconcile()
	w.until("the set waits", func() error {
		if is := evaluate(t, w.get("AccountSet", "customers")); is != status.InProgressStatus {
			return fmt.Errorf("the set is %s", is)
		}
		return nil
	})
	w.commit("the source, and a rule that cannot work", func() {
		w.edit("kustomization.yaml", "resources:\n", "resources:\n- datasource-crm.yaml\n")
		w.edit("model-standard.yaml", "metrics.support.open_p1 > 0", "metrics.support.open_p1 >")
	})
	w.reconcile()
	err := w.flux.WaitForSetWithContext(t.Context(), w.inventory, ssa.WaitOptions{Interval: 100 * time.Millisecond, Timeout: patience, FailFast: true})
	if err == nil || !strings.Contains(err.Error(), "HealthScoreModel/"+w.namespace+"/standard status: 'Failed'") {
		t.Errorf("want that the model failed, got: %v", err)
	}
	w.commit("the rule as it was", func() { w.edit("model-standard.yaml", "metrics.support.open_p1 >", "metrics.support.open_p1 > 0") })
	w.reconcile()
	w.wait()
}

func TestTheFluxExampleIsWhatTheTestsAreRunWith(t *testing.T) {
	k := readFlux(t)
	if !k.Spec.Prune || !k.Spec.Wait || k.Spec.Path != "./"+folder || k.Spec.PostBuild != nil {
		t.Errorf("the example is %+v", k.Spec)
	}
}
