package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// programVersion says which program this is, as -o json writes it.
type programVersion struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// newVersion is the command version.
func newVersion(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "version",
		Short:   "Say which version this program is",
		Long:    `Says which version this program is, and what it was built from. It asks no cluster.`,
		Example: `  perennial version -o json`,
		Args:    cobra.NoArgs,
	}
	out := addOutput(c, "text", formatJSON, formatYAML)
	c.RunE = func(*cobra.Command, []string) error {
		if err := out.check(); err != nil {
			return err
		}
		info, _ := debug.ReadBuildInfo()
		version := versionOf(info)
		if out.format == "text" {
			_, err := fmt.Fprintln(a.Out, version)
			return err
		}
		return out.answer(a.Out, version, nil)
	}
	return c
}

// versionOf reads a version off what the Go command wrote into the program.
func versionOf(info *debug.BuildInfo) programVersion {
	v := programVersion{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info == nil {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			v.Revision = setting.Value
		case "vcs.time":
			v.Time = setting.Value
		case "vcs.modified":
			v.Modified = setting.Value == "true"
		}
	}
	return v
}

// String writes the version in one line.
func (v programVersion) String() string {
	line := "perennial " + v.Version
	if v.Revision != "" {
		line += " (" + v.Revision[:min(12, len(v.Revision))]
		if v.Modified {
			line += ", with changes"
		}
		line += ")"
	}
	return line + ", " + v.Go + " " + v.Platform
}
