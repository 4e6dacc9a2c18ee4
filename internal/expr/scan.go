package expr

import (
	"errors"
	"fmt"
	"strings"

	"github.com/perennial-dev/perennial/internal/value"
)

// part is a piece of a text: either as it stands, or an expression from between ${ and }.
type part struct {
	text       string
	expression bool
}

// scan takes a text apart at its ${expressions}. Braces and quotes inside an expression are balanced as CEL reads them;
// $${ is a literal ${, and any other $ is itself.
func scan(s string) ([]part, error) {
	var parts []part
	var literal strings.Builder
	for len(s) > 0 {
		switch {
		case strings.HasPrefix(s, "$${"):
			literal.WriteString("${")
			s = s[3:]
		case strings.HasPrefix(s, "${"):
			end, err := expressionEnd(s)
			if err != nil {
				return nil, err
			}
			if literal.Len() > 0 {
				parts = append(parts, part{text: literal.String()})
				literal.Reset()
			}
			parts = append(parts, part{text: s[2:end], expression: true})
			s = s[end+1:]
		default:
			n := strings.IndexByte(s[1:], '$') + 1
			if n == 0 {
				n = len(s)
			}
			literal.WriteString(s[:n])
			s = s[n:]
		}
	}
	if literal.Len() > 0 {
		parts = append(parts, part{text: literal.String()})
	}
	return parts, nil
}

// expressionEnd returns the index of the } that closes the ${ with which s begins.
func expressionEnd(s string) (int, error) {
	depth := 0
	for i := 2; i < len(s); {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				if strings.TrimSpace(s[2:i]) == "" {
					return 0, errors.New("${}: an expression is missing")
				}
				return i, nil
			}
			depth--
		case '\'', '"':
			end := quoteEnd(s, i)
			if end < 0 {
				return 0, fmt.Errorf("%s: a quote is not closed", shorten(s))
			}
			i = end
			continue
		case '/':
			// A comment hides braces and quotes up to the end of its line.
			if strings.HasPrefix(s[i:], "//") {
				if end := strings.IndexByte(s[i:], '\n'); end >= 0 {
					i += end
					continue
				}
				return 0, fmt.Errorf("%s: } is missing", shorten(s))
			}
		}
		i++
	}
	return 0, fmt.Errorf("%s: } is missing", shorten(s))
}

// quoteEnd returns the index after the string literal whose opening quote is at i, or -1 where it is not closed. In a
// raw literal (r'...') a backslash is a character like any other.
func quoteEnd(s string, i int) int {
	quote := s[i : i+1]
	if strings.HasPrefix(s[i:], strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	raw := isRaw(s, i)
	for j := i + len(quote); j < len(s); j++ {
		switch {
		case strings.HasPrefix(s[j:], quote):
			return j + len(quote)
		case s[j] == '\\' && !raw:
			j++
		}
	}
	return -1
}

// isRaw reports whether the quote at i has a prefix with r: r, rb or br, as a word of its own.
func isRaw(s string, i int) bool {
	start := i
	for start > 0 && isWord(s[start-1]) {
		start--
	}
	switch strings.ToLower(s[start:i]) {
	case "r", "rb", "br":
		return true
	}
	return false
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// shorten makes one short line of a text, for an error message.
func shorten(s string) string {
	const most = 60
	return value.ShortenLine(s, most)
}
