package sql

import (
	"crypto/sha256"
	"database/sql"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// Limits of the connections to one server with one connection string.
const (
	// maxOpen is how many sources read from it at the same time; others wait for their turn within their timeout.
	maxOpen = 4
	// maxIdle is how many connections are kept between reads.
	maxIdle = 2
	// idleTime is how long a connection is kept that nobody uses: longer than the default interval of five minutes, so
	// that most sources find theirs again, and much shorter than an hour, so that a source that is read once an hour
	// does not hold one of the server's connections all the time.
	idleTime = 10 * time.Minute
	// lifetime is how long any connection is kept, so that a name that leads to another server now is followed.
	lifetime = 30 * time.Minute
	// pingTimeout is how long a kept connection may take to show that it is alive, before a new one is made.
	pingTimeout = 3 * time.Second
)

// Provider reads sources that have spec.sql. It keeps connections from read to read: a pool for each driver and connection
// string, which the sources that use it share. A source lets go of its pool when it is forgotten, and when its next read
// finds another connection string or driver; a pool that no source uses is closed once its reads have ended.
type Provider struct {
	mu     sync.Mutex
	pools  map[poolKey]*pool
	used   map[types.NamespacedName]*pool // by source
	closed bool
	// closing counts pools that are being closed.
	closing sync.WaitGroup
}

// poolKey is a digest of a driver and a connection string, so that no password is the key of a map.
type poolKey [sha256.Size]byte

// pool is the connections to one server with one connection string.
type pool struct {
	db  *sql.DB
	key poolKey
	// sources that use it, and reads that run.
	sources, reads int
}

// NewProvider returns a provider without connections.
func NewProvider() *Provider {
	return &Provider{pools: map[poolKey]*pool{}, used: map[types.NamespacedName]*pool{}}
}

// keyOf returns the key of a pool. What the driver keeps of one read's limits is a part of it.
func keyOf(driver v1alpha1.SQLDriver, dsn string, maxBytes int64) poolKey {
	return sha256.Sum256([]byte(string(driver) + "\x00" + strconv.FormatInt(maxBytes, 10) + "\x00" + dsn))
}

// acquire returns the pool with a key, which open makes if there is none, for one read of a source. Release it after.
func (p *Provider) acquire(source types.NamespacedName, key poolKey, open func() (*sql.DB, error)) (*pool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, observe.ReadFailed("spec.sql: the operator is stopping; the source is read again when it is back")
	}
	current := p.used[source]
	if current == nil || current.key != key {
		next := p.pools[key]
		if next == nil {
			db, err := open()
			if err != nil {
				p.leave(source)
				return nil, err
			}
			db.SetMaxOpenConns(maxOpen)
			db.SetMaxIdleConns(maxIdle)
			db.SetConnMaxIdleTime(idleTime)
			db.SetConnMaxLifetime(lifetime)
			next = &pool{db: db, key: key}
			p.pools[key] = next
		}
		next.sources++
		p.leave(source)
		p.used[source] = next
		current = next
	}
	current.reads++
	return current, nil
}

// release ends one read.
func (p *Provider) release(used *pool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	used.reads--
	p.closeUnused(used)
}

// Forget implements observe.Provider: it closes the connections that no other source uses.
func (p *Provider) Forget(source types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave(source)
}

// Close closes every connection and waits for that; those that are being read from, when the reads have ended.
func (p *Provider) Close() {
	p.mu.Lock()
	p.closed = true
	for source := range p.used {
		p.leave(source)
	}
	p.mu.Unlock()
	p.closing.Wait()
}

// leave lets a source go of its pool.
func (p *Provider) leave(source types.NamespacedName) {
	used := p.used[source]
	if used == nil {
		return
	}
	delete(p.used, source)
	used.sources--
	p.closeUnused(used)
}

// closeUnused closes a pool that no source uses and no read runs on. To say goodbye to a server that has gone away takes
// seconds, which no read waits for.
func (p *Provider) closeUnused(unused *pool) {
	if unused.sources > 0 || unused.reads > 0 {
		return
	}
	delete(p.pools, unused.key)
	p.closing.Go(func() { _ = unused.db.Close() })
}
