package lint

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/internal/manifest"
)

// day is a date as YAML takes it for one.
var day = regexp.MustCompile(`^\d{4}-\d{1,2}-\d{1,2}$`)

// scalars says which texts without quotes are read as something else whatever the schema says.
func (c *checker) scalars(o *manifest.Object) {
	for _, s := range o.Scalars() {
		switch {
		case !s.Plain:
		case s.Key && s.Misread:
			c.at(RuleQuotes, Error, o, s, "YAML reads the name %s as something else: write %q", s.Text, s.Text)
		case !s.Key && s.Date && day.MatchString(s.Text):
			c.at(RuleQuotes, Warning, o, s, "YAML takes %s for a moment, and kustomize writes it as %sT00:00:00Z: write %q", s.Text, s.Text, s.Text)
		}
	}
}

// digits says which numbers are others than their digits say: 0010 is 8. Where text is wanted schema has said so.
func (c *checker) digits(o *manifest.Object) {
	if !o.Ours() {
		return
	}
	for _, s := range o.Scalars() {
		n, isWhole := s.Value.(int64)
		if s.Key || !s.Plain || !isWhole || strings.TrimPrefix(s.Text, "+") == strconv.FormatInt(n, 10) || c.has(RuleQuotes, o, s.Path) {
			continue
		}
		c.at(RuleQuotes, Error, o, s, "YAML reads %s as the number %d: write %d if that is meant", s.Text, n, n)
	}
}

// misread returns the fields whose names are read as something else.
func (c *checker) misread(o *manifest.Object) []string {
	var paths []string
	for _, s := range o.Scalars() {
		if s.Key && s.Misread {
			above, _ := path(s.Path)
			paths = append(paths, above+".true", above+".false")
		}
	}
	return paths
}

// at adds a finding about a value where it stands.
func (c *checker) at(rule string, severity Severity, o *manifest.Object, s manifest.Scalar, format string, args ...any) {
	c.add(rule, severity, o, s.Path, format, args...)
	c.found[len(c.found)-1].Position = s.Position
}

// quoted reports whether an error is about text that lacks quotes, and says so.
func (c *checker) quoted(o *manifest.Object, e *field.Error) bool {
	wantsText := strings.Contains(e.Detail, "must be of type string") || strings.Contains(e.Detail, "must be text")
	wantsDecimal := strings.Contains(e.Detail, `must be of type integer,string`) || strings.Contains(e.Detail, "anyOf")
	if !wantsText && !wantsDecimal {
		return false
	}
	at, found := o.Find(e.Field)
	if !found {
		return false
	}
	for _, s := range o.Scalars() {
		if s.Key || !s.Plain || !sameField(o, s, e.Field, at) {
			continue
		}
		switch s.Value.(type) {
		case bool:
			c.at(RuleQuotes, Error, o, s, "YAML reads %s as %v: write %q", s.Text, s.Value, s.Text)
		case float64, int64:
			if wantsDecimal {
				c.at(RuleQuotes, Error, o, s, "a decimal without quotes loses digits: write %q", s.Text)
			} else {
				c.at(RuleQuotes, Error, o, s, "YAML reads %s as %s: write %q", s.Text, asNumber(s), s.Text)
			}
		default:
			continue
		}
		return true
	}
	return false
}

// sameField reports whether a value is that of a field.
func sameField(o *manifest.Object, s manifest.Scalar, f string, at manifest.Position) bool {
	return s.Path == f || o.At(s.Path) == at
}

// asNumber is the number that a text without quotes is read as.
func asNumber(s manifest.Scalar) string {
	if f, is := s.Value.(float64); is {
		return "the number " + strconv.FormatFloat(f, 'f', -1, 64)
	}
	if read := fmt.Sprint(s.Value); read != s.Text {
		return "the number " + read
	}
	return "a number"
}
