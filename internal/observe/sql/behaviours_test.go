//go:build unix

package sql_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/sql"
)

func connectionsAreKeptAndShared(t *testing.T, b *bench) {
	provider := newProvider(t)
	deps := withSecret(b.dsn)
	keys := deps.Keys.(*fakeKeys)
	usage, crm := b.source("usage", b.connection), b.source("crm", b.connection)

	first := b.number(provider, usage, deps)
	for range 5 {
		if got := b.number(provider, usage, deps); got != first {
			t.Fatalf("a read went over connection %s, the one before over %s", got, first)
		}
	}
	if got := b.number(provider, crm, deps); got != first {
		t.Fatalf("another source with the same connection string read over connection %s, want %s", got, first)
	}
	b.wantOthers("1")

	provider.Forget(name("crm"))
	if got := b.number(provider, usage, deps); got != first {
		t.Fatal("forgetting one of two sources closed the connection of both")
	}
	provider.Forget(name("usage"))
	provider.Forget(name("usage"))
	b.wantOthers("0")

	b.number(provider, usage, deps)
	b.wantOthers("1")
	keys.set(b.dsn, "others")
	if _, err := read(t.Context(), provider, usage, deps); err == nil {
		t.Error("read with a Secret that does not allow it any more")
	}
	b.wantOthers("0")

	keys.set(b.dsn, "*")
	b.number(provider, usage, deps)
	usage.Spec.SQL = &v1alpha1.SQLSource{Driver: v1alpha1.DriverSQLite, File: "gone.db", Query: "select 1"}
	if _, err := read(t.Context(), provider, usage, observe.Dependencies{DataRoot: t.TempDir()}); err == nil {
		t.Error("a file that is not there was read")
	}
	b.wantOthers("0")

	b.number(provider, crm, deps)
	provider.Close()
	b.wantOthers("0")
	_, err := read(t.Context(), provider, crm, deps)
	wantError(t, err, v1alpha1.ReasonReadFailed, "spec.sql: the operator is stopping; the source is read again when it is back")
}

func aSourceWhoseConnectionStringChangesLetsGoOfItsConnections(t *testing.T, b *bench) {
	provider := newProvider(t)
	deps := withSecret(b.dsn)
	usage := b.source("usage", b.connection)
	b.number(provider, usage, deps)
	deps.Keys.(*fakeKeys).set(b.server.DSN(), "*") // another user
	b.number(provider, usage, deps)
	b.wantOthers("0")

	// The password is another one now, which the connections that are there do not notice; new ones do.
	provider.Forget(name("usage"))
	deps.Keys.(*fakeKeys).set(strings.Replace(b.dsn, readerWord, "old-word", 1), "*")
	_, err := read(t.Context(), provider, usage, deps)
	if err == nil || !strings.HasPrefix(err.Error(), "spec.sql.dsnSecretRef: the server does not accept the user or the password (") {
		t.Errorf("got %v", err)
	}
	deps.Keys.(*fakeKeys).set(b.dsn, "*")
	b.number(provider, usage, deps)
}

func nothingIsLeftInTheSession(t *testing.T, b *bench) {
	b.server.Exec(b.prepare)
	provider := newProvider(t)
	deps := withSecret(b.dsn)
	b.number(provider, b.source("usage", b.leave), deps)
	eventually(t, "no lock is held", func() bool { return b.look(b.left) == "0" })
	for query, want := range b.leftovers {
		for range 2 {
			if got := b.number(provider, b.source("usage", query), deps); got != want {
				t.Errorf("%s: got %q, want %q", query, got, want)
			}
		}
	}
}

func aTableThatIsBeingReloadedIsReadWhole(t *testing.T, b *bench) {
	provider := newProvider(t)
	deps := withSecret(b.dsn)
	usage := b.source("usage", "select org, n from facts order by org")
	rows := func() string {
		got, err := read(t.Context(), provider, usage, deps)
		if err != nil {
			return err.Error()
		}
		return strings.Join(show(got), " ")
	}
	const before, after = "n|org 1|acme 2|bolt", "n|org 3|acme 4|bolt"
	const change = "update facts set n = n + 2"
	other := b.otherConnection()

	// Rows that are deleted and put in again in one transaction are as they were until it ends.
	for statement, want := range map[string]string{"commit": after, "rollback": before} {
		other("begin")
		other("delete from facts")
		if got := rows(); got != before {
			t.Errorf("in a transaction that deletes: got %s, want %s", got, before)
		}
		other("insert into facts values ('acme', 3), ('bolt', 4)")
		if got := rows(); got != before {
			t.Errorf("in a transaction that has loaded: got %s, want %s", got, before)
		}
		other(statement)
		if got := rows(); got != want {
			t.Errorf("after %s: got %s, want %s", statement, got, want)
		}
		other("update facts set n = n - 2 where n > 2")
	}

	// A table that is locked is waited for.
	for _, statement := range b.lock {
		other(statement)
	}
	other(change)
	usage.Spec.Timeout = "1s"
	if got, want := rows(), "spec.timeout: no result within 1s; make the query faster, or raise the timeout"; got != want {
		t.Errorf("a table that is locked: got %s, want %s", got, want)
	}
	usage.Spec.Timeout = "30s"
	waited := make(chan string)
	go func() { waited <- rows() }()
	eventually(t, "the read waits", func() bool { return b.look(b.waiting) == "1" })
	for _, statement := range b.unlock {
		other(statement)
	}
	if got := <-waited; got != after {
		t.Errorf("a table that was locked: got %s, want %s", got, after)
	}
}

func aServerThatStopsAndComesBack(t *testing.T, b *bench) {
	const down = "spec.sql.dsnSecretRef: the server does not accept connections (connection refused); check that it runs and that host and port are right"
	provider := newProvider(t)
	deps := withSecret(b.dsn)
	usage := b.source("usage", b.connection)

	b.server.Stop()
	for range 2 {
		_, err := read(t.Context(), provider, usage, deps)
		wantError(t, err, v1alpha1.ReasonReadFailed, down)
	}
	b.server.Restart()
	first := b.number(provider, usage, deps)

	b.server.Restart() // its connections are dead, and the pool has not heard of it
	b.number(provider, usage, deps)

	b.server.Stop()
	for range 2 {
		_, err := read(t.Context(), provider, usage, deps)
		wantError(t, err, v1alpha1.ReasonReadFailed, down)
	}
	b.server.Restart()
	second := b.number(provider, usage, deps)
	if b.number(provider, usage, deps) != second {
		t.Errorf("connection %s was not kept after the server came back; the first one was %s", second, first)
	}
}

func aConnectionThatWasCutOffWithoutAWordIsReplaced(t *testing.T, b *bench) {
	provider := newProvider(t)
	deps := withSecret(b.dsn)
	var cut cutter
	deps.Dial = cut.dial
	usage := b.source("usage", b.connection)
	first := b.number(provider, usage, deps)
	cut.all()
	if second := b.number(provider, usage, deps); second == first {
		t.Error("the connection was not cut")
	}
	cut.close()
}

// cutter makes connections that it can cut: from then on nothing comes, and nothing is heard.
type cutter struct {
	mu    sync.Mutex
	conns []*cuttable
}

type cuttable struct {
	net.Conn
	silent atomic.Bool
}

func (c *cutter) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, &cuttable{Conn: conn})
	return c.conns[len(c.conns)-1], nil
}

func (c *cutter) all() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		conn.silent.Store(true)
	}
}

// close tells the server of what was cut.
func (c *cutter) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		if conn.silent.Load() {
			_ = conn.Close()
		}
	}
}

// Write says that it wrote, as a socket does.
func (c *cuttable) Write(b []byte) (int, error) {
	if c.silent.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func aQueryThatTakesTooLongIsStoppedOnTheServerToo(t *testing.T, b *bench) {
	provider := newProvider(t)
	deps := withSecret(b.dsn)
	slow := b.source("usage", fmt.Sprintf(b.sleep, 600))
	slow.Spec.Timeout = "2s"
	_, err := read(t.Context(), provider, slow, deps)
	wantError(t, err, v1alpha1.ReasonReadFailed, "spec.timeout: no result within 2s; make the query faster, or raise the timeout")
	eventually(t, "no query runs", func() bool { return b.look(b.running) == "0" })
	if got := b.number(provider, b.source("usage", b.limited), deps); got != "yes" {
		t.Errorf("does the server limit the time by itself? %s", got)
	}
}

func aReadThatRunsIsNotDisturbed(t *testing.T, b *bench) {
	for what, disturb := range map[string]func(*sql.Provider){
		"by forgetting its source":      func(p *sql.Provider) { p.Forget(name("usage")) },
		"by a provider that is closing": (*sql.Provider).Close,
	} {
		provider := sql.NewProvider()
		deps := withSecret(b.dsn)
		other := b.otherConnection()
		for _, statement := range b.lock {
			other(statement)
		}
		done := make(chan error)
		go func() {
			_, err := read(t.Context(), provider, b.source("usage", "select org, n from facts"), deps)
			done <- err
		}()
		eventually(t, "the query waits", func() bool { return b.look(b.waiting) == "1" })
		disturb(provider)
		for _, statement := range b.unlock {
			other(statement)
		}
		if err := <-done; err != nil {
			t.Errorf("%s: %v", what, err)
		}
		b.wantOthers("0")
		provider.Close()
	}
}

func sourcesWaitForEachOtherWithinTheirTimeout(t *testing.T, b *bench) {
	provider := newProvider(t)
	deps := withSecret(b.dsn)
	ctx, stop := context.WithCancel(t.Context())
	var reads sync.WaitGroup
	var stopped atomic.Int32
	for i := range 4 {
		slow := b.source(fmt.Sprintf("slow-%d", i), fmt.Sprintf(b.sleep, 600))
		reads.Go(func() {
			_, err := read(ctx, provider, slow, deps)
			if told, ok := errors.AsType[*observe.Error](err); ok && told.Message == "spec.sql: the read was stopped; it is made again" {
				stopped.Add(1)
			}
		})
	}
	eventually(t, "four queries run", func() bool { return b.look(b.running) == "4" })
	fifth := b.source("fifth", b.connection)
	fifth.Spec.Timeout = "2s"
	_, err := read(t.Context(), provider, fifth, deps)
	wantError(t, err, v1alpha1.ReasonReadFailed,
		"spec.timeout: no connection was free within 2s, since 4 other reads with this connection string go on; make their queries faster, or raise the timeout")
	stop()
	reads.Wait()
	b.server.Restart() // which ends what the reads have left running
	if stopped.Load() != 4 {
		t.Errorf("%d of 4 reads say that they were stopped", stopped.Load())
	}
	b.number(provider, b.source("fifth", b.connection), deps)
}

func nothingIsTakenInThatIsLargerThanAReadMayBe(t *testing.T, b *bench) {
	provider := newProvider(t)
	deps := withSecret(b.dsn)
	deps.MaxRows = 3
	var taken atomic.Int64
	deps.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &counted{Conn: conn, taken: &taken}, err
	}
	tests := []struct {
		query, want string
		maxBytes    int64
	}{
		{b.endless, "spec.sql.query: more than 3 rows: select fewer, or raise the operator's --max-rows", 64 << 20},
		{b.huge, "spec.sql.query: more than 1000 bytes: select less, or raise the operator's --max-bytes", 1000},
	}
	var before, after runtime.MemStats
	for _, test := range tests {
		runtime.ReadMemStats(&before)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		ds := b.source("usage", test.query)
		ds.Spec.Timeout, deps.MaxBytes = "1h", test.maxBytes
		_, err := read(ctx, provider, ds, deps)
		wantError(t, err, v1alpha1.ReasonReadFailed, test.want)
		if ctx.Err() != nil {
			t.Errorf("%s: the read waited for the end of its time", test.query)
		}
		cancel()
		// A packet of MySQL's protocol has up to 16 MiB, for which its driver makes room.
		if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 48<<20 {
			t.Errorf("%s: took %d bytes of memory", test.query, after.TotalAlloc-before.TotalAlloc)
		}
	}
	if got := taken.Load(); b.driver == v1alpha1.DriverMySQL && got > 3<<20 {
		t.Errorf("%d bytes were taken in", got)
	}
	b.number(provider, b.source("usage", b.connection), deps)
}

// counted counts what is read.
type counted struct {
	net.Conn
	taken *atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.taken.Add(int64(n))
	return n, err
}
