package preview

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// renamed shows a playbook that goes and comes under another name as one. Where the new one does not say so, and does the
// same, it says what comes of that.
func (c *comparison) renamed() {
	gone := map[string]*v1alpha1.Playbook{}
	for _, pb := range c.in.Base.Playbooks {
		gone[pb.Name] = pb
	}
	for _, pb := range c.configured.Playbooks {
		delete(gone, pb.Name)
	}
	for i := range c.preview.Config {
		change := &c.preview.Config[i]
		if change.Kind != "Playbook" || change.Action != Created {
			continue
		}
		n := slices.IndexFunc(c.configured.Playbooks, func(pb *v1alpha1.Playbook) bool { return pb.Name == change.Name })
		pb := c.configured.Playbooks[n]
		for _, previous := range pb.Spec.PreviousNames {
			if was := gone[previous]; was != nil && c.head.NowCalled(previous) == pb.Name {
				change.Action = Updated
				fields, more := fieldChanges(content(was.Labels, was.Annotations, &was.Spec), content(pb.Labels, pb.Annotations, &pb.Spec), maxFields-1)
				change.Fields, change.More = append([]FieldChange{{Path: "metadata.name", Before: previous, After: pb.Name}}, fields...), more
				delete(gone, previous)
				break
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		c.hintAtRename(gone[name])
	}
	c.preview.Config = slices.DeleteFunc(c.preview.Config, func(change ConfigChange) bool {
		return change.Kind == "Playbook" && change.Action == Deleted && gone[change.Name] == nil
	})
}

// hintAtRename says of a new playbook that does what one does which goes, that the two are not the same to the operator.
func (c *comparison) hintAtRename(was *v1alpha1.Playbook) {
	for i := range c.preview.Config {
		change := &c.preview.Config[i]
		if change.Kind != "Playbook" || change.Action != Created || change.Hint != "" {
			continue
		}
		n := slices.IndexFunc(c.configured.Playbooks, func(pb *v1alpha1.Playbook) bool { return pb.Name == change.Name })
		pb := c.configured.Playbooks[n]
		if equality.Semantic.DeepEqual(was.Spec.Triggers, pb.Spec.Triggers) || equality.Semantic.DeepEqual(was.Spec.Steps, pb.Spec.Steps) {
			change.Hint = fmt.Sprintf("it does what %s does, which goes: if it is the same under another name, write previousNames: [%s], "+
				"or its work is made again and the old work is left to people", was.Name, was.Name)
			return
		}
	}
}
