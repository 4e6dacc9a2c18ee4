package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// instructions says what a person can do now.
func (s *session) instructions(ctx context.Context) {
	account := s.someAccount(ctx)
	s.screen.printf(`
Ready after %.1f s. In another terminal:

  export KUBECONFIG=%s
  export PERENNIAL_OPERATOR=%s PERENNIAL_OPERATOR_CA=%s
%s%s
  kubectl get accounts
  kubectl get tasks
  kubectl describe account %s
  kubectl get playbookruns
  perennial account %s
  perennial tasks

Logs: %s (manager.log is the operator's). SQLite files: %s. Metrics:
  curl --cacert %s -H "Authorization: Bearer $(kubectl create token -n %s %s)" %s
Ctrl-C stops everything and keeps the data. What the operator does:

`, time.Since(s.began).Seconds(), shellQuote(s.api.KubeconfigPath()), s.operator.URL, shellQuote(s.operator.CA), kubectlLine(s.api.Kubectl()), perennialLine(absolute(s.cli)), account, account,
		s.api.LogDir(), s.dataRoot, shellQuote(s.operator.CA), readerNamespace, reader, s.operator.MetricsURL)
}

// kubectlLine is the line for whoever has no kubectl: ours.
func kubectlLine(ours string) string {
	if _, err := exec.LookPath("kubectl"); err == nil {
		return ""
	}
	return fmt.Sprintf("  alias kubectl=%s    # there is none on your PATH\n", shellQuote(ours))
}

// perennialLine is the line for whoever has not installed our command line.
func perennialLine(ours string) string {
	if _, err := exec.LookPath("perennial"); err == nil {
		return ""
	}
	return fmt.Sprintf("  alias perennial=%s    # make install puts it on your PATH, and kubectl perennial with it\n", shellQuote(ours))
}

// someAccount is the name of an account to look at, with its namespace if that must be said.
func (s *session) someAccount(ctx context.Context) string {
	const unknown = "NAME"
	out, err := s.api.RunKubectl(ctx, "get", "accounts.perennial.dev", "--all-namespaces",
		`--output=jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name}{"\n"}{end}`)
	if err != nil {
		return unknown // it is only an example
	}
	fields := strings.Fields(out)
	switch {
	case len(fields) < 2:
		return unknown
	case fields[0] == "default":
		return fields[1]
	}
	return fields[1] + " --namespace=" + fields[0]
}

// shellQuote makes one word of a path, for a shell.
func shellQuote(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%", r)
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
