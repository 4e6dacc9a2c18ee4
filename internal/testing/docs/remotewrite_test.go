//go:build unix

package docs

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"net/http"
	"slices"
	"testing"
	"time"
)

// Prometheus takes samples of the past by its remote write protocol alone: a message of protocol buffers, packed with
// snappy. What is needed of both is a few lines, and no dependency.

// sample is one value of a series.
type sample struct {
	at    time.Time
	value float64
}

// series is one series of a WriteRequest.
func series(name, org, plan string, samples ...sample) []byte {
	var body []byte
	for _, label := range [][2]string{{"__name__", name}, {"org", org}, {"plan", plan}} {
		body = append(body, message(1, message(1, []byte(label[0])), message(2, []byte(label[1])))...)
	}
	for _, s := range samples {
		number := binary.LittleEndian.AppendUint64([]byte{1<<3 | 1}, math.Float64bits(s.value))
		at := binary.AppendUvarint([]byte{2 << 3}, uint64(s.at.UnixMilli()))
		body = append(body, message(2, number, at)...)
	}
	return message(1, body)
}

// message is a field of protocol buffers that has a length.
func message(field byte, parts ...[]byte) []byte {
	content := slices.Concat(parts...)
	return append(binary.AppendUvarint([]byte{field<<3 | 2}, uint64(len(content))), content...)
}

// literals is the block form of snappy, with nothing compressed.
func literals(content []byte) []byte {
	packed := binary.AppendUvarint(nil, uint64(len(content)))
	for chunk := range slices.Chunk(content, 1<<16) {
		packed = append(packed, 61<<2)
		packed = binary.LittleEndian.AppendUint16(packed, uint16(len(chunk)-1))
		packed = append(packed, chunk...)
	}
	return packed
}

// remoteWrite sends series to a server.
func remoteWrite(t *testing.T, url string, series ...[]byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/v1/write", bytes.NewReader(literals(slices.Concat(series...))))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode/100 != 2 {
		t.Fatalf("the server answers %s: %s", resp.Status, answer)
	}
}
