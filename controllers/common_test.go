package controllers

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// The API server refuses a status with a longer message, and then nobody learns that the object is stalled.
func TestTheMessageOfAConditionIsCut(t *testing.T) {
	var list []metav1.Condition
	conditions{list: &list, now: time.Now()}.stalled(v1alpha1.ReasonInvalidSpec, strings.Repeat("spec.steps[é]: wrong; ", 10000))
	for _, c := range list {
		if len(c.Message) > 32768 || len(c.Message) < 8000 {
			t.Errorf("the message of %s has %d bytes", c.Type, len(c.Message))
		}
	}
	if len(list) != 2 {
		t.Errorf("conditions are %v", list)
	}
}
