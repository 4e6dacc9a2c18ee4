// Package pipelines runs what docs/gitops.md and docs/examples tell pipelines to type.
package pipelines

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/perennial-dev/perennial/internal/cli"
	"github.com/perennial-dev/perennial/internal/testing/controlplane"
)

const (
	root     = "../../../.."
	page     = root + "/docs/gitops.md"
	examples = root + "/docs/examples"
)

var api = controlplane.Shared{Options: controlplane.Options{CRDs: root + "/config/crd/bases", ControllerManager: true}}

// TestMain runs the tests, or stands in for a program that a job calls: see standIns.
func TestMain(m *testing.M) {
	if run, ok := standIns[filepath.Base(os.Args[0])]; ok {
		os.Exit(run(os.Args[1:]))
	}
	ctrl.SetLogger(logr.Discard())
	os.Exit(api.Main(m))
}

// readFile returns a file whole.
func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// words splits the first command of a line of shell as a shell does: at blanks, not within quotes, up to a pipe, a redirection
// or the next command.
func words(line string) []string {
	var out []string
	var word strings.Builder
	quote, started := rune(0), false
	end := func() {
		if started {
			out = append(out, word.String())
		}
		word.Reset()
		started = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, started = r, true
		case r == ' ' || r == '\t':
			end()
		case strings.ContainsRune("|>&;#", r) && !started:
			return out
		default:
			word.WriteRune(r)
			started = true
		}
	}
	end()
	return out
}

// commands are the lines of a shell script that run one of our programs, with continued lines put together.
func commands(script, program string) [][]string {
	var found [][]string
	for line := range strings.Lines(strings.ReplaceAll(script, "\\\n", " ")) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "- ")
		// Of a pipe that others begin, or that others go on with, each command is looked at.
		for part := range strings.SplitSeq(line, " | ") {
			if w := words(part); len(w) > 0 && w[0] == program {
				found = append(found, w[1:])
			}
		}
	}
	return found
}

// checkPerennial asks the program itself whether it takes a command line.
func checkPerennial(t *testing.T, args []string) {
	t.Helper()
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: io.Discard, ErrOut: io.Discard}
	env := cli.Env{IOStreams: streams, Clock: clock.RealClock{}, Getenv: func(string) string { return "" }, Name: "perennial"}
	command, rest, err := cli.New(env).Find(args)
	if err == nil && !command.Runnable() {
		t.Errorf("perennial %s: this is no command", strings.Join(args, " "))
		return
	}
	if err == nil {
		err = command.ParseFlags(rest)
	}
	if err == nil {
		err = command.ValidateArgs(command.Flags().Args())
	}
	if err == nil {
		err = command.ValidateRequiredFlags()
	}
	if err != nil {
		t.Errorf("perennial %s: %v", strings.Join(args, " "), err)
	}
}

// checkKubectl asks kubectl whether it has a command and its flags.
func checkKubectl(t *testing.T, args []string) {
	t.Helper()
	out, err := api.Get(t).RunKubectl(t.Context(), slices.Concat(args, []string{"--help"})...)
	if err != nil {
		t.Error(err)
	}
	if usage := regexp.MustCompile(`(?m)^Usage:\n  kubectl (\S+)`).FindStringSubmatch(out); len(usage) != 2 || usage[1] != args[0] {
		t.Errorf("kubectl %s: this is no command: its help is\n%s", strings.Join(args, " "), out)
	}
}

// blocks are the pieces of code of a language on the page.
func blocks(text, language string) string {
	var b strings.Builder
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		b.WriteString(m[1])
	}
	return b.String()
}

func TestTheCommandsOfThePageAreThere(t *testing.T) {
	text := readFile(t, page)
	shell := blocks(text, "sh")
	ours, theirs := commands(shell, "perennial"), commands(shell, "kubectl")
	if len(ours) < 4 || len(theirs) < 4 {
		t.Fatalf("%d commands of ours, %d of kubectl", len(ours), len(theirs))
	}
	for _, args := range ours {
		checkPerennial(t, args)
	}
	for _, args := range theirs {
		checkKubectl(t, args)
	}
	// In a sentence a command stands without what it works on.
	env := cli.Env{Getenv: func(string) string { return "" }, Name: "perennial"}
	for _, m := range regexp.MustCompile("`perennial ([a-z ]+)`").FindAllStringSubmatch(text, -1) {
		if command, rest, err := cli.New(env).Find(strings.Fields(m[1])); err != nil || len(rest) > 0 || !command.HasParent() {
			t.Errorf("there is no command perennial %s: %v, %v", m[1], rest, err)
		}
	}
}

func TestTheCommandsOfTheExamplesAreThere(t *testing.T) {
	for file, jobs := range map[string]map[string][]string{"github-actions.yml": githubScripts(t), "gitlab-ci.yml": gitlabScripts(t)} {
		n := 0
		for _, scripts := range jobs {
			for _, script := range scripts {
				for _, args := range commands(script, "perennial") {
					n++
					checkPerennial(t, args)
				}
				for _, args := range commands(script, "kubectl") {
					checkKubectl(t, args)
				}
			}
		}
		if n != 4 {
			t.Errorf("%s runs perennial %d times: want lint, test, plan and snapshot", file, n)
		}
	}
}
