package observe

import (
	"errors"
	"fmt"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Error is what a user is told about a source that cannot be read: no value, no credential, no connection string.
type Error struct {
	// Reason is a condition reason of the API: ReadFailed, RateLimited, AddressNotAllowed, ReferenceNotFound,
	// SecretNotFound, SecretNotAllowed, InvalidSpec or RowsDropped.
	Reason string
	// Message for people: the field, a colon, what is wrong; and, after a semicolon, what to do.
	Message string
	// RetryAfter is how long the source asks to be left alone; 0 where it does not say.
	RetryAfter time.Duration
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

func newError(reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// ReadFailed is the error of a source that could not be read, or gave what cannot be used.
func ReadFailed(format string, args ...any) error {
	return newError(v1alpha1.ReasonReadFailed, format, args...)
}

// InvalidSpec is the error of a spec that cannot work; the message begins with the field's path.
func InvalidSpec(format string, args ...any) error {
	return newError(v1alpha1.ReasonInvalidSpec, format, args...)
}

// ReferenceNotFound is the error of a ConfigMap, or a key of it, that is not there.
func ReferenceNotFound(format string, args ...any) error {
	return newError(v1alpha1.ReasonReferenceNotFound, format, args...)
}

// SecretNotFound is the error of a Secret, or a key of it, that is not there.
func SecretNotFound(format string, args ...any) error {
	return newError(v1alpha1.ReasonSecretNotFound, format, args...)
}

// SecretNotAllowed is the error of a Secret that does not say that this source may use it.
func SecretNotAllowed(format string, args ...any) error {
	return newError(v1alpha1.ReasonSecretNotAllowed, format, args...)
}

// AddressNotAllowed is the error of a server at an address that the operator does not connect to.
func AddressNotAllowed(format string, args ...any) error {
	return newError(v1alpha1.ReasonAddressNotAllowed, format, args...)
}

// RateLimited is the error of a server that asks to be left alone for a while; 0 where it does not say how long.
func RateLimited(retryAfter time.Duration, format string, args ...any) error {
	err := newError(v1alpha1.ReasonRateLimited, format, args...)
	err.RetryAfter = retryAfter
	return err
}

// At puts the path of a field before the message of a source's error. Another error, such as one of the API server, is
// wrapped; nil stays nil.
func At(field string, err error) error {
	if told, ok := errors.AsType[*Error](err); ok {
		placed := *told
		placed.Message = field + ": " + told.Message
		return &placed
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", field, err)
	}
	return err
}
