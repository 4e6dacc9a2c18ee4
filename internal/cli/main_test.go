package cli

import (
	"os"
	"testing"

	"github.com/perennial-dev/perennial/internal/testing/controlplane"
)

// api is the Kubernetes API that all tests of this package share. It starts when the first of them asks for it.
var api = controlplane.Shared{Options: controlplane.Options{CRDs: "../../config/crd"}}

func TestMain(m *testing.M) { os.Exit(api.Main(m)) }
