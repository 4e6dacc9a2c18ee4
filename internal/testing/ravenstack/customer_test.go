//go:build unix

package ravenstack

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// sources are the names of those in testdata/objects.yaml, and of the files with their queries.
var sources = []string{"crm", "product", "helpdesk", "revenue"}

// customer is what is compared of an account: what the operator has found, with what the database says.
type customer struct {
	ID              string
	ARR, Seats      int64
	Started, Renews string
	Touch, Stage    string
	Score           string // empty while unknown
	Band            string
	Coverage        int64
	// Open are the playbooks with an open run, one entry for each run; Firing those whose episode says so.
	Open, Firing []string
	// Problems are what must not be.
	Problems []string
}

// expected computes every customer in SQL, by name.
func (d *database) expected() map[string]customer {
	d.t.Helper()
	replacements := make([]string, 0, 2*len(sources))
	for _, name := range sources {
		replacements = append(replacements, "{{"+name+"}}", readFile(d.t, name+".sql"))
	}
	query := strings.NewReplacer(replacements...).Replace(readFile(d.t, "expected.sql"))
	customers := map[string]customer{}
	d.do(func(db *sql.DB) error {
		rows, err := db.QueryContext(d.t.Context(), query)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var name string
			var score sql.NullString
			var quiet, rescue, renewal bool
			var c customer
			if err := rows.Scan(&c.ID, &name, &c.ARR, &c.Seats, &c.Started, &c.Renews, &c.Touch, &c.Stage, &score, &c.Band,
				&c.Coverage, &quiet, &rescue, &renewal); err != nil {
				return err
			}
			c.Score = score.String
			c.Open = open(map[string]bool{"quiet": quiet, "rescue": rescue, "renewal": renewal})
			c.Firing = c.Open
			customers[name] = c
		}
		return rows.Err()
	})
	return customers
}

// open lists the playbooks whose condition holds, sorted.
func open(holds map[string]bool) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(holds)) {
		if holds[name] {
			names = append(names, name)
		}
	}
	return names
}

// found reads every customer from the API, by name.
func (w *world) found() (map[string]customer, error) {
	var accounts v1alpha1.AccountList
	var runs v1alpha1.PlaybookRunList
	if err := w.cache.List(w.t.Context(), &accounts, client.InNamespace(w.namespace)); err != nil {
		return nil, err
	}
	if err := w.cache.List(w.t.Context(), &runs, client.InNamespace(w.namespace)); err != nil {
		return nil, err
	}
	runsOf := map[string][]string{}
	for i := range runs.Items {
		if run := &runs.Items[i]; run.Status.State == v1alpha1.RunActive || run.Status.State == "" {
			runsOf[run.Spec.AccountRef.Name] = append(runsOf[run.Spec.AccountRef.Name], run.Spec.PlaybookRef.Name)
		}
	}
	customers := make(map[string]customer, len(accounts.Items))
	for i := range accounts.Items {
		a := &accounts.Items[i]
		c := customerOf(a)
		c.Open = runsOf[a.Name]
		slices.Sort(c.Open)
		customers[a.Name] = c
	}
	return customers, nil
}

// customerOf takes an account apart.
func customerOf(a *v1alpha1.Account) customer {
	c := customer{
		ID: a.Annotations[v1alpha1.AnnotationSourceKey], Touch: string(a.Spec.TouchModel), Stage: string(a.Spec.LifecycleStage),
	}
	if contract := a.Spec.Contract; contract != nil && contract.ARR != nil && contract.Seats != nil {
		c.ARR, c.Seats = *contract.ARR, *contract.Seats
		c.Started, c.Renews = string(contract.StartDate), string(contract.RenewalDate)
	}
	if h := a.Status.Health; h != nil {
		c.Band, c.Coverage = string(h.Band), int64(h.Coverage)
		if h.Score != nil {
			c.Score = fmt.Sprint(*h.Score)
		}
	}
	for _, e := range a.Status.Playbooks {
		switch e.State {
		case v1alpha1.EpisodeFiring:
			c.Firing = append(c.Firing, e.Name)
		case v1alpha1.EpisodeClear:
		default:
			c.Problems = append(c.Problems, fmt.Sprintf("episode of %s is %s", e.Name, e.State))
		}
	}
	for _, condition := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionModelApplied} {
		if !meta.IsStatusConditionTrue(a.Status.Conditions, condition) {
			c.Problems = append(c.Problems, condition+" is not True")
		}
	}
	if a.Status.ObservedGeneration != a.Generation {
		c.Problems = append(c.Problems, "the status is of an older spec")
	}
	return c
}
