package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// allTypes are all there are.
var allTypes = []v1alpha1.EventType{
	v1alpha1.EventTaskOpened, v1alpha1.EventTaskOverdue, v1alpha1.EventTaskEscalated, v1alpha1.EventTaskDone,
	v1alpha1.EventRunStarted, v1alpha1.EventRunResolved, v1alpha1.EventHealthChanged, v1alpha1.EventAccountChurned, v1alpha1.EventContractChanged,
}

// objects are an account, a run and a task of it.
func objects() Objects {
	of := Objects{Account: &v1alpha1.Account{}, Run: &v1alpha1.PlaybookRun{}, Task: &v1alpha1.Task{}}
	of.Account.ObjectMeta = metav1.ObjectMeta{Name: "acme", Namespace: "cs", UID: "u1"}
	of.Account.Spec = v1alpha1.AccountSpec{DisplayName: "Acme & Sons <Ltd>", Owner: "jo@example.com", Contract: &v1alpha1.Contract{ARR: ptr.To[int64](1234567)}}
	of.Account.Status.Health = &v1alpha1.Health{Band: "Critical", Score: ptr.To[int32](30)}
	of.Run.ObjectMeta = metav1.ObjectMeta{Name: "acme-rescue-1", Namespace: "cs", UID: "u2"}
	of.Run.Spec = v1alpha1.PlaybookRunSpec{AccountRef: v1alpha1.LocalReference{Name: "acme"}, PlaybookRef: v1alpha1.LocalReference{Name: "rescue"}, Reason: "score 30 is at most 40"}
	of.Task.ObjectMeta = metav1.ObjectMeta{Name: "acme-rescue-1-call", Namespace: "cs", UID: "u3"}
	of.Task.Spec = v1alpha1.TaskSpec{
		AccountRef: v1alpha1.LocalReference{Name: "acme"}, Title: "Call `Acme`", Description: "Ask why.\nListen.", Outcomes: []v1alpha1.Outcome{"Reached", "NoReply"},
	}
	of.Task.Status = v1alpha1.TaskStatus{State: v1alpha1.TaskOpen, Assignee: "jo@example.com", Priority: v1alpha1.PriorityHigh, DueTime: atNoon}
	return of
}

func TestACloudEventIsOne(t *testing.T) {
	for _, eventType := range allTypes {
		t.Run(string(eventType), func(t *testing.T) {
			mark := &v1alpha1.UndeliveredEvent{Type: eventType, Time: *atNoon, Detail: "why"}
			m := NewMessage(mark, objects())
			text, err := CloudEvent(m)
			if err != nil {
				t.Fatal(err)
			}
			var e event.Event
			if err := json.Unmarshal(text, &e); err != nil {
				t.Fatal(err)
			}
			if err := e.Validate(); err != nil {
				t.Error(err)
			}
			if !strings.HasPrefix(e.Type(), "dev.perennial.") || e.ID() != IDOf("u3", mark).String() || !e.Time().Equal(noon) {
				t.Errorf("it is %s", text)
			}
			if e.Source() != "/namespaces/cs/accounts/acme" || e.Subject() != "tasks/acme-rescue-1-call" {
				t.Errorf("it is of %s and about %s", e.Source(), e.Subject())
			}
			var data Data
			if err := e.DataAs(&data); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(m.Data, data, cmp.Comparer(func(a, b metav1.Time) bool { return a.Equal(&b) })); diff != "" {
				t.Errorf("the data came out as another: %s", diff)
			}
		})
	}
}

func TestWhatAMessageIsAbout(t *testing.T) {
	mark := &v1alpha1.UndeliveredEvent{Type: "RunStarted", Time: *atNoon}
	of := objects()
	run := NewMessage(mark, Objects{Account: of.Account, Run: of.Run})
	account := NewMessage(mark, Objects{Account: of.Account})
	alone := NewMessage(mark, Objects{Task: of.Task})
	if run.Subject != "playbookruns/acme-rescue-1" || run.ID != IDOf("u2", mark) || run.Data.Task != nil || run.Data.Reason == "" {
		t.Errorf("a run's is %+v", run)
	}
	if account.Subject != "accounts/acme" || account.ID != IDOf("u1", mark) || account.Data.Run != "" {
		t.Errorf("an account's is %+v", account)
	}
	if alone.Subject != "tasks/acme-rescue-1-call" || alone.Data.Account.Name != "acme" {
		t.Errorf("that of a task whose account is gone is %+v", alone)
	}
}

// TestSign compares with the example that the specification of Standard Webhooks gives, and with what a receiver does.
func TestSign(t *testing.T) {
	key, err := SigningKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"test": 2432232314}`)
	got := Sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), body)
	want := map[string]string{
		"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330", "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	mac := hmac.New(sha256.New, []byte("a plain secret"))
	mac.Write([]byte("id.1614265330." + string(body)))
	plain, err := SigningKey("a plain secret")
	if got := Sign(plain, "id", time.Unix(1614265330, 0), body)["webhook-signature"]; err != nil || got != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		t.Errorf("with a plain secret it is %s, %v", got, err)
	}
}

func TestSigningKeysThatAreOdd(t *testing.T) {
	tests := map[string]struct {
		secret, want string
		err          error
	}{
		"base64":                           {"whsec_a2V5", "key", nil},
		"base64 with padding":              {"whsec_a2V5cw==", "keys", nil},
		"base64 on two lines":              {"whsec_a2\nV5", "key", nil},
		"a key as it is":                   {"käy whsec_", "käy whsec_", nil},
		"a key of bytes":                   {"\x00\xff", "\x00\xff", nil},
		"nothing":                          {"", "", ErrSigningKey},
		"nothing after whsec_":             {"whsec_", "", ErrSigningKey},
		"no base64":                        {"whsec_no base64", "", ErrSigningKey},
		"base64 without its padding":       {"whsec_a2V5cw", "", ErrSigningKey},
		"the private key of other ciphers": {"whsk_a2V5", "", ErrOtherSignature},
		"the public key of other ciphers":  {"whpk_a2V5", "", ErrOtherSignature},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			key, err := SigningKey(test.secret)
			if !errors.Is(err, test.err) || string(key) != test.want {
				t.Errorf("%q, %v", key, err)
			}
			if err != nil && strings.Contains(err.Error(), "a2V5") {
				t.Errorf("it shows the key: %v", err)
			}
		})
	}
}

// texts returns all that a Slack message shows.
func texts(t *testing.T, m *Message) (slackMessage, string) {
	t.Helper()
	body, err := Slack(m)
	if err != nil {
		t.Fatal(err)
	}
	var out slackMessage
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(out.Text, "\n")
	all := []string{first}
	for i, b := range out.Blocks {
		for _, part := range append(slices.Clone(b.Fields), ptr.Deref(b.Text, slackText{Verbatim: true})) {
			if said := strings.Replace(part.Text, "\n", " ", 1); i > 0 && !strings.Contains(strings.ReplaceAll(out.Text, "\n", " "), strings.ReplaceAll(said, "\n", " ")) {
				t.Errorf("those who see no blocks do not get %q", part.Text)
			}
			if !part.Verbatim {
				t.Errorf("Slack makes links in %q", part.Text)
			}
		}
		if b.Text != nil {
			all = append(all, b.Text.Text)
		}
		for _, f := range b.Fields {
			all = append(all, f.Text)
		}
	}
	return out, strings.Join(all, "\n--\n")
}

func TestASlackMessageSaysWhatToDo(t *testing.T) {
	_, got := texts(t, NewMessage(&v1alpha1.UndeliveredEvent{Type: v1alpha1.EventTaskOpened, Time: *atNoon}, objects()))
	want := `To do: Call 'Acme'
--
*To do: Call 'Acme'*
--
score 30 is at most 40
--
*Account*
Acme &amp; Sons &lt;Ltd&gt; (acme)
--
*Health*
Critical, score 30
--
*ARR*
1,234,567
--
*Playbook*
rescue
--
*Assignee*
jo@example.com
--
*Priority*
High
--
*Due*
2026-11-02 12:00 UTC
--
Ask why.
Listen.
--
When it is done:
` + "```" + `kubectl patch ptask acme-rescue-1-call -n cs --type=merge -p '{"spec":{"state":"Done","outcome":"OUTCOME"}}'` + "```" + `
OUTCOME is one of Reached, NoReply`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSlackMessagesOfOthers(t *testing.T) {
	of := objects()
	of.Task.Status.State, of.Task.Spec.Outcome, of.Task.Status.CompletedBy = v1alpha1.TaskDone, "Reached", "al@example.com"
	_, done := texts(t, NewMessage(&v1alpha1.UndeliveredEvent{Type: v1alpha1.EventTaskDone, Time: *atNoon}, of))
	for _, part := range []string{"Done: Call 'Acme'", "*Outcome*\nReached", "*Completed by*\nal@example.com"} {
		if !strings.Contains(done, part) {
			t.Errorf("it does not say %q:\n%s", part, done)
		}
	}
	if strings.Contains(done, "kubectl") {
		t.Errorf("it says how to close what is closed:\n%s", done)
	}
	_, health := texts(t, NewMessage(&v1alpha1.UndeliveredEvent{Type: v1alpha1.EventHealthChanged, Time: *atNoon, Detail: "Healthy -> Critical, score 30"}, Objects{Account: of.Account}))
	for _, part := range []string{"Health changed: Acme &amp; Sons &lt;Ltd&gt;", "Healthy -&gt; Critical, score 30", "*Owner*\njo@example.com"} {
		if !strings.Contains(health, part) {
			t.Errorf("it does not say %q:\n%s", part, health)
		}
	}
	_, run := texts(t, NewMessage(&v1alpha1.UndeliveredEvent{Type: v1alpha1.EventRunStarted, Time: *atNoon}, Objects{Account: of.Account, Run: of.Run}))
	if !strings.Contains(run, "Playbook started: rescue on Acme &amp; Sons &lt;Ltd&gt;") {
		t.Errorf("it says\n%s", run)
	}
}

// TestSlackMessagesAreBounded is about what Slack refuses, and about what must not end a command or mention somebody.
func TestSlackMessagesAreBounded(t *testing.T) {
	for _, piece := range []string{"ä", "<", "&", "`", "<!channel> ", "\n", "x ", "@here ", "@Channel, ", "(@all)"} {
		long := strings.Repeat(piece, 9000/len([]rune(piece)))
		of := objects()
		of.Account.Spec.DisplayName, of.Account.Spec.Owner, of.Task.Spec.Title, of.Task.Spec.Description, of.Run.Spec.Reason = long, long, long, long, long
		of.Task.Status.Assignee, of.Task.Status.CompletedBy = long, long
		for range 13 {
			of.Task.Spec.Outcomes = append(of.Task.Spec.Outcomes, v1alpha1.Outcome(strings.Repeat("O", 63)))
		}
		of.Task.Name = strings.Repeat("n", 253)
		for _, eventType := range allTypes {
			out, all := texts(t, NewMessage(&v1alpha1.UndeliveredEvent{Type: eventType, Time: *atNoon, Detail: long}, of))
			checkBounds(t, piece, out)
			if regexp.MustCompile(`(?i)@(here|channel|all)`).MatchString(out.Text + all) {
				t.Errorf("%q mentions everybody: %.200s", piece, all)
			}
			if strings.Contains(all, "<!") || strings.Count(all, "`") > 6 {
				t.Errorf("%q gets through: %.200s", piece, all)
			}
			if bad := regexp.MustCompile(`&(?:[^agl]|a[^m]|g[^t]|l[^t]|$)`).FindString(all); bad != "" {
				t.Errorf("an escape was cut: %q", bad)
			}
			if !strings.Contains(all, "OUTCOME is one of Reached") {
				t.Error("the command was cut")
			}
		}
	}
}

func checkBounds(t *testing.T, piece string, out slackMessage) {
	t.Helper()
	if n := utf8.RuneCountInString(out.Text); n == 0 || n > 12000 || len(out.Blocks) > 50 {
		t.Errorf("%q: %d characters of text, %d blocks", piece, n, len(out.Blocks))
	}
	for _, b := range out.Blocks {
		if b.Type != "section" || len(b.Fields) > 10 {
			t.Errorf("%q: a %s with %d fields", piece, b.Type, len(b.Fields))
		}
		if b.Text != nil {
			if n := utf8.RuneCountInString(b.Text.Text); n == 0 || n > 3000 {
				t.Errorf("%q: a section has %d characters", piece, n)
			}
		}
		for _, f := range b.Fields {
			if n := utf8.RuneCountInString(f.Text); n == 0 || n > 2000 {
				t.Errorf("%q: a field has %d characters", piece, n)
			}
		}
	}
}

func TestEveryEventHasItsWords(t *testing.T) {
	for _, eventType := range allTypes {
		if CloudEventType(eventType) == "" || headlines[eventType] == "" {
			t.Errorf("%s has none", eventType)
		}
	}
	if len(cloudEventTypes) != len(allTypes) || len(headlines) != len(allTypes) {
		t.Errorf("there are %d and %d of %d", len(cloudEventTypes), len(headlines), len(allTypes))
	}
}
