package sql

import (
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestSafeMessage(t *testing.T) {
	tests := map[string]struct{ code, message, where, want string }{
		"an unknown table is the query's":              {"42P01", `relation "usage" does not exist`, "", `relation "usage" does not exist`},
		"a user's name goes":                           {"28P01", `password authentication failed for user "jo"`, "", `password authentication failed for user "..."`},
		"a user's name goes in French":                 {"28P01", `authentification par mot de passe échouée pour l'utilisateur « jo »`, "", `authentification par mot de passe échouée pour l'utilisateur "..."`},
		"a user's name goes in German":                 {"28P01", `Passwort-Authentifizierung für Benutzer „jo“ fehlgeschlagen`, "", `Passwort-Authentifizierung für Benutzer "..." fehlgeschlagen`},
		"a value goes, and all that follows":           {"22P02", `invalid input syntax for type integer: "secret"`, "", "invalid input syntax for type integer"},
		"a value without quotes goes":                  {"22021", "invalid byte sequence for encoding UTF8: 0xff", "", "invalid byte sequence for encoding UTF8"},
		"a value in the middle goes":                   {"22003", `value "123" is out of range`, "", "value"},
		"what a function raises goes entirely":         {"P0001", "customer secret is locked", "", ""},
		"what a function raises as another error goes": {"42P01", `relation "secret" does not exist`, "PL/pgSQL function shout() line 1 at RAISE", ""},
		"a write in a function is told":                {"25006", "cannot execute INSERT in a read-only transaction", `SQL function "store" statement 1`, "cannot execute INSERT in a read-only transaction"},
		"further lines go":                             {"42601", "syntax error\nsecret", "", "syntax error"},
		"a code that is too short goes":                {"4", "secret", "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := safeMessage(&pgconn.PgError{Code: test.code, Message: test.message, Where: test.where}); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestMySQLSafeMessage(t *testing.T) {
	const syntax = "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use near 'from 'x'' at line 1"
	tests := map[string]struct {
		number  uint16
		state   string
		message string
		want    string
	}{
		"an unknown column is the query's":            {1054, "42S22", "Unknown column 'm' in 'field list'", "Unknown column 'm' in 'field list'"},
		"an unknown table, without its database":      {1146, "42S02", "Table 'warehouse.use_' doesn't exist", "Table 'use_' doesn't exist"},
		"an unknown table, with the query's database": {1146, "42S02", "Table 'crm.use_' doesn't exist", "Table 'crm.use_' doesn't exist"},
		"an unknown function, without its database":   {1305, "42000", "FUNCTION warehouse.f does not exist", "FUNCTION f does not exist"},
		"a syntax error is the query's":               {1064, "42000", syntax, "syntax error near 'from 'x'' at line 1"},
		"a syntax error in other words":               {1064, "42000", "Quelque chose", "syntax error"},
		"a user and a host go":                        {1142, "42000", "SELECT command denied to user 'jo'@'10.0.0.7' for table `warehouse`.`usage`", "SELECT command denied to user \"...\" for table `usage`"},
		"a user and a table of the query's name":      {1142, "42000", "SELECT command denied to user 'usage'@'10.0.0.7' for table 'usage'", "SELECT command denied to user \"...\" for table 'usage'"},
		"a column in a table":                         {1143, "42000", "SELECT command denied to user ''@'%' for column 'n' in table 'secret'", `SELECT command denied to user "..." for column 'n' in table "..."`},
		"a value goes, and all that follows":          {1292, "22007", "Incorrect datetime value: '0000-secret' for column 'at'", "Incorrect datetime value"},
		"a value of a number":                         {1690, "22003", "BIGINT value is out of range in '(`warehouse`.`usage`.`n` - 5)'", "BIGINT value is out of range"},
		"what a function raises goes entirely":        {1644, "45000", "customer secret is locked", ""},
		"what is not known goes entirely":             {1105, "HY000", "secret", ""},
		"a read-only transaction":                     {1792, "25006", "Cannot execute statement in a READ ONLY transaction", "Cannot execute statement in a READ ONLY transaction"},
	}
	query, err := parseQuery(my, "select n from crm.accounts, `usage`, use_")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := &mysql.MySQLError{Number: test.number, Message: test.message, SQLState: [5]byte([]byte(test.state))}
			if got := mysqlSafeMessage(server, &run{reader: &reader{query: query}}); got != test.want {
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
