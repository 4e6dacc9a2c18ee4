//go:build unix

package mariadb_test

import (
	"database/sql"
	"net"
	"testing"

	"github.com/perennial-dev/perennial/internal/testing/mariadb"
)

func TestAServerKeepsItsPortAndDataOverARestart(t *testing.T) {
	server := mariadb.Start(t)
	server.Exec("create table customer (name text); insert into customer values ('acme')")
	address := server.Address()

	server.Stop()
	if conn, err := net.Dial("tcp", address); err == nil {
		_ = conn.Close()
		t.Fatal("something still listens on the port of a stopped server")
	}
	server.Restart()

	db, err := sql.Open("mysql", server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var name string
	if err := db.QueryRowContext(t.Context(), "select name from customer").Scan(&name); err != nil || name != "acme" {
		t.Fatalf("got %q, %v; want acme", name, err)
	}
}
