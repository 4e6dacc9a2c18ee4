package preview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/accountset"
	"github.com/perennial-dev/perennial/internal/fleet"
)

// affectedSources names the sources whose rows sets make other accounts of than before: a set that reads it, or the source
// itself, is not what it was. Whatever the other sets do, they do without the change, too.
func (c *comparison) affectedSources() map[string]bool {
	affected := map[string]bool{}
	sets := map[string]*v1alpha1.AccountSet{}
	for _, set := range c.in.Base.AccountSets {
		sets[set.Name] = set
	}
	for _, set := range c.configured.AccountSets {
		was := sets[set.Name]
		delete(sets, set.Name)
		if was == set || was != nil && equality.Semantic.DeepEqual(was.Spec, set.Spec) &&
			was.Annotations[v1alpha1.AnnotationApprove] == set.Annotations[v1alpha1.AnnotationApprove] {
			continue
		}
		affected[set.Spec.SourceRef.Name] = true
		if was != nil {
			affected[was.Spec.SourceRef.Name] = true
		}
	}
	for _, set := range sets {
		affected[set.Spec.SourceRef.Name] = true
	}
	sources := map[string]*v1alpha1.DataSource{}
	for _, ds := range c.in.Base.DataSources {
		sources[ds.Name] = ds
	}
	for _, ds := range c.configured.DataSources {
		was := sources[ds.Name]
		delete(sources, ds.Name)
		if was == nil || c.in.Head.Reread[ds.Name] || was != ds && !equality.Semantic.DeepEqual(was.Spec, ds.Spec) {
			affected[ds.Name] = true
		}
	}
	for name := range sources {
		affected[name] = true
	}
	return affected
}

// settingsOf is what a set brings to a plan.
type settings struct {
	set      *v1alpha1.AccountSet
	template *accountset.Template
	rows     []accountset.SourceRow
}

// taken is told of what a set does: of each account before and after, and of what its guard holds.
type taken func(set *v1alpha1.AccountSet, before, after *v1alpha1.Account, pending *v1alpha1.PendingChange)

// maxPasses is how often sets look at the accounts again: one takes up what another leaves.
const maxPasses = 3

// sets has those sets of a world that read some sources do now what they would do, and tells of it.
func (c *comparison) sets(w *fleet.World, f *fleet.Fleet, sources map[string]bool, tell taken) error {
	if len(sources) == 0 {
		return nil
	}
	if tell != nil {
		c.deletedSets(f)
	}
	names := make([]string, 0, len(w.AccountSets))
	for _, set := range w.AccountSets {
		names = append(names, set.Name)
	}
	status := map[string]*v1alpha1.AccountSet{}
	for range maxPasses {
		again := false
		for _, set := range w.AccountSets {
			if !sources[set.Spec.SourceRef.Name] {
				continue
			}
			if status[set.Name] == nil {
				copied := *set
				if was := c.baseSets[set.Name]; tell != nil && was != nil {
					copied.Status = was.Status
				}
				status[set.Name] = &copied
			}
			changed, err := c.runSet(w, f, status[set.Name], names, tell)
			if err != nil {
				return err
			}
			again = again || changed
		}
		if !again {
			break
		}
	}
	if tell == nil {
		c.baseSets = status
	}
	return nil
}

// deletedSets deletes the accounts of the sets that the change deletes, where their policy says so.
func (c *comparison) deletedSets(f *fleet.Fleet) {
	for _, set := range c.in.Base.AccountSets {
		still := slices.ContainsFunc(c.configured.AccountSets, func(o *v1alpha1.AccountSet) bool { return o.Name == set.Name })
		if still || set.Spec.DeletionPolicy != v1alpha1.SetDelete {
			continue
		}
		for _, a := range f.Accounts() {
			if a.Labels[v1alpha1.LabelAccountSet] == set.Name && a.Annotations[v1alpha1.AnnotationSourceKey] != "" {
				f.DeleteAccount(a.Name)
				c.note(c.base.Account(a.Name), nil, set.Name)
			}
		}
	}
}

// runSet has one set do what it would do now. It reports whether anything changed.
func (c *comparison) runSet(w *fleet.World, f *fleet.Fleet, set *v1alpha1.AccountSet, names []string, tell taken) (changed bool, err error) {
	s, why := prepare(w, set)
	if why != "" {
		if tell != nil {
			c.problem("AccountSet", set.Name, "%s; what it would do is not foretold", why)
		}
		return false, nil
	}
	if s == nil {
		return false, nil
	}
	accounts := f.Accounts()
	in := accountset.Input{Set: set, Rows: s.rows, Sets: names, Accounts: make([]v1alpha1.Account, len(accounts)), Now: c.now, Location: w.Location}
	for i, a := range accounts {
		in.Accounts[i] = *a
	}
	plan := s.template.Plan(in)
	if tell != nil {
		c.rejected(set, plan)
		tell(set, nil, nil, plan.Pending)
	}
	created, counted, deleted := 0, int32(0), 0
	for i := range plan.Changes {
		change := &plan.Changes[i]
		before := f.Account(change.Name)
		after, err := change.Apply(cmp.Or(w.Namespace, set.Namespace), before, c.now)
		if err != nil {
			return false, fmt.Errorf("AccountSet %s: %w", set.Name, err)
		}
		if after == nil {
			f.DeleteAccount(change.Name)
			deleted++
		} else {
			f.UseAccount(after)
		}
		if before == nil {
			created++
		}
		if change.Counted {
			counted++
		}
		if tell != nil {
			tell(set, before, after, nil)
		}
	}
	remember(set, plan, created-deleted, counted, metav1.NewTime(c.now))
	return len(plan.Changes) > 0, nil
}

// remember notes in a set's status what its guard has to know the next time.
func remember(set *v1alpha1.AccountSet, plan *accountset.Plan, more int, counted int32, now metav1.Time) {
	s := &set.Status
	s.Accounts = int32(plan.Accounts + more)
	s.Filled = s.Filled || s.Accounts > 0
	s.Pending = plan.Pending
	switch {
	case counted == 0:
	case s.Window == nil || !accountset.InWindow(s.Window, now.Time):
		s.Window = &v1alpha1.ChangeWindow{StartTime: now, Changes: counted}
	default:
		s.Window = &v1alpha1.ChangeWindow{StartTime: s.Window.StartTime, Changes: s.Window.Changes + counted}
	}
}

// prepare returns what a set brings to a plan; nil where it is suspended. The reason says why nothing can be said of it.
func prepare(w *fleet.World, set *v1alpha1.AccountSet) (s *settings, why string) {
	switch {
	case len(set.Name) > validation.LabelValueMaxLength:
		return nil, fmt.Sprintf("would be Stalled: metadata.name: longer than %d characters", validation.LabelValueMaxLength)
	case set.Spec.Suspend:
		return nil, ""
	}
	template, err := accountset.Compile(set.Spec.Template)
	if err != nil {
		return nil, "would be Stalled: " + err.Error()
	}
	name := set.Spec.SourceRef.Name
	i := slices.IndexFunc(w.DataSources, func(ds *v1alpha1.DataSource) bool { return ds.Name == name })
	if i < 0 {
		return nil, fmt.Sprintf("spec.sourceRef: there is no DataSource %s", name)
	}
	source := w.DataSources[i]
	for _, column := range template.Columns() {
		isMetric := slices.ContainsFunc(source.Spec.Metrics, func(m v1alpha1.Metric) bool { return m.Name == column })
		if !isMetric && column != source.Spec.Account.Field {
			return nil, fmt.Sprintf("spec.template reads row.%s, which DataSource %s does not have", column, name)
		}
	}
	if w.Sources == nil {
		return nil, fmt.Sprintf("nothing is known of DataSource %s yet", name)
	}
	rows, complete := w.Sources.Rows(name)
	if !complete {
		return nil, fmt.Sprintf("nothing is known of DataSource %s yet, or not all", name)
	}
	return &settings{set, template, rows}, ""
}

// rejected notes the rows of which a set of the head can make no account, where it could before.
func (c *comparison) rejected(set *v1alpha1.AccountSet, plan *accountset.Plan) {
	before := 0
	if was := c.baseSets[set.Name]; was != nil {
		before = int(was.Status.RejectedRows)
	}
	if n := len(plan.Rejected); n > before {
		var examples []string
		for _, row := range plan.Rejected[:min(n, 3)] {
			examples = append(examples, row.Key+": "+row.Reason)
		}
		c.problem("AccountSet", set.Name, "%d rows would be rejected: %s", n, strings.Join(examples, "; "))
	}
}

// takeSetChange notes what a set of the head does.
func (c *comparison) takeSetChange(set *v1alpha1.AccountSet, before, after *v1alpha1.Account, pending *v1alpha1.PendingChange) {
	if before != nil || after != nil {
		c.note(before, after, set.Name)
		return
	}
	c.preview.Stopped = slices.DeleteFunc(c.preview.Stopped, func(s Stopped) bool { return s.Set == set.Name })
	if pending == nil {
		return
	}
	if was := c.baseSets[set.Name]; was != nil && was.Status.Pending != nil && was.Status.Pending.ID == pending.ID {
		return // It waits without the change, too.
	}
	c.preview.Stopped = append(c.preview.Stopped, Stopped{Set: set.Name, Creates: int(pending.Creates), Prunes: int(pending.Prunes), Sample: pending.Sample})
}
