// Package kstatus checks that objects speak the language of kstatus, which Argo CD, Flux and kubectl wait read: tests call
// it on what they leave behind.
package kstatus

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// kinds whose objects have conditions.
var kinds = []string{"Account", "AccountSet", "DataSource", "HealthScoreModel", "Notifier", "Playbook", "PlaybookRun", "Task"}

// CheckAll checks every object of the project's kinds in a namespace.
func CheckAll(t testing.TB, c client.Client, namespace string) {
	t.Helper()
	for _, kind := range kinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
		if err := c.List(context.Background(), list, client.InNamespace(namespace)); err != nil {
			t.Errorf("list %s: %v", kind, err)
			continue
		}
		for i := range list.Items {
			if err := Check(&list.Items[i]); err != nil {
				t.Errorf("%s %s: %v", kind, list.Items[i].GetName(), err)
			}
		}
	}
}

// status is what every kind's status has.
type status struct {
	Conditions         []metav1.Condition `json:"conditions"`
	ObservedGeneration *int64             `json:"observedGeneration"`
}

// Check returns what is wrong with an object that the operator has worked on; nil where nothing is.
func Check(obj *unstructured.Unstructured) error {
	var s status
	content, _, err := unstructured.NestedMap(obj.Object, "status")
	if err != nil {
		return err
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, &s); err != nil {
		return err
	}
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	ready := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
	reconciling := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReconciling)
	stalled := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionStalled)
	switch {
	case s.ObservedGeneration == nil:
		fail("status.observedGeneration is not there")
	case *s.ObservedGeneration > obj.GetGeneration():
		fail("status.observedGeneration %d is ahead of the generation %d", *s.ObservedGeneration, obj.GetGeneration())
	case ready != nil && ready.Status == metav1.ConditionTrue && *s.ObservedGeneration != obj.GetGeneration():
		fail("Ready is True of generation %d, the object is at %d", *s.ObservedGeneration, obj.GetGeneration())
	}
	if ready == nil {
		fail("there is no condition Ready")
	}
	for _, c := range []*metav1.Condition{reconciling, stalled} {
		if c == nil {
			continue
		}
		if c.Status != metav1.ConditionTrue {
			fail("%s is there and is %s: it is present only while True", c.Type, c.Status)
		}
		if ready != nil && ready.Status == metav1.ConditionTrue {
			fail("%s and Ready are both True", c.Type)
		}
	}
	if reconciling != nil && stalled != nil {
		fail("Reconciling and Stalled are both there")
	}
	for _, c := range s.Conditions {
		if c.Reason == "" || c.LastTransitionTime.IsZero() {
			fail("condition %s has no reason or no lastTransitionTime", c.Type)
		}
		if c.ObservedGeneration > obj.GetGeneration() || c.ObservedGeneration < 1 {
			fail("condition %s has observedGeneration %d, the object is at %d", c.Type, c.ObservedGeneration, obj.GetGeneration())
		}
	}
	return errors.Join(errs...)
}
