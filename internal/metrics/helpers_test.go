package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// cache lists the objects that it has as the operator's cache does: by kind, in no order that means anything.
type cache []client.Object

// List implements client.Reader.
func (c cache) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	o := (&client.ListOptions{}).ApplyOptions(opts)
	if o.UnsafeDisableDeepCopy == nil || !*o.UnsafeDisableDeepCopy {
		return errors.New("a scrape must not copy every object")
	}
	kind := strings.TrimSuffix(fmt.Sprintf("%T", list), "List")
	var items []runtime.Object
	for _, obj := range c {
		if fmt.Sprintf("%T", obj) == kind {
			items = append(items, obj)
		}
	}
	return meta.SetList(list, items)
}

// Get implements client.Reader.
func (c cache) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("a scrape gets no single object")
}

// fleet returns a collector of an active replica.
func fleet(objects cache, change ...func(*Options)) *Fleet {
	active := make(chan struct{})
	close(active)
	o := Options{Reader: objects, Active: active, LastRead: func(types.NamespacedName) time.Time { return time.Time{} }}
	for _, c := range change {
		c(&o)
	}
	return NewFleet(o)
}

// scrapeOf returns what Prometheus reads, without comments: a line a series, in the order of a scrape.
func scrapeOf(t testing.TB, collectors ...prometheus.Collector) []string {
	t.Helper()
	text, err := textOf(collectors...)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(text), "\n"), func(line string) bool {
		return strings.HasPrefix(line, "#")
	})
}

func textOf(collectors ...prometheus.Collector) (string, error) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collectors...)
	families, err := registry.Gather()
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&b, family); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// linesOf keeps the series of some metrics.
func linesOf(lines []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(line, name) })
	})
}

func condition(kind string, status metav1.ConditionStatus, reason string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason}
}

func ready() metav1.Condition {
	return condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
}

// scored makes an account that a model scores; a negative score is none.
func scored(name, model string, band v1alpha1.BandName, score, coverage int32, arr int64, states ...v1alpha1.ValueState) *v1alpha1.Account {
	a := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: name}}
	a.Spec.Contract = &v1alpha1.Contract{ARR: &arr}
	a.Status.Health = &v1alpha1.Health{Model: model, Band: band, Coverage: coverage}
	if score >= 0 {
		a.Status.Health.Score = &score
	}
	for _, state := range states {
		a.Status.Health.Measures = append(a.Status.Health.Measures, v1alpha1.MeasureScore{State: state})
	}
	a.Status.Conditions = []metav1.Condition{ready(), condition(v1alpha1.ConditionModelApplied, metav1.ConditionTrue, v1alpha1.ReasonModelApplied)}
	return a
}

// model makes a model with the usual bands.
func model(name string) *v1alpha1.HealthScoreModel {
	m := &v1alpha1.HealthScoreModel{ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: name}}
	m.Spec.Bands = []v1alpha1.Band{{Name: "Healthy", Min: 70}, {Name: "AtRisk", Min: 40}, {Name: "Critical"}}
	m.Status.Conditions = []metav1.Condition{ready()}
	return m
}
