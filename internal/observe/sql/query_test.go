package sql

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

const (
	pg   = v1alpha1.DriverPostgres
	my   = v1alpha1.DriverMySQL
	lite = v1alpha1.DriverSQLite
)

func TestParseQueryTakesOneStatementThatSelects(t *testing.T) {
	const refused = "spec.sql.query: one statement is expected that begins with SELECT, WITH or VALUES"
	const several = "spec.sql.query: more than one statement; write one"
	const into = "spec.sql.query: INTO writes; sources are only read: write the query without it"
	tests := map[string]struct {
		driver v1alpha1.SQLDriver
		query  string
		want   string
	}{
		"a select":                                 {lite, "select 1", ""},
		"a with, in capitals":                      {lite, "\n\tWITH x AS (SELECT 1) SELECT * FROM x", ""},
		"a byte order mark":                        {lite, "\ufeffselect 1", ""},
		"comments before the first word":           {lite, "-- delete\n/* drop; */ select 1", ""},
		"a semicolon at the end":                   {lite, "select 1 ; -- done\n ;", ""},
		"a semicolon in quotes":                    {lite, `select 'a;''b;' as "c;d", [e;f], ` + "`g;h`", ""},
		"a semicolon in a comment":                 {lite, "select 1 -- ;\n, 2 /* ; */", ""},
		"a parenthesis, in PostgreSQL":             {pg, "(select 1) union (select 2)", ""},
		"a table, in PostgreSQL":                   {pg, "table usage", ""},
		"a table, in MySQL":                        {my, "TABLE t", ""},
		"several statements are the server's":      {pg, "select $$;$$; select 2", ""},
		"nothing":                                  {lite, " -- nothing", refused},
		"a delete":                                 {lite, "delete from usage", refused},
		"an attach":                                {lite, "ATTACH 'x' AS y", refused},
		"a pragma":                                 {lite, "pragma query_only = 0", refused},
		"a set, in MySQL":                          {my, "set statement max_statement_time = 0 for select 1", refused},
		"a word that begins like select":           {lite, "selection", refused},
		"a comment that never ends":                {lite, "/* select 1", refused},
		"a comment that ends only once":            {pg, "/* /* */ select 1", refused},
		"a comment in a comment, in MySQL":         {my, "/* /* */ select 1", ""},
		"a table, in SQLite":                       {lite, "table usage", refused},
		"two statements":                           {lite, "select 1; attach 'x' as y", several},
		"two statements around a quote":            {lite, "select ';'';'; select 2", several},
		"two statements around a comment":          {lite, "select 1 --\n; select 2", several},
		"two statements after a backslash":         {my, `select 'it''s \'; select 1'; select 2`, several},
		"a backslash before a quote, in MySQL":     {my, `select '\'; select 1'`, ""},
		"a backslash before a quote, in SQLite":    {lite, `select '\'; select 1'`, several},
		"a backslash in a name, in MySQL":          {my, "select `\\`; select 2", several},
		"two dashes are no comment, in MySQL":      {my, "select 1--1; select 2\n", several},
		"two dashes and a space, in MySQL":         {my, "select 1-- 1; select 2\n", ""},
		"a hash, in MySQL":                         {my, "select 1 # ; select 2", ""},
		"a carriage return ends no comment":        {my, "select 1 #\r; select 2", ""},
		"INTO OUTFILE":                             {my, "select 1 into outfile '/tmp/x'", into},
		"INTO DUMPFILE after a quote":              {my, "select'x'into/**/dumpfile'/tmp/x'", into},
		"INTO a variable":                          {my, "select 1 INTO @x", into},
		"INTO after a number":                      {my, "select 1e5into outfile '/tmp/x'", into},
		"INTO after a point":                       {my, "select 1.into outfile '/tmp/x'", into},
		"INTO after a null":                        {my, `select \Ninto outfile '/tmp/x'`, `spec.sql.query: \ outside of quotes; write the query without it`},
		"INTO in quotes and names":                 {my, "select 'into outfile', `into`, \"into\", looked_into, into_it from t", ""},
		"INTO, in PostgreSQL, is the server's":     {pg, "select 1 into x", ""},
		"a comment that MySQL runs":                {my, "select 1 /*!50000 into outfile '/tmp/x' */", "spec.sql.query: /*! is a comment that some servers run; write the query without it"},
		"a comment that MariaDB runs":              {my, "/*M! select */ select 1", "spec.sql.query: /*M! is a comment that some servers run; write the query without it"},
		"a hint, in MySQL":                         {my, "select /*+ NO_ICP(t) */ 1 from t", ""},
		"a NUL":                                    {pg, "select 1\x00", "spec.sql.query: it has a NUL character; remove it"},
		"another driver":                           {"Oracle", "select 1", `spec.sql.driver: "Oracle" is not known; it is Postgres, MySQL or SQLite`},
		"a parameter, in PostgreSQL":               {pg, "select $1", "spec.sql.query: $1 is a parameter that has no value; only ${now} has one"},
		"a dollar in a name, in PostgreSQL":        {pg, "select a$1 from t", ""},
		"a parameter, in MySQL":                    {my, "select ?", "spec.sql.query: ? is a parameter that has no value; only ${now} has one"},
		"a question mark, in PostgreSQL":           {pg, "select '{}'::jsonb ? 'a'", ""},
		"a parameter, in SQLite":                   {lite, "select :now", "spec.sql.query: : is a parameter that has no value; only ${now} has one"},
		"a parameter in quotes":                    {lite, "select '?', ':a', '$1', '@b'", ""},
		"a cast, in PostgreSQL":                    {pg, "select '1'::int", ""},
		"a variable, in MySQL":                     {my, "select @x, @@version", ""},
		"a placeholder that is not known":          {pg, "select ${then}", "spec.sql.query: ${then} is not known; only ${now} is"},
		"a placeholder with white space":           {my, "select ${ now }", "spec.sql.query: ${ now } is not known; only ${now} is"},
		"a long placeholder that never ends":       {lite, "select ${" + strings.Repeat("n", 100), "spec.sql.query: ${" + strings.Repeat("n", 35) + "... is not known; only ${now} is"},
		"${now} in quotes":                         {pg, "select '${now}'", inQuotes},
		"${now} in a name":                         {my, "select `${now}`", inQuotes},
		"${now} in brackets":                       {lite, "select [${now}]", inQuotes},
		"${now} in a comment":                      {pg, "select 1 -- ${now}", inQuotes},
		"${now} in a text between dollars":         {pg, "select $$ ${now} $$", inQuotes},
		"${now} in a text between tags":            {pg, "select $a$ $$ ${now} $a$", inQuotes},
		"${now} in a text with a backslash":        {pg, `select E'\'${now}'`, inQuotes},
		"${now} after a text that never ends":      {pg, "select 'it ${now}", inQuotes},
		"another placeholder in quotes is a text":  {pg, "select '${then}'", ""},
		"another placeholder in a comment is none": {my, "select 1 # ${then}", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if _, err := parseQuery(test.driver, test.query); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

const inQuotes = "spec.sql.query: ${now} is a parameter: write it outside of quotes and comments; $${now} is the text ${now}"

func TestParseQueryBindsNow(t *testing.T) {
	tests := map[string]struct {
		driver v1alpha1.SQLDriver
		query  string
		want   statement
	}{
		"once, in PostgreSQL":                    {pg, "select ${now} - interval '1 day'", statement{text: "select ($1::timestamptz) - interval '1 day'", nows: 1}},
		"twice, in PostgreSQL":                   {pg, "select ${now}::date, ${now}", statement{text: "select ($1::timestamptz)::date, ($1::timestamptz)", nows: 2}},
		"after a name, in PostgreSQL":            {pg, "select date${now}", statement{text: "select date($1::timestamptz)", nows: 1}},
		"before a digit, in SQLite":              {lite, "select ${now}5", statement{text: "select (?1)5", nows: 1}},
		"twice, in MySQL":                        {my, "select ${now}, ${now}", statement{text: "select CAST(? AS DATETIME(6)), CAST(? AS DATETIME(6))", nows: 2}},
		"after a carriage return, in PostgreSQL": {pg, "select 1 --\r, ${now}", statement{text: "select 1 --\r, ($1::timestamptz)", nows: 1}},
		"beside quotes and comments":             {my, "select '?',${now}/* ? */", statement{text: "select '?',CAST(? AS DATETIME(6))/* ? */", nows: 1}},
		"after a text between dollars":           {pg, "select $$it's$$, $q$'$q$, ${now}", statement{text: "select $$it's$$, $q$'$q$, ($1::timestamptz)", nows: 1}},
		"a text of JSON between dollars":         {pg, `select $${"a": 1}$$::jsonb`, statement{text: `select $${"a": 1}$$::jsonb`}},
		"a text between dollars after a number":  {pg, `select 1$$a${now}$$`, statement{}},
		"after a text that ends in a backslash":  {pg, `select '\', ${now}`, statement{text: `select '\', ($1::timestamptz)`, nows: 1}},
		"two dollars are one in quotes":          {pg, "select '$${now}', '$$${x}', '$$', \"$${a}\"", statement{text: "select '${now}', '$${x}', '$$', \"${a}\""}},
		"two dollars are one between tags":       {pg, "select $q$ $${now} $q$", statement{text: "select $q$ ${now} $q$"}},
		"two dollars are one outside of quotes":  {my, "select $${", statement{text: "select ${"}},
		"a semicolon and what follows is cut":    {my, "select 1 ; # done", statement{text: "select 1 "}},
		"a byte order mark is cut":               {my, "\ufeffselect 1", statement{text: " select 1"}},
		"a variable of MySQL stays":              {my, "select @n := @n + 1", statement{text: "select @n := @n + 1", leaves: true}},
		"a lock of MySQL stays":                  {my, "select get_lock('a', 1)", statement{text: "select get_lock('a', 1)", leaves: true}},
		"a named argument of PostgreSQL is none": {pg, "select f(a := 1)", statement{text: "select f(a := 1)"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseQuery(test.driver, test.query)
			if test.want.text == "" {
				if err == nil {
					t.Errorf("got %q, want an error", got.text)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			test.want.driver = test.driver
			if diff := cmp.Diff(&test.want, got, cmp.AllowUnexported(statement{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestArgumentsAreTheMomentOfTheReadInUTC(t *testing.T) {
	at := time.Date(2026, 11, 1, 14, 0, 0, 0, time.FixedZone("", 2*60*60))
	tests := map[string]struct {
		statement statement
		want      []any
	}{
		"no ${now}":           {statement{driver: pg}, nil},
		"twice in PostgreSQL": {statement{driver: pg, nows: 2}, []any{at.UTC()}},
		"twice in MySQL":      {statement{driver: my, nows: 2}, []any{"2026-11-01 12:00:00.000000", "2026-11-01 12:00:00.000000"}},
		"twice in SQLite":     {statement{driver: lite, nows: 2}, []any{"2026-11-01 12:00:00"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.statement.arguments(at)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzParseQuery shows that whatever a query is, no text of it is lost on the way, and none is added but parameters.
func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{"select '${x}' -- $$\n/* /* */ */ E'\\'' $q$ $q$ `a`[b]\"c\" ${now} 1e5 # ?", "select $${ $1", "\ufeffselect 1;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		for _, driver := range []v1alpha1.SQLDriver{pg, my, lite} {
			got, err := parseQuery(driver, query)
			if err != nil {
				continue
			}
			plain := func(text string) string {
				return strings.NewReplacer("$", "", "\ufeff", " ", "{now}", "").Replace(text)
			}
			text := plain(strings.ReplaceAll(got.text, dialectOf(driver).now, ""))
			if !strings.HasPrefix(plain(strings.ReplaceAll(query, dialectOf(driver).now, "")), text) {
				t.Errorf("%s: %q became %q", driver, query, got.text)
			}
		}
	})
}
