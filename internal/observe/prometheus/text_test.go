package prometheus

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestText(t *testing.T) {
	const number, moment = v1alpha1.MetricNumber, v1alpha1.MetricTime
	tests := map[string]struct {
		metricType v1alpha1.MetricType
		value      float64
		want       string
	}{
		"a whole number":                       {number, 120000, "120000"},
		"a fraction in its shortest form":      {number, 0.1, "0.1"},
		"a negative number":                    {number, -46.25, "-46.25"},
		"zero":                                 {number, 0, "0"},
		"minus zero":                           {number, math.Copysign(0, -1), "-0"},
		"the last small one without exponent":  {number, 1e-6, "0.000001"},
		"a smaller one":                        {number, 9.5e-7, "9.5e-07"},
		"the last large one without exponent":  {number, 999999999999999868928, "999999999999999900000"},
		"a larger one":                         {number, 1e21, "1e+21"},
		"the largest":                          {number, math.MaxFloat64, "1.7976931348623157e+308"},
		"no number":                            {number, math.NaN(), "NaN"},
		"infinity":                             {number, math.Inf(1), "+Inf"},
		"minus infinity":                       {number, math.Inf(-1), "-Inf"},
		"a time":                               {moment, 1793525400, "2026-11-01T09:30:00Z"},
		"a time to the millisecond":            {moment, 1793525400.1239, "2026-11-01T09:30:00.124Z"},
		"a time before 1970":                   {moment, -1.5, "1969-12-31T23:59:58.5Z"},
		"the first time":                       {moment, 0, "1970-01-01T00:00:00Z"},
		"milliseconds taken for seconds":       {moment, 1793525400000, "1793525400000"},
		"a time after what RFC 3339 can write": {moment, 253402300800, "253402300800"},
		"a time before what there is":          {moment, -62167219201, "-62167219201"},
		"no time":                              {moment, math.NaN(), "NaN"},
		"an endless time":                      {moment, math.Inf(-1), "-Inf"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := text(test.metricType, test.value); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestScrub(t *testing.T) {
	sent := &sentHeaders{values: []string{"Bearer tok-123", "tok-123", "perennial", "eu", ""}}
	tests := map[string]struct{ text, want string }{
		"words stay":                                {"1:5: parse error: unexpected end of input", "1:5: parse error: unexpected end of input"},
		"quotes of every kind":                      {`a "x" b 'x' c ` + "`x`", `a "..." b '...' c ` + "`...`"},
		"an escaped quote":                          {`a "x\"y" b`, `a "..." b`},
		"a backquoted text has no escapes":          {"a `x\\` b", "a `...` b"},
		"an apostrophe is no quote":                 {`can't read "x", store's gone`, `can't read "...", store's gone`},
		"a quote in quotes":                         {`unexpected '"' in x`, `unexpected '...' in x`},
		"braces":                                    {`series {a="x", b='}'} and {c="y"}`, "series {...} and {...}"},
		"braces in braces":                          {`a {b{c}d} e`, "a {...} e"},
		"a brace in quotes":                         {`a "{" b "}" c`, `a "..." b "..." c`},
		"what is never closed is hidden to the end": {`a {b="x c`, "a {..."},
		"a quote that is never closed, too":         {`a "x\`, `a "...`},
		"a brace that is closed in a quote is not":  {`a {b='}`, "a {..."},
		"URLs":          {"get http://u:p@host/x?y: failed, see postgres://a", "get ... failed, see ..."},
		"addresses":     {"dial tcp 10.0.0.1:9090->[fe80::1%eth0]:443: refused by 10.0.0.2, version 1.2.3", "dial tcp ...->...: refused by ..., version 1.2.3"},
		"what was sent": {"bad Bearer tok-123, tok-123 of perennial in eu", "bad ..., ... of ... in eu"},
		"lines and control characters become one space": {" a\n\n\tb\x00\u2028c ", "a b c"},
		"nothing":                   {" \n", ""},
		"what is as long as may be": {strings.Repeat("é", 200), strings.Repeat("é", 200)},
		"what is longer":            {strings.Repeat("é", 201), strings.Repeat("é", 197) + "..."},
		"what is not UTF-8":         {"a\xffb", "a\ufffdb"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := sent.scrub(test.text); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func FuzzScrub(f *testing.F) {
	f.Add(`a "b {c='d"} e`, "tok-123")
	f.Fuzz(func(t *testing.T, text, secret string) {
		sent := &sentHeaders{values: []string{secret}}
		got := sent.scrub(text)
		if len([]rune(got)) > maxTextLength || strings.ContainsAny(got, "\n\r\t") {
			t.Errorf("%q", got)
		}
	})
}

func TestTimeLeft(t *testing.T) {
	if left := timeLeft(context.Background()); left != 0 {
		t.Errorf("without a deadline: %s", left)
	}
	for name, test := range map[string]struct{ until, unit time.Duration }{
		"whole seconds":                      {time.Hour, time.Second},
		"milliseconds, where it is a second": {900 * time.Millisecond, time.Millisecond},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), test.until)
		if left := timeLeft(ctx); left%test.unit != 0 || left > test.until {
			t.Errorf("%s: %s", name, left)
		}
		cancel()
	}
}
