//go:build race

package natmatrix

// raceDetector makes everything some ten times slower.
const raceDetector = true
