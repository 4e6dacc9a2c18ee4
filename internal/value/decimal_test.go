package value_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/perennial-dev/perennial/internal/value"
)

func TestParseDecimal(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want string
		err  error
	}{
		"a whole number":                            {text: "120000", want: "120000"},
		"a fraction":                                {text: "0.25", want: "0.25"},
		"a negative number":                         {text: "-46.2", want: "-46.2"},
		"white space around it":                     {text: " 7 ", want: "7"},
		"trailing zeros":                            {text: "2.50", want: "2.5"},
		"no digit before the point":                 {text: ".5", want: "0.5"},
		"a number that is as good as none":          {text: "9.9e-320", want: "0"},
		"an exponent, as databases write it":        {text: "1.5e-3", want: "0.0015"},
		"a large exponent of a small number":        {text: "0.000012e5", want: "1.2"},
		"a seventh digit is rounded away from zero": {text: "0.0000005", want: "0.000001"},
		"and below zero as well":                    {text: "-0.0000005", want: "-0.000001"},
		"a float's noise is rounded off":            {text: "0.30000000000000004", want: "0.3"},
		"minus zero is zero":                        {text: "-0", want: "0"},
		"twelve digits":                             {text: "999999999999.999999", want: "999999999999.999999"},
		"thirteen digits are too many":              {text: "1000000000000", err: value.ErrNumberTooLarge},
		"an exponent that would fill the memory":    {text: "1e999999999", err: value.ErrNumberTooLarge},
		"an exponent that is no number":             {text: "1e2.5", err: value.ErrNotANumber},
		"nothing":                                   {text: " ", err: value.ErrNotANumber},
		"NaN":                                       {text: "NaN", err: value.ErrNotANumber},
		"infinity":                                  {text: "-Inf", err: value.ErrNotANumber},
		"a ratio":                                   {text: "1/2", err: value.ErrNotANumber},
		"a thousands separator":                     {text: "1,000", err: value.ErrNotANumber},
		"an underscore":                             {text: "1_000", err: value.ErrNotANumber},
		"a hexadecimal number":                      {text: "0x10", err: value.ErrNotANumber},
		"a text without an end":                     {text: strings.Repeat("1", 1000), err: value.ErrNotANumber},
		"two points":                                {text: "1.2.3", err: value.ErrNotANumber},
		"a number with a unit":                      {text: "5%", err: value.ErrNotANumber},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := value.ParseDecimal(c.text)
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err == nil && d.String() != c.want {
				t.Errorf("got %s, want %s", d, c.want)
			}
		})
	}
}

func TestADecimalReadsWhatItWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 999_999_999_999_999_999
		d := value.Decimal(rapid.Int64Range(-limit, limit).Draw(t, "millionths"))
		again, err := value.ParseDecimal(d.String())
		if err != nil || again != d {
			t.Fatalf("%d writes %s and reads %d: %v", int64(d), d, int64(again), err)
		}
	})
}

func FuzzParseDecimal(f *testing.F) {
	for _, seed := range []string{"1", "-0.5", "1e5", "NaN", "0x1", "1/3", "9e99"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := value.ParseDecimal(text)
		if err != nil {
			return
		}
		if again, err := value.ParseDecimal(d.String()); err != nil || again != d {
			t.Errorf("%q reads as %s, which reads as %s: %v", text, d, again, err)
		}
	})
}
