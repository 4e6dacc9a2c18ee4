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
	gone, head := map[string]*v1alpha1.Playbook{}, map[string]*v1alpha1.Playbook{}
	for _, pb := range c.in.Base.Playbooks {
		gone[pb.Name] = pb
	}
	for _, pb := range c.configured.Playbooks {
		head[pb.Name] = pb
		delete(gone, pb.Name)
	}
	var created []*ConfigChange
	for i := range c.preview.Config {
		change := &c.preview.Config[i]
		if change.Kind != "Playbook" || change.Action != Created {
			continue
		}
		pb := head[change.Name]
		n := slices.IndexFunc(pb.Spec.PreviousNames, func(name string) bool { return gone[name] != nil && c.head.NowCalled(name) == pb.Name })
		if n < 0 {
			created = append(created, change)
			continue
		}
		was := gone[pb.Spec.PreviousNames[n]]
		delete(gone, was.Name)
		fields, more := fieldChanges(content(was.Labels, was.Annotations, &was.Spec), content(pb.Labels, pb.Annotations, &pb.Spec), maxFields-1)
		change.Action, change.More = Updated, more
		change.Fields = append([]FieldChange{{Path: "metadata.name", Before: was.Name, After: pb.Name}}, fields...)
	}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		n := slices.IndexFunc(created, func(change *ConfigChange) bool {
			return change.Hint == "" && doesTheSame(gone[name], head[change.Name])
		})
		if n >= 0 {
			created[n].Hint = fmt.Sprintf("it does what %s does, which goes: if it is the same under another name, write previousNames: [%s], "+
				"or its work is made again and the old work is left to people", name, name)
		}
	}
	c.preview.Config = slices.DeleteFunc(c.preview.Config, func(change ConfigChange) bool {
		return change.Kind == "Playbook" && change.Action == Deleted && gone[change.Name] == nil
	})
}

// doesTheSame reports whether two playbooks look like one under two names.
func doesTheSame(a, b *v1alpha1.Playbook) bool {
	return equality.Semantic.DeepEqual(a.Spec.Triggers, b.Spec.Triggers) || equality.Semantic.DeepEqual(a.Spec.Steps, b.Spec.Steps)
}
