package gitops

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const page = root + "/docs/gitops.md"

// blocks are the pieces of code of a language on the page.
func blocks(text, language string) string {
	var b strings.Builder
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		b.WriteString(m[1])
	}
	return b.String()
}

func TestThePageNamesFilesThatThereAre(t *testing.T) {
	text := string(readFile(t, page))
	for _, m := range regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
			t.Error(err)
		}
	}
	for _, m := range regexp.MustCompile(`config/[a-z]+(?:/[a-z.-]+\.(?:yaml|json))?`).FindAllString(text, -1) {
		if _, err := os.Stat(filepath.Join(root, m)); err != nil {
			t.Error(err)
		}
	}
}

func TestTheObjectsOfThePageFitTheSchema(t *testing.T) {
	objects := parse(t, blocks(string(readFile(t, page)), "yaml"))
	if len(objects) == 0 {
		t.Error("there are none")
	}
	for _, obj := range objects {
		if err := schemaFor(t, "").Validate(asJSON(t, obj)); err != nil {
			t.Error(err)
		}
	}
}

// TestTheOtherFilesOfTheFolderParse is about those that nothing here runs.
func TestTheOtherFilesOfTheFolderParse(t *testing.T) {
	var application struct {
		Spec struct {
			Source     struct{ Path string }
			SyncPolicy struct{ SyncOptions []string }
		}
	}
	if err := yaml.Unmarshal(readFile(t, root+"/config/argocd/application.yaml"), &application); err != nil {
		t.Fatal(err)
	}
	for _, option := range []string{"ServerSideApply=true", "RespectIgnoreDifferences=true"} {
		if !slices.Contains(application.Spec.SyncPolicy.SyncOptions, option) || application.Spec.Source.Path != folder {
			t.Errorf("the application is %+v", application.Spec)
		}
	}
	var exclusions []struct{ APIGroups, Kinds, Clusters []string }
	readYAML(t, root+"/config/argocd/exclusions.yaml", &exclusions)
	if len(exclusions) != 1 || slices.ContainsFunc(exclusions[0].Kinds, func(kind string) bool { return !slices.Contains(kinds(), kind) }) {
		t.Errorf("the exclusions are %+v", exclusions)
	}
}
