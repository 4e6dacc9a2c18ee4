package fleet_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
)

// steady people do the same at the same time, whatever the names of tasks are.
func steady(day int) fleet.People {
	return fleet.PeopleFunc(func(task *v1alpha1.Task, _ time.Time) {
		sum := sha256.Sum256(fmt.Append(nil, task.Spec.AccountRef.Name, task.Spec.Step, day))
		if task.Status.State == v1alpha1.TaskBlocked || sum[0] > 40 {
			return
		}
		task.Generation++
		if sum[1] < 60 {
			task.Spec.Note = "left a message"
			return
		}
		task.Spec.State = v1alpha1.WorkDone
		if n := len(task.Spec.Outcomes); n > 0 {
			task.Spec.Outcome = task.Spec.Outcomes[int(sum[2])%n]
		}
	})
}

// renamed has a playbook go on under another name, as do those that it inhibits.
func renamed(pb *v1alpha1.Playbook) *v1alpha1.Playbook {
	pb = pb.DeepCopy()
	pb.Spec.PreviousNames = []string{pb.Name}
	pb.Name, pb.UID, pb.Generation = "new-"+pb.Name, "", 1
	for i := range pb.Spec.InhibitedBy {
		pb.Spec.InhibitedBy[i] = "new-" + pb.Spec.InhibitedBy[i]
	}
	return pb
}

// workOf lists all work, under the names that playbooks had first.
func workOf(f *fleet.Fleet) []string {
	var all []string
	for _, run := range f.Runs() {
		name := strings.TrimPrefix(run.Spec.PlaybookRef.Name, "new-")
		line := fmt.Sprint(run.Spec.AccountRef.Name, " ", name, " ", run.Spec.Trigger, " ", run.Spec.Sequence, run.Spec.Period, run.Spec.Observation, " ",
			run.CreationTimestamp.Time.Format(time.RFC3339), " ", run.Status.State, " ", run.Status.EndedTime, run.Status.ResolvedTime)
		for _, task := range f.Tasks(run.Name) {
			line += fmt.Sprint("; ", task.Spec.Step, " ", task.Status.State, task.Spec.Outcome, " ", task.Status.DueTime)
		}
		all = append(all, line)
	}
	for _, a := range f.Accounts() {
		for _, e := range a.Status.Playbooks {
			e.Name = strings.TrimPrefix(e.Name, "new-")
			all = append(all, fmt.Sprintf("%s remembers %+v since %s", a.Name, e.Name+" "+e.Source+e.Every+" "+string(e.State), e.Since))
		}
	}
	slices.Sort(all)
	return all
}

// Two customer bases live through the same days. In one of them every playbook is renamed on the way, with the old one still
// there for a while. The same work comes of both.
func TestARenamedPlaybookGoesOnWhereItWas(t *testing.T) {
	const accounts, days = 50, 50
	for name, rename := range map[string]func(q *quarter, pb *v1alpha1.Playbook){
		"the new one comes first": func(q *quarter, pb *v1alpha1.Playbook) {
			q.must(q.fleet.SetPlaybook(renamed(pb)))
			q.must(q.fleet.Step(q.now))
			q.fleet.DeletePlaybook(pb.Name)
		},
		"in one step": func(q *quarter, pb *v1alpha1.Playbook) {
			q.fleet.DeletePlaybook(pb.Name)
			q.must(q.fleet.SetPlaybook(renamed(pb)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			life := func(renames bool) *fleet.Fleet {
				q := newQuarter(t, 3)
				for _, c := range q.customers[accounts:] {
					q.fleet.DeleteAccount(c.account.Name)
				}
				q.customers = q.customers[:accounts]
				for q.day = range days {
					for _, c := range q.customers {
						q.drift(c)
						q.change(c)
						q.readSources(c)
					}
					if renames && q.day == 20 {
						for _, pb := range quarterPlaybooks(t) {
							rename(q, pb)
						}
					}
					for hour := range 4 {
						q.must(q.fleet.Step(q.now))
						q.fleet.Work(steady(4*q.day+hour), q.now)
						q.now = q.now.Add(6 * time.Hour)
					}
				}
				return q.fleet
			}
			plain, other := life(false), life(true)
			if diff := cmp.Diff(workOf(plain), workOf(other)); diff != "" {
				t.Errorf("(-without the new names +with them):\n%s", diff)
			}
			open := 0
			for _, run := range other.Runs() {
				if !strings.HasPrefix(run.Spec.PlaybookRef.Name, "new-") && run.Status.ResolvedTime != nil && run.Status.ResolvedTime.After(quarterBegins.AddDate(0, 0, 21)) {
					open++
				}
			}
			if open == 0 {
				t.Error("no run of an old name was resolved under the new one: this says nothing")
			}
		})
	}
}
