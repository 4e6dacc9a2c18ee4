//go:build unix

package docs

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/score"
)

// commands returns the kubectl commands of a section, as a shell would read them.
func commands(text string) [][]string {
	var all [][]string
	for _, block := range blocksOf(text, "sh") {
		var words []string
		for _, word := range regexp.MustCompile(`'[^']*'|[^\s']+`).FindAllString(block, -1) {
			words = append(words, strings.Trim(word, "'"))
		}
		all = append(all, words[1:])
	}
	return all
}

// TestAnOverrideIsWhatThePageSays types the page's commands, and looks at what comes of them.
func TestAnOverrideIsWhatThePageSays(t *testing.T) {
	c := api.Get(t)
	e := newExample(t)
	e.play()
	manifest, err := yaml.Marshal(map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "Account", "metadata": map[string]any{"name": e.account.Name}, "spec": e.account.Spec,
	})
	if err != nil {
		t.Fatal(err)
	}
	file := t.TempDir() + "/account.yaml"
	if err := os.WriteFile(file, manifest, 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl := func(args ...string) string {
		t.Helper()
		out, err := c.RunKubectl(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	kubectl("apply", "-f", file)
	defer kubectl("delete", "-f", file)
	patches := commands(section(t, "When you know better"))
	if len(patches) != 2 {
		t.Fatalf("the section has %d commands, not two", len(patches))
	}

	kubectl(patches[0]...)
	read := &v1alpha1.Account{}
	if err := yaml.Unmarshal([]byte(kubectl("get", "account", e.account.Name, "-o", "yaml", "--show-managed-fields")), read); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(read.ManagedFields, func(f metav1.ManagedFieldsEntry) bool { return f.Manager == "perennial-person" }) {
		t.Errorf("the field is not the person's: %v", read.ManagedFields)
	}
	e.account.Spec.HealthOverride = read.Spec.HealthOverride
	got := e.see(tuesday().Add(time.Hour), nil)
	if o := got.Override; o == nil || got.Band != "Critical" || o.ComputedBand != "Healthy" || *got.Score != 59 || o.By != "jo@example.com" {
		t.Errorf("with the override the band is %s, the score %d: %v", got.Band, *got.Score, o)
	}
	got = e.see(tuesday().Add(2*time.Hour), map[string]string{"open_tickets": "12", "escalated": "No"})
	wantSentence(t, section(t, "When you know better"), "a score of that time is `Critical(override)` in the history")
	if last := got.History[len(got.History)-1]; !strings.Contains(last, " Critical(override) ") {
		t.Errorf("the history says %q", last)
	}
	lastDay := time.Date(2026, 12, 1, 23, 59, 59, 0, time.UTC)
	if state := e.model.Override(e.account, lastDay, nil); state != score.OverrideHolds {
		t.Errorf("on its last day the override is in state %d", state)
	}
	if state := e.model.Override(e.account, lastDay.Add(time.Second), nil); state != score.OverrideExpired {
		t.Errorf("the day after, the override is in state %d", state)
	}
	if got := e.see(lastDay.Add(time.Second), nil); got.Override != nil || got.Band == "Critical" {
		t.Errorf("the day after, the band is %s: %v", got.Band, got.Override)
	}

	kubectl(patches[1]...)
	if left := kubectl("get", "account", e.account.Name, "-o", "jsonpath={.spec.healthOverride}"); left != "" {
		t.Errorf("the override is still there: %s", left)
	}
}
