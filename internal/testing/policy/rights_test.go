package policy

import (
	"bufio"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"
)

// errStill is what is not over yet.
var errStill = errors.New("still")

// resources are the plural names of all kinds.
func resources(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(config + "/crd/bases/*.yaml")
	if err != nil || len(files) < 7 {
		t.Fatalf("%d definitions: %v", len(files), err)
	}
	var names []string
	for _, file := range files {
		name, _, err := unstructured.NestedString(readObject(t, file), "spec", "names", "plural")
		if err != nil || name == "" {
			t.Fatalf("%s: %v", file, err)
		}
		names = append(names, name)
	}
	return names
}

// TestWhatTheRoleAllows asks the API server about every verb on every kind and its status.
func TestWhatTheRoleAllows(t *testing.T) {
	w := newWorld(t)
	clientset, err := kubernetes.NewForConfig(control.Config())
	if err != nil {
		t.Fatal(err)
	}
	for _, resource := range resources(t) {
		for _, subresource := range []string{"", "status", "finalizers"} {
			for _, verb := range []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"} {
				review, err := clientset.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{
					Spec: authorizationv1.SubjectAccessReviewSpec{User: jo.name, Groups: append(jo.groups, "system:authenticated"), ResourceAttributes: &authorizationv1.ResourceAttributes{
						Namespace: w.namespace, Verb: verb, Group: "perennial.dev", Resource: resource, Subresource: subresource,
					}},
				}, metav1.CreateOptions{})
				if err != nil {
					t.Fatal(err)
				}
				reads := slices.Contains([]string{"get", "list", "watch"}, verb)
				writes := (resource == "accounts" || resource == "tasks") && (verb == "update" || verb == "patch")
				if want := subresource == "" && (reads || writes); review.Status.Allowed != want {
					t.Errorf("%s %s/%s: allowed is %v, want %v", verb, resource, subresource, review.Status.Allowed, want)
				}
			}
		}
	}
}

func TestWhatCustomerSuccessManagersCannotDoAtAll(t *testing.T) {
	w := newWorld(t)
	for name, args := range map[string][]string{
		"make an account":      {"create", "-f", write(t, strings.Replace(acme, "name: acme", "name: beta", 1))},
		"make a task":          {"create", "-f", write(t, strings.Replace(call, "name: call", "name: other", 1))},
		"delete an account":    {"delete", "account", "acme"},
		"delete a task":        {"delete", "task", "call"},
		"delete all tasks":     {"delete", "task", "--all"},
		"patch a status":       {"patch", "account", "acme", "--subresource=status", "--type=merge", "-p", `{"status":{"openTasks":7}}`},
		"edit a task's status": {"patch", "task", "call", "--subresource=status", "--type=merge", "-p", `{"status":{"state":"Done"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{t: t, namespace: w.namespace}
			w.types(jo, "(Forbidden)", args...)
		})
	}
	// A status in a change of the spec is not even looked at.
	w.types(jo, "", "patch", "task", "call", "--type=merge", "-p", `{"spec":{"note":"x"},"status":{"state":"Done","assignee":"me"}}`)
	w.is("task", ".status.assignee", "")
}

// TestNobodyElseIsHindered: the operator, GitOps, editors and administrators do what they did.
func TestNobodyElseIsHindered(t *testing.T) {
	w := newWorld(t)
	for _, u := range []user{editor, gitOps, admin} {
		for _, resource := range []string{"account", "task"} {
			w.allowed(u, resource, `{"metadata":{"labels":{"a":"b"},"annotations":{"c":"d"}},"spec":{"completedBy":"al@example.com","owner":"x"}}`)
		}
		file := write(t, strings.NewReplacer("name: acme", "name: beta", "example.com/from: git", "a: b").Replace(acme))
		w.types(u, "", "apply", "-f", file)
		w.types(u, "", "delete", "-f", file)
	}
	// What the operator does: it makes tasks, keeps the accounts of its sets, and writes statuses.
	w.types(operator, "", "create", "-f", write(t, strings.Replace(call, "name: call", "name: other", 1)))
	for _, manifest := range []string{acme, strings.Replace(acme, "sponsor left", "sponsor is back", 1)} {
		w.types(operator, "", "apply", "--server-side", "--force-conflicts", "--field-manager=perennial-accountset", "-f", write(t, manifest))
	}
	for _, args := range [][]string{
		{"patch", "account", "acme", "--subresource=status", "--type=merge", "-p", `{"status":{"openTasks":7}}`},
		{"patch", "task", "call", "--subresource=status", "--type=merge", "-p", `{"status":{"state":"Done","assignee":"jo@example.com"}}`},
		{"delete", "account", "acme"},
	} {
		w.types(operator, "", args...)
	}
	w.is("task", ".status.assignee", "jo@example.com")
}

// TestWhoIsInTheGroupIsHeldToIt, whatever else he may: al may edit the namespace too.
func TestWhoIsInTheGroupIsHeldToIt(t *testing.T) {
	w := newWorld(t)
	w.refused(al, "account", `{"spec":{"owner":"x"}}`, "spec.owner")
	w.refused(user{"root", []string{"system:masters", "perennial:csm"}}, "account", `{"spec":{"owner":"x"}}`, "spec.owner")
	w.allowed(user{"kim", []string{"perennial:csm-leads", "system:masters"}}, "account", `{"spec":{"owner":"x"}}`)
}

// TestWhoIsInTheGroupKeepsWhatIsThere: al may edit the namespace too, and what he cannot change he cannot make anew.
func TestWhoIsInTheGroupKeepsWhatIsThere(t *testing.T) {
	w := newWorld(t)
	for resource, manifest := range map[string]string{"account": acme, "task": call} {
		refused := "members of perennial:csm neither make nor delete " + resource + "s: "
		name := w.object(resource).GetName()
		other := write(t, strings.Replace(manifest, "name: "+name, "name: other", 1))
		w.types(al, refused, "create", "-f", other)
		w.types(al, refused, "apply", "--server-side", "-f", other)
		w.types(al, refused, "delete", resource, name)
		w.types(al, refused, "delete", resource, "--all")
		w.types(al, refused, "replace", "--force", "-f", write(t, manifest))
		w.types(editor, "", "create", "-f", other)
		w.types(editor, "", "delete", resource, "--all")
	}
	// What else he may do is not about accounts and tasks.
	w.types(al, "", "create", "-f", write(t, "apiVersion: perennial.dev/v1alpha1\nkind: Playbook\nmetadata: {name: calls}\nspec: {triggers: [{name: new, lifecycle: {stages: [Onboarding]}}], steps: [{name: call, title: Call}]}\n"))
	w.types(al, "", "delete", "playbook", "calls")
}

// TestTheFolderIsWhatItSays builds the folder, and reads each object strictly.
func TestTheFolderIsWhatItSays(t *testing.T) {
	built, err := api.Get(t).RunKubectl(t.Context(), "kustomize", config+"/policy")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]func() any{
		"ClusterRole":                      func() any { return &rbacv1.ClusterRole{} },
		"ValidatingAdmissionPolicy":        func() any { return &admissionregistrationv1.ValidatingAdmissionPolicy{} },
		"ValidatingAdmissionPolicyBinding": func() any { return &admissionregistrationv1.ValidatingAdmissionPolicyBinding{} },
		"MutatingAdmissionPolicy":          func() any { return &admissionregistrationv1.MutatingAdmissionPolicy{} },
		"MutatingAdmissionPolicyBinding":   func() any { return &admissionregistrationv1.MutatingAdmissionPolicyBinding{} },
	}
	var names []string
	for reader := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(built))); ; {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var object metav1.PartialObjectMetadata
		if err := yaml.Unmarshal(doc, &object); err != nil {
			t.Fatal(err)
		}
		typed, ok := kinds[object.Kind]
		if !ok {
			t.Errorf("nothing checks a %s", object.Kind)
			continue
		}
		if err := yaml.UnmarshalStrict(doc, typed()); err != nil {
			t.Errorf("%s %s: %v", object.Kind, object.Name, err)
		}
		if object.Labels["app.kubernetes.io/part-of"] != "perennial" {
			t.Errorf("%s %s is not labelled", object.Kind, object.Name)
		}
		names = append(names, object.Kind+" "+object.Name)
	}
	slices.Sort(names)
	want := []string{
		"ClusterRole perennial-csm",
		"MutatingAdmissionPolicy perennial-csm-signature", "MutatingAdmissionPolicyBinding perennial-csm-signature",
		"ValidatingAdmissionPolicy perennial-csm-accounts", "ValidatingAdmissionPolicy perennial-csm-keep", "ValidatingAdmissionPolicy perennial-csm-tasks",
		"ValidatingAdmissionPolicyBinding perennial-csm-accounts", "ValidatingAdmissionPolicyBinding perennial-csm-keep", "ValidatingAdmissionPolicyBinding perennial-csm-tasks",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
