package web_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

const tooLarge = "spec.http: more than 1048576 bytes: select less, or raise the operator's --max-bytes"

func TestABodyIsAsLongAsTheOperatorAllows(t *testing.T) {
	gzipped := func(size int) http.HandlerFunc {
		var packed bytes.Buffer
		w, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
		_, _ = io.CopyN(w, zeros{}, int64(size))
		_ = w.Close()
		return answers(200, map[string]string{"Content-Encoding": "gzip"}, packed.String())
	}
	plain := func(size int) http.HandlerFunc { return answers(200, nil, strings.Repeat("x", size)) }
	tests := map[string]struct {
		handler http.HandlerFunc
		want    int
	}{
		"nothing":                                  {plain(0), 0},
		"all that is allowed":                      {plain(1 << 20), 1 << 20},
		"a byte more":                              {plain(1<<20 + 1), -1},
		"what is packed counts unpacked":           {gzipped(1 << 20), 1 << 20},
		"a byte more, packed":                      {gzipped(1<<20 + 1), -1},
		"16 mebibytes of zeros in a few kibibytes": {gzipped(16 << 20), -1},
		"a length of more than was promised":       {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "9000000000000") }, -2},
		"a length of more, of which a part is": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "2000000")
			plain(1<<20+9)(w, r)
		}, -1},
		"an error answer does not count at all": {answers(404, nil, strings.Repeat(theBody, 1<<20)), -3},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := serve(t, test.handler)
			source := newSource(server.URL)
			resp, err := source.read(t)
			switch test.want {
			case -1:
				wantError(t, err, v1alpha1.ReasonReadFailed, tooLarge)
			case -2:
				wantError(t, err, v1alpha1.ReasonReadFailed, "spec.http.url: the answer broke off before its end; check the server's log and its limits: reading goes on by itself")
			case -3:
				wantError(t, err, v1alpha1.ReasonReadFailed, "spec.http.url: the server has nothing at this URL (404 Not Found); check its path")
			default:
				if err != nil || len(resp.Body) != test.want {
					t.Errorf("got %v, want %d bytes", err, test.want)
				}
			}
		})
	}
}

// zeros is an endless row of zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestAnEndlessBodyEndsAtTheLimit(t *testing.T) {
	for name, https := range map[string]bool{"with HTTP/1.1": false, "with HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			var written atomic.Int64
			ended := make(chan struct{})
			endless := func(w http.ResponseWriter, _ *http.Request) {
				defer close(ended)
				piece := bytes.Repeat([]byte("x"), 32<<10)
				for {
					n, err := w.Write(piece)
					written.Add(int64(n))
					if err != nil {
						return
					}
				}
			}
			a := newAuthority(t)
			var source *source
			if https {
				source = trusting(t, a.serve(t, endless, nil, nil).URL, a, nil)
			} else {
				source = newSource(serve(t, endless).URL)
			}
			_, err := source.read(t)
			wantError(t, err, v1alpha1.ReasonReadFailed, tooLarge)
			select {
			case <-ended:
			case <-time.After(30 * time.Second):
				t.Fatal("the server still writes")
			}
			// What the server could write more is in the buffers of the two ends.
			if got := written.Load(); got > 32<<20 {
				t.Errorf("the server could write %d bytes", got)
			} else {
				t.Logf("the server could write %d bytes", got)
			}
		})
	}
}

func TestAllBodiesOfAReadCountTogether(t *testing.T) {
	server := serve(t, answers(200, nil, strings.Repeat("x", 400_000)))
	source := newSource(server.URL)
	client, err := source.open(t.Context(), t)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(server.URL)
	for range 2 {
		if _, err := client.Do(t.Context(), http.MethodGet, u, nil); err != nil {
			t.Fatal(err)
		}
	}
	_, err = client.Do(t.Context(), http.MethodGet, u, nil)
	wantError(t, err, v1alpha1.ReasonReadFailed, tooLarge)
}

func TestReadersAtTheSameTimeShareTheLimit(t *testing.T) {
	server := serve(t, answers(200, nil, strings.Repeat("x", 300_000)))
	source := newSource(server.URL)
	client, err := source.open(t.Context(), t)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(server.URL)
	var passed atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := client.Do(t.Context(), http.MethodGet, u, nil); err == nil {
				passed.Add(1)
			}
		})
	}
	all.Wait()
	if passed.Load() > 3 {
		t.Errorf("%d answers of 300000 bytes passed a limit of 1048576", passed.Load())
	}
}

func TestAnswersThatAreNotWhole(t *testing.T) {
	const failed = v1alpha1.ReasonReadFailed
	const brokeOff = "spec.http.url: the answer broke off before its end; check the server's log and its limits: reading goes on by itself"
	hangUp := func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(theBody))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	tests := map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"cut off in the middle":      {hangUp, brokeOff},
		"cut off, with a length":     {func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Length", "500"); hangUp(w, r) }, brokeOff},
		"gzip that is cut off":       {answers(200, map[string]string{"Content-Encoding": "gzip"}, "\x1f\x8b\x08\x00\x00\x00\x00\x00"), brokeOff},
		"gzip that is none":          {answers(200, map[string]string{"Content-Encoding": "gzip"}, theBody), "spec.http.url: the answer is not the gzip that it says it is; check the server, and what stands before it"},
		"packed in a way of its own": {answers(200, map[string]string{"Content-Encoding": "br"}, theBody), "spec.http.url: the answer is compressed in a way that was not asked for; check what stands before the server"},
		"headers that are too long":  {answers(200, map[string]string{"X-Long": strings.Repeat(theBody, 100_000)}, ""), "spec.http.url: the headers of the answer are too long; check what stands before the server"},
		"a body that does not go on": {func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, "spec.http.url: no answer within 1s (spec.timeout); raise it, or ask for less"},
		"an answer that does not come": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "spec.http.url: no answer within 1s (spec.timeout); raise it, or ask for less"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			source := newSource(serve(t, func(w http.ResponseWriter, r *http.Request) {
				test.handler(w, r)
			}).URL)
			if strings.Contains(test.want, "1s") {
				source.timeout = time.Second
			}
			_, err := source.read(t)
			wantError(t, err, failed, test.want)
		})
	}
}

func TestNoConnectionIsToldApartFromNoAnswer(t *testing.T) {
	source := newSource("http://api.test")
	source.timeout = time.Second
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	client, err := source.open(ctx, t)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(source.config.URL)
	_, err = client.Do(ctx, http.MethodGet, u, nil)
	wantError(t, err, v1alpha1.ReasonReadFailed, "spec.http.url: no connection within 1s (spec.timeout); check that host and port are right, and that no firewall or network policy is between")
}

func TestAReadThatIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	source := newSource(server.URL)
	client, err := source.open(ctx, t)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(server.URL)
	_, err = client.Do(ctx, http.MethodGet, u, nil)
	wantError(t, err, v1alpha1.ReasonReadFailed, "spec.http.url: the read was stopped; it is made again")
}

func TestAClosedClientLeavesNoConnectionOpen(t *testing.T) {
	closed := make(chan struct{})
	server := httptest.NewUnstartedServer(answers(200, nil, "x"))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(closed)
		}
	}
	server.Start()
	defer server.Close()
	source := newSource(server.URL)
	client, err := source.open(t.Context(), t)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(server.URL)
	for range 3 { // one connection is enough
		if _, err := client.Do(t.Context(), http.MethodGet, u, nil); err != nil {
			t.Fatal(err)
		}
	}
	client.Close()
	select {
	case <-closed:
	case <-time.After(30 * time.Second):
		t.Error("the connection is still open")
	}
}
