package expr

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// sample is a customer with one of everything. It is noon of the 1st of November 2026 in Berlin.
func sample(t testing.TB) *Vars {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	arr, seats, score := int64(120000), int64(200), int32(34)
	nps := numberOf(t, "6")
	at := func(source, metric string) v1alpha1.MetricReference {
		return v1alpha1.MetricReference{Source: source, Metric: metric}
	}
	return &Vars{
		Now:      time.Date(2026, 11, 1, 11, 0, 0, 0, time.UTC),
		Location: berlin,
		Account: &v1alpha1.Account{
			ObjectMeta: metav1.ObjectMeta{Name: "acme", Labels: map[string]string{"tier": "gold"}},
			Spec: v1alpha1.AccountSpec{
				DisplayName: "Acme Corp",
				ExternalIDs: map[string]v1alpha1.ExternalIDList{"product": {"org_42", "org_77"}},
				Owner:       "jo@example.com",
				Team:        []v1alpha1.TeamMember{{Role: "AccountExecutive", User: "al@example.com"}},
				Contract:    &v1alpha1.Contract{StartDate: "2025-02-01", RenewalDate: "2027-02-01", ARR: &arr, Seats: &seats},
			},
		},
		Health: &v1alpha1.Health{Score: &score, Band: "Critical", Coverage: 92},
		Score:  34,
		Metrics: map[v1alpha1.MetricReference]value.Value{
			at("support", "open_p1"):       numberOf(t, "2"),
			at("product-usage", "dau_mau"): numberOf(t, "0.18"),
			at("usage", "last_login"):      {Type: v1alpha1.MetricTime, Time: time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC)},
			at("usage", "last_error"):      {Type: v1alpha1.MetricTime, Time: time.Date(2026, 10, 31, 23, 30, 0, 0, time.UTC)},
			at("eu.usage>", "wau"):         numberOf(t, "7"),
			at("crm", "stage"):             value.Category("Won"),
		},
		Measures: map[string]MeasureValue{"csm-nps": {Value: &nps, Score: &score}, "unscored": {Value: &nps}},
		Outcomes: map[string]string{"triage": "RealDrop"},
		Row: map[string]value.Value{
			"name": value.Category("Müller & Söhne"), "arr": numberOf(t, "120000"), "share": numberOf(t, "0.25"),
			"since": {Type: v1alpha1.MetricTime, Time: time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)},
		},
	}
}

func numberOf(t testing.TB, s string) value.Value {
	t.Helper()
	d, err := value.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return value.Number(d)
}
