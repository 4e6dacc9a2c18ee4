package preview_test

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/preview"
)

// benchAccounts is the customer base that a preview has to be quick for.
const benchAccounts = 10_000

// BenchmarkPreview foretells a change of every threshold over a large customer base, and compares that with evaluating each
// account once, which a preview cannot do without.
func BenchmarkPreview(b *testing.B) {
	w := evaluated(b, world(b, benchAccounts, 1), today)
	moment := today.Add(time.Minute)
	for _, change := range []struct {
		name string
		head *fleet.World
	}{{"one playbook", onePlaybook(w)}, {"all models", allModels(w)}} {
		b.Run(change.name, func(b *testing.B) {
			once := measure(func() {
				f, _ := fleet.Load(w, moment)
				if err := f.Step(moment); err != nil {
					b.Fatal(err)
				}
			})
			debug.FreeOSMemory()
			b.ReportAllocs()
			b.ResetTimer()
			peak := uint64(0)
			for range b.N {
				if _, err := preview.Run(preview.Input{Base: w, Head: change.head, Now: moment}); err != nil {
					b.Fatal(err)
				}
				var memory runtime.MemStats
				runtime.ReadMemStats(&memory)
				peak = max(peak, memory.HeapSys-memory.HeapReleased)
			}
			took := b.Elapsed() / time.Duration(b.N)
			b.ReportMetric(benchAccounts/took.Seconds(), "accounts/s")
			b.ReportMetric(float64(took)/float64(once), "x-evaluating-once")
			b.ReportMetric(float64(peak)/(1<<20), "heap-MiB")
		})
	}
}

// measure is the shortest of a few times that something takes.
func measure(do func()) time.Duration {
	shortest := time.Duration(1<<63 - 1)
	for range 3 {
		began := time.Now() //nolint:forbidigo // a benchmark measures
		do()
		shortest = min(shortest, time.Since(began)) //nolint:forbidigo // a benchmark measures
	}
	return shortest
}

// allModels is a change of the threshold of every model.
func allModels(w *fleet.World) *fleet.World {
	h := head(w)
	h.Models = nil
	for _, m := range w.Models {
		m = m.DeepCopy()
		for i := range m.Spec.Bands {
			if m.Spec.Bands[i].Name == "AtRisk" {
				m.Spec.Bands[i].Min = 55
			}
		}
		h.Models = append(h.Models, m)
	}
	return h
}

// onePlaybook is a change of one playbook.
func onePlaybook(w *fleet.World) *fleet.World {
	h := head(w)
	h.Playbooks = nil
	for _, pb := range w.Playbooks {
		if pb.Name == "rescue" {
			pb = pb.DeepCopy()
			pb.Spec.Triggers = append(pb.Spec.Triggers, v1alpha1.Trigger{Name: "low", Score: &v1alpha1.ScoreTrigger{AtMost: new(int32(45))}})
		}
		h.Playbooks = append(h.Playbooks, pb)
	}
	return h
}
