// Package observe reads data sources and keeps what they gave in memory: a provider reads a table, Ingest makes a
// Snapshot of it, and the Store answers what is known of one account. A provider is a folder beside this file and one
// line in the Registry.
package observe

import (
	"context"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Limits of one read that hold where the operator's flags say nothing else.
const (
	// DefaultMaxRows is the default of --max-rows.
	DefaultMaxRows = 200_000
	// DefaultMaxBytes is the default of --max-bytes, 64 MiB.
	DefaultMaxBytes = 64 << 20
)

// Names of the providers, which are the names of their fields in a DataSource.
const (
	ProviderConfigMap = "configMap"
	ProviderSQL       = "sql"
)

// Cell is one field of a row as the source wrote it.
type Cell struct {
	// Text is the value, exactly as the source has it; empty where Null.
	Text string
	// Null means that the source has no value here. Text of nothing but white space is read the same way.
	Null bool
}

// Table is what one read gave. Every row has as many cells as there are columns, in their order.
type Table struct {
	// Columns are the names of the columns, without duplicates.
	Columns []string
	// Rows in the order of the source.
	Rows [][]Cell
	// Modified is when the source last changed; zero where it does not say. Such a source is watched, not polled.
	Modified time.Time
}

// Reader reads one source once, whole. Errors of the source are of type *Error and name neither values nor credentials.
type Reader interface {
	Read(ctx context.Context) (*Table, error)
}

// KeyReader reads one key of a ConfigMap or Secret from the API server, never from a cache. An object or key that is
// not there is an *Error of reason ReferenceNotFound, or SecretNotFound.
type KeyReader interface {
	// ConfigMapKey returns the bytes under a key of a ConfigMap, and when the ConfigMap was last changed; zero where it
	// does not say.
	ConfigMapKey(ctx context.Context, namespace, name, key string) ([]byte, time.Time, error)
	// SecretKey returns the bytes under a key of a Secret, and the Secret's annotations: nil only where there is no
	// Secret, not where it has no such key.
	SecretKey(ctx context.Context, namespace, name, key string) ([]byte, map[string]string, error)
}

// Dependencies are what providers work with.
type Dependencies struct {
	// Keys reads ConfigMaps and Secrets.
	Keys KeyReader
	// DataRoot is the only folder that files are read from; empty: none.
	DataRoot string
	// MaxRows of one read; 0 is DefaultMaxRows.
	MaxRows int
	// MaxBytes of the values of one read; 0 is DefaultMaxBytes.
	MaxBytes int64
}

// Budget counts what one read has given so far against the limits.
type Budget struct {
	maxRows, rows   int
	maxBytes, bytes int64
}

// Budget returns a fresh count for one read.
func (d Dependencies) Budget() *Budget {
	b := &Budget{maxRows: d.MaxRows, maxBytes: d.MaxBytes}
	if b.maxRows <= 0 {
		b.maxRows = DefaultMaxRows
	}
	if b.maxBytes <= 0 {
		b.maxBytes = DefaultMaxBytes
	}
	return b
}

// MaxBytes is the number of bytes that one read may give.
func (b *Budget) MaxBytes() int64 { return b.maxBytes }

// Row counts one row; the error says which limit it breaks and which flag raises it.
func (b *Budget) Row(cells []Cell) error {
	b.rows++
	for i := range cells {
		b.bytes += int64(len(cells[i].Text))
	}
	if b.rows > b.maxRows {
		return ReadFailed("more than %d rows: select fewer, or raise the operator's --max-rows", b.maxRows)
	}
	if b.bytes > b.maxBytes {
		return b.TooLarge()
	}
	return nil
}

// TooLarge is the error of a read of more bytes than allowed.
func (b *Budget) TooLarge() error {
	return ReadFailed("more than %d bytes: select less, or raise the operator's --max-bytes", b.maxBytes)
}

// Factory makes the reader of one source. Its error is an *Error of reason InvalidSpec that names the field.
type Factory func(ds *v1alpha1.DataSource, deps Dependencies) (Reader, error)

// Registry holds the providers by name.
type Registry map[string]Factory

// ProviderOf returns the name of the one provider that a source's spec uses.
func ProviderOf(ds *v1alpha1.DataSource) (string, error) {
	switch {
	case ds.Spec.ConfigMap != nil && ds.Spec.SQL != nil:
		return "", InvalidSpec("spec: exactly one of configMap, sql")
	case ds.Spec.ConfigMap != nil:
		return ProviderConfigMap, nil
	case ds.Spec.SQL != nil:
		return ProviderSQL, nil
	}
	return "", InvalidSpec("spec: one of configMap, sql is required")
}

// Open checks a source's spec and makes its reader. Its error is an *Error of reason InvalidSpec.
func (r Registry) Open(ds *v1alpha1.DataSource, deps Dependencies) (Reader, error) {
	if errs := Validate(ds); len(errs) > 0 {
		return nil, InvalidSpec("%s", errs.ToAggregate().Error())
	}
	name, err := ProviderOf(ds)
	if err != nil {
		return nil, err
	}
	factory, ok := r[name]
	if !ok {
		return nil, InvalidSpec("spec.%s: this operator has no such provider", name)
	}
	return factory(ds, deps)
}
