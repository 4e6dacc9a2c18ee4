package expr

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/cel-go/common/types/ref"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// What every text, every number, every time and every key of an account in these tests holds: one in an error is found.
const (
	secretText   = "zqx"
	secretNumber = 7310529
	secretYear   = 1987
)

// secretive is an account with several of everything, all of them secret. Texts are such as sources have.
func secretive() *Vars {
	arr, seats, score := int64(secretNumber), int64(secretNumber), int32(secretNumber)
	moment := time.Date(secretYear, 6, 5, 4, 3, 2, 0, time.UTC)
	text, number := value.Category(secretText+" Text"), value.Number(value.DecimalFromInt(secretNumber)+250_000)
	times := value.Value{Type: v1alpha1.MetricTime, Time: moment}
	values := map[string]value.Value{"t": text, "n": number, "d": times, "z": value.Number(0), "long": value.Category(strings.Repeat(secretText+", ", 800))}
	metrics := map[v1alpha1.MetricReference]value.Value{}
	for name, v := range values {
		metrics[v1alpha1.MetricReference{Source: "a", Metric: name}] = v
		metrics[v1alpha1.MetricReference{Source: "a-b", Metric: name}] = v
	}
	texts := map[string]string{secretText + "a": secretText, secretText + "b": "", secretText + "c": secretText + "1", "k": secretText, "l": secretText}
	return &Vars{
		Now: time.Date(2026, 11, 1, 11, 0, 0, 0, time.UTC), Location: time.FixedZone("", 3600), Score: 34, Value: number,
		Account: &v1alpha1.Account{
			ObjectMeta: metav1.ObjectMeta{Name: secretText, Labels: texts, Annotations: texts},
			Spec: v1alpha1.AccountSpec{
				DisplayName: secretText, Owner: secretText,
				ExternalIDs:  map[string]v1alpha1.ExternalIDList{"crm": {secretText, secretText + "2"}, secretText: {secretText}, "k": nil},
				Team:         []v1alpha1.TeamMember{{Role: secretText, User: secretText}, {Role: "CSM", User: secretText + "3"}},
				Contract:     &v1alpha1.Contract{StartDate: "1987-02-28", RenewalDate: secretText, ARR: &arr, Seats: &seats},
				Measurements: []v1alpha1.Measurement{{Name: secretText, Value: secretText, ObservedTime: &metav1.Time{Time: moment}}},
			},
		},
		Health:   &v1alpha1.Health{Score: &score, Band: secretText, Coverage: secretNumber, Model: secretText},
		Metrics:  metrics,
		Measures: map[string]MeasureValue{"a": {Value: &text, Score: &score}, "b": {Value: &number}, "c": {}},
		Outcomes: map[string]string{"a": secretText, "b": secretText + "4"},
		Row:      values,
	}
}

// holdsSecret reports whether an error shows something of the account. What the author of the expression wrote is none.
func holdsSecret(message, source string) bool {
	for _, secret := range []string{secretText, strconv.Itoa(secretNumber), strconv.Itoa(secretYear) + "-"} {
		if strings.Contains(message, secret) && !strings.Contains(source, secret) {
			return true
		}
	}
	return false
}

// only returns the values that an expression says it reads, and no other.
func only(r Reads, v *Vars) *Vars {
	kept := *v
	kept.Metrics, kept.Measures = maps.Clone(v.Metrics), maps.Clone(v.Measures)
	kept.Outcomes, kept.Row = maps.Clone(v.Outcomes), maps.Clone(v.Row)
	maps.DeleteFunc(kept.Metrics, func(m v1alpha1.MetricReference, _ value.Value) bool { return !slices.Contains(r.Metrics, m) })
	maps.DeleteFunc(kept.Measures, func(name string, _ MeasureValue) bool { return !slices.Contains(r.Measures, name) })
	maps.DeleteFunc(kept.Outcomes, func(name, _ string) bool { return !slices.Contains(r.Outcomes, name) })
	maps.DeleteFunc(kept.Row, func(name string, _ value.Value) bool { return !slices.Contains(r.Row, name) })
	if !r.Account {
		kept.Account = nil
	}
	if !r.Health {
		kept.Health = nil
	}
	if h := kept.Health; h != nil && !r.Score {
		kept.Health = &v1alpha1.Health{Band: h.Band, LastBand: h.LastBand, PreviousBand: h.PreviousBand, Model: h.Model}
	}
	if !r.Time {
		kept.Now, kept.Location = kept.Now.AddDate(-3, 2, 1), time.FixedZone("", -7*3600)
	}
	return &kept
}

// checkReads checks that each list is sorted and names nothing twice, and has nothing that the context does not have.
func checkReads(t *testing.T, c Context, r Reads) {
	t.Helper()
	if !slices.IsSortedFunc(r.Metrics, value.CompareMetrics) || len(slices.Compact(slices.Clone(r.Metrics))) != len(r.Metrics) {
		t.Fatalf("metrics: %v", r.Metrics)
	}
	for _, names := range [][]string{r.Measures, r.Outcomes, r.Row} {
		if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Fatalf("names: %q", names)
		}
	}
	env, err := environmentOf(c)
	if err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]bool{
		rootMetrics: len(r.Metrics) > 0, rootMeasures: len(r.Measures) > 0, rootOutcomes: len(r.Outcomes) > 0, rootRow: len(r.Row) > 0,
		varAccount: r.Account, varHealth: r.Health, varToday: r.Time,
	} {
		if read && !slices.Contains(env.names, name) {
			t.Fatalf("%s is read, and is not there: %+v", name, r)
		}
	}
}

// program is a compiled expression, however it was compiled.
type program struct {
	reads Reads
	// eval returns the result as text, or the error's.
	eval func(*Vars) (result, failure string)
}

// entries are the ways to compile an expression of which a type is wanted.
var entries = map[string]func(Context, v1alpha1.Expression) (program, error){
	"CompileBool":   entry(CompileBool, (*Program).EvalBool),
	"CompileValue":  entry(CompileValue, (*ValueProgram).Eval),
	"CompileNumber": entry(CompileNumber, (*NumberProgram).Eval),
}

func entry[P interface{ Reads() Reads }, R any](compile func(Context, v1alpha1.Expression) (P, error), eval func(P, *Vars) (R, error)) func(Context, v1alpha1.Expression) (program, error) {
	return func(c Context, source v1alpha1.Expression) (program, error) {
		p, err := compile(c, source)
		if err != nil {
			return program{}, err
		}
		return program{p.Reads(), func(v *Vars) (string, string) { return shown(eval(p, v)) }}, nil
	}
}

func shown[T any](result T, err error) (string, string) {
	if err != nil {
		return "", err.Error()
	}
	return fmt.Sprintf("%+v", result), ""
}

// written writes a result as a text, or else as JSON.
func written(v ref.Val, err error) (string, string) {
	if err != nil {
		return "", err.Error()
	}
	if text, err := renderText(v); err == nil {
		return text, ""
	}
	return asJSON(toJSON(v))
}

// expressionSeeds use every variable, function and operator at least once, most of them in more than one way.
var expressionSeeds = []string{
	"", "true", "a", "score >", "score > 5 && today > today", "metrics.a.n > 0 || metrics.a.missing > 0", "has(metrics['a-b'].t) && 'n' in metrics.a", "metrics.?a.?b.orValue(3) % 2 == 1", "metrics[?'a'][?'n'].hasValue()",
	".metrics.a.n == 1", "metrics.a[metrics.a.t] == 1", "account.spec.contract.arr * 2 / 100 > 50", "measures['a'].score in [1, 2]", "measures.b.value == measures.c.value", "outcomes.a == 'x' || 'b' in outcomes",
	"account.spec.team.exists(m, m.role == 'CSM')", "account.spec.team.map(m, m.user).join(',') == ''", "team('CSM').matches('(a*)*')",
	"account.spec.externalIDs.all(k, account.spec.externalIDs[k].size() / 0 > 1 || metrics.a.missing > 1)", "account.labels[metrics.a.t] == 'x'", "dyn(account.spec)[value] == 1", "{'a': 1}[account.name] == 1",
	"account.spec.contract.startDate", "account.spec.parentRef.name == account.spec.healthOverride.by", "account.spec.measurements[0].observedTime > timestamp('2026-01-01T00:00:00Z')",
	"health.score < 3 && health.band == health.lastBand && has(health.trend)", "health.coverage + health.previousScore > 1", "health.model", "health.previousBand == health.band", "daysSince(row.d) > daysUntil(row.t)", "nextAnniversary(row.d) - days(row.n) < today",
	"days(1.5) + period('90d') > duration('1h')", "days(1e9)", "period(metrics.a.t)", "today - period('90d') > timestamp('2026-01-01T00:00:00Z')", "timestamp(metrics.a.t)", "metrics.a.d.getFullYear() == 1987",
	"today.getDayOfWeek('Europe/Berlin')", "score / 0 > 1", "row.n % row.z", "1.5 % 2", "5 % 0 == 1", "9223372036854775807 + 1", "-(-9223372036854775807 - 1)", "1u + 2u - 3u", "double('NaN') == 1.0", "double(metrics.a.t)",
	"int(row.t)", "string(row.n)", "bool(row.t)", "b'a' + b'b'", "bytes(row.t) == b''", "type(row.n) == double", "dyn(1) + dyn('a')", "[1, 2.5, 'x'] + [true]", "[3, 1, 2].isSorted()", "[1, 2].sum() + [1.5].max() > 3",
	"[1, 2].indexOf(3) == -1", "sets.contains([1, 2], [1]) && sets.intersects([1], [2]) || sets.equivalent([], [])", "math.greatest(metrics.a.n, 1, 2.5) > math.least([1, 2])",
	"math.ceil(1.5) + math.round(2.5) + math.abs(-1.0) + math.sqrt(2)", "math.bitOr(1, 2) == 3 && math.isNaN(0.0)", "'%s %d %.3f %e %x %b %o'.format([row.t, 1, 2.5, 3.0, 255, 5, 8])", "'%d'.format([row.t])", "'%.99f'.format([1.0])",
	"row.t.replace('q', 'qq').split('q').join('-')", "row.long.replace('', row.long)", "row.t.upperAscii().lowerAscii().trim().substring(1, 3).charAt(0)", "row.t.indexOf('q') + row.t.lastIndexOf('q')",
	"'abc'.reverse() + strings.quote(row.t)", "row.t.find('[a-z]+') + row.long.findAll('zq').join()", "slug(row.t) + format(row.n) + format(today)", "[row.long].map(x, x + x + x + x).map(x, x + x + x + x).map(x, x + x)",
	"[row.long].map(x, '%s%s%s%s%s%s%s%s'.format([x, x, x, x, x, x, x, x])).map(x, '%s%s%s%s%s%s%s%s'.format([x, x, x, x, x, x, x, x])).size() > 0", "[1, 2, 3].all(a, [1, 2, 3].all(b, [1, 2, 3].all(c, a + b + c > 0)))",
	"[1].all(metrics, metrics > 0)", "[1].filter(x, x > 0).exists_one(x, x == 1)", "optional.of(1).optMap(x, x + 1).orValue(2)", "optional.none().or(optional.ofNonZeroValue(0)).hasValue()",
	"{?'a': metrics.a.?n, 'b': {'c': [1, {2: 3}]}}.b.c[1][2]", "{1: 'a', 1u: 'b', true: 'c', 'd': 2.5}.size()", "(score > 50 ? 1 : score) == 34", "score == 5 && account.name == 3", "account.spec.ownr", "measures['a'].scor",
	"metrics", "metrics.a", "row[row.t]", "Account{name: 'x'}", "`a`.b", `'a' == "b" // c`, "value * 2 + 1", "value == 'Good' ? 90 : 10", "100 - daysSince(value)", "value > metrics.a.n", `'\u00e9' + r'\' + '''a\nb'''`,
	"1 in {1: 2} && !(2 in [1])", "null == row.t", "account == account", "1.0 * 1e300 * 1e300", "[1, 2][5]", "account.spec.team[metrics.a.n].user", "{'k': 1}.k + {'k': 1}['x']", "cel.bind(x, 1, x + 1)", "size('ü') + 'ü'.size()",
	"has(account.spec.contract.plan) ? account.spec.contract.plan : ''", "metrics.a.t == metrics['a'].t || measures.b.score > measures.a.score && measures.b.score > 1", "'a\nb", "[{'b': [1], 'a': null}, today, period('1d')]",
}

// FuzzExpression checks each way to compile an expression in each context. Compiling twice gives the same; the error is
// one line. Evaluating ends soon, always gives the same, takes an account of which nothing is known, and shows no value of
// it in an error. What the expression does not say it reads changes nothing: who waits for a change would miss that one.
func FuzzExpression(f *testing.F) {
	for _, s := range expressionSeeds {
		f.Add(s)
	}
	contexts := slices.Sorted(maps.Keys(environments))
	full := secretive()
	f.Fuzz(func(t *testing.T, source string) {
		for _, c := range contexts {
			p, err := compile(c, source)
			again, errAgain := compile(c, source)
			if !reflect.DeepEqual(p.reads, again.reads) || fmt.Sprint(err) != fmt.Sprint(errAgain) {
				t.Fatalf("%q is compiled twice: %+v, %v, and %+v, %v", source, p.reads, err, again.reads, errAgain)
			}
			checkFault(t, source, err)
			if err == nil {
				checkReads(t, c, p.reads)
				checkEvaluation(t, source, anyProgram(p), anyProgram(again), full)
			}
			for name, entry := range entries {
				typed, typedErr := entry(c, v1alpha1.Expression(source))
				if err != nil && (typedErr == nil || typedErr.Error() != err.Error()) {
					t.Fatalf("%q is refused with %v, and by %s with %v", source, err, name, typedErr)
				}
				checkFault(t, source, typedErr)
				if typedErr != nil {
					continue
				}
				if !reflect.DeepEqual(p.reads, typed.reads) {
					t.Fatalf("%q reads %+v, and for %s %+v", source, p.reads, name, typed.reads)
				}
				checkEvaluation(t, source, typed, typed, full)
			}
		}
	})
}

// anyProgram is a program whose result may have any type. A panic, which CEL makes an error of, stays one that tells.
func anyProgram(p compiled) program {
	return program{p.reads, func(v *Vars) (string, string) {
		if _, _, err := p.program.Eval(activation{cmp.Or(v, &Vars{})}); err != nil && strings.Contains(err.Error(), "internal error") {
			return "", err.Error()
		}
		return written(p.eval(v))
	}}
}

// checkFault checks that what is told of an expression that does not compile is one line.
func checkFault(t *testing.T, source string, err error) {
	t.Helper()
	if err != nil && (err.Error() == "" || strings.ContainsAny(err.Error(), "\n\r") || !utf8.ValidString(err.Error()) && utf8.ValidString(source)) {
		t.Fatalf("%q: the error is no line: %q", source, err)
	}
}

// checkEvaluation evaluates an expression, compiled twice, with all there is, with what it reads, and with nothing.
func checkEvaluation(t *testing.T, source string, p, again program, full *Vars) {
	t.Helper()
	for _, v := range []*Vars{full, {}, nil} {
		patience, end := context.WithTimeout(t.Context(), 10*time.Second)
		stop := context.AfterFunc(patience, func() { panic(fmt.Sprintf("%q does not end", source)) })
		result, failure := p.eval(v)
		stop()
		end()
		if strings.Contains(failure, "internal error") || strings.ContainsAny(failure, "\n\r") || holdsSecret(failure, source) {
			t.Fatalf("%q: %q", source, failure)
		}
		if len(result) > 20*maxText*max(1, strings.Count(source, "${")) { // as JSON a character may have six bytes
			t.Fatalf("%q gives %d bytes", source, len(result))
		}
		less := v
		if v != nil {
			less = only(p.reads, v)
		}
		for range 4 { // an order that is left to chance is not the same four times
			if resultAgain, failureAgain := again.eval(less); result != resultAgain || failure != failureAgain {
				t.Fatalf("%q gives %.200q %q, and with what it reads %.200q %q", source, result, failure, resultAgain, failureAgain)
			}
		}
	}
}

// FuzzText checks a text with expressions in it as FuzzExpression checks an expression. Without errors it can be the value
// of a leaf; with them, each stands where a result is missing. Any text is itself when each ${ in it is escaped.
func FuzzText(f *testing.F) {
	for _, s := range []string{
		"", "a", "$", "$$", "${", "$${", "$$${", "$${a}", "}", "${}", "${ }", "${a", "a\nb", "ü ✓ \xff", "Call ${account.spec.displayName}: ${health.band} at ${health.score}", "${metrics.a.n} of ${metrics.a.missing} ${1/0}",
		"${metrics.a.?t} ${row.?n}", "${[1, 2.5, 'x', [true]]}", "${{'a': [1, {'b': null}]}}", "${{1: 2}}", "${account.spec}", "${account.spec.team}", "${account.labels}", "a ${account.labels}", "${b'x'}",
		"${type(1)}", "${null}", "${double('NaN')}", "${[double('Infinity')]}", "${1e300}", "${-0.0}", "${1u}", "${today} ${today + days(1)} ${period('36h') - days(3)}", "${format(1234567.891)}", "${value} ${format(value)}", "${'}'}${\"{\"}${r'\\'}${'''a}'''}",
		"${slug(row.t)}-${slug(account.name)}", "${optional.none()}", "${[optional.of(1)]}", "${dyn(account)}", "${today // }'\n}", "${outcomes.a}$${outcomes.b}", "${'%s'.format([{'b': 1, 'a': 2}])}", "${measures.a.value} ${measures['b'].score}",
	} {
		f.Add(s)
	}
	contexts := slices.Sorted(maps.Keys(environments))
	full := secretive()
	f.Fuzz(func(t *testing.T, source string) {
		for _, c := range contexts {
			escaped := strings.ReplaceAll(source, "${", "$${")
			if literal, err := CompileText(c, escaped); err != nil {
				t.Fatalf("%q: %v", escaped, err)
			} else if got, errs := literal.Render(full); got != source || len(errs) > 0 || !reflect.ValueOf(literal.Reads()).IsZero() {
				t.Fatalf("%q is written %q, %v, %+v", escaped, got, errs, literal.Reads())
			}
			text, err := CompileText(c, source)
			again, errAgain := CompileText(c, source)
			if fmt.Sprint(err) != fmt.Sprint(errAgain) {
				t.Fatalf("%q: %v, and then %v", source, err, errAgain)
			}
			checkFault(t, source, err)
			if err != nil {
				continue
			}
			checkReads(t, c, text.Reads())
			for _, eval := range []func(*Text) func(*Vars) (string, string){rendered, leaf} {
				checkEvaluation(t, source, program{text.Reads(), eval(text)}, program{again.Reads(), eval(again)}, full)
			}
			got, errs := text.Render(full)
			if _, err := text.Value(full); err != nil && len(errs) == 0 {
				t.Fatalf("%q is written %q, and is no value: %v", source, got, err)
			}
			if strings.Count(got, NoValue) < len(errs) {
				t.Fatalf("%q is written %q with %d errors", source, got, len(errs))
			}
		}
	})
}

// rendered evaluates a text to a text.
func rendered(x *Text) func(*Vars) (result, failure string) {
	return func(v *Vars) (string, string) {
		text, errs := x.Render(v)
		return text, strings.Trim(fmt.Sprintf("%q", errs), "[]")
	}
}

// leaf evaluates a text to the value of a leaf, as JSON.
func leaf(x *Text) func(*Vars) (result, failure string) {
	return func(v *Vars) (string, string) { return asJSON(x.Value(v)) }
}

func asJSON(v any, err error) (string, string) {
	if err != nil {
		return "", err.Error()
	}
	data, err := json.Marshal(v)
	return string(data), strings.TrimPrefix(fmt.Sprint(err), "<nil>")
}

// FuzzEmbedded checks that whatever CEL reads as an expression, the text ${expression} has as its one part: quotes, braces
// and comments mean to the scanner what they mean to CEL. The line break ends a comment.
func FuzzEmbedded(f *testing.F) {
	for _, s := range append([]string{
		`'\'}'`, `'\\'`, `r'\'`, `R"\"`, `br'\'`, `bR"}"`, `Br"""}\"""`, `b'}\''`, `'''it's }"'''`, `r'''}\'''`, `"\"}"`, `{'a': {'}': "{"}}`, "a // }'\"{", "a //\n// '\n+ b", "1 / 2", "a /b/ c", "'//' + \"//\"", `''+'}'`, `'' ''`, `x.r'}'`, "`a}`", "'\n'", "\"${a}\"", "a\r// {", "\f{}\t",
	}, expressionSeeds...) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		env, err := environmentOf(ContextRule)
		if err != nil {
			t.Fatal(err)
		}
		if _, issues := env.cel.Parse(source); issues.Err() != nil {
			return
		}
		parts, err := scan("${" + source + "\n}")
		if want := []part{{text: source + "\n", expression: true}}; err != nil || !slices.Equal(parts, want) {
			t.Fatalf("%q comes apart into %v, %v", source, parts, err)
		}
	})
}

// name is what a name of Kubernetes, and the value of a label, may be.
var name = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// FuzzFunctions checks the functions that read a text. A date or a duration that is written in an expression is refused
// when it is compiled exactly where the same text of a source is refused when it is evaluated, and else gives the same. A
// slug is a name, and its own slug.
func FuzzFunctions(f *testing.F) {
	for _, s := range []string{
		"", "0", "36h", "90d", "1h1d", "5", "999999y", "2027-02-01", "2027-02-30", "2027-02-01T00:00:00Z", "0000-01-01", "9999-12-31", "2024-02-29", "2027-02-01x", "Acme  Corp. (EU)", "Müller & Söhne", "株式会社", "--a--", "’", "a\u0301",
		strings.Repeat("acme ", 20), strings.Repeat("ß", 40), "İstanbul", "ﬁ", "'\"\\\n\x00", "Ⅷ", "x" + strings.Repeat("-", 70) + "y", strings.Repeat("a", 62) + " b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || len(s) > 300 {
			return // CEL reads "\xff" as another character
		}
		v := secretive()
		v.Row = map[string]value.Value{"s": value.Category(s)}
		for _, fn := range []string{fnPeriod, fnDaysSince, fnDaysUntil, fnNextAnniversary, fnSlug} {
			ofRow, err := compile(ContextRow, fn+"(row.s)")
			if err != nil {
				t.Fatal(err)
			}
			want, failure := written(ofRow.eval(v))
			literal, err := compile(ContextRow, fn+"("+strconv.Quote(s)+")")
			if (err != nil) != (failure != "") {
				t.Fatalf("%s of %q is compiled with %v and evaluated with %q", fn, s, err, failure)
			}
			if err != nil {
				continue
			}
			if got, failure := written(literal.eval(v)); got != want || failure != "" {
				t.Fatalf("%s of %q gives %q, %q; of a value %q", fn, s, got, failure, want)
			}
		}
		if got := slug(s); got != slug(got) || s != "" && !name.MatchString(got) {
			t.Fatalf("the slug of %q is %q, and of that %q", s, got, slug(got))
		}
	})
}
