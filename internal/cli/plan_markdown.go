package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/perennial-dev/perennial/internal/preview"
)

// planMarker is the first line of the Markdown form: a job finds its own comment by it and updates it.
const planMarker = "<!-- perennial-plan -->"

const (
	// planMarkdownLimit is how many bytes a comment may take. GitHub refuses one of more than 65,536 characters, and a
	// job may want to add a line of its own.
	planMarkdownLimit = 60000
	// planOpenRows is how long a list may be that is shown without a click.
	planOpenRows = 8
)

// planMarkdownRows are the lengths that lists are cut to, until the whole is short enough.
var planMarkdownRows = []int{100, 50, 25, 10, 5, 2, 1}

// writeMarkdown writes the report as a comment on a pull request.
func (r *planReport) writeMarkdown(w io.Writer) error {
	text := ""
	for _, rows := range planMarkdownRows {
		m := &planMarkdown{rows: rows}
		m.report(r)
		text = m.b.String()
		if len(text) <= planMarkdownLimit {
			break
		}
	}
	if len(text) > planMarkdownLimit {
		text = r.shortMarkdown()
	}
	_, err := io.WriteString(w, text)
	return err
}

// shortMarkdown is for a change of which not even a few rows of each list fit: its text is bounded.
func (r *planReport) shortMarkdown() string {
	m := &planMarkdown{cut: true}
	m.head(r)
	m.line("The rest is too long for a comment.")
	m.foot(r)
	return m.b.String()
}

// planMarkdown is a comment that is being written.
type planMarkdown struct {
	b strings.Builder
	// rows is how many rows of a list are written.
	rows int
	// cut means that there is more than what is written.
	cut bool
}

// line writes a paragraph.
func (m *planMarkdown) line(format string, args ...any) {
	fmt.Fprintf(&m.b, format, args...)
	m.b.WriteString("\n\n")
}

// report writes all of it.
func (m *planMarkdown) report(r *planReport) {
	m.head(r)
	m.section(r.problemSection())
	m.config(r)
	for _, section := range r.sections() {
		m.section(section)
	}
	m.foot(r)
}

// head is what a reader needs who reads no further.
func (m *planMarkdown) head(r *planReport) {
	m.b.WriteString(planMarker + "\n")
	m.line("### perennial plan")
	m.line("**%s**", planEscape(planText(r.headline(), 1000)))
	m.line("%s.", planEscape(planText(r.subject(), 400)))
	for i, warning := range r.Warnings {
		if i == 5 {
			m.line("> **Warning:** … and %s more.", planMany(len(r.Warnings)-i, "warning"))
			break
		}
		m.line("> **Warning:** %s.", planEscape(planText(warning, 400)))
	}
}

// foot says how old the facts are, and where all of it is.
func (m *planMarkdown) foot(r *planReport) {
	m.line("---")
	if m.cut {
		m.line("Lists are cut to keep this comment short.")
	}
	facts := "Facts: " + planEscape(planText(r.factsLine(), 400)) + "."
	if ages := r.agesLine(); ages != "" {
		facts += " Ages: " + planEscape(ages) + "."
	}
	all := "To see all of it: `perennial plan … -o wide`, or `-o json`."
	if r.Redacted {
		all = "Customers' names and money are taken out. To see them: the same `perennial plan …` without `--redact`."
	}
	m.b.WriteString("<sub>" + facts + " " + all + "</sub>\n")
}

// config writes what the change touches as a diff.
func (m *planMarkdown) config(r *planReport) {
	if len(r.Config) == 0 && len(r.NotInFiles) == 0 {
		return
	}
	fold := len(r.Config) > planOpenRows
	m.line("#### Configuration: %s", planMany(len(r.Config), "object"))
	if fold {
		m.b.WriteString("<details><summary>What changes in each</summary>\n\n")
	}
	if len(r.Config) > 0 {
		m.b.WriteString("```diff\n")
	}
	for i, c := range r.Config {
		if i == m.rows {
			m.cut = true
			fmt.Fprintf(&m.b, "# … and %s more\n", planMany(len(r.Config)-i, "object"))
			break
		}
		m.object(c)
	}
	if len(r.Config) > 0 {
		m.b.WriteString("```\n\n")
	}
	if fold {
		m.b.WriteString("</details>\n\n")
	}
	if line := r.notInFilesLine(planOpenRows); line != "" {
		m.line("%s", planEscape(line))
	}
}

// object writes one object of the configuration as lines of a diff.
func (m *planMarkdown) object(c preview.ConfigChange) {
	sign := map[preview.Action]string{preview.Created: "+ ", preview.Deleted: "- "}[c.Action]
	if sign == "" {
		sign = "@@ "
	}
	name := planCode(planText(c.Kind+"/"+c.Name, planNameLimit))
	if sign == "@@ " {
		name += " @@"
	}
	m.b.WriteString(sign + name + "\n")
	for _, f := range c.Fields {
		path := planCode(planText(f.Path, planNameLimit))
		before, after := planCode(planText(f.Before, planValueLimit)), planCode(planText(f.After, planValueLimit))
		if before != "" {
			fmt.Fprintf(&m.b, "-   %s: %s\n", path, before)
		}
		if after != "" {
			fmt.Fprintf(&m.b, "+   %s: %s\n", path, after)
		}
		if before == "" && after == "" {
			fmt.Fprintf(&m.b, "!   %s\n", path)
		}
	}
	if c.More > 0 {
		fmt.Fprintf(&m.b, "#   … and %s more\n", planMany(c.More, "field"))
	}
	if c.Hint != "" {
		fmt.Fprintf(&m.b, "!   %s\n", planCode(planText(c.Hint, planHintLimit)))
	}
}

// section writes a section. Long lists are folded.
func (m *planMarkdown) section(s planSection) {
	if len(s.parts) == 0 {
		return
	}
	m.line("#### %s", planEscape(s.title))
	for _, part := range s.parts {
		fold := len(part.table.rows) > planOpenRows
		if fold {
			caption := cmp.Or(part.caption, part.fold, "All "+planNumber(int64(len(part.table.rows))))
			fmt.Fprintf(&m.b, "<details><summary>%s</summary>\n\n", planHTML(caption))
		} else if part.caption != "" {
			m.line("**%s**", planEscape(part.caption))
		}
		m.table(part.table)
		if fold {
			m.b.WriteString("</details>\n\n")
		}
	}
}

// table writes a table of GitHub's and GitLab's Markdown, without the wide columns.
func (m *planMarkdown) table(t *table) {
	shown, more := t.cut(m.rows)
	var at []int
	for i, c := range shown.columns {
		if !c.wide {
			at = append(at, i)
		}
	}
	header, rule := "|", "|"
	for _, i := range at {
		header += " " + planColumnTitle(t.columns[i].name) + " |"
		if t.columns[i].right {
			rule += " ---: |"
		} else {
			rule += " --- |"
		}
	}
	m.b.WriteString(header + "\n" + rule + "\n")
	for _, cells := range shown.rows {
		m.b.WriteString("|")
		for _, i := range at {
			m.b.WriteString(" " + planEscape(cells[i]) + " |")
		}
		m.b.WriteString("\n")
	}
	m.b.WriteString("\n")
	if more > 0 {
		m.cut = true
		m.line("… and %s more.", planNumber(int64(more)))
	}
}

// planColumnTitle writes ARR BEFORE as "ARR before".
func planColumnTitle(name string) string {
	words := strings.Fields(name)
	for i, word := range words {
		switch {
		case word == "ARR":
		case i == 0:
			words[i] = word[:1] + strings.ToLower(word[1:])
		default:
			words[i] = strings.ToLower(word)
		}
	}
	return strings.Join(words, " ")
}

// invisible stands behind what a forge would make a mention or a link of. An entity of the sign itself would not help: a
// forge looks for mentions after it has read the entities.
const invisible = "&#8203;"

var planEscaper = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "|", `\|`, "~", `\~`, "$", `\$`, "^", `\^`,
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "@"+invisible, "#", "#"+invisible, "!", "!"+invisible, "://", ":"+invisible+"//", "www.", "www"+invisible+".",
)

// planEscape keeps text from being read as Markdown, HTML, a mention, a reference or a link.
func planEscape(s string) string { return planEscaper.Replace(s) }

var planHTMLEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "@"+invisible, "#", "#"+invisible, "://", ":"+invisible+"//")

// planHTML keeps text in an element of HTML, where Markdown's escapes are not read.
func planHTML(s string) string { return planHTMLEscaper.Replace(s) }

// planCode keeps text in a code block from being read as a mention in an e-mail of the comment, and the block open.
func planCode(s string) string {
	return strings.NewReplacer("@", "@\u200b", "```", "`\u200b`\u200b`").Replace(s)
}
