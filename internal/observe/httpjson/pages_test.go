package httpjson

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/web"
)

const (
	rowA = `{"org":"a","count":1,"note":"x"}`
	rowB = `{"org":"b","count":2,"note":"y"}`
	rowC = `{"org":"c","count":3,"note":"z"}`
)

func TestPages(t *testing.T) {
	const get, post = "format: JSON, records: '.rows[]', ", "method: POST, url: SERVER/search, format: JSON, records: '.rows[]', "
	abc, ab := []string{columns, "1|x|a", "2|y|b", "3|z|c"}, []string{columns, "1|x|a", "2|y|b"}
	tests := map[string]struct {
		http    string
		answers script
		want    []string
	}{
		"NextURL: absolute, from the root and relative": {
			get + "url: SERVER/v1/orgs, pagination: {type: NextURL, next: .next}",
			script{
				"GET /v1/orgs":             `{"rows":[` + rowA + `],"next":"SERVER/v2/orgs?at=1"}`,
				"GET /v2/orgs?at=1":        `{"rows":[` + rowB + `],"next":"/v3/orgs"}`,
				"GET /v3/orgs":             `{"rows":[],"next":"orgs/more?at=%2F#x"}`,
				"GET /v3/orgs/more?at=%2F": `{"rows":[` + rowC + `],"next":null}`,
			},
			abc,
		},
		"NextURL: nothing ends the reading": {
			get + "url: SERVER/1, pagination: {type: NextURL, next: .next}",
			script{"GET /1": `{"rows":[` + rowA + `],"next":"2"}`, "GET /2": `{"rows":[` + rowB + `]}`},
			ab,
		},
		"NextURL: false ends the reading": {
			get + "url: SERVER/1, pagination: {type: NextURL, next: .next}",
			script{"GET /1": `{"rows":[` + rowA + `],"next":"2"}`, "GET /2": `{"rows":[` + rowB + `],"next":false}`},
			ab,
		},
		"NextURL: an empty text ends the reading": {
			get + "url: SERVER/1, pagination: {type: NextURL, next: .next}",
			script{"GET /1": `{"rows":[` + rowA + `],"next":"2"}`, "GET /2": `{"rows":[` + rowB + `],"next":""}`},
			ab,
		},
		"NextURL: no value ends the reading": {
			get + "url: SERVER/1, pagination: {type: NextURL, next: '.links[]'}",
			script{"GET /1": `{"rows":[` + rowA + `],"links":["2"]}`, "GET /2": `{"rows":[` + rowB + `],"links":[]}`},
			ab,
		},
		"NextURL: a condition in jq ends the reading": {
			get + "url: SERVER/1, pagination: {type: NextURL, next: 'if .more then .next else null end'}",
			script{"GET /1": `{"rows":[` + rowA + `],"next":"2","more":true}`, "GET /2": `{"rows":[` + rowB + `],"next":"3","more":false}`},
			ab,
		},
		"NextURL: user names and fragments are not sent": {
			get + "url: SERVER/1, pagination: {type: NextURL, next: '.next | sub(\"//\"; \"//jo:pw@\")'}",
			script{"GET /1": `{"rows":[` + rowA + `],"next":"SERVER/2#top"}`, "GET /2": `{"rows":[` + rowB + `],"next":""}`},
			ab,
		},
		"NextURL: a POST is sent again with its body": {
			post + "body: '{\"q\": 1}', pagination: {type: NextURL, next: .next}",
			script{`POST /search {"q": 1}`: `{"rows":[` + rowA + `],"next":"/search/2"}`, `POST /search/2 {"q": 1}`: `{"rows":[` + rowB + `]}`},
			ab,
		},
		"LinkHeader: to the last page": {
			"url: 'SERVER/orgs?per_page=1', format: JSON, pagination: {type: LinkHeader}",
			script{
				"GET /orgs?per_page=1":        "Link: <SERVER/orgs?per_page=1&page=2>; rel=\"next\", <SERVER/orgs?page=3>; rel=\"last\"\n\n[" + rowA + "]",
				"GET /orgs?per_page=1&page=2": "Link: <?page=1>; rel=first\nLink: </orgs?page=3>; rel=next\n\n[" + rowB + "]",
				"GET /orgs?page=3":            "Link: <SERVER/orgs?page=1>; rel=\"first\"\n\n[" + rowC + "]",
			},
			abc,
		},
		"LinkHeader: a CSV, its columns in another order on each page": {
			"url: SERVER/1, format: CSV, pagination: {type: LinkHeader}",
			script{"GET /1": "Link: <2>; rel=next\n\norg,count,note\na,1,x\n", "GET /2": "note,more,org,count\ny,-,b,2\n"},
			ab,
		},
		"PageNumber: until a page has no records": {
			get + "url: 'SERVER/orgs?page=7&size=1', pagination: {type: PageNumber, parameter: page}",
			script{
				"GET /orgs?page=1&size=1": `{"rows":[` + rowA + `]}`,
				"GET /orgs?page=2&size=1": `{"rows":[` + rowB + `]}`,
				"GET /orgs?page=3&size=1": `{"rows":[]}`,
			},
			ab,
		},
		"PageNumber: from 0 on": {
			get + "url: SERVER/orgs, pagination: {type: PageNumber, parameter: 'page[number]', firstPage: 0}",
			script{"GET /orgs?page%5Bnumber%5D=0": `{"rows":[` + rowA + `]}`, "GET /orgs?page%5Bnumber%5D=1": `{"rows":[]}`},
			ab[:2],
		},
		"PageNumber: until next is false, whatever is on the pages": {
			get + "url: SERVER/orgs, pagination: {type: PageNumber, parameter: p, next: .more}",
			script{
				"GET /orgs?p=1": `{"rows":[` + rowA + `],"more":true}`, "GET /orgs?p=2": `{"rows":[],"more":true}`,
				"GET /orgs?p=3": `{"rows":[` + rowB + `],"more":false}`,
			},
			ab,
		},
		"PageNumber: until next is null": {
			get + "url: SERVER/orgs, pagination: {type: PageNumber, parameter: p, next: .next_page}",
			script{"GET /orgs?p=1": `{"rows":[` + rowA + `],"next_page":2}`, "GET /orgs?p=2": `{"rows":[` + rowB + `]}`},
			ab,
		},
		"PageNumber: in the body": {
			post + "body: '{\"q\": {\"count\": 1.10}, \"page\": 9}', pagination: {type: PageNumber, parameter: page, place: Body}",
			script{
				`POST /search {"page":1,"q":{"count":1.10}}`: `{"rows":[` + rowA + `]}`,
				`POST /search {"page":2,"q":{"count":1.10}}`: `{"rows":[]}`,
			},
			ab[:2],
		},
		"PageNumber: a CSV until a page has no rows": {
			"url: SERVER/orgs, format: CSV, pagination: {type: PageNumber, parameter: p}",
			script{"GET /orgs?p=1": "org,count,note\na,1,x\n", "GET /orgs?p=2": "count,note,org\n2,y,b\n", "GET /orgs?p=3": "org,count,note\n"},
			ab,
		},
		"PageNumber: past a page of records that are left out": {
			"url: SERVER/orgs, format: JSON, records: '.[] | select(.count)', pagination: {type: PageNumber, parameter: p}",
			script{"GET /orgs?p=1": "[" + rowA + "]", "GET /orgs?p=2": `[{"org":"none"}]`, "GET /orgs?p=3": "[" + rowB + "]", "GET /orgs?p=4": "[]"},
			ab,
		},
		"PageNumber: a source without rows": {
			get + "url: SERVER/orgs, pagination: {type: PageNumber, parameter: p}", script{"GET /orgs?p=1": `{"rows":[]}`}, []string{""},
		},
		"Cursor: in the URL": {
			get + "url: 'SERVER/orgs?limit=1', pagination: {type: Cursor, parameter: after, next: .paging.next.after}",
			script{
				"GET /orgs?limit=1":                            `{"rows":[` + rowA + `],"paging":{"next":{"after":"a=&b"}}}`,
				"GET /orgs?limit=1&after=a%3D%26b":             `{"rows":[` + rowB + `],"paging":{"next":{"after":12345678901234567890}}}`,
				"GET /orgs?limit=1&after=12345678901234567890": `{"rows":[` + rowC + `]}`,
			},
			abc,
		},
		"Cursor: in the body, as the page wrote it": {
			post + "body: '{\"limit\": 1}', pagination: {type: Cursor, parameter: after, place: Body, next: .after}",
			script{
				`POST /search {"limit": 1}`:                             `{"rows":[` + rowA + `],"after":"<1>"}`,
				`POST /search {"after":"<1>","limit":1}`:                `{"rows":[` + rowB + `],"after":12345678901234567890}`,
				`POST /search {"after":12345678901234567890,"limit":1}`: `{"rows":[` + rowC + `],"after":""}`,
			},
			abc,
		},
		"Cursor: the id of the last record of a list": {
			"url: SERVER/orgs, format: JSON, pagination: {type: Cursor, parameter: after, next: '.[-1].org'}",
			script{"GET /orgs": "[" + rowA + "]", "GET /orgs?after=a": "[" + rowB + "]", "GET /orgs?after=b": "[]"},
			ab,
		},
		"Cursor: false ends the reading": {
			get + "url: SERVER/orgs, pagination: {type: Cursor, parameter: at, next: '.more and .at'}",
			script{"GET /orgs": `{"rows":[` + rowA + `],"more":false,"at":"x"}`},
			ab[:2],
		},
		"as many pages as there may be": {
			get + "url: SERVER/1, pagination: {type: NextURL, next: .next, maxPages: 2}",
			script{"GET /1": `{"rows":[` + rowA + `],"next":"2"}`, "GET /2": `{"rows":[` + rowB + `]}`},
			ab,
		},
		"as many numbered pages as there may be": {
			get + "url: SERVER/orgs, pagination: {type: PageNumber, parameter: p, maxPages: 2}",
			script{"GET /orgs?p=1": `{"rows":[` + rowA + `]}`, "GET /orgs?p=2": `{"rows":[` + rowB + `]}`, "GET /orgs?p=3": `{"rows":[]}`},
			ab,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, test.answers)
			got, err := read(t, source(t, s.URL, "{"+test.http+"}"), time.Time{})
			if err != nil {
				t.Fatalf("%v; asked: %q", err, s.requests())
			}
			if diff := cmp.Diff(test.want, show(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(s.requests()) != len(test.answers) {
				t.Errorf("asked %q, want each of %d pages once", s.requests(), len(test.answers))
			}
		})
	}
}

func TestErrorsOfPages(t *testing.T) {
	const get = "url: SERVER/, format: JSON, records: '.rows[]', "
	const nextURL, cursor = get + "pagination: {type: NextURL, next: .next}", get + "pagination: {type: Cursor, parameter: at, next: .next}"
	const numbered, linked = get + "pagination: {type: PageNumber, parameter: p, maxPages: 3}", get + "pagination: {type: LinkHeader}"
	const elsewhere = "the page after page 1 is on another scheme, host or port than spec.http.url; all pages must be on one"
	const back = "leads back to a page that was read already; the reading would not end"
	tests := map[string]struct {
		http    string
		answers script
		want    string
	}{
		"another host":              {nextURL, script{"GET /": `{"rows":[],"next":"http://secret.example.com/2"}`}, "spec.http.pagination.next: " + elsewhere},
		"another scheme":            {nextURL, script{"GET /": `{"rows":[],"next":"https://SERVER/2"}`}, "spec.http.pagination.next: " + elsewhere},
		"a host by its //":          {nextURL, script{"GET /": `{"rows":[],"next":"//secret.example.com/2"}`}, "spec.http.pagination.next: " + elsewhere},
		"no URL":                    {nextURL, script{"GET /": `{"rows":[],"next":"http://secret:x/"}`}, "spec.http.pagination.next: what page 1 gives for the next page is not a URL"},
		"a number for a URL":        {nextURL, script{"GET /": `{"rows":[],"next":4711}`}, "spec.http.pagination.next: gives number on page 1; the URL of the next page is expected, or null after the last"},
		"true for a URL":            {nextURL, script{"GET /": `{"rows":[],"next":true}`}, "spec.http.pagination.next: gives boolean on page 1; the URL of the next page is expected, or null after the last"},
		"the same page":             {nextURL, script{"GET /": `{"rows":[],"next":"/"}`}, "spec.http.pagination.next: page 1 " + back},
		"the first page":            {nextURL, script{"GET /": `{"rows":[],"next":"/2"}`, "GET /2": `{"rows":[],"next":"/"}`}, "spec.http.pagination.next: page 2 " + back},
		"a page in the middle":      {nextURL, script{"GET /": `{"rows":[],"next":"/2"}`, "GET /2": `{"rows":[],"next":"/3"}`, "GET /3": `{"rows":[],"next":"/2#x"}`}, "spec.http.pagination.next: page 3 " + back},
		"next of no list":           {get + "pagination: {type: NextURL, next: '.links[]'}", script{"GET /": `{"rows":[]}`}, "spec.http.pagination.next: cannot be evaluated on page 1 (jq: cannot iterate over null); compare the expression with what the URL answers"},
		"jq that fails":             {get + "pagination: {type: NextURL, next: .next.url}", script{"GET /": `{"rows":[],"next":"secret"}`}, "spec.http.pagination.next: cannot be evaluated on page 1 (jq: expected an object but got string); compare the expression with what the URL answers"},
		"the second is no JSON":     {nextURL, script{"GET /": `{"rows":[` + rowA + `],"next":"/2"}`, "GET /2": `secret`}, "spec.http.url: page 2 is not JSON; check that the URL is that of an API that answers in JSON"},
		"the second is no list":     {nextURL, script{"GET /": `{"rows":[` + rowA + `],"next":"/2"}`, "GET /2": `{"error":"secret"}`}, "spec.http.records: gives no list on page 2 (jq: cannot iterate over null); compare the expression with what the URL answers"},
		"the second is missing":     {nextURL, script{"GET /": `{"rows":[` + rowA + `],"next":"/2"}`}, "spec.http.url: the server has nothing at this URL (404 Not Found); check its path"},
		"a bad second record":       {nextURL, script{"GET /": `{"rows":[` + rowA + `],"next":"/2"}`, "GET /2": `{"rows":[` + rowB + `,"secret"]}`}, "spec.http.records: record 2 of page 2 is not an object but string; name the columns in spec.http.fields, or give objects"},
		"too many rows in all":      {nextURL, script{"GET /": `{"rows":[` + rowA + "," + rowA + "," + rowA + `],"next":"/2"}`, "GET /2": `{"rows":[` + rowB + "," + rowB + "," + rowB + `]}`}, "spec.http: more than 5 rows: select fewer, or raise the operator's --max-rows"},
		"too many bytes in all":     {nextURL, script{"GET /": `{"rows":[],"x":"` + strings.Repeat("x", 1200) + `","next":"/2"}`, "GET /2": `{"rows":[],"x":"` + strings.Repeat("x", 1200) + `"}`}, "spec.http: more than 2000 bytes: select less, or raise the operator's --max-bytes"},
		"a list for a cursor":       {cursor, script{"GET /": `{"rows":[],"next":["secret"]}`}, "spec.http.pagination.next: gives array on page 1; the cursor of the next page is expected, or null after the last"},
		"true for a cursor":         {cursor, script{"GET /": `{"rows":[],"next":true}`}, "spec.http.pagination.next: gives boolean on page 1; the cursor of the next page is expected, or null after the last"},
		"the same cursor":           {cursor, script{"GET /": `{"rows":[],"next":"secret"}`, "GET /?at=secret": `{"rows":[],"next":"secret"}`}, "spec.http.pagination.next: page 2 " + back},
		"a link elsewhere":          {linked, script{"GET /": "Link: <http://secret.example.com/2>; rel=next\n\n{\"rows\":[]}"}, "spec.http.pagination: " + elsewhere},
		"a link to itself":          {linked, script{"GET /": "Link: <>; rel=next, </>; rel=next\n\n{\"rows\":[]}"}, "spec.http.pagination: page 1 " + back},
		"a link that is none":       {linked, script{"GET /": "Link: /secret; rel=next\n\n{\"rows\":[]}"}, "spec.http.pagination: the Link header of page 1 is not one (RFC 8288); there may be more pages"},
		"too many pages":            {get + "pagination: {type: NextURL, next: .next, maxPages: 1}", script{"GET /": `{"rows":[` + rowA + `],"next":"/2"}`}, "spec.http.pagination.maxPages: there are more pages than 1; ask for larger pages, or raise it"},
		"too many numbered ones":    {numbered, script{"GET /?p=1": `{"rows":[` + rowA + `]}`, "GET /?p=2": `{"rows":[` + rowB + `]}`, "GET /?p=3": `{"rows":[` + rowC + `]}`, "GET /?p=4": `{"rows":[` + rowA + `]}`}, "spec.http.pagination.maxPages: there are more pages than 3; ask for larger pages, or raise it"},
		"numbered ones that say so": {get + "pagination: {type: PageNumber, parameter: p, next: .more, maxPages: 1}", script{"GET /?p=1": `{"rows":[` + rowA + `],"more":true}`}, "spec.http.pagination.maxPages: there are more pages than 1; ask for larger pages, or raise it"},
		"one page again and again":  {numbered, script{"GET /?p=1": `{"rows":[` + rowA + `]}`, "GET /?p=2": `{"rows":[` + rowA + `]}`, "GET /?p=3": `{"rows":[` + rowA + `]}`, "GET /?p=4": `{"rows":[` + rowA + `]}`}, `spec.http.pagination.maxPages: there are more pages than 3, and each is the same; see whether the API knows the parameter "p"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, test.answers)
			_, err := read(t, source(t, s.URL, "{"+test.http+"}"), time.Time{})
			wantError(t, err, v1alpha1.ReasonReadFailed, test.want)
			if strings.Contains(err.Error(), "secret") {
				t.Error("the error shows a value")
			}
		})
	}
}

func TestAThousandPagesAreReadWhereTheSpecSaysNothingElse(t *testing.T) {
	for pages, want := range map[int]string{1000: "", 1001: "spec.http.pagination.maxPages: there are more pages than 1000; ask for larger pages, or raise it"} {
		answers := script{"GET /": `{"rows":[],"next":2}`}
		for page := 2; page < pages; page++ {
			answers[fmt.Sprintf("GET /?at=%d", page)] = fmt.Sprintf(`{"rows":[],"next":%d}`, page+1)
		}
		answers[fmt.Sprintf("GET /?at=%d", pages)] = `{"rows":[]}`
		s := newServer(t, answers)
		ds := source(t, s.URL, "{url: SERVER/, format: JSON, records: '.rows[]', pagination: {type: Cursor, parameter: at, next: .next}}")
		got, err := readAll(t, ds)
		if want != "" {
			wantError(t, err, v1alpha1.ReasonReadFailed, want)
		} else if err != nil || len(got.Rows) != 0 {
			t.Errorf("%d pages: got %v, %v", pages, got, err)
		}
	}
}

func TestTheNextPageIsRelativeToTheOneThatAnswered(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("GET /orgs", http.RedirectHandler("/v2/orgs/all", http.StatusFound))
	for path, answer := range map[string]string{
		"GET /v2/orgs/all": `{"rows":[` + rowA + `],"next":"more"}`, "GET /v2/orgs/more": `{"rows":[` + rowB + `]}`,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) })
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	got, err := readAll(t, source(t, s.URL, "{url: SERVER/orgs, format: JSON, records: '.rows[]', pagination: {type: NextURL, next: .next}}"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{columns, "1|x|a", "2|y|b"}, show(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestALongerPageMayTakeMoreSteps(t *testing.T) {
	opened, err := New(source(t, "https://a", "{url: SERVER/, format: JSON, records: '.rows[]'}"), observe.Dependencies{})
	if err != nil {
		t.Fatal(err)
	}
	rows := opened.(*reader).newRows(observe.Dependencies{}.Budget(), false)
	for _, body := range []string{`{"rows":[]}`, `{"rows":[],"rest":"` + strings.Repeat("x", 1000) + `"}`} {
		p := &page{answer: &web.Response{Body: []byte(body)}}
		if err := rows.add(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if got, want := stepsFor(p), baseSteps+stepsPerByte*len(body); got != want {
			t.Errorf("%d steps on a page of %d bytes, want %d", got, len(body), want)
		}
	}
}
