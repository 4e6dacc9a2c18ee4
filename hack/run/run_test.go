//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/perennial-dev/perennial/internal/testing/controlplane"
)

// managerEnv makes the test binary play the operator. Its value says how it behaves.
const managerEnv = "PERENNIAL_TEST_MANAGER"

const (
	managerWorks = "works"
	managerDies  = "dies" // as soon as it was called ready
)

// patience is for a slow machine under the race detector.
const patience = 2 * time.Minute

func TestMain(m *testing.M) {
	if behavior := os.Getenv(managerEnv); behavior != "" {
		if err := playManager(behavior); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// playManager understands the flags that the operator has, records one event and serves the probes.
func playManager(behavior string) error {
	kubeconfig := flag.String("kubeconfig", "", "")
	probes := flag.String("health-probe-bind-address", "", "")
	metrics := flag.String("metrics-bind-address", "", "")
	dataRoot := flag.String("data-root", "", "")
	elect := flag.Bool("leader-elect", true, "")
	settle := flag.String("settle", "", "")
	secure := flag.Bool("metrics-secure", false, "")
	certificates := flag.String("metrics-cert-dir", "", "")
	loopback := flag.Bool("allow-loopback", false, "")
	flag.Parse()
	if *metrics == "" || *elect || !*secure || !*loopback || *settle != "7s" {
		return fmt.Errorf("called with %q", os.Args)
	}
	if _, err := os.Stat(*dataRoot); err != nil || !filepath.IsAbs(*dataRoot) {
		return fmt.Errorf("data root %q: %w", *dataRoot, err)
	}
	if _, err := tls.LoadX509KeyPair(filepath.Join(*certificates, "tls.crt"), filepath.Join(*certificates, "tls.key")); err != nil {
		return err
	}
	if err := recordEvent(*kubeconfig); err != nil {
		return err
	}
	asked := make(chan string, 100)
	go func() {
		err := http.ListenAndServe(*probes, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path }))
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}()
	for path := range asked {
		if path == "/readyz" && behavior == managerDies {
			return errors.New("the last words of the operator")
		}
	}
	return nil
}

func recordEvent(kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	for _, apiVersion := range []string{"perennial.dev/v1alpha1", "v1"} {
		_, err = client.EventsV1().Events("default").Create(context.Background(), &eventsv1.Event{
			ObjectMeta:          metav1.ObjectMeta{GenerateName: "acme-"},
			EventTime:           metav1.NowMicro(),
			Regarding:           corev1.ObjectReference{APIVersion: apiVersion, Kind: "Account", Namespace: "default", Name: "acme"},
			Reason:              "BandChanged",
			Note:                "by " + apiVersion,
			Action:              "Score",
			Type:                "Normal",
			ReportingController: "perennial.dev/manager",
			ReportingInstance:   "test",
		}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
	}
	return nil
}

// output collects what a run prints, and lets a test wait for a text in it.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
	return o.text.Write(p)
}

// read returns all text so far, and a channel that is closed when there is more.
func (o *output) read() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.text.String(), o.changed
}

func (o *output) String() string {
	text, _ := o.read()
	return text
}

// running is a run in the background.
type running struct {
	stdout, stderr output
	cancel         context.CancelFunc
	ended          chan int
}

func startRun(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{cancel: cancel, ended: make(chan int, 1)}
	go func() { r.ended <- run(ctx, args, &r.stdout, &r.stderr) }()
	t.Cleanup(cancel)
	return r
}

// wait waits until a text was printed.
func (r *running) wait(t *testing.T, want string) {
	t.Helper()
	for late := time.After(patience); ; {
		text, changed := r.stdout.read()
		if strings.Contains(text, want) {
			return
		}
		select {
		case <-changed:
		case code := <-r.ended:
			r.ended <- code
			t.Fatalf("it ended with %d and did not print %q:\n%s\n%s", code, want, &r.stdout, &r.stderr)
		case <-late:
			t.Fatalf("it did not print %q:\n%s\n%s", want, &r.stdout, &r.stderr)
		}
	}
}

// code waits for the end and returns the exit code.
func (r *running) code(t *testing.T) int {
	t.Helper()
	select {
	case code := <-r.ended:
		return code
	case <-time.After(patience):
		t.Fatalf("it does not end:\n%s\n%s", &r.stdout, &r.stderr)
		return 0
	}
}

// workspace is a folder with samples, and the flags for a run in it.
type workspace struct {
	dataDir, samples string
	flags            []string
}

func newWorkspace(t *testing.T, behavior string) workspace {
	t.Helper()
	t.Setenv(managerEnv, behavior)
	w := workspace{dataDir: filepath.Join(t.TempDir(), "data of jo"), samples: t.TempDir()}
	w.writeSample(t, "from the file")
	w.flags = []string{
		"--manager=" + os.Args[0], "--crds=../../internal/testing/controlplane/testdata",
		"--samples=" + w.samples, "--data-dir=" + w.dataDir,
	}
	return w
}

func (w workspace) writeSample(t *testing.T, note string) {
	t.Helper()
	files := map[string]string{
		"kustomization.yaml": "resources: [sample.yaml]\n",
		"sample.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sample, namespace: default}\n" +
			`data: {note: "` + note + "\"}\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(w.samples, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// start starts a run with more flags.
func (w workspace) start(t *testing.T, flags ...string) *running {
	t.Helper()
	all := append(append([]string{}, w.flags...), flags...)
	return startRun(t, append(all, "--", "--settle=7s")...)
}

// api is a client made of the kubeconfig that a run has printed.
func (w workspace) api(t *testing.T) kubernetes.Interface {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(w.dataDir, "kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (w workspace) checkSample(t *testing.T, want string) {
	t.Helper()
	sample, err := w.api(t).CoreV1().ConfigMaps("default").Get(t.Context(), "sample", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := sample.Data["note"]; got != want {
		t.Errorf("the sample says %q, want %q", got, want)
	}
}

func (w workspace) editSample(t *testing.T, note string) {
	t.Helper()
	client := w.api(t).CoreV1().ConfigMaps("default")
	sample, err := client.Get(t.Context(), "sample", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sample.Data["note"] = note
	if _, err := client.Update(t.Context(), sample, metav1.UpdateOptions{FieldManager: "kubectl-edit"}); err != nil {
		t.Fatal(err)
	}
}

func needServers(t *testing.T) {
	t.Helper()
	controlplane.Need(t, controlplane.Options{ControllerManager: true, CRDs: "any"})
}

// TestRunAgainAndAgain is what a person does: a first run, changes, and later runs on the same data.
func TestRunAgainAndAgain(t *testing.T) {
	needServers(t)
	w := newWorkspace(t, managerWorks)

	first := w.start(t)
	first.wait(t, "kubectl get playbookruns")
	first.wait(t, "  Account acme  BandChanged: by perennial.dev/v1alpha1")
	w.checkSample(t, "from the file")
	w.editSample(t, "from a person")
	stopAndCheck(t, first)
	if text := first.stdout.String(); strings.Contains(text, "by v1\n") ||
		!strings.Contains(text, "export KUBECONFIG='"+filepath.Join(w.dataDir, "kubeconfig")+"'") {
		t.Errorf("it printed a foreign event, or no line for the kubeconfig:\n%s", text)
	}

	second := w.start(t)
	second.wait(t, "left alone so that your changes stay")
	second.wait(t, "Ready after")
	w.checkSample(t, "from a person")
	stopAndCheck(t, second)

	w.writeSample(t, "from the file, again")
	third := w.start(t)
	third.wait(t, "has changed since it was applied")
	third.wait(t, "Ready after")
	w.checkSample(t, "from a person")
	stopAndCheck(t, third)

	fourth := w.start(t, "--apply-samples")
	fourth.wait(t, "Ready after")
	w.checkSample(t, "from the file, again")
	stopAndCheck(t, fourth)

	checkClean(t, w)
}

// stopAndCheck stops a run as Ctrl-C does.
func stopAndCheck(t *testing.T, r *running) {
	t.Helper()
	r.cancel()
	if code := r.code(t); code != exitOK || r.stderr.String() != "" {
		t.Errorf("exit code %d, and to stderr: %s", code, &r.stderr)
	}
	text := r.stdout.String()
	operator, api := strings.LastIndex(text, "  operator stopped"), strings.LastIndex(text, "  Kubernetes API stopped")
	if operator < 0 || api < operator || !strings.Contains(text, "Stopped. The data stays in ") {
		t.Errorf("it did not stop the operator and then the API, or does not say so:\n%s", text)
	}
}

func checkClean(t *testing.T, w workspace) {
	t.Helper()
	theirs := filepath.Join(w.dataDir, "files", "usage.db")
	if err := os.WriteFile(theirs, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), append(w.flags, "--clean"), &stdout, &stderr); code != exitOK {
		t.Errorf("--clean: exit code %d: %s", code, &stderr)
	}
	entries, err := os.ReadDir(w.dataDir)
	if err != nil || len(entries) != 1 || !strings.Contains(stdout.String(), "which stay") {
		t.Errorf("after --clean the folder has %v, %v; it said: %s", entries, err, &stdout)
	}
	if _, err := os.Stat(theirs); err != nil {
		t.Errorf("a file that is not ours: %v", err)
	}
}

func TestRunReportsAnOperatorThatDies(t *testing.T) {
	needServers(t)
	w := newWorkspace(t, managerDies)
	r := w.start(t, "--samples=")
	if code := r.code(t); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"the operator ended on its own (exit status 1)", "manager.log", "the last words of the operator"} {
		if !strings.Contains(r.stderr.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &r.stderr)
		}
	}
	if !strings.Contains(r.stdout.String(), "Stopped.") {
		t.Errorf("it did not stop the rest:\n%s", &r.stdout)
	}
}

func TestRunInterruptedWhileStarting(t *testing.T) {
	needServers(t)
	w := newWorkspace(t, managerWorks)
	r := w.start(t)
	r.wait(t, "Kubernetes API ...")
	r.cancel()
	if code := r.code(t); code != exitInterrupted || !strings.Contains(r.stderr.String(), "interrupted while starting") {
		t.Errorf("exit code %d: %s", code, &r.stderr)
	}
}

func TestRunWithoutTheOperatorsProgram(t *testing.T) {
	var stderr bytes.Buffer
	missing := filepath.Join(t.TempDir(), "manager")
	code := run(t.Context(), []string{"--manager=" + missing, "--data-dir=" + t.TempDir()}, io.Discard, &stderr)
	if code != exitFailed || !strings.Contains(stderr.String(), missing) {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
}

func TestArguments(t *testing.T) {
	tests := map[string]struct {
		args     []string
		wantCode int // of run; exitOK also where it is not run
		wantSaid string
	}{
		"help is no mistake":               {[]string{"--help"}, exitOK, "Usage: run [flags] [-- flags of the operator]"},
		"an unknown flag":                  {[]string{"--sample=x"}, exitUsage, "-sample"},
		"a word is not a flag":             {[]string{"fresh"}, exitUsage, `unexpected argument "fresh"`},
		"nor is one before the operator's": {[]string{"fresh", "--", "--settle=5s"}, exitUsage, `unexpected argument "fresh"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			code := run(t.Context(), tt.args, io.Discard, &stderr)
			if code != tt.wantCode || !strings.Contains(stderr.String(), tt.wantSaid) {
				t.Errorf("exit code %d: %s", code, &stderr)
			}
		})
	}
}
