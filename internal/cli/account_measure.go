package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// accountMeasure are the flags of account measure.
type accountMeasure struct {
	at, by string
	remove []string
	force  bool
	dry    *dryRun
}

const forceUsage = "Take over fields that somebody else wrote. What git declares comes back when it is applied again."

// newAccountMeasure is the command account measure.
func newAccountMeasure(a *app) *cobra.Command {
	f := &accountMeasure{}
	c := &cobra.Command{
		Use:   "measure ACCOUNT [NAME=VALUE...]",
		Short: "Enter what you know of an account",
		Long: `Enters measurements: values that no source has and a person knows, as a model reads them with from.measurement. A value
that the account's model cannot read is refused.

They stay when the account is applied from git again, as long as git does not have the same measurements itself.`,
		Example: `  perennial account measure acme sponsor=Left
  perennial account measure acme sponsor=Engaged --at 2026-11-20
  perennial account measure acme --remove sponsor`,
		Args:              accountMeasureArgs,
		ValidArgsFunction: a.completeMeasure,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && len(f.remove) == 0 {
				return errors.New("say what you measured: NAME=VALUE, or --remove NAME")
			}
			return f.run(cmd.Context(), a, args[0], args[1:])
		},
	}
	c.Flags().StringVar(&f.at, "at", "", "When it was so: a day (2026-11-20) or RFC 3339. Now if unset.")
	c.Flags().StringVar(&f.by, "by", "", byUsage)
	c.Flags().StringSliceVar(&f.remove, "remove", nil, "Remove the measurement of this name. Can be given several times.")
	c.Flags().BoolVar(&f.force, "force-conflicts", false, forceUsage)
	f.dry = addDryRun(c)
	return c
}

// accountMeasureArgs wants an account, and pairs after it.
func accountMeasureArgs(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("name the account; kubectl get accounts lists them")
	}
	for _, pair := range args[1:] {
		if name, text, ok := strings.Cut(pair, "="); !ok || name == "" || text == "" {
			return fmt.Errorf("%s: write NAME=VALUE; --remove NAME removes a measurement", pair)
		}
	}
	return nil
}

// entry is one measurement to enter.
type entry struct{ name, value string }

// run enters measurements, and removes others.
func (f *accountMeasure) run(ctx context.Context, a *app, arg string, pairs []string) error {
	if err := f.dry.check(); err != nil {
		return err
	}
	s, err := a.saying(arg, f.dry, f.force)
	if err != nil {
		return err
	}
	entries := make([]entry, len(pairs))
	for i, pair := range pairs {
		entries[i].name, entries[i].value, _ = strings.Cut(pair, "=")
		if slices.Contains(f.remove, entries[i].name) || slices.ContainsFunc(entries[:i], func(e entry) bool { return e.name == entries[i].name }) {
			return fmt.Errorf("%s: say one thing of %s", pair, entries[i].name)
		}
	}
	observed, err := f.observed(a.Clock.Now())
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		if err := f.enter(ctx, a, s, entries, observed); err != nil {
			return fmt.Errorf("account %s: %w", s.key.Name, err)
		}
	}
	for _, name := range f.remove {
		if err := f.takeAway(ctx, a, s, name); err != nil {
			return fmt.Errorf("account %s: %w", s.key.Name, err)
		}
	}
	return nil
}

// observed is when the values were true.
func (f *accountMeasure) observed(now time.Time) (string, error) {
	at := now
	if f.at != "" {
		var err error
		if at, err = time.ParseInLocation(time.DateOnly, f.at, now.Location()); err != nil {
			if at, err = time.Parse(time.RFC3339, f.at); err != nil {
				return "", fmt.Errorf("--at: %q is no time: write 2026-11-20 or 2026-11-20T09:00:00Z", f.at)
			}
		}
		if at.After(now) {
			return "", fmt.Errorf("--at: %s is yet to come", f.at)
		}
	}
	return at.UTC().Truncate(time.Second).Format(time.RFC3339), nil
}

// enter writes measurements.
func (f *accountMeasure) enter(ctx context.Context, a *app, s *saying, entries []entry, observed string) error {
	by, _, err := a.person(ctx, s, f.by)
	if err != nil {
		return err
	}
	models, err := a.modelsFor(ctx, s)
	if err != nil {
		return err
	}
	var before *v1alpha1.Account
	var warnings []string
	var paths []fieldpath.Path
	for _, e := range entries {
		paths = append(paths, measurementPath(e.name))
	}
	declared, err := s.apply(ctx, paths, func(live *v1alpha1.Account, said map[string]any) error {
		before, warnings = live, nil
		for i := range entries {
			read, warning, err := models.read(live, entries[i].name, entries[i].value)
			if err != nil {
				return err
			}
			entries[i].value = read
			if warning != "" {
				warnings = append(warnings, warning)
			}
			setMeasurement(said, map[string]any{"name": entries[i].name, "value": read, "observedTime": observed, "by": by})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(declared) > 0 {
		warnings = append(warnings, takenBack(declared)+"; before it is dropped there, take back what you say here with --remove")
	}
	for _, warning := range warnings {
		_, _ = fmt.Fprintln(a.ErrOut, "Warning:", warning)
	}
	for _, e := range entries {
		was := ""
		if i := measurementAt(before, e.name); i >= 0 && before.Spec.Measurements[i].Value != e.value {
			was = ", was " + before.Spec.Measurements[i].Value
		}
		_, _ = fmt.Fprintf(a.Out, "account/%s %s is %s%s (observed %s, by %s)%s\n", s.key.Name, e.name, e.value, was, observed, by, f.dry.note())
	}
	return nil
}

// takeAway removes a measurement.
func (f *accountMeasure) takeAway(ctx context.Context, a *app, s *saying, name string) error {
	done, err := s.remove(ctx, measurementPath(name), func(live *v1alpha1.Account) (string, bool) {
		i := measurementAt(live, name)
		if i >= 0 && len(live.Spec.Measurements) == 1 {
			return "/spec/measurements", true
		}
		return fmt.Sprintf("/spec/measurements/%d", i), i >= 0
	})
	switch {
	case err != nil:
		return err
	case len(done.stays) > 0:
		_, _ = fmt.Fprintf(a.Out, "account/%s %s: what you said of it is removed, and what %s says stays%s\n", s.key.Name, name, strings.Join(done.stays, ", "), f.dry.note())
	case done.removed:
		_, _ = fmt.Fprintf(a.Out, "account/%s %s removed%s\n", s.key.Name, name, f.dry.note())
	default:
		_, _ = fmt.Fprintf(a.Out, "account/%s has no %s; nothing to remove\n", s.key.Name, name)
	}
	return nil
}

// measurementPath is where a measurement is.
func measurementPath(name string) fieldpath.Path {
	return fieldpath.MakePathOrDie("spec", "measurements", fieldpath.KeyByFields("name", name))
}

// takenBack says what becomes of what was forced.
func takenBack(managers []string) string {
	return strings.Join(managers, ", ") + " declares it too, and takes it back when it is applied again"
}

// setMeasurement puts a measurement into what people say, over the one of that name.
func setMeasurement(said, measurement map[string]any) {
	spec := specOf(said)
	list, _ := spec["measurements"].([]any)
	list = slices.DeleteFunc(list, func(item any) bool {
		m, ok := item.(map[string]any)
		return ok && m["name"] == measurement["name"]
	})
	spec["measurements"] = append(list, measurement)
}

// specOf is the spec of an object, made where there is none.
func specOf(object map[string]any) map[string]any {
	spec, ok := object["spec"].(map[string]any)
	if !ok {
		spec = map[string]any{}
		object["spec"] = spec
	}
	return spec
}

// measurementAt finds a measurement by its name; -1 is none.
func measurementAt(account *v1alpha1.Account, name string) int {
	return slices.IndexFunc(account.Spec.Measurements, func(m v1alpha1.Measurement) bool { return m.Name == name })
}

// saying makes ready to write what people say of an account.
func (a *app) saying(arg string, dry *dryRun, force bool) (*saying, error) {
	name, err := nameOf(arg, "account", "accounts", "acct")
	if err != nil {
		return nil, err
	}
	namespace, err := a.namespace()
	if err != nil {
		return nil, err
	}
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	return &saying{Client: c, key: types.NamespacedName{Namespace: namespace, Name: name}, dry: dry, force: force}, nil
}
