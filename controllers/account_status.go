package controllers

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// accountInput is everything that an account's status depends on.
type accountInput struct {
	account    *v1alpha1.Account
	models     []model
	model      *model
	why        string
	playbooks  []plan
	renames    *playbook.Renames
	facts      value.Facts
	events     map[string]value.Events
	runs       []v1alpha1.PlaybookRun
	openTasks  int32
	sharedWith map[string]string
	ancestry   account.Ancestry
	children   []*v1alpha1.Account
	now        time.Time
	settled    time.Time
	location   *time.Location
}

// scored reports whether a model that works applies to the account.
func (in *accountInput) scored() bool {
	return in.model != nil && in.model.err == nil && !account.Churned(in.account)
}

// watching returns the playbooks that work and choose the account.
func (in *accountInput) watching() []plan {
	return slices.DeleteFunc(slices.Clone(in.playbooks), func(p plan) bool {
		return p.err != nil || !p.selector.Matches(in.account)
	})
}

// triggerReads returns the metrics that the triggers and texts in force read.
func (in *accountInput) triggerReads() []v1alpha1.MetricReference {
	var reads []v1alpha1.MetricReference
	for _, p := range in.watching() {
		reads = append(reads, p.result.Reads()...)
	}
	return value.DistinctMetrics(reads)
}

// reads returns every metric that the status depends on, sorted by source.
func (in *accountInput) reads() []v1alpha1.MetricReference {
	reads := in.triggerReads()
	if in.scored() {
		reads = append(reads, in.model.result.Reads()...)
	}
	return value.DistinctMetrics(reads)
}

// generations returns the generation of each playbook, by name. One that waits for a name that it had is not judged yet: the
// account is to be evaluated again before that one starts anything.
func (in *accountInput) generations() map[string]int64 {
	generations := make(map[string]int64, len(in.playbooks))
	for _, p := range in.playbooks {
		if in.renames.WaitsFor(p.Name) == "" {
			generations[p.Name] = p.Generation
		}
	}
	return generations
}

// evaluateAccount computes an account's status and the moment at which it changes by itself; the zero time is never.
func evaluateAccount(in accountInput) (v1alpha1.AccountStatus, time.Time) {
	status := *in.account.Status.DeepCopy()
	status.ObservedGeneration = in.account.Generation
	status.LastHandledRequestedAt = requestedAt(in.account)
	status.OpenTasks = in.openTasks
	status.Rollup = account.Rollup(in.account, in.children)
	status.Lifecycle = account.Lifecycle(in.account, in.now)
	status.Contract = in.account.Spec.Contract.DeepCopy()

	var next time.Time
	status.Health, next = in.health()
	episodes, left, nextEpisode := in.episodes(status.Health)
	status.Playbooks = episodes
	in.conditions(&status, left)
	return status, value.Earliest(next, nextEpisode, in.nextRefresh(&status))
}

// health scores the account.
func (in *accountInput) health() (*v1alpha1.Health, time.Time) {
	previous := in.account.Status.Health
	switch {
	case in.scored():
		result := in.model.result.Evaluate(score.Input{
			Account: in.account, Facts: in.facts, Extra: in.triggerReads(), Children: in.scoreChildren(),
			Previous: previous, Now: in.now, Location: in.location,
		})
		return result.Health, result.NextChange
	case in.stalled() && previous != nil:
		return score.Standing(in.account, previous, in.now, in.location)
	default:
		return score.Unscored(previous, in.now), time.Time{}
	}
}

// view is what triggers and texts see of the account.
func (in *accountInput) view(health *v1alpha1.Health) playbook.View {
	return playbook.View{
		Account: in.account, Lifecycle: account.Lifecycle(in.account, in.now), Health: health, Scored: in.scored(), ScorePartial: in.scored() && in.model.result.Partial(health),
		Facts: in.facts, Events: in.events, Now: in.now, Settled: in.settled, Location: in.location,
	}
}

// conditions says how the evaluation went.
func (in *accountInput) conditions(status *v1alpha1.AccountStatus, left []string) {
	c := conditions{list: &status.Conditions, generation: in.account.Generation, now: in.now}
	c.ready(v1alpha1.ReasonEvaluated, "the account was evaluated")
	in.modelApplied(c, status.Health)
	in.scorePartial(c, status.Health)
	in.healthOverridden(c, status.Health)
	in.parentCondition(c)
	c.setIf(len(in.sharedWith) > 0, v1alpha1.ConditionSharedExternalID, v1alpha1.ReasonSharedExternalID, describeShared(in.sharedWith))
	c.setIf(len(left) > 0, v1alpha1.ConditionPlaybookLimitExceeded, v1alpha1.ReasonTooManyPlaybooks,
		fmt.Sprintf("an account remembers at most %d episodes; these playbooks have one too many on it, which starts nothing: %s; narrow their accountSelector", playbook.MaxEpisodes, atMostThree(left)))
}

// describeShared names the accounts that share an external id.
func describeShared(sharedWith map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(sharedWith)) {
		all = append(all, fmt.Sprintf("%s (%s)", name, sharedWith[name]))
	}
	return "rows with this id count for these accounts too: " + atMostThree(all)
}

// atMostThree joins names, and counts those that it leaves out.
func atMostThree(names []string) string {
	if len(names) <= 3 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
}

// worthWriting reports whether a new status differs from the one that is there in what people or the operator act on.
// Values and times of observation ride along with such a change; alone they are written only where the time that is
// there is older than half of the age at which the value grows stale, so that a restart does not find it stale.
func worthWriting(before, after *v1alpha1.AccountStatus, in *accountInput) bool {
	if !equality.Semantic.DeepEqual(material(before), material(after)) {
		return true
	}
	for _, o := range in.observedTimes(before, after) {
		if o.after.After(o.before) && in.now.Sub(o.before) >= o.maxAge/2 {
			return true
		}
	}
	return false
}

// material is a status without what only rides along.
func material(status *v1alpha1.AccountStatus) *v1alpha1.AccountStatus {
	m := status.DeepCopy()
	if m.Health == nil {
		return m
	}
	m.Health.Dimensions = nil
	for i := range m.Health.Measures {
		e := &m.Health.Measures[i]
		e.Value, e.Score, e.Points, e.ObservedTime = "", nil, "", nil
		if e.State == v1alpha1.ValueFresh {
			e.AsOf = ""
		}
	}
	for i := range m.Health.Facts {
		e := &m.Health.Facts[i]
		e.Value, e.ObservedTime = "", nil
	}
	for i := range m.Health.RulesApplied {
		m.Health.RulesApplied[i].Points = 0
	}
	return m
}

// observedTime is when a value was true, as it is in a status and as it would be.
type observedTime struct {
	before, after time.Time
	maxAge        time.Duration
}

// observedTimes returns the times of the values that grow stale. Both statuses list the same values.
func (in *accountInput) observedTimes(before, after *v1alpha1.AccountStatus) []observedTime {
	if before.Health == nil || after.Health == nil || !in.scored() {
		return nil
	}
	var times []observedTime
	add := func(ref v1alpha1.MetricReference, was, is *metav1.Time) {
		age := in.facts[ref].MaxAge
		if shorter := in.model.result.MaxAge(ref); shorter > 0 && (age == 0 || shorter < age) {
			age = shorter
		}
		if age > 0 && was != nil && is != nil {
			times = append(times, observedTime{was.Time, is.Time, age})
		}
	}
	for i, m := range in.model.Spec.Measures {
		if i < len(before.Health.Measures) && i < len(after.Health.Measures) && m.From.Source != "" {
			ref := v1alpha1.MetricReference{Source: m.From.Source, Metric: m.From.Metric}
			add(ref, before.Health.Measures[i].ObservedTime, after.Health.Measures[i].ObservedTime)
		}
	}
	for i, f := range after.Health.Facts {
		if i < len(before.Health.Facts) {
			add(v1alpha1.MetricReference{Source: f.Source, Metric: f.Metric}, before.Health.Facts[i].ObservedTime, f.ObservedTime)
		}
	}
	return times
}

// nextRefresh is when an observed time in the status will be half as old as its value may grow.
func (in *accountInput) nextRefresh(status *v1alpha1.AccountStatus) time.Time {
	var next time.Time
	for _, o := range in.observedTimes(status, status) {
		if at := o.after.Add(o.maxAge / 2); at.After(in.now) {
			next = value.Earliest(next, at)
		}
	}
	return next
}

// countOpen counts the tasks that wait for somebody.
func countOpen(tasks []v1alpha1.Task) int32 {
	var n int32
	for i := range tasks {
		if playbook.AtWork(tasks[i].Status.State) {
			n++
		}
	}
	return n
}

func itoa(n int32) string { return strconv.Itoa(int(n)) }
