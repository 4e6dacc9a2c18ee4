// Package v1alpha1 is the API of Perennial: customer success as code.
//
// Every kind is namespaced, and every reference is by name to an object in the same namespace. The package holds
// types, constants and nothing that computes.
//
// +kubebuilder:object:generate=true
// +groupName=perennial.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of every type in this package.
var GroupVersion = schema.GroupVersion{Group: "perennial.dev", Version: "v1alpha1"}

// AddToScheme registers every kind of this package with a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&Account{}, &AccountList{},
		&AccountSet{}, &AccountSetList{},
		&DataSource{}, &DataSourceList{},
		&HealthScoreModel{}, &HealthScoreModelList{},
		&Playbook{}, &PlaybookList{},
		&PlaybookRun{}, &PlaybookRunList{},
		&Task{}, &TaskList{},
		&Notifier{}, &NotifierList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
