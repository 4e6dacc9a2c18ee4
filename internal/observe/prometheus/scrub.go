package prometheus

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/perennial-dev/perennial/internal/value"
)

// hidden stands for what is not shown.
const hidden = "..."

// sentHeaders notes what the headers of requests hold, so that no message of a server repeats it: some gateways do.
type sentHeaders struct {
	next http.RoundTripper
	// parameters are those of the source's own URL, values those of the headers that were sent last.
	parameters, values []string
}

// newSentHeaders makes the notes of what is sent to a URL.
func newSentHeaders(next http.RoundTripper, rawURL string) *sentHeaders {
	s := &sentHeaders{next: next}
	if u, err := url.Parse(rawURL); err == nil {
		for _, list := range u.Query() {
			s.parameters = append(s.parameters, list...)
		}
	}
	return s
}

// minSecret is the length from which on a value is hidden. A shorter one is in too many words, and tells nothing.
const minSecret = 4

// RoundTrip implements http.RoundTripper. The headers are those of the request as it was sent at last, with all that the
// web client added.
func (s *sentHeaders) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(req)
	if resp == nil || resp.Request == nil {
		return resp, err
	}
	s.values = slices.Clone(s.parameters)
	for _, list := range resp.Request.Header {
		for _, value := range list {
			s.note(value)
		}
	}
	if user, password, ok := resp.Request.BasicAuth(); ok {
		s.values = append(s.values, user, password)
	}
	// The longest first: a value may be a part of another.
	slices.SortFunc(s.values, func(a, b string) int { return len(b) - len(a) })
	return resp, err
}

// note notes a value, and what follows the scheme in it.
func (s *sentHeaders) note(value string) {
	s.values = append(s.values, value)
	if _, credential, ok := strings.Cut(value, " "); ok {
		s.values = append(s.values, credential)
	}
}

// addresses are those of IPv4 and IPv6, with their ports.
var addresses = regexp.MustCompile(`\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b|\[[0-9a-fA-F:.%]*:[0-9a-zA-Z:.%]*\](:\d+)?`)

// maxRawLength bounds how much of what a server says is looked at.
const maxRawLength = 4 << 10

// scrub makes one short line of what a server says, without what may be a customer's data or a credential: what stands in
// braces, such as the labels of a series, and in quotes, URLs, and all that was sent with the request. Addresses go too: a
// port that is another one with every connection would make another message of every read.
func (s *sentHeaders) scrub(text string) string {
	for _, value := range s.values {
		if len(value) >= minSecret {
			text = strings.ReplaceAll(text, value, hidden)
		}
	}
	text = hideEnclosed(text[:min(len(text), maxRawLength)])
	text = addresses.ReplaceAllString(text, hidden)
	words := strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
	for i, word := range words {
		if strings.Contains(word, "://") {
			words[i] = hidden
		}
	}
	return value.Shorten(strings.Join(words, " "), maxTextLength)
}

// hideEnclosed hides what stands in braces and quotes. What is opened and never closed is hidden to the end.
func hideEnclosed(text string) string {
	var out strings.Builder
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		out.WriteRune(runes[i])
		if !opens(runes, i) {
			continue
		}
		out.WriteString(hidden)
		if i = closing(runes, i); i < len(runes) {
			out.WriteRune(runes[i])
		}
	}
	return out.String()
}

// opens reports whether something enclosed begins here. A quote after a letter is an apostrophe.
func opens(runes []rune, i int) bool {
	switch runes[i] {
	case '{', '"', '`':
		return true
	case '\'':
		return i == 0 || !unicode.IsLetter(runes[i-1]) && !unicode.IsDigit(runes[i-1])
	}
	return false
}

// closing returns where ends what opens at a place; where it does not, that is the end of the text. Braces hold braces and
// quotes; quotes hold neither.
func closing(runes []rune, open int) int {
	for i := open + 1; i < len(runes); i++ {
		switch r := runes[i]; {
		case runes[open] != '{' && r == '\\' && runes[open] != '`':
			i++
		case runes[open] != '{' && r == runes[open], runes[open] == '{' && r == '}':
			return i
		case runes[open] == '{' && opens(runes, i):
			i = closing(runes, i)
		}
	}
	return len(runes)
}
