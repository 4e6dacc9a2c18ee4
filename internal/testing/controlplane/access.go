package controlplane

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// access is how to talk to the servers of one run.
type access struct {
	authority *authority
	serving   leaf
	adminCert leaf
	admin     *rest.Config // complete once the API server's port is known
	client    *http.Client // for health checks; knows our authority, so nobody else's server passes for ours
}

// newAccess makes the certificates of this run.
func newAccess(pki string) (access, error) {
	a := access{}
	var err error
	if a.authority, err = openAuthority(pki); err != nil {
		return a, err
	}
	if a.serving, err = a.authority.newServing(); err != nil {
		return a, err
	}
	if a.adminCert, err = a.authority.newClient("admin", "admin", "system:masters"); err != nil {
		return a, err
	}
	a.client, err = rest.HTTPClientFor(a.config(0, a.adminCert))
	if err != nil {
		return a, fmt.Errorf("make a client for health checks: %w", err)
	}
	return a, nil
}

// config is how to reach the API server at a port with a client's certificate.
func (a access) config(port int, client leaf) *rest.Config {
	return &rest.Config{
		Host: "https://" + hostPort(port),
		TLSClientConfig: rest.TLSClientConfig{
			CAData: a.authority.certPEM(), CertData: client.cert, KeyData: client.key,
		},
		QPS: -1, // no limit on our side: the API server has its own
	}
}

// answersOK returns a check that a URL is answered with 200.
func (a access) answersOK(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := a.client.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s: %s", url, response.Status, strings.TrimSpace(string(body)))
		}
		return nil
	}
}

// writeKubeconfig writes a kubeconfig file with one user.
func writeKubeconfig(path string, config *rest.Config) error {
	const name = "perennial-local"
	k := clientcmdapi.NewConfig()
	k.Clusters[name] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	k.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	k.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	k.CurrentContext = name
	data, err := clientcmd.Write(*k)
	if err != nil {
		return fmt.Errorf("encode the kubeconfig: %w", err)
	}
	if err := writeFile(path, data); err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	return nil
}
