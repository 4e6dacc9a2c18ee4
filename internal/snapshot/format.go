package snapshot

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/observe"
)

// The kinds of lines that are no objects of the cluster.
const (
	kindSnapshot = "Snapshot"
	kindSource   = "Source"
	kindEnd      = "End"
)

// version of the format that is written; a newer one is not read.
const version = 1

// Header is the first line of a snapshot, in a file or from the operator.
type Header struct {
	Kind    string `json:"kind"`
	Version int    `json:"version"`
	// Time it was taken.
	Time      time.Time `json:"time"`
	Namespace string    `json:"namespace"`
	// TimeZone of days, empty where it is not known.
	TimeZone string `json:"timeZone,omitempty"`
	// Settle is the operator's --settle; empty where it is not known.
	Settle string `json:"settle,omitempty"`
	// From is where the facts come from.
	From Origin `json:"from"`
}

// sourceLine is what is held of one source.
type sourceLine struct {
	Kind string `json:"kind"`
	*observe.Dump
}

// endLine is the last line: without it something is missing.
type endLine struct {
	Kind string `json:"kind"`
	// Lines is how many there are, this one included.
	Lines int `json:"lines"`
}

// bucket is one kind of objects in a world.
type bucket struct {
	kind string
	// empty returns a new object of the kind, list one of its list.
	empty func() client.Object
	list  func() client.ObjectList
	// add puts an object into a world; all returns those that are there.
	add func(*fleet.World, client.Object)
	all func(*fleet.World) []client.Object
}

// bucketOf describes a kind by the list that it is in.
func bucketOf[T any, P interface {
	*T
	client.Object
}](kind string, list func() client.ObjectList, in func(*fleet.World) *[]P) bucket {
	return bucket{
		kind: kind, list: list,
		empty: func() client.Object { return P(new(T)) },
		add:   func(w *fleet.World, o client.Object) { *in(w) = append(*in(w), o.(P)) },
		all: func(w *fleet.World) []client.Object {
			objects := make([]client.Object, len(*in(w)))
			for i, o := range *in(w) {
				objects[i] = o
			}
			return objects
		},
	}
}

// buckets are the kinds that a snapshot has, in the order of a file: the configuration, and what it is about.
func buckets() []bucket {
	return []bucket{
		bucketOf("DataSource", func() client.ObjectList { return &v1alpha1.DataSourceList{} }, func(w *fleet.World) *[]*v1alpha1.DataSource { return &w.DataSources }),
		bucketOf("AccountSet", func() client.ObjectList { return &v1alpha1.AccountSetList{} }, func(w *fleet.World) *[]*v1alpha1.AccountSet { return &w.AccountSets }),
		bucketOf("HealthScoreModel", func() client.ObjectList { return &v1alpha1.HealthScoreModelList{} }, func(w *fleet.World) *[]*v1alpha1.HealthScoreModel { return &w.Models }),
		bucketOf("Playbook", func() client.ObjectList { return &v1alpha1.PlaybookList{} }, func(w *fleet.World) *[]*v1alpha1.Playbook { return &w.Playbooks }),
		bucketOf("Notifier", func() client.ObjectList { return &v1alpha1.NotifierList{} }, func(w *fleet.World) *[]*v1alpha1.Notifier { return &w.Notifiers }),
		bucketOf("Account", func() client.ObjectList { return &v1alpha1.AccountList{} }, func(w *fleet.World) *[]*v1alpha1.Account { return &w.Accounts }),
		bucketOf("PlaybookRun", func() client.ObjectList { return &v1alpha1.PlaybookRunList{} }, func(w *fleet.World) *[]*v1alpha1.PlaybookRun { return &w.Runs }),
		bucketOf("Task", func() client.ObjectList { return &v1alpha1.TaskList{} }, func(w *fleet.World) *[]*v1alpha1.Task { return &w.Tasks }),
	}
}
