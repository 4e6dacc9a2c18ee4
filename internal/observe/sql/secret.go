package sql

import (
	"context"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// dsnField is the path of the field that errors of the connection are about.
const dsnField = "spec.sql.dsnSecretRef"

// dsn reads the connection string from the Secret, if the Secret says that this source may use it.
func (r *remote) dsn(ctx context.Context) (string, error) {
	ref := r.ds.Spec.SQL.DSNSecretRef
	data, annotations, err := r.deps.Keys.SecretKey(ctx, r.source.Namespace, ref.Name, ref.Key)
	if annotations == nil && err != nil {
		return "", observe.At(dsnField, err)
	}
	// A Secret that does not allow this source does not even tell it which keys it has.
	allowed := annotations[v1alpha1.AnnotationAllowDataSource]
	if !allows(allowed, r.source.Name) {
		return "", observe.SecretNotAllowed("%s: Secret %q does not allow this DataSource; to allow it: %s",
			dsnField, ref.Name, observe.AllowCommand(r.source.Namespace, ref.Name, v1alpha1.AnnotationAllowDataSource, allowed, r.source.Name))
	}
	if err != nil {
		return "", observe.At(dsnField, err)
	}
	value := strings.TrimSpace(string(data))
	if value == "" {
		return "", observe.ReadFailed("%s: key %q of Secret %q is empty; write %s", dsnField, ref.Key, ref.Name, r.server.example())
	}
	return value, nil
}

// allows reports whether a list of names, separated by commas, has a name or *.
func allows(list, name string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(entry string) bool {
		entry = strings.TrimSpace(entry)
		return entry == "*" || entry == name
	})
}
