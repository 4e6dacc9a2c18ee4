package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// writtenTo waits until the customer of a task was written to.
func (w *world) writtenTo(messages *conversations, task v1alpha1.Task) {
	w.t.Helper()
	w.until("the customer was written to", func() error {
		if _, times := messages.of(task); times != 1 {
			return fmt.Errorf("%d messages", times)
		}
		return nil
	})
}

// ended waits until the agent's task is done, and checks what it says.
func (w *world) ended(states map[string]v1alpha1.TaskState, outcome v1alpha1.Outcome, by, note string) map[string]v1alpha1.Task {
	w.t.Helper()
	tasks := w.taskStates(states)
	reach := tasks["reach"]
	if reach.Spec.Outcome != outcome || reach.Spec.CompletedBy != by || reach.Status.CompletedBy != by || !strings.Contains(reach.Spec.Note, note) {
		w.t.Errorf("the agent's task is %s", asYAML(reach.Spec))
	}
	return tasks
}

func TestAgentHandsOverToAPersonWhenNobodyAnswers(t *testing.T) {
	w := newWorld(t)
	task, messages := w.unhappy(), newConversations()
	w.run(w.newAgent("whatsapp-1", messages))
	w.writtenTo(messages, task)
	claimed := w.taskStates(map[string]v1alpha1.TaskState{"reach": v1alpha1.TaskInProgress})["reach"]
	if claimed.Status.Assignee != "whatsapp-1" {
		t.Errorf("the task is %s's", claimed.Status.Assignee)
	}
	input, _ := messages.of(task)
	if diff := cmp.Diff(map[string]v1alpha1.TaskInput{"template": "detractor", "contact": "0015g00000AcMe", "score": "3", "comment": "too slow"}, input); diff != "" {
		t.Errorf("the agent was told (- want, + got):\n%s", diff)
	}

	messages.ends(task, "")
	tasks := w.ended(map[string]v1alpha1.TaskState{"reach": v1alpha1.TaskDone, "take-over": v1alpha1.TaskOpen}, "Escalate", "whatsapp-1", "no answer")
	call := tasks["take-over"]
	if call.Status.Assignee != "jo@example.com" || call.Status.Priority != v1alpha1.PriorityHigh || call.Spec.Title != "Call ACME Corp: they gave us 3 and did not answer" {
		t.Errorf("the person's task is %s%s", asYAML(call.Spec), asYAML(call.Status))
	}
	// The person types what the task says, and reads what the agent wrote.
	command := regexp.MustCompile(`kubectl (get tasks .*)$`).FindStringSubmatch(call.Spec.Description)
	if command == nil {
		t.Fatalf("the description has no command: %s", call.Spec.Description)
	}
	if list := w.kubectl(strings.Fields(command[1])...); !strings.Contains(list, "Escalate") || !strings.Contains(list, "Conversation "+string(task.UID)+": no answer.") {
		t.Errorf("the person reads\n%s", list)
	}
	w.finish(call, `{"spec":{"state":"Done","outcome":"Settled","completedBy":"jo@example.com"}}`)
	w.followUps("acme", "3 Completed")
}

func TestAgentSettlesItWhenTheyAnswer(t *testing.T) {
	w := newWorld(t)
	task, messages := w.unhappy(), newConversations()
	w.run(w.newAgent("whatsapp-1", messages))
	w.writtenTo(messages, task)
	// What somebody has noted meanwhile stays.
	w.finish(task, `{"spec":{"note":"They are on holidays."}}`)
	messages.ends(task, "Thank you, it is fast again.")
	tasks := w.ended(map[string]v1alpha1.TaskState{"reach": v1alpha1.TaskDone}, "Settled", "whatsapp-1", "They are on holidays.\nConversation ")
	if note := tasks["reach"].Spec.Note; !strings.Contains(note, ": Thank you, it is fast again.") {
		t.Errorf("the note is %q", note)
	}
	run := w.followUps("acme", "3 Completed")[0]
	if got := fmt.Sprintf("%s %s", run.Status.Steps[0].State, run.Status.Steps[1].State); got != "Done Skipped" {
		t.Errorf("the steps are %s", got)
	}
}

// TestAgentsDoNotBothTakeATask: both have seen it open.
func TestAgentsDoNotBothTakeATask(t *testing.T) {
	w := newWorld(t)
	task, messages := w.unhappy(), newConversations()
	one, two := w.newAgent("whatsapp-1", messages), w.newAgent("whatsapp-2", messages)
	for _, a := range []*Agent{one, two} {
		if err := a.claim(t.Context(), task.DeepCopy()); err != nil {
			t.Fatal(err)
		}
	}
	claimed := w.taskStates(map[string]v1alpha1.TaskState{"reach": v1alpha1.TaskInProgress})["reach"]
	if claimed.Spec.Assignee != "whatsapp-1" || claimed.Status.Assignee != "whatsapp-1" {
		t.Errorf("the task is %s's, by its status %s's", claimed.Spec.Assignee, claimed.Status.Assignee)
	}
	mine := task.DeepCopy()
	mine.Spec.State = v1alpha1.WorkInProgress
	if err := two.Patch(t.Context(), mine, client.MergeFromWithOptions(&task, client.MergeFromWithOptimisticLock{})); !apierrors.IsConflict(err) {
		t.Errorf("whoever is second is told %v, not a conflict", err)
	}
}

// TestAgentsShareTheWork: each customer hears of one agent, once.
func TestAgentsShareTheWork(t *testing.T) {
	w := newWorld(t)
	w.unhappy()
	messages := newConversations()
	for _, name := range []string{"whatsapp-1", "whatsapp-2", "whatsapp-3"} {
		w.run(w.newAgent(name, messages))
	}
	var answers []answer
	for i := range 8 {
		name := fmt.Sprintf("customer-%d", i)
		w.addCustomer(name, fmt.Sprintf("c%d", i))
		answers = append(answers, answer{name, w.clock.Now().Add(-time.Minute), i % 7, "hm"})
	}
	w.setAnswers(answersKey, answers...)
	w.until("all are done", func() error {
		var tasks v1alpha1.TaskList
		if err := w.List(t.Context(), &tasks, client.MatchingFields{"status.state": string(v1alpha1.TaskInProgress)}); err != nil {
			return err
		}
		for _, task := range tasks.Items {
			if _, times := messages.of(task); times == 1 && !messages.answered(task) {
				messages.ends(task, "fine")
			}
		}
		if err := w.List(t.Context(), &tasks, client.MatchingFields{"status.state": string(v1alpha1.TaskDone)}); err != nil || len(tasks.Items) != 9 {
			return fmt.Errorf("%d are done: %w", len(tasks.Items), err)
		}
		for _, task := range tasks.Items {
			if _, times := messages.of(task); times != 1 || task.Spec.CompletedBy != task.Spec.Assignee || task.Spec.Outcome != "Settled" {
				t.Errorf("%d messages: %s", times, asYAML(task.Spec))
			}
		}
		return nil
	})
}

// TestAgentIsKilled at a moment, and starts again.
func TestAgentIsKilled(t *testing.T) {
	for _, moment := range []string{"claimed", "sent", "waiting", "answered", "finished"} {
		t.Run(moment, func(t *testing.T) {
			w := newWorld(t)
			task, messages := w.unhappy(), newConversations()
			dead := messages.killAt(moment)
			end := w.run(w.newAgent("whatsapp-1", messages))
			switch moment {
			case "waiting":
				w.writtenTo(messages, task)
				close(dead)
			case "answered":
				messages.ends(task, "It is fine.")
			case "finished":
				messages.ends(task, "It is fine.")
				w.taskStates(map[string]v1alpha1.TaskState{"reach": v1alpha1.TaskDone})
				close(dead)
			}
			<-dead
			end()
			messages.killAt("")

			w.run(w.newAgent("whatsapp-1", messages))
			if moment == "claimed" || moment == "sent" || moment == "waiting" {
				messages.ends(task, "It is fine.")
			}
			done := w.ended(map[string]v1alpha1.TaskState{"reach": v1alpha1.TaskDone}, "Settled", "whatsapp-1", "It is fine.")["reach"]
			if _, times := messages.of(task); times != 1 || strings.Count(done.Spec.Note, "It is fine.") != 1 {
				t.Errorf("%d messages were sent, and the note is %q", times, done.Spec.Note)
			}
			// To make it, to claim it, to finish it.
			if done.Generation != 3 {
				t.Errorf("the spec was written %d times", done.Generation)
			}
		})
	}
}

// TestAgentLeavesWhatIsNotItsOwn: what happens to the task while the agent waits for an answer.
func TestAgentLeavesWhatIsNotItsOwn(t *testing.T) {
	tests := map[string]struct {
		happens func(w *world, task v1alpha1.Task)
		states  map[string]v1alpha1.TaskState
		whose   string
	}{
		"a person takes it over": {func(w *world, task v1alpha1.Task) {
			w.finish(task, `{"spec":{"assignee":"al@example.com"}}`)
		}, map[string]v1alpha1.TaskState{"reach": v1alpha1.TaskInProgress}, "al@example.com"},
		"a person cancels it": {func(w *world, task v1alpha1.Task) {
			w.finish(task, `{"spec":{"state":"Canceled"}}`)
		}, map[string]v1alpha1.TaskState{"reach": v1alpha1.TaskCanceled, "take-over": v1alpha1.TaskOpen}, "whatsapp-1"},
		"it escalates": {func(w *world, task v1alpha1.Task) {
			w.pass(27 * time.Hour)
			w.reached(task.Name, 1)
		}, map[string]v1alpha1.TaskState{"reach": v1alpha1.TaskInProgress}, "jo@example.com"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			task, messages := w.unhappy(), newConversations()
			a := w.newAgent("whatsapp-1", messages)
			end := w.run(a)
			w.writtenTo(messages, task)
			test.happens(w, task)
			messages.ends(task, "Hello?")
			w.until("the agent has ended the conversation", func() error {
				if _, at := a.talking.Load(task.UID); at {
					return errors.New("it is at it")
				}
				return nil
			})
			end()
			w.run(w.newAgent("whatsapp-1", messages)) // nor after it starts again
			w.quiet()
			left := w.taskStates(test.states)["reach"]
			if left.Spec.Note != "" || left.Spec.Outcome != "" || left.Spec.CompletedBy != "" || left.Status.Assignee != test.whose {
				t.Errorf("the task is %s%s", asYAML(left.Spec), asYAML(left.Status))
			}
		})
	}
}

// TestAgentThatDoesNotWork: its task goes to a person, and is not taken back.
func TestAgentThatDoesNotWork(t *testing.T) {
	w := newWorld(t)
	task, messages := w.unhappy(), newConversations()
	w.pass(27 * time.Hour)
	w.reached(task.Name, 1)
	w.run(w.newAgent("whatsapp-1", messages))
	w.quiet()
	left := w.taskStates(map[string]v1alpha1.TaskState{"reach": v1alpha1.TaskOpen})["reach"]
	if _, times := messages.of(task); times != 0 || left.Status.Assignee != "jo@example.com" || left.Status.Priority != v1alpha1.PriorityHigh {
		t.Errorf("%d messages were sent, and the task is %s's", times, left.Status.Assignee)
	}
}

// TestAgentMayDoNoMore than the page says.
func TestAgentMayDoNoMore(t *testing.T) {
	w := newWorld(t)
	task := w.unhappy()
	w.apply("kind: Task\nmetadata: {name: jos}\nspec: {accountRef: {name: acme}, title: of a person, assignee: jo@example.com}\n")
	clientset, err := kubernetes.NewForConfig(w.agentConfig())
	if err != nil {
		t.Fatal(err)
	}
	may := func(verb, resource, subresource string) bool {
		review, err := clientset.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: w.namespace, Verb: verb, Group: "perennial.dev", Resource: resource, Subresource: subresource},
		}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return review.Status.Allowed
	}
	for _, verb := range []string{"get", "list", "watch", "patch", "update", "create", "delete", "deletecollection"} {
		if got, want := may(verb, "tasks", ""), strings.Contains("get list watch patch", verb); got != want {
			t.Errorf("%s tasks: %v", verb, got)
		}
		for _, other := range []string{"tasks/status", "accounts/", "playbookruns/", "playbooks/", "datasources/"} {
			resource, subresource, _ := strings.Cut(other, "/")
			if may(verb, resource, subresource) {
				t.Errorf("it may %s %s", verb, other)
			}
		}
	}
	w.applyFromPage(pagePolicy)
	t.Cleanup(func() {
		_, err := api.Get(t).RunKubectl(context.Background(), "delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", w.namespace)
		if err != nil {
			t.Error(err)
		}
	})
	agent := w.newAgent("whatsapp-1", newConversations())
	w.until("the policy is in force", func() error {
		jos := &v1alpha1.Task{ObjectMeta: metav1.ObjectMeta{Name: "jos", Namespace: w.namespace}}
		if err := agent.Patch(t.Context(), jos, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"note":"x"}}`)), client.DryRunAll); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "the task is not an agent's") {
			return fmt.Errorf("a change of a person's task: %w", err)
		}
		return nil
	})
	if err := agent.claim(t.Context(), &task); err != nil {
		t.Errorf("the policy keeps the agent from its own work: %v", err)
	}
	claimed := w.taskStates(map[string]v1alpha1.TaskState{"reach": v1alpha1.TaskInProgress, "": v1alpha1.TaskOpen})["reach"]
	if err := agent.finish(t.Context(), &claimed, "Settled", "done"); err != nil {
		t.Errorf("the policy keeps the agent from its own work: %v", err)
	}
	w.taskStates(map[string]v1alpha1.TaskState{"reach": v1alpha1.TaskDone, "": v1alpha1.TaskOpen})
}

// TestAgentByHand types the page's commands.
func TestAgentByHand(t *testing.T) {
	w := newWorld(t)
	task := w.unhappy()
	commands := strings.Split(strings.TrimSpace(strings.Join(w.pageBlocks("sh"), "")), "\n")
	if len(commands) != 4 {
		t.Fatalf("the page has %d commands", len(commands))
	}
	plane := api.Get(t)
	types := func(i int) (string, error) {
		line := strings.NewReplacer("NAME", task.Name, "VERSION", task.ResourceVersion, "kubectl ", plane.Kubectl()+" -n "+w.namespace+" ").Replace(commands[i])
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
		cmd.Env = append(os.Environ(), "KUBECONFIG="+plane.KubeconfigPath(), "KUBECACHEDIR="+t.TempDir(), "KUBECTL_KUBERC=false")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for i, want := range []string{task.Name, `"contact":"0015g00000AcMe"`, "patched"} {
		if out, err := types(i); err != nil || !strings.Contains(out, want) {
			t.Fatalf("%s: %v: %s", commands[i], err, out)
		}
	}
	if out, err := types(2); err == nil || !strings.Contains(out, "the object has been modified") {
		t.Errorf("who claims it second is told %v: %s", err, out)
	}
	w.taskStates(map[string]v1alpha1.TaskState{"reach": v1alpha1.TaskInProgress})
	if out, err := types(3); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.ended(map[string]v1alpha1.TaskState{"reach": v1alpha1.TaskDone, "take-over": v1alpha1.TaskOpen}, "Escalate", "whatsapp-1", "Wrote twice, no answer.")
}

// TestAgentOfThePage: the program that the page shows is the one that these tests run.
func TestAgentOfThePage(t *testing.T) {
	shown := (&world{t: t}).pageBlocks("go")
	program, err := os.ReadFile("agents_client_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(string(program), "\n)\n\n")
	if len(shown) != 1 || shown[0] != want {
		t.Errorf("docs/agents.md shows another program than agents_client_test.go (- the file, + the page):\n%s", cmp.Diff(want, strings.Join(shown, "")))
	}
}
