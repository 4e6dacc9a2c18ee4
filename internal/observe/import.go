package observe

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// Import joins what was held of a source to the metrics that a spec declares, which may be another than it was read by: the
// Snapshot is what Ingest would have made of the same rows. It has no metric whose column is not held; their names are
// returned. Without the column of the ids, or that of the times, nothing is known of any metric.
//
// What was read as a number or a time is held in our form: where it is read as words now, they may be others than the
// source's. What could not be read as one type is not read as another either.
func Import(ds *v1alpha1.DataSource, d *Dump) (s *Snapshot, unknown []string) {
	s = &Snapshot{
		shape: shapeOf(ds), generation: ds.Generation, readTime: d.ReadTime.UTC(), since: d.Since, warnings: d.Warnings,
		rows: make(map[string][]row, len(d.Rows)),
	}
	at, ok := d.join(ds)
	if !ok {
		at.metrics = slices.Repeat([]int{notHeld}, len(s.shape.metrics))
	}
	var columns []int
	var metrics []v1alpha1.Metric
	for i, column := range at.metrics {
		if column == notHeld {
			unknown = append(unknown, s.shape.metrics[i].Name)
			continue
		}
		// Rows that had no id in another column are not held.
		if at.account != idColumn || slices.Contains(d.Incomplete, column) {
			s.incomplete = append(s.incomplete, len(metrics))
		}
		columns, metrics = append(columns, column), append(metrics, s.shape.metrics[i])
	}
	at.metrics = columns
	s.shape.hold(metrics)
	if !ok {
		return s, unknown
	}
	for i := range d.Rows {
		id, _ := d.Rows[i].cell(at.account, at.columns)
		if id = strings.TrimSpace(id); id == "" {
			s.rejected.count++
			continue
		}
		s.rows[id] = append(s.rows[id], s.importRow(&d.Rows[i], at))
		s.count++
	}
	s.keys = slices.Sorted(maps.Keys(s.rows))
	return s, unknown
}

// Holds reports whether the read says anything of a metric, if only that there is no value.
func (s *Snapshot) Holds(metric string) bool {
	_, ok := s.shape.byName[metric]
	return ok
}

// hold leaves only these metrics.
func (s *shape) hold(metrics []v1alpha1.Metric) {
	s.metrics = metrics
	clear(s.byName)
	for i := range metrics {
		s.byName[metrics[i].Name] = i
	}
}

// Columns of a row that are not among its cells.
const (
	notHeld    = -1 - iota
	idColumn   // the account's id
	timeColumn // when the row was true
	noColumn   // there is none
)

// held is where in a dump the declared columns are.
type held struct {
	account, observed int
	metrics           []int
	// columns is how many there are in all.
	columns int
}

// join finds the declared columns. It reports false where nothing can be made of the rows.
func (d *Dump) join(ds *v1alpha1.DataSource) (held, bool) {
	at := held{account: idColumn, observed: noColumn, columns: len(d.Columns)}
	if field := ds.Spec.Account.Field; field != d.Account {
		// A number is not held as it was written, and an id may begin with zeros.
		if at.account = d.column(field, v1alpha1.MetricText); at.account < 0 || !d.Columns[at.account].words() || d.spoils(at.account) {
			return at, false
		}
	}
	if o := ds.Spec.ObservedTime; o != nil {
		if at.observed = timeColumn; o.Field != d.Observed {
			at.observed = d.column(o.Field, v1alpha1.MetricTime)
		}
		if at.observed == notHeld {
			return at, false
		}
	}
	for i := range ds.Spec.Metrics {
		at.metrics = append(at.metrics, d.column(metricField(&ds.Spec.Metrics[i]), ds.Spec.Metrics[i].Type))
	}
	return at, true
}

// words reports whether a column is held as the source wrote it.
func (c DumpColumn) words() bool {
	return c.Type != v1alpha1.MetricNumber && c.Type != v1alpha1.MetricTime
}

// spoils reports whether a row has a value in a column that is not held.
func (d *Dump) spoils(column int) bool {
	return slices.ContainsFunc(d.Rows, func(r DumpRow) bool { return slices.Contains(r.Unreadable, column) })
}

// column returns the column of a name from which a type is read best: the one that was read as that type, else one that has
// the source's own words.
func (d *Dump) column(field string, want v1alpha1.MetricType) int {
	best, rank := notHeld, 0
	consider := func(column, fits int) {
		if fits > rank {
			best, rank = column, fits
		}
	}
	for i, c := range d.Columns {
		switch {
		case c.Field != field:
		case c.Type == want:
			consider(i, 5)
		case c.Type == v1alpha1.MetricText:
			consider(i, 3)
		case c.words():
			consider(i, 2)
		default:
			consider(i, 1)
		}
	}
	switch {
	case field == d.Account:
		consider(idColumn, 4)
	case field == d.Observed && want == v1alpha1.MetricTime:
		consider(timeColumn, 4)
	case field == d.Observed:
		consider(timeColumn, 1)
	}
	return best
}

// cell returns the text of a column, of so many, empty where there is no value, and whether what there is could be read.
func (r *DumpRow) cell(column, columns int) (text string, readable bool) {
	switch {
	case column == idColumn:
		return r.ID, true
	case column == timeColumn && !r.At.IsZero():
		return r.At.Format(time.RFC3339Nano), true
	case column >= 0 && column < len(r.Cells) && r.Cells[column] != "":
		return r.Cells[column], true
	case column == timeColumn:
		return "", !r.spoiled(columns)
	}
	return "", !slices.Contains(r.Unreadable, column)
}

// spoiled reports whether the row's time cannot be read: nothing of such a row can.
func (r *DumpRow) spoiled(columns int) bool { return r.At.IsZero() && len(r.Unreadable) == columns }

// importRow reads one row's values, as readRow does.
func (s *Snapshot) importRow(from *DumpRow, at held) row {
	r := row{read: s.readTime, values: make([]*value.Value, len(at.metrics))}
	if !from.Read.IsZero() {
		r.read = from.Read.UTC()
	}
	readable := true
	switch at.observed {
	case noColumn:
	case timeColumn:
		r.observed = from.At
	default:
		var text string
		if text, readable = from.cell(at.observed, at.columns); text != "" {
			var err error
			r.observed, err = value.ParseTime(text)
			readable = err == nil
		}
	}
	values := make([]value.Value, len(at.metrics))
	for i, column := range at.metrics {
		text, ok := from.cell(column, at.columns)
		if readable && ok && strings.TrimSpace(text) == "" {
			continue
		}
		if readable && ok {
			var err error
			values[i], err = parseHeld(s.shape.metrics[i].Type, text)
			ok = err == nil
		}
		if !readable || !ok {
			r.unreadable = append(r.unreadable, i)
			s.rejected.count++
			continue
		}
		r.values[i] = &values[i]
	}
	return r
}

// parseHeld reads a value. Nearly all that is held are short plain numbers, as Decimal writes them, which need no arithmetic
// without limits.
func parseHeld(t v1alpha1.MetricType, text string) (value.Value, error) {
	if t == v1alpha1.MetricNumber {
		if d, ok := plainDecimal(text); ok {
			return value.Number(d), nil
		}
	}
	return value.Parse(t, text)
}

// plainDecimal reads a number of at most twelve digits before the point and six after it.
func plainDecimal(text string) (value.Decimal, bool) {
	digits := strings.TrimPrefix(text, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	if whole == "" || len(whole) > 12 || len(fraction) > 6 {
		return 0, false
	}
	var n int64
	for i := range len(whole) + 6 {
		n *= 10
		switch {
		case i < len(whole):
			n += int64(whole[i] - '0')
		case i-len(whole) < len(fraction):
			n += int64(fraction[i-len(whole)] - '0')
		}
	}
	if strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, false
	}
	if len(digits) < len(text) {
		n = -n
	}
	return value.Decimal(n), true
}
