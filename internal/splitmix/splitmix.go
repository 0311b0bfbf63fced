// Package splitmix is counter-based randomness: a draw is a hash of what it is for, so that nothing depends on the order in
// which draws are made.
//
// Invariant: the bits are a contract. Row identities, splits, initial weights and the order of an epoch follow from them.
package splitmix

import "math/bits"

// Gamma is SplitMix64's step from one state to the next: an odd number near 2^64 divided by the golden ratio.
const Gamma = 0x9e3779b97f4a7c15

// Mix is the finaliser of SplitMix64 (Steele, Lea and Flood 2014; constants by Stafford): a bijection in which every bit
// depends on every other.
func Mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Draw is the hash of a counter under a key: what the generator that starts at key yields after so many others.
func Draw(key, counter uint64) uint64 { return Mix(key + (counter+1)*Gamma) }

// Below maps a hash to 0..n-1 by its high bits (Lemire's multiplication; the bias is below n/2^64).
func Below(h, n uint64) uint64 {
	hi, _ := bits.Mul64(h, n)
	return hi
}
