package main

import (
	"slices"
	"strings"
	"testing"
)

func TestPick(t *testing.T) {
	tests := map[string]struct {
		argv     []string
		wantArgs []string // nil: refused
	}{
		"a link's name picks":                  {[]string{"/opt/bin/kubectl", "get", "pods"}, []string{"/opt/bin/kubectl", "get", "pods"}},
		"a link's name wins over arguments":    {[]string{"kubectl", "etcd"}, []string{"kubectl", "etcd"}},
		"the suffix of Windows does not count": {[]string{"kubectl.exe", "get"}, []string{"kubectl.exe", "get"}},
		"else the first argument picks":        {[]string{"./controlplane", "etcd", "--version"}, []string{"etcd", "--version"}},
		"an unknown program is refused":        {[]string{"controlplane", "kube-proxy"}, nil},
		"a path as argument is refused":        {[]string{"controlplane", "./kubectl"}, nil},
		"no argument is refused":               {[]string{"controlplane"}, nil},
		"no argv at all is refused":            {nil, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			run, args, ok := pick(tt.argv)
			if ok != (tt.wantArgs != nil) {
				t.Fatalf("pick(%q) ok = %v", tt.argv, ok)
			}
			if !ok {
				return
			}
			if run == nil || !slices.Equal(args, tt.wantArgs) {
				t.Errorf("pick(%q) = run %v, args %q; want args %q", tt.argv, run != nil, args, tt.wantArgs)
			}
		})
	}
}

func TestUsageNamesEveryProgram(t *testing.T) {
	got := usage([]string{"controlplane", "kube-proxy"})
	for _, want := range []string{`"kube-proxy"`, "etcd, kube-apiserver, kube-controller-manager, kubectl"} {
		if !strings.Contains(got, want) {
			t.Errorf("usage does not contain %s:\n%s", want, got)
		}
	}
}

func TestExitWithParentRefusesNonsense(t *testing.T) {
	for _, value := range []string{"", "x", "-1", "0"} {
		t.Setenv(parentEnv, value)
		if err := exitWithParent(); err == nil {
			t.Errorf("%s=%q was accepted", parentEnv, value)
		}
	}
}
