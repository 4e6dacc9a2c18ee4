// Package value holds the values that everything else computes with: exact decimals, calendar days, durations, typed
// observations. It is pure: no clock, no I/O, no randomness.
package value

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Decimal is an exact decimal number in millionths: 1500000 is 1.5. It holds twelve digits before the point and six
// after it, so that arithmetic gives the same result on every machine.
type Decimal int64

// DecimalScale is the number of Decimal units in 1.
const DecimalScale = 1_000_000

// maxDecimal is the first whole number that is too large: a one with twelve zeros.
const maxDecimal = 1_000_000_000_000

// Errors of ParseDecimal. They never hold the text that was parsed: it may be a customer's data.
var (
	// ErrNotANumber is for text that is no decimal number; NaN and infinities are among it.
	ErrNotANumber = errors.New("not a number")
	// ErrNumberTooLarge is for numbers of more than twelve digits before the point.
	ErrNumberTooLarge = errors.New("a number of more than twelve digits before the point")
)

// ParseDecimal reads a decimal number, with or without an exponent, and rounds it to six digits after the point, half
// away from zero. Its errors are ErrNotANumber and ErrNumberTooLarge.
func ParseDecimal(s string) (Decimal, error) {
	s = strings.TrimSpace(s)
	// big.Rat reads forms that no source means as a number (1/2, 0x10, 1_000), and an exponent that fills the memory.
	if s == "" || len(s) > 64 || strings.Trim(s, "0123456789.eE+-") != "" {
		return 0, ErrNotANumber
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		exponent, ok := new(big.Int).SetString(s[i+1:], 10)
		if !ok {
			return 0, ErrNotANumber
		}
		// So few digits are too large a number from e100 on, and 0 up to e-100, unless they are all zeros.
		if most := big.NewInt(100); exponent.CmpAbs(most) > 0 {
			exponent.Mul(most, big.NewInt(int64(exponent.Sign())))
		}
		s = s[:i] + "e" + exponent.String()
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return 0, ErrNotANumber
	}
	d, ok := decimalOf(r)
	if !ok {
		return 0, ErrNumberTooLarge
	}
	return d, nil
}

// decimalOf rounds a rational number half away from zero. It reports false where the number is too large.
func decimalOf(r *big.Rat) (Decimal, bool) {
	scaled := new(big.Rat).Mul(r, new(big.Rat).SetInt64(DecimalScale))
	twice := new(big.Int).Mul(scaled.Num(), big.NewInt(2))
	half := scaled.Denom()
	if twice.Sign() < 0 {
		twice.Sub(twice, half)
	} else {
		twice.Add(twice, half)
	}
	units := twice.Quo(twice, new(big.Int).Mul(half, big.NewInt(2)))
	if limit := big.NewInt(maxDecimal * DecimalScale); units.CmpAbs(limit) >= 0 { // looked at once it is rounded
		return 0, false
	}
	return Decimal(units.Int64()), true
}

// DecimalFromInt returns a whole number as a Decimal. The number must have at most twelve digits.
func DecimalFromInt(n int64) Decimal { return Decimal(n * DecimalScale) }

// DecimalFromFloat returns a finite number rounded to six digits after the point, half away from zero. It reports false for
// what is no such number, and for numbers of more than twelve digits before the point.
func DecimalFromFloat(n float64) (Decimal, bool) {
	// Up to here the product is within a thousandth of exact, so that only beside a half it may be rounded to the wrong side;
	// the explicit conversion keeps every machine from fusing it.
	const near = 1 << 43
	scaled := float64(n * DecimalScale)
	whole := math.Round(scaled)
	if math.Abs(scaled) < near && math.Abs(math.Abs(scaled-whole)-0.5) > 0.01 {
		return Decimal(whole), true
	}
	d, err := ParseDecimal(strconv.FormatFloat(n, 'g', -1, 64))
	return d, err == nil
}

// Float64 returns the number as a float, for expressions.
func (d Decimal) Float64() float64 { return float64(d) / DecimalScale }

// String writes the number in its shortest exact form: 1.5, -0.25, 120000.
func (d Decimal) String() string { return string(d.Append(make([]byte, 0, 24))) }

// Append appends what String returns.
func (d Decimal) Append(b []byte) []byte {
	n := int64(d)
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	b = strconv.AppendInt(b, n/DecimalScale, 10)
	rest := n % DecimalScale
	if rest > 0 {
		b = append(b, '.')
	}
	for digit := int64(DecimalScale / 10); rest > 0; digit /= 10 {
		b = append(b, byte('0'+rest/digit))
		rest %= digit
	}
	return b
}
