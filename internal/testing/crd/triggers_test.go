package crd

import "testing"

func TestTheAPIServerSaysOfTriggers(t *testing.T) {
	const (
		oneKind   = "exactly one of the fields in [band score scoreDrop value renewal lifecycle every noData expression]"
		forLeft   = "for: a period begins at once, and noData has a for of its own; leave for out"
		noUnknown = "Unknown is the absence of knowledge"
	)
	for name, c := range map[string]struct{ trigger, want string }{
		"a band and the one before":                {"{band: {in: [Critical], from: [Healthy, AtRisk]}, for: 1d}", ""},
		"a band does not come from Unknown":        {"{band: {in: [Critical], from: [Unknown]}}", noUnknown},
		"a band comes from somewhere":              {"{band: {in: [Critical], from: []}}", "spec.triggers[0].band.from"},
		"a drop of the score":                      {"{scoreDrop: {points: 15, within: 7d}, for: 1d}", ""},
		"a drop needs its points":                  {"{scoreDrop: {within: 7d}}", "spec.triggers[0].scoreDrop.points"},
		"a drop of nothing is none":                {"{scoreDrop: {points: 0, within: 7d}}", "spec.triggers[0].scoreDrop.points"},
		"a drop is of a hundred points at most":    {"{scoreDrop: {points: 101, within: 7d}}", "spec.triggers[0].scoreDrop.points"},
		"a drop needs its window":                  {"{scoreDrop: {points: 15}}", "spec.triggers[0].scoreDrop.within"},
		"a window is a duration":                   {"{scoreDrop: {points: 15, within: a week}}", "spec.triggers[0].scoreDrop.within"},
		"a stage for a while":                      {"{lifecycle: {stages: [Onboarding], longerThan: 60d}}", ""},
		"an entry into a stage":                    {"{lifecycle: {enters: [Onboarding], within: 3d}}", ""},
		"an entry is not a stage as well":          {"{lifecycle: {enters: [Onboarding], stages: [Adoption]}}", "exactly one of the fields in [stages enters]"},
		"a lifecycle trigger names stages":         {"{lifecycle: {}}", "exactly one of the fields in [stages enters]"},
		"longerThan is no matter of entries":       {"{lifecycle: {enters: [Onboarding], longerThan: 60d}}", "longerThan: goes with stages"},
		"within is no matter of stages":            {"{lifecycle: {stages: [Onboarding], within: 3d}}", "within: goes with enters"},
		"a stage is written as one":                {"{lifecycle: {enters: [on-boarding]}}", "spec.triggers[0].lifecycle.enters"},
		"periods from the contract's start":        {"{every: 90d}", ""},
		"periods from the account's making":        {"{every: 90d, from: AccountCreation}", ""},
		"periods begin on a day there is":          {"{every: 90d, from: Renewal}", "spec.triggers[0].from"},
		"a day to count from needs periods":        {"{score: {atMost: 40}, from: ContractStart}", "from: goes with every"},
		"a period needs no for":                    {"{every: 90d, for: 1d}", forLeft},
		"silence of a metric":                      {"{noData: {from: {source: usage, metric: wau}, for: 14d}}", ""},
		"silence of a measurement":                 {"{noData: {from: {measurement: sentiment}, for: 12w}}", ""},
		"silence has a length":                     {"{noData: {from: {source: usage, metric: wau}}}", "spec.triggers[0].noData.for"},
		"silence has no for beside its own":        {"{noData: {from: {measurement: sentiment}, for: 12w}, for: 1d}", forLeft},
		"silence is of one value":                  {"{noData: {from: {source: usage, metric: wau, measurement: sentiment}, for: 14d}}", "either source and metric, or measurement"},
		"silence is of a metric, not a source":     {"{noData: {from: {source: usage}, for: 14d}}", "either source and metric, or measurement"},
		"an expression":                            {"{expression: 'health.score < 60', for: 1d}", ""},
		"an expression is not empty":               {"{expression: ''}", "spec.triggers[0].expression"},
		"an expression and silence are two":        {"{expression: 'true', noData: {from: {measurement: sentiment}, for: 12w}}", oneKind},
		"a drop and a score are two":               {"{score: {atMost: 40}, scoreDrop: {points: 15, within: 7d}}", oneKind},
		"no condition is none":                     {"{for: 1d}", oneKind},
		"each observation of a metric":             {"{per: Observation, value: {from: {source: s, metric: nps}, atMost: 6}}", ""},
		"each observation is of no expression":     {"{per: Observation, expression: 'true'}", "per: Observation is for a value trigger"},
		"each observation is of no measurement":    {"{per: Observation, value: {from: {measurement: nps}, atMost: 6}}", "per: Observation is for a value trigger"},
		"each observation holds at once":           {"{per: Observation, for: 1d, value: {from: {source: s, metric: nps}, atMost: 6}}", "an observation holds at once"},
		"per: State is what all others are anyway": {"{per: State, expression: 'true', for: 1d}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			trigger := "[{name: it, " + c.trigger[1:] + "]"
			answer{"Playbook", playbook, map[string]string{"triggers": trigger}, c.want}.check(t)
		})
	}
}

func TestTheAPIServerTellsTriggersApart(t *testing.T) {
	for name, c := range map[string]struct{ triggers, want string }{
		"several triggers, each with its for": {
			"[{name: low, score: {atMost: 40}, for: 1d}, {name: fell, scoreDrop: {points: 15, within: 7d}}, {name: custom, expression: 'true', for: 2h}]", "",
		},
		"two triggers of one name": {"[{name: low, score: {atMost: 40}}, {name: low, expression: 'true'}]", "Duplicate"},
		"no trigger":               {"[]", "spec.triggers"},
	} {
		t.Run(name, answer{"Playbook", playbook, map[string]string{"triggers": c.triggers}, c.want}.check)
	}
}
