//go:build !linux && !darwin

package tunnel

import "net"

// boundUnsent does nothing: the system decides how much it takes.
func boundUnsent(net.Conn) {}
