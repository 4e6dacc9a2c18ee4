//go:build unix

package sql_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/network"
)

func TestEveryConnectionIsDialledByTheGuard(t *testing.T) {
	for kind, d := range databases {
		t.Run(kind, func(t *testing.T) {
			dsns := map[string]struct{ dsn, want string }{
				"a name":    {"jo:hunter2@db.internal:5432", "tcp db.internal:5432"},
				"no port":   {"jo:hunter2@db.internal", "tcp db.internal:" + map[v1alpha1.SQLDriver]string{v1alpha1.DriverPostgres: "5432", v1alpha1.DriverMySQL: "3306"}[d.driver]},
				"loopback":  {"jo:hunter2@127.0.0.1:1", "tcp 127.0.0.1:1"},
				"metadata":  {"jo:hunter2@169.254.169.254:80", "tcp 169.254.169.254:80"},
				"IPv6":      {"jo:hunter2@[fd00::1]:5432", "tcp [fd00::1]:5432"},
				"localhost": {"jo:hunter2@localhost:5432", "tcp localhost:5432"},
			}
			for what, test := range dsns {
				dsn := "postgres://" + test.dsn + "/crm?sslmode=disable"
				if d.driver == v1alpha1.DriverMySQL {
					user, host, _ := strings.Cut(test.dsn, "@")
					dsn = user + "@tcp(" + host + ")/crm"
				}
				var dialled []string
				deps := withSecret(dsn)
				deps.Dial = func(_ context.Context, kind, address string) (net.Conn, error) {
					dialled = append(dialled, kind+" "+address)
					return nil, &net.OpError{Op: "dial", Net: kind, Err: network.ErrAddress}
				}
				_, err := readOnce(t, newRemote(d.driver, "select 1 as org", "n"), deps)
				told, ok := errors.AsType[*observe.Error](err)
				if !ok || told.Reason != v1alpha1.ReasonAddressNotAllowed || !strings.HasPrefix(told.Message, "spec.sql.dsnSecretRef: ") {
					t.Errorf("%s: got %v", what, err)
				}
				if !slices.Equal(dialled, []string{test.want}) {
					t.Errorf("%s: dialled %q, want %q", what, dialled, test.want)
				}
			}
		})
	}
}

func TestSocketsAreDialledByTheGuard(t *testing.T) {
	tests := map[string]struct {
		driver    v1alpha1.SQLDriver
		dsn, want string
	}{
		"PostgreSQL": {v1alpha1.DriverPostgres, "host=/run/postgresql user=jo", "unix /run/postgresql/.s.PGSQL.5432"},
		"MySQL":      {v1alpha1.DriverMySQL, "jo@unix(/run/mysql.sock)/crm", "unix /run/mysql.sock"},
	}
	for kind, test := range tests {
		t.Run(kind, func(t *testing.T) {
			deps := withSecret(test.dsn)
			deps.Dial = network.Dialer{}.DialContext
			_, err := readOnce(t, newRemote(test.driver, "select 1 as org", "n"), deps)
			told, ok := errors.AsType[*observe.Error](err)
			if !ok || told.Reason != v1alpha1.ReasonAddressNotAllowed {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAServerThatSpeaksNonsense(t *testing.T) {
	greetings := map[string]string{
		"nothing at all":           "",
		"another protocol":         "SSH-2.0-OpenSSH_9.2\r\n",
		"a greeting of no fields":  "\x01\x00\x00\x00\x0a",
		"a greeting that is short": "\x0a\x00\x00\x00\x0a8.0.0\x00\x01\x00\x00",
		"a greeting that is empty": "\x00\x00\x00\x00",
		"an error without words":   "\x01\x00\x00\x00\xff",
	}
	for what, greeting := range greetings {
		for kind, d := range databases {
			t.Run(kind+" and "+what, func(t *testing.T) {
				listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				served := make(chan struct{})
				defer func() { _ = listener.Close(); <-served }()
				go func() {
					defer close(served)
					for {
						conn, err := listener.Accept()
						if err != nil {
							return
						}
						_, _ = conn.Write([]byte(greeting))
						_ = conn.Close()
					}
				}()
				dsn := "postgres://jo:hunter2@" + listener.Addr().String() + "/crm?sslmode=disable"
				if d.driver == v1alpha1.DriverMySQL {
					dsn = "jo:hunter2@tcp(" + listener.Addr().String() + ")/crm"
				}
				_, err = readOnce(t, newRemote(d.driver, "select 1 as org", "n"), withSecret(dsn))
				told, ok := errors.AsType[*observe.Error](err)
				if !ok || told.Reason != v1alpha1.ReasonReadFailed || !strings.HasPrefix(told.Message, "spec.sql.dsnSecretRef: ") {
					t.Errorf("got %#v", err)
				}
			})
		}
	}
}
