package score

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// slab is the memory for what a Health points to, and for its numbers as text. Allocated one by one, these many small
// things take longer than all that is computed. Where it is full it grows, and what it gave out stays as it is. A Health is
// kept and dropped as a whole, so that no small part of it holds on to the rest.
type slab struct {
	times  []metav1.Time
	scores []int32
	text   strings.Builder
}

// reserve makes room for what most accounts need under a model.
func (s *slab) reserve(m *Model) {
	const moments, scores, text = 4, 2, 8 // of the health as a whole, and of one value or points
	measures, dimensions, facts := len(m.measures), len(m.dimensions), len(m.expressionReads)
	s.times = make([]metav1.Time, 0, measures+facts+moments)
	s.scores = make([]int32, 0, measures+dimensions+scores)
	s.text.Grow((2*measures + dimensions + facts) * text)
}

// time returns a time as a status holds it: whole seconds in UTC, nil where it is zero.
func (s *slab) time(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	s.times = append(s.times, metav1.Time{Time: wholeSeconds(t)})
	return &s.times[len(s.times)-1]
}

// score returns a score as a status holds it.
func (s *slab) score(n int32) *int32 {
	s.scores = append(s.scores, n)
	return &s.scores[len(s.scores)-1]
}

// points writes milli-points as formatPoints does.
func (s *slab) points(n int64) string { return s.keep(appendPoints(make([]byte, 0, 24), n)) }

// value writes a value as a status shows it.
func (s *slab) value(v *value.Value) string {
	if v.Type != v1alpha1.MetricNumber {
		return v.String()
	}
	return s.keep(v.Number.Append(make([]byte, 0, 24)))
}

func (s *slab) keep(text []byte) string {
	start := s.text.Len()
	s.text.Write(text)
	return s.text.String()[start:]
}
