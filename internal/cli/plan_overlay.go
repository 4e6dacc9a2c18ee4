package cli

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
)

// planOverlay lays files over a world: an object of the same kind and name takes the place of the one that is there. What of
// that one stays, its status and what others wrote, is the preview's to say. missing is what there is of the kinds that the
// files hold and what the files lack; with prune it is deleted, and where the files are complete all there is of any kind.
func planOverlay(base, files *fleet.World, prune, complete bool) (head *fleet.World, missing []string) {
	o := &planLayers{prune: prune, complete: complete && prune}
	return o.lay(base, files), o.missing
}

// planReplace has the configuration of files take the place of a world's, all of it. Accounts that a set made, and the work
// on them, stay.
func planReplace(base, files *fleet.World) *fleet.World {
	return (&planLayers{prune: true, complete: true}).lay(base, files)
}

// planAsApplied is planReplace of a configuration that has been in force for a while: its objects are who they are, with
// their statuses.
func planAsApplied(base, files *fleet.World) *fleet.World {
	return (&planLayers{prune: true, complete: true, applied: true}).lay(base, files)
}

// planLayers lay files over a world.
type planLayers struct {
	// prune deletes what the files lack, and complete does so too of kinds of which they have none.
	prune, complete bool
	// applied gives the objects of the files the identity and the status of those in whose place they come.
	applied bool
	missing []string
}

// lay lays files over a world.
func (o *planLayers) lay(base, files *fleet.World) *fleet.World {
	head := *base
	head.Accounts = planLay(o, "Account", base.Accounts, files.Accounts, func(to, from *v1alpha1.Account) { to.Spec = from.Spec })
	head.AccountSets = planLay(o, "AccountSet", base.AccountSets, files.AccountSets, func(to, from *v1alpha1.AccountSet) { to.Spec = from.Spec })
	head.DataSources = planLay(o, "DataSource", base.DataSources, files.DataSources, func(to, from *v1alpha1.DataSource) { to.Spec = from.Spec })
	head.Models = planLay(o, "HealthScoreModel", base.Models, files.Models, func(to, from *v1alpha1.HealthScoreModel) { to.Spec = from.Spec })
	head.Playbooks = planLay(o, "Playbook", base.Playbooks, files.Playbooks, func(to, from *v1alpha1.Playbook) { to.Spec = from.Spec })
	head.Notifiers = planLay(o, "Notifier", base.Notifiers, files.Notifiers, func(to, from *v1alpha1.Notifier) { to.Spec = from.Spec })
	return &head
}

// planObject is a pointer to an object of a kind.
type planObject[T any] interface {
	*T
	client.Object
	DeepCopy() *T
}

// planLay lays the files of one kind over what there is of it.
func planLay[T any, P planObject[T]](o *planLayers, kind string, base, files []P, spec func(to, from P)) []P {
	byName := map[string]P{}
	for _, file := range files {
		byName[file.GetName()] = file
	}
	var head []P
	for _, was := range base {
		file, ok := byName[was.GetName()]
		delete(byName, was.GetName())
		switch {
		case ok && o.applied:
			head = append(head, planApplied(was, file, spec))
		case ok:
			head = append(head, file)
		case planMade(was) || len(files) == 0 && !o.complete:
			head = append(head, was)
		default:
			o.missing = append(o.missing, kind+"/"+was.GetName())
			if !o.prune {
				head = append(head, was)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		head = append(head, byName[name])
	}
	return head
}

// planMade reports whether the operator made an object: no file has it.
func planMade(o client.Object) bool { return o.GetLabels()[v1alpha1.LabelAccountSet] != "" }

// planApplied is an object after its file was applied.
func planApplied[T any, P planObject[T]](was, file P, spec func(to, from P)) P {
	var is P = was.DeepCopy()
	spec(is, file.DeepCopy())
	if !equality.Semantic.DeepEqual(was, is) {
		is.SetGeneration(is.GetGeneration() + 1)
	}
	is.SetLabels(planUnion(was.GetLabels(), file.GetLabels()))
	is.SetAnnotations(planUnion(was.GetAnnotations(), file.GetAnnotations()))
	return is
}

// planUnion is what there was with what a file says.
func planUnion(was, file map[string]string) map[string]string {
	if len(file) == 0 {
		return was
	}
	all := maps.Clone(was)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, file)
	return all
}
