package crd

import (
	"strings"
	"testing"
)

func TestAnAccountIsPartOfAnother(t *testing.T) {
	const itself = "spec.parentRef: an account cannot be part of itself"
	// The account of these cases is called x.
	for name, c := range map[string]answer{
		"that is named":                       {spec: "{parentRef: {name: group}}"},
		"not of itself":                       {spec: "{parentRef: {name: x}}", want: itself},
		"not of one without a name":           {spec: "{parentRef: {name: ''}}", want: "spec.parentRef.name"},
		"not of one that nobody names":        {spec: "{parentRef: {}}", want: "spec.parentRef.name"},
		"not of one in another namespace":     {spec: "{parentRef: {name: group, namespace: other}}", want: "spec.parentRef.namespace"},
		"not of one whose name is impossible": {spec: "{parentRef: {name: " + strings.Repeat("a", 254) + "}}", want: "spec.parentRef.name"},
	} {
		c.kind = "Account"
		t.Run(name, c.check)
	}
}
