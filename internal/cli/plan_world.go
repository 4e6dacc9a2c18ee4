package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/lint"
	"github.com/perennial-dev/perennial/internal/manifest"
	"github.com/perennial-dev/perennial/internal/preview"
	"github.com/perennial-dev/perennial/internal/snapshot"
)

// planInput is what a plan is made of.
type planInput struct {
	preview.Input
	factsFrom  string
	notInFiles []string
	warnings   []string
}

// input reads the files, what they are compared with, and the facts.
func (o *planOptions) input(ctx context.Context) (*planInput, error) {
	now, err := o.moment()
	if err != nil {
		return nil, err
	}
	ahead, err := o.aheadOf()
	if err != nil {
		return nil, err
	}
	set, err := o.load(ctx, manifest.Options{Paths: o.files, Kustomize: o.kustomize, Stdin: o.In})
	if err != nil {
		return nil, err
	}
	against := o.againstFolder
	if o.against == againstCluster {
		against = o.againstCluster
	}
	in, err := against(ctx, set)
	if err != nil {
		return nil, err
	}
	in.Now, in.Ahead = now, ahead
	return in, nil
}

// inUTC is a world whose days begin in UTC where nobody says otherwise.
func inUTC(w *fleet.World) *fleet.World {
	again := *w
	again.Location = cmp.Or(again.Location, time.UTC)
	return &again
}

// load reads files. What cannot be read ends the plan: it would speak of a change that is another one.
func (o *planOptions) load(ctx context.Context, from manifest.Options) (*manifest.Set, error) {
	o.progress("Reading files …")
	defer o.progress("")
	set, err := manifest.Load(ctx, from)
	if err != nil {
		return nil, err
	}
	if len(set.Objects) == 0 && len(set.Problems) == 0 {
		return nil, fmt.Errorf("there is no object in %s", strings.Join(append(from.Paths, from.Kustomize...), ", "))
	}
	return set, nil
}

// planRefused are the rules of lint that a plan stops for: the API server would refuse the files, or take them for something
// else. What the operator cannot use is a problem of the plan, which goes on without it.
var planRefused = []string{lint.RuleRead, lint.RuleSchema, lint.RuleQuotes}

// planFindings is how many findings an error names.
const planFindings = 20

// world sorts the objects of files, unless there is something wrong with the files.
func (o *planOptions) world(ctx context.Context, set *manifest.Set, namespace string) (*fleet.World, error) {
	var found []string
	for _, f := range lint.Check(ctx, set, lint.Options{Namespace: namespace, AllowMissing: true}) {
		if f.Severity == lint.Error && slices.Contains(planRefused, f.Rule) {
			found = append(found, "  "+f.String())
		}
	}
	if n := len(found); n > 0 {
		if n > planFindings {
			found = append(found[:planFindings], fmt.Sprintf("  … and %s more", planNumber(int64(n-planFindings))))
		}
		return nil, fmt.Errorf("the cluster would refuse the files:\n%s\nRun %s lint, which says all that is wrong with them", strings.Join(found, "\n"), o.Name)
	}
	w, err := set.World(namespace)
	if err != nil {
		return nil, fmt.Errorf("%w\nRun %s lint, which says all that is wrong with the files", err, o.Name)
	}
	return w, nil
}

// namespaceOf is the namespace of a plan: that of -n, else the one that the files name, else that of the context.
func (o *planOptions) namespaceOf(sets ...*manifest.Set) (string, error) {
	if asked := o.flags.Namespace; asked != nil && *asked != "" {
		return *asked, nil
	}
	var names []string
	for _, set := range sets {
		for _, name := range set.Namespaces() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	switch len(names) {
	case 0:
		return o.namespace()
	case 1:
		return names[0], nil
	}
	return "", fmt.Errorf("the files name the namespaces %s: say with -n which one to plan for", planList(names))
}

// againstCluster lays the files over what there is.
func (o *planOptions) againstCluster(ctx context.Context, set *manifest.Set) (*planInput, error) {
	s, namespace, err := o.take(ctx, set)
	if err != nil {
		return nil, err
	}
	files, err := o.world(ctx, set, namespace)
	if err != nil {
		return nil, err
	}
	head, missing := planOverlay(s.World, files, o.prune)
	in := &planInput{factsFrom: o.origin(s)}
	if !o.prune {
		in.notInFiles = missing
	}
	head.Sources = s.Sources(head.DataSources, set.ConfigMaps(namespace)) //nolint:contextcheck // it reads from memory
	in.Base, in.Head = inUTC(s.World), inUTC(head)
	return in, nil
}

// take takes the snapshot that the files are laid over.
func (o *planOptions) take(ctx context.Context, sets ...*manifest.Set) (*snapshot.Snapshot, string, error) {
	namespace, err := o.namespaceOf(sets...)
	if err != nil {
		return nil, "", err
	}
	o.progress("Reading namespace %s …", namespace)
	defer o.progress("")
	s, err := o.facts.take(ctx, namespace)
	if err != nil {
		return nil, "", err
	}
	if is := s.World.Namespace; is != namespace && slices.ContainsFunc(sets, func(set *manifest.Set) bool { return slices.Contains(set.Namespaces(), namespace) }) {
		return nil, "", fmt.Errorf("--snapshot %s is of namespace %s, and the files are for %s", o.facts.file, is, namespace)
	}
	return s, s.World.Namespace, nil
}

// againstFolder compares two folders: on the customers of a snapshot where there is one, else on those that the folders make.
func (o *planOptions) againstFolder(ctx context.Context, set *manifest.Set) (*planInput, error) {
	from := manifest.Options{Paths: []string{o.against}, Stdin: o.In}
	if len(o.kustomize) > 0 {
		from = manifest.Options{Kustomize: []string{o.against}}
	}
	baseSet, err := o.load(ctx, from)
	if err != nil {
		return nil, fmt.Errorf("--against: %w", err)
	}
	in := &planInput{factsFrom: "the ConfigMaps of the folders"}
	var s *snapshot.Snapshot
	var namespace string
	if o.facts.file == "" && o.facts.operator == "" {
		namespace, err = o.namespaceOf(set, baseSet)
	} else {
		s, namespace, err = o.take(ctx, set, baseSet)
	}
	if err != nil {
		return nil, err
	}
	base, baseErr := o.world(ctx, baseSet, namespace)
	head, headErr := o.world(ctx, set, namespace)
	if err := errors.Join(baseErr, headErr); err != nil {
		return nil, err
	}
	baseMaps, headMaps := baseSet.ConfigMaps(namespace), set.ConfigMaps(namespace)
	if s == nil {
		now, err := o.moment()
		if err != nil {
			return nil, err
		}
		base.Location = time.UTC
		base.Sources = snapshot.SourcesOf(base.DataSources, baseMaps, now) //nolint:contextcheck // it reads from memory
		head.Sources = snapshot.SourcesOf(head.DataSources, headMaps, now) //nolint:contextcheck // it reads from memory
		if err := planFill(base, now); err != nil {
			return nil, fmt.Errorf("--against: %w", err)
		}
	} else {
		in.factsFrom = o.origin(s)
		base = planAsApplied(s.World, base)
		head = planReplace(base, head)
		base.Sources = s.Sources(base.DataSources, baseMaps) //nolint:contextcheck // it reads from memory
		head.Sources = s.Sources(head.DataSources, headMaps) //nolint:contextcheck // it reads from memory
	}
	in.Base, in.Head = inUTC(base), inUTC(head)
	return in, nil
}

// origin says where the facts of a snapshot are from.
func (o *planOptions) origin(s *snapshot.Snapshot) string {
	from := "the statuses in the cluster"
	if s.From == snapshot.Operator {
		from = "the operator"
	}
	if o.facts.file == "" {
		return from
	}
	return fmt.Sprintf("a snapshot of %s UTC (%s)", planMoment(&s.Time), from)
}

// planList writes "a, b and c".
func planList(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
