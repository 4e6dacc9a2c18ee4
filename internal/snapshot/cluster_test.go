package snapshot_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/snapshot"
	"github.com/perennial-dev/perennial/internal/testing/controlplane"
)

var api = controlplane.Shared{Options: controlplane.Options{CRDs: "../../config/crd"}}

func TestMain(m *testing.M) { os.Exit(api.Main(m)) }

// inCluster makes a namespace with two accounts: acme, which a set made and a person changed, and bolt, which git has.
func inCluster(t *testing.T) (client.WithWatch, string) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.NewWithWatch(api.Get(t).Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "snapshot-"}}
	if err := c.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bolt", "acme"} {
		a := newAccount(name)
		a.Namespace = ns.Name
		if name == "acme" {
			a.Labels = map[string]string{v1alpha1.LabelAccountSet: "customers"}
		}
		if err := c.Create(t.Context(), a, client.FieldOwner("perennial-accountset")); err != nil {
			t.Fatal(err)
		}
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"owner":"jo@example.com"}}`))
		if err := c.Patch(t.Context(), a, patch, client.FieldOwner("perennial-person")); err != nil {
			t.Fatal(err)
		}
		a.Status.Health = &v1alpha1.Health{Score: new(int32(7)), Band: "Critical", Facts: []v1alpha1.Fact{{Source: "usage", Metric: "users", Value: "3"}}}
		if err := c.Status().Update(t.Context(), a, client.FieldOwner("manager")); err != nil {
			t.Fatal(err)
		}
	}
	ds := newSource("usage")
	ds.Namespace, ds.UID = ns.Name, ""
	ds.Spec.SQL = &v1alpha1.SQLSource{Driver: v1alpha1.DriverSQLite, File: "usage.db", Query: "select 1"}
	if err := c.Create(t.Context(), ds); err != nil {
		t.Fatal(err)
	}
	return c, ns.Name
}

func TestFromCluster(t *testing.T) {
	c, namespace := inCluster(t)
	s, err := snapshot.FromCluster(t.Context(), c, namespace, now)
	if err != nil {
		t.Fatal(err)
	}
	var accounts, owners []string
	for _, a := range s.World.Accounts {
		accounts = append(accounts, fmt.Sprintf("%s %s %s %d", a.Kind, a.Name, a.Status.Health.Band, len(a.ManagedFields)))
		for _, e := range a.ManagedFields {
			owners = append(owners, e.Manager)
		}
	}
	slices.Sort(owners)
	if want := []string{"Account acme Critical 2", "Account bolt Critical 1"}; !slices.Equal(accounts, want) {
		t.Errorf("accounts %q, want %q", accounts, want)
	}
	if want := []string{"perennial-accountset", "perennial-person", "perennial-person"}; !slices.Equal(owners, want) {
		t.Errorf("the fields are of %q, want %q", owners, want)
	}
	if got := says(s.World.Sources, s.World.Accounts[0], "usage", "users"); got != "Fresh 3 within 1w" || s.From != snapshot.Statuses || s.World.Namespace != namespace {
		t.Errorf("users: %s, from %s", got, s.From)
	}
	if other, err := snapshot.FromCluster(t.Context(), c, "nowhere", now); err != nil || len(other.World.Accounts) > 0 {
		t.Errorf("a namespace that is not there: %v", err)
	}
}

// TestFromClusterInPages reads page by page, and all at once where the pages have grown too old.
func TestFromClusterInPages(t *testing.T) {
	c, namespace := inCluster(t)
	for name, expires := range map[string]bool{"page by page": false, "with pages that expire": true} {
		t.Run(name, func(t *testing.T) {
			lists := 0
			paged := interceptor.NewClient(c, interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
				var o client.ListOptions
				o.ApplyOptions(opts)
				if _, ok := list.(*v1alpha1.AccountList); !ok {
					return c.List(ctx, list, &o)
				}
				if lists++; o.Continue != "" && expires {
					return apierrors.NewResourceExpired("too old")
				}
				o.Limit = min(o.Limit, 1)
				return c.List(ctx, list, &o)
			}})
			s, err := snapshot.FromCluster(t.Context(), paged, namespace, now)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, a := range s.World.Accounts {
				names = append(names, a.Name)
			}
			if want := map[bool]int{false: 2, true: 3}[expires]; !slices.Equal(names, []string{"acme", "bolt"}) || lists != want {
				t.Errorf("accounts %q after %d lists, want %d", names, lists, want)
			}
		})
	}
	denied := interceptor.NewClient(c, interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
		return apierrors.NewForbidden(v1alpha1.GroupVersion.WithResource("datasources").GroupResource(), "", nil)
	}})
	if _, err := snapshot.FromCluster(t.Context(), denied, namespace, now); err == nil || !strings.Contains(err.Error(), "list what is of kind DataSource in namespace "+namespace) {
		t.Errorf("the error is %v", err)
	}
}
