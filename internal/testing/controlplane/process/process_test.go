//go:build unix

package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// parentFile makes the test binary play a parent that is killed, see TestChildDiesWithParent. It names the log file.
const parentFile = "PERENNIAL_TEST_PARENT_LOG"

func TestMain(m *testing.M) {
	if log := os.Getenv(parentFile); log != "" {
		playParent(log)
		return
	}
	m.Run()
}

// playParent starts a child, says which, and waits to be killed.
func playParent(log string) {
	child, err := Start(context.Background(), shell(log, "exec sleep 600"))
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, err)
		return
	}
	_, _ = fmt.Fprintln(os.Stdout, child.PID())
	<-child.Done()
}

// shell is a program made of shell commands.
func shell(log, commands string) Spec {
	return Spec{Name: "server", Path: "/bin/sh", Args: []string{"-c", commands}, LogFile: log}
}

func script(t *testing.T, commands string) Spec {
	t.Helper()
	return shell(filepath.Join(t.TempDir(), "logs", "server.log"), commands)
}

func neverReady(context.Context) error { return errors.New("not yet") }

// logHas is ready when the program has printed a text.
func logHas(log, text string) func(context.Context) error {
	return func(context.Context) error {
		data, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		if !strings.Contains(string(data), text) {
			return fmt.Errorf("no %q yet", text)
		}
		return nil
	}
}

func TestStartWaitsUntilReadyAndStopEnds(t *testing.T) {
	spec := script(t, "echo up; exec sleep 600")
	spec.Ready = logHas(spec.LogFile, "up")
	p, err := Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
		t.Fatal("it is done before Stop")
	default:
	}
	for range 2 { // the second call changes nothing
		if err := p.Stop(); err != nil {
			t.Errorf("Stop: %v", err)
		}
	}
	select {
	case <-p.Done():
	default:
		t.Error("Stop returned before the program ended")
	}
}

func TestStartReportsAProgramThatEndsEarly(t *testing.T) {
	spec := script(t, "for i in $(seq 1 40); do echo line $i; done; exit 3")
	spec.Ready = neverReady
	_, err := Start(t.Context(), spec)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"server ended on its own (exit status 3)", "line 40", spec.LogFile} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "line 20\n") {
		t.Errorf("the error has the whole log: %v", err)
	}
}

func TestStartGivesUpOnAProgramThatIsNeverReady(t *testing.T) {
	spec := script(t, "echo waiting for something; exec sleep 600")
	spec.Ready = func(ctx context.Context) error {
		if err := logHas(spec.LogFile, "waiting")(ctx); err != nil {
			return err
		}
		return neverReady(ctx)
	}
	spec.StartTimeout = 500 * time.Millisecond
	_, err := Start(t.Context(), spec)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"not ready after 500ms", "not yet", "waiting for something"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}

func TestStartIsGivenUpWithItsContext(t *testing.T) {
	stopped := errors.New("somebody pressed Ctrl-C")
	ctx, cancel := context.WithCancelCause(t.Context())
	spec := script(t, "exec sleep 600")
	spec.Ready = func(context.Context) error { cancel(stopped); return errors.New("not yet") }
	if _, err := Start(ctx, spec); !errors.Is(err, stopped) {
		t.Errorf("the error is not the context's cause: %v", err)
	}
}

func TestStartReportsAProgramThatIsNotThere(t *testing.T) {
	spec := script(t, "")
	spec.Path = filepath.Join(t.TempDir(), "nothing")
	if _, err := Start(t.Context(), spec); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("want that it does not exist, got: %v", err)
	}
}

func TestStopKillsWhatDoesNotListen(t *testing.T) {
	spec := script(t, `trap "" TERM; echo deaf; while :; do sleep 0.05; done`)
	spec.Ready = logHas(spec.LogFile, "deaf")
	spec.StopTimeout = 200 * time.Millisecond
	p, err := Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err == nil || !strings.Contains(err.Error(), "was killed") {
		t.Errorf("want that it was killed, got: %v", err)
	}
	<-p.Done()
}

func TestErrSaysHowAProgramEnded(t *testing.T) {
	p, err := Start(t.Context(), script(t, "echo out of luck; exit 7"))
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if err := p.Err(); !strings.Contains(err.Error(), "exit status 7") || !strings.Contains(err.Error(), "out of luck") {
		t.Errorf("the error lacks how it ended or why: %v", err)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("stopping what has ended: %v", err)
	}
}

func TestChildKnowsItsParent(t *testing.T) {
	spec := script(t, `echo parent=$`+parentEnv+` extra=$EXTRA; exec sleep 600`)
	spec.Env = []string{"EXTRA=1"}
	spec.Ready = logHas(spec.LogFile, fmt.Sprintf("parent=%d extra=1", os.Getpid()))
	p, err := Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
}

func TestChildDiesWithParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends a child that knows nothing of us")
	}
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentFile+"="+filepath.Join(t.TempDir(), "child.log"))
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the parent did not say its child: %v", err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the parent said %q", line)
	}
	if !alive(child) {
		t.Fatal("the child does not run")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed, of course
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(10 * time.Second); alive(child); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the child runs on without its parent")
		}
	}
}

// alive says whether a process exists and is more than an entry that nobody has read yet.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	return len(fields) > 0 && fields[0] != "Z" && fields[0] != "X"
}

func TestLastLines(t *testing.T) {
	long := strings.Repeat("x", tailBytes)
	tests := map[string]struct {
		content string
		want    []string
	}{
		"an empty file":                    {"", nil},
		"fewer than asked for":             {"a\nb\n", []string{"a", "b"}},
		"more than asked for":              {"a\nb\nc\nd\n", []string{"b", "c", "d"}},
		"empty lines do not count":         {"a\n\n\nb\n\n", []string{"a", "b"}},
		"a last line that has no end":      {"a\nb", []string{"a", "b"}},
		"a line cut by the limit is left":  {long + "\nb\nc\n", []string{"b", "c"}},
		"a long line is shortened":         {strings.Repeat("é", lineLength+1), []string{strings.Repeat("é", lineLength) + " ..."}},
		"one line longer than all we read": {long + long, []string{long[:lineLength] + " ..."}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := lastLines(path, 3)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("lastLines = %.200q, want %.200q", got, tt.want)
			}
		})
	}
}
