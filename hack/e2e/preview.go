package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/internal/cli"
	"github.com/perennial-dev/perennial/internal/preview"
)

// A change of the rules as somebody makes it in a branch: file, what is there, what comes in its place.
var branch = []struct{ file, before, after string }{
	// Stricter for the many small customers, and at once.
	{"model-standard.yaml", "{name: Healthy, min: 70}", "{name: Healthy, min: 84}"},
	{"model-standard.yaml", "bandChange: {margin: 3, hold: 6h}", "bandChange: {margin: 3, hold: 0s}"},
	// Work for those who are not well, and no longer a day later.
	{"playbook-rescue.yaml", "    for: 24h\n    band: {in: [Critical]}", "    band: {in: [Critical]}"},
}

// previewChange changes the rules in a branch, has the plan foretell what that does, applies it, and compares what happened
// with what was foretold, object by object. In the end the rules are as they were.
func (s *session) previewChange(ctx context.Context) error {
	repository := filepath.Join(s.dir, "repository")
	if err := s.commitBranch(ctx, repository); err != nil {
		return err
	}
	samples := filepath.Join(repository, "samples")
	for _, check := range []struct {
		args []string
		code int
	}{
		{[]string{"lint", "-k", samples}, cli.ExitOK},
		{[]string{"test", samples}, cli.ExitError}, // the tests of these rules say that they are others now
		{[]string{"plan", "-k", samples, "-o", "markdown"}, cli.ExitChanges},
		{[]string{"plan", "-k", samples, "--ahead", "0s"}, cli.ExitChanges},
	} {
		out, code, err := s.perennial(ctx, check.args...)
		if code != check.code {
			return fmt.Errorf("perennial %s: exit code %d, not %d: %w\n%s", check.args[0], code, check.code, err, out)
		}
		if check.args[0] == "test" { // what fails on purpose must not read as if this test did
			lines := strings.Split(strings.TrimSpace(out), "\n")
			out = lines[len(lines)-1]
		}
		s.say("$ perennial %s\n%s", strings.Join(check.args, " "), out)
	}
	before, err := s.standing(ctx)
	if err != nil {
		return err
	}
	foretold, err := s.foretell(ctx, samples)
	if err != nil {
		return err
	}
	if len(foretold.Moves) == 0 || len(foretold.Runs) == 0 || len(foretold.Tasks) == 0 {
		return fmt.Errorf("the plan foretells %d moves, %d changes of runs and %d of tasks: not much of a test", len(foretold.Moves), len(foretold.Runs), len(foretold.Tasks))
	}
	if _, err := s.api.RunKubectl(ctx, "apply", "--server-side", "-k", samples); err != nil {
		return err
	}
	if err := s.becomes(ctx, before.with(foretold)); err != nil {
		return fmt.Errorf("what happened is not what was foretold: %w", err)
	}
	s.say("all as foretold: %d moves, %d changes of runs, %d of tasks", len(foretold.Moves), len(foretold.Runs), len(foretold.Tasks))
	return s.revert(ctx, repository, samples)
}

// commitBranch makes a git repository with the samples on its main branch, and the change on another.
func (s *session) commitBranch(ctx context.Context, repository string) error {
	samples := filepath.Join(repository, "samples")
	if err := os.CopyFS(samples, os.DirFS("config/samples")); err != nil {
		return err
	}
	if err := git(ctx, repository, "init", "--quiet", "--initial-branch=main"); err != nil {
		return err
	}
	if err := commit(ctx, repository, "The rules as they are"); err != nil {
		return err
	}
	if err := git(ctx, repository, "switch", "--quiet", "--create", "stricter"); err != nil {
		return err
	}
	for _, edit := range branch {
		file := filepath.Join(samples, edit.file)
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if !strings.Contains(string(text), edit.before) {
			return fmt.Errorf("%s has no %q any more: change the test", edit.file, edit.before)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), edit.before, edit.after, 1)), 0o600); err != nil {
			return err
		}
	}
	return commit(ctx, repository, "Stricter rules")
}

// revert applies the main branch again, and has the plan say that nothing is left to do.
func (s *session) revert(ctx context.Context, repository, samples string) error {
	if err := git(ctx, repository, "switch", "--quiet", "main"); err != nil {
		return err
	}
	if _, err := s.api.RunKubectl(ctx, "apply", "--server-side", "-k", samples); err != nil {
		return err
	}
	if _, err := s.settled(ctx); err != nil {
		return err
	}
	out, code, err := s.perennial(ctx, "plan", "-k", samples)
	s.say("$ perennial plan -k samples    # of what is applied already\n%s", out)
	if err != nil || code != cli.ExitOK {
		return fmt.Errorf("the plan of what is applied: exit code %d: %w", code, err)
	}
	return nil
}

// foretell returns what the plan says.
func (s *session) foretell(ctx context.Context, samples string) (*preview.Preview, error) {
	out, code, err := s.perennial(ctx, "plan", "-k", samples, "--ahead", "0s", "-o", "json") // what happens at once
	if err != nil || code != cli.ExitChanges {
		return nil, fmt.Errorf("perennial plan: exit code %d: %w", code, err)
	}
	foretold := &preview.Preview{}
	return foretold, json.Unmarshal([]byte(out), foretold)
}

// perennial runs the command line as a user does, and returns what it prints and its exit code.
func (s *session) perennial(ctx context.Context, args ...string) (string, int, error) {
	program, err := filepath.Abs(filepath.Join("bin", "perennial"))
	if err != nil {
		return "", 0, err
	}
	command := exec.CommandContext(ctx, program, args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+s.api.KubeconfigPath())
	var problems strings.Builder
	command.Stderr = &problems
	out, err := command.Output()
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended) && ended.ExitCode() == cli.ExitChanges:
		return string(out), ended.ExitCode(), nil
	case errors.As(err, &ended):
		return string(out), ended.ExitCode(), errors.New(problems.String())
	}
	return string(out), cli.ExitOK, err
}

// git runs a git command in a folder.
func git(ctx context.Context, dir string, args ...string) error {
	command := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, out)
	}
	return nil
}

// commit commits all there is.
func commit(ctx context.Context, dir, message string) error {
	if err := git(ctx, dir, "add", "--all"); err != nil {
		return err
	}
	return git(ctx, dir, "-c", "user.name=e2e", "-c", "user.email=e2e@example.com", "-c", "commit.gpgsign=false", "commit", "--quiet", "-m", message)
}

// standing is where everything stands that a plan speaks of: what it is, by its kind and name.
type standing map[string]string

// standing reads it from the cluster.
func (s *session) standing(ctx context.Context) (standing, error) {
	if _, err := s.settled(ctx); err != nil {
		return nil, err
	}
	all := standing{}
	for _, kind := range []struct{ what, path string }{
		{"accounts", "{range .items[*]}{.metadata.name}={.status.health.band} {.status.health.score}{\"\\n\"}{end}"},
		{"playbookruns", "{range .items[*]}{.metadata.name}={.status.state}{\"\\n\"}{end}"},
		{"tasks", "{range .items[*]}{.metadata.name}={.status.state} {.status.assignee} {.spec.title}{\"\\n\"}{end}"},
	} {
		out, err := s.read(ctx, kind.what, kind.path)
		if err != nil {
			return nil, err
		}
		for line := range strings.SplitSeq(strings.TrimSpace(out), "\n") {
			name, is, _ := strings.Cut(line, "=")
			all[kind.what+" "+name] = strings.TrimSpace(is)
		}
	}
	return all, nil
}

// with is how everything stands once what was foretold has come.
func (all standing) with(foretold *preview.Preview) standing {
	then := maps.Clone(all)
	for _, m := range foretold.Moves {
		score := ""
		if m.After.Score != nil {
			score = fmt.Sprint(*m.After.Score)
		}
		then["accounts "+m.Name] = strings.TrimSpace(m.After.Band + " " + score)
	}
	for _, r := range foretold.Runs {
		if r.Action == preview.Started {
			then["playbookruns "+r.Run] = "Active"
		}
	}
	for _, t := range foretold.Tasks {
		if t.Action != preview.Updated {
			then["tasks "+t.Name] = strings.TrimSpace(fmt.Sprintf("%s %s %s", t.State, t.Assignee, t.Title))
		}
	}
	return then
}

// becomes waits until everything stands so, and names what never does.
func (s *session) becomes(ctx context.Context, want standing) error {
	return s.until(ctx, func() error {
		got, err := s.standing(ctx)
		if err != nil {
			return err
		}
		var wrong []string
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if got[name] != want[name] {
				wrong = append(wrong, fmt.Sprintf("%s is %q, foretold was %q", name, got[name], want[name]))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(got)) {
			if _, ok := want[name]; !ok {
				wrong = append(wrong, fmt.Sprintf("%s is %q, and nobody foretold it", name, got[name]))
			}
		}
		if len(wrong) > 0 {
			return errors.New(strings.Join(wrong, "\n"))
		}
		return nil
	})
}
