//go:build race

package link

// raceEnabled: under the race detector each byte that is copied costs a lot.
const raceEnabled = true
