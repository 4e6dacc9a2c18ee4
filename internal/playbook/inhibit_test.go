package playbook_test

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

func TestInhibitor(t *testing.T) {
	due := func(by ...string) playbook.Standing { return playbook.Standing{InhibitedBy: by, Due: true} }
	open := func(by ...string) playbook.Standing { return playbook.Standing{InhibitedBy: by, Open: true} }
	idle := func(by ...string) playbook.Standing { return playbook.Standing{InhibitedBy: by} }
	for name, tc := range map[string]struct {
		standings playbook.Standings
		want      map[string]string
	}{
		"nothing is in the way": {
			playbook.Standings{"rescue": due("renewal"), "renewal": idle()},
			map[string]string{"rescue": ""},
		},
		"an open run is in the way": {
			playbook.Standings{"rescue": due("renewal"), "renewal": open()},
			map[string]string{"rescue": "renewal"},
		},
		"what is about to start goes first": {
			playbook.Standings{"rescue": due("renewal"), "renewal": due()},
			map[string]string{"rescue": "renewal", "renewal": ""},
		},
		"of several open ones the first in order is named": {
			playbook.Standings{"rescue": due("z", "a", "b"), "a": open(), "b": open(), "z": due()},
			map[string]string{"rescue": "a"},
		},
		"a playbook that is not there is in nobody's way": {
			playbook.Standings{"rescue": due("gone")},
			map[string]string{"rescue": ""},
		},
		"a playbook does not inhibit itself": {
			playbook.Standings{"rescue": due("rescue")},
			map[string]string{"rescue": ""},
		},
		"its own open run is not in its way": {
			playbook.Standings{"rescue": open("rescue")},
			map[string]string{"rescue": ""},
		},
		"what waits for an open run keeps no other waiting": {
			playbook.Standings{"low": due("rescue"), "rescue": due("renewal"), "renewal": open()},
			map[string]string{"low": "", "rescue": "renewal"},
		},
		"what waits for what is about to start keeps no other waiting": {
			playbook.Standings{"low": due("rescue"), "rescue": due("renewal"), "renewal": due()},
			map[string]string{"low": "", "rescue": "renewal", "renewal": ""},
		},
		"of two that inhibit each other the first by name starts": {
			playbook.Standings{"a": due("b"), "b": due("a")},
			map[string]string{"a": "", "b": "a"},
		},
		"of two that inhibit each other the open one stays": {
			playbook.Standings{"a": due("b"), "b": open("a")},
			map[string]string{"a": "b"},
		},
		"in a circle of three one starts": {
			playbook.Standings{"a": due("b"), "b": due("c"), "c": due("a")},
			map[string]string{"a": "", "b": "a", "c": "a"},
		},
		"in a circle whose first waits for another the next one starts": {
			playbook.Standings{"a": due("b", "x"), "b": due("a"), "x": open()},
			map[string]string{"a": "x", "b": ""},
		},
		"in a circle through one that does nothing the other goes first": {
			playbook.Standings{"aid": due("rescue"), "rescue": due("idle"), "idle": idle("aid")},
			map[string]string{"aid": "rescue", "rescue": ""},
		},
		"what a limit holds back is asked about as if there were room": {
			playbook.Standings{"rescue": idle(), "aid": due("rescue")},
			map[string]string{"rescue": ""},
		},
		"in a circle of which only one is due it starts": {
			playbook.Standings{"a": idle("b"), "b": due("c"), "c": idle("a")},
			map[string]string{"b": ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for of, want := range tc.want {
				if got := tc.standings.Inhibitor(of); got != want {
					t.Errorf("%s is inhibited by %q, want %q", of, got, want)
				}
			}
		})
	}
}

func TestOfThoseThatWaitSomeStart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "b", "c", "d", "e", "f"}[:rapid.IntRange(1, 6).Draw(t, "playbooks")]
		standings := playbook.Standings{}
		for _, name := range names {
			s := playbook.Standing{InhibitedBy: rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 3, rapid.ID[string]).Draw(t, name)}
			switch rapid.IntRange(0, 5).Draw(t, "is") {
			case 0:
				s.Open = true
			case 1:
			default:
				s.Due = true
			}
			standings[name] = s
		}
		open := func(name string) bool { return name != "" && standings[name].Open }
		could, starts := 0, map[string]bool{}
		for _, name := range names {
			if !standings[name].Due {
				continue
			}
			by := standings.Inhibitor(name)
			starts[name] = by == ""
			if !open(by) {
				could++
			}
		}
		for name, start := range starts {
			for _, other := range standings[name].InhibitedBy {
				if start && other != name && (starts[other] || open(other)) {
					t.Fatalf("%s starts beside %s: %+v", name, other, standings)
				}
			}
		}
		if could > 0 && !slices.Contains(slices.Collect(maps.Values(starts)), true) {
			t.Fatalf("nothing starts: %+v", standings)
		}
	})
}

// What a limit of one playbook holds back is what the others ask next: that comes to an end, in whatever order they ask.
func TestWhatLimitsHoldBackSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "b", "c", "d", "e"}[:rapid.IntRange(1, 5).Draw(t, "playbooks")]
		accounts := []string{"large", "small"}
		type on struct{ playbook, account string }
		inhibitedBy, limits := map[string][]string{}, map[string]int{}
		for _, name := range names {
			inhibitedBy[name] = rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 3, rapid.ID[string]).Draw(t, name)
			limits[name] = rapid.IntRange(0, 2).Draw(t, "limit of "+name)
		}
		byLimit, open := map[on]bool{}, map[on]bool{}
		inhibitor := func(name, account string) string {
			standings := playbook.Standings{}
			for _, other := range names {
				key := on{other, account}
				standings[other] = playbook.Standing{InhibitedBy: inhibitedBy[other], Open: open[key], Due: !open[key] && !byLimit[key]}
			}
			return standings.Inhibitor(name)
		}
		look := func(name string) (changed bool) {
			limit := int32(limits[name])
			in := playbook.AdmitInput{Limits: &v1alpha1.PlaybookLimits{ActiveRuns: &limit}}
			for i, account := range accounts {
				if open[on{name, account}] {
					in.Active++
				} else {
					in.Candidates = append(in.Candidates, playbook.Candidate{Account: account, ARR: int64(-i), InhibitedBy: inhibitor(name, account)})
				}
			}
			admission := playbook.Admit(in)
			for _, account := range admission.Start {
				open[on{name, account}], changed = true, true
			}
			for _, held := range admission.Held {
				key, limited := on{name, held.Account}, held.Reason == v1alpha1.HeldLimitReached
				changed = changed || byLimit[key] != limited
				byLimit[key] = limited
			}
			return changed
		}
		order := rapid.Permutation(names).Draw(t, "order")
		for range 20 {
			changed := false
			for _, name := range order {
				changed = look(name) || changed
			}
			if !changed {
				return
			}
		}
		t.Fatalf("there is no end: %v with the limits %v", inhibitedBy, limits)
	})
}
