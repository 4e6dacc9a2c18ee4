package observe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// clientKeys reads keys with a client.
type clientKeys struct{ reader client.Reader }

// KeysFrom returns a KeyReader over a client. Give it the manager's APIReader: a cache of ConfigMaps and Secrets would
// hold every one of the cluster.
func KeysFrom(reader client.Reader) KeyReader { return clientKeys{reader: reader} }

// ConfigMapKey implements KeyReader.
func (k clientKeys) ConfigMapKey(ctx context.Context, namespace, name, key string) ([]byte, time.Time, error) {
	var object corev1.ConfigMap
	if err := k.reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &object); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, time.Time{}, ReferenceNotFound("ConfigMap %q is not there; make it, or correct the name", name)
		}
		return nil, time.Time{}, cannotGet("ConfigMap", name, err)
	}
	if text, ok := object.Data[key]; ok {
		return []byte(text), lastChange(&object), nil
	}
	if data, ok := object.BinaryData[key]; ok {
		return data, lastChange(&object), nil
	}
	keys := slices.Sorted(maps.Keys(object.Data))
	keys = append(keys, slices.Sorted(maps.Keys(object.BinaryData))...)
	if len(keys) == 0 {
		return nil, time.Time{}, ReferenceNotFound("ConfigMap %q has no key %q; it is empty", name, key)
	}
	if len(keys) > maxListedColumns {
		keys = append(keys[:maxListedColumns], "and more")
	}
	return nil, time.Time{}, ReferenceNotFound("ConfigMap %q has no key %q; its keys are: %s", name, key, strings.Join(keys, ", "))
}

// SecretKey implements KeyReader.
func (k clientKeys) SecretKey(ctx context.Context, namespace, name, key string) ([]byte, map[string]string, error) {
	var object corev1.Secret
	if err := k.reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &object); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil, SecretNotFound("Secret %q is not there; make it, or correct the name", name)
		}
		return nil, nil, cannotGet("Secret", name, err)
	}
	annotations := maps.Clone(object.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	data, ok := object.Data[key]
	if !ok {
		return nil, annotations, SecretNotFound("Secret %q has no key %q; add it, or correct the name", name, key)
	}
	return data, annotations, nil
}

// lastChange returns the newest time among an object's managed fields.
func lastChange(object client.Object) time.Time {
	var newest time.Time
	for _, entry := range object.GetManagedFields() {
		if entry.Time != nil && entry.Time.After(newest) {
			newest = entry.Time.Time
		}
	}
	return newest
}

// cannotGet is the error of an API server that did not give an object.
func cannotGet(kind, name string, err error) error {
	if apierrors.IsForbidden(err) {
		return ReadFailed("the operator may not read %s %q: its role must allow get on it in this namespace", kind, name)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return ReadFailed("the API server did not give %s %q in time", kind, name)
	}
	return fmt.Errorf("get %s %q: %w", kind, name, err)
}

// AllowCommand writes the command that adds names to a Secret's list of what it may be used for, which is an annotation.
func AllowCommand(namespace, secret, annotation, allowed string, names ...string) string {
	list, overwrite := strings.Join(names, ","), ""
	if strings.TrimSpace(allowed) != "" {
		list, overwrite = allowed+","+list, " --overwrite"
	}
	// What another person wrote on the Secret must not end the quotes.
	list = strings.ReplaceAll(list, "'", `'\''`)
	return fmt.Sprintf("kubectl annotate secret -n %s %s '%s=%s'%s", namespace, secret, annotation, list, overwrite)
}
