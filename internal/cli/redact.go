package cli

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/preview"
)

// redactor takes customers and people out of a plan. Accounts become "account 1" and people "person 1", those that matter
// most first; within one output the same number is the same customer.
type redactor struct {
	accounts, people map[string]int
	// said finds every name of a customer or person that anybody could have written into a text of the configuration.
	said []redactedName
	// words are the names of the configuration that a reason may keep.
	words map[string]bool
	// texts are those that were read already: a plan says the same few names thousands of times.
	texts map[string]string
}

// redactedName is a name and what stands in for it.
type redactedName struct{ name, instead string }

// newRedactor numbers the customers and people of a report, and learns the names of the others from the worlds it is of.
func newRedactor(r *planReport, worlds ...*fleet.World) *redactor {
	d := &redactor{accounts: map[string]int{}, people: map[string]int{}, words: map[string]bool{}, texts: map[string]string{}}
	all := map[string]preview.Account{}
	note := func(a preview.Account) {
		if was, ok := all[a.Name]; !ok || was.ARR == nil {
			all[a.Name] = a
		}
	}
	for i := range r.Moves {
		note(r.Moves[i].Account)
	}
	for i := range r.Runs {
		note(r.Runs[i].Account)
	}
	for i := range r.Changed {
		note(r.Changed[i].Account)
	}
	for _, c := range r.Config {
		if c.Kind == "Account" {
			note(preview.Account{Name: c.Name})
		}
	}
	for i := range r.Tasks {
		note(preview.Account{Name: r.Tasks[i].Account})
	}
	d.number(slices.SortedFunc(maps.Values(all), planCompareAccounts))
	for _, name := range r.tasksByAssignee().names {
		d.person(name)
	}
	for _, a := range slices.SortedFunc(maps.Values(all), planCompareAccounts) {
		d.person(a.Owner)
	}
	for _, w := range worlds {
		d.learn(w)
	}
	for _, reason := range []v1alpha1.HeldReason{v1alpha1.HeldSuspended, v1alpha1.HeldInhibited, v1alpha1.HeldLimitReached} {
		d.words[string(reason)] = true
	}
	// The longer name first: "Acme Holding" is not "account 1 Holding".
	slices.SortFunc(d.said, func(a, b redactedName) int {
		return cmp.Or(cmp.Compare(len(b.name), len(a.name)), cmp.Compare(a.name, b.name), cmp.Compare(a.instead, b.instead))
	})
	d.said = slices.Compact(d.said)
	return d
}

// number numbers accounts that are not numbered yet.
func (d *redactor) number(accounts []preview.Account) {
	for _, a := range accounts {
		if a.Name == "" {
			continue
		}
		if d.accounts[a.Name] == 0 {
			d.accounts[a.Name] = len(d.accounts) + 1
		}
		d.say(d.account(a.Name), a.Name, a.DisplayName)
	}
}

// account stands in for an account.
func (d *redactor) account(name string) string {
	if n := d.accounts[name]; n > 0 {
		return fmt.Sprintf("account %d", n)
	}
	return "an account"
}

// person stands in for somebody.
func (d *redactor) person(name string) string {
	if name == "" || name == "nobody" {
		return name
	}
	if d.people[name] == 0 {
		d.people[name] = len(d.people) + 1
		d.say(fmt.Sprintf("person %d", d.people[name]), name)
	}
	return fmt.Sprintf("person %d", d.people[name])
}

// say notes names that are to be found in texts. One letter is no name that anybody would know again.
func (d *redactor) say(instead string, names ...string) {
	for _, name := range names {
		if utf8.RuneCountInString(name) > 1 {
			d.said = append(d.said, redactedName{name: name, instead: instead})
		}
	}
}

// learn takes the names of a world: of customers and people, which must not come out, and of the configuration, which may.
func (d *redactor) learn(w *fleet.World) {
	if w == nil {
		return
	}
	accounts := slices.SortedFunc(slices.Values(w.Accounts), func(a, b *v1alpha1.Account) int { return cmp.Compare(a.Name, b.Name) })
	for _, a := range accounts {
		d.say(d.account(a.Name), a.Name, a.Spec.DisplayName)
		for _, ids := range a.Spec.ExternalIDs {
			for _, id := range ids {
				d.say("an id", string(id))
			}
		}
		d.person(a.Spec.Owner)
		for _, member := range a.Spec.Team {
			d.person(member.User)
		}
		for _, m := range a.Spec.Measurements {
			d.person(m.By)
		}
		if o := a.Spec.HealthOverride; o != nil {
			d.person(o.By)
		}
	}
	for _, task := range w.Tasks {
		d.person(task.Spec.Assignee)
		d.person(task.Status.Assignee)
		d.person(task.Spec.CompletedBy)
	}
	for _, m := range w.Models {
		for i := range m.Spec.Measures {
			d.words[m.Spec.Measures[i].Name] = true
		}
		for i := range m.Spec.Rules {
			d.words[m.Spec.Rules[i].Name] = true
		}
		for _, b := range m.Spec.Bands {
			d.words[string(b.Name)] = true
		}
		d.words[m.Name] = true
	}
	for _, p := range w.Playbooks {
		d.words[p.Name] = true
		for i := range p.Spec.Triggers {
			d.words[p.Spec.Triggers[i].Name] = true
		}
	}
}

var (
	redactedMail = regexp.MustCompile(`[\p{L}\p{N}._%+\-']+@[\p{L}\p{N}.\-]+`)
	// redactedWord is what a name of the configuration looks like in a sentence.
	redactedWord = regexp.MustCompile(`[\p{L}\p{N}]+(?:[-_.][\p{L}\p{N}]+)*`)
)

// text takes the names of customers and people out of a text of the configuration.
func (d *redactor) text(s string) string {
	is, ok := d.texts[s]
	if !ok {
		is = s
		for _, name := range d.said {
			is = replaceWord(is, name.name, name.instead)
		}
		is = redactedMail.ReplaceAllString(is, "somebody")
		d.texts[s] = is
	}
	return is
}

// replaceWord replaces a name, in whatever case, where it is a word of its own.
func replaceWord(s, name, instead string) string {
	if len(name) > len(s) {
		return s
	}
	lower, find := strings.ToLower(s), strings.ToLower(name)
	if len(lower) != len(s) || len(find) != len(name) {
		lower, find = s, name // letters whose other case is longer: find them as they are written
	}
	var b strings.Builder
	for at := 0; ; {
		i := strings.Index(lower[at:], find)
		if i < 0 {
			b.WriteString(s[at:])
			return b.String()
		}
		from, to := at+i, at+i+len(find)
		before, _ := utf8.DecodeLastRuneInString(s[:from])
		after, _ := utf8.DecodeRuneInString(s[to:])
		b.WriteString(s[at:from])
		if isWord(before) || isWord(after) {
			b.WriteString(s[from:to])
		} else {
			b.WriteString(instead)
		}
		at = to
	}
}

func isWord(c rune) bool { return c != utf8.RuneError && (unicode.IsLetter(c) || unicode.IsDigit(c)) }

// reason keeps of a reason what the configuration calls things: not what anybody measured of a customer.
func (d *redactor) reason(s string) string {
	var kept []string
	for _, word := range redactedWord.FindAllString(s, -1) {
		if d.words[word] && !slices.Contains(kept, word) && d.text(word) == word {
			kept = append(kept, word)
		}
	}
	return strings.Join(kept, ", ")
}

// compareNumbered compares "account 2" with "account 10": the shorter text is the smaller number.
func compareNumbered(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}
