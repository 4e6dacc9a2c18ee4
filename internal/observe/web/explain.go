package web

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"strings"

	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/network"
)

// Explain makes an *observe.Error of an error that came of a request; ds's timeout is named where time ran out.
func (c *Client) Explain(ctx context.Context, err error) error {
	return c.explainAt(ctx, c.config.Field+".url", err)
}

// explainAt is Explain for the server that a field names.
func (c *Client) explainAt(ctx context.Context, field string, err error) error {
	if told, ok := errors.AsType[*observe.Error](err); ok {
		return told
	}
	if told := c.outOfTime(ctx, field, err); told != nil {
		return told
	}
	explanations := []func(error) (string, string){c.handshake.explain, explainHTTP, network.Explain}
	_, redirected := errors.AsType[redirectedError](err)
	if redirected && errors.Is(err, network.ErrAddress) {
		return observe.AddressNotAllowed("%s: the server redirects to an address that is link-local, loopback or otherwise not one that the operator connects to; write the URL that gives the answer itself", field)
	}
	if redirected {
		field, explanations = field+": the server redirects, and there", explanations[1:]
	}
	var problem, remedy string
	for _, explain := range explanations {
		if problem, remedy = explain(err); problem != "" {
			break
		}
	}
	if errors.Is(err, network.ErrAddress) {
		return observe.AddressNotAllowed("%s: %s; %s", field, problem, remedy)
	}
	return observe.ReadFailed("%s: %s; %s", field, problem, remedy)
}

// brokeOff is the error of an answer whose body does not come to its end.
func (c *Client) brokeOff(ctx context.Context, err error) error {
	field := c.config.Field + ".url"
	if told := c.outOfTime(ctx, field, err); told != nil {
		return told
	}
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	if corrupt || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) {
		return observe.ReadFailed("%s: the answer is not the gzip that it says it is; check the server, and what stands before it", field)
	}
	return observe.ReadFailed("%s: the answer broke off before its end; check the server's log and its limits: reading goes on by itself", field)
}

// outOfTime is the error of a read whose time is over, or that was stopped; nil where it is neither.
func (c *Client) outOfTime(ctx context.Context, field string, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		if !c.connected.Load() {
			return observe.ReadFailed("%s: no connection within %s (spec.timeout); check that host and port are right, and that no firewall or network policy is between", field, observe.Timeout(c.ds))
		}
		return observe.ReadFailed("%s: no answer within %s (spec.timeout); raise it, or ask for less", field, observe.Timeout(c.ds))
	case ctx.Err() != nil:
		return observe.ReadFailed("%s: the read was stopped; it is made again", field)
	}
	return nil
}

// explainHTTP describes errors of HTTP itself. They have no types, and are known by their text.
func explainHTTP(err error) (problem, remedy string) {
	says := func(part string) bool { return strings.Contains(err.Error(), part) }
	switch {
	case says("response headers exceeded"), says("response header list larger"):
		return "the headers of the answer are too long", "check what stands before the server"
	case says("failed to parse Location header"):
		return "the server redirects to what is not a URL", "write the URL that gives the answer itself"
	case says("http2: client conn"), says("stream error: stream ID"), says("http2: server sent GOAWAY"):
		return "the server closed the connection", "check the server's log, and that the port is right; reading goes on by itself"
	case says("malformed HTTP"), says("malformed MIME header"):
		return "what answers there does not speak HTTP", "check the port"
	}
	return "", ""
}
