package fleet_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/value"
)

// watch looks at the fleet after every step, and knows the rules.
type watch struct {
	q *quarter
	// runs and tasks are those that were ever seen, with their latest state; the made steps are known by their episode.
	runs  map[string]v1alpha1.RunState
	tasks map[string]v1alpha1.TaskState
	made  map[string]string
	// ended is when the latest work of a playbook on an account ended; started, when the runs of a playbook began.
	ended   map[string]time.Time
	started map[string][]time.Time
	// bands are the bands of accounts, as the test itself sees them.
	bands map[string]bandSeen
	// quiet means that nothing has happened but that a source failed or came back.
	quiet bool
}

// bandSeen is a band, when it was last looked at, and for how long it has been Critical; time in which nobody knows it
// stands still.
type bandSeen struct {
	band     v1alpha1.BandName
	at       time.Time
	critical time.Duration
}

func newWatch(q *quarter) *watch {
	return &watch{
		q: q, runs: map[string]v1alpha1.RunState{}, tasks: map[string]v1alpha1.TaskState{}, made: map[string]string{},
		ended: map[string]time.Time{}, started: map[string][]time.Time{}, bands: map[string]bandSeen{},
	}
}

// fail says what is wrong, and when.
func (w *watch) fail(format string, args ...any) {
	w.q.t.Helper()
	w.q.t.Fatalf("day %d, %s: %s", w.q.day, w.q.now.Format(time.RFC3339), fmt.Sprintf(format, args...))
}

// of names a playbook on an account.
func of(run *v1alpha1.PlaybookRun) string {
	return run.Spec.PlaybookRef.Name + " on " + run.Spec.AccountRef.Name
}

// check holds the fleet against the rules.
func (w *watch) check() {
	for _, a := range w.q.fleet.Accounts() {
		w.checkBand(a)
	}
	open, active := map[string]string{}, map[string]int{}
	var began []*v1alpha1.PlaybookRun
	for _, run := range w.q.fleet.Runs() {
		if run.Status.State == v1alpha1.RunActive {
			if other, ok := open[of(run)]; ok {
				w.fail("%s and %s are both open", other, run.Name)
			}
			open[of(run)] = run.Name
			active[run.Spec.PlaybookRef.Name]++
		}
		if _, known := w.runs[run.Name]; !known {
			began = append(began, run)
		}
	}
	for _, run := range began {
		w.checkStart(run, active[run.Spec.PlaybookRef.Name])
	}
	for _, run := range w.q.fleet.Runs() {
		w.checkTasks(run)
		if run.Status.State != v1alpha1.RunActive && w.runs[run.Name] != run.Status.State {
			w.ended[of(run)] = run.Status.EndedTime.Time
		}
	}
	w.note()
	for name := range w.q.playbooks {
		w.q.totals.held += len(w.q.fleet.Held(name))
	}
}

// note remembers the runs and tasks that are there: one that is deleted and made again is a new one.
func (w *watch) note() {
	w.runs, w.tasks = map[string]v1alpha1.RunState{}, map[string]v1alpha1.TaskState{}
	for _, run := range w.q.fleet.Runs() {
		w.runs[run.Name] = run.Status.State
		for _, task := range w.q.fleet.Tasks(run.Name) {
			w.tasks[task.Name] = task.Status.State
		}
	}
}

// checkBand follows an account's band. While sources fail it changes to Unknown alone, if all that is known stays as it was.
func (w *watch) checkBand(a *v1alpha1.Account) {
	band, before := a.Status.Health.Band, w.bands[a.Name]
	if w.quiet && before.band != band && band != v1alpha1.BandUnknown {
		w.fail("%s went from %s to %s because a source cannot be read", a.Name, before.band, band)
	}
	seen := bandSeen{band: band, at: w.q.now, critical: before.critical}
	if before.band == "Critical" {
		seen.critical += w.q.now.Sub(before.at)
	}
	if a.Spec.LifecycleStage == v1alpha1.StageChurned || (band != "Critical" && band != v1alpha1.BandUnknown) {
		seen.critical = 0
	}
	w.bands[a.Name] = seen
}

// checkStart checks that a run may begin now.
func (w *watch) checkStart(run *v1alpha1.PlaybookRun, active int) {
	q := w.q
	name := run.Spec.PlaybookRef.Name
	pb := q.playbooks[name]
	q.totals.runs++
	q.totals.started[name]++
	if !run.CreationTimestamp.Time.Equal(q.now) {
		w.fail("%s began at %s", run.Name, run.CreationTimestamp)
	}
	if w.quiet {
		w.fail("%s started %s because of an outage: %s", of(run), run.Name, run.Spec.Reason)
	}
	if why := w.holds(run); why != "" {
		w.fail("%s started %s (%s): %s", of(run), run.Name, run.Spec.Reason, why)
	}
	if ended, ok := w.ended[of(run)]; ok && q.now.Before(ended.Add(value.DurationOr(pb.Spec.Cooldown, 0))) {
		w.fail("%s started %s within the cooldown from %s", of(run), run.Name, ended)
	}
	for _, by := range pb.Spec.InhibitedBy {
		for _, other := range q.fleet.Runs() {
			same := other.Spec.AccountRef.Name == run.Spec.AccountRef.Name && other.Spec.PlaybookRef.Name == by
			if same && other.Status.State == v1alpha1.RunActive && other.CreationTimestamp.Time.Before(q.now) {
				w.fail("%s started although %s is open", of(run), other.Name)
			}
		}
	}
	w.started[name] = append(w.started[name], q.now)
	today := slices.DeleteFunc(slices.Clone(w.started[name]), func(at time.Time) bool { return !q.now.Before(at.Add(24 * time.Hour)) })
	mostActive, mostToday := v1alpha1.DefaultActiveRuns, v1alpha1.DefaultNewRunsPerDay
	if l := pb.Spec.Limits; l != nil {
		mostActive, mostToday = int(*l.ActiveRuns), int(*l.NewRunsPerDay)
	}
	if active > mostActive || len(today) > mostToday {
		w.fail("%d runs of %s are active, and %d began within a day", active, name, len(today))
	}
}

// holds says in the test's own words why the trigger of a run does not hold; empty where it does.
func (w *watch) holds(run *v1alpha1.PlaybookRun) string {
	q := w.q
	i := slices.IndexFunc(q.customers, func(c *customer) bool { return c.account.Name == run.Spec.AccountRef.Name })
	c := q.customers[i]
	spec := &c.account.Spec
	today := q.now.In(q.zone).Format(time.DateOnly)
	holds := map[string]func() bool{
		"critical": func() bool {
			hold := value.DurationOr(q.playbooks["rescue"].Spec.Triggers[0].For, 0)
			seen := w.bands[c.account.Name]
			return seen.band == "Critical" && seen.critical >= hold
		},
		"fell":      func() bool { return len(q.fleet.Account(c.account.Name).Status.Health.History) > 0 },
		"many":      func() bool { return !q.down("support") && *number(c.facts[openTickets]) >= 6 },
		"detractor": func() bool { return !q.down("surveys") && c.answered(run.Spec.Observation.ObservedTime.Time) },
		"near": func() bool {
			return spec.Contract != nil && string(spec.Contract.RenewalDate) <= q.now.In(q.zone).AddDate(0, 0, 60).Format(time.DateOnly)
		},
		"new":    func() bool { return spec.LifecycleStage == "Onboarding" },
		"stage":  func() bool { return spec.LifecycleStage == "Onboarding" },
		"silent": func() bool { return !q.down("usage") && q.now.Sub(c.facts[wau].ObservedTime) >= 5*value.Day },
		"review": func() bool {
			start, _ := time.Parse(time.DateOnly, string(spec.Contract.StartDate))
			period, _ := time.Parse(time.DateOnly, string(run.Spec.Period))
			days, every := int(period.Sub(start)/value.Day), int(value.DurationOr(q.playbooks["qbr"].Spec.Triggers[0].Every, 0)/value.Day)
			now, _ := time.Parse(time.DateOnly, today)
			return days > 0 && days%every == 0 && !now.Before(period) && now.Before(period.AddDate(0, 0, every))
		},
	}[run.Spec.Trigger]
	switch {
	case spec.LifecycleStage == v1alpha1.StageChurned:
		return "the customer has left"
	case holds == nil || !holds():
		return "it does not hold"
	}
	return ""
}

// number is the number that an observation holds.
func number(o value.Observation) *int {
	n := int(o.Value.Number / value.DecimalScale)
	return &n
}

// answered reports whether the customer gave at most 6 at a moment.
func (c *customer) answered(at time.Time) bool {
	return slices.ContainsFunc(c.answers, func(e value.Event) bool {
		return e.Time.Equal(at) && e.Values["nps"].Number <= value.DecimalFromInt(6)
	})
}

// anyDown reports whether any source cannot be read today.
func (q *quarter) anyDown() bool { return q.down("usage") || q.down("support") || q.down("surveys") }

// checkTasks checks the tasks of a run.
func (w *watch) checkTasks(run *v1alpha1.PlaybookRun) {
	for _, task := range w.q.fleet.Tasks(run.Name) {
		before, known := w.tasks[task.Name]
		state := task.Status.State
		if !known {
			w.checkNew(run, task)
		}
		ownerless := w.q.fleet.Account(run.Spec.AccountRef.Name).Spec.Owner == ""
		if fleet.Unassigned(task) && !ownerless {
			w.fail("nobody has %s, and its account has an owner", task.Name)
		}
		if state == before {
			continue
		}
		switch state {
		case v1alpha1.TaskDone:
			w.q.totals.done++
			if task.Status.CompletedBy == "DoneWhen" {
				w.q.totals.doneByThemselves++
			}
		case v1alpha1.TaskCanceled:
			w.q.totals.canceled++
			w.checkCanceled(run, task)
		}
	}
}

// checkNew checks that nobody gets the same step twice for one episode.
func (w *watch) checkNew(run *v1alpha1.PlaybookRun, task *v1alpha1.Task) {
	w.q.totals.tasks++
	episode, err := json.Marshal([]any{of(run), run.Spec.Observation, run.Spec.Period, task.Spec.Step})
	w.q.must(err)
	if run.Spec.Observation == nil && run.Spec.Period == "" {
		episode = fmt.Append(episode, run.Spec.Sequence)
	}
	if other, ok := w.made[string(episode)]; ok {
		w.fail("%s is made, and for the same episode there was %s", task.Name, other)
	}
	w.made[string(episode)] = task.Name
}

// checkCanceled checks that what the operator cancels is work that nobody has begun, of a state that has cleared.
func (w *watch) checkCanceled(run *v1alpha1.PlaybookRun, task *v1alpha1.Task) {
	s := &task.Spec
	if s.State == v1alpha1.WorkCanceled {
		return
	}
	ticked := slices.ContainsFunc(s.Checklist, func(item v1alpha1.ChecklistItem) bool { return item.Done })
	switch {
	case s.State != v1alpha1.WorkOpen || s.Note != "" || s.Outcome != "" || s.Snooze != nil || s.CompletedBy != "" || ticked:
		w.fail("%s was canceled, and somebody has begun it: %+v", task.Name, s)
	case run.Spec.TriggerType == v1alpha1.TriggerEvent || run.Spec.Observation != nil || run.Spec.Period != "":
		w.fail("%s was canceled, and what started its run has happened", task.Name)
	case run.Spec.OnResolve == v1alpha1.ResolveKeepTasks:
		w.fail("%s was canceled, and its playbook keeps tasks", task.Name)
	case w.quiet:
		w.fail("%s was canceled because of an outage", task.Name)
	case run.Spec.Trigger == "many" && w.q.down("support") && w.q.accountOf(run).Spec.LifecycleStage != v1alpha1.StageChurned:
		w.fail("%s was canceled while nobody knows the tickets", task.Name)
	}
}

func (q *quarter) accountOf(run *v1alpha1.PlaybookRun) *v1alpha1.Account {
	return q.fleet.Account(run.Spec.AccountRef.Name)
}

// outage does what follows from nothing but that sources fail or come back, and checks that no episode ends or begins.
func (w *watch) outage(do func()) {
	w.quiet = w.q.anyDown()
	before := map[string]v1alpha1.EpisodeState{}
	key := func(a *v1alpha1.Account, e *v1alpha1.Episode) string {
		return a.Name + "/" + e.Name + "/" + e.Source + "/" + e.Every
	}
	for _, a := range w.q.fleet.Accounts() {
		for i := range a.Status.Playbooks {
			before[key(a, &a.Status.Playbooks[i])] = a.Status.Playbooks[i].State
		}
	}
	do()
	for _, a := range w.q.fleet.Accounts() {
		for i := range a.Status.Playbooks {
			e := &a.Status.Playbooks[i]
			was := before[key(a, e)]
			waits := was == v1alpha1.EpisodeDue && e.State == v1alpha1.EpisodePending
			if w.quiet && was != e.State && !waits {
				w.fail("an outage takes the episode %s from %s to %s", key(a, e), was, e.State)
			}
		}
	}
	w.quiet = false
}

// calm checks that a step at the same moment changes nothing, also after a restart.
func (w *watch) calm() {
	w.q.step()
	before := w.q.bytes()
	w.q.step()
	if w.q.bytes() != before {
		w.fail("a second step at the same moment changes something")
	}
	w.q.fleet.Restart()
	w.q.step()
	if after := w.q.bytes(); after != before {
		w.fail("a restart changes something: %s", difference(before, after))
	}
}

// difference is where two texts begin to differ.
func difference(a, b string) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	return fmt.Sprintf("...%s\n and now ...%s", a[max(0, i-300):min(len(a), i+200)], b[max(0, i-100):min(len(b), i+200)])
}

// bytes is all that is there.
func (q *quarter) bytes() string {
	var all []any
	for _, a := range q.fleet.Accounts() {
		all = append(all, a)
	}
	for _, run := range q.fleet.Runs() {
		all = append(all, run, q.fleet.Tasks(run.Name))
	}
	out, err := json.Marshal(all)
	q.must(err)
	return string(out)
}

// deleted notes that a person deletes a run.
func (w *watch) deleted(run *v1alpha1.PlaybookRun, now time.Time) {
	if run.Status.State == v1alpha1.RunActive {
		w.ended[of(run)] = now
	}
	w.q.fleet.DeleteRun(run.Name)
}
