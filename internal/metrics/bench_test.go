//go:build unix

package metrics

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// byKind is a cache whose objects are sorted by kind already, as those of informers are.
type byKind map[string][]runtime.Object

func (b byKind) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	return meta.SetList(list, b[fmt.Sprintf("%T", list)])
}

func (b byKind) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return nil
}

// large is a fleet of so many accounts with twelve measures each, and the work on every fifth.
func large(accounts int) byKind {
	bands := []v1alpha1.BandName{"Healthy", "AtRisk", "Critical", v1alpha1.BandUnknown}
	states := []v1alpha1.ValueState{fresh, fresh, fresh, fresh, fresh, stale, missing, errored, fresh, fresh, fresh, fresh}
	b := byKind{"*v1alpha1.HealthScoreModelList": {model("enterprise"), model("standard")}}
	for i := range accounts {
		a := scored(fmt.Sprintf("account-%05d", i), []string{"enterprise", "standard"}[i%2], bands[i%4], int32(i%101), int32(i%101), int64(i), states...)
		b["*v1alpha1.AccountList"] = append(b["*v1alpha1.AccountList"], a)
		if i%5 != 0 {
			continue
		}
		run := &v1alpha1.PlaybookRun{ObjectMeta: a.ObjectMeta, Status: v1alpha1.PlaybookRunStatus{State: v1alpha1.RunActive}}
		b["*v1alpha1.PlaybookRunList"] = append(b["*v1alpha1.PlaybookRunList"], run)
		for range 3 {
			task := &v1alpha1.Task{ObjectMeta: a.ObjectMeta, Status: v1alpha1.TaskStatus{State: v1alpha1.TaskOpen, Conditions: []metav1.Condition{ready()}}}
			b["*v1alpha1.TaskList"] = append(b["*v1alpha1.TaskList"], task)
		}
	}
	return b
}

// counter counts what is written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// processorTime is what this process has used: on a machine with other work it says more than the time that passes.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkScrape is what one scrape of 10,000 accounts, 2,000 runs and 6,000 tasks costs, up to the text that is sent.
func BenchmarkScrape(b *testing.B) {
	objects := large(10_000)
	for _, names := range []bool{false, true} {
		b.Run(fmt.Sprintf("objectNames=%t", names), func(b *testing.B) {
			registry := prometheus.NewRegistry()
			registry.MustRegister(NewActivity([]string{"sql"}), fleet(nil, func(o *Options) { o.Reader, o.ObjectNames = objects, names }))
			b.ReportAllocs()
			before := processorTime(b)
			series, text := 0, counter(0)
			for b.Loop() {
				families, err := registry.Gather()
				if err != nil {
					b.Fatal(err)
				}
				series, text = 0, 0
				for _, family := range families {
					series += len(family.GetMetric())
					if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(series), "series")
			b.ReportMetric(float64(text), "bytes/scrape")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/scrape")
			b.ReportMetric(float64((processorTime(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/scrape")
		})
	}
}
