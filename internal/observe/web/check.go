package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// notAURL is what is wrong with what no URL can be read from.
const notAURL = "it is not a URL; write https://host/path"

// Check checks what a spec says without reading anything. Its error is an *observe.Error of reason InvalidSpec.
func Check(config Config) error {
	if err := checkURL(config.Field+".url", config.URL); err != nil {
		return err
	}
	if err := checkHeaders(config); err != nil {
		return err
	}
	return checkAuth(config.Field+".auth", config.Auth)
}

// checkURL refuses what is no URL of a server.
func checkURL(field, text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return observe.InvalidSpec("%s: %s", field, notAURL) // the error repeats the URL
	}
	port, portErr := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return observe.InvalidSpec("%s: the scheme is not http or https; write https://host/path", field)
	case u.User != nil:
		return observe.InvalidSpec("%s: a URL holds no user and password; give them with auth.basic, from a Secret", field)
	case u.Hostname() == "":
		return observe.InvalidSpec("%s: there is no host in it; write https://host/path", field)
	case !isHost(u.Hostname()):
		return observe.InvalidSpec("%s: a host is letters, digits, dots and hyphens, or an address; write an international name as xn--...", field)
	case u.Port() != "" && (portErr != nil || port == 0):
		return observe.InvalidSpec("%s: the port is not one of 1 to 65535", field)
	case u.Fragment != "" || strings.HasSuffix(text, "#"):
		return observe.InvalidSpec("%s: what follows # is never sent to a server; leave it out, or write %%23", field)
	}
	return nil
}

// isHost reports whether a host is written with characters that names and addresses have. Others have no use, and would
// be dangerous in a command that a person copies.
func isHost(host string) bool {
	return !strings.ContainsFunc(host, func(r rune) bool {
		return !isAlphanumeric(r) && !strings.ContainsRune(".-_:", r)
	})
}

func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// managed are the headers that HTTP itself sets, or that belong to one connection.
var managed = []string{
	"Accept-Encoding", "Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Authorization",
	"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// checkHeaders refuses headers that cannot be sent, or not twice.
func checkHeaders(config Config) error {
	seen := map[string]bool{}
	for i := range config.Headers {
		h := &config.Headers[i]
		field := headerField(config.Field, h.Name)
		name := http.CanonicalHeaderKey(h.Name)
		switch {
		case !isHeaderName(h.Name):
			return observe.InvalidSpec("%s.headers[%d].name: a name is letters, digits and hyphens", config.Field, i)
		case slices.Contains(managed, name), slices.Contains(config.Reserved, name):
			return observe.InvalidSpec("%s: the operator sets this header itself; leave it out", field)
		case name == "Authorization" && config.Auth != nil:
			return observe.InvalidSpec("%s: auth sets this header too; leave one of them out", field)
		case seen[name]:
			return observe.InvalidSpec("%s: a second header of this name; upper and lower case do not count", field)
		case (h.Value != "") == (h.ValueSecretRef != nil):
			return observe.InvalidSpec("%s: exactly one of value and valueSecretRef is required", field)
		case !isHeaderValue(h.Value):
			return observe.InvalidSpec("%s.value: it holds a character that no header can have, such as a line break", field)
		}
		seen[name] = true
	}
	return nil
}

func headerField(field, name string) string { return fmt.Sprintf("%s.headers[%s]", field, name) }

func isHeaderName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return !isAlphanumeric(r) && r != '-' && r != '_' })
}

// isHeaderValue reports whether a header may have a value: it must not end the header and begin another.
func isHeaderValue(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// ownParams are the parameters of a token request that have fields of their own.
var ownParams = map[string]string{
	"client_id": "clientIDSecretRef", "client_secret": "clientSecretRef", "scope": "scopes", "grant_type": "",
}

// checkAuth refuses no or several ways to prove who asks, and a token request that cannot be made.
func checkAuth(field string, auth *v1alpha1.HTTPAuth) error {
	if auth == nil {
		return nil
	}
	ways := 0
	for _, set := range []bool{auth.Bearer != nil, auth.Basic != nil, auth.OAuth2 != nil} {
		if set {
			ways++
		}
	}
	if ways != 1 {
		return observe.InvalidSpec("%s: exactly one of bearer, basic and oauth2 is required", field)
	}
	if auth.OAuth2 == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(ownParams)) {
		own := ownParams[name]
		if _, ok := auth.OAuth2.Params[name]; !ok {
			continue
		}
		if own == "" {
			return observe.InvalidSpec("%s.oauth2.params[%s]: the operator sets it itself; leave it out", field, name)
		}
		return observe.InvalidSpec("%s.oauth2.params[%s]: it is given with %s", field, name, own)
	}
	return checkURL(field+".oauth2.tokenURL", string(auth.OAuth2.TokenURL))
}
