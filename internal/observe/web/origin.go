package web

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// origin is where a URL leads: all that browsers call its origin.
type origin struct{ scheme, host, port string }

func originOf(u *url.URL) origin {
	o := origin{scheme: strings.ToLower(u.Scheme), host: strings.ToLower(u.Hostname()), port: u.Port()}
	if o.port == "" {
		o.port = defaultPort(o.scheme)
	}
	return o
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// name is how a Secret lists the origin's host: with the port where that is not the scheme's.
func (o origin) name() string {
	host := strings.TrimSuffix(o.host, ".")
	switch {
	case o.port != defaultPort(o.scheme):
		return net.JoinHostPort(host, o.port)
	case strings.Contains(host, ":"):
		return "[" + host + "]"
	}
	return host
}

// allowedBy reports whether a Secret's list of hosts, separated by commas, has the origin's.
func (o origin) allowedBy(list string) bool {
	name := o.name()
	_, err := netip.ParseAddr(strings.TrimSuffix(o.host, "."))
	isAddress := err == nil
	return slices.ContainsFunc(strings.Split(list, ","), func(entry string) bool {
		entry = strings.ToLower(strings.TrimSpace(entry))
		entry = strings.TrimSuffix(entry, ":"+defaultPort(o.scheme))
		if below, ok := strings.CutPrefix(entry, "*."); ok {
			host, found := strings.CutSuffix(name, "."+below)
			return found && host != "" && below != "" && !isAddress
		}
		return entry == name
	})
}
