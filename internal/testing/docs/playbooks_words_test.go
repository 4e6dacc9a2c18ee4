//go:build unix

package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// vocabulary is what the API has words for.
type vocabulary struct {
	// fields of all kinds, and choices of all fields.
	fields, choices map[string]bool
}

// learn adds the words of a schema.
func (v *vocabulary) learn(schema map[string]any) {
	if properties, ok := schema["properties"].(map[string]any); ok {
		for name, property := range properties {
			v.fields[name] = true
			v.learnAny(property)
		}
	}
	if choices, ok := schema["enum"].([]any); ok {
		for _, choice := range choices {
			v.choices[fmt.Sprint(choice)] = true
		}
	}
	v.learnAny(schema["items"])
	v.learnAny(schema["additionalProperties"])
}

func (v *vocabulary) learnAny(schema any) {
	if s, ok := schema.(map[string]any); ok {
		v.learn(s)
	}
}

// wordsOfTheAPI reads them from the definitions, and from the constants of conditions.
func wordsOfTheAPI(t *testing.T) *vocabulary {
	t.Helper()
	v := &vocabulary{fields: map[string]bool{}, choices: map[string]bool{}}
	files, err := filepath.Glob("../../../config/crd/bases/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no definitions", err)
	}
	for _, file := range files {
		var crd struct {
			Spec struct {
				Versions []struct {
					Schema struct {
						OpenAPIV3Schema map[string]any
					}
				}
			}
		}
		if err := yaml.Unmarshal([]byte(fileText(t, file)), &crd); err != nil {
			t.Fatal(err)
		}
		v.learn(crd.Spec.Versions[0].Schema.OpenAPIV3Schema)
	}
	for _, m := range regexp.MustCompile(`= "([A-Z][A-Za-z]+)"`).FindAllStringSubmatch(fileText(t, "../../../api/v1alpha1/conditions.go"), -1) {
		v.choices[m[1]] = true
	}
	return v
}

// prose is the page without its blocks of code.
func prose(t *testing.T) string {
	t.Helper()
	return regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(fileText(t, playbooksPage), "")
}

// notOfTheAPI are words in code on the page that are no fields.
var notOfTheAPI = []string{
	"kubectl", "outcomes.name", "metrics", "measures", "health", "account", "today", "wau", "PlaybookTriggered", "RunRefused", "outcomes.triage",
}

var (
	fieldPath = regexp.MustCompile(`^[a-z][A-Za-z]*(\[\])?(\.[a-z][A-Za-z]*(\[\])?)*$`)
	choice    = regexp.MustCompile(`^[A-Z][A-Za-z]+$`)
)

// TestTheFieldsOfThePageExist looks at everything on the page that is written as code and looks like a field or a choice.
func TestTheFieldsOfThePageExist(t *testing.T) {
	words := wordsOfTheAPI(t)
	fields, choices := 0, 0
	for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(prose(t), -1) {
		span := m[1]
		// key: value is a field and, where it is one, a choice.
		name, val, pair := strings.Cut(span, ": ")
		switch {
		case slices.Contains(notOfTheAPI, span):
		case pair && fieldPath.MatchString(name) && !strings.HasPrefix(val, `"`):
			checkField(t, words, name)
			if choice.MatchString(val) && !words.choices[val] {
				t.Errorf("`%s`: the API has no %s", span, val)
			}
			fields++
		case fieldPath.MatchString(span) && span != "false":
			checkField(t, words, span)
			fields++
		case choice.MatchString(strings.TrimSuffix(span, "=False")):
			if !words.choices[strings.TrimSuffix(span, "=False")] {
				t.Errorf("`%s`: the API has no such choice, condition or reason", span)
			}
			choices++
		}
	}
	if fields < 100 || choices < 25 {
		t.Errorf("only %d fields and %d choices were found", fields, choices)
	}
}

// checkField checks every part of a path.
func checkField(t *testing.T, words *vocabulary, path string) {
	t.Helper()
	for name := range strings.SplitSeq(strings.ReplaceAll(path, "[]", ""), ".") {
		if !words.fields[name] {
			t.Errorf("`%s`: the API has no field %s", path, name)
		}
	}
}

// TestEveryFieldOfAPlaybookIsOnThePage reads the spec's schema the other way round.
func TestEveryFieldOfAPlaybookIsOnThePage(t *testing.T) {
	text := fileText(t, playbooksPage)
	var check func(path string, s *schema)
	check = func(path string, s *schema) {
		if s.Items != nil {
			s = s.Items
		}
		for name, property := range s.Properties {
			if !regexp.MustCompile(`\b` + name + `\b`).MatchString(text) {
				t.Errorf("the page does not mention %s.%s", path, name)
			}
			check(path+"."+name, property)
		}
	}
	check("spec", schemaOf(t, "playbooks").at(t, "spec"))
	check("status", schemaOf(t, "playbooks").at(t, "status.results"))
	for name := range schemaOf(t, "playbooks").at(t, "spec.steps").Items.Properties {
		found := slices.ContainsFunc(tableOf(t, part(t, "Steps"), "field of a step", "what it is", "if unset"), func(row []string) bool {
			return strings.Contains(row[0], "`"+name+"`")
		})
		if !found {
			t.Errorf("the table of a step's fields does not have %s", name)
		}
	}
}

// choicesOf returns the choices of a field, in the order of the definition.
func choicesOf(t *testing.T, plural, path string) []string {
	t.Helper()
	return schemaOf(t, plural).at(t, path).Enum
}

func TestTheStatesOfThePageAreThoseOfTheAPI(t *testing.T) {
	var shown []string
	for _, row := range tableOf(t, part(t, "Tasks"), "`status.state`", "means") {
		shown = append(shown, code(t, row[0]))
	}
	if want := choicesOf(t, "tasks", "status.state"); !slices.Equal(shown, want) {
		t.Errorf("the page has the states %v, the API %v", shown, want)
	}
	points := []string{}
	for _, row := range tableOf(t, part(t, "Steps"), "`of`", "is", "goes with") {
		points = append(points, code(t, row[0]))
	}
	if want := choicesOf(t, "playbooks", "spec.steps.due.of"); !slices.Equal(points, want) {
		t.Errorf("the page has the points %v, the API %v", points, want)
	}
	words := part(t, "The words of the conditions")
	for _, state := range slices.Concat(choicesOf(t, "playbookruns", "status.state"), choicesOf(t, "playbookruns", "status.steps.state")) {
		if !strings.Contains(words, "`"+state+"`") {
			t.Errorf("the page does not say what %s is", state)
		}
	}
}

func TestTheNumbersOfThePageAreTheDefaults(t *testing.T) {
	defaults := map[string]int{"`limits.activeRuns`": v1alpha1.DefaultActiveRuns, "`limits.newRunsPerDay`": v1alpha1.DefaultNewRunsPerDay}
	for _, row := range tableOf(t, part(t, "Not too much at once"), "what", "does", "default") {
		if n, ok := defaults[row[0]]; ok && row[2] != fmt.Sprint(n) {
			t.Errorf("%s: the page says %s, it is %d", row[0], row[2], n)
		}
		delete(defaults, row[0])
	}
	if len(defaults) > 0 {
		t.Errorf("the page does not have %v", defaults)
	}
	wantSentence(t, part(t, "Changes"), fmt.Sprintf("`historyLimit` finished runs are kept for each account, %d if unset", v1alpha1.DefaultHistoryLimit))
}

// TestLinksOfThePageAboutPlaybooks follows those to files, and to headings of pages.
func TestLinksOfThePageAboutPlaybooks(t *testing.T) {
	for _, m := range regexp.MustCompile(`\]\(([^):#]*)(?:#([^)]*))?\)`).FindAllStringSubmatch(fileText(t, playbooksPage), -1) {
		target := playbooksPage
		if m[1] != "" {
			target = filepath.Join(filepath.Dir(playbooksPage), m[1])
		}
		if _, err := os.Stat(target); err != nil {
			t.Errorf("the page links to %s: %v", m[1], err)
			continue
		}
		if m[2] != "" && !slices.Contains(headingsOf(fileText(t, target)), m[2]) {
			t.Errorf("%s has no heading #%s", target, m[2])
		}
	}
}

// headingsOf returns the headings of a page as links name them.
func headingsOf(text string) []string {
	var headings []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		words := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		headings = append(headings, strings.ReplaceAll(words, " ", "-"))
	}
	return headings
}
