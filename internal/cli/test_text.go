package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/internal/unittest"
	"github.com/perennial-dev/perennial/internal/value"
)

// maxFailures is how many steps of one test are told in full. One mistake often shows in all that follow.
const maxFailures = 5

// printTestText writes what came of the tests for a person.
func (a *app) printTestText(report *testReport, o *testOptions) error {
	var b strings.Builder
	for i := range report.Files {
		a.writeTestedFile(&b, &report.Files[i], o.verbose)
	}
	if o.coverage {
		if err := a.writeTestCoverage(&b, report.Coverage); err != nil {
			return err
		}
	}
	b.WriteString(a.testSummary(report) + "\n")
	_, err := io.WriteString(a.Out, b.String())
	return err
}

// testSummary counts: 12 passed, 1 failed.
func (a *app) testSummary(report *testReport) string {
	parts := []string{a.paint(paintGood, fmt.Sprintf("%d passed", report.Passed))}
	if report.Failed > 0 {
		parts = append(parts, a.paint(paintBad, fmt.Sprintf("%d failed", report.Failed)))
	}
	switch {
	case report.Errors == 1:
		parts = append(parts, a.paint(paintBad, "1 file cannot be tested"))
	case report.Errors > 1:
		parts = append(parts, a.paint(paintBad, fmt.Sprintf("%d files cannot be tested", report.Errors)))
	}
	return strings.Join(parts, ", ")
}

// writeTestedFile writes one line of a file whose tests pass, and all that is wrong with one that has others.
func (a *app) writeTestedFile(b *strings.Builder, f *testedFile, verbose bool) {
	failed := 0
	for i := range f.Tests {
		if !f.Tests[i].Passed {
			failed++
		}
	}
	switch {
	case f.Error != "":
		fmt.Fprintf(b, "%s  %s\n%s\n", a.paint(paintBad, "ERROR"), f.File, indentTest("  ", f.Error))
		return
	case failed > 0:
		fmt.Fprintf(b, "%s   %s  %s\n", a.paint(paintBad, "FAIL"), f.File, a.paint(paintFaint, fmt.Sprintf("%d of %d tests", failed, len(f.Tests))))
	default:
		fmt.Fprintf(b, "%s     %s  %s\n", a.paint(paintGood, "ok"), f.File, a.paint(paintFaint, testCount(len(f.Tests), "test")))
	}
	for i := range f.Tests {
		a.writeTestedCase(b, f.File, &f.Tests[i], verbose)
	}
	if failed > 0 || verbose {
		b.WriteString("\n")
	}
}

// writeTestedCase writes a test that failed; with verbose any, and how things stood at each step.
func (a *app) writeTestedCase(b *strings.Builder, file string, t *testedCase, verbose bool) {
	switch {
	case !t.Passed:
		fmt.Fprintf(b, "\n  %s %s\n", a.paint(paintBad, "✗"), a.paint(paintStrong, t.Name))
	case verbose:
		fmt.Fprintf(b, "\n  %s %s\n", a.paint(paintGood, "✓"), t.Name)
	default:
		return
	}
	if verbose {
		for _, m := range t.moments {
			a.writeMoment(b, m)
		}
	}
	for i := range t.Failures {
		if i == maxFailures {
			fmt.Fprintf(b, "    and at %s more\n", testCount(len(t.Failures)-i, "step"))
			break
		}
		a.writeTestFailure(b, file, &t.Failures[i])
	}
	if t.Error != "" {
		b.WriteString(indentTest("    ", t.Error) + "\n")
		fmt.Fprintf(b, "    %s\n", a.paint(paintBad, "the test cannot go on"))
	}
}

// writeMoment writes how things stood at a step.
func (a *app) writeMoment(b *strings.Builder, m unittest.Moment) {
	fmt.Fprintf(b, "    %s %s\n", m.Time.UTC().Format("Mon 2006-01-02 15:04:05"), a.paint(paintFaint, testSpan(m.Since)))
	for _, line := range m.Lines {
		b.WriteString(indentTest("      ", line) + "\n")
	}
}

// writeTestFailure writes what was otherwise at one step, and what led to it.
func (a *app) writeTestFailure(b *strings.Builder, file string, f *testFailure) {
	at := f.Time.UTC().Format("Mon 2006-01-02 15:04:05")
	fmt.Fprintf(b, "    %s:%d: step %d, %s at %s %s\n", file, f.Line, f.Step, f.Account, at, a.paint(paintFaint, "("+f.Since+")"))
	width := 0
	for _, d := range f.Differences {
		width = max(width, cellWidth(d.Field))
	}
	for _, d := range f.Differences {
		pad := strings.Repeat(" ", width-cellWidth(d.Field))
		fmt.Fprintf(b, "      %s%s  want %s\n", d.Field, pad, a.paint(paintGood, testOneLine(d.Want)))
		fmt.Fprintf(b, "      %s  got  %s\n", strings.Repeat(" ", width), a.paint(paintBad, testOneLine(d.Got)))
	}
	for i, line := range f.Why {
		begin := "         "
		if i == 0 {
			begin = "    why: "
		}
		b.WriteString(a.paint(paintFaint, begin+testOneLine(line)) + "\n")
	}
}

// writeTestCoverage writes what tests have reached, and what not.
func (a *app) writeTestCoverage(b *strings.Builder, all []unittest.Covered) error {
	t := &table{columns: []column{{name: "OBJECT"}, {name: "REACHED", right: true}, {name: "NOT REACHED"}}}
	for _, c := range all {
		missed, kind := "", ""
		for _, part := range c.Missed {
			switch {
			case part.Kind == kind:
				missed += ", " + part.Name
			case kind == "":
				missed += part.Kind + " " + part.Name
			default:
				missed += "; " + part.Kind + " " + part.Name
			}
			kind = part.Kind
		}
		t.row(c.Kind+"/"+c.Name, fmt.Sprintf("%d/%d", c.Reached, c.Parts), missed)
	}
	b.WriteString("\n")
	if err := t.write(b, formatTable); err != nil {
		return err
	}
	b.WriteString("\n")
	return nil
}

// testSpan says how long after the start a step is: "at the start", "3d2h after the start".
func testSpan(d time.Duration) string {
	if d == 0 {
		return "at the start"
	}
	return string(value.FormatDuration(d)) + " after the start"
}

// testCount writes a number of things.
func testCount(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// testOneLine writes text without line breaks.
func testOneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// indentTest puts text before each line.
func indentTest(by, s string) string { return by + strings.ReplaceAll(s, "\n", "\n"+by) }
