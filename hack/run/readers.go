package main

import (
	"context"
	"fmt"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// The service account that perennial asks for a token of, as config/rbac has it.
const (
	readerNamespace = "perennial-system"
	reader          = "perennial-snapshot-reader"
)

// certificates is the folder of the certificate that the operator serves with. Each run makes its own.
func (o options) certificates() string { return filepath.Join(o.dataDir, "certificates") }

// allowReaders makes the service account that may read what the sources gave, and the metrics: the operator serves both to
// those who may read them, as it does in a cluster.
func (s *session) allowReaders(ctx context.Context) error {
	c, err := kubernetes.NewForConfig(s.api.Config())
	if err != nil {
		return err
	}
	name := metav1.ObjectMeta{Name: reader}
	for _, create := range []func() error{
		func() error {
			_, err := c.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: readerNamespace}}, metav1.CreateOptions{})
			return err
		},
		func() error {
			_, err := c.CoreV1().ServiceAccounts(readerNamespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: name}, metav1.CreateOptions{})
			return err
		},
		func() error {
			role := &rbacv1.ClusterRole{ObjectMeta: name, Rules: []rbacv1.PolicyRule{{NonResourceURLs: []string{"/snapshot/*", "/metrics"}, Verbs: []string{"get"}}}}
			_, err := c.RbacV1().ClusterRoles().Create(ctx, role, metav1.CreateOptions{})
			return err
		},
		func() error {
			binding := &rbacv1.ClusterRoleBinding{
				ObjectMeta: name, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: reader},
				Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: reader, Namespace: readerNamespace}},
			}
			_, err := c.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{})
			return err
		},
	} {
		if err := create(); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("allow %s to read metrics and snapshots: %w", reader, err)
		}
	}
	return nil
}
