package account_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
)

func TestScoreDrop(t *testing.T) {
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		history  []string
		previous *int32
		since    string
		score    int32
		want     int32
		next     string
	}{
		"from the highest within the window": {
			[]string{"2026-11-14 90 Healthy m/2", "2026-11-16 70 Healthy m/2", "2026-11-18 60 AtRisk m/2"}, ptr.To[int32](70), "", 60, 30, "2026-11-24T00:00:00Z",
		},
		"from what held when the window began": {
			[]string{"2026-10-01 95 Healthy m/2", "2026-11-19 60 AtRisk m/2"}, ptr.To[int32](95), "", 60, 35, "2026-11-27T00:00:00Z",
		},
		"not from what was over before it began": {
			[]string{"2026-10-01 95 Healthy m/2", "2026-10-20 60 AtRisk m/2"}, ptr.To[int32](95), "", 60, 0, "",
		},
		"within one day": {
			[]string{"2026-11-20 60 AtRisk m/2"}, ptr.To[int32](80), "", 60, 20, "2026-11-28T00:00:00Z",
		},
		"none where it rose": {
			[]string{"2026-11-16 40 AtRisk m/2", "2026-11-18 60 AtRisk m/2"}, ptr.To[int32](40), "", 60, 0, "",
		},
		"not from another generation of the model": {
			[]string{"2026-11-16 90 Healthy m/1", "2026-11-18 60 AtRisk m/2"}, nil, "", 60, 0, "",
		},
		"not from a model of the same name that was deleted": {
			[]string{"2026-11-16 90 Healthy m/2", "2026-11-18 60 AtRisk m/2"}, nil, "2026-11-18T08:00:00Z", 60, 0, "",
		},
		"of a band that a person had set": {
			[]string{"2026-11-16 90 Critical(override) m/2", "2026-11-18 60 AtRisk m/2"}, ptr.To[int32](90), "", 60, 30, "2026-11-26T00:00:00Z",
		},
		"none at first": {nil, nil, "", 60, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := &v1alpha1.Health{Score: &test.score, Model: "m", ModelGeneration: 2, History: test.history, PreviousScore: test.previous}
			if test.since != "" {
				since, err := time.Parse(time.RFC3339, test.since)
				if err != nil {
					t.Fatal(err)
				}
				h.ModelSince = &metav1.Time{Time: since}
			}
			points, next, known := account.ScoreDrop(h, 7*24*time.Hour, noon)
			got := ""
			if !next.IsZero() {
				got = next.Format(time.RFC3339)
			}
			if !known || points != test.want || got != test.next {
				t.Fatalf("a drop of %d, next %s, known %t", points, next, known)
			}
			if next.IsZero() {
				return
			}
			if before, _, _ := account.ScoreDrop(h, 7*24*time.Hour, next.Add(-time.Second)); before != points {
				t.Errorf("a second before the next change it is %d already", before)
			}
			if after, _, _ := account.ScoreDrop(h, 7*24*time.Hour, next); after == points {
				t.Errorf("at the next change it is still %d", after)
			}
		})
	}
	if _, _, known := account.ScoreDrop(&v1alpha1.Health{Band: v1alpha1.BandUnknown}, 24*time.Hour, noon); known {
		t.Error("a drop of a score that is not known")
	}
}
