package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/accountset"
)

// saying writes what people say of an account, so that it stays when git applies the account again: by server-side apply,
// under a field manager that is theirs.
type saying struct {
	client.Client
	key   types.NamespacedName
	dry   *dryRun
	force bool
}

// read reads the account as it is now, with who owns what.
func (s *saying) read(ctx context.Context) (live *unstructured.Unstructured, typed *v1alpha1.Account, err error) {
	live = &unstructured.Unstructured{}
	live.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Account"))
	if err := s.Get(ctx, s.key, live); err != nil {
		return nil, nil, notThere(err, "account", s.key)
	}
	typed, err = accountOf(live)
	return live, typed, err
}

// apply writes what people have said of an account so far, and what change adds to it. It is decided on the account as
// it is, and written under its version: where somebody else was faster, it is decided again.
//
// What git declares at the paths is refused, even where it says the same: of an item that two apply, each keeps alive what
// the other removes. declared are those who do, where it is forced.
func (s *saying) apply(ctx context.Context, paths []fieldpath.Path, change func(live *v1alpha1.Account, said map[string]any) error) (declared []string, err error) {
	err = patiently("the account", func() error {
		live, typed, err := s.read(ctx)
		if err != nil {
			return err
		}
		said := accountset.Applied(live.Object, live.GetManagedFields(), v1alpha1.FieldManagerPerson)
		if err := change(typed, said); err != nil {
			return err
		}
		declared = nil
		for _, path := range paths {
			apply, _ := accountset.ManagersAt(live.GetManagedFields(), path)
			others := butPeople(apply)
			if len(others) > 0 && !s.force {
				return fmt.Errorf("%s is %s", pathName(path), whoseWayOut(others))
			}
			declared = append(declared, others...)
		}
		if !s.dry.writes() {
			return nil
		}
		err = s.write(ctx, live, said, s.force)
		if others := conflictsOf(err); len(others) > 0 && onlyPeople(others) {
			// What was written with kubectl --field-manager=perennial-person is ours too, in another way of writing.
			err = s.write(ctx, live, said, true)
		}
		return explainConflicts(err)
	})
	slices.Sort(declared)
	return slices.Compact(declared), err
}

// butPeople leaves people out.
func butPeople(managers []string) []string {
	return slices.DeleteFunc(slices.Clone(managers), func(m string) bool { return m == v1alpha1.FieldManagerPerson })
}

// pathName writes a path as people know it.
func pathName(path fieldpath.Path) string { return strings.TrimPrefix(path.String(), ".") }

// write applies what people say, under the version that it was decided on.
func (s *saying) write(ctx context.Context, live *unstructured.Unstructured, said map[string]any, force bool) error {
	object := &unstructured.Unstructured{Object: said}
	object.SetGroupVersionKind(live.GroupVersionKind())
	object.SetName(s.key.Name)
	object.SetNamespace(s.key.Namespace)
	object.SetResourceVersion(live.GetResourceVersion())
	object.SetUID(live.GetUID())
	options := []client.ApplyOption{client.FieldOwner(v1alpha1.FieldManagerPerson)}
	if force {
		options = append(options, client.ForceOwnership)
	}
	if s.dry.mode == dryRunServer {
		options = append(options, client.DryRunAll)
	}
	return s.Apply(ctx, client.ApplyConfigurationFromUnstructured(object.DeepCopy()), options...)
}

// removal is what becomes of something that is to be removed.
type removal struct {
	// removed is true where it was there.
	removed bool
	// stays are those who declare it too: their part is still there.
	stays []string
}

// remove takes something out of an account that nobody but people has said; where others declare it too, it takes out
// what people have said of it. at finds the place, as a JSON patch writes it; where it finds none, nothing is removed.
func (s *saying) remove(ctx context.Context, path fieldpath.Path, at func(*v1alpha1.Account) (pointer string, ok bool)) (done removal, err error) {
	err = patiently("the account", func() error {
		done = removal{}
		live, typed, err := s.read(ctx)
		if err != nil {
			return err
		}
		pointer, ok := at(typed)
		if !ok {
			return nil
		}
		apply, wrote := accountset.ManagersAt(live.GetManagedFields(), path)
		others := butPeople(append(slices.Clone(apply), wrote...))
		switch {
		case len(others) > 0 && !s.force && len(butPeople(apply)) < len(apply):
			done = removal{removed: true, stays: others}
			return s.withdraw(ctx, live, path)
		case len(others) > 0 && !s.force:
			return fmt.Errorf("%s is %s", pathName(path), whoseWayOut(others))
		}
		done.removed = true
		if !s.dry.writes() {
			return nil
		}
		body, err := json.Marshal([]map[string]any{
			{"op": "replace", "path": "/metadata/resourceVersion", "value": live.GetResourceVersion()},
			{"op": "remove", "path": pointer},
		})
		if err != nil {
			return err
		}
		return s.Patch(ctx, live, client.RawPatch(types.JSONPatchType, body), s.dry.patchOptions()...)
	})
	return done, err
}

// withdraw applies what people have said of an account, without what they have said at a path.
func (s *saying) withdraw(ctx context.Context, live *unstructured.Unstructured, path fieldpath.Path) error {
	if !s.dry.writes() {
		return nil
	}
	said := accountset.Applied(live.Object, live.GetManagedFields(), v1alpha1.FieldManagerPerson)
	spec := specOf(said)
	if last := path[len(path)-1]; last.Key == nil {
		delete(spec, *last.FieldName)
	} else {
		setMeasurement(said, map[string]any{"name": (*last.Key)[0].Value.AsString()})
		list, _ := spec["measurements"].([]any)
		spec["measurements"] = list[:len(list)-1]
	}
	return explainConflicts(s.write(ctx, live, said, false))
}

// accountOf reads an account as its type.
func accountOf(live *unstructured.Unstructured) (*v1alpha1.Account, error) {
	var typed v1alpha1.Account
	text, err := live.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return &typed, json.Unmarshal(text, &typed)
}

// conflict is a field that somebody else owns.
type conflict struct{ field, manager string }

var conflictManager = regexp.MustCompile(`conflict with "([^"]*)"`)

// conflictsOf returns the fields for which an apply was refused, with their owners.
func conflictsOf(err error) []conflict {
	var status apierrors.APIStatus
	if !apierrors.IsConflict(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var found []conflict
	for _, cause := range status.Status().Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		manager := "somebody"
		if m := conflictManager.FindStringSubmatch(cause.Message); m != nil {
			manager = m[1]
		}
		found = append(found, conflict{field: strings.TrimPrefix(cause.Field, "."), manager: manager})
	}
	return found
}

// onlyPeople reports whether all fields were written by people with our field manager.
func onlyPeople(conflicts []conflict) bool {
	return !slices.ContainsFunc(conflicts, func(c conflict) bool { return c.manager != v1alpha1.FieldManagerPerson })
}

// explainConflicts says whose the fields are and what to do. It is no conflict that trying again resolves.
func explainConflicts(err error) error {
	var fields, managers []string
	for _, c := range conflictsOf(err) {
		if c.manager != v1alpha1.FieldManagerPerson {
			fields, managers = append(fields, c.field), append(managers, c.manager)
		}
	}
	if len(fields) == 0 {
		return err
	}
	slices.Sort(fields)
	slices.Sort(managers)
	return fmt.Errorf("%s: %s", strings.Join(slices.Compact(fields), ", "), whoseWayOut(slices.Compact(managers)))
}

// whoseWayOut says whose something is, and what to do about it.
func whoseWayOut(managers []string) string {
	names := strings.Join(managers, ", ")
	switch {
	case !slices.ContainsFunc(managers, func(m string) bool { return !byHand(m) }):
		return fmt.Sprintf("written by hand with %s; take it over with --force-conflicts", names)
	case slices.Contains(managers, accountset.FieldManager):
		return fmt.Sprintf("%s's: change it in the source of the AccountSet, or take it over with --force-conflicts, and the set leaves it to you", names)
	}
	return fmt.Sprintf("%s's: change it where that is declared (in git, say), or take it over with --force-conflicts until %s writes it again", names, names)
}

// byHand reports whether a manager is what people type. What kubectl applies is declared somewhere.
func byHand(manager string) bool {
	return strings.HasPrefix(manager, "kubectl") && manager != "kubectl" && manager != "kubectl-client-side-apply"
}
