package prometheus

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// vector returns the series of a result, if it is one that has a number for each.
func (q *query) vector(result model.Value) (model.Vector, error) {
	switch result := result.(type) {
	case model.Vector:
		for _, sample := range result {
			if sample.Histogram != nil {
				return nil, observe.ReadFailed("%s.query: the result has histograms; take a number of them: histogram_quantile(0.9, ...), or histogram_count(...)", q.path())
			}
		}
		return result, nil
	case nil:
		return nil, errNotPrometheus()
	case model.Matrix:
		return nil, q.errKind("range vector")
	default:
		return nil, q.errKind(result.Type().String())
	}
}

// errKind is the error of a result that is no vector.
func (q *query) errKind(kind string) error {
	return observe.ReadFailed("%s.query: the result is a %s, and an instant vector is expected; write a query that gives one series an account: %s", q.path(), kind, q.example())
}

// example shows how to have one series for each value of the label.
func (q *query) example() string {
	label := q.label
	if !model.LegacyValidation.IsValidLabelName(label) {
		label = fmt.Sprintf("%q", label)
	}
	return fmt.Sprintf("sum by (%s) (...)", label)
}

// rows puts the results of queries together: the first series that a query has of an id goes into the first row of that
// id, the second into the second.
type rows struct {
	columns []string
	account int
	byID    map[string][][]observe.Cell
	budget  *observe.Budget
}

func newRows(ds *v1alpha1.DataSource, budget *observe.Budget) *rows {
	columns := observe.Columns(ds)
	return &rows{columns: columns, account: slices.Index(columns, ds.Spec.Account.Field), byID: map[string][][]observe.Cell{}, budget: budget}
}

// add adds the series of one query. Those without the label go into rows without an id, which are counted later on.
func (r *rows) add(q *query, series model.Vector) error {
	column, label := slices.Index(r.columns, q.column), model.LabelName(q.label)
	byID := make(map[string]model.Vector, len(series))
	for _, sample := range series {
		id := string(sample.Metric[label])
		byID[id] = append(byID[id], sample)
	}
	if len(byID) > 0 && len(byID[""]) == len(series) {
		return q.errNoLabel(series)
	}
	for id, samples := range byID {
		for i, sample := range inOrder(samples) {
			cell, err := r.cell(id, i, column)
			if err != nil {
				return observe.At("spec.prometheus", err)
			}
			*cell = observe.Cell{Text: text(q.metricType, float64(sample.Value))}
		}
	}
	return nil
}

// cell returns a cell of the n-th row of an id, and makes the row where the one before is the last. Rows are counted as
// they are made, so that no more are in memory than allowed. What the values are made of was counted as it was received.
func (r *rows) cell(id string, n, column int) (*observe.Cell, error) {
	rows := r.byID[id]
	if n == len(rows) {
		row := make([]observe.Cell, len(r.columns))
		for i := range row {
			row[i].Null = true
		}
		row[r.account] = observe.Cell{Text: id, Null: id == ""}
		if err := r.budget.Row(row); err != nil {
			return nil, err
		}
		rows = append(rows, row)
		r.byID[id] = rows
	}
	return &rows[n][column], nil
}

// sorted returns the rows in the order of their ids.
func (r *rows) sorted() [][]observe.Cell {
	var all [][]observe.Cell
	for _, id := range slices.Sorted(maps.Keys(r.byID)) {
		all = append(all, r.byID[id]...)
	}
	return all
}

// inOrder sorts series of one id by their labels: a server gives them in any order, and the same facts must make the same
// rows.
func inOrder(samples model.Vector) model.Vector {
	if len(samples) < 2 {
		return samples
	}
	type labelled struct {
		labels string
		sample *model.Sample
	}
	list := make([]labelled, len(samples))
	for i, sample := range samples {
		list[i] = labelled{labels: sample.Metric.String(), sample: sample}
	}
	slices.SortStableFunc(list, func(a, b labelled) int { return cmp.Compare(a.labels, b.labels) })
	for i := range list {
		samples[i] = list[i].sample
	}
	return samples
}

// maxListedLabels bounds the labels that an error lists.
const maxListedLabels = 20

// errNoLabel is the error of a result that says of no series whose it is.
func (q *query) errNoLabel(series model.Vector) error {
	names := map[model.LabelName]bool{}
	for _, sample := range series {
		for name := range sample.Metric {
			names[name] = true
		}
	}
	delete(names, model.MetricNameLabel)
	delete(names, model.LabelName(q.label)) // it is there, and empty
	var list []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if len(list) == maxListedLabels {
			list = append(list, fmt.Sprintf("and %d more", len(names)-len(list)))
			break
		}
		list = append(list, labelName(string(name)))
	}
	what := "there are no others"
	if len(list) > 0 {
		what = "the labels are: " + strings.Join(list, ", ")
	}
	from := ""
	if !q.labelGiven {
		from = " (spec.account.field)"
	}
	return observe.ReadFailed("%s.label: no series has the label %q%s; %s; aggregate by it: %s", q.path(), q.label, from, what, q.example())
}

// labelName writes a label's name for an error. A name may be any text, so that only what looks like a name is shown.
func labelName(name string) string {
	if len(name) > 64 || !model.LegacyValidation.IsValidLabelName(name) {
		return fmt.Sprintf("(a name of %d characters)", len([]rune(name)))
	}
	return fmt.Sprintf("%q", name)
}
