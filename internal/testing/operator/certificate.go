package operator

import (
	"errors"
	"net"
	"os"
	"path/filepath"

	certutil "k8s.io/client-go/util/cert"
)

// certificate makes the certificate of a server on this machine in a folder, and returns its file.
func certificate(folder string) (string, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	certificate, key, err := certutil.GenerateSelfSignedCertKeyWithFixtures("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil, "")
	if err != nil {
		return "", err
	}
	file := filepath.Join(folder, "tls.crt")
	return file, errors.Join(os.WriteFile(filepath.Join(folder, "tls.key"), key, 0o600), os.WriteFile(file, certificate, 0o600))
}
