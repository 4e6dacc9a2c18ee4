package lint

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/perennial-dev/perennial/config/crd"
)

func TestEveryPatternOfTheDefinitionsHasWords(t *testing.T) {
	files, err := fs.Glob(crd.Bases, "bases/*.yaml")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	found := map[string]bool{}
	for _, file := range files {
		text, err := crd.Bases.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?m)^ *pattern: (.*)$`).FindAllStringSubmatch(string(text), -1) {
			found[strings.Trim(match[1], "'")] = true
		}
	}
	for pattern := range found {
		if patterns[pattern] == "" {
			t.Errorf("no words for %s", pattern)
		}
	}
	for pattern := range patterns {
		if !found[pattern] {
			t.Errorf("no definition has the pattern %s", pattern)
		}
	}
}
