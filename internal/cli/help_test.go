package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clocktesting "k8s.io/utils/clock/testing"
)

var updateHelp = flag.Bool("update-help", false, "write the file with the help anew")

// newHelp is the program as it is called by a name.
func newHelp(name string) *cobra.Command {
	streams, _, _, _ := genericiooptions.NewTestIOStreams()
	return New(Env{
		IOStreams: streams, Clock: clocktesting.NewFakePassiveClock(actionNow), Getenv: func(string) string { return "" }, Name: name,
	})
}

// eachCommand calls do for a command and all below it that are ours, in the order of their names.
func eachCommand(c *cobra.Command, do func(*cobra.Command)) {
	do(c)
	for _, sub := range c.Commands() {
		if sub.Name() != "help" && sub.Name() != "completion" {
			eachCommand(sub, do)
		}
	}
}

// exampleLine is a line of an example: a command, a remark, or what is piped into a command.
var exampleLine = regexp.MustCompile(`^  (perennial |# |kubectl |git |    |cat ).*`)

func TestEveryCommandExplainsItself(t *testing.T) {
	eachCommand(newHelp("perennial"), func(c *cobra.Command) {
		t.Run(c.CommandPath(), func(t *testing.T) {
			if c.Short == "" || strings.HasSuffix(c.Short, ".") || strings.Contains(c.Short, "\n") {
				t.Errorf("Short is one line without a full stop: %q", c.Short)
			}
			if c.Long == "" && c.Example == "" {
				t.Error("it has neither a description nor an example")
			}
			if c.Long != "" && !strings.HasSuffix(strings.TrimSpace(c.Long), ".") && !strings.Contains(c.Long, "\n  ") {
				t.Errorf("Long is no sentence: %q", c.Long)
			}
			if c.Runnable() && !c.HasSubCommands() && c.Example == "" {
				t.Error("it has no example")
			}
			for line := range strings.Lines(c.Example) {
				if line = strings.TrimRight(line, "\n"); line != "" && !exampleLine.MatchString(line) {
					t.Errorf("an example begins with two spaces and a command: %q", line)
				}
			}
			c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
				if f.Name != "help" && !strings.HasSuffix(f.Usage, ".") {
					t.Errorf("the text of --%s is no sentence: %q", f.Name, f.Usage)
				}
			})
			if strings.Contains(c.Short+c.Long+c.Example, "TODO") {
				t.Error("it is not done")
			}
		})
	})
}

// TestExamplesAreCommands: the flags and the commands of the examples are there.
func TestExamplesAreCommands(t *testing.T) {
	eachCommand(newHelp("perennial"), func(c *cobra.Command) {
		own := c.Example == "" || c.HasSubCommands()
		for line := range strings.Lines(c.Example) {
			typed, ok := strings.CutPrefix(strings.TrimSpace(line), "perennial ")
			if !ok {
				continue
			}
			typed, _, _ = strings.Cut(typed, " | ")
			typed, _, _ = strings.Cut(typed, " > ")
			words := regexp.MustCompile(`"[^"]*"|'[^']*'|\S+`).FindAllString(typed, -1)
			found, rest, err := newHelp("perennial").Find(words)
			if err != nil {
				t.Errorf("%s: %v", line, err)
				continue
			}
			own = own || found.CommandPath() == c.CommandPath()
			if err := found.ParseFlags(rest); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
		if !own {
			t.Errorf("none of the examples of %s is of it", c.CommandPath())
		}
	})
}

// TestHelpIsWhatTheFileSays keeps what people read under review.
func TestHelpIsWhatTheFileSays(t *testing.T) {
	var all strings.Builder
	eachCommand(newHelp("perennial"), func(c *cobra.Command) {
		var text bytes.Buffer
		c.SetOut(&text)
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		// The flags that all commands have stand there once.
		help, _, _ := strings.Cut(text.String(), "\nGlobal Flags:\n")
		all.WriteString("$ " + c.CommandPath() + " --help\n" + strings.TrimSpace(help) + "\n\n")
	})
	file := filepath.Join("testdata", "help.txt")
	if *updateHelp {
		if err := os.WriteFile(file, []byte(all.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), all.String()); diff != "" {
		t.Errorf("the help is another; go test -update-help writes the file anew (- file, + now):\n%s", diff)
	}
}

// TestHelpOfThePlugin: as kubectl's plugin the help says what people type.
func TestHelpOfThePlugin(t *testing.T) {
	root := newHelp("kubectl perennial")
	c, _, err := root.Find([]string{"task", "done"})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.UseLine(); got != "kubectl perennial task done NAME... [flags]" {
		t.Errorf("the usage is %q", got)
	}
	if root.Name() != "perennial" {
		t.Errorf("completion scripts are for %q", root.Name())
	}
}
