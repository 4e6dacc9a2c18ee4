package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/internal/value"
)

// near returns the one of some words that a misspelt one most likely means; empty where none is near.
func near(word string, words []string) string {
	best, least := "", min(2, len(word)/3)+1
	if len(word) < 3 {
		least = 2
	}
	for _, candidate := range words {
		if d := distance(strings.ToLower(word), strings.ToLower(candidate)); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// meant is a question that names the nearest word; empty where there is none.
func meant(word string, words []string) string {
	if found := near(word, words); found != "" {
		return fmt.Sprintf("; did you mean %s?", found)
	}
	return ""
}

// maxListed is how many names a message lists.
const maxListed = 12

// listed joins names, and counts those that are too many.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	if len(names) > maxListed {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), len(names)-maxListed)
	}
	return strings.Join(names, ", ")
}

// texts makes strings of what is text underneath.
func texts[T ~string](words []T) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return all
}

// distance is the number of letters to change, add, leave out or swap with the next one to make one word of another.
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	if len(from) > 64 || len(to) > 64 {
		return 64
	}
	rows := make([][]int, len(from)+1)
	for i := range rows {
		rows[i] = make([]int, len(to)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(from); i++ {
		for j := 1; j <= len(to); j++ {
			cost := 1
			if from[i-1] == to[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && from[i-1] == to[j-2] && from[i-2] == to[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(from)][len(to)]
}

// How long a part of a finding may be: names and values come from the files, and may be of any length.
const (
	longestValue   = 60
	longestField   = 200
	longestMessage = 700
)

// shorten makes one short line of a value.
func shorten(s string) string { return clip(s, longestValue) }

// clip makes one line of a text, and cuts it off where it is too long.
func clip(s string, most int) string {
	return value.ShortenLine(s, most)
}

// union returns the words of all lists, sorted.
func union(lists ...[]string) []string {
	joined := slices.Concat(lists...)
	slices.Sort(joined)
	return slices.Compact(joined)
}
