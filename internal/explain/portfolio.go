package explain

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/score"
)

// PortfolioInput says how accounts are grouped.
type PortfolioInput struct {
	// By is owner, touchModel, lifecycleStage, model, namespace, or else the key of a label.
	By string
	// Selector chooses accounts by their labels; nil chooses all.
	Selector labels.Selector
	// Churned counts customers who left as well.
	Churned bool
	// Since is how far back a change of band counts.
	Since time.Duration
	Now   time.Time
}

// PortfolioView is how groups of accounts do.
type PortfolioView struct {
	By    string    `json:"by"`
	Now   time.Time `json:"now"`
	Since string    `json:"since"`
	// Bands of the models, best first, in the order in which groups count them.
	Bands  []v1alpha1.BandName `json:"bands"`
	Groups []PortfolioGroup    `json:"groups"`
	Total  PortfolioGroup      `json:"total"`
	// Churned is how many customers who left are not counted.
	Churned int `json:"churned,omitempty"`
}

// PortfolioGroup is how one group of accounts does.
type PortfolioGroup struct {
	// Group is what its accounts have in common; empty where they have none of it.
	Group    string `json:"group"`
	Accounts int    `json:"accounts"`
	// InBand counts the accounts of each band; those whose band is Unknown are apart.
	InBand  map[v1alpha1.BandName]int `json:"inBand"`
	Unknown int                       `json:"unknown"`
	ARR     int64                     `json:"arr"`
	// ARRAtRisk is that of the accounts in any band but the best of their model, ARRUnknown of those whose band is Unknown.
	ARRAtRisk  int64 `json:"arrAtRisk"`
	ARRUnknown int64 `json:"arrUnknown"`
	// Moved are the accounts that came from one known band into another, and Worse those of them that came into a worse one.
	Moved     int `json:"moved"`
	Worse     int `json:"worse"`
	OpenTasks int `json:"openTasks"`
	Overdue   int `json:"overdueTasks"`
}

// Portfolio groups the accounts of a world. It may hold several namespaces.
func Portfolio(w *fleet.World, in PortfolioInput) *PortfolioView {
	v := &PortfolioView{By: in.By, Now: in.Now.UTC().Truncate(time.Second), Since: Span(in.Since), Bands: bandsOf(w)}
	models := map[string][]v1alpha1.BandName{}
	for _, m := range w.Models {
		models[m.Namespace+"/"+m.Name] = orderedBands(m)
	}
	open, overdue := taskCounts(w, in.Now)
	groups := map[string]*PortfolioGroup{}
	v.Total.InBand = map[v1alpha1.BandName]int{}
	for _, a := range w.Accounts {
		if in.Selector != nil && !in.Selector.Matches(labels.Set(a.Labels)) {
			continue
		}
		if account.Churned(a) && !in.Churned {
			v.Churned++
			continue
		}
		key := groupOf(a, in.By)
		if groups[key] == nil {
			groups[key] = &PortfolioGroup{Group: key, InBand: map[v1alpha1.BandName]int{}}
		}
		of := a.Namespace + "/" + a.Name
		for _, g := range []*PortfolioGroup{groups[key], &v.Total} {
			g.add(a, models, in)
			g.OpenTasks += open[of]
			g.Overdue += overdue[of]
		}
	}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		v.Groups = append(v.Groups, *groups[key])
	}
	slices.SortStableFunc(v.Groups, func(a, b PortfolioGroup) int {
		return cmp.Or(cmp.Compare(b.ARRAtRisk, a.ARRAtRisk), cmp.Compare(b.ARR, a.ARR))
	})
	for name := range v.Total.InBand {
		if !slices.Contains(v.Bands, name) {
			v.Bands = append(v.Bands, name) // a band that a model had once
		}
	}
	return v
}

// add counts an account.
func (g *PortfolioGroup) add(a *v1alpha1.Account, models map[string][]v1alpha1.BandName, in PortfolioInput) {
	arr, h := account.ARR(a), a.Status.Health
	g.Accounts++
	g.ARR += arr
	if h == nil || h.Band == "" || h.Band == v1alpha1.BandUnknown {
		g.Unknown++
		g.ARRUnknown += arr
		return
	}
	g.InBand[h.Band]++
	bands := models[a.Namespace+"/"+h.Model]
	if len(bands) > 0 && bands[0] != h.Band {
		g.ARRAtRisk += arr
	}
	if h.BandSince == nil || h.PreviousBand == "" || h.PreviousBand == h.Band || h.BandSince.Time.Before(in.Now.Add(-in.Since)) {
		return
	}
	g.Moved++
	if slices.Index(bands, h.Band) > slices.Index(bands, h.PreviousBand) {
		g.Worse++
	}
}

// groupOf is what an account is grouped by.
func groupOf(a *v1alpha1.Account, by string) string {
	switch by {
	case "owner":
		return a.Spec.Owner
	case "touchModel":
		return string(a.Spec.TouchModel)
	case "lifecycleStage":
		return string(account.Stage(a))
	case "model":
		return score.ModelOf(a.Status.Health)
	case "namespace":
		return a.Namespace
	}
	return a.Labels[strings.TrimPrefix(by, "label=")]
}

// orderedBands are a model's bands, best first.
func orderedBands(m *v1alpha1.HealthScoreModel) []v1alpha1.BandName {
	bands := slices.Clone(m.Spec.Bands)
	slices.SortFunc(bands, func(a, b v1alpha1.Band) int { return int(b.Min - a.Min) })
	names := make([]v1alpha1.BandName, len(bands))
	for i, b := range bands {
		names[i] = b.Name
	}
	return names
}

// bandsOf are the bands of all models, best first: what one model has between two bands of another comes between them.
func bandsOf(w *fleet.World) []v1alpha1.BandName {
	models := slices.Clone(w.Models)
	slices.SortFunc(models, func(a, b *v1alpha1.HealthScoreModel) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	var all []v1alpha1.BandName
	for _, m := range models {
		at := 0
		for _, name := range orderedBands(m) {
			if i := slices.Index(all, name); i >= 0 {
				at = i + 1
				continue
			}
			all = slices.Insert(all, at, name)
			at++
		}
	}
	return all
}

// taskCounts count the tasks of each account that wait for somebody, and those of them that are past their due time.
func taskCounts(w *fleet.World, now time.Time) (open, overdue map[string]int) {
	open, overdue = map[string]int{}, map[string]int{}
	for _, t := range w.Tasks {
		if !playbook.AtWork(stateOf(t)) {
			continue
		}
		of := t.Namespace + "/" + t.Spec.AccountRef.Name
		open[of]++
		if late(t, now) {
			overdue[of]++
		}
	}
	return open, overdue
}

// stateOf is the state of a task; one whose status is not written yet is Open.
func stateOf(t *v1alpha1.Task) v1alpha1.TaskState { return cmp.Or(t.Status.State, v1alpha1.TaskOpen) }

// late reports whether a task that waits for somebody is past its due time.
func late(t *v1alpha1.Task, now time.Time) bool {
	return playbook.AtWork(stateOf(t)) && t.Status.DueTime != nil && t.Status.DueTime.Time.Before(now)
}
