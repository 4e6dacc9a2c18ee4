package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/perennial-dev/perennial/internal/preview"
)

// planRows is how many rows of a list a terminal shows without being asked for more.
const planRows = 20

// planSigns mark what happens to an object, as in a diff.
var planSigns = map[preview.Action]string{preview.Created: "+", preview.Updated: "~", preview.Deleted: "-"}

// writeText writes the report for a terminal. Without wide, lists are cut.
func (r *planReport) writeText(w io.Writer, wide bool) error {
	format, rows := formatTable, planRows
	if wide {
		format, rows = formatWide, int(^uint(0)>>1)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s; facts: %s.\n", planText(r.headline(), 1000), planText(r.subject(), 400), planText(r.factsLine(), 400))
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "Warning: %s.\n", planText(warning, 1000))
	}
	r.writeSection(&b, r.problemSection(), format, rows)
	r.writeConfig(&b, rows)
	for _, section := range r.sections() {
		r.writeSection(&b, section, format, rows)
	}
	if wide {
		r.writeSection(&b, r.factsSection(), format, rows)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// factsSection is how old what is known of each source is.
func (r *planReport) factsSection() planSection {
	if len(r.Facts) == 0 {
		return planSection{}
	}
	t := planColumns("SOURCE", "READ", "AGE>")
	for _, f := range r.Facts {
		read := "nobody knows when"
		if f.ReadTime != nil {
			read = planMoment(f.ReadTime)
		}
		t.row(planText(f.Source, planNameLimit), read, f.Age)
	}
	return planSection{title: "Facts: " + r.factsLine(), parts: []planPart{{table: t}}}.clean()
}

// writeSection writes a section with its tables indented.
func (r *planReport) writeSection(b *strings.Builder, s planSection, format string, rows int) {
	if len(s.parts) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", s.title)
	for i, part := range s.parts {
		if i > 0 {
			b.WriteString("\n")
		}
		if part.caption != "" {
			fmt.Fprintf(b, "  %s\n", part.caption)
		}
		shown, more := part.table.cut(rows)
		var text strings.Builder
		_ = shown.write(&text, format) // into memory, which does not fail
		for line := range strings.Lines(text.String()) {
			b.WriteString("  " + line)
		}
		if more > 0 {
			fmt.Fprintf(b, "  … and %s more: -o wide or -o json\n", planNumber(int64(more)))
		}
	}
}

// cut returns the first rows of a table, and how many there are beyond.
func (t *table) cut(rows int) (shown *table, more int) {
	if len(t.rows) <= rows {
		return t, 0
	}
	return &table{columns: t.columns, rows: t.rows[:rows]}, len(t.rows) - rows
}

// writeConfig writes what the change touches, field by field.
func (r *planReport) writeConfig(b *strings.Builder, rows int) {
	if len(r.Config) == 0 && len(r.NotInFiles) == 0 {
		return
	}
	fmt.Fprintf(b, "\nConfiguration: %s\n", planMany(len(r.Config), "object"))
	for i, c := range r.Config {
		if i == rows {
			fmt.Fprintf(b, "  … and %s more: -o wide or -o json\n", planNumber(int64(len(r.Config)-rows)))
			break
		}
		fmt.Fprintf(b, "  %s %s\n", planSigns[c.Action], planText(c.Kind+"/"+c.Name, planNameLimit))
		for _, f := range c.Fields {
			fmt.Fprintf(b, "      %s: %s\n", planText(f.Path, planNameLimit), planChange(f))
		}
		if c.More > 0 {
			fmt.Fprintf(b, "      … and %s more\n", planMany(c.More, "field"))
		}
		if c.Hint != "" {
			fmt.Fprintf(b, "      ! %s\n", planText(c.Hint, planHintLimit))
		}
	}
	if line := r.notInFilesLine(rows); line != "" {
		fmt.Fprintf(b, "  %s\n", line)
	}
}

// notInFilesLine says what is in the cluster, is not in the files, and stays.
func (r *planReport) notInFilesLine(limit int) string {
	if len(r.NotInFiles) == 0 {
		return ""
	}
	names, rest := r.NotInFiles, ""
	if len(names) > limit {
		names, rest = names[:limit], fmt.Sprintf(" and %s more", planNumber(int64(len(names)-limit)))
	}
	return fmt.Sprintf("Not in the files, and left as it is without --prune: %s%s.", planText(strings.Join(names, ", "), 4000), rest)
}

// planChange writes what was and what is.
func planChange(f preview.FieldChange) string {
	before, after := planText(f.Before, planValueLimit), planText(f.After, planValueLimit)
	switch {
	case before == "" && after == "":
		return "changed"
	case before == "":
		return "now " + after
	case after == "":
		return "no longer " + before
	}
	return before + " → " + after
}
