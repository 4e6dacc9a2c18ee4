//go:build unix

package docs

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/notify"
	"github.com/perennial-dev/perennial/internal/notify/send"
	"github.com/perennial-dev/perennial/internal/observe"
)

const (
	notifiersPage   = "../../../docs/notifiers.md"
	notifierSamples = "../../../config/samples/notifiers/*.yaml"
)

// notifiersText returns the page, or what stands below one of its headings.
func notifiersText(t *testing.T, heading ...string) string {
	t.Helper()
	data, err := os.ReadFile(notifiersPage)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, h := range heading {
		_, rest, found := strings.Cut(text, "\n## "+h+"\n")
		if !found {
			t.Fatalf("the page has no section %q", h)
		}
		text, _, _ = strings.Cut(rest, "\n## ")
	}
	return text
}

// anySecret is every Secret, which allows every host of the page, and every ConfigMap with an authority.
type anySecret struct{}

func (anySecret) ConfigMapKey(context.Context, string, string, string) ([]byte, time.Time, error) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), time.Time{}, nil
}

func (anySecret) SecretKey(_ context.Context, _, _, key string) ([]byte, map[string]string, error) {
	allow := map[string]string{v1alpha1.AnnotationAllowHost: "hooks.slack.com,events.example.com"}
	if key == "url" {
		return []byte("https://hooks.slack.com/services/T0/B0/x"), allow, nil
	}
	return []byte("secret"), allow, nil
}

// TestTheNotifiersOfThePageWork creates those of the page and of the samples, and opens their receivers.
func TestTheNotifiersOfThePageWork(t *testing.T) {
	c, err := client.New(api.Get(t).Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	objects := objectsIn(t, notifiersText(t))
	files, err := filepath.Glob(notifierSamples)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, objectsIn(t, "```yaml\n"+string(text)+"```\n")...)
	}
	if len(objects) != 5 {
		t.Errorf("there are %d notifiers", len(objects))
	}
	for i, obj := range objects {
		t.Run(obj.GetName(), func(t *testing.T) {
			if err := client.WithFieldValidation(c, "Strict").Create(t.Context(), obj.DeepCopy(), client.DryRunAll); err != nil {
				t.Errorf("refused: %v", err)
			}
			n := &v1alpha1.Notifier{}
			decode(t, objects[i:i+1], "Notifier", n)
			filter, err := notify.Compile(n)
			if err != nil {
				t.Fatal(err)
			}
			endpoint, err := send.Open(t.Context(), n, filter.Timeout, send.Dependencies{Keys: anySecret{}, Now: time.Now})
			if err != nil {
				t.Fatalf("the operator would say: %v", err)
			}
			endpoint.Close()
		})
	}
}

// TestTheFieldsOfThePageAreThoseOfTheAPI compares names, and defaults with what the operator does.
func TestTheFieldsOfThePageAreThoseOfTheAPI(t *testing.T) {
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema struct {
						Properties struct {
							Spec struct {
								Properties map[string]struct {
									Properties map[string]any
									Items      struct{ Enum []string }
								}
							}
						}
					}
				}
			}
		}
	}
	text, err := os.ReadFile("../../../config/crd/bases/perennial.dev_notifiers.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	fields := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties.Spec.Properties
	var want []string
	for name, field := range fields {
		if name == "cloudEvents" || name == "slack" {
			for below := range field.Properties {
				want = append(want, name+"."+below)
			}
			continue
		}
		want = append(want, name)
	}
	slices.Sort(want)
	defaults := map[string]string{}
	for _, row := range tableOf(t, notifiersText(t, "What to tell, and of whom"), "field of `spec`", "what it is", "default") {
		defaults[code(t, row[0])] = row[2]
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(defaults))); diff != "" {
		t.Errorf("the page has other fields:\n%s", diff)
	}
	if defaults["timeout"] != "`10s`" || notify.DefaultTimeout != 10*time.Second || defaults["giveUpAfter"] != "`7d`" || notify.DefaultGiveUpAfter != 7*24*time.Hour {
		t.Errorf("the defaults are others: %v", defaults)
	}
	types := map[string]string{}
	for _, row := range tableOf(t, notifiersText(t, "Events"), "event", "type of the CloudEvent", "when") {
		types[code(t, row[0])] = code(t, row[1])
	}
	for _, name := range fields["events"].Items.Enum {
		if got := types[name]; got == "" || got != notify.CloudEventType(v1alpha1.EventType(name)) {
			t.Errorf("the page says that %s has the type %q", name, got)
		}
		delete(types, name)
	}
	if len(types) > 0 {
		t.Errorf("the API has no events %v", types)
	}
}

// TestTheCloudEventOfThePageIsOne writes the event that the page shows, and compares.
func TestTheCloudEventOfThePageIsOne(t *testing.T) {
	due := metav1.NewTime(time.Date(2026, 11, 4, 12, 0, 0, 0, time.UTC))
	of := notify.Objects{Account: &v1alpha1.Account{}, Run: &v1alpha1.PlaybookRun{}, Task: &v1alpha1.Task{}}
	of.Account.Name, of.Account.Spec.DisplayName, of.Account.Spec.Owner = "acme", "Acme Corp", "jo@example.com"
	of.Account.Spec.Contract = &v1alpha1.Contract{ARR: ptr.To[int64](120000)}
	of.Account.Status.Health = &v1alpha1.Health{Band: "Critical", Score: ptr.To[int32](30)}
	of.Run.Name, of.Run.Spec.Reason = "acme-rescue-1d0e1c2a3b", "score 30 is at most 40"
	of.Run.Spec.AccountRef.Name, of.Run.Spec.PlaybookRef.Name = "acme", "rescue"
	of.Task.ObjectMeta = metav1.ObjectMeta{Namespace: "customers", Name: "acme-rescue-1d0e1c2a3b-call", UID: "2aef77b4-3e3d-4658-a277-8bdaa0c45caf"}
	of.Task.Spec.AccountRef.Name, of.Task.Spec.Title, of.Task.Spec.Description = "acme", "Call Acme Corp", "Ask what changed."
	of.Task.Spec.Outcomes = []v1alpha1.Outcome{"Reached", "NoReply"}
	of.Task.Status = v1alpha1.TaskStatus{Assignee: "lead@example.com", Priority: v1alpha1.PriorityUrgent, DueTime: &due, State: v1alpha1.TaskOpen}
	written, err := notify.CloudEvent(notify.NewMessage(&v1alpha1.UndeliveredEvent{
		Type: v1alpha1.EventTaskEscalated, Time: metav1.NewTime(due.Add(24*time.Hour + time.Second)), Detail: "stage 1: assignee lead@example.com, priority Urgent",
	}, of))
	if err != nil {
		t.Fatal(err)
	}
	section := notifiersText(t, "A CloudEvent")
	var want, got map[string]any
	if err := errors.Join(json.Unmarshal([]byte(blocksOf(section, "json")[0]), &want), json.Unmarshal(written, &got)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the operator sends another (- page, + operator):\n%s", diff)
	}
	named := regexp.MustCompile("`([a-zA-Z]+)`").FindAllStringSubmatch(section, -1)
	for field := range maps.Keys(got["data"].(map[string]any)["task"].(map[string]any)) {
		if !slices.ContainsFunc(named, func(m []string) bool { return m[1] == field }) {
			t.Errorf("the page does not name task.%s", field)
		}
	}
}

func verify(header http.Header, body, key []byte, now time.Time) bool {
	sent, err := strconv.ParseInt(header.Get("webhook-timestamp"), 10, 64)
	if err != nil || now.Sub(time.Unix(sent, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(header.Get("webhook-id") + "." + header.Get("webhook-timestamp") + "."))
	mac.Write(body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return hmac.Equal([]byte(header.Get("webhook-signature")), []byte(want))
}

// TestASignatureIsCheckedAsThePageSays is about the page's function, which stands above, and its example.
func TestASignatureIsCheckedAsThePageSays(t *testing.T) {
	section := notifiersText(t, "Is it really from here?")
	source, err := os.ReadFile("notifiers_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), "\n"+blocksOf(section, "go")[0]+"\n") {
		t.Error("the function of the page is not the one that is tested here")
	}
	example := map[string]string{}
	for _, row := range tableOf(t, section, "what", "value") {
		example[strings.Trim(row[0], "`")] = code(t, row[1])
	}
	key, err := notify.SigningKey(example["the Secret"])
	if err != nil {
		t.Fatal(err)
	}
	seconds, err := strconv.ParseInt(example["webhook-timestamp"], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	body, header, at := []byte(example["the body"]), http.Header{}, time.Unix(seconds, 0)
	for name, text := range notify.Sign(key, example["webhook-id"], at, body) {
		header.Set(name, text)
		if example[name] != text {
			t.Errorf("the operator sends %s: %s, the page says %s", name, text, example[name])
		}
	}
	if !verify(header, body, key, at.Add(time.Minute)) {
		t.Error("it is not verified")
	}
	if verify(header, body, key, at.Add(time.Hour)) || verify(header, append(body, ' '), key, at) || verify(header, body, append(key, 'x'), at) {
		t.Error("an old one, another one or one of another key is verified")
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return // the page's other language is tried where it is there
	}
	script := blocksOf(section, "python")[0] + `
import json, sys
headers, body, key, now = json.loads(sys.argv[1]), sys.argv[2].encode(), base64.b64decode(sys.argv[3]), float(sys.argv[4])
assert verify(headers, body, key, now) and not verify(headers, body + b" ", key, now) and not verify(headers, body, key, now + 3600)
`
	headers, err := json.Marshal(example)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), python, "-c", script, string(headers), string(body), base64.StdEncoding.EncodeToString(key), example["webhook-timestamp"]).CombinedOutput()
	if err != nil {
		t.Errorf("Python says %s", out)
	}
}

// TestTheLinksOfTheNotifiersPageLeadSomewhere follows links to files of the repository and to headings of the page.
func TestTheLinksOfTheNotifiersPageLeadSomewhere(t *testing.T) {
	text := notifiersText(t)
	headings := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		words := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		headings[strings.ReplaceAll(words, " ", "-")] = true
	}
	for _, m := range regexp.MustCompile(`\]\(([^):#]*)(?:#([^)]*))?\)`).FindAllStringSubmatch(text, -1) {
		if m[1] == "" && !headings[m[2]] {
			t.Errorf("the page has no heading #%s", m[2])
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(notifiersPage), m[1])); err != nil {
			t.Errorf("the page links to %s: %v", m[1], err)
		}
	}
}

var _ observe.KeyReader = anySecret{}
