package score

import (
	"slices"
	"strconv"

	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/value"
)

// What a rule does to the score, as a status and the model's fields say it.
const (
	verbCap   = "cap"
	verbFloor = "floor"
	verbSet   = "set"
)

// effect names what the rule does: cap 39.
func (r *rule) effect() string { return r.verb + " " + strconv.Itoa(int(r.limit)) }

// apply returns the score after the rule.
func (r *rule) apply(score int32) int32 {
	switch r.verb {
	case verbCap:
		return min(score, r.limit)
	case verbFloor:
		return max(score, r.limit)
	default:
		return r.limit
	}
}

// outcome is what the rules made of the score.
type outcome struct {
	score int32
	// atOnce is true where an Immediate rule led to the score's band.
	atOnce bool
}

// readRules reads the metrics of the rules, and notes when their results may change by themselves.
func (e *evaluation) readRules() {
	if len(e.model.rules) == 0 {
		return
	}
	e.facts = make(map[v1alpha1.MetricReference]fact, len(e.model.ruleReads))
	for _, ref := range e.model.ruleReads {
		f := e.fact(ref)
		e.facts[ref] = f
		e.changesAt(f.next)
	}
	if slices.ContainsFunc(e.model.rules, func(r rule) bool { return r.reads.Time }) {
		e.changesAt(value.NextDay(e.now, e.location()))
	}
}

// applyRules applies the rules in order to the weighted mean. Where there is no mean, every rule keeps its last effect:
// what it reads may come back, and it must not be forgotten until then.
func (e *evaluation) applyRules(total int64, scored bool) outcome {
	o := outcome{score: roundPoints(total)}
	led := v1alpha1.BandName("")
	vars := e.vars()
	for i := range e.model.rules {
		r := &e.model.rules[i]
		vars.Score = o.score
		holds, held := e.holds(r, vars, scored)
		if !holds {
			continue
		}
		e.health.RulesApplied = append(e.health.RulesApplied, v1alpha1.AppliedRule{Name: r.name, Effect: r.effect(), Held: held})
		before, after := o.score, r.apply(o.score)
		if r.immediate && (e.candidate(before) != e.candidate(after) || e.model.bandOf(before) != e.model.bandOf(after)) {
			led = e.model.bandOf(after)
		}
		o.score = after
	}
	o.atOnce = led != "" && led == e.model.bandOf(o.score)
	return o
}

// holds reports whether a rule holds, and whether it was left as it was because that cannot be told now.
func (e *evaluation) holds(r *rule, vars *expr.Vars, scored bool) (holds, held bool) {
	sight := e.sight(r)
	if sight == sightClear && scored {
		if holds, err := r.when.EvalBool(vars); err == nil {
			return holds, false
		}
	}
	if e.lastOfGeneration != nil {
		holds = slices.ContainsFunc(e.lastOfGeneration.RulesApplied, func(a v1alpha1.AppliedRule) bool { return a.Name == r.name })
		return holds, holds
	}
	// Nothing says what this rule last did: it is new. Then the last values must do, as they do for measures.
	if sight == sightOfLast && scored {
		holds, err := r.when.EvalBool(vars)
		return holds && err == nil, holds && err == nil
	}
	return false, false
}

// sight is how well the values are known that a rule reads.
type sight int

const (
	// sightClear: all are Fresh or Missing.
	sightClear sight = iota
	// sightOfLast: some cannot be read now, but their last values are known.
	sightOfLast
	// sightNone: some are too old, or cannot be read and were never seen.
	sightNone
)

func (e *evaluation) sight(r *rule) sight {
	s := sightClear
	for _, ref := range r.reads.Metrics {
		f := e.facts[ref]
		s = max(s, sightOf(f.state, f.value != nil && f.current))
	}
	for _, i := range r.measures {
		m := &e.readings[i]
		s = max(s, sightOf(m.state, m.covered))
	}
	return s
}

func sightOf(state v1alpha1.ValueState, known bool) sight {
	switch {
	case state == v1alpha1.ValueFresh || state == v1alpha1.ValueMissing:
		return sightClear
	case state == v1alpha1.ValueErrored && known:
		return sightOfLast
	default:
		return sightNone
	}
}

// vars are the values that rules are evaluated with.
func (e *evaluation) vars() *expr.Vars {
	if len(e.model.rules) == 0 {
		return nil
	}
	vars := &expr.Vars{
		Now: e.now, Location: e.location(), Account: e.in.Account,
		Metrics:  make(map[v1alpha1.MetricReference]value.Value, len(e.facts)),
		Measures: map[string]expr.MeasureValue{},
	}
	for ref, f := range e.facts {
		if f.value != nil && f.current {
			vars.Metrics[ref] = *f.value
		}
	}
	for i := range e.model.rules {
		for _, n := range e.model.rules[i].measures {
			r := &e.readings[n]
			v := expr.MeasureValue{Value: r.value}
			if r.counts {
				v.Score = ptr.To(roundPoints(r.score))
			}
			vars.Measures[e.model.measures[n].name] = v
		}
	}
	return vars
}
