package manager

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// desk is somebody's terminal: kubectl, with an editor that sed is.
type desk struct {
	w   *world
	dir string
}

func (w *world) newDesk() *desk { return &desk{w: w, dir: w.t.TempDir()} }

// types runs kubectl; it is called by several people at once, so that errors are returned.
func (d *desk) types(sed string, args ...string) error {
	_, err := d.kubectl(sed, args...)
	return err
}

// kubectl runs it and returns what it prints.
func (d *desk) kubectl(sed string, args ...string) ([]byte, error) {
	script := filepath.Join(d.dir, "editor")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nsed '"+sed+"' \"$1\" >\"$1.new\" && mv \"$1.new\" \"$1\"\n"), 0o700); err != nil {
		return nil, err
	}
	plane := api.Get(d.w.t)
	cmd := exec.CommandContext(d.w.t.Context(), plane.Kubectl(), append([]string{"-n", d.w.namespace}, args...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+plane.KubeconfigPath(), "KUBECACHEDIR="+filepath.Join(d.dir, "cache"), "KUBECTL_KUBERC=false", "KUBE_EDITOR="+script)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out.String())
	}
	return out.Bytes(), nil
}

// saves runs kubectl and keeps what it prints.
func (d *desk) saves(file string, args ...string) error {
	out, err := d.kubectl("", args...)
	if err != nil {
		return err
	}
	return os.WriteFile(file, out, 0o600)
}

// applies writes a manifest of the task with these fields, and applies it.
func (d *desk) applies(task, spec string, args ...string) error {
	file := filepath.Join(d.dir, "task.yaml")
	manifest := fmt.Sprintf("apiVersion: perennial.dev/v1alpha1\nkind: Task\nmetadata: {name: %s}\nspec: %s\n", task, spec)
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		return err
	}
	return d.types("", append([]string{"apply", "-f", file}, args...)...)
}

// person works on a task in his own way, on his own fields; a round is his next value.
type person struct {
	does  func(d *desk, task string, round int) error
	wrote func(spec *v1alpha1.TaskSpec, round int)
}

// patches is a person with kubectl patch.
func patches(kind, patch string, wrote func(*v1alpha1.TaskSpec, int)) person {
	return person{func(d *desk, task string, n int) error {
		return d.types("", "patch", "task", task, "--type="+kind, "-p", fmt.Sprintf(patch, n))
	}, wrote}
}

// everyday are those who edit and patch.
func everyday() map[string]person {
	return map[string]person{
		"jo edits": {
			func(d *desk, task string, n int) error {
				return d.types(fmt.Sprintf("s/^  title: .*/  title: title %d/", n), "edit", "task", task)
			},
			func(s *v1alpha1.TaskSpec, n int) { s.Title = fmt.Sprintf("title %d", n) },
		},
		"al merges": patches("merge", `{"spec":{"note":"note %d"}}`, func(s *v1alpha1.TaskSpec, n int) { s.Note = fmt.Sprintf("note %d", n) }),
		"pat patches": patches("json", `[{"op":"add","path":"/spec/completedBy","value":"pat %d"},{"op":"replace","path":"/spec/state","value":"InProgress"}]`,
			func(s *v1alpha1.TaskSpec, n int) {
				s.CompletedBy, s.State = fmt.Sprintf("pat %d", n), v1alpha1.WorkInProgress
			}),
	}
}

// withApply adds one who applies.
func withApply() map[string]person {
	all := everyday()
	all["lee applies"] = person{
		func(d *desk, task string, n int) error {
			return d.applies(task, fmt.Sprintf("{description: text %d}", n))
		},
		func(s *v1alpha1.TaskSpec, n int) { s.Description = fmt.Sprintf("text %d", n) },
	}
	return all
}

// withServerSideApply adds two who apply on the server, as managers of their own. They are not at one task with lee: kubectl
// apply --server-side takes over what plain kubectl apply wrote, and removes what its own file does not have.
func withServerSideApply() map[string]person {
	all := everyday()
	all["kim applies"] = person{
		func(d *desk, task string, n int) error {
			return d.applies(task, fmt.Sprintf("{assignee: kim%d@example.com}", n), "--server-side", "--force-conflicts", "--field-manager=kim")
		},
		func(s *v1alpha1.TaskSpec, n int) { s.Assignee = fmt.Sprintf("kim%d@example.com", n) },
	}
	all["max applies a part of a list"] = person{
		func(d *desk, task string, n int) error {
			return d.applies(task, fmt.Sprintf("{checklist: [{name: two, done: %t}]}", n%2 == 0), "--server-side", "--force-conflicts", "--field-manager=max")
		},
		func(s *v1alpha1.TaskSpec, n int) { s.Checklist[1].Done = n%2 == 0 },
	}
	return all
}

const rounds = 4

// together has everybody work at once, and returns when all have ended.
func (w *world) together(task string, all map[string]person) (wait func()) {
	var group sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for name, someone := range all {
		d := w.newDesk()
		group.Go(func() {
			for round := 1; round <= rounds; round++ {
				if err := someone.does(d, task, round); err != nil {
					mu.Lock()
					errs = append(errs, fmt.Errorf("%s: %w", name, err))
					mu.Unlock()
				}
			}
		})
	}
	return func() {
		w.t.Helper()
		group.Wait()
		if err := errors.Join(errs...); err != nil {
			w.t.Error(err)
		}
	}
}
