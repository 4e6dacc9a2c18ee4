package crd

import (
	"path/filepath"
	"testing"
)

// TestSamples creates what kubectl apply -k config/samples does, the ConfigMaps aside.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob("../../../config/samples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	created := 0
	for _, file := range files {
		for _, obj := range objectsIn(t, readText(t, file)) {
			created++
			t.Run(filepath.Base(file)+" "+obj.GetName(), func(t *testing.T) { checkExample(t, obj) })
		}
	}
	if created < len(files)-1 {
		t.Errorf("%d objects in %d files", created, len(files))
	}
}
