package lint

import (
	"errors"
	"strconv"
	"strings"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/accountset"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/manifest"
	"github.com/perennial-dev/perennial/internal/notify"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/specs"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/score"
)

// compile says what the operator could not use, and returns the fields.
func (c *checker) compile(o *manifest.Object) []string {
	var err error
	switch of := o.Typed.(type) {
	case *v1alpha1.HealthScoreModel:
		var m *score.Model
		if m, err = score.Compile(of); err == nil {
			c.misfits(o, m.Reads(), m.Misfits)
		}
	case *v1alpha1.Playbook:
		var p *playbook.Playbook
		if p, err = playbook.Compile(of); err == nil {
			c.misfits(o, p.Reads(), p.Misfits)
		}
	case *v1alpha1.AccountSet:
		_, err = accountset.Compile(of.Spec.Template)
		if len(of.Name) > validation.LabelValueMaxLength {
			path := field.NewPath("metadata", "name")
			err = errors.Join(err, field.TooLong(path, of.Name, validation.LabelValueMaxLength))
		}
	case *v1alpha1.DataSource:
		if err = observe.Validate(of).ToAggregate(); err == nil {
			err = specs.Check(of)
		}
	case *v1alpha1.Notifier:
		_, err = notify.Compile(of)
	}
	var fields []string
	for _, e := range flatten(err) {
		if e.Type == field.ErrorTypeDuplicate && namesItem(e.Field) {
			continue // the schema says it, and knows which of the two is the second
		}
		fields = append(fields, e.Field)
		if !c.quoted(o, e) {
			c.add(RuleCompile, Error, o, e.Field, "%s", body(e))
		}
	}
	return fields
}

// misfits says which fields cannot use the types of metrics that their sources declare.
func (c *checker) misfits(o *manifest.Object, reads []v1alpha1.MetricReference, of func(expr.Declared) []expr.Misfit) {
	declared := expr.Declared{}
	for _, ref := range reads {
		if metric, found := c.index.metric(o, ref); found {
			declared[ref] = metric.Type
		}
	}
	for _, misfit := range of(declared) {
		c.add(RuleType, Error, o, misfit.Path, "%v", misfit.Err)
	}
}

// namesItem reports whether a path ends with an item of a list by its name, or with that name.
func namesItem(f string) bool {
	f = strings.TrimSuffix(f, ".name")
	if !strings.HasSuffix(f, "]") {
		return false
	}
	_, err := strconv.Atoi(f[strings.LastIndexByte(f, '[')+1 : len(f)-1])
	return err != nil
}

// flatten takes an error apart into errors of fields.
func flatten(err error) []*field.Error {
	switch e := err.(type) { //nolint:errorlint // it is taken apart here
	case nil:
		return nil
	case *field.Error:
		return []*field.Error{e}
	case utilerrors.Aggregate:
		return flattenAll(e.Errors())
	case interface{ Unwrap() []error }:
		return flattenAll(e.Unwrap())
	}
	// Others begin with the field: "spec.timeout: 2h is longer than 1m".
	at, message, found := strings.Cut(err.Error(), ": ")
	if !found || strings.ContainsAny(at, " \n") {
		at, message = "spec", err.Error()
	}
	return []*field.Error{{Type: field.ErrorTypeInvalid, Field: at, BadValue: field.OmitValueType{}, Detail: message}}
}

// flattenAll takes errors apart.
func flattenAll(errs []error) []*field.Error {
	var all []*field.Error
	for _, err := range errs {
		all = append(all, flatten(err)...)
	}
	return all
}
