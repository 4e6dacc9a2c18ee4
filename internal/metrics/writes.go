package metrics

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The results of a write, besides success.
const (
	writeConflict = "conflict"
	writeGone     = "gone"
	writeError    = "error"
)

// CountStatusWrites returns a client that counts the statuses which it updates.
func (a *Activity) CountStatusWrites(c client.Client) client.Client {
	if a == nil {
		return c
	}
	return countingClient{c, a}
}

// countingClient counts what its status writers do.
type countingClient struct {
	client.Client
	activity *Activity
}

// Status implements client.StatusClient.
func (c countingClient) Status() client.SubResourceWriter {
	return countingWriter{c.Client.Status(), c}
}

type countingWriter struct {
	client.SubResourceWriter
	client countingClient
}

// Update implements client.SubResourceWriter. Statuses are written in no other way.
func (w countingWriter) Update(ctx context.Context, obj client.Object, opts ...client.SubResourceUpdateOption) error {
	err := w.SubResourceWriter.Update(ctx, obj, opts...)
	kind, unknown := w.client.GroupVersionKindFor(obj)
	if unknown == nil {
		w.client.activity.statusWrites.WithLabelValues(kind.Kind, resultOf(err)).Inc()
	}
	return err
}

// resultOf says how a write went.
func resultOf(err error) string {
	switch {
	case err == nil:
		return success
	case apierrors.IsConflict(err):
		return writeConflict
	case apierrors.IsNotFound(err):
		return writeGone
	}
	return writeError
}
