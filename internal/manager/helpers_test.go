package manager

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

func toUnstructured(content map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: content}
	if u.GetAPIVersion() == "" {
		u.SetAPIVersion("perennial.dev/v1alpha1")
	}
	return u
}

func asYAML(v any) string {
	text, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(text)
}

func eachItem(list client.ObjectList, do func(client.Object)) error {
	return meta.EachListItem(list, func(obj runtime.Object) error {
		do(obj.(client.Object))
		return nil
	})
}
