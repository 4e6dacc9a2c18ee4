package web_test

import (
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe/web"
)

func TestASpecThatCannotWork(t *testing.T) {
	rawURL := func(u string) func(*source) { return func(s *source) { s.config.URL = u } }
	tokenURL := func(u string) func(*source) { return func(s *source) { s.oauth2(u) } }
	param := func(name string) func(*source) {
		return func(s *source) {
			s.oauth2("https://api.test/token").config.Auth.OAuth2.Params = map[string]v1alpha1.OAuth2Param{name: clientWord}
		}
	}
	tests := map[string]struct {
		change func(*source)
		want   string
	}{
		"not a URL":                        {rawURL("https://api.test:x/" + theQuery), "url: it is not a URL; write https://host/path"},
		"a control character":              {rawURL("https://api.test/\x00"), "url: it is not a URL; write https://host/path"},
		"another scheme":                   {rawURL("ftp://api.test"), "url: the scheme is not http or https; write https://host/path"},
		"no scheme":                        {rawURL("api.test/orgs"), "url: the scheme is not http or https; write https://host/path"},
		"no host":                          {rawURL("https:///orgs"), "url: there is no host in it; write https://host/path"},
		"a port alone":                     {rawURL("https://:443/orgs"), "url: there is no host in it; write https://host/path"},
		"a user and a password":            {rawURL("https://jo:" + thePassword + "@api.test"), "url: a URL holds no user and password; give them with auth.basic, from a Secret"},
		"a user without a name":            {rawURL("https://@api.test"), "url: a URL holds no user and password; give them with auth.basic, from a Secret"},
		"a fragment":                       {rawURL("https://api.test/#" + theQuery), "url: what follows # is never sent to a server; leave it out, or write %23"},
		"an empty fragment":                {rawURL("https://api.test/#"), "url: what follows # is never sent to a server; leave it out, or write %23"},
		"a port that is none":              {rawURL("https://api.test:70000"), "url: the port is not one of 1 to 65535"},
		"port 0":                           {rawURL("https://api.test:0"), "url: the port is not one of 1 to 65535"},
		"a host that ends a quoted text":   {rawURL("https://x';rm;'/"), "url: a host is letters, digits, dots and hyphens, or an address; write an international name as xn--..."},
		"a host that is a command":         {rawURL("https://$(rm)/"), "url: a host is letters, digits, dots and hyphens, or an address; write an international name as xn--..."},
		"an international name":            {rawURL("https://bücher.test"), "url: a host is letters, digits, dots and hyphens, or an address; write an international name as xn--..."},
		"an address with a zone":           {rawURL("https://[fe80::1%25eth0]/"), "url: a host is letters, digits, dots and hyphens, or an address; write an international name as xn--..."},
		"a token URL that is none":         {tokenURL("https://jo@api.test"), "auth.oauth2.tokenURL: a URL holds no user and password; give them with auth.basic, from a Secret"},
		"a secret among the parameters":    {param("client_secret"), "auth.oauth2.params[client_secret]: it is given with clientSecretRef"},
		"scopes among the parameters":      {param("scope"), "auth.oauth2.params[scope]: it is given with scopes"},
		"another grant":                    {param("grant_type"), "auth.oauth2.params[grant_type]: the operator sets it itself; leave it out"},
		"two ways to prove who asks":       {func(s *source) { a := s.basic().config.Auth; s.bearer().config.Auth.Basic = a.Basic }, "auth: exactly one of bearer, basic and oauth2 is required"},
		"no way to prove who asks":         {func(s *source) { s.config.Auth = &v1alpha1.HTTPAuth{} }, "auth: exactly one of bearer, basic and oauth2 is required"},
		"Authorization twice":              {func(s *source) { s.bearer().header("authorization") }, "headers[authorization]: auth sets this header too; leave one of them out"},
		"a header twice":                   {func(s *source) { s.header("X-Key").header("x-key") }, "headers[x-key]: a second header of this name; upper and lower case do not count"},
		"the host as a header":             {plain("host", "other.test"), "headers[host]: the operator sets this header itself; leave it out"},
		"a length":                         {plain("Content-Length", "0"), "headers[Content-Length]: the operator sets this header itself; leave it out"},
		"an encoding":                      {plain("Transfer-Encoding", "chunked"), "headers[Transfer-Encoding]: the operator sets this header itself; leave it out"},
		"a connection":                     {plain("CONNECTION", "close"), "headers[CONNECTION]: the operator sets this header itself; leave it out"},
		"a proxy":                          {func(s *source) { s.header("Proxy-Authorization") }, "headers[Proxy-Authorization]: the operator sets this header itself; leave it out"},
		"a compression":                    {plain("Accept-Encoding", "br"), "headers[Accept-Encoding]: the operator sets this header itself; leave it out"},
		"a header that begins another":     {plain("X-Tenant", "a\r\nX-Other: "+theKey), "headers[X-Tenant].value: it holds a character that no header can have, such as a line break"},
		"a name that is none":              {plain("X Tenant", theKey), "headers[0].name: a name is letters, digits and hyphens"},
		"a name with a line break":         {plain("X\r\nY", theKey), "headers[0].name: a name is letters, digits and hyphens"},
		"a header without a value":         {plain("X-Tenant", ""), "headers[X-Tenant]: exactly one of value and valueSecretRef is required"},
		"a header with two values":         {func(s *source) { s.header("X-Key").config.Headers[0].Value = theKey }, "headers[X-Key]: exactly one of value and valueSecretRef is required"},
		"a header with a character of old": {plain("X-Tenant", "a\x7f"), "headers[X-Tenant].value: it holds a character that no header can have, such as a line break"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			source := newSource("https://api.test/orgs")
			test.change(source)
			wantError(t, web.Check(source.config), v1alpha1.ReasonInvalidSpec, "spec.http."+test.want)
			_, err := source.open(t.Context(), t)
			wantError(t, err, v1alpha1.ReasonInvalidSpec, "spec.http."+test.want)
		})
	}
}

func TestASpecThatCanWork(t *testing.T) {
	for _, rawURL := range []string{
		"http://prometheus.monitoring:9090", "https://api.test", "https://API.test/a/b?c=d&e=%20${since}", "https://a_b.test:8443/", "http://127.0.0.1:1/",
		"https://[fd12::1]:9090/x", "https://xn--bcher-kva.test", "https://api.test./",
	} {
		source := newSource(rawURL).bearer().header("X-Key").header("Cookie")
		plain("Accept", "text/csv")(source)
		if err := web.Check(source.config); err != nil {
			t.Errorf("%s: %v", rawURL, err)
		}
	}
	source := newSource("https://api.test").oauth2("https://login.test/token")
	source.config.Auth.OAuth2.Params = map[string]v1alpha1.OAuth2Param{"audience": "orgs", "resource": "x"}
	if err := web.Check(source.config); err != nil {
		t.Error(err)
	}
}
