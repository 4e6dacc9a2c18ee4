// Command controlplane is a whole Kubernetes control plane in one file: etcd, kube-apiserver,
// kube-controller-manager and kubectl, each exactly as its own project builds it.
//
// The name it is called by picks the program, as busybox does it, so a folder with four links to it
// is a KUBEBUILDER_ASSETS folder. Under any other name the first argument picks.
//
// It exists so that `make run` and the tests need Go and nothing else: the programs are built from the Go
// module proxy, where Kubernetes publishes its source, rather than downloaded as binaries.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// programs maps each name to what runs it. A program takes its arguments from os.Args and leaves through
// os.Exit when it fails, so it returns nothing.
var programs = map[string]func(){
	"etcd":                    runEtcd,
	"kube-apiserver":          runAPIServer,
	"kube-controller-manager": runControllerManager,
	"kubectl":                 runKubectl,
}

func main() {
	run, args, ok := pick(os.Args)
	if !ok {
		fmt.Fprint(os.Stderr, usage(os.Args))
		os.Exit(2)
	}
	os.Args = args
	if err := exitWithParent(); err != nil {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		os.Exit(2)
	}
	run()
}

// pick finds the program that argv asks for, and the arguments that program must see as its own.
func pick(argv []string) (run func(), args []string, ok bool) {
	if len(argv) == 0 {
		return nil, nil, false
	}
	if run, ok = programs[programName(argv[0])]; ok {
		return run, argv, true
	}
	if len(argv) < 2 {
		return nil, nil, false
	}
	// The whole name only: `controlplane ./kubectl` is a mistake, not a request.
	run, ok = programs[argv[1]]
	return run, argv[1:], ok
}

// programName is the last part of a path, without the suffix that Windows gives a program.
func programName(path string) string {
	return strings.TrimSuffix(filepath.Base(path), ".exe")
}

// usage says what was asked for and what there is.
func usage(argv []string) string {
	names := make([]string, 0, len(programs))
	for name := range programs {
		names = append(names, name)
	}
	sort.Strings(names)

	var b strings.Builder
	switch {
	case len(argv) < 2:
		b.WriteString("controlplane: no program named\n")
	default:
		fmt.Fprintf(&b, "controlplane: no program called %q here\n", argv[1])
	}
	fmt.Fprintf(&b, "Usage: controlplane PROGRAM [arguments], or through a link that has a program's name.\n"+
		"Programs: %s\n", strings.Join(names, ", "))
	return b.String()
}
