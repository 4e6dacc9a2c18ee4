//go:build unix

package prometheus

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"net"
	"strings"

	"k8s.io/client-go/util/cert"
)

// User and Password are those that a server with Options.Auth asks for.
const (
	User     = "perennial"
	Password = "not-a-secret-7f3a"
)

// passwordHash is the bcrypt hash of Password, as cheap as bcrypt can be. It is fixed so that no test needs bcrypt.
const passwordHash = "$2b$04$perennialperennialpere3Tw2TcU3klmDuTGjbRoFzqwK64mGPFe"

// writeConfig writes the server's configuration: a scrape five times a second of what the test exposes, and who may ask.
func (s *Server) writeConfig() {
	s.t.Helper()
	s.write("prometheus.yml", fmt.Appendf(nil, `global:
  scrape_interval: 200ms
  scrape_timeout: 200ms
scrape_configs:
- job_name: test
  static_configs:
  - targets: [%q]
%s
`, strings.TrimPrefix(s.target.URL, "http://"), s.options.Config))

	var web strings.Builder
	if s.options.Auth {
		fmt.Fprintf(&web, "basic_auth_users:\n  %s: %s\n", User, passwordHash)
	}
	if s.options.TLS {
		s.makeCertificate()
		web.WriteString("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n")
	}
	s.write("web.yml", []byte(web.String()))
}

// makeCertificate makes an authority, and with it the server's certificate.
func (s *Server) makeCertificate() {
	s.t.Helper()
	chain, key, err := cert.GenerateSelfSignedCertKey("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	leaf, authority := pem.Decode(chain)
	s.ca = bytes.TrimSpace(authority)
	s.write("server.crt", pem.EncodeToMemory(leaf))
	s.write("server.key", key)
}
