//go:build !linux && !windows && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package terminal

import "os"

// discardInput does nothing: there is no way to discard input here.
func discardInput(*os.File) error { return nil }
