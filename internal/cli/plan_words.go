package cli

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/perennial-dev/perennial/internal/preview"
)

// planNumber writes 184000 as 184,000.
func planNumber(n int64) string {
	if n < 0 {
		return "-" + planNumber(-n)
	}
	digits := strconv.FormatInt(n, 10)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// planMany writes "1 account" and "3,000 accounts".
func planMany(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return planNumber(int64(n)) + " " + thing
}

// planVerb is "moves" for one and "move" for many.
func planVerb(n int, verb string) string {
	if n != 1 {
		return verb
	}
	if verb == "are" {
		return "is"
	}
	return verb + "s"
}

// planMoment writes a moment that is not far from another: the year goes without saying.
func planMoment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// planText keeps text on its line and on the screen: no line breaks, no control characters, and not without end.
func planText(s string, limit int) string {
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return s
}

// The most that a text takes in a cell.
const (
	planNameLimit   = 80
	planHintLimit   = 400
	planReasonLimit = 160
	planValueLimit  = 120
)

// planAccountName is how people call an account.
func planAccountName(a preview.Account) string {
	if a.DisplayName == "" {
		return planText(a.Name, planNameLimit)
	}
	return planText(a.DisplayName, planNameLimit)
}

// planARRText is an ARR; empty where it is not known.
func planARRText(arr *int64) string {
	if arr == nil {
		return ""
	}
	return planNumber(*arr)
}

// planStanding writes a score; empty where it is not known.
func planScore(s preview.Standing) string {
	if s.Score == nil {
		return "-"
	}
	return strconv.Itoa(int(*s.Score))
}

// planScores writes 72 → 66.
func planScores(m preview.Move) string { return planScore(m.Before) + " → " + planScore(m.After) }

// planBandName is a band; an account that is new had none.
func planBandName(band string) string {
	if band == "" {
		return "none"
	}
	return band
}

// planMoney is " (ARR 184,000)", and nothing in a redacted report.
func (r *planReport) planMoney(arr int64) string {
	if r.Redacted || arr == 0 {
		return ""
	}
	return " (ARR " + planNumber(arr) + ")"
}

// headline says in a sentence or two what happens.
func (r *planReport) headline() string {
	headline := r.happens()
	if n := len(r.Problems); n > 0 {
		headline = planMany(n, "object") + " of the change cannot work. " + headline
	}
	if n := len(r.NoData); n > 0 {
		headline += " Of " + planMany(n, "value") + " there is no data yet."
	}
	return headline
}

// happens says what happens to accounts and work.
func (r *planReport) happens() string {
	if !r.Changes {
		return "Nothing changes."
	}
	clauses := append(r.moveClauses(), r.accountClauses()...)
	clauses = append(clauses, r.runClauses()...)
	clauses = append(clauses, r.taskClauses()...)
	if len(clauses) > 0 {
		return strings.Join(clauses, "; ") + "."
	}
	if n := r.Accounts.Rescored; n > 0 {
		return fmt.Sprintf("%s %s another score; no account changes band, and no work starts or ends.", planMany(n, "account"), planVerb(n, "get"))
	}
	return "The configuration changes, and nothing else: no account gets another score or band, and no work starts or ends."
}

// moveClauses say who moves where, what gets worse first.
func (r *planReport) moveClauses() []string {
	type target struct {
		band      string
		direction int
		n         int
		arr       int64
	}
	var targets []target
	for _, g := range r.planMoveGroups() {
		if last := len(targets) - 1; last < 0 || targets[last].band != g.after || targets[last].direction != planDirection(g) {
			targets = append(targets, target{band: g.after, direction: planDirection(g)})
		}
		t := &targets[len(targets)-1]
		t.n += len(g.moves)
		t.arr += g.arr
	}
	verbs := []string{"move down to", "become", "become", "move up to"}
	var clauses []string
	for _, t := range targets {
		clauses = append(clauses, fmt.Sprintf("%s %s %s%s", planMany(t.n, "account"), planPhrase(t.n, verbs[t.direction]), planBandName(t.band), r.planMoney(t.arr)))
	}
	return clauses
}

// planPronoun stands for one thing or many.
func planPronoun(n int) string {
	if n == 1 {
		return "it"
	}
	return "they"
}

// planPhrase conjugates the first word of a phrase.
func planPhrase(n int, phrase string) string {
	verb, rest, _ := strings.Cut(phrase, " ")
	return strings.TrimSpace(planVerb(n, verb) + " " + rest)
}

// accountClauses say which accounts come and go.
func (r *planReport) accountClauses() []string {
	var clauses []string
	for _, c := range []struct {
		n    int
		verb string
	}{
		{r.Accounts.Deleted, "are deleted"}, {r.Accounts.Churned, "are churned"}, {r.Accounts.Created, "are created"}, {r.Accounts.Updated, "are updated"},
	} {
		if c.n > 0 {
			clauses = append(clauses, planMany(c.n, "account")+" "+planPhrase(c.n, c.verb))
		}
	}
	for _, s := range r.Stopped {
		clauses = append(clauses, fmt.Sprintf("the guard of AccountSet %s holds %s and %s", s.Set, planMany(s.Creates, "creation"), planMany(s.Prunes, "removal")))
		if len(r.Stopped) > 2 {
			clauses[len(clauses)-1] = fmt.Sprintf("the guards of %s hold changes", planMany(len(r.Stopped), "AccountSet"))
			break
		}
	}
	return clauses
}

// runVerbs say what happens to runs.
var runVerbs = map[preview.Action]string{
	preview.Started: "start", preview.Held: "are held back", preview.Waiting: "wait for their time", preview.Averted: "start no more",
	preview.Resolved: "are resolved", preview.Canceled: "are canceled", preview.Completed: "are completed", preview.Created: "start", preview.Updated: "change", preview.Deleted: "are deleted",
}

// runClauses say which work starts and ends.
func (r *planReport) runClauses() []string {
	cross := r.runsByPlaybook()
	var clauses []string
	for _, action := range cross.actions {
		n := cross.of(action)
		clause := planMany(n, "run") + " " + planPhrase(n, runVerbs[action])
		if names := cross.with(action); len(names) <= 2 {
			clause = planMany(n, "run") + " of " + strings.Join(names, " and ") + " " + planPhrase(n, runVerbs[action])
		}
		if n == 1 {
			clause = strings.Replace(clause, "for their time", "for its time", 1)
		}
		clauses = append(clauses, clause)
	}
	return clauses
}

// taskClauses say who gets work, and whose goes away.
func (r *planReport) taskClauses() []string {
	cross := r.tasksByAssignee()
	var clauses []string
	for _, action := range cross.actions {
		n := cross.of(action)
		switch action {
		case preview.Created, preview.Started:
			clauses = append(clauses, cross.forWhom(action))
		default:
			clauses = append(clauses, planMany(n, "task")+" "+planPhrase(n, taskVerbs[action]))
		}
	}
	return clauses
}

// taskVerbs say what happens to tasks.
var taskVerbs = map[preview.Action]string{
	preview.Waiting: "wait", preview.Held: "are held back", preview.Updated: "change", preview.Averted: "are made no more",
	preview.Resolved: "are resolved", preview.Canceled: "are canceled", preview.Completed: "are completed", preview.Deleted: "are deleted",
}

// forWhom is "3 tasks for jo and 2 for maya": of more than two people it says how many they are.
func (c planCross) forWhom(action preview.Action) string {
	people := c.with(action)
	if len(people) > 2 {
		return fmt.Sprintf("%s for %s", planMany(c.of(action), "new task"), planPeople(len(people)))
	}
	var parts []string
	for i, name := range people {
		count := planMany(c.counts[name][action], "new task")
		if i > 0 {
			count = planNumber(int64(c.counts[name][action]))
		}
		parts = append(parts, count+" for "+planText(name, planNameLimit))
	}
	return strings.Join(parts, " and ")
}

// planPeople counts people.
func planPeople(n int) string {
	if n == 1 {
		return "1 person"
	}
	return planNumber(int64(n)) + " people"
}

// subject says of what, when and how far ahead the plan is.
func (r *planReport) subject() string {
	s := fmt.Sprintf("%s in namespace %s at %s UTC", planMany(r.Accounts.After, "account"), r.Namespace, planMoment(&r.Now))
	if r.Ahead != "" {
		s += ", looking " + r.Ahead + " ahead"
	}
	return s
}

// factsLine says where the facts are from, and how old they are: "from the operator, 26m to 2d old".
func (r *planReport) factsLine() string {
	line := "from " + r.FactsFrom
	var young, old *preview.Facts
	unknown := 0
	for i := range r.Facts {
		f := &r.Facts[i]
		if f.ReadTime == nil {
			unknown++
			continue
		}
		if young == nil || f.ReadTime.After(*young.ReadTime) {
			young = f
		}
		if old == nil || f.ReadTime.Before(*old.ReadTime) {
			old = f
		}
	}
	switch {
	case young == nil:
		return line
	case young.Age == old.Age:
		line += ", " + old.Age + " old"
	default:
		line += ", " + young.Age + " to " + old.Age + " old"
	}
	if unknown > 0 {
		line += fmt.Sprintf(", %s of unknown age", planMany(unknown, "source"))
	}
	return line
}

// agesLine is how old the facts of each source are, where they are not of one age.
func (r *planReport) agesLine() string {
	var ages []string
	differ := false
	for i, f := range r.Facts {
		if differ = differ || f.Age != r.Facts[0].Age; i < 10 {
			ages = append(ages, planText(f.Source, planNameLimit)+" "+cmp.Or(planText(f.Age, planNameLimit), "unknown"))
		}
	}
	if !differ {
		return ""
	}
	if more := len(r.Facts) - len(ages); more > 0 {
		ages = append(ages, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(ages, ", ")
}

// planStamp writes a moment for programs.
func planStamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
