package controllers

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/score"
)

func TestAFaultIsOneShortLine(t *testing.T) {
	when := field.NewPath("spec", "rules").Key("odd").Child("when")
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"the path and what is wrong, without the value": {
			field.ErrorList{field.Invalid(when, strings.Repeat("score + ", 500), "it ends too early\n | score +\n | ....^")}.ToAggregate(),
			"spec.rules[odd].when: it ends too early",
		},
		"the value where there is nothing else to say": {
			field.ErrorList{field.NotFound(field.NewPath("spec", "measures").Key("wau").Child("dimension"), "usage")}.ToAggregate(),
			`spec.measures[wau].dimension: Not found: "usage"`,
		},
		"the first of several, and how many more": {
			field.ErrorList{field.Invalid(when, "", "a"), field.Invalid(when, "", "b"), field.Invalid(when, "", "c")}.ToAggregate(),
			"spec.rules[odd].when: a (and 2 more: kubectl describe hsm standard)",
		},
		"cut where it is long, between two characters": {
			errors.New(strings.Repeat("ä", 400)), strings.Repeat("ä", 297) + "...",
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := &model{HealthScoreModel: &v1alpha1.HealthScoreModel{ObjectMeta: metav1.ObjectMeta{Name: "standard"}}}
			m.err = c.err
			if got := describeFault(m); got != c.want {
				t.Errorf("got\n  %s\nwant\n  %s", got, c.want)
			}
		})
	}
}

func TestHealthWhileTheModelIsStalled(t *testing.T) {
	before, now := metav1.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC), metav1.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	set := func(computed, last v1alpha1.BandName) *v1alpha1.Health {
		return &v1alpha1.Health{
			Band: "Critical", BandSince: &before, LastBand: "AtRisk", Model: "standard",
			Override: &v1alpha1.AppliedOverride{By: "jo", ComputedBand: computed, ComputedLastBand: last},
		}
	}
	midnight := time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		previous *v1alpha1.Health
		until    v1alpha1.Date // of the account's override; empty: it has none
		want     *v1alpha1.Health
		next     time.Time
	}{
		"is as it was":                             {&v1alpha1.Health{Band: "Healthy"}, "", &v1alpha1.Health{Band: "Healthy"}, time.Time{}},
		"is as it was while the override holds":    {set("Healthy", ""), "2026-11-02", set("Healthy", ""), midnight},
		"takes no new override":                    {&v1alpha1.Health{Band: "Healthy"}, "2026-11-02", &v1alpha1.Health{Band: "Healthy"}, midnight},
		"is as it was after one that it never had": {&v1alpha1.Health{Band: "Healthy"}, "2026-11-01", &v1alpha1.Health{Band: "Healthy"}, time.Time{}},
		"is what the score called for when the override is over": {
			set("Healthy", ""), "2026-11-01", &v1alpha1.Health{Band: "Healthy", BandSince: &now, LastBand: "Critical", PreviousBand: "Critical", Model: "standard"}, time.Time{},
		},
		"is what the score called for when the override is taken away": {
			set("Healthy", ""), "", &v1alpha1.Health{Band: "Healthy", BandSince: &now, LastBand: "Critical", PreviousBand: "Critical", Model: "standard"}, time.Time{},
		},
		"is Unknown when the score was": {
			set(v1alpha1.BandUnknown, "Healthy"), "", &v1alpha1.Health{Band: v1alpha1.BandUnknown, BandSince: &now, LastBand: "Healthy", Model: "standard"}, time.Time{},
		},
		"is in its band since it was where the score called for it too": {
			set("Critical", ""), "", &v1alpha1.Health{Band: "Critical", BandSince: &before, LastBand: "AtRisk", Model: "standard"}, time.Time{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := &accountInput{account: &v1alpha1.Account{}, now: now.Time}
			if c.until != "" {
				in.account.Spec.HealthOverride = &v1alpha1.HealthOverride{Band: "Critical", Reason: "r", By: "jo", Until: c.until}
			}
			for _, h := range []*v1alpha1.Health{c.previous, c.want} {
				if h.Override != nil {
					h.Override.Reason, h.Override.Until = "r", c.until
				}
			}
			got, next := score.Standing(in.account, c.previous, in.now, in.location)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(- want, + got):\n%s", diff)
			}
			if !next.Equal(c.next) {
				t.Errorf("changes next at %s, want %s", next, c.next)
			}
		})
	}
}

func TestAnOverrideThatAgreesWithTheScoreIsSaidSo(t *testing.T) {
	h := &v1alpha1.Health{Band: "Critical", Override: &v1alpha1.AppliedOverride{By: "jo", Reason: "sponsor left", Until: "2026-12-01T00:00:00Z", ComputedBand: "Critical"}}
	if got, want := describeOverride(h), "Critical, as the score says too, until 2026-12-01, by jo: sponsor left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnOverrideUnderAStalledModelStandsUntilItIsOverOrEdited(t *testing.T) {
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	spec := v1alpha1.HealthOverride{Band: "Critical", Reason: "sponsor left", By: "jo", Until: "2026-12-01"}
	for name, c := range map[string]struct {
		edit func(*v1alpha1.HealthOverride)
		want v1alpha1.BandName
		next time.Time
	}{
		"as it is":                  {func(*v1alpha1.HealthOverride) {}, "Critical", time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC)},
		"not with another last day": {func(o *v1alpha1.HealthOverride) { o.Until = "2026-12-31" }, "Healthy", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)},
		"not with another band":     {func(o *v1alpha1.HealthOverride) { o.Band = "AtRisk" }, "Healthy", time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC)},
		"not when it is over":       {func(o *v1alpha1.HealthOverride) { o.Until = "2026-11-30" }, "Healthy", time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			o := spec
			c.edit(&o)
			in := &accountInput{account: &v1alpha1.Account{Spec: v1alpha1.AccountSpec{HealthOverride: &o}}, now: now}
			h, next := score.Standing(in.account, &v1alpha1.Health{Band: "Critical", LastBand: "AtRisk", Override: &v1alpha1.AppliedOverride{
				By: spec.By, Reason: spec.Reason, Until: spec.Until, ComputedBand: "Healthy",
			}}, in.now, in.location)
			if h.Band != c.want || (h.Override == nil) != (c.want == "Healthy") || !next.Equal(c.next) {
				t.Errorf("band %s, override %+v, next %s", h.Band, h.Override, next)
			}
		})
	}
}
