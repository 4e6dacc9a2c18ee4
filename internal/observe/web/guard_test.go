package web_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/network"
	"github.com/perennial-dev/perennial/internal/observe/web"
)

// trap listens on one port of loopback, IPv4 and IPv6, and counts who comes.
type trap struct {
	port     string
	accepted atomic.Int32
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	trap := &trap{}
	v4 := listen(t, "127.0.0.1:0")
	_, trap.port, _ = net.SplitHostPort(v4.Addr().String())
	listeners := []net.Listener{v4}
	if v6, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "[::1]:"+trap.port); err == nil {
		t.Cleanup(func() { _ = v6.Close() })
		listeners = append(listeners, v6)
	} else {
		t.Logf("only IPv4: %v", err)
	}
	for _, l := range listeners {
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				trap.accepted.Add(1)
				_ = conn.Close()
			}
		}()
	}
	return trap
}

// refusals are messages by which a way to write an address ends before there is one.
var refusals = []string{"cannot be resolved", "is not a URL", "not a host and a port", "no such host", "invalid", "missing", "too many colons", "unknown port", "first path segment in URL", "is not one of http or https"}

// isRefusal reports whether an error is that of the guard, or of an address that nothing was made of.
func isRefusal(err error) bool {
	if errors.Is(err, network.ErrAddress) {
		return true
	}
	if told, ok := errors.AsType[*observe.Error](err); ok && (told.Reason == v1alpha1.ReasonAddressNotAllowed || told.Reason == v1alpha1.ReasonInvalidSpec) {
		return true
	}
	for _, text := range refusals {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

func TestNoWayOfWritingAnAddressPassesTheGuard(t *testing.T) {
	trap, names := newTrap(t), startNameServer(t)
	dialer := network.Dialer{Resolver: names.resolver()}
	ways := map[string]func(*testing.T, string) error{
		"as the URL of a source": func(t *testing.T, text string) error {
			source := newSource(text)
			source.dialer = dialer
			client, err := source.open(t.Context(), t)
			if err != nil {
				return err
			}
			u, err := url.Parse(text)
			if err != nil {
				return err
			}
			_, err = client.Do(t.Context(), http.MethodGet, u, nil)
			return err
		},
		"as the URL of a next page": func(t *testing.T, text string) error {
			source := newSource("http://example.test")
			source.dialer = dialer
			client, err := source.open(t.Context(), t)
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(text)
			if err != nil {
				return err
			}
			_, err = client.Do(t.Context(), http.MethodGet, u, nil)
			return err
		},
		"as the address of a dial": func(t *testing.T, text string) error {
			conn, err := dialer.DialContext(t.Context(), "tcp", addressIn(text))
			if err == nil {
				_ = conn.Close()
			}
			return err
		},
	}
	guard := 0
	for _, b := range bypasses {
		text := strings.ReplaceAll(b.url, "PORT", trap.port)
		if b.means != "" {
			names.set(hostIn(text), []string{b.means})
			if u, err := url.Parse(text); err == nil {
				names.set(u.Hostname(), []string{b.means})
			}
		}
		for way, try := range ways {
			t.Run(fmt.Sprintf("%s, %s", b.trick, way), func(t *testing.T) {
				err := try(t, text)
				if err == nil {
					t.Fatalf("%q passes", text)
				}
				if !isRefusal(err) {
					t.Errorf("%q fails with another error: %v", text, err)
				}
				if told, ok := errors.AsType[*observe.Error](err); errors.Is(err, network.ErrAddress) || ok && told.Reason == v1alpha1.ReasonAddressNotAllowed {
					guard++
				}
			})
		}
	}
	if n := trap.accepted.Load(); n != 0 {
		t.Errorf("%d connections arrived, want none", n)
	}
	// Were the name server silent, all would be well for no reason.
	if tried := len(bypasses) * len(ways); guard < tried/2 {
		t.Errorf("of %d attempts only %d came as far as the guard", tried, guard)
	}
	t.Logf("%d forms in %d ways: the guard itself refused %d, the rest were no address", len(bypasses), len(ways), guard)
}

// hostIn is what stands where a URL has its host and port, without the port: whatever it is.
func hostIn(text string) string {
	host := addressIn(text)
	if at := strings.LastIndex(host, ":"); at > strings.LastIndex(host, "]") {
		host = host[:at]
	}
	return strings.Trim(host, "[]")
}

// addressIn is what stands where a URL has its host and port.
func addressIn(text string) string {
	_, rest, ok := strings.Cut(text, "//")
	if !ok {
		_, rest, _ = strings.Cut(text, ":")
	}
	rest, _, _ = strings.Cut(strings.TrimLeft(rest, `/\`), "/")
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		rest = rest[at+1:]
	}
	rest = strings.ReplaceAll(rest, "%25", "%")
	if strings.LastIndex(rest, ":") <= strings.LastIndex(rest, "]") {
		rest += ":80"
	}
	return rest
}

func TestANameIsAsGoodAsTheAddressesBehindIt(t *testing.T) {
	const allowed, refused = "127.0.0.1", "169.254.169.254"
	tests := map[string]struct {
		// answers are what the name server says, one list for each time.
		answers [][]string
		// reads say whether each of several reads passes.
		reads []bool
	}{
		"an allowed address":                        {[][]string{{allowed}}, []bool{true}},
		"a refused address":                         {[][]string{{refused}}, []bool{false}},
		"a refused address of IPv6":                 {[][]string{{"fd00:ec2::254"}}, []bool{false}},
		"a mapped address":                          {[][]string{{"::ffff:169.254.169.254"}}, []bool{false}},
		"the unspecified address":                   {[][]string{{"0.0.0.0"}}, []bool{false}},
		"the unspecified address of IPv6":           {[][]string{{"::"}}, []bool{false}},
		"several refused addresses":                 {[][]string{{refused, "0.0.0.0", "fe80::1", "fd00:ec2::254"}}, []bool{false}},
		"refused addresses beside an allowed one":   {[][]string{{refused, allowed, "0.0.0.0"}}, []bool{true}},
		"another name with a refused address":       {[][]string{{"bad.test"}}, []bool{false}},
		"another name with an allowed address":      {[][]string{{"good.test"}}, []bool{true}},
		"allowed at first, refused after that":      {[][]string{{allowed}, {refused}}, []bool{true, false, false}},
		"refused at first, allowed after that":      {[][]string{{refused}, {allowed}}, []bool{false, true}},
		"allowed at first, unspecified after that":  {[][]string{{allowed}, {"0.0.0.0"}}, []bool{true, false}},
		"allowed at first, another name after that": {[][]string{{allowed}, {"bad.test"}}, []bool{true, false}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var seen atomic.Int32
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				seen.Add(1)
				w.Header().Set("Connection", "close") // every read resolves and connects
			})
			names := startNameServer(t)
			names.set("bad.test", []string{refused})
			names.set("good.test", []string{allowed})
			names.set("api.test", test.answers...)
			_, port, _ := net.SplitHostPort(hostOf(server.URL))
			source := newSource("http://api.test:" + port)
			source.dialer = network.Dialer{AllowLoopback: true, Resolver: names.resolver()}
			client, err := source.open(t.Context(), t)
			if err != nil {
				t.Fatal(err)
			}
			u, _ := url.Parse(source.config.URL)
			want := int32(0)
			for i, passes := range test.reads {
				if passes {
					want++
				}
				_, err := client.Do(t.Context(), http.MethodGet, u, nil)
				if !passes {
					wantError(t, err, v1alpha1.ReasonAddressNotAllowed, refusedAddress)
				} else if err != nil {
					t.Errorf("read %d: %v", i+1, err)
				}
			}
			if seen.Load() != want {
				t.Errorf("the server was asked %d times, want %d", seen.Load(), want)
			}
		})
	}
}

const refusedAddress = "spec.http.url: the server's address is link-local, loopback or otherwise not one that the operator connects to; " +
	"use an address of the network; for a server on this machine start the operator with --allow-loopback"

func TestARedirectPassesTheGuardToo(t *testing.T) {
	trap := newTrap(t)
	for _, target := range []string{
		"http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://0.0.0.0:PORT/", "http://[::]:PORT/", "http://:PORT/",
		"http://[::ffff:127.0.0.1]:PORT/", "http://[::ffff:7f00:1]:PORT/", "http://[64:ff9b::7f00:1]:PORT/", "http://[2002:7f00:1::]:PORT/",
		"http://100.100.100.200/", "http://168.63.129.16/", "http://192.0.0.192/", "http://[fd20:ce::254]/", "http://[fe80::1%25lo]:PORT/",
		"http://255.255.255.255:PORT/", "http://224.0.0.1:PORT/", "http://①⑥⑨.②⑤④.①⑥⑨.②⑤④/", "http://user:word@169.254.169.254/",
		"//0.0.0.0:PORT/", "file:///etc/passwd", "gopher://127.0.0.1:PORT/", "unix:///run/x.sock",
	} {
		t.Run(target, func(t *testing.T) {
			server := serve(t, answers(http.StatusFound, map[string]string{"Location": strings.ReplaceAll(target, "PORT", trap.port)}, ""))
			_, err := newSource(server.URL).bearer().read(t)
			if err == nil {
				t.Fatal("it was followed")
			}
			if !isRefusal(err) && !strings.Contains(err.Error(), "redirects to what is not") {
				t.Errorf("got %v, want a refusal", err)
			}
		})
	}
	if n := trap.accepted.Load(); n != 0 {
		t.Errorf("%d connections arrived, want none", n)
	}
}

func TestLoopbackIsForThoseWhoAllowIt(t *testing.T) {
	var seen atomic.Int32
	server := serve(t, func(http.ResponseWriter, *http.Request) { seen.Add(1) })
	source := newSource(server.URL)
	source.dialer = network.Dialer{}
	_, err := source.read(t)
	wantError(t, err, v1alpha1.ReasonAddressNotAllowed, refusedAddress)
	if seen.Load() != 0 {
		t.Error("the server was asked")
	}
	source.dialer = network.Dialer{AllowLoopback: true}
	source.mustRead(t)
}

func TestTheTokenURLPassesTheGuardToo(t *testing.T) {
	server := serve(t, answers(http.StatusOK, nil, "{}"))
	source := newSource(server.URL, "http://169.254.169.254").oauth2("http://169.254.169.254/token")
	_, err := source.read(t)
	wantError(t, err, v1alpha1.ReasonAddressNotAllowed, strings.Replace(refusedAddress, "url", "auth.oauth2.tokenURL", 1))
}

func TestWithoutADialTheGuardIsThereToo(t *testing.T) {
	deps := observe.Dependencies{Keys: &fakeKeys{}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	client, err := web.New(ctx, newSource("").dataSource(), deps, deps.Budget(), web.Config{Field: "spec.http", URL: "http://169.254.169.254"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	u, _ := url.Parse("http://169.254.169.254")
	if _, err := client.Do(ctx, http.MethodGet, u, nil); !isRefusal(err) {
		t.Errorf("got %v, want a refusal", err)
	}
}
