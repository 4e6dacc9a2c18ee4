package previewed

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/snapshot"
)

// snapshot takes what the operator holds.
func (w *world) snapshot() *snapshot.Snapshot {
	w.t.Helper()
	s, err := snapshot.FromCluster(w.t.Context(), w, w.namespace, w.clock.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(600))}}
	reader := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "reader", Namespace: w.namespace}}
	if err := w.SubResource("token").Create(w.t.Context(), reader, request); err != nil {
		w.t.Fatal(err)
	}
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // the operator of this test, whose certificate is its own
	defer web.CloseIdleConnections()
	if err := snapshot.AddFacts(w.t.Context(), web, w.operator, request.Status.Token, s); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// health is what a score is made of, for a reader of a diff.
func health(a *v1alpha1.Account) string {
	h := a.Status.Health
	if h == nil {
		return "none"
	}
	score := "unknown"
	if h.Score != nil {
		score = fmt.Sprint(*h.Score)
	}
	text := fmt.Sprintf("%s %s by %s, coverage %d", score, h.Band, h.Model, h.Coverage)
	if h.PendingBand != nil {
		text += "; waits for " + string(h.PendingBand.Band)
	}
	for _, d := range h.Dimensions {
		text += fmt.Sprintf("; %s %s", d.Name, d.Points)
	}
	for _, m := range h.Measures {
		text += fmt.Sprintf("; %s %s %s", m.Name, m.State, m.Points)
	}
	for _, r := range h.RulesApplied {
		text += fmt.Sprintf("; %s %s", r.Name, r.Effect)
	}
	return text
}

// healths are those of the accounts in the cluster.
func (w *world) healths() map[string]string {
	w.t.Helper()
	var accounts v1alpha1.AccountList
	if err := w.List(w.t.Context(), &accounts); err != nil {
		w.t.Fatal(err)
	}
	healths := map[string]string{}
	for i := range accounts.Items {
		healths[accounts.Items[i].Name] = health(&accounts.Items[i])
	}
	return healths
}

// evaluated are the healths that the accounts of a snapshot have under the configuration that is in the cluster now.
func (w *world) evaluated(before *snapshot.Snapshot, at time.Time) map[string]string {
	w.t.Helper()
	now, err := snapshot.FromCluster(w.t.Context(), w, w.namespace, w.clock.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	head := *now.World
	head.Sources = before.Sources(head.DataSources, w.load().ConfigMaps(w.namespace))
	f, faults := fleet.Load(before.World, at)
	if err := f.Step(at); err != nil || len(faults) > 0 {
		w.t.Fatal(err, faults)
	}
	faults = f.Configure(&head)
	if err := f.Step(at); err != nil || len(faults) > 0 {
		w.t.Fatal(err, faults)
	}
	healths := map[string]string{}
	for _, a := range f.Accounts() {
		healths[a.Name] = health(a)
	}
	return healths
}
