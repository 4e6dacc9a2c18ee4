package sql

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// showPostgres writes what a connection string says.
func showPostgres(config *pgx.ConnConfig) string {
	tls := "plain"
	if config.TLSConfig != nil {
		tls = fmt.Sprintf("tls, verifies=%t", !config.TLSConfig.InsecureSkipVerify)
	}
	servers := fmt.Sprintf("%s|%d", config.Host, config.Port)
	for _, other := range config.Fallbacks {
		servers += fmt.Sprintf(" %s|%d", other.Host, other.Port)
	}
	return fmt.Sprintf("%s:%s@%s/%s %s %v", config.User, config.Password, servers, config.Database, tls, config.RuntimeParams)
}

func TestPostgresConnectionStrings(t *testing.T) {
	const params = " map[application_name:perennial]"
	tests := map[string]struct{ dsn, want string }{
		"a URL":                               {"postgres://jo:pw@db:5433/crm?sslmode=disable", "jo:pw@db|5433/crm plain" + params},
		"the other scheme":                    {"postgresql://jo:pw@db/crm?sslmode=disable", "jo:pw@db|5432/crm plain" + params},
		"a URL with encoded characters":       {"postgres://j%40o:p%3A%2F%3f%27%5C@db/c%20m?sslmode=disable", `j@o:p:/?'\@db|5432/c m plain` + params},
		"a URL with a question mark":          {"postgres://jo:p?w@db/crm?sslmode=disable", "jo:p?w@db|5432/crm plain" + params},
		"a URL of an IPv6 address":            {"postgres://jo:pw@[2001:db8::1]:5433/crm?sslmode=disable", "jo:pw@2001:db8::1|5433/crm plain" + params},
		"a URL of two servers":                {"postgres://jo:pw@a:1,b/crm?sslmode=disable", "jo:pw@a|1 b|5432/crm plain" + params},
		"a URL with names in its parameters":  {"postgres:///?host=db&user=jo&password=pw&dbname=crm&port=5433&sslmode=disable", "jo:pw@db|5433/crm plain" + params},
		"keywords":                            {`host=db user = jo password='p\'w \\' dbname=crm sslmode=disable`, `jo:p'w \@db|5432/crm plain` + params},
		"keywords without quotes":             {`host=db user=jo password=p\'w\ \\ sslmode=disable`, `jo:p'w \@db|5432/ plain` + params},
		"no password and no database":         {"postgres://jo@db?sslmode=disable", "jo:@db|5432/ plain" + params},
		"a password only":                     {"postgres://jo:@db?sslmode=disable", "jo:@db|5432/ plain" + params},
		"no TLS mode: TLS if there is any":    {"postgres://jo:pw@db/crm", "jo:pw@db|5432 db|5432/crm tls, verifies=false" + params},
		"TLS that verifies":                   {"postgres://jo:pw@db/crm?sslmode=verify-full", "jo:pw@db|5432/crm tls, verifies=true" + params},
		"TLS with the system's authorities":   {"postgres://jo:pw@db/crm?sslrootcert=system", "jo:pw@db|5432/crm tls, verifies=true" + params},
		"TLS by its other name":               {"postgres://jo:pw@db/crm?ssl=true", "jo:pw@db|5432/crm tls, verifies=false" + params},
		"settings of the session":             {"postgres://jo:pw@db/crm?sslmode=disable&search_path=a%2Cb&application_name=cs", "jo:pw@db|5432/crm plain map[application_name:cs search_path:a,b]"},
		"settings that would loosen the rest": {"postgres://jo:pw@db/crm?sslmode=disable&default_query_exec_mode=simple_protocol", "jo:pw@db|5432/crm plain" + params},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			config, err := postgresConfig(test.dsn)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, showPostgres(config)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPostgresConnectionStringsThatAreRefused(t *testing.T) {
	const file = "spec.sql.dsnSecretRef: the connection string has the parameter %s, which names a file of the operator's; remove it"
	tests := map[string]struct{ dsn, want string }{
		"a key":                         {"postgres://jo:pw@db/crm?sslkey=/x", fmt.Sprintf(file, "sslkey")},
		"a key, encoded":                {"postgres://jo:pw@db/crm?ssl%6Bey=/x", fmt.Sprintf(file, "sslkey")},
		"a certificate":                 {"host=db user=jo sslcert=/x", fmt.Sprintf(file, "sslcert")},
		"an authority":                  {"postgres://jo:pw@db/crm?sslrootcert=/x", fmt.Sprintf(file, "sslrootcert")},
		"a file of passwords":           {"host=db user=jo passfile = '/x'", fmt.Sprintf(file, "passfile")},
		"a file of services":            {"postgres://jo:pw@db/crm?servicefile=/x", fmt.Sprintf(file, "servicefile")},
		"a service":                     {"service=crm", fmt.Sprintf(file, "service")},
		"no host":                       {"postgres://jo:pw@/crm", "spec.sql.dsnSecretRef: the connection string names no host; write postgres://user:password@host:5432/database"},
		"no second host":                {"postgres://jo:pw@db,/crm", "spec.sql.dsnSecretRef: the connection string names no host; write postgres://user:password@host:5432/database"},
		"no user":                       {"postgres://db/crm", "spec.sql.dsnSecretRef: the connection string names no user; write postgres://user:password@host:5432/database"},
		"an at sign in the password":    {"postgres://jo:p@w@db/crm", errNoDSN.Error()},
		"a port that is no number":      {"postgres://jo:pw@db:port/crm", errNoDSN.Error()},
		"a percent sign that is none":   {"postgres://jo:p%w@db/crm", errNoDSN.Error()},
		"a NUL":                         {"postgres://jo:p%00w@db/crm", errNoDSN.Error()},
		"an address that does not end":  {"postgres://jo:pw@[::1/crm", errNoDSN.Error()},
		"a parameter without a value":   {"postgres://jo:pw@db/crm?sslmode", errNoDSN.Error()},
		"a name with a quote":           {"postgres://jo:pw@db/crm?a'=b", errNoDSN.Error()},
		"a TLS mode that there is not":  {"postgres://jo:pw@db/crm?sslmode=maybe", errNoDSN.Error()},
		"another database's":            {"jo:pw@tcp(db:3306)/crm", errNoDSN.Error()},
		"keywords without a value":      {"host", errNoDSN.Error()},
		"a quote that does not end":     {"host=db user='jo", errNoDSN.Error()},
		"the hosts and ports not alike": {"postgres://jo:pw@a,b,c/crm?port=1,2", errNoDSN.Error()},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			config, err := postgresConfig(test.dsn)
			if err == nil {
				t.Fatalf("got %s, want an error", showPostgres(config))
			}
			if err.Error() != test.want {
				t.Errorf("got %q, want %q", err, test.want)
			}
		})
	}
}

func TestPostgresTakesNothingFromTheOperatorsEnvironment(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	for name, value := range map[string]string{
		"PGHOST": "theirs", "PGPORT": "1", "PGDATABASE": "theirs", "PGUSER": "theirs", "PGPASSWORD": "theirs", "PGAPPNAME": "theirs",
		"PGSSLMODE": "verify-full", "PGSSLROOTCERT": filepath.Join(home, "none"), "PGSSLCERT": "none", "PGSSLKEY": "none", "PGSSLCERTMODE": "require",
		"PGSSLNEGOTIATION": "direct", "PGTARGETSESSIONATTRS": "read-write", "PGTZ": "Asia/Tokyo", "PGOPTIONS": "-c role=theirs", "PGCONNECT_TIMEOUT": "1",
		"PGCHANNELBINDING": "require", "PGREQUIREAUTH": "none", "PGMINPROTOCOLVERSION": "3.2", "PGSERVICEFILE": filepath.Join(home, "none"),
	} {
		t.Setenv(name, value)
	}
	if err := os.WriteFile(filepath.Join(home, ".pgpass"), []byte("*:*:*:*:theirs\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := postgresConfig("postgres://jo@db?sslmode=prefer")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("jo:@db|5432 db|5432/ tls, verifies=false map[application_name:perennial]", showPostgres(config)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if config.ValidateConnect != nil || config.RequireAuth != "" || config.ChannelBinding != "prefer" || config.ConnectTimeout != 0 || config.SSLNegotiation != "" || len(config.TLSConfig.NextProtos) > 0 {
		t.Errorf("got %+v", config)
	}

	t.Setenv("PGSERVICE", "theirs")
	_, err = postgresConfig("postgres://jo@db")
	const want = "spec.sql.dsnSecretRef: the operator runs with PGSERVICE in its environment, which would change every connection; remove it there"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// FuzzPostgresConnectionString shows that what is written for the driver is read by it as what was read from the Secret.
func FuzzPostgresConnectionString(f *testing.F) {
	f.Add("postgres://jo:p%27w@db:5433/crm?application_name=%5C%27")
	f.Add(`host=db user=jo password='p\'w \\' dbname=crm`)
	f.Fuzz(func(t *testing.T, dsn string) {
		given, err := parsePostgresDSN(dsn)
		if err != nil {
			return
		}
		again, err := parseKeywords(given.String())
		if err != nil {
			for name := range given {
				if !parameterName.MatchString(name) {
					return
				}
			}
			t.Fatalf("%q became %q, which cannot be read", dsn, given.String())
		}
		for name, value := range given {
			if parameterName.MatchString(name) && again[name] != value {
				t.Errorf("%q: %s became %q", dsn, name, again[name])
			}
		}
	})
}

func TestMySQLConnectionStrings(t *testing.T) {
	const refusedVariable = "spec.sql.dsnSecretRef: the connection string sets a variable of the session, which the operator does not; remove it"
	const refusedTLS = "spec.sql.dsnSecretRef: the connection string has another tls than true, false, preferred and skip-verify; write one of these"
	tests := map[string]struct{ dsn, want, err string }{
		"the usual":                        {dsn: "jo:pw@tcp(db:3307)/crm", want: "jo:pw@tcp|db:3307/crm "},
		"without a port":                   {dsn: "jo:pw@tcp(db)/crm", want: "jo:pw@tcp|db:3306/crm "},
		"characters in the password":       {dsn: "jo:p@w:/?@tcp(db)/crm", want: "jo:p@w:/?@tcp|db:3306/crm "},
		"what a program in Go would write": {dsn: "jo:pw@tcp(db)/crm?parseTime=true&loc=Local&charset=latin1&collation=latin1_german1_ci&time_zone=%27SYSTEM%27", want: "jo:pw@tcp|db:3306/crm "},
		"TLS":                              {dsn: "jo:pw@tcp(db)/crm?tls=true", want: "jo:pw@tcp|db:3306/crm tls=true"},
		"a password in the clear with TLS": {dsn: "jo:pw@tcp(db)/crm?tls=true&allowCleartextPasswords=true", want: "jo:pw@tcp|db:3306/crm tls=true clear"},
		"a password in the clear":          {dsn: "jo:pw@tcp(db)/crm?tls=preferred&allowCleartextPasswords=true", want: "jo:pw@tcp|db:3306/crm tls=preferred"},
		"everything that is not safe":      {dsn: "jo:pw@tcp(db)/crm?allowAllFiles=1&multiStatements=1&interpolateParams=1&compress=1&allowOldPasswords=1&readTimeout=1ms&columnsWithAlias=1&rejectReadOnly=1", want: "jo:pw@tcp|db:3306/crm "},
		"a socket is the dialer's matter":  {dsn: "jo:pw@unix(/run/x)/crm", want: "jo:pw@unix|/run/x/crm "},
		"a variable of the session":        {dsn: "jo:pw@tcp(db)/crm?sql_mode=ANSI", err: refusedVariable},
		"a key that is not registered":     {dsn: "jo:pw@tcp(db)/crm?serverPubKey=x", err: "spec.sql.dsnSecretRef: the connection string has the parameter serverPubKey, which the operator does not take; remove it"},
		"a word that makes the driver end": {dsn: "jo:pw@tcp(db)/crm?strict=true", err: "spec.sql.dsnSecretRef: the connection string has the parameter strict, which the operator does not take; remove it"},
		"TLS that is not registered":       {dsn: "jo:pw@tcp(db)/crm?tls=custom", err: refusedTLS},
		"TLS that is not registered twice": {dsn: "jo:pw@tcp(db)/crm?tls=true&tls=custom", err: refusedTLS},
		"no user":                          {dsn: "tcp(db)/crm", err: errNoDSN.Error()},
		"no slash":                         {dsn: "jo:pw@tcp(db)", err: errNoDSN.Error()},
		"a URL":                            {dsn: "mysql://jo:pw@db:3306/crm", err: errNoDSN.Error()},
		"another database's":               {dsn: "postgres://jo:pw@db:5432/crm", err: errNoDSN.Error()},
		"nothing but words":                {dsn: "hunter2", err: errNoDSN.Error()},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			config, err := mysqlConfig(test.dsn)
			if err != nil || test.err != "" {
				if err == nil || err.Error() != test.err {
					t.Errorf("got %v, want %q", err, test.err)
				}
				return
			}
			if diff := cmp.Diff(test.want, showMySQL(t, config)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// showMySQL writes who connects to what; how is the same for all.
func showMySQL(t *testing.T, config *mysql.Config) string {
	t.Helper()
	written := config.FormatDSN()
	var extra []string
	for pair := range strings.SplitSeq(written[strings.LastIndexByte(written, '?')+1:], "&") {
		switch name, value, _ := strings.Cut(pair, "="); name {
		case "charset":
			if value != "utf8mb4" {
				t.Errorf("got %s", pair)
			}
		case "allowCleartextPasswords":
			extra = append(extra, "clear")
		case "tls":
			extra = append([]string{pair}, extra...)
		case "checkConnLiveness", "allowFallbackToPlaintext":
		default:
			t.Errorf("got %s", pair)
		}
	}
	return fmt.Sprintf("%s:%s@%s|%s/%s %s", config.User, config.Passwd, config.Net, config.Addr, config.DBName, strings.Join(extra, " "))
}

// FuzzMySQLConnectionString shows that no connection string ends the operator, and that none loosens anything.
func FuzzMySQLConnectionString(f *testing.F) {
	f.Add("jo:pw@tcp(db:3306)/crm?tls=true&strict=1")
	f.Add("jo:pw@tcp(db)/crm?allowAllFiles=true&multiStatements=true&parseTime=true/?strict=1")
	f.Fuzz(func(t *testing.T, dsn string) {
		config, err := mysqlConfig(dsn)
		if err != nil {
			return
		}
		if config.AllowAllFiles || config.MultiStatements || config.InterpolateParams || config.ParseTime || len(config.Params) > 0 {
			t.Errorf("%q: got %+v", dsn, config)
		}
		if _, err := mysql.NewConnector(config); err != nil && !errors.Is(err, errNoDSN) {
			t.Logf("%q: %v", dsn, err)
		}
	})
}
