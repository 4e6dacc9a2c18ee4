package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pages show commands to type.
var pages = []string{"README.md", "docs/cli.md", "docs/operations.md", "docs/testing.md", "docs/playbooks.md", "docs/scoring.md"}

var (
	// typed is a command of ours: in a sentence, in a table, at the beginning of a line, or after a prompt.
	typed = regexp.MustCompile("(?m)(?:^|[`$] ?)(?:kubectl )?perennial ([a-z][^`\n#|>&]*)")
	// quoted is a word in quotes.
	quoted = regexp.MustCompile(`"[^"]*"`)
)

func TestTheCommandsOnThePagesAreThere(t *testing.T) {
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join("..", "..", page))
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, m := range typed.FindAllStringSubmatch(string(text), -1) {
			found++
			checkTyped(t, page, strings.Fields(quoted.ReplaceAllString(m[1], "word")))
		}
		if found == 0 && page != "docs/scoring.md" && page != "docs/playbooks.md" {
			t.Errorf("%s shows no command", page)
		}
	}
}

// checkTyped checks that there is such a command, with these flags.
func checkTyped(t *testing.T, page string, args []string) {
	t.Helper()
	line := page + ": perennial " + strings.Join(args, " ")
	command, rest, err := New(Env{Getenv: func(string) string { return "" }, Name: "perennial"}).Find(args)
	if err != nil || !command.HasParent() {
		t.Errorf("%s: there is no such command: %v", line, err)
		return
	}
	if err := command.ParseFlags(rest); err != nil {
		t.Errorf("%s: %v", line, err)
	}
	if command.HasSubCommands() && len(command.Flags().Args()) > 0 && command.Name() == "task" {
		t.Errorf("%s: there is no such subcommand", line)
	}
}
