package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/score"
)

// modelKey names a model; without a name it stands for the accounts that no model scores.
type modelKey struct{ namespace, model string }

// modelTally adds up the accounts of one model.
type modelTally struct {
	bands               map[v1alpha1.BandName]*bandTally
	scores, coverage    tenths
	overridden, partial int
	// The values of measures, by state.
	fresh, stale, missing, errored int
}

// bandTally adds up the accounts in one band.
type bandTally struct {
	accounts int
	arr      int64
}

// model returns the tally of a model.
func (s *scrape) model(namespace, name string) *modelTally {
	key := modelKey{namespace, name}
	t := s.models[key]
	if t == nil {
		t = &modelTally{bands: map[v1alpha1.BandName]*bandTally{}}
		s.models[key] = t
	}
	return t
}

// band returns the tally of a band.
func (t *modelTally) band(name v1alpha1.BandName) *bandTally {
	b := t.bands[name]
	if b == nil {
		b = &bandTally{}
		t.bands[name] = b
	}
	return b
}

// lookAtModels gives every band of every model a series, also where no account is in it yet.
func (s *scrape) lookAtModels(ctx context.Context) error {
	var models v1alpha1.HealthScoreModelList
	if err := s.list(ctx, &models); err != nil {
		return err
	}
	for i := range models.Items {
		m := &models.Items[i]
		s.declared(m.Namespace, kindModel, m.Status.Conditions)
		tally := s.model(m.Namespace, m.Name)
		tally.band(v1alpha1.BandUnknown)
		for _, band := range m.Spec.Bands {
			tally.band(band.Name)
			s.values.add(s.bandMin, float64(band.Min), m.Namespace, m.Name, string(band.Name))
		}
	}
	return nil
}

// lookAtAccounts adds up the accounts.
func (s *scrape) lookAtAccounts(ctx context.Context) error {
	var accounts v1alpha1.AccountList
	if err := s.list(ctx, &accounts); err != nil {
		return err
	}
	for i := range accounts.Items {
		a := &accounts.Items[i]
		s.declared(a.Namespace, kindAccount, a.Status.Conditions)
		if account.Churned(a) {
			s.values.add(s.churned, 1, a.Namespace)
			continue
		}
		model := score.ModelOf(a.Status.Health)
		s.model(a.Namespace, model).count(a, model != "")
		if s.ObjectNames && model != "" {
			s.nameAccount(a, model)
		}
	}
	return nil
}

// count adds an account. What is left in the status of one that no model scores any more is not counted.
func (t *modelTally) count(a *v1alpha1.Account, scored bool) {
	h := a.Status.Health
	name := v1alpha1.BandUnknown
	if h != nil && h.Band != "" {
		name = h.Band
	}
	band := t.band(name)
	band.accounts++
	band.arr += account.ARR(a)
	if !scored {
		return
	}
	if h.Score != nil {
		t.scores.observe(*h.Score)
	}
	t.coverage.observe(h.Coverage)
	if h.Override != nil {
		t.overridden++
	}
	if meta.IsStatusConditionTrue(a.Status.Conditions, v1alpha1.ConditionScorePartial) {
		t.partial++
	}
	for i := range h.Measures {
		switch h.Measures[i].State {
		case v1alpha1.ValueFresh:
			t.fresh++
		case v1alpha1.ValueStale:
			t.stale++
		case v1alpha1.ValueMissing:
			t.missing++
		case v1alpha1.ValueErrored:
			t.errored++
		}
	}
}

// nameAccount gives a scored account series of its own.
func (s *scrape) nameAccount(a *v1alpha1.Account, model string) {
	h := a.Status.Health
	if h.Score != nil {
		s.values.add(s.accountScore, float64(*h.Score), a.Namespace, a.Name, model)
	}
	s.values.add(s.accountCoverage, float64(h.Coverage)/100, a.Namespace, a.Name, model)
}

// collectModels gives what was added up to Prometheus.
func (s *scrape) collectModels(out chan<- prometheus.Metric) {
	for key, t := range s.models {
		for name, band := range t.bands {
			s.values.add(s.accounts, float64(band.accounts), key.namespace, key.model, string(name))
			s.values.add(s.arr, float64(band.arr), key.namespace, key.model, string(name))
		}
		if key.model == "" {
			continue
		}
		s.values.add(s.overridden, float64(t.overridden), key.namespace, key.model)
		s.values.add(s.partial, float64(t.partial), key.namespace, key.model)
		for _, v := range []struct {
			state v1alpha1.ValueState
			n     int
		}{
			{v1alpha1.ValueFresh, t.fresh},
			{v1alpha1.ValueStale, t.stale},
			{v1alpha1.ValueMissing, t.missing},
			{v1alpha1.ValueErrored, t.errored},
		} {
			s.values.add(s.measureValues, float64(v.n), key.namespace, key.model, string(v.state))
		}
		t.scores.collect(out, s.scorePoints, 1, key.namespace, key.model)
		t.coverage.collect(out, s.coverage, 100, key.namespace, key.model)
	}
}
