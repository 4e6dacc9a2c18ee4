package preview

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

const (
	// maxFields is how many fields a change shows.
	maxFields = 10
	// maxText is how many characters of a value a change shows.
	maxText = 80
)

// fieldChanges returns the fields in which two contents differ, by path, and how many there are beyond the first few.
func fieldChanges(before, after map[string]any, limit int) (fields []FieldChange, more int) {
	differ(&fields, "", before, after)
	slices.SortStableFunc(fields, func(a, b FieldChange) int { return cmp.Compare(a.Path, b.Path) })
	if len(fields) > limit {
		return fields[:limit], len(fields) - limit
	}
	return fields, 0
}

// differ compares two values. What is there on one side alone is one difference, not one for each field in it.
func differ(out *[]FieldChange, path string, before, after any) {
	switch {
	case before == nil && after == nil:
		return
	case before == nil || after == nil:
		*out = append(*out, FieldChange{Path: path, Before: short(before), After: short(after)})
		return
	}
	b, isMap := before.(map[string]any)
	if a, ok := after.(map[string]any); ok && isMap {
		for _, name := range keysOf(b, a) {
			differ(out, join(path, name), b[name], a[name])
		}
		return
	}
	bl, isList := before.([]any)
	al, ok := after.([]any)
	switch {
	case !isList || !ok:
		if plain(before) != plain(after) {
			text, other := shortPair(before, after)
			*out = append(*out, FieldChange{Path: path, Before: text, After: other})
		}
	case keyed(bl) && keyed(al):
		bm, am := byKey(bl), byKey(al)
		for _, name := range keysOf(bm, am) {
			differ(out, path+"["+name+"]", bm[name], am[name])
		}
		if b, a := keysInOrder(bl), keysInOrder(al); len(bm) == len(am) && !slices.Equal(b, a) && slices.Equal(slices.Sorted(slices.Values(b)), slices.Sorted(slices.Values(a))) {
			*out = append(*out, FieldChange{Path: path, Before: short(strings.Join(b, ", ")), After: short(strings.Join(a, ", "))})
		}
	case plain(sortedList(bl)) != plain(sortedList(al)):
		*out = append(*out, FieldChange{Path: path, Before: short(before), After: short(after)})
	}
}

// join writes the path of a field; a name that is no word is quoted as a key.
func join(path, name string) string {
	if strings.ContainsAny(name, "./[]") {
		return path + "[" + name + "]"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

func keysOf(a, b map[string]any) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}

// keysInOrder are the names of a list's items.
func keysInOrder(list []any) []string {
	keys := make([]string, len(list))
	for i, item := range list {
		keys[i] = keyOf(item)
	}
	return keys
}

// listKeys are the fields that tell the items of our lists apart: those are lists of listType=map.
var listKeys = []string{"name", "metric", "value"}

// keyOf returns what tells an item of a list from the others; empty where nothing does.
func keyOf(item any) string {
	object, ok := item.(map[string]any)
	if !ok {
		return ""
	}
	for _, key := range listKeys {
		if text, ok := object[key].(string); ok && text != "" {
			return text
		}
	}
	return ""
}

// keyed reports whether the items of a list can be told apart.
func keyed(list []any) bool {
	seen := map[string]bool{}
	for _, item := range list {
		key := keyOf(item)
		if key == "" || seen[key] {
			return false
		}
		seen[key] = true
	}
	return true
}

func byKey(list []any) map[string]any {
	out := make(map[string]any, len(list))
	for _, item := range list {
		out[keyOf(item)] = item
	}
	return out
}

// sortedList returns a list of texts in order: of these, our lists are sets. Any other stays as it is.
func sortedList(list []any) []any {
	if slices.ContainsFunc(list, func(item any) bool { _, ok := item.(string); return !ok }) {
		return list
	}
	return slices.SortedFunc(slices.Values(list), func(a, b any) int { return cmp.Compare(a.(string), b.(string)) })
}

// plain writes a value in full.
func plain(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	content, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(content)
}

// short writes a value in one short line.
func short(v any) string { return shortFrom(v, 0) }

// shortPair writes two values that differ: long ones from a little before the place where they begin to.
func shortPair(before, after any) (was, is string) {
	b, a := []rune(oneLine(before)), []rune(oneLine(after))
	same := 0
	for same < len(b) && same < len(a) && b[same] == a[same] {
		same++
	}
	from := 0
	if max(len(b), len(a)) > maxText && same > maxText/2 {
		from = same - maxText/4
	}
	return shortFrom(before, from), shortFrom(after, from)
}

// oneLine writes a value on one line.
func oneLine(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if v == "" {
			return `""`
		}
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return strings.Join(strings.Fields(plain(v)), " ")
}

// shortFrom writes what fits of a value on one line, from one of its characters on.
func shortFrom(v any, from int) string {
	text := []rune(oneLine(v))
	lead := ""
	if from > 0 && from < len(text) {
		text, lead = text[from:], "..."
	}
	if len(text) > maxText {
		return lead + string(text[:maxText]) + "..."
	}
	return lead + string(text)
}

// content returns what people write of an object: labels, annotations and spec.
func content(labels, annotations map[string]string, spec any) map[string]any {
	out := map[string]any{}
	metadata := map[string]any{}
	for name, texts := range map[string]map[string]string{"labels": labels, "annotations": annotations} {
		if len(texts) == 0 {
			continue
		}
		all := make(map[string]any, len(texts))
		for key, text := range texts {
			all[key] = text
		}
		metadata[name] = all
	}
	if len(metadata) > 0 {
		out["metadata"] = metadata
	}
	if written, err := runtime.DefaultUnstructuredConverter.ToUnstructured(spec); err == nil {
		out["spec"] = written
	}
	return out
}

// accountContent is what people and sets write of an account.
func accountContent(a *v1alpha1.Account) map[string]any {
	return content(a.Labels, a.Annotations, &a.Spec)
}
