package network_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/internal/observe/network"
)

func TestWhichAddressesAreConnectedTo(t *testing.T) {
	// who may: everybody, who allows loopback, nobody.
	const everybody, loopback, nobody = "everybody", "loopback", "nobody"
	tests := map[string]map[string][]string{
		"the internet": {everybody: {
			"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "168.63.129.15",
			"168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "192.169.0.0",
			"198.17.255.255", "198.20.0.0", "223.255.255.255", "2000::1", "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1", "3ffe::1",
		}},
		"private networks": {everybody: {
			"10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255", "100.64.0.0", "100.127.255.255",
			"100.100.100.199", "100.100.100.201", "fc00::1", "fd00::1", "fdff:ffff::1", "fd00:ec1::254", "fd00:ec3::254", "fd20:ce::253", "fd20:ce::255",
		}},
		"loopback": {loopback: {"127.0.0.0", "127.0.0.1", "127.255.255.255", "::1"}},
		"nowhere":  {nobody: {"0.0.0.0", "0.255.255.255", "::"}},
		"the link": {nobody: {"169.254.0.0", "169.254.169.254", "169.254.255.255", "fe80::", "fe80::1", "febf::1", "fe80::1%eth0"}},
		"metadata": {nobody: {
			"100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe",
			"fd00:42::42", "fd00:a9fe:a9fe::1", "fd00:100::100:200",
		}},
		"zones": {nobody: {"::1%lo", "fd00:ec2::254%eth0", "fd00::1%eth0", "2001:4860:4860::8888%eth0"}},
		"IPv4 inside of IPv6": {nobody: {
			"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:1.1.1.1", "::127.0.0.1", "::10.0.0.1", "64:ff9b::1.1.1.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
			"2002:7f00:1::", "2002:101:101::", "2001::1", "2001:0:7f00:1::", "fd00::5efe:7f00:1", "fd00::200:5efe:7f00:1", "2a00::5efe:a9fe:a9fe",
		}},
		"what nobody's server has": {nobody: {
			"192.0.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.88.99.1", "192.31.196.1", "192.52.193.1",
			"192.175.48.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "ff02::1", "ff0e::1", "100::1", "2001:db8::1", "2001:2::1",
			"2620:4f:8000::1", "3fff::1", "4000::1", "5f00::1", "fec0::1", "f000::1", "::2",
		}},
	}
	for kind, who := range tests {
		for may, addresses := range who {
			for _, address := range addresses {
				t.Run(fmt.Sprintf("%s: %s", kind, address), func(t *testing.T) {
					family := "tcp6"
					if net.ParseIP(address).To4() != nil && address[0] != ':' {
						family = "tcp4"
					}
					for allow, want := range map[bool]bool{false: may == everybody, true: may != nobody} {
						err := network.Check(network.Dialer{AllowLoopback: allow}, family, net.JoinHostPort(address, "5432"))
						if (err == nil) != want || err != nil && !errors.Is(err, network.ErrAddress) {
							t.Errorf("with loopback allowed: %t: got %v, want it to pass: %t", allow, err, want)
						}
					}
				})
			}
		}
	}
}

func TestOnlyTCPIsConnectedTo(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	tests := map[string]struct {
		network, address string
		// loopback is whether it passes where loopback is allowed; otherwise it never does.
		loopback bool
	}{
		"a unix socket":             {"unix", socket, true},
		"a unix socket of packets":  {"unixpacket", socket, false},
		"an abstract unix socket":   {"unix", "@perennial-test", false},
		"UDP":                       {"udp", "127.0.0.1:53", false},
		"raw IP":                    {"ip4:icmp", "127.0.0.1", false},
		"nothing":                   {"tcp", ":80", false},
		"the unspecified address":   {"tcp", "0.0.0.0:80", false},
		"a mapped address":          {"tcp", "[::ffff:127.0.0.1]:80", false},
		"a host without a port":     {"tcp", "127.0.0.1", false},
		"no network that there is":  {"pigeon", "127.0.0.1:80", false},
		"a port that there is not":  {"tcp", "127.0.0.1:70000", false},
		"a mapped private address":  {"tcp", "[::ffff:10.0.0.1]:80", false},
		"a zone of IPv4, say":       {"tcp", "[127.0.0.1%lo]:80", false},
		"a zone of loopback":        {"tcp", "[::1%lo]:80", false},
		"a name that is an address": {"tcp", "0x7f.1:80", false},
	}
	none := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no name server") }}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for allow, want := range map[bool]bool{false: false, true: test.loopback} {
				conn, err := network.Dialer{AllowLoopback: allow, Resolver: none}.DialContext(t.Context(), test.network, test.address)
				if err == nil {
					_ = conn.Close()
				}
				if (err == nil) != want {
					t.Errorf("with loopback allowed: %t: got %v, want it to pass: %t", allow, err, want)
				}
			}
		})
	}
}

func TestNoConnectionIsMadeToAnAddressThatIsRefused(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
			if err != nil {
				t.Skipf("this machine cannot listen there: %v", err)
			}
			var accepted atomic.Int32
			arrived := make(chan struct{}, 10)
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					accepted.Add(1)
					arrived <- struct{}{}
					_ = conn.Close()
				}
			}()
			defer func() { _ = l.Close() }()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			for _, to := range []string{l.Addr().String(), "0.0.0.0:" + port, "[::]:" + port, ":" + port, "[::ffff:127.0.0.1]:" + port, "localhost:" + port} {
				for _, kind := range []string{"tcp", "tcp4", "tcp6"} {
					_, err := network.Dialer{}.DialContext(t.Context(), kind, to)
					var dns *net.DNSError
					var family *net.AddrError
					if err == nil || !errors.Is(err, network.ErrAddress) && !errors.As(err, &dns) && !errors.As(err, &family) {
						t.Errorf("%s %s: got %v, want ErrAddress", kind, to, err)
					}
				}
			}
			if accepted.Load() != 0 {
				t.Errorf("%d connections arrived", accepted.Load())
			}
			// And the way is open otherwise: what is counted is not nothing.
			conn, err := network.Dialer{AllowLoopback: true}.DialContext(t.Context(), "tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
			select {
			case <-arrived:
			case <-time.After(30 * time.Second):
				t.Error("the connection did not arrive")
			}
		})
	}
}
