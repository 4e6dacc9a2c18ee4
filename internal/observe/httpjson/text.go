package httpjson

import (
	"strconv"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/value"
)

// text is a text of the spec, cut where ${since} stands in it: between two parts is one time.
type text []string

// parseText reads a text with ${since} in it; $${ is a plain ${. The error is for anything else in ${}.
func parseText(path, source string) (text, error) {
	const open, escaped = "${", "$${"
	parts := text{""}
	last := func(s string) { parts[len(parts)-1] += s }
	for {
		at := strings.Index(source, open)
		if at < 0 {
			last(source)
			return parts, nil
		}
		if at > 0 && source[at-1] == '$' {
			last(source[:at-1] + open)
			source = source[at-1+len(escaped):]
			continue
		}
		name, rest, closed := strings.Cut(source[at+len(open):], "}")
		if !closed || name != "since" {
			return nil, observe.InvalidSpec("%s: only ${since} is filled in; for a plain ${ write $${", path)
		}
		last(source[:at])
		parts, source = append(parts, ""), rest
	}
}

// hasSince reports whether ${since} stands in the text.
func (t text) hasSince() bool { return len(t) > 1 }

// fill returns the text with the time in it.
func (t text) fill(since string) string { return strings.Join(t, since) }

// checkSince checks spec.http.since against the texts that it is filled into, and returns its window; 0 where the source
// does not ask for what is new alone.
func checkSince(ds *v1alpha1.DataSource, url, body text) (time.Duration, error) {
	since := ds.Spec.HTTP.Since
	if since == nil {
		if url.hasSince() {
			return 0, errNoSince("spec.http.url")
		}
		if body.hasSince() {
			return 0, errNoSince("spec.http.body")
		}
		return 0, nil
	}
	if !url.hasSince() && !body.hasSince() {
		return 0, observe.InvalidSpec("spec.http.since: ${since} stands neither in spec.http.url nor in spec.http.body; write it where the time belongs")
	}
	if ds.Spec.ObservedTime == nil {
		return 0, observe.InvalidSpec("spec.http.since: needs spec.observedTime, which says how long a row is within the window")
	}
	switch since.Format {
	case "", v1alpha1.SinceRFC3339, v1alpha1.SinceDate, v1alpha1.SinceUnix, v1alpha1.SinceUnixMilli:
	default:
		return 0, observe.InvalidSpec("spec.http.since.format: %q is not RFC3339, Date, Unix or UnixMilli", since.Format)
	}
	if _, err := value.ParseDuration(since.Overlap); err != nil {
		return 0, observe.InvalidSpec("spec.http.since.overlap: %v", err)
	}
	window, err := value.ParseDuration(since.Window)
	if err != nil {
		return 0, observe.InvalidSpec("spec.http.since.window: %v", err)
	}
	if window < time.Second {
		return 0, observe.InvalidSpec("spec.http.since.window: must be at least 1s")
	}
	return window, nil
}

// errNoSince is the error of ${since} where nothing says which time it is.
func errNoSince(path string) error {
	return observe.InvalidSpec("%s: has ${since}, but there is no spec.http.since; for a plain ${ write $${", path)
}

// from returns the time from which on a read asks, and whether what earlier reads gave stands beside what it gives.
func (r *reader) from(req observe.Request) (_ time.Time, later bool) {
	if r.window == 0 {
		return time.Time{}, false
	}
	earliest := req.Now.Add(-r.window)
	if req.Since.IsZero() {
		return earliest, false
	}
	if req.Since.Before(earliest) {
		return earliest, true
	}
	return req.Since, true
}

// formatSince writes a time as the API wants it.
func formatSince(t time.Time, format v1alpha1.SinceFormat) string {
	switch format {
	case v1alpha1.SinceDate:
		return t.UTC().Format(time.DateOnly)
	case v1alpha1.SinceUnix:
		return strconv.FormatInt(t.Unix(), 10)
	case v1alpha1.SinceUnixMilli:
		return strconv.FormatInt(t.UnixMilli(), 10)
	}
	return t.UTC().Format(time.RFC3339)
}
