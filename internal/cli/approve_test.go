package cli

import (
	"strings"
	"testing"
)

// What an AccountSet and a DataSource say while something waits.
const (
	pendingSet = `{accounts: 40, pending: {id: 0f3a9b2c4d, creates: 1, prunes: 6, sample: [Create acme, MarkChurned beta]},
  conditions: [{type: Held, status: "True", reason: ApprovalNeeded, message: x, lastTransitionTime: "2026-11-01T00:00:00Z"}]}`
	droppedSource = `{conditions: [{type: Available, status: "False", reason: RowsDropped, lastTransitionTime: "2026-11-01T00:00:00Z", message: "49 rows, after 100 in the last accepted
  read: that is more than 50 percent fewer (spec.maxRowDropPercent), so the last values stand; to accept it: kubectl annotate datasource -n x usage perennial.dev/approve=00aa11bb22 --overwrite"}]}`
	dropped = "49 rows, after 100 in the last accepted read: that is more than 50 percent fewer (spec.maxRowDropPercent), so the last values stand"
)

// newGuardedDesk has a set and a source that wait for nothing yet.
func newGuardedDesk(t *testing.T) *desk {
	d := newDesk(t)
	d.make("AccountSet", "customers", `{spec: {sourceRef: {name: crm}, prune: MarkChurned, template: {key: "${row.id}", name: "${slug(row.name)}", spec: {displayName: "${row.name}"}}}}`)
	d.make("DataSource", "usage", `{spec: {account: {field: id}, configMap: {name: usage, key: usage.csv, format: CSV}, metrics: [{name: wau, type: Number}]}}`)
	return d
}

// approved is what was approved of an object.
func (d *desk) approved(kind, name string) string {
	return d.get(kind, name).GetAnnotations()["perennial.dev/approve"]
}

func TestApprove(t *testing.T) {
	d := newGuardedDesk(t)
	d.ok(admin, "accountset/customers: nothing waits for approval\n", "approve", "accountset/customers")
	d.ok(admin, "datasource/usage: nothing waits for approval\n", "approve", "dsrc/usage")
	out, errOut, code := d.run(admin, "approve")
	if out != "" || code != ExitOK || !strings.Contains(errOut, "Nothing waits for approval in namespace "+d.namespace) {
		t.Errorf("exit code %d: %s%s", code, out, errOut)
	}
	d.says("AccountSet", "customers", pendingSet)
	d.says("DataSource", "usage", droppedSource)
	out, _, _ = d.run(admin, "approve")
	d.wants("the list", out, `NAME                   ID           WHAT WAITS
accountset/customers   0f3a9b2c4d   1 account to make and 6 to prune (prune: MarkChurned), beside the 40 that there are
datasource/usage       00aa11bb22   `+dropped+"\n")

	d.refused(admin, "accountset/customers: nobody is there to ask; to let exactly this through: perennial approve accountset/customers -n "+d.namespace+" --id 0f3a9b2c4d",
		"approve", "accountset/customers")
	d.answers("\n")
	d.refused(admin, "Let it through? [y/N] Nothing was approved.", "approve", "accountset/customers")
	d.wants("the approval", d.approved("AccountSet", "customers"), "")
	d.ok(admin, "accountset/customers: approved 0f3a9b2c4d (dry run)", "approve", "accountset/customers", "--dry-run")
	d.wants("the approval", d.approved("AccountSet", "customers"), "")
	d.answers("yes\n")
	d.ok(admin, `accountset/customers: 1 account to make and 6 to prune (prune: MarkChurned), beside the 40 that there are
  Create acme
  MarkChurned beta
  and 5 more
accountset/customers: approved 0f3a9b2c4d
`, "approve", "accountsets/customers")
	d.wants("the approval", d.approved("AccountSet", "customers"), "0f3a9b2c4d")
	d.ok(admin, "accountset/customers: 0f3a9b2c4d is approved already; the operator has yet to act on it\n", "approve", "accountset/customers")
	d.types = nil
	d.refused(admin, "--id: 1111111111 does not wait (any more). What waits is 00aa11bb22: "+dropped, "approve", "datasource/usage", "--id", "1111111111")
	d.ok(admin, "datasource/usage: approved 00aa11bb22\n", "approve", "datasource/usage", "--id", "00aa11bb22")
	d.wants("the approval", d.approved("DataSource", "usage"), "00aa11bb22")
}

// TestAnotherChangeIsNotApproved: what was shown is approved, or nothing is.
func TestAnotherChangeIsNotApproved(t *testing.T) {
	d := newGuardedDesk(t)
	d.says("AccountSet", "customers", pendingSet)
	_, errOut, code := d.interrupted(admin, func() {
		d.says("AccountSet", "customers", strings.Replace(pendingSet, "0f3a9b2c4d", "99aa99bb99", 1))
	}, "approve", "accountset/customers", "--id", "0f3a9b2c4d")
	if code != ExitError || !strings.Contains(errOut, "another change waits by now, 99aa99bb99: ") {
		t.Errorf("exit code %d: %s", code, errOut)
	}
	_, errOut, code = d.interrupted(admin, func() { d.says("AccountSet", "customers", `{pending: null}`) }, "approve", "accountset/customers", "--id", "99aa99bb99")
	if code != ExitError || !strings.Contains(errOut, "it does not wait any more; nothing was approved") {
		t.Errorf("exit code %d: %s", code, errOut)
	}
	d.wants("the approval", d.approved("AccountSet", "customers"), "")
}

func TestWhatApproveAndRefreshRefuse(t *testing.T) {
	d := newGuardedDesk(t)
	d.says("DataSource", "usage", strings.ReplaceAll(droppedSource, "; to accept it", "... cut"))
	for name, tt := range map[string]struct {
		user user
		args []string
		want string
	}{
		"a kind without a guard":       {admin, []string{"approve", "playbook/rescue"}, "playbook/rescue: write accountset/NAME or datasource/NAME; nothing else has a guard"},
		"no kind":                      {admin, []string{"approve", "customers"}, "customers: write accountset/NAME or datasource/NAME"},
		"a set that is not there":      {admin, []string{"approve", "accountset/others"}, "there is no accountset others in namespace " + d.namespace},
		"an id for two":                {admin, []string{"approve", "accountset/customers", "datasource/usage", "--id", "1"}, "--id: it stands for one change"},
		"an id of nothing":             {admin, []string{"approve", "--id", "1"}, "--id: name what it is of"},
		"a message without an id":      {admin, []string{"approve", "datasource/usage"}, "datasource/usage: what waits has no id to approve: 49 rows"},
		"who may not read":             {guest, []string{"approve", "accountset/customers"}, "forbidden"},
		"nothing to refresh":           {admin, []string{"refresh"}, "name what to look at"},
		"a refresh of work":            {admin, []string{"refresh", "task/call"}, "task/call: nothing is asked of that kind"},
		"a refresh of what is no name": {admin, []string{"refresh", "usage"}, "usage: write KIND/NAME"},
		"a refresh of what is not":     {admin, []string{"refresh", "account/nobody"}, "there is no account nobody"},
		"who may not write":            {jo, []string{"refresh", "datasource/usage"}, "forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			in := *d
			in.t = t
			in.refused(tt.user, tt.want, tt.args...)
		})
	}
}

func TestRefresh(t *testing.T) {
	d := newGuardedDesk(t)
	d.ok(admin, "datasource/usage: asked for\naccount/probe: asked for\n", "refresh", "datasource/usage", "account/probe")
	for kind, name := range map[string]string{"DataSource": "usage", "Account": "probe"} {
		if got := d.get(kind, name).GetAnnotations()["perennial.dev/requestedAt"]; got != "2026-11-22T15:00:00Z" {
			t.Errorf("%s: %q", kind, got)
		}
	}
}
