package cli

import "testing"

// Who takes a task up before its turn hears what it was waiting for.
func TestATaskThatIsTakenUpBeforeItsTurn(t *testing.T) {
	d := newDesk(t)
	d.make("Task", "later", `{spec: {accountRef: {name: acme}, title: Later}}`)
	d.says("Task", "later", `{state: Blocked, observedGeneration: 1, opensTime: "2026-12-01T09:00:00Z"}`)
	d.ok(jo, "task/later started; its time would have come on 2026-12-01 09:00 UTC\n", "task", "start", "later")
	d.make("Task", "alone", `{spec: {accountRef: {name: acme}, title: Alone, step: offer, runRef: {name: gone}}}`)
	d.says("Task", "alone", `{state: Blocked, observedGeneration: 1}`)
	d.ok(jo, "task/alone done, by jo@example.com; it was waiting for the steps before it\n", "task", "done", "alone")

	d.make("PlaybookRun", "run", `{spec: {accountRef: {name: acme}, playbookRef: {name: p}, trigger: low, playbookGeneration: 1, sequence: 1, startTime: "2026-11-01T00:00:00Z", steps: [
	  {name: call, title: Call}, {name: mail, title: Mail}, {name: offer, title: Offer, after: [call, mail]}]}}`)
	d.says("PlaybookRun", "run", `{steps: [{name: call, state: Done}, {name: mail, state: Open}, {name: offer, state: Open}]}`)
	d.make("Task", "offer", `{spec: {accountRef: {name: acme}, title: Offer, step: offer, runRef: {name: run}}}`)
	d.says("Task", "offer", `{state: Blocked, observedGeneration: 1}`)
	d.ok(jo, "task/offer started; it was waiting for mail\n", "task", "start", "offer")
	d.ok(jo, "task/offer is in progress already\n", "task", "start", "offer")
}
