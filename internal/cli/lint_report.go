package cli

import (
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/perennial-dev/perennial/internal/lint"
	"github.com/perennial-dev/perennial/internal/manifest"
)

// lintReport is what lint found.
type lintReport struct {
	// Findings in the order of the files.
	Findings []lint.Finding `json:"findings"`
	// Objects that were checked.
	Objects int `json:"objects"`
	// Errors, Warnings and Notes are the numbers of findings.
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Notes    int `json:"notes"`
}

// newLintReport counts findings.
func newLintReport(set *manifest.Set, findings []lint.Finding) *lintReport {
	r := &lintReport{Findings: append([]lint.Finding{}, findings...)}
	for _, o := range set.Objects {
		if o.Ours() {
			r.Objects++
		}
	}
	for _, f := range findings {
		switch f.Severity {
		case lint.Error:
			r.Errors++
		case lint.Warning:
			r.Warnings++
		default:
			r.Notes++
		}
	}
	return r
}

// write writes the report in its form.
func (o *lintOptions) write(r *lintReport) error {
	switch o.out.format {
	case formatSARIF:
		return r.writeSARIF(o.Out)
	case formatGitHub:
		return r.writeGitHub(o.Out)
	case formatText:
		return o.writeLint(r)
	}
	return o.out.answer(o.Out, r, nil)
}

// writeLint writes a line for each finding, as compilers do, and one that counts them.
func (o *lintOptions) writeLint(r *lintReport) error {
	var b strings.Builder
	for _, f := range r.Findings {
		kind := paintFaint
		switch f.Severity {
		case lint.Error:
			kind = paintBad
		case lint.Warning:
			kind = paintWarn
		default:
			if !o.notes {
				continue
			}
		}
		b.WriteString(strings.Replace(f.String(), ": "+string(f.Severity)+": ", ": "+o.paint(kind, string(f.Severity))+": ", 1) + "\n")
	}
	fmt.Fprintf(&b, "%s, %s, %s", lintCount(r.Objects, "object"), lintCount(r.Errors, "error"), lintCount(r.Warnings, "warning"))
	if r.Notes > 0 {
		fmt.Fprintf(&b, ", %s", lintCount(r.Notes, "note"))
		if !o.notes {
			b.WriteString(" (--notes shows them)")
		}
	}
	_, err := io.WriteString(o.Out, b.String()+"\n")
	return err
}

// lintCount writes a number of things.
func lintCount(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// writeGitHub writes commands of GitHub Actions, which shows them at the lines of a pull request.
func (r *lintReport) writeGitHub(w io.Writer) error {
	text := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for _, f := range r.Findings {
		command := map[lint.Severity]string{lint.Error: "error", lint.Warning: "warning", lint.Note: "notice"}[f.Severity]
		at := "file=" + property.Replace(filepath.ToSlash(f.File))
		if f.Line > 0 {
			at += fmt.Sprintf(",line=%d", f.Line)
		}
		if f.Column > 0 {
			at += fmt.Sprintf(",col=%d", f.Column)
		}
		if _, err := fmt.Fprintf(w, "::%s %s,title=%s::%s\n", command, at, property.Replace("perennial lint "+f.Rule), text.Replace(lintText(f))); err != nil {
			return err
		}
	}
	return nil
}

// lintText is a finding without its place.
func lintText(f lint.Finding) string {
	about := strings.TrimSpace(f.Object + " " + f.Field)
	if about == "" {
		return f.Message
	}
	return about + ": " + f.Message
}

// lintURI is a file as a URI: relative where its path is.
func lintURI(file string) string {
	u := url.URL{Path: filepath.ToSlash(file)}
	if filepath.IsAbs(file) {
		u.Scheme = "file"
	}
	return u.String()
}

// writeSARIF writes the report as code scanners read it.
func (r *lintReport) writeSARIF(w io.Writer) error {
	run := sarif.NewRunWithInformationURI("perennial", "https://github.com/perennial-dev/perennial").WithColumnKind("unicodeCodePoints")
	for _, rule := range lint.Rules() {
		run.AddRule(rule.ID).WithDescription(rule.Text).
			WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(string(rule.Severity)))
	}
	for _, f := range r.Findings {
		place := sarif.NewPhysicalLocation().WithArtifactLocation(sarif.NewSimpleArtifactLocation(lintURI(f.File)))
		if f.Line > 0 {
			region := sarif.NewRegion().WithStartLine(f.Line)
			if f.Column > 0 {
				region.WithStartColumn(f.Column)
			}
			place.WithRegion(region)
		}
		run.CreateResultForRule(f.Rule).WithLevel(string(f.Severity)).WithMessage(sarif.NewTextMessage(lintText(f))).
			WithLocations([]*sarif.Location{sarif.NewLocationWithPhysicalLocation(place)})
	}
	report := sarif.NewReport()
	report.AddRun(run)
	if err := report.PrettyWrite(w); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
