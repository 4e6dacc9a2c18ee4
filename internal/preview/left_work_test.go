package preview_test

import (
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/preview"
)

// Work that a deleted playbook has left goes on: a source that gives what its doneWhen waits for completes it, also where
// nothing else reads that source any more.
func TestASourceCompletesWorkThatADeletedPlaybookHasLeft(t *testing.T) {
	w := world(t, 3, 1)
	extra := read[v1alpha1.DataSource](t, []byte(`
metadata: {name: extra}
spec:
  maxAge: 5m
  account: {field: id}
  configMap: {name: extra, key: extra.csv, format: CSV}
  metrics: [{name: trained, type: Number}]
`))
	w.DataSources = append(w.DataSources, extra)
	given := w.Sources.(*sources).declaring(w.DataSources)
	for _, a := range w.Accounts {
		a.Spec.LifecycleStage = "Adoption"
		given.set("extra", a.Name, "trained", number(1)) // read ten minutes ago: too old, for now
	}
	w.Sources = given
	left := read[v1alpha1.Playbook](t, []byte(`
metadata: {name: training}
spec:
  triggers: [{name: adopts, lifecycle: {stages: [Adoption]}}]
  steps: [{name: train, title: Train, doneWhen: "metrics.extra.trained > 0"}]
`))
	withPlaybook := *w
	withPlaybook.Playbooks = append(withPlaybook.Playbooks[:len(w.Playbooks):len(w.Playbooks)], left)
	base := evaluated(t, &withPlaybook, today)
	base.Playbooks = w.Playbooks // it was deleted since

	h := head(base)
	h.DataSources = nil
	for _, ds := range base.DataSources {
		if ds.Name == "extra" {
			ds = ds.DeepCopy()
			ds.Spec.MaxAge = "90d"
		}
		h.DataSources = append(h.DataSources, ds)
	}
	h.Sources = given.declaring(h.DataSources)
	completed := 0
	for _, task := range foretell(t, base, h, 0).Tasks {
		if task.Playbook == "training" && task.Action == preview.Completed {
			completed++
		}
	}
	if completed != 3 {
		t.Errorf("%d of 3 tasks are completed; the operator plans every open run again that reads the source", completed)
	}
}
