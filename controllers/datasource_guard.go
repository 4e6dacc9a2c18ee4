package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/value"
)

// readSize is what one read is compared with the one before by.
type readSize struct {
	// rows with an id, and the accounts that they are of.
	rows, accounts int64
	// values of each metric.
	values []v1alpha1.MetricCount
}

// sizeOf measures a read by the accounts that there are now.
func (r *DataSourceReconciler) sizeOf(ctx context.Context, p *sourcePass, s *observe.Snapshot) (readSize, error) {
	var err error
	p.matched, err = r.match(ctx, p, s)
	return readSize{rows: int64(s.Rows()), accounts: int64(p.matched.accounts), values: s.Counts()}, err
}

// guard refuses a read that is so much smaller than the last accepted one that the table may have been caught half
// loaded, that a query has lost its series or a join its column, or that the ids are written in another way, unless
// somebody approved it. A read of something else is not compared.
func (r *DataSourceReconciler) guard(ctx context.Context, p *sourcePass, s *observe.Snapshot) error {
	last := &p.memory.accepted
	if last.digest != readDigest(&p.ds.Spec) {
		return nil
	}
	after, err := r.sizeOf(ctx, p, s)
	if err != nil {
		return err
	}
	before := last.size
	if s.Complete() { // else an account that is not there keeps its values anyway
		// The status counts them anew when accounts come and go: those that were deleted are missed by no read.
		before.accounts = int64(p.ds.Status.AccountsMatched)
	}
	if len(p.drops(before, after)) == 0 {
		return nil
	}
	offered := p.memory.offered
	if offered != nil && p.approved(*offered) && len(p.drops(*offered, after)) == 0 {
		return nil
	}
	if offered == nil || len(p.drops(*offered, after)) > 0 || len(p.drops(after, *offered)) > 0 {
		// What is offered stays while the reads are much like it: a table that grows meanwhile must not invalidate an
		// approval that is on its way.
		offered = &after
	}
	p.memory.offered = offered
	if p.approved(*offered) && reflect.DeepEqual(*offered, after) {
		return nil // approved before the operator started
	}
	return &observe.Error{Reason: v1alpha1.ReasonRowsDropped, Message: fmt.Sprintf(
		"%s: that is more than %d percent fewer (spec.maxRowDropPercent), so the last values stand; to accept it: kubectl annotate datasource -n %s %s %s=%s --overwrite",
		describeDrops(p.drops(before, *offered)), p.maxDrop(), p.key.Namespace, p.key.Name, v1alpha1.AnnotationApprove, p.approval(*offered))}
}

// describeDrops lists what became fewer.
func describeDrops(drops []string) string {
	if len(drops) > 3 {
		drops = append(drops[:3:3], fmt.Sprintf("and %d more", len(drops)-3))
	}
	return strings.Join(drops, ", ")
}

// The numbers of values from which on a metric is missed that has none any more, or too few. Fewer come and go.
const (
	someValues = 5
	manyValues = 20
)

// drops says what is too far below an earlier read: rows, or else accounts, or else the values of metrics. The queries of
// Prometheus may fail apart, so there each counts.
func (p *sourcePass) drops(before, after readSize) []string {
	var drops []string
	for _, was := range before.values {
		i := slices.IndexFunc(after.values, func(is v1alpha1.MetricCount) bool { return is.Name == was.Name })
		switch {
		case i < 0, p.isText(was.Name):
		case p.ds.Spec.Prometheus != nil && p.fewer(was.Values, after.values[i].Values):
			drops = append(drops, fmt.Sprintf("query %s gave %d series, after %d in the last accepted read", was.Name, after.values[i].Values, was.Values))
		case was.Values >= manyValues && p.fewer(was.Values, after.values[i].Values),
			was.Values >= someValues && after.values[i].Values == 0 && p.maxDrop() < 100:
			drops = append(drops, fmt.Sprintf("metric %s has %d values, after %d in the last accepted read", was.Name, after.values[i].Values, was.Values))
		}
	}
	switch {
	case p.ds.Spec.Prometheus == nil && p.fewer(before.rows, after.rows):
		return []string{fmt.Sprintf("%d rows, after %d in the last accepted read", after.rows, before.rows)}
	case len(drops) == 0 && p.fewer(before.accounts, after.accounts):
		return []string{fmt.Sprintf("rows of %d accounts, after %d in the last accepted read", after.accounts, before.accounts)}
	}
	return drops
}

// isText reports whether a metric is text, which nothing is decided by.
func (p *sourcePass) isText(metric string) bool {
	return slices.ContainsFunc(p.ds.Spec.Metrics, func(m v1alpha1.Metric) bool { return m.Name == metric && m.Type == v1alpha1.MetricText })
}

// maxDrop returns how many percent fewer rows are accepted.
func (p *sourcePass) maxDrop() int64 { return observe.MaxRowDropPercent(p.ds) }

// fewer reports whether a number is too far below an earlier one.
func (p *sourcePass) fewer(before, after int64) bool { return observe.TooFew(p.ds, before, after) }

// approval is the id of the one drop that somebody may let pass: from the last accepted read, to this size. The time of
// that read is part of it, so that an annotation that is left behind does not approve the next such drop.
func (p *sourcePass) approval(size readSize) string {
	last := p.memory.accepted
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d/%d/%v/%v", p.ds.UID, last.time.Unix(), last.size.rows, last.size.values, size))
	return hex.EncodeToString(sum[:5])
}

// approved reports whether somebody let a drop to this size pass.
func (p *sourcePass) approved(size readSize) bool {
	return p.ds.Annotations[v1alpha1.AnnotationApprove] == p.approval(size)
}

// matches says which of a read's rows are of accounts.
type matches struct {
	of            *observe.Snapshot
	accounts      int32
	unmatchedRows int64
	unmatchedKeys []string
}

// showsIDs reports whether ids that belong to no account may stand in the status. What an HTTP server gives to those who
// prove who they are may be anything that the spec makes an id of, a token say.
func showsIDs(spec *v1alpha1.DataSourceSpec) bool {
	if spec.HTTP == nil {
		return true
	}
	return spec.HTTP.Auth == nil && !slices.ContainsFunc(spec.HTTP.Headers, func(h v1alpha1.HTTPHeader) bool { return h.ValueSecretRef != nil })
}

// match finds the accounts that a read is about, and the ids that belong to none.
func (r *DataSourceReconciler) match(ctx context.Context, p *sourcePass, s *observe.Snapshot) (*matches, error) {
	m := &matches{of: s}
	showIDs := showsIDs(&p.ds.Spec)
	accounts := map[string]struct{}{}
	for _, id := range s.Keys() {
		found := map[string]struct{}{}
		if err := r.accountsOfScheme(ctx, p.key.Namespace, s.Scheme(), id, found); err != nil {
			return m, err
		}
		maps.Copy(accounts, found)
		if len(found) > 0 {
			continue
		}
		m.unmatchedRows += int64(s.KeyRows(id))
		if showIDs && len(m.unmatchedKeys) < maxUnmatchedKeys {
			m.unmatchedKeys = append(m.unmatchedKeys, value.Shorten(id, maxUnmatchedKey))
		}
	}
	m.accounts = int32(min(len(accounts), math.MaxInt32))
	return m, nil
}
