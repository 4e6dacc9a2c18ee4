package accountset

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/value"
)

// maxNameLength is the longest name of an account.
const maxNameLength = 63

// nameDigits is how many hexadecimal digits of the key's hash a collision adds.
const nameDigits = 5

// slug makes text a DNS label and label value, as the function slug() of expressions does; there is one slug of a text.
func (t *Template) slug(text string) string {
	out, _ := t.slugText.Render(&expr.Vars{Row: map[string]value.Value{"text": {Type: v1alpha1.MetricText, Text: text}}})
	return out
}

// freeName returns the name of a new account: the one that is wanted, a slug, or with digits of the key's hash where
// that one is taken or empty. It is empty where both are taken.
func freeName(wanted, key string, taken map[string]bool) string {
	if wanted != "" && !taken[wanted] {
		return wanted
	}
	if wanted == "" {
		wanted = "account"
	}
	sum := sha256.Sum256([]byte(key))
	base := strings.TrimRight(wanted[:min(len(wanted), maxNameLength-nameDigits-1)], "-")
	name := base + "-" + hex.EncodeToString(sum[:])[:nameDigits]
	if taken[name] {
		return ""
	}
	return name
}
