package cli

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	certutil "k8s.io/client-go/util/cert"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/manager"
	"github.com/perennial-dev/perennial/internal/snapshot"
	"github.com/perennial-dev/perennial/internal/testing/controlplane"
)

// snapshotDesk is a namespace with a source, an account and an operator that serves what it holds.
type snapshotDesk struct {
	t         *testing.T
	client    client.Client
	namespace string
	operator  string
	certs     string
	env       map[string]string
}

func newSnapshotDesk(t *testing.T) *snapshotDesk {
	t.Helper()
	server := api.Get(t)
	scheme, err := newScheme()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(server.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "snapshot-"}}
	d := &snapshotDesk{t: t, client: c, certs: t.TempDir(), env: map[string]string{}}
	d.create(ns)
	d.namespace = ns.Name
	in := metav1.ObjectMeta{Namespace: d.namespace}
	named := func(name string) metav1.ObjectMeta { m := in; m.Name = name; return m }
	d.create(&corev1.ServiceAccount{ObjectMeta: named("reader")})
	d.create(&corev1.ServiceAccount{ObjectMeta: named("stranger")})
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: d.namespace}, Rules: []rbacv1.PolicyRule{{NonResourceURLs: []string{"/snapshot/" + d.namespace}, Verbs: []string{"get"}}}}
	d.create(role)
	d.create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: d.namespace}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: d.namespace},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: d.namespace, Name: "reader"}},
	})
	d.create(&corev1.ConfigMap{ObjectMeta: named("usage"), Data: map[string]string{"usage.csv": "org,users\nacme,3\n"}})
	d.create(&v1alpha1.DataSource{ObjectMeta: named("usage"), Spec: v1alpha1.DataSourceSpec{
		Account: v1alpha1.AccountColumn{Field: "org"}, Metrics: []v1alpha1.Metric{{Name: "users", Type: v1alpha1.MetricNumber}},
		ConfigMap: &v1alpha1.ConfigMapSource{Name: "usage", Key: "usage.csv", Format: v1alpha1.FormatCSV},
	}})
	d.create(&v1alpha1.Account{ObjectMeta: named("acme"), Spec: v1alpha1.AccountSpec{DisplayName: "Acme"}})
	d.start(server)
	return d
}

func (d *snapshotDesk) create(o client.Object) {
	d.t.Helper()
	if err := d.client.Create(d.t.Context(), o); err != nil {
		d.t.Fatal(err)
	}
	if o.GetNamespace() == "" {
		d.t.Cleanup(func() { _ = d.client.Delete(context.Background(), o) })
	}
}

// start runs the operator, with a certificate that can be checked.
func (d *snapshotDesk) start(server *controlplane.ControlPlane) {
	d.t.Helper()
	writeCertificate(d.t, d.certs)
	port, err := controlplane.FreePort(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	d.operator = "https://" + address
	m, err := manager.New(server.Config(), manager.Options{Namespaces: []string{d.namespace}, MetricsAddress: address, MetricsSecure: true, MetricsCertDir: d.certs})
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Start(ctx) }()
	d.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			d.t.Errorf("the operator ended with: %v", err)
		}
	})
}

// says types a command, and returns what it says.
func (d *snapshotDesk) says(args ...string) (code int, out, errOut string) {
	d.t.Helper()
	var stdout, stderr bytes.Buffer
	env := Env{
		IOStreams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr}, Name: "perennial",
		Clock:  clocktesting.NewFakePassiveClock(time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)),
		Getenv: func(name string) string { return d.env[name] },
	}
	code = Run(d.t.Context(), env, append([]string{"--kubeconfig", api.Get(d.t).KubeconfigPath(), "-n", d.namespace}, args...))
	return code, stdout.String(), stderr.String()
}

// snapshotUsers is what a snapshot knows of acme's users.
func snapshotUsers(t *testing.T, s *snapshot.Snapshot) string {
	t.Helper()
	ref := v1alpha1.MetricReference{Source: "usage", Metric: "users"}
	acme := s.World.Accounts[0]
	o := s.World.Sources.Facts(acme, []v1alpha1.MetricReference{ref})[ref]
	if o.Value == nil {
		return "nothing"
	}
	return o.Value.String()
}

func TestSnapshot(t *testing.T) {
	d := newSnapshotDesk(t)
	file := filepath.Join(t.TempDir(), "base.jsonl.gz")
	asks := []string{"snapshot", "-o", file, "--operator", d.operator, "--operator-ca", filepath.Join(d.certs, "tls.crt"), "--operator-service-account", d.namespace + "/reader"}
	read := func() *snapshot.Snapshot {
		t.Helper()
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		s, err := snapshot.Read(f)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	d.until("the operator's facts are in the file", func() error {
		if code, _, said := d.says(asks...); code != ExitOK {
			return fmt.Errorf("it said: %s", said)
		}
		if s := read(); snapshotUsers(t, s) != "3" || s.From != snapshot.Operator || s.World.Namespace != d.namespace {
			return fmt.Errorf("it has %s, from %s", snapshotUsers(t, s), s.From)
		}
		return nil
	})
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
	if start, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(start, []byte{0x1f, 0x8b}) {
		t.Errorf("it is not compressed: %v", err)
	}

	// What cannot be had leaves the file as it was.
	before := read()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"an operator that is not trusted":  {[]string{"--operator-ca", ""}, "certificate"},
		"a service account that is none":   {[]string{"--operator-service-account", "nobody"}, "--operator-service-account nobody: write NAMESPACE/NAME"},
		"a service account that is not":    {[]string{"--operator-service-account", d.namespace + "/ghost"}, "--operator-token-file"},
		"one that may not read snapshots":  {[]string{"--operator-service-account", d.namespace + "/stranger"}, "allow get on the nonResourceURL /snapshot/" + d.namespace},
		"an address that is not encrypted": {[]string{"--operator", "http://127.0.0.1:1"}, "the address begins with https://"},
		"certificates that are none":       {[]string{"--operator-ca", "snapshot_test.go"}, "there is no certificate in it"},
		"a token that is not there":        {[]string{"--operator-token-file", "missing"}, "--operator-token-file: open missing"},
		"no file":                          {[]string{"-o", ""}, "say where to write the snapshot"},
		"a folder that is not there":       {[]string{"-o", filepath.Join(t.TempDir(), "none", "base")}, "no such file or directory"},
	} {
		if code, out, said := d.says(append(asks[:len(asks):len(asks)], c.args...)...); code != ExitError || !strings.Contains(said, c.want) || out != "" {
			t.Errorf("%s: exit code %d, %s; want %s", name, code, said, c.want)
		}
	}
	if after := read(); !after.Time.Equal(before.Time) {
		t.Error("the file was changed")
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("there is more than the file: %v, %v", entries, err)
	}

	// The environment says where the operator is; no certificate is checked where a person says so.
	d.env["PERENNIAL_OPERATOR"], d.env["PERENNIAL_OPERATOR_CA"] = d.operator, filepath.Join(d.certs, "tls.crt")
	if code, out, said := d.says("snapshot", "-o", "-", "--operator-service-account", d.namespace+"/reader"); code != ExitOK || !strings.Contains(out, `"from":"Operator"`) {
		t.Errorf("exit code %d: %s", code, said)
	}
	if code, out, said := d.says("snapshot", "-o", "-", "--operator-ca=", "--operator-insecure-skip-tls-verify", "--operator-service-account", d.namespace+"/reader"); code != ExitOK || !strings.Contains(out, `"id":"acme"`) {
		t.Errorf("exit code %d: %s", code, said)
	}
}

func TestASnapshotWithoutTheOperatorSaysSo(t *testing.T) {
	d := newSnapshotDesk(t)
	file := filepath.Join(t.TempDir(), "base.jsonl")
	code, _, said := d.says("snapshot", "-o", file)
	if code != ExitOK || !strings.Contains(said, "facts are those that the accounts' statuses remember") || !strings.Contains(said, "Wrote 1 account of namespace "+d.namespace) {
		t.Errorf("exit code %d: %s", code, said)
	}
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), `"from":"Statuses"`) || strings.Contains(string(text), "managedFields") {
		t.Errorf("%v: %s", err, text)
	}
}

func (d *snapshotDesk) until(what string, check func() error) {
	d.t.Helper()
	var last error
	if err := wait.PollUntilContextTimeout(d.t.Context(), 50*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		last = check()
		return last == nil, nil
	}); err != nil {
		d.t.Fatalf("%s: %v", what, last)
	}
}

// writeCertificate writes the certificate of a server on this machine.
func writeCertificate(t *testing.T, folder string) {
	t.Helper()
	certificate, key, err := certutil.GenerateSelfSignedCertKeyWithFixtures("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"tls.crt": certificate, "tls.key": key} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
