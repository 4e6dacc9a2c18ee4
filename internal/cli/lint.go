package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/perennial-dev/perennial/internal/lint"
	"github.com/perennial-dev/perennial/internal/manifest"
)

// The forms of lint beside JSON.
const (
	formatText   = "text"
	formatSARIF  = "sarif"
	formatGitHub = "github"
)

// lintOptions are what the command lint is told.
type lintOptions struct {
	*app
	out                            *output
	files, kustomize, skip         []string
	strict, missing, notes, listed bool
}

const lintLong = `Checks configuration before it reaches a cluster, from the files alone: what the API server would refuse, what the operator
could not use, what refers to nothing, and what does not do what it seems to. Each finding names its file, line and column.

Files that are only a part of what is in the cluster refer to objects that are not among them: --allow-missing makes notes
of that. Secrets are never looked for. A rule that does not fit you is left out with --skip.

Exit codes: 0 no errors, 1 errors, or with --strict warnings.`

const lintExample = `  # The files of a repository
  perennial lint -f config/

  # As kustomize builds them, with warnings as errors
  perennial lint -k config/samples --strict

  # For a code scanner, and as notes at the lines of a pull request
  perennial lint -f config/ -o sarif > lint.sarif
  perennial lint -f config/ -o github`

// newLint is the command lint.
func newLint(a *app) *cobra.Command {
	o := &lintOptions{app: a}
	c := &cobra.Command{
		Use:     "lint (-f FILE | -k FOLDER)",
		Short:   "Check configuration before it reaches a cluster",
		Long:    lintLong + "\n\nRules:\n" + lintRules(),
		Example: lintExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("lint takes no arguments: name files with -f, as in -f %s", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	f.StringArrayVarP(&o.files, "filename", "f", nil, "File or folder to check, - for the standard input; may be repeated.")
	f.StringArrayVarP(&o.kustomize, "kustomize", "k", nil, "Folder with a kustomization.yaml to build and check; may be repeated.")
	f.BoolVar(&o.strict, "strict", false, "Fail on warnings too.")
	f.BoolVar(&o.missing, "allow-missing", false, "Take references to objects that are not among the files for notes: they live elsewhere.")
	f.BoolVar(&o.notes, "notes", false, "Show notes too: what cannot be known from the files.")
	f.StringSliceVar(&o.skip, "skip", nil, "Rules to leave out, by their names, with commas between.")
	f.BoolVar(&o.listed, "rules", false, "List the rules, and check nothing.")
	_ = c.MarkFlagDirname("kustomize")
	_ = c.RegisterFlagCompletionFunc("skip", cobra.FixedCompletions(lintRuleIDs(), cobra.ShellCompDirectiveNoFileComp))
	o.out = addOutput(c, formatText, formatJSON, formatSARIF, formatGitHub)
	return c
}

// lintRules lists the rules, a line each.
func lintRules() string {
	var b strings.Builder
	for _, r := range lint.Rules() {
		fmt.Fprintf(&b, "  %-16s %-8s %s\n", r.ID, r.Severity, r.Text)
	}
	return strings.TrimRight(b.String(), "\n")
}

// lintRuleIDs are the names of the rules.
func lintRuleIDs() []string {
	var ids []string
	for _, r := range lint.Rules() {
		ids = append(ids, r.ID)
	}
	return ids
}

// run checks the files.
func (o *lintOptions) run(c *cobra.Command) error {
	if o.listed {
		_, err := fmt.Fprintln(o.Out, lintRules())
		return err
	}
	if err := errors.Join(o.out.check(), o.check()); err != nil {
		return err
	}
	set, err := manifest.Load(c.Context(), manifest.Options{Paths: o.files, Kustomize: o.kustomize, Stdin: o.In})
	if err != nil {
		return err
	}
	namespace := ""
	if o.flags.Namespace != nil {
		namespace = *o.flags.Namespace
	}
	r := newLintReport(set, lint.Check(c.Context(), set, lint.Options{Namespace: namespace, AllowMissing: o.missing, Skip: o.skip}))
	if err := o.write(r); err != nil {
		return err
	}
	if r.Objects == 0 && r.Errors == 0 {
		return errors.New("lint: there is nothing to check: no object of perennial.dev is among the files")
	}
	if r.Errors > 0 || o.strict && r.Warnings > 0 {
		return exit(ExitError)
	}
	return nil
}

// check refuses flags that make no sense.
func (o *lintOptions) check() error {
	if len(o.files)+len(o.kustomize) == 0 {
		return errors.New("lint: name what to check with -f FILE or -k FOLDER")
	}
	for _, id := range o.skip {
		if !slices.Contains(lintRuleIDs(), id) {
			return fmt.Errorf("--skip %s: there is no such rule; they are %s", id, strings.Join(lintRuleIDs(), ", "))
		}
	}
	return nil
}
