// Package planbench measures what a plan costs a pipeline: the whole program, from a snapshot file of a large customer base.
package planbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/accountset"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/manifest"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/offline"
	"github.com/perennial-dev/perennial/internal/snapshot"
)

const (
	samples   = "../../../config/samples"
	namespace = "default"
	// accounts of the customer base: each of the samples' 40 this often.
	copies = 250
)

var (
	// read is when the sources were read, and planned the moment of the change.
	read    = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	planned = read.Add(10 * time.Minute)
)

// BenchmarkPlan runs perennial plan over 10,000 accounts from a snapshot, and compares that with reading the snapshot.
func BenchmarkPlan(b *testing.B) {
	dir := b.TempDir()
	program := filepath.Join(dir, "perennial")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", program, "../../../cmd/perennial").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	file := filepath.Join(dir, "snapshot.jsonl")
	size := large(b, file)
	for _, change := range []struct{ name, file, before, after string }{
		{"a playbook", "playbook-tickets.yaml", "for: 4h", "for: 0s"},
		{"a threshold of a model", "model-standard.yaml", "{name: Healthy, min: 70}", "{name: Healthy, min: 80}"},
	} {
		path := changed(b, change.file, change.before, change.after)
		for _, ahead := range []string{"0s", "24h"} {
			b.Run(change.name+", "+ahead+" ahead", func(b *testing.B) {
				alone := readAlone(b, file)
				var took time.Duration
				var peak int64
				for b.Loop() {
					t, rss := plan(b, program, "plan", "-f", path, "--snapshot", file, "--now", planned.Format(time.RFC3339), "--ahead", ahead, "-o", "markdown")
					took, peak = took+t, max(peak, rss)
				}
				took /= time.Duration(b.N)
				b.ReportMetric(float64(took)/float64(alone), "x-reading")
				b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
				b.ReportMetric(float64(size)/(1<<20), "file-MiB")
			})
		}
	}
}

// plan runs the program, and returns how long it took and how much memory it had at most, in bytes; 0 is not known.
func plan(b *testing.B, program string, args ...string) (time.Duration, int64) {
	b.Helper()
	began := time.Now()
	command := exec.CommandContext(b.Context(), program, args...)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	peak := make(chan int64)
	ended := make(chan struct{})
	go func() { peak <- watch(command.Process.Pid, ended) }()
	err := command.Wait()
	took := time.Since(began)
	close(ended)
	var code *exec.ExitError
	if !errors.As(err, &code) || code.ExitCode() != 2 {
		b.Fatalf("%v: %s%s", err, out.String(), problems.String())
	}
	return took, <-peak
}

// watch reads the most memory that a process had so far, in bytes, until it ended. What the system says of it afterwards
// counts the memory of this program, too, of which it began as a copy.
func watch(pid int, ended <-chan struct{}) (most int64) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return most
		case <-tick.C:
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		if m := highWater.FindSubmatch(status); m != nil {
			if kilobytes, err := strconv.ParseInt(string(m[1]), 10, 64); err == nil {
				most = max(most, kilobytes<<10)
			}
		}
	}
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// readAlone is the shortest of a few times that reading the file takes.
func readAlone(b *testing.B, file string) time.Duration {
	b.Helper()
	shortest := time.Hour
	for range 3 {
		in, err := os.Open(file)
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if _, err := snapshot.Read(in); err != nil {
			b.Fatal(err)
		}
		shortest = min(shortest, time.Since(began))
		if err := in.Close(); err != nil {
			b.Fatal(err)
		}
	}
	return shortest
}

// changed is a copy of one file of the samples, with a change.
func changed(tb testing.TB, file, before, after string) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(samples, file))
	if err != nil {
		tb.Fatal(err)
	}
	if !strings.Contains(string(text), before) {
		tb.Fatalf("%s has no %q any more", file, before)
	}
	path := filepath.Join(tb.TempDir(), file)
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), before, after, 1)), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// large writes a snapshot of the samples' customers, each many times, as they are once the operator has done its work, and
// returns the file's size in bytes.
func large(tb testing.TB, file string) int64 {
	tb.Helper()
	set, err := manifest.Load(context.Background(), manifest.Options{Kustomize: []string{samples}})
	if err != nil {
		tb.Fatal(err)
	}
	w, err := set.World(namespace)
	if err != nil {
		tb.Fatal(err)
	}
	for _, ds := range w.DataSources {
		ds.UID, ds.Generation = types.UID(ds.Name), 1
	}
	dumps := make([]*observe.Dump, 0, len(w.DataSources))
	for _, ds := range w.DataSources {
		given, err := offline.Read(context.Background(), ds, set.ConfigMaps(namespace), read)
		if err != nil {
			tb.Fatal(err)
		}
		dumps = append(dumps, multiplied(ds, given))
	}
	s := held(tb, dumps)
	w.Sources, w.Location = s.Sources(w.DataSources, nil), time.UTC
	w.Accounts = made(tb, w)
	s.World = worked(tb, w)
	out, err := os.Create(file)
	if err != nil {
		tb.Fatal(err)
	}
	if err := errors.Join(snapshot.Write(out, s), out.Close()); err != nil {
		tb.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		tb.Fatal(err)
	}
	return info.Size()
}

// multiplied has every row of a source many times, with another id each.
func multiplied(ds *v1alpha1.DataSource, given *observe.Snapshot) *observe.Dump {
	d := observe.Export(given)
	d.Source, d.Available = ds.Name, true
	rows := make([]observe.DumpRow, 0, copies*len(d.Rows))
	for _, row := range d.Rows {
		for n := range copies {
			again := row
			again.ID = numbered(row.ID, n)
			again.Cells = slices.Clone(row.Cells)
			for i, column := range d.Columns {
				// What tells customers apart, and the ids of other systems, lies in the rows of the CRM.
				if i < len(again.Cells) && slices.Contains([]string{"name", "group", "product_orgs"}, column.Field) {
					again.Cells[i] = strings.ReplaceAll(numbered(again.Cells[i], n), " org_", "-"+fmt.Sprintf("%03d", n)+" org_")
				}
			}
			rows = append(rows, again)
		}
	}
	d.Rows = rows
	return d
}

// numbered tells a copy of what has a name from the others; what has none has none.
func numbered(id string, n int) string {
	if id == "" {
		return ""
	}
	return fmt.Sprintf("%s-%03d", id, n)
}

// held is what the operator would hold of the sources.
func held(tb testing.TB, dumps []*observe.Dump) *snapshot.Snapshot {
	tb.Helper()
	var text bytes.Buffer
	header := snapshot.Header{Time: read, Namespace: namespace, TimeZone: "UTC"}
	if err := snapshot.WriteFacts(&text, header, slices.Values(dumps)); err != nil {
		tb.Fatal(err)
	}
	s, err := snapshot.Read(&text)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// made are the accounts that the samples' AccountSet makes of the rows.
func made(tb testing.TB, w *fleet.World) []*v1alpha1.Account {
	tb.Helper()
	set := w.AccountSets[0]
	template, err := accountset.Compile(set.Spec.Template)
	if err != nil {
		tb.Fatal(err)
	}
	rows, complete := w.Sources.Rows(set.Spec.SourceRef.Name)
	if !complete {
		tb.Fatal("the set's source was not read completely")
	}
	plan := template.Plan(accountset.Input{Set: set, Rows: rows, Sets: []string{set.Name}, Now: read, Location: time.UTC})
	accounts := make([]*v1alpha1.Account, 0, len(plan.Changes))
	for i := range plan.Changes {
		a, err := plan.Changes[i].Apply(namespace, nil, read)
		if err != nil {
			tb.Fatal(err)
		}
		accounts = append(accounts, a)
	}
	set.Status.Filled, set.Status.ObservedGeneration = true, 1
	if want := copies * 40; len(accounts) != want {
		tb.Fatalf("%d accounts instead of %d; rejected: %v", len(accounts), want, plan.Rejected)
	}
	return accounts
}

// worked is the customer base once the operator has looked at it.
func worked(tb testing.TB, w *fleet.World) *fleet.World {
	tb.Helper()
	now := metav1.NewTime(read)
	for _, m := range w.Models {
		m.UID, m.Generation, m.CreationTimestamp = types.UID(m.Name), 1, now
	}
	for _, pb := range w.Playbooks {
		pb.UID, pb.Generation, pb.CreationTimestamp = types.UID(pb.Name), 1, now
	}
	f, faults := fleet.Load(w, read)
	if len(faults) > 0 {
		tb.Fatal(faults)
	}
	for _, at := range []time.Time{read, planned} {
		if err := f.Step(at); err != nil {
			tb.Fatal(err)
		}
	}
	after := *w
	after.Accounts, after.Runs = f.Accounts(), f.Runs()
	for _, run := range after.Runs {
		after.Tasks = append(after.Tasks, f.Tasks(run.Name)...)
	}
	return &after
}
