package rbac

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/perennial-dev/perennial/internal/testing/controlplane"
)

// The operator, as the API server knows it.
const operator = "system:serviceaccount:perennial-system:perennial-manager"

var operatorGroups = []string{"system:serviceaccounts", "system:serviceaccounts:perennial-system", "system:authenticated"}

// cluster asks one API server.
type cluster struct {
	t      *testing.T
	api    *controlplane.ControlPlane
	client kubernetes.Interface
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, api: controlplane.ForTest(t, controlplane.Options{})}
	var err error
	if c.client, err = kubernetes.NewForConfig(c.api.Config()); err != nil {
		t.Fatal(err)
	}
	return c
}

// apply does what the documentation says: kubectl apply -k.
func (c *cluster) apply(folder string, args ...string) {
	c.t.Helper()
	if _, err := c.api.RunKubectl(c.t.Context(), append([]string{"apply", "-k", config + "/" + folder}, args...)...); err != nil {
		c.t.Fatal(err)
	}
}

// may asks whether the operator may do something: verb, resource with its group, namespace.
func (c *cluster) may(ctx context.Context, verb, resource, namespace string) (bool, error) {
	name, group, _ := strings.Cut(resource, ".")
	review, err := c.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: operator, Groups: operatorGroups,
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: verb, Group: group, Resource: name},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}

// waitUntilItMay waits until the API server knows a binding that was just made.
func (c *cluster) waitUntilItMay(verb, resource, namespace string) {
	c.t.Helper()
	err := wait.PollUntilContextTimeout(c.t.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		return c.may(ctx, verb, resource, namespace)
	})
	if err != nil {
		c.t.Fatalf("the operator never may %s %s in %s: %v", verb, resource, namespace, err)
	}
}

// checkSecrets checks which verbs the operator may use on Secrets; all others are denied.
func (c *cluster) checkSecrets(namespace string, allowed ...string) {
	c.t.Helper()
	for _, verb := range []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"} {
		may, err := c.may(c.t.Context(), verb, "secrets", namespace)
		if err != nil {
			c.t.Fatal(err)
		}
		if want := slices.Contains(allowed, verb); may != want {
			c.t.Errorf("%s secrets in namespace %q: allowed is %v, want %v", verb, namespace, may, want)
		}
	}
}

// asOperator is a client with the operator's rights.
func (c *cluster) asOperator() kubernetes.Interface {
	c.t.Helper()
	config := c.api.Config()
	config.Impersonate = rest.ImpersonationConfig{UserName: operator, Groups: operatorGroups}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		c.t.Fatal(err)
	}
	return client
}

// tryToRead gets, lists and watches Secrets as the operator, and returns which of it the API server did.
func (c *cluster) tryToRead(namespace string) []string {
	c.t.Helper()
	secrets, ctx := c.asOperator().CoreV1().Secrets(namespace), c.t.Context()
	tries := map[string]func() error{
		"get":  func() error { _, err := secrets.Get(ctx, "warehouse", metav1.GetOptions{}); return err },
		"list": func() error { _, err := secrets.List(ctx, metav1.ListOptions{}); return err },
		"watch": func() error {
			w, err := secrets.Watch(ctx, metav1.ListOptions{})
			if err == nil {
				w.Stop()
			}
			return err
		},
	}
	var done []string
	for verb, try := range tries {
		switch err := try(); {
		case err == nil:
			done = append(done, verb)
		case !apierrors.IsForbidden(err):
			c.t.Errorf("%s: %v", verb, err)
		}
	}
	slices.Sort(done)
	return done
}

func (c *cluster) makeNamespace(name string) {
	c.t.Helper()
	ctx := c.t.Context()
	if _, err := c.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		c.t.Fatal(err)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "warehouse"}, StringData: map[string]string{"dsn": "x"}}
	if _, err := c.client.CoreV1().Secrets(name).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		c.t.Fatal(err)
	}
}

// checkNeeds asks about what the reconcilers do, so that a role with too little is noticed too, and what they never do.
func (c *cluster) checkNeeds() {
	c.t.Helper()
	for _, need := range []struct{ verb, resource, namespace string }{
		{"get", "configmaps", "success"},
		{"watch", "configmaps", "success"},
		{"list", "datasources.perennial.dev", "success"},
		{"update", "accounts.perennial.dev", "success"},
		{"create", "playbookruns.perennial.dev", "success"},
		{"create", "tasks.perennial.dev", "success"},
		{"create", "events.events.k8s.io", "success"},
		{"update", "leases.coordination.k8s.io", "perennial-system"},
	} {
		c.waitUntilItMay(need.verb, need.resource, need.namespace)
	}
	for _, never := range []struct{ verb, resource, namespace string }{
		{"create", "configmaps", "success"},
		{"update", "tasks.perennial.dev", "success"},
		{"delete", "tasks.perennial.dev", "success"},
		{"delete", "datasources.perennial.dev", "success"},
		{"create", "pods", "success"},
		{"create", "clusterrolebindings.rbac.authorization.k8s.io", ""},
		{"update", "leases.coordination.k8s.io", "success"},
	} {
		if may, err := c.may(c.t.Context(), never.verb, never.resource, never.namespace); err != nil || may {
			c.t.Errorf("%s %s in %q: allowed is %v, %v", never.verb, never.resource, never.namespace, may, err)
		}
	}
}

// TestWhatTheOperatorMayDo installs Perennial as its users do, and asks the API server after each step.
func TestWhatTheOperatorMayDo(t *testing.T) {
	c := newCluster(t)
	c.makeNamespace("success")
	c.makeNamespace("other")

	c.apply("default")
	c.checkNeeds() // first, so that what it may not do is no matter of time
	c.checkSecrets("success")
	c.checkSecrets("")
	if done := c.tryToRead("success"); len(done) > 0 {
		t.Errorf("with config/default alone the operator could %v Secrets", done)
	}

	c.apply("secrets/namespace", "-n", "success")
	c.waitUntilItMay("get", "secrets", "success")
	c.checkSecrets("success", "get")
	c.checkSecrets("other")
	c.checkSecrets("")
	if done := c.tryToRead("success"); fmt.Sprint(done) != "[get]" {
		t.Errorf("with config/secrets/namespace the operator could %v Secrets, want get alone", done)
	}
	if done := c.tryToRead("other"); len(done) > 0 {
		t.Errorf("and in another namespace %v", done)
	}

	c.apply("secrets/clusterwide")
	c.waitUntilItMay("get", "secrets", "other")
	c.checkSecrets("other", "get")
	c.checkSecrets("", "get")
}
