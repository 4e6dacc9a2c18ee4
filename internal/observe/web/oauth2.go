package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// authorizeOAuth2 makes the client get a token before its first request, and another when that one ends. The Secrets
// must allow both the server that gives the token and the one that it is for: else a spec could send either elsewhere.
func (c *Client) authorizeOAuth2(ctx context.Context, keys *keyring, auth *v1alpha1.OAuth2Auth) error {
	field := keys.field + ".auth.oauth2"
	tokenURL, err := url.Parse(string(auth.TokenURL))
	if err != nil {
		return observe.InvalidSpec("%s.tokenURL: %s", field, notAURL)
	}
	both := *keys
	both.origins = []origin{originOf(tokenURL), c.origin}
	id, err := both.secret(ctx, field+".clientIDSecretRef", auth.ClientIDSecretRef)
	if err != nil {
		return err
	}
	secret, err := both.secret(ctx, field+".clientSecretRef", auth.ClientSecretRef)
	if err != nil {
		return err
	}
	params := url.Values{}
	for name, value := range auth.Params {
		params.Set(name, string(value))
	}
	config := &clientcredentials.Config{
		ClientID: id, ClientSecret: secret, TokenURL: string(auth.TokenURL), Scopes: auth.Scopes, EndpointParams: params,
	}
	exchange := &tokenExchange{client: c, field: field}
	c.tokens = config.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{
		Transport:     exchange,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}))
	return nil
}

// token returns the token for the next request. Its error is an *observe.Error.
func (c *Client) token(ctx context.Context) (string, error) {
	field := c.config.Field + ".auth.oauth2"
	token, err := c.tokens.Token()
	if err == nil && !isHeaderValue(token.AccessToken) {
		return "", observe.ReadFailed("%s.tokenURL: the token holds a character that no header can have; check the URL", field)
	}
	if err == nil {
		return token.AccessToken, nil
	}
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		if told, ok := errors.AsType[*observe.Error](err); ok {
			return "", told
		}
		if ctx.Err() != nil {
			return "", c.explainAt(ctx, field+".tokenURL", err)
		}
		return "", observe.ReadFailed("%s.tokenURL: the answer holds no token; check the URL", field)
	}
	return "", c.tokenRefused(field, refused)
}

// tokenRefused says what the server that gives tokens did not like. Of its answer only the words of RFC 6749 are shown.
func (c *Client) tokenRefused(field string, refused *oauth2.RetrieveError) error {
	status := statusText(refused.Response.StatusCode)
	if slices.Contains([]string{"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}, refused.ErrorCode) {
		status += ", " + refused.ErrorCode
	}
	auth := c.config.Auth.OAuth2
	switch code := refused.Response.StatusCode; {
	case refused.ErrorCode == "invalid_scope":
		return observe.ReadFailed("%s.scopes: the server does not give a token for them (%s); check them, and what the client may ask for", field, status)
	case refused.ErrorCode == "unsupported_grant_type", refused.ErrorCode == "unauthorized_client":
		return observe.ReadFailed("%s: the server does not give this client tokens by the client credentials grant (%s); allow that there", field, status)
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed, code >= 300 && code < 400:
		return observe.ReadFailed("%s.tokenURL: nothing there gives tokens (%s); check the URL", field, status)
	}
	return observe.ReadFailed("%s: the server gives the client no token (%s); check the id and the secret in %s, and scopes and params",
		field, status, secretNames(&auth.ClientIDSecretRef, &auth.ClientSecretRef))
}

// tokenExchange is how tokens are asked for: guarded and bounded like everything, with the source's own headers and
// client certificate only where the server is the same.
type tokenExchange struct {
	client *Client
	field  string
	// failed keeps the library from asking in another way a server that cannot answer, or does not want to now.
	failed error
}

// RoundTrip implements http.RoundTripper. The library asks for one token at a time.
func (t *tokenExchange) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.failed != nil {
		closeBody(req)
		return nil, t.failed
	}
	resp, err := t.ask(req)
	if err != nil {
		t.failed = err
	}
	return resp, err
}

func (t *tokenExchange) ask(req *http.Request) (*http.Response, error) {
	c, field := t.client, t.field+".tokenURL"
	resp, err := c.exchangeForToken(req)
	if err != nil {
		return nil, c.explainAt(req.Context(), field, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= 500 || isBusy(resp) {
		return nil, observe.At(field, trouble(resp))
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenBytes+1))
	if err != nil {
		return nil, c.explainAt(req.Context(), field, err)
	}
	if len(data) > maxTokenBytes {
		return nil, observe.ReadFailed("%s: the answer is longer than %d bytes, which no token is; check the URL", field, maxTokenBytes)
	}
	resp.Body = io.NopCloser(bytes.NewReader(data))
	return resp, nil
}
