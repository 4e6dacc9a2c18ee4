package manager

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

const agentsPage = "../../docs/agents.md"

// pageBlocks returns the code blocks of the page in a language.
func (w *world) pageBlocks(language string) []string {
	w.t.Helper()
	text, err := os.ReadFile(agentsPage)
	if err != nil {
		w.t.Fatal(err)
	}
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// The objects of the page, in its order.
const (
	pagePlaybook = iota
	pageRole
	pagePolicy
)

// applyFromPage applies objects of the page, for this namespace.
func (w *world) applyFromPage(block int) {
	w.t.Helper()
	blocks := w.pageBlocks("yaml")
	if len(blocks) != pagePolicy+1 {
		w.t.Fatalf("the page has %d blocks of YAML", len(blocks))
	}
	manifest := strings.NewReplacer("namespace: success", "namespace: "+w.namespace, "serviceaccount:success:", "serviceaccount:"+w.namespace+":").Replace(blocks[block])
	if block == pagePolicy {
		manifest = strings.NewReplacer("{name: whatsapp-agent}", "{name: "+w.namespace+"}", "policyName: whatsapp-agent", "policyName: "+w.namespace).Replace(manifest)
	}
	w.apply(manifest)
}

// unhappy is a world in which acme has given a 3, and the agent has a task.
func (w *world) unhappy() v1alpha1.Task {
	w.t.Helper()
	w.setAnswers(answersKey, answer{"acme", w.clock.Now().Add(-time.Hour), 3, "too slow"})
	w.apply(surveys)
	w.applyFromPage(pagePlaybook)
	w.applyFromPage(pageRole)
	w.addCustomer("acme", "0015g00000AcMe")
	task := w.taskStates(map[string]v1alpha1.TaskState{"reach": v1alpha1.TaskOpen})["reach"]
	if task.Status.Assignee != "whatsapp" {
		w.t.Fatalf("the task is %s's", task.Status.Assignee)
	}
	return task
}

// addCustomer makes an account that the CRM knows.
func (w *world) addCustomer(name, id string) {
	w.t.Helper()
	w.apply("kind: Account\nmetadata: {name: " + name + "}\nspec: {displayName: " + strings.ToUpper(name) + " Corp, owner: jo@example.com, externalIDs: {crm: [" + id + "]}}\n")
}

// agentConfig is the API as the agent's service account sees it.
func (w *world) agentConfig() *rest.Config {
	c := api.Get(w.t).Config()
	c.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + w.namespace + ":whatsapp-agent", Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + w.namespace},
	}
	return c
}

// newAgent makes an agent.
func (w *world) newAgent(name string, messages *conversations) *Agent {
	w.t.Helper()
	c, err := client.NewWithWatch(w.agentConfig(), client.Options{Scheme: w.Scheme()})
	if err != nil {
		w.t.Fatal(err)
	}
	return &Agent{WithWatch: c, Messenger: messages, Namespace: w.namespace, Queue: "whatsapp", Name: name}
}

// run starts an agent, and returns what ends it.
func (w *world) run(a *Agent) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Run(ctx)
	}()
	end = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	w.t.Cleanup(end)
	return end
}

// errKilled is what a messenger says to an agent that is no more.
var errKilled = errors.New("the agent was killed")

// conversations is WhatsApp, and outlives agents.
type conversations struct {
	mu     sync.Mutex
	inputs map[string]map[string]v1alpha1.TaskInput
	// sent counts messages to a customer, not calls.
	sent map[string]int
	// over is closed once it is known what became of a conversation; answers is what.
	over    map[string]chan struct{}
	answers map[string]string
	// deadly is the moment at which agents are killed; dead is closed when one is.
	deadly string
	dead   chan struct{}
}

func newConversations() *conversations {
	return &conversations{
		inputs: map[string]map[string]v1alpha1.TaskInput{}, sent: map[string]int{},
		over: map[string]chan struct{}{}, answers: map[string]string{},
	}
}

// killAt has agents killed at a moment, until it is called with none.
func (c *conversations) killAt(moment string) (dead chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadly, c.dead = moment, make(chan struct{})
	return c.dead
}

// killed reports whether this is the moment at which an agent does nothing more.
func (c *conversations) killed(now string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now != c.deadly {
		return false
	}
	select {
	case <-c.dead:
	default:
		close(c.dead)
	}
	return true
}

// line returns what is closed at the end of a conversation.
func (c *conversations) line(id string) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over[id] == nil {
		c.over[id] = make(chan struct{})
	}
	return c.over[id]
}

// Send writes to a customer, once.
func (c *conversations) Send(_ context.Context, id string, input map[string]v1alpha1.TaskInput) error {
	if c.killed("claimed") {
		return errKilled
	}
	c.mu.Lock()
	if c.inputs[id] == nil {
		c.inputs[id], c.sent[id] = input, c.sent[id]+1
	}
	c.mu.Unlock()
	if c.killed("sent") {
		return errKilled
	}
	return nil
}

// Answer waits for the end of a conversation.
func (c *conversations) Answer(ctx context.Context, id string, _ *metav1.Time) (string, error) {
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-c.line(id):
	}
	if c.killed("answered") {
		return "", errKilled
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers[id], nil
}

// ends ends a conversation with an answer, or none.
func (c *conversations) ends(task v1alpha1.Task, answer string) {
	line := c.line(string(task.UID))
	c.mu.Lock()
	c.answers[string(task.UID)] = answer
	c.mu.Unlock()
	close(line)
}

// answered reports whether a conversation has ended.
func (c *conversations) answered(task v1alpha1.Task) bool {
	select {
	case <-c.line(string(task.UID)):
		return true
	default:
		return false
	}
}

// of is what was sent for a task, and how often.
func (c *conversations) of(task v1alpha1.Task) (input map[string]v1alpha1.TaskInput, times int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inputs[string(task.UID)], c.sent[string(task.UID)]
}
