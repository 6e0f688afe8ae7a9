//go:build race

package udp

// With the race detector a sync.Pool drops items at random, so allocations cannot be counted.
const raceEnabled = true
