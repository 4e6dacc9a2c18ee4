// Package httpjson reads rows from an HTTP API, page by page: jq expressions take the records and their fields from JSON;
// CSV names its columns itself.
package httpjson

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/web"
)

// reader reads one source that has spec.http.
type reader struct {
	ds   *v1alpha1.DataSource
	deps observe.Dependencies

	url, body text
	// window of spec.http.since; 0: everything is read each time.
	window time.Duration

	records *expression
	// fields are those that the source declares, by name; none: the columns are the records' own fields.
	fields []*field
	// nextPage is spec.http.pagination.next; nil where there is none.
	nextPage *expression
}

// New makes the reader of a source that has spec.http.
func New(ds *v1alpha1.DataSource, deps observe.Dependencies) (observe.Reader, error) {
	r := &reader{ds: ds, deps: deps}
	for _, check := range []func() error{r.checkTexts, r.checkPagination, r.compileAll} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// someTime stands for the time of a read where a spec is checked.
var someTime = time.Unix(0, 0)

// checkTexts reads the URL and the body, and checks them as they are with a time filled in.
func (r *reader) checkTexts() error {
	spec := r.ds.Spec.HTTP
	switch spec.Method {
	case "", v1alpha1.MethodGet, v1alpha1.MethodPost:
	default:
		return observe.InvalidSpec("spec.http.method: %q is not GET or POST", spec.Method)
	}
	switch spec.Format {
	case v1alpha1.HTTPFormatJSON, v1alpha1.HTTPFormatCSV:
	default:
		return observe.InvalidSpec("spec.http.format: %q is not JSON or CSV", spec.Format)
	}
	var err error
	if r.url, err = parseText("spec.http.url", string(spec.URL)); err != nil {
		return err
	}
	if r.body, err = parseText("spec.http.body", spec.Body); err != nil {
		return err
	}
	if r.window, err = checkSince(r.ds, r.url, r.body); err != nil {
		return err
	}
	// The host is what credentials are for: it is the same in every read.
	if _, afterScheme, _ := strings.Cut(r.url[0], "://"); r.url.hasSince() && !strings.ContainsAny(afterScheme, "/?") {
		return observe.InvalidSpec("spec.http.url: ${since} may stand behind the host alone")
	}
	return web.Check(r.config(someTime))
}

// checkPagination checks what the schema cannot state about spec.http.pagination.
func (r *reader) checkPagination() error {
	spec := r.ds.Spec.HTTP
	p := spec.Pagination
	if p == nil {
		return nil
	}
	switch p.Type {
	case v1alpha1.PaginationNextURL, v1alpha1.PaginationLinkHeader, v1alpha1.PaginationPageNumber, v1alpha1.PaginationCursor:
	default:
		return observe.InvalidSpec("spec.http.pagination.type: %q is not NextURL, LinkHeader, PageNumber or Cursor", p.Type)
	}
	if p.Place != v1alpha1.CursorInBody {
		return nil
	}
	if spec.Method != v1alpha1.MethodPost {
		return observe.InvalidSpec("spec.http.pagination.place: Body needs method: POST")
	}
	if _, err := bodyObject([]byte(r.bodyAt(someTime))); err != nil {
		return observe.InvalidSpec("spec.http.body: must be a JSON object, because spec.http.pagination.place is Body; {} is the empty one")
	}
	return nil
}

// compileAll compiles the jq expressions.
func (r *reader) compileAll() error {
	spec := r.ds.Spec.HTTP
	var err error
	if p := spec.Pagination; p != nil && (p.Next != "" || p.Type == v1alpha1.PaginationNextURL || p.Type == v1alpha1.PaginationCursor) {
		if r.nextPage, err = compile("spec.http.pagination.next", string(p.Next)); err != nil {
			return err
		}
	}
	if spec.Format == v1alpha1.HTTPFormatCSV {
		return nil
	}
	records := spec.Records
	if records == "" {
		records = ".[]"
	}
	if r.records, err = compile("spec.http.records", records); err != nil {
		return err
	}
	r.fields, err = compileFields(r.ds)
	return err
}

// urlAt returns the URL that asks for what there is since a time.
func (r *reader) urlAt(since time.Time) string { return r.url.fill(url.QueryEscape(r.timeText(since))) }

// bodyAt returns the body that asks for what there is since a time.
func (r *reader) bodyAt(since time.Time) string { return r.body.fill(r.timeText(since)) }

// timeText writes a time in the source's format; empty where the source does not ask for what is new alone.
func (r *reader) timeText(t time.Time) string {
	if r.window == 0 {
		return ""
	}
	return formatSince(t, r.ds.Spec.HTTP.Since.Format)
}

// config is what the HTTP client needs to know.
func (r *reader) config(since time.Time) web.Config {
	spec := r.ds.Spec.HTTP
	return web.Config{Field: "spec.http", URL: r.urlAt(since), Headers: spec.Headers, Auth: spec.Auth, TLS: spec.TLS}
}

// Read implements observe.Reader.
func (r *reader) Read(ctx context.Context, req observe.Request) (*observe.Table, error) {
	since, later := r.from(req)
	config := r.config(since)
	u, err := url.Parse(config.URL)
	if err != nil {
		return nil, observe.InvalidSpec("spec.http.url: not a URL")
	}
	first := request{url: u}
	if r.ds.Spec.HTTP.Body != "" {
		first.body = []byte(r.bodyAt(since))
	}
	budget := r.deps.Budget()
	client, err := web.New(ctx, r.ds, r.deps, budget, config)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	t, err := r.readPages(ctx, client, first, r.newRows(budget, later))
	if err != nil {
		return nil, err
	}
	if later {
		t.Since = since
	}
	return t, nil
}
