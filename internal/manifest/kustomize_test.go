package manifest_test

import (
	"testing"

	"github.com/perennial-dev/perennial/internal/manifest"
)

func TestWhatKustomizeMakesStandsWhereItWasWritten(t *testing.T) {
	root := folder(t, map[string]string{
		"base/kustomization.yaml": "resources: [accounts.yaml]\n",
		"base/accounts.yaml":      "# two\n" + account + "---\napiVersion: perennial.dev/v1alpha1\nkind: Account\nmetadata: {name: globex}\nspec:\n  owner: jo\n",
		"live/kustomization.yaml": "resources: [../base]\nnamePrefix: eu-\nnamespace: west\npatches:\n- target: {kind: Account, name: globex}\n  patch: '[{\"op\": \"replace\", \"path\": \"/spec/owner\", \"value\": \"al\"}]'\n" +
			"configMapGenerator:\n- name: rows\n  literals: [a=b]\n",
	})
	t.Chdir(root)
	s := loaded(t, manifest.Options{Kustomize: []string{"live"}})
	same(t, summary(s, root), "Account/eu-acme base/accounts.yaml:2:1", "Account/eu-globex base/accounts.yaml:4:1", "ConfigMap/eu-rows-4h2mbtbbt6 live/kustomization.yaml")
	if len(s.Objects) < 3 {
		t.Fatal("objects are missing")
	}
	globex := s.Objects[1]
	if at := globex.At("spec.owner").String(); at != "base/accounts.yaml:8:3" {
		t.Errorf("the owner is at %s", at)
	}
	if globex.Namespace != "west" || len(globex.Typed.GetAnnotations()) > 0 {
		t.Errorf("namespace %q, annotations %v", globex.Namespace, globex.Typed.GetAnnotations())
	}
}
