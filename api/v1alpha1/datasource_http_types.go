package v1alpha1

// PrometheusSource reads instant queries of a Prometheus server.
type PrometheusSource struct {
	// url of the server, without /api/v1: http://prometheus.monitoring:9090.
	// +required
	URL URL `json:"url"`

	// queries, one for each metric of this source.
	// +required
	// +listType=map
	// +listMapKey=metric
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Queries []PrometheusQuery `json:"queries"`

	// headers to send with every request: a tenant, an API key.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Headers []HTTPHeader `json:"headers,omitempty"`

	// auth is how to prove who asks.
	// +optional
	Auth *HTTPAuth `json:"auth,omitempty"`

	// tls options, for an https URL.
	// +optional
	TLS *TLSOptions `json:"tls,omitempty"`
}

// PrometheusQuery is one instant query, whose result has one series an account.
type PrometheusQuery struct {
	// metric of this source that the query gives, by its name in spec.metrics. For type Time the result is in seconds
	// since 1970.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Metric string `json:"metric"`

	// query in PromQL. Aggregate it by the account's label: sum by (org) (...).
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Query string `json:"query"`

	// label of the result that holds the account's id. Without it: spec.account.field.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Label string `json:"label,omitempty"`
}

// HTTPMethod is the method of a request.
//
// +kubebuilder:validation:Enum=GET;POST
type HTTPMethod string

// The methods.
const (
	MethodGet  HTTPMethod = "GET"
	MethodPost HTTPMethod = "POST"
)

// URL is an http or https URL.
//
// +kubebuilder:validation:MinLength=8
// +kubebuilder:validation:MaxLength=2048
// +kubebuilder:validation:XValidation:rule="self.matches('^https?://[^/?#@\\\\s]+([/?#][^\\\\s]*)?$')",message="must be an http or https URL without user and password: https://host/path"
type URL string

// HTTPSource reads the JSON or CSV of an API.
//
// +kubebuilder:validation:XValidation:rule="!has(self.body) || (has(self.method) && self.method == 'POST')",message="body: needs method: POST"
// +kubebuilder:validation:XValidation:rule="self.format == 'JSON' || (!has(self.records) && !has(self.fields))",message="records and fields are for format JSON; the columns of a CSV are named by its first line"
// +kubebuilder:validation:XValidation:rule="self.format == 'JSON' || !has(self.pagination) || !has(self.pagination.next)",message="pagination: next reads a JSON page; a CSV is paged by LinkHeader, or by PageNumber until a page has no rows"
// +kubebuilder:validation:XValidation:rule="!has(self.pagination) || !has(self.pagination.place) || self.pagination.place != 'Body' || (has(self.method) && self.method == 'POST')",message="pagination.place: Body needs method: POST"
type HTTPSource struct {
	// url to read. Credentials do not belong here: see auth and headers. ${since} is filled in where since is set.
	// +required
	URL URL `json:"url"`

	// method: GET (the default) or POST.
	// +optional
	Method HTTPMethod `json:"method,omitempty"`

	// headers to send with every request, such as an API key.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Headers []HTTPHeader `json:"headers,omitempty"`

	// body of a POST. ${since} is filled in where since is set.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Body string `json:"body,omitempty"`

	// auth is how to prove who asks.
	// +optional
	Auth *HTTPAuth `json:"auth,omitempty"`

	// tls options, for an https URL.
	// +optional
	TLS *TLSOptions `json:"tls,omitempty"`

	// format of the answer: JSON or CSV.
	// +required
	Format HTTPFormat `json:"format"`

	// records is a jq expression that gives the records of a page, one after the other. Without it: .[]
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Records string `json:"records,omitempty"`

	// fields are the columns, each a jq expression on a record: org_id: .properties.org. Without them the columns are the
	// record's own fields.
	// +optional
	// +kubebuilder:validation:MaxProperties=66
	Fields map[string]JQ `json:"fields,omitempty"`

	// pagination says how to find the next page. Without it there is one page.
	// +optional
	Pagination *Pagination `json:"pagination,omitempty"`

	// since asks only for what is new since the last read; what earlier reads gave stands while it is within the window.
	// Needs spec.observedTime.
	// +optional
	Since *Since `json:"since,omitempty"`
}

// JQ is a jq expression that picks what an answer has: no def, reduce, foreach, label, range, assignment, or function that
// follows a path of its own making.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=2048
type JQ string

// HTTPFormat is the format of an answer.
//
// +kubebuilder:validation:Enum=JSON;CSV
type HTTPFormat string

// The formats of an answer.
const (
	HTTPFormatJSON HTTPFormat = "JSON"
	HTTPFormatCSV  HTTPFormat = "CSV"
)

// HTTPHeader is a header of a request, whose value stands here or in a Secret.
//
// +kubebuilder:validation:ExactlyOneOf=value;valueSecretRef
type HTTPHeader struct {
	// name of the header.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_-]+$`
	Name string `json:"name"`

	// value of the header, if it is no secret.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Value string `json:"value,omitempty"`

	// valueSecretRef is the key of a Secret that holds the value. The Secret must carry the annotation
	// perennial.dev/allow-host with the host of the URL.
	// +optional
	ValueSecretRef *KeyReference `json:"valueSecretRef,omitempty"`
}

// HTTPAuth is how to prove who asks. Every Secret must carry the annotation perennial.dev/allow-host with the host of
// the URL, and with that of the token URL too where there is one. Credentials are sent to that host alone, whatever a
// server redirects to.
//
// +kubebuilder:validation:ExactlyOneOf=bearer;basic;oauth2
type HTTPAuth struct {
	// bearer sends a token: Authorization: Bearer <token>.
	// +optional
	Bearer *BearerAuth `json:"bearer,omitempty"`

	// basic sends a user name and a password.
	// +optional
	Basic *BasicAuth `json:"basic,omitempty"`

	// oauth2 gets a token with the OAuth 2.0 client credentials grant, for each read.
	// +optional
	OAuth2 *OAuth2Auth `json:"oauth2,omitempty"`
}

// BearerAuth sends a token.
type BearerAuth struct {
	// tokenSecretRef is the key of a Secret that holds the token.
	// +required
	TokenSecretRef KeyReference `json:"tokenSecretRef"`
}

// BasicAuth sends a user name and a password.
type BasicAuth struct {
	// usernameSecretRef is the key of a Secret that holds the user name.
	// +required
	UsernameSecretRef KeyReference `json:"usernameSecretRef"`

	// passwordSecretRef is the key of a Secret that holds the password. Without it the password is empty, as some APIs want
	// it that take a key for a user name.
	// +optional
	PasswordSecretRef *KeyReference `json:"passwordSecretRef,omitempty"`
}

// OAuth2Auth gets a token with the client credentials grant (RFC 6749, section 4.4).
type OAuth2Auth struct {
	// tokenURL gives the token.
	// +required
	TokenURL URL `json:"tokenURL"`

	// clientIDSecretRef is the key of a Secret that holds the client's id.
	// +required
	ClientIDSecretRef KeyReference `json:"clientIDSecretRef"`

	// clientSecretRef is the key of a Secret that holds the client's secret.
	// +required
	ClientSecretRef KeyReference `json:"clientSecretRef"`

	// scopes to ask for.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Scopes []string `json:"scopes,omitempty"`

	// params are further parameters of the token request: audience, for some servers.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	Params map[string]OAuth2Param `json:"params,omitempty"`
}

// OAuth2Param is the value of a parameter of a token request.
//
// +kubebuilder:validation:MaxLength=1024
type OAuth2Param string

// TLSOptions say whom to trust, and who asks. A certificate is always verified.
type TLSOptions struct {
	// caConfigMapRef is the key of a ConfigMap that holds the certificates to trust, in PEM. Without it: those of the
	// operator's system.
	// +optional
	CAConfigMapRef *KeyReference `json:"caConfigMapRef,omitempty"`

	// clientCertificateSecretRef is a Secret of type kubernetes.io/tls: its keys tls.crt and tls.key prove who asks. It must
	// carry the annotation perennial.dev/allow-host with the host of the URL.
	// +optional
	ClientCertificateSecretRef *LocalReference `json:"clientCertificateSecretRef,omitempty"`

	// serverName that the server's certificate must have, if it is not the host of the URL.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ServerName string `json:"serverName,omitempty"`
}

// PaginationType says how the next page is found.
//
// +kubebuilder:validation:Enum=NextURL;LinkHeader;PageNumber;Cursor
type PaginationType string

// How the next page is found.
const (
	// PaginationNextURL: the page holds the URL of the next one.
	PaginationNextURL PaginationType = "NextURL"
	// PaginationLinkHeader: the answer has a Link header with rel="next" (RFC 8288).
	PaginationLinkHeader PaginationType = "LinkHeader"
	// PaginationPageNumber: pages are numbered.
	PaginationPageNumber PaginationType = "PageNumber"
	// PaginationCursor: the page holds a word that asks for the next one.
	PaginationCursor PaginationType = "Cursor"
)

// CursorPlace says where a cursor or page number is sent.
//
// +kubebuilder:validation:Enum=Query;Body
type CursorPlace string

// Where a cursor or page number is sent.
const (
	// CursorInQuery is a parameter of the URL.
	CursorInQuery CursorPlace = "Query"
	// CursorInBody is a property of the body, which is a JSON object.
	CursorInBody CursorPlace = "Body"
)

// Pagination says how to find the next page. All pages of a read are on the host of the URL.
//
// +kubebuilder:validation:XValidation:rule="self.type in ['NextURL', 'Cursor'] ? has(self.next) : true",message="next: needed for NextURL and Cursor"
// +kubebuilder:validation:XValidation:rule="self.type != 'LinkHeader' || !has(self.next)",message="next: not for LinkHeader"
// +kubebuilder:validation:XValidation:rule="self.type in ['PageNumber', 'Cursor'] == has(self.parameter)",message="parameter: needed for PageNumber and Cursor, and for them alone"
// +kubebuilder:validation:XValidation:rule="!has(self.firstPage) || self.type == 'PageNumber'",message="firstPage: for PageNumber"
// +kubebuilder:validation:XValidation:rule="!has(self.place) || self.type in ['PageNumber', 'Cursor']",message="place: for PageNumber and Cursor"
type Pagination struct {
	// type: NextURL, LinkHeader, PageNumber or Cursor.
	// +required
	Type PaginationType `json:"type"`

	// next is a jq expression on a page. NextURL: the next page's URL, .links.next. Cursor: the word that asks for it,
	// .paging.next.after. For both null, false and an empty text end the reading. PageNumber: true while there are more
	// pages; without it a page without records ends the reading, so give it where records leaves some out.
	// +optional
	Next JQ `json:"next,omitempty"`

	// parameter that takes the page's number or the cursor.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Parameter string `json:"parameter,omitempty"`

	// place of the parameter: Query (the default; of the URL) or Body (a property of the body, which is a JSON object).
	// +optional
	Place CursorPlace `json:"place,omitempty"`

	// firstPage is the number of the first page, 1 if unset.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1
	FirstPage *int32 `json:"firstPage,omitempty"`

	// maxPages of one read, 1000 if unset. A source with more is refused, never cut off.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	MaxPages *int32 `json:"maxPages,omitempty"`
}

// SinceFormat is how a time is written in a request.
//
// +kubebuilder:validation:Enum=RFC3339;Date;Unix;UnixMilli
type SinceFormat string

// How a time is written in a request.
const (
	// SinceRFC3339 is 2026-11-01T09:30:00Z.
	SinceRFC3339 SinceFormat = "RFC3339"
	// SinceDate is 2026-11-01.
	SinceDate SinceFormat = "Date"
	// SinceUnix is seconds since 1970.
	SinceUnix SinceFormat = "Unix"
	// SinceUnixMilli is milliseconds since 1970.
	SinceUnixMilli SinceFormat = "UnixMilli"
)

// Since asks only for what is new. The URL or the body holds ${since} in the place of the time.
type Since struct {
	// format of the time: RFC3339 (the default), Date, Unix or UnixMilli.
	// +optional
	Format SinceFormat `json:"format,omitempty"`

	// window is how far back the first read asks, and how long rows are kept.
	// +required
	Window Duration `json:"window"`

	// overlap is how far before the last read a read asks, for what arrives late; 10m if unset.
	// +optional
	Overlap Duration `json:"overlap,omitempty"`
}
