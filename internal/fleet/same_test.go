package fleet

import (
	"reflect"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// TestSameLooksAtEveryField changes each field of the types in turn: a comparison that forgets one keeps an old status.
func TestSameLooksAtEveryField(t *testing.T) {
	eachField(t, "Health", &v1alpha1.Health{}, func(a, b *v1alpha1.Health) bool { return sameHealth(a, b) })
	eachField(t, "DimensionScore", &v1alpha1.DimensionScore{}, func(a, b *v1alpha1.DimensionScore) bool { return sameDimension(*a, *b) })
	eachField(t, "MeasureScore", &v1alpha1.MeasureScore{}, func(a, b *v1alpha1.MeasureScore) bool { return sameMeasure(*a, *b) })
	eachField(t, "Fact", &v1alpha1.Fact{}, func(a, b *v1alpha1.Fact) bool { return sameFact(*a, *b) })
	eachField(t, "PendingBand", &v1alpha1.PendingBand{}, samePending)
	eachField(t, "Episode", &v1alpha1.Episode{}, func(a, b *v1alpha1.Episode) bool { return sameEpisode(*a, *b) })
	eachField(t, "PendingTrigger", &v1alpha1.PendingTrigger{}, func(a, b *v1alpha1.PendingTrigger) bool { return samePendingTrigger(*a, *b) })
	eachField(t, "LifecycleStatus", &v1alpha1.LifecycleStatus{}, sameLifecycle)
}

func eachField[T any](t *testing.T, name string, zero *T, same func(a, b *T) bool) {
	t.Helper()
	if !same(zero, new(T)) {
		t.Errorf("%s: two of them without content are not the same", name)
	}
	for i := range reflect.TypeFor[T]().NumField() {
		changed := new(T)
		fill(reflect.ValueOf(changed).Elem().Field(i))
		if same(zero, changed) {
			t.Errorf("%s.%s is not compared", name, reflect.TypeFor[T]().Field(i).Name)
		}
	}
}

// fill gives a value some content.
func fill(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[metav1.Time]():
		v.Set(reflect.ValueOf(metav1.NewTime(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))))
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case v.Kind() == reflect.String:
		v.SetString("content")
	case v.Kind() == reflect.Struct:
		fill(v.Field(0))
	case v.CanInt():
		v.SetInt(7)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	}
}
