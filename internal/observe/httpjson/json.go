package httpjson

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"

	"github.com/perennial-dev/perennial/internal/observe"
)

// recordsOf gives the records of a page of JSON, one after the other as they are asked for; an error is the last.
func (r *rows) recordsOf(ctx context.Context, p *page, body []byte) iter.Seq2[any, error] {
	// A list of all there is may be as long as a read may be. Its records are read one by one: as values of jq they would
	// need ten times the memory of their text.
	if r.ds.Spec.HTTP.Records == "" && r.nextPage == nil && bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		return listed(p, body)
	}
	return r.evaluated(ctx, p, body)
}

// listed gives the elements of a list.
func listed(p *page, body []byte) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		decoder := newDecoder(body)
		_, err := decoder.Token()
		for err == nil && decoder.More() {
			var record any
			if err = decoder.Decode(&record); err == nil && !yield(record, nil) {
				return
			}
		}
		if err == nil {
			_, err = decoder.Token()
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err := ended(p, body, decoder, err); err != nil {
			yield(nil, err)
		}
	}
}

// evaluated gives what spec.http.records gives on a page, whose content is kept for what finds the next page.
func (r *rows) evaluated(ctx context.Context, p *page, body []byte) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		if limit := r.budget.MaxBytes() / bytesPerValue; valuesIn(body) > limit {
			yield(nil, observe.ReadFailed("spec.http: %s holds more than %d values, for which the operator's --max-bytes does not suffice; ask for smaller pages, or raise it", p, limit))
			return
		}
		decoder := newDecoder(body)
		if err := ended(p, body, decoder, decoder.Decode(&p.content)); err != nil {
			yield(nil, err)
			return
		}
		p.size = len(body)
		records := r.records.run(ctx, stepsFor(p), p.content)
		for {
			record, ok := records.Next()
			if !ok {
				return
			}
			if err, failed := record.(error); failed {
				yield(nil, r.failed(ctx, r.records, p.String(), err))
				return
			}
			if !yield(record, nil) {
				return
			}
		}
	}
}

// bytesPerValue is how many bytes of --max-bytes a value of a page counts for, however short its text: as a value of jq
// one is several times as large.
const bytesPerValue = 16

// valuesPerObject is how many values an object counts for beside those in it.
const valuesPerObject = 8

// valuesIn counts the values of a JSON text without making them: one before each comma, one in each list, and what an
// object counts for.
func valuesIn(body []byte) int64 {
	var n int64 = 1
	inString := false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case !inString && (c == ',' || c == '['):
			n++
		case !inString && c == '{':
			n += valuesPerObject
		}
	}
	return n
}

// newDecoder reads JSON whose numbers keep their digits.
func newDecoder(body []byte) *json.Decoder {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	return decoder
}

// ended says what is wrong with a page of JSON, of which one value was read up to an error, or to its end.
func ended(p *page, body []byte, decoder *json.Decoder, err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return observe.ReadFailed("spec.http.url: %s is not JSON: it is empty; check that the URL is that of an API that answers in JSON", p)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return observe.ReadFailed("spec.http.url: %s is not whole: the JSON ends in the middle; the next read tries again", p)
	case err != nil && bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")):
		return observe.ReadFailed("spec.http.url: %s is not JSON: it looks like a web page; check that the URL is that of the API, and that it wants no sign-in", p)
	case err != nil:
		return observe.ReadFailed("spec.http.url: %s is not JSON; check that the URL is that of an API that answers in JSON", p)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return observe.ReadFailed("spec.http.url: on %s something follows the JSON; one value is expected", p)
	}
	return nil
}
