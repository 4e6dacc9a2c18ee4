package account_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
)

// part makes an account that is part of another; an empty parent is none.
func part(name, parent string) *v1alpha1.Account {
	a := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if parent != "" {
		a.Spec.ParentRef = &v1alpha1.LocalReference{Name: parent}
	}
	return a
}

// tree reads accounts from "child<parent" words, and looks them up.
func tree(words string) account.Lookup {
	all := map[string]*v1alpha1.Account{}
	for word := range strings.FieldsSeq(words) {
		name, parent, _ := strings.Cut(word, "<")
		all[name] = part(name, parent)
	}
	return func(name string) (*v1alpha1.Account, bool) {
		a, ok := all[name]
		return a, ok
	}
}

func TestTheWayUp(t *testing.T) {
	for name, c := range map[string]struct {
		accounts, of string
		want         account.Ancestry
	}{
		"of an account without a parent is empty":         {"a", "a", account.Ancestry{}},
		"ends at the account without a parent":            {"a<b b<c c", "a", account.Ancestry{Names: []string{"b", "c"}}},
		"ends where the parent is not there":              {"a<b", "a", account.Ancestry{ParentMissing: true}},
		"is there although what is further up is not":     {"a<b b<c", "a", account.Ancestry{Names: []string{"b"}}},
		"of an account that is its own parent":            {"a<a", "a", account.Ancestry{InCircle: true}},
		"comes back in a circle of two":                   {"a<b b<a", "a", account.Ancestry{Names: []string{"b"}, InCircle: true}},
		"comes back in a circle of three":                 {"a<b b<c c<a", "b", account.Ancestry{Names: []string{"c", "a"}, InCircle: true}},
		"leads into a circle that the account is not in":  {"x<a a<b b<a", "x", account.Ancestry{Names: []string{"a", "b"}}},
		"leads into one from far below":                   {"y<x x<b a<b b<c c<a", "y", account.Ancestry{Names: []string{"x", "b", "c", "a"}}},
		"leads to an account that is its own parent":      {"x<a a<a", "x", account.Ancestry{Names: []string{"a"}}},
		"ignores circles elsewhere, and the missing, too": {"a<b b c<d d<c e<f", "a", account.Ancestry{Names: []string{"b"}}},
	} {
		t.Run(name, func(t *testing.T) {
			lookup := tree(c.accounts)
			a, _ := lookup(c.of)
			if diff := cmp.Diff(c.want, account.AncestryOf(a, lookup)); diff != "" {
				t.Errorf("- want, + got:\n%s", diff)
			}
		})
	}
}

func TestTheWayUpHasNoLimit(t *testing.T) {
	const depth = 100_000
	lookups := 0
	up := account.AncestryOf(part("0", "1"), func(name string) (*v1alpha1.Account, bool) {
		lookups++
		n, err := strconv.Atoi(name)
		if err != nil || n > depth {
			return nil, false
		}
		return part(name, strconv.Itoa((n+1)%depth)), true
	})
	if !up.InCircle || len(up.Names) != depth-1 || lookups != depth-1 {
		t.Errorf("in a circle of %d: %t, %d names, %d lookups", depth, up.InCircle, len(up.Names), lookups)
	}
}

func TestWhoCountsAsAChild(t *testing.T) {
	churned := part("churned", "a")
	churned.Spec.LifecycleStage = v1alpha1.StageChurned
	marked := part("marked", "a")
	marked.Annotations = map[string]string{v1alpha1.AnnotationChurnedBy: "customers"}
	deleted := part("deleted", "a")
	deleted.DeletionTimestamp = new(metav1.Unix(1, 0))
	referring := []*v1alpha1.Account{part("d", "a"), churned, part("c", "a"), marked, deleted, part("b", "a"), part("a", "a")}
	for name, c := range map[string]struct {
		up   account.Ancestry
		want string
	}{
		"all but churned ones and those on their way out, by name": {account.Ancestry{}, "a b c d"},
		"those of an account that has a parent itself":             {account.Ancestry{Names: []string{"c", "b"}}, "a b c d"},
		"none that closes a circle":                                {account.Ancestry{Names: []string{"x", "c"}, InCircle: true}, "a b d"},
		"the account itself least of all":                          {account.Ancestry{InCircle: true}, "b c d"},
	} {
		t.Run(name, func(t *testing.T) {
			var names []string
			for _, child := range account.Children(part("a", ""), c.up, referring) {
				names = append(names, child.Name)
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// worth makes an account with its own ARR, and what it has summed up of those below it.
func worth(arr int64, rollup *v1alpha1.Rollup) *v1alpha1.Account {
	a := part("x", "")
	a.Spec.Contract = &v1alpha1.Contract{ARR: &arr}
	a.Status.Rollup = rollup
	return a
}

func TestRollup(t *testing.T) {
	group := worth(400, &v1alpha1.Rollup{Accounts: 3, ARR: 1000})
	churned := worth(70, &v1alpha1.Rollup{Accounts: 9, ARR: 9000})
	churned.Spec.LifecycleStage = v1alpha1.StageChurned
	noContract := part("x", "")
	for name, c := range map[string]struct {
		of       *v1alpha1.Account
		children []*v1alpha1.Account
		want     *v1alpha1.Rollup
	}{
		"is not there without children":                        {worth(10, nil), nil, nil},
		"of one that had children once is not there":           {group, nil, nil},
		"adds up the account and its children":                 {worth(10, nil), []*v1alpha1.Account{worth(1, nil), worth(2, nil)}, &v1alpha1.Rollup{Accounts: 2, ARR: 13}},
		"takes of a child with children what that has summed":  {worth(10, nil), []*v1alpha1.Account{group, worth(2, nil)}, &v1alpha1.Rollup{Accounts: 5, ARR: 1012}},
		"counts children of unknown ARR":                       {noContract, []*v1alpha1.Account{noContract}, &v1alpha1.Rollup{Accounts: 1}},
		"leaves a churned child out, and all below it":         {worth(10, nil), []*v1alpha1.Account{churned, worth(2, nil)}, &v1alpha1.Rollup{Accounts: 1, ARR: 12}},
		"is not there where all the children churned":          {worth(10, nil), []*v1alpha1.Account{churned}, nil},
		"is made anew, whatever the account summed up before":  {group, []*v1alpha1.Account{worth(2, nil)}, &v1alpha1.Rollup{Accounts: 1, ARR: 402}},
		"is that of a churned account, too, as long as it has": {churned, []*v1alpha1.Account{worth(2, nil)}, &v1alpha1.Rollup{Accounts: 1, ARR: 72}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, account.Rollup(c.of, c.children)); diff != "" {
				t.Errorf("- want, + got:\n%s", diff)
			}
		})
	}
}

func TestTotalARRIsThatOfAllBelowToo(t *testing.T) {
	if got := account.TotalARR(worth(400, nil)); got != 400 {
		t.Errorf("without children: %d", got)
	}
	if got := account.TotalARR(worth(400, &v1alpha1.Rollup{Accounts: 3, ARR: 1000})); got != 1000 {
		t.Errorf("with children: %d", got)
	}
	if got := account.TotalARR(part("x", "")); got != 0 {
		t.Errorf("where nobody knows it: %d", got)
	}
}
