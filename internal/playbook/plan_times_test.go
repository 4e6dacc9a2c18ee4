package playbook_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// zone is a time zone.
func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	location, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return location
}

// at reads a moment, "2026-11-06 15:00", in a time zone.
func at(t testing.TB, text string, location *time.Location) *metav1.Time {
	t.Helper()
	if text == "" {
		return nil
	}
	moment, err := time.ParseInLocation("2006-01-02 15:04", text, location)
	if err != nil {
		t.Fatal(err)
	}
	return stamp(moment.UTC())
}

// within sets the contract of a job's account.
func (j *job) within(start, renewal v1alpha1.Date) {
	j.view.Account = acme(func(a *v1alpha1.Account) {
		a.Spec.Contract = &v1alpha1.Contract{StartDate: start, RenewalDate: renewal}
	})
}

// beganAt lets the run begin at another moment, which is now.
func (j *job) beganAt(moment *metav1.Time) {
	j.now, j.run.CreationTimestamp = moment.Time, *moment
}

func TestWorkingDays(t *testing.T) {
	const berlin = "Europe/Berlin"
	working := v1alpha1.CountWorkingDays
	days := func(n v1alpha1.Duration) v1alpha1.StepTime {
		return v1alpha1.StepTime{After: n, Of: v1alpha1.PointRunStart, Calendar: working}
	}
	before := func(n v1alpha1.Duration) v1alpha1.StepTime {
		return v1alpha1.StepTime{Before: n, Of: v1alpha1.PointRenewal, Calendar: working}
	}
	for name, c := range map[string]struct {
		calendar *v1alpha1.WorkCalendar
		zone     string
		from     string
		renewal  v1alpha1.Date
		due      v1alpha1.StepTime
		want     string
	}{
		"the day after Monday is Tuesday":               {nil, "UTC", "2026-11-02 15:00", "", days("1d"), "2026-11-03 15:00"},
		"the day after Friday is Monday":                {nil, "UTC", "2026-11-06 15:00", "", days("1d"), "2026-11-09 15:00"},
		"the first day after a Saturday is Monday":      {nil, "UTC", "2026-11-07 09:30", "", days("1d"), "2026-11-09 09:30"},
		"the first day after a Sunday is Monday":        {nil, "UTC", "2026-11-08 09:30", "", days("1d"), "2026-11-09 09:30"},
		"five days after Friday is Friday":              {nil, "UTC", "2026-11-06 15:00", "", days("5d"), "2026-11-13 15:00"},
		"a week counts seven of them":                   {nil, "UTC", "2026-11-02 15:00", "", days("1w"), "2026-11-11 15:00"},
		"none is the moment itself, also on a Saturday": {nil, "UTC", "2026-11-07 09:30", "", days("0"), "2026-11-07 09:30"},
		"holidays in a row are left out": {
			&v1alpha1.WorkCalendar{Holidays: []v1alpha1.Date{"2026-12-24", "2026-12-25", "2026-12-28"}}, "UTC",
			"2026-12-23 10:00", "", days("2d"), "2026-12-30 10:00",
		},
		"holidays may be in any order, and twice": {
			&v1alpha1.WorkCalendar{Holidays: []v1alpha1.Date{"2026-12-28", "2026-12-25", "2026-12-24", "2026-12-25T00:00:00Z", "2026-12-26"}}, "UTC",
			"2026-12-23 10:00", "", days("2d"), "2026-12-30 10:00",
		},
		"a holiday may be in RFC 3339, and counts as its day": {
			&v1alpha1.WorkCalendar{Holidays: []v1alpha1.Date{"2026-11-03T00:00:00Z"}}, "UTC", "2026-11-02 10:00", "", days("1d"), "2026-11-04 10:00",
		},
		"the weekend is the playbook's": {
			&v1alpha1.WorkCalendar{Weekend: []v1alpha1.Weekday{"Friday", "Saturday"}}, "UTC",
			"2026-11-05 10:00", "", days("1d"), "2026-11-08 10:00",
		},
		"a leap day is a day": {nil, "UTC", "2028-02-28 10:00", "", days("1d"), "2028-02-29 10:00"},
		"days begin in the calendar's zone: it is Saturday in Auckland": {
			&v1alpha1.WorkCalendar{TimeZone: "Pacific/Auckland"}, "UTC", "2026-11-06 20:00", "", days("1d"), "2026-11-08 20:00",
		},
		"days begin in the operator's zone where the calendar has none": {nil, berlin, "2026-11-06 00:30", "", days("1d"), "2026-11-09 00:30"},
		"the time of day stays over a change of the clocks":             {nil, berlin, "2027-03-26 15:00", "", days("1d"), "2027-03-29 15:00"},
		"a time of day that the clocks leave out is the first moment after": {
			&v1alpha1.WorkCalendar{Weekend: []v1alpha1.Weekday{"Saturday"}}, berlin, "2027-03-26 02:30", "", days("1d"), "2027-03-28 03:00",
		},
		"before a Monday is Friday": {nil, berlin, "2026-11-02 00:00", "2026-11-09", before("1d"), "2026-11-06 00:00"},
		"before a Sunday is Friday": {nil, berlin, "2026-11-02 00:00", "2026-11-08", before("1d"), "2026-11-06 00:00"},
		"before goes over a change of the clocks to the first moment of the day": {
			nil, berlin, "2026-03-20 00:00", "2026-03-30", before("1d"), "2026-03-27 00:00",
		},
		"the first moment of a day without midnight is that of another one": {
			nil, "America/Santiago", "2026-08-20 00:00", "2026-09-06", before("1d"), "2026-09-04 00:00",
		},
		"the first moment of a day is that of one without midnight": {
			&v1alpha1.WorkCalendar{Weekend: []v1alpha1.Weekday{"Saturday"}}, "America/Santiago",
			"2026-08-20 00:00", "2026-09-07", before("1d"), "2026-09-06 01:00",
		},
	} {
		t.Run(name, func(t *testing.T) {
			location := zone(t, c.zone)
			call := after("call")
			call.Due = &c.due
			j := newJob(t, call)
			j.view.Location, j.run.Spec.Calendar = location, c.calendar
			j.within("", c.renewal)
			j.beganAt(at(t, c.from, location))
			j.carryOut()
			same(t, "due", at(t, c.want, location), j.task("call").Status.DueTime)
		})
	}
}

func TestTimesOfTheContract(t *testing.T) {
	renewal := func(before, after v1alpha1.Duration) v1alpha1.StepTime {
		return v1alpha1.StepTime{Before: before, After: after, Of: v1alpha1.PointRenewal}
	}
	for name, c := range map[string]struct {
		zone           string
		start, renewal v1alpha1.Date
		due            v1alpha1.StepTime
		want           string
	}{
		"begin with the first moment of the day":             {"Europe/Berlin", "", "2027-02-01", renewal("0", ""), "2027-02-01 00:00"},
		"count days of the calendar over a change of clocks": {"Europe/Berlin", "", "2027-05-01", renewal("60d", ""), "2027-03-02 00:00"},
		"count hours from the first moment":                  {"Europe/Berlin", "", "2027-02-01", renewal("", "1d9h"), "2027-02-02 09:00"},
		"count hours before the first moment":                {"Europe/Berlin", "", "2027-02-01", renewal("36h", ""), "2027-01-30 12:00"},
		"count over a leap day":                              {"UTC", "", "2028-03-01", renewal("1d", ""), "2028-02-29 00:00"},
		"may be of the start": {
			"UTC", "2026-10-01", "", v1alpha1.StepTime{After: "90d", Of: v1alpha1.PointContractStart}, "2026-12-30 00:00",
		},
		"end with the last year that is written":    {"UTC", "", "9999-12-31", renewal("", "30d"), "9999-12-31 23:59"},
		"begin with the first year that is written": {"UTC", "", "0001-01-01", renewal("30d", ""), "0001-01-02 00:00"},
	} {
		t.Run(name, func(t *testing.T) {
			call := after("call")
			call.Due = &c.due
			j := newJob(t, call)
			j.view.Location = zone(t, c.zone)
			j.within(c.start, c.renewal)
			j.carryOut()
			got := j.task("call").Status.DueTime
			same(t, "due", at(t, c.want, j.view.Location), stamp(got.Truncate(time.Minute)))
		})
	}
}

// opening is a step that opens some time before the renewal, and is due 2 days after it opened.
func opening(before v1alpha1.Duration) v1alpha1.PlaybookStep {
	s := after("kickoff", "triage")
	s.Opens = &v1alpha1.StepTime{Before: before, Of: v1alpha1.PointRenewal}
	s.Due = &v1alpha1.StepTime{After: "2d"}
	return s
}

func TestATaskOpensWhenItsTimeComes(t *testing.T) {
	j := newJob(t, after("triage"), opening("10d"))
	j.within("", "2026-11-22")
	opens := stamp(time.Date(2026, 11, 12, 0, 0, 0, 0, time.UTC))
	j.carryOut()
	same(t, "opens, while the step before is open", opens, j.task("kickoff").Status.OpensTime)
	j.finish("triage", "")
	plan := j.carryOut()
	j.wantSteps(active, done, waiting)
	j.wantTasks(tasks{"triage": v1alpha1.TaskDone, "kickoff": v1alpha1.TaskBlocked})
	same(t, "open tasks", int32(0), j.run.Status.OpenTasks)
	same(t, "next change", opens.Time, plan.NextChange)
	_, _, next := playbook.TaskStatus(j.task("kickoff"), plan, j.now)
	same(t, "task's next change", opens.Time, next)

	j.now = opens.Add(-time.Second)
	j.carryOut()
	j.wantSteps(active, done, waiting)
	// The operator was down when the time came.
	j.now = opens.Add(time.Hour)
	j.carryOut()
	j.wantSteps(active, done, open)
	kickoff := j.task("kickoff").Status
	same(t, "opened", opens, kickoff.OpenedTime)
	same(t, "due", stamp(opens.Add(48*time.Hour)), kickoff.DueTime)
}

func TestATimeToOpenMovesUntilItCame(t *testing.T) {
	day := func(d int) *metav1.Time { return stamp(time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC)) }
	j := newJob(t, after("triage"), opening("10d"))
	renews := func(date v1alpha1.Date, now *metav1.Time) v1alpha1.TaskStatus {
		j.within("", date)
		j.now = now.Time
		j.carryOut()
		return j.task("kickoff").Status
	}
	renews("2026-11-22", stamp(noon))
	j.finish("triage", "")
	same(t, "opens", day(12), renews("2026-11-22", stamp(j.now)).OpensTime)
	same(t, "opens later", day(15), renews("2026-11-25", day(3)).OpensTime)
	same(t, "opens earlier again", day(13), renews("2026-11-23", day(4)).OpensTime)
	same(t, "opens, now that nobody knows", day(13), renews("", day(4)).OpensTime)
	j.wantSteps(active, done, waiting)
	// The date moves so far back that the time is over: the task opens now, and its due time counts from now.
	opened := renews("2026-11-13", day(6))
	same(t, "state", v1alpha1.TaskOpen, opened.State)
	same(t, "opened", day(6), opened.OpenedTime)
	same(t, "due", day(8), opened.DueTime)
	// What was open stays open.
	later := renews("2027-11-13", day(7))
	same(t, "status once it was open", opened, later)
	j.wantSteps(active, done, open)
}

func TestATaskOpensAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		renewal v1alpha1.Date
		opens   *metav1.Time
	}{
		"where its time was over before":            {"2026-11-04", stamp(time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC))},
		"where the contract does not have the date": {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJob(t, after("triage"), opening("10d"))
			j.within("", c.renewal)
			j.carryOut()
			j.wantSteps(active, open, waiting)
			j.finish("triage", "")
			j.carryOut()
			j.wantSteps(active, done, open)
			same(t, "opens", c.opens, j.task("kickoff").Status.OpensTime)
			same(t, "opened", stamp(j.now), j.task("kickoff").Status.OpenedTime)
		})
	}
}

func TestATaskThatIsBegunBeforeItsTimeIsOpen(t *testing.T) {
	s := after("kickoff")
	s.Opens = &v1alpha1.StepTime{After: "3d"}
	j := newJob(t, s)
	j.carryOut()
	j.wantTasks(tasks{"kickoff": v1alpha1.TaskBlocked})
	j.set("kickoff", func(s *v1alpha1.TaskSpec) { s.Note = "an agenda" })
	j.carryOut()
	j.wantTasks(tasks{"kickoff": v1alpha1.TaskBlocked})
	j.state("kickoff", v1alpha1.WorkInProgress)
	j.carryOut()
	begun := stamp(j.now)
	j.state("kickoff", v1alpha1.WorkOpen)
	j.carryOut()
	j.wantTasks(tasks{"kickoff": v1alpha1.TaskOpen})
	same(t, "opened", begun, j.task("kickoff").Status.OpenedTime)
}

func TestATaskThatWaitsForItsTimeWaitsForAStepThatOpensAgain(t *testing.T) {
	s := after("kickoff", "triage")
	s.Opens = &v1alpha1.StepTime{After: "2d"}
	j := newJob(t, after("triage"), s)
	j.carryOut()
	j.finish("triage", "")
	j.carryOut()
	same(t, "opens", stamp(j.now.Add(48*time.Hour)), j.task("kickoff").Status.OpensTime)
	j.state("triage", v1alpha1.WorkOpen)
	j.carryOut()
	same(t, "opens while the step before is open again", (*metav1.Time)(nil), j.task("kickoff").Status.OpensTime)
	j.now = j.now.Add(72 * time.Hour)
	j.carryOut()
	j.wantSteps(active, open, waiting)
	j.finish("triage", "")
	j.carryOut()
	j.wantSteps(active, done, waiting)
	same(t, "opens", stamp(j.now.Add(48*time.Hour)), j.task("kickoff").Status.OpensTime)
	j.now = j.now.Add(48 * time.Hour)
	j.carryOut()
	j.wantSteps(active, done, open)
	// Once it has opened it stays so.
	j.state("triage", v1alpha1.WorkOpen)
	j.carryOut()
	j.wantSteps(active, open, open)
}

func TestADueTimeMovesWithTheContract(t *testing.T) {
	day := func(d int) *metav1.Time { return stamp(time.Date(2026, 12, d, 0, 0, 0, 0, time.UTC)) }
	call := after("call")
	call.Due = &v1alpha1.StepTime{Before: "10d", Of: v1alpha1.PointRenewal}
	j := newJob(t, call)
	renews := func(date v1alpha1.Date) *metav1.Time {
		j.within("", date)
		j.carryOut()
		return j.task("call").Status.DueTime
	}
	same(t, "due without a date", (*metav1.Time)(nil), renews(""))
	same(t, "due", day(5), renews("2026-12-15"))
	same(t, "due later", day(10), renews("2026-12-20"))
	same(t, "due earlier", day(2), renews("2026-12-12"))
	same(t, "due once the date is gone", day(2), renews(""))
	set := stamp(noon.Add(time.Hour))
	j.task("call").Spec.DueTime = set
	same(t, "due where a person says so", set, renews("2026-12-13"))
	j.task("call").Spec.DueTime = nil
	same(t, "due where the person says so no more", day(3), renews("2026-12-13"))
	j.finish("call", "")
	same(t, "due once it is done", day(3), renews("2026-12-30"))
	j.state("call", v1alpha1.WorkOpen)
	same(t, "due once it is open again", day(20), renews("2026-12-30"))
}

func TestAPlanNamesTheDatesThatAreNotKnown(t *testing.T) {
	call, mail := after("call"), after("mail", "call")
	call.Opens = &v1alpha1.StepTime{After: "1d", Of: v1alpha1.PointContractStart}
	call.Due = &v1alpha1.StepTime{Before: "1d", Of: v1alpha1.PointRenewal}
	mail.When, mail.Due = "true", &v1alpha1.StepTime{Before: "2d", Of: v1alpha1.PointRenewal}
	j := newJob(t, call, mail)
	want := func(prefixes ...string) {
		t.Helper()
		got := j.carryOut().DatesUnknown
		if len(got) != len(prefixes) {
			t.Fatalf("got %q, want %d", got, len(prefixes))
		}
		for i, prefix := range prefixes {
			if !strings.HasPrefix(got[i], prefix) {
				t.Errorf("got %q, want %q", got[i], prefix)
			}
		}
	}
	callDue := "steps[call].due counts from Renewal: set spec.contract.renewalDate of account acme"
	want("steps[call].opens counts from ContractStart: set spec.contract.startDate of account acme", callDue, "steps[mail].due counts from Renewal")
	j.within("2026-10-01", "")
	want(callDue, "steps[mail].due")
	j.task("call").Spec.DueTime = stamp(noon)
	want("steps[mail].due")
	j.within("2026-10-01", "2026-12-01")
	want()
	j.within("", "")
	j.finish("call", "")
	want("steps[mail].due")
	j.finish("mail", "")
	want()
}

func TestAStepWhoseTimeWasOverBeforeTheRun(t *testing.T) {
	for name, c := range map[string]struct {
		policy  v1alpha1.IfPastPolicy
		opens   v1alpha1.StepTime
		renewal v1alpha1.Date
		want    v1alpha1.StepState
	}{
		"opens by default": {"", v1alpha1.StepTime{Before: "10d", Of: v1alpha1.PointRenewal}, "2026-11-04", open},
		"is skipped where the playbook says so": {
			v1alpha1.IfPastSkip, v1alpha1.StepTime{Before: "10d", Of: v1alpha1.PointRenewal}, "2026-11-04", skipped,
		},
		"is not skipped at the very moment":       {v1alpha1.IfPastSkip, v1alpha1.StepTime{After: "12h", Of: v1alpha1.PointRenewal}, "2026-11-02", open},
		"is not skipped later on that day":        {v1alpha1.IfPastSkip, v1alpha1.StepTime{After: "0", Of: v1alpha1.PointRenewal}, "2026-11-02", open},
		"is skipped a moment before that day":     {v1alpha1.IfPastSkip, v1alpha1.StepTime{After: "23h59m59s", Of: v1alpha1.PointRenewal}, "2026-11-01", skipped},
		"is not skipped while its time is ahead":  {v1alpha1.IfPastSkip, v1alpha1.StepTime{Before: "1d", Of: v1alpha1.PointRenewal}, "2026-12-04", waiting},
		"is not skipped where the date is absent": {v1alpha1.IfPastSkip, v1alpha1.StepTime{Before: "1d", Of: v1alpha1.PointRenewal}, "", open},
		"is not skipped where it counts from the run": {
			v1alpha1.IfPastSkip, v1alpha1.StepTime{After: "0", Of: v1alpha1.PointRunStart}, "", open,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := after("review")
			s.Opens, s.IfPast = &c.opens, c.policy
			j := newJob(t, s, after("report", "review"))
			j.within("", c.renewal)
			j.carryOut()
			same(t, "step", c.want, j.run.Status.Steps[0].State)
			report := map[v1alpha1.StepState]v1alpha1.TaskState{open: v1alpha1.TaskBlocked, waiting: v1alpha1.TaskBlocked, skipped: v1alpha1.TaskOpen}
			same(t, "the task after it", report[c.want], j.task("report").Status.State)
			// What was decided stays, wherever the date goes.
			for _, date := range []v1alpha1.Date{"2027-11-04", "2025-11-04"} {
				j.within("", date)
				j.carryOut()
				same(t, "was skipped, the date being "+string(date), c.want == skipped, j.run.Status.Steps[0].State == skipped)
			}
		})
	}
}

// A trigger within 90d of the renewal starts the run a moment after midnight in the operator's zone, and that is where a step
// that opens 90d before belongs.
func TestAStepThatOpensOnTheDayThatStartsTheRunIsNotPast(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "Pacific/Auckland", "America/Los_Angeles", "America/Santiago"} {
		t.Run(name, func(t *testing.T) {
			s := after("review")
			s.Opens, s.IfPast = &v1alpha1.StepTime{Before: "90d", Of: v1alpha1.PointRenewal}, v1alpha1.IfPastSkip
			j := newJob(t, s)
			j.run.Spec.Calendar = &v1alpha1.WorkCalendar{TimeZone: name}
			j.within("", "2027-01-31")
			j.beganAt(stamp(time.Date(2026, 11, 2, 0, 0, 2, 0, time.UTC)))
			j.carryOut()
			if state := j.run.Status.Steps[0].State; state == skipped {
				t.Errorf("it is %s", state)
			}
		})
	}
}

func TestTheDaysOfARunAreThoseItBeganWith(t *testing.T) {
	call := v1alpha1.PlaybookStep{Name: "call", Title: "Call", Due: &v1alpha1.StepTime{After: "1d", Calendar: v1alpha1.CountWorkingDays}}
	pb := spec(steps(call), func(s *v1alpha1.PlaybookSpec) {
		s.Calendar = &v1alpha1.WorkCalendar{TimeZone: "Europe/Berlin", Holidays: []v1alpha1.Date{"2026-11-03"}}
	})
	p := compiled(t, pb)
	// The next generation.
	pb.Spec.Calendar.Holidays[0], pb.Spec.Calendar.TimeZone, pb.Spec.Steps[0].Due.After = "2026-11-04", "UTC", "5d"
	run, err := p.NewRun(playbook.View{Account: acme(), Now: noon}, *episode(due, noon, 1, since("low", noon)), []playbook.TriggerResult{{Name: "low", Truth: yes}})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "calendar", &v1alpha1.WorkCalendar{TimeZone: "Europe/Berlin", Holidays: []v1alpha1.Date{"2026-11-03"}}, run.Spec.Calendar)
	j := newJob(t)
	run.CreationTimestamp, run.Generation, run.UID = *stamp(noon), 1, "run-uid"
	j.run = run
	j.carryOut()
	same(t, "due", stamp(noon.Add(48*time.Hour)), j.task("call").Status.DueTime)
}

func TestARunWhoseCalendarCannotBeReadIsRefused(t *testing.T) {
	j := newJob(t, after("call"))
	j.run.Spec.Calendar = &v1alpha1.WorkCalendar{TimeZone: "Europe/Atlantis"}
	_, err := playbook.PlanRun(playbook.PlanInput{Run: j.run, View: j.view, Now: noon})
	if err == nil || !strings.Contains(err.Error(), `spec.calendar.timeZone: Invalid value: "Europe/Atlantis"`) {
		t.Errorf("got %v", err)
	}
}

func TestTheTimeOfATaskThatIsOverStays(t *testing.T) {
	s := after("kickoff")
	s.Opens = &v1alpha1.StepTime{Before: "10d", Of: v1alpha1.PointRenewal}
	j := newJob(t, s)
	j.within("", "2026-12-22")
	j.carryOut()
	opens := j.task("kickoff").Status.OpensTime
	j.state("kickoff", v1alpha1.WorkCanceled)
	j.within("", "2027-12-22")
	j.carryOut()
	same(t, "opens", opens, j.task("kickoff").Status.OpensTime)
	j.state("kickoff", v1alpha1.WorkOpen)
	j.carryOut()
	same(t, "opens once it is open again", stamp(time.Date(2027, 12, 12, 0, 0, 0, 0, time.UTC)), j.task("kickoff").Status.OpensTime)
}

func TestADateThatWentAwayIsNamedAndItsTimeStays(t *testing.T) {
	j := newJob(t, v1alpha1.PlaybookStep{Name: "call", Title: "Call", Opens: &v1alpha1.StepTime{Before: "10d", Of: v1alpha1.PointRenewal}})
	j.view.Account.Spec.Contract = &v1alpha1.Contract{RenewalDate: "2027-06-01"}
	j.carryOut()
	j.view.Account.Spec.Contract = nil
	plan := j.carryOut()
	same(t, "dates", []string{
		"steps[call].opens counts from Renewal: set spec.contract.renewalDate of account acme; until then the task opens at the time that it had, else when the steps before it are finished",
	}, plan.DatesUnknown)
	same(t, "state", v1alpha1.TaskBlocked, j.task("call").Status.State)
}
