package explain

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/internal/fleet"
)

// groupWords are what accounts are grouped by, beside labels.
var groupWords = []string{"owner", "touchModel", "lifecycleStage", "model", "namespace"}

// GroupWords returns what accounts can be grouped by, beside the keys of their labels.
func GroupWords() []string { return slices.Clone(groupWords) }

// maxKeys is how many keys of labels an error names.
const maxKeys = 20

// CheckBy returns an error where accounts cannot be grouped by something: it is no known word, and no account has a label of
// that name. Of no accounts everything can be asked.
func CheckBy(w *fleet.World, by string) error {
	key, label := strings.CutPrefix(by, "label=")
	if !label && slices.Contains(groupWords, by) || len(w.Accounts) == 0 {
		return nil
	}
	var keys []string
	for _, a := range w.Accounts {
		if _, ok := a.Labels[key]; ok {
			return nil
		}
		for k := range a.Labels {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	known := keys
	if !label {
		known = slices.Concat(groupWords, keys)
	}
	text, use := fmt.Sprintf("%s: no account has a label of that name; ", by), "use "
	if meant := NotFound("", key, "", known).Close; len(meant) > 0 {
		text, use = text+"did you mean "+orList(meant)+"? ", "Use "
	}
	text += use + orList(groupWords)
	if len(keys) > maxKeys {
		keys = append(keys[:maxKeys:maxKeys], "...")
	}
	if len(keys) > 0 {
		text += ", or one of the labels " + strings.Join(keys, ", ")
	}
	return errors.New(text)
}
