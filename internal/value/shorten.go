package value

import "strings"

// ShortenLine makes one line of a text, and keeps at most so many characters of it as Shorten does.
func ShortenLine(text string, limit int) string {
	return Shorten(strings.Join(strings.Fields(text), " "), limit)
}

// Shorten keeps at most so many characters of a text, as the API server counts them. Where that is not all of it, the last
// three of them are an ellipsis.
func Shorten(text string, limit int) string {
	const ellipsis = "..."
	text = strings.ToValidUTF8(text, "\uFFFD")
	keep, n := 0, 0
	for i := range text {
		if n <= max(limit-len(ellipsis), 0) {
			keep = i
		}
		if n++; n > limit {
			return text[:keep] + ellipsis[:min(max(limit, 0), len(ellipsis))]
		}
	}
	return text
}
