package manager

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// surveys are the answers to a survey, several rows an account.
const surveys = `
kind: DataSource
metadata: {name: surveys}
spec:
  account: {field: org}
  observedTime: {field: answered}
  metrics:
  - {name: nps, type: Number, aggregate: Newest}
  - {name: comment, type: Text}
  configMap: {name: surveys, key: answers.csv, format: CSV}
`

// detractor follows up on each bad answer.
const detractor = `
kind: Playbook
metadata: {name: detractor}
spec:
  triggers: [{name: unhappy, per: Observation, value: {from: {source: surveys, metric: nps}, atMost: 6}}]
  steps:
  - name: call
    title: "Call: they gave ${metrics.surveys.nps}"
    description: "They said: ${metrics.surveys.comment}"
    outcomes: [Settled, StillUnhappy]
  - name: write
    title: "Write: they gave ${metrics.surveys.nps}"
    description: "They had said: ${metrics.surveys.comment}"
    after: [call]
    when: "outcomes.call == 'StillUnhappy'"
`

// answer is a row of the survey.
type answer struct {
	org     string
	at      time.Time
	nps     any
	comment string
}

// setAnswers writes the data, under a key that may be wrong.
func (w *world) setAnswers(key string, answers ...answer) {
	w.t.Helper()
	csv := "org,answered,nps,comment\n"
	for _, a := range answers {
		csv += fmt.Sprintf("%s,%s,%v,%s\n", a.org, a.at.Format(time.RFC3339), a.nps, a.comment)
	}
	w.apply(fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: surveys}\ndata: {%s: %q}\n", key, csv))
}

// answersKey is the key that the source reads.
const answersKey = "answers.csv"

// followUps waits until the runs of an account are exactly these, the first first: "4 Active".
func (w *world) followUps(account string, want ...string) []v1alpha1.PlaybookRun {
	w.t.Helper()
	var runs []v1alpha1.PlaybookRun
	w.until(fmt.Sprintf("follow-ups %v of %s", want, account), func() error {
		var err error
		if runs, err = w.runs(account); err != nil {
			return err
		}
		slices.SortFunc(runs, func(a, b v1alpha1.PlaybookRun) int {
			return cmp.Or(cmp.Compare(a.Spec.Sequence, b.Spec.Sequence), a.CreationTimestamp.Compare(b.CreationTimestamp.Time))
		})
		is := []string{}
		for i := range runs {
			is = append(is, fmt.Sprintf("%s %s", firstFact(&runs[i]), runs[i].Status.State))
		}
		if !slices.Equal(is, want) {
			return fmt.Errorf("they are %v", is)
		}
		return nil
	})
	return runs
}

// firstFact is the value that fired a run.
func firstFact(run *v1alpha1.PlaybookRun) string {
	if len(run.Spec.Facts) == 0 {
		return "?"
	}
	return run.Spec.Facts[0].Value
}

// taskOf waits for the task of a run's step.
func (w *world) taskOf(run v1alpha1.PlaybookRun, step v1alpha1.StepName) v1alpha1.Task {
	w.t.Helper()
	var found v1alpha1.Task
	w.until(fmt.Sprintf("task %s of run %s", step, run.Name), func() error {
		var list v1alpha1.TaskList
		if err := w.List(context.Background(), &list, client.MatchingLabels{v1alpha1.LabelRun: run.Name}); err != nil {
			return err
		}
		for _, task := range list.Items {
			if task.Spec.Step == step {
				found = task
				return nil
			}
		}
		return fmt.Errorf("there are %d tasks", len(list.Items))
	})
	return found
}

// settle finishes the call of a run.
func (w *world) settle(run v1alpha1.PlaybookRun, outcome string) {
	w.t.Helper()
	w.finish(w.taskOf(run, "call"), fmt.Sprintf(`{"spec":{"state":"Done","outcome":%q}}`, outcome))
}

func TestEachObservationIsFollowedUpOnce(t *testing.T) {
	w := newWorld(t)
	now := w.clock.Now()
	ago := func(d time.Duration, nps int) answer {
		return answer{"acme", now.Add(-d), nps, fmt.Sprintf("words of the %d", nps)}
	}
	// What was there before: the newest answer counts.
	w.setAnswers(answersKey, ago(90*time.Hour, 1), ago(80*time.Hour, 9), ago(70*time.Hour, 2))
	w.apply(surveys)
	w.apply(detractor)
	w.addAccount("acme", 1)
	runs := w.followUps("acme", "2 Active")

	// Several come at once, one of them late. They wait for their turn, and a restart and another order change nothing.
	answers := []answer{
		ago(10*time.Hour, 3), ago(70*time.Hour, 2), ago(60*time.Hour, 10), ago(5*time.Hour, 4), ago(90*time.Hour, 1), ago(75*time.Hour, 5), ago(80*time.Hour, 9),
	}
	again := func() {
		t.Helper()
		w.restart()
		slices.Reverse(answers)
		w.setAnswers(answersKey, answers...)
		w.quiet()
	}
	w.setAnswers(answersKey, answers...)
	w.quiet()
	again()
	w.followUps("acme", "2 Active")
	w.settle(runs[0], "Settled")
	runs = w.followUps("acme", "2 Completed", "5 Active")
	again()
	w.settle(runs[1], "StillUnhappy")
	// The tasks of a run show the row that started it, also those that are made later.
	write := w.taskOf(runs[1], "write")
	if call := w.taskOf(runs[1], "call"); call.Spec.Description != "They said: words of the 5" || write.Spec.Description != "They had said: words of the 5" || write.Spec.Title != "Write: they gave 5" {
		t.Errorf("the tasks say %q, %q and %q", call.Spec.Description, write.Spec.Title, write.Spec.Description)
	}
	w.finish(write, `{"spec":{"state":"Done"}}`)
	runs = w.followUps("acme", "2 Completed", "5 Completed", "3 Active")
	again()

	// A run that a person deletes, finished or not, does not come back.
	for _, gone := range runs[1:] {
		if err := w.Delete(t.Context(), &gone); err != nil {
			t.Fatal(err)
		}
	}
	runs = w.followUps("acme", "2 Completed", "4 Active")
	again()
	w.settle(runs[1], "Settled")
	w.followUps("acme", "2 Completed", "4 Completed")
	again()
	// The trigger has another name now, and others beside it; the answers are edited, but were followed up.
	w.apply(strings.Replace(detractor, "[{name: unhappy,", "[{name: low, score: {atMost: 1}}, {name: detractor,", 1))
	answers = append(answers, answer{"acme", now.Add(-5 * time.Hour), 0, "the same moment"})
	again()
	w.followUps("acme", "2 Completed", "4 Completed")
	w.episode("acme", "detractor", v1alpha1.EpisodeClear, 4)
}

func TestObservationsWaitWhileTheirSourceCannotBeRead(t *testing.T) {
	w := newWorld(t)
	now := w.clock.Now()
	answers := []answer{{"acme", now.Add(-9 * time.Hour), 4, "a"}}
	w.setAnswers(answersKey, answers...)
	w.apply(surveys)
	w.apply(strings.Replace(detractor, "  steps:\n", "  cooldown: 1d\n  steps:\n", 1))
	w.addAccount("acme", 1)
	runs := w.followUps("acme", "4 Active")
	answers = append(answers, answer{"acme", now.Add(-8 * time.Hour), 5, "b"})
	w.setAnswers(answersKey, answers...)
	w.settle(runs[0], "StillUnhappy")
	w.episode("acme", "detractor", v1alpha1.EpisodeFiring, 1)
	w.setAnswers("wrong.csv", answers...)
	source := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Name: "surveys"}}
	w.condition(source, func() []metav1.Condition { return source.Status.Conditions }, "Available", "False", "ReferenceNotFound", "answers.csv")
	// What was begun goes on with what it began with.
	write := w.taskOf(runs[0], "write")
	if write.Spec.Description != "They had said: a" {
		t.Errorf("the task says %q", write.Spec.Description)
	}
	w.finish(write, `{"spec":{"state":"Done"}}`)
	w.followUps("acme", "4 Completed")
	w.quiet()
	w.restart()
	w.pass(48 * time.Hour)
	w.quiet()
	w.followUps("acme", "4 Completed")

	answers = append(answers, answer{"acme", now, 6, "c"})
	w.setAnswers(answersKey, answers...)
	runs = w.followUps("acme", "4 Completed", "5 Active")
	w.settle(runs[1], "Settled")
	w.quiet()
	w.pass(23 * time.Hour)
	w.quiet()
	w.followUps("acme", "4 Completed", "5 Completed")
	w.pass(time.Hour)
	w.followUps("acme", "4 Completed", "5 Completed", "6 Active")
}

func TestAPlaybookSaysThatItsSourceHasNoTimes(t *testing.T) {
	w := newWorld(t)
	now := w.clock.Now()
	w.setAnswers(answersKey, answer{"acme", now.Add(-9 * time.Hour), 4, "a"}, answer{"acme", now.Add(-8 * time.Hour), 5, "b"})
	w.apply(strings.Replace(surveys, "  observedTime: {field: answered}\n", "", 1))
	w.apply(detractor)
	w.addAccount("acme", 1)
	p := &v1alpha1.Playbook{ObjectMeta: metav1.ObjectMeta{Name: "detractor"}}
	conditions := func() []metav1.Condition { return p.Status.Conditions }
	w.condition(p, conditions, "Ready", "False", "ReferenceNotFound", "spec.observedTime of DataSource surveys, which per: Observation needs")
	w.quiet()
	w.followUps("acme")
	w.apply(surveys)
	w.condition(p, conditions, "Ready", "True", "Ready", "")
	w.followUps("acme", "5 Active")
}

func TestWhatTheCustomerWroteIsInTheWorkAlone(t *testing.T) {
	log := capture()
	w := newWorld(t)
	now := w.clock.Now()
	const words = "abysmal-beyond-words"
	w.setAnswers(answersKey,
		answer{"acme", now.Add(-9 * time.Hour), 4, words}, answer{"acme", now.Add(-8 * time.Hour), words, words},
		answer{"acme", now.Add(-7 * time.Hour), 5, words}, answer{"bolt", now, 1, words})
	w.apply(strings.Replace(surveys, "org}", "org}\n  maxAge: 30d", 1))
	w.apply(detractor + `
  - name: odd
    title: "Odd: ${string(int(metrics.surveys.comment))} ${string(timestamp(metrics.surveys.comment))}"
    description: "${string(duration(metrics.surveys.comment))} ${metrics.surveys.comment.matches('(' + metrics.surveys.comment)}"
    assignee: "${string(double(metrics.surveys.comment))}"
`)
	w.addAccount("acme", 1)
	run := w.followUps("acme", "5 Active")[0]
	if call := w.taskOf(run, "call"); call.Spec.Description != "They said: "+words {
		t.Errorf("the task says %q", call.Spec.Description)
	}
	if got := asYAML(run.Spec.Facts); !strings.Contains(got, words) || !strings.Contains(got, "type: Text") {
		t.Errorf("the run's facts are %s", got)
	}
	w.condition(&run, func() []metav1.Condition { return run.Status.Conditions }, "TextRendered", "False", "ExpressionFailed", "steps[odd].title")
	w.settle(run, "StillUnhappy")
	w.taskOf(run, "write")
	w.quiet()

	seen := 0
	for _, list := range []client.ObjectList{
		&v1alpha1.AccountList{}, &v1alpha1.AccountSetList{}, &v1alpha1.DataSourceList{}, &v1alpha1.HealthScoreModelList{}, &v1alpha1.PlaybookList{},
		&v1alpha1.PlaybookRunList{}, &v1alpha1.TaskList{}, &corev1.EventList{}, &eventsv1.EventList{}, &corev1.SecretList{}, &corev1.ConfigMapList{},
	} {
		if err := w.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		_ = eachItem(list, func(obj client.Object) {
			seen++
			switch o := obj.(type) {
			case *v1alpha1.PlaybookRun:
				o.Spec = v1alpha1.PlaybookRunSpec{}
			case *v1alpha1.Task:
				o.Spec = v1alpha1.TaskSpec{}
			case *corev1.ConfigMap:
				o.Data = nil
			}
			if text := asYAML(obj); strings.Contains(text, words[:9]) {
				t.Errorf("a customer's words in %T %s:\n%s", obj, obj.GetName(), text)
			}
		})
	}
	if seen < 10 {
		t.Errorf("only %d objects were looked at", seen)
	}
	if written := log(); written == "" || strings.Contains(written, words[:9]) {
		t.Errorf("a customer's words in the log, or none at all: %d bytes", len(written))
	}
}

// operatorLog is where the operators of this process log: the first of them decides for all.
var operatorLog lockedLog

// capture returns what the operators of this process have logged since.
func capture() func() string {
	operatorLog.mu.Lock()
	defer operatorLog.mu.Unlock()
	operatorLog.keep = true
	return operatorLog.String
}

// lockedLog takes what several operators write at once, and keeps it where somebody wants to see it.
type lockedLog struct {
	mu      sync.Mutex
	keep    bool
	written bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.keep {
		return len(p), nil
	}
	return l.written.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written.String()
}
