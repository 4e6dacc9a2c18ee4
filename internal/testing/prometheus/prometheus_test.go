//go:build unix

package prometheus_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"testing"

	"github.com/perennial-dev/perennial/internal/testing/prometheus"
)

func TestAServerKeepsItsPortAndDataOverARestart(t *testing.T) {
	server := prometheus.Start(t, prometheus.Options{})
	server.Expose(`usage{org="acme"} 1.5`, `usage{org="bolt"} NaN`, `usage{org="core"} +Inf`)
	server.Await("usage", "+Inf", "1.5", "NaN")
	server.Expose(`usage{org="acme"} 2`)
	server.Await("usage", "2")
	address := server.Address()

	server.Stop()
	if conn, err := net.Dial("tcp", address); err == nil {
		_ = conn.Close()
		t.Fatal("something still listens on the port of a stopped server")
	}
	server.Restart()

	if server.Address() != address {
		t.Errorf("the server moved from %s to %s", address, server.Address())
	}
	server.Await("usage", "2")
	server.Await(`count_over_time(usage{org="bolt"}[1h]) >= bool 1`, "1")
}

func TestAServerAsksForAPasswordOverTLS(t *testing.T) {
	server := prometheus.Start(t, prometheus.Options{Auth: true, TLS: true})
	server.Await("vector(1)", "1")

	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(server.CA()) {
		t.Fatal("the authority has no certificate")
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	resp, err := client.Get(server.URL() + "/-/ready")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a password: %s, want 401", resp.Status)
	}
	if resp, err := http.Get(server.URL() + "/-/ready"); err == nil {
		_ = resp.Body.Close()
		t.Error("a client that does not know the authority was answered")
	}
}
