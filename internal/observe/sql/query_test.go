package sql

import (
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestCheckQuery(t *testing.T) {
	const refused = "spec.sql.query: one statement is expected that begins with SELECT, WITH or VALUES"
	const several = "spec.sql.query: more than one statement"
	tests := map[string]struct {
		driver v1alpha1.SQLDriver
		query  string
		want   string
	}{
		"a select":                                {v1alpha1.DriverSQLite, "select 1", ""},
		"a with, in capitals":                     {v1alpha1.DriverSQLite, "\n\tWITH x AS (SELECT 1) SELECT * FROM x", ""},
		"comments before the first word":          {v1alpha1.DriverSQLite, "-- delete\n/* drop; */ select 1", ""},
		"a semicolon at the end":                  {v1alpha1.DriverSQLite, "select 1 ; -- done\n ;", ""},
		"a semicolon in quotes":                   {v1alpha1.DriverSQLite, `select 'a;''b;' as "c;d", [e;f], ` + "`g;h`", ""},
		"a semicolon in a comment":                {v1alpha1.DriverSQLite, "select 1 -- ;\n, 2 /* ; */", ""},
		"a parenthesis, in PostgreSQL":            {v1alpha1.DriverPostgres, "(select 1) union (select 2)", ""},
		"a table, in PostgreSQL":                  {v1alpha1.DriverPostgres, "table usage", ""},
		"a dollar quote is PostgreSQL's business": {v1alpha1.DriverPostgres, "select $$;$$; ", ""},
		"nothing":                         {v1alpha1.DriverSQLite, " -- nothing", refused},
		"a delete":                        {v1alpha1.DriverSQLite, "delete from usage", refused},
		"an attach":                       {v1alpha1.DriverSQLite, "ATTACH 'x' AS y", refused},
		"a pragma":                        {v1alpha1.DriverSQLite, "pragma query_only = 0", refused},
		"a word that begins like select":  {v1alpha1.DriverSQLite, "selection", refused},
		"a comment that never ends":       {v1alpha1.DriverSQLite, "/* select 1", refused},
		"a table, in SQLite":              {v1alpha1.DriverSQLite, "table usage", refused},
		"two statements":                  {v1alpha1.DriverSQLite, "select 1; attach 'x' as y", several},
		"two statements around a quote":   {v1alpha1.DriverSQLite, "select ';'';'; select 2", several},
		"two statements around a comment": {v1alpha1.DriverSQLite, "select 1 --\n; select 2", several},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := checkQuery(test.driver, test.query); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestSafeMessage(t *testing.T) {
	tests := map[string]struct{ code, message, want string }{
		"an unknown table is the query's":      {"42P01", `relation "usage" does not exist`, `relation "usage" does not exist`},
		"a user's name goes":                   {"28P01", `password authentication failed for user "jo"`, `password authentication failed for user "..."`},
		"a database's name goes":               {"3D000", `database "acme" does not exist`, `database "..." does not exist`},
		"a value goes, and all that follows":   {"22P02", `invalid input syntax for type integer: "secret"`, "invalid input syntax for type integer"},
		"a value without quotes goes":          {"22021", "invalid byte sequence for encoding UTF8: 0xff", "invalid byte sequence for encoding UTF8"},
		"a value in the middle goes":           {"22003", `value "123" is out of range`, "value"},
		"what a function raises goes entirely": {"P0001", "customer secret is locked", ""},
		"further lines go":                     {"42601", "syntax error\nsecret", "syntax error"},
		"a code that is too short goes":        {"4", "secret", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := safeMessage(test.code, test.message); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAllows(t *testing.T) {
	tests := map[string]struct {
		list string
		want bool
	}{
		"nothing":                  {"", false},
		"the name":                 {"usage", true},
		"everything":               {"*", true},
		"the name among others":    {"crm, usage ,support", true},
		"others":                   {"crm,support", false},
		"a name that begins alike": {"usage-eu", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := allows(test.list, "usage"); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}
