package cmd

import "runtime/debug"

// peerMemory is enough for a peer's process, whatever it transfers: its buffers use less
// than half of it. Without a limit the collector would let garbage double that.
const peerMemory = 48 << 20

// boundMemory sets the collector's soft limit, unless $GOMEMLIMIT sets another.
func boundMemory(getenv func(string) string) {
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(peerMemory)
	}
}
