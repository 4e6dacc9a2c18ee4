package samples

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// update rewrites the stories: go test ./internal/testing/samples -run TestStories -update. Read the difference.
var update = flag.Bool("update", false, "write the stories anew")

const day = 24 * time.Hour

// story plays one playbook on one account, from a Monday at nine.
type story struct {
	// account of the sample company.
	account string
	// monday on which it begins; 2026-11-23 if empty.
	monday string
	// with are playbooks that are there beside the one that the story is about.
	with []string
	// quiet means that the playbook starts nothing in the whole story.
	quiet bool
	play  func(p *player)
}

// player tells a story and writes down what becomes of it.
type player struct {
	*world
	c    *customer
	text strings.Builder
}

// say writes a moment down: what happened, and what there is to do then.
func (p *player) say(format string, args ...any) {
	p.settle()
	fmt.Fprintf(&p.text, "%s %s\n", p.now.Format("Mon 2006-01-02 15:04"), fmt.Sprintf(format, args...))
	lines := p.work(p.c)
	if len(lines) == 0 {
		lines = []string{"nothing to do"}
	}
	for _, line := range lines {
		fmt.Fprintf(&p.text, "    %s\n", line)
	}
}

// wait lets time pass, with a look at each day.
func (p *player) wait(d time.Duration) {
	for p.settle(); d > 0; d -= day {
		p.now = p.now.Add(min(d, day))
		p.settle()
	}
}

// fact is what a source says from now on.
func (p *player) fact(name, text string) { p.c.facts[name] = text }

// well makes the account Healthy, whatever its rows say.
func (p *player) well() {
	for name, text := range map[string]string{
		"usage.wau_change": "2", "usage.dau_mau": "0.45", "usage.features": "8", "usage.seats_used": "100",
		"support.open_p1": "0", "support.open_tickets": "0", "support.oldest_ticket_days": "0", "support.escalated": "No",
		"support.csat": "4.8", "surveys.nps": "9", "crm.pulse": "Green", "crm.champion": "Active",
	} {
		p.fact(name, text)
	}
	p.seats(120)
}

// seats is what the customer pays for.
func (p *player) seats(n int64) { p.c.account.Spec.Contract.Seats = &n }

// answer is one to a survey, now.
func (p *player) answer(nps, comment string) {
	score, err := value.Parse(v1alpha1.MetricNumber, nps)
	if err != nil {
		p.t.Fatal(err)
	}
	p.c.answers = append(p.c.answers, value.Event{
		Time: p.now, Values: map[string]value.Value{"nps": score, "comment": {Type: v1alpha1.MetricText, Text: comment}},
	})
}

// do finishes the open task of a step, with an outcome where it has any.
func (p *player) do(step, outcome string) { p.finish(step, outcome) }

// tell plays a story and returns what became of it.
func (s *story) tell(t *testing.T, all *samples, name string) string {
	t.Helper()
	monday := s.monday
	if monday == "" {
		monday = "2026-11-23"
	}
	start, err := time.Parse(time.DateTime, monday+" 09:00:00")
	if err != nil || start.Weekday() != time.Monday {
		t.Fatalf("%s is no Monday: %v", monday, err)
	}
	w := newWorld(t, all, start, append(slices.Clone(s.with), name)...)
	p := &player{world: w, c: w.only(s.account)}
	s.play(p)
	started := slices.ContainsFunc(p.runs(p.c), func(run *v1alpha1.PlaybookRun) bool { return run.Spec.PlaybookRef.Name == name })
	if started == s.quiet {
		t.Errorf("the playbook started something: %v, the story is quiet: %v", started, s.quiet)
	}
	return p.text.String()
}

// TestStories plays every playbook and compares what becomes of it with testdata.
func TestStories(t *testing.T) {
	all := load(t)
	if got, want := slices.Sorted(maps.Keys(stories)), all.names(); !slices.Equal(got, want) {
		t.Errorf("there are stories of %v, and the playbooks %v", got, want)
	}
	for name, told := range stories {
		t.Run(name, func(t *testing.T) { compareStories(t, all, name, told) })
	}
}

// compareStories plays the stories of one playbook.
func compareStories(t *testing.T, all *samples, name string, told map[string]story) {
	t.Helper()
	var text strings.Builder
	quiet := 0
	for _, title := range slices.Sorted(maps.Keys(told)) {
		s := told[title]
		if s.quiet {
			quiet++
		}
		fmt.Fprintf(&text, "## %s: %s\n\n%s\n", s.account, title, s.tell(t, all, name))
	}
	if quiet == 0 || quiet == len(told) {
		t.Errorf("%d of %d stories are quiet: one must be, and one not", quiet, len(told))
	}
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(text.String(), "\n")); diff != "" {
		t.Errorf("it went otherwise (-want +got; if it should, run with -update and read the difference):\n%s", diff)
	}
}
