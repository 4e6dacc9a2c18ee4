package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/internal/explain"
)

// told are the reasons of events about what the timeline has from elsewhere.
var told = []string{"BandChanged", "PlaybookTriggered"}

// happenings are the Kubernetes events of an account. Whoever may not read events goes without.
func (o *accountOptions) happenings(ctx context.Context, namespace, name string) []explain.Happening {
	if o.view.file != "" {
		return nil
	}
	c, err := o.app.client()
	if err != nil {
		return nil
	}
	var list eventsv1.EventList
	of := client.MatchingFields{"regarding.kind": "Account", "regarding.name": name}
	if err := c.List(ctx, &list, client.InNamespace(namespace), of, client.Limit(viewPage)); err != nil {
		return nil
	}
	var all []explain.Happening
	for i := range list.Items {
		if e := &list.Items[i]; !slices.Contains(told, e.Reason) {
			all = append(all, happeningOf(e))
		}
	}
	return all
}

// happeningOf makes a line of the timeline of an event.
func happeningOf(e *eventsv1.Event) explain.Happening {
	at := cmp.Or(e.EventTime.Time, e.DeprecatedLastTimestamp.Time, e.CreationTimestamp.Time)
	text := e.Reason
	if e.Note != "" {
		text += ": " + e.Note
	}
	if e.Series != nil {
		at = e.Series.LastObservedTime.Time
		text += fmt.Sprintf(" (%d times)", e.Series.Count)
	}
	return explain.Happening{Time: at.UTC().Truncate(time.Second), Kind: "Event", Text: text}
}
