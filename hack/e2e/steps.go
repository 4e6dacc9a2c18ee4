package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// begin applies the samples and starts the operator.
func (s *session) begin(ctx context.Context) error {
	if _, err := s.api.RunKubectl(ctx, "apply", "--server-side", "-k", "config/samples"); err != nil {
		return err
	}
	return s.startOperator(ctx)
}

// firstLook waits for scores and tasks, and prints the tables.
func (s *session) firstLook(ctx context.Context) error {
	for _, kind := range []string{"datasources", "accountsets", "healthscoremodels", "playbooks"} {
		if _, err := s.api.RunKubectl(ctx, "wait", "--for=condition=Ready", "--timeout=60s", "--all", kind); err != nil {
			return err
		}
	}
	err := s.until(ctx, func() error {
		bands, err := s.read(ctx, "accounts", "{range .items[*]}{.status.health.band} {end}")
		if err != nil {
			return err
		}
		for _, band := range []string{"Healthy", "AtRisk", "Critical"} {
			if !strings.Contains(bands, band) {
				return fmt.Errorf("no account is %s yet: %s", band, bands)
			}
		}
		if n := len(strings.Fields(bands)); n < 30 {
			return fmt.Errorf("%d accounts have a band", n)
		}
		runs, err := s.read(ctx, "playbookruns", "{range .items[*]}{.spec.playbookRef.name} {end}")
		for _, playbook := range []string{"onboarding", "usage-drop", "renewal", "detractor"} {
			if err == nil && !slices.Contains(strings.Fields(runs), playbook) {
				return fmt.Errorf("playbook %s has started nothing yet", playbook)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	if _, err := s.settled(ctx); err != nil {
		return err
	}
	for _, command := range [][]string{
		{"get", "accounts"},
		{"get", "accounts", "--field-selector=status.health.band=Critical", "-o", "wide"},
		{"get", "datasources,accountsets,healthscoremodels,playbooks"},
		{"get", "playbookruns"},
		{"get", "tasks"},
		{"get", "tasks", "--field-selector=status.assignee=jo@example.com,status.state=Open"},
	} {
		if err := s.show(ctx, command...); err != nil {
			return err
		}
	}
	return nil
}

// The customer that the test changes. It is no row of the CRM: nothing but the test writes it.
const (
	customer  = "pilot-customer"
	workspace = "org_pilot"
)

// newCustomer makes an account by hand, and gives it healthy usage.
func (s *session) newCustomer(ctx context.Context) error {
	err := s.apply(ctx, "account", fmt.Sprintf(`
apiVersion: perennial.dev/v1alpha1
kind: Account
metadata: {name: %s}
spec:
  displayName: Pilot Customer
  externalIDs: {product: [%s]}
  touchModel: TechTouch
  lifecycleStage: Adoption
  owner: lena@example.com
  contract: {arr: 9000, seats: 40}
`, customer, workspace))
	if err != nil {
		return err
	}
	if err := s.setUsage(ctx, "0.30,5,6"); err != nil {
		return err
	}
	return s.until(ctx, func() error {
		score, err := s.read(ctx, "account/"+customer, "{.status.health.score}")
		if err == nil && score == "" {
			err = fmt.Errorf("%s has no score yet", customer)
		}
		return err
	})
}

// setUsage replaces the customer's line in the usage data: dau_mau, wau_change_percent, key_features_adopted. What is
// usual for its plan stays the same.
func (s *session) setUsage(ctx context.Context, figures string) error {
	csv, err := s.read(ctx, "configmap/usage", `{.data.usage\.csv}`)
	if err != nil {
		return err
	}
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(csv), "\n"), func(line string) bool { return strings.HasPrefix(line, workspace+",") })
	first, rest, _ := strings.Cut(figures, ",")
	lines = append(lines, fmt.Sprintf("%s,25,30,%s,%s,0.24", workspace, first, rest))
	return s.apply(ctx, "usage", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: usage}\ndata:\n  usage.csv: |\n    "+strings.Join(lines, "\n    ")+"\n")
}

// taskOf waits until a step of the customer's one run has a task in a state, and returns the task's name.
func (s *session) taskOf(ctx context.Context, step, state string) (string, error) {
	name := ""
	err := s.until(ctx, func() error {
		tasks, err := s.read(ctx, "tasks", "{range .items[*]}{.metadata.name} {.spec.step} {.status.state}{\"\\n\"}{end}", "--field-selector=spec.accountRef.name="+customer)
		if err != nil {
			return err
		}
		for line := range strings.SplitSeq(tasks, "\n") {
			if f := strings.Fields(line); len(f) == 3 && f[1] == step && f[2] == state {
				name = f[0]
				return nil
			}
		}
		return fmt.Errorf("no task of step %s is %s; there are:\n%s", step, state, tasks)
	})
	return name, err
}

// usageDrops changes the customer's data and waits for the task.
func (s *session) usageDrops(ctx context.Context) error {
	if err := s.setUsage(ctx, "0.04,-62.5,1"); err != nil {
		return err
	}
	began := time.Now()
	if _, err := s.taskOf(ctx, "triage", "Open"); err != nil {
		return err
	}
	s.say("from the changed ConfigMap to the open task: %.1f s", time.Since(began).Seconds())
	if err := s.show(ctx, "get", "account", customer); err != nil {
		return err
	}
	return s.show(ctx, "describe", "playbookruns", "-l", "perennial.dev/account="+customer)
}

// finishTask does what a person does, wrong and right.
func (s *session) finishTask(ctx context.Context) error {
	task, err := s.taskOf(ctx, "triage", "Open")
	if err != nil {
		return err
	}
	outcomes, err := s.read(ctx, "task/"+task, "{.spec.outcomes}")
	if err != nil {
		return err
	}
	if _, err := s.api.RunKubectl(ctx, "patch", "task", task, "--type=merge", "-p", `{"spec":{"state":"Done"}}`); err == nil || !strings.Contains(err.Error(), "state Done needs one of") {
		return fmt.Errorf("a task without its outcome was accepted: %w", err)
	}
	s.say("outcomes to choose from: %s", outcomes)
	if err := s.show(ctx, "patch", "task", task, "--type=merge", "-p", `{"spec":{"state":"Done","outcome":"RealDrop","note":"their planner left"}}`); err != nil {
		return err
	}
	if _, err := s.taskOf(ctx, "call", "Open"); err != nil {
		return err
	}
	return s.show(ctx, "get", "tasks", "--field-selector=spec.accountRef.name="+customer)
}

// deleteAccount deletes the customer, and waits until its runs and tasks are collected.
func (s *session) deleteAccount(ctx context.Context) error {
	if _, err := s.api.RunKubectl(ctx, "delete", "account", customer); err != nil {
		return err
	}
	return s.until(ctx, func() error {
		left, err := s.api.RunKubectl(ctx, "get", "playbookruns,tasks", "-l", "perennial.dev/account="+customer, "-o", "name")
		if err == nil && left != "" {
			err = fmt.Errorf("still there: %s", left)
		}
		if err != nil {
			return err
		}
		return s.modelsCounted(ctx)
	})
}

// modelsCounted returns an error until the models have counted their accounts anew, which they do a little later.
func (s *session) modelsCounted(ctx context.Context) error {
	counts, err := s.read(ctx, "healthscoremodels", "{range .items[*]}{.status.accounts} {end}")
	if err != nil {
		return err
	}
	sum := 0
	for _, count := range strings.Fields(counts) {
		n, err := strconv.Atoi(count)
		if err != nil {
			return err
		}
		sum += n
	}
	scored, err := s.read(ctx, "accounts", `{.items[*].status.conditions[?(@.reason=="ModelApplied")].reason}`)
	if want := len(strings.Fields(scored)); err == nil && sum != want {
		err = fmt.Errorf("the models count %d accounts, %d are scored", sum, want)
	}
	return err
}

// restart stops the operator, starts it again, and compares everything that it could have written.
func (s *session) restart(ctx context.Context) error {
	before, err := s.settled(ctx)
	if err != nil {
		return err
	}
	if err := s.stopOperator(); err != nil {
		return err
	}
	if err := s.startOperator(ctx); err != nil {
		return err
	}
	after, err := s.settled(ctx)
	if err != nil {
		return err
	}
	if changed := differences(before, after); len(changed) > 0 {
		return fmt.Errorf("written without a change in the world: %s", strings.Join(changed, ", "))
	}
	s.say("%d objects looked at, 0 written", len(after))
	return nil
}
