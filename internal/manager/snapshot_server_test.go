package manager

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/snapshot"
	"github.com/perennial-dev/perennial/internal/testing/controlplane"
)

// served is a world whose operator serves metrics, and who may read what of it.
type served struct {
	*world
	address string
	web     *http.Client
}

// newServed starts an operator that serves metrics.
func newServed(t *testing.T, secure bool) *served {
	t.Helper()
	w := newWorld(t)
	w.stop()
	port, err := controlplane.FreePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := &served{world: w, address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableCompression: true}
	s.web = &http.Client{Transport: transport}
	t.Cleanup(transport.CloseIdleConnections)
	m, err := New(api.Get(t).Config(), Options{Namespaces: []string{w.namespace}, Clock: w.clock, MetricsAddress: s.address, MetricsSecure: secure, Settle: 7 * time.Second, Location: time.FixedZone("UTC", 0)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Start(ctx) }()
	w.manager = m
	w.stop = func() {
		cancel()
		transport.CloseIdleConnections()
		if err := <-done; err != nil {
			t.Errorf("the operator ended with: %v", err)
		}
		w.stop = func() {}
	}
	w.apply(fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata: {name: usage, namespace: %s}
data: {usage.csv: "org,users,plan\nacme,3,Gold\nbolt,4,\n"}
---
kind: DataSource
metadata: {name: usage}
spec:
  account: {field: org}
  metrics: [{name: users, type: Number}, {name: plan, type: Category}]
  configMap: {name: usage, key: usage.csv, format: CSV}
---
kind: Account
metadata: {name: acme}
spec: {displayName: Acme}
`, w.namespace))
	return s
}

// token makes a service account and a token of it.
func (s *served) token(name string) string {
	s.t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.namespace}}
	if err := client.IgnoreAlreadyExists(s.Create(s.t.Context(), account)); err != nil {
		s.t.Fatal(err)
	}
	request := &authenticationv1.TokenRequest{}
	if err := s.SubResource("token").Create(s.t.Context(), account, request); err != nil {
		s.t.Fatal(err)
	}
	return request.Status.Token
}

// allow lets a service account get paths.
func (s *served) allow(name string, paths ...string) {
	s.t.Helper()
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: s.namespace + "-" + name},
		Rules:      []rbacv1.PolicyRule{{NonResourceURLs: paths, Verbs: []string{"get"}}},
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: name, Namespace: s.namespace}},
	}
	c, err := client.New(api.Get(s.t).Config(), client.Options{Scheme: s.Scheme()})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, o := range []client.Object{role, binding} {
		if err := c.Create(s.t.Context(), o); err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { _ = c.Delete(context.Background(), o) })
	}
}

// get asks the operator, and returns the status and what it says.
func (s *served) get(scheme, path, token string, header ...string) (int, string, http.Header) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, scheme+"://"+s.address+path, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for _, h := range header {
		name, text, _ := strings.Cut(h, ": ")
		request.Header.Set(name, text)
	}
	answer, err := s.web.Do(request)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(text), answer.Header
}

// becomes waits until a path is answered with a status: the API server takes a moment to know a new role.
func (s *served) becomes(path, token string, want int) string {
	s.t.Helper()
	var text string
	s.until(fmt.Sprintf("%s is answered with %d", path, want), func() error {
		var status int
		if status, text, _ = s.get("https", path, token); status != want {
			return fmt.Errorf("it is %d: %s", status, text)
		}
		return nil
	})
	return text
}

func TestASnapshotIsForWhoMayReadIt(t *testing.T) {
	s := newServed(t, true)
	mine, others := snapshot.Path+s.namespace, snapshot.Path+"somebody-elses"
	s.allow("reader", mine)
	s.allow("reads-all", snapshot.Path+"*")
	s.allow("scraper", "/metrics")
	reader, all, scraper := s.token("reader"), s.token("reads-all"), s.token("scraper")

	s.until("the source was read", func() error {
		if text := s.becomes(mine, reader, http.StatusOK); !strings.Contains(text, `"id":"bolt"`) {
			return fmt.Errorf("the answer is %s", text)
		}
		return nil
	})
	s.becomes("/metrics", scraper, http.StatusOK)
	s.becomes(others, all, http.StatusNotFound)
	for name, c := range map[string]struct {
		path, token string
		status      int
		says        string
	}{
		"nobody":                          {mine, "", http.StatusUnauthorized, "Unauthorized"},
		"somebody who made up a token":    {mine, "x.y.z", http.StatusInternalServerError, "Authentication failed"},
		"who may read metrics alone":      {mine, scraper, http.StatusForbidden, "Authorization denied"},
		"who may read another namespace":  {others, reader, http.StatusForbidden, "Authorization denied"},
		"who goes round by another path":  {mine + "%2F..%2Fsomebody-elses", reader, http.StatusForbidden, ""},
		"a namespace that is not watched": {others, all, http.StatusNotFound, "does not watch the namespace somebody-elses"},
		"what is no name of a namespace":  {snapshot.Path + "A_B", all, http.StatusNotFound, "the path ends in the name of a namespace"},
		"no namespace":                    {snapshot.Path, all, http.StatusNotFound, ""},
		"metrics, by who reads snapshots": {"/metrics", all, http.StatusForbidden, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, text, _ := s.get("https", c.path, c.token)
			if status != c.status || !strings.Contains(text, c.says) || strings.Contains(text, "bolt") {
				t.Errorf("got %d %s, want %d %s", status, text, c.status, c.says)
			}
		})
	}

	_, packed, header := s.get("https", mine, reader, "Accept-Encoding: br, gzip;q=0.5")
	unpacked, err := gzip.NewReader(strings.NewReader(packed))
	if err != nil || header.Get("Content-Encoding") != "gzip" || header.Get("Cache-Control") != "no-store" {
		t.Fatalf("not compressed: %v, %v", header, err)
	}
	if text, err := io.ReadAll(unpacked); err != nil || !strings.HasSuffix(string(text), `{"kind":"End","lines":3}`+"\n") {
		t.Errorf("it holds %s, %v", text, err)
	}
}

func TestFactsAreAddedToWhatTheClusterHas(t *testing.T) {
	s := newServed(t, true)
	s.allow("reader", snapshot.Path+s.namespace)
	token := s.token("reader")
	s.until("the source was read", func() error {
		if text := s.becomes(snapshot.Path+s.namespace, token, http.StatusOK); !strings.Contains(text, `"id":"bolt"`) {
			return fmt.Errorf("the answer is %s", text)
		}
		return nil
	})
	base, err := snapshot.FromCluster(t.Context(), s, s.namespace, s.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	ref := v1alpha1.MetricReference{Source: "usage", Metric: "users"}
	if acme := base.World.Accounts[0]; base.From != snapshot.Statuses || base.World.Sources.Known(acme, ref) {
		t.Errorf("no model reads it, and it is known from the %s", base.From)
	}
	if err := snapshot.AddFacts(t.Context(), s.web, "https://"+s.address, token, base); err != nil {
		t.Fatal(err)
	}
	acme, sources := base.World.Accounts[0], base.World.Sources
	o := sources.Facts(acme, []v1alpha1.MetricReference{ref})[ref]
	if !sources.Known(acme, ref) || o.Value == nil || o.Value.String() != "3" || base.Settle != 7*time.Second || base.From != snapshot.Operator {
		t.Errorf("got %+v, settle %s, from %s", o, base.Settle, base.From)
	}
	if rows, complete := sources.Rows("usage"); !complete || len(rows) != 2 {
		t.Errorf("rows %v, complete: %t", rows, complete)
	}
	err = snapshot.AddFacts(t.Context(), s.web, "https://"+s.address, s.token("nobody"), base)
	if err == nil || !strings.Contains(err.Error(), "allow get on the nonResourceURL /snapshot/"+s.namespace) || strings.Contains(err.Error(), token) {
		t.Errorf("the error is %v", err)
	}
}

// TestWhatTheSourcesGaveIsNotServedToAnybody: without TLS there is no telling who asks, so there is no such page.
func TestWhatTheSourcesGaveIsNotServedToAnybody(t *testing.T) {
	s := newServed(t, false)
	s.allow("reader", snapshot.Path+s.namespace)
	token := s.token("reader")
	s.until("metrics are served", func() error {
		if status, text, _ := s.get("http", "/metrics", ""); status != http.StatusOK {
			return fmt.Errorf("they are answered with %d: %s", status, text)
		}
		return nil
	})
	if status, text, _ := s.get("http", snapshot.Path+s.namespace, token); status != http.StatusNotFound {
		t.Errorf("got %d: %s", status, text)
	}
}

// TestTheRoleOfReadersOfSnapshotsIsForThePath holds the role that is installed to the path that is served.
func TestTheRoleOfReadersOfSnapshotsIsForThePath(t *testing.T) {
	role, err := os.ReadFile(filepath.Join("..", "..", "config", "rbac", "snapshot_reader_role.yaml"))
	if err != nil || !strings.Contains(string(role), "nonResourceURLs: ["+snapshot.Path+"*]") {
		t.Errorf("the role is %s, %v", role, err)
	}
}
