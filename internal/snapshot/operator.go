package snapshot

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Path is where the operator serves what it holds of a namespace, below its metrics server: Path + namespace.
const Path = "/snapshot/"

// maxRefusal is how much is shown of the answer of an operator that refuses.
const maxRefusal = 300

// AddFacts asks the operator for all that it holds of the snapshot's sources. operator is the address of its metrics server;
// token is shown to it.
func AddFacts(ctx context.Context, web *http.Client, operator, token string, s *Snapshot) error {
	address, err := url.Parse(operator)
	if err != nil || address.Host == "" {
		return fmt.Errorf("%q is no address: write one like https://127.0.0.1:8443", operator)
	}
	address = address.JoinPath(Path, s.World.Namespace)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := web.Do(request)
	if err != nil {
		return fmt.Errorf("the operator does not answer: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return refused(address, answer)
	}
	h, facts, err := read(answer.Body)
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	if h.Namespace != s.World.Namespace {
		return fmt.Errorf("%s: the answer is about namespace %q", address, h.Namespace)
	}
	s.From, s.dumps, s.Settle, s.World.Location = Operator, facts.dumps, facts.Settle, facts.World.Location
	s.World.Sources = s.own() //nolint:contextcheck // what they read later they read from memory
	return nil
}

// refused says why the operator gives nothing.
func refused(address *url.URL, answer *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxRefusal))
	if err != nil {
		text = nil
	}
	way := ""
	switch answer.StatusCode {
	case http.StatusUnauthorized, http.StatusInternalServerError: // the second is what it says of a token that is none
		way = "; is the token one of the cluster that it runs in, and not too old?"
	case http.StatusForbidden:
		way = "; allow get on the nonResourceURL /" + strings.TrimPrefix(address.Path, "/") + ", as the ClusterRole perennial-snapshot-reader does"
	case http.StatusNotFound:
		way = "; is it the address of the metrics server, and does the operator watch the namespace?"
	}
	said := strings.Join(strings.Fields(string(text)), " ")
	return fmt.Errorf("%s: %s: %q%s", address, answer.Status, said, way)
}
