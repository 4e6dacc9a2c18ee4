package expr

import (
	"strings"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestDays(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		location   *time.Location // nil: Berlin, as in the sample
		expression v1alpha1.Expression
		wantErr    string
	}{
		"today is the local midnight":                       {nil, "today == timestamp('2026-10-31T23:00:00Z')", ""},
		"today's fields are local":                          {nil, "today.getDate() == 1 && today.getMonth() == 10 && today.getHours() == 0", ""},
		"today is another day in another zone":              {newYork, "today == timestamp('2026-11-01T04:00:00Z')", ""},
		"a day that a source wrote is that day":             {nil, "daysSince(metrics.usage.last_login) == 12", ""},
		"a day that a source wrote is that day west of UTC": {newYork, "daysSince(metrics.usage.last_login) == 12", ""},
		"a moment counts by the local day":                  {nil, "daysSince(metrics.usage.last_error) == 0", ""},
		"a moment counts by the local day west of UTC":      {newYork, "daysSince(metrics.usage.last_error) == 1", ""},
		"days until a date":                                 {nil, "daysUntil(account.spec.contract.renewalDate) == 92", ""},
		"days until a date in the past are negative":        {nil, "daysUntil(account.spec.contract.startDate) == -638", ""},
		"only the day of a long date counts":                {newYork, "daysUntil('2026-11-02T23:59:59Z') == 1", ""},
		"days since a text that is no date":                 {nil, "daysSince(metrics.crm.stage) > 1", "not a date"},
		"days since a number":                               {nil, "daysSince(metrics.support.open_p1) > 1", "does not take a value of this type"},
		"a midnight moves by days of the calendar":          {nil, "today - days(30) == timestamp('2026-10-01T22:00:00Z')", ""},
		"a midnight moves forward by days of the calendar":  {nil, "days(200) + today == timestamp('2027-05-19T22:00:00Z')", ""},
		"a midnight moves by hours of the clock":            {nil, "today - period('36h') == timestamp('2026-10-30T11:00:00Z')", ""},
		"days may be a fraction":                            {nil, "days(1.5) == period('36h')", ""},
		"days of a metric":                                  {nil, "days(metrics.support.open_p1) == period('2d')", ""},
		"more days than a duration holds":                   {nil, "days(score * 1000000) > days(1)", "more than 100000 days"},
		"a period of a text that is none":                   {nil, "period(metrics.crm.stage) > days(1)", "not a duration"},
		"the next anniversary is in the coming year":        {nil, "nextAnniversary(account.spec.contract.startDate) == timestamp('2027-01-31T23:00:00Z')", ""},
		"an anniversary later this year":                    {nil, "daysUntil(nextAnniversary('2019-12-24')) == 53", ""},
		"today is an anniversary":                           {nil, "daysUntil(nextAnniversary('2019-11-01')) == 0", ""},
		"a day to come is its own first anniversary":        {nil, "nextAnniversary('2030-05-01') == timestamp('2030-04-30T22:00:00Z')", ""},
		"the 29th of February returns on the 28th":          {nil, "nextAnniversary('2024-02-29') == timestamp('2027-02-27T23:00:00Z')", ""},
		"an anniversary of a time is a midnight":            {nil, "nextAnniversary(metrics.usage.last_error) == today + days(365) || daysUntil(nextAnniversary(metrics.usage.last_error)) == 0", ""},
		"without a zone days are those of UTC":              {time.UTC, "today == timestamp('2026-11-01T00:00:00Z')", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := CompileBool(ContextRule, c.expression)
			if err != nil {
				t.Fatal(err)
			}
			v := sample(t)
			if c.location != nil {
				v.Location = c.location
			}
			got, err := p.EvalBool(v)
			if !matches(err, c.wantErr) {
				t.Fatalf("error is %v, want %q", err, c.wantErr)
			}
			if err == nil && !got {
				t.Error("got false, want true")
			}
		})
	}
}

func TestSlug(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"spaces and signs become one dash":     {"Acme  Corp. (EU)", "acme-corp-eu"},
		"accents fall off":                     {"Müller & Söhne Société Générale", "muller-sohne-societe-generale"},
		"letters that do not fall apart":       {"Größe Ærø Łódź", "grosse-aero-lodz"},
		"apostrophes vanish":                   {"McDonald's O’Neill", "mcdonalds-oneill"},
		"dashes at the ends are cut":           {"--acme--", "acme"},
		"digits stay":                          {"42 Degrees", "42-degrees"},
		"a long name is cut to a label's size": {strings.Repeat("acme ", 20), strings.TrimSuffix(strings.Repeat("acme-", 13)[:63], "-")},
		"another script becomes a hash":        {"株式会社", "xe6843c6e"},
		"nothing stays nothing":                {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := slug(c.in); got != c.want {
				t.Errorf("slug(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}
