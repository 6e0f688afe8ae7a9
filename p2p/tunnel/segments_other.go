//go:build !unix

package tunnel

import "syscall"

// smallSegments does nothing: the system has no such option.
func smallSegments(string, string, syscall.RawConn) error { return nil }
