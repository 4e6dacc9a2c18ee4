package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/perennial-dev/perennial/internal/observe"
)

// errNotPrometheus is the error of an answer that Prometheus would not give: a web page, half an answer.
func errNotPrometheus() error {
	return observe.ReadFailed("spec.prometheus.url: the answer is not one of Prometheus's API; check that the URL is that of the server, without /api/v1, and what stands before it")
}

// typeUnavailable is a type of error that the client has no name for: the server is starting, or stopping.
const typeUnavailable promv1.ErrorType = "unavailable"

// noWords is how the client fills in what a server did not say.
const noWords = "client error: "

// explain says why a query failed. What went wrong on the way the web client has said already.
func (s *session) explain(ctx context.Context, q *query, err error) error {
	failed, ok := errors.AsType[*promv1.Error](err)
	if !ok {
		return s.client.Explain(ctx, err)
	}
	reason, message := failed.Type, failed.Msg
	if reason == promv1.ErrServer {
		reason, message = parseDetail(failed.Detail)
	}
	switch reason {
	case promv1.ErrBadResponse:
		return q.unreadable(message)
	case promv1.ErrClient:
		return errNotPrometheus() // it refuses the query, but not in the way that Prometheus does
	case promv1.ErrTimeout:
		return observe.ReadFailed("%s.query: the server gave up on the query, which took too long; make it cheaper, such as with a recording rule, or raise spec.timeout and the server's --query.timeout", q.path())
	case promv1.ErrCanceled, typeUnavailable:
		return observe.ReadFailed("spec.prometheus.url: the server is not available, or stopped the query; reading goes on by itself")
	}
	message = s.sent.scrub(strings.TrimPrefix(message, `invalid parameter "query": `))
	if message == "" || strings.HasPrefix(message, noWords) {
		return observe.ReadFailed("%s.query: the server refuses the query, and does not say why", q.path())
	}
	return observe.ReadFailed("%s.query: the server says: %s", q.path(), message)
}

// parseDetail reads the body of an answer of status 503, which the client leaves unread.
func parseDetail(body string) (promv1.ErrorType, string) {
	var answer struct {
		ErrorType promv1.ErrorType `json:"errorType"`
		Error     string           `json:"error"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.ErrorType == "" {
		return typeUnavailable, ""
	}
	return answer.ErrorType, answer.Error
}

// unreadable is the error of a result that the client cannot read. A text is a result that it knows and does not take; it
// says so in words alone.
func (q *query) unreadable(message string) error {
	if message == `unexpected value type "string"` {
		return q.errKind("string")
	}
	return errNotPrometheus()
}
