package v1alpha1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Decimal is an exact decimal number of at most twelve digits before the point and six after it, written as an integer
// or as a quoted string ("0.25"). It is kept as written.
//
// +kubebuilder:validation:Type=""
// +kubebuilder:validation:XIntOrString
// +kubebuilder:validation:MaxLength=20
// +kubebuilder:validation:Pattern=`^-?[0-9]{1,12}(\.[0-9]{1,6})?$`
type Decimal string

// UnmarshalJSON takes a JSON string or a JSON integer.
func (d *Decimal) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	if len(data) > 0 && data[0] == '"' {
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*d = Decimal(s)
		return nil
	}
	if strings.ContainsAny(string(data), "eE.") {
		return fmt.Errorf("%s is not a whole number: write a decimal in quotes", data)
	}
	*d = Decimal(data)
	return nil
}

// FakeValue is a value as a source gives it: text, or a whole number.
//
// +kubebuilder:validation:Type=""
// +kubebuilder:validation:XIntOrString
// +kubebuilder:validation:MaxLength=1024
type FakeValue string

// UnmarshalJSON takes a JSON string or a JSON integer.
func (v *FakeValue) UnmarshalJSON(data []byte) error {
	var d Decimal
	if err := d.UnmarshalJSON(data); err != nil {
		return err
	}
	*v = FakeValue(d)
	return nil
}

// Duration is a length of time in the Prometheus format: whole numbers with the units y, w, d, h, m and s, largest
// first, for example 30s, 36h, 90d or 1w2d. A day is 24 hours, a week 7 days, a year 365 days.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:Pattern=`^(0|([0-9]{1,3}y)?([0-9]{1,5}w)?([0-9]{1,6}d)?([0-9]{1,7}h)?([0-9]{1,8}m)?([0-9]{1,9}s)?)$`
type Duration string

// Date is a calendar day, 2027-02-01. The RFC 3339 form 2027-02-01T00:00:00Z, which some tools rewrite a date to, is
// accepted; only the day counts. Quote it in YAML.
//
// +kubebuilder:validation:MinLength=10
// +kubebuilder:validation:MaxLength=40
// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2}))?$`
// +kubebuilder:validation:XValidation:rule="self.size() < 10 || !format.date().validate(self.substring(0, 10)).hasValue()",message="must be a day of the calendar, for example 2027-02-01"
type Date string

// Expression is a CEL expression. Its variables and functions are listed in the documentation of the field that holds
// it. It has no access to the network, the clock or other objects.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=1024
type Expression string

// LocalReference names an object of a known kind in the same namespace.
type LocalReference struct {
	// name of the object, in the same namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// KeyReference names one key of a ConfigMap or Secret in the same namespace.
type KeyReference struct {
	// name of the object, in the same namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// key inside the object's data.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key"`
}

// AccountSelector chooses accounts. What is set must all hold; an empty selector chooses every account that is not in
// the lifecycle stage Churned. A Churned account is chosen only by a selector that names that stage.
type AccountSelector struct {
	// matchLabels are labels that the account must carry, each with exactly this value.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	MatchLabels map[string]string `json:"matchLabels,omitempty"`

	// matchExpressions are label requirements as in any Kubernetes label selector (In, NotIn, Exists, DoesNotExist).
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	MatchExpressions []metav1.LabelSelectorRequirement `json:"matchExpressions,omitempty"`

	// touchModels: the account's touchModel must be one of these.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=3
	TouchModels []TouchModel `json:"touchModels,omitempty"`

	// lifecycleStages: the account's lifecycleStage must be one of these.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	LifecycleStages []LifecycleStage `json:"lifecycleStages,omitempty"`
}

// LifecycleStage is where an account stands in its life as a customer. Any CamelCase name is allowed; Onboarding,
// Adoption, Retention, Expansion, Advocacy and Churned are known.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^[A-Z][A-Za-z0-9]*$`
type LifecycleStage string

// StageChurned is the lifecycle stage of a customer who left: not scored, and no trigger fires on it.
const StageChurned LifecycleStage = "Churned"

// BandName is the name of a health band, which a HealthScoreModel defines.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:Pattern=`^[A-Z][A-Za-z0-9]*$`
type BandName string

// BandUnknown is the band of an account of which too little is known to say how it does.
const BandUnknown BandName = "Unknown"

// MetricReference names one metric of one DataSource in the same namespace.
type MetricReference struct {
	// source is the name of the DataSource.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Source string `json:"source"`

	// metric is the name of a metric that the DataSource declares.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Metric string `json:"metric"`
}

// ValueState says how good a value is.
//
// +kubebuilder:validation:Enum=Fresh;Stale;Missing;Errored
type ValueState string

// The states of a value.
const (
	// ValueFresh is a value that was read and is not older than its maxAge.
	ValueFresh ValueState = "Fresh"
	// ValueStale is a value older than its maxAge.
	ValueStale ValueState = "Stale"
	// ValueMissing means that the source was read and has no usable value for the account.
	ValueMissing ValueState = "Missing"
	// ValueErrored means that the source, or this value of it, cannot be read now; the last value stands.
	ValueErrored ValueState = "Errored"
)
