package playbook

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/value"
)

// maxDropWindow is how far back a drop of the score is looked for: as long as scores are remembered.
const maxDropWindow = 28 * value.Day

// scoreDrop compiles a scoreDrop trigger.
func (c *compiler) scoreDrop(path *field.Path, t v1alpha1.ScoreDropTrigger) condition {
	if t.Points < 1 || t.Points > 100 {
		c.invalid(path.Child("points"), t.Points, "1 to 100")
	}
	within := c.positive(path.Child("within"), t.Within)
	if within > maxDropWindow {
		c.invalid(path.Child("within"), string(t.Within), "at most 28d: older scores are not remembered")
	}
	if within%value.Day != 0 {
		c.invalid(path.Child("within"), string(t.Within), "not whole days: one score a day is remembered")
	}
	return scoreDropCondition(t.Points, within, t.Within)
}

// positive reads a duration of more than nothing.
func (c *compiler) positive(path *field.Path, d v1alpha1.Duration) time.Duration {
	errs := len(c.errs)
	parsed := c.duration(path, d)
	if parsed == 0 && len(c.errs) == errs {
		c.invalid(path, string(d), "more than 0: write 36h, 14d or 12w")
	}
	return parsed
}

// scoreDropCondition holds while the score is lower, by some points, than it was within a window until now.
func scoreDropCondition(points int32, within time.Duration, written v1alpha1.Duration) condition {
	return func(v View) judgement {
		if why := v.scoreUnknown(); why != "" {
			return unknown("%s", why)
		}
		fell, next, known := account.ScoreDrop(v.Health, within, v.Now)
		if !known {
			return unknown("the score is not known")
		}
		score := fmt.Sprint(*v.Health.Score)
		j := judgement{truth: truthOf(fell >= points), next: next, reads: []v1alpha1.NamedValue{named("health.score", score)}}
		switch {
		case j.truth == True:
			j.reason = fmt.Sprintf("score fell by %d points within %s (to %s)", fell, written, score)
		case fell == 0:
			j.reason = fmt.Sprintf("score did not fall within %s (it is %s)", written, score)
		default:
			j.reason = fmt.Sprintf("score fell by %d points within %s (to %s), not by %d", fell, written, score, points)
		}
		return j
	}
}
