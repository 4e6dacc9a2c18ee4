package web

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// keyring reads the Secrets of one source, if they allow every place that they are sent to.
type keyring struct {
	keys      observe.KeyReader
	namespace string
	// field is the path of the provider in the spec.
	field   string
	origins []origin
	// hiddenIn is the Secret that holds the URL, where the host itself is not to be shown.
	hiddenIn string
}

// secret returns what a key of a Secret holds, without white space around it.
func (k *keyring) secret(ctx context.Context, field string, ref v1alpha1.KeyReference) (string, error) {
	data, annotations, err := k.keys.SecretKey(ctx, k.namespace, ref.Name, ref.Key)
	if annotations == nil && err != nil {
		return "", observe.At(field, err)
	}
	// A Secret that does not allow the host does not even tell it which keys it has.
	if err := k.allowed(field, ref.Name, annotations[v1alpha1.AnnotationAllowHost]); err != nil {
		return "", err
	}
	if err != nil {
		return "", observe.At(field, err)
	}
	value := strings.TrimSpace(string(data))
	if value == "" {
		return "", observe.ReadFailed("%s: key %q of Secret %q is empty; fill it", field, ref.Key, ref.Name)
	}
	return value, nil
}

// line is secret, for what is sent in a header.
func (k *keyring) line(ctx context.Context, field string, ref v1alpha1.KeyReference) (string, error) {
	value, err := k.secret(ctx, field, ref)
	if err == nil && !isHeaderValue(value) {
		err = observe.ReadFailed("%s: key %q of Secret %q holds a character that no header can have, such as a line break in the middle; write it on one line", field, ref.Key, ref.Name)
	}
	return value, err
}

// allowed says which hosts a Secret's list lacks, and how to add them.
func (k *keyring) allowed(field, secret, list string) error {
	var missing []string
	for _, o := range k.origins {
		if !o.allowedBy(list) && !slices.Contains(missing, o.name()) {
			missing = append(missing, o.name())
		}
	}
	switch {
	case len(missing) == 0:
		return nil
	case k.hiddenIn != "":
		return k.hostNotAllowed(field, secret, list)
	}
	return observe.SecretNotAllowed("%s: Secret %q does not allow the host %s; to allow it: %s",
		field, secret, strings.Join(missing, " and the host "), observe.AllowCommand(k.namespace, secret, v1alpha1.AnnotationAllowHost, list, missing...))
}

// hostNotAllowed says that a Secret's list lacks the host of a URL that is itself in a Secret.
func (k *keyring) hostNotAllowed(field, secret, list string) error {
	where := "it"
	if secret != k.hiddenIn {
		where = fmt.Sprintf("Secret %q", k.hiddenIn)
	}
	return observe.SecretNotAllowed("%s: Secret %q does not allow the host of the URL in %s; to allow it, with that host in the place of HOST: %s",
		field, secret, where, observe.AllowCommand(k.namespace, secret, v1alpha1.AnnotationAllowHost, list, "HOST"))
}

// headers returns the headers of the spec.
func headers(ctx context.Context, keys *keyring, list []v1alpha1.HTTPHeader) (http.Header, error) {
	header := http.Header{}
	for i := range list {
		h := &list[i]
		value := h.Value
		if h.ValueSecretRef != nil {
			var err error
			if value, err = keys.line(ctx, headerField(keys.field, h.Name)+".valueSecretRef", *h.ValueSecretRef); err != nil {
				return nil, err
			}
		}
		header.Set(h.Name, value)
	}
	return header, nil
}

// authorize makes the client prove who asks.
func (c *Client) authorize(ctx context.Context, keys *keyring, auth *v1alpha1.HTTPAuth) error {
	var value string
	var err error
	switch {
	case auth == nil:
		return nil
	case auth.OAuth2 != nil:
		return c.authorizeOAuth2(ctx, keys, auth.OAuth2)
	case auth.Bearer != nil:
		value, err = keys.line(ctx, keys.field+".auth.bearer.tokenSecretRef", auth.Bearer.TokenSecretRef)
		value = "Bearer " + value
	default:
		value, err = basic(ctx, keys, auth.Basic)
	}
	if err != nil {
		return err
	}
	c.header.Set("Authorization", value)
	return nil
}

// basic writes a user name and a password as a header has them (RFC 7617).
func basic(ctx context.Context, keys *keyring, auth *v1alpha1.BasicAuth) (string, error) {
	field := keys.field + ".auth.basic"
	user, err := keys.line(ctx, field+".usernameSecretRef", auth.UsernameSecretRef)
	if err != nil {
		return "", err
	}
	if strings.Contains(user, ":") {
		return "", observe.ReadFailed("%s.usernameSecretRef: key %q of Secret %q holds a colon, which a user name cannot have; the password has a key of its own",
			field, auth.UsernameSecretRef.Key, auth.UsernameSecretRef.Name)
	}
	password := ""
	if auth.PasswordSecretRef != nil {
		if password, err = keys.line(ctx, field+".passwordSecretRef", *auth.PasswordSecretRef); err != nil {
			return "", err
		}
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)), nil
}

// secretNames lists the Secrets that prove who asks, for errors.
func secretNames(refs ...*v1alpha1.KeyReference) string {
	var names []string
	seen := map[string]bool{}
	for _, ref := range refs {
		if ref != nil && !seen[ref.Name] {
			seen[ref.Name] = true
			names = append(names, fmt.Sprintf("%q", ref.Name))
		}
	}
	switch len(names) {
	case 0:
		return noSecrets
	case 1:
		return "Secret " + names[0]
	}
	return "Secrets " + strings.Join(names, " and ")
}

// noSecrets is the list of none.
const noSecrets = "no Secret"
