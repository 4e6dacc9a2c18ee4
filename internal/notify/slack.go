package notify

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// Bounds of Slack's messages, in characters.
const (
	maxSlackText    = 3000
	maxSlackField   = 2000
	maxSlackName    = 200
	maxSlackDetails = 1200
)

// slackMessage has all that there is to say twice: in blocks, which Slack shows; and in text, for those who read it aloud
// and for services that take Slack's messages and show no blocks.
type slackMessage struct {
	Text   string       `json:"text"`
	Blocks []slackBlock `json:"blocks"`
}

type slackBlock struct {
	Type   string      `json:"type"`
	Text   *slackText  `json:"text,omitempty"`
	Fields []slackText `json:"fields,omitempty"`
}

// slackText is text with Slack's marks. Verbatim keeps Slack from making links of what people wrote.
type slackText struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim"`
}

// headlines say what happened.
var headlines = map[v1alpha1.EventType]string{
	v1alpha1.EventTaskOpened:      "To do",
	v1alpha1.EventTaskOverdue:     "Overdue",
	v1alpha1.EventTaskEscalated:   "Escalated",
	v1alpha1.EventTaskDone:        "Done",
	v1alpha1.EventRunStarted:      "Playbook started",
	v1alpha1.EventRunResolved:     "Playbook resolved",
	v1alpha1.EventHealthChanged:   "Health changed",
	v1alpha1.EventAccountChurned:  "Churned",
	v1alpha1.EventContractChanged: "Contract changed",
}

// Slack writes a message for an incoming webhook: what happened, to whom, why, and what to do now.
func Slack(m *Message) ([]byte, error) {
	headline := fmt.Sprintf("%s: %s", headlines[m.Type], slackEscape(what(m), maxSlackText/2))
	out := slackMessage{Text: headline, Blocks: []slackBlock{section("*" + headline + "*")}}
	if why := why(m); why != "" {
		out.Blocks = append(out.Blocks, section(slackEscape(why, maxSlackText)))
	}
	out.Blocks = append(out.Blocks, slackBlock{Type: "section", Fields: fields(m)})
	if task := m.Data.Task; task != nil {
		if description := strings.TrimSpace(task.Description); description != "" {
			out.Blocks = append(out.Blocks, section(slackEscape(description, maxSlackDetails)))
		}
		if playbook.AtWork(task.State) {
			out.Blocks = append(out.Blocks, section(howToClose(m.Namespace, task)))
		}
	}
	for _, b := range out.Blocks[1:] {
		if b.Text != nil {
			out.Text += "\n" + b.Text.Text
		}
		for _, f := range b.Fields {
			out.Text += "\n" + strings.Replace(f.Text, "\n", " ", 1)
		}
	}
	return json.Marshal(out)
}

// what names what it happened to.
func what(m *Message) string {
	name := cmp.Or(m.Data.Account.DisplayName, m.Data.Account.Name)
	switch {
	case m.Data.Task != nil:
		return oneLine(m.Data.Task.Title)
	case m.Data.Run != "":
		return fmt.Sprintf("%s on %s", m.Data.Playbook, oneLine(name))
	}
	return oneLine(name)
}

// why says what changed, and for which reason there is work.
func why(m *Message) string {
	var parts []string
	for _, part := range []string{m.Data.Detail, m.Data.Reason} {
		if part = oneLine(part); part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "\n")
}

// fields are the facts that a person needs to judge by.
func fields(m *Message) []slackText {
	var all []slackText
	add := func(name, value string) {
		if value != "" {
			all = append(all, mrkdwn(fmt.Sprintf("*%s*\n%s", name, slackEscape(oneLine(value), maxSlackName)), maxSlackField))
		}
	}
	a := m.Data.Account
	add("Account", customer(a))
	add("Health", health(a))
	if a.ARR != nil {
		add("ARR", thousands(*a.ARR))
	}
	if m.Data.Task == nil {
		add("Owner", a.Owner)
	}
	add("Playbook", m.Data.Playbook)
	if t := m.Data.Task; t != nil {
		add("Assignee", cmp.Or(t.Assignee, "nobody"))
		add("Priority", string(t.Priority))
		if t.Due != nil {
			add("Due", t.Due.UTC().Format(time.DateOnly+" 15:04 MST"))
		}
		add("Outcome", string(t.Outcome))
		add("Completed by", t.CompletedBy)
	}
	return all
}

func customer(a AccountData) string {
	if a.DisplayName == "" || a.DisplayName == a.Name {
		return a.Name
	}
	return fmt.Sprintf("%s (%s)", a.DisplayName, a.Name)
}

func health(a AccountData) string {
	if a.Score == nil {
		return string(a.Band)
	}
	return fmt.Sprintf("%s, score %d", a.Band, *a.Score)
}

// thousands writes a number as people read it: 120,000.
func thousands(n int64) string {
	digits := fmt.Sprint(n)
	var groups []string
	for len(digits) > 3 {
		groups = append(groups, digits[len(digits)-3:])
		digits = digits[:len(digits)-3]
	}
	groups = append(groups, digits)
	slices.Reverse(groups)
	return strings.Join(groups, ",")
}

// howToClose is the command that closes a task. Names and outcomes have no characters that a shell or Slack would read.
func howToClose(namespace string, t *TaskData) string {
	said, choose := "", ""
	if len(t.Outcomes) > 0 {
		names := make([]string, len(t.Outcomes))
		for i, outcome := range t.Outcomes {
			names[i] = string(outcome)
		}
		said, choose = `,"outcome":"OUTCOME"`, "\nOUTCOME is one of "+strings.Join(names, ", ")
	}
	return fmt.Sprintf("When it is done:\n```kubectl patch ptask %s -n %s --type=merge -p '{\"spec\":{\"state\":\"Done\"%s}}'```%s", t.Name, namespace, said, choose)
}

func section(text string) slackBlock {
	t := mrkdwn(text, maxSlackText)
	return slackBlock{Type: "section", Text: &t}
}

func mrkdwn(text string, limit int) slackText {
	return slackText{Type: "mrkdwn", Text: value.Shorten(text, limit), Verbatim: true}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// everybody are the names by which services that are like Slack mention all of a channel. An invisible character keeps
// them from being one.
var everybody = regexp.MustCompile(`(?i)(^|[^\pL\pN])@(all|channel|everyone|here)\b`)

// slackEscape writes what a person wrote so that Slack shows it and reads nothing else in it: no mention, no link, no end
// of a command. What it gives has at most so many characters.
func slackEscape(text string, limit int) string {
	text = everybody.ReplaceAllString(text, "$1@\u2060$2")
	var b strings.Builder
	length := 0
	for _, r := range text {
		piece := string(r)
		switch r {
		case '&':
			piece = "&amp;"
		case '<':
			piece = "&lt;"
		case '>':
			piece = "&gt;"
		case '`':
			piece = "'"
		}
		n := utf8.RuneCountInString(piece)
		if length+n > limit-3 {
			return b.String() + "..."
		}
		length += n
		b.WriteString(piece)
	}
	return b.String()
}
