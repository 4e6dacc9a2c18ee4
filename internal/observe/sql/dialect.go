package sql

import (
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// dialect is what is to know of a database's SQL to tell its quotes and comments from the rest.
type dialect struct {
	// words that a query may begin with.
	words []string
	// now is what ${now} becomes: the parameter, in parentheses, so that it stays one whatever stands beside it.
	now string
	// parameters are the characters that begin a parameter of the query's own, which nothing is bound to.
	parameters string
	// quotes are the characters that quote texts and names; [ is closed by ].
	quotes string
	// single is whether somebody would run a second statement, or stumble over what follows a semicolon.
	single bool
	// postgres has nested comments, texts between $$ or $tag$, and backslashes in E'...'.
	postgres bool
	// mysql has backslashes in texts, comments that begin with # or with dashes and white space, and comments that it runs.
	mysql bool
}

var (
	postgresDialect = &dialect{
		words: []string{"SELECT", "WITH", "VALUES", "TABLE", "("}, now: "($1::timestamptz)",
		quotes: `'"`, postgres: true,
	}
	mysqlDialect = &dialect{
		words: []string{"SELECT", "WITH", "VALUES", "TABLE", "("}, now: "CAST(? AS DATETIME(6))", parameters: "?",
		quotes: "'\"`", single: true, mysql: true,
	}
	sqliteDialect = &dialect{
		words: []string{"SELECT", "WITH", "VALUES"}, now: "(?1)", parameters: "?:@$",
		quotes: "'\"`[", single: true,
	}
)

// dialectOf returns the dialect of a driver, and nil for one that is not known.
func dialectOf(driver v1alpha1.SQLDriver) *dialect {
	switch driver {
	case v1alpha1.DriverPostgres:
		return postgresDialect
	case v1alpha1.DriverMySQL:
		return mysqlDialect
	case v1alpha1.DriverSQLite:
		return sqliteDialect
	}
	return nil
}

// kind is what a token of a query is.
type kind int

const (
	other kind = iota // one byte
	space
	comment
	quoted
	word // a name, a keyword or a number
)

// token returns what a text that is not empty begins with, and how long that is. A quote or comment that is not closed
// reaches to the end.
func (d *dialect) token(text string) (kind, int) {
	switch c := text[0]; {
	case strings.IndexByte(" \t\r\n\f\v", c) >= 0:
		return space, 1
	case strings.HasPrefix(text, "\ufeff"):
		return space, len("\ufeff")
	case d.beginsLine(text):
		return comment, d.lineLength(text)
	case strings.HasPrefix(text, "/*"):
		return comment, d.blockLength(text)
	case d.postgres && (c == 'e' || c == 'E') && strings.HasPrefix(text[1:], "'"):
		return quoted, 1 + quoteLength(text[1:], true)
	case strings.IndexByte(d.quotes, c) >= 0:
		return quoted, quoteLength(text, d.mysql && c != '`')
	case d.postgres && c == '$':
		if tag := dollarTag(text); tag != "" {
			return quoted, upTo(text, len(tag), tag)
		}
	case isWord(c):
		return word, d.wordLength(text)
	}
	return other, 1
}

// beginsLine reports whether a text begins with a comment that the line's end closes.
func (d *dialect) beginsLine(text string) bool {
	if d.mysql && text[0] == '#' {
		return true
	}
	if !strings.HasPrefix(text, "--") {
		return false
	}
	return !d.mysql || len(text) == 2 || text[2] <= ' '
}

// lineLength returns the length of a comment that the line's end closes. A carriage return ends it for PostgreSQL alone.
func (d *dialect) lineLength(text string) int {
	ends := "\n"
	if d.postgres {
		ends = "\n\r"
	}
	if end := strings.IndexAny(text, ends); end >= 0 {
		return end + 1
	}
	return len(text)
}

// blockLength returns the length of a comment that begins a text.
func (d *dialect) blockLength(text string) int {
	if !d.postgres {
		return upTo(text, 2, "*/")
	}
	depth := 0
	for i := 0; i < len(text)-1; i++ {
		switch text[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(text)
}

// quoteLength returns the length of a quoted text or name that begins a text. A quote inside of it is written twice, which
// reads as two quoted texts side by side, or after a backslash.
func quoteLength(text string, backslashes bool) int {
	closing := text[0]
	if closing == '[' {
		closing = ']'
	}
	for i := 1; i < len(text); i++ {
		switch {
		case backslashes && text[i] == '\\':
			i++
		case text[i] == closing:
			return i + 1
		}
	}
	return len(text)
}

// dollarTag returns the $tag$ that a text begins with, or nothing.
func dollarTag(text string) string {
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '$':
			return text[:i+1]
		case !isWord(c) || i == 1 && isDigit(c):
			return ""
		}
	}
	return ""
}

// wordLength returns the length of a word that begins a text. Names may have dollars in them; numbers may not where
// dollars quote. ${ begins something else.
func (d *dialect) wordLength(text string) int {
	dollars := !d.postgres || !isDigit(text[0])
	for i := 1; i < len(text); i++ {
		if !isWord(text[i]) && (text[i] != '$' || !dollars || strings.HasPrefix(text[i:], "${") || strings.HasPrefix(text[i:], "$${")) {
			return i
		}
	}
	return len(text)
}

// upTo returns the length of a text up to and with the first closing after its opening, or all of it.
func upTo(text string, opening int, closing string) int {
	end := strings.Index(text[opening:], closing)
	if end < 0 {
		return len(text)
	}
	return opening + end + len(closing)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isWord reports whether a byte can be part of a name or a number; those of letters outside of ASCII all can.
func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || isDigit(c) || c == '_' || c >= 0x80
}
