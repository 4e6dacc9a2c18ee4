package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// tokenServer gives the token to the client of these tests, who may ask in the header or in the body.
func tokenServer(inBody bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, word, ok := r.BasicAuth()
		if inBody {
			id, word, ok = r.PostFormValue("client_id"), r.PostFormValue("client_secret"), true
		}
		w.Header().Set("Content-Type", "application/json")
		if !ok || id != clientID || word != clientWord || r.PostFormValue("grant_type") != "client_credentials" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"error": "invalid_client", "error_description": %q}`, theBody)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": accessToken, "token_type": "bearer", "expires_in": 3600})
	}
}

func TestATokenIsAskedForOnceARead(t *testing.T) {
	for name, inBody := range map[string]bool{"by a client in the header": false, "by a client in the body": true} {
		t.Run(name, func(t *testing.T) {
			tokens, api := &recorder{next: tokenServer(inBody)}, &recorder{}
			login, server := serve(t, tokens.ServeHTTP), serve(t, api.ServeHTTP)
			source := newSource(server.URL, login.URL).oauth2(login.URL + "/token").header("X-Api-Key")
			source.config.Auth.OAuth2.Scopes = []string{"read", "list"}
			source.config.Auth.OAuth2.Params = map[string]v1alpha1.OAuth2Param{"audience": "orgs"}
			source.keys.configMaps["success/ca/ca.crt"] = newAuthority(t).pem
			client, err := source.open(t.Context(), t)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
				resp, err := client.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
			}
			want := 1
			if inBody {
				want = 2 // the header is tried first, which is what RFC 6749 asks servers to take
			}
			if got := len(tokens.all()); got != want {
				t.Errorf("%d requests for a token, want %d", got, want)
			}
			asked := tokens.last(t)
			if got := asked.PostForm.Get("scope") + " " + asked.PostForm.Get("audience"); got != "read list orgs" {
				t.Errorf("asked for %q", got)
			}
			if asked.Header.Get("X-Api-Key") != "" || asked.Header.Get("User-Agent") != "perennial" {
				t.Errorf("the token was asked for with the headers %v", asked.Header)
			}
			if got := api.last(t).Header.Get("Authorization"); got != "Bearer "+accessToken {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTheTokenURLGetsWhatIsForItsOriginAlone(t *testing.T) {
	a := newAuthority(t)
	tokens := &recorder{next: tokenServer(false)}
	login := a.serve(t, tokens.ServeHTTP, nil, nil)
	r := &recorder{next: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			tokenServer(false)(w, r)
		}
	}}
	server := a.serve(t, r.ServeHTTP, nil, nil)
	withOAuth2 := func(tokenURL string) *source {
		s := everything(t, a, server.URL)
		plain("Accept", "text/csv")(s)
		plain("Content-Type", "text/x-query")(s)
		s.oauth2(tokenURL)
		s.keys.secrets["success/api"] = secret{allowed: hostOf(server.URL) + "," + hostOf(login.URL), data: s.keys.secrets["success/api"].data}
		return s
	}
	withOAuth2(login.URL + "/token").mustRead(t)
	if diff := cmp.Diff([]string{"Authorization"}, credentialsIn(tokens.last(t))); diff != "" {
		t.Errorf("another server (-want +got):\n%s", diff)
	}
	withOAuth2(server.URL + "/token").mustRead(t)
	for _, asked := range r.all() {
		if asked.URL.Path != "/token" {
			continue
		}
		if diff := cmp.Diff([]string{"Authorization", "Cookie", "X-Api-Key", "X-Tenant", "certificate"}, credentialsIn(asked)); diff != "" {
			t.Errorf("the same server (-want +got):\n%s", diff)
		}
		if user, _, _ := asked.BasicAuth(); user != clientID || asked.Header.Get("Accept") != "" {
			t.Errorf("the token was asked for with the headers %v", asked.Header)
		}
	}
}

func TestATokenThatIsNotGiven(t *testing.T) {
	const failed = v1alpha1.ReasonReadFailed
	const json = "application/json"
	type reply struct {
		code        int
		kind, body  string
		after       string
		location    string
		wantReason  string
		wantMessage string
		// wantAsked is how often the server is asked: a second time only in another way, which could help.
		wantAsked int32
	}
	long := `{"access_token": "` + strings.Repeat("x", 300<<10) + `"}`
	tests := map[string]reply{
		"a wrong secret": {
			code: 401, kind: json, body: `{"error": "invalid_client", "error_description": "` + theBody + `"}`, wantReason: failed, wantAsked: 2,
			wantMessage: `spec.http.auth.oauth2: the server gives the client no token (401 Unauthorized, invalid_client); check the id and the secret in Secret "api", and scopes and params`,
		},
		"a word that is not of the standard": {
			code: 403, kind: json, body: `{"error": "` + theBody + `"}`, wantReason: failed, wantAsked: 2,
			wantMessage: `spec.http.auth.oauth2: the server gives the client no token (403 Forbidden); check the id and the secret in Secret "api", and scopes and params`,
		},
		"an error with status 200": {
			code: 200, kind: json, body: `{"error": "invalid_request"}`, wantReason: failed, wantAsked: 2,
			wantMessage: `spec.http.auth.oauth2: the server gives the client no token (200 OK, invalid_request); check the id and the secret in Secret "api", and scopes and params`,
		},
		"wrong scopes": {
			code: 400, kind: json, body: `{"error": "invalid_scope"}`, wantReason: failed, wantAsked: 2,
			wantMessage: "spec.http.auth.oauth2.scopes: the server does not give a token for them (400 Bad Request, invalid_scope); check them, and what the client may ask for",
		},
		"a client for people alone": {
			code: 400, kind: json, body: `{"error": "unauthorized_client"}`, wantReason: failed, wantAsked: 2,
			wantMessage: "spec.http.auth.oauth2: the server does not give this client tokens by the client credentials grant (400 Bad Request, unauthorized_client); allow that there",
		},
		"a wrong path": {
			code: 404, kind: "text/html", body: theBody, wantReason: failed, wantAsked: 2,
			wantMessage: "spec.http.auth.oauth2.tokenURL: nothing there gives tokens (404 Not Found); check the URL",
		},
		"a redirect, which is not followed": {
			code: 302, location: "/other", wantReason: failed, wantAsked: 2,
			wantMessage: "spec.http.auth.oauth2.tokenURL: nothing there gives tokens (302 Found); check the URL",
		},
		"an answer that is not JSON": {
			code: 200, kind: "text/html", body: theBody, wantReason: failed, wantAsked: 2,
			wantMessage: "spec.http.auth.oauth2.tokenURL: the answer holds no token; check the URL",
		},
		"an answer without a token": {
			code: 200, kind: json, body: "{}", wantReason: failed, wantAsked: 2,
			wantMessage: "spec.http.auth.oauth2.tokenURL: the answer holds no token; check the URL",
		},
		"a token that no header can have": {
			code: 200, kind: json, body: `{"access_token": "` + accessToken + `\nX: y"}`, wantReason: failed, wantAsked: 1,
			wantMessage: "spec.http.auth.oauth2.tokenURL: the token holds a character that no header can have; check the URL",
		},
		"an endless answer": {
			code: 200, kind: json, body: long, wantReason: failed, wantAsked: 1,
			wantMessage: "spec.http.auth.oauth2.tokenURL: the answer is longer than 262144 bytes, which no token is; check the URL",
		},
		"a server that fails": {
			code: 500, kind: json, body: theBody, wantReason: failed, wantAsked: 1,
			wantMessage: "spec.http.auth.oauth2.tokenURL: the server failed (500 Internal Server Error); see its log: reading goes on by itself",
		},
		"a server that asks to be left alone": {
			code: 429, after: "120", wantReason: v1alpha1.ReasonRateLimited, wantAsked: 1,
			wantMessage: "spec.http.auth.oauth2.tokenURL: the server asks to be left alone for a while (429 Too Many Requests); it is read again then: if that happens often, raise spec.interval or ask for less",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			login := serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				header := map[string]string{}
				for name, value := range map[string]string{"Content-Type": test.kind, "Retry-After": test.after, "Location": test.location} {
					if value != "" {
						header[name] = value
					}
				}
				answers(test.code, header, test.body)(w, r)
			})
			api := &recorder{}
			source := newSource(serve(t, api.ServeHTTP).URL, login.URL).oauth2(login.URL)
			_, err := source.read(t)
			wantError(t, err, test.wantReason, test.wantMessage)
			if asked.Load() != test.wantAsked {
				t.Errorf("the server was asked %d times, want %d", asked.Load(), test.wantAsked)
			}
			if len(api.all()) != 0 {
				t.Error("the API was asked without a token")
			}
			if test.after != "" && asTold(t, err).RetryAfter != 2*time.Minute {
				t.Errorf("again after %s, want 2m", asTold(t, err).RetryAfter)
			}
		})
	}
	t.Run("a server that is not there", func(t *testing.T) {
		login := serve(t, nil)
		login.Close()
		source := newSource("http://api.test", login.URL).oauth2(login.URL)
		_, err := source.read(t)
		wantError(t, err, failed, "spec.http.auth.oauth2.tokenURL: the server does not accept connections (connection refused); check that it runs and that host and port are right")
	})
	t.Run("a token that the API does not take", func(t *testing.T) {
		login := serve(t, tokenServer(false))
		source := newSource(serve(t, answers(401, nil, theBody)).URL, login.URL).oauth2(login.URL)
		_, err := source.read(t)
		wantError(t, err, failed, `spec.http.auth: the server refuses the credentials (401 Unauthorized); check the client in Secret "api", its scopes and params, and that it may read this URL`)
	})
}
