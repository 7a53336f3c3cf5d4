//go:build tools

// Package engine pins the Go module, and all it is made of, that the Pulumi CLI is built from.
package engine

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
