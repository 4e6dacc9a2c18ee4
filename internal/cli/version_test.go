package cli

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

func TestVersionOf(t *testing.T) {
	built := ", " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
	of := func(version string, settings ...string) *debug.BuildInfo {
		info := &debug.BuildInfo{Main: debug.Module{Version: version}}
		for i := 0; i < len(settings); i += 2 {
			info.Settings = append(info.Settings, debug.BuildSetting{Key: settings[i], Value: settings[i+1]})
		}
		return info
	}
	for name, tt := range map[string]struct {
		info *debug.BuildInfo
		want string
	}{
		"nothing is known":         {nil, "perennial (devel)"},
		"installed at a version":   {of("v0.6.0"), "perennial v0.6.0"},
		"built from a repository":  {of("(devel)", "vcs.revision", "0123456789abcdef", "vcs.modified", "false"), "perennial (devel) (0123456789ab)"},
		"with changes, and a date": {of("", "vcs.revision", "0123", "vcs.modified", "true", "vcs.time", "2026-11-22T15:00:00Z"), "perennial (devel) (0123, with changes)"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := versionOf(tt.info).String(); got != tt.want+built {
				t.Errorf("%q, want %q", got, tt.want+built)
			}
		})
	}
}

func TestVersionAsksNoCluster(t *testing.T) {
	var out, errOut bytes.Buffer
	env := Env{IOStreams: genericiooptions.IOStreams{Out: &out, ErrOut: &errOut}, Getenv: func(string) string { return "" }, Name: "perennial"}
	args := []string{"version", "-o", "json", "--kubeconfig", "/nowhere"}
	if code := Run(t.Context(), env, args); code != ExitOK || !strings.Contains(out.String(), `"go": "`+runtime.Version()) {
		t.Errorf("exit code %d: %s%s", code, &out, &errOut)
	}
	if code := Run(t.Context(), env, []string{"version", "-o", "table"}); code != ExitError || !strings.Contains(errOut.String(), "use text, json, yaml") {
		t.Errorf("exit code %d: %s", code, &errOut)
	}
}
