package observe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Columns returns the names of the columns that a source's spec reads, each once.
func Columns(ds *v1alpha1.DataSource) []string {
	columns := []string{ds.Spec.Account.Field}
	if ds.Spec.ObservedTime != nil {
		columns = append(columns, ds.Spec.ObservedTime.Field)
	}
	for i := range ds.Spec.Metrics {
		columns = append(columns, metricField(&ds.Spec.Metrics[i]))
	}
	slices.Sort(columns)
	return slices.Compact(columns)
}

// metricField returns the column of a metric.
func metricField(m *v1alpha1.Metric) string {
	if m.Field != "" {
		return m.Field
	}
	return m.Name
}

// CheckDeclared refuses columns among which one that the spec declares is not. The error names it, and what there is.
func CheckDeclared(ds *v1alpha1.DataSource, columns []string) error {
	check := func(name, path string) error {
		if slices.Contains(columns, name) {
			return nil
		}
		return ReadFailed("column %q (%s) is not there; the columns are: %s", name, path, listColumns(columns))
	}
	if err := check(ds.Spec.Account.Field, "spec.account.field"); err != nil {
		return err
	}
	if ds.Spec.ObservedTime != nil {
		if err := check(ds.Spec.ObservedTime.Field, "spec.observedTime.field"); err != nil {
			return err
		}
	}
	for i := range ds.Spec.Metrics {
		m := &ds.Spec.Metrics[i]
		if err := check(metricField(m), fmt.Sprintf("spec.metrics[%s]", m.Name)); err != nil {
			return err
		}
	}
	return nil
}

// CheckColumns refuses a table in which two columns have the same name, or one has none.
func CheckColumns(columns []string) error {
	seen := make(map[string]bool, len(columns))
	for i, c := range columns {
		if c == "" {
			return ReadFailed("column %d has no name", i+1)
		}
		if seen[c] {
			return ReadFailed("two columns are named %s", columnName(c))
		}
		seen[c] = true
	}
	return nil
}

// maxListedColumns bounds the columns that an error lists.
const maxListedColumns = 20

// listColumns writes column names for an error.
func listColumns(columns []string) string {
	names := make([]string, 0, maxListedColumns+1)
	for i, c := range columns {
		if i == maxListedColumns {
			names = append(names, fmt.Sprintf("and %d more", len(columns)-i))
			break
		}
		names = append(names, columnName(c))
	}
	if len(names) == 0 {
		return "there are none"
	}
	return strings.Join(names, ", ")
}

// columnName writes a column's name for an error. A file without a header line has a customer's data in its place, so
// that only what looks like a name is shown: one word of letters, digits and the signs that names have.
func columnName(c string) string {
	for i, r := range c {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if i >= 64 || !letter && (i == 0 || !strings.ContainsRune("0123456789-.", r)) {
			return fmt.Sprintf("(a name of %d characters)", len([]rune(c)))
		}
	}
	return fmt.Sprintf("%q", c)
}
