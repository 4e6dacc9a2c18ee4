package manager

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

const refused = "the server does not accept connections (connection refused); check that it runs and that host and port are right"

func TestBadDayTheServerIsDownBeforeItWasEverRead(t *testing.T) {
	server := newFeedServer(t, nil)
	server.gives(orgsJSON(badDayOrgs()))
	server.down()
	b := &badDay{world: newWorld(t), host: server.address}
	b.begin(badDayHTTP(server, "JSON", ""))
	waits := func() {
		b.t.Helper()
		b.read()
		b.wants(v1alpha1.ConditionAvailable, metav1.ConditionFalse, "ReadFailed", "spec.http.url: "+refused)
		b.wants(v1alpha1.ConditionReady, metav1.ConditionFalse, "ReadFailed", "spec.http.url: "+refused)
		b.wants(v1alpha1.ConditionReconciling, metav1.ConditionTrue, "ReadFailed", "spec.http.url: "+refused)
		b.unknown()
	}
	waits()
	b.pass(time.Hour)
	b.restart()
	b.pass(time.Hour)
	waits()
	server.up()
	b.pass(time.Hour)
	b.stands()
	b.wants(v1alpha1.ConditionReady, metav1.ConditionTrue, "Ready", "the source is accepted and was read")
}

// unknown waits until nobody knows anything of the accounts, and wants that there is no work.
func (b *badDay) unknown() {
	b.t.Helper()
	for _, name := range []string{"acme", "beta", "cora", "dora"} {
		b.until(name+" is Unknown", func() error {
			a, err := b.account(name)
			if err != nil {
				return err
			}
			h := a.Status.Health
			return unless(h != nil && h.Band == v1alpha1.BandUnknown && h.Score == nil && h.Measures[0].State == v1alpha1.ValueErrored)
		})
	}
	b.settled()
	if work := b.standing().Work; len(work) > 0 {
		b.t.Errorf("nothing is known, and there is work: %v", work)
	}
}

// failing answers with a status, and with what no message may repeat.
func failing(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1800")
		http.Error(w, "customer acme, token abc", status)
	}
}

// resetting breaks an answer off in its middle.
func resetting(w http.ResponseWriter, _ *http.Request) {
	body := orgsJSON(badDayOrgs())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = io.WriteString(w, body[:len(body)/2])
	controller := http.NewResponseController(w)
	_ = controller.Flush()
	if conn, _, err := controller.Hijack(); err == nil {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
}

func TestBadDayOfAServer(t *testing.T) {
	b, server := newHTTPDay(t)
	does := func(trouble http.HandlerFunc) func() { return func() { server.does(trouble) } }
	b.haveAll([]day{
		{"down at the operator's start", outage{
			breaks: func() { b.stop(); server.down(); b.start() },
			reason: "ReadFailed", message: "spec.http.url: " + refused, repairs: server.up,
		}},
		{"goes down", outage{breaks: server.down, reason: "ReadFailed", message: "spec.http.url: " + refused, repairs: server.up}},
		{"slow", outage{
			breaks: func() {
				b.patchSource("feed", `{"spec": {"timeout": "1s"}}`)
				b.read()
				server.does(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			},
			reason: "ReadFailed", message: "spec.http.url: no answer within 1s (spec.timeout); raise it, or ask for less", brief: true,
			repairs: server.well,
			after:   func() { b.patchSource("feed", `{"spec": {"timeout": "10s"}}`) },
		}},
		{"fails", outage{
			breaks: does(failing(http.StatusInternalServerError)),
			reason: "ReadFailed", message: "spec.http.url: the server failed (500 Internal Server Error); see its log: reading goes on by itself",
			repairs: server.well,
		}},
		{"asks to be left alone", outage{
			breaks: does(failing(http.StatusTooManyRequests)),
			reason: "RateLimited", message: "spec.http.url: the server asks to be left alone for a while (429 Too Many Requests); it is read again then: if that happens often, raise spec.interval or ask for less",
			during: func() { b.leavesAlone(server) }, repairs: server.well,
		}},
		{"an answer breaks off", outage{
			breaks: does(resetting),
			reason: "ReadFailed", message: "spec.http.url: the answer broke off before its end; check the server's log and its limits: reading goes on by itself",
			repairs: server.well,
		}},
		{"an answer is cut off", outage{
			breaks: func() {
				body := orgsJSON(badDayOrgs())
				server.gives(body[:len(body)/2])
			},
			reason: "ReadFailed", message: "spec.http.url: page 1 is not whole: the JSON ends in the middle; the next read tries again",
			repairs: func() { b.set(badDayOrgs()) },
		}},
		{"redirects where the operator may not go", outage{
			breaks: does(http.RedirectHandler("http://169.254.169.254/latest/meta-data/", http.StatusFound).ServeHTTP),
			reason: "AddressNotAllowed", message: "spec.http.url: the server redirects to an address that is link-local, loopback or otherwise not one that the operator connects to; write the URL that gives the answer itself", repairs: server.well,
		}},
		{"may not be reached", outage{
			breaks: func() { b.stop(); b.startWith(noLoopback) }, with: noLoopback,
			reason: "AddressNotAllowed", message: "spec.http.url: " + notAllowed, repairs: func() { b.restart() },
		}},
	})
	b.ends()
}

const notAllowed = "the server's address is link-local, loopback or otherwise not one that the operator connects to; use an address of the network; for a server on this machine start the operator with --allow-loopback"

func noLoopback(o *Options) { o.AllowLoopback = false }

// leavesAlone wants that the server is not asked in the half an hour that it wants to be left alone, and after that it is.
func (b *badDay) leavesAlone(server *feedServer) {
	b.t.Helper()
	asked := server.requests()
	for range 4 {
		b.pass(7 * time.Minute) // 28 minutes
		b.settled()
	}
	if again := server.requests(); again != asked {
		b.t.Errorf("asked %d times in the half an hour that the server wants to be left alone", again-asked)
	}
	b.pass(3 * time.Minute)
	b.until("it is asked again", func() error { return unless(server.requests() == asked+1) })
}

func TestBadDayOfAPage(t *testing.T) {
	b, server := newPagesDay(t)
	second := func(trouble http.HandlerFunc) func() {
		return func() {
			server.does(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.RawQuery == "page=2" {
					trouble(w, r)
					return
				}
				server.answer(w, r)
			})
		}
	}
	b.haveAll([]day{
		{"the second fails", outage{
			breaks: second(failing(http.StatusBadGateway)),
			reason: "ReadFailed", message: "spec.http.url: the server, or what is behind it, is not available (502 Bad Gateway); reading goes on by itself",
			repairs: server.well,
		}},
		{"the second is empty, and the last", outage{
			breaks: second(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"rows": []}`) }),
			reason: "RowsDropped", message: "7" + dropped, event: "RowsDropped", repairs: server.well,
		}},
		{"the second is the first again", outage{
			breaks: second(func(w http.ResponseWriter, r *http.Request) {
				r.URL.RawQuery = ""
				server.answer(w, r)
			}),
			reason: "ReadFailed", message: "spec.http.pagination.next: page 2 leads back to a page that was read already; the reading would not end", repairs: server.well,
		}},
	})
	b.ends()
}
