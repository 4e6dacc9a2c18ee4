// Package explain says in words and numbers why an account has the score and the band that it has, and why a playbook did
// or did not start work on it. What an account has is read off its status; whether conditions hold, which runs the limits
// let through and who inhibits whom is asked of the functions that the operator asks. It is pure.
package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/internal/value"
)

// NotFoundError is about a name that there is nothing of, with names that are close to it.
type NotFoundError struct {
	// Kind in words: account, playbook, run, task.
	Kind string
	// Name that was asked for.
	Name string
	// Namespace that it was looked for in.
	Namespace string
	// Close are names of the kind that are close to it, the closest first, at most three.
	Close []string
}

// Error names what is not there, and what may have been meant.
func (e *NotFoundError) Error() string {
	text := fmt.Sprintf("there is no %s %s", e.Kind, e.Name)
	if e.Namespace != "" {
		text += " in namespace " + e.Namespace
	}
	if len(e.Close) > 0 {
		text += "; did you mean " + orList(e.Close) + "?"
	}
	return text
}

// maxClose is how many names an error offers.
const maxClose = 3

// NotFound returns an error about a name, with those of some names that are close to it.
func NotFound(kind, name, namespace string, names []string) *NotFoundError {
	type near struct {
		name     string
		distance int
	}
	var found []near
	for _, other := range names {
		distance := edits(strings.ToLower(name), strings.ToLower(other))
		if strings.Contains(other, name) || strings.Contains(name, other) {
			distance = 1
		}
		if distance <= max(2, len(name)/4) {
			found = append(found, near{other, distance})
		}
	}
	slices.SortFunc(found, func(a, b near) int { return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name)) })
	e := &NotFoundError{Kind: kind, Name: name, Namespace: namespace}
	for _, n := range found[:min(len(found), maxClose)] {
		e.Close = append(e.Close, n.name)
	}
	return e
}

// edits is how many characters must be added, left out or changed to make one name of another.
func edits(a, b string) int {
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
		}
		last = row
	}
	return last[len(b)]
}

// orList writes words as a person lists choices: A, B or C.
func orList[T ~string](words []T) string { return list(words, " or ") }

// andList writes words as a person lists things: A, B and C.
func andList[T ~string](words []T) string { return list(words, " and ") }

func list[T ~string](words []T, last string) string {
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = string(w)
	}
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + last + parts[len(parts)-1]
}

// counted writes a number and what it counts: 1 point, 12 points.
func counted[N ~int | ~int32 | ~int64](n N, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// abridge cuts a text to a number of characters, and shows that it did.
func abridge(s string, characters int) string {
	return value.ShortenLine(s, characters)
}
