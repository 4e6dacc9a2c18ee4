package accountset

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/value"
)

// Input is everything that a plan depends on.
type Input struct {
	// Set is the AccountSet; its status holds what the guard remembers.
	Set *v1alpha1.AccountSet
	// Rows of one complete read, in the source's order.
	Rows []SourceRow
	// Accounts are all accounts of the namespace. They are only read.
	Accounts []v1alpha1.Account
	// Sets are the names of all AccountSets of the namespace.
	Sets []string
	// Refused are the accounts that the API server refused, by key.
	Refused map[string]Refusal
	// Approved are the identities of approved changes that could not be made yet.
	Approved map[string]bool
	// Now is the moment of the plan.
	Now time.Time
	// Location is the time zone of days.
	Location *time.Location
}

// Refusal is why the API server refused an account.
type Refusal struct {
	// Fingerprint of what was refused; anything else is tried.
	Fingerprint string
	// Reason, without values of the row.
	Reason string
}

// Action is what a change does to an account.
type Action string

// The actions.
const (
	// ActionCreate makes an account.
	ActionCreate Action = "create"
	// ActionUpdate changes one.
	ActionUpdate Action = "update"
	// ActionMarkChurned marks one churned because its row is gone.
	ActionMarkChurned Action = "mark churned"
	// ActionDelete deletes one because its row is gone.
	ActionDelete Action = "delete"
)

// Change is one write.
type Change struct {
	// Action of the change.
	Action Action
	// Key of the account.
	Key string
	// Name of the account.
	Name string
	// UID of the account; empty where it is made.
	UID types.UID
	// Fields that are applied; none where the account is deleted.
	Fields Fields
	// Counted is true where the change counts against the guard: nobody was asked.
	Counted bool
	// absentSince makes the next absence of the same row another change.
	absentSince string
}

// Identity tells a change from every other one that a person may be asked to approve.
func (c *Change) Identity() string {
	return strings.Join([]string{string(c.Action), c.Key, string(c.UID), c.absentSince}, "\x00")
}

// Object is the apply configuration of the account, without the kind and namespace. An account that is there already
// is named by its UID as well, so that it is never made again.
func (c *Change) Object() map[string]any {
	object := c.Fields.object()
	metadata, ok := object["metadata"].(map[string]any)
	if !ok {
		metadata = map[string]any{}
		object["metadata"] = metadata
	}
	metadata["name"] = c.Name
	if c.UID != "" {
		metadata["uid"] = string(c.UID)
	}
	return object
}

// Fingerprint tells apart what is applied.
func (c *Change) Fingerprint() string {
	content, err := json.Marshal(c.Object())
	if err != nil {
		return ""
	}
	return digest(content)
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// Plan is what is to be done.
type Plan struct {
	// Changes to make now.
	Changes []Change
	// Pending is the change that waits for approval; nil where none does.
	Pending *v1alpha1.PendingChange
	// Approved is true where a person let a change through that would wait else. Its creations and prunes are in Changes.
	Approved bool
	// Accounts is the number of accounts that the set keeps before the changes.
	Accounts int
	// Rejected are the rows that cannot become an account, by key.
	Rejected []v1alpha1.RejectedRow
	// Overridden are the fields that somebody else owns, by account and field.
	Overridden []v1alpha1.OverriddenField
	// NextChange is when the plan changes by itself; zero means never.
	NextChange time.Time
}

// planner makes one plan.
type planner struct {
	*Input
	template *Template
	vars     *expr.Vars
	world    world
	plan     Plan
	// guarded are the creations and prunes.
	guarded []Change
}

// Plan renders every row and compares it with the accounts that are there. The same input gives the same plan.
func (t *Template) Plan(in Input) *Plan {
	p := planner{Input: &in, template: t, vars: in.vars(), world: worldOf(&in)}
	rows := t.keys(in.Rows, p.vars)
	p.plan.Rejected = rows.rejected
	p.plan.NextChange = t.nextRender(in.Now, in.Location)
	present := make(map[string]bool, len(rows.rows))
	for _, r := range rows.rows {
		present[r.key] = true
		p.row(r)
	}
	for _, key := range slices.Sorted(maps.Keys(p.world.own)) {
		if !present[key] && !rows.keyless {
			p.absent(key)
		}
	}
	p.plan.Accounts = len(p.world.own)
	p.guard()
	slices.SortStableFunc(p.plan.Rejected, func(a, b v1alpha1.RejectedRow) int { return strings.Compare(a.Key, b.Key) })
	slices.SortStableFunc(p.plan.Overridden, func(a, b v1alpha1.OverriddenField) int {
		return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Field, b.Field))
	})
	return &p.plan
}

// row plans what becomes of a row that is there.
func (p *planner) row(r row) {
	p.vars.Row = r.values
	account, reason := p.world.claim(r.key)
	if reason != "" {
		p.reject(r.key, reason)
		return
	}
	var fields Fields
	if reason = p.template.unreadable(r); reason == "" {
		fields, reason = p.template.fill(p.vars)
	}
	if reason != "" {
		p.reject(r.key, reason)
	}
	switch {
	case account == nil && reason == "":
		p.create(r.key, append(fields, p.identity(r.key)...))
	case account != nil && account.DeletionTimestamp.IsZero():
		p.update(r.key, account, fields, reason != "")
	}
}

// identity is what every account of the set carries.
func (p *planner) identity(key string) Fields {
	return Fields{
		metadataField("labels", v1alpha1.LabelAccountSet, p.Set.Name),
		metadataField("labels", v1alpha1.LabelManagedBy, v1alpha1.ManagedBy),
		metadataField("annotations", v1alpha1.AnnotationSourceKey, key),
		metadataField("annotations", v1alpha1.AnnotationSource, p.Set.Spec.SourceRef.Name),
	}
}

func (p *planner) reject(key, reason string) {
	p.plan.Rejected = append(p.plan.Rejected, rejection(key, reason))
}

// create plans a new account. Its name is read here and never again.
func (p *planner) create(key string, fields Fields) {
	wanted, reason := p.template.name.line(p.vars)
	if reason != "" {
		p.reject(key, reason)
		return
	}
	wanted = p.template.slug(wanted)
	if p.world.unkeyed[wanted] {
		p.reject(key, "account "+quoted(wanted)+" carries this set's label and no key: delete its label "+v1alpha1.LabelAccountSet+", or give it the annotation "+v1alpha1.AnnotationSourceKey)
		return
	}
	name := freeName(wanted, key, p.world.taken)
	if name == "" {
		p.reject(key, "the name "+quoted(wanted)+" is taken, and so is that with digits of the key: change spec.template.name")
		return
	}
	change := Change{Action: ActionCreate, Key: key, Name: name, Fields: fields}
	if p.refused(&change) {
		return
	}
	p.world.taken[name] = true
	p.guarded = append(p.guarded, change)
}

// update plans what changes on an account whose row is there. Where the row is rejected the account stays as it is, but
// for the marks of an absence that is over.
func (p *planner) update(key string, account *v1alpha1.Account, fields Fields, rejected bool) {
	current := liveOf(account)
	if rejected {
		fields = p.carried(key, current, v1alpha1.AnnotationAbsentSince, v1alpha1.AnnotationChurnedBy)
	} else {
		fields = append(fields, p.identity(key)...)
	}
	p.apply(ActionUpdate, key, current, fields)
}

// carried is what the set owns on an account, to be written again as it is, less some annotations.
func (p *planner) carried(key string, current live, less ...string) Fields {
	fields := p.identity(key)
	drop := make([]fieldpath.Path, 0, len(fields)+len(less))
	for _, f := range fields {
		drop = append(drop, f.Path)
	}
	for _, annotation := range less {
		drop = append(drop, metadataField("annotations", annotation, "").Path)
	}
	return append(fields, current.carried().without(drop...)...)
}

// apply plans a write where it would change something, and counts the fields that somebody else owns.
func (p *planner) apply(action Action, key string, current live, fields Fields) {
	fields, overrides := current.overridden(fields)
	p.plan.Overridden = append(p.plan.Overridden, overrides...)
	if !current.differs(fields) {
		return
	}
	change := Change{
		Action: action, Key: key, Name: current.account.Name, UID: current.account.UID, Fields: fields,
		absentSince: current.account.Annotations[v1alpha1.AnnotationAbsentSince],
	}
	switch {
	case p.refused(&change):
	case action == ActionUpdate:
		p.plan.Changes = append(p.plan.Changes, change)
	default:
		p.guarded = append(p.guarded, change)
	}
}

// refused rejects the row of a change that the API server refused before.
func (p *planner) refused(c *Change) bool {
	refusal, ok := p.Refused[c.Key]
	if !ok || refusal.Fingerprint != c.Fingerprint() {
		return false
	}
	p.reject(c.Key, refusal.Reason)
	return true
}

// defaultPruneAfter is the default of spec.pruneAfter.
const defaultPruneAfter = value.Day

// absent plans what becomes of an account whose row is gone from this read.
func (p *planner) absent(key string) {
	account := p.world.own[key]
	if !account.DeletionTimestamp.IsZero() {
		return
	}
	current := liveOf(account)
	pruneAfter := value.DurationOr(p.Set.Spec.PruneAfter, defaultPruneAfter)
	since, err := time.Parse(time.RFC3339, account.Annotations[v1alpha1.AnnotationAbsentSince])
	if err != nil {
		now := p.Now.UTC().Truncate(time.Second)
		p.mark(ActionUpdate, key, current, v1alpha1.AnnotationAbsentSince, now.Format(time.RFC3339))
		p.wake(now.Add(pruneAfter))
		return
	}
	if due := since.Add(pruneAfter); p.Now.Before(due) {
		p.wake(due)
		return
	}
	p.prune(key, current)
}

// wake asks for a plan at a moment at which an account is to be pruned.
func (p *planner) wake(at time.Time) {
	if p.Set.Spec.Prune == v1alpha1.PruneDelete || p.Set.Spec.Prune == v1alpha1.PruneMarkChurned {
		p.plan.NextChange = value.Earliest(p.plan.NextChange, at)
	}
}

// prune plans what the set's policy says about an account whose row is gone for good.
func (p *planner) prune(key string, current live) {
	account := current.account
	switch p.Set.Spec.Prune {
	case v1alpha1.PruneDelete:
		p.guarded = append(p.guarded, Change{
			Action: ActionDelete, Key: key, Name: account.Name, UID: account.UID,
			absentSince: account.Annotations[v1alpha1.AnnotationAbsentSince],
		})
	case v1alpha1.PruneMarkChurned:
		if account.Annotations[v1alpha1.AnnotationChurnedBy] != "" {
			return
		}
		p.mark(ActionMarkChurned, key, current, v1alpha1.AnnotationChurnedBy, p.Set.Name)
	}
}

// mark plans an annotation on an account whose row is gone; the rest of it stays as it is.
func (p *planner) mark(action Action, key string, current live, annotation, content string) {
	p.apply(action, key, current, append(p.carried(key, current, annotation), metadataField("annotations", annotation, content)))
}
