package unittest

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestThePageNamesEveryKey compares the tables of docs/testing.md with what is read.
func TestThePageNamesEveryKey(t *testing.T) {
	content, err := os.ReadFile("../../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	forms := map[string]reflect.Type{
		"The file": reflect.TypeFor[File](), "A test": reflect.TypeFor[Test](), "An account": reflect.TypeFor[accountForm](), "A step": reflect.TypeFor[step](),
		"Work": reflect.TypeFor[work](), "Expectations": reflect.TypeFor[expects](), "Expected health": reflect.TypeFor[wantHealth](),
		"An expected run": reflect.TypeFor[wantRun](), "An expected task": reflect.TypeFor[wantTask](),
	}
	sections := strings.Split(string(content), "\n### ")[1:]
	for _, section := range sections {
		heading, text, _ := strings.Cut(section, "\n")
		form, ok := forms[heading]
		if !ok {
			t.Errorf("nothing is read of the form %q", heading)
			continue
		}
		delete(forms, heading)
		var named []string
		for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\|").FindAllStringSubmatch(text, -1) {
			named = append(named, row[1])
		}
		if diff := cmp.Diff(namesOf(form), named); diff != "" {
			t.Errorf("%s (-read +on the page):\n%s", heading, diff)
		}
	}
	for heading := range forms {
		t.Errorf("the page has no %q", heading)
	}
}
