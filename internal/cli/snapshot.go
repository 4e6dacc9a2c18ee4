package cli

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/perennial-dev/perennial/internal/snapshot"
)

// newSnapshot is the command snapshot.
func newSnapshot(a *app) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "snapshot -o FILE",
		Short: "Keep a customer base in a file, to preview changes without the cluster",
		Long: `Writes the accounts, the configuration, the work and what the sources gave, as they are now in one namespace, into a file
that plan, explain and portfolio read with --snapshot.

With --operator the file has every column that the operator holds. Without it, it has the values that the accounts' statuses
remember: those that models and playbooks in force read, and no more. A file whose name ends in .gz is compressed.

The file holds customers' data. Only you can read it; keep it like that.`,
		Example: `  perennial snapshot -n customers -o base.jsonl.gz --operator https://127.0.0.1:8443 --operator-ca ca.crt
  perennial plan -f config --snapshot base.jsonl.gz`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return nil },
	}
	facts := a.addOperatorFlags(c)
	c.Flags().StringVarP(&file, "output", "o", "", "File to write, with .gz at the end to compress it; - is the standard output.")
	c.Flags().StringVar(&file, "file", "", "The same as --output.")
	_ = c.MarkFlagFilename("output")
	c.RunE = func(c *cobra.Command, _ []string) error { return a.writeSnapshot(c.Context(), facts, file) }
	return c
}

// writeSnapshot takes a snapshot and writes it.
func (a *app) writeSnapshot(ctx context.Context, facts *factsOptions, file string) error {
	if file == "" {
		return errors.New("say where to write the snapshot: -o FILE, or -o - for the standard output")
	}
	s, err := facts.take(ctx, "")
	if err != nil {
		return err
	}
	if s.From == snapshot.Statuses {
		_, _ = fmt.Fprintln(a.ErrOut, "The facts are those that the accounts' statuses remember: nothing else is known. Name the operator with --operator for all that the sources gave.")
	}
	if w := s.World; len(w.Accounts)+len(w.AccountSets)+len(w.DataSources)+len(w.Models)+len(w.Playbooks) == 0 {
		return fmt.Errorf("there is nothing of Perennial in namespace %s: name another one with -n", w.Namespace)
	}
	if file == "-" {
		return snapshot.Write(a.Out, s)
	}
	if err := writeSnapshotFile(file, s); err != nil {
		return err
	}
	accounts := "1 account"
	if n := len(s.World.Accounts); n != 1 {
		accounts = fmt.Sprintf("%d accounts", n)
	}
	_, _ = fmt.Fprintf(a.ErrOut, "Wrote %s of namespace %s to %s. It holds customers' data.\n", accounts, s.World.Namespace, file)
	return nil
}

// writeSnapshotFile writes a file that is there whole or not at all, and that nobody else can read. What is no file, such as a
// pipe, is written to as it is.
func writeSnapshotFile(file string, s *snapshot.Snapshot) (err error) {
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		return writeSnapshotInto(file, s)
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = temporary.Close()
			err = errors.Join(fmt.Errorf("write %s: %w", file, err), os.Remove(temporary.Name()))
		}
	}()
	if err := packSnapshot(temporary, file, s); err != nil {
		return err
	}
	if err := temporary.Sync(); err != nil {
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), file)
}

// packSnapshot writes a snapshot, compressed where the name of the file says so.
func packSnapshot(w io.Writer, file string, s *snapshot.Snapshot) error {
	if !strings.HasSuffix(file, ".gz") {
		return snapshot.Write(w, s)
	}
	compressed := gzip.NewWriter(w)
	return errors.Join(snapshot.Write(compressed, s), compressed.Close())
}

// writeSnapshotInto writes a snapshot into what is there.
func writeSnapshotInto(file string, s *snapshot.Snapshot) error {
	out, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(packSnapshot(out, file, s), out.Close()); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}
