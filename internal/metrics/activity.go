// Package metrics is what the operator tells Prometheus: what it did, counted as it happens (Activity), and how accounts,
// sources and work stand, read off the cache at each scrape (Fleet). No label holds the name of an account or of a
// source, unless somebody asks for that.
package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// success is the result of what went well. Other results of a read are the reasons of the condition Available.
const success = "success"

// readFailures are the reasons for which a read can fail.
func readFailures() []string {
	return []string{
		v1alpha1.ReasonAddressNotAllowed, v1alpha1.ReasonInvalidSpec, v1alpha1.ReasonRateLimited, v1alpha1.ReasonReadFailed,
		v1alpha1.ReasonReferenceNotFound, v1alpha1.ReasonRowsDropped, v1alpha1.ReasonSecretNotAllowed, v1alpha1.ReasonSecretNotFound,
	}
}

// unknownFailure is the result of a read that failed for a reason which is not among these.
const unknownFailure = "Other"

// Activity counts what the operator does. A nil one counts nothing.
type Activity struct {
	reads              *prometheus.CounterVec
	readDuration       *prometheus.HistogramVec
	evaluations        *prometheus.CounterVec
	evaluationDuration prometheus.Histogram
	statusWrites       *prometheus.CounterVec
}

// NewActivity returns what has counted nothing yet. It says so of every kind of source, result and status that there is:
// Prometheus sees a counter grow only where it has seen it before.
func NewActivity(providers []string) *Activity {
	a := &Activity{
		reads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "perennial_source_reads_total",
			Help: "Reads of DataSources, by provider and result: success, or the reason of the condition Available.",
		}, []string{"provider", "result"}),
		readDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "perennial_source_read_duration_seconds",
			Help:    "How long reads of DataSources took, until their rows were values.",
			Buckets: []float64{0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600},
		}, []string{"provider"}),
		evaluations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "perennial_account_evaluations_total",
			Help: "Evaluations of Accounts, by result: whether they called for another status (changed) or not (unchanged).",
		}, []string{"result"}),
		evaluationDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "perennial_account_evaluation_duration_seconds",
			Help:    "How long the evaluation of an Account took: computing its status, without reading or writing anything.",
			Buckets: []float64{1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 0.1, 1},
		}),
		statusWrites: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "perennial_status_writes_total",
			Help: "Writes of statuses, by kind and result: success, conflict (the object was newer, and is looked at again), gone (it was deleted) or error.",
		}, []string{"kind", "result"}),
	}
	for _, provider := range providers {
		for _, result := range append(readFailures(), success) {
			a.reads.WithLabelValues(provider, result)
		}
	}
	for _, result := range []string{changed, unchanged} {
		a.evaluations.WithLabelValues(result)
	}
	for _, kind := range append(declaredKinds(), kindRun, kindTask) {
		for _, result := range []string{success, writeConflict, writeGone, writeError} {
			a.statusWrites.WithLabelValues(kind, result)
		}
	}
	return a
}

// The results of an evaluation.
const (
	changed   = "changed"
	unchanged = "unchanged"
)

// providerOf names what a source is read from.
func providerOf(ds *v1alpha1.DataSource) string {
	name, err := observe.ProviderOf(ds)
	if err != nil {
		return "none" // the schema asks for exactly one
	}
	return name
}

// SourceRead counts a read of a source that ended with a reason of the condition Available.
func (a *Activity) SourceRead(ds *v1alpha1.DataSource, reason string, took time.Duration) {
	if a == nil {
		return
	}
	result := unknownFailure
	switch {
	case reason == v1alpha1.ReasonReadSucceeded:
		result = success
	case slices.Contains(readFailures(), reason):
		result = reason
	}
	provider := providerOf(ds)
	a.reads.WithLabelValues(provider, result).Inc()
	a.readDuration.WithLabelValues(provider).Observe(max(took.Seconds(), 0))
}

// AccountEvaluated counts an evaluation, and whether the status that it gave is another one than there was.
func (a *Activity) AccountEvaluated(took time.Duration, another bool) {
	if a == nil {
		return
	}
	result := unchanged
	if another {
		result = changed
	}
	a.evaluations.WithLabelValues(result).Inc()
	a.evaluationDuration.Observe(max(took.Seconds(), 0))
}

// collectors are all that an Activity has.
func (a *Activity) collectors() []prometheus.Collector {
	return []prometheus.Collector{a.reads, a.readDuration, a.evaluations, a.evaluationDuration, a.statusWrites}
}

// Describe implements prometheus.Collector.
func (a *Activity) Describe(out chan<- *prometheus.Desc) {
	for _, c := range a.collectors() {
		c.Describe(out)
	}
}

// Collect implements prometheus.Collector.
func (a *Activity) Collect(out chan<- prometheus.Metric) {
	for _, c := range a.collectors() {
		c.Collect(out)
	}
}
