package unittest

import (
	"cmp"
	"maps"
	"slices"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
)

// Coverage is what tests reach of the configuration, over all of them. Its zero value is ready for use.
type Coverage struct {
	objects map[objectKey]*reach
}

// objectKey names an object.
type objectKey struct{ kind, name string }

// reach is what can be reached of an object, in its order, and what was.
type reach struct {
	parts   []Part
	reached map[Part]bool
}

// Part is a part of an object that a test may reach.
type Part struct {
	// Kind of the part: trigger, step, band or rule.
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// Covered is what was reached of an object.
type Covered struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Parts is how many there are; Reached is how many tests have reached.
	Parts   int `json:"parts"`
	Reached int `json:"reached"`
	// Missed are the others, in the order of the object.
	Missed []Part `json:"missed,omitempty"`
}

// The kinds of parts.
const (
	partTrigger = "trigger"
	partStep    = "step"
	partBand    = "band"
	partRule    = "rule"
)

// expect notes what there is to reach.
func (c *Coverage) expect(w *fleet.World) {
	if c == nil {
		return
	}
	for _, pb := range w.Playbooks {
		r := c.of("Playbook", pb.Name)
		for i := range pb.Spec.Triggers {
			r.add(partTrigger, pb.Spec.Triggers[i].Name)
		}
		for i := range pb.Spec.Steps {
			r.add(partStep, string(pb.Spec.Steps[i].Name))
		}
	}
	for _, m := range w.Models {
		r := c.of("HealthScoreModel", m.Name)
		for _, band := range m.Spec.Bands {
			r.add(partBand, string(band.Name))
		}
		for i := range m.Spec.Rules {
			r.add(partRule, m.Spec.Rules[i].Name)
		}
	}
}

// of returns what is known of an object.
func (c *Coverage) of(kind, name string) *reach {
	if c.objects == nil {
		c.objects = map[objectKey]*reach{}
	}
	key := objectKey{kind, name}
	if c.objects[key] == nil {
		c.objects[key] = &reach{reached: map[Part]bool{}}
	}
	return c.objects[key]
}

// add adds a part, once.
func (r *reach) add(kind, name string) {
	if p := (Part{kind, name}); !slices.Contains(r.parts, p) {
		r.parts = append(r.parts, p)
	}
}

// see notes what the customer base has reached.
func (c *Coverage) see(f *fleet.Fleet) {
	if c == nil {
		return
	}
	for _, a := range f.Accounts() {
		h := a.Status.Health
		if h == nil || h.Model == "" {
			continue
		}
		r := c.of("HealthScoreModel", h.Model)
		r.reached[Part{partBand, string(h.Band)}] = true
		for _, rule := range h.RulesApplied {
			r.reached[Part{partRule, rule.Name}] = true
		}
	}
	for _, run := range f.Runs() {
		r := c.of("Playbook", run.Spec.PlaybookRef.Name)
		r.reached[Part{partTrigger, run.Spec.Trigger}] = true
		for _, s := range run.Status.Steps {
			// A task that waits for its time may be canceled before anybody saw it, but it was made.
			if s.Task != "" && s.State != v1alpha1.StepSkipped {
				r.reached[Part{partStep, string(s.Name)}] = true
			}
		}
	}
}

// Report says what was reached of each object, by kind and name.
func (c *Coverage) Report() []Covered {
	var all []Covered
	for _, key := range slices.SortedFunc(maps.Keys(c.objects), compareObjects) {
		r := c.objects[key]
		covered := Covered{Kind: key.kind, Name: key.name, Parts: len(r.parts)}
		for _, part := range r.parts {
			if r.reached[part] {
				covered.Reached++
			} else {
				covered.Missed = append(covered.Missed, part)
			}
		}
		all = append(all, covered)
	}
	return all
}

// compareObjects orders objects by kind, then by name.
func compareObjects(a, b objectKey) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
}
