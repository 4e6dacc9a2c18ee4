package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// Overview is all that matters about an account at a moment.
type Overview struct {
	*AccountExplanation
	Contract *v1alpha1.Contract    `json:"contract,omitempty"`
	Team     []v1alpha1.TeamMember `json:"team,omitempty"`
	// Worst are the measures that lost most points, at most five.
	Worst []Measure `json:"worst,omitempty"`
	// Measurements are what people entered.
	Measurements []v1alpha1.Measurement `json:"measurements,omitempty"`
	// Work are the active runs with their tasks, and then the tasks that belong to none.
	Work []Work `json:"work,omitempty"`
	// Timeline is what happened, the newest first.
	Timeline []Happening `json:"timeline,omitempty"`
}

// Work is an active run and its tasks; the tasks that somebody made by hand have no run.
type Work struct {
	Playbook string     `json:"playbook,omitempty"`
	Run      string     `json:"run,omitempty"`
	Started  *time.Time `json:"started,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Tasks    []TaskLine `json:"tasks"`
}

// Happening is something that happened to an account.
type Happening struct {
	Time time.Time `json:"time"`
	// Day means that no more than the day is known.
	Day  bool   `json:"day,omitempty"`
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// maxWorst is how many measures an overview names.
const maxWorst = 5

// AccountOverview puts together what matters about an account. Events are what else happened to it, which the world does not
// have; most is how much of the timeline is kept.
func AccountOverview(w *fleet.World, name string, now time.Time, events []Happening, most int) (*Overview, error) {
	e, err := Account(w, name, now)
	if err != nil {
		return nil, err
	}
	l := newLook(w, now)
	a := l.accounts[name]
	o := &Overview{AccountExplanation: e, Contract: a.Spec.Contract, Team: a.Spec.Team, Measurements: a.Spec.Measurements, Work: l.workOn(a)}
	for _, d := range e.Dimensions {
		for _, m := range d.Measures {
			if m.lost > 0 && e.Score != nil {
				o.Worst = append(o.Worst, m)
			}
		}
	}
	slices.SortStableFunc(o.Worst, compareMeasures)
	o.Worst = o.Worst[:min(len(o.Worst), maxWorst)]
	o.Timeline = append(l.timeline(a, e), events...)
	slices.SortStableFunc(o.Timeline, func(x, y Happening) int {
		return cmp.Or(y.Time.Compare(x.Time), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Text, y.Text))
	})
	o.Timeline = slices.Compact(o.Timeline)
	o.Timeline = o.Timeline[:min(len(o.Timeline), most)]
	return o, nil
}

// workOn is the work on an account that is not over.
func (l *look) workOn(a *v1alpha1.Account) []Work {
	open := Tasks(l.world, TaskFilter{Account: a.Name}, l.now)
	var all []Work
	runs := slices.Clone(l.runs[a.Name])
	sortRuns(runs)
	taken := map[string]bool{}
	for _, run := range runs {
		if !playbook.RunOpen(run) {
			continue
		}
		taken[run.Name] = true
		of := Work{Playbook: l.playbookOf(run), Run: run.Name, Started: pointer(run.CreationTimestamp.Time), Reason: run.Spec.Reason, Tasks: []TaskLine{}}
		for _, t := range open {
			if t.Run == run.Name {
				of.Tasks = append(of.Tasks, t)
			}
		}
		all = append(all, of)
	}
	rest := slices.DeleteFunc(open, func(t TaskLine) bool { return taken[t.Run] })
	if len(rest) > 0 {
		all = append(all, Work{Tasks: rest})
	}
	return all
}

// timeline is what the statuses remember.
func (l *look) timeline(a *v1alpha1.Account, e *AccountExplanation) []Happening {
	all := bandHappenings(e)
	for _, run := range l.runs[a.Name] {
		name := l.playbookOf(run)
		if !run.CreationTimestamp.IsZero() {
			all = append(all, Happening{Time: run.CreationTimestamp.Time.UTC(), Kind: "Run", Text: name + " started: " + cmp.Or(run.Spec.Reason, run.Spec.Trigger)})
		}
		if run.Status.EndedTime != nil {
			all = append(all, Happening{Time: run.Status.EndedTime.Time.UTC(), Kind: "Run", Text: name + " ended, " + strings.ToLower(string(run.Status.State))})
		}
	}
	for _, t := range l.world.Tasks {
		if t.Spec.AccountRef.Name == a.Name && playbook.Ended(t.Status.State) && t.Status.EndedTime != nil {
			all = append(all, Happening{Time: t.Status.EndedTime.Time.UTC(), Kind: "Task", Text: ended(t)})
		}
	}
	for _, m := range a.Spec.Measurements {
		if m.ObservedTime != nil {
			text := m.Name + " is " + m.Value
			if m.By != "" {
				text += ", says " + m.By
			}
			all = append(all, Happening{Time: m.ObservedTime.Time.UTC(), Kind: "Measurement", Text: text})
		}
	}
	return all
}

// ended says how a task ended.
func ended(t *v1alpha1.Task) string {
	text := t.Spec.Title + ": " + string(t.Status.State)
	if t.Spec.Outcome != "" {
		text += ", " + string(t.Spec.Outcome)
	}
	if t.Status.CompletedBy != "" {
		text += ", by " + t.Status.CompletedBy
	}
	return text
}

// bandHappenings are the changes of the band: the last one as the status has it, earlier ones as the history has them, to
// the day.
func bandHappenings(e *AccountExplanation) []Happening {
	var all []Happening
	last := ""
	if e.Before != nil && e.BandSince != nil {
		last = e.BandSince.Format(time.DateOnly)
		all = append(all, Happening{Time: *e.BandSince, Kind: "Band", Text: fmt.Sprintf("from %s to %s", e.Before.Band, e.Band)})
	}
	for i := 1; i < len(e.History); i++ {
		was, is := e.History[i-1], e.History[i]
		day, err := time.Parse(time.DateOnly, is.Day)
		if err != nil || was.Band == is.Band || last != "" && is.Day >= last {
			continue
		}
		all = append(all, Happening{Time: day, Day: true, Kind: "Band", Text: fmt.Sprintf("from %s at %d to %s at %d", was.Band, was.Score, is.Band, is.Score)})
	}
	return all
}
