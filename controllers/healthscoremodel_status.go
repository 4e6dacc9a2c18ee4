package controllers

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/score"
)

// setStatus computes a model's status.
func (r *HealthScoreModelReconciler) setStatus(ctx context.Context, m *v1alpha1.HealthScoreModel) error {
	if err := r.count(ctx, m); err != nil {
		return err
	}
	m.Status.ObservedGeneration = m.Generation
	m.Status.LastHandledRequestedAt = requestedAt(m)
	c := conditions{list: &m.Status.Conditions, generation: m.Generation, now: r.Clock.Now()}
	compiled := r.Catalog.compileModel(m)
	if compiled.err != nil {
		c.stalled(v1alpha1.ReasonInvalidSpec, compiled.err.Error())
		return nil
	}
	missing, err := missingFields(ctx, r.Client, m.Namespace, compiled.result.ReadsAt())
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		c.reconciling(v1alpha1.ReasonReferenceNotFound, atMostTen(missing)+"; until it is, its values count as not readable")
		return nil
	}
	misfits, err := r.misfits(ctx, m)
	if err != nil {
		return err
	}
	if len(misfits) > 0 {
		c.reconciling(v1alpha1.ReasonTypeMismatch, "these measures are Missing for every account: "+atMostThree(misfits))
		return nil
	}
	declared, err := declaredTypes(ctx, r.Client, m.Namespace, compiled.result.Reads())
	if err != nil {
		return err
	}
	if misfits := compiled.result.Misfits(declared); len(misfits) > 0 {
		c.reconciling(v1alpha1.ReasonTypeMismatch, "these have no result on any account: "+atMostThree(inWords(misfits)))
		return nil
	}
	c.ready(v1alpha1.ReasonReady, "the model is in use")
	return nil
}

// count says how the accounts do whose health the model computed. Those of a stalled model are counted, too.
func (r *HealthScoreModelReconciler) count(ctx context.Context, m *v1alpha1.HealthScoreModel) error {
	var accounts v1alpha1.AccountList
	if err := r.List(ctx, &accounts, client.InNamespace(m.Namespace), client.MatchingFields{IndexModel: m.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	sum := score.Summarize(m, accounts.Items)
	m.Status.Accounts, m.Status.Summary, m.Status.Bands = sum.Accounts, sum.Text(), sum.Bands
	m.Status.AverageScore, m.Status.AverageCoverage, m.Status.Missing = sum.AverageScore, sum.AverageCoverage, sum.Missing
	return nil
}

// misfits names the measures whose scale cannot use the type of their metric. The model or the source can change that.
func (r *HealthScoreModelReconciler) misfits(ctx context.Context, m *v1alpha1.HealthScoreModel) ([]string, error) {
	var misfits []string
	for _, measure := range m.Spec.Measures {
		if measure.Scale == nil || measure.From.Source == "" || measure.Scale.Expression != "" {
			continue
		}
		wants := v1alpha1.MetricNumber
		if len(measure.Scale.Categories) > 0 {
			wants = v1alpha1.MetricCategory
		}
		var source v1alpha1.DataSource
		if err := r.Get(ctx, types.NamespacedName{Namespace: m.Namespace, Name: measure.From.Source}, &source); err != nil {
			return nil, client.IgnoreNotFound(err)
		}
		for _, metric := range source.Spec.Metrics {
			if metric.Name == measure.From.Metric && metric.Type != wants {
				misfits = append(misfits, fmt.Sprintf("spec.measures[%s]: its scale is for type %s, and metric %s of DataSource %s is of type %s",
					measure.Name, wants, metric.Name, source.Name, metric.Type))
			}
		}
	}
	return misfits, nil
}

// notThere says what is missing and that nothing else needs to be done about it.
func notThere(missing []string) string {
	return "not there: " + atMostTen(missing) + "; until it is, its values count as not readable"
}

// atMostTen joins what is wrong in ten places, and counts the others.
func atMostTen(all []string) string {
	if len(all) <= 10 {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:10], ", "), len(all)-10)
}
