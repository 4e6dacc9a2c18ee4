package httpjson

import "testing"

func TestNextLink(t *testing.T) {
	const malformed = "malformed"
	tests := map[string]struct {
		headers []string
		want    string
	}{
		"no header at all":                        {nil, ""},
		"an empty header":                         {[]string{""}, ""},
		"one link":                                {[]string{`<https://a/?p=2>; rel="next"`}, "https://a/?p=2"},
		"a relation without quotes":               {[]string{`<https://a/2>; rel=next`}, "https://a/2"},
		"the second of two links":                 {[]string{`<https://a/1>; rel="prev", <https://a/3>; rel="next"`}, "https://a/3"},
		"the second of two headers":               {[]string{`<https://a/1>; rel="prev"`, `<https://a/3>; rel="next"`}, "https://a/3"},
		"several relations in one":                {[]string{`<https://a/9>; rel="last next"`}, "https://a/9"},
		"a relation that only begins with it":     {[]string{`<https://a/9>; rel="next-archive"`}, ""},
		"case does not matter":                    {[]string{`<https://a/2>; REL="Next"`}, "https://a/2"},
		"a comma and a semicolon in the target":   {[]string{`<https://a/?f=x,y;z&p=2>; rel="next"`}, "https://a/?f=x,y;z&p=2"},
		"a comma and a semicolon in a title":      {[]string{`<https://a/1>; title="x, <b>; rel=next"; rel="prev", <https://a/2>; rel="next"`}, "https://a/2"},
		"a quote in a title":                      {[]string{`<https://a/2>; title="say \"next\""; rel="next"`}, "https://a/2"},
		"parameters without a value":              {[]string{`<https://a/2>; crossorigin; rel="next"; results`}, "https://a/2"},
		"a parameter of another language":         {[]string{`<https://a/2>; title*=UTF-8'de'n%c3%a4chste; rel="next"`}, "https://a/2"},
		"white space anywhere":                    {[]string{" ,\t< https://a/2 > \t; rel = \"next\" , "}, "https://a/2"},
		"no white space at all":                   {[]string{`<https://a/1>;rel="prev",<https://a/2>;rel="next"`}, "https://a/2"},
		"an empty parameter":                      {[]string{`<https://a/2>;; rel="next";`}, "https://a/2"},
		"a relative target":                       {[]string{`</v1/orgs?p=2>; rel="next"`}, "/v1/orgs?p=2"},
		"a second relation does not count":        {[]string{`<https://a/1>; rel="prev"; rel="next"`}, ""},
		"a link about another page":               {[]string{`<https://a/1>; rel="next"; anchor="#chapter", <https://a/2>; rel="next"`}, "https://a/2"},
		"the first of two that are next":          {[]string{`<https://a/2>; rel="next", <https://a/3>; rel="next"`}, "https://a/2"},
		"no relation":                             {[]string{`<https://a/2>`}, ""},
		"no angle brackets":                       {[]string{`https://a/2; rel="next"`}, malformed},
		"a target that does not end":              {[]string{`<https://a/2; rel="next"`}, malformed},
		"a quote that does not end":               {[]string{`<https://a/2>; rel="next`}, malformed},
		"a quote that ends in a backslash":        {[]string{`<https://a/2>; rel="next\`}, malformed},
		"a parameter without a name":              {[]string{`<https://a/2>; ="next"`}, malformed},
		"two links without a comma between":       {[]string{`<https://a/1>; rel="prev" <https://a/2>; rel="next"`}, malformed},
		"a broken header behind the one that is":  {[]string{`<https://a/2>; rel="next"`, `broken`}, "https://a/2"},
		"a broken header before the one that is":  {[]string{`broken`, `<https://a/2>; rel="next"`}, malformed},
		"a word behind a quoted text":             {[]string{`<https://a/2>; rel="next"x`}, malformed},
		"a word of several without quotes around": {[]string{`<https://a/2>; rel=last next`}, malformed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, found, err := nextLink(test.headers)
			if err != nil {
				got = malformed
			}
			if found != (err == nil && got != "") {
				t.Errorf("found: %t", found)
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
