package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// models are the health score models of a namespace.
type models struct {
	items      []v1alpha1.HealthScoreModel
	candidates []score.Candidate
	// unknown is true for who may not read them: then nothing is checked.
	unknown bool
	// expressions of models and playbooks that read measurements by themselves, as text.
	expressions []string
}

// modelsFor reads the models of an account's namespace.
func (a *app) modelsFor(ctx context.Context, s *saying) (*models, error) {
	var list v1alpha1.HealthScoreModelList
	err := s.List(ctx, &list, client.InNamespace(s.key.Namespace))
	if apierrors.IsForbidden(err) {
		return &models{unknown: true}, nil
	}
	m := &models{items: list.Items}
	for i := range m.items {
		// One whose selector cannot be read scores nobody.
		if candidate, err := score.CandidateOf(&m.items[i]); err == nil {
			m.candidates = append(m.candidates, candidate)
		}
		m.note(&m.items[i].Spec)
	}
	if err != nil {
		return nil, err
	}
	var playbooks v1alpha1.PlaybookList
	if err := s.List(ctx, &playbooks, client.InNamespace(s.key.Namespace)); err != nil && !apierrors.IsForbidden(err) {
		return nil, err
	}
	for i := range playbooks.Items {
		m.note(&playbooks.Items[i].Spec)
	}
	return m, nil
}

// note keeps a spec whose expressions read measurements.
func (m *models) note(spec any) {
	text, err := json.Marshal(spec)
	if err == nil && bytes.Contains(text, []byte("spec.measurements")) {
		m.expressions = append(m.expressions, string(text))
	}
}

// mentioned reports whether an expression may read a measurement: it has the name in quotes.
func (m *models) mentioned(name string) bool {
	return slices.ContainsFunc(m.expressions, func(text string) bool {
		return strings.Contains(text, "'"+name+"'") || strings.Contains(text, `\"`+name+`\"`)
	})
}

// of is the model that scores an account; nil where none does.
func (m *models) of(account *v1alpha1.Account) *v1alpha1.HealthScoreModel {
	choice, ok := score.Choose(m.candidates, account)
	if !ok {
		return nil
	}
	i := slices.IndexFunc(m.items, func(h v1alpha1.HealthScoreModel) bool { return h.Name == choice.Name })
	return &m.items[i]
}

// read returns a measurement's value as the models read it. It is an error where none of those that count can: the model
// that scores the account, or, where that does not read the measurement, all that do. The warning is for what nobody reads.
func (m *models) read(account *v1alpha1.Account, name, text string) (as, warning string, err error) {
	if m.unknown {
		return text, "you may not read health score models here, so the value of " + name + " was not checked", nil
	}
	own := m.of(account)
	readers := readersOf(m.items, name)
	switch {
	case len(readers) == 0 && m.mentioned(name):
		return text, "", nil
	case len(readers) == 0:
		return text, fmt.Sprintf("no model reads %s; %s", name, m.known()), nil
	case own == nil:
		warning = "no model scores the account"
	case len(readersOf([]v1alpha1.HealthScoreModel{*own}, name)) == 0:
		warning = fmt.Sprintf("model %s, which scores the account, does not read %s", own.Name, name)
	default:
		readers = readersOf([]v1alpha1.HealthScoreModel{*own}, name)
	}
	var refusal error
	for _, r := range readers {
		if as, err := readAs(r.measure.Scale, text); err == nil {
			return as, warning, nil
		} else if refusal == nil {
			refusal = fmt.Errorf("%s: %w (measure %s of model %s)", name, err, r.measure.Name, r.model)
		}
	}
	return "", "", refusal
}

// reader is a measure that reads a measurement.
type reader struct {
	model   string
	measure *v1alpha1.Measure
}

// readersOf returns the measures of models that read a measurement.
func readersOf(items []v1alpha1.HealthScoreModel, name string) []reader {
	var found []reader
	for i := range items {
		for j := range items[i].Spec.Measures {
			if measure := &items[i].Spec.Measures[j]; measure.From.Measurement == name {
				found = append(found, reader{model: items[i].Name, measure: measure})
			}
		}
	}
	return found
}

// readAs returns a value as a scale reads it.
func readAs(scale *v1alpha1.Scale, text string) (string, error) {
	switch {
	case scale == nil:
		return text, nil
	case len(scale.Categories) > 0:
		words := make([]string, len(scale.Categories))
		for i, c := range scale.Categories {
			words[i] = c.Value
		}
		if word, ok := oneOf(text, words); ok {
			return word, nil
		}
		return "", fmt.Errorf("%q is none of %s", text, strings.Join(words, ", "))
	case scale.Linear != nil || len(scale.Steps) > 0:
		if _, err := value.ParseDecimal(text); err != nil {
			return "", fmt.Errorf("%q is no number", text)
		}
	}
	return text, nil
}

// names are the measurements that models read.
func (m *models) names() []string {
	names := map[string]bool{}
	for i := range m.items {
		for j := range m.items[i].Spec.Measures {
			if name := m.items[i].Spec.Measures[j].From.Measurement; name != "" {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// known says which measurements models read.
func (m *models) known() string {
	names := m.names()
	if len(names) == 0 {
		return "none of this namespace reads measurements"
	}
	return "those of this namespace read " + strings.Join(names, ", ")
}

// completeMeasure completes accounts, then measurements with the words that their scales have.
func (a *app) completeMeasure(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const nothing = cobra.ShellCompDirectiveNoFileComp
	if len(args) == 0 {
		return a.completeNames(&v1alpha1.AccountList{}, 1, nil)(cmd, args, toComplete)
	}
	_, m, ok := a.modelsToComplete(cmd, args[0])
	if !ok {
		return nil, nothing
	}
	name, _, valued := strings.Cut(toComplete, "=")
	var pairs []cobra.Completion
	if !valued {
		for _, known := range m.names() {
			pairs = append(pairs, known+"=")
		}
		return pairs, nothing | cobra.ShellCompDirectiveNoSpace
	}
	for _, r := range readersOf(m.items, name) {
		if r.measure.Scale == nil {
			continue
		}
		for _, c := range r.measure.Scale.Categories {
			pairs = append(pairs, name+"="+c.Value)
		}
	}
	slices.Sort(pairs)
	return slices.Compact(pairs), nothing
}

// modelsToComplete reads the models whose words are completed, if it can.
func (a *app) modelsToComplete(cmd *cobra.Command, account string) (*saying, *models, bool) {
	s, err := a.saying(account, &dryRun{}, false)
	if err != nil {
		return nil, nil, false
	}
	m, err := a.modelsFor(cmd.Context(), s)
	return s, m, err == nil
}

// bandsFor completes the bands of an account's model.
func (a *app) bandsFor(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const nothing = cobra.ShellCompDirectiveNoFileComp
	if len(args) == 0 {
		return nil, nothing
	}
	s, m, ok := a.modelsToComplete(cmd, args[0])
	if !ok {
		return nil, nothing
	}
	var account v1alpha1.Account
	if err := s.Get(cmd.Context(), s.key, &account); err != nil {
		return nil, nothing
	}
	model := m.of(&account)
	if model == nil {
		return nil, nothing
	}
	return bandNames(model), nothing
}

// bandNames are the bands of a model, the best first.
func bandNames(model *v1alpha1.HealthScoreModel) []string {
	bands := slices.Clone(model.Spec.Bands)
	slices.SortFunc(bands, func(a, b v1alpha1.Band) int { return int(b.Min) - int(a.Min) })
	names := make([]string, len(bands))
	for i, b := range bands {
		names[i] = string(b.Name)
	}
	return names
}
