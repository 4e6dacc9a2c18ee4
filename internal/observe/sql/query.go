package sql

import (
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// checkQuery refuses what is not one statement that selects. For SQLite this matters: ATTACH would open a file outside
// the data root, and its driver runs every statement of a text. PostgreSQL refuses several statements by itself, since
// the extended protocol takes one, and writes, since the transaction is read-only.
func checkQuery(driver v1alpha1.SQLDriver, query string) error {
	words := []string{"SELECT", "WITH", "VALUES"}
	if driver == v1alpha1.DriverPostgres {
		words = append(words, "TABLE", "(")
	}
	if !slices.Contains(words, firstWord(query)) {
		return observe.InvalidSpec("spec.sql.query: one statement is expected that begins with SELECT, WITH or VALUES")
	}
	if driver == v1alpha1.DriverSQLite && severalStatements(query) {
		return observe.InvalidSpec("spec.sql.query: more than one statement")
	}
	return nil
}

// firstWord returns the first word of a statement in upper case, or its first character where that is no letter.
func firstWord(query string) string {
	query = skipSpace(query)
	end := strings.IndexFunc(query, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if end < 0 {
		end = len(query)
	}
	if end == 0 && query != "" {
		end = 1
	}
	return strings.ToUpper(query[:end])
}

// skipSpace cuts white space and comments from the front of a query.
func skipSpace(query string) string {
	for {
		query = strings.TrimLeft(query, " \t\r\n\f\v\ufeff")
		if !strings.HasPrefix(query, "--") && !strings.HasPrefix(query, "/*") {
			return query
		}
		query = query[tokenLength(query):]
	}
}

// severalStatements reports whether something other than white space and comments follows a semicolon that ends a
// statement.
func severalStatements(query string) bool {
	ended := false
	for query = skipSpace(query); query != ""; query = skipSpace(query) {
		if query[0] == ';' {
			ended = true
		} else if ended {
			return true
		}
		query = query[tokenLength(query):]
	}
	return false
}

// tokenLength returns the length of what the text begins with: a comment, a quoted text or name of SQLite's grammar, or
// else one byte. A quote inside a quoted text is written twice, which reads as two quoted texts side by side.
func tokenLength(text string) int {
	closing := ""
	switch {
	case strings.HasPrefix(text, "--"):
		closing = "\n"
	case strings.HasPrefix(text, "/*"):
		closing = "*/"
	case text[0] == '\'', text[0] == '"', text[0] == '`':
		closing = text[:1]
	case text[0] == '[':
		closing = "]"
	default:
		return 1
	}
	opening := len(closing)
	if closing == "\n" {
		opening = len("--")
	}
	end := strings.Index(text[opening:], closing)
	if end < 0 {
		return len(text)
	}
	return opening + end + len(closing)
}
