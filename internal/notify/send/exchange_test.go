package send

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// TestAReceiverThatClosesItsConnectionsEarly answers, and closes the connection when the next request comes on it: an idle
// connection whose time was over in this moment. That is no receiver which is down, and the event may come twice.
func TestAReceiverThatClosesItsConnectionsEarly(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answerOnce(conn)
		}
	}()
	e := slackTo(t, "http://"+listener.Addr().String())
	for i := range 3 {
		if f := e.Send(t.Context(), message()); f != nil {
			t.Errorf("delivery %d: %s", i, f.Message)
		}
	}
}

// answerOnce takes one request of a connection, and hangs up over the second.
func answerOnce(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	req, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, req.Body)
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	_, _ = in.ReadByte()
}

// toEvents is a notifier with these headers.
func toEvents(url string, headers ...v1alpha1.HTTPHeader) *v1alpha1.Notifier {
	n := &v1alpha1.Notifier{}
	n.Spec.CloudEvents = &v1alpha1.CloudEventsTarget{URL: v1alpha1.URL(url), Headers: headers}
	return n
}

func TestHeadersOfTheSpec(t *testing.T) {
	var got http.Header
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	k := keys{
		values: map[string]string{"s/signing": "k", "s/lines": "a\r\nX-Admin: yes", "s/end": "k1\n"}, allow: map[string]string{"s": host},
	}
	from := func(key string) *v1alpha1.KeyReference { return &v1alpha1.KeyReference{Name: "s", Key: key} }
	tests := map[string]struct {
		header v1alpha1.HTTPHeader
		signed bool
		refuse string // what Open says; empty: the header arrives with the value below
		value  string
	}{
		"an agent of its own":             {v1alpha1.HTTPHeader{Name: "user-agent", Value: "cs-events"}, false, "", "cs-events"},
		"a Secret that ends with a line":  {v1alpha1.HTTPHeader{Name: "X-Key", ValueSecretRef: from("end")}, false, "", "k1"},
		"a Secret with another header":    {v1alpha1.HTTPHeader{Name: "X-Key", ValueSecretRef: from("lines")}, false, "spec.cloudEvents.headers[X-Key].valueSecretRef: ", ""},
		"a value with another header":     {v1alpha1.HTTPHeader{Name: "X-Key", Value: "a\r\nX-Admin: yes"}, false, "spec.cloudEvents.headers[X-Key].value: ", ""},
		"another content type":            {v1alpha1.HTTPHeader{Name: "content-type", Value: "text/plain"}, false, "spec.cloudEvents.headers[content-type]: the operator sets this header itself; leave it out", ""},
		"another signature":               {v1alpha1.HTTPHeader{Name: "Webhook-Signature", Value: "v1,x"}, true, "spec.cloudEvents.headers[Webhook-Signature]: the operator sets this header itself; leave it out", ""},
		"a signature where it signs none": {v1alpha1.HTTPHeader{Name: "Webhook-Signature", Value: "v1,x"}, false, "", "v1,x"},
		"the length":                      {v1alpha1.HTTPHeader{Name: "Content-Length", Value: "0"}, false, "spec.cloudEvents.headers[Content-Length]: the operator sets this header itself; leave it out", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := toEvents(s.URL, test.header)
			if test.signed {
				n.Spec.CloudEvents.SigningSecretRef = from("signing")
			}
			e, err := Open(t.Context(), n, time.Minute, dependencies(k))
			if test.refuse != "" {
				if told, ok := errors.AsType[*observe.Error](err); !ok || !strings.HasPrefix(told.Message, test.refuse) {
					t.Fatalf("it says %v, want %s", err, test.refuse)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			if f := e.Send(t.Context(), message()); f != nil {
				t.Fatal(f.Message)
			}
			if value := got.Values(test.header.Name); len(value) != 1 || value[0] != test.value {
				t.Errorf("it came as %q", value)
			}
			if !strings.HasPrefix(got.Get("Content-Type"), "application/cloudevents+json") || test.header.Name != "user-agent" && got.Get("User-Agent") != "perennial" {
				t.Errorf("the headers are %v", got)
			}
		})
	}
}
