package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// feedToken is what the feed wants to be asked with.
const feedToken = "not-for-everybody"

// serveFeed serves an API that knows one customer, until stop is called. An empty address is a free port of this machine.
func serveFeed(ctx context.Context, address string) (at string, stop func(), err error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer "+feedToken {
				http.Error(w, "who are you?", http.StatusUnauthorized)
				return
			}
			_, _ = fmt.Fprint(w, `{"orgs": [{"name": "castellan-insurance", "open_p1": 2}]}`)
		}),
	}
	go func() { _ = server.Serve(listener) }()
	return listener.Addr().String(), func() { _ = server.Close() }, nil
}

// readAPI makes a source of an API, does what its condition says until it is read, and takes the API away for a while.
func (s *session) readAPI(ctx context.Context) error {
	address, stop, err := serveFeed(ctx, "")
	if err != nil {
		return err
	}
	defer func() { stop() }()
	err = s.apply(ctx, "feed", fmt.Sprintf(`
apiVersion: perennial.dev/v1alpha1
kind: DataSource
metadata: {name: incidents}
spec:
  account: {field: name}
  metrics: [{name: open_p1, type: Number, absent: "0"}]
  http:
    url: http://%s/orgs
    auth: {bearer: {tokenSecretRef: {name: incidents-api, key: token}}}
    format: JSON
    records: .orgs[]
`, address))
	if err != nil {
		return err
	}
	if _, err := s.available(ctx, "SecretNotFound"); err != nil {
		return err
	}
	if _, err := s.api.RunKubectl(ctx, "create", "secret", "generic", "incidents-api", "--from-literal=token="+feedToken); err != nil {
		return err
	}
	if err := s.allowSecret(ctx); err != nil {
		return err
	}
	if err := s.show(ctx, "get", "datasources", "incidents", "-o", "wide"); err != nil {
		return err
	}
	return s.takeAway(ctx, address, &stop)
}

// allowSecret types the line that the source's condition has, as the Secret's owner does.
func (s *session) allowSecret(ctx context.Context) error {
	message, err := s.available(ctx, "SecretNotAllowed")
	if err != nil {
		return err
	}
	_, line, ok := strings.Cut(message, "to allow it: kubectl ")
	if !ok {
		return fmt.Errorf("no line to type in: %s", message)
	}
	if _, err := s.api.RunKubectl(ctx, strings.Fields(strings.ReplaceAll(line, "'", ""))...); err != nil {
		return err
	}
	_, err = s.available(ctx, "ReadSucceeded")
	return err
}

// takeAway stops the API and starts it again: nothing but the source's own status may change.
func (s *session) takeAway(ctx context.Context, address string, stop *func()) error {
	before, err := s.settled(ctx)
	if err != nil {
		return err
	}
	(*stop)()
	message, err := s.available(ctx, "ReadFailed")
	if err != nil {
		return err
	}
	s.say("%s", message)
	if _, *stop, err = serveFeed(ctx, address); err != nil {
		return err
	}
	if _, err := s.available(ctx, "ReadSucceeded"); err != nil {
		return err
	}
	after, err := s.settled(ctx)
	if err != nil {
		return err
	}
	if changed := differences(before, after); len(changed) > 0 {
		return errors.New("an API that nobody scores by was away, and these changed: " + strings.Join(changed, ", "))
	}
	_, err = s.api.RunKubectl(ctx, "delete", "datasource/incidents", "secret/incidents-api")
	return err
}

// available waits until the source says a reason, asking for a read now, and returns the message.
func (s *session) available(ctx context.Context, reason string) (string, error) {
	message := ""
	err := s.until(ctx, func() error {
		now := "perennial.dev/requestedAt=" + time.Now().Format(time.RFC3339Nano)
		if _, err := s.api.RunKubectl(ctx, "annotate", "--overwrite", "datasource", "incidents", now); err != nil {
			return err
		}
		text, err := s.read(ctx, "datasource/incidents", `{.status.conditions[?(@.type=="Available")].reason}: {.status.conditions[?(@.type=="Available")].message}`)
		if err != nil {
			return err
		}
		is, words, _ := strings.Cut(text, ": ")
		if is != reason {
			return fmt.Errorf("the source says %s, not %s", text, reason)
		}
		message = words
		return nil
	})
	return message, err
}
