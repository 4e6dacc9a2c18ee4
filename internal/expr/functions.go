package expr

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
	"unicode"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"golang.org/x/text/unicode/norm"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// The functions of this package.
const (
	fnDaysSince       = "daysSince"
	fnDaysUntil       = "daysUntil"
	fnNextAnniversary = "nextAnniversary"
	fnDays            = "days"
	fnPeriod          = "period"
	fnTeam            = "team"
	fnSlug            = "slug"
	fnFormat          = "format"
)

// maxDays is the largest number of days that days() takes; it is a little less than a duration holds.
const maxDays = 100_000

// maxSlug is the longest slug: the length of a label value.
const maxSlug = 63

// functions declares what every context has. A function that needs the day or the account gets it as its first
// argument, which a macro writes: functions themselves know only their arguments.
func functions() []cel.EnvOption {
	s, t := cel.StringType, cel.TimestampType
	return []cel.EnvOption{
		cel.Macros(withVariable(fnDaysSince, varToday), withVariable(fnDaysUntil, varToday), withVariable(fnNextAnniversary, varToday)),
		dateFunction(fnDaysSince, cel.DoubleType, daysSince),
		dateFunction(fnDaysUntil, cel.DoubleType, func(today, day time.Time) ref.Val { return daysSince(day, today) }),
		dateFunction(fnNextAnniversary, t, nextAnniversary),
		cel.Function(fnDays,
			cel.Overload("days_double", []*cel.Type{cel.DoubleType}, cel.DurationType, cel.UnaryBinding(days)),
			cel.Overload("days_int", []*cel.Type{cel.IntType}, cel.DurationType, cel.UnaryBinding(days))),
		cel.Function(fnPeriod, cel.Overload("period_string", []*cel.Type{s}, cel.DurationType, cel.UnaryBinding(period))),
		cel.Function(fnSlug, cel.Overload("slug_string", []*cel.Type{s}, s, cel.UnaryBinding(func(v ref.Val) ref.Val {
			return types.String(slug(v.Value().(string)))
		}))),
		cel.Function(fnFormat, cel.Overload("format_any", []*cel.Type{cel.DynType}, s, cel.UnaryBinding(formatForPeople))),
	}
}

// teamFunction declares team(role), for contexts with an account.
func teamFunction() []cel.EnvOption {
	return []cel.EnvOption{
		cel.Macros(withVariable(fnTeam, varAccount)),
		cel.Function(fnTeam, cel.Overload("team_account_string", []*cel.Type{accountSchema.typ, cel.StringType}, cel.StringType,
			cel.BinaryBinding(team))),
	}
}

// withVariable writes name(x) as name(variable, x).
func withVariable(name, variable string) cel.Macro {
	return cel.GlobalMacro(name, 1, func(f cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		return f.NewCall(name, f.NewIdent(variable), args[0]), nil
	})
}

// dateFunction declares a function of the day of today and the day of a time, or of a date written as text. Both days are
// midnights in the time zone.
func dateFunction(name string, result *cel.Type, of func(today, day time.Time) ref.Val) cel.EnvOption {
	binding := cel.BinaryBinding(func(today, when ref.Val) ref.Val {
		now, ok := today.(types.Timestamp)
		if !ok {
			return types.MaybeNoSuchOverloadErr(today)
		}
		day, err := dayOf(when, now.Location())
		if err != nil {
			return types.WrapErr(err)
		}
		return of(now.Time, day)
	})
	t := cel.TimestampType
	return cel.Function(name,
		cel.Overload(name+"_timestamp", []*cel.Type{t, t}, result, binding),
		cel.Overload(name+"_string", []*cel.Type{t, cel.StringType}, result, binding))
}

// dayOf returns the midnight that a time's day begins with in a time zone. A midnight in UTC is a day as sources write
// one, and is that day everywhere.
func dayOf(v ref.Val, location *time.Location) (time.Time, error) {
	switch v := v.(type) {
	case types.String:
		day, err := value.ParseDateIn(v1alpha1.Date(v), location)
		if err != nil {
			return time.Time{}, errNotADate
		}
		return day, nil
	case types.Timestamp:
		if v.Location() == time.UTC && v.Time.Equal(v.Truncate(value.Day)) {
			return value.DayIn(v.Time, location), nil
		}
		return value.StartOfDay(v.Time, location), nil
	}
	return time.Time{}, errNotADate
}

// daysSince returns the number of days of the calendar from day to today.
func daysSince(today, day time.Time) ref.Val {
	return types.Double(value.DaysBetween(day, today, today.Location()))
}

// nextAnniversary returns the first yearly return of a day that is not before today; the day itself is the first one.
// The 29th of February returns on the 28th where there is none.
func nextAnniversary(today, day time.Time) ref.Val {
	if !day.Before(today) {
		return types.Timestamp{Time: day}
	}
	years := today.Year() - day.Year()
	next := inYears(day, years)
	if next.Before(today) {
		next = inYears(day, years+1)
	}
	return types.Timestamp{Time: next}
}

func inYears(day time.Time, years int) time.Time {
	moved := time.Date(day.Year()+years, day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)
	if moved.Month() != day.Month() {
		moved = moved.AddDate(0, 0, -1)
	}
	return value.DayIn(moved, day.Location())
}

func days(v ref.Val) ref.Val {
	var n float64
	switch v := v.(type) {
	case types.Double:
		n = float64(v)
	case types.Int:
		n = float64(v)
	default:
		return types.MaybeNoSuchOverloadErr(v)
	}
	if !(n >= -maxDays && n <= maxDays) {
		return types.WrapErr(errTooManyDays)
	}
	return types.Duration{Duration: time.Duration(n * float64(value.Day))}
}

func period(v ref.Val) ref.Val {
	s, ok := v.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	d, err := value.ParseDuration(v1alpha1.Duration(s))
	if err != nil || s == "" {
		return types.WrapErr(errNotAPeriod)
	}
	return types.Duration{Duration: d}
}

// team returns who has a role, and nothing where nobody has it.
func team(account, role ref.Val) ref.Val {
	o, ok := account.(object)
	if !ok {
		return types.MaybeNoSuchOverloadErr(account)
	}
	wanted, ok := role.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(role)
	}
	a, _ := o.of.(*v1alpha1.Account)
	if a == nil {
		return types.String("")
	}
	for _, member := range a.Spec.Team {
		if member.Role == string(wanted) {
			return types.String(member.User)
		}
	}
	return types.String("")
}

// unaccented are letters that do not fall apart into a letter and a mark.
var unaccented = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "ı", "i")

// slug makes a name of a text: lower-case letters, digits and single dashes, at most 63. A text of which nothing is left,
// in another script say, becomes an x and eight hex digits of its hash; an empty text stays empty.
func slug(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range norm.NFD.String(unaccented.Replace(strings.ToLower(s))) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r), r == '\'', r == '’':
			// Marks and apostrophes vanish; anything else parts words.
		default:
			gap = true
		}
		if b.Len() >= maxSlug {
			break
		}
	}
	if b.Len() == 0 && s != "" {
		sum := sha256.Sum256([]byte(s))
		return "x" + hex.EncodeToString(sum[:4])
	}
	out := b.String()
	return strings.TrimRight(out[:min(len(out), maxSlug)], "-")
}
