package preview

import (
	"cmp"
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// configChanges lists the objects of the configuration that the change touches.
func (c *comparison) configChanges() {
	compareKind(c, "AccountSet", c.in.Base.AccountSets, c.configured.AccountSets, func(o *v1alpha1.AccountSet) any { return &o.Spec })
	compareKind(c, "DataSource", c.in.Base.DataSources, c.configured.DataSources, func(o *v1alpha1.DataSource) any { return &o.Spec })
	compareKind(c, "HealthScoreModel", c.in.Base.Models, c.configured.Models, func(o *v1alpha1.HealthScoreModel) any { return &o.Spec })
	compareKind(c, "Notifier", c.in.Base.Notifiers, c.configured.Notifiers, func(o *v1alpha1.Notifier) any { return &o.Spec })
	compareKind(c, "Playbook", c.in.Base.Playbooks, c.configured.Playbooks, func(o *v1alpha1.Playbook) any { return &o.Spec })
	c.renamed()
	slices.SortFunc(c.preview.Config, func(a, b ConfigChange) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
}

// compareKind compares the objects of one kind.
func compareKind[T any, P object[T]](c *comparison, kind string, base, head []P, spec func(P) any) {
	before := make(map[string]P, len(base))
	for _, o := range base {
		before[o.GetName()] = o
	}
	for _, o := range head {
		was, ok := before[o.GetName()]
		delete(before, o.GetName())
		if !ok {
			c.preview.Config = append(c.preview.Config, ConfigChange{Kind: kind, Name: o.GetName(), Action: Created})
			continue
		}
		if was == o {
			continue
		}
		change := ConfigChange{Kind: kind, Name: o.GetName(), Action: Updated}
		change.Fields, change.More = fieldChanges(content(was.GetLabels(), was.GetAnnotations(), spec(was)), content(o.GetLabels(), o.GetAnnotations(), spec(o)), maxFields)
		if len(change.Fields) > 0 {
			c.preview.Config = append(c.preview.Config, change)
		}
	}
	for name := range before {
		c.preview.Config = append(c.preview.Config, ConfigChange{Kind: kind, Name: name, Action: Deleted})
	}
}

// facts says how old what is known of the sources is.
func (c *comparison) facts() {
	for _, ds := range c.configured.DataSources {
		facts := Facts{Source: ds.Name}
		if c.configured.Sources != nil {
			if read := c.configured.Sources.ReadTime(ds.Name); !read.IsZero() {
				facts.ReadTime = &read
				facts.Age = age(c.now.Sub(read))
			}
		}
		c.preview.Facts = append(c.preview.Facts, facts)
	}
}

// age writes for how long something has been so: its largest unit, and the next one while it is short.
func age(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		d = d.Truncate(time.Second)
	case d < value.Day:
		d = d.Truncate(time.Minute)
	default:
		d = d.Truncate(time.Hour)
	}
	return string(value.FormatDuration(d))
}
