package controlplane

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/perennial-dev/perennial/internal/testing/controlplane/process"
)

// controllers are those of kube-controller-manager that a cluster without nodes has a use for.
var controllers = []string{
	"garbage-collector-controller",
	"namespace-controller",
	"clusterrole-aggregation-controller", // without it the roles view, edit and admin are empty
}

// startAPI starts etcd and the API server, and writes the kubeconfig.
func (c *ControlPlane) startAPI(ctx context.Context) error {
	var err error
	if c.access, err = newAccess(c.folder.pki()); err != nil {
		return err
	}
	etcdPort := 0
	if err := withPort(ctx, FreePort, func(port int) error {
		etcdPort = port
		return c.startServer(ctx, c.etcdSpec(port))
	}); err != nil {
		return err
	}
	return withPort(ctx, c.folder.apiServerPort, func(port int) error {
		return c.startAPIServer(ctx, etcdPort, port)
	})
}

func (c *ControlPlane) startAPIServer(ctx context.Context, etcdPort, port int) error {
	if err := c.startServer(ctx, c.apiServerSpec(etcdPort, port)); err != nil {
		return err
	}
	c.access.admin = c.access.config(port, c.access.adminCert)
	if err := writeKubeconfig(c.folder.kubeconfig(), c.access.admin); err != nil {
		return err
	}
	if c.folder.temporary {
		return nil
	}
	return c.folder.rememberPort(port)
}

// startServer starts one server, and puts it on the list of what Stop stops.
func (c *ControlPlane) startServer(ctx context.Context, spec process.Spec) error {
	p, err := process.Start(ctx, spec)
	if err != nil {
		return err
	}
	c.servers = append(c.servers, p)
	return nil
}

// etcdSpec is etcd with one member. Everything it listens on wants a certificate of ours: other users of the
// machine can reach loopback addresses too.
func (c *ControlPlane) etcdSpec(port int) process.Spec {
	url := "https://" + hostPort(port)
	args := []string{
		"--data-dir=" + c.folder.etcd(),
		"--listen-client-urls=" + url,
		"--advertise-client-urls=" + url,
		"--cert-file=" + c.access.serving.certFile,
		"--key-file=" + c.access.serving.keyFile,
		"--client-cert-auth=true",
		"--trusted-ca-file=" + c.access.authority.certFile(),
		// There is no peer, but etcd insists on listening for one.
		"--listen-peer-urls=https://" + hostPort(0),
		"--peer-cert-file=" + c.access.serving.certFile,
		"--peer-key-file=" + c.access.serving.keyFile,
		"--peer-client-cert-auth=true",
		"--peer-trusted-ca-file=" + c.access.authority.certFile(),
	}
	if c.folder.temporary {
		// Nobody reads this data after a crash of the machine, so it need not be on the disk at once.
		args = append(args, "--unsafe-no-fsync=true")
	}
	return process.Spec{
		Name: "etcd", Path: c.assets.etcd(), Args: args, LogFile: c.folder.log("etcd"),
		Ready: c.access.answersOK(url + "/readyz"),
	}
}

func (c *ControlPlane) apiServerSpec(etcdPort, port int) process.Spec {
	args := []string{
		"--etcd-servers=https://" + hostPort(etcdPort),
		"--etcd-cafile=" + c.access.authority.certFile(),
		"--etcd-certfile=" + c.access.adminCert.certFile,
		"--etcd-keyfile=" + c.access.adminCert.keyFile,
		"--bind-address=" + loopback,
		"--secure-port=" + strconv.Itoa(port),
		// For a loopback address it would look for the machine's own to tell to pods. There are no pods, and on a
		// machine without a network it would find none and end. This one is kept for documentation.
		"--advertise-address=192.0.2.1",
		"--endpoint-reconciler-type=none",
		"--tls-cert-file=" + c.access.serving.certFile,
		"--tls-private-key-file=" + c.access.serving.keyFile,
		"--client-ca-file=" + c.access.authority.certFile(),
		"--authorization-mode=RBAC",
		"--allow-privileged=true",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.access.authority.serviceAccountKey(),
		"--service-account-signing-key-file=" + c.access.authority.serviceAccountKey(),
		// It would refuse pods as long as nobody makes a service account in each namespace, and nobody does.
		"--disable-admission-plugins=ServiceAccount",
	}
	base := "https://" + hostPort(port)
	ready := c.access.answersOK(base + "/readyz")
	usable := c.access.answersOK(base + "/api/v1/namespaces/default")
	return process.Spec{
		Name: "kube-apiserver", Path: c.assets.apiServer(), Args: args, LogFile: c.folder.log("kube-apiserver"),
		Ready: func(ctx context.Context) error {
			if err := ready(ctx); err != nil {
				return err
			}
			return usable(ctx) // on an empty etcd this namespace comes a moment after readiness
		},
	}
}

// startControllerManager starts kube-controller-manager.
func (c *ControlPlane) startControllerManager(ctx context.Context) error {
	client, err := c.access.authority.newClient("controller-manager", "system:kube-controller-manager", "system:masters")
	if err != nil {
		return err
	}
	config := c.Config()
	config.CertData, config.KeyData = client.cert, client.key
	kubeconfig := filepath.Join(c.folder.pki(), "controller-manager.kubeconfig")
	if err := writeKubeconfig(kubeconfig, config); err != nil {
		return err
	}
	return withPort(ctx, FreePort, func(port int) error {
		return c.startServer(ctx, c.controllerManagerSpec(kubeconfig, port))
	})
}

func (c *ControlPlane) controllerManagerSpec(kubeconfig string, port int) process.Spec {
	return process.Spec{
		Name: "kube-controller-manager", Path: c.assets.controllerManager(),
		LogFile: c.folder.log("kube-controller-manager"),
		Args: []string{
			// For its work alone, not to find out who asks for its metrics: nobody does, and /healthz is open.
			"--kubeconfig=" + kubeconfig,
			"--bind-address=" + loopback,
			"--secure-port=" + strconv.Itoa(port),
			"--tls-cert-file=" + c.access.serving.certFile,
			"--tls-private-key-file=" + c.access.serving.keyFile,
			"--controllers=" + strings.Join(controllers, ","),
			"--leader-elect=false",
			// The defaults are made for a shared API server, and make a test wait for a deleted namespace.
			"--kube-api-qps=500",
			"--kube-api-burst=1000",
		},
		Ready: c.access.answersOK("https://" + hostPort(port) + "/healthz"),
	}
}
