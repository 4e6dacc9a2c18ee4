package controlplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrInUse means that another process runs a control plane on the same data folder.
var ErrInUse = errors.New("another local control plane runs on it")

// folder is where one control plane keeps everything.
type folder struct {
	path      string
	temporary bool
}

func (f folder) etcd() string         { return filepath.Join(f.path, "etcd") }
func (f folder) pki() string          { return filepath.Join(f.path, "pki") }
func (f folder) logs() string         { return filepath.Join(f.path, "logs") }
func (f folder) kubeconfig() string   { return filepath.Join(f.path, "kubeconfig") }
func (f folder) port() string         { return filepath.Join(f.path, "apiserver-port") }
func (f folder) kubectlCache() string { return filepath.Join(f.path, "kubectl-cache") }
func (f folder) lockFile() string     { return filepath.Join(f.path, "lock") }

func (f folder) log(program string) string { return filepath.Join(f.logs(), program+".log") }

// openFolder makes the data folder if it must and locks it. An empty path is a temporary folder.
func openFolder(path string) (folder, *os.File, error) {
	f := folder{path: path, temporary: path == ""}
	var err error
	if f.temporary {
		f.path, err = os.MkdirTemp("", "perennial-controlplane-")
	} else if f.path, err = filepath.Abs(path); err == nil {
		err = os.MkdirAll(f.path, 0o700) // it has keys
	}
	if err != nil {
		return folder{}, nil, fmt.Errorf("make the data folder: %w", err)
	}
	lock, err := f.lock()
	if err != nil {
		return folder{}, nil, err
	}
	return f, lock, nil
}

// lock takes the folder for this process. The lock goes when the process ends, however it ends; the file stays,
// because removing it could take a lock file away from under somebody who just opened it.
func (f folder) lock() (*os.File, error) {
	file, err := os.OpenFile(f.lockFile(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := lockExclusive(file); err != nil {
		holder, _ := os.ReadFile(f.lockFile()) // only to be helpful
		_ = file.Close()
		if errors.Is(err, ErrInUse) {
			return nil, fmt.Errorf("data folder %s: %w%s; stop that one first, or name another folder",
				f.path, err, describeHolder(string(holder)))
		}
		return nil, fmt.Errorf("lock the data folder %s: %w", f.path, err)
	}
	if err := writeHolder(file); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock the data folder %s: %w", f.path, err)
	}
	return file, nil
}

// writeHolder leaves our process ID for the message that another process gives.
func writeHolder(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func describeHolder(content string) string {
	if pid := strings.TrimSpace(content); pid != "" {
		return " (process " + pid + ")"
	}
	return ""
}

// close gives the folder free, and removes a temporary one.
func (f folder) close(lock *os.File) error {
	var err error
	if f.temporary {
		err = os.RemoveAll(f.path)
	}
	return errors.Join(err, lock.Close())
}

// hasData says whether an earlier run left objects here.
func (f folder) hasData() bool { return exists(f.etcd()) }

// clear deletes what control planes have made here, and nothing else: the folder's name comes from a flag, and
// somebody will name the wrong one some day.
func (f folder) clear() error {
	for _, path := range []string{f.etcd(), f.pki(), f.logs(), f.kubectlCache(), f.kubeconfig(), f.port()} {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("delete the data of earlier runs: %w", err)
		}
	}
	return nil
}

// Remove deletes a data folder's content, unless a control plane runs on it. Files that did not come from a
// control plane stay, and with them the folder.
func Remove(dataDir string) error {
	if !exists(dataDir) {
		return nil
	}
	f, lock, err := openFolder(dataDir)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if err := f.clear(); err != nil {
		return err
	}
	if err := os.Remove(f.lockFile()); err != nil {
		return fmt.Errorf("delete the lock file: %w", err)
	}
	if err := os.Remove(f.path); err != nil && !isNotEmpty(f.path) {
		return fmt.Errorf("delete the data folder: %w", err)
	}
	return nil
}

func isNotEmpty(path string) bool {
	entries, err := os.ReadDir(path)
	return err == nil && len(entries) > 0
}

// writeFile replaces a file at once, so that a process killed in between leaves the old one or the new one.
// Only the owner may read it: half of what is written here are keys.
func writeFile(path string, data []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(data) // the file is 0600 from its creation
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
	}
	return err
}

// readPort returns the port that an earlier run had, or 0.
func (f folder) readPort() (int, error) {
	data, err := os.ReadFile(f.port())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		return 0, fmt.Errorf("read the port of the earlier run: %w", err)
	}
	port, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || port < 1 || port > 65535 {
		return 0, fmt.Errorf("%s has no port number; delete that file", f.port())
	}
	return port, nil
}
