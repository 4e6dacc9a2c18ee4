package accountset

import (
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Less returns the fields without those that are owned by others, and those. The owners go by the path of the field as
// the API server writes it (.spec.owner); the values are managers.
func (f Fields) Less(owners map[string]string) (rest Fields, overrides []v1alpha1.OverriddenField) {
	for _, one := range f {
		if manager, ok := owners[one.Path.String()]; ok {
			overrides = append(overrides, v1alpha1.OverriddenField{Field: one.Name(), Manager: manager})
			continue
		}
		rest = append(rest, one)
	}
	return rest, overrides
}

// ManagerOf returns the manager that a conflict's message names: conflict with "kubectl-edit" using perennial.dev/v1alpha1.
func ManagerOf(message string) string {
	_, after, _ := strings.Cut(message, "conflict with ")
	quotedName, err := strconv.QuotedPrefix(after)
	if err != nil {
		return "unknown"
	}
	name, err := strconv.Unquote(quotedName)
	if err != nil {
		return "unknown"
	}
	return name
}

// maxCauses bounds the faults that one reason names.
const maxCauses = 3

// RefusalReason says why the API server refused an account, by field. The values that its answer repeats are a
// customer's data, and are left out.
func RefusalReason(status metav1.Status) string {
	var causes []metav1.StatusCause
	if status.Details != nil {
		causes = status.Details.Causes
	}
	reasons := make([]string, 0, maxCauses)
	for _, cause := range causes[:min(len(causes), maxCauses)] {
		reasons = append(reasons, cause.Field+": "+withoutValue(cause))
	}
	if len(reasons) == 0 {
		return "the API server refuses the account: " + string(status.Reason)
	}
	return strings.Join(reasons, "; ")
}

// withoutValue writes a cause's message without the value in it: Invalid value: "...": must be lower case.
func withoutValue(cause metav1.StatusCause) string {
	switch cause.Type {
	case metav1.CauseTypeFieldValueRequired, metav1.CauseTypeForbidden, metav1.CauseTypeTooLong:
		return cause.Message
	}
	kind, rest, _ := strings.Cut(cause.Message, ": ")
	if quotedValue, err := strconv.QuotedPrefix(rest); err == nil {
		rest = rest[len(quotedValue):]
	} else if at := strings.Index(rest, ": "); at >= 0 && isPlain(rest[:at]) {
		rest = rest[at:]
	} else {
		return kind // a value of many parts: where it ends nobody can say
	}
	if detail := strings.TrimPrefix(rest, ": "); detail != "" {
		return detail
	}
	return kind
}

// isPlain reports whether a value is a number, true or false.
func isPlain(s string) bool {
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return true
	}
	_, err := strconv.ParseBool(s)
	return err == nil
}
