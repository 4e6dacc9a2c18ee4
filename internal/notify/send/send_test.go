package send

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/notify"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/network"
)

// secret is what no error may hold.
const secret = "T0/B0/XyZsecret"

// keys are Secrets: name and key to value, and name to the hosts that it allows; and ConfigMaps: name and key to value.
type keys struct{ values, allow, configMaps map[string]string }

func (k keys) ConfigMapKey(_ context.Context, _, name, key string) ([]byte, time.Time, error) {
	if value, ok := k.configMaps[name+"/"+key]; ok {
		return []byte(value), time.Time{}, nil
	}
	return nil, time.Time{}, observe.ReferenceNotFound("ConfigMap %q is not there", name)
}

func (k keys) SecretKey(_ context.Context, _, name, key string) ([]byte, map[string]string, error) {
	allowed, ok := k.allow[name]
	if !ok {
		return nil, nil, observe.SecretNotFound("Secret %q is not there; make it, or correct the name", name)
	}
	annotations := map[string]string{v1alpha1.AnnotationAllowHost: allowed}
	value, ok := k.values[name+"/"+key]
	if !ok {
		return nil, annotations, observe.SecretNotFound("Secret %q has no key %q; add it, or correct the name", name, key)
	}
	return []byte(value), annotations, nil
}

func dependencies(k observe.KeyReader) Dependencies {
	return Dependencies{
		Keys: k, Dial: network.Dialer{AllowLoopback: true}.DialContext,
		Now: func() time.Time { return time.Unix(1614265330, 0) },
	}
}

// message is one to send.
func message() *notify.Message {
	account := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme", Namespace: "cs", UID: "u"}}
	mark := &v1alpha1.UndeliveredEvent{Type: v1alpha1.EventHealthChanged, Time: metav1.NewTime(time.Unix(1614265330, 0)), Detail: "Healthy -> AtRisk"}
	return notify.NewMessage(mark, notify.Objects{Account: account})
}

// slackTo opens a webhook whose URL is in a Secret.
func slackTo(t *testing.T, url string) *Endpoint {
	t.Helper()
	n := &v1alpha1.Notifier{}
	n.Spec.Slack = &v1alpha1.SlackTarget{WebhookSecretRef: v1alpha1.KeyReference{Name: "slack", Key: "url"}}
	host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(url, "http://"), "https://"), "/")
	e, err := Open(t.Context(), n, 2*time.Second, dependencies(keys{
		values: map[string]string{"slack/url": url + "/services/" + secret + "\n"}, allow: map[string]string{"slack": host},
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func TestSend(t *testing.T) {
	const field = "spec.slack.webhookSecretRef: "
	tests := map[string]struct {
		status int
		header map[string]string
		body   string
		want   *Failure
	}{
		"taken":           {200, nil, "ok", nil},
		"taken for later": {202, nil, "", nil},
		"too often": {429, map[string]string{"Retry-After": "30"}, "", &Failure{
			Message: field + "the receiver asks to be left alone for a while (429 Too Many Requests); delivery goes on by itself", Busy: true, RetryAfter: 30 * time.Second,
		}},
		"too often, for a year": {429, map[string]string{"Retry-After": "31536000"}, "", &Failure{
			Message: field + "the receiver asks to be left alone for a while (429 Too Many Requests); delivery goes on by itself", Busy: true, RetryAfter: time.Hour,
		}},
		"too slow":           {408, nil, "", &Failure{Message: field + "the receiver gave up waiting for the request (408 Request Timeout); delivery goes on by itself"}},
		"broken":             {500, nil, secret, &Failure{Message: field + "the receiver, or what is before it, fails (500 Internal Server Error); see its log: delivery goes on by itself"}},
		"a redirect":         {302, map[string]string{"Location": "/elsewhere"}, "", &Failure{Message: field + "the receiver redirects, which is not followed (302 Found); write the URL that takes the events itself", Refused: true}},
		"not this one":       {404, nil, "no_service", &Failure{Message: field + "the webhook is disabled, removed or not this one; make a new one and put its URL into the Secret (404 Not Found)", Refused: true}},
		"not this channel":   {410, nil, "channel_is_archived\n", &Failure{Message: field + "the channel that the webhook writes to is archived; unarchive it, or make a webhook for another one (410 Gone)", Refused: true}},
		"nothing here":       {404, nil, "<html>" + secret, &Failure{Message: field + "the receiver takes nothing at this URL (404 Not Found); check its path", Refused: true}},
		"not this event":     {422, nil, secret, &Failure{Message: field + "the receiver refuses the event (422 Unprocessable Entity); see its log", Refused: true}},
		"not with these":     {401, nil, "", &Failure{Message: field + "the receiver refuses the credentials (401 Unauthorized); check the headers, the signing key and their Secrets", Refused: true}},
		"an endless refusal": {400, nil, strings.Repeat("x", 1<<22), &Failure{Message: field + "the receiver refuses the event (400 Bad Request); see its log", Refused: true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got *http.Request
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = r
				for name, value := range test.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}))
			defer s.Close()
			failure := slackTo(t, s.URL).Send(t.Context(), message())
			if diff := cmp.Diff(test.want, failure); diff != "" {
				t.Errorf("it failed otherwise:\n%s", diff)
			}
			if failure != nil && strings.Contains(failure.Message, "XyZ") {
				t.Errorf("it shows the secret: %s", failure.Message)
			}
			if got == nil || got.Method != http.MethodPost || got.URL.Path != "/services/"+secret || got.Header.Get("Content-Type") != "application/json; charset=utf-8" {
				t.Errorf("the request is %v", got)
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	block := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-block:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(block)
	hangsUp := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer hangsUp.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	tests := map[string]struct{ url, want string }{
		"too slow":      {slow.URL, "no answer within 50ms (spec.timeout)"},
		"hangs up":      {hangsUp.URL, "the server closed the connection; check the server's log, and that the port is right; delivery goes on by itself"},
		"is not there":  {gone.URL, "the server does not accept connections (connection refused)"},
		"speaks no TLS": {strings.Replace(hangsUp.URL, "http:", "https:", 1), "TLS: the server does not speak it on this port"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := slackTo(t, test.url)
			if name == "too slow" {
				e.timeout = 50 * time.Millisecond
			}
			f := e.Send(t.Context(), message())
			if f == nil || f.Refused || !strings.HasPrefix(f.Message, "spec.slack.webhookSecretRef: "+test.want) || strings.Contains(f.Message, "XyZ") || strings.Contains(f.Message, "127.0.0.1") {
				t.Errorf("it says %+v, want %s", f, test.want)
			}
		})
	}
}

// TestTheGuardHoldsHereToo sends nothing to this machine itself.
func TestTheGuardHoldsHereToo(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it came through") }))
	defer s.Close()
	e := slackTo(t, s.URL)
	e.transport.DialContext = network.Dialer{}.DialContext
	if f := e.Send(t.Context(), message()); f == nil || !strings.Contains(f.Message, "--allow-loopback") {
		t.Errorf("it says %+v", f)
	}
}

func TestCloudEventsAreSignedAndCarryHeaders(t *testing.T) {
	var got http.Header
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	n := &v1alpha1.Notifier{}
	n.Spec.CloudEvents = &v1alpha1.CloudEventsTarget{
		URL: v1alpha1.URL(s.URL), SigningSecretRef: &v1alpha1.KeyReference{Name: "s", Key: "signing"},
		Headers: []v1alpha1.HTTPHeader{{Name: "X-Team", Value: "cs"}, {Name: "X-Key", ValueSecretRef: &v1alpha1.KeyReference{Name: "s", Key: "api"}}},
	}
	e, err := Open(t.Context(), n, time.Minute, dependencies(keys{
		values: map[string]string{"s/signing": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "s/api": "k1"}, allow: map[string]string{"s": host},
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if f := e.Send(t.Context(), message()); f != nil {
		t.Fatal(f.Message)
	}
	if got.Get("X-Team") != "cs" || got.Get("X-Key") != "k1" || got.Get("webhook-timestamp") != "1614265330" || got.Get("webhook-id") != message().ID.String() {
		t.Errorf("the headers are %v", got)
	}
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	cloudEvents := func(url, secret, key string) v1alpha1.NotifierSpec {
		return v1alpha1.NotifierSpec{CloudEvents: &v1alpha1.CloudEventsTarget{URL: v1alpha1.URL(url), SigningSecretRef: &v1alpha1.KeyReference{Name: secret, Key: key}}}
	}
	slack := func(name, key string) v1alpha1.NotifierSpec {
		return v1alpha1.NotifierSpec{Slack: &v1alpha1.SlackTarget{WebhookSecretRef: v1alpha1.KeyReference{Name: name, Key: key}}}
	}
	k := keys{
		values: map[string]string{"a/url": "https://hooks.slack.com/services/" + secret, "a/text": secret, "a/bad": "whsec_" + secret, "closed/url": "https://hooks.slack.com/" + secret, "other/url": "https://hooks.slack.com/" + secret},
		allow:  map[string]string{"a": "hooks.slack.com", "closed": "", "other": "example.com"},
	}
	const annotate = "Secret %q does not allow the host of the URL in it; to allow it, with that host in the place of HOST: kubectl annotate secret -n cs %s 'perennial.dev/allow-host=%s'"
	tests := map[string]struct {
		spec         v1alpha1.NotifierSpec
		reason, want string
	}{
		"nothing":                      {v1alpha1.NotifierSpec{}, v1alpha1.ReasonInvalidSpec, "spec: one of cloudEvents and slack is required"},
		"no URL":                       {cloudEvents("ftp://x", "a", "text"), v1alpha1.ReasonInvalidSpec, "spec.cloudEvents.url: the scheme is not http or https"},
		"no Secret":                    {slack("b", "url"), v1alpha1.ReasonSecretNotFound, `spec.slack.webhookSecretRef: Secret "b" is not there`},
		"no key":                       {slack("a", "uri"), v1alpha1.ReasonSecretNotFound, `spec.slack.webhookSecretRef: Secret "a" has no key "uri"`},
		"a Secret that allows nothing": {slack("closed", "uri"), v1alpha1.ReasonSecretNotAllowed, "spec.slack.webhookSecretRef: " + fmt.Sprintf(annotate, "closed", "closed", "HOST")},
		"a Secret that allows another": {slack("other", "url"), v1alpha1.ReasonSecretNotAllowed, "spec.slack.webhookSecretRef: " + fmt.Sprintf(annotate, "other", "other", "example.com,HOST") + " --overwrite"},
		"no URL in the Secret":         {slack("a", "text"), v1alpha1.ReasonReadFailed, `spec.slack.webhookSecretRef: key "text" of Secret "a" does not hold a URL`},
		"a key for another host":       {cloudEvents("https://example.org", "a", "text"), v1alpha1.ReasonSecretNotAllowed, `spec.cloudEvents.signingSecretRef: Secret "a" does not allow the host example.org`},
		"a key that is no base64":      {cloudEvents("https://hooks.slack.com", "a", "bad"), v1alpha1.ReasonReadFailed, `spec.cloudEvents.signingSecretRef: key "bad" of Secret "a": after whsec_ there is no base64`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := &v1alpha1.Notifier{ObjectMeta: metav1.ObjectMeta{Namespace: "cs", Name: "n"}, Spec: test.spec}
			_, err := Open(t.Context(), n, time.Second, dependencies(k))
			told, ok := errors.AsType[*observe.Error](err)
			if !ok || told.Reason != test.reason || !strings.HasPrefix(told.Message, test.want) {
				t.Fatalf("it says %v, want %s", err, test.want)
			}
			if strings.Contains(told.Message, "XyZ") || test.spec.Slack != nil && strings.Contains(told.Message, "hooks.slack.com") {
				t.Errorf("it shows the secret: %s", told.Message)
			}
		})
	}
}
