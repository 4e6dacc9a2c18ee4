package httpjson

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"

	"github.com/itchyny/gojq"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/web"
)

// defaultMaxPages is how many pages one read takes where the spec does not say.
const defaultMaxPages = 1000

// errNoObject is the error of JSON that is no object.
var errNoObject = errors.New("not a JSON object")

// page is one page of a read.
type page struct {
	// number of the page in this read, from 1 on.
	number int
	// content of a page of JSON, and its size in bytes.
	content any
	size    int
	// rows on this page.
	rows int
	// answer of the server.
	answer *web.Response
}

// String names the page in an error.
func (p *page) String() string { return fmt.Sprintf("page %d", p.number) }

// record names the record that was read last in an error.
func (p *page) record() string { return fmt.Sprintf("record %d of %s", p.rows, p) }

// isEmpty reports whether a page has no records. A list that is not empty has some, though spec.http.records may leave all
// of them out: others may follow.
func (p *page) isEmpty() bool {
	list, _ := p.content.([]any)
	return p.rows == 0 && len(list) == 0
}

// walk is the way through the pages of one read.
type walk struct {
	*reader
	client *web.Client
	// seen are the URLs and cursors that were asked for: what leads back to one of them never ends.
	seen map[string]struct{}
	// first is the sum of the first page, and same the number of pages that are like it.
	first [sha256.Size]byte
	same  int
}

// readPages reads one page after the other. There is a table only of all of them.
func (r *reader) readPages(ctx context.Context, client *web.Client, at request, rows *rows) (*observe.Table, error) {
	w := &walk{reader: r, client: client, seen: map[string]struct{}{at.url.String(): {}}}
	if spec := r.ds.Spec.HTTP.Pagination; spec != nil && spec.Type == v1alpha1.PaginationPageNumber {
		var err error
		if at, err = w.numbered(at, 0); err != nil {
			return nil, err
		}
	}
	for number := 1; ; number++ {
		answer, err := client.Do(ctx, r.method(), at.url, at.body)
		if err != nil {
			return nil, err
		}
		p := &page{number: number, answer: answer}
		if err := rows.add(ctx, p); err != nil {
			return nil, err
		}
		w.compare(p)
		next, err := w.next(ctx, at, p)
		if err != nil {
			return nil, err
		}
		if next == nil {
			return rows.table()
		}
		at = *next
	}
}

// method of the requests.
func (r *reader) method() string {
	if r.ds.Spec.HTTP.Method == "" {
		return string(v1alpha1.MethodGet)
	}
	return string(r.ds.Spec.HTTP.Method)
}

// next returns the request for the page after a page; nil after the last.
func (w *walk) next(ctx context.Context, at request, p *page) (*request, error) {
	spec := w.ds.Spec.HTTP.Pagination
	if spec == nil {
		return nil, nil
	}
	var next *request
	var err error
	switch spec.Type {
	case v1alpha1.PaginationNextURL:
		next, err = w.nextURL(ctx, at, p)
	case v1alpha1.PaginationLinkHeader:
		next, err = w.linked(at, p)
	case v1alpha1.PaginationCursor:
		next, err = w.nextCursor(ctx, at, p)
	default:
		next, err = w.nextNumber(ctx, at, p)
	}
	if err != nil || next == nil {
		return nil, err
	}
	limit := defaultMaxPages
	if spec.MaxPages != nil {
		limit = int(*spec.MaxPages)
	}
	// Where pages are counted until one is empty, that one lies behind the last.
	if p.number < limit || p.number == limit && spec.Type == v1alpha1.PaginationPageNumber && w.nextPage == nil {
		return next, nil
	}
	if w.same == p.number && p.number > 1 && spec.Parameter != "" {
		return nil, observe.ReadFailed("spec.http.pagination.maxPages: there are more pages than %d, and each is the same; see whether the API knows the parameter %q", limit, spec.Parameter)
	}
	return nil, observe.ReadFailed("spec.http.pagination.maxPages: there are more pages than %d; ask for larger pages, or raise it", limit)
}

// compare counts the pages that are like the first: an API that does not know the parameter gives that one for ever.
func (w *walk) compare(p *page) {
	sum := sha256.Sum256(p.answer.Body)
	if p.number == 1 {
		w.first = sum
	}
	if sum == w.first {
		w.same++
	}
}

// evaluate returns what spec.http.pagination.next gives on a page.
func (w *walk) evaluate(ctx context.Context, p *page) (any, error) {
	v, err := w.nextPage.first(ctx, stepsFor(p), p.content)
	if err != nil {
		return nil, w.failed(ctx, w.nextPage, p.String(), err)
	}
	return v, nil
}

// nextURL follows the URL that stands on the page.
func (w *walk) nextURL(ctx context.Context, at request, p *page) (*request, error) {
	v, err := w.evaluate(ctx, p)
	if err != nil || v == nil || v == false || v == "" {
		return nil, err
	}
	target, ok := v.(string)
	if !ok {
		return nil, observe.ReadFailed("spec.http.pagination.next: gives %s on %s; the URL of the next page is expected, or null after the last", gojq.TypeOf(v), p)
	}
	return w.follow(w.nextPage.path, at, p, target)
}

// linked follows the Link header.
func (w *walk) linked(at request, p *page) (*request, error) {
	target, found, err := nextLink(p.answer.Header.Values("Link"))
	if err != nil {
		return nil, observe.ReadFailed("spec.http.pagination: the Link header of %s is not one (RFC 8288); there may be more pages", p)
	}
	if !found {
		return nil, nil
	}
	return w.follow("spec.http.pagination", at, p, target)
}

// follow returns the request for a URL that a page names.
func (w *walk) follow(path string, at request, p *page, target string) (*request, error) {
	u, err := p.answer.URL.Parse(target)
	if err != nil {
		return nil, observe.ReadFailed("%s: what %s gives for the next page is not a URL", path, p)
	}
	if !w.client.SameOrigin(u) {
		return nil, observe.ReadFailed("%s: the page after %s is on another scheme, host or port than spec.http.url; all pages must be on one", path, p)
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	if err := w.once(path, p, u.String()); err != nil {
		return nil, err
	}
	return &request{url: u, body: at.body}, nil
}

// once refuses to ask for what was asked for before.
func (w *walk) once(path string, p *page, key string) error {
	if _, ok := w.seen[key]; ok {
		return observe.ReadFailed("%s: %s leads back to a page that was read already; the reading would not end", path, p)
	}
	w.seen[key] = struct{}{}
	return nil
}

// nextCursor sends the word that stands on the page.
func (w *walk) nextCursor(ctx context.Context, at request, p *page) (*request, error) {
	v, err := w.evaluate(ctx, p)
	if err != nil || v == nil || v == false || v == "" {
		return nil, err
	}
	cell, ok := cellOf(v)
	if !ok || v == true {
		return nil, observe.ReadFailed("spec.http.pagination.next: gives %s on %s; the cursor of the next page is expected, or null after the last", gojq.TypeOf(v), p)
	}
	if err := w.once(w.nextPage.path, p, cell.Text); err != nil {
		return nil, err
	}
	next, err := w.with(at, cell.Text, v)
	return &next, err
}

// nextNumber asks for the page of the next number.
func (w *walk) nextNumber(ctx context.Context, at request, p *page) (*request, error) {
	if w.nextPage == nil {
		if p.isEmpty() {
			return nil, nil
		}
	} else {
		v, err := w.evaluate(ctx, p)
		if err != nil || v == nil || v == false || v == "" {
			return nil, err
		}
	}
	next, err := w.numbered(at, p.number)
	return &next, err
}

// numbered asks for the page behind so many.
func (w *walk) numbered(at request, behind int) (request, error) {
	number := 1 + behind
	if first := w.ds.Spec.HTTP.Pagination.FirstPage; first != nil {
		number = int(*first) + behind
	}
	return w.with(at, strconv.Itoa(number), number)
}

// with sets the parameter of the pagination: in the URL as text, in the body as the value that it is.
func (w *walk) with(at request, text string, v any) (request, error) {
	spec := w.ds.Spec.HTTP.Pagination
	if spec.Place != v1alpha1.CursorInBody {
		return at.withQuery(spec.Parameter, text), nil
	}
	next, err := at.withProperty(spec.Parameter, v)
	if err != nil {
		return next, observe.InvalidSpec("spec.http.body: must be a JSON object, because spec.http.pagination.place is Body")
	}
	return next, nil
}
