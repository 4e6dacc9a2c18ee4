//go:build unix

package prometheus_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/network"
)

const (
	notPrometheus = "spec.prometheus.url: the answer is not one of Prometheus's API; check that the URL is that of the server, without /api/v1, and what stands before it"
	acme          = `{"metric":{"org":"acme"},"value":[1700000000.123,"1"]}`
)

// refusal is an error as Prometheus writes it.
func refusal(kind, message string) string {
	text, err := json.Marshal(map[string]string{"status": "error", "errorType": kind, "error": message})
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func TestAnswersThatCannotBeUsed(t *testing.T) {
	const at = "spec.prometheus.queries[n]"
	const unavailable = "spec.prometheus.url: the server is not available, or stopped the query; reading goes on by itself"
	tests := map[string]struct {
		code          int
		body, message string
	}{
		"a web page":                         {200, "<html>secret</html>", notPrometheus},
		"nothing":                            {200, "", notPrometheus},
		"JSON of something else":             {200, `{"org":"secret"}`, notPrometheus},
		"a list":                             {200, `["secret"]`, notPrometheus},
		"half a text":                        {200, vectorOf(acme)[:80], notPrometheus},
		"no result":                          {200, `{"status":"success","data":null}`, notPrometheus},
		"a result of no kind":                {200, `{"status":"success","data":{"result":[]}}`, notPrometheus},
		"a result of an unknown kind":        {200, `{"status":"success","data":{"resultType":"secret","result":[]}}`, notPrometheus},
		"a series that is null":              {200, vectorOf("null"), notPrometheus},
		"a series without a value":           {200, vectorOf(acme, `{"metric":{"org":"secret"}}`), notPrometheus},
		"a value that is null":               {200, vectorOf(`{"metric":{"org":"secret"},"value":[1700000000,null]}`), notPrometheus},
		"a time that is null":                {200, vectorOf(`{"metric":{"org":"secret"},"value":[null,"1"]}`), notPrometheus},
		"a sample that is null":              {200, vectorOf(`{"metric":{"org":"secret"},"value":null}`), notPrometheus},
		"a value that is taken back":         {200, vectorOf(`{"metric":{"org":"secret"},"value":[1700000000,"1"],"value":null}`), notPrometheus},
		"a sample of three":                  {200, vectorOf(`{"metric":{"org":"secret"},"value":[1700000000,"1","2"]}`), notPrometheus},
		"a sample that is no pair":           {200, vectorOf(`{"metric":{"org":"secret"},"value":"1"}`), notPrometheus},
		"no status":                          {200, strings.Replace(vectorOf(acme), "success", "", 1), notPrometheus},
		"something after the answer":         {200, vectorOf(acme) + "secret", notPrometheus},
		"a value that is a number":           {200, vectorOf(`{"metric":{"org":"secret"},"value":[1700000000,1]}`), notPrometheus},
		"a value that is no number":          {200, vectorOf(`{"metric":{"org":"a"},"value":[1700000000,"secret"]}`), notPrometheus},
		"a time without a value":             {200, vectorOf(`{"metric":{"org":"secret"},"value":[1700000000]}`), notPrometheus},
		"a label that is no text":            {200, vectorOf(`{"metric":{"org":["secret"]},"value":[1700000000,"1"]}`), notPrometheus},
		"histograms":                         {200, vectorOf(`{"metric":{"org":"secret"},"histogram":[1700000000,{"count":"1","sum":"1","buckets":[]}]}`), at + ".query: the result has histograms; take a number of them: histogram_quantile(0.9, ...), or histogram_count(...)"},
		"a bad query, in quotes and braces":  {400, refusal("bad_data", `invalid parameter "query": 1:3: parse error: unexpected "secret" in {org='secret'}`), at + `.query: the server says: 1:3: parse error: unexpected "..." in {...}`},
		"a bad query, in several lines":      {400, refusal("bad_data", "1:3: one\n\ttwo\x00 http://user:secret@host/path"), at + ".query: the server says: 1:3: one two ..."},
		"an error with status 200":           {200, refusal("execution", "too many series"), at + ".query: the server says: too many series"},
		"an error of another dialect":        {422, refusal("422", "cannot evaluate `secret`"), at + ".query: the server says: cannot evaluate `...`"},
		"an error without words":             {422, refusal("execution", ""), at + ".query: the server refuses the query, and does not say why"},
		"an error without words, status 200": {200, refusal("execution", ""), at + ".query: the server refuses the query, and does not say why"},
		"JSON that is no error":              {400, `{"message":"secret"}`, notPrometheus},
		"success with the status of failure": {400, vectorOf(acme), notPrometheus},
		"a list with the status of failure":  {422, `["secret"]`, notPrometheus},
		"a server that is starting":          {503, refusal("unavailable", "secret"), unavailable},
		"a server that is stopping":          {503, refusal("canceled", "secret"), unavailable},
		"a gateway without its server":       {503, `{"code":503}`, unavailable},
		"JSON that is none":                  {503, "secret", unavailable},
		"a failed query, with status 503":    {503, refusal("execution", "no store"), at + ".query: the server says: no store"},
		"a server that is not there":         {404, "secret", "spec.prometheus.url: the server has nothing at this URL (404 Not Found); check its path"},
		"a server that fails":                {500, refusal("internal", "secret"), "spec.prometheus.url: the server failed (500 Internal Server Error); see its log: reading goes on by itself"},
		"a server that forbids":              {403, refusal("execution", "secret"), "spec.prometheus.url: the server wants credentials (403 Forbidden); give them with auth or headers, from a Secret"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, newSource(serve(t, answers(test.code, test.body)), "n errors"), observe.Dependencies{})
			wantError(t, err, failed, test.message)
			if strings.Contains(asError(t, err).Message, "secret") {
				t.Error("the error shows what the server sent")
			}
		})
	}
}

func TestAResultThatIsNullHasNoSeries(t *testing.T) {
	url := serve(t, answers(http.StatusOK, `{"status":"success","data":{"resultType":"vector","result":null}}`))
	got := mustRead(t, newSource(url, "n errors"), observe.Dependencies{})
	if len(got.Rows) != 0 {
		t.Errorf("got %v; want none", show(got))
	}
}

func TestAServerThatIsAskedTooOften(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3000")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	_, err := read(t, newSource(url, "n errors"), observe.Dependencies{})
	if told := asError(t, err); told.Reason != v1alpha1.ReasonRateLimited || told.RetryAfter != 50*time.Minute {
		t.Errorf("got %s after %s: %s", told.Reason, told.RetryAfter, told.Message)
	}
}

func TestAnAddressThatIsNotAllowed(t *testing.T) {
	url := serve(t, answers(http.StatusOK, vectorOf(acme)))
	_, err := read(t, newSource(url, "n errors"), observe.Dependencies{Dial: network.Dialer{}.DialContext})
	if told := asError(t, err); told.Reason != v1alpha1.ReasonAddressNotAllowed {
		t.Errorf("got %s: %s", told.Reason, told.Message)
	}
}

func TestAnAnswerThatBreaksOff(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, vectorOf(acme))
	})
	_, err := read(t, newSource(url, "n errors"), observe.Dependencies{})
	wantError(t, err, failed, "spec.prometheus.url: the answer broke off before its end; check the server's log and its limits: reading goes on by itself")
}

func TestAnAnswerThatNeverEnds(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.WriteString(w, strings.TrimSuffix(vectorOf(acme), "]}}"))
		for err == nil {
			_, err = io.WriteString(w, ","+acme)
		}
	})
	_, err := read(t, newSource(url, "n errors"), observe.Dependencies{MaxBytes: 1 << 20})
	wantError(t, err, failed, "spec.prometheus: more than 1048576 bytes: select less, or raise the operator's --max-bytes")
}

func TestAServerThatDoesNotAnswer(t *testing.T) {
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the handler hears that the client went away
		<-r.Context().Done()
	})
	ds := newSource(url, "n errors")
	ds.Spec.Timeout = "1s"
	_, err := read(t, ds, observe.Dependencies{})
	wantError(t, err, failed, "spec.prometheus.url: no answer within 1s (spec.timeout); raise it, or ask for less")
}

func TestNoMessageRepeatsWhatWasSentInHeaders(t *testing.T) {
	// A gateway that says which credentials it did not take.
	gateway := func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		said := []string{"I got", r.Header.Get("Authorization"), user, password, "of", r.Header.Get("X-Tenant"), "and", r.Header.Get("X-Key"), "and", r.FormValue("apikey")}
		answers(http.StatusBadRequest, refusal("bad_data", strings.Join(said, " ")))(w, r)
	}
	url := serve(t, gateway)
	tests := map[string]struct {
		auth *v1alpha1.HTTPAuth
		said string
	}{
		"a token":               {bearer(), "I got ... of ... and ... and ..."},
		"a user and a password": {basic(), "I got ... ... ... of ... and ... and ..."},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ds := newSource(url+"?apikey=of%20acme", "n errors")
			ds.Spec.Prometheus.Auth = test.auth
			token := key("token")
			ds.Spec.Prometheus.Headers = []v1alpha1.HTTPHeader{{Name: "X-Tenant", Value: "tenant-9"}, {Name: "X-Key", ValueSecretRef: &token}}
			_, err := read(t, ds, observe.Dependencies{Keys: fakeKeys{host: hostOf(url)}})
			wantError(t, err, failed, "spec.prometheus.queries[n].query: the server says: "+test.said)
		})
	}
}

func TestAMessageWithoutAnEnd(t *testing.T) {
	for _, message := range []string{strings.Repeat("{", 1<<24), strings.Repeat(`"`, 1<<20), strings.Repeat("'{", 1<<20), strings.Repeat("x", 1<<20)} {
		url := serve(t, answers(http.StatusBadRequest, refusal("bad_data", message)))
		_, err := read(t, newSource(url, "n errors"), observe.Dependencies{})
		if text := asError(t, err).Message; len(text) > 300 {
			t.Errorf("a message of %d bytes: %s", len(text), text[:300])
		}
	}
}

func TestWhatTheServerIsAsked(t *testing.T) {
	var asked []string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		if r.Form.Has("time") {
			t.Error("the time of evaluation is sent")
		}
		// What is left of thirty seconds is twenty-nine whole ones, unless this machine is very slow.
		if left, err := time.ParseDuration(r.Form.Get("timeout")); err != nil || left%time.Second != 0 || left > 29*time.Second {
			t.Errorf("timeout %q, %v; want whole seconds below 30", r.Form.Get("timeout"), err)
		}
		asked = append(asked, r.Method+" "+r.URL.String()+" "+r.Form.Get("query"))
		answers(http.StatusOK, vectorOf(acme))(w, r)
	})
	mustRead(t, newSource(url+"/x/", "n errors", "m a + b"), observe.Dependencies{})
	if diff := cmp.Diff([]string{"POST /x/api/v1/query errors", "POST /x/api/v1/query a + b"}, asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestALabelThatIsEmptyEverywhereIsNotThere(t *testing.T) {
	url := serve(t, answers(http.StatusOK, vectorOf(`{"metric":{"job":"x","org":""},"value":[1700000000,"1"]}`)))
	_, err := read(t, newSource(url, "n errors"), observe.Dependencies{})
	wantError(t, err, failed, `spec.prometheus.queries[n].label: no series has the label "org" (spec.account.field); the labels are: "job"; aggregate by it: sum by (org) (...)`)
}

func TestNoConnectionStaysOpen(t *testing.T) {
	closed := make(chan struct{}, 1)
	s := httptest.NewUnstartedServer(answers(http.StatusOK, vectorOf(acme)))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state != http.StateClosed {
			return
		}
		select {
		case closed <- struct{}{}:
		default:
		}
	}
	s.Start()
	defer s.Close()
	mustRead(t, newSource(s.URL, "n errors"), observe.Dependencies{})
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the connection is still open")
	}
}

func TestALongListOfLabelsIsCut(t *testing.T) {
	var labels []string
	for i := range 30 {
		labels = append(labels, `"l`+strconv.Itoa(10+i)+`":"x"`)
	}
	labels = append(labels, `"acme corp":"x"`)
	url := serve(t, answers(http.StatusOK, vectorOf(`{"metric":{`+strings.Join(labels, ",")+`},"value":[1700000000,"1"]}`)))
	_, err := read(t, newSource(url, "n errors"), observe.Dependencies{})
	message := asError(t, err).Message
	if !strings.Contains(message, `the labels are: (a name of 9 characters), "l10", "l11",`) || !strings.Contains(message, `"l28", and 11 more; aggregate`) {
		t.Errorf("got %s", message)
	}
}
