package snapshot_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/perennial-dev/perennial/internal/snapshot"
)

// Two snapshots that somebody put together are no snapshot: an object that is there twice, or of another namespace, is
// refused and not silently one of the two.
func TestAnObjectThatIsThereTwiceIsRefused(t *testing.T) {
	b := newBase(t, "acme,3,Gold")
	lines := slicesOf(b.file())
	for name, line := range map[string]string{
		"twice":             lines[2],
		"another namespace": strings.Replace(lines[2], `"success"`, `"elsewhere"`, 1),
		"a source twice":    lines[len(lines)-2],
	} {
		t.Run(name, func(t *testing.T) {
			all := append(append([]string{}, lines[:len(lines)-1]...), line)
			end, err := json.Marshal(map[string]any{"kind": "End", "lines": len(all) + 1})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := snapshot.Read(bytes.NewReader([]byte(strings.Join(append(all, string(end)), "\n") + "\n"))); err == nil {
				t.Errorf("read without an error: %.80s", line)
			}
		})
	}
}
