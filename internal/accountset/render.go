package accountset

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/value"
)

// SourceRow is one row of the source.
type SourceRow struct {
	// ID is the source's own id of the row; it is shown where the row has no key.
	ID string
	// Values by column; what has no value is not there.
	Values map[string]value.Value
	// Unreadable are the columns whose value is there and cannot be read as its type.
	Unreadable []string
}

// maxKeyLength is the longest key, in bytes.
const maxKeyLength = 253

// row is a row with the key that the template gives it.
type row struct {
	key        string
	values     map[string]value.Value
	unreadable []string
}

// rendered is everything that the rows say.
type rendered struct {
	// rows with a key, the first of each.
	rows []row
	// rejected are the others.
	rejected []v1alpha1.RejectedRow
	// keyless is true where a row has no key: nobody knows then which account is gone.
	keyless bool
}

// keys reads the key of every row.
func (t *Template) keys(rows []SourceRow, vars *expr.Vars) rendered {
	out := rendered{rows: make([]row, 0, len(rows))}
	first := make(map[string]string, len(rows))
	for _, source := range rows {
		vars.Row = source.Values
		key, reason := t.key.line(vars)
		if reason == "" && key == "" {
			reason = t.key.path.String() + ": gives no text"
		}
		before, seen := first[key]
		switch {
		case reason != "":
			out.keyless = true
			out.rejected = append(out.rejected, rejection(source.ID, reason+"; no account is pruned while a row has no key"))
		case len(key) > maxKeyLength:
			out.rejected = append(out.rejected, rejection(key, fmt.Sprintf("%s: longer than %d bytes", t.key.path, maxKeyLength)))
		case seen:
			out.rejected = append(out.rejected, rejection(key, "another row has the same key; the one with the id "+quoted(value.Shorten(before, maxShownKey))+" is used"))
		default:
			first[key] = source.ID
			out.rows = append(out.rows, row{key: key, values: source.Values, unreadable: source.Unreadable})
		}
	}
	return out
}

// maxShownKey is how much of a key a status shows, in characters.
const maxShownKey = 128

// rejection is a rejected row as a status shows it.
func rejection(key, reason string) v1alpha1.RejectedRow {
	return v1alpha1.RejectedRow{Key: value.Shorten(key, maxShownKey), Reason: reason}
}

// unreadable says which of a row's columns cannot be used, where the template reads one of them; empty where none is. An
// account is left as it is then: a typing error in the source must not take a field away.
func (t *Template) unreadable(r row) string {
	for _, column := range r.unreadable {
		if slices.Contains(t.columns, column) {
			return fmt.Sprintf("row.%s: the value cannot be read as its type; the account stays as it is until it can", column)
		}
	}
	return ""
}

// fill renders a row's labels and spec. The reason is set where they cannot be.
func (t *Template) fill(vars *expr.Vars) (Fields, string) {
	var out Fields
	for i := range t.labels {
		content, reason := t.labels[i].text.line(vars)
		if reason != "" {
			return nil, reason
		}
		// A label without ${} was checked, and stays as it is.
		if !t.labels[i].text.constant {
			content = t.slug(content)
		}
		if content != "" {
			out = append(out, metadataField("labels", t.labels[i].key, content))
		}
	}
	spec, err := t.spec.render(vars)
	if err != nil {
		return nil, err.Field + ": " + err.Detail
	}
	return append(out, fieldsOf(spec, t.spec.shape)...), ""
}

// line renders a text that must be text, a number, or nothing.
func (t *text) line(vars *expr.Vars) (string, string) {
	v, err := t.value(vars)
	if err != nil {
		return "", err.Field + ": " + err.Detail
	}
	switch content := v.(type) {
	case nil:
		return "", ""
	case string:
		return strings.TrimSpace(content), ""
	case int64:
		return strconv.FormatInt(content, 10), ""
	case float64:
		return strconv.FormatFloat(content, 'f', -1, 64), ""
	case bool:
		return strconv.FormatBool(content), ""
	}
	return "", fmt.Sprintf("%s: must be text, not %s", t.path, kindOf(v))
}

// value evaluates a text. A text that is only a column without a value in this row is nil. Errors of expressions never
// hold what they were evaluated with, which may be a customer's data.
func (t *text) value(vars *expr.Vars) (any, *field.Error) {
	if _, ok := vars.Row[t.column]; t.column != "" && !ok {
		return nil, nil
	}
	v, err := t.program.Value(vars)
	if err != nil {
		return nil, wrong(t.path, "%v", err)
	}
	return v, nil
}

// render fills one place of the spec in; nil where there is nothing. A missing node has nothing.
func (n *node) render(vars *expr.Vars) (any, *field.Error) {
	switch {
	case n == nil:
		return nil, nil
	case n.text != nil:
		v, err := n.text.value(vars)
		if err != nil {
			return nil, err
		}
		return n.shape.conform(v, n.path)
	case n.object != nil:
		out := make(map[string]any, len(n.object))
		for _, child := range n.object {
			v, err := child.render(vars)
			if err != nil {
				return nil, err
			}
			if v != nil {
				out[child.name] = v
			}
		}
		return n.shape.finishObject(out), nil
	case n.list != nil:
		return n.renderList(vars)
	}
	return n.constant, nil
}

func (n *node) renderList(vars *expr.Vars) (any, *field.Error) {
	out := make([]any, 0, len(n.list))
	for _, child := range n.list {
		v, err := child.render(vars)
		if err != nil {
			return nil, err
		}
		if v != nil {
			out = append(out, v)
		}
	}
	return n.shape.finishList(out, n.path)
}

// vars returns what every row is rendered with.
func (in *Input) vars() *expr.Vars { return &expr.Vars{Now: in.Now, Location: in.Location} }

// nextRender is when the rendered rows change by themselves; zero means never.
func (t *Template) nextRender(now time.Time, location *time.Location) time.Time {
	if !t.readsTime {
		return time.Time{}
	}
	return value.NextDay(now, location)
}
