// Package offline reads sources that need no network: those whose rows are in a ConfigMap that is at hand, and those that
// have them in their spec. It is how a folder of configuration is looked at without a cluster.
package offline

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/configmap"
	"github.com/perennial-dev/perennial/internal/observe/fake"
)

// Reads reports whether a source can be read with these ConfigMaps, by name, then key.
func Reads(ds *v1alpha1.DataSource, configMaps map[string]map[string]string) bool {
	if ds.Spec.ConfigMap != nil {
		_, ok := configMaps[ds.Spec.ConfigMap.Name]
		return ok
	}
	return ds.Spec.Fake != nil
}

// Read reads a source as the operator would, with its limits. The error is an *observe.Error.
func Read(ctx context.Context, ds *v1alpha1.DataSource, configMaps map[string]map[string]string, now time.Time) (*observe.Snapshot, error) {
	registry := observe.Registry{
		observe.ProviderConfigMap: observe.Factory(configmap.New),
		observe.ProviderFake:      observe.Factory(fake.New),
	}
	reader, err := registry.Open(ds, observe.Dependencies{Keys: keys(configMaps)})
	if err != nil {
		return nil, err
	}
	table, err := reader.Read(ctx, observe.Request{Now: now.UTC().Truncate(time.Second)})
	if err != nil {
		return nil, err
	}
	return observe.Ingest(ds, table, now)
}

// keys are ConfigMaps that are at hand.
type keys map[string]map[string]string

// ConfigMapKey implements observe.KeyReader.
func (k keys) ConfigMapKey(_ context.Context, _, name, key string) ([]byte, time.Time, error) {
	data, ok := k[name]
	if !ok {
		return nil, time.Time{}, observe.ReferenceNotFound("ConfigMap %q is not there; make it, or correct the name", name)
	}
	text, ok := data[key]
	if !ok {
		return nil, time.Time{}, observe.ReferenceNotFound("ConfigMap %q has no key %q; its keys are: %s", name, key, strings.Join(slices.Sorted(maps.Keys(data)), ", "))
	}
	return []byte(text), time.Time{}, nil
}

// SecretKey implements observe.KeyReader: there are none.
func (k keys) SecretKey(_ context.Context, _, name, _ string) ([]byte, map[string]string, error) {
	return nil, nil, observe.SecretNotFound("Secret %q is not at hand", name)
}
