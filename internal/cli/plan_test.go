package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/preview"
	"github.com/perennial-dev/perennial/internal/snapshot"
)

const planSamples = "../../config/samples"

// planBranch is a clone of the samples in which texts are replaced: file, before, after, and so on.
func planBranch(t *testing.T, edits ...string) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(planSamples)); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(edits); i += 3 {
		file := filepath.Join(folder, edits[i])
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(text), edits[i+1]) != 1 {
			t.Fatalf("%s has not one %q", edits[i], edits[i+1])
		}
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), edits[i+1], edits[i+2], 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// runPlan runs the command without a cluster.
func runPlan(t *testing.T, progress bool, args ...string) (code int, out, errOut string) {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	var stdout, stderr bytes.Buffer
	code = Run(t.Context(), Env{
		IOStreams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr}, Clock: clocktesting.NewFakePassiveClock(planNow),
		Getenv: func(string) string { return "" }, Name: "perennial", Progress: progress,
	}, append([]string{"plan"}, args...))
	return code, stdout.String(), stderr.String()
}

// higher is a change that moves an account.
var higher = []string{"model-enterprise.yaml", "{name: AtRisk, min: 40}", "{name: AtRisk, min: 62}"}

func TestPlanEndsWithACode(t *testing.T) {
	twoNamespaces := filepath.Join(t.TempDir(), "two.yaml")
	const notifier = "apiVersion: perennial.dev/v1alpha1\nkind: Notifier\nmetadata: {name: a, namespace: one}\nspec: {cloudEvents: {url: 'https://example.com'}}\n"
	if err := os.WriteFile(twoNamespaces, []byte(notifier+"---\n"+strings.Replace(notifier, "namespace: one", "namespace: two", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"nothing changes":                       {[]string{"-k", planSamples, "--against", planSamples}, ExitOK, `^Nothing changes\.\n`},
		"an account moves":                      {[]string{"-k", planBranch(t, higher...), "--against", planSamples}, ExitChanges, `^1 account moves down to Critical \(ARR 233,000\); 1 run of rescue waits for its time\.\n`},
		"further ahead the run has begun":       {[]string{"-k", planBranch(t, higher...), "--against", planSamples, "--ahead", "7d"}, ExitChanges, `1 run of rescue starts`},
		"at the moment itself nothing has":      {[]string{"-k", planBranch(t, higher...), "--against", planSamples, "--ahead", "0s"}, ExitChanges, `^1 account moves down to Critical \(ARR 233,000\)\.\n`},
		"a folder of files":                     {[]string{"-f", planBranch(t, higher...), "--against", planSamples}, ExitChanges, "AtRisk.*62"},
		"another moment":                        {[]string{"-k", planSamples, "--against", planSamples, "--now", "2027-02-01"}, ExitOK, "2027-02-01 00:00 UTC"},
		"the schema forbids it":                 {[]string{"-k", planBranch(t, "model-enterprise.yaml", "min: 70}", `min: "70"}`), "--against", planSamples}, ExitError, `(?s)would refuse the files:\n.*model-enterprise.yaml:\d+:\d+: .*perennial lint`},
		"no files":                              {nil, ExitError, "-f FILE or -k FOLDER"},
		"a word too many":                       {[]string{"config"}, ExitError, "-f config"},
		"a folder that is not there":            {[]string{"-f", "nowhere"}, ExitError, "nowhere"},
		"a form that there is not":              {[]string{"-f", planSamples, "-o", "html"}, ExitError, "markdown"},
		"a moment that is none":                 {[]string{"-f", planSamples, "--now", "soon"}, ExitError, "--now soon"},
		"a length that is none":                 {[]string{"-f", planSamples, "--ahead", "1 day"}, ExitError, "--ahead"},
		"files of two namespaces":               {[]string{"-f", twoNamespaces, "--against", planSamples}, ExitError, "one and two: say with -n"},
		"files of two namespaces, and one said": {[]string{"-f", twoNamespaces, "--against", twoNamespaces, "-n", "two"}, ExitOK, "Nothing changes"},
		"a folder, and prune":                   {[]string{"-f", planSamples, "--against", planSamples, "--prune"}, ExitError, "--prune is for a plan against the cluster"},
		"a folder, and both kinds of files":     {[]string{"-f", planSamples, "-k", planSamples, "--against", planSamples}, ExitError, "not with both"},
		"no cluster":                            {[]string{"-k", planSamples}, ExitError, "no cluster to ask|no configuration|connect"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := runPlan(t, false, test.args...)
			if code != test.code || !regexp.MustCompile(test.says).MatchString(out+errOut) {
				t.Errorf("exit code %d, want %d; no %q in:\n%s%s", code, test.code, test.says, out, errOut)
			}
			if (code == ExitError) != (errOut != "") || code == ExitError && out != "" {
				t.Errorf("what went wrong goes to the error stream, and nothing else:\n%s---\n%s", out, errOut)
			}
		})
	}
}

func TestPlanShowsProgressOnATerminalAlone(t *testing.T) {
	_, out, errOut := runPlan(t, true, "-k", planSamples, "--against", planSamples)
	if !strings.Contains(errOut, "Working out what happens to 40 accounts …") || !strings.HasSuffix(errOut, "\r\x1b[K") || strings.Contains(out, "\x1b") {
		t.Errorf("progress is %q", errOut)
	}
}

// TestARedactedPlanOfTheSamplesNamesNoneOfThem looks for everything that the CRM knows.
func TestARedactedPlanOfTheSamplesNamesNoneOfThem(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(planSamples, "data", "crm.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	head := planBranch(t, "accountset-customers.yaml", `owner: "${row.csm}"`, `owner: "${row.manager}"`, higher[0], higher[1], higher[2],
		"data/crm.csv", "0016g00241,Alder Freight,", "0016g99999,Newcomer Ltd,")
	secrets := []string{"newcomer", "0016g99999", "@example", "example.com"}
	for _, row := range rows[1:] {
		secrets = append(secrets, row[0], strings.ToLower(row[1]), strings.ReplaceAll(strings.ToLower(row[1]), " ", "-"))
		if arr, err := strconv.ParseInt(row[7], 10, 64); err != nil || arr > 2100 { // of years there are some
			secrets = append(secrets, row[7], planNumber(arr))
		}
		secrets = append(secrets, strings.Fields(row[11])...)
	}
	for _, form := range []string{formatTable, formatWide, formatMarkdown, formatCSV, formatJSON, formatYAML} {
		code, out, errOut := runPlan(t, false, "-k", head, "--against", planSamples, "--ahead", "7d", "--redact", "-o", form)
		if code != ExitChanges || errOut != "" || !strings.Contains(out, "account 1") {
			t.Fatalf("exit code %d:\n%s%s", code, out, errOut)
		}
		out = strings.ToLower(strings.ReplaceAll(out, invisible, ""))
		for _, secret := range secrets {
			if i := strings.Index(out, secret); i >= 0 {
				t.Errorf("-o %s says %q: %q", form, secret, out[max(0, i-60):min(len(out), i+60)])
			}
		}
	}
}

// planSnapshot writes a snapshot of the samples' configuration with one account of a set and one of a file.
func planSnapshot(t *testing.T) string {
	t.Helper()
	account := func(name, set string) *v1alpha1.Account {
		a := &v1alpha1.Account{}
		a.Name, a.Namespace, a.UID, a.Generation = name, "default", "1", 1
		if set != "" {
			a.Labels = map[string]string{v1alpha1.LabelAccountSet: set}
		}
		return a
	}
	gone := &v1alpha1.Playbook{}
	gone.Name, gone.Namespace, gone.Generation, gone.UID = "gone", "default", 1, "2"
	gone.Spec.Triggers = []v1alpha1.Trigger{{Name: "low", Score: &v1alpha1.ScoreTrigger{AtMost: new(int32(1))}}}
	gone.Spec.Steps = []v1alpha1.PlaybookStep{{Name: "a", Title: "a"}}
	w := &fleet.World{Namespace: "default", Accounts: []*v1alpha1.Account{account("by-hand", ""), account("by-set", "customers")}, Playbooks: []*v1alpha1.Playbook{gone}}
	var b bytes.Buffer
	if err := snapshot.Write(&b, &snapshot.Snapshot{Time: planNow, World: w, From: snapshot.Statuses}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "snapshot")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPlanOnASnapshot(t *testing.T) {
	file := planSnapshot(t)
	const playbook = planSamples + "/playbook-check-in.yaml"
	changed := func(args ...string) []string {
		t.Helper()
		code, out, errOut := runPlan(t, false, append(args, "--snapshot", file, "-o", "json")...)
		if code != ExitChanges {
			t.Fatalf("exit code %d: %s", code, errOut)
		}
		r := &planReport{}
		if err := json.Unmarshal([]byte(out), r); err != nil {
			t.Fatal(err)
		}
		if want := "a snapshot of 2026-11-22 15:40 UTC (the statuses in the cluster)"; r.FactsFrom != want {
			t.Errorf("facts are from %q, want %q", r.FactsFrom, want)
		}
		var lines []string
		for _, c := range r.Config {
			lines = append(lines, string(c.Action)+" "+c.Kind+"/"+c.Name)
		}
		for _, c := range r.Changed {
			lines = append(lines, string(c.Action)+" Account/"+c.Name)
		}
		for _, name := range r.NotInFiles {
			lines = append(lines, "left "+name)
		}
		return lines
	}
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"what the files lack stays, and is told": {[]string{"-f", playbook}, []string{"Created Playbook/check-in", "left Playbook/gone"}},
		"what the files lack goes with prune":    {[]string{"-f", playbook, "--prune"}, []string{"Created Playbook/check-in", "Deleted Playbook/gone"}},
		"two folders are complete":               {[]string{"-f", playbook, "--against", planSamples + "/playbook-rescue.yaml"}, []string{"Created Playbook/check-in", "Deleted Playbook/rescue"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, changed(test.args...)); diff != "" {
				t.Error(diff)
			}
		})
	}
	code, _, errOut := runPlan(t, false, "-f", playbook, "--snapshot", file, "-n", "other")
	if code != ExitError || !strings.Contains(errOut, "namespace default") {
		t.Errorf("another namespace: exit code %d: %s", code, errOut)
	}
}

func TestOldFactsAreDoubted(t *testing.T) {
	p := nothingChanges()
	p.Facts = []preview.Facts{{Source: "a", ReadTime: planAt(-planOld), Age: "1d"}}
	if warnings := newPlanReport(p, "").ageWarnings(); len(warnings) > 0 {
		t.Errorf("a day is not old: %v", warnings)
	}
	for range 7 {
		p.Facts = append(p.Facts, preview.Facts{Source: "b", ReadTime: planAt(-2 * planOld), Age: "2d"})
	}
	if warnings := newPlanReport(p, "").ageWarnings(); len(warnings) != 1 || !strings.Contains(warnings[0], "b (2d) and 2 more are older") {
		t.Errorf("warnings are %v", warnings)
	}
}
