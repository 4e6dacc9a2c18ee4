// Package controlplane starts a real Kubernetes API on this machine's loopback address: etcd, kube-apiserver and,
// if asked for, kube-controller-manager with the garbage collector. Tests, `make run` and the end-to-end test
// share it.
//
// It does not build on envtest. envtest has no controller manager, makes new certificates for every start and
// cannot take up its own folder again, does not say when a server dies, cannot be interrupted while it
// starts, and leaves its servers behind when it is killed. The programs are the same, so the folder that has them
// works as KUBEBUILDER_ASSETS for envtest too.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"k8s.io/client-go/rest"

	"github.com/perennial-dev/perennial/internal/testing/controlplane/process"
)

// Options say what to start. The zero value is an empty API without controllers whose data is gone after Stop.
type Options struct {
	// Assets is the folder with the programs etcd, kube-apiserver, kube-controller-manager and kubectl. Default:
	// what KUBEBUILDER_ASSETS names, else bin/controlplane of the module that the working directory is in.
	Assets string

	// DataDir keeps everything between runs: the objects, the certificates, the port and so the kubeconfig.
	// Default: a temporary folder, removed by Stop.
	DataDir string

	// Fresh deletes what an earlier run left in DataDir before it starts.
	Fresh bool

	// CRDs is a folder of custom resource definitions, or a kustomization, that is applied before the controller
	// manager starts: the garbage collector looks for new kinds every 30 seconds only, and sees these at once.
	CRDs string

	// ControllerManager also starts kube-controller-manager, with the garbage collector, the namespace controller
	// (without it a deleted namespace stays) and the one that fills aggregated cluster roles.
	ControllerManager bool

	// OnStep is called when a step begins and returns what is called when it ends. Default: nothing is told.
	OnStep func(step string) (end func(error))
}

// ControlPlane is a running Kubernetes API.
type ControlPlane struct {
	options  Options
	assets   assets
	folder   folder
	lock     *os.File
	fresh    bool
	access   access
	servers  []*process.Process // in the order of their start
	failed   chan error
	stopping chan struct{}

	stopOnce sync.Once
	stopErr  error
}

// Start starts the servers and returns when the API can be used. ctx bounds the start alone: what was started runs
// until Stop, or until this process ends.
func Start(ctx context.Context, o Options) (*ControlPlane, error) {
	programs, err := findAssets(o)
	if err != nil {
		return nil, err
	}
	f, lock, err := openFolder(o.DataDir)
	if err != nil {
		return nil, err
	}
	c := &ControlPlane{
		options: o, assets: programs, folder: f, lock: lock,
		failed: make(chan error, 1), stopping: make(chan struct{}),
	}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the local control plane: %w", err), c.Stop())
	}
	return c, nil
}

func (c *ControlPlane) start(ctx context.Context) error {
	if c.options.Fresh {
		if err := c.folder.clear(); err != nil {
			return err
		}
	}
	c.fresh = !c.folder.hasData()
	if err := c.step("Kubernetes API", func() error { return c.startAPI(ctx) }); err != nil {
		return err
	}
	if c.options.CRDs != "" {
		if err := c.step("custom resource definitions", func() error { return c.applyCRDs(ctx) }); err != nil {
			return err
		}
	}
	if c.options.ControllerManager {
		if err := c.step("garbage collector", func() error { return c.startControllerManager(ctx) }); err != nil {
			return err
		}
	}
	for _, server := range c.servers {
		go c.watch(server)
	}
	return nil
}

// step runs one part of the start and tells whoever wants to know.
func (c *ControlPlane) step(name string, do func() error) error {
	if c.options.OnStep == nil {
		return do()
	}
	end := c.options.OnStep(name)
	err := do()
	end(err)
	return err
}

// watch reports a server that ends though nobody asked it to.
func (c *ControlPlane) watch(server *process.Process) {
	select {
	case <-c.stopping:
		return
	case <-server.Done():
	}
	select {
	case <-c.stopping: // both were true
	case c.failed <- server.Err():
	default: // one reason is enough
	}
}

// Stop stops the servers, the last one started first, and gives the data folder free. It can be called again.
func (c *ControlPlane) Stop() error {
	c.stopOnce.Do(func() {
		close(c.stopping)
		c.stopErr = errors.Join(c.stopServers(), c.folder.close(c.lock))
	})
	return c.stopErr
}

func (c *ControlPlane) stopServers() error {
	var errs []error
	for i, server := range slices.Backward(c.servers) {
		end := server.Stop
		if c.folder.temporary || i > 0 && hasEnded(c.servers[0]) {
			// Nobody reads what they would still write; or etcd is gone, and they would wait for it.
			end = server.Kill
		}
		errs = append(errs, end())
	}
	if c.access.client != nil {
		c.access.client.CloseIdleConnections()
	}
	return errors.Join(errs...)
}

func hasEnded(server *process.Process) bool {
	select {
	case <-server.Done():
		return true
	default:
		return false
	}
}

// Failed delivers an error when a server ends on its own.
func (c *ControlPlane) Failed() <-chan error { return c.failed }

// Config is how to reach the API as its administrator. Requests are not slowed down on our side.
func (c *ControlPlane) Config() *rest.Config { return rest.CopyConfig(c.access.admin) }

// KubeconfigPath is a file that kubectl and others can use, for the administrator.
func (c *ControlPlane) KubeconfigPath() string { return c.folder.kubeconfig() }

// Kubectl is the path of a kubectl program that fits this API. It does not know the kubeconfig by itself.
func (c *ControlPlane) Kubectl() string { return c.assets.kubectl() }

// LogDir is the folder with the servers' logs. It goes with the data folder.
func (c *ControlPlane) LogDir() string { return c.folder.logs() }

// Fresh says whether this start began with no data.
func (c *ControlPlane) Fresh() bool { return c.fresh }
