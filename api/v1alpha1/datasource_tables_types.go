package v1alpha1

// DataFormat is how rows are written.
//
// +kubebuilder:validation:Enum=CSV;JSON;YAML
type DataFormat string

// The formats.
const (
	FormatCSV  DataFormat = "CSV"
	FormatJSON DataFormat = "JSON"
	FormatYAML DataFormat = "YAML"
)

// ConfigMapSource reads rows from a key of a ConfigMap.
type ConfigMapSource struct {
	// name of the ConfigMap, in this namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// key that holds the rows.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key"`

	// format of the rows. CSV has the column names in its first line; JSON and YAML are a list of objects.
	// +required
	Format DataFormat `json:"format"`
}

// SQLDriver is a database's protocol.
//
// +kubebuilder:validation:Enum=Postgres;MySQL;SQLite
type SQLDriver string

// The SQL drivers.
const (
	// DriverPostgres is PostgreSQL's, which Redshift, CockroachDB and others speak too.
	DriverPostgres SQLDriver = "Postgres"
	// DriverMySQL is MySQL's, which MariaDB and others speak too.
	DriverMySQL SQLDriver = "MySQL"
	// DriverSQLite reads a file.
	DriverSQLite SQLDriver = "SQLite"
)

// SQLSource reads the rows of one query, in a read-only transaction.
//
// +kubebuilder:validation:XValidation:rule="self.driver == 'SQLite' ? has(self.file) && !has(self.dsnSecretRef) : has(self.dsnSecretRef) && !has(self.file)",message="driver SQLite takes file and no dsnSecretRef; drivers Postgres and MySQL take dsnSecretRef and no file"
type SQLSource struct {
	// driver of the database: Postgres, MySQL (MariaDB too) or SQLite.
	// +required
	Driver SQLDriver `json:"driver"`

	// dsnSecretRef is the key of a Secret that holds the connection string: postgres://user:password@host:5432/database,
	// or user:password@tcp(host:3306)/database for MySQL. The Secret must carry the annotation
	// perennial.dev/allow-datasource with the name of this DataSource.
	// +optional
	DSNSecretRef *KeyReference `json:"dsnSecretRef,omitempty"`

	// file is a SQLite database, relative to the operator's --data-root.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	File string `json:"file,omitempty"`

	// query to run: one statement that only reads. Its column names are the fields. ${now} is the time of the read, passed
	// as a parameter: write it outside of quotes.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Query string `json:"query"`
}

// FakeSource gives the rows that stand in the spec.
type FakeSource struct {
	// rows, each with its columns. Numbers with a decimal point are quoted: dau_mau: "0.31". A column that a row does not
	// have is no value.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	Rows []FakeRow `json:"rows"`
}

// FakeRow is one row: its columns by name.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=66
type FakeRow map[string]FakeValue
