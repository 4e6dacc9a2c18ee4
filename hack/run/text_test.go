//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestShellQuote(t *testing.T) {
	tests := map[string]string{
		"/home/jo/perennial/.run/kubeconfig": "/home/jo/perennial/.run/kubeconfig",
		"/home/jo/my work/kubeconfig":        "'/home/jo/my work/kubeconfig'",
		"/home/jo's/kubeconfig":              `'/home/jo'\''s/kubeconfig'`,
		"/home/$USER/kubeconfig":             "'/home/$USER/kubeconfig'",
		"/home/zoë/kubeconfig":               "'/home/zoë/kubeconfig'",
	}
	for path, want := range tests {
		if got := shellQuote(path); got != want {
			t.Errorf("shellQuote(%s) = %s, want %s", path, got, want)
		}
	}
}

func TestEventLine(t *testing.T) {
	when := time.Date(2026, 11, 22, 9, 5, 1, 0, time.Local)
	event := func(change func(*eventsv1.Event)) *eventsv1.Event {
		e := &eventsv1.Event{
			Regarding: corev1.ObjectReference{Kind: "Account", Namespace: "default", Name: "acme"},
			Type:      "Normal", Reason: "BandChanged", Note: "Healthy to AtRisk",
		}
		change(e)
		return e
	}
	tests := map[string]struct {
		event *eventsv1.Event
		want  string
	}{
		"the namespace default is not said": {event(func(*eventsv1.Event) {}), "09:05:01  Account acme  BandChanged: Healthy to AtRisk"},
		"another one is":                    {event(func(e *eventsv1.Event) { e.Regarding.Namespace = "emea" }), "09:05:01  Account emea/acme  BandChanged: Healthy to AtRisk"},
		"a warning is marked":               {event(func(e *eventsv1.Event) { e.Type = "Warning" }), "09:05:01  Account acme  Warning BandChanged: Healthy to AtRisk"},
		"lines become one":                  {event(func(e *eventsv1.Event) { e.Note = "one\n two\n" }), "09:05:01  Account acme  BandChanged: one two"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := eventLine(tt.event, when); got != tt.want {
				t.Errorf("eventLine = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEventTime(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 11, 22, hour, 0, 0, 0, time.UTC) }
	created := metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(at(1))}
	tests := map[string]struct {
		event eventsv1.Event
		want  time.Time
	}{
		"its creation, if nothing else is said": {eventsv1.Event{ObjectMeta: created}, at(1)},
		"the older recorder's last time":        {eventsv1.Event{ObjectMeta: created, DeprecatedLastTimestamp: metav1.NewTime(at(2))}, at(2)},
		"the newer recorder's time":             {eventsv1.Event{ObjectMeta: created, EventTime: metav1.NewMicroTime(at(3))}, at(3)},
		"the last of several": {eventsv1.Event{
			EventTime: metav1.NewMicroTime(at(3)),
			Series:    &eventsv1.EventSeries{LastObservedTime: metav1.NewMicroTime(at(4))},
		}, at(4)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := eventTime(&tt.event); !got.Equal(tt.want) {
				t.Errorf("eventTime = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestOldEventsAreNotShown(t *testing.T) {
	began := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	s := &session{screen: newScreen(&out), began: began}
	for _, when := range []time.Time{began.Add(-time.Second), began.Add(time.Second)} {
		s.showEvent(&eventsv1.Event{
			EventTime: metav1.NewMicroTime(when), Reason: "R", Note: when.Format(time.TimeOnly),
			Regarding: corev1.ObjectReference{APIVersion: "perennial.dev/v1alpha1", Kind: "Account", Name: "acme"},
		})
	}
	if got := out.String(); strings.Contains(got, "R: 08:59:59") || !strings.Contains(got, "R: 09:00:01") {
		t.Errorf("shown: %s", got)
	}
}

func TestScreen(t *testing.T) {
	tests := map[string]struct {
		live bool
		want string
	}{
		"in a file every line stays":          {false, `^  one \.\.\.\n  one ready \(\d\.\d s\)\n  two \.\.\.\n  two failed \(\d\.\d s\)\n  three \.\.\.\n  three interrupted \(\d\.\d s\)\n$`},
		"on a terminal a line is overwritten": {true, `^  one \.\.\.\r\x1b\[K  one ready \(\d\.\d s\)\n  two \.\.\.\r\x1b\[K  two failed \(\d\.\d s\)\n  three \.\.\.\r\x1b\[K  three interrupted \(\d\.\d s\)\n$`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			s := newScreen(&out)
			s.live = tt.live
			s.step("one", "ready")(nil)
			s.step("two", "ready")(errors.New("no"))
			s.step("three", "ready")(fmt.Errorf("ask: %w", context.Canceled))
			if !regexp.MustCompile(tt.want).MatchString(out.String()) {
				t.Errorf("printed %q", &out)
			}
		})
	}
}

func TestKubectlLine(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if got := kubectlLine("/my work/kubectl"); !strings.HasPrefix(got, "  alias kubectl='/my work/kubectl' ") {
		t.Errorf("without a kubectl: %q", got)
	}
	if err := os.WriteFile(filepath.Join(os.Getenv("PATH"), "kubectl"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := kubectlLine("/my work/kubectl"); got != "" {
		t.Errorf("with one: %q", got)
	}
}

func TestPerennialLine(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if got := perennialLine("/my work/perennial"); !strings.HasPrefix(got, "  alias perennial='/my work/perennial' ") {
		t.Errorf("without one on the PATH: %q", got)
	}
	if err := os.WriteFile(filepath.Join(os.Getenv("PATH"), "perennial"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := perennialLine("/my work/perennial"); got != "" {
		t.Errorf("with one: %q", got)
	}
}
