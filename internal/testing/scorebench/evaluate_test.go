//go:build unix

package scorebench

import (
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/score"
)

// batch is the number of accounts that one round scores: enough that their facts do not stay in the fastest caches, few
// enough that all ways of scoring are measured side by side, within a tenth of a second.
const batch = 1000

// BenchmarkEvaluate scores accounts and prints what one takes, in time of a processor and with all that the garbage
// collector does. Each round scores the same accounts by hand too: plain is a loop over structs that yields numbers alone,
// explained one that also writes the Health that Evaluate writes. With expressions, four of the twelve values and two of
// the scales are CEL, and Go by hand.
func BenchmarkEvaluate(b *testing.B) {
	for _, model := range []struct {
		name        string
		expressions bool
	}{{"values", false}, {"expressions", true}} {
		b.Run(model.name, func(b *testing.B) {
			m, fleet := compiled(b, model.expressions), Fleet(batch)
			inputs := Inputs(m, fleet)
			checkPlain(b, m, model.expressions, fleet, inputs)
			b.Run("a third of the values moved", func(b *testing.B) { compare(b, m, model.expressions, fleet, inputs) })
			settled := slices.Clone(inputs)
			for i := range settled {
				settled[i].Previous = m.Evaluate(settled[i]).Health
			}
			b.Run("nothing moved", func(b *testing.B) { compare(b, m, model.expressions, fleet, settled) })
			unseen := slices.Clone(inputs)
			for i := range unseen {
				unseen[i].Previous = nil
			}
			b.Run("never scored before", func(b *testing.B) { compare(b, m, model.expressions, fleet, unseen) })
		})
	}
}

// compare measures the three ways side by side.
func compare(b *testing.B, m *score.Model, expressions bool, fleet []Account, inputs []score.Input) {
	memories := make([]Memory, batch)
	for i := range inputs {
		memories[i] = MemoryOf(inputs[i].Previous)
	}
	outcomes := make([]Outcome, batch)
	healths := make([]*v1alpha1.Health, batch)
	byHand := plain(expressions)
	var evaluate, plain, explained time.Duration
	for b.Loop() {
		before := processorTime(b)
		for range 5 {
			for i := range inputs {
				healths[i] = m.Evaluate(inputs[i]).Health
			}
		}
		evaluate += processorTime(b) - before
		b.StopTimer()
		before = processorTime(b)
		for range 5 {
			for i := range fleet {
				healths[i] = Explained(m, expressions, &fleet[i].Now, memories[i], inputs[i].Previous, inputs[i].Now)
			}
		}
		explained += processorTime(b) - before
		runtime.GC() // of what the others leave; plain leaves nothing
		before = processorTime(b)
		for range 5 {
			for i := range fleet {
				byHand(&fleet[i].Now, memories[i], inputs[i].Now.Unix(), &outcomes[i])
			}
		}
		plain += processorTime(b) - before
		b.StartTimer()
	}
	accounts := float64(b.N) * 5 * batch
	b.ReportMetric(0, "ns/op") // of five batches; the other numbers say it for one account
	b.ReportMetric(accounts/evaluate.Seconds(), "accounts/s/core")
	b.ReportMetric(float64(evaluate)/accounts, "ns/account")
	b.ReportMetric(float64(plain)/accounts, "ns/plain")
	b.ReportMetric(float64(explained)/accounts, "ns/explained")
	b.ReportMetric(float64(evaluate)/float64(plain), "x-plain")
	b.ReportMetric(float64(evaluate)/float64(explained), "x-explained")
	reportAllocations(b, func() {
		for i := range inputs {
			healths[i] = m.Evaluate(inputs[i]).Health
		}
	})
}

// reportAllocations prints what one account of a batch allocates.
func reportAllocations(b *testing.B, scoreBatch func()) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	scoreBatch()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/batch, "allocs/account")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/batch, "B/account")
}

// processorTime returns the time that all processors together spent on this process.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
