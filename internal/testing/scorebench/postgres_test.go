//go:build unix

package scorebench

import (
	"context"
	"database/sql"
	"encoding/json"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/testing/postgres"
)

// large is the number of accounts of the benchmark, small that of the test.
const (
	large = 100_000
	small = 500
)

// load starts a server with the fleet in its tables, or skips the test where there is none.
func load(t testing.TB, fleet []Account, inputs []score.Input) *sql.DB {
	t.Helper()
	server := postgres.Start(t)
	server.Exec(schema())
	db, err := sql.Open("pgx", server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	// One connection, with memory enough that nothing is sorted on disk.
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), "set work_mem = '512MB'"); err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var wide, long, memory [][]any
	for i := range fleet {
		wide = append(wide, wideRow(i, &fleet[i].Now, &inputs[i]))
		long = append(long, longRows(i, &fleet[i].Now)...)
		memory = append(memory, memoryRow(i, &inputs[i]))
	}
	err = conn.Raw(func(driver any) error {
		c := driver.(*stdlib.Conn).Conn()
		for table, rows := range map[string][][]any{wideTable: wide, longTable: long, memoryTable: memory} {
			if err := copyRows(t.Context(), c, table, rows); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Exec("vacuum (analyze)")
	return db
}

func copyRows(ctx context.Context, c *pgx.Conn, table string, rows [][]any) error {
	described, err := c.Prepare(ctx, "", "select * from "+table)
	if err != nil {
		return err
	}
	columns := make([]string, len(described.Fields))
	for i, f := range described.Fields {
		columns[i] = f.Name
	}
	_, err = c.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
	return err
}

// ask returns the rows of a query.
func ask(t testing.TB, db *sql.DB, query string, into []Row) []Row {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	defer func() { _ = rows.Close() }()
	into = into[:0]
	for rows.Next() {
		var r Row
		if err := rows.Scan(&r.ID, &r.Score, &r.Band, &r.Pending, &r.Coverage); err != nil {
			t.Fatal(err)
		}
		into = append(into, r)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return into
}

// checkQuery compares what a query says with what Evaluate says, for every account.
func checkQuery(t testing.TB, m *score.Model, inputs []score.Input, rows []Row) {
	t.Helper()
	if len(rows) != len(inputs) {
		t.Fatalf("%d rows for %d accounts", len(rows), len(inputs))
	}
	for _, got := range rows {
		h := m.Evaluate(inputs[got.ID]).Health
		want := Row{ID: got.ID, Score: number(h.Score), Band: rank(h.Band), Pending: none, Coverage: h.Coverage}
		if h.PendingBand != nil {
			want.Pending = rank(h.PendingBand.Band)
		}
		if got != want {
			t.Fatalf("account %d: Evaluate says %+v, PostgreSQL %+v", got.ID, want, got)
		}
	}
}

// explained is an account as the query with the explanation gives it.
type explained struct {
	Row
	Dimensions, Measures []byte
}

// askExplained returns the rows of the query with the explanation.
func askExplained(t testing.TB, db *sql.DB, into []explained) []explained {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), ExplainedQuery(now()))
	if err != nil {
		t.Fatalf("%v\n%s", err, ExplainedQuery(now()))
	}
	defer func() { _ = rows.Close() }()
	into = into[:0]
	for rows.Next() {
		var r explained
		if err := rows.Scan(&r.ID, &r.Score, &r.Band, &r.Pending, &r.Coverage, &r.Dimensions, &r.Measures); err != nil {
			t.Fatal(err)
		}
		into = append(into, r)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return into
}

// checkExplained compares what the query with the explanation says with what Evaluate says, for every account.
func checkExplained(t testing.TB, m *score.Model, inputs []score.Input, answers []explained) {
	t.Helper()
	rows := make([]Row, len(answers))
	for i, r := range answers {
		rows[i] = r.Row
		h := m.Evaluate(inputs[r.ID]).Health
		var got v1alpha1.Health
		for column, into := range map[*[]byte]any{&r.Dimensions: &got.Dimensions, &r.Measures: &got.Measures} {
			if *column == nil {
				continue // an account without any value
			}
			if err := json.Unmarshal(*column, into); err != nil {
				t.Fatal(err)
			}
		}
		for _, d := range h.Dimensions {
			if i := slices.IndexFunc(got.Dimensions, func(g v1alpha1.DimensionScore) bool { return g.Name == d.Name }); i >= 0 && !same(d.Score, d.Points, got.Dimensions[i].Score, got.Dimensions[i].Points) || i < 0 && d.Points != "" {
				t.Fatalf("account %d, dimension %s: Evaluate says %v, PostgreSQL %v", r.ID, d.Name, h.Dimensions, got.Dimensions)
			}
		}
		for _, measured := range h.Measures {
			if i := slices.IndexFunc(got.Measures, func(g v1alpha1.MeasureScore) bool { return g.Name == measured.Name }); i >= 0 &&
				(!same(measured.Score, measured.Points, got.Measures[i].Score, got.Measures[i].Points) || measured.Value != got.Measures[i].Value) || i < 0 && measured.Points != "" {
				t.Fatalf("account %d, measure %s: Evaluate says %v, PostgreSQL %v", r.ID, measured.Name, h.Measures, got.Measures)
			}
		}
	}
	checkQuery(t, m, inputs, rows)
}

// same compares a score and its points; PostgreSQL writes 7.0 as 7.
func same(score *int32, points string, otherScore *int32, otherPoints string) bool {
	return number(score) == number(otherScore) && strings.TrimSuffix(points, ".0") == otherPoints
}

func TestPostgreSQLComputesWhatEvaluateComputes(t *testing.T) {
	m, fleet := compiled(t, false), Fleet(small)
	inputs := Inputs(m, fleet)
	db := load(t, fleet, inputs)
	for _, q := range queries(now()) {
		t.Run(q.name, func(t *testing.T) { checkQuery(t, m, inputs, ask(t, db, q.text, nil)) })
	}
	t.Run("with the explanation", func(t *testing.T) { checkExplained(t, m, inputs, askExplained(t, db, nil)) })
}

// BenchmarkPostgreSQL scores a hundred thousand accounts: Evaluate with their facts in memory, on one core and on all,
// and PostgreSQL in one query over tables that it has in memory, with as many processes as it likes. The lines of queries
// say how many times Evaluate's time they take: for score, band, pending band and coverage alone, and with the explanation
// of every measure and dimension that Evaluate always writes. PostgreSQL keeps no trend, history or changes.
// It takes 2 GB.
func BenchmarkPostgreSQL(b *testing.B) {
	m, fleet := compiled(b, false), Fleet(large)
	inputs := Inputs(m, fleet)
	db := load(b, fleet, inputs)
	for _, q := range queries(now()) {
		checkQuery(b, m, inputs, ask(b, db, q.text, nil))
	}
	checkExplained(b, m, inputs, askExplained(b, db, nil))
	var oneCore, allCores time.Duration
	report := func(b *testing.B) time.Duration {
		each := b.Elapsed() / time.Duration(b.N)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(each.Milliseconds()), "ms/fleet")
		b.ReportMetric(large/each.Seconds(), "accounts/s")
		return each
	}
	compared := func(b *testing.B) {
		each := report(b)
		if oneCore > 0 && allCores > 0 {
			b.ReportMetric(float64(each)/float64(oneCore), "x-evaluate-one-core")
			b.ReportMetric(float64(each)/float64(allCores), "x-evaluate-all-cores")
		}
	}
	healths := make([]*v1alpha1.Health, large)
	b.Run("Evaluate on one core", func(b *testing.B) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		for b.Loop() {
			evaluateAll(m, inputs, healths, 1)
		}
		oneCore = report(b)
	})
	b.Run("Evaluate on all cores", func(b *testing.B) {
		for b.Loop() {
			evaluateAll(m, inputs, healths, runtime.GOMAXPROCS(0))
		}
		allCores = report(b)
	})
	for _, q := range queries(now()) {
		b.Run("query "+q.name, func(b *testing.B) {
			for b.Loop() {
				var count, score, band, pending, coverage int64
				if err := db.QueryRowContext(b.Context(), Summary(q.text)).Scan(&count, &score, &band, &pending, &coverage); err != nil {
					b.Fatal(err)
				}
			}
			compared(b)
		})
		b.Run("query "+q.name+" with its rows", func(b *testing.B) {
			rows := make([]Row, 0, large)
			for b.Loop() {
				rows = ask(b, db, q.text, rows)
			}
			compared(b)
		})
	}
	b.Run("query for the explanation too", func(b *testing.B) {
		for b.Loop() {
			var count, score, bytes int64
			summary := "select count(*), sum(score), sum(length(dimensions::text) + length(measures::text)) from (" + ExplainedQuery(now()) + ") answer"
			if err := db.QueryRowContext(b.Context(), summary).Scan(&count, &score, &bytes); err != nil {
				b.Fatal(err)
			}
		}
		compared(b)
	})
	b.Run("query for the explanation too with its rows", func(b *testing.B) {
		rows := make([]explained, 0, large)
		for b.Loop() {
			rows = askExplained(b, db, rows)
		}
		compared(b)
	})
}

// evaluateAll scores every account, in so many goroutines.
func evaluateAll(m *score.Model, inputs []score.Input, healths []*v1alpha1.Health, workers int) {
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := w * len(inputs) / workers; i < (w+1)*len(inputs)/workers; i++ {
				healths[i] = m.Evaluate(inputs[i]).Health
			}
		})
	}
	group.Wait()
}
