package cli

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	clocktesting "k8s.io/utils/clock/testing"
)

// An address in the environment is no promise that this person may ask: the statuses do then. One that was typed is.
func TestAnOperatorOfTheEnvironmentThatDoesNotAnswer(t *testing.T) {
	d := newSnapshotDesk(t)
	file := filepath.Join(t.TempDir(), "base.jsonl")
	if code, _, said := d.says("snapshot", "-o", file); code != ExitOK {
		t.Fatal(said)
	}
	const nobody = "https://127.0.0.1:1"
	d.env[operatorVariable] = nobody
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"it is in the environment":           {[]string{"explain", "account/acme"}, ExitOK, "Warning: $PERENNIAL_OPERATOR: "},
		"it was typed":                       {[]string{"explain", "account/acme", "--operator", nobody}, ExitError, "Error: --operator: "},
		"it was typed that there is none":    {[]string{"explain", "account/acme", "--operator="}, ExitOK, ""},
		"a snapshot goes before it":          {[]string{"explain", "account/acme", "--snapshot", file}, ExitOK, ""},
		"a snapshot and a typed one":         {[]string{"explain", "account/acme", "--snapshot", file, "--operator", nobody}, ExitError, "--snapshot, --operator: the facts are in the file"},
		"two folders are compared with it":   {[]string{"plan", "-k", planSamples, "--against", planSamples}, ExitOK, "Warning: $PERENNIAL_OPERATOR: "},
		"two folders are compared without":   {[]string{"plan", "-k", planSamples, "--against", planSamples, "--operator="}, ExitOK, ""},
		"a token that was typed is no token": {[]string{"explain", "account/acme", "--operator-token-file", "missing"}, ExitError, "--operator-token-file: open missing"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, said := d.says(c.args...)
			if code != c.code || !strings.Contains(said, c.want) || c.want == "" && strings.Contains(said, "Warning") {
				t.Errorf("exit code %d: %s; want %d, %q", code, said, c.code, c.want)
			}
		})
	}
}

func TestWithoutAKubeconfigItIsSaidHowToNameOne(t *testing.T) {
	for _, name := range []string{"HOME", "KUBECONFIG", "KUBERNETES_MASTER", "KUBERNETES_SERVICE_HOST"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	var out, errOut bytes.Buffer
	env := Env{
		IOStreams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut}, Name: "perennial",
		Clock:  clocktesting.NewFakePassiveClock(time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)),
		Getenv: func(string) string { return "" },
	}
	code := Run(t.Context(), env, []string{"task", "start", "x"})
	if code != ExitError || !strings.Contains(errOut.String(), "there is no kubeconfig; name one with the environment variable KUBECONFIG or with --kubeconfig FILE") {
		t.Errorf("exit code %d: %s", code, errOut.String())
	}
}
