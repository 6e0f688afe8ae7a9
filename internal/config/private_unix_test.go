//go:build !windows

package config

import "testing"

// expose creates a file that everyone may read.
func expose(t *testing.T, path, text string) {
	t.Helper()
	writeTo(t, path, text, 0o644)
}
