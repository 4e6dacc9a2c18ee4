package manager

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
)

const (
	// endlessLimit is what one read may give, and endlessRoom what a connection holds beside that.
	endlessLimit, endlessRoom = 8 << 20, 12 << 20
	// endlessHeap is more than one read takes, and less than the reads of an outage would if they were kept.
	endlessHeap = 48 << 20
)

// heapBelow waits until no more than this many bytes are in use: other tests run at the same time.
func (b *badDay) heapBelow(limit int64) {
	b.t.Helper()
	b.until(fmt.Sprintf("the heap is below %d bytes", limit), func() error {
		if is := heap(); is > limit {
			return fmt.Errorf("it is %d", is)
		}
		return nil
	})
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// endless writes the same for ever, or until nobody listens.
func endless(w io.Writer, text string) {
	chunk := []byte(strings.Repeat(text, 1+(64<<10)/len(text)))
	for {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// bomb is a gzip of a few kilobytes that becomes megabytes; several of them, one after the other, are one too.
func bomb(t *testing.T) string {
	t.Helper()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write(bytes.Repeat([]byte(" "), 4<<20)); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}

// meter counts what goes through a connection, and keeps the most of one answer.
type meter struct {
	mu   sync.Mutex
	most int64
}

// counted is an answer whose bytes are counted.
type counted struct {
	io.Writer
	meter *meter
	bytes int64
}

// Write implements io.Writer.
func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.bytes += int64(n)
	c.meter.mu.Lock()
	defer c.meter.mu.Unlock()
	c.meter.most = max(c.meter.most, c.bytes)
	return n, err
}

func TestBadDayAnAnswerNeverEnds(t *testing.T) {
	b, server := newHTTPDay(t)
	small := func(o *Options) { o.MaxBytes = endlessLimit }
	b.stop()
	b.startWith(small)
	b.read()
	packed := bomb(t)
	before := heap()
	for _, answer := range []func(http.ResponseWriter, io.Writer){
		func(_ http.ResponseWriter, conn io.Writer) {
			_, _ = io.WriteString(conn, "[")
			endless(conn, `{"id": "acme", "wau": 1, "tickets": 9, "seats": 1},`)
		},
		func(w http.ResponseWriter, conn io.Writer) {
			w.Header().Set("Content-Encoding", "gzip")
			endless(conn, packed)
		},
	} {
		var meter meter
		b.have(outage{
			breaks: func() {
				server.does(func(w http.ResponseWriter, _ *http.Request) { answer(w, &counted{Writer: w, meter: &meter}) })
			},
			with: small, brief: true,
			reason:  "ReadFailed",
			message: "spec.http: more than 8388608 bytes: select less, or raise the operator's --max-bytes",
			during: func() {
				b.hours(6)
				b.heapBelow(before + endlessHeap)
			},
			repairs: server.well,
		})
		meter.mu.Lock()
		t.Logf("at most %d bytes went into one answer", meter.most)
		if meter.most > endlessLimit+endlessRoom {
			t.Errorf("one read took %d bytes, allowed are %d", meter.most, endlessLimit)
		}
		meter.mu.Unlock()
	}
	b.counts()
	b.ends()
}
