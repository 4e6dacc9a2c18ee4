package controllers

import (
	"context"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/score"
)

// Catalog gives the models and playbooks of a namespace, each compiled once a generation. It is safe for concurrent use.
type Catalog struct {
	reader    client.Reader
	models    compiledSet[*score.Model]
	playbooks compiledSet[*playbook.Playbook]
}

// NewCatalog returns a catalog that reads from the cache.
func NewCatalog(reader client.Reader) *Catalog { return &Catalog{reader: reader} }

// compiledSet remembers what came of compiling the objects of one kind.
type compiledSet[T any] struct {
	mu     sync.Mutex
	byName map[types.NamespacedName]compiled[T]
}

// compiled is what came of compiling one generation of one object.
type compiled[T any] struct {
	uid        types.UID
	generation int64
	result     T
	selector   *account.Selector
	err        error
}

// get compiles an object, or returns what came of it the last time.
func (s *compiledSet[T]) get(obj client.Object, selector v1alpha1.AccountSelector, compile func() (T, error)) compiled[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := client.ObjectKeyFromObject(obj)
	if c, ok := s.byName[key]; ok && c.uid == obj.GetUID() && c.generation == obj.GetGeneration() {
		return c
	}
	c := compiled[T]{uid: obj.GetUID(), generation: obj.GetGeneration()}
	// The selector is compiled apart: whom a stalled model or playbook chooses is known all the same.
	var selectorErr error
	c.selector, selectorErr = account.CompileSelector(selector)
	if c.result, c.err = compile(); c.err == nil {
		c.err = selectorErr
	}
	if s.byName == nil {
		s.byName = map[types.NamespacedName]compiled[T]{}
	}
	s.byName[key] = c
	return c
}

// forget drops an object that is gone.
func (s *compiledSet[T]) forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byName, key)
}

// model is a HealthScoreModel and what came of compiling it.
type model struct {
	*v1alpha1.HealthScoreModel
	compiled[*score.Model]
}

// object returns the model as the API has it; nil for none.
func (m *model) object() *v1alpha1.HealthScoreModel {
	if m == nil {
		return nil
	}
	return m.HealthScoreModel
}

// plan is a Playbook and what came of compiling it.
type plan struct {
	*v1alpha1.Playbook
	compiled[*playbook.Playbook]
}

// compileModel compiles a model, or returns what came of it the last time.
func (c *Catalog) compileModel(m *v1alpha1.HealthScoreModel) model {
	return model{m, c.models.get(m, m.Spec.AccountSelector, func() (*score.Model, error) { return score.Compile(m) })}
}

// compilePlaybook compiles a playbook, or returns what came of it the last time.
func (c *Catalog) compilePlaybook(p *v1alpha1.Playbook) plan {
	return plan{p, c.playbooks.get(p, p.Spec.AccountSelector, func() (*playbook.Playbook, error) { return playbook.Compile(p) })}
}

// modelsIn returns the models of a namespace.
func (c *Catalog) modelsIn(ctx context.Context, namespace string) ([]model, error) {
	var list v1alpha1.HealthScoreModelList
	if err := c.reader.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	models := make([]model, 0, len(list.Items))
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp.IsZero() {
			models = append(models, c.compileModel(&list.Items[i]))
		}
	}
	return models, nil
}

// playbooksIn returns the playbooks of a namespace by name.
func (c *Catalog) playbooksIn(ctx context.Context, namespace string) ([]plan, error) {
	var list v1alpha1.PlaybookList
	if err := c.reader.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	playbooks := make([]plan, 0, len(list.Items))
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp.IsZero() {
			playbooks = append(playbooks, c.compilePlaybook(&list.Items[i]))
		}
	}
	slices.SortFunc(playbooks, func(a, b plan) int { return strings.Compare(a.Name, b.Name) })
	return playbooks, nil
}

// renamesOf reads what playbooks were called before.
func renamesOf(plans []plan) *playbook.Renames {
	playbooks := make([]*v1alpha1.Playbook, len(plans))
	for i := range plans {
		playbooks[i] = plans[i].Playbook
	}
	return playbook.RenamesOf(playbooks)
}

// renamesIn reads what the playbooks of a namespace were called before.
func (c *Catalog) renamesIn(ctx context.Context, namespace string) (*playbook.Renames, error) {
	var list v1alpha1.PlaybookList
	if err := c.reader.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var playbooks []*v1alpha1.Playbook
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp.IsZero() {
			playbooks = append(playbooks, &list.Items[i])
		}
	}
	return playbook.RenamesOf(playbooks), nil
}

// modelFor returns the model that scores an account, also where that one is stalled; nil where none chooses it.
func modelFor(models []model, a *v1alpha1.Account) *model {
	m, _ := chooseModel(models, a)
	return m
}

// chooseModel returns the model that scores an account, also where that one is stalled, and why that one; nil where none
// chooses it.
func chooseModel(models []model, a *v1alpha1.Account) (*model, string) {
	candidates := make([]score.Candidate, len(models))
	for i := range models {
		candidates[i] = models[i].candidate()
	}
	chosen, ok := score.Choose(candidates, a)
	if !ok {
		return nil, ""
	}
	return findModel(models, chosen.Name), chosen.Why
}

// candidate returns a model as one that may choose an account.
func (m *model) candidate() score.Candidate {
	return score.Candidate{Name: m.Name, Priority: m.Spec.Priority, Created: m.CreationTimestamp.Time, Selector: m.selector}
}

// findModel finds a model by its name; nil where it is not there.
func findModel(models []model, name string) *model {
	i := slices.IndexFunc(models, func(m model) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return &models[i]
}
