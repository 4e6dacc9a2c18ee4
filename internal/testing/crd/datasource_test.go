package crd

import (
	"fmt"
	"strings"
	"testing"
)

// minimal specs of a DataSource, one a provider.
const (
	columns        = "account: {field: id}, metrics: [{name: wau, type: Number}]"
	fromSQL        = "{" + columns + ", sql: {driver: Postgres, dsnSecretRef: {name: s, key: dsn}, query: select 1}}"
	fromPrometheus = "{" + columns + ", prometheus: {url: 'http://prometheus:9090', queries: [{metric: wau, query: up}]}}"
	fromHTTP       = "{" + columns + ", http: {url: 'https://api.example.com/orgs', format: JSON}}"
	fromCSV        = "{" + columns + ", http: {url: 'https://api.example.com/orgs', format: CSV}}"
	fromSpec       = "{" + columns + ", fake: {rows: [{id: acme, wau: 1}]}}"
)

// checkAll asks the API server about cases of one kind of object.
func checkAll(t *testing.T, cases map[string]answer) {
	t.Helper()
	for name, c := range cases {
		c.kind = "DataSource"
		t.Run(name, c.check)
	}
}

const oneProvider = "exactly one of the fields in [configMap sql prometheus http fake] must be set"

func TestDataSources(t *testing.T) {
	checkAll(t, map[string]answer{
		"a source from a ConfigMap":                    {spec: source},
		"a source from a database":                     {spec: fromSQL},
		"a source from Prometheus":                     {spec: fromPrometheus},
		"a source from an API":                         {spec: fromHTTP},
		"a source from its own spec":                   {spec: fromSpec},
		"a source needs a provider":                    {spec: source, set: map[string]string{"configMap": "null"}, want: oneProvider},
		"a ConfigMap and a database are two providers": {spec: source, set: map[string]string{"sql": "{driver: SQLite, file: f, query: q}"}, want: oneProvider},
		"so are an API and rows in the spec":           {spec: fromHTTP, set: map[string]string{"fake": "{rows: []}"}, want: oneProvider},
		"and Prometheus and an API":                    {spec: fromPrometheus, set: map[string]string{"http": "{url: 'https://a', format: CSV}"}, want: oneProvider},
		"a ConfigMap has no interval":                  {spec: source, set: map[string]string{"interval": "5m"}, want: "a ConfigMap is watched, not polled"},
		"what is polled has one":                       {spec: fromSQL, set: map[string]string{"interval": "5m"}},
		"a duration is in the Prometheus format":       {spec: source, set: map[string]string{"maxAge": "2 days"}, want: "spec.maxAge"},
		"a duration may have several units":            {spec: source, set: map[string]string{"maxAge": "1w2d"}},
		"a metric's name can be read in an expression": {spec: source, set: map[string]string{"metrics.0.name": "open-p1"}, want: "spec.metrics[0].name"},
		"text is not summed":                           {spec: source, set: map[string]string{"metrics.0.type": "Text", "metrics.0.aggregate": "Sum"}, want: "aggregate: Sum, Min, Max and Average are for type Number"},
		"a metric is declared once":                    {spec: source, set: map[string]string{"metrics": "[{name: a, type: Number}, {name: a, type: Text}]"}, want: "Duplicate"},
	})
}

func TestDataSourcesFromSQL(t *testing.T) {
	const rule = "driver SQLite takes file and no dsnSecretRef; drivers Postgres and MySQL take dsnSecretRef and no file"
	checkAll(t, map[string]answer{
		"SQLite takes a file":               {spec: fromSQL, set: map[string]string{"sql": "{driver: SQLite, file: f, query: q}"}},
		"SQLite takes no Secret":            {spec: fromSQL, set: map[string]string{"sql.driver": "SQLite"}, want: rule},
		"SQLite takes no Secret as well":    {spec: fromSQL, set: map[string]string{"sql.driver": "SQLite", "sql.file": "f"}, want: rule},
		"Postgres takes a Secret":           {spec: fromSQL, set: map[string]string{"sql.dsnSecretRef": "null", "sql.file": "f"}, want: rule},
		"MySQL takes a Secret":              {spec: fromSQL, set: map[string]string{"sql.driver": "MySQL"}},
		"MySQL needs a Secret":              {spec: fromSQL, set: map[string]string{"sql.driver": "MySQL", "sql.dsnSecretRef": "null"}, want: rule},
		"MySQL takes no file":               {spec: fromSQL, set: map[string]string{"sql.driver": "MySQL", "sql.file": "f"}, want: rule},
		"a Secret's key is named":           {spec: fromSQL, set: map[string]string{"sql.dsnSecretRef.key": "null"}, want: "spec.sql.dsnSecretRef.key"},
		"a driver is one of three":          {spec: fromSQL, set: map[string]string{"sql.driver": "Oracle"}, want: `supported values: "Postgres", "MySQL", "SQLite"`},
		"a query is needed":                 {spec: fromSQL, set: map[string]string{"sql.query": "''"}, want: "spec.sql.query"},
		"a connection string is no field":   {spec: fromSQL, set: map[string]string{"sql.dsn": "postgres://u:p@h/d"}, want: "spec.sql.dsn"},
		"a query may ask for the time":      {spec: fromSQL, set: map[string]string{"sql.query": "'select id, wau from t where day < ${now}'"}},
		"a query has at most 16384 letters": {spec: fromSQL, set: map[string]string{"sql.query": strings.Repeat("x", 16385)}, want: "spec.sql.query"},
	})
}

func TestDataSourcesFromPrometheus(t *testing.T) {
	checkAll(t, map[string]answer{
		"a query for each metric":               {spec: fromPrometheus, set: map[string]string{"metrics": "[{name: wau, type: Number}, {name: mau, type: Number}]", "prometheus.queries": "[{metric: wau, query: a}, {metric: mau, query: b, label: org}]"}},
		"a metric has one query":                {spec: fromPrometheus, set: map[string]string{"prometheus.queries": "[{metric: wau, query: a}, {metric: wau, query: b}]"}, want: "spec.prometheus.queries[1]: Duplicate value"},
		"a query is for a metric that there is": {spec: fromPrometheus, set: map[string]string{"prometheus.queries": "[{metric: wau, query: a}, {metric: mau, query: b}]"}, want: "prometheus.queries: one for each of spec.metrics, and for nothing else"},
		"a metric has its query":                {spec: fromPrometheus, set: map[string]string{"metrics": "[{name: wau, type: Number}, {name: mau, type: Number}]"}, want: "prometheus.queries: one for each of spec.metrics, and for nothing else"},
		"there is a query":                      {spec: fromPrometheus, set: map[string]string{"prometheus.queries": "[]"}, want: "spec.prometheus.queries"},
		"a query says for which metric":         {spec: fromPrometheus, set: map[string]string{"prometheus.queries.0.metric": "null"}, want: "spec.prometheus.queries[0].metric"},
		"a query is in PromQL, not nothing":     {spec: fromPrometheus, set: map[string]string{"prometheus.queries.0.query": "''"}, want: "spec.prometheus.queries[0].query"},
		"a server is needed":                    {spec: fromPrometheus, set: map[string]string{"prometheus.url": "null"}, want: "spec.prometheus.url"},
		"its URL holds no password":             {spec: fromPrometheus, set: map[string]string{"prometheus.url": "http://jo:pw@prometheus:9090"}, want: "spec.prometheus.url"},
		"a tenant is a header":                  {spec: fromPrometheus, set: map[string]string{"prometheus.headers": "[{name: X-Scope-OrgID, value: acme}]"}},
		"auth is of one kind":                   {spec: fromPrometheus, set: map[string]string{"prometheus.auth": "{}"}, want: "exactly one of the fields in [bearer basic oauth2] must be set"},
	})
}

// TestURLs are those that a source may read.
func TestURLs(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://api.example.com":                              true,
		"http://api.success.svc:8080/v1/orgs?active=1":         true,
		"http://10.0.0.7:9090/":                                true,
		"http://[fd00::7]:9090/":                               true,
		"https://api.example.com/orgs?owner=a@b.com":           true,
		"https://api.example.com/orgs?since=${since}":          true,
		"https://jo:pw@api.example.com/orgs":                   false,
		"https://token@api.example.com/orgs":                   false,
		"ftp://api.example.com/orgs":                           false,
		"file:///etc/passwd":                                   false,
		"api.example.com/orgs":                                 false,
		"//api.example.com/orgs":                               false,
		"https://":                                             false,
		"https:///orgs":                                        false,
		"https://api.example.com/two orgs":                     false,
		" https://api.example.com":                             false,
		"https://api.example.com/" + strings.Repeat("x", 2048): false,
	} {
		want := ""
		if !ok {
			want = "spec.http.url"
		}
		t.Run(url[:min(len(url), 60)], answer{kind: "DataSource", spec: fromHTTP, set: map[string]string{"http.url": fmt.Sprintf("%q", url)}, want: want}.check)
	}
}

func TestDataSourcesFromHTTP(t *testing.T) {
	checkAll(t, map[string]answer{
		"columns are jq":                    {spec: fromHTTP, set: map[string]string{"http.records": ".items[]", "http.fields": "{id: .org.id, wau: .weekly}"}},
		"a CSV needs no more":               {spec: fromCSV},
		"a CSV has no records":              {spec: fromCSV, set: map[string]string{"http.records": ".items[]"}, want: "records and fields are for format JSON"},
		"a CSV has no fields":               {spec: fromCSV, set: map[string]string{"http.fields": "{id: .id}"}, want: "records and fields are for format JSON"},
		"a CSV does not name its next page": {spec: fromCSV, set: map[string]string{"http.pagination": "{type: NextURL, next: .next}"}, want: "pagination: next reads a JSON page; a CSV is paged by LinkHeader, or by PageNumber"},
		"a CSV may have a Link header":      {spec: fromCSV, set: map[string]string{"http.pagination": "{type: LinkHeader}"}},
		"a CSV may have numbered pages":     {spec: fromCSV, set: map[string]string{"http.pagination": "{type: PageNumber, parameter: page}"}},
		"a format is JSON or CSV":           {spec: fromHTTP, set: map[string]string{"http.format": "XML"}, want: `supported values: "JSON", "CSV"`},
		"a format is needed":                {spec: fromHTTP, set: map[string]string{"http.format": "null"}, want: "spec.http.format"},
		"a body needs a POST":               {spec: fromHTTP, set: map[string]string{"http.body": "'{}'"}, want: "body: needs method: POST"},
		"a body with GET":                   {spec: fromHTTP, set: map[string]string{"http.body": "'{}'", "http.method": "GET"}, want: "body: needs method: POST"},
		"a body with POST":                  {spec: fromHTTP, set: map[string]string{"http.body": "'{}'", "http.method": "POST"}},
		"a source only reads":               {spec: fromHTTP, set: map[string]string{"http.method": "DELETE"}, want: `supported values: "GET", "POST"`},
		"an expression is not nothing":      {spec: fromHTTP, set: map[string]string{"http.fields": "{id: ''}"}, want: "spec.http.fields.id"},
		"a CA is in a ConfigMap":            {spec: fromHTTP, set: map[string]string{"http.tls": "{caConfigMapRef: {name: ca, key: ca.crt}, clientCertificateSecretRef: {name: me}, serverName: api}"}},
		"a certificate is always verified":  {spec: fromHTTP, set: map[string]string{"http.tls": "{insecureSkipVerify: true}"}, want: "insecureSkipVerify"},
	})
}

func TestHeadersAndCredentials(t *testing.T) {
	const oneValue, oneAuth = "exactly one of the fields in [value valueSecretRef] must be set", "exactly one of the fields in [bearer basic oauth2] must be set"
	const ref = "{name: s, key: k}"
	checkAll(t, map[string]answer{
		"a header stands in the spec or in a Secret": {spec: fromHTTP, set: map[string]string{"http.headers": "[{name: Accept, value: text/csv}, {name: X-API-Key, valueSecretRef: " + ref + "}]"}},
		"a header's value is not nothing":            {spec: fromHTTP, set: map[string]string{"http.headers": "[{name: Accept, value: ''}]"}, want: "spec.http.headers[0].value"},
		"a header has a value":                       {spec: fromHTTP, set: map[string]string{"http.headers": "[{name: Accept}]"}, want: oneValue},
		"a header has one value":                     {spec: fromHTTP, set: map[string]string{"http.headers": "[{name: Accept, value: a, valueSecretRef: " + ref + "}]"}, want: oneValue},
		"a header is sent once":                      {spec: fromHTTP, set: map[string]string{"http.headers": "[{name: Accept, value: a}, {name: Accept, value: b}]"}, want: "spec.http.headers[1]: Duplicate value"},
		"a header's name is a word":                  {spec: fromHTTP, set: map[string]string{"http.headers": "[{name: 'Accept:', value: a}]"}, want: "spec.http.headers[0].name"},
		"a header's name has one line":               {spec: fromHTTP, set: map[string]string{"http.headers": `[{name: "A\nB", value: a}]`}, want: "spec.http.headers[0].name"},
		"a token":                                    {spec: fromHTTP, set: map[string]string{"http.auth": "{bearer: {tokenSecretRef: " + ref + "}}"}},
		"a token is in a Secret":                     {spec: fromHTTP, set: map[string]string{"http.auth": "{bearer: {token: abc}}"}, want: "spec.http.auth.bearer.token"},
		"a user and a password":                      {spec: fromHTTP, set: map[string]string{"http.auth": "{basic: {usernameSecretRef: " + ref + ", passwordSecretRef: " + ref + "}}"}},
		"a user without a password":                  {spec: fromHTTP, set: map[string]string{"http.auth": "{basic: {usernameSecretRef: " + ref + "}}"}},
		"a password without a user":                  {spec: fromHTTP, set: map[string]string{"http.auth": "{basic: {passwordSecretRef: " + ref + "}}"}, want: "spec.http.auth.basic.usernameSecretRef"},
		"a client of OAuth 2.0":                      {spec: fromHTTP, set: map[string]string{"http.auth": "{oauth2: {tokenURL: 'https://id.example.com/token', clientIDSecretRef: " + ref + ", clientSecretRef: " + ref + ", scopes: [read], params: {audience: api}}}"}},
		"a client needs a secret":                    {spec: fromHTTP, set: map[string]string{"http.auth": "{oauth2: {tokenURL: 'https://id.example.com/token', clientIDSecretRef: " + ref + "}}"}, want: "spec.http.auth.oauth2.clientSecretRef"},
		"a token URL holds no password":              {spec: fromHTTP, set: map[string]string{"http.auth": "{oauth2: {tokenURL: 'https://a:b@id.example.com/token', clientIDSecretRef: " + ref + ", clientSecretRef: " + ref + "}}"}, want: "spec.http.auth.oauth2.tokenURL"},
		"auth is of some kind":                       {spec: fromHTTP, set: map[string]string{"http.auth": "{}"}, want: oneAuth},
		"auth is of one kind":                        {spec: fromHTTP, set: map[string]string{"http.auth": "{bearer: {tokenSecretRef: " + ref + "}, basic: {usernameSecretRef: " + ref + "}}"}, want: oneAuth},
	})
}

func TestPagination(t *testing.T) {
	pages := func(pagination, want string) answer {
		return answer{spec: fromHTTP, set: map[string]string{"http.pagination": pagination}, want: want}
	}
	const next, parameter = "next: needed for NextURL and Cursor", "parameter: needed for PageNumber and Cursor, and for them alone"
	checkAll(t, map[string]answer{
		"a cursor in the body of a GET":        pages("{type: Cursor, next: .after, parameter: after, place: Body}", "pagination.place: Body needs method: POST"),
		"a page holds the next one's URL":      pages("{type: NextURL, next: .next}", ""),
		"it says where":                        pages("{type: NextURL}", next),
		"a URL goes into no parameter":         pages("{type: NextURL, next: .next, parameter: page}", parameter),
		"a Link header needs nothing else":     pages("{type: LinkHeader, maxPages: 100000}", ""),
		"a Link header is not in the page":     pages("{type: LinkHeader, next: .next}", "next: not for LinkHeader"),
		"a Link header goes into no parameter": pages("{type: LinkHeader, parameter: page}", parameter),
		"pages are numbered":                   pages("{type: PageNumber, parameter: page}", ""),
		"numbers may begin with 0":             pages("{type: PageNumber, parameter: page, firstPage: 0, next: .more}", ""),
		"numbers do not begin with 2":          pages("{type: PageNumber, parameter: page, firstPage: 2}", "spec.http.pagination.firstPage"),
		"a number goes into a parameter":       pages("{type: PageNumber}", parameter),
		"a cursor goes into a parameter":       pages("{type: Cursor, next: .after}", parameter),
		"a cursor is in the page":              pages("{type: Cursor, parameter: after}", next),
		"a cursor in the query":                pages("{type: Cursor, next: .after, parameter: after, place: Query}", ""),
		"a cursor has no first page":           pages("{type: Cursor, next: .after, parameter: after, firstPage: 1}", "firstPage: for PageNumber"),
		"a URL has no place":                   pages("{type: NextURL, next: .next, place: Query}", "place: for PageNumber and Cursor"),
		"a place is the query or the body":     pages("{type: Cursor, next: .after, parameter: after, place: Header}", `supported values: "Query", "Body"`),
		"there is a page":                      pages("{type: LinkHeader, maxPages: 0}", "spec.http.pagination.maxPages"),
		"there is an end to pages":             pages("{type: LinkHeader, maxPages: 100001}", "spec.http.pagination.maxPages"),
		"a type is one of four":                pages("{type: Offset}", `supported values: "NextURL", "LinkHeader", "PageNumber", "Cursor"`),
		"a cursor in the body": {spec: fromHTTP, set: map[string]string{
			"http.method": "POST", "http.body": "'{}'", "http.pagination": "{type: Cursor, next: .after, parameter: after, place: Body}",
		}},
	})
}

func TestSince(t *testing.T) {
	since := func(since, want string) answer {
		return answer{spec: fromHTTP, want: want, set: map[string]string{
			"observedTime": "{field: at}", "http.url": "'https://api.example.com/answers?from=${since}'", "http.since": since,
		}}
	}
	checkAll(t, map[string]answer{
		"a row says when it was true": {spec: fromHTTP, set: map[string]string{"http.url": "'https://api.example.com/answers?from=${since}'", "http.since": "{window: 90d}"}, want: "http.since: needs observedTime"},
		"a window is enough":          since("{window: 90d}", ""),
		"a window is needed":          since("{}", "spec.http.since.window"),
		"a window is a duration":      since("{window: 3 months}", "spec.http.since.window"),
		"all of it":                   since("{window: 90d, overlap: 1h, format: UnixMilli}", ""),
		"an overlap is a duration":    since("{window: 90d, overlap: ten}", "spec.http.since.overlap"),
		"a format is one of four":     since("{window: 90d, format: '2006-01-02'}", `supported values: "RFC3339", "Date", "Unix", "UnixMilli"`),
	})
}

func TestRowsInTheSpec(t *testing.T) {
	rows := func(rows, want string) answer {
		return answer{spec: fromSpec, set: map[string]string{"fake.rows": rows}, want: want}
	}
	checkAll(t, map[string]answer{
		"a value is a whole number or text": rows("[{id: acme, wau: 12, note: hi}, {id: '007', wau: -3, note: ''}]", ""),
		"a decimal is quoted":               rows("[{id: acme, wau: '0.31'}]", ""),
		"a decimal that is not quoted":      rows("[{id: acme, wau: 0.31}]", "spec.fake.rows[0].wau"),
		"a bool is not a value":             rows("[{id: acme, wau: true}]", "spec.fake.rows[0].wau"),
		"a list is not a value":             rows("[{id: acme, wau: [1]}]", "spec.fake.rows[0].wau"),
		"an object is not a value":          rows("[{id: acme, wau: {n: 1}}]", "spec.fake.rows[0].wau"),
		"null is no value, and is left out": rows("[{id: acme, wau: null}]", ""),
		"there may be no rows":              rows("[]", ""),
		"a row has a column":                rows("[{}]", "spec.fake.rows[0]"),
		"a column may have any name":        rows("[{id: acme, 'Weekly Users (7d)': 1}]", ""),
		"at most 1000 rows":                 rows("["+strings.Repeat("{id: a},", 1001)+"]", "spec.fake.rows"),
		"rows are needed":                   {spec: fromSpec, set: map[string]string{"fake.rows": "null"}, want: "spec.fake.rows"},
	})
}
