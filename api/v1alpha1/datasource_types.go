package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DataSource is where facts about accounts come from: one bulk read gives every account's metrics.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=dsrc,categories=perennial
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Available",type=string,JSONPath=`.status.conditions[?(@.type=="Available")].status`
// +kubebuilder:printcolumn:name="Rows",type=integer,JSONPath=`.status.rows`
// +kubebuilder:printcolumn:name="Accounts",type=integer,JSONPath=`.status.accountsMatched`
// +kubebuilder:printcolumn:name="Last Read",type=date,priority=1,JSONPath=`.status.lastReadTime`
// +kubebuilder:printcolumn:name="Rejected",type=integer,priority=1,JSONPath=`.status.rejectedValues`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Available")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type DataSource struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is where to read and what the columns mean.
	// +required
	Spec DataSourceSpec `json:"spec"`

	// status is how the latest read went.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status DataSourceStatus `json:"status,omitempty"`
}

// DataSourceList is a list of data sources.
//
// +kubebuilder:object:root=true
type DataSourceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []DataSource `json:"items"`
}

// DataSourceSpec is where to read and what the columns mean.
//
// +kubebuilder:validation:ExactlyOneOf=configMap;sql;prometheus;http;fake
// +kubebuilder:validation:XValidation:rule="!has(self.interval) || !has(self.configMap)",message="interval: a ConfigMap is watched, not polled; remove interval"
// +kubebuilder:validation:XValidation:rule="!has(self.http) || !has(self.http.since) || has(self.observedTime)",message="http.since: needs observedTime, which says how long a row is within the window"
// +kubebuilder:validation:XValidation:rule="!has(self.prometheus) || (self.metrics.all(m, self.prometheus.queries.exists(q, q.metric == m.name)) && self.prometheus.queries.all(q, self.metrics.exists(m, m.name == q.metric)))",message="prometheus.queries: one for each of spec.metrics, and for nothing else"
type DataSourceSpec struct {
	// suspend stops reading. The last values stand, and grow old as usual.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// interval between reads of a polled source, 5m if unset; each wait varies by a tenth. A ConfigMap is watched instead.
	// +optional
	Interval Duration `json:"interval,omitempty"`

	// timeout of one read, 30s if unset, at most 10m.
	// +optional
	Timeout Duration `json:"timeout,omitempty"`

	// account says which column names the account.
	// +required
	Account AccountColumn `json:"account"`

	// observedTime says which column holds the time at which a row was true. Without it: the time of the read.
	// +optional
	ObservedTime *TimeColumn `json:"observedTime,omitempty"`

	// maxAge after which a value is Stale. Unset: values never grow old.
	// +optional
	MaxAge Duration `json:"maxAge,omitempty"`

	// metrics are the columns that a row gives, each with its type.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Metrics []Metric `json:"metrics"`

	// maxRowDropPercent refuses a read with so many fewer rows than the last accepted one (a table caught half loaded), or
	// rows of so many fewer accounts, or where a query of Prometheus gives so many fewer series, or a metric has so many
	// fewer of 20 values or more; and, unless it is 100, one in which a metric that had five values or more has none. The
	// last values stand until what is missing is back or the annotation perennial.dev/approve lets the read pass. It counts the rows of the read: a query that makes one row
	// an account of many hides a table that lost half of its rows, so let aggregate do that. 50 if unset; 100 accepts every
	// read.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MaxRowDropPercent *int32 `json:"maxRowDropPercent,omitempty"`

	// configMap reads a key of a ConfigMap in this namespace, and again each time the ConfigMap changes.
	// +optional
	ConfigMap *ConfigMapSource `json:"configMap,omitempty"`

	// sql reads the rows of one query.
	// +optional
	SQL *SQLSource `json:"sql,omitempty"`

	// prometheus reads instant queries of a Prometheus server, or of one that speaks its API.
	// +optional
	Prometheus *PrometheusSource `json:"prometheus,omitempty"`

	// http reads the JSON or CSV of an API.
	// +optional
	HTTP *HTTPSource `json:"http,omitempty"`

	// fake gives the rows that stand in this spec, for trying a model or a playbook.
	// +optional
	Fake *FakeSource `json:"fake,omitempty"`
}

// AccountColumn says which column names the account, and how.
type AccountColumn struct {
	// field is the column that holds the id.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Field string `json:"field"`

	// externalID is the scheme of spec.externalIDs that the ids belong to. Without it they are the accounts' names.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	ExternalID string `json:"externalID,omitempty"`
}

// TimeColumn names a column that holds a time: RFC 3339, 2006-01-02 15:04:05 or a date; UTC where it has no zone.
type TimeColumn struct {
	// field is the name of the column.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Field string `json:"field"`
}

// MetricType is the type of a metric.
//
// +kubebuilder:validation:Enum=Number;Category;Time;Text
type MetricType string

// The types of a metric.
const (
	// MetricNumber is a decimal number.
	MetricNumber MetricType = "Number"
	// MetricCategory is one of a few words.
	MetricCategory MetricType = "Category"
	// MetricTime is a moment or a day.
	MetricTime MetricType = "Time"
	// MetricText is free text, which is never scored.
	MetricText MetricType = "Text"
)

// Aggregate says how several rows of one account become one value.
//
// +kubebuilder:validation:Enum=Newest;Sum;Min;Max;Average
type Aggregate string

// The aggregates.
const (
	AggregateNewest  Aggregate = "Newest"
	AggregateSum     Aggregate = "Sum"
	AggregateMin     Aggregate = "Min"
	AggregateMax     Aggregate = "Max"
	AggregateAverage Aggregate = "Average"
)

// Metric is one column that a row gives.
//
// +kubebuilder:validation:XValidation:rule="!has(self.aggregate) || self.aggregate == 'Newest' || self.type == 'Number' || (self.type == 'Time' && self.aggregate in ['Min', 'Max'])",message="aggregate: Sum, Min, Max and Average are for type Number; Min and Max for type Time too"
type Metric struct {
	// name of the metric: lower case, digits and underscores. Expressions read it as metrics.<source>.<name>.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9_]*$`
	Name string `json:"name"`

	// field is the column that holds it. Without it: the metric's name.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Field string `json:"field,omitempty"`

	// type of the values: Number, Category, Time or Text. Text is never scored; titles and descriptions may show it.
	// +required
	Type MetricType `json:"type"`

	// absent is the value for an account that has no row in a complete read. Without it the value is Missing.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Absent *string `json:"absent,omitempty"`

	// aggregate says how several rows of one account become one value: Newest (by observedTime, the default; the last
	// row among equals), Sum, Min, Max or Average. Rows without a value do not count.
	// +optional
	Aggregate Aggregate `json:"aggregate,omitempty"`
}

// DataSourceStatus is how the latest read went.
type DataSourceStatus struct {
	// conditions: Ready once the source was read at this generation; Available says whether the latest read succeeded;
	// Warnings is True while values of it cannot be read, or the source itself warns that it may not be all.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that was last acted on; -1 before the first time.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration int64 `json:"observedGeneration"`

	// lastHandledRequestedAt repeats the annotation perennial.dev/requestedAt once it was acted on.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	LastHandledRequestedAt string `json:"lastHandledRequestedAt,omitempty"`

	// lastReadTime is when the source was last read with success. While nothing else changes it is written once an hour,
	// however often the source is read: Available says whether the latest read succeeded.
	// +optional
	LastReadTime *metav1.Time `json:"lastReadTime,omitempty"`

	// rows in the last accepted read.
	// +optional
	Rows int64 `json:"rows"`

	// accountsMatched is the number of accounts that the last accepted read has a row for.
	// +optional
	AccountsMatched int32 `json:"accountsMatched"`

	// readDigest identifies the part of the spec that says which rows are read, as it was in the last accepted read: only
	// reads of the same part are compared by their number of rows.
	// +optional
	ReadDigest string `json:"readDigest,omitempty"`

	// metrics says how many values of each metric the last accepted read has.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Metrics []MetricCount `json:"metrics,omitempty"`

	// unmatchedRows is the number of rows whose id no account has.
	// +optional
	UnmatchedRows int64 `json:"unmatchedRows,omitempty"`

	// unmatchedKeys are at most five ids of the last read that no account has; none of a source that reads HTTP with
	// credentials, where they might be anything.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	UnmatchedKeys []string `json:"unmatchedKeys,omitempty"`

	// rejectedValues is the number of values of the last read that are not of their metric's type.
	// +optional
	RejectedValues int64 `json:"rejectedValues"`

	// rejectedExamples are at most five of them: row, column, expected type and length, never the value.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	RejectedExamples []string `json:"rejectedExamples,omitempty"`

	// lastError is what went wrong in the latest read. Absent after a success.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	LastError string `json:"lastError,omitempty"`
}

// MetricCount is how many values a metric has.
type MetricCount struct {
	// name of the metric.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// values is the number of rows that have one.
	// +required
	Values int64 `json:"values"`
}
