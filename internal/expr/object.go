package expr

import (
	"errors"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// errObject is for conversions that nothing asks for.
var errObject = errors.New("an object cannot be converted")

// object is a value of a type that has a schema.
type object struct {
	schema *schema
	of     any
}

// ConvertToNative fails: an object is only read field by field.
func (o object) ConvertToNative(reflect.Type) (any, error) { return nil, errObject }

// ConvertToType converts to the type's own name alone.
func (o object) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return o.schema.typ
	}
	return types.WrapErr(errObject)
}

// Equal reports whether two objects are the same one.
func (o object) Equal(other ref.Val) ref.Val {
	p, ok := other.(object)
	return types.Bool(ok && o.schema == p.schema && o.of == p.of)
}

// Type returns the object's type.
func (o object) Type() ref.Type { return o.schema.typ }

// Value returns the Go value.
func (o object) Value() any { return o.of }

// Get returns a field, for expressions that hide the type with dyn().
func (o object) Get(index ref.Val) ref.Val {
	name, ok := index.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(index)
	}
	f, ok := o.schema.fields[string(name)]
	if !ok {
		return types.WrapErr(errMissingKey) // the name may be a value
	}
	v, err := f.fieldType(o.schema.path + "." + string(name)).GetFrom(o.of)
	if err != nil {
		return types.WrapErr(err)
	}
	return v.(ref.Val)
}

// IsSet reports whether a field is set.
func (o object) IsSet(index ref.Val) ref.Val {
	name, _ := index.(types.String)
	f, ok := o.schema.fields[string(name)]
	if !ok {
		return types.False
	}
	_, set := f.get(o.of)
	return types.Bool(set)
}

// keys is the value of a variable with keys, or of one of its sources or measures. Most often the fields of its type look
// the keys up in the Vars; Get and IsSet are for a.?b.
type keys struct {
	vars *Vars
	at   *keyPath
}

// keyPath is where keys stand. The key is empty at the variable itself.
type keyPath struct{ root, key string }

// keysType is the type of keys at run time, where nothing depends on it.
var keysType = objectType("keys")

// The variables with keys.
var (
	atMetrics  = &keyPath{root: rootMetrics}
	atMeasures = &keyPath{root: rootMeasures}
	atOutcomes = &keyPath{root: rootOutcomes}
	atRow      = &keyPath{root: rootRow}
)

// ConvertToNative fails: keys are only looked up.
func (k keys) ConvertToNative(reflect.Type) (any, error) { return nil, errObject }

// ConvertToType fails.
func (k keys) ConvertToType(ref.Type) ref.Val { return types.WrapErr(errObject) }

// Equal is never true.
func (k keys) Equal(ref.Val) ref.Val { return types.False }

// Type returns the same type for all.
func (k keys) Type() ref.Type { return keysType }

// Value returns the Vars.
func (k keys) Value() any { return k.vars }

// Get returns the value of a key.
func (k keys) Get(index ref.Val) ref.Val {
	name, _ := index.(types.String)
	if f, ok := keyedField(k.at.root, k.at.key, string(name)); ok {
		if v, ok := f.get(k.vars); ok {
			return v
		}
	}
	return types.WrapErr(noValue(keyedName(k.at.root, k.at.key, string(name))))
}

// IsSet reports whether a key has a value.
func (k keys) IsSet(index ref.Val) ref.Val {
	name, _ := index.(types.String)
	f, ok := keyedField(k.at.root, k.at.key, string(name))
	if !ok {
		return types.False
	}
	_, set := f.get(k.vars)
	return types.Bool(set)
}
