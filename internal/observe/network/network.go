// Package network connects to the servers of sources, and to no others: an address is checked when it is dialled, after
// every name was resolved and every redirect followed, so that no way of writing it leads elsewhere.
package network

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"
)

// ErrAddress is the error of an address that the operator does not connect to.
var ErrAddress = errors.New("the address is not one that the operator connects to")

// Dialer connects to addresses that are allowed: not to link-local ones and those of cloud metadata services, not to
// multicast, reserved and translated ones, and to loopback only if AllowLoopback says so. Private networks are allowed:
// that is where a cluster's own servers are.
type Dialer struct {
	// AllowLoopback allows 127.0.0.0/8, ::1 and unix sockets.
	AllowLoopback bool
	// Resolver of names; nil is the system's.
	Resolver *net.Resolver
}

// DialContext connects, or returns an error that wraps ErrAddress.
func (d Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if err := d.checkLiteral(network, address); err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Resolver: d.Resolver, ControlContext: d.control}
	return dialer.DialContext(ctx, network, address)
}

// control is called with the resolved address before every attempt to connect to it.
func (d Dialer) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	return d.check(network, address)
}

// check refuses addresses that are not to be connected to.
func (d Dialer) check(network, address string) error {
	if strings.HasPrefix(network, "unix") {
		return d.unix()
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: it is no address and port", ErrAddress)
	}
	if isMetadata(at.Addr()) {
		return fmt.Errorf("%w: it is one of a cloud's metadata service", ErrAddress)
	}
	if isTunnel(at.Addr()) {
		return fmt.Errorf("%w: it hides an IPv4 address", ErrAddress)
	}
	guardian := elsewhere
	if d.AllowLoopback {
		guardian = everywhere
	}
	if err := guardian.Safe(network, address, nil); err != nil {
		return fmt.Errorf("%w: %w", ErrAddress, err)
	}
	return nil
}

// checkLiteral checks an address without a name as it is written. What control sees of it is what the system makes of
// it: 10.0.0.1 of ::ffff:10.0.0.1, and on some systems 127.0.0.1 of 0.0.0.0.
func (d Dialer) checkLiteral(network, address string) error {
	if strings.HasPrefix(network, "unix") {
		return d.unix()
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if host == "" {
		return fmt.Errorf("%w: it names no host", ErrAddress)
	}
	ip, err := netip.ParseAddr(host)
	isName := err != nil
	if isName {
		return nil // control sees what it resolves to
	}
	family := "tcp4"
	if ip.Is6() {
		family = "tcp6"
	}
	return d.check(family, netip.AddrPortFrom(ip, 0).String())
}

// unix says whether unix sockets are allowed.
func (d Dialer) unix() error {
	if d.AllowLoopback {
		return nil
	}
	return fmt.Errorf("%w: it is a unix socket", ErrAddress)
}

// The guardians deny everything of the registries of special addresses but private networks; one allows loopback too.
var (
	elsewhere  = newGuardian()
	everywhere = newGuardian(netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
)

func newGuardian(loopback ...netip.Prefix) *ssrf.Guardian {
	var v4, v6 []netip.Prefix
	for _, prefix := range slices.Concat(private, loopback) {
		if prefix.Addr().Is4() {
			v4 = append(v4, prefix)
		} else {
			v6 = append(v6, prefix)
		}
	}
	return ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
}

// private are the networks that are not on the internet and that servers are in.
var private = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), // carriers, and the pods of some clouds
	netip.MustParsePrefix("fc00::/7"),
}

// metadata are the services of clouds that hand a machine's credentials to whoever asks from it, in networks that are
// otherwise allowed. Those at link-local addresses are denied with them.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("100.100.100.200/32"),     // Alibaba Cloud
	netip.MustParsePrefix("168.63.129.16/32"),       // Azure
	netip.MustParsePrefix("fd00:ec2::/32"),          // AWS: metadata, pod identity, time, names
	netip.MustParsePrefix("fd20:ce::254/128"),       // Google Cloud
	netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), // Oracle Cloud
	netip.MustParsePrefix("fd00:42::42/128"),        // Scaleway
	netip.MustParsePrefix("fd00:a9fe:a9fe::1/128"),  // Akamai (Linode)
	netip.MustParsePrefix("fd00:100::100:200/128"),  // Alibaba Cloud
}

// isMetadata reports whether an address is one of a metadata service.
func isMetadata(ip netip.Addr) bool {
	return slices.ContainsFunc(metadata, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// isTunnel reports whether an address is of ISATAP (RFC 5214), which leads to the IPv4 address in its last four bytes
// from within any network. The other ways to hide one have networks of their own, which are denied.
func isTunnel(ip netip.Addr) bool {
	b := ip.As16()
	return ip.Is6() && b[8]&^0x03 == 0 && bytes.Equal(b[9:12], []byte{0, 0x5e, 0xfe})
}
