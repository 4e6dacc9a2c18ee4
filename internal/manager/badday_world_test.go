package manager

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// badDayFeed is the source that has a bad day. What it is read from is added to it.
const badDayFeed = `
kind: DataSource
metadata: {name: feed}
spec:
  maxAge: 90d
  account: {field: id}
  metrics:
  - {name: wau, type: Number}
  - {name: tickets, type: Number, absent: "0"}
  - {name: seats, type: Number, aggregate: Sum}
`

// badDayRules score and watch what the feed gives, so that every mistake about it shows: no value is the worst value, and
// a playbook waits for the worst band.
const badDayRules = `
kind: HealthScoreModel
metadata: {name: standard}
spec:
  minimumCoverage: 40
  bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
  dimensions: [{name: all, weight: 1}]
  measures:
  - name: wau
    dimension: all
    weight: 1
    from: {source: feed, metric: wau}
    scale: {linear: {worst: 0, best: 100}}
    whenMissing: Worst
  - name: tickets
    dimension: all
    weight: 1
    from: {source: feed, metric: tickets}
    scale: {linear: {worst: 10, best: 0}}
    whenMissing: Worst
  - name: seats
    dimension: all
    weight: 0
    from: {source: feed, metric: seats}
---
kind: Playbook
metadata: {name: rescue}
spec:
  triggers: [{name: critical, band: {in: [Critical]}}]
  steps:
  - {name: call, title: Call them}
  - {name: report, title: Write it up, after: [call]}
---
kind: Playbook
metadata: {name: slide}
spec:
  triggers: [{name: slides, for: 240h, value: {from: {source: feed, metric: wau}, atLeast: 40, atMost: 60}}]
  steps: [{name: look, title: Look at it}]
`

// org is one row of the feed, each field as the source writes it.
type org struct{ id, wau, tickets, seats string }

// badDayOrgs are the rows on a good day. There is none of the account dora, and many that belong to no account.
func badDayOrgs() []org {
	orgs := []org{{"acme", "90", "0", "120"}, {"beta", "10", "8", "40"}, {"cora", "50", "4", "60"}}
	for i := range 17 {
		orgs = append(orgs, org{fmt.Sprintf("other-%02d", i+1), "70", "1", "10"})
	}
	return orgs
}

// orgsJSON writes rows as JSON.
func orgsJSON(orgs []org) string {
	var rows []string
	for _, o := range orgs {
		rows = append(rows, fmt.Sprintf(`{"id": %q, "wau": %s, "tickets": %s, "seats": %s}`, o.id, o.wau, o.tickets, o.seats))
	}
	return "[" + strings.Join(rows, ",\n ") + "]\n"
}

// orgsCSV writes rows as CSV.
func orgsCSV(orgs []org) string {
	text := "id,wau,tickets,seats\n"
	for _, o := range orgs {
		text += strings.Join([]string{o.id, o.wau, o.tickets, o.seats}, ",") + "\n"
	}
	return text
}

// badDay is a world whose accounts hang on one source: acme is Healthy; beta is Critical, with a run whose task nobody
// has touched; cora is AtRisk, and a playbook waits whether it stays so; of dora the source has no row.
type badDay struct {
	*world
	// set has the source give rows, with the next read.
	set func([]org)
	// host is the source's host and port, which messages in tests write as HOST.
	host string
	// reads that were asked for.
	reads int
}

// newBadDay makes the world and waits until it stands. provider is the rest of the source's spec.
func newBadDay(t *testing.T, host, provider string, set func(*badDay, []org)) *badDay {
	t.Helper()
	b := &badDay{world: newWorld(t), host: host}
	b.set = func(orgs []org) { set(b, orgs) }
	b.set(badDayOrgs())
	b.begin(provider)
	b.stands()
	b.pass(2 * time.Hour)
	b.read()
	return b
}

// begin makes the source, what reads it, and the accounts.
func (b *badDay) begin(provider string) {
	b.t.Helper()
	b.apply(badDayFeed + strings.TrimPrefix(provider, "\n"))
	b.apply(badDayRules)
	for i, name := range []string{"acme", "beta", "cora", "dora"} {
		b.addAccount(name, 1000*(i+1))
	}
}

// startWith runs the operator, which is stopped, with other options than those of every test.
func (b *badDay) startWith(change func(*Options)) {
	b.t.Helper()
	o := Options{Namespaces: []string{b.namespace}, Clock: b.clock, DataRoot: b.dataRoot, AllowLoopback: true}
	change(&o)
	m, err := New(api.Get(b.t).Config(), o)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Start(ctx) }()
	b.manager = m
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("the operator ended with: %v", err)
		}
	})
	if !m.GetCache().WaitForCacheSync(ctx) {
		b.t.Fatal("the operator's cache did not fill")
	}
}

// stands waits until every account is where it is on a good day.
func (b *badDay) stands() {
	b.t.Helper()
	b.health("acme", 95, "Healthy")
	b.health("beta", 15, "Critical")
	b.health("cora", 55, "AtRisk")
	b.health("dora", 50, "AtRisk")
	b.episode("beta", "rescue", v1alpha1.EpisodeFiring, 1)
	b.episode("cora", "slide", v1alpha1.EpisodePending, 0)
	b.until("an open task of beta", func() error {
		a, err := b.account("beta")
		if err == nil && a.Status.OpenTasks != 1 {
			err = fmt.Errorf("openTasks is %d", a.Status.OpenTasks)
		}
		return err
	})
}

// read has the source read, and waits until it was.
func (b *badDay) read() {
	b.t.Helper()
	b.reads++
	id := "read-" + strconv.Itoa(b.reads)
	b.request("feed", id)
	b.handled("feed", id)
}

// feed returns the source.
func (b *badDay) feed() *v1alpha1.DataSource {
	b.t.Helper()
	var ds v1alpha1.DataSource
	if err := b.Get(context.Background(), client.ObjectKey{Name: "feed"}, &ds); err != nil {
		b.t.Fatal(err)
	}
	return &ds
}

// approvalID is the id of a held drop in a command.
var approvalID = regexp.MustCompile(`(approve=)[0-9a-f]{10}\b`)

// plain writes a message without what is another in each run.
func (b *badDay) plain(message string) string {
	message = strings.ReplaceAll(message, b.namespace, "NAMESPACE")
	if b.host != "" {
		message = strings.ReplaceAll(message, b.host, "HOST")
	}
	return approvalID.ReplaceAllString(message, "${1}ID")
}

// wants waits until the source has a condition of a reason, and wants just this message.
func (b *badDay) wants(conditionType string, status metav1.ConditionStatus, reason, message string) {
	b.t.Helper()
	var is metav1.Condition
	b.until(fmt.Sprintf("%s is %s %s", conditionType, status, reason), func() error {
		conditions := b.feed().Status.Conditions
		c := meta.FindStatusCondition(conditions, conditionType)
		if c == nil || c.Status != status || c.Reason != reason {
			return fmt.Errorf("conditions are %s", asYAML(conditions))
		}
		is = *c
		return nil
	})
	if got := b.plain(is.Message); got != message {
		b.t.Errorf("%s says\n  %s\nwant\n  %s", conditionType, got, message)
	}
}

// told returns the notes of the events about the source with a reason.
func (b *badDay) told(reason string) []string {
	b.t.Helper()
	var list eventsv1.EventList
	if err := b.List(context.Background(), &list); err != nil {
		b.t.Fatal(err)
	}
	var notes []string
	for _, e := range list.Items {
		if e.Regarding.Kind == "DataSource" && e.Regarding.Name == "feed" && e.Reason == reason {
			notes = append(notes, b.plain(e.Note))
		}
	}
	return notes
}

// tells waits until there is just one event of a reason more than there were, and wants it to have this note.
func (b *badDay) tells(reason string, were int, note string) {
	b.t.Helper()
	b.until("an event "+reason, func() error {
		if notes := b.told(reason); len(notes) != were+1 || !slices.Contains(notes, note) {
			return fmt.Errorf("there were %d, and there are %q; want one more: %q", were, notes, note)
		}
		return nil
	})
}

// standing is all that an outage must not move.
type standing struct {
	Accounts map[string]accountStanding
	// Work is the state of every run and task.
	Work map[string]string
}

// accountStanding is that of one account.
type accountStanding struct {
	Score, Previous          *int32
	Band, Last               v1alpha1.BandName
	Pending                  *v1alpha1.PendingBand
	Since                    metav1.Time
	Coverage, OpenTasks      int32
	Trend                    v1alpha1.Trend
	Values, Changes, History []string
	Dimensions               []v1alpha1.DimensionScore
	Episodes                 []string
}

// standing reads it.
func (b *badDay) standing() standing {
	b.t.Helper()
	s := standing{Accounts: map[string]accountStanding{}, Work: map[string]string{}}
	var accounts v1alpha1.AccountList
	var runs v1alpha1.PlaybookRunList
	var tasks v1alpha1.TaskList
	for _, list := range []client.ObjectList{&accounts, &runs, &tasks} {
		if err := b.List(context.Background(), list); err != nil {
			b.t.Fatal(err)
		}
	}
	for i := range accounts.Items {
		s.Accounts[accounts.Items[i].Name] = b.standingOf(&accounts.Items[i])
	}
	for _, run := range runs.Items {
		resolved := meta.IsStatusConditionTrue(run.Status.Conditions, v1alpha1.ConditionResolved)
		s.Work["run "+run.Name] = fmt.Sprintf("%s, resolved %t", run.Status.State, resolved)
	}
	for _, task := range tasks.Items {
		s.Work["task "+task.Name] = fmt.Sprintf("%s, generation %d", task.Status.State, task.Generation)
	}
	return s
}

func (b *badDay) standingOf(a *v1alpha1.Account) accountStanding {
	b.t.Helper()
	h := a.Status.Health
	if h == nil {
		b.t.Fatalf("account %s has no health", a.Name)
	}
	s := accountStanding{
		Score: h.Score, Previous: h.PreviousScore, Band: h.Band, Last: h.LastBand, Pending: h.PendingBand, Coverage: h.Coverage, OpenTasks: a.Status.OpenTasks,
		Trend: h.Trend, Changes: h.Changes, History: h.History, Dimensions: h.Dimensions,
	}
	if h.BandSince != nil {
		s.Since = *h.BandSince
	}
	for _, m := range h.Measures {
		score := "none"
		if m.Score != nil {
			score = strconv.Itoa(int(*m.Score))
		}
		s.Values = append(s.Values, fmt.Sprintf("%s %s, score %s, points %s", m.Name, m.Value, score, m.Points))
	}
	for _, e := range a.Status.Playbooks {
		text := fmt.Sprintf("%s %s/%d since %s", e.Name, e.State, e.Sequence, e.Since)
		for _, p := range e.Pending {
			text += fmt.Sprintf(", %s held %s", p.Trigger, b.held(p))
		}
		s.Episodes = append(s.Episodes, text)
	}
	return s
}

// held returns how long a trigger has held.
func (b *badDay) held(p v1alpha1.PendingTrigger) time.Duration {
	b.t.Helper()
	if p.Since != nil {
		return b.clock.Now().Sub(p.Since.Time)
	}
	d, err := value.ParseDuration(p.Elapsed)
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

// settled waits until nothing has moved for a while that is long against an evaluation. A read wakes the accounts before it
// is in the source's status.
func (b *badDay) settled() {
	b.t.Helper()
	var last standing
	same := 0
	b.until("nothing moves", func() error {
		if now := b.standing(); !cmp.Equal(now, last) {
			last, same = now, 0
		}
		if same++; same < 8 {
			return fmt.Errorf("the same for %d looks", same)
		}
		return nil
	})
}

// unmoved waits until everything was looked at, and compares.
func (b *badDay) unmoved(before standing, when string) {
	b.t.Helper()
	b.settled()
	if diff := cmp.Diff(before, b.standing()); diff != "" {
		b.t.Fatalf("%s something moved (- before, + after):\n%s\n%s", when, diff, b.describe())
	}
}

// states waits until the measures wau and tickets of an account are in these states.
func (b *badDay) states(account string, wau, tickets v1alpha1.ValueState) {
	b.t.Helper()
	b.until(fmt.Sprintf("the values of %s are %s and %s", account, wau, tickets), func() error {
		a, err := b.account(account)
		if err != nil {
			return err
		}
		if m := a.Status.Health.Measures; m[0].State != wau || m[1].State != tickets {
			return fmt.Errorf("measures are %s", asYAML(m))
		}
		return nil
	})
}

// unless is an error where something is not so yet.
func unless(so bool) error {
	if so {
		return nil
	}
	return errors.New("not so")
}
