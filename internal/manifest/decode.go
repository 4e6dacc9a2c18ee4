package manifest

import (
	stdjson "encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/json"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/manifest/schema"
)

// newTyped returns an empty object of a kind; nil where the kind is not one that this package knows.
func newTyped(gvk runtimeschema.GroupVersionKind) client.Object {
	if gvk == corev1.SchemeGroupVersion.WithKind("ConfigMap") {
		return &corev1.ConfigMap{}
	}
	if gvk.GroupVersion() != v1alpha1.GroupVersion {
		return nil
	}
	switch gvk.Kind {
	case "Account":
		return &v1alpha1.Account{}
	case "AccountSet":
		return &v1alpha1.AccountSet{}
	case "DataSource":
		return &v1alpha1.DataSource{}
	case "HealthScoreModel":
		return &v1alpha1.HealthScoreModel{}
	case "Playbook":
		return &v1alpha1.Playbook{}
	case "PlaybookRun":
		return &v1alpha1.PlaybookRun{}
	case "Task":
		return &v1alpha1.Task{}
	case "Notifier":
		return &v1alpha1.Notifier{}
	}
	return nil
}

// serverFields are what only the API server writes into metadata. A file that was made from a cluster may hold them.
var serverFields = []string{
	"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid",
}

// decode fills Typed with the object as the API server would return it.
func (o *Object) decode() {
	typed := newTyped(o.GVK)
	if typed == nil {
		if o.Ours() {
			o.Unreadable = fmt.Errorf("there is no kind %s of %s", o.GVK.Kind, o.GVK.GroupVersion())
		}
		return
	}
	content := runtime.DeepCopyJSON(o.Raw)
	if meta, isMap := content["metadata"].(map[string]any); isMap {
		for _, name := range serverFields {
			delete(meta, name)
		}
	}
	kind, err := schema.Of(o.GVK)
	if err != nil {
		o.Unreadable = err
		return
	}
	if kind != nil {
		kind.Default(content)
	}
	written, err := stdjson.Marshal(content)
	if err == nil {
		err = json.UnmarshalCaseSensitivePreserveInts(written, typed)
	}
	if err != nil {
		o.Unreadable = err
		return
	}
	o.Typed = typed
}
