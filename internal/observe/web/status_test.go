package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestWhatAStatusMeans(t *testing.T) {
	bearer := func(s *source) { s.bearer() }
	const wants = "the server refuses the credentials "
	tests := map[string]struct {
		code   int
		change func(*source)
		want   string
	}{
		"401 with a token":              {401, bearer, `auth: ` + wants + `(401 Unauthorized); check the token in Secret "api", and that it may read this URL`},
		"403 with a token":              {403, bearer, `auth: ` + wants + `(403 Forbidden); check the token in Secret "api", and that it may read this URL`},
		"401 with a user":               {401, func(s *source) { s.basic() }, `auth: ` + wants + `(401 Unauthorized); check the user and the password in Secret "api", and that it may read this URL`},
		"401 with a header":             {401, func(s *source) { s.header("X-Key") }, `headers: ` + wants + `(401 Unauthorized); check what is in Secret "api", and that it may read this URL`},
		"401 with nothing":              {401, plain("X-Tenant", "north"), "url: the server wants credentials (401 Unauthorized); give them with auth or headers, from a Secret"},
		"404":                           {404, nil, "url: the server has nothing at this URL (404 Not Found); check its path"},
		"410":                           {410, nil, "url: the server has nothing at this URL (410 Gone); check its path"},
		"400":                           {400, nil, "url: the server does not understand the request (400 Bad Request); check the URL and its parameters, the headers and the body, and that an https server is not asked with http"},
		"405":                           {405, nil, "url: the server does not take a GET there (405 Method Not Allowed); check the path, and the method"},
		"406":                           {406, nil, "url: the server does not have the answer in the form that is asked for (406 Not Acceptable); check the header Accept"},
		"408":                           {408, nil, "url: the server gave up waiting for the request (408 Request Timeout); reading goes on by itself"},
		"415":                           {415, nil, "url: the server does not take the body in this form (415 Unsupported Media Type); check the header Content-Type"},
		"418":                           {418, nil, "url: the server does not answer the request (418 I'm a teapot); check the URL, the headers and the body"},
		"499, which has no words":       {499, nil, "url: the server does not answer the request (499); check the URL, the headers and the body"},
		"500":                           {500, nil, "url: the server failed (500 Internal Server Error); see its log: reading goes on by itself"},
		"501":                           {501, nil, "url: the server does not know this kind of request (501 Not Implemented); check the URL"},
		"502":                           {502, nil, "url: the server, or what is behind it, is not available (502 Bad Gateway); reading goes on by itself"},
		"503":                           {503, nil, "url: the server, or what is behind it, is not available (503 Service Unavailable); reading goes on by itself"},
		"302 without a place":           {302, nil, "url: the server redirects, and that cannot be followed (302 Found); write the URL that gives the answer itself"},
		"304, which nobody asked for":   {304, nil, "url: the server redirects, and that cannot be followed (304 Not Modified); write the URL that gives the answer itself"},
		"401 with a client certificate": {401, clientCertificate(t), `tls.clientCertificateSecretRef: ` + wants + `(401 Unauthorized); check the certificate in Secret "client", and that it may read this URL`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			source := newSource(serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				body := ""
				if test.code != http.StatusNotModified {
					body = theBody
				}
				answers(test.code, map[string]string{"X-Detail": theQuery}, body)(w, r)
			}).URL)
			if test.change != nil {
				test.change(source)
			}
			_, err := source.read(t)
			wantError(t, err, v1alpha1.ReasonReadFailed, "spec.http."+test.want)
			if asked.Load() != 1 {
				t.Errorf("asked %d times, want once", asked.Load())
			}
		})
	}
}

func clientCertificate(t *testing.T) func(*source) {
	certPEM, keyPEM := newAuthority(t).issue(t, nil)
	return func(s *source) {
		s.keys.secrets["success/client"] = secret{allowed: hostOf(s.config.URL), data: map[string]string{"tls.crt": certPEM, "tls.key": keyPEM}}
		s.config.TLS = &v1alpha1.TLSOptions{ClientCertificateSecretRef: &v1alpha1.LocalReference{Name: "client"}}
	}
}

const leftAlone = "spec.http.url: the server asks to be left alone for a while (%s); it is read again then: if that happens often, raise spec.interval or ask for less"

func TestHowLongAServerAsksToBeLeftAlone(t *testing.T) {
	date := func(d time.Duration) string {
		return time.Date(2026, 11, 1, 9, 30, 0, 0, time.UTC).Add(d).Format(http.TimeFormat)
	}
	tests := map[string]struct {
		code        int
		after, date string
		want        time.Duration
	}{
		"seconds":                          {429, "120", "", 2 * time.Minute},
		"seconds, with a refusal":          {403, "120", "", 2 * time.Minute},
		"seconds with a fraction":          {429, "59.2", "", time.Minute},
		"less than no seconds":             {429, "-5", "", 0},
		"a date that is over":              {429, date(-time.Hour), date(0), 0},
		"seconds, and a server away":       {503, "120", "", 2 * time.Minute},
		"more than an hour":                {429, "86400", "", time.Hour},
		"more seconds than fit":            {429, strings.Repeat("9", 400), "", time.Hour},
		"a date":                           {429, date(2 * time.Minute), date(0), 2 * time.Minute},
		"a date of a server that is wrong": {503, date(time.Hour / 2), date(0), time.Hour / 2},
		"a date after an hour":             {429, date(3 * time.Hour), date(0), time.Hour},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			source := newSource(serve(t, func(w http.ResponseWriter, r *http.Request) {
				if test.date != "" {
					w.Header().Set("Date", test.date)
				}
				answers(test.code, map[string]string{"Retry-After": test.after}, theBody)(w, r)
			}).URL)
			_, err := source.read(t)
			wantError(t, err, v1alpha1.ReasonRateLimited, fmt.Sprintf(leftAlone, strconv.Itoa(test.code)+" "+http.StatusText(test.code)))
			if got := asTold(t, err).RetryAfter; got != test.want {
				t.Errorf("again after %s, want %s", got, test.want)
			}
		})
	}
}

func TestALimitOfAServerIsWaitedForWithinARead(t *testing.T) {
	long := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Format(http.TimeFormat)
	tests := map[string]struct {
		code  int
		after string
		// busy is how often the server asks to be left alone before it answers.
		busy      int32
		wantAsked int32
		wantError bool
	}{
		"at once":                         {429, "0", 1, 2, false},
		"a time that is over":             {429, "-5", 1, 2, false},
		"a date that is over":             {429, long, 1, 2, false},
		"a server away":                   {503, "0", 1, 2, false},
		"a second, where it does not say": {429, "", 1, 2, false},
		"five times":                      {429, "0", 5, 6, false},
		"six times":                       {429, "0", 6, 6, true},
		"longer than there is time":       {429, "30", 1, 1, true},
		"to the end of the time":          {429, "29", 1, 1, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				var asked atomic.Int32
				var bodies atomic.Int64
				source := newSource(serve(t, func(w http.ResponseWriter, r *http.Request) {
					bodies.Add(r.ContentLength)
					if asked.Add(1) <= test.busy {
						header := map[string]string{"Retry-After": test.after}
						if test.after == "" {
							header = nil
						}
						answers(test.code, header, theBody)(w, r)
					}
				}).URL)
				if source.method = method; method == http.MethodPost {
					source.body = []byte("{}")
				}
				_, err := source.read(t)
				if (err != nil) != test.wantError {
					t.Errorf("%s: got %v, want an error: %t", method, err, test.wantError)
				}
				if asked.Load() != test.wantAsked || bodies.Load() != int64(len(source.body))*int64(test.wantAsked) {
					t.Errorf("%s: asked %d times with %d bytes in all, want %d times", method, asked.Load(), bodies.Load(), test.wantAsked)
				}
			}
		})
	}
	t.Run("five times for all requests of a read together", func(t *testing.T) {
		var asked atomic.Int32
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1)%2 == 1 { // every other time
				answers(429, map[string]string{"Retry-After": "0"}, "")(w, r)
			}
		})
		source := newSource(server.URL)
		client, err := source.open(t.Context(), t)
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(server.URL)
		for range 5 {
			if _, err := client.Do(t.Context(), http.MethodGet, u, nil); err != nil {
				t.Fatal(err)
			}
		}
		_, err = client.Do(t.Context(), http.MethodGet, u, nil)
		wantError(t, err, v1alpha1.ReasonRateLimited, fmt.Sprintf(leftAlone, "429 Too Many Requests"))
	})
	t.Run("not after the read was stopped", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			answers(429, map[string]string{"Retry-After": "20"}, "")(w, r)
			time.AfterFunc(10*time.Millisecond, cancel)
		})
		source := newSource(server.URL)
		client, err := source.open(ctx, t)
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(server.URL)
		if _, err = client.Do(ctx, http.MethodGet, u, nil); err == nil {
			t.Error("it was read")
		}
	})
}
