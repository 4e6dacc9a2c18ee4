// Package observe reads data sources and keeps what they gave in memory: a provider reads a table, Ingest makes a
// Snapshot of it, and the Store answers what is known of one account. A provider is a folder beside this file and one
// line in the Registry.
package observe

import (
	"context"
	"net"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Limits of one read that hold where the operator's flags say nothing else.
const (
	// DefaultMaxRows is the default of --max-rows.
	DefaultMaxRows = 200_000
	// DefaultMaxBytes is the default of --max-bytes, 32 MiB: as many sources as are read at once by default fit into the
	// memory that config/manager gives the operator.
	DefaultMaxBytes = 32 << 20
)

// Names of the providers, which are the names of their fields in a DataSource.
const (
	ProviderConfigMap  = "configMap"
	ProviderSQL        = "sql"
	ProviderPrometheus = "prometheus"
	ProviderHTTP       = "http"
	ProviderFake       = "fake"
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
	// Since, where it is not zero, means that the rows are only those from this time on: what earlier reads gave stands
	// beside them.
	Since time.Time
	// Warnings of the source that what it gives may not be all: at most a few, with no values in them.
	Warnings []string
	// Incomplete are the columns that the warnings are about: an account without a value there may have one.
	Incomplete []string
}

// Request says what a read is for.
type Request struct {
	// Now is the moment of the read, in whole seconds of UTC.
	Now time.Time
	// Since is the time from which on rows are wanted, where earlier ones are known; zero: all. Only sources that can
	// ask for less look at it.
	Since time.Time
}

// Reader reads one source once, whole. Errors of the source are of type *Error and name neither values nor credentials.
type Reader interface {
	Read(ctx context.Context, req Request) (*Table, error)
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
	// Dial connects to a server, or refuses to: network.Dialer in the operator. Every connection is made with it.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
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

// Provider makes the readers of one kind of source.
type Provider interface {
	// Open makes the reader of one source, for one read. Its error is an *Error of reason InvalidSpec that names the field.
	Open(ds *v1alpha1.DataSource, deps Dependencies) (Reader, error)
	// Forget lets go of what is kept for a source from read to read, such as connections: it is gone, or read no more.
	Forget(source types.NamespacedName)
}

// Factory is a Provider that keeps nothing between reads.
type Factory func(ds *v1alpha1.DataSource, deps Dependencies) (Reader, error)

// Open implements Provider.
func (f Factory) Open(ds *v1alpha1.DataSource, deps Dependencies) (Reader, error) { return f(ds, deps) }

// Forget implements Provider.
func (f Factory) Forget(types.NamespacedName) {}

// Registry holds the providers by name.
type Registry map[string]Provider

// ProviderOf returns the name of the one provider that a source's spec uses.
func ProviderOf(ds *v1alpha1.DataSource) (string, error) {
	const all = "configMap, sql, prometheus, http, fake"
	var set []string
	for _, p := range []struct {
		name string
		used bool
	}{
		{ProviderConfigMap, ds.Spec.ConfigMap != nil},
		{ProviderSQL, ds.Spec.SQL != nil},
		{ProviderPrometheus, ds.Spec.Prometheus != nil},
		{ProviderHTTP, ds.Spec.HTTP != nil},
		{ProviderFake, ds.Spec.Fake != nil},
	} {
		if p.used {
			set = append(set, p.name)
		}
	}
	switch len(set) {
	case 0:
		return "", InvalidSpec("spec: one of %s is required", all)
	case 1:
		return set[0], nil
	}
	return "", InvalidSpec("spec: exactly one of %s, not %s", all, strings.Join(set, " and "))
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
	provider, ok := r[name]
	if !ok {
		return nil, InvalidSpec("spec.%s: this operator has no such provider", name)
	}
	for other, p := range r {
		if other != name {
			p.Forget(client.ObjectKeyFromObject(ds)) // it may have used that one before
		}
	}
	return provider.Open(ds, deps)
}

// Forget lets go of what the providers keep for a source that is gone, or read no more.
func (r Registry) Forget(source types.NamespacedName) {
	for _, p := range r {
		p.Forget(source)
	}
}
