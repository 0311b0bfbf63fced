package train

// Randomness is counter-based: every draw is a hash of (seed, purpose, counters). Nothing depends on the order in which
// draws are made.

// Purposes keep the draws of one seed apart.
const (
	purposeShuffle uint64 = 1 + iota
	purposeInit
	purposeDropout
)

// symmetric maps a hash to a number in (-1, 1), on a grid of 2^-23 that leaves out both ends.
func symmetric(h uint64) float32 {
	return float32(float32(int32(h>>40)-1<<23)/(1<<23)) + 1.0/(1<<24)
}
