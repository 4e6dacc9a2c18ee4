package sql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

// fakeServer counts the pools that are made of it, and those that are closed.
type fakeServer struct{ opened, closed atomic.Int32 }

func (f *fakeServer) open() (*sql.DB, error) {
	f.opened.Add(1)
	return sql.OpenDB(fakeConnector{f}), nil
}

type fakeConnector struct{ server *fakeServer }

func (fakeConnector) Connect(context.Context) (driver.Conn, error) {
	return nil, errors.New("nobody is there")
}
func (fakeConnector) Driver() driver.Driver { return nil }
func (c fakeConnector) Close() error        { c.server.closed.Add(1); return nil }

func source(i int) types.NamespacedName {
	return types.NamespacedName{Namespace: "success", Name: fmt.Sprint(i)}
}

func TestAPoolIsClosedWhenNobodyUsesItAnyMore(t *testing.T) {
	server, provider := &fakeServer{}, NewProvider()
	use := func(i int, dsn string) *pool {
		t.Helper()
		used, err := provider.acquire(source(i), keyOf(pg, dsn, 1), server.open)
		if err != nil {
			t.Fatal(err)
		}
		return used
	}
	want := func(opened, closed int32) {
		t.Helper()
		provider.closing.Wait()
		if o, c := server.opened.Load(), server.closed.Load(); o != opened || c != closed {
			t.Errorf("%d pools were made and %d closed, want %d and %d", o, c, opened, closed)
		}
	}
	first, second := use(1, "a"), use(2, "a")
	provider.release(first)
	provider.release(second)
	want(1, 0)
	provider.Forget(source(1))
	provider.Forget(source(1))
	provider.Forget(source(3))
	want(1, 0)
	running := use(2, "a")
	provider.release(use(2, "b")) // lets go of the first, which a read runs on
	want(2, 0)
	provider.release(running)
	want(2, 1)
	running = use(2, "b")
	provider.Forget(source(2))
	want(2, 1)
	again := use(1, "b")
	provider.release(running)
	want(2, 1)
	provider.Close()
	want(2, 1)
	provider.release(again)
	want(2, 2)
	if _, err := provider.acquire(source(1), keyOf(pg, "a", 1), server.open); err == nil {
		t.Error("a closed provider made a pool")
	}
}

func TestAPoolIsNotMadeOfWhatIsNoConnectionString(t *testing.T) {
	server, provider := &fakeServer{}, NewProvider()
	used, err := provider.acquire(source(1), keyOf(pg, "a", 1), server.open)
	if err != nil {
		t.Fatal(err)
	}
	provider.release(used)
	if _, err := provider.acquire(source(1), keyOf(pg, "b", 1), func() (*sql.DB, error) { return nil, errNoDSN }); !errors.Is(err, errNoDSN) {
		t.Errorf("got %v", err)
	}
	provider.closing.Wait()
	if server.closed.Load() != 1 {
		t.Error("the connections of the old connection string are still there")
	}
	provider.Close()
}

func TestPoolsOfManySourcesAtOnce(t *testing.T) {
	server, provider := &fakeServer{}, NewProvider()
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 500 {
				used, err := provider.acquire(source(worker), keyOf(pg, fmt.Sprint((worker+i)%3), 1), server.open)
				if err != nil {
					t.Error(err)
					return
				}
				if i%7 == 0 {
					provider.Forget(source(worker))
				}
				if err := used.db.PingContext(t.Context()); err == nil || err.Error() != "nobody is there" {
					t.Errorf("got %v", err)
				}
				provider.release(used)
			}
		})
	}
	all.Wait()
	provider.Close()
	if len(provider.pools)+len(provider.used) > 0 || server.opened.Load() != server.closed.Load() {
		t.Errorf("%d pools and %d sources are left, %d pools were made and %d closed", len(provider.pools), len(provider.used), server.opened.Load(), server.closed.Load())
	}
}
