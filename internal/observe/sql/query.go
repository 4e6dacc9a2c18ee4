package sql

import (
	"slices"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/value"
)

// statement is a query that was checked, with parameters where it says ${now}.
type statement struct {
	driver v1alpha1.SQLDriver
	text   string
	// nows is how often the text has ${now}.
	nows int
	// leaves is whether something may stay in the session after the query.
	leaves bool
}

// parseQuery checks that a query is one statement that selects, and gives it its parameters.
//
// For SQLite the check matters: ATTACH would open a file outside of the data root, and its driver runs every statement of
// a text. For MySQL too: SELECT ... INTO OUTFILE writes a file on the server, in a read-only transaction as well.
// PostgreSQL refuses several statements by itself, since the extended protocol takes one, and writes, since the
// transaction is read-only.
func parseQuery(driver v1alpha1.SQLDriver, query string) (*statement, error) {
	d := dialectOf(driver)
	if d == nil {
		return nil, observe.InvalidSpec("spec.sql.driver: %q is not known; it is Postgres, MySQL or SQLite", driver)
	}
	if strings.IndexByte(query, 0) >= 0 {
		return nil, observe.InvalidSpec("spec.sql.query: it has a NUL character; remove it")
	}
	if !slices.Contains(d.words, d.firstWord(query)) {
		return nil, observe.InvalidSpec("spec.sql.query: one statement is expected that begins with SELECT, WITH or VALUES")
	}
	p := &parser{dialect: d, statement: &statement{driver: driver}}
	for query != "" {
		kind, length := d.token(query)
		if strings.HasPrefix(query, "${") || kind == other && strings.HasPrefix(query, "$${") {
			kind, length = placeholder, placeholderLength(query)
		}
		if err := p.add(kind, query[:length]); err != nil {
			return nil, err
		}
		query = query[length:]
	}
	p.statement.text = p.text.String()
	return p.statement, nil
}

// firstWord returns the first word of a statement in upper case, or its first character where that is no word.
func (d *dialect) firstWord(query string) string {
	for query != "" {
		kind, length := d.token(query)
		if kind != space && kind != comment {
			return strings.ToUpper(query[:length])
		}
		query = query[length:]
	}
	return ""
}

// placeholder is the kind of token that ${...} and $${ are.
const placeholder = word + 1

// placeholderLength returns the length of ${...} or of $${.
func placeholderLength(text string) int {
	if strings.HasPrefix(text, "$${") {
		return len("$${")
	}
	return upTo(text, len("${"), "}")
}

// parser puts a statement together.
type parser struct {
	*dialect
	statement *statement
	text      strings.Builder
	ended     bool // by a semicolon
	last      byte // the token before, if it was a byte of no other kind
}

// add takes one token of the query.
func (p *parser) add(kind kind, token string) error {
	if p.ended {
		if kind != space && kind != comment && token != ";" {
			return observe.InvalidSpec("spec.sql.query: more than one statement; write one")
		}
		return nil
	}
	var err error
	switch kind {
	case space:
		token = strings.Replace(token, "\ufeff", " ", 1)
	case comment, quoted:
		token, err = p.addQuoted(kind, token)
	case placeholder:
		token, err = p.addPlaceholder(token)
	case word:
		err = p.checkWord(token)
	case other:
		token, err = p.addOther(token)
	}
	p.text.WriteString(token)
	p.last = 0
	if kind == other && token != "" {
		p.last = token[0]
	}
	return err
}

// addQuoted takes a quoted text or a comment, in which $${ is written for ${.
func (p *parser) addQuoted(kind kind, token string) (string, error) {
	if p.mysql && kind == comment && (strings.HasPrefix(token, "/*!") || strings.HasPrefix(token, "/*M!")) {
		return "", observe.InvalidSpec("spec.sql.query: %s is a comment that some servers run; write the query without it", token[:strings.IndexByte(token, '!')+1])
	}
	opening := 0
	if kind == quoted && token[0] == '$' {
		opening = len(dollarTag(token))
	}
	var text strings.Builder
	text.WriteString(token[:opening])
	for rest := token[opening:]; rest != ""; {
		switch {
		case strings.HasPrefix(rest, "$${"):
			text.WriteString("${")
			rest = rest[len("$${"):]
		case strings.HasPrefix(rest, "${now}"):
			return "", observe.InvalidSpec("spec.sql.query: ${now} is a parameter: write it outside of quotes and comments; $${now} is the text ${now}")
		default:
			text.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	return text.String(), nil
}

// addPlaceholder takes ${...}, which is a parameter, or $${, which is ${.
func (p *parser) addPlaceholder(token string) (string, error) {
	switch token {
	case "$${":
		return "${", nil
	case "${now}":
		p.statement.nows++
		return p.now, nil
	}
	return "", observe.InvalidSpec("spec.sql.query: %s is not known; only ${now} is", value.Shorten(token, 40))
}

// checkWord refuses parameters of the query's own and what writes files with a SELECT, and takes note of what stays in a
// session.
func (p *parser) checkWord(token string) error {
	if p.postgres && p.last == '$' && isDigit(token[0]) {
		return p.unbound("$" + token)
	}
	if !p.mysql {
		return nil
	}
	upper := strings.ToUpper(token)
	// The server reads 1e5into as a number and a word.
	if upper == "INTO" || isDigit(upper[0]) && strings.HasSuffix(upper, "INTO") {
		return observe.InvalidSpec("spec.sql.query: INTO writes; sources are only read: write the query without it")
	}
	if upper == "GET_LOCK" || upper == "LAST_INSERT_ID" {
		p.statement.leaves = true
	}
	return nil
}

// addOther takes one byte that is in no word, quote or comment.
func (p *parser) addOther(token string) (string, error) {
	c := token[0]
	switch {
	case c == ';' && p.single:
		p.ended = true
		return "", nil
	case strings.IndexByte(p.parameters, c) >= 0:
		return "", p.unbound(token)
	case p.mysql && c == '\\':
		return "", observe.InvalidSpec(`spec.sql.query: \ outside of quotes; write the query without it`)
	case p.mysql && c == '=' && p.last == ':':
		p.statement.leaves = true // a variable has a value now
	}
	return token, nil
}

// unbound is the error of a parameter that is not ${now}.
func (p *parser) unbound(name string) error {
	return observe.InvalidSpec("spec.sql.query: %s is a parameter that has no value; only ${now} has one", value.Shorten(name, 40))
}

// arguments returns the values of the statement's parameters. A moment is a text where the database has no type for it.
func (s *statement) arguments(now time.Time) []any {
	now = now.UTC()
	switch {
	case s.nows == 0:
		return nil
	case s.driver == v1alpha1.DriverPostgres:
		return []any{now} // $1, however often
	case s.driver == v1alpha1.DriverSQLite:
		return []any{now.Format(time.DateTime)} // ?1, however often
	}
	return slices.Repeat([]any{now.Format("2006-01-02 15:04:05.000000")}, s.nows)
}
