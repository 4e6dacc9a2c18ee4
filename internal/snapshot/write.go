package snapshot

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// Write writes a snapshot: one line of JSON for each object and source. It holds customers' data.
func Write(w io.Writer, s *Snapshot) error {
	header := Header{Time: s.Time, Namespace: s.World.Namespace, From: s.From}
	if s.World.Location != nil {
		header.TimeZone = s.World.Location.String()
	}
	if s.Settle > 0 {
		header.Settle = s.Settle.String()
	}
	l := &lines{encoder: encoderOf(w)}
	l.header(header)
	for _, b := range buckets() {
		for _, o := range b.all(s.World) {
			// What is read from a cluster does not say what it is.
			o.GetObjectKind().SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(b.kind))
			l.write(o)
		}
	}
	for _, d := range s.dumps {
		l.write(sourceLine{kindSource, d})
	}
	return l.end()
}

// WriteFacts writes what the operator holds of the sources of a namespace, in the form of a snapshot without objects. Each is
// written before the next is asked for.
func WriteFacts(w io.Writer, h Header, sources iter.Seq[*observe.Dump]) error {
	h.From = Operator
	l := &lines{encoder: encoderOf(w)}
	l.header(h)
	for d := range sources {
		if l.write(sourceLine{kindSource, d}); l.err != nil {
			return l.err
		}
	}
	return l.end()
}

// lines writes and counts lines.
type lines struct {
	encoder *json.Encoder
	count   int
	err     error
}

func encoderOf(w io.Writer) *json.Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder
}

func (l *lines) write(v any) {
	if l.err != nil {
		return
	}
	l.count++
	if l.err = l.encoder.Encode(v); l.err != nil {
		l.err = fmt.Errorf("write a snapshot: %w", l.err)
	}
}

func (l *lines) header(h Header) {
	h.Kind, h.Version, h.Time = kindSnapshot, version, h.Time.UTC().Truncate(time.Second)
	l.write(h)
}

func (l *lines) end() error {
	l.write(endLine{kindEnd, l.count + 1})
	return l.err
}

// addDump adds what the operator held of one source.
func (s *Snapshot) addDump(d *observe.Dump) { s.dumps = append(s.dumps, d) }

// dump returns what the operator held of a source; nil is nothing.
func (s *Snapshot) dump(source string) *observe.Dump {
	if i := slices.IndexFunc(s.dumps, func(d *observe.Dump) bool { return d.Source == source }); i >= 0 {
		return s.dumps[i]
	}
	return nil
}
