package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

const (
	// userVariable names the person, where his user name on the cluster is another than the one he signs with.
	userVariable = "PERENNIAL_USER"
	// byUsage is the flag --by of the commands that sign.
	byUsage = "Who says so. $" + userVariable + " if unset, else your user name on the cluster."
)

// dryRun is the flag --dry-run.
type dryRun struct{ mode string }

// The values of --dry-run, as kubectl has them.
const (
	dryRunNone   = "none"
	dryRunClient = "client"
	dryRunServer = "server"
)

// addDryRun adds the flag --dry-run.
func addDryRun(c *cobra.Command) *dryRun {
	d := &dryRun{}
	c.Flags().StringVar(&d.mode, "dry-run", dryRunNone,
		"Change nothing: client says what would be done, server also asks the cluster whether it may. One of none, client, server.")
	c.Flags().Lookup("dry-run").NoOptDefVal = dryRunClient
	_ = c.RegisterFlagCompletionFunc("dry-run", cobra.FixedCompletions([]string{dryRunNone, dryRunClient, dryRunServer}, cobra.ShellCompDirectiveNoFileComp))
	return d
}

// check refuses a value that there is not.
func (d *dryRun) check() error {
	if !slices.Contains([]string{dryRunNone, dryRunClient, dryRunServer}, d.mode) {
		return fmt.Errorf("--dry-run=%s: use none, client or server", d.mode)
	}
	return nil
}

// writes reports whether the cluster is asked at all.
func (d *dryRun) writes() bool { return d.mode != dryRunClient }

// note is what follows an answer, so that nobody takes it for done.
func (d *dryRun) note() string {
	switch d.mode {
	case dryRunClient:
		return " (dry run)"
	case dryRunServer:
		return " (server dry run)"
	}
	return ""
}

// patchOptions are those of a patch that a person makes.
func (d *dryRun) patchOptions() []client.PatchOption {
	options := []client.PatchOption{client.FieldOwner(v1alpha1.FieldManagerPerson)}
	if d.mode == dryRunServer {
		options = append(options, client.DryRunAll)
	}
	return options
}

// patiently tries a write again that somebody was faster than. It reads anew each time, so nothing of theirs is lost.
func patiently(what string, write func() error) error {
	backoff := wait.Backoff{Steps: 8, Duration: 20 * time.Millisecond, Factor: 2, Jitter: 0.5}
	err := retry.RetryOnConflict(backoff, write)
	if apierrors.IsConflict(err) {
		return fmt.Errorf("%s: others change it all the time; nothing was written, try again: %w", what, err)
	}
	return err
}

// person returns who signs, and whether somebody named him.
func (a *app) person(ctx context.Context, c client.Client, by string) (name string, named bool, err error) {
	if name = cmp.Or(by, a.Getenv(userVariable)); name != "" {
		return name, true, nil
	}
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.Create(ctx, review); err != nil {
		return "", false, fmt.Errorf("ask the cluster who you are (--by NAME says it too): %w", err)
	}
	if review.Status.UserInfo.Username == "" {
		return "", false, errors.New("the cluster does not say who you are: use --by NAME")
	}
	return review.Status.UserInfo.Username, false, nil
}

// isTerminal reports whether somebody sits at the other end of In.
func (a *app) isTerminal() bool {
	switch in := a.In.(type) {
	case interface{ IsTerminal() bool }:
		return in.IsTerminal()
	case *os.File:
		return isatty.IsTerminal(in.Fd())
	}
	return false
}

// confirm asks a question that is answered with yes or no. No is the default.
func (a *app) confirm(ctx context.Context, question string) (bool, error) {
	_, _ = fmt.Fprintf(a.ErrOut, "%s [y/N] ", question)
	answered := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.In).ReadString('\n')
		answered <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done(): // Ctrl-C
		_, _ = fmt.Fprintln(a.ErrOut)
		return false, context.Cause(ctx)
	case answer := <-answered:
		return answer == "y" || answer == "yes", nil
	}
}

// moment reads a time that a person wrote: 3d from now, a day (its first moment, where he is), or RFC 3339.
func moment(text string, now time.Time) (time.Time, error) {
	if d, err := value.ParseDuration(v1alpha1.Duration(text)); err == nil && text != "" {
		return now.Add(d), nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 3d, 2026-12-01 or 2026-12-01T09:00:00Z", text)
}

// oneOf finds a word among those there are; its case does not matter where that is clear.
func oneOf(word string, words []string) (string, bool) {
	if slices.Contains(words, word) {
		return word, true
	}
	found := ""
	for _, w := range words {
		if strings.EqualFold(w, word) {
			if found != "" {
				return "", false
			}
			found = w
		}
	}
	return found, found != ""
}

// nameOf takes the resource off a name: task/NAME, as kubectl prints it.
func nameOf(arg string, resources ...string) (string, error) {
	resource, name, ok := strings.Cut(arg, "/")
	if !ok {
		return arg, nil
	}
	resource, _, _ = strings.Cut(strings.ToLower(resource), ".")
	if !slices.Contains(resources, resource) || name == "" || strings.Contains(name, "/") {
		return "", fmt.Errorf("%s: write NAME or %s/NAME", arg, resources[0])
	}
	return name, nil
}

// notThere says where an object was looked for.
func notThere(err error, resource string, key types.NamespacedName) error {
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("there is no %s %s in namespace %s", resource, key.Name, key.Namespace)
	}
	return err
}

// completeNames completes the names of objects of the namespace. A cluster that does not answer completes nothing.
func (a *app) completeNames(list client.ObjectList, most int, keep func(client.Object) bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		const nothing = cobra.ShellCompDirectiveNoFileComp
		if most > 0 && len(args) >= most {
			return nil, nothing
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), 3*time.Second)
		defer cancel()
		namespace, err := a.namespace()
		if err != nil {
			return nil, nothing
		}
		c, err := a.client()
		if err != nil {
			return nil, nothing
		}
		found, _ := list.DeepCopyObject().(client.ObjectList)
		if err := c.List(ctx, found, client.InNamespace(namespace)); err != nil {
			return nil, nothing
		}
		var names []cobra.Completion
		_ = meta.EachListItem(found, eachObject(func(o client.Object) {
			if !slices.Contains(args, o.GetName()) && (keep == nil || keep(o)) {
				names = append(names, o.GetName())
			}
		}))
		slices.Sort(names)
		return names, nothing
	}
}

// eachObject makes a function over client.Object one over the items of a list.
func eachObject(do func(client.Object)) func(runtime.Object) error {
	return func(item runtime.Object) error {
		if o, ok := item.(client.Object); ok {
			do(o)
		}
		return nil
	}
}

// onlyCommands makes a command of others refuse what is none of them; cobra would show its help, and end well.
func onlyCommands(c *cobra.Command) *cobra.Command {
	c.DisableFlagsInUseLine = true
	c.SuggestionsMinimumDistance = 2 // as many letters may differ as at the root
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		meant := ""
		if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
			meant = "; did you mean " + strings.Join(like, " or ") + "?"
		}
		return fmt.Errorf("%s %s: there is no such command%s", cmd.CommandPath(), args[0], meant)
	}
	return c
}
