package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// parentEnv holds the process ID of whoever started this program and wants it to end when they do.
// Linux can kill a child with its parent; macOS cannot, and a forgotten etcd would keep its data folder locked.
const parentEnv = "CONTROLPLANE_PARENT"

// exitWithParent makes this process end soon after the parent that parentEnv names. Without parentEnv it does
// nothing: a person who starts etcd by hand decides himself when it ends.
func exitWithParent() error {
	value, set := os.LookupEnv(parentEnv)
	if !set {
		return nil
	}
	parent, err := strconv.Atoi(value)
	if err != nil || parent <= 0 {
		return fmt.Errorf("%s=%q is not a process ID", parentEnv, value)
	}
	go func() {
		for range time.Tick(time.Second) {
			if os.Getppid() != parent {
				fmt.Fprintf(os.Stderr, "controlplane: process %d, which started this one, is gone\n", parent)
				os.Exit(1)
			}
		}
	}()
	return nil
}
