//go:build tools

// Package linter pins the Go module, and all it is made of, that actionlint is built from.
package linter

import _ "github.com/rhysd/actionlint/cmd/actionlint"
