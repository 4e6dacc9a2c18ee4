package score

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// update rewrites the golden file: go test ./internal/score -run TestGolden -update.
var update = flag.Bool("update", false, "write the golden file anew")

// goldenAccounts is the number of accounts in the golden file.
const goldenAccounts = 200

var (
	goldenModels  = filepath.Join("testdata", "golden", "models.yaml")
	goldenHealths = filepath.Join("testdata", "golden", "healths.yaml")
)

// goldenAccount is one account of the golden file.
type goldenAccount struct {
	Account string `json:"account"`
	// Steps are all evaluations: the moment, what came of it, when it changes by itself, and a checksum of the whole health.
	Steps []string `json:"steps"`
	// Override is what has come of an override at the end.
	Override string `json:"override,omitempty"`
	// Partial is true where weight is out of the score because a source cannot be read.
	Partial bool `json:"partial,omitempty"`
	// Health is the last one.
	Health *v1alpha1.Health `json:"health"`
}

// compileGolden reads the models and compiles them, by name and generation.
func compileGolden(t testing.TB) map[string]*Model {
	t.Helper()
	text, err := os.ReadFile(goldenModels)
	if err != nil {
		t.Fatal(err)
	}
	models := map[string]*Model{}
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		object := &v1alpha1.HealthScoreModel{}
		if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
			t.Fatal(err)
		}
		m, err := Compile(object)
		if err != nil {
			t.Fatalf("%s: %v", object.Name, err)
		}
		models[m.version()] = m
	}
	return models
}

// keep returns what is left of a health once a status held it.
type keep func(testing.TB, *v1alpha1.Health) *v1alpha1.Health

// throughJSON is what the API server does. throughYAML gives the same and takes ten times as long.
func throughJSON(t testing.TB, h *v1alpha1.Health) *v1alpha1.Health {
	kept := &v1alpha1.Health{}
	if err := json.Unmarshal(asJSON(t, h), kept); err != nil {
		t.Fatal(err)
	}
	return kept
}

func asJSON(t testing.TB, h *v1alpha1.Health) []byte {
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// tell tells the story of an account: six to ten evaluations, each with the one before as its memory.
func tell(t testing.TB, models map[string]*Model, keep keep, number int) goldenAccount {
	s := newStory(t, number)
	model := oneOf(s.dice, "large/4", "large/4", "large/5", "computed/7", "computed/7", "group/2", "group/2", "uneven/1", "uneven/1")
	told := goldenAccount{Account: s.input.Account.Name}
	steps := 6 + s.n(5)
	for step := range steps {
		m := models[model]
		result := m.Evaluate(s.input)
		told.Steps = append(told.Steps, describeStep(s.input.Now, result, asJSON(t, result.Health)))
		told.Health, told.Partial = result.Health, m.Partial(result.Health)
		told.Override = describeOverride(m.Override(s.input.Account, s.input.Now, s.input.Location))
		s.input.Previous = keep(t, result.Health)
		if s.oneIn(30) || step == steps-2 && s.oneIn(8) {
			// A new generation of the model, or another model.
			model = oneOf(s.dice, "large/5", "large/5", "computed/7")
		}
		s.goOn()
	}
	return told
}

func describeStep(now time.Time, r Result, text []byte) string {
	h := r.Health
	step := fmt.Sprintf("%s %s: %d %s", now.UTC().Format("2006-01-02 15:04"), version(h.Model, h.ModelGeneration), shownScore(h.Score), h.Band)
	if h.PendingBand != nil {
		step += ", " + string(h.PendingBand.Band) + " pending"
	}
	if !r.NextChange.IsZero() {
		step += ", next " + r.NextChange.Sub(now).String()
	}
	sum := sha256.Sum256(text)
	return fmt.Sprintf("%s, %x", step, sum[:4])
}

func describeOverride(s OverrideState) string {
	return [...]string{OverrideNone: "", OverrideHolds: "Holds", OverrideExpired: "Expired", OverrideUnknownBand: "UnknownBand"}[s]
}

// tellText returns an account as the golden file has it.
func tellText(t testing.TB, models map[string]*Model, keep keep, number int) []byte {
	text, err := yaml.Marshal([]goldenAccount{tell(t, models, keep, number)})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestGoldenHealthsAreTheSameBytesOnEveryRun(t *testing.T) {
	models := compileGolden(t)
	texts := make([][]byte, goldenAccounts)
	for i := range texts {
		texts[i] = tellText(t, models, throughYAML, i)
	}
	got := bytes.Join(texts, nil)
	if *update {
		if err := os.WriteFile(goldenHealths, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenHealths)
	if err != nil {
		t.Fatal(err)
	}
	compareAccounts(t, want, texts)

	// All at once and the last one first, with the same models and with others of the same text.
	again := make([][]byte, goldenAccounts)
	other := compileGolden(t)
	var group sync.WaitGroup
	for i := range slices.Backward(again) {
		group.Go(func() { again[i] = tellText(t, []map[string]*Model{models, other}[i%2], throughJSON, i) })
	}
	group.Wait()
	compareAccounts(t, got, again)
}

// compareAccounts compares a file with the accounts' texts and shows the first account that differs.
func compareAccounts(t testing.TB, want []byte, texts [][]byte) {
	t.Helper()
	if bytes.Equal(want, bytes.Join(texts, nil)) {
		return
	}
	const begin = "- account: "
	accounts := strings.Split(strings.TrimPrefix(string(want), begin), "\n"+begin)
	for i, text := range texts {
		if i >= len(accounts) {
			break
		}
		if got := strings.TrimPrefix(string(bytes.TrimSuffix(text, []byte("\n"))), begin); got != strings.TrimSuffix(accounts[i], "\n") {
			name, _, _ := strings.Cut(got, "\n")
			t.Fatalf("the first account that differs is %s (-want +got; if it should, run with -update and read the difference):\n%s",
				name, cmp.Diff(accounts[i], got))
		}
	}
	t.Fatalf("%d accounts, want %d", len(texts), len(accounts))
}
