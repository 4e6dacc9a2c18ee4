package lint_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/internal/lint"
	"github.com/perennial-dev/perennial/internal/manifest"
)

// update writes the golden files anew: go test ./internal/lint -update. Read what has changed before you keep it.
var update = flag.Bool("update", false, "write the golden files anew")

// load reads files.
func load(t *testing.T, o manifest.Options) *manifest.Set {
	t.Helper()
	set, err := manifest.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// lines are findings as the program prints them.
func lines(found []lint.Finding) string {
	var b strings.Builder
	for _, f := range found {
		b.WriteString(f.String() + "\n")
	}
	return b.String()
}

// Each file of testdata breaks a rule, or some, beside things that are right. The golden file beside it has the findings.
func TestBadFilesAreToldAtTheirLines(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	broken := map[string]bool{}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			found := lint.Check(t.Context(), load(t, manifest.Options{Paths: []string{file}}), lint.Options{})
			for _, f := range found {
				broken[f.Rule] = true
				if f.Line == 0 || f.File != file {
					t.Errorf("without a place: %s", f)
				}
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(lines(found)), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), lines(found)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	for _, rule := range lint.Rules() {
		if !broken[rule.ID] {
			t.Errorf("no file breaks the rule %s", rule.ID)
		}
	}
	for id := range broken {
		if !slices.ContainsFunc(lint.Rules(), func(r lint.Rule) bool { return r.ID == id }) {
			t.Errorf("the rule %s is not listed", id)
		}
	}
}
