package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
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
	head, missing := planOverlay(s.World, files, o.prune, len(o.kustomize) > 0)
	in := &planInput{factsFrom: o.origin(s)}
	if !o.prune {
		in.notInFiles = missing
	}
	rows := set.ConfigMaps(namespace)
	if s.From == snapshot.Statuses {
		if err := o.rowsOfCluster(ctx, s, head, rows, in); err != nil {
			return nil, err
		}
	} else {
		head.Sources = s.Sources(head.DataSources, rows) //nolint:contextcheck // it reads from memory
		head.Reread = planReread(head.DataSources, nil, rows)
	}
	in.follow(s.World, head)
	return in, nil
}

// follow takes up the two worlds, of which the second one's sources are read after the first one's.
func (in *planInput) follow(base, head *fleet.World) {
	refused := snapshot.After(head.Sources, base.Sources)()
	if len(refused) > 0 {
		in.warnings = append(in.warnings, fmt.Sprintf("far fewer rows than before in %s: the operator would refuse them (spec.maxRowDropPercent) until somebody approves, and the last ones stand", planList(refused)))
	}
	in.Base, in.Head = inUTC(base), inUTC(head)
}

// rowsOfCluster has both worlds read the rows that lie in ConfigMaps: those of the cluster, and in their place those of the
// files. Rows of files whose counterpart in the cluster nobody can see are left alone: everything in them would seem new.
func (o *planOptions) rowsOfCluster(ctx context.Context, s *snapshot.Snapshot, head *fleet.World, files map[string]map[string]string, in *planInput) error {
	there, unseen := map[string]map[string]string{}, []string{}
	for _, ds := range s.World.DataSources {
		if ds.Spec.ConfigMap == nil {
			continue
		}
		name := ds.Spec.ConfigMap.Name
		data, seen, err := o.configMap(ctx, s.World.Namespace, name)
		if err != nil {
			return err
		}
		if _, ours := files[name]; ours && !seen {
			unseen = append(unseen, ds.Name)
			delete(files, name)
		}
		if data != nil {
			there[name] = data
		}
	}
	if len(unseen) > 0 {
		in.warnings = append(in.warnings, fmt.Sprintf("the rows that the files have for %s are not looked at: those in the cluster cannot be seen from here, and everything would seem new; take a snapshot with --operator", planList(unseen)))
	}
	then := maps.Clone(there)
	maps.Copy(then, files)
	s.World.Sources = s.Sources(s.World.DataSources, there) //nolint:contextcheck // it reads from memory
	head.Sources = s.Sources(head.DataSources, then)        //nolint:contextcheck // it reads from memory
	head.Reread = planReread(head.DataSources, there, then)
	return nil
}

// configMap returns what is in a ConfigMap of the cluster; nil where it is not there. It is not seen where there is no cluster
// to ask, or where it does not tell.
func (o *planOptions) configMap(ctx context.Context, namespace, name string) (data map[string]string, seen bool, err error) {
	if o.facts.file != "" {
		return nil, false, nil
	}
	c, err := o.client()
	if err != nil {
		return nil, false, err
	}
	var object corev1.ConfigMap
	switch err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &object); {
	case apierrors.IsNotFound(err):
		return nil, true, nil
	case apierrors.IsForbidden(err):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("read the ConfigMap %s of the cluster: %w", name, err)
	}
	data = map[string]string{}
	maps.Copy(data, object.Data)
	for key, bytes := range object.BinaryData {
		data[key] = string(bytes)
	}
	return data, true, nil
}

// planReread names the sources whose rows lie in another text than before.
func planReread(declared []*v1alpha1.DataSource, before, after map[string]map[string]string) map[string]bool {
	reread := map[string]bool{}
	for _, ds := range declared {
		if from := ds.Spec.ConfigMap; from != nil {
			was, held := before[from.Name][from.Key]
			is, given := after[from.Name][from.Key]
			reread[ds.Name] = held != given || was != is
		}
	}
	return reread
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
	head.Reread = planReread(head.DataSources, baseMaps, headMaps)
	in.follow(base, head)
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
