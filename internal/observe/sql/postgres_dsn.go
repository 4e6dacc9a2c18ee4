package sql

import (
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/perennial-dev/perennial/internal/observe"
)

// settings are the parameters of a connection string by name.
type settings map[string]string

// operatorsOwn are the settings that the driver would take from the operator's environment and home folder where a
// connection string does not have them: a password, a server, a certificate. These are what it takes instead.
var operatorsOwn = settings{
	"host": "", "port": "", "dbname": "", "user": "", "password": "", "passfile": "", "servicefile": "", "application_name": "perennial",
	"connect_timeout": "0", "target_session_attrs": "any", "min_protocol_version": "", "max_protocol_version": "",
	"channel_binding": "", "require_auth": "", "sslmode": "", "sslkey": "", "sslcert": "", "sslcertmode": "disable",
	"sslsni": "", "sslrootcert": "", "sslpassword": "", "sslnegotiation": "",
}

// operatorsFiles are the parameters that name files, which would be the operator's.
var operatorsFiles = []string{"passfile", "service", "servicefile", "sslcert", "sslkey", "sslrootcert"}

// parameterName is a name that a setting can have: the driver's or the server's.
var parameterName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// postgresConfig reads a connection string. The driver sees one in which every setting is given, so that it takes none from
// elsewhere.
func postgresConfig(dsn string) (*pgx.ConnConfig, error) {
	given, err := parsePostgresDSN(dsn)
	if err != nil {
		return nil, errNoDSN
	}
	if err := checkSettings(given); err != nil {
		return nil, err
	}
	all := maps.Clone(operatorsOwn)
	maps.Copy(all, given)
	config, err := pgx.ParseConfig(all.String())
	if err != nil {
		return nil, errNoDSN
	}
	// What the environment sets in the session is not wanted either.
	maps.DeleteFunc(config.RuntimeParams, func(name, _ string) bool { _, ok := all[name]; return !ok })
	return config, nil
}

// checkSettings refuses what would read the operator's files, and what lacks a server or a user.
func checkSettings(given settings) error {
	for _, name := range operatorsFiles {
		// The authorities of the system are no secret; they are what sslmode=verify-full uses anyway.
		if value, ok := given[name]; ok && (name != "sslrootcert" || value != "system") {
			return observe.ReadFailed("%s: the connection string has the parameter %s, which names a file of the operator's; remove it", dsnField, name)
		}
	}
	for name := range given {
		if !parameterName.MatchString(name) {
			return errNoDSN
		}
	}
	if slices.Contains(strings.Split(given["host"], ","), "") {
		return observe.ReadFailed("%s: the connection string names no host; write %s", dsnField, postgres{}.example())
	}
	if given["user"] == "" {
		return observe.ReadFailed("%s: the connection string names no user; write %s", dsnField, postgres{}.example())
	}
	if os.Getenv("PGSERVICE") != "" {
		return observe.ReadFailed("%s: the operator runs with PGSERVICE in its environment, which would change every connection; remove it there", dsnField)
	}
	return nil
}

// String writes settings as keyword='value'.
func (s settings) String() string {
	escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var words []string
	for _, name := range slices.Sorted(maps.Keys(s)) {
		words = append(words, name+"='"+escape.Replace(s[name])+"'")
	}
	return strings.Join(words, " ")
}

// parsePostgresDSN reads a connection string of either form that PostgreSQL knows.
func parsePostgresDSN(dsn string) (settings, error) {
	if strings.IndexByte(dsn, 0) >= 0 {
		return nil, errNoDSN
	}
	for _, scheme := range []string{"postgres://", "postgresql://"} {
		if rest, ok := strings.CutPrefix(dsn, scheme); ok {
			return parsePostgresURL(rest)
		}
	}
	return parseKeywords(dsn)
}

// parsePostgresURL reads what follows the scheme of user:password@host:port,host:port/database?name=value&name=value.
func parsePostgresURL(rest string) (settings, error) {
	s, d := settings{}, decoder{}
	if i := strings.IndexAny(rest, "@/"); i >= 0 && rest[i] == '@' {
		user, password, _ := strings.Cut(rest[:i], ":")
		s["user"], s["password"] = d.text(user), d.text(password)
		rest = rest[i+1:]
	}
	rest, query, _ := strings.Cut(rest, "?")
	rest, database, _ := strings.Cut(rest, "/")
	var hosts, ports []string
	for server := range strings.SplitSeq(rest, ",") {
		host, port := d.server(server)
		hosts, ports = append(hosts, host), append(ports, port)
	}
	s["host"], s["port"] = strings.Join(hosts, ","), strings.Join(ports, ",")
	if database != "" {
		s["dbname"] = d.text(database)
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, found := strings.Cut(pair, "=")
		if !found && pair != "" {
			return nil, errNoDSN
		}
		s.set(d.text(name), d.text(value))
	}
	return s, d.err
}

// set sets a parameter by any of its names.
func (s settings) set(name, value string) {
	switch {
	case name == "":
	case name == "database":
		s["dbname"] = value
	case name == "ssl" && value == "true":
		s["sslmode"] = "require"
	default:
		s[name] = value
	}
}

// decoder decodes %xx and keeps the first error.
type decoder struct{ err error }

func (d *decoder) text(encoded string) string {
	text, err := url.PathUnescape(encoded)
	if err != nil || strings.IndexByte(text, 0) >= 0 {
		d.err = errNoDSN
	}
	return text
}

// server splits host:port or [address]:port. The @ of a password that was not written as %40 would be in the host.
func (d *decoder) server(text string) (host, port string) {
	host, port, _ = strings.Cut(text, ":")
	if inside, ok := strings.CutPrefix(text, "["); ok {
		host, port, ok = strings.Cut(inside, "]")
		port = strings.TrimPrefix(port, ":")
		if !ok {
			d.err = errNoDSN
		}
	}
	if strings.ContainsAny(host, "@[] ") {
		d.err = errNoDSN
	}
	return d.text(host), d.text(port)
}

// parseKeywords reads keyword=value keyword='value', in which a backslash stands before a quote or a backslash.
func parseKeywords(rest string) (settings, error) {
	s := settings{}
	for {
		rest = strings.TrimLeft(rest, blanks)
		if rest == "" {
			return s, nil
		}
		name, after, found := strings.Cut(rest, "=")
		if name = strings.TrimRight(name, blanks); !found || name == "" {
			return nil, errNoDSN
		}
		value, after, err := keywordValue(strings.TrimLeft(after, blanks))
		if err != nil {
			return nil, err
		}
		s.set(name, value)
		rest = after
	}
}

const blanks = " \t\n\r\v\f"

// keywordValue reads one value and returns what follows it.
func keywordValue(text string) (value, rest string, err error) {
	inQuotes := strings.HasPrefix(text, "'")
	if inQuotes {
		text = text[1:]
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inQuotes && c == '\'':
			return b.String(), text[i+1:], nil
		case !inQuotes && strings.IndexByte(blanks, c) >= 0:
			return b.String(), text[i:], nil
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	if inQuotes {
		return "", "", errNoDSN
	}
	return b.String(), "", nil
}
