package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// maxLabels is the largest number of labels that a gauge has.
const maxLabels = 3

// gauge is a metric whose value is what there is at a scrape.
type gauge struct {
	*prometheus.Desc
	labels int
}

func newGauge(name, help string, labels ...string) *gauge {
	return &gauge{prometheus.NewDesc(name, help, labels, nil), len(labels)}
}

// series is one gauge with values of its labels.
type series struct {
	*gauge
	labels [maxLabels]string
}

// sheet adds up the values of gauges. Only what was added to, be it nothing, has a series.
type sheet map[series]float64

func (s sheet) add(g *gauge, n float64, labels ...string) {
	key := series{gauge: g}
	copy(key.labels[:], labels)
	s[key] += n
}

// collect gives the values to Prometheus.
func (s sheet) collect(out chan<- prometheus.Metric) {
	for key, value := range s {
		out <- prometheus.MustNewConstMetric(key.Desc, prometheus.GaugeValue, value, key.labels[:key.gauge.labels]...)
	}
}

// tenths is a distribution over ten buckets of the same width, of whole numbers from 0 to 100.
type tenths struct {
	// upTo counts the values that are at most 10, 20 and so on.
	upTo  [10]uint64
	count uint64
	sum   int64
}

func (t *tenths) observe(percent int32) {
	for i := range t.upTo {
		if int(percent) <= 10*(i+1) {
			t.upTo[i]++
		}
	}
	t.count++
	t.sum += int64(percent)
}

// collect gives the distribution to Prometheus. The values are divided by a number: 100 makes ratios of them.
func (t *tenths) collect(out chan<- prometheus.Metric, desc *prometheus.Desc, divisor float64, labels ...string) {
	buckets := make(map[float64]uint64, len(t.upTo))
	for i, n := range t.upTo {
		buckets[float64(10*(i+1))/divisor] = n
	}
	out <- prometheus.MustNewConstHistogram(desc, t.count, float64(t.sum)/divisor, buckets, labels...)
}
