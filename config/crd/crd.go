// Package crd holds the custom resource definitions, so that a program can check objects without an API server.
package crd

import "embed"

// Bases are the files of the definitions, as controller-gen wrote them.
//
//go:embed bases/*.yaml
var Bases embed.FS
