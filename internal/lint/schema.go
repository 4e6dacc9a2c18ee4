package lint

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/internal/manifest"
	"github.com/perennial-dev/perennial/internal/manifest/schema"
)

// ourKinds are the kinds that there are, for a hint.
var ourKinds = []string{"Account", "AccountSet", "DataSource", "HealthScoreModel", "Notifier", "Playbook", "PlaybookRun", "Task"}

// schema says what the API server would refuse. compiled is what compile has found: it says the same of some things, and
// more precisely.
func (c *checker) schema(ctx context.Context, o *manifest.Object, compiled []string) {
	kind, err := schema.Of(o.GVK)
	switch {
	case err != nil:
		c.add(RuleSchema, Error, o, "", "%s", err)
		return
	case kind == nil:
		hint := meant(o.GVK.Kind, ourKinds)
		if slices.Contains(ourKinds, o.GVK.Kind) {
			hint = "; its version is perennial.dev/v1alpha1"
		}
		c.add(RuleSchema, Error, o, "kind", "there is no kind %s of %s%s", o.GVK.Kind, o.GVK.GroupVersion(), hint)
		return
	}
	result := kind.Check(ctx, o.Raw)
	misread := c.misread(o)
	for _, u := range result.Unknown {
		if slices.Contains(misread, u.Path) {
			continue
		}
		_, name := path(u.Path)
		c.add(RuleSchema, Error, o, u.Path, "there is no such field%s", hintFor(name, u.Known))
	}
	for _, e := range result.Schema {
		if e.Field == "<nil>" {
			e.Field = ""
		}
		told := slices.ContainsFunc(compiled, func(f string) bool { return called(o, f) == called(o, e.Field) })
		if !told && !c.quoted(o, e) && !c.has(RuleQuotes, o, e.Field) && !needless(e, result.Schema) {
			c.add(RuleSchema, Error, o, e.Field, "%s", body(e))
		}
	}
	for _, e := range result.Rules {
		if !slices.ContainsFunc(compiled, func(f string) bool { return under(called(o, f), called(o, e.Field)) || o.At(f) == o.At(e.Field) }) {
			c.add(RuleSchema, Error, o, e.Field, "%s", body(e))
		}
	}
}

// hintFor names the field that is meant, or those that there are.
func hintFor(name string, known []string) string {
	if hint := meant(name, known); hint != "" || len(known) == 0 {
		return hint
	}
	return "; there are " + listed(known)
}

// path cuts the last name off a path.
func path(full string) (above, name string) {
	i := strings.LastIndexByte(full, '.')
	return full[:max(i, 0)], full[i+1:]
}

// under reports whether a field is below another one, or the same.
func under(f, above string) bool {
	rest, found := strings.CutPrefix(f, above)
	return found && (rest == "" || rest[0] == '.' || rest[0] == '[' || above == "")
}

// needless reports whether an error only repeats another one of its field: of a choice between types each is refused, and then
// the choice; of a number its type, and then its format.
func needless(e *field.Error, all field.ErrorList) bool {
	at := e.Field
	if found := checkedValue.FindStringSubmatch(e.Detail); found != nil {
		at = found[1]
	} else if !strings.Contains(e.Detail, "must validate") {
		return false
	}
	return slices.ContainsFunc(all, func(other *field.Error) bool {
		return other != e && other.Field == at && !strings.Contains(other.Detail, "must validate")
	})
}

// checkedValue finds the field in a message about the format of a number.
var checkedValue = regexp.MustCompile(`^Checked value must be of type .* in (\S+)$`)

// inBody is how the schema's own messages begin.
var inBody = regexp.MustCompile(`^\S+ in body `)

// ofType finds the types in a message about them.
var ofType = regexp.MustCompile(`^must be of type (\S+): "(\w+)"$`)

// typeNames are the words for the types of the schema.
var typeNames = map[string]string{
	"string": "text", "integer": "a whole number", "int32": "a whole number", "int64": "a whole number", "integer,string": "a whole number or text",
	"number": "a number", "float64": "a number with a fraction", "boolean": "true or false", "array": "a list", "object": "an object", "null": "nothing",
}

// typeName is the word for a type.
func typeName(name string) string { return cmp.Or(typeNames[name], name) }

// body says what is wrong with a field, without its name.
func body(e *field.Error) string {
	_, name := path(e.Field)
	detail := strings.TrimPrefix(inBody.ReplaceAllString(strings.TrimSpace(e.Detail), ""), name+": ")
	if types := ofType.FindStringSubmatch(detail); types != nil {
		return fmt.Sprintf("must be %s, not %s", typeName(types[1]), typeName(types[2]))
	}
	detail = inWords(detail)
	value := valueOf(e.BadValue)
	switch e.Type {
	case field.ErrorTypeRequired:
		return cmp.Or(detail, "is required")
	case field.ErrorTypeDuplicate:
		return joined(strings.TrimSpace(value+" is there twice"), detail)
	case field.ErrorTypeNotFound:
		return joined("there is no "+value, detail)
	case field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeForbidden, field.ErrorTypeInternal:
		return e.ErrorBody()
	case field.ErrorTypeNotSupported:
		return value + " is not one of them: " + strings.TrimPrefix(detail, "supported values: ")
	}
	if strings.HasPrefix(detail, "should have at least") {
		value = ""
	}
	return joined(value, detail)
}

// valueOf writes a value where it is short.
func valueOf(v any) string {
	switch v := v.(type) {
	case string:
		if v == "" || v == "object" {
			return "" // it stands for something larger
		}
		return fmt.Sprintf("%q", shorten(v))
	case bool, int, int32, int64, float64:
		return fmt.Sprint(v)
	}
	if kind := reflect.ValueOf(v); kind.IsValid() && kind.Kind() == reflect.String {
		return fmt.Sprintf("%q", shorten(kind.String()))
	}
	return ""
}

// joined joins what there is of two parts.
func joined(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return a + ": " + b
}

// called is the path of a field with the items of lists by their names, where they have some: spec.steps[call] for
// spec.steps[0].
func called(o *manifest.Object, f string) string {
	var b strings.Builder
	var at any = o.Raw
	for rest := f; rest != ""; {
		end := strings.IndexAny(rest[1:], ".[") + 1
		if end == 0 {
			end = len(rest)
		}
		segment := rest[:end]
		rest = rest[end:]
		name := strings.Trim(segment, ".[]")
		switch v := at.(type) {
		case map[string]any:
			at = v[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil {
				i = slices.IndexFunc(v, func(item any) bool { return nameOf(item) == name })
			}
			at = nil
			if i >= 0 && i < len(v) {
				at = v[i]
				if called := nameOf(at); called != "" {
					segment = "[" + called + "]"
				}
			}
		default:
			b.WriteString(segment)
			return b.String() + rest
		}
		b.WriteString(segment)
	}
	return b.String()
}

// nameOf is the name of an item of a list; empty where it has none.
func nameOf(item any) string {
	fields, _ := item.(map[string]any)
	name, _ := fields["name"].(string)
	return name
}
