package observe_test

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// fakeReader has one ConfigMap and one Secret, both named usage; "closed" may not be read.
type fakeReader struct{ client.Reader }

func (fakeReader) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	resource := schema.GroupResource{Resource: "objects"}
	switch {
	case key.Name == "closed":
		return apierrors.NewForbidden(resource, key.Name, errors.New("no role"))
	case key != client.ObjectKey{Namespace: "success", Name: "usage"}:
		return apierrors.NewNotFound(resource, key.Name)
	}
	switch o := obj.(type) {
	case *corev1.ConfigMap:
		o.Data, o.BinaryData = map[string]string{"a.csv": "rows", "b.csv": ""}, map[string][]byte{"z.csv": []byte("more")}
		o.ManagedFields = []metav1.ManagedFieldsEntry{{Time: &metav1.Time{Time: readTime}}, {Time: &metav1.Time{Time: readTime.Add(-time.Hour)}}, {}}
	case *corev1.Secret:
		o.Data = map[string][]byte{"dsn": []byte("postgres://")}
	}
	return nil
}

func TestConfigMapKey(t *testing.T) {
	tests := map[string]struct {
		name, key       string
		want            string
		reason, message string
	}{
		"text":                        {name: "usage", key: "a.csv", want: "rows"},
		"bytes":                       {name: "usage", key: "z.csv", want: "more"},
		"a ConfigMap not there":       {name: "gone", key: "a.csv", reason: v1alpha1.ReasonReferenceNotFound, message: `ConfigMap "gone" is not there; make it, or correct the name`},
		"a key not there":             {name: "usage", key: "c.csv", reason: v1alpha1.ReasonReferenceNotFound, message: `ConfigMap "usage" has no key "c.csv"; its keys are: a.csv, b.csv, z.csv`},
		"a ConfigMap behind the role": {name: "closed", key: "a.csv", reason: v1alpha1.ReasonReadFailed, message: `the operator may not read ConfigMap "closed": its role must allow get on it in this namespace`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, at, err := observe.KeysFrom(fakeReader{}).ConfigMapKey(t.Context(), "success", test.name, test.key)
			if test.reason != "" {
				wantError(t, err, test.reason, test.message)
				return
			}
			if err != nil || string(got) != test.want || !at.Equal(readTime) {
				t.Errorf("got %q of %s, %v; want %q of %s", got, at, err, test.want, readTime)
			}
		})
	}
}

func TestSecretKey(t *testing.T) {
	keys := observe.KeysFrom(fakeReader{})
	got, annotations, err := keys.SecretKey(t.Context(), "success", "usage", "dsn")
	if err != nil || string(got) != "postgres://" || annotations == nil {
		t.Errorf("got %q, %v, %v", got, annotations, err)
	}
	_, annotations, err = keys.SecretKey(t.Context(), "success", "usage", "other")
	wantError(t, err, v1alpha1.ReasonSecretNotFound, `Secret "usage" has no key "other"; add it, or correct the name`)
	if annotations == nil {
		t.Error("the annotations of a Secret that is there are needed to say whether it may be used")
	}
	_, annotations, err = keys.SecretKey(t.Context(), "success", "gone", "dsn")
	wantError(t, err, v1alpha1.ReasonSecretNotFound, `Secret "gone" is not there; make it, or correct the name`)
	if annotations != nil {
		t.Error("a Secret that is not there has annotations")
	}
	_, _, err = keys.SecretKey(t.Context(), "success", "closed", "dsn")
	wantError(t, err, v1alpha1.ReasonReadFailed, `the operator may not read Secret "closed": its role must allow get on it in this namespace`)
}
