package controlplane

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"strconv"
	"strings"
)

const (
	loopback = "127.0.0.1"

	// The ports for kept folders: below those that systems hand out to outgoing connections, so that none of
	// them happens to be taken when the same folder starts again.
	firstKeptPort = 20000
	keptPorts     = 10000

	// portAttempts is how often a server gets another port when somebody was faster. A port that was found free
	// can be gone a moment later.
	portAttempts = 4
)

// FreePort returns a loopback port that nobody listens on at this moment.
func FreePort(ctx context.Context) (int, error) {
	l, err := listen(ctx, 0)
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	address, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("find a free port: %s is not a TCP address", l.Addr())
	}
	return address.Port, nil
}

func isFree(ctx context.Context, port int) bool {
	l, err := listen(ctx, port)
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func listen(ctx context.Context, port int) (net.Listener, error) {
	var c net.ListenConfig
	return c.Listen(ctx, "tcp", hostPort(port))
}

func hostPort(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// apiServerPort chooses the API server's port: the earlier run's if it is free, for a new folder one that follows
// from its path, so that a deleted and made again folder has the same, and for temporary folders any.
func (f folder) apiServerPort(ctx context.Context) (int, error) {
	if f.temporary {
		return FreePort(ctx)
	}
	earlier, err := f.readPort()
	if err != nil {
		return 0, err
	}
	if earlier != 0 && isFree(ctx, earlier) {
		return earlier, nil
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(f.path))
	start := int(h.Sum32() % keptPorts)
	for i := range keptPorts {
		if port := firstKeptPort + (start+i)%keptPorts; isFree(ctx, port) {
			return port, nil
		}
	}
	return 0, errors.New("no free port between 20000 and 29999")
}

// rememberPort keeps the API server's port for the next run.
func (f folder) rememberPort(port int) error {
	return writeFile(f.port(), []byte(strconv.Itoa(port)+"\n"))
}

// withPort calls start with a port from choose, and again with another one while the port turns out to be taken.
func withPort(ctx context.Context, choose func(context.Context) (int, error), start func(port int) error) error {
	for attempt := 1; ; attempt++ {
		port, err := choose(ctx)
		if err != nil {
			return err
		}
		err = start(port)
		if err == nil || attempt == portAttempts || !strings.Contains(err.Error(), "address already in use") {
			return err
		}
	}
}
