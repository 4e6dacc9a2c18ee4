package expr

import (
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// BenchmarkEvalBool measures what a rule costs for one account.
func BenchmarkEvalBool(b *testing.B) {
	for _, c := range []struct {
		name       string
		expression v1alpha1.Expression
	}{
		{"one metric", "metrics.support.open_p1 > 0"},
		{"a typical rule", "metrics.support.open_p1 > 0 && account.spec.contract.arr * 2 / 100 > 50 && score < 90"},
		{"a metric without a value", "metrics.support.nothing > 0"},
		{"a loop over the team", "account.spec.team.exists(t, t.role == 'AccountExecutive')"},
		{"the days until the renewal", "daysUntil(account.spec.contract.renewalDate) < 90"},
	} {
		b.Run(c.name, func(b *testing.B) {
			p, err := CompileBool(ContextRule, c.expression)
			if err != nil {
				b.Fatal(err)
			}
			v := sample(b)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = p.EvalBool(v)
			}
		})
	}
}

// BenchmarkRender measures what a task's title costs.
func BenchmarkRender(b *testing.B) {
	text, err := CompileText(ContextStep, "Call ${account.spec.displayName}: ${health.band} at ${health.score}")
	if err != nil {
		b.Fatal(err)
	}
	v := sample(b)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = text.Render(v)
	}
}

// BenchmarkCompileBool measures what a rule costs for one generation of its model.
func BenchmarkCompileBool(b *testing.B) {
	for b.Loop() {
		if _, err := CompileBool(ContextRule, "metrics.support.open_p1 > 0 && account.spec.contract.arr > 50000 && score < 90"); err != nil {
			b.Fatal(err)
		}
	}
}
