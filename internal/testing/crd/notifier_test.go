package crd

import (
	"fmt"
	"strings"
	"testing"
)

// minimal specs of a Notifier, one for each kind of receiver.
const (
	toEvents = "{cloudEvents: {url: 'https://events.example.com/ingest'}}"
	toSlack  = "{slack: {webhookSecretRef: {name: s, key: url}}}"
)

func TestNotifiers(t *testing.T) {
	const (
		oneReceiver = "exactly one of the fields in [cloudEvents slack] must be set"
		options     = "{caConfigMapRef: {name: ca, key: ca.crt}, clientCertificateSecretRef: {name: me}, serverName: api}"
		insecure    = "{insecureSkipVerify: true}"
	)
	names := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf("n%d", i))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	for name, c := range map[string]answer{
		"events over HTTP":                   {spec: toEvents},
		"messages to Slack":                  {spec: toSlack},
		"a notifier needs a receiver":        {spec: "{}", want: oneReceiver},
		"a notifier has one receiver":        {spec: toEvents, set: map[string]string{"slack": "{webhookSecretRef: {name: s, key: url}}"}, want: oneReceiver},
		"a webhook is in a Secret":           {spec: toSlack, set: map[string]string{"slack.url": "https://hooks.slack.com/x"}, want: "spec.slack.url"},
		"a Secret's key is named":            {spec: toSlack, set: map[string]string{"slack.webhookSecretRef.key": "null"}, want: "spec.slack.webhookSecretRef.key"},
		"a URL holds no password":            {spec: toEvents, set: map[string]string{"cloudEvents.url": "https://jo:pw@example.com"}, want: "spec.cloudEvents.url"},
		"a URL is one of HTTP":               {spec: toEvents, set: map[string]string{"cloudEvents.url": "ftp://example.com"}, want: "spec.cloudEvents.url"},
		"a CA is in a ConfigMap":             {spec: toEvents, set: map[string]string{"cloudEvents.tls": options}},
		"a CA is in a ConfigMap, for Slack":  {spec: toSlack, set: map[string]string{"slack.tls": options}},
		"a ConfigMap's key is named":         {spec: toEvents, set: map[string]string{"cloudEvents.tls": "{caConfigMapRef: {name: ca}}"}, want: "spec.cloudEvents.tls.caConfigMapRef.key"},
		"a certificate is always verified":   {spec: toEvents, set: map[string]string{"cloudEvents.tls": insecure}, want: "insecureSkipVerify"},
		"for Slack too":                      {spec: toSlack, set: map[string]string{"slack.tls": insecure}, want: "insecureSkipVerify"},
		"a header's name has one line":       {spec: toEvents, set: map[string]string{"cloudEvents.headers": `[{name: "A\nB", value: a}]`}, want: "spec.cloudEvents.headers[0].name"},
		"a header is sent once":              {spec: toEvents, set: map[string]string{"cloudEvents.headers": "[{name: A, value: a}, {name: A, value: b}]"}, want: "spec.cloudEvents.headers[1]: Duplicate value"},
		"an event is one that there is":      {spec: toEvents, set: map[string]string{"events": "[TaskClosed]"}, want: `supported values: "TaskOpened"`},
		"an event is told once":              {spec: toEvents, set: map[string]string{"events": "[TaskDone, TaskDone]"}, want: "Duplicate"},
		"all events":                         {spec: toEvents, set: map[string]string{"events": "[TaskOpened, TaskOverdue, TaskEscalated, TaskDone, RunStarted, RunResolved, HealthChanged, AccountChurned, ContractChanged]"}},
		"no list of events is all":           {spec: toEvents, set: map[string]string{"events": "[]"}},
		"at most 32 playbooks":               {spec: toEvents, set: map[string]string{"playbooks": names(33)}, want: "spec.playbooks"},
		"at most 64 assignees":               {spec: toEvents, set: map[string]string{"assignees": names(65)}, want: "spec.assignees"},
		"an assignee is not nobody":          {spec: toEvents, set: map[string]string{"assignees": "['']"}, want: "spec.assignees[0]"},
		"times are in the Prometheus format": {spec: toEvents, set: map[string]string{"giveUpAfter": "a week"}, want: "spec.giveUpAfter"},
		"a timeout is one too":               {spec: toEvents, set: map[string]string{"timeout": "1m", "giveUpAfter": "30d"}},
	} {
		c.kind = "Notifier"
		t.Run(name, c.check)
	}
}
