package httpjson

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/itchyny/gojq"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestWhatIsNotJQIsRefusedWithTheFieldAndThePlace(t *testing.T) {
	tests := map[string]struct{ source, want string }{
		"a token too many":              {".a | | .b", `x: not jq: unexpected token "|" at character 6`},
		"characters of several bytes":   {`"é" | | .b`, `x: not jq: unexpected token "|" at character 7`},
		"what is no token":              {".a é", `x: not jq: unexpected token "é" at character 4`},
		"an end too early":              {".a[", "x: not jq: unexpected EOF"},
		"a text that does not end":      {`.a | "b`, "x: not jq: unterminated string literal"},
		"nothing":                       {"", `x: not jq: missing query (try ".")`},
		"a comment alone":               {"# all of them", `x: not jq: missing query (try ".")`},
		"a function that is not there":  {".a | foo(1)", "x: not jq: function not defined: foo/1"},
		"a variable that is not there":  {"$a", "x: not jq: variable not defined: $a"},
		"another input":                 {"input", "x: not jq: input(s)/0 is not allowed"},
		"all other inputs":              {"[inputs]", "x: not jq: input(s)/0 is not allowed"},
		"a module":                      {`import "a" as a; .`, `x: not jq: cannot load module: "a"`},
		"an included module":            {`include "a"; .`, `x: not jq: cannot load module: "a"`},
		"what writes to another stream": {"debug", "x: not jq: function not defined: debug/0"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := compile("x", test.source)
			wantError(t, err, v1alpha1.ReasonInvalidSpec, test.want)
		})
	}
}

// TestErrorsOfJQShowNoValue holds kindOf to the errors that there are: it knows them by their text, of which only words
// of jq itself may be passed on.
func TestErrorsOfJQShowNoValue(t *testing.T) {
	const secret = `{"s":"secret: 1 and 2) cannot be applied to: object (secret","o":{"secret":1},"l":["secret",2],"n":4711,"z":0,"b":true}`
	for source, want := range map[string]string{
		".n[]":                        "cannot iterate over number",
		".s[]":                        "cannot iterate over string",
		".none[]":                     "cannot iterate over null",
		".s.x":                        "expected an object but got string",
		".o[0]":                       "expected an array but got object",
		".s + .n":                     "cannot add string",
		".n - .s":                     "cannot subtract number",
		".l * .l":                     "cannot multiply array",
		".o / .o":                     "cannot divide object",
		".n / .z":                     "division by zero",
		".n % .z":                     "division by zero",
		"-.s":                         "cannot negate string",
		".s | todate":                 "strftime cannot be applied to string",
		".s | fromdate":               "strptime cannot be applied to the value",
		".s | tonumber":               "tonumber cannot be applied to the value",
		".o | tonumber":               "tonumber cannot be applied to object",
		".s | fromjson":               "fromjson cannot be applied to the value",
		".s | @base64d":               "base64d cannot be applied to the value",
		".o | ltrimstr(.s)":           "ltrimstr cannot be applied to object",
		".n | test(\"x\")":            "test cannot be applied to number",
		".l | has(.s)":                "expected an object but got array",
		".l | join(.o)":               "expected an object but got array",
		"[.o] | implode":              "implode cannot be applied to array",
		"{(.n): 1}":                   "expected a string for object key",
		".l[.s]":                      "expected an object but got array",
		".l[:.s]":                     "expected a number for indexing an array",
		".s | @foo":                   "format not defined: @foo",
		".s * 999999999":              "repeat string result too large",
		"error(.s)":                   "",
		"error(.o)":                   "",
		".s | error":                  "",
		"halt_error":                  "",
		"halt":                        "",
		".s | test(\"(\")":            "",
		". as $a | .l | .[$a.n:$a.s]": "expected a number for indexing an array",
		"[.l] | .[-5] = 1":            "setpath cannot be applied to the value",
	} {
		e, err := compileWithin("x", source, anything)
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(strings.NewReader(secret))
		decoder.UseNumber()
		var input any
		if err := decoder.Decode(&input); err != nil {
			t.Fatal(err)
		}
		v, err := e.first(t.Context(), baseSteps, input)
		if err == nil {
			t.Fatalf("%s: got %v, want an error", source, v)
		}
		got := kindOf(err)
		if got != want {
			t.Errorf("%s: got %q, want %q, of: %v", source, got, want, err)
		}
		for _, value := range []string{"secret", "4711"} {
			if strings.Contains(got, value) {
				t.Errorf("%s: the error shows a value: %s", source, got)
			}
		}
	}
}

func TestAnExpressionEndsWithItsStepsOrWithTheRead(t *testing.T) {
	r := &reader{ds: &v1alpha1.DataSource{}}
	over, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	stopped, stop := context.WithCancel(t.Context())
	stop()
	tests := map[string]struct {
		ctx    context.Context
		source string
		want   string
	}{
		"it never gives anything":           {t.Context(), "def f: f; f", "x: takes too many steps on page 1; look for a loop in it that never ends"},
		"it gathers without an end":         {t.Context(), "[repeat(1)]", "x: takes too many steps on page 1; look for a loop in it that never ends"},
		"it counts very far":                {t.Context(), "[range(1e15)] | length", "x: takes too many steps on page 1; look for a loop in it that never ends"},
		"it follows a list that has no end": {t.Context(), "[recurse(.parent)]", "x: takes too many steps on page 1; look for a loop in it that never ends"},
		"it catches errors":                 {t.Context(), "def f: try f catch f; f", "x: takes too many steps on page 1; look for a loop in it that never ends"},
		"the time is over":                  {over, "def f: f; f", "x: not evaluated on page 1 within 30s (spec.timeout); raise it, or ask for less"},
		"the operator stops":                {stopped, "def f: f; f", "x: the read was stopped; it is made again"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := compileWithin("x", test.source, anything)
			if err != nil {
				t.Fatal(err)
			}
			v, err := e.first(test.ctx, 100_000, nil)
			if err == nil {
				t.Fatalf("got %v, want an error", v)
			}
			wantError(t, r.failed(test.ctx, e, "page 1", err), v1alpha1.ReasonReadFailed, test.want)
		})
	}
}

// anything lets expressions through that no spec may have: what bounds them when they run must hold by itself.
func anything(*gojq.Query) error { return nil }
