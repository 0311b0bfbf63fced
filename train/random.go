package train

import "math/bits"

// Randomness is counter-based: every draw is a hash of (seed, purpose, counters). Nothing depends on the order in which
// draws are made.

// Purposes keep the draws of one seed apart.
const (
	purposeShuffle uint64 = 1 + iota
	purposeInit
	purposeDropout
)

// mix hashes a counter under a key: the finaliser of SplitMix64 (Steele, Lea and Flood 2014; constants by Stafford) over
// the key's stream.
func mix(key, counter uint64) uint64 {
	z := key + (counter+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below maps a hash to 0..n-1 by its high bits (Lemire's multiplication; the bias is below n/2^64).
func below(h, n uint64) uint64 {
	hi, _ := bits.Mul64(h, n)
	return hi
}

// symmetric maps a hash to a number in (-1, 1), on a grid of 2^-23 that leaves out both ends.
func symmetric(h uint64) float32 {
	return float32(float32(int32(h>>40)-1<<23)/(1<<23)) + 1.0/(1<<24)
}
