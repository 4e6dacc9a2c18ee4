//go:build unix

package prometheus

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/perennial-dev/perennial/internal/testing/internal/server"
)

// Promtool runs promtool in a folder, with a text that it may read, and returns what it printed. Where promtool is not
// installed the test is skipped, or fails if PERENNIAL_REQUIRE_SERVERS is 1.
func Promtool(t testing.TB, folder, input string, args ...string) (string, error) {
	t.Helper()
	program, err := server.LookPath("promtool", "prometheus", "/usr/bin")
	if err != nil {
		server.Missing(t, "promtool", err)
	}
	var output bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = folder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &output, &output
	if err := cmd.Run(); err != nil {
		return output.String(), fmt.Errorf("promtool %s: %w", strings.Join(args, " "), err)
	}
	return output.String(), nil
}
