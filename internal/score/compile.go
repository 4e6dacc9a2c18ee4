package score

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/value"
)

// The limits of a model. Within them the arithmetic of the weighted mean does not overflow.
const (
	maxDimensions = 16
	maxMeasures   = 64
	maxWeight     = 10_000
	maxTrend      = 28 * value.Day
)

// What a model that does not say otherwise gets.
const (
	defaultTrendWindow    = 7 * value.Day
	defaultTrendThreshold = 5
)

// Compile checks a model and makes it ready to use. The error is an aggregate of field errors, with paths from spec.
func Compile(m *v1alpha1.HealthScoreModel) (*Model, error) {
	c := &compiler{model: &Model{name: m.Name, generation: m.Generation, versionText: version(m.Name, m.Generation), uid: m.UID}}
	path, spec := field.NewPath("spec"), &m.Spec
	selector, err := account.CompileSelector(spec.AccountSelector)
	if err != nil {
		c.errs = append(c.errs, field.Invalid(path.Child("accountSelector"), "", err.Error()))
	}
	c.model.selector = selector
	c.model.minimumCoverage = spec.MinimumCoverage
	checkRange(path.Child("minimumCoverage"), spec.MinimumCoverage, 0, 100, &c.errs)
	c.trend(path.Child("trend"), spec.Trend)
	c.bands(path.Child("bands"), spec.Bands)
	c.bandChange(path.Child("bandChange"), spec.BandChange)
	c.dimensions(path.Child("dimensions"), spec.Dimensions)
	c.measures(path.Child("measures"), spec.Measures)
	c.everyDimensionIsMeasured(path.Child("dimensions"))
	c.rules(path.Child("rules"), spec.Rules)
	c.reads(path)
	if err := c.errs.ToAggregate(); err != nil {
		return nil, err
	}
	return c.model, nil
}

// compiler builds a model and gathers what is wrong with it.
type compiler struct {
	model *Model
	errs  field.ErrorList
}

func (c *compiler) trend(path *field.Path, t *v1alpha1.TrendSpec) {
	c.model.trend = trend{window: defaultTrendWindow, threshold: defaultTrendThreshold}
	if t == nil {
		return
	}
	if t.Window != "" {
		window := c.duration(path.Child("window"), t.Window)
		if window > maxTrend {
			c.errs = append(c.errs, field.Invalid(path.Child("window"), string(t.Window), "must be at most 28d"))
		}
		c.model.trend.window = window
	}
	if t.Threshold != 0 {
		checkRange(path.Child("threshold"), t.Threshold, 1, 100, &c.errs)
		c.model.trend.threshold = t.Threshold
	}
}

func (c *compiler) bands(path *field.Path, bands []v1alpha1.Band) {
	names, mins := map[string]bool{}, map[int32]bool{}
	for _, b := range bands {
		at := path.Key(string(b.Name))
		c.unique(at.Child("name"), string(b.Name), names)
		if b.Name == v1alpha1.BandUnknown {
			c.errs = append(c.errs, field.Invalid(at.Child("name"), string(b.Name), "is the band of accounts without a score"))
		}
		checkRange(at.Child("min"), b.Min, 0, 100, &c.errs)
		if mins[b.Min] {
			c.errs = append(c.errs, field.Duplicate(at.Child("min"), b.Min))
		}
		mins[b.Min] = true
	}
	if !mins[0] {
		c.errs = append(c.errs, field.Required(path, "the lowest band needs min: 0, so that every score has a band"))
	}
	c.model.bands = slices.Clone(bands)
	slices.SortFunc(c.model.bands, func(a, b v1alpha1.Band) int { return cmp.Compare(b.Min, a.Min) })
}

func (c *compiler) bandChange(path *field.Path, b *v1alpha1.BandChange) {
	if b == nil {
		return
	}
	checkRange(path.Child("margin"), b.Margin, 0, 50, &c.errs)
	c.model.margin = b.Margin
	c.model.hold = c.duration(path.Child("hold"), b.Hold)
}

func (c *compiler) dimensions(path *field.Path, dimensions []v1alpha1.Dimension) {
	c.atMost(path, len(dimensions), maxDimensions)
	if len(dimensions) == 0 {
		c.errs = append(c.errs, field.Required(path, "a score needs at least one dimension"))
	}
	names := map[string]bool{}
	for _, d := range dimensions {
		at := path.Key(d.Name)
		c.unique(at.Child("name"), d.Name, names)
		checkRange(at.Child("weight"), d.Weight, 1, maxWeight, &c.errs)
		c.model.dimensions = append(c.model.dimensions, dimension{name: d.Name, weight: int64(d.Weight)})
	}
}

func (c *compiler) measures(path *field.Path, measures []v1alpha1.Measure) {
	c.atMost(path, len(measures), maxMeasures)
	names := map[string]bool{}
	for i := range measures {
		at := path.Key(measures[i].Name)
		c.unique(at.Child("name"), measures[i].Name, names)
		c.model.measures = append(c.model.measures, c.measure(at, &measures[i]))
	}
}

func (c *compiler) everyDimensionIsMeasured(path *field.Path) {
	for _, d := range c.model.dimensions {
		if d.measured == 0 {
			c.errs = append(c.errs, field.Required(path.Key(d.name), "needs a measure with a weight above 0"))
		}
	}
}

func (c *compiler) rules(path *field.Path, rules []v1alpha1.Rule) {
	names := map[string]bool{}
	for i := range rules {
		at := path.Key(rules[i].Name)
		c.unique(at.Child("name"), rules[i].Name, names)
		c.model.rules = append(c.model.rules, c.rule(at, &rules[i]))
	}
}

func (c *compiler) rule(path *field.Path, r *v1alpha1.Rule) rule {
	compiled := rule{name: r.Name, immediate: r.Timing == v1alpha1.TimingImmediate}
	if r.Timing != "" && r.Timing != v1alpha1.TimingHeld && r.Timing != v1alpha1.TimingImmediate {
		c.errs = append(c.errs, field.NotSupported(path.Child("timing"), r.Timing,
			[]v1alpha1.RuleTiming{v1alpha1.TimingHeld, v1alpha1.TimingImmediate}))
	}
	effects := 0
	for _, e := range []struct {
		verb  string
		limit *int32
	}{{verbCap, r.Cap}, {verbFloor, r.Floor}, {verbSet, r.Set}} {
		if e.limit == nil {
			continue
		}
		effects++
		compiled.verb, compiled.limit = e.verb, *e.limit
		checkRange(path.Child(e.verb), *e.limit, 0, 100, &c.errs)
	}
	if effects != 1 {
		c.errs = append(c.errs, field.Invalid(path, "", "exactly one of cap, floor and set is needed"))
	}
	when, err := expr.CompileBool(expr.ContextRule, r.When)
	if err != nil {
		c.errs = append(c.errs, field.Invalid(path.Child("when"), string(r.When), err.Error()))
		return compiled
	}
	compiled.when, compiled.reads = when, when.Reads()
	for _, name := range compiled.reads.Measures {
		i := slices.IndexFunc(c.model.measures, func(m measure) bool { return m.name == name })
		if i < 0 {
			c.errs = append(c.errs, field.Invalid(path.Child("when"), string(r.When), fmt.Sprintf("the model has no measure %q", name)))
			continue
		}
		compiled.measures = append(compiled.measures, i)
	}
	return compiled
}

// reads gathers the metrics that the model reads, and where.
func (c *compiler) reads(path *field.Path) {
	m := c.model
	for i := range m.measures {
		at := path.Child("measures").Key(m.measures[i].name).Child("from")
		switch measure := &m.measures[i]; {
		case measure.expression != nil:
			c.readsInExpression(at.Child("expression"), measure.expression.Reads().Metrics)
		case measure.ref.Source != "":
			m.readsAt = append(m.readsAt, ReadAt{at.String(), measure.ref})
		}
	}
	for i := range m.rules {
		c.readsInExpression(path.Child("rules").Key(m.rules[i].name).Child("when"), m.rules[i].reads.Metrics)
	}
	for _, read := range m.readsAt {
		m.reads = append(m.reads, read.Ref)
	}
	m.expressionReads = value.DistinctMetrics(m.expressionReads)
	m.reads = value.DistinctMetrics(m.reads)
	for i := range m.measures {
		if e := m.measures[i].expression; e != nil {
			m.measures[i].inputs = m.numbers(e.Reads().Metrics)
		}
	}
	for i := range m.rules {
		m.rules[i].metrics = m.numbers(m.rules[i].reads.Metrics)
	}
	if n := len(m.expressionReads); n > maxFacts {
		c.errs = append(c.errs, field.TooMany(path, n, maxFacts))
		c.errs[len(c.errs)-1].Detail = "metrics in expressions of measures and rules"
	}
}

// readsInExpression notes what an expression reads.
func (c *compiler) readsInExpression(path *field.Path, refs []v1alpha1.MetricReference) {
	for _, ref := range refs {
		c.model.readsAt = append(c.model.readsAt, ReadAt{path.String(), ref})
	}
	c.model.expressionReads = append(c.model.expressionReads, refs...)
}

// numbers returns where metrics are among those that expressions read.
func (m *Model) numbers(refs []v1alpha1.MetricReference) []int {
	numbers := make([]int, len(refs))
	for i, ref := range refs {
		numbers[i], _ = slices.BinarySearchFunc(m.expressionReads, ref, value.CompareMetrics)
	}
	return numbers
}

func (c *compiler) duration(path *field.Path, d v1alpha1.Duration) time.Duration {
	parsed, err := value.ParseDuration(d)
	if err != nil {
		c.errs = append(c.errs, field.Invalid(path, string(d), err.Error()))
	}
	return parsed
}

func (c *compiler) unique(path *field.Path, name string, seen map[string]bool) {
	if seen[name] {
		c.errs = append(c.errs, field.Duplicate(path, name))
	}
	seen[name] = true
}

func (c *compiler) atMost(path *field.Path, n, limit int) {
	if n > limit {
		c.errs = append(c.errs, field.TooMany(path, n, limit))
	}
}

func checkRange(path *field.Path, n, lowest, highest int32, errs *field.ErrorList) {
	if n < lowest || n > highest {
		*errs = append(*errs, field.Invalid(path, n, fmt.Sprintf("must be between %d and %d", lowest, highest)))
	}
}

// sortSteps puts the highest step first, as a stepScale needs it.
func sortSteps(s stepScale) {
	slices.SortFunc(s, func(a, b step) int { return cmp.Compare(b.min, a.min) })
}
