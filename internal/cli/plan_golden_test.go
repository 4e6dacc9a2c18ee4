package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/internal/preview"
)

var updatePlan = flag.Bool("update-plan", false, "write the golden files of plan anew")

// planFixtures are previews that the forms are tried on.
var planFixtures = map[string]func() *preview.Preview{
	"nothing changes": nothingChanges, "three changes": threeChanges, "3000 changes": manyChanges, "no data yet": noData,
	"problems": withProblems, "accounts come and go": accountsComeAndGo,
}

// fixtureReport is the report of a fixture, as the command makes it.
func fixtureReport(p *preview.Preview, redacted bool) *planReport {
	r := newPlanReport(p, "the operator")
	r.Warnings = r.ageWarnings()
	if redacted {
		r = newRedactor(r).report(r)
	}
	return r
}

// inForm writes a report.
func inForm(t *testing.T, r *planReport, form string) string {
	t.Helper()
	var b bytes.Buffer
	o := &planOptions{app: &app{}, out: &output{format: form}}
	o.Out = &b
	if err := o.write(r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// golden compares a text with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "plan", strings.ReplaceAll(name, " ", "-"))
	if *updatePlan {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (- want, + got); go test -update-plan writes it anew:\n%s", file, diff)
	}
}

func TestPlanInEachForm(t *testing.T) {
	for name, fixture := range planFixtures {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".md", inForm(t, fixtureReport(fixture(), false), formatMarkdown))
			golden(t, name+".txt", inForm(t, fixtureReport(fixture(), false), formatTable))
			if name == "3000 changes" {
				return // a file of all of them would say nothing that the others do not
			}
			golden(t, name+".wide.txt", inForm(t, fixtureReport(fixture(), false), formatWide))
			golden(t, name+".redacted.md", inForm(t, fixtureReport(fixture(), true), formatMarkdown))
			golden(t, name+".csv", inForm(t, fixtureReport(fixture(), false), formatCSV))
			golden(t, name+".json", inForm(t, fixtureReport(fixture(), false), formatJSON))
			golden(t, name+".redacted.yaml", inForm(t, fixtureReport(fixture(), true), formatYAML))
		})
	}
}

func TestPlanOf3000ChangesFitsAComment(t *testing.T) {
	text := inForm(t, fixtureReport(manyChanges(), false), formatMarkdown)
	if len(text) > planMarkdownLimit || len(text) < planMarkdownLimit/10 {
		t.Errorf("%d bytes, of at most %d", len(text), planMarkdownLimit)
	}
	if !strings.HasPrefix(text, planMarker+"\n") {
		t.Error("the first line is not the marker")
	}
	if open, closed := strings.Count(text, "<details>"), strings.Count(text, "</details>"); open != closed || open == 0 {
		t.Errorf("%d lists are folded, and %d end", open, closed)
	}
	short := inForm(t, fixtureReport(manyChanges(), false), formatTable)
	if lines := strings.Count(short, "\n"); lines > 200 {
		t.Errorf("the table is of %d lines", lines)
	}
	if !strings.Contains(short, "… and 980 more: -o wide or -o json") {
		t.Error("the table does not say what it leaves out")
	}
	if all := inForm(t, fixtureReport(manyChanges(), false), formatWide); strings.Count(all, "\n") < 3000 || strings.Contains(all, " more: -o wide") {
		t.Error("the wide table leaves something out")
	}
	if rows := strings.Count(inForm(t, fixtureReport(manyChanges(), false), formatCSV), "\n"); rows != 3001 {
		t.Errorf("%d lines of CSV, want 3,000 and a header", rows)
	}
}

// hostile is a name that somebody outside gave himself.
const hostile = "</details>\n\n# Hi @octocat @org/team &#64;octocat <img src=x onerror=alert(1)> | `x` **b** [a](javascript:1) ![i](http://e/) #12 www.e.com ```\n-->\x1b[31m \u202e"

func TestPlanMarkdownTakesNoOrdersFromNames(t *testing.T) {
	r := fixtureReport(fillPreview(hostile), false)
	r.Warnings, r.NotInFiles, r.FactsFrom = []string{hostile}, []string{hostile}, hostile
	text := inForm(t, r, formatMarkdown)
	text, _ = strings.CutPrefix(text, planMarker)
	parts := strings.Split(text, "\n```") // code: no Markdown, and no mention either
	if len(parts) != 3 {
		t.Fatalf("there are %d fences, want two", len(parts)-1)
	}
	if strings.Contains(parts[1], "```") || regexp.MustCompile(`@\w`).MatchString(parts[1]) {
		t.Errorf("the code ends early, or mentions somebody:\n%s", parts[1])
	}
	text = strings.ReplaceAll(parts[0]+parts[2], invisible, "\u200b")
	for what, pattern := range map[string]string{
		"a mention":                    `@\w`,
		"an entity that is none of us": `&#(?:64|x40)`,
		"HTML":                         `<(?:img|/?script|!--)`,
		"a link":                       `[^\\]\]\(|https?://|www\.e`,
		"a reference":                  `#\d`,
		"a control character":          `[\x00-\x08\x0b-\x1f\x{202a}-\x{202e}]`,
		"a heading":                    `(?m)^#+ Hi`,
		"code":                         "[^\\\\]``",
	} {
		if found := regexp.MustCompile(pattern).FindString(text); found != "" {
			t.Errorf("there is %s: %q", what, found)
		}
	}
	if open, closed := strings.Count(text, "<details>"), strings.Count(text, "</details>"); open != closed {
		t.Errorf("%d lists are folded, and %d end", open, closed)
	}
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "|") && !strings.HasSuffix(line, "|") {
			t.Errorf("a table ends within a row: %s", line)
		}
	}
	for _, form := range []string{formatTable, formatWide} {
		if screen := inForm(t, r, form); strings.ContainsAny(screen, "\x1b\u202e") {
			t.Errorf("-o %s sends orders to the terminal", form)
		}
	}
}

func TestPlanMarkdownIsShortWhateverComes(t *testing.T) {
	long := strings.Repeat("ü<@#", 4000)
	r := fixtureReport(fillPreview(long), false)
	for range 200 {
		r.Config = append(r.Config, r.Config[0])
		r.Problems = append(r.Problems, r.Problems[0])
		r.Warnings = append(r.Warnings, long)
		r.NotInFiles = append(r.NotInFiles, long)
		r.Bands = append(r.Bands, r.Bands[0])
		move := r.Moves[0]
		move.After.Band = strings.Repeat("x", len(r.Moves)) // a table for each
		r.Moves = append(r.Moves, move)
	}
	text := inForm(t, r, formatMarkdown)
	if len(text) > planMarkdownLimit {
		t.Errorf("%d bytes, of at most %d", len(text), planMarkdownLimit)
	}
	if !strings.Contains(text, "cut to keep this comment short") {
		t.Error("it does not say that it is cut")
	}
}
