package snapshot_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/snapshot"
)

// large is a customer base of so many accounts with statuses of 20 measures, and four sources of a row each.
func large(t testing.TB, accounts int) []byte {
	b := newBase(&testing.T{})
	b.world.Accounts, b.world.DataSources = nil, nil
	at := metav1.NewTime(readTime)
	for i := range accounts {
		a := newAccount(fmt.Sprintf("account-%05d", i))
		a.UID, a.Labels = "0b7d7a3e-3f4f-4e57-9a57-0d3c2f0a6f11", map[string]string{"industry": "fintech", "perennial.dev/accountset": "customers"}
		a.Spec.DisplayName, a.Spec.Owner = fmt.Sprintf("Account %d Corp", i), fmt.Sprintf("csm-%d@example.com", i%40)
		a.Spec.ExternalIDs = map[string]v1alpha1.ExternalIDList{"crm": {v1alpha1.ExternalID(fmt.Sprintf("0015g%08d", i))}}
		score := int32(i % 101)
		h := &v1alpha1.Health{Score: &score, Band: "Healthy", BandSince: &at, Coverage: 100, Model: "standard", ModelGeneration: 3, ModelSince: &at, Trend: v1alpha1.TrendStable}
		for m := range 20 {
			h.Measures = append(h.Measures, v1alpha1.MeasureScore{
				Name: fmt.Sprintf("measure-%d", m), Dimension: "adoption", From: fmt.Sprintf("source-%d.metric_%d", m%4, m/4), Value: fmt.Sprint(i % (m + 7)),
				Score: &score, Points: "4.2", State: v1alpha1.ValueFresh, ObservedTime: &at,
			})
		}
		for d := range 30 {
			h.History = append(h.History, fmt.Sprintf("2026-10-%02d %d Healthy standard/3", d+1, i%101))
		}
		a.Status.Health = h
		b.world.Accounts = append(b.world.Accounts, a)
	}
	for s := range 4 {
		ds := newSource(fmt.Sprintf("source-%d", s))
		table := &observe.Table{Columns: []string{"org"}}
		ds.Spec.Metrics = nil
		for m := range 5 {
			name := fmt.Sprintf("metric_%d", m)
			ds.Spec.Metrics = append(ds.Spec.Metrics, v1alpha1.Metric{Name: name, Type: v1alpha1.MetricNumber})
			table.Columns = append(table.Columns, name)
		}
		for i := range accounts {
			row := []observe.Cell{{Text: fmt.Sprintf("account-%05d", i)}}
			for m := range 5 {
				row = append(row, observe.Cell{Text: fmt.Sprintf("%d.%d", i%97, m)})
			}
			table.Rows = append(table.Rows, row)
		}
		read, err := observe.Ingest(ds, table, readTime)
		if err != nil {
			t.Fatal(err)
		}
		key := b.key()
		key.Name = ds.Name
		b.store.Accept(key, ds, read)
		b.world.DataSources = append(b.world.DataSources, ds)
	}
	return b.file()
}

func BenchmarkRead(b *testing.B) {
	text := large(b, 10_000)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d bytes, compressed %d", len(text), packed.Len())
	for name, file := range map[string][]byte{"plain": text, "compressed": packed.Bytes()} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := snapshot.Read(bytes.NewReader(file)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSources joins what was held to its declarations, and asks for all of it once.
func BenchmarkSources(b *testing.B) {
	text := large(b, 10_000)
	s, err := snapshot.Read(bytes.NewReader(text))
	if err != nil {
		b.Fatal(err)
	}
	var reads []v1alpha1.MetricReference
	changed := make([]*v1alpha1.DataSource, 0, 4)
	for _, ds := range s.World.DataSources {
		ds = ds.DeepCopy()
		ds.Spec.MaxAge = "30d"
		changed = append(changed, ds)
		for _, m := range ds.Spec.Metrics {
			reads = append(reads, v1alpha1.MetricReference{Source: ds.Name, Metric: m.Name})
		}
	}
	b.Run("join", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Sources(changed, nil).ReadTime("source-0")
		}
	})
	b.Run("ask", func(b *testing.B) {
		b.ReportAllocs()
		sources := s.Sources(changed, nil)
		for b.Loop() {
			for _, a := range s.World.Accounts {
				sources.Facts(a, reads)
			}
		}
	})
}
