//go:build unix

package manager

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/testing/prometheus"
)

// exposeOrgs has the server scrape rows, and waits until it has.
func exposeOrgs(server *prometheus.Server, orgs []org) {
	var lines []string
	values := map[string][]string{}
	for _, o := range orgs {
		for name, v := range map[string]string{"wau": o.wau, "tickets": o.tickets, "seats": o.seats} {
			lines = append(lines, fmt.Sprintf("feed_%s{org=%q} %s", name, o.id, v))
			values[name] = append(values[name], v)
		}
	}
	server.Expose(lines...)
	for _, name := range []string{"wau", "tickets", "seats"} {
		server.Await("feed_"+name, values[name]...)
	}
}

// remoteStorage is long-term storage that a Prometheus server asks too, and that has nothing. The answer is one result
// without series, as protobuf, framed by snappy.
func remoteStorage(t *testing.T) *feedServer {
	t.Helper()
	s := newFeedServer(t, nil)
	s.does(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.Header().Set("Content-Encoding", "snappy")
		_, _ = w.Write([]byte{2, 4, 0x0a, 0})
	})
	return s
}

func TestBadDayOfPrometheus(t *testing.T) {
	storage := remoteStorage(t)
	server := prometheus.Start(t, prometheus.Options{Config: fmt.Sprintf("remote_read: [{url: 'http://%s/read', read_recent: true}]", storage.address)})
	b := newBadDay(t, server.Address(), `
  interval: 5m
  timeout: 10s
  prometheus:
    url: `+server.URL()+`
    queries:
    - {metric: wau, query: sum by (org) (feed_wau), label: org}
    - {metric: tickets, query: sum by (org) (feed_tickets), label: org}
    - {metric: seats, query: sum by (org) (feed_seats), label: org}
`, func(_ *badDay, orgs []org) { exposeOrgs(server, orgs) })
	back := func() {
		server.Restart()
		exposeOrgs(server, badDayOrgs())
	}
	b.haveAll([]day{
		{name: "goes down", outage: outage{breaks: server.Stop, reason: "ReadFailed", message: "spec.prometheus.url: " + refused, repairs: back}},
		{name: "the target is gone", outage: outage{
			breaks: func() { exposeOrgs(server, nil) },
			reason: "RowsDropped", event: "RowsDropped",
			message: "query wau gave 0 series, after 20 in the last accepted read, query tickets gave 0 series, after 20 in the last accepted read, query seats gave 0 series, after 20 in the last accepted read: that is more than 50 percent fewer (spec.maxRowDropPercent), so the last values stand; to accept it: kubectl annotate datasource -n NAMESPACE feed perennial.dev/approve=ID --overwrite",
			repairs: func() { b.set(badDayOrgs()) },
		}},
	})
	b.in("NaN and Inf", func() {
		b.hear(b.noNumbersLie("NaN", "+Inf"))
		b.counts()
	})
	b.in("an answer is not all", func() { b.partial(server, storage) })
	b.ends()
}

// partial has the server warn that its answers are not all, while acme and cora are not in them.
func (b *badDay) partial(server *prometheus.Server, storage *feedServer) {
	b.t.Helper()
	const warning = "the source warns that this may not be all, and an account without a value keeps the last one: " +
		`wau: remote_read: error sending request: Post "...": dial tcp ...: connect: connection refused; ` +
		`tickets: remote_read: error sending request: Post "...": dial tcp ...: connect: connection refused; ` +
		`seats: remote_read: error sending request: Post "...": dial tcp ...: connect: connection refused`
	b.settled()
	before := b.standing()
	storage.down()
	orgs := badDayOrgs()
	exposeOrgs(server, append(orgs[1:2], orgs[3:]...))
	warned := func() {
		b.t.Helper()
		b.read()
		b.wants(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonReadSucceeded, "the latest read succeeded")
		b.wants(v1alpha1.ConditionWarnings, metav1.ConditionTrue, v1alpha1.ReasonSourceWarns, warning)
		b.states("acme", v1alpha1.ValueErrored, v1alpha1.ValueErrored)
		b.states("beta", v1alpha1.ValueFresh, v1alpha1.ValueFresh)
		b.states("cora", v1alpha1.ValueErrored, v1alpha1.ValueErrored)
		b.states("dora", v1alpha1.ValueMissing, v1alpha1.ValueErrored)
	}
	warned()
	b.unmoved(before, "when the server warned")
	b.hours(3)
	b.restart()
	warned()
	b.hours(3)
	b.unmoved(before, "after hours, and a restart,")
	b.tells(v1alpha1.ReasonSourceWarns, 0, b.plain(meta.FindStatusCondition(b.feed().Status.Conditions, v1alpha1.ConditionWarnings).Message))

	storage.up()
	b.set(badDayOrgs())
	b.pass(time.Hour)
	b.until("there is no warning", func() error {
		return unless(meta.FindStatusCondition(b.feed().Status.Conditions, v1alpha1.ConditionWarnings) == nil)
	})
	b.states("acme", v1alpha1.ValueFresh, v1alpha1.ValueFresh)
	b.states("cora", v1alpha1.ValueFresh, v1alpha1.ValueFresh)
	b.states("dora", v1alpha1.ValueMissing, v1alpha1.ValueFresh)
	b.unmoved(before, "when the server was whole again")
}
