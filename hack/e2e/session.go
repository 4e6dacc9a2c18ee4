package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/perennial-dev/perennial/internal/testing/controlplane"
	"github.com/perennial-dev/perennial/internal/testing/operator"
)

// session is one run of the test.
type session struct {
	out      io.Writer
	api      *controlplane.ControlPlane
	dir      string
	began    time.Time
	operator *operator.Operator
}

// say prints a line.
func (s *session) say(format string, args ...any) { _, _ = fmt.Fprintf(s.out, format+"\n", args...) }

// logFile receives what the operator prints.
func (s *session) logFile() string { return filepath.Join(s.dir, "manager.log") }

// log is the end of the operator's log, for a failure.
func (s *session) log() string {
	content, err := os.ReadFile(s.logFile())
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return "the operator's last lines:\n" + strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// show prints a command and what it prints, as a user sees it.
func (s *session) show(ctx context.Context, args ...string) error {
	text, err := s.api.RunKubectl(ctx, args...)
	s.say("$ kubectl %s\n%s", strings.Join(args, " "), text)
	return err
}

// apply applies YAML.
func (s *session) apply(ctx context.Context, name, text string) error {
	file := filepath.Join(s.dir, name+".yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	_, err := s.api.RunKubectl(ctx, "apply", "--server-side", "-f", file)
	return err
}

// read returns what a jsonpath finds in an object or list.
func (s *session) read(ctx context.Context, what, path string, args ...string) (string, error) {
	return s.api.RunKubectl(ctx, append([]string{"get", what, "-o", "jsonpath=" + path}, args...)...)
}

// until waits until check returns nil, and returns its last error where it never does.
func (s *session) until(ctx context.Context, check func() error) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, 2*time.Minute, true, func(context.Context) (bool, error) {
		last = check()
		return last == nil, nil
	})
	if err != nil {
		return errors.Join(last, context.Cause(ctx))
	}
	return nil
}

// kinds are what the operator writes, DataSources aside: these may write when they were read.
var kinds = []string{"accounts", "accountsets", "healthscoremodels", "playbooks", "playbookruns", "tasks"}

// versions returns the resource version of everything that the operator writes.
func (s *session) versions(ctx context.Context) (map[string]string, error) {
	text, err := s.api.RunKubectl(ctx, "get", strings.Join(kinds, ","), "-A", "-o", "json")
	if err != nil {
		return nil, err
	}
	var list struct {
		Items []struct {
			Kind     string
			Metadata struct{ Namespace, Name, ResourceVersion string }
		}
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, err
	}
	versions := map[string]string{}
	for _, item := range list.Items {
		versions[item.Kind+" "+item.Metadata.Namespace+"/"+item.Metadata.Name] = item.Metadata.ResourceVersion
	}
	return versions, nil
}

// differences names what is not the same in two sets of versions.
func differences(before, after map[string]string) []string {
	var names []string
	for name := range before {
		if before[name] != after[name] {
			names = append(names, name)
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// metricLine is a line of the Prometheus text format with one label that counts here.
var metricLine = regexp.MustCompile(`^(controller_runtime_reconcile_total|controller_runtime_active_workers|workqueue_depth)\{.*?(?:controller|name)="([a-z]+)".*\} ([0-9.e+]+)$`)

// idle returns an error while the operator has work, or has not looked at every object since it started.
func (s *session) idle(ctx context.Context, looks map[string]int) error {
	text, err := s.operator.Metrics(ctx)
	if err != nil {
		return err
	}
	done := map[string]float64{}
	for line := range strings.SplitSeq(text, "\n") {
		m := metricLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		n, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return err
		}
		if m[1] == "controller_runtime_reconcile_total" {
			done[m[2]] += n
		} else if n > 0 {
			return fmt.Errorf("%s of %s is %v", m[1], m[2], n)
		}
	}
	for _, controller := range slices.Sorted(maps.Keys(looks)) {
		if done[controller] < float64(looks[controller]) {
			return fmt.Errorf("the %s controller has looked %v times, and there are %d objects", controller, done[controller], looks[controller])
		}
	}
	return nil
}

// settled waits until the operator is idle and has written nothing between two looks at everything.
func (s *session) settled(ctx context.Context) (map[string]string, error) {
	var last map[string]string
	err := s.until(ctx, func() error {
		now, err := s.versions(ctx)
		if err != nil {
			return err
		}
		changed := differences(last, now)
		last = now
		if len(changed) > 0 {
			return fmt.Errorf("still being written: %s", strings.Join(changed[:min(len(changed), 5)], ", "))
		}
		return s.idle(ctx, countByController(now))
	})
	return last, err
}

// countByController counts the objects that each controller looks at.
func countByController(versions map[string]string) map[string]int {
	counts := map[string]int{}
	for name := range versions {
		kind, _, _ := strings.Cut(name, " ")
		counts[strings.ToLower(kind)]++
	}
	return counts
}
