//go:build unix

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// fakeT records how a test ended. Like those of testing, its Skipf and Fatal do not return.
type fakeT struct {
	testing.TB
	outcome string
}

func (f *fakeT) Helper() {}

func (f *fakeT) Skipf(format string, args ...any) { f.end("skipped: " + fmt.Sprintf(format, args...)) }

func (f *fakeT) Fatal(args ...any) { f.end("failed: " + fmt.Sprint(args...)) }

func (f *fakeT) end(outcome string) {
	f.outcome = outcome
	runtime.Goexit()
}

// outcomeOf runs a test to its end and says what that was.
func outcomeOf(t *testing.T, test func(testing.TB)) string {
	t.Helper()
	f := &fakeT{TB: t, outcome: "went on"}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		test(f)
	}()
	<-ended
	return f.outcome
}

func TestForTestWithoutPrograms(t *testing.T) {
	empty := t.TempDir()
	tests := map[string]struct{ require, want string }{
		"skips, and says what to do":       {"", "skipped: "},
		"fails where servers are required": {"1", "failed: "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv(requireEnv, tt.require)
			shared := Shared{Options: Options{Assets: empty}}
			for what, test := range map[string]func(testing.TB){
				"ForTest": func(tb testing.TB) { ForTest(tb, Options{Assets: empty}) },
				"Shared":  func(tb testing.TB) { shared.Get(tb) },
			} {
				got := outcomeOf(t, test)
				if !strings.HasPrefix(got, tt.want) || !strings.Contains(got, "make controlplane") {
					t.Errorf("%s: %s", what, got)
				}
			}
		})
	}
}

// makeModule makes a module's folder with programs in bin/controlplane and returns it.
func makeModule(t *testing.T, programs ...string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"bin/controlplane", "internal/deep"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	files := []string{"go.mod"}
	for _, program := range programs {
		files = append(files, "bin/controlplane/"+program)
	}
	for _, file := range files {
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestFindAssets(t *testing.T) {
	all := makeModule(t, "etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
	envtest := makeModule(t, "etcd", "kube-apiserver", "kubectl") // what setup-envtest downloads
	built := func(root string) string { return filepath.Join(root, "bin", "controlplane") }
	tests := map[string]struct {
		wd, env string
		options Options
		want    string // "" is ErrNoAssets
	}{
		"the module's own, from a folder below":      {wd: filepath.Join(all, "internal", "deep"), want: built(all)},
		"the variable wins over the module's own":    {wd: all, env: built(envtest), want: built(envtest)},
		"the option wins over the variable":          {wd: all, env: built(envtest), options: Options{Assets: built(all)}, want: built(all)},
		"outside of a module there is none":          {wd: os.TempDir()},
		"a folder that is not there":                 {wd: all, env: filepath.Join(all, "nothing")},
		"envtest's folder has no controller manager": {wd: all, env: built(envtest), options: Options{ControllerManager: true}},
		"envtest's folder is enough for CRDs":        {wd: all, env: built(envtest), options: Options{CRDs: "crds"}, want: built(envtest)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Chdir(tt.wd)
			t.Setenv(assetsEnv, tt.env)
			got, err := findAssets(tt.options)
			if tt.want == "" {
				if !errors.Is(err, ErrNoAssets) {
					t.Errorf("findAssets = %q, %v; want ErrNoAssets", got, err)
				}
				if tt.env != "" && !strings.Contains(err.Error(), assetsEnv) {
					t.Errorf("the error does not say that %s names the folder: %v", assetsEnv, err)
				}
				return
			}
			if err != nil || string(got) != tt.want {
				t.Errorf("findAssets = %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestClearLeavesWhatIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	ours := []string{"etcd/member/snap/db", "pki/ca.key", "logs/etcd.log", "kubeconfig", "apiserver-port", "lock"}
	theirs := []string{"thesis.txt", "files/usage.db"}
	for _, file := range append(append([]string{}, ours...), theirs...) {
		path := filepath.Join(dir, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := Remove(dir); err != nil {
		t.Fatal(err)
	}
	for _, file := range ours {
		if exists(filepath.Join(dir, file)) {
			t.Errorf("%s is still there", file)
		}
	}
	for _, file := range theirs {
		if !exists(filepath.Join(dir, file)) {
			t.Errorf("%s is gone", file)
		}
	}
}

func TestRemove(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := Remove(dir); err != nil {
		t.Errorf("a folder that is not there: %v", err)
	}
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "kubeconfig"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := Remove(dir); err != nil || exists(dir) {
		t.Errorf("Remove: %v; the folder is still there: %v", err, exists(dir))
	}
}

func TestAuthorityIsKept(t *testing.T) {
	dir := t.TempDir()
	first, err := openAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := openAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !first.cert.Equal(second.cert) {
		t.Error("a second start made another authority")
	}
	client, err := second.newClient("jo", "jo", "csm")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(client.cert), "CERTIFICATE") || !exists(client.keyFile) {
		t.Error("a client's certificate is not complete")
	}
}

func TestAuthorityHalfWrittenIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	first, err := openAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(first.certFile()); err != nil { // killed just before the last file
		t.Fatal(err)
	}
	if _, err := openAuthority(dir); err != nil {
		t.Errorf("open what is half written: %v", err)
	}
	if err := os.WriteFile(first.keyFile(), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openAuthority(dir); err == nil || !strings.Contains(err.Error(), "delete "+dir) {
		t.Errorf("want an error that says what to delete, got: %v", err)
	}
}

// takePort takes a port for the time of the test.
func takePort(t *testing.T) int {
	t.Helper()
	port, err := FreePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l, err := listen(t.Context(), port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return port
}

func TestAPIServerPort(t *testing.T) {
	f := folder{path: t.TempDir()}
	chosen, err := f.apiServerPort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if chosen < firstKeptPort || chosen >= firstKeptPort+keptPorts {
		t.Errorf("port %d is one that outgoing connections get", chosen)
	}
	remembered, err := FreePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.rememberPort(remembered); err != nil {
		t.Fatal(err)
	}
	if got, err := f.apiServerPort(t.Context()); err != nil || got != remembered {
		t.Errorf("apiServerPort = %d, %v; want the remembered %d", got, err, remembered)
	}
	taken := takePort(t)
	if err := f.rememberPort(taken); err != nil {
		t.Fatal(err)
	}
	if got, err := f.apiServerPort(t.Context()); err != nil || got == taken {
		t.Errorf("apiServerPort = %d, %v; that one is taken", got, err)
	}
	if err := os.WriteFile(f.port(), []byte("many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.apiServerPort(t.Context()); err == nil {
		t.Error("a file without a port number is accepted")
	}
}

func TestWithPort(t *testing.T) {
	taken := errors.New("listen tcp 127.0.0.1:1: bind: address already in use")
	tests := map[string]struct {
		errs      []error // what each attempt returns
		wantCalls int
		wantErr   bool
	}{
		"the first port does":               {[]error{nil}, 1, false},
		"a taken one is replaced":           {[]error{taken, taken, nil}, 3, false},
		"it does not try for ever":          {[]error{taken, taken, taken, taken, nil}, portAttempts, true},
		"another error is not for the port": {[]error{errors.New("no space left on device"), nil}, 1, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var ports []string
			next := 0
			err := withPort(t.Context(), func(context.Context) (int, error) { next++; return next, nil }, func(port int) error {
				ports = append(ports, strconv.Itoa(port))
				return tt.errs[len(ports)-1]
			})
			if (err != nil) != tt.wantErr || len(ports) != tt.wantCalls {
				t.Errorf("withPort: %v after ports %v", err, ports)
			}
		})
	}
}
