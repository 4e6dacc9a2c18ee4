package manager

import (
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestBadDayOfARowsContent(t *testing.T) {
	const few = ": that is more than 50 percent fewer (spec.maxRowDropPercent), so the last values stand; to accept it: kubectl annotate datasource -n NAMESPACE feed perennial.dev/approve=ID --overwrite"
	b, _ := newHTTPDay(t)
	for name, test := range map[string]struct {
		change  func(*org)
		message string
	}{
		"no row has an id":                   {func(o *org) { o.id = "" }, "0 rows, after 20 in the last accepted read" + few},
		"every id is written in another way": {func(o *org) { o.id = "ORG-" + o.id }, "rows of 0 accounts, after 3 in the last accepted read" + few},
		"a column has no value in any row":   {func(o *org) { o.wau = "null" }, "metric wau has 0 values, after 20 in the last accepted read" + few},
	} {
		b.in(name, func() {
			b.have(outage{
				breaks: func() {
					orgs := badDayOrgs()
					for i := range orgs {
						test.change(&orgs[i])
					}
					b.set(orgs)
				},
				reason: v1alpha1.ReasonRowsDropped, message: test.message, event: v1alpha1.ReasonRowsDropped,
				repairs: func() { b.set(badDayOrgs()) },
			})
		})
	}
}
