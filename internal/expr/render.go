package expr

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/perennial-dev/perennial/internal/value"
)

// maxExactInteger is the largest whole number up to which a float is exact.
const maxExactInteger = 1 << 53

// renderText writes a value in a text: numbers with at most six digits after the point and no trailing zeros, a midnight
// as its day, a list with commas.
func renderText(v ref.Val) (string, error) {
	switch v := v.(type) {
	case types.String:
		return string(v), nil
	case types.Bool:
		return strconv.FormatBool(bool(v)), nil
	case types.Int:
		return strconv.FormatInt(int64(v), 10), nil
	case types.Uint:
		return strconv.FormatUint(uint64(v), 10), nil
	case types.Double:
		return renderNumber(float64(v))
	case types.Timestamp:
		return renderTime(v.Time), nil
	case types.Duration:
		return renderDuration(v.Duration), nil
	case *types.Optional:
		if v.HasValue() {
			return renderText(v.GetValue())
		}
		return "", errMissingKey
	case traits.Lister:
		return renderList(v)
	}
	return "", errNoText
}

func renderNumber(n float64) (string, error) {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return "", errNotFinite
	}
	return decimals(n, 6), nil
}

// decimals writes a number with at most a number of digits after the point.
func decimals(n float64, most int) string {
	s := strconv.FormatFloat(n, 'f', -1, 64)
	if point := strings.IndexByte(s, '.'); point >= 0 && len(s)-point-1 > most {
		s = strings.TrimRight(strings.TrimRight(strconv.FormatFloat(n, 'f', most, 64), "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

func renderTime(t time.Time) string {
	if value.StartOfDay(t, t.Location()).Equal(t) {
		return t.Format(time.DateOnly)
	}
	return value.FormatTime(t)
}

func renderDuration(d time.Duration) string {
	if d < 0 {
		return "-" + string(value.FormatDuration(-d))
	}
	return string(value.FormatDuration(d))
}

func renderList(list traits.Lister) (string, error) {
	var parts []string
	for it := list.Iterator(); it.HasNext() == types.True; {
		part, err := renderText(it.Next())
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", "), nil
}

// formatForPeople is format(x): numbers with thousands separators and at most two digits after the point, times as days.
func formatForPeople(v ref.Val) ref.Val {
	var text string
	var err error
	switch v := v.(type) {
	case types.Double:
		if text, err = renderNumber(float64(v)); err == nil {
			text = thousands(decimals(float64(v), 2))
		}
	case types.Int:
		text = thousands(strconv.FormatInt(int64(v), 10))
	case types.Timestamp:
		text = v.Format(time.DateOnly)
	default:
		if tooLarge(v) {
			return types.WrapErr(errTooLong)
		}
		text, err = renderText(v)
	}
	if err != nil {
		return types.WrapErr(err)
	}
	return types.String(text)
}

// thousands puts a comma between each three digits before the point.
func thousands(s string) string {
	digits, fraction, _ := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + digits + fraction
}

// toJSON returns a value as the Go value that JSON would decode to, with int64 for whole numbers. What has no type of
// its own in JSON is text.
func toJSON(v ref.Val) (any, error) {
	switch v := v.(type) {
	case types.Null:
		return nil, nil
	case types.Bool:
		return bool(v), nil
	case types.Int:
		return int64(v), nil
	case types.Double:
		return jsonNumber(float64(v))
	case *types.Optional:
		if v.HasValue() {
			return toJSON(v.GetValue())
		}
		return nil, nil
	case traits.Lister:
		list := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			element, err := toJSON(it.Next())
			if err != nil {
				return nil, err
			}
			list = append(list, element)
		}
		return list, nil
	case traits.Mapper:
		return jsonObject(v)
	}
	return renderText(v)
}

// jsonNumber rounds to six digits after the point, as a decimal of the API has them.
func jsonNumber(n float64) (any, error) {
	text, err := renderNumber(n)
	if err != nil {
		return nil, err
	}
	if math.Abs(n) <= maxExactInteger && !strings.Contains(text, ".") {
		return strconv.ParseInt(text, 10, 64)
	}
	return strconv.ParseFloat(text, 64)
}

func jsonObject(m traits.Mapper) (any, error) {
	object := map[string]any{}
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, ok := key.(types.String)
		if !ok {
			return nil, errNoText
		}
		element, err := toJSON(m.Get(key))
		if err != nil {
			return nil, err
		}
		object[string(name)] = element
	}
	return object, nil
}
