// Package rbac tests what the roles in config/ let the operator do: as they are written, and as a real API server reads
// them. What matters most is Secrets: it may get one by name where somebody allowed that, and never list or watch them.
package rbac

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const (
	config       = "../../../config"
	secretReader = "perennial-secret-reader"
	// snapshotReader reads what the sources gave, of all namespaces.
	snapshotReader = "perennial-snapshot-reader"
)

// manifest is any object; a role has rules, a binding a roleRef.
type manifest struct {
	file            string
	APIVersion      string `json:"apiVersion"`
	Kind            string
	Metadata        struct{ Name string }
	Rules           []rbacv1.PolicyRule
	RoleRef         rbacv1.RoleRef
	AggregationRule *rbacv1.AggregationRule
}

func (m *manifest) String() string {
	return fmt.Sprintf("%s %s in %s", m.Kind, m.Metadata.Name, m.file)
}

// manifests reads every object under config/.
func manifests(t *testing.T) []*manifest {
	t.Helper()
	var all []*manifest
	err := filepath.WalkDir(config, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := filepath.Rel(config, path)
		if err != nil {
			return err
		}
		if strings.HasPrefix(file, filepath.Join("samples", "data")) || file == filepath.Join("argocd", "exclusions.yaml") {
			return nil // rows, and a part of an object
		}
		for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 1<<10); ; {
			m := &manifest{file: filepath.ToSlash(file)}
			if err := decoder.Decode(m); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			all = append(all, m)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// forbidden says what a role must not allow.
func forbidden(role *manifest) []string {
	var found []string
	if role.AggregationRule != nil {
		found = append(found, "takes up rules of other roles")
	}
	for i := range role.Rules {
		rule := &role.Rules[i]
		for field, words := range map[string][]string{
			"apiGroups": rule.APIGroups, "resources": rule.Resources, "verbs": rule.Verbs, "nonResourceURLs": rule.NonResourceURLs,
		} {
			if role.Metadata.Name == snapshotReader && field == "nonResourceURLs" && slices.Equal(words, []string{"/snapshot/*"}) {
				continue
			}
			if slices.ContainsFunc(words, func(word string) bool { return strings.Contains(word, "*") }) {
				found = append(found, fmt.Sprintf("rules[%d].%s has a wildcard", i, field))
			}
		}
		for _, verb := range []string{"bind", "escalate", "impersonate"} {
			if slices.Contains(rule.Verbs, verb) {
				found = append(found, fmt.Sprintf("rules[%d] lets its holder become somebody else: %s", i, verb))
			}
		}
		secrets := slices.ContainsFunc(rule.Resources, func(resource string) bool {
			name, _, _ := strings.Cut(resource, "/")
			return strings.EqualFold(name, "secrets")
		})
		if secrets && role.Metadata.Name != secretReader {
			found = append(found, fmt.Sprintf("rules[%d] is about Secrets; only %s is", i, secretReader))
		}
		if secrets && !slices.Equal(rule.Verbs, []string{"get"}) {
			found = append(found, fmt.Sprintf("rules[%d] allows %v on Secrets; only get is allowed", i, rule.Verbs))
		}
	}
	slices.Sort(found)
	return found
}

func TestNoRoleListsSecretsOrHasAWildcard(t *testing.T) {
	names := map[string]bool{}
	for _, m := range manifests(t) {
		if m.Kind != "Role" && m.Kind != "ClusterRole" {
			continue
		}
		names[m.Metadata.Name] = true
		for _, what := range forbidden(m) {
			t.Errorf("%s: %s", m, what)
		}
	}
	for _, want := range []string{"perennial-manager", secretReader} {
		if !names[want] {
			t.Errorf("role %s is not there; the roles are %v", want, names)
		}
	}
}

// TestSecretsAreReadWhereSomebodySaidSo: the role that reads Secrets comes with everything, and nobody has it.
func TestSecretsAreReadWhereSomebodySaidSo(t *testing.T) {
	var files []string
	for _, m := range manifests(t) {
		if m.RoleRef.Name == secretReader {
			files = append(files, m.Kind+" "+m.file)
		}
	}
	slices.Sort(files)
	want := []string{"ClusterRoleBinding secrets/clusterwide/cluster_role_binding.yaml", "RoleBinding secrets/namespace/role_binding.yaml"}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("%s is bound where it should not be, or not where it should (-want +got):\n%s", secretReader, diff)
	}
}

// TestForbidden checks the check.
func TestForbidden(t *testing.T) {
	rule := func(group, resource string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{"configmaps", resource}, Verbs: verbs}
	}
	tests := map[string]struct {
		role string
		rule rbacv1.PolicyRule
		want []string
	}{
		"configmaps are not secret":    {"perennial-manager", rule("", "pods", "get", "list", "watch"), nil},
		"get by the reader of Secrets": {secretReader, rule("", "secrets", "get"), nil},
		"get by another":               {"perennial-manager", rule("", "secrets", "get"), []string{"rules[0] is about Secrets; only perennial-secret-reader is"}},
		"list":                         {secretReader, rule("", "secrets", "get", "list"), []string{"rules[0] allows [get list] on Secrets; only get is allowed"}},
		"watch alone":                  {secretReader, rule("", "secrets", "watch"), []string{"rules[0] allows [watch] on Secrets; only get is allowed"}},
		"a part of a Secret":           {secretReader, rule("", "secrets/status", "patch"), []string{"rules[0] allows [patch] on Secrets; only get is allowed"}},
		"every verb":                   {secretReader, rule("", "secrets", "*"), []string{"rules[0] allows [*] on Secrets; only get is allowed", "rules[0].verbs has a wildcard"}},
		"every resource":               {"perennial-manager", rule("", "*", "get"), []string{"rules[0].resources has a wildcard"}},
		"every group":                  {"perennial-manager", rule("*", "tasks", "get"), []string{"rules[0].apiGroups has a wildcard"}},
		"every path":                   {"perennial-manager", rbacv1.PolicyRule{NonResourceURLs: []string{"/debug/*"}, Verbs: []string{"get"}}, []string{"rules[0].nonResourceURLs has a wildcard"}},
		"every path of all":            {snapshotReader, rbacv1.PolicyRule{NonResourceURLs: []string{"/*"}, Verbs: []string{"get"}}, []string{"rules[0].nonResourceURLs has a wildcard"}},
		"every snapshot":               {snapshotReader, rbacv1.PolicyRule{NonResourceURLs: []string{"/snapshot/*"}, Verbs: []string{"get"}}, nil},
		"another's power":              {"perennial-manager", rule("", "users", "impersonate"), []string{"rules[0] lets its holder become somebody else: impersonate"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := &manifest{Rules: []rbacv1.PolicyRule{test.rule}}
			m.Metadata.Name = test.role
			if diff := cmp.Diff(test.want, forbidden(m)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
