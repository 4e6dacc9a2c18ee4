package cli

import "github.com/spf13/cobra"

// newRoot is the program with all its commands.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:         "perennial",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: a.Name},
		Short:       "Customer success as code",
		Long: `Customer success as code: check configuration, see what a change of it would do before it is merged, ask why an account
is red or why nothing happened, and do the work.

As kubectl does, it asks the cluster and the namespace of your kubeconfig. Exit codes: 0 all went well, 1 something is
wrong, and of plan 2: the change does something.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.ErrOut)
	a.flags.AddFlags(root.PersistentFlags())
	root.AddGroup(
		&cobra.Group{ID: "change", Title: "Change the rules without fear:"},
		&cobra.Group{ID: "ask", Title: "See who is in trouble, and why:"},
		&cobra.Group{ID: "act", Title: "Do the work:"},
	)
	for _, group := range []struct {
		id   string
		make []func(*app) *cobra.Command
	}{
		{"change", []func(*app) *cobra.Command{newLint, newPlan, newTest, newSnapshot}},
		{"ask", []func(*app) *cobra.Command{newExplain, newPortfolio, newAccount, newTasks}},
		{"act", []func(*app) *cobra.Command{newTask, newApprove, newRefresh}},
	} {
		for _, command := range group.make {
			c := command(a)
			c.GroupID = group.id
			root.AddCommand(c)
		}
	}
	root.AddCommand(newVersion(a))
	return root
}
