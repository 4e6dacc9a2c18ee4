package httpjson

import (
	"net/url"
	"testing"
)

func TestAParameterIsSetAndTheRestOfTheURLStaysAsItWasWritten(t *testing.T) {
	tests := map[string]struct{ url, name, value, want string }{
		"no query":                         {"https://a/x", "page", "2", "https://a/x?page=2"},
		"an empty query":                   {"https://a/x?", "page", "2", "https://a/x?page=2"},
		"other parameters":                 {"https://a/x?b=2&a=1", "page", "2", "https://a/x?b=2&a=1&page=2"},
		"it is there already":              {"https://a/x?a=1&page=1&b=2", "page", "2", "https://a/x?a=1&page=2&b=2"},
		"it is there twice":                {"https://a/x?page=1&a=1&page=7", "page", "2", "https://a/x?page=2&a=1"},
		"it is there without a value":      {"https://a/x?page&a=1", "page", "2", "https://a/x?page=2&a=1"},
		"it is there, spelled otherwise":   {"https://a/x?page%5Bnumber%5D=1", "page[number]", "2", "https://a/x?page%5Bnumber%5D=2"},
		"a parameter that ends the same":   {"https://a/x?frontpage=1", "page", "2", "https://a/x?frontpage=1&page=2"},
		"a value that needs quoting":       {"https://a/x", "after", "a&b=c d+e/f", "https://a/x?after=a%26b%3Dc+d%2Be%2Ff"},
		"spellings that are the API's own": {"https://a/x?$filter=a eq 'b,c'&q=SELECT+Id&t=a;b", "page", "2", "https://a/x?$filter=a eq 'b,c'&q=SELECT+Id&t=a;b&page=2"},
		"a parameter that is not escaped":  {"https://a/x?q=100%&page=1", "page", "2", "https://a/x?q=100%&page=2"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse(test.url)
			if err != nil {
				t.Fatal(err)
			}
			if got := (request{url: u}).withQuery(test.name, test.value); got.url.String() != test.want {
				t.Errorf("got %s, want %s", got.url, test.want)
			}
			if u.String() != test.url {
				t.Errorf("the first request was changed to %s", u)
			}
		})
	}
}

func TestAPropertyIsSetAndTheOthersKeepTheirValues(t *testing.T) {
	tests := map[string]struct {
		body, name string
		value      any
		want       string
	}{
		"an empty object":            {`{}`, "after", "x", `{"after":"x"}`},
		"others":                     {`{"n": 1.10, "id": 12345678901234567890, "in": {"b": [1, 2], "a": null}}`, "after", "x", `{"after":"x","id":12345678901234567890,"in":{"b":[1,2],"a":null},"n":1.10}`},
		"it is there already":        {`{"after":"0","limit":100}`, "after", "x", `{"after":"x","limit":100}`},
		"only that of the top level": {`{"page":1,"in":{"page":1}}`, "page", 2, `{"in":{"page":1},"page":2}`},
		"characters of HTML":         {`{"query":"a <b> & c"}`, "after", "<&>", `{"after":"<&>","query":"a <b> & c"}`},
		"a list":                     {`[]`, "after", "x", "error"},
		"null":                       {`null`, "after", "x", "error"},
		"nothing":                    {``, "after", "x", "error"},
		"two objects":                {`{}{}`, "after", "x", "error"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			next, err := (request{body: []byte(test.body)}).withProperty(test.name, test.value)
			got := string(next.body)
			if err != nil {
				got = "error"
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
