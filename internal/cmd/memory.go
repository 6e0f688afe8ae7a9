package cmd

import "runtime/debug"

// peerMemory is what a peer's process is content with, whatever it transfers:
// its buffers take less than half of it. Without a limit the collector would let
// garbage grow to as much again.
const peerMemory = 48 << 20

// boundMemory has the collector work harder near that limit, unless
// $GOMEMLIMIT sets another.
func boundMemory(getenv func(string) string) {
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(peerMemory)
	}
}
