package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// The forms that -o names.
const (
	formatTable    = "table"
	formatWide     = "wide"
	formatJSON     = "json"
	formatYAML     = "yaml"
	formatMarkdown = "markdown"
	formatCSV      = "csv"
)

// output says in which form a command answers.
type output struct {
	format  string
	allowed []string
}

// addOutput adds the flag -o. A command names the forms it has; none means all of them.
func addOutput(c *cobra.Command, allowed ...string) *output {
	if len(allowed) == 0 {
		allowed = []string{formatTable, formatWide, formatJSON, formatYAML, formatMarkdown, formatCSV}
	}
	o := &output{format: allowed[0], allowed: allowed}
	c.Flags().StringVarP(&o.format, "output", "o", allowed[0], "Form of the answer: "+strings.Join(allowed, ", ")+".")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp))
	return o
}

// check refuses a form that the command does not have.
func (o *output) check() error {
	if !slices.Contains(o.allowed, o.format) {
		return fmt.Errorf("-o %s: there is no such form here; use %s", o.format, strings.Join(o.allowed, ", "))
	}
	return nil
}

// answer writes an answer: whole as JSON or YAML, else as its table.
func (o *output) answer(w io.Writer, whole any, table func() *table) error {
	switch o.format {
	case formatJSON:
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(whole)
	case formatYAML:
		text, err := yaml.Marshal(whole)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	}
	return table().write(w, o.format)
}

// column is one column of a table.
type column struct {
	// name in capitals, as kubectl has it.
	name string
	// wide shows it with -o wide alone, and in CSV.
	wide bool
	// right aligns it to the right: numbers.
	right bool
}

// table is rows of text under columns.
type table struct {
	columns []column
	rows    [][]string
}

// row adds a row; it has as many cells as there are columns.
func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// write writes the table in a form.
func (t *table) write(w io.Writer, format string) error {
	var shown []int
	for i, c := range t.columns {
		if !c.wide || format == formatWide || format == formatCSV {
			shown = append(shown, i)
		}
	}
	header := make([]string, len(t.columns))
	for i, c := range t.columns {
		header[i] = c.name
	}
	pick := func(cells []string) []string {
		picked := make([]string, len(shown))
		for i, at := range shown {
			picked[i] = cells[at]
		}
		return picked
	}
	lines := [][]string{pick(header)}
	for _, cells := range t.rows {
		lines = append(lines, pick(cells))
	}
	switch format {
	case formatCSV:
		out := csv.NewWriter(w)
		if err := out.WriteAll(lines); err != nil {
			return err
		}
		return out.Error()
	case formatMarkdown:
		return t.writeMarkdown(w, lines, shown)
	}
	return t.writeText(w, lines, shown)
}

// writeText aligns the columns with spaces. Colours in a cell take no room.
func (t *table) writeText(w io.Writer, lines [][]string, shown []int) error {
	widths := make([]int, len(shown))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], cellWidth(cell))
		}
	}
	var b strings.Builder
	for _, line := range lines {
		var l strings.Builder
		for i, cell := range line {
			pad := strings.Repeat(" ", widths[i]-cellWidth(cell))
			if t.columns[shown[i]].right {
				l.WriteString(pad + cell)
			} else {
				l.WriteString(cell + pad)
			}
			l.WriteString("   ")
		}
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeMarkdown writes a table of GitHub's and GitLab's Markdown.
func (t *table) writeMarkdown(w io.Writer, lines [][]string, shown []int) error {
	var b strings.Builder
	for n, line := range lines {
		for _, cell := range line {
			b.WriteString("| " + markdownCell(cell) + " ")
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for _, at := range shown {
			if t.columns[at].right {
				b.WriteString("| ---: ")
			} else {
				b.WriteString("| --- ")
			}
		}
		b.WriteString("|\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdownCell writes text so that it stays text in a cell.
func markdownCell(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "@", "@&#8203;").Replace(s)
}

// cellWidth is how many places a cell takes on a screen.
func cellWidth(s string) int { return lipgloss.Width(s) }
