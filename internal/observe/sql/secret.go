package sql

import (
	"context"
	"errors"
	"fmt"
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
		return "", at(dsnField, err)
	}
	// A Secret that does not allow this source does not even tell it which keys it has.
	allowed := annotations[v1alpha1.AnnotationAllowDataSource]
	if !allows(allowed, r.source.Name) {
		return "", observe.SecretNotAllowed("%s: Secret %q does not allow this DataSource; to allow it: %s",
			dsnField, ref.Name, allowCommand(r.source.Namespace, ref.Name, allowed, r.source.Name))
	}
	if err != nil {
		return "", at(dsnField, err)
	}
	value := strings.TrimSpace(string(data))
	if value == "" {
		return "", observe.ReadFailed("%s: key %q of Secret %q is empty; write %s", dsnField, ref.Key, ref.Name, r.server.example())
	}
	return value, nil
}

// at puts the path of a field before an error's message. Errors of the API server stay what they are.
func at(field string, err error) error {
	if told, ok := errors.AsType[*observe.Error](err); ok {
		placed := *told
		placed.Message = field + ": " + told.Message
		return &placed
	}
	return fmt.Errorf("%s: %w", field, err)
}

// allows reports whether a list of names, separated by commas, has a name or *.
func allows(list, name string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(entry string) bool {
		entry = strings.TrimSpace(entry)
		return entry == "*" || entry == name
	})
}

// allowCommand writes the command that adds a name to a Secret's list.
func allowCommand(namespace, secret, allowed, name string) string {
	list, overwrite := name, ""
	if strings.TrimSpace(allowed) != "" {
		list, overwrite = allowed+","+name, " --overwrite"
	}
	return fmt.Sprintf("kubectl annotate secret -n %s %s '%s=%s'%s", namespace, secret, v1alpha1.AnnotationAllowDataSource, list, overwrite)
}
