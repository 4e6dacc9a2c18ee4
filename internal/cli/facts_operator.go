package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/internal/snapshot"
)

// operatorTimeout is how long the operator may take to answer with all it has.
const operatorTimeout = 2 * time.Minute

// addFacts adds what the operator holds. Whose operator is only in the environment, and who may not ask it, goes on with what
// the statuses remember: many a person may see accounts and nothing else.
func (o *factsOptions) addFacts(ctx context.Context, c client.Client, s *snapshot.Snapshot) error {
	if !strings.HasPrefix(o.operator, "https://") {
		return fmt.Errorf("%s %s: the address begins with https://: what it serves is customers' data, and a token is shown to it", o.operatorName(), o.operator)
	}
	transport, err := o.transport()
	if err != nil {
		return err
	}
	err = o.ask(ctx, c, transport, s)
	if err == nil || ctx.Err() != nil || o.said("operator", "operator-token-file", "operator-ca", "operator-insecure-skip-tls-verify", "operator-service-account") {
		return err
	}
	_, _ = fmt.Fprintf(o.app.ErrOut, "Warning: %v\nGoing on with the facts that the accounts' statuses remember; --operator= does so without a word.\n", err)
	return nil
}

// ask asks the operator.
func (o *factsOptions) ask(ctx context.Context, c client.Client, transport *http.Transport, s *snapshot.Snapshot) error {
	token, err := o.token(ctx, c)
	if err != nil {
		return fmt.Errorf("%s: %w", o.operatorName(), err)
	}
	// A token goes to the one address that was named, wherever that one points.
	web := &http.Client{Timeout: operatorTimeout, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer web.CloseIdleConnections()
	if err := snapshot.AddFacts(ctx, web, o.operator, token, s); err != nil {
		return fmt.Errorf("%s: %w", o.operatorName(), err)
	}
	return nil
}

// transport connects to the operator.
func (o *factsOptions) transport() (*http.Transport, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.insecure} //nolint:gosec // only where a person says so
	if o.ca != "" {
		pem, err := os.ReadFile(o.ca)
		if err != nil {
			return nil, fmt.Errorf("--operator-ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--operator-ca %s: there is no certificate in it", o.ca)
		}
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true}, nil
}

// token is what the operator is shown: never kept, never printed.
func (o *factsOptions) token(ctx context.Context, c client.Client) (string, error) {
	if o.tokenFile != "" {
		return readToken("--operator-token-file", o.tokenFile)
	}
	// Who cannot tell whom it talks to does not show what opens the whole cluster.
	if !o.insecure && o.app.connect == nil {
		cfg, err := o.app.flags.ToRESTConfig()
		if err != nil {
			return "", fmt.Errorf("no cluster to ask: %w", err)
		}
		if cfg.BearerTokenFile != "" {
			return readToken("the kubeconfig", cfg.BearerTokenFile)
		}
		if cfg.BearerToken != "" {
			return cfg.BearerToken, nil
		}
	}
	return o.requestToken(ctx, c)
}

// readToken reads a token from a file.
func readToken(what, path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("%s: %s is empty", what, path)
	}
	return token, nil
}

// requestToken asks the cluster for a token of the service account that may read snapshots. It is good for the shortest time
// that there is.
func (o *factsOptions) requestToken(ctx context.Context, c client.Client) (string, error) {
	namespace, name, ok := strings.Cut(o.serviceAccount, "/")
	if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
		return "", fmt.Errorf("--operator-service-account %s: write NAMESPACE/NAME", o.serviceAccount)
	}
	account := &corev1.ServiceAccount{}
	account.Namespace, account.Name = namespace, name
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(600))}}
	if err := c.SubResource("token").Create(ctx, account, request); err != nil {
		return "", fmt.Errorf("a token of service account %s to show the operator: %w; name another with --operator-service-account, or a token with --operator-token-file", o.serviceAccount, err)
	}
	if request.Status.Token == "" {
		return "", errors.New("the cluster gave an empty token")
	}
	return request.Status.Token, nil
}
