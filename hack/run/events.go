package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// apiGroupPrefix is how the API versions of our own kinds begin.
const apiGroupPrefix = "perennial.dev/"

// followEvents prints what happens to our kinds, since this run began, until stopEvents is called.
func (s *session) followEvents(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(s.api.Config())
	if err != nil {
		return fmt.Errorf("make a client for events: %w", err)
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	informer := factory.Events().V1().Events().Informer()
	// The API is going away, or it is not, and the watch is set up again: nothing to tell a person.
	if err := informer.SetWatchErrorHandlerWithContext(func(context.Context, *cache.Reflector, error) {}); err != nil {
		return fmt.Errorf("watch events: %w", err)
	}
	if _, err := informer.AddEventHandler(s.eventPrinter()); err != nil {
		return fmt.Errorf("watch events: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	s.stopEvents = sync.OnceFunc(func() {
		cancel()
		factory.Shutdown()
	})
	factory.StartWithContext(ctx)
	return nil
}

// eventPrinter prints new events, and those that happen again.
func (s *session) eventPrinter() cache.ResourceEventHandlerFuncs {
	show := func(object any) {
		if event, ok := object.(*eventsv1.Event); ok {
			s.showEvent(event)
		}
	}
	return cache.ResourceEventHandlerFuncs{AddFunc: show, UpdateFunc: func(_, object any) { show(object) }}
}

func (s *session) showEvent(event *eventsv1.Event) {
	if when := eventTime(event); strings.HasPrefix(event.Regarding.APIVersion, apiGroupPrefix) && !when.Before(s.began) {
		s.screen.printf("%s\n", eventLine(event, when))
	}
}

// eventTime is when an event last happened. Recorders of the older kind fill other fields.
func eventTime(event *eventsv1.Event) time.Time {
	switch {
	case event.Series != nil:
		return event.Series.LastObservedTime.Time
	case !event.EventTime.IsZero():
		return event.EventTime.Time
	case !event.DeprecatedLastTimestamp.IsZero():
		return event.DeprecatedLastTimestamp.Time
	}
	return event.CreationTimestamp.Time
}

// eventLine is an event as one line of text.
func eventLine(event *eventsv1.Event, when time.Time) string {
	object := event.Regarding.Name
	if event.Regarding.Namespace != "default" && event.Regarding.Namespace != "" {
		object = event.Regarding.Namespace + "/" + object
	}
	mark := ""
	if event.Type == "Warning" {
		mark = "Warning "
	}
	note := strings.Join(strings.Fields(event.Note), " ")
	return fmt.Sprintf("%s  %s %s  %s%s: %s", when.Local().Format(time.TimeOnly), event.Regarding.Kind, object, mark, event.Reason, note)
}
