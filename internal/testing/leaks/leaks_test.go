//go:build unix

// Package leaks looks for secrets and customers' data in everything that the operator writes.
package leaks

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/testing/controlplane"
	"github.com/perennial-dev/perennial/internal/testing/operator"
)

var api = controlplane.Shared{Options: controlplane.Options{CRDs: "../../../config/crd/bases", ControllerManager: true}}

func TestMain(m *testing.M) { os.Exit(api.Main(m)) }

// What nobody may find anywhere. The words say where they come from.
const (
	bearerToken  = "hush-bearer-token"
	basicUser    = "hush-basic-user"
	basicWord    = "hush-basic-word"
	headerKey    = "hush-header-key"
	clientID     = "hush-client-id"
	clientSecret = "hush-client-secret"
	accessToken  = "hush-access-token"
	dsnUser      = "hush-dsn-user"
	dsnWord      = "hush-dsn-word"
	cookie       = "hush-set-cookie"
	badNumber    = "hush-bad-number"
	pageText     = "hush-page-text"
	fileLine     = "hush-file-line"
	// comment is a customer's, in a column of type Text: it belongs into the task and the run's facts, and nowhere else.
	comment = "hush-comment"
)

// words are all of them, those too that are sent in another form.
func words() []string {
	return []string{
		bearerToken, basicUser, basicWord, headerKey, clientID, clientSecret, accessToken, dsnUser, dsnWord, cookie, badNumber, pageText, fileLine, comment,
		base64.StdEncoding.EncodeToString([]byte(basicUser + ":" + basicWord)),
	}
}

// unkind is a server that repeats in its answers whatever it is sent.
func unkind(elsewhere string) http.Handler {
	mux := http.NewServeMux()
	echo := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Set-Cookie", cookie+"=1")
			w.WriteHeader(status)
			_ = r.ParseForm()
			_, _ = fmt.Fprintf(w, `{"error": "%s", "error_description": %q, "form": %q}`, pageText, r.Header, r.Form)
		}
	}
	mux.Handle("/unauthorized", echo(http.StatusUnauthorized))
	mux.Handle("/broken", echo(http.StatusInternalServerError))
	mux.Handle("/busy", echo(http.StatusTooManyRequests))
	mux.Handle("/token-refused", echo(http.StatusBadRequest))
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere+"/?key="+r.Header.Get("X-Api-Key"), http.StatusFound)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token": %q, "token_type": "Bearer"}`, accessToken)
	})
	mux.HandleFunc("/no-json", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `[{"org": "acme", "nps": %q, %s`, r.Header.Get("Authorization"), pageText)
	})
	mux.HandleFunc("/no-number", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `[{"org": "acme", "nps": %q}]`, badNumber)
	})
	mux.HandleFunc("/no-header-line", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s,%s\nacme,1\n", fileLine, badNumber)
	})
	mux.HandleFunc("/answers", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+bearerToken {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		_, _ = fmt.Fprintf(w, `[{"org": "acme", "nps": 3, "at": "2026-11-01T09:00:00Z", "comment": %q}, {"org": "acme", "nps": %q, "at": "2026-11-01T08:00:00Z"}]`, comment, badNumber)
	})
	mux.HandleFunc("/api/v1/query", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = fmt.Fprintf(w, `{"status": "error", "errorType": "execution", "error": "many matches for {org=\"%s\"}, asked by %s"}`, badNumber, r.Header.Get("Authorization"))
	})
	return mux
}

// source is one way to have something go wrong, and the reason of Available that says so.
type source struct {
	name, spec, reason string
}

func sources(server, closed string) []source {
	const bearer = `auth: {bearer: {tokenSecretRef: {name: good, key: token}}}`
	const basic = `auth: {basic: {usernameSecretRef: {name: good, key: user}, passwordSecretRef: {name: good, key: word}}}`
	oauth := func(path string) string {
		return fmt.Sprintf(`auth: {oauth2: {tokenURL: "%s%s", clientIDSecretRef: {name: good, key: id}, clientSecretRef: {name: good, key: secret}, params: {audience: all}}}`, server, path)
	}
	web := func(path, more string) string {
		return fmt.Sprintf(`http: {url: "%s%s", format: JSON, %s}`, server, path, more)
	}
	const failed, ok = v1alpha1.ReasonReadFailed, v1alpha1.ReasonReadSucceeded
	return []source{
		{"answers", web("/answers", bearer) + "\n  observedTime: {field: at}", ok},
		{"bearer-refused", web("/unauthorized", bearer), failed},
		{"basic-broken", web("/broken", basic), failed},
		{"busy", web("/busy", basic), v1alpha1.ReasonRateLimited},
		{"redirected", web("/redirect", `headers: [{name: X-Api-Key, valueSecretRef: {name: good, key: key}}]`), failed},
		{"token-refused", web("/answers", oauth("/token-refused")), failed},
		{"no-json", web("/no-json", oauth("/token")), failed},
		{"bad-number", web("/no-number", bearer), ok},
		{"bad-jq", web("/no-number", `fields: {org: .org, nps: ".nps | tonumber"}, `+bearer), failed},
		{"error-page", web("/no-number", `records: ".[].nps[]", `+bearer), failed},
		{"no-header-line", fmt.Sprintf(`http: {url: "%s/no-header-line", format: CSV, %s}`, server, bearer), failed},
		{"prometheus", fmt.Sprintf(`prometheus: {url: "%s", queries: [{metric: nps, query: up}], %s}`, server, basic), failed},
		{"not-allowed", fmt.Sprintf(`http: {url: "http://127.0.0.2:%s/", format: JSON, %s}`, closed, bearer), v1alpha1.ReasonSecretNotAllowed},
		{"no-secret", web("/answers", `auth: {bearer: {tokenSecretRef: {name: gone, key: token}}}`), v1alpha1.ReasonSecretNotFound},
		{"postgres", `sql: {driver: Postgres, dsnSecretRef: {name: good, key: postgres}, query: select 1}`, failed},
		{"mysql", `sql: {driver: MySQL, dsnSecretRef: {name: good, key: mysql}, query: select 1}`, failed},
		{"no-dsn", `sql: {driver: Postgres, dsnSecretRef: {name: good, key: nonsense}, query: select 1}`, failed},
		{"no-mysql-dsn", `sql: {driver: MySQL, dsnSecretRef: {name: good, key: nonsense}, query: select 1}`, failed},
	}
}

// setup is what is there beside the sources.
func setup(address, port string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: good, annotations: {perennial.dev/allow-host: "%s", perennial.dev/allow-datasource: "*"}}
stringData:
  token: %s
  user: %s
  word: %s
  key: %s
  id: %s
  secret: %s
  postgres: postgres://%[8]s:%[9]s@127.0.0.1:%[10]s/db?sslmode=disable
  mysql: "%[8]s:%[9]s@tcp(127.0.0.1:%[10]s)/db"
  nonsense: "://%[8]s:%[9]s@"
---
apiVersion: perennial.dev/v1alpha1
kind: Account
metadata: {name: acme}
spec: {owner: jo@example.com}
---
apiVersion: perennial.dev/v1alpha1
kind: HealthScoreModel
metadata: {name: all}
spec:
  minimumCoverage: 0
  bands: [{name: Healthy, min: 50}, {name: Critical, min: 0}]
  dimensions: [{name: all, weight: 1}]
  measures:
  - {name: nps, dimension: all, weight: 1, from: {source: answers, metric: nps}, scale: {linear: {worst: 0, best: 10}}}
  - {name: bad, dimension: all, weight: 1, from: {source: bad-number, metric: nps}, scale: {linear: {worst: 0, best: 10}}}
---
apiVersion: perennial.dev/v1alpha1
kind: Playbook
metadata: {name: detractor}
spec:
  triggers: [{name: low, per: Observation, value: {from: {source: answers, metric: nps}, atMost: "6"}}]
  steps:
  - {name: call, title: Call them, description: "They wrote: ${metrics.answers.comment}"}
`, address, bearerToken, basicUser, basicWord, headerKey, clientID, clientSecret, dsnUser, dsnWord, port)
}

func TestNothingThatTheOperatorWritesHoldsASecret(t *testing.T) {
	kube := api.Get(t)
	var leaked atomic.Pointer[http.Header]
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"Authorization", "X-Api-Key", "Cookie", "Referer"} {
			if r.Header.Get(name) != "" {
				leaked.Store(&r.Header)
			}
		}
		http.Error(w, pageText, http.StatusNotFound)
	}))
	defer other.Close()
	server := httptest.NewServer(unkind(other.URL))
	defer server.Close()
	closed, err := controlplane.FreePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := newNamespace(t, kube)
	all := sources(server.URL, fmt.Sprint(closed))
	c.apply(setup(strings.TrimPrefix(server.URL, "http://"), fmt.Sprint(closed)))
	for _, s := range all {
		c.apply(fmt.Sprintf(`
apiVersion: perennial.dev/v1alpha1
kind: DataSource
metadata: {name: %s}
spec:
  account: {field: org}
  metrics: [{name: nps, type: Number}%s]
  %s
`, s.name, map[bool]string{true: ", {name: comment, type: Text}"}[s.name == "answers"], s.spec))
	}
	log := filepath.Join(t.TempDir(), "operator.log")
	op := start(t, kube.KubeconfigPath(), c.namespace, log)

	for _, s := range all {
		c.until(s.name, func() error { return c.available(s) })
	}
	c.until("a task with the comment", func() error {
		var tasks v1alpha1.TaskList
		if err := c.List(t.Context(), &tasks); err != nil {
			return err
		}
		if len(tasks.Items) != 1 || !strings.Contains(tasks.Items[0].Spec.Description, comment) {
			return fmt.Errorf("tasks are %v", tasks.Items)
		}
		return nil
	})

	written := c.everythingWritten()
	metrics, err := op.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	written["the metrics"] = metrics
	if err := op.Stop(); err != nil {
		t.Errorf("stop the operator: %v", err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	written["the log"] = string(text)
	for name, sign := range map[string]string{"the metrics": "controller_runtime_reconcile_total", "the log": "Starting workers"} {
		if !strings.Contains(written[name], sign) {
			t.Errorf("%s are not what they are taken for", name)
		}
	}
	for _, own := range []string{"perennial_active 1", "perennial_accounts{", `perennial_source_reads_total{provider="http",result="RateLimited"}`} {
		if !strings.Contains(written["the metrics"], own) {
			t.Errorf("the program does not serve the operator's own metrics: there is no %s", own)
		}
	}
	for what, text := range written {
		for _, word := range words() {
			if at := strings.Index(text, word); at >= 0 {
				t.Errorf("%s: found %q in: …%s…", what, word, text[max(at-120, 0):min(at+120, len(text))])
			}
		}
	}
	if header := leaked.Load(); header != nil {
		t.Errorf("another host was sent %v", *header)
	}
}

// start builds the operator and runs it, with all that it has to say.
func start(t *testing.T, kubeconfig, namespace, log string) *operator.Operator {
	t.Helper()
	program := filepath.Join(t.TempDir(), "manager")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/perennial-dev/perennial/cmd/manager")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the operator: %v\n%s", err, out)
	}
	op, err := operator.Start(t.Context(), operator.Options{
		Program: program, Kubeconfig: kubeconfig, LogFile: log, DataRoot: t.TempDir(),
		Args: []string{"--allow-loopback", "--namespaces=" + namespace, "--settle=0s", "--zap-log-level=7"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = op.Stop() })
	return op
}

// space is a namespace of the test.
type space struct {
	client.Client
	t         *testing.T
	namespace string
}

func newNamespace(t *testing.T, kube *controlplane.ControlPlane) *space {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(kube.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "leaks-"}}
	if err := c.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	return &space{Client: client.NewNamespacedClient(c, ns.Name), t: t, namespace: ns.Name}
}

// apply makes the objects of a YAML stream.
func (s *space) apply(stream string) {
	s.t.Helper()
	for doc := range strings.SplitSeq(stream, "\n---\n") {
		var u unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			s.t.Fatalf("%v in:\n%s", err, doc)
		}
		if err := s.Create(s.t.Context(), &u, client.FieldOwner("test")); err != nil {
			s.t.Fatalf("create %s %s: %v", u.GetKind(), u.GetName(), err)
		}
	}
}

// until waits until check returns nil.
func (s *space) until(what string, check func() error) {
	s.t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(s.t.Context(), 100*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		last = check()
		return last == nil, nil
	})
	if err != nil {
		s.t.Fatalf("%s: %v", what, last)
	}
}

// available checks that a source says what it has to say.
func (s *space) available(want source) error {
	var ds v1alpha1.DataSource
	if err := s.Get(s.t.Context(), client.ObjectKey{Name: want.name}, &ds); err != nil {
		return err
	}
	got := meta.FindStatusCondition(ds.Status.Conditions, v1alpha1.ConditionAvailable)
	if got == nil || got.Reason != want.reason {
		return fmt.Errorf("Available is %v, want %s", got, want.reason)
	}
	return nil
}

// everythingWritten returns what the operator wrote to the API server, by what it is: every status, every event, and the
// specs of what it made, but for the texts that are meant for people.
func (s *space) everythingWritten() map[string]string {
	s.t.Helper()
	written := map[string]string{}
	for _, kind := range []string{"Account", "AccountSet", "DataSource", "HealthScoreModel", "Playbook", "PlaybookRun", "Task"} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
		if err := s.List(s.t.Context(), list); err != nil {
			s.t.Fatal(err)
		}
		for _, item := range list.Items {
			switch kind {
			case "Task":
				unstructured.RemoveNestedField(item.Object, "spec", "description")
			case "PlaybookRun":
				unstructured.RemoveNestedField(item.Object, "spec", "facts")
			}
			written[kind+" "+item.GetName()] = s.text(item.Object)
		}
	}
	var events eventsv1.EventList
	if err := s.List(s.t.Context(), &events); err != nil {
		s.t.Fatal(err)
	}
	if len(events.Items) == 0 {
		s.t.Error("there is no event")
	}
	for _, e := range events.Items {
		written["Event "+e.Name] = s.text(e)
	}
	return written
}

func (s *space) text(obj any) string {
	text, err := yaml.Marshal(obj)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}
