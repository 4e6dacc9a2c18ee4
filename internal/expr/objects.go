package expr

import (
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// The objects that expressions see, with the fields of the API under their JSON names. They are never changed.
var (
	teamMemberSchema = newSchema("account.spec.team", map[string]field{
		"role": text(func(m *v1alpha1.TeamMember) string { return m.Role }),
		"user": text(func(m *v1alpha1.TeamMember) string { return m.User }),
	})

	measurementSchema = newSchema("account.spec.measurements", map[string]field{
		"name":  text(func(m *v1alpha1.Measurement) string { return m.Name }),
		"value": text(func(m *v1alpha1.Measurement) string { return m.Value }),
		"observedTime": on(types.TimestampType, func(m *v1alpha1.Measurement) (ref.Val, bool) {
			if m.ObservedTime == nil {
				return nil, false
			}
			return types.Timestamp{Time: m.ObservedTime.UTC()}, true
		}),
		"by": text(func(m *v1alpha1.Measurement) string { return m.By }),
	})

	contractSchema = newSchema("account.spec.contract", map[string]field{
		"startDate":   text(func(c *v1alpha1.Contract) string { return string(c.StartDate) }),
		"renewalDate": text(func(c *v1alpha1.Contract) string { return string(c.RenewalDate) }),
		"arr":         number(func(c *v1alpha1.Contract) *int64 { return c.ARR }),
		"plan":        text(func(c *v1alpha1.Contract) string { return c.Plan }),
		"seats":       number(func(c *v1alpha1.Contract) *int64 { return c.Seats }),
	})

	overrideSchema = newSchema("account.spec.healthOverride", map[string]field{
		"band":   text(func(o *v1alpha1.HealthOverride) string { return string(o.Band) }),
		"reason": text(func(o *v1alpha1.HealthOverride) string { return o.Reason }),
		"by":     text(func(o *v1alpha1.HealthOverride) string { return o.By }),
		"until":  text(func(o *v1alpha1.HealthOverride) string { return string(o.Until) }),
	})

	parentSchema = newSchema("account.spec.parentRef", map[string]field{
		"name": text(func(r *v1alpha1.LocalReference) string { return r.Name }),
	})

	specSchema = newSchema("account.spec", map[string]field{
		"displayName":    text(func(s *v1alpha1.AccountSpec) string { return s.DisplayName }),
		"externalIDs":    on(types.NewMapType(types.StringType, types.NewListType(types.StringType)), externalIDs),
		"touchModel":     text(func(s *v1alpha1.AccountSpec) string { return string(s.TouchModel) }),
		"lifecycleStage": text(func(s *v1alpha1.AccountSpec) string { return string(s.LifecycleStage) }),
		"owner":          text(func(s *v1alpha1.AccountSpec) string { return s.Owner }),
		"team": on(types.NewListType(teamMemberSchema.typ), func(s *v1alpha1.AccountSpec) (ref.Val, bool) {
			return objects(teamMemberSchema, s.Team)
		}),
		"contract": pointer(contractSchema, func(s *v1alpha1.AccountSpec) *v1alpha1.Contract { return s.Contract }),
		"measurements": on(types.NewListType(measurementSchema.typ), func(s *v1alpha1.AccountSpec) (ref.Val, bool) {
			return objects(measurementSchema, s.Measurements)
		}),
		"healthOverride": pointer(overrideSchema, func(s *v1alpha1.AccountSpec) *v1alpha1.HealthOverride { return s.HealthOverride }),
		"parentRef":      pointer(parentSchema, func(s *v1alpha1.AccountSpec) *v1alpha1.LocalReference { return s.ParentRef }),
	})

	accountSchema = newSchema(varAccount, map[string]field{
		"name": text(func(a *v1alpha1.Account) string { return a.Name }),
		"labels": on(textMapType(), func(a *v1alpha1.Account) (ref.Val, bool) {
			return orderedMap{types.NewStringStringMap(types.DefaultTypeAdapter, a.Labels)}, len(a.Labels) > 0
		}),
		"annotations": on(textMapType(), func(a *v1alpha1.Account) (ref.Val, bool) {
			return orderedMap{types.NewStringStringMap(types.DefaultTypeAdapter, a.Annotations)}, len(a.Annotations) > 0
		}),
		"spec": on(specSchema.typ, func(a *v1alpha1.Account) (ref.Val, bool) {
			return object{schema: specSchema, of: &a.Spec}, true
		}),
	})

	healthSchema = newSchema(varHealth, map[string]field{
		"score":         score(func(h *v1alpha1.Health) *int32 { return h.Score }),
		"band":          text(func(h *v1alpha1.Health) string { return string(h.Band) }),
		"lastBand":      text(func(h *v1alpha1.Health) string { return string(h.LastBand) }),
		"previousBand":  text(func(h *v1alpha1.Health) string { return string(h.PreviousBand) }),
		"trend":         text(func(h *v1alpha1.Health) string { return string(h.Trend) }),
		"coverage":      score(func(h *v1alpha1.Health) *int32 { return &h.Coverage }),
		"previousScore": score(func(h *v1alpha1.Health) *int32 { return h.PreviousScore }),
		"model":         text(func(h *v1alpha1.Health) string { return h.Model }),
	})
)

// schemas returns every schema by the name of its type.
func schemas() map[string]*schema {
	byName := map[string]*schema{}
	for _, s := range []*schema{
		teamMemberSchema, measurementSchema, contractSchema, overrideSchema, parentSchema, specSchema, accountSchema, healthSchema,
	} {
		byName[s.typ.TypeName()] = s
	}
	return byName
}

// on returns a field of objects behind which there is a *T; of a nil one nothing is set.
func on[T any](t *types.Type, get func(*T) (ref.Val, bool)) field {
	return field{typ: t, get: func(of any) (ref.Val, bool) {
		p, ok := of.(*T)
		if !ok || p == nil {
			return nil, false
		}
		return get(p)
	}}
}

// pointer returns a field that is an object, not set where it is nil.
func pointer[T, O any](s *schema, get func(*T) *O) field {
	return on(s.typ, func(p *T) (ref.Val, bool) {
		o := get(p)
		if o == nil {
			return nil, false
		}
		return object{schema: s, of: o}, true
	})
}

// text returns a field that is not set where it is empty.
func text[T any](get func(*T) string) field {
	return on(types.StringType, func(p *T) (ref.Val, bool) { return textOrNil(get(p)) })
}

func textOrNil(s string) (ref.Val, bool) {
	if s == "" {
		return nil, false
	}
	return types.String(s), true
}

func number[T any](get func(*T) *int64) field {
	return on(types.DoubleType, func(p *T) (ref.Val, bool) {
		n := get(p)
		if n == nil {
			return nil, false
		}
		return types.Double(*n), true
	})
}

func score[T any](get func(*T) *int32) field {
	return on(types.DoubleType, func(p *T) (ref.Val, bool) {
		n := get(p)
		if n == nil {
			return nil, false
		}
		return types.Double(*n), true
	})
}

func textMapType() *types.Type { return types.NewMapType(types.StringType, types.StringType) }

// objects returns a list of objects.
func objects[T any](s *schema, elements []T) (ref.Val, bool) {
	values := make([]ref.Val, len(elements))
	for i := range elements {
		values[i] = object{schema: s, of: &elements[i]}
	}
	return types.NewRefValList(types.DefaultTypeAdapter, values), len(values) > 0
}

func externalIDs(s *v1alpha1.AccountSpec) (ref.Val, bool) {
	schemes := make(map[string]any, len(s.ExternalIDs))
	for scheme, ids := range s.ExternalIDs {
		list := make([]string, len(ids))
		for i, id := range ids {
			list[i] = string(id)
		}
		schemes[scheme] = list
	}
	return orderedMap{types.NewStringInterfaceMap(types.DefaultTypeAdapter, schemes)}, len(schemes) > 0
}
