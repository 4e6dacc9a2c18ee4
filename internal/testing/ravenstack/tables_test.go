//go:build unix

package ravenstack

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// dataEnv names another folder with the data.
const dataEnv = "PERENNIAL_DATA"

// defaultData is where the data is, from this package's folder.
const defaultData = "../../../../shared/data/ravenstack"

// files are the data's files by table. They come as they are, faults included.
var files = map[string]string{
	"raw_accounts":        "ravenstack_accounts.csv",
	"raw_subscriptions":   "ravenstack_subscriptions.csv",
	"raw_feature_usage":   "ravenstack_feature_usage.csv",
	"raw_supports_ticket": "ravenstack_supports_ticket.csv",
	"raw_churn_events":    "ravenstack_churn_events.csv",
}

// table is a file's text.
type table struct {
	columns []string
	rows    [][]string
}

// readTables reads the files. Where they are absent the test is skipped.
func readTables(t *testing.T) map[string]table {
	t.Helper()
	folder := os.Getenv(dataEnv)
	if folder == "" {
		folder = defaultData
	}
	tables := make(map[string]table, len(files))
	for name, file := range files {
		data, err := os.ReadFile(filepath.Join(folder, file))
		if errors.Is(err, fs.ErrNotExist) {
			t.Skipf("needs the ravenstack data: %v; set %s to the folder that has it", err, dataEnv)
		}
		if err != nil {
			t.Fatal(err)
		}
		lines, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff")))).ReadAll()
		if err != nil || len(lines) < 2 {
			t.Fatalf("%s: %d lines, %v", file, len(lines), err)
		}
		tables[name] = table{columns: lines[0], rows: lines[1:]}
	}
	return tables
}
