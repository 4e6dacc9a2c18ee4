package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
)

// requireEnv is set to 1 where a skipped test would go unnoticed: in CI.
const requireEnv = "PERENNIAL_REQUIRE_SERVERS"

// ForTest starts a control plane for one test and stops it at the test's end. Where the programs are not built
// the test is skipped, or fails if PERENNIAL_REQUIRE_SERVERS is 1.
func ForTest(t testing.TB, o Options) *ControlPlane {
	t.Helper()
	c, err := Start(t.Context(), o)
	if err != nil {
		skipOrFail(t, err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Errorf("stop the local control plane: %v", err)
		}
	})
	return c
}

// skipOrFail ends a test that has no control plane.
func skipOrFail(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrNoAssets) && os.Getenv(requireEnv) != "1" {
		t.Skipf("needs a Kubernetes API: %v", err)
	}
	t.Fatal(err)
}

// Shared is one control plane for all tests of a package. It starts when the first test asks for it, so that
// running a test that needs none costs nothing.
//
//	var api = controlplane.Shared{Options: controlplane.Options{CRDs: "../config/crd/bases"}}
//
//	func TestMain(m *testing.M) { api.Main(m) }
//
//	func TestX(t *testing.T) { cfg := api.Get(t).Config(); ... }
type Shared struct {
	// Options say what to start.
	Options Options

	once sync.Once
	c    *ControlPlane
	err  error
}

// Get returns the control plane. Where the programs are not built the test is skipped, or fails if
// PERENNIAL_REQUIRE_SERVERS is 1.
func (s *Shared) Get(t testing.TB) *ControlPlane {
	t.Helper()
	// Not this test's context: the others will use the control plane too.
	s.once.Do(func() { s.c, s.err = Start(context.Background(), s.Options) })
	if s.err != nil {
		skipOrFail(t, s.err)
	}
	return s.c
}

// Main runs the package's tests and stops the control plane. It returns the exit code, which go test also knows by
// itself but for a control plane that does not stop.
func (s *Shared) Main(m *testing.M) int {
	code := m.Run()
	s.once.Do(func() { s.err = errors.New("the tests are over") })
	if s.c == nil {
		return code
	}
	if err := s.c.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the local control plane:", err)
		return max(code, 1)
	}
	return code
}

// Need skips a test whose options ask for programs that are not built, or fails it if PERENNIAL_REQUIRE_SERVERS is
// 1. It starts nothing: it is for tests of what starts a control plane by itself.
func Need(t testing.TB, o Options) {
	t.Helper()
	if _, err := findAssets(o); err != nil {
		skipOrFail(t, err)
	}
}
