// Package configmap reads rows from a key of a ConfigMap, written as CSV, JSON or YAML.
package configmap

import (
	"bytes"
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/format"
)

// reader reads one ConfigMap source.
type reader struct {
	ds   *v1alpha1.DataSource
	deps observe.Dependencies
}

// New makes the reader of a source that has spec.configMap.
func New(ds *v1alpha1.DataSource, deps observe.Dependencies) (observe.Reader, error) {
	switch ds.Spec.ConfigMap.Format {
	case v1alpha1.FormatCSV, v1alpha1.FormatJSON, v1alpha1.FormatYAML:
	default:
		return nil, observe.InvalidSpec("spec.configMap.format: %q is not CSV, JSON or YAML", ds.Spec.ConfigMap.Format)
	}
	return &reader{ds: ds, deps: deps}, nil
}

// field is the path that errors begin with.
const field = "spec.configMap"

// byteOrderMark is what some programs write before UTF-8 text.
var byteOrderMark = []byte("\ufeff")

// Read reads the ConfigMap from the API server and its rows.
func (r *reader) Read(ctx context.Context, _ observe.Request) (*observe.Table, error) {
	source := r.ds.Spec.ConfigMap
	data, modified, err := r.deps.Keys.ConfigMapKey(ctx, r.ds.Namespace, source.Name, source.Key)
	if err != nil {
		return nil, observe.At(field, err)
	}
	if !utf8.Valid(data) {
		return nil, observe.ReadFailed("%s: key %q: not UTF-8 text", field, source.Key)
	}
	data = bytes.TrimPrefix(data, byteOrderMark)
	var t *observe.Table
	switch source.Format {
	case v1alpha1.FormatCSV:
		t, err = format.CSV(data, r.ds, r.deps.Budget())
	case v1alpha1.FormatJSON:
		t, err = parseJSON(data, format.NewObjects(r.ds, r.deps.Budget()))
	default:
		t, err = parseYAML(data, format.NewObjects(r.ds, r.deps.Budget()))
	}
	if err != nil {
		return nil, observe.At(fmt.Sprintf("%s: key %q", field, source.Key), err)
	}
	t.Modified = modified
	return t, nil
}
