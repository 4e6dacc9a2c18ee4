package expr

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestScan(t *testing.T) {
	text := func(s string) part { return part{text: s} }
	expression := func(s string) part { return part{text: s, expression: true} }
	for name, c := range map[string]struct {
		in   string
		want []part
	}{
		"nothing":                            {"", nil},
		"text alone":                         {"a {b} $c $", []part{text("a {b} $c $")}},
		"an expression alone":                {"${a}", []part{expression("a")}},
		"expressions side by side":           {"${a}${b}", []part{expression("a"), expression("b")}},
		"text around":                        {"x ${a} y", []part{text("x "), expression("a"), text(" y")}},
		"an escape":                          {"$${a}", []part{text("${a}")}},
		"an escape after an expression":      {"${a}$${b}", []part{expression("a"), text("${b}")}},
		"a dollar before an escape":          {"$$${a}", []part{text("$${a}")}},
		"braces in an expression":            {"${{'a': {'b': 1}}}", []part{expression("{'a': {'b': 1}}")}},
		"a brace after an expression":        {"${a}}", []part{expression("a"), text("}")}},
		"a brace in quotes":                  {`${'}' + "}"}`, []part{expression(`'}' + "}"`)}},
		"a quote in quotes":                  {`${'"}' + "'}"}`, []part{expression(`'"}' + "'}"`)}},
		"an escaped quote":                   {`${'\'}'}`, []part{expression(`'\'}'`)}},
		"an escaped backslash":               {`${'\\'}}`, []part{expression(`'\\'`), text("}")}},
		"a backslash in a raw text":          {`${r'\'}}`, []part{expression(`r'\'`), text("}")}},
		"a backslash in raw bytes":           {`${bR"\"}`, []part{expression(`bR"\"`)}},
		"a word that ends in r is not raw":   {`${xr'\'}'}`, []part{expression(`xr'\'}'`)}},
		"three quotes":                       {`${'''it's }'''}`, []part{expression(`'''it's }'''`)}},
		"an empty text in an expression":     {`${''}`, []part{expression(`''`)}},
		"an expression in quotes is no more": {`${'${a}'}`, []part{expression(`'${a}'`)}},
		"a comment hides a brace":            {"${a // }'\n}", []part{expression("a // }'\n")}},
		"a division":                         {"${a / b}", []part{expression("a / b")}},
		"other letters":                      {"Grüße an ${name} ✓", []part{text("Grüße an "), expression("name"), text(" ✓")}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := scan(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(part{})); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
		})
	}
}

// A text that is put together from parts comes apart into the same parts.
func TestScanFindsThePartsOfAnyText(t *testing.T) {
	literal := rapid.StringMatching(`([ -#%-~ü]|\$\{|\$ |\n){1,12}`)
	piece := rapid.SampledFrom([]string{
		"a", " + ", "{'k': 1}", "{}", "'}'", `"{"`, `'\'}'`, `'\\'`, `r'\'`, `R"}\"`, `rb'{'`, `'''it's "}" '''`, `"""}"'"""`, "''", "// }'\n", "[1]", "${", "ü",
	})
	rapid.Check(t, func(t *rapid.T) {
		var want []part
		var text strings.Builder
		for range rapid.IntRange(0, 6).Draw(t, "pairs") {
			if rapid.Bool().Draw(t, "literal") {
				s := literal.Draw(t, "text")
				want = append(want, part{text: s})
				text.WriteString(strings.ReplaceAll(s, "${", "$${"))
			}
			// A space between the pieces keeps one from changing the next: r before a quote makes it raw.
			s := strings.ReplaceAll(strings.Join(rapid.SliceOfN(piece, 1, 6).Draw(t, "pieces"), " "), "${", "{ }")
			want = append(want, part{text: s, expression: true})
			text.WriteString("${" + s + "}")
		}
		got, err := scan(text.String())
		if err != nil {
			t.Fatalf("%q: %v", text.String(), err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(part{})); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", text.String(), diff)
		}
	})
}

// FuzzScan checks that any text either is refused or comes apart, and that what was found is found again.
func FuzzScan(f *testing.F) {
	for _, s := range []string{"", "a ${b} c", "$${a}", "${'}'}", "${{'a': 1}}", "${r'\\'}", "${'''a'''", "${a // }\n}", "$", "${", "}{"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parts, err := scan(s)
		if err != nil {
			return
		}
		for i, p := range parts {
			if i > 0 && !p.expression && !parts[i-1].expression {
				t.Fatalf("%q: two literals side by side: %v", s, parts)
			}
			if !p.expression {
				continue
			}
			again, err := scan("${" + p.text + "}")
			if err != nil || len(again) != 1 || again[0] != p {
				t.Fatalf("%q: %q comes apart into %v, %v", s, p.text, again, err)
			}
		}
	})
}

// FuzzCompileBool checks that no expression, in whatever context, does harm.
func FuzzCompileBool(f *testing.F) {
	for _, s := range []string{
		"metrics.support.open_p1 > 0", "has(metrics['a-b'].c)", "account.spec.contract.arr * 2 / 100 > 50", "measures['a'].score in [1, 2]",
		"outcomes.triage == 'x' || 'a' in outcomes", "account.spec.team.exists(m, m.role == 'X')", "daysSince(row.x) > days(1)", "metrics.?a.?b.orValue(3) % 2 == 1",
		"today - period('90d') > timestamp('2026-01-01T00:00:00Z')", "score / 0 > 1", "team('x').matches('(a*)*')", "{'a': [1, 2.5]}.a[0] == 1", "`a`.b", ".metrics.a.b == 1",
	} {
		f.Add(s)
	}
	v := sample(f)
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range []Context{ContextRule, ContextStep, ContextRow} {
			p, err := CompileBool(c, v1alpha1.Expression(s))
			if err != nil {
				if err.Error() == "" || strings.Contains(err.Error(), "\n") {
					t.Fatalf("%q: the error is no line: %q", s, err)
				}
				continue
			}
			_, _, err = p.compiled.program.Eval(activation{v})
			if err != nil && strings.Contains(err.Error(), "internal error") {
				t.Fatalf("%q: %v", s, err)
			}
			if _, again := p.EvalBool(v); (again == nil) != (err == nil) {
				t.Fatalf("%q: %v, then %v", s, err, again)
			}
		}
	})
}
