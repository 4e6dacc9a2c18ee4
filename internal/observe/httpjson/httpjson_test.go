package httpjson

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

const columns = "count|note|org"

func TestReadOnePage(t *testing.T) {
	const own, fields = "url: SERVER/, format: JSON", "url: SERVER/, format: JSON, fields: {org: .id, count: .p.count, note: .p.note}"
	tests := map[string]struct {
		http, answer string
		want         []string
	}{
		"a record's own fields are the columns": {
			own, `[{"org":"acme","count":1,"note":"hi","more":true},{"note":"x","count":2,"org":"bolt"}]`,
			[]string{columns, "1|hi|acme", "2|x|bolt"},
		},
		"numbers keep their digits, null and empty text are no value": {
			own, `[{"org":"acme","count":1.10,"note":null},{"org":7,"count":12345678901234567890,"note":""},{"org":"b","count":true,"note":"\u00e9"},{"org":"c","count":-1e2,"note":false}]`,
			[]string{columns, "1.10|~|acme", "12345678901234567890|~|7", "true|é|b", "-1e2|false|c"},
		},
		"a field that a record does not have is no value": {
			own, `[{"org":"acme"},{"org":"bolt","count":1,"note":"x"}]`, []string{columns, "~|~|acme", "1|x|bolt"},
		},
		"nested values do not matter where nobody needs them": {
			own, `[{"org":"acme","count":1,"note":"x","more":{"count":[2]}}]`, []string{columns, "1|x|acme"},
		},
		"equal rows stay": {
			own, `[{"org":"a","count":1,"note":"x"},{"org":"a","count":1,"note":"x"}]`, []string{columns, "1|x|a", "1|x|a"},
		},
		"an empty list is a table without rows": {own, "\ufeff [ ] \n", []string{""}},
		"and so it is with fields":              {fields, `[]`, []string{""}},
		"the records of an object": {
			own, `{"x":{"org":"a","count":1,"note":"x"},"y":{"org":"b","count":2,"note":"y"}}`, []string{columns, "1|x|a", "2|y|b"},
		},
		"fields are taken with jq, digit for digit": {
			fields, `[{"id":12345678901234567890,"p":{"count":1.10,"note":"x"}},{"id":"b","p":{"count":"2","note":null}},{"id":"c"}]`,
			[]string{columns, "1.10|x|12345678901234567890", "2|~|b", "~|~|c"},
		},
		"numbers keep their digits in text": {
			`url: SERVER/, format: JSON, fields: {org: '"org_\(.id)"', count: .d, note: '[.id, .d] | map(tostring) | join("/")'}`,
			`[{"id":12345678901234567890,"d":1.10}]`,
			[]string{columns, "1.10|12345678901234567890/1.10|org_12345678901234567890"},
		},
		"whole numbers are counted exactly, others as doubles": {
			"url: SERVER/, format: JSON, fields: {org: .id + 1, count: .a + .b, note: '.c + 0'}",
			`[{"id":12345678901234567890,"a":0.1,"b":0.2,"c":1e30}]`,
			[]string{columns, "0.30000000000000004|1e+30|12345678901234567891"},
		},
		"the first of several values counts, and none is no value": {
			"url: SERVER/, format: JSON, fields: {org: '.a, .b', count: '.c[]', note: empty}",
			`[{"a":"first","b":"second","c":[3,4]},{"a":"first","c":[]}]`,
			[]string{columns, "3|~|first", "~|~|first"},
		},
		"records are taken with jq": {
			"url: SERVER/, format: JSON, records: '.data.items[] | select(.live)'",
			`{"data":{"items":[{"live":true,"org":"a","count":1,"note":"x"},{"live":false,"org":"b"},{"live":true,"org":"c","count":3}]}}`,
			[]string{columns, "1|x|a", "3|~|c"},
		},
		"records may be anything where there are fields": {
			"url: SERVER/, format: JSON, records: '.[] | to_entries[]', fields: {org: .key, count: .value, note: '\"x\"'}",
			`[{"a":1},{"b":2}]`,
			[]string{columns, "1|x|a", "2|x|b"},
		},
		"a field that no metric names is not looked at": {
			"url: SERVER/, format: JSON, fields: {org: .org, count: .count, note: .note, other: 'error(.org)'}",
			`[{"org":"a","count":1,"note":"x"}]`,
			[]string{columns, "1|x|a"},
		},
		"decoded bytes that are not text are replaced": {
			"url: SERVER/, format: JSON, fields: {org: '.org | @base64d', count: .count, note: .count}",
			`[{"org":"YWL/","count":1}]`,
			[]string{columns, "1|1|ab\ufffd"},
		},
		"jq sees nothing of the operator": {
			"url: SERVER/, format: JSON, fields: {org: '$ENV.PATH', count: '$ENV | length', note: '$ENV.HOME'}",
			`[{}]`,
			[]string{columns, "0|~|~"},
		},
		"CSV": {
			"url: SERVER/, format: CSV", "\ufeffnote,org,extra,count\r\nhi,acme,x,1.10\r\n,bolt,,2", []string{columns, "1.10|hi|acme", "2|~|bolt"},
		},
		"a CSV of a header line alone": {"url: SERVER/, format: CSV", "org,count,note\n", []string{columns}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, script{"GET /": test.answer})
			got, err := read(t, source(t, s.URL, "{"+test.http+"}"), time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, show(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !got.Since.IsZero() {
				t.Errorf("since %s, want none", got.Since)
			}
		})
	}
}

func TestErrorsNameThePlaceAndNotWhatStandsThere(t *testing.T) {
	const own, fields = "url: SERVER/, format: JSON", "url: SERVER/, format: JSON, fields: {org: .id, count: .p.count, note: .p.note}"
	const compare = "; compare the expression with what the URL answers"
	tests := map[string]struct{ http, answer, want string }{
		"not JSON at all":                 {own, `secret`, "spec.http.url: page 1 is not JSON; check that the URL is that of an API that answers in JSON"},
		"JSON that breaks":                {own, `[{"org":"secret"},]`, "spec.http.url: page 1 is not JSON; check that the URL is that of an API that answers in JSON"},
		"a web page":                      {own, "\n<!doctype html><p>secret", "spec.http.url: page 1 is not JSON: it looks like a web page; check that the URL is that of the API, and that it wants no sign-in"},
		"nothing":                         {own, " \n", "spec.http.url: page 1 is not JSON: it is empty; check that the URL is that of an API that answers in JSON"},
		"a list without commas":           {own, `[{"org":"secret"} {}]`, "spec.http.url: page 1 is not JSON; check that the URL is that of an API that answers in JSON"},
		"half of a list":                  {own, `[{"org":"secret","count":1,"note":"x"},`, "spec.http.url: page 1 is not whole: the JSON ends in the middle; the next read tries again"},
		"half of a record":                {own, `[{"org":"secret"`, "spec.http.url: page 1 is not whole: the JSON ends in the middle; the next read tries again"},
		"half of an object":               {"url: SERVER/, format: JSON, records: '.a[]'", `{"a":[{"org":"secret"}`, "spec.http.url: page 1 is not whole: the JSON ends in the middle; the next read tries again"},
		"an object that breaks":           {"url: SERVER/, format: JSON, records: '.a[]'", `{"a":secret}`, "spec.http.url: page 1 is not JSON; check that the URL is that of an API that answers in JSON"},
		"two objects":                     {"url: SERVER/, format: JSON, records: '.a[]'", `{"a":[]} {"secret":1}`, "spec.http.url: on page 1 something follows the JSON; one value is expected"},
		"half of the JSON":                {own, `[{"org":"secret"},{"or`, "spec.http.url: page 1 is not whole: the JSON ends in the middle; the next read tries again"},
		"two values":                      {own, `[{"org":"secret"}]` + "\n" + `[]`, "spec.http.url: on page 1 something follows the JSON; one value is expected"},
		"not UTF-8":                       {own, "[{\"org\":\"secret\xff\"}]", "spec.http.url: page 1 is not UTF-8 text"},
		"a value in the place of a list":  {own, `"secret"`, "spec.http.records: gives no list on page 1 (jq: cannot iterate over string)" + compare},
		"an error in the place of a list": {"url: SERVER/, format: JSON, records: '.results[]'", `{"error":"secret"}`, "spec.http.records: gives no list on page 1 (jq: cannot iterate over null)" + compare},
		"records of a list":               {"url: SERVER/, format: JSON, records: '.results[]'", `["secret"]`, "spec.http.records: cannot be evaluated on page 1 (jq: expected an object but got array)" + compare},
		"records that raise an error":     {"url: SERVER/, format: JSON, records: 'error(.[0])'", `["secret"]`, "spec.http.records: cannot be evaluated on page 1" + compare},
		"an error after a record":         {"url: SERVER/, format: JSON, records: '.[0], .[1].x.y'", `[{"org":"secret"},"secret"]`, "spec.http.records: cannot be evaluated on page 1 (jq: expected an object but got string)" + compare},
		"records beyond all measure":      {"url: SERVER/, format: JSON, records: '.[] | ., ., ., ., ., .'", `[{"org":"secret"}]`, "spec.http: more than 5 rows: select fewer, or raise the operator's --max-rows"},
		"a record that is text":           {own, `[{"org":"a"},"secret"]`, "spec.http.records: record 2 of page 1 is not an object but string; name the columns in spec.http.fields, or give objects"},
		"a record that is null":           {own, `[null]`, "spec.http.records: record 1 of page 1 is not an object but null; name the columns in spec.http.fields, or give objects"},
		"a list in an own field":          {own, `[{"org":"a","count":["secret"]}]`, `spec.http.records: record 1 of page 1: field "count" is a list or an object; one value is expected: say which in spec.http.fields`},
		"an own field that is nowhere":    {own, `[{"org":"secret","note":"x"}]`, `spec.http.records: column "count" (spec.metrics[count]) is not there; the columns are: "note", "org"`},
		"names that are values":           {own, `[{"org":"a","the secret!":"x"}]`, `spec.http.records: column "count" (spec.metrics[count]) is not there; the columns are: "org", (a name of 11 characters)`},
		"a list in a field":               {fields, `[{"id":"a"},{"id":"b","p":{"count":["secret"]}}]`, "spec.http.fields[count]: gives a list or an object on record 2 of page 1; one value is expected"},
		"an object in a field":            {fields, `[{"id":{"secret":1}}]`, "spec.http.fields[org]: gives a list or an object on record 1 of page 1; one value is expected"},
		"a field of text":                 {fields, `[{"id":"a"},{"id":"b"},{"id":"c","p":"secret"}]`, "spec.http.fields[count]: cannot be evaluated on record 3 of page 1 (jq: expected an object but got string)" + compare},
		"a time that is text":             {"url: SERVER/, format: JSON, fields: {org: .id, count: '.count | todate', note: .id}", `[{"id":"a","count":"secret"}]`, "spec.http.fields[count]: cannot be evaluated on record 1 of page 1 (jq: strftime cannot be applied to string)" + compare},
		"a text that grows":               {"url: SERVER/, format: JSON, fields: {org: .id, count: '.id * 1000', note: .id}", `[{"id":"secret"}]`, "spec.http: more than 2000 bytes: select less, or raise the operator's --max-bytes"},
		"too many rows":                   {own, `[{"org":1},{"org":1},{"org":1},{"org":1},{"org":1},{"org":1}]`, "spec.http: more than 5 rows: select fewer, or raise the operator's --max-rows"},
		"too many bytes":                  {own, `[{"org":"` + strings.Repeat("x", 2000) + `"}]`, "spec.http: more than 2000 bytes: select less, or raise the operator's --max-bytes"},
		"CSV: a broken line":              {"url: SERVER/, format: CSV", "org,count,note\na,1,x\nsecret,2\n", "spec.http: page 1: line 3 has 2 fields, the header line has 3"},
		"CSV: a column is not there":      {"url: SERVER/, format: CSV", "org,Count,note\n", `spec.http: page 1: column "count" (spec.metrics[count]) is not there; the columns are: "org", "Count", "note"`},
		"CSV: nothing":                    {"url: SERVER/, format: CSV", "", "spec.http: page 1: there is no header line with the names of the columns"},
		"CSV: too many rows":              {"url: SERVER/, format: CSV", "org,count,note\na,1,x\na,1,x\na,1,x\na,1,x\na,1,x\na,1,x\n", "spec.http: page 1: more than 5 rows: select fewer, or raise the operator's --max-rows"},
		"CSV: not UTF-8":                  {"url: SERVER/, format: CSV", "org,count,note\na,1,\xff\n", "spec.http.url: page 1 is not UTF-8 text"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, script{"GET /": test.answer})
			_, err := read(t, source(t, s.URL, "{"+test.http+"}"), time.Time{})
			wantError(t, err, v1alpha1.ReasonReadFailed, test.want)
			if strings.Contains(err.Error(), "secret") {
				t.Error("the error shows a value")
			}
		})
	}
}

func TestSpecsThatCannotWorkAreRefusedBeforeAnythingIsRead(t *testing.T) {
	const post = "url: 'https://a/', method: POST, format: JSON, "
	const numbered = "pagination: {type: PageNumber, parameter: page, place: Body}"
	const notObject = "spec.http.body: must be a JSON object, because spec.http.pagination.place is Body; {} is the empty one"
	const onlySince = "only ${since} is filled in; for a plain ${ write $${"
	tests := map[string]struct{ http, want string }{
		"records that are not jq":         {"url: 'https://a/', format: JSON, records: '.a['", "spec.http.records: not jq: unexpected EOF"},
		"a field that is not jq":          {"url: 'https://a/', format: JSON, fields: {org: .a, count: '.b | |', note: .c}", `spec.http.fields[count]: not jq: unexpected token "|" at character 6`},
		"a field nobody needs, not jq":    {"url: 'https://a/', format: JSON, fields: {org: .a, count: .b, note: .c, more: '.['}", "spec.http.fields[more]: not jq: unexpected EOF"},
		"next that is not jq":             {"url: 'https://a/', format: JSON, pagination: {type: NextURL, next: 'foo'}", "spec.http.pagination.next: not jq: function not defined: foo/0"},
		"no next":                         {"url: 'https://a/', format: JSON, pagination: {type: Cursor, parameter: after}", `spec.http.pagination.next: not jq: missing query (try ".")`},
		"fields without a column":         {"url: 'https://a/', format: JSON, fields: {org: .a, note: .c}", `spec.http.fields: column "count" (spec.metrics[count]) is not there; the columns are: "note", "org"`},
		"another name in the URL":         {"url: 'https://a/?q=${now}', format: JSON", "spec.http.url: " + onlySince},
		"another name in the body":        {post + "body: '{\"q\":\"${until}\"}'", "spec.http.body: " + onlySince},
		"a time in the URL, but no since": {"url: 'https://a/?q=${since}', format: JSON", "spec.http.url: has ${since}, but there is no spec.http.since; for a plain ${ write $${"},
		"a time in the body, but none":    {post + "body: '${since}'", "spec.http.body: has ${since}, but there is no spec.http.since; for a plain ${ write $${"},
		"a time in the host":              {"url: 'https://${since}.example.com/', format: JSON, since: {window: 90d}", "spec.http.url: ${since} may stand behind the host alone"},
		"since that is nowhere":           {"url: 'https://a/', format: JSON, since: {window: 90d}", "spec.http.since: ${since} stands neither in spec.http.url nor in spec.http.body; write it where the time belongs"},
		"since only escaped":              {"url: 'https://a/?q=$${since}', format: JSON, since: {window: 90d}", "spec.http.since: ${since} stands neither in spec.http.url nor in spec.http.body; write it where the time belongs"},
		"a window that is no duration":    {"url: 'https://a/?q=${since}', format: JSON, since: {window: 3 days}", `spec.http.since.window: "3 days" is not a duration: write 30s, 36h, 90d or 12w`},
		"a window of nothing":             {"url: 'https://a/?q=${since}', format: JSON, since: {window: 0s}", "spec.http.since.window: must be at least 1s"},
		"an overlap that is none":         {"url: 'https://a/?q=${since}', format: JSON, since: {window: 3d, overlap: x}", `spec.http.since.overlap: "x" is not a duration: write 30s, 36h, 90d or 12w`},
		"a format that is none":           {"url: 'https://a/?q=${since}', format: JSON, since: {window: 3d, format: Stardate}", `spec.http.since.format: "Stardate" is not RFC3339, Date, Unix or UnixMilli`},
		"a body that is no JSON":          {post + "body: a=b, " + numbered, notObject},
		"a body that is a list":           {post + "body: '[1]', " + numbered, notObject},
		"no body for the parameter":       {post + numbered, notObject},
		"a body with a time in it":        {post + "body: '[\"${since}\"]', since: {window: 1d}, " + numbered, notObject},
		"a body without POST":             {"url: 'https://a/', format: JSON, " + numbered, "spec.http.pagination.place: Body needs method: POST"},
		"a way to page that is none":      {"url: 'https://a/', format: JSON, pagination: {type: Scroll}", `spec.http.pagination.type: "Scroll" is not NextURL, LinkHeader, PageNumber or Cursor`},
		"a format of the answer":          {"url: 'https://a/', format: XML", `spec.http.format: "XML" is not JSON or CSV`},
		"a method":                        {"url: 'https://a/', format: JSON, method: DELETE", `spec.http.method: "DELETE" is not GET or POST`},
		"what the HTTP client checks":     {"url: 'https://jo:pw@a/', format: JSON", "spec.http.url: a URL holds no user and password; give them with auth.basic, from a Secret"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ds := source(t, "", "{"+test.http+"}")
			ds.Spec.ObservedTime = &v1alpha1.TimeColumn{Field: "org"}
			_, err := New(ds, observe.Dependencies{})
			wantError(t, err, v1alpha1.ReasonInvalidSpec, test.want)
		})
	}
}

func TestSinceNeedsToKnowWhenARowWasObserved(t *testing.T) {
	ds := source(t, "", "{url: 'https://a/?q=${since}', format: JSON, since: {window: 3d}}")
	_, err := New(ds, observe.Dependencies{})
	wantError(t, err, v1alpha1.ReasonInvalidSpec, "spec.http.since: needs spec.observedTime, which says how long a row is within the window")
}

func TestSince(t *testing.T) {
	const inURL = "url: 'SERVER/?since=${since}', format: JSON, "
	day := 24 * time.Hour
	tests := map[string]struct {
		http  string
		since time.Time
		asked string
		want  time.Time
	}{
		"the first read asks for the window":   {inURL + "since: {window: 90d}", time.Time{}, "GET /?since=2026-08-03T09%3A30%3A00Z", time.Time{}},
		"a later one for what is new":          {inURL + "since: {window: 90d}", now.Add(-time.Hour), "GET /?since=2026-11-01T08%3A30%3A00Z", now.Add(-time.Hour)},
		"but never for more than the window":   {inURL + "since: {window: 1d}", now.Add(-3 * day), "GET /?since=2026-10-31T09%3A30%3A00Z", now.Add(-day)},
		"a day":                                {inURL + "since: {window: 90d, format: Date}", time.Time{}, "GET /?since=2026-08-03", time.Time{}},
		"seconds":                              {inURL + "since: {window: 1d, format: Unix}", time.Time{}, "GET /?since=1793439000", time.Time{}},
		"milliseconds":                         {inURL + "since: {window: 1d, format: UnixMilli}", time.Time{}, "GET /?since=1793439000000", time.Time{}},
		"in the path":                          {"url: 'SERVER/from/${since}/orgs', format: JSON, since: {window: 1d, format: Date}", time.Time{}, "GET /from/2026-10-31/orgs", time.Time{}},
		"in the body":                          {"url: SERVER/, format: JSON, method: POST, body: '{\"q\":\"x $${y} ${since}\"}', since: {window: 1d}", time.Time{}, `POST / {"q":"x ${y} 2026-10-31T09:30:00Z"}`, time.Time{}},
		"in the body that takes a page too":    {"url: SERVER/, format: JSON, method: POST, body: '{\"from\":${since}}', since: {window: 1d, format: Unix}, pagination: {type: PageNumber, parameter: page, place: Body}", time.Time{}, `POST / {"from":1793439000,"page":1}`, time.Time{}},
		"in the URL that takes a page as well": {inURL + "since: {window: 1d, format: Unix}, pagination: {type: PageNumber, parameter: page}", time.Time{}, "GET /?since=1793439000&page=1", time.Time{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, script{test.asked: `[]`})
			ds := source(t, s.URL, "{"+test.http+"}")
			ds.Spec.ObservedTime = &v1alpha1.TimeColumn{Field: "at"}
			got, err := read(t, ds, test.since)
			if err != nil {
				t.Fatalf("%v; asked: %q", err, s.requests())
			}
			if !got.Since.Equal(test.want) {
				t.Errorf("since %s, want %s", got.Since, test.want)
			}
		})
	}
}

func TestAReadThatBreaksOffGivesNoTable(t *testing.T) {
	const broken = "spec.http.url: the answer broke off before its end; check the server's log and its limits: reading goes on by itself"
	tests := map[string]struct {
		header, body string
		want         string
	}{
		"before the length that was said":   {"Content-Length: 500\r\n", `[{"org":"secret","count":1,"note":"x"}]`, broken},
		"in the middle of a chunk":          {"Transfer-Encoding: chunked\r\n", "40\r\n" + `[{"org":"secret"`, broken},
		"where the length is not said":      {"", `[{"org":"secret","count":1,"no`, "spec.http.url: page 2 is not whole: the JSON ends in the middle; the next read tries again"},
		"an empty page of an unsaid length": {"", "", "spec.http.url: page 2 is not JSON: it is empty; check that the URL is that of an API that answers in JSON"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("page") == "1" {
					_, _ = w.Write([]byte(`[{"org":"a","count":1,"note":"x"}]`))
					return
				}
				conn, out, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				breakOff(t, out, "HTTP/1.1 200 OK\r\nConnection: close\r\n"+test.header+"\r\n"+test.body)
				_ = conn.Close()
			}))
			t.Cleanup(s.Close)
			_, err := read(t, source(t, s.URL, "{url: SERVER/, format: JSON, pagination: {type: PageNumber, parameter: page}}"), time.Time{})
			wantError(t, err, v1alpha1.ReasonReadFailed, test.want)
		})
	}
}

func breakOff(t *testing.T, out *bufio.ReadWriter, answer string) {
	t.Helper()
	_, err := out.WriteString(answer)
	if err := errors.Join(err, out.Flush()); err != nil {
		t.Error(err)
	}
}

func TestATimeoutCountsForAllPagesTogether(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") == "3" {
			cancel() // as if the time were over here
			<-r.Context().Done()
			return
		}
		_, _ = w.Write([]byte(`[{"org":"a","count":1,"note":"x"}]`))
	}))
	t.Cleanup(s.Close)
	ds := source(t, s.URL, "{url: SERVER/, format: JSON, pagination: {type: PageNumber, parameter: page}}")
	reader, err := New(ds, observe.Dependencies{Keys: noKeys{}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = reader.Read(ctx, observe.Request{Now: now})
	wantError(t, err, v1alpha1.ReasonReadFailed, "spec.http.url: the read was stopped; it is made again")
}

func TestAFewNewRecordsNeedNotHaveEveryField(t *testing.T) {
	const spec = "{url: 'SERVER/?since=${since}', format: JSON, since: {window: 90d, format: Date}}"
	s := newServer(t, script{"GET /?since=2026-11-01": `[{"org": "acme", "at": "2026-11-01"}]`, "GET /?since=2026-08-03": `[{"org": "acme", "at": "2026-11-01"}]`})
	ds := source(t, s.URL, spec)
	ds.Spec.ObservedTime = &v1alpha1.TimeColumn{Field: "at"}
	if got, err := read(t, ds, now.Add(-time.Hour)); err != nil || len(got.Rows) != 1 {
		t.Errorf("got %v, %v; want a row without a value", got, err)
	}
	if _, err := read(t, ds, time.Time{}); err == nil {
		t.Error("a whole read in which no record has a declared field is accepted")
	}
}
