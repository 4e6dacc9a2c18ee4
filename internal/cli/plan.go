package cli

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/preview"
	"github.com/perennial-dev/perennial/internal/value"
)

// planOptions are what the command plan is told.
type planOptions struct {
	*app
	facts            *factsOptions
	out              *output
	files, kustomize []string
	against          string
	now, ahead       string
	prune, redact    bool
}

// againstCluster is the value of --against that compares with what there is.
const againstCluster = "cluster"

// planDefaultAhead is long enough for a model that holds a band for some hours, and for a playbook that waits for a day.
const planDefaultAhead = "24h"

const planLong = `Shows what a change of the configuration would do before anybody makes it: which accounts come, go and move to
another band, and why, and which runs and tasks start, end or are held back, and for whom. The operator's own functions work
it out twice, with the configuration as it is and as it would be; what is told is the difference.

The change is the files: objects of the same kind and name take the place of those in the cluster, and the rest stays.
With --against DIR two folders are compared instead, each of them complete: what the files lack is deleted.

Facts come from the operator (--operator), from a snapshot file (--snapshot), or else from what the accounts' statuses
remember. A value that nobody has read yet is listed as no data yet, and moves nothing.

Exit codes: 0 nothing changes, 2 something does, 1 an error.`

const planExample = `  # What a branch would do to the cluster
  perennial plan -f config/ --operator https://127.0.0.1:8443

  # As a comment on a public pull request, from a snapshot that a job made in the cluster
  perennial plan -f config/ --snapshot fleet.json.gz -o markdown --redact

  # A branch against its base, without a cluster: the facts are the ConfigMaps of the folders
  perennial plan -k head/config/samples --against base/config/samples`

// newPlan is the command plan.
func newPlan(a *app) *cobra.Command {
	o := &planOptions{app: a}
	c := &cobra.Command{
		Use:     "plan (-f FILE | -k FOLDER)",
		Short:   "Show what a change would do, before it is made",
		Long:    planLong,
		Example: planExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("plan takes no arguments: name files with -f, as in -f %s", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	f.StringArrayVarP(&o.files, "filename", "f", nil, "File or folder with the changed configuration, - for the standard input; may be repeated.")
	f.StringArrayVarP(&o.kustomize, "kustomize", "k", nil, "Folder with a kustomization.yaml to build; may be repeated.")
	f.StringVar(&o.against, "against", againstCluster, "What to compare with: cluster, or a folder, which is read as the files are: built where they are given with -k.")
	f.BoolVar(&o.prune, "prune", false, "Count as deleted what the cluster has and the files lack: with -k of every kind, with -f of the kinds that the files hold. Accounts that a set made stay.")
	f.StringVar(&o.now, "now", "", "Moment of the change, as RFC 3339 or a date. Default: the clock's.")
	f.StringVar(&o.ahead, "ahead", planDefaultAhead, "How far to look ahead with facts that stay as they are, such as 7d; 0s is the moment itself.")
	f.BoolVar(&o.redact, "redact", false, "Take out the names, ids and money of customers, and who works for them, for a comment that everybody can read. What the configuration says itself stays.")
	_ = c.MarkFlagDirname("kustomize")
	o.facts = a.addFactsFlags(c)
	o.out = addOutput(c)
	return c
}

// run makes the plan and writes it.
func (o *planOptions) run(c *cobra.Command) error {
	if err := errors.Join(o.out.check(), o.check()); err != nil {
		return err
	}
	release := o.frugal()
	defer release()
	in, err := o.input(c.Context())
	if err != nil {
		return err
	}
	if len(in.Base.Accounts) > frugalAccounts {
		release()
	}
	o.progress("Working out what happens to %s …", planMany(len(in.Base.Accounts), "account"))
	p, err := preview.Run(in.Input)
	o.progress("")
	if err != nil {
		return err
	}
	r := newPlanReport(p, in.factsFrom)
	r.NotInFiles = in.notInFiles
	r.Warnings = append(in.warnings, r.ageWarnings()...)
	if o.redact {
		r = newRedactor(r, in.Base, in.Head).report(r)
	}
	if err := o.write(r); err != nil {
		return err
	}
	if r.Changes {
		return exit(ExitChanges)
	}
	return nil
}

// check refuses flags that make no sense together.
func (o *planOptions) check() error {
	switch {
	case len(o.files)+len(o.kustomize) == 0:
		return errors.New("plan: name what would change with -f FILE or -k FOLDER")
	case o.against == "":
		return errors.New("--against: write cluster, or a folder")
	case o.prune && o.against != againstCluster:
		return errors.New("--prune is for a plan against the cluster: a folder is complete, and what the files lack is deleted anyway")
	case o.against != againstCluster && len(o.files) > 0 && len(o.kustomize) > 0:
		return errors.New("--against a folder: give the files with -f or with -k, not with both; the folder is read in the same way")
	}
	return nil
}

// write writes the report in its form.
func (o *planOptions) write(r *planReport) error {
	switch o.out.format {
	case formatTable, formatWide:
		return r.writeText(o.Out, o.out.format == formatWide)
	case formatMarkdown:
		return r.writeMarkdown(o.Out)
	case formatCSV:
		return r.writeCSV(o.Out)
	}
	return o.out.answer(o.Out, r, nil)
}

// progress says what takes a while, on a line that the next one takes the place of. No text clears it.
func (o *planOptions) progress(format string, args ...any) {
	if o.Progress {
		_, _ = fmt.Fprintf(o.ErrOut, "\r\x1b[K"+format, args...)
	}
}

// moment is when the change is made.
func (o *planOptions) moment() (time.Time, error) {
	if o.now == "" {
		return o.Clock.Now().UTC().Truncate(time.Second), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, o.now); err == nil {
			return t.UTC().Truncate(time.Second), nil
		}
	}
	return time.Time{}, fmt.Errorf("--now %s: write a moment such as 2026-11-22T09:00:00Z, or a date such as 2026-11-22", o.now)
}

// aheadOf is how far to look ahead.
func (o *planOptions) aheadOf() (time.Duration, error) {
	ahead, err := value.ParseDuration(v1alpha1.Duration(cmp.Or(o.ahead, "0s")))
	if err != nil {
		return 0, fmt.Errorf("--ahead: %w", err)
	}
	return ahead, nil
}

// planOld is the age from which on facts are to be doubted.
const planOld = 24 * time.Hour

// ageWarnings are about facts that may not be so any more.
func (r *planReport) ageWarnings() []string {
	var old []string
	for _, f := range r.Facts {
		if f.ReadTime != nil && r.Now.Sub(*f.ReadTime) > planOld {
			old = append(old, fmt.Sprintf("%s (%s)", f.Source, f.Age))
		}
	}
	if len(old) == 0 {
		return nil
	}
	names := planList(old)
	if n := len(old) - 5; n > 0 {
		names = fmt.Sprintf("%s and %d more", strings.Join(old[:5], ", "), n)
	}
	return []string{"the facts of " + names + " are older than a day: trust what follows from them less"}
}
