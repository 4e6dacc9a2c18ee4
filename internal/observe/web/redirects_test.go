package web_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestRedirects(t *testing.T) {
	const get, post = http.MethodGet, http.MethodPost
	tests := map[string]struct {
		method string
		code   int
		// to is where the server redirects to: OTHER is another server.
		to string
		// want is the method that arrives there, wantError what the user is told.
		want, wantError string
	}{
		"GET to the same server, found":             {get, 302, "/x", get, ""},
		"GET to the same server, for good":          {get, 308, "/x", get, ""},
		"GET to another server":                     {get, 302, "OTHER/x", get, ""},
		"POST to the same server":                   {post, 307, "/x", post, ""},
		"POST to the same server, for good":         {post, 308, "/x", post, ""},
		"POST whose answer is elsewhere":            {post, 303, "/x", get, ""},
		"POST whose answer is on another server":    {post, 303, "OTHER/x", get, ""},
		"POST to another server":                    {post, 307, "OTHER/x", "", "a POST to another host, which is not followed (307 Temporary Redirect)"},
		"POST to another server, for good":          {post, 308, "OTHER/x", "", "a POST to another host, which is not followed (308 Permanent Redirect)"},
		"POST that would become a GET":              {post, 302, "/x", "", "a POST in a way that loses its body (302 Found)"},
		"POST that would become a GET, for good":    {post, 301, "OTHER/x", "", "a POST in a way that loses its body (301 Moved Permanently)"},
		"to what is not http":                       {get, 302, "ftp://127.0.0.1/" + theQuery, "", "to what is not http or https (302 Found)"},
		"to a file":                                 {get, 302, "file:///etc/passwd", "", "to what is not http or https (302 Found)"},
		"to itself, which is one redirect too many": {get, 302, "", "", "LOOP"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			other := &recorder{}
			store := serve(t, other.ServeHTTP)
			r := &recorder{next: func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/x" {
					w.Header().Set("Location", strings.Replace(test.to, "OTHER", store.URL, 1)+"?"+theQuery)
					w.WriteHeader(test.code)
				}
			}}
			source := newSource(serve(t, r.ServeHTTP).URL).bearer()
			if source.method = test.method; test.method == post {
				source.body = []byte("{}")
			}
			_, err := source.read(t)
			switch {
			case test.wantError == "LOOP":
				wantError(t, err, v1alpha1.ReasonReadFailed, "spec.http.url: the server redirects more than 5 times; write the URL that gives the answer itself")
				if got := len(r.all()); got != 6 {
					t.Errorf("asked %d times, want 6", got)
				}
				return
			case test.wantError != "":
				wantError(t, err, v1alpha1.ReasonReadFailed, "spec.http.url: the server redirects "+test.wantError+"; write the URL that gives the answer itself")
				if len(r.all()) != 1 || len(other.all()) != 0 {
					t.Error("it was followed")
				}
				return
			case err != nil:
				t.Fatal(err)
			}
			arrived := append(r.all()[1:], other.all()...)
			if len(arrived) != 1 || arrived[0].Method != test.want {
				t.Fatalf("got %v, want one %s", arrived, test.want)
			}
			if got, want := arrived[0].ContentLength, map[bool]int64{true: 2}[test.want == post]; got != want {
				t.Errorf("a body of %d bytes, want %d", got, want)
			}
		})
	}
}

func TestAsManyRedirectsAsAreFollowed(t *testing.T) {
	for hops, want := range map[int]bool{5: true, 6: false} {
		source := newSource(serve(t, func(w http.ResponseWriter, r *http.Request) {
			if n, _ := strconv.Atoi(strings.Trim(r.URL.Path, "/")); n > 0 {
				http.Redirect(w, r, fmt.Sprint("/", n-1), http.StatusFound)
			}
		}).URL + "/" + strconv.Itoa(hops))
		if _, err := source.read(t); (err == nil) != want {
			t.Errorf("%d: got %v, want followed: %t", hops, err, want)
		}
	}
}

func TestARedirectIsNotFollowedOutOfTLS(t *testing.T) {
	a := newAuthority(t)
	r := &recorder{}
	open := serve(t, r.ServeHTTP)
	server := a.serve(t, answers(302, map[string]string{"Location": open.URL}, ""), nil, nil)
	source := trusting(t, server.URL, a, nil)
	_, err := source.read(t)
	wantError(t, err, v1alpha1.ReasonReadFailed, "spec.http.url: the server redirects from https to http, which is not followed (302 Found); write the URL that gives the answer itself")
	if len(r.all()) != 0 {
		t.Error("it was followed")
	}
}

func TestWhatGoesWrongAfterARedirect(t *testing.T) {
	closed := serve(t, nil)
	closed.Close()
	a := newAuthority(t)
	tests := map[string]struct{ location, want string }{
		"a server that is not there":    {closed.URL + "?" + theQuery, "spec.http.url: the server redirects, and there: the server does not accept connections (connection refused); check that it runs and that host and port are right"},
		"an unknown authority":          {a.serve(t, answers(200, nil, ""), nil, nil).URL, "spec.http.url: the server redirects, and there: TLS: the server's certificate is signed by an unknown authority; give the certificate of that authority, or have the server send its whole chain"},
		"a server that wants more":      {serve(t, answers(403, nil, theBody)).URL, "spec.http.url: the server redirects to another one, which refuses the request (403 Forbidden); credentials go to the host of this URL alone: if the other one wants them, write its URL here"},
		"a place that cannot be read":   {"http://[" + theQuery, "spec.http.url: the server redirects to what is not a URL; write the URL that gives the answer itself"},
		"a place that has nothing":      {serve(t, answers(404, nil, theBody)).URL, "spec.http.url: the server has nothing at this URL (404 Not Found); check its path"},
		"a place that is not there yet": {"http://api.invalid/" + theQuery, "spec.http.url: the server redirects, and there: the name of the server cannot be resolved; check its spelling; a Service in another namespace is NAME.NAMESPACE"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			source := newSource(serve(t, answers(302, map[string]string{"Location": test.location}, theBody)).URL).bearer()
			source.dialer.Resolver = startNameServer(t).resolver()
			_, err := source.read(t)
			wantError(t, err, v1alpha1.ReasonReadFailed, test.want)
		})
	}
}
