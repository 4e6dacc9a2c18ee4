package score

import (
	"slices"
	"strconv"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
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

// applyRules applies the rules in order to the weighted mean. Where there is no mean, every rule keeps its last effect:
// what it reads may come back, and it must not be forgotten until then.
func (e *evaluation) applyRules(total int64, scored bool) outcome {
	o := outcome{score: roundPoints(total)}
	led := v1alpha1.BandName("")
	vars := e.ruleVariables()
	for i := range e.model.rules {
		r := &e.model.rules[i]
		vars.Score = o.score
		holds, held := e.holds(r, vars, scored)
		if !holds {
			continue
		}
		before, after := o.score, r.apply(o.score)
		e.health.RulesApplied = append(e.health.RulesApplied, v1alpha1.AppliedRule{
			Name: r.name, Effect: r.effect(), Points: after - before, Held: held,
		})
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
	if e.last != nil {
		held := slices.ContainsFunc(e.last.RulesApplied, func(a v1alpha1.AppliedRule) bool { return a.Name == r.name && a.Effect == r.effect() })
		if held || e.lastOfGeneration != nil {
			return held, held
		}
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
	for _, i := range r.metrics {
		f := &e.facts[i]
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

// ruleVariables makes of the variables of measures those of rules, which read measures too, and no metric whose value is
// too old.
func (e *evaluation) ruleVariables() *expr.Vars {
	for i, ref := range e.model.expressionReads {
		if !e.facts[i].current {
			delete(e.vars.Metrics, ref)
		}
	}
	for i := range e.model.rules {
		for _, n := range e.model.rules[i].measures {
			if e.vars.Measures == nil {
				e.vars.Measures = map[string]expr.MeasureValue{}
			}
			shown := &e.health.Measures[n]
			e.vars.Measures[shown.Name] = expr.MeasureValue{Value: e.readings[n].value, Score: shown.Score}
		}
	}
	return &e.vars
}
