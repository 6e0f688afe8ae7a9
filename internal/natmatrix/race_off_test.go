//go:build !race

package natmatrix

const raceDetector = false
