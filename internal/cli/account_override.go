package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// defaultOverride is how long an override holds that does not say: long enough to see what comes of it, and not so long
// that it is forgotten.
const defaultOverride = "30d"

// overridePath is where the override is.
var overridePath = fieldpath.MakePathOrDie("spec", "healthOverride")

// accountOverride are the flags of account override.
type accountOverride struct {
	band, reason, until, by string
	clear, force            bool
	dry                     *dryRun
}

// newAccountOverride is the command account override.
func newAccountOverride(a *app) *cobra.Command {
	f := &accountOverride{}
	c := &cobra.Command{
		Use:   "override ACCOUNT --band BAND --reason TEXT",
		Short: "Set an account's band by hand, for a while",
		Long: `Sets the band by hand where you know better than the figures: the sponsor left. Playbooks act on it at once. The score goes
on as it would, and the band returns to it after the last day, or with --clear.

It stays when the account is applied from git again, as long as git does not have an override itself.`,
		Example: `  perennial account override acme --band Critical --reason "the sponsor left" --until 2026-12-31
  perennial account override acme --clear`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name one account; kubectl get accounts lists them")
			}
			return nil
		},
		ValidArgsFunction: a.completeNames(&v1alpha1.AccountList{}, 1, nil),
		RunE:              func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), a, args[0]) },
	}
	c.Flags().StringVar(&f.band, "band", "", "The band: one of those of the account's model.")
	c.Flags().StringVar(&f.reason, "reason", "", "Why, for all who will read it.")
	c.Flags().StringVar(&f.until, "until", defaultOverride, "The last day on which it holds (2026-12-31), or how long (14d).")
	c.Flags().StringVar(&f.by, "by", "", byUsage)
	c.Flags().BoolVar(&f.clear, "clear", false, "Remove the override.")
	c.Flags().BoolVar(&f.force, "force-conflicts", false, forceUsage)
	_ = c.RegisterFlagCompletionFunc("band", a.bandsFor)
	f.dry = addDryRun(c)
	c.MarkFlagsMutuallyExclusive("clear", "band")
	c.MarkFlagsMutuallyExclusive("clear", "reason")
	c.MarkFlagsMutuallyExclusive("clear", "until")
	return c
}

// run sets or clears an override.
func (f *accountOverride) run(ctx context.Context, a *app, arg string) error {
	if err := f.dry.check(); err != nil {
		return err
	}
	s, err := a.saying(arg, f.dry, f.force)
	if err != nil {
		return err
	}
	if f.clear {
		err = f.end(ctx, a, s)
	} else {
		err = f.set(ctx, a, s)
	}
	if err != nil {
		return fmt.Errorf("account %s: %w", s.key.Name, err)
	}
	return nil
}

// set writes an override.
func (f *accountOverride) set(ctx context.Context, a *app, s *saying) error {
	models, err := a.modelsFor(ctx, s)
	if err != nil {
		return err
	}
	until, err := f.lastDay(a.Clock.Now())
	if err != nil {
		return err
	}
	by, band := "", ""
	declared, err := s.apply(ctx, []fieldpath.Path{overridePath}, func(live *v1alpha1.Account, said map[string]any) error {
		var err error
		if band, err = f.bandOf(models, live); err != nil {
			return err
		}
		if f.reason == "" {
			return errors.New("--reason: say why, for all who will read it")
		}
		if by == "" {
			if by, _, err = a.person(ctx, s, f.by); err != nil {
				return err
			}
		}
		specOf(said)["healthOverride"] = map[string]any{"band": band, "reason": f.reason, "by": by, "until": until}
		return nil
	})
	if err != nil {
		return err
	}
	if len(declared) > 0 {
		_, _ = fmt.Fprintln(a.ErrOut, "Warning:", takenBack(declared))
	}
	_, _ = fmt.Fprintf(a.Out, "account/%s is %s until %s (by %s)%s\n", s.key.Name, band, until, by, f.dry.note())
	return nil
}

// bandOf is the band that was asked for, as the account's model has it.
func (f *accountOverride) bandOf(m *models, account *v1alpha1.Account) (string, error) {
	if m.unknown && f.band != "" {
		return f.band, nil // the operator says if there is none such
	}
	model := m.of(account)
	if model == nil {
		return "", errors.New("no model scores the account, so it has no bands; kubectl describe account says why")
	}
	names := bandNames(model)
	if f.band == "" {
		return "", fmt.Errorf("--band: say one of %s", strings.Join(names, ", "))
	}
	band, ok := oneOf(f.band, names)
	if !ok {
		return "", fmt.Errorf("--band: %s is none of %s, the bands of model %s", f.band, strings.Join(names, ", "), model.Name)
	}
	return band, nil
}

// lastDay is the last day on which the override holds.
func (f *accountOverride) lastDay(now time.Time) (string, error) {
	if d, err := value.ParseDuration(v1alpha1.Duration(f.until)); err == nil && d > 0 {
		return now.Add(d).Format(time.DateOnly), nil
	}
	day, err := value.ParseDate(v1alpha1.Date(f.until))
	if err != nil {
		return "", fmt.Errorf("--until: %q is no day: write 2026-12-31, or 14d", f.until)
	}
	until := day.Format(time.DateOnly)
	if until < now.Format(time.DateOnly) {
		return "", fmt.Errorf("--until: %s is over", until)
	}
	return until, nil
}

// end removes an override.
func (f *accountOverride) end(ctx context.Context, a *app, s *saying) error {
	was := ""
	done, err := s.remove(ctx, overridePath, func(live *v1alpha1.Account) (string, bool) {
		o := live.Spec.HealthOverride
		if o != nil {
			was = fmt.Sprintf("%s by %s", o.Band, o.By)
		}
		return "/spec/healthOverride", o != nil
	})
	switch {
	case err != nil:
		return err
	case len(done.stays) > 0:
		_, _ = fmt.Fprintf(a.Out, "account/%s: what you said is removed, and what %s says stays%s\n", s.key.Name, strings.Join(done.stays, ", "), f.dry.note())
	case done.removed:
		_, _ = fmt.Fprintf(a.Out, "account/%s is no longer %s%s\n", s.key.Name, was, f.dry.note())
	default:
		_, _ = fmt.Fprintf(a.Out, "account/%s has no override\n", s.key.Name)
	}
	return nil
}
