package controllers

import (
	"context"
	"errors"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/accountset"
)

// writtenAccount is how an account was written.
type writtenAccount struct {
	// resourceVersion that the API server gave it; empty where it was deleted.
	resourceVersion string
	// uid of an account that was deleted.
	uid types.UID
}

// accountWriters is how many accounts of one set are written at the same time.
const accountWriters = 8

// errNameTaken says that an account of the name came to be since the plan was made; the next plan knows it.
var errNameTaken = errors.New("an account of this name was just made by somebody else")

// outcome is what came of a plan's changes.
type outcome struct {
	created, deleted int
	// counted are the changes that count against the guard.
	counted    int32
	rejected   []v1alpha1.RejectedRow
	overridden []v1alpha1.OverriddenField
	// outdated is true where an account is no longer as the plan knew it; the next plan will.
	outdated bool
	failures []error
}

// err joins the failures of the API server; the first few say enough.
func (o *outcome) err() error { return errors.Join(o.failures[:min(len(o.failures), 3)]...) }

// execute makes changes, several at a time. It carries on after a failure: each account is its own.
func (r *AccountSetReconciler) execute(ctx context.Context, set *v1alpha1.AccountSet, memory *setMemory, changes []accountset.Change) *outcome {
	var (
		done outcome
		mu   sync.Mutex
		wg   sync.WaitGroup
	)
	next := make(chan *accountset.Change)
	for range min(accountWriters, len(changes)) {
		wg.Go(func() {
			for c := range next {
				written, overrides, err := r.write(ctx, set.Namespace, c)
				mu.Lock()
				memory.note(c, written, err)
				done.note(c, overrides, err)
				mu.Unlock()
			}
		})
	}
	for i := range changes {
		next <- &changes[i]
	}
	close(next)
	wg.Wait()
	return &done
}

// note remembers what came of one change.
func (m *setMemory) note(c *accountset.Change, written writtenAccount, err error) {
	if reason := refusalOf(err); reason != "" {
		m.refused[c.Key] = accountset.Refusal{Fingerprint: c.Fingerprint(), Reason: reason}
		delete(m.approved, c.Identity())
		return
	}
	if err != nil {
		return
	}
	delete(m.refused, c.Key)
	delete(m.approved, c.Identity())
	m.written[c.Name] = written
}

// note counts what came of one change.
func (o *outcome) note(c *accountset.Change, overrides []v1alpha1.OverriddenField, err error) {
	if reason := refusalOf(err); reason != "" {
		o.rejected = append(o.rejected, v1alpha1.RejectedRow{Key: c.Key, Reason: reason})
		return
	}
	if errors.Is(err, errNameTaken) || apierrors.IsConflict(err) {
		o.outdated = true
		return
	}
	if err != nil {
		o.failures = append(o.failures, fmt.Errorf("%s account %s: %w", c.Action, c.Name, err))
		return
	}
	o.overridden = append(o.overridden, overrides...)
	if c.Counted {
		o.counted++
	}
	switch c.Action {
	case accountset.ActionCreate:
		o.created++
	case accountset.ActionDelete:
		o.deleted++
	}
}

// write makes one change.
func (r *AccountSetReconciler) write(ctx context.Context, namespace string, c *accountset.Change) (writtenAccount, []v1alpha1.OverriddenField, error) {
	if c.Action == accountset.ActionDelete {
		return writtenAccount{uid: c.UID}, nil, r.deleteAccount(ctx, namespace, c.Name, c.UID)
	}
	if c.Action == accountset.ActionCreate {
		// Applying to an account that a person just made would adopt it.
		err := r.Reader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: c.Name}, &v1alpha1.Account{})
		if err == nil {
			return writtenAccount{}, nil, errNameTaken
		}
		if !apierrors.IsNotFound(err) {
			return writtenAccount{}, nil, err
		}
	}
	version, overrides, err := r.apply(ctx, namespace, c)
	return writtenAccount{resourceVersion: version}, overrides, err
}

// apply writes an account by server-side apply and never forces: a field that somebody else owns is left to him, and the
// rest is applied.
func (r *AccountSetReconciler) apply(ctx context.Context, namespace string, c *accountset.Change) (string, []v1alpha1.OverriddenField, error) {
	var overrides []v1alpha1.OverriddenField
	fields := c.Fields
	for {
		attempt := *c
		attempt.Fields = fields
		object := &unstructured.Unstructured{Object: attempt.Object()}
		object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Account"))
		object.SetNamespace(namespace)
		err := r.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(accountset.FieldManager))
		if !apierrors.IsConflict(err) || c.Action == accountset.ActionCreate {
			return object.GetResourceVersion(), overrides, err
		}
		rest, owned := fields.Less(ownedByOthers(err))
		if len(owned) == 0 {
			return "", nil, err
		}
		for i := range owned {
			owned[i].Account = c.Name
		}
		fields, overrides = rest, append(overrides, owned...)
	}
}

// ownedByOthers returns the fields of a conflict as the API server writes them, with their managers.
func ownedByOthers(err error) map[string]string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	owners := map[string]string{}
	for _, cause := range status.Status().Details.Causes {
		if cause.Type == metav1.CauseTypeFieldManagerConflict {
			owners[cause.Field] = accountset.ManagerOf(cause.Message)
		}
	}
	return owners
}

// refusalOf returns why the API server refuses an account for what it holds; empty where it does not.
func refusalOf(err error) string {
	if !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
		return ""
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return ""
	}
	return accountset.RefusalReason(status.Status())
}

// deleteAccount deletes exactly the account that was looked at. That it is gone already is no failure.
func (r *AccountSetReconciler) deleteAccount(ctx context.Context, namespace, name string, uid types.UID) error {
	account := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	err := r.Delete(ctx, account, client.Preconditions{UID: &uid}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if apierrors.IsConflict(err) {
		return nil
	}
	return client.IgnoreNotFound(err)
}

// deleteAll deletes every account that the set made, and returns how many are left.
func (r *AccountSetReconciler) deleteAll(ctx context.Context, set *v1alpha1.AccountSet) (int, error) {
	var accounts v1alpha1.AccountList
	err := r.Reader.List(ctx, &accounts, client.InNamespace(set.Namespace), client.MatchingLabels{v1alpha1.LabelAccountSet: set.Name})
	if err != nil {
		return 0, err
	}
	left := 0
	for i := range accounts.Items {
		a := &accounts.Items[i]
		if a.Annotations[v1alpha1.AnnotationSourceKey] == "" {
			continue
		}
		left++
		if a.DeletionTimestamp.IsZero() {
			if err := r.deleteAccount(ctx, a.Namespace, a.Name, a.UID); err != nil {
				return left, err
			}
		}
	}
	return left, nil
}

// settled reports whether the cache shows everything that was written for the set. A plan made before that would count
// the same changes twice.
func (r *AccountSetReconciler) settled(ctx context.Context, namespace string, memory *setMemory) (bool, error) {
	for name, written := range memory.written {
		key := types.NamespacedName{Namespace: namespace, Name: name}
		seen, err := r.shown(ctx, key, written)
		if err != nil || !seen {
			return false, err
		}
		delete(memory.written, name)
	}
	return true, nil
}

// shown reports whether the cache shows an account as it was written, or what became of it later.
func (r *AccountSetReconciler) shown(ctx context.Context, key types.NamespacedName, written writtenAccount) (bool, error) {
	var account v1alpha1.Account
	err := r.Get(ctx, key, &account)
	if client.IgnoreNotFound(err) != nil {
		return false, err
	}
	there := err == nil
	if written.resourceVersion == "" {
		return !there || account.UID != written.uid || !account.DeletionTimestamp.IsZero(), nil
	}
	if there {
		order, err := resourceversion.CompareResourceVersion(account.ResourceVersion, written.resourceVersion)
		return err != nil || order >= 0, nil
	}
	// It may have been deleted again before the cache ever showed it.
	err = r.Reader.Get(ctx, key, &account)
	return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
}

// useApproval takes the approval away before the changes are made, so that it lets them through once; they are
// remembered until they are made.
func (r *AccountSetReconciler) useApproval(ctx context.Context, set *v1alpha1.AccountSet, memory *setMemory, plan *accountset.Plan) error {
	before := set.DeepCopy()
	delete(set.Annotations, v1alpha1.AnnotationApprove)
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Patch(ctx, set, patch); err != nil {
		return err
	}
	for i := range plan.Changes {
		if c := &plan.Changes[i]; c.Action != accountset.ActionUpdate && !c.Counted {
			memory.approved[c.Identity()] = true
		}
	}
	recorder{r.Recorder}.normal(set, "ChangeApproved", "Approve", "%d changes were approved", len(memory.approved))
	return nil
}
