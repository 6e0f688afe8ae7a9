//go:build race

package natmatrix

// The race detector makes the tests about ten times slower.
const raceDetector = true
