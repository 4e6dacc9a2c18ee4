package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// viewNoArgs refuses words after a view, which is told by flags what to show.
func viewNoArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s takes no names, only flags; %s --help lists them", strings.Join(args, " "), c.Name(), c.CommandPath())
}
