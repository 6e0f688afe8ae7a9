//go:build race

package campaign

// raceDetector makes everything several times slower.
const raceDetector = true
