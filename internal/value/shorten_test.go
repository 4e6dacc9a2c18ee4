package value

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestShorten(t *testing.T) {
	tests := map[string]struct {
		text  string
		limit int
		want  string
	}{
		"nothing":                              {"", 5, ""},
		"less than the limit":                  {"abc", 5, "abc"},
		"as much as the limit":                 {"abcde", 5, "abcde"},
		"one more":                             {"abcdef", 5, "ab..."},
		"characters count, not bytes":          {"äöüßé", 5, "äöüßé"},
		"a character is not broken":            {"äöüßéñ", 5, "äö..."},
		"one character beyond a plane":         {"👍👍👍👍👍👍", 5, "👍👍..."},
		"bytes that are no character":          {"a\xffb", 5, "a\uFFFDb"},
		"bytes that are no character, and cut": {"\xffa\xffabcdef", 5, "\uFFFDa..."},
		"room for an ellipsis alone":           {"abcdef", 3, "..."},
		"no room for an ellipsis":              {"abcdef", 2, ".."},
		"no room":                              {"abcdef", 0, ""},
		"less than no room":                    {"abcdef", -1, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Shorten(test.text, test.limit); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestShortenKeepsTheBeginningAndTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, limit := rapid.String().Draw(t, "text"), rapid.IntRange(3, 40).Draw(t, "limit")
		got := Shorten(text, limit)
		switch n := utf8.RuneCountInString(text); {
		case !utf8.ValidString(got):
			t.Fatalf("%q is no text", got)
		case n <= limit && got != text:
			t.Fatalf("%q was cut to %q", text, got)
		case n > limit && (utf8.RuneCountInString(got) != limit || !strings.HasPrefix(text, strings.TrimSuffix(got, "...")) || !strings.HasSuffix(got, "...")):
			t.Fatalf("%q was cut to %q, of %d characters", text, got, utf8.RuneCountInString(got))
		}
	})
}
