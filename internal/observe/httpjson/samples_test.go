package httpjson

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

const samplesFolder = "../../../config/samples/sources"

// sample is a file of config/samples/sources, its server, which answers as the real one is documented to, and what a
// read gives.
type sample struct {
	server http.Handler
	// secret is what the Secret holds that the file asks for.
	secret map[string]string
	rows   int
	// facts of some accounts, by their ids.
	facts map[string]map[string]string
}

var samples = map[string]sample{
	"hubspot-companies.yaml": {
		server: hubspotCompanies(), secret: map[string]string{"token": "pat-na1-1\n"}, rows: 250,
		facts: map[string]map[string]string{
			"9000000000000": {"name": "Company 0", "stage": "customer", "revenue": "1000.5", "open_deals": "0", "last_contacted": "2026-10-20T14:00:00Z"},
			"9000000000001": {"name": "Company 1", "stage": "lead", "revenue": "", "open_deals": "3", "last_contacted": ""},
			"9000000000249": {"name": "Company 249", "stage": "lead", "revenue": "", "open_deals": "3", "last_contacted": ""},
		},
	},
	"hubspot-customers.yaml": {
		server: hubspotSearch(), secret: map[string]string{"token": "pat-na1-1"}, rows: 125,
		facts: map[string]map[string]string{
			"9000000000000": {"revenue": "1000.5", "last_contacted": "2026-10-20T14:00:00Z"},
			"9000000000001": nil,
			"9000000000248": {"revenue": "1000.5", "last_contacted": "2026-10-20T14:00:00Z"},
		},
	},
	"salesforce-accounts.yaml": {
		server: salesforce(), secret: map[string]string{"client-id": "3MVG9VwZ\n", "client-secret": "8A4BE698\n"}, rows: 3214,
		facts: map[string]map[string]string{
			"001D000000000000AA": {"name": "Account 0", "owner": "jo@example.com", "revenue": "350000000", "last_activity": "2026-10-28", "changed": "2026-10-30T09:12:33Z"},
			"001D000000003213AA": {"name": "Account 3213", "owner": "jo@example.com", "revenue": "", "last_activity": "", "changed": "2026-10-30T09:12:33Z"},
		},
	},
	"zendesk-tickets.yaml": {
		server: zendesk(), secret: map[string]string{"user": "jo@example.com/token", "token": "6wiIBWbGkBMo1mRDMuVwkw1EPsNkeUj95PIz2akv"}, rows: 200,
		facts: map[string]map[string]string{
			"22989772198900": {"open_tickets": "50", "urgent_tickets": "13", "oldest_ticket": "2026-09-01"},
			"22989772198903": {"open_tickets": "50", "urgent_tickets": "13", "oldest_ticket": "2026-09-01T03:00:00Z"},
			"22989772198904": {"open_tickets": "0", "urgent_tickets": "0", "oldest_ticket": ""},
		},
	},
	"delighted-responses.yaml": {
		server: delighted(), secret: map[string]string{"key": "YOUR_DELIGHTED_API_KEY"}, rows: 115,
		facts: map[string]map[string]string{
			"acme-0": {"nps": "9", "comment": "answer 220"},
			"acme-1": {"nps": "", "comment": ""},
		},
	},
}

func TestSamplesAreTrue(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(samplesFolder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(samples) {
		t.Errorf("there are %d files, and %d are tried", len(files), len(samples))
	}
	for name, test := range samples {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(test.server)
			t.Cleanup(s.Close)
			ds, keys := load(t, name, s.URL, test.secret)
			table, err := readSample(t, ds, keys, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if len(table.Rows) != test.rows {
				t.Errorf("%d rows, want %d", len(table.Rows), test.rows)
			}
			checkFacts(t, ds, table, test.facts)

			for key := range keys.data {
				keys.data[key] = "wrong"
			}
			_, err = readSample(t, ds, keys, time.Time{})
			if err == nil || !strings.Contains(err.Error(), "401 Unauthorized") {
				t.Errorf("with other credentials: %v, want an error about them", err)
			}
		})
	}
}

func TestTheSampleOfSurveysAsksForWhatIsNew(t *testing.T) {
	s := httptest.NewServer(delighted())
	t.Cleanup(s.Close)
	ds, keys := load(t, "delighted-responses.yaml", s.URL, samples["delighted-responses.yaml"].secret)
	since := firstAnswer.Add(200 * time.Hour)
	table, err := readSample(t, ds, keys, since)
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Rows) != 20 || !table.Since.Equal(since) {
		t.Errorf("%d rows since %s, want 20 since %s", len(table.Rows), table.Since, since)
	}
}

// sampleKeys holds the Secret that a sample asks for.
type sampleKeys struct {
	noKeys
	name, allowed string
	data          map[string]string
}

func (k sampleKeys) SecretKey(_ context.Context, _, name, key string) ([]byte, map[string]string, error) {
	data, ok := k.data[key]
	if name != k.name || !ok {
		return nil, nil, observe.SecretNotFound("Secret %q has no key %q", name, key)
	}
	return []byte(data), map[string]string{v1alpha1.AnnotationAllowHost: k.allowed}, nil
}

// The two commands in the comment of a sample, which make the Secret and allow it.
var (
	createSecret = regexp.MustCompile(`(?m)^#   kubectl create secret generic (\S+)((?: --from-file=[a-z-]+=\S+)+)$`)
	allowHost    = regexp.MustCompile(`(?m)^#   kubectl annotate secret (\S+) perennial\.dev/allow-host=(\S+)$`)
)

// load reads a sample, strictly, and points it to a server. The commands in its comment must make the Secret that it
// needs and allow its host.
func load(t *testing.T, name, server string, secret map[string]string) (*v1alpha1.DataSource, sampleKeys) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(samplesFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	ds := &v1alpha1.DataSource{}
	if err := yaml.UnmarshalStrict(data, ds); err != nil {
		t.Fatal(err)
	}
	if ds.Name != strings.TrimSuffix(name, ".yaml") || ds.Kind != "DataSource" || ds.APIVersion != "perennial.dev/v1alpha1" {
		t.Errorf("the file has %s %s %q", ds.APIVersion, ds.Kind, ds.Name)
	}
	if strings.Contains(string(data), "${") && ds.Annotations["kustomize.toolkit.fluxcd.io/substitute"] != "disabled" {
		t.Error("Flux would fill in the ${}: an annotation must keep it from that")
	}
	created, allowed := createSecret.FindStringSubmatch(string(data)), allowHost.FindStringSubmatch(string(data))
	if created == nil || allowed == nil || created[1] != allowed[1] {
		t.Fatal("the comment does not make and allow a Secret")
	}
	for key := range secret {
		if !strings.Contains(created[2], " --from-file="+key+"=") {
			t.Errorf("the comment's Secret has no key %q", key)
		}
	}
	point := func(to *v1alpha1.URL) {
		u, err := url.Parse(string(*to))
		if err != nil {
			t.Fatal(err)
		}
		if u.Scheme != "https" || u.Host != allowed[2] {
			t.Errorf("the comment allows %s, the URL is on %s", allowed[2], u.Host)
		}
		*to = v1alpha1.URL(strings.Replace(string(*to), "https://"+u.Host, server, 1))
	}
	point(&ds.Spec.HTTP.URL)
	if oauth2 := ds.Spec.HTTP.Auth.OAuth2; oauth2 != nil {
		point(&oauth2.TokenURL)
	}
	keys := sampleKeys{name: created[1], allowed: strings.TrimPrefix(server, "http://"), data: map[string]string{}}
	for key, value := range secret {
		keys.data[key] = value
	}
	return ds, keys
}

// readSample reads a sample as the operator does.
func readSample(t *testing.T, ds *v1alpha1.DataSource, keys observe.KeyReader, since time.Time) (*observe.Table, error) {
	t.Helper()
	registry := observe.Registry{observe.ProviderHTTP: observe.Factory(New)}
	reader, err := registry.Open(ds, observe.Dependencies{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return reader.Read(t.Context(), observe.Request{Now: now, Since: since})
}

// checkFacts checks what is known of accounts; nil: there is no row.
func checkFacts(t *testing.T, ds *v1alpha1.DataSource, table *observe.Table, facts map[string]map[string]string) {
	t.Helper()
	snapshot, err := observe.Ingest(ds, table, now)
	if err != nil {
		t.Fatal(err)
	}
	if n := snapshot.RejectedValues(); n != 0 {
		t.Errorf("%d values are rejected: %q", n, snapshot.RejectedExamples())
	}
	for id, want := range facts {
		got := snapshot.Lookup([]string{id})
		for metric, text := range want {
			value := ""
			if got[metric].Value != nil {
				value = got[metric].Value.String()
			}
			if value != text {
				t.Errorf("%s of %s: got %q, want %q", metric, id, value, text)
			}
		}
		if want == nil && snapshot.Row(id) != nil {
			t.Errorf("there is a row of %s", id)
		}
	}
}
