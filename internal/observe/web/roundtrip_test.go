package web_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

func TestRoundTripIsForPrometheusToo(t *testing.T) {
	const failed = v1alpha1.ReasonReadFailed
	json := map[string]string{"Content-Type": "application/json; charset=utf-8"}
	tests := map[string]struct {
		method string
		code   int
		header map[string]string
		// want is an error's message; empty: the answer passes.
		want string
	}{
		"200":                                 {"POST", 200, json, ""},
		"400 with JSON":                       {"POST", 400, json, ""},
		"422 with JSON":                       {"POST", 422, json, ""},
		"503 with JSON":                       {"POST", 503, json, ""},
		"405 to a POST":                       {"POST", 405, nil, ""},
		"403 to a POST":                       {"POST", 403, nil, ""},
		"501 to a POST":                       {"POST", 501, nil, ""},
		"405 to a GET":                        {"GET", 405, nil, "url: the server does not take a GET there (405 Method Not Allowed); check the path, and the method"},
		"403 to a GET":                        {"GET", 403, nil, `auth: the server refuses the credentials (403 Forbidden); check the token in Secret "api", and that it may read this URL`},
		"401":                                 {"POST", 401, json, `auth: the server refuses the credentials (401 Unauthorized); check the token in Secret "api", and that it may read this URL`},
		"400 with something else":             {"POST", 400, nil, "url: the server does not understand the request (400 Bad Request); check the URL and its parameters, the headers and the body, and that an https server is not asked with http"},
		"503 with something else":             {"POST", 503, nil, "url: the server, or what is behind it, is not available (503 Service Unavailable); reading goes on by itself"},
		"a redirect, which is not followed":   {"GET", 302, map[string]string{"Location": "/login?" + theQuery}, "url: the server redirects, and that cannot be followed (302 Found); write the URL that gives the answer itself"},
		"a redirect of a POST":                {"POST", 307, map[string]string{"Location": "/login?" + theQuery}, "url: the server redirects, and that cannot be followed (307 Temporary Redirect); write the URL that gives the answer itself"},
		"a page to log in, with a wrong type": {"GET", 404, map[string]string{"Content-Type": "text/html"}, "url: the server has nothing at this URL (404 Not Found); check its path"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := &recorder{next: answers(test.code, test.header, theBody)}
			source := newSource(serve(t, r.ServeHTTP).URL).bearer()
			client, err := source.open(t.Context(), t)
			if err != nil {
				t.Fatal(err)
			}
			req, _ := http.NewRequestWithContext(t.Context(), test.method, source.config.URL, strings.NewReader("query=up"))
			resp, err := (&http.Client{Transport: client}).Do(req)
			if test.want != "" {
				told, ok := errors.AsType[*observe.Error](err)
				if !ok || told.Reason != failed || told.Message != "spec.http."+test.want {
					t.Errorf("got  %v\nwant %s", err, test.want)
				}
				wantError(t, client.Explain(t.Context(), err), failed, "spec.http."+test.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			body, err := io.ReadAll(resp.Body)
			if err != nil || string(body) != theBody || resp.StatusCode != test.code {
				t.Errorf("got %d %q, %v", resp.StatusCode, body, err)
			}
			asked := r.last(t)
			if asked.Header.Get("Authorization") != "Bearer "+theToken || asked.Header.Get("User-Agent") != "perennial" {
				t.Errorf("asked with the headers %v", asked.Header)
			}
			if req.Header.Get("Authorization") != "" {
				t.Error("the caller's request was changed")
			}
		})
	}
}

func TestRoundTripCountsBytes(t *testing.T) {
	ended := make(chan struct{})
	source := newSource(serve(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(ended)
		for err := error(nil); err == nil; {
			_, err = w.Write(make([]byte, 32<<10))
		}
	}).URL)
	client, err := source.open(t.Context(), t)
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, source.config.URL, nil)
	resp, err := client.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.ReadAll(resp.Body)
	wantError(t, client.Explain(t.Context(), err), v1alpha1.ReasonReadFailed, tooLarge)
	select {
	case <-ended: // without the caller's closing the body
	case <-time.After(30 * time.Second):
		t.Error("the server still writes")
	}
}

func TestOfAnErrorTheBeginningIsEnough(t *testing.T) {
	source := newSource(serve(t, answers(422, map[string]string{"Content-Type": "application/json"}, strings.Repeat("x", 1<<20))).URL)
	client, err := source.open(t.Context(), t)
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, source.config.URL, nil)
	resp, err := client.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if data, err := io.ReadAll(resp.Body); err != nil || len(data) != 64<<10 {
		t.Errorf("read %d bytes, %v; want 65536", len(data), err)
	}
}

func TestRoundTripWaitsOnlyIfItCanAskAgain(t *testing.T) {
	// JSON with 503 is read by Prometheus's client, but not where the server says when to come again.
	r := &recorder{next: answers(503, map[string]string{"Retry-After": "0", "Content-Type": "application/json"}, theBody)}
	source := newSource(serve(t, r.ServeHTTP).URL)
	client, err := source.open(t.Context(), t)
	if err != nil {
		t.Fatal(err)
	}
	send := func(body io.Reader) error {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, source.config.URL, body)
		resp, err := client.RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	wantError(t, send(io.MultiReader(strings.NewReader("once"))), v1alpha1.ReasonRateLimited, fmt.Sprintf(leftAlone, "503 Service Unavailable"))
	if got := len(r.all()); got != 1 {
		t.Errorf("asked %d times, want once", got)
	}
	wantError(t, send(strings.NewReader("again")), v1alpha1.ReasonRateLimited, fmt.Sprintf(leftAlone, "503 Service Unavailable"))
	if got := len(r.all()); got != 7 {
		t.Errorf("asked %d times, want 7", got)
	}
}
