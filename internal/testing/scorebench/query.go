package scorebench

import (
	"fmt"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/internal/score"
)

// The tables of the comparison. Wide has a row for each account, with its memory and a column for each value: what a data
// team builds for a query like this. Long has a row for each value, as sources give them, and goes with memory. Values are
// in millionths, so that bigint holds them exactly and PostgreSQL need not compute with numeric, which is slower.
const (
	wideTable   = "wide"
	longTable   = "long"
	memoryTable = "memory"
)

// Row is one account as the query gives it.
type Row struct {
	ID, Score, Band, Pending, Coverage int32
}

// RowOf returns an account's row as the plain loop computes it.
func RowOf(id int, o *Outcome) Row {
	return Row{ID: int32(id), Score: o.Score, Band: o.Band, Pending: o.Pending, Coverage: o.Coverage}
}

// schema returns the statements that make the tables.
func schema() string {
	var columns strings.Builder
	for i := range Measures {
		fmt.Fprintf(&columns, ", v%d bigint", i)
	}
	return fmt.Sprintf(`
create table %s (id int primary key, band int not null, pending int not null, since bigint not null%s);
create table %s (id int not null, measure smallint not null, value bigint not null, primary key (id, measure));
create table %s (id int primary key, band int not null, pending int not null, since bigint not null);`,
		wideTable, columns.String(), longTable, memoryTable)
}

// wideRow returns an account's row of the wide table.
func wideRow(id int, v *Values, in *score.Input) []any {
	row := memoryRow(id, in)
	for i := range Measures {
		if v.Known[i] {
			row = append(row, v.Number[i])
		} else {
			row = append(row, nil)
		}
	}
	return row
}

// longRows returns an account's rows of the long table.
func longRows(id int, v *Values) [][]any {
	rows := make([][]any, 0, Measures)
	for i := range Measures {
		if v.Known[i] {
			rows = append(rows, []any{int32(id), int16(i), v.Number[i]})
		}
	}
	return rows
}

// memoryRow returns an account's row of the memory table.
func memoryRow(id int, in *score.Input) []any {
	m := MemoryOf(in.Previous)
	return []any{int32(id), m.Band, m.Pending, m.Since}
}

// points returns the SQL for the thousandths of a point that a value scores, rounded half away from zero; null where it is
// null. The direction is 1, or -1 where less is better, and span is how far best is from worst.
func points(column, worst, direction, span string) string {
	return fmt.Sprintf("case when %[1]s is not null then greatest(0, least(100000, (200000*%[3]s*(%[1]s - %[2]s) + %[4]s) / (2*%[4]s)))::int end",
		column, worst, direction, span)
}

// scale returns a measure's scale as the arguments of points.
func scale(measure int) (worst, direction, span string) {
	m := measures[measure]
	if m.best < m.worst {
		return fmt.Sprintf("(%d)", m.worst), "(-1)", fmt.Sprint(m.worst - m.best)
	}
	return fmt.Sprintf("(%d)", m.worst), "1", fmt.Sprint(m.best - m.worst)
}

// wideSums returns the query for the weight and the sum of weight × points of each dimension, from the wide table. Each
// level ends with offset 0: else PostgreSQL merges the levels and computes every term as often as it is named.
func wideSums() string {
	var scored, weights, sums strings.Builder
	for i := range measures {
		worst, direction, span := scale(i)
		fmt.Fprintf(&scored, ", %s as s%d", points(fmt.Sprintf("v%d", i), worst, direction, span), i)
	}
	for d := range Dimensions {
		var weight, sum []string
		for i, m := range measures {
			if m.dimension == d {
				weight = append(weight, fmt.Sprintf("case when s%d is null then 0 else %d end", i, m.weight))
				sum = append(sum, fmt.Sprintf("coalesce(s%d, 0)*%d", i, m.weight))
			}
		}
		fmt.Fprintf(&weights, ", (%s)::bigint as w%d", strings.Join(weight, " + "), d)
		fmt.Fprintf(&sums, ", (%s)::bigint as p%d", strings.Join(sum, " + "), d)
	}
	return fmt.Sprintf("select id, band, pending, since%s%s from (select id, band, pending, since%s from %s offset 0) scored offset 0", weights.String(), sums.String(), scored.String(), wideTable)
}

// longSums returns the same from the long table, grouped.
func longSums() string {
	var columns strings.Builder
	for d := range Dimensions {
		fmt.Fprintf(&columns, ", coalesce(sum(weight) filter (where dimension = %[1]d), 0) as w%[1]d, coalesce(sum(weight*s) filter (where dimension = %[1]d), 0) as p%[1]d", d)
	}
	return fmt.Sprintf(`select id, band, pending, since%s from (
	select id, band, pending, since, dimension, weight, %s as s
	from %s left join %s using (id) left join %s using (measure)
) scored group by id, band, pending, since`, columns.String(), points("value", "worst", "direction", "span"), memoryTable, longTable, modelTable())
}

// modelTable returns the measures of the model as a table.
func modelTable() string {
	model := make([]string, Measures)
	for i, m := range measures {
		worst, direction, span := scale(i)
		model[i] = fmt.Sprintf("(%d, '%s', %d, %d, %s::bigint, %s, %s::bigint)", i, m.name, m.dimension, m.weight, worst, direction, span)
	}
	return fmt.Sprintf("(values %s) as model (measure, name, dimension, weight, worst, direction, span)", strings.Join(model, ", "))
}

// Query returns one query for score, band, pending band and coverage of every account: -1 stands for none. It computes
// exactly what Evaluate does, in whole numbers: with V the weight of all dimensions that have a value, W(d) the weight of
// the measures of dimension d that have one, and P(d) the sum of weight × points of these, the score is
// sum(V(d)·P(d)/W(d))/V, rounded once, half away from zero.
func Query(sums string, at time.Time) string {
	return replaceFormulas(strings.NewReplacer(
		"$first", bandSQL("score"), "$down", bandSQL(fmt.Sprintf("score + %d", margin)), "$up", bandSQL(fmt.Sprintf("score - %d", margin)),
		"$minimum", fmt.Sprint(minimumCoverage), "$now", fmt.Sprint(at.Unix()), "$hold", fmt.Sprint(int64(hold.Seconds())), "$sums", sums,
	).Replace(`
select id, coalesce(score, -1)::int as score,
	case when score is null then -1 when known < 0 or over then candidate else known end::int as band,
	case when score is null or known < 0 or candidate = known or over then -1 else candidate end::int as pending, coverage::int
from (
	select id, score, coverage, known, candidate, case when waiting = candidate then since else $now end + $hold <= $now as over
	from (
		select id, score, coverage, known, waiting, since,
			case when known < 0 then first when down > known then down when up < known then up else known end as candidate
		from (
			select id, score, coverage, band as known, pending as waiting, since, $first as first, $down as down, $up as up
			from (
				select id, band, pending, since, coverage,
					case when weight > 0 and coverage >= $minimum then (2*numerator + 1000*weight*denominator) / (2000*weight*denominator) end as score
				from (
					select id, band, pending, since, $V as weight, $N as numerator, $D as denominator, $coverage as coverage
					from ($sums) sums offset 0
				) means offset 0
			) scores offset 0
		) choices offset 0
	) candidates offset 0
) outcomes`))
}

// replaceFormulas puts the formulas of the weighted mean in: V is the weight of all dimensions that have a value, N/(V·D)
// the mean.
func replaceFormulas(query string) string {
	var weights, numerators, shares, denominators, fulls []string
	total := int64(0)
	for d := range dimensions {
		var others []string
		full := int64(1)
		for other := range dimensions {
			if other != d {
				others = append(others, fmt.Sprintf("greatest(w%d, 1)", other))
				full *= dimensionWeights[other]
			}
		}
		weights = append(weights, fmt.Sprintf("case when w%d > 0 then %d else 0 end", d, dimensions[d].weight))
		numerators = append(numerators, fmt.Sprintf("%d*p%d*%s", dimensions[d].weight, d, strings.Join(others, "*")))
		denominators = append(denominators, fmt.Sprintf("greatest(w%d, 1)", d))
		shares = append(shares, fmt.Sprintf("%d*w%d", 100*dimensions[d].weight*full, d))
		fulls = append(fulls, fmt.Sprint(dimensionWeights[d]))
		total += dimensions[d].weight
	}
	return strings.NewReplacer(
		"$V", "("+strings.Join(weights, " + ")+")", "$N", "("+strings.Join(numerators, " + ")+")", "$D", "("+strings.Join(denominators, "*")+")",
		"$coverage", fmt.Sprintf("(%s) / (%d * %s)", strings.Join(shares, " + "), total, strings.Join(fulls, " * ")),
	).Replace(query)
}

// bandSQL returns the SQL for the band that a score is in.
func bandSQL(score string) string {
	whens := ""
	for i, b := range bands[:len(bands)-1] {
		whens += fmt.Sprintf("when %s >= %d then %d ", score, b.Min, i)
	}
	return fmt.Sprintf("case %selse %d end", whens, len(bands)-1)
}

// ExplainedQuery returns one query for what Query gives and for the explanation that a Health holds: value, score and
// points of every measure, score and points of every dimension, as JSON. Points are cut to thousandths that add up.
func ExplainedQuery(at time.Time) string {
	var rows []string
	for d := range dimensions {
		rows = append(rows, fmt.Sprintf("(%[1]d, '%[2]s', %[3]d, w%[1]d, p%[1]d)", d, dimensions[d].name, dimensions[d].weight))
	}
	return replaceFormulas(strings.NewReplacer("$longSums", longSums(), "$model", modelTable(), "$dimensions", strings.Join(rows, ", "),
		"$points", points("value", "worst", "direction", "span"), "$health", Query("select * from sums", at)).Replace(`
with sums as materialized ($longSums),
dimension as materialized (
	select id, dimension, name, part, w, V, score,
		cut + (row_number() over (partition by id order by rest desc, name) <= total - sum(cut) over (partition by id))::int as points
	from (
		select id, total, V, d.*, (2*p + 1000*w) / (2000*w) as score, part*p / (V*w) as cut, part*p % (V*w) * (product / w) as rest
		from (select *, $V as V, $N / ($V*$D) as total, $D as product from sums where $V > 0 offset 0) means
		cross join lateral (values $dimensions) as d (dimension, name, part, w, p)
		where w > 0
	) parts
),
measure as (
	select id, name, in_dimension, value, (s + 500) / 1000 as score,
		cut + (row_number() over (partition by id, dimension order by rest desc, name) <= points - sum(cut) over (partition by id, dimension))::int as points
	from (
		select id, dimension, scored.name, dimension.name as in_dimension, value, s, points, part*weight*s / (V*w) as cut, part*weight*s % (V*w) as rest
		from (select id, dimension, name, weight, value, $points as s from long join $model using (measure)) scored
		join dimension using (id, dimension)
	) parts
)
select health.*, dimensions, measures
from ($health) health
left join (
	select id, json_agg(json_build_object('name', name, 'score', score, 'points', trim_scale(points / 1000.0)::text)) as dimensions
	from dimension group by id
) dimensions using (id)
left join (
	select id, json_agg(json_build_object('name', name, 'dimension', in_dimension, 'value', trim_scale(value / 1000000.0)::text,
		'score', score, 'points', trim_scale(points / 1000.0)::text)) as measures
	from measure group by id
) measures using (id)`))
}

// Summary returns the query that has the database compute every account and hand over one row.
func Summary(query string) string {
	return "select count(*), sum(score), sum(band), sum(pending), sum(coverage) from (" + query + ") answer"
}

// queries are the two ways to ask.
func queries(at time.Time) []struct{ name, text string } {
	return []struct{ name, text string }{
		{"from a row for each account", Query(wideSums(), at)},
		{"from a row for each value", Query(longSums(), at)},
	}
}
