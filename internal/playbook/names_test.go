package playbook_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

func TestRunName(t *testing.T) {
	long := strings.Repeat("a", 40)
	for name, c := range map[string]struct {
		account, playbook string
		sequence          int64
		want              string
	}{
		"short names are kept whole":                      {"acme", "rescue", 3, `^acme-rescue-[0-9a-f]{10}$`},
		"long names are cut to leave room for the hash":   {long, long, 1, `^a{40}-a{11}-[0-9a-f]{10}$`},
		"a cut that ends in a dash does not double it":    {strings.Repeat("a", 51), "rescue", 1, `^a{51}-[0-9a-f]{10}$`},
		"a cut that ends in a dot leaves the dot out":     {strings.Repeat("a", 51) + ".com", "rescue", 1, `^a{51}-[0-9a-f]{10}$`},
		"dots of an account's name stay":                  {"acme.example.com", "rescue", 1, `^acme\.example\.com-rescue-[0-9a-f]{10}$`},
		"a playbook's name that does not fit is cut away": {strings.Repeat("a", 60), "rescue", 1, `^a{52}-[0-9a-f]{10}$`},
	} {
		t.Run(name, func(t *testing.T) {
			got := playbook.RunName(c.account, c.playbook, c.sequence)
			if !regexp.MustCompile(c.want).MatchString(got) {
				t.Errorf("got %s, want a match of %s", got, c.want)
			}
		})
	}
}

func TestTheRunNameNeverChangesFromOneReleaseToTheNext(t *testing.T) {
	// A restored backup finds its runs by this name: another hash would make their work twice.
	same(t, "name", "acme-rescue-0043f9a960", playbook.RunName("acme", "rescue", 3))
	same(t, "name", "acme-rescue-72886fbb58", playbook.PeriodRunName("acme", "rescue", "qbr", "2026-10-29"))
}

func TestRunNamesDoNotCollideWhereNamesRunTogether(t *testing.T) {
	seen := map[string]string{}
	for _, c := range [][2]string{{"a", "b-c"}, {"a-b", "c"}, {"a-b-c", "c"}, {"a", "b-c-c"}} {
		for sequence := range int64(12) {
			key := fmt.Sprint(c, sequence)
			name := playbook.RunName(c[0], c[1], sequence)
			if other, ok := seen[name]; ok {
				t.Errorf("%s and %s are both named %s", key, other, name)
			}
			seen[name] = key
		}
	}
}

func TestTaskName(t *testing.T) {
	run := playbook.RunName("acme", "rescue", 3)
	for name, c := range map[string]struct {
		run  string
		step v1alpha1.StepName
		want string
	}{
		"a short name is the run's and the step's":  {run, "call", "^" + run + "-call$"},
		"underscores become dashes, told by a hash": {run, "call_a", "^" + run + "-call-a-[0-9a-f]{10}$"},
		"a name that does not fit is cut":           {strings.Repeat("r", 60), "call", `^r{52}-[0-9a-f]{10}$`},
		"a name of exactly the length is not cut":   {strings.Repeat("r", 58), "call", `^r{58}-call$`},
		"a name of one character more is cut":       {strings.Repeat("r", 59), "call", `^r{52}-[0-9a-f]{10}$`},
	} {
		t.Run(name, func(t *testing.T) {
			got := playbook.TaskName(c.run, c.step)
			if !regexp.MustCompile(c.want).MatchString(got) {
				t.Errorf("got %s, want a match of %s", got, c.want)
			}
		})
	}
}

func TestLabelValue(t *testing.T) {
	same(t, "a name of 63 characters", strings.Repeat("a", 63), playbook.LabelValue(strings.Repeat("a", 63)))
	long := playbook.LabelValue(strings.Repeat("a", 64))
	if len(long) != 63 || long == playbook.LabelValue(strings.Repeat("a", 65)) {
		t.Errorf("longer names are cut to 63 characters and told apart, got %s", long)
	}
}

func TestMadeNamesAreValidAndToldApart(t *testing.T) {
	object := rapid.StringMatching(`[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?){0,4}`)
	step := rapid.Custom(func(t *rapid.T) v1alpha1.StepName {
		return v1alpha1.StepName(rapid.StringMatching(`[a-z]([a-z0-9_-]{0,38}[a-z0-9])?`).Draw(t, "step"))
	})
	rapid.Check(t, func(t *rapid.T) {
		account, pb := object.Draw(t, "account"), object.Draw(t, "playbook")
		run := playbook.RunName(account, pb, rapid.Int64Range(1, 1<<40).Draw(t, "sequence"))
		a, b := step.Draw(t, "a"), step.Draw(t, "b")
		for _, name := range []string{run, playbook.TaskName(run, a), playbook.LabelValue(account)} {
			if len(name) > 63 || len(validation.IsDNS1123Subdomain(name)) > 0 || len(validation.IsValidLabelValue(name)) > 0 {
				t.Fatalf("%q is no object's name and label value of 63 characters", name)
			}
		}
		if a != b && playbook.TaskName(run, a) == playbook.TaskName(run, b) {
			t.Fatalf("steps %s and %s share a task's name", a, b)
		}
	})
}
