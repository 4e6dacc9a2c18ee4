package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// guard refuses a read that is so much smaller than the last accepted one that the table may have been caught half
// loaded, or that a query has lost its series, unless somebody approved it. A read of something else is not compared.
func (p *sourcePass) guard(s *observe.Snapshot) error {
	last := p.memory.accepted
	after := sizesOf(int64(s.Rows()), s.Queries())
	if last.digest != readDigest(&p.ds.Spec) || len(last.sizes) != len(after) || !p.dropped(last.sizes, after) {
		return nil
	}
	offered := p.memory.offered
	if offered != nil && p.approved(offered) && !p.dropped(offered, after) {
		return nil
	}
	if offered == nil || p.dropped(offered, after) || p.dropped(after, offered) {
		// What is offered stays while the reads are much like it: a table that grows meanwhile must not invalidate an
		// approval that is on its way.
		offered = after
	}
	p.memory.offered = offered
	if p.approved(offered) && slices.Equal(offered, after) {
		return nil // approved before the operator started
	}
	return &observe.Error{Reason: v1alpha1.ReasonRowsDropped, Message: fmt.Sprintf(
		"%s: that is more than %d percent fewer (spec.maxRowDropPercent), so the last values stand; to accept it: kubectl annotate datasource -n %s %s %s=%s --overwrite",
		p.describeDrop(s.Queries(), last.sizes, offered), p.maxDrop(), p.key.Namespace, p.key.Name, v1alpha1.AnnotationApprove, p.approval(offered))}
}

// describeDrop says what became fewer.
func (p *sourcePass) describeDrop(queries []v1alpha1.QueryResult, before, after []int64) string {
	if len(queries) == 0 {
		return fmt.Sprintf("%d rows, after %d in the last accepted read", after[0], before[0])
	}
	var fewer []string
	for i := range queries {
		if p.fewer(before[i], after[i]) {
			fewer = append(fewer, fmt.Sprintf("query %s gave %d series, after %d in the last accepted read", queries[i].Metric, after[i], before[i]))
		}
	}
	if len(fewer) > 3 {
		fewer = append(fewer[:3], fmt.Sprintf("and %d more", len(fewer)-3))
	}
	return strings.Join(fewer, ", ")
}

// maxDrop returns how many percent fewer rows are accepted.
func (p *sourcePass) maxDrop() int64 {
	if p.ds.Spec.MaxRowDropPercent == nil {
		return observe.DefaultMaxRowDropPercent
	}
	return int64(*p.ds.Spec.MaxRowDropPercent)
}

// dropped reports whether one of the sizes of a read is too far below that of an earlier one.
func (p *sourcePass) dropped(before, after []int64) bool {
	for i := range before {
		if p.fewer(before[i], after[i]) {
			return true
		}
	}
	return false
}

// fewer reports whether a number is too far below an earlier one.
func (p *sourcePass) fewer(before, after int64) bool {
	return (before-after)*100 > before*p.maxDrop()
}

// approval is the id of the one drop that somebody may let pass: from the last accepted read, to these sizes. The time of
// that read is part of it, so that an annotation that is left behind does not approve the next such drop.
func (p *sourcePass) approval(sizes []int64) string {
	last := p.memory.accepted
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d/%d/%d", p.ds.UID, last.time.Unix(), last.sizes, sizes))
	return hex.EncodeToString(sum[:5])
}

// approved reports whether somebody let a drop to these sizes pass.
func (p *sourcePass) approved(sizes []int64) bool {
	return p.ds.Annotations[v1alpha1.AnnotationApprove] == p.approval(sizes)
}
