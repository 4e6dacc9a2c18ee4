//go:build unix

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// TestKeptDataFolder goes through the life of a data folder: a run, a second one that is refused, and a later one
// that finds everything as it was.
func TestKeptDataFolder(t *testing.T) {
	o := Options{DataDir: filepath.Join(t.TempDir(), "data"), ControllerManager: true, CRDs: "testdata/crds"}
	first := ForTest(t, o)
	if !first.Fresh() {
		t.Error("a new folder is not called fresh")
	}
	checkPrivate(t, first)
	api := clientFor(t, first.Config())
	createConfigMap(t, api, "default", "kept")

	t.Run("a second start is refused", func(t *testing.T) {
		_, err := Start(t.Context(), o)
		if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
			t.Errorf("want that it is in use by process %d, got: %v", os.Getpid(), err)
		}
		if err := Remove(o.DataDir); !errors.Is(err, ErrInUse) {
			t.Errorf("Remove: want that it is in use, got: %v", err)
		}
	})
	t.Run("a deleted namespace goes", func(t *testing.T) { checkNamespaceDeletion(t, api) })
	t.Run("a deleted owner takes its own along", func(t *testing.T) { checkGarbageCollection(t, api) })
	t.Run("so does one of a custom kind and at once", func(t *testing.T) { checkCustomOwner(t, first, api) })

	if err := first.Stop(); err != nil {
		t.Fatalf("Stop: %v", err)
	}
	second := ForTest(t, o)
	if second.Fresh() {
		t.Error("a used folder is called fresh")
	}
	if got, want := second.Config().Host, first.Config().Host; got != want {
		t.Errorf("the API moved from %s to %s", want, got)
	}
	// With the first run's certificate: somebody may have copied the kubeconfig.
	if _, err := clientFor(t, first.Config()).CoreV1().ConfigMaps("default").Get(t.Context(), "kept", metav1.GetOptions{}); err != nil {
		t.Errorf("read what the first run stored: %v", err)
	}
	if err := second.Stop(); err != nil {
		t.Fatalf("Stop: %v", err)
	}

	o.Fresh, o.ControllerManager = true, false
	third := ForTest(t, o)
	_, err := clientFor(t, third.Config()).CoreV1().ConfigMaps("default").Get(t.Context(), "kept", metav1.GetOptions{})
	if !third.Fresh() || !apierrors.IsNotFound(err) {
		t.Errorf("after a fresh start: Fresh() = %v, reading the old object: %v", third.Fresh(), err)
	}
}

func clientFor(t *testing.T, config *rest.Config) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func createConfigMap(t *testing.T, api *kubernetes.Clientset, namespace, name string, owners ...metav1.OwnerReference) *corev1.ConfigMap {
	t.Helper()
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, OwnerReferences: owners}}
	created, err := api.CoreV1().ConfigMaps(namespace).Create(t.Context(), object, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

// waitGone waits until get says that there is no such object.
func waitGone(t *testing.T, within time.Duration, get func(context.Context) error) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, within, true, func(ctx context.Context) (bool, error) {
		err := get(ctx)
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return false, err
	})
	if err != nil {
		t.Fatalf("it is still there after %s: %v", within, err)
	}
}

// checkPrivate checks that other users of the machine cannot read keys.
func checkPrivate(t *testing.T, c *ControlPlane) {
	t.Helper()
	err := filepath.WalkDir(c.folder.path, func(path string, d fs.DirEntry, err error) error {
		switch {
		case path == c.folder.kubectlCache(): // the kinds' names, as kubectl writes them
			return fs.SkipDir
		case err != nil || d.IsDir():
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.KubeconfigPath())
	if err != nil {
		t.Fatalf("read the kubeconfig: %v", err)
	}
	if config.Host != c.Config().Host {
		t.Errorf("the kubeconfig names %s, the API is at %s", config.Host, c.Config().Host)
	}
}

func checkNamespaceDeletion(t *testing.T, api *kubernetes.Clientset) {
	doomed := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "doomed"}}
	if _, err := api.CoreV1().Namespaces().Create(t.Context(), doomed, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	createConfigMap(t, api, "doomed", "inside")
	if err := api.CoreV1().Namespaces().Delete(t.Context(), "doomed", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	waitGone(t, time.Minute, func(ctx context.Context) error {
		_, err := api.CoreV1().Namespaces().Get(ctx, "doomed", metav1.GetOptions{})
		return err
	})
}

func checkGarbageCollection(t *testing.T, api *kubernetes.Clientset) {
	owner := createConfigMap(t, api, "default", "owner")
	createConfigMap(t, api, "default", "owned", metav1.OwnerReference{
		APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID,
	})
	if err := api.CoreV1().ConfigMaps("default").Delete(t.Context(), "owner", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	waitGone(t, time.Minute, func(ctx context.Context) error {
		_, err := api.CoreV1().ConfigMaps("default").Get(ctx, "owned", metav1.GetOptions{})
		return err
	})
}

// checkCustomOwner checks the reason for applying custom resource definitions before the garbage collector starts:
// for a kind that came later it takes up to half a minute.
func checkCustomOwner(t *testing.T, c *ControlPlane, api *kubernetes.Clientset) {
	manifest := filepath.Join(t.TempDir(), "widget.yaml")
	text := "apiVersion: test.perennial.dev/v1\nkind: Widget\nmetadata: {name: owner, namespace: default}\n"
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.RunKubectl(t.Context(), "apply", "--server-side", "--filename="+manifest); err != nil {
		t.Fatal(err)
	}
	uid, err := c.RunKubectl(t.Context(), "get", "widget", "owner", "--output=jsonpath={.metadata.uid}")
	if err != nil {
		t.Fatal(err)
	}
	createConfigMap(t, api, "default", "of-a-widget", metav1.OwnerReference{
		APIVersion: "test.perennial.dev/v1", Kind: "Widget", Name: "owner", UID: types.UID(uid),
	})
	if _, err := c.RunKubectl(t.Context(), "delete", "--filename="+manifest); err != nil {
		t.Fatal(err)
	}
	waitGone(t, 15*time.Second, func(ctx context.Context) error {
		_, err := api.CoreV1().ConfigMaps("default").Get(ctx, "of-a-widget", metav1.GetOptions{})
		return err
	})
}

func TestDeadServerIsReported(t *testing.T) {
	// A kept folder, because of a temporary one all is killed anyway.
	c := ForTest(t, Options{CRDs: "testdata", DataDir: t.TempDir()})
	etcd := c.servers[0]
	if err := syscall.Kill(etcd.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-c.Failed():
		if !strings.Contains(err.Error(), "etcd ended on its own (signal: killed)") || !strings.Contains(err.Error(), "etcd.log") {
			t.Errorf("the report lacks what died, how, or its log: %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("nobody noticed that etcd died")
	}
	if err := c.Stop(); err != nil {
		t.Errorf("stop what is left, which waits for etcd in vain: %v", err)
	}
}

func TestTemporaryFolderIsRemoved(t *testing.T) {
	var steps []string
	c := ForTest(t, Options{OnStep: func(step string) func(error) {
		steps = append(steps, step)
		return func(err error) { steps = append(steps, fmt.Sprint(err)) }
	}})
	if !exists(c.LogDir()) {
		t.Error("there are no logs")
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if exists(c.folder.path) {
		t.Errorf("%s is still there", c.folder.path)
	}
	if got := strings.Join(steps, ", "); got != "Kubernetes API, <nil>" {
		t.Errorf("steps told: %s", got)
	}
	select {
	case err := <-c.Failed():
		t.Errorf("an orderly stop was reported as failure: %v", err)
	default:
	}
}

func TestFailedStartSaysWhyAndFreesTheFolder(t *testing.T) {
	o := Options{DataDir: t.TempDir()}
	Need(t, o)
	// A file where etcd wants a folder.
	blocked := filepath.Join(o.DataDir, "etcd")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second attempt must not find the folder locked
		_, err := Start(t.Context(), o)
		if err == nil {
			t.Fatal("it started")
		}
		for _, want := range []string{"etcd ended on its own", "etcd.log ends with", "not a directory"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the error lacks %q: %v", want, err)
			}
		}
	}
}

func TestStartCanBeInterrupted(t *testing.T) {
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	o := Options{DataDir: t.TempDir(), OnStep: func(string) func(error) {
		cancel(interrupted)
		return func(error) {}
	}}
	Need(t, o)
	if _, err := Start(ctx, o); !errors.Is(err, interrupted) {
		t.Errorf("want that it was interrupted, got: %v", err)
	}
	if err := Remove(o.DataDir); err != nil {
		t.Errorf("the folder is not free: %v", err)
	}
}

func TestCRDFolderWithACommaInItsName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), `Acme, "Inc"`)
	if err := os.CopyFS(dir, os.DirFS("testdata/crds")); err != nil {
		t.Fatal(err)
	}
	ForTest(t, Options{CRDs: dir})
}

func TestMissingCRDsFailTheStart(t *testing.T) {
	o := Options{CRDs: filepath.Join(t.TempDir(), "nothing")}
	Need(t, o)
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), o.CRDs) {
		t.Errorf("want an error that names %s, got: %v", o.CRDs, err)
	}
}
