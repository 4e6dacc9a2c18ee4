package httpjson

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
)

// request asks for one page.
type request struct {
	url  *url.URL
	body []byte
}

// withQuery returns the request with a parameter of the URL set, and everything else of the URL as it was written: some
// APIs take their parameters in one order or spelling alone.
func (q request) withQuery(name, value string) request {
	set := url.QueryEscape(name) + "=" + url.QueryEscape(value)
	var pairs []string
	found := false
	for pair := range strings.SplitSeq(q.url.RawQuery, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(key); err == nil && plain == name {
			if found {
				continue
			}
			pair, found = set, true
		}
		if pair != "" {
			pairs = append(pairs, pair)
		}
	}
	if !found {
		pairs = append(pairs, set)
	}
	next := *q.url
	next.RawQuery = strings.Join(pairs, "&")
	return request{url: &next, body: q.body}
}

// withProperty returns the request with a property of its body set, which is a JSON object; the others keep their values.
func (q request) withProperty(name string, value any) (request, error) {
	properties, err := bodyObject(q.body)
	if err != nil {
		return request{}, err
	}
	if properties[name], err = marshal(value); err != nil {
		return request{}, err
	}
	body, err := marshal(properties)
	return request{url: q.url, body: body}, err
}

// bodyObject reads a body that is a JSON object.
func bodyObject(body []byte) (map[string]json.RawMessage, error) {
	var properties map[string]json.RawMessage
	if err := json.Unmarshal(body, &properties); err != nil {
		return nil, err
	}
	if properties == nil {
		return nil, errNoObject
	}
	return properties, nil
}

// marshal writes JSON without the escapes that only HTML needs.
func marshal(v any) (json.RawMessage, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}
