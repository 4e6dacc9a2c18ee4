package notify

import (
	"fmt"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// cloudEventTypes are the types of CloudEvents.
var cloudEventTypes = map[v1alpha1.EventType]string{
	v1alpha1.EventTaskOpened:      "dev.perennial.task.opened",
	v1alpha1.EventTaskOverdue:     "dev.perennial.task.overdue",
	v1alpha1.EventTaskEscalated:   "dev.perennial.task.escalated",
	v1alpha1.EventTaskDone:        "dev.perennial.task.done",
	v1alpha1.EventRunStarted:      "dev.perennial.run.started",
	v1alpha1.EventRunResolved:     "dev.perennial.run.resolved",
	v1alpha1.EventHealthChanged:   "dev.perennial.account.health.changed",
	v1alpha1.EventAccountChurned:  "dev.perennial.account.churned",
	v1alpha1.EventContractChanged: "dev.perennial.account.contract.changed",
}

// CloudEventType returns the type of a CloudEvent of this event; empty where there is no such event.
func CloudEventType(t v1alpha1.EventType) string { return cloudEventTypes[t] }

// CloudEvent writes a message as a CloudEvent in structured JSON.
func CloudEvent(m *Message) ([]byte, error) {
	e := event.New()
	e.SetID(m.ID.String())
	e.SetType(CloudEventType(m.Type))
	e.SetSource(fmt.Sprintf("/namespaces/%s/accounts/%s", m.Namespace, m.Data.Account.Name))
	e.SetSubject(m.Subject)
	e.SetTime(m.Time)
	if err := e.SetData(event.ApplicationJSON, m.Data); err != nil {
		return nil, err
	}
	if err := e.Validate(); err != nil {
		return nil, err
	}
	return e.MarshalJSON()
}
