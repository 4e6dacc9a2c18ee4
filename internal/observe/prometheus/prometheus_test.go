//go:build unix

package prometheus_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	server "github.com/perennial-dev/perennial/internal/testing/prometheus"
)

// exposed is what most tests have to read.
var exposed = []string{
	`errors{org="acme",zone="eu"} 3`, `errors{org="acme",zone="us"} 4.5`, `errors{org="bolt",zone="eu"} 0`,
	`seats{org="acme"} 120000`, `seats{org="core"} 1e21`, `seats{org="dune"} 1e-7`,
	`odd{org="acme"} NaN`, `odd{org="bolt"} +Inf`, `odd{org="core"} -Inf`, `odd{org="dune"} 0.1`,
	`login_time{org="acme"} 1793525400.25`, `login_time{org="bolt"} 1793525400250`, `login_time{org="core"} NaN`,
	`half{org="acme"} 1`, `half{zone="eu"} 2`, `half{org="",zone="us"} 3`,
	`tenants{tenant="acme"} 1`,
}

// startExposed starts a server that has them.
func startExposed(t *testing.T, flags ...string) *server.Server {
	t.Helper()
	s := server.Start(t, server.Options{Flags: flags})
	s.Expose(exposed...)
	s.Await("tenants", "1")
	return s
}

func TestRead(t *testing.T) {
	s := startExposed(t)
	tests := map[string]struct {
		queries []string
		want    []string
	}{
		"one query, one series an account": {
			[]string{"e sum by (org) (errors)"}, []string{"e|org", "7.5|acme", "0|bolt"},
		},
		"several queries are joined by the account": {
			[]string{"s seats", "e sum by (org) (errors)"},
			[]string{"e|org|s", "7.5|acme|120000", "0|bolt|~", "~|core|1e+21", "~|dune|1e-07"},
		},
		"several series an account are rows in the order of their labels": {
			[]string{"e sort_desc(errors)", "s seats < 1e6"},
			[]string{"e|org|s", "3|acme|120000", "4.5|acme|~", "0|bolt|~", "~|dune|1e-07"},
		},
		"what is no number is left as it is": {
			[]string{"o odd"}, []string{"o|org", "NaN|acme", "+Inf|bolt", "-Inf|core", "0.1|dune"},
		},
		"a time is in seconds since 1970; what is none is left as it is": {
			[]string{"login_at login_time"},
			[]string{"login_at|org", "2026-11-01T09:30:00.25Z|acme", "1793525400250|bolt", "NaN|core"},
		},
		"series without the label are rows without an id": {
			[]string{"h half"}, []string{"h|org", "2|~", "3|~", "1|acme"},
		},
		"no series is a complete read without rows": {
			[]string{"e errors > 100", "s nothing_of_this_name"}, []string{"e|org|s"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ds := newSource(s.URL(), test.queries...)
			got := mustRead(t, ds, observe.Dependencies{})
			if diff := cmp.Diff(test.want, show(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(got.Warnings) != 0 || len(got.Incomplete) != 0 {
				t.Errorf("got warnings %q, incomplete %q", got.Warnings, got.Incomplete)
			}
		})
	}

	t.Run("a query has its own label, a metric its own column", func(t *testing.T) {
		ds := newSource(s.URL(), "t tenants", "e sum by (org) (errors)")
		ds.Spec.Prometheus.Queries[0].Label = "tenant"
		ds.Spec.Metrics[0].Field = "of tenants"
		want := []string{"e|of tenants|org", "7.5|1|acme", "0|~|bolt"}
		if diff := cmp.Diff(want, show(mustRead(t, ds, observe.Dependencies{}))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("what the core makes of it: no numbers and no ids are counted", func(t *testing.T) {
		ds := newSource(s.URL(), "o odd", "h half", "login_at login_time")
		snapshot, err := observe.Ingest(ds, mustRead(t, ds, observe.Dependencies{}), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if snapshot.Rows() != 4 || snapshot.RejectedValues() != 2+3+2 {
			t.Errorf("%d rows, %d rejected: %q; want 4 and 7", snapshot.Rows(), snapshot.RejectedValues(), snapshot.RejectedExamples())
		}
	})
	t.Run("the next read has what changed", func(t *testing.T) {
		s.Expose(`errors{org="bolt",zone="eu"} 9`)
		s.Await("errors", "9")
		got := mustRead(t, newSource(s.URL(), "e sum by (org) (errors)"), observe.Dependencies{})
		if diff := cmp.Diff([]string{"e|org", "9|bolt"}, show(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestReadErrors(t *testing.T) {
	s := startExposed(t, "--query.max-samples=1000")
	const at = "spec.prometheus.queries[n]"
	tests := map[string]struct{ query, message string }{
		"no series has the label": {
			"sum by (zone, job) (errors)", at + `.label: no series has the label "org" (spec.account.field); the labels are: "job", "zone"; aggregate by it: sum by (org) (...)`,
		},
		"there are no labels": {
			"sum(errors)", at + `.label: no series has the label "org" (spec.account.field); there are no others; aggregate by it: sum by (org) (...)`,
		},
		"the name of the metric is no label to choose": {
			"tenants", at + `.label: no series has the label "org" (spec.account.field); the labels are: "instance", "job", "tenant"; aggregate by it: sum by (org) (...)`,
		},
		"a scalar":        {"1", at + ".query: the result is a scalar, and an instant vector is expected; write a query that gives one series an account: sum by (org) (...)"},
		"a text":          {`"secret"`, at + ".query: the result is a string, and an instant vector is expected; write a query that gives one series an account: sum by (org) (...)"},
		"a range":         {"errors[5m]", at + ".query: the result is a range vector, and an instant vector is expected; write a query that gives one series an account: sum by (org) (...)"},
		"bad PromQL":      {"sum(errors", at + ".query: the server says: 1:11: parse error: unclosed left parenthesis"},
		"an unknown name": {"summ(errors)", at + `.query: the server says: 1:1: parse error: unknown function with name "..."`},
		"labels of series in what the server says": {
			"tenants / on (job) group_left () seats", at + ".query: the server says: found duplicate series for the match group {...} on the right hand-side of the operation: [{...}, {...}];many-to-many matching not allowed: matching labels must be unique on one side",
		},
		"too much for the server": {
			"sum_over_time(vector(1)[1h:1s])", at + ".query: the server says: query processing would load too many samples into memory in query execution",
		},
		"more rows than allowed": {"errors or seats", "spec.prometheus: more than 3 rows: select fewer, or raise the operator's --max-rows"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, newSource(s.URL(), "n "+test.query), observe.Dependencies{MaxRows: 3})
			wantError(t, err, failed, test.message)
		})
	}
	t.Run("a query's own label is named as it is", func(t *testing.T) {
		ds := newSource(s.URL(), "n errors")
		ds.Spec.Prometheus.Queries[0].Label = "org.id"
		_, err := read(t, ds, observe.Dependencies{})
		wantError(t, err, failed, at+`.label: no series has the label "org.id"; the labels are: "instance", "job", "org", "zone"; aggregate by it: sum by ("org.id") (...)`)
	})
	t.Run("one query that fails is a read that fails", func(t *testing.T) {
		_, err := read(t, newSource(s.URL(), "m seats", "n sum(errors"), observe.Dependencies{})
		wantError(t, err, failed, at+".query: the server says: 1:11: parse error: unclosed left parenthesis")
	})
	t.Run("more rows than allowed, of all queries together", func(t *testing.T) {
		_, err := read(t, newSource(s.URL(), "m sum by (org) (errors)", "n seats"), observe.Dependencies{MaxRows: 3})
		wantError(t, err, failed, "spec.prometheus: more than 3 rows: select fewer, or raise the operator's --max-rows")
	})
	t.Run("more bytes than allowed, of all answers together", func(t *testing.T) {
		_, err := read(t, newSource(s.URL(), "m seats", "n seats"), observe.Dependencies{MaxBytes: 600})
		wantError(t, err, failed, "spec.prometheus: more than 600 bytes: select less, or raise the operator's --max-bytes")
	})
	t.Run("a server that comes back is read again", func(t *testing.T) {
		ds := newSource(s.URL(), "n sum by (org) (seats)")
		s.Stop()
		_, err := read(t, ds, observe.Dependencies{})
		wantError(t, err, failed, "spec.prometheus.url: the server does not accept connections (connection refused); check that it runs and that host and port are right")
		s.Restart()
		if got := mustRead(t, ds, observe.Dependencies{}); len(got.Rows) != 3 {
			t.Errorf("got %v, want three rows", show(got))
		}
	})
}

// constant gives one series of one account on any server, without a scrape.
const constant = `n label_replace(vector(7), "org", "acme", "", "")`

func TestReadOfAServerThatWantsAPasswordOverTLS(t *testing.T) {
	s := server.Start(t, server.Options{Auth: true, TLS: true})
	keys := fakeKeys{host: s.Address(), ca: string(s.CA())}
	trusted := func(auth *v1alpha1.HTTPAuth) *v1alpha1.DataSource {
		ds := newSource(s.URL(), constant)
		ds.Spec.Prometheus.Auth = auth
		ds.Spec.Prometheus.TLS = &v1alpha1.TLSOptions{CAConfigMapRef: &v1alpha1.KeyReference{Name: "trust", Key: "ca.crt"}}
		return ds
	}

	got := mustRead(t, trusted(basic()), observe.Dependencies{Keys: keys})
	if diff := cmp.Diff([]string{"n|org", "7|acme"}, show(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	contains := func(t *testing.T, err error, reason, part string) {
		t.Helper()
		if told := asError(t, err); told.Reason != reason || !strings.Contains(told.Message, part) {
			t.Errorf("got %s: %s; want %s: ...%s...", told.Reason, told.Message, reason, part)
		}
	}
	t.Run("no password", func(t *testing.T) {
		_, err := read(t, trusted(nil), observe.Dependencies{Keys: keys})
		contains(t, err, failed, "401")
	})
	t.Run("no authority", func(t *testing.T) {
		ds := trusted(basic())
		ds.Spec.Prometheus.TLS = nil
		_, err := read(t, ds, observe.Dependencies{Keys: keys})
		contains(t, err, failed, "certificate")
	})
	t.Run("a Secret that is not for this host", func(t *testing.T) {
		_, err := read(t, trusted(basic()), observe.Dependencies{Keys: fakeKeys{host: "other", ca: keys.ca}})
		contains(t, err, v1alpha1.ReasonSecretNotAllowed, "kubectl annotate secret")
	})
}

func TestReadThroughAGateway(t *testing.T) {
	s := server.Start(t, server.Options{})
	proxy := before(t, s)
	want := []string{"n|org", "7|acme"}

	t.Run("that wants a token and a tenant", func(t *testing.T) {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer "+theToken || r.Header.Get("X-Scope-OrgID") != "tenant-9" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			proxy.ServeHTTP(w, r)
		})
		ds := newSource(url, constant)
		_, err := read(t, ds, observe.Dependencies{})
		if told := asError(t, err); !strings.Contains(told.Message, "401") {
			t.Errorf("without a token: %s", told.Message)
		}
		ds.Spec.Prometheus.Auth = bearer()
		ds.Spec.Prometheus.Headers = []v1alpha1.HTTPHeader{{Name: "X-Scope-OrgID", Value: "tenant-9"}}
		got := mustRead(t, ds, observe.Dependencies{Keys: fakeKeys{host: hostOf(url)}})
		if diff := cmp.Diff(want, show(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("that only lets a GET pass", func(t *testing.T) {
		for _, refusal := range []int{http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented} {
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet {
					w.WriteHeader(refusal)
					return
				}
				proxy.ServeHTTP(w, r)
			})
			if diff := cmp.Diff(want, show(mustRead(t, newSource(url, constant), observe.Dependencies{}))); diff != "" {
				t.Errorf("after %d (-want +got):\n%s", refusal, diff)
			}
		}
	})
	t.Run("that has it below a path, and takes parameters", func(t *testing.T) {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("tenant") != "a b" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			http.StripPrefix("/select/0", proxy).ServeHTTP(w, r)
		})
		got := mustRead(t, newSource(url+"/select/0/?tenant=a%20b", constant), observe.Dependencies{})
		if diff := cmp.Diff(want, show(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("that warns, as Thanos does", func(t *testing.T) {
		warns := before(t, s)
		warns.ModifyResponse = func(resp *http.Response) error {
			return addToAnswer(resp, "warnings", []string{
				`No StoreAPIs matched for this query, cluster="eu-1"`,
				`receive series from Addr: 10.0.0.1:10901 LabelSets: {org="acme"} Mint: 1: rpc error` + strings.Repeat(" and", 100),
			})
		}
		url := serve(t, warns.ServeHTTP)
		got := mustRead(t, newSource(url, constant), observe.Dependencies{})
		wantWarnings := []string{
			`n: No StoreAPIs matched for this query, cluster="..."`,
			(`n: receive series from Addr: ... LabelSets: {...} Mint: 1: rpc error` + strings.Repeat(" and", 100))[:len("n: ")+197] + "...",
		}
		if diff := cmp.Diff(wantWarnings, got.Warnings); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"n"}, got.Incomplete); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("that warns a lot", func(t *testing.T) {
		warns := before(t, s)
		warns.ModifyResponse = func(resp *http.Response) error {
			return addToAnswer(resp, "warnings", []string{"one", "one", "two", "", "{a}", "{b}", "three", "four"})
		}
		ds := newSource(serve(t, warns.ServeHTTP), constant, "m"+constant[1:])
		ds.Spec.Metrics[1].Field = "of m"
		got := mustRead(t, ds, observe.Dependencies{})
		want := []string{"n: four", "n: one", "n: the server warns, and does not say of what", "n: three", "n: two"}
		if diff := cmp.Diff(want, got.Warnings); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"n", "of m"}, got.Incomplete); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("that says that the result is partial, as VictoriaMetrics does", func(t *testing.T) {
		asked := 0
		partial := before(t, s)
		partial.ModifyResponse = func(resp *http.Response) error {
			asked++
			return addToAnswer(resp, "isPartial", asked == 1)
		}
		got := mustRead(t, newSource(serve(t, partial.ServeHTTP), constant, "m"+constant[1:]), observe.Dependencies{})
		if diff := cmp.Diff([]string{"n: the result is partial"}, got.Warnings); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"n"}, got.Incomplete); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("whose infos are no warnings", func(t *testing.T) {
		informs := before(t, s)
		informs.ModifyResponse = func(resp *http.Response) error {
			return addToAnswer(resp, "infos", []string{"PromQL info: metric might not be a counter"})
		}
		got := mustRead(t, newSource(serve(t, informs.ServeHTTP), constant), observe.Dependencies{})
		if len(got.Warnings) != 0 || len(got.Incomplete) != 0 {
			t.Errorf("got warnings %q, incomplete %q", got.Warnings, got.Incomplete)
		}
	})
}

// addToAnswer adds a field to an answer.
func addToAnswer(resp *http.Response, name string, value any) error {
	defer func() { _ = resp.Body.Close() }()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	answer[name] = value
	body, err := json.Marshal(answer)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	resp.Header.Del("Content-Encoding")
	return err
}

func TestAServerThatCannotReachItsRemoteStorageWarns(t *testing.T) {
	s := server.Start(t, server.Options{Config: "remote_read: [{url: 'http://127.0.0.1:1/read', read_recent: true}]"})
	s.Await("absent(nothing)", "1")
	got := mustRead(t, newSource(s.URL(), `n label_replace(absent(nothing), "org", "acme", "", "")`, "m"+constant[1:]), observe.Dependencies{})
	want := []string{`n: remote_read: error sending request: Post "...": dial tcp ...: connect: connection refused`}
	if diff := cmp.Diff(want, got.Warnings); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"n"}, got.Incomplete); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAServerThatGivesUpOnAQuery(t *testing.T) {
	s := server.Start(t, server.Options{Flags: []string{"--query.timeout=1ms"}})
	_, err := read(t, newSource(s.URL(), "n max_over_time((vector(1) + vector(1))[1d:1s]) + vector(1)"), observe.Dependencies{})
	wantError(t, err, failed, "spec.prometheus.queries[n].query: the server gave up on the query, which took too long; make it cheaper, such as with a recording rule, or raise spec.timeout and the server's --query.timeout")
}
