//go:build race

package train

// raceDetector: the detector's own allocations are counted among those of a batch.
const raceDetector = true
