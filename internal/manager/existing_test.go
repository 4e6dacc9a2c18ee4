package manager

import (
	"fmt"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestWhatHeldAlreadyIsIgnoredTriggerByTrigger(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok", "beta,30,ok")
	w.apply(usage)
	sponsor := func(account, value string) {
		t.Helper()
		w.apply(fmt.Sprintf(`
kind: Account
metadata: {name: %s}
spec: {owner: jo@example.com, contract: {arr: 1}, measurements: [{name: sponsor, value: %s}]}
`, account, value))
	}
	w.addAccount("acme", 1)
	w.addAccount("beta", 1)
	w.health("acme", 80, "Healthy")
	w.health("beta", 30, "Critical")
	w.apply(`
kind: Playbook
metadata: {name: rescue}
spec:
  existing: Ignore
  triggers:
  - {name: left, value: {from: {measurement: sponsor}, in: [Left]}}
  - {name: low, score: {atMost: 40}}
  steps: [{name: call, title: Call}]
`)
	// Nobody ever entered a sponsor: that says nothing of the score.
	w.episode("acme", "rescue", v1alpha1.EpisodeClear, 0)
	w.episode("beta", "rescue", v1alpha1.EpisodeIgnored, 0)
	w.restart()
	w.quiet()
	w.setUsage("acme,30,ok", "beta,30,ok")
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
	if run := w.runOf("rescue"); run.Spec.Trigger != "low" || run.Spec.AccountRef.Name != "acme" {
		t.Errorf("%s started on %s", run.Spec.Trigger, run.Spec.AccountRef.Name)
	}
	// What is first heard of beta's sponsor is how it was, and what comes after that is news.
	sponsor("beta", "Left")
	w.quiet()
	w.episode("beta", "rescue", v1alpha1.EpisodeIgnored, 0)
	sponsor("beta", "Here")
	w.quiet()
	w.episode("beta", "rescue", v1alpha1.EpisodeIgnored, 0)
	w.pass(time.Hour)
	sponsor("beta", "Left")
	w.episode("beta", "rescue", v1alpha1.EpisodeFiring, 1)
	sponsor("beta", "Here")
	w.episode("beta", "rescue", v1alpha1.EpisodeIgnored, 1)
}
