package notify

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestWants(t *testing.T) {
	account := func(stage v1alpha1.LifecycleStage) *v1alpha1.Account {
		a := &v1alpha1.Account{}
		a.Labels = map[string]string{"tier": "enterprise"}
		a.Spec.LifecycleStage = stage
		return a
	}
	enterprise := v1alpha1.NotifierSpec{AccountSelector: &v1alpha1.AccountSelector{MatchLabels: map[string]string{"tier": "enterprise"}}}
	adopting := v1alpha1.NotifierSpec{AccountSelector: &v1alpha1.AccountSelector{LifecycleStages: []v1alpha1.LifecycleStage{"Adoption"}}}
	tests := map[string]struct {
		spec    v1alpha1.NotifierSpec
		event   v1alpha1.EventType
		subject Subject
		want    bool
	}{
		"all of everything":           {v1alpha1.NotifierSpec{}, "TaskOpened", Subject{}, true},
		"one of its events":           {v1alpha1.NotifierSpec{Events: []v1alpha1.EventType{"TaskOpened"}}, "TaskOpened", Subject{}, true},
		"another event":               {v1alpha1.NotifierSpec{Events: []v1alpha1.EventType{"TaskOpened"}}, "TaskDone", Subject{}, false},
		"its playbook":                {v1alpha1.NotifierSpec{Playbooks: []string{"rescue"}}, "RunStarted", Subject{Playbook: "rescue"}, true},
		"its playbook, renamed":       {v1alpha1.NotifierSpec{Playbooks: []string{"rescue"}}, "RunStarted", Subject{Playbook: "save", AlsoCalled: []string{"rescue"}}, true},
		"another playbook":            {v1alpha1.NotifierSpec{Playbooks: []string{"rescue"}}, "RunStarted", Subject{Playbook: "renewal"}, false},
		"an event of no playbook":     {v1alpha1.NotifierSpec{Playbooks: []string{"rescue"}}, "HealthChanged", Subject{}, false},
		"its assignee":                {v1alpha1.NotifierSpec{Assignees: []string{"jo", "al"}}, "TaskOpened", Subject{Assignee: "al"}, true},
		"another assignee":            {v1alpha1.NotifierSpec{Assignees: []string{"jo"}}, "TaskOpened", Subject{Assignee: "al"}, false},
		"nobody":                      {v1alpha1.NotifierSpec{Assignees: []string{"jo"}}, "TaskOpened", Subject{}, false},
		"its account":                 {enterprise, "TaskOpened", Subject{Account: account("Adoption")}, true},
		"an account not there":        {enterprise, "TaskOpened", Subject{}, false},
		"an account in another stage": {adopting, "TaskOpened", Subject{Account: account("Retention")}, false},
		"churned, chosen by label":    {enterprise, "TaskDone", Subject{Account: account("Churned")}, false},
		"churned, and no selector":    {v1alpha1.NotifierSpec{}, "TaskDone", Subject{Account: account("Churned")}, true},
		"its account churned":         {enterprise, "AccountChurned", Subject{Account: account("Churned"), Was: "Adoption"}, true},
		"churns, chosen by stage":     {adopting, "AccountChurned", Subject{Account: account("Churned"), Was: "Adoption"}, true},
		"another account churned":     {adopting, "AccountChurned", Subject{Account: account("Churned"), Was: "Retention"}, false},
		"all must hold":               {v1alpha1.NotifierSpec{Playbooks: []string{"rescue"}, Assignees: []string{"jo"}}, "TaskOpened", Subject{Playbook: "rescue", Assignee: "al"}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f, err := Compile(&v1alpha1.Notifier{Spec: test.spec})
			if err != nil {
				t.Fatal(err)
			}
			if got := f.Wants(test.event, test.subject); got != test.want {
				t.Errorf("it wants it: %t", got)
			}
		})
	}
}

func TestCompile(t *testing.T) {
	f, err := Compile(&v1alpha1.Notifier{})
	if err != nil || f.Timeout != 10*time.Second || f.GiveUpAfter != 7*24*time.Hour {
		t.Errorf("the defaults are %v, %v", f, err)
	}
	f, err = Compile(&v1alpha1.Notifier{Spec: v1alpha1.NotifierSpec{Timeout: "1m", GiveUpAfter: "30d"}})
	if err != nil || f.Timeout != time.Minute || f.GiveUpAfter != 30*24*time.Hour {
		t.Errorf("the longest are %v, %v", f, err)
	}
	tests := map[string]struct {
		spec v1alpha1.NotifierSpec
		want string
	}{
		"no time":     {v1alpha1.NotifierSpec{Timeout: "0"}, "spec.timeout: 0 is no time at all; leave it out for 10s"},
		"too long":    {v1alpha1.NotifierSpec{Timeout: "61s"}, "spec.timeout: 61s is longer than 1m"},
		"too patient": {v1alpha1.NotifierSpec{GiveUpAfter: "31d"}, "spec.giveUpAfter: 31d is longer than 30d"},
		"a bad selector": {v1alpha1.NotifierSpec{AccountSelector: &v1alpha1.AccountSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "tier", Operator: metav1.LabelSelectorOpIn},
		}}}, "spec.accountSelector: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Compile(&v1alpha1.Notifier{Spec: test.spec}); err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("it says %v, want %s", err, test.want)
			}
		})
	}
}
