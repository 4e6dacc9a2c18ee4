package controlplane

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// certificateLife is how long a certificate is good for. They are made anew at every start.
const certificateLife = 365 * 24 * time.Hour

// authority signs the certificates of one data folder. It is kept with the data, so that a copied kubeconfig works
// after a restart.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  crypto.Signer
}

func (a *authority) certFile() string { return filepath.Join(a.dir, "ca.crt") }
func (a *authority) keyFile() string  { return filepath.Join(a.dir, "ca.key") }

// serviceAccountKey signs the tokens of service accounts. It is kept too: tokens stored in secrets stay good.
func (a *authority) serviceAccountKey() string { return filepath.Join(a.dir, "service-account.key") }

// leaf is one certificate with its key, as PEM and as files.
type leaf struct {
	cert, key         []byte
	certFile, keyFile string
}

// openAuthority reads the authority of a folder, or makes one.
func openAuthority(dir string) (*authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for certificates: %w", err)
	}
	a := &authority{dir: dir}
	// The certificate is written last: when it is there, the rest is.
	certs, err := cert.CertsFromFile(a.certFile())
	if errors.Is(err, fs.ErrNotExist) {
		return a, a.create()
	} else if err != nil {
		return nil, a.unreadable(err)
	}
	key, err := keyutil.PrivateKeyFromFile(a.keyFile())
	if err != nil {
		return nil, a.unreadable(err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, a.unreadable(fmt.Errorf("%s cannot sign", a.keyFile()))
	}
	a.cert, a.key = certs[0], signer
	return a, nil
}

func (a *authority) unreadable(err error) error {
	return fmt.Errorf("read the certificates of the earlier run (delete %s to have new ones): %w", a.dir, err)
}

// create makes the authority's key and certificate, and the service accounts' key.
func (a *authority) create() error {
	accounts, err := keyutil.MakeEllipticPrivateKeyPEM()
	if err != nil {
		return fmt.Errorf("make the key for service accounts: %w", err)
	}
	signer, keyPEM, err := newKey()
	if err != nil {
		return err
	}
	a.key = signer
	a.cert, err = cert.NewSelfSignedCACert(cert.Config{CommonName: "perennial local control plane"}, signer)
	if err != nil {
		return fmt.Errorf("make the certificate authority: %w", err)
	}
	if err := errors.Join(
		writeFile(a.serviceAccountKey(), accounts),
		writeFile(a.keyFile(), keyPEM),
	); err != nil {
		return fmt.Errorf("write the authority's keys: %w", err)
	}
	if err := writeFile(a.certFile(), a.certPEM()); err != nil {
		return fmt.Errorf("write the authority's certificate: %w", err)
	}
	return nil
}

func (a *authority) certPEM() []byte {
	pem, err := cert.EncodeCertificates(a.cert)
	if err != nil {
		return nil // it fails for an empty certificate only, and ours was parsed
	}
	return pem
}

// newServing makes the certificate that the servers show. etcd also uses it to call itself, hence both usages.
func (a *authority) newServing() (leaf, error) {
	return a.issue("serving", &x509.Certificate{
		Subject:     pkix.Name{CommonName: "localhost"},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.ParseIP(loopback)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
}

// newClient makes a certificate for a user of the API.
func (a *authority) newClient(file, user string, groups ...string) (leaf, error) {
	return a.issue(file, &x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

// issue signs a certificate with a new key and writes both.
func (a *authority) issue(file string, template *x509.Certificate) (leaf, error) {
	signer, keyPEM, err := newKey()
	if err != nil {
		return leaf{}, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(math.MaxInt64))
	if err != nil {
		return leaf{}, fmt.Errorf("choose a serial number: %w", err)
	}
	template.SerialNumber = serial.Add(serial, big.NewInt(1))
	// An hour ago: the clock of a laptop, or of a virtual machine on it, may be set back.
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(certificateLife)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, signer.Public(), a.key)
	if err != nil {
		return leaf{}, fmt.Errorf("sign the certificate %q: %w", file, err)
	}
	return a.write(file, der, keyPEM)
}

func (a *authority) write(file string, der, keyPEM []byte) (leaf, error) {
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return leaf{}, fmt.Errorf("read back the certificate %q: %w", file, err)
	}
	certPEM, err := cert.EncodeCertificates(parsed)
	if err != nil {
		return leaf{}, fmt.Errorf("encode the certificate %q: %w", file, err)
	}
	l := leaf{
		cert: certPEM, key: keyPEM,
		certFile: filepath.Join(a.dir, file+".crt"), keyFile: filepath.Join(a.dir, file+".key"),
	}
	if err := errors.Join(writeFile(l.keyFile, keyPEM), writeFile(l.certFile, certPEM)); err != nil {
		return leaf{}, fmt.Errorf("write the certificate %q: %w", file, err)
	}
	return l, nil
}

// newKey makes a private key, as value and as PEM.
func newKey() (crypto.Signer, []byte, error) {
	pem, err := keyutil.MakeEllipticPrivateKeyPEM()
	if err != nil {
		return nil, nil, fmt.Errorf("make a private key: %w", err)
	}
	key, err := keyutil.ParsePrivateKeyPEM(pem)
	if err != nil {
		return nil, nil, fmt.Errorf("read back a private key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, nil, fmt.Errorf("a %T cannot sign", key)
	}
	return signer, pem, nil
}
