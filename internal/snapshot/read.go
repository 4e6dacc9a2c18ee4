package snapshot

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/observe"
)

const (
	// maxHeader is the longest first line: what has a longer one is something else.
	maxHeader = 64 << 10
	// maxLine is the longest line of an object, or of all that one source gave.
	maxLine = 1 << 30
	// batchSize is about how many bytes of lines are decoded at once.
	batchSize = 256 << 10
)

// errNotSnapshot is for a file that is something else.
var errNotSnapshot = errors.New("line 1: this is no snapshot: perennial snapshot writes one")

// Read reads a snapshot file, compressed or not. Errors name the line.
func Read(r io.Reader) (*Snapshot, error) {
	h, s, err := read(r)
	if err != nil {
		return nil, err
	}
	s.World.Sources = s.own()
	if h.From != Operator && h.From != Statuses {
		return nil, fmt.Errorf("line 1: facts from %q: Operator and Statuses are known", h.From)
	}
	return s, nil
}

// read reads the lines of a file, or of the operator.
func read(r io.Reader) (*Header, *Snapshot, error) {
	in := bufio.NewReaderSize(r, 1<<20)
	if magic, err := in.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return nil, nil, fmt.Errorf("decompress it: %w", err)
		}
		in = bufio.NewReaderSize(unzipped, 1<<20)
	}
	h, err := readHeader(in)
	if err != nil {
		return nil, nil, err
	}
	s := &Snapshot{Time: h.Time, From: h.From, World: &fleet.World{Namespace: h.Namespace}, seen: map[string]bool{}}
	if h.Settle != "" {
		if s.Settle, err = time.ParseDuration(h.Settle); err != nil {
			return nil, nil, fmt.Errorf("line 1: settle: %w", err)
		}
	}
	if h.TimeZone != "" {
		if s.World.Location, err = time.LoadLocation(h.TimeZone); err != nil {
			return nil, nil, fmt.Errorf("line 1: timeZone: %w", err)
		}
	}
	return h, s, s.readLines(in)
}

// readHeader reads the first line.
func readHeader(in *bufio.Reader) (*Header, error) {
	line, err := in.ReadSlice('\n')
	if len(line) > maxHeader || errors.Is(err, bufio.ErrBufferFull) {
		return nil, errNotSnapshot
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	var h Header
	if json.Unmarshal(line, &h) != nil || h.Kind != kindSnapshot || h.Version < 1 || h.Namespace == "" {
		return nil, errNotSnapshot
	}
	if h.Version > version {
		return nil, fmt.Errorf("line 1: the snapshot is of version %d of the format, and this program reads versions up to %d: use a newer one", h.Version, version)
	}
	return &h, nil
}

// batch is some lines that are decoded together.
type batch struct {
	// first is the number of the first line.
	first int
	text  []byte
	// ends are where the lines end in the text.
	ends []int
	// decoded holds what each line has, up to an error.
	decoded []any
	err     error
	done    chan struct{}
}

// readLines reads all lines but the first: one goroutine cuts them, some decode them, this one puts them in order.
func (s *Snapshot) readLines(in *bufio.Reader) error {
	workers := runtime.GOMAXPROCS(0)
	jobs, order := make(chan *batch, workers), make(chan *batch, 2*workers)
	var stop atomic.Bool
	var cutting error
	// The text of a batch is used again for a later one.
	used := make(chan []byte, cap(order)+1)
	go func() {
		defer close(order)
		defer close(jobs)
		cutting = cut(in, &stop, used, func(b *batch) {
			order <- b
			jobs <- b
		})
	}()
	for range workers {
		go func() {
			known := compactor{}
			for b := range jobs {
				b.decode(known)
				close(b.done)
			}
		}()
	}
	var err error
	last, ended := 1, false
	for b := range order {
		<-b.done
		select {
		case used <- b.text[:0]:
		default:
		}
		if err != nil {
			continue
		}
		for _, decoded := range b.decoded {
			if last++; err == nil {
				ended, err = s.add(decoded, last, ended)
			}
		}
		if err == nil {
			err = b.err
		}
		stop.Store(err != nil)
	}
	switch {
	case err != nil:
		return err
	case cutting != nil:
		return fmt.Errorf("after line %d: %w", last, cutting)
	case !ended:
		return fmt.Errorf("after line %d: the snapshot ends before its end: it was cut off; take it again", last)
	}
	return nil
}

// add puts what a line has into the snapshot. It reports whether that was the last line.
func (s *Snapshot) add(decoded any, line int, ended bool) (bool, error) {
	if ended {
		return true, fmt.Errorf("line %d: something follows the end of the snapshot", line)
	}
	switch decoded := decoded.(type) {
	case *endLine:
		if decoded.Lines != line {
			return true, fmt.Errorf("line %d: the snapshot had %d lines when it was written: some are gone; take it again", line, decoded.Lines)
		}
		return true, nil
	case *observe.Dump:
		if s.dump(decoded.Source) != nil {
			return false, fmt.Errorf("line %d: what the source %s gave is there twice: two snapshots are no snapshot", line, decoded.Source)
		}
		s.addDump(decoded)
	case *found:
		name := decoded.bucket.kind + "/" + decoded.object.GetName()
		if is := decoded.object.GetNamespace(); is != s.World.Namespace && is != "" {
			return false, fmt.Errorf("line %d: %s is of namespace %s, and the snapshot of %s: two snapshots are no snapshot", line, name, is, s.World.Namespace)
		}
		if s.seen[name] {
			return false, fmt.Errorf("line %d: %s is there twice: two snapshots are no snapshot", line, name)
		}
		s.seen[name] = true
		decoded.bucket.add(s.World, decoded.object)
	}
	return false, nil
}

// cut cuts a stream into batches of lines. The last line may have no end.
func cut(in *bufio.Reader, stop *atomic.Bool, used <-chan []byte, give func(*batch)) error {
	next := 2
	for !stop.Load() {
		b := &batch{first: next, done: make(chan struct{})}
		select {
		case b.text = <-used:
		default:
			b.text = make([]byte, 0, batchSize+batchSize/4)
		}
		err := b.fill(in)
		if next += len(b.ends); len(b.ends) > 0 {
			give(b)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return errors.New("the file ends in the middle: it was cut off; take the snapshot again")
		case err != nil:
			return err
		}
	}
	return nil
}

// fill reads lines until there are enough.
func (b *batch) fill(in *bufio.Reader) error {
	begin := 0
	for begin < batchSize {
		part, err := in.ReadSlice('\n')
		b.text = append(b.text, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if len(b.text)-begin > maxLine {
				return fmt.Errorf("a line of more than %d bytes", maxLine)
			}
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return err // what there is of the line is not all
		case len(b.text) > begin:
			b.ends = append(b.ends, len(b.text))
			begin = len(b.text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// found is an object and where it goes.
type found struct {
	object client.Object
	bucket *bucket
}

// known are the kinds by name, made once.
var known = sync.OnceValue(func() map[string]*bucket {
	all := map[string]*bucket{}
	for _, b := range buckets() {
		all[b.kind] = &b
	}
	return all
})

// decode decodes the lines.
func (b *batch) decode(known compactor) {
	begin := 0
	b.decoded = make([]any, 0, len(b.ends))
	for i, end := range b.ends {
		decoded, err := decodeLine(b.text[begin:end])
		if err != nil {
			b.err = fmt.Errorf("line %d: %w", b.first+i, err)
			break
		}
		known.compact(decoded)
		b.decoded = append(b.decoded, decoded)
		begin = end
	}
}

// decodeLine decodes one line.
func decodeLine(line []byte) (any, error) {
	kind, err := kindOf(line)
	if err != nil {
		return nil, err
	}
	switch kind {
	case kindEnd:
		end := &endLine{}
		return end, decodeInto(line, end)
	case kindSource:
		d := sourceLine{Dump: &observe.Dump{}}
		return d.Dump, decodeInto(line, &d)
	}
	in := known()[kind]
	if in == nil {
		return nil, fmt.Errorf("a snapshot has no objects of kind %.64q", kind)
	}
	object := in.empty()
	if err := decodeInto(line, object); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	if got := object.GetObjectKind().GroupVersionKind().GroupVersion(); got != v1alpha1.GroupVersion {
		return nil, fmt.Errorf("%s/%s is of %s, and this program knows %s: use a newer one", kind, object.GetName(), got, v1alpha1.GroupVersion)
	}
	return &found{object, in}, nil
}

// decodeInto decodes a line into what it is to be. The second version of the library takes half the time of the first.
func decodeInto(line []byte, into any) error {
	if err := jsonv2.Unmarshal(line, into); err != nil {
		return fmt.Errorf("not readable: %w", err)
	}
	return nil
}

// kindPrefix is how every line begins that this program writes, so that few are decoded twice.
var kindPrefix = []byte(`{"kind":"`)

// kindOf returns the kind of a line.
func kindOf(line []byte) (string, error) {
	if rest, ok := bytes.CutPrefix(line, kindPrefix); ok {
		if kind, _, ok := bytes.Cut(rest[:min(len(rest), 64)], []byte(`"`)); ok {
			return string(kind), nil
		}
	}
	var object struct {
		Kind string `json:"kind"`
	}
	err := decodeInto(line, &object)
	return object.Kind, err
}
