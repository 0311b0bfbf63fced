package sketch

import (
	"math"

	"github.com/zeebo/xxh3"
)

// hashSeed is part of every hash that leads into a sketch; another one would make old sketches unmergeable.
const hashSeed = 0x9e3779b97f4a7c15

// mix is a bijection of 64 bits each of whose output bits depends on every input bit: Pelle Evensen's moremur (2019), a
// murmur3 finaliser with better constants.
func mix(x uint64) uint64 {
	x ^= x >> 27
	x *= 0x3c79ac492ba7b653
	x ^= x >> 33
	x *= 0x1c69b3f74ac4ae35
	x ^= x >> 27
	return x
}

// HashUint64 is the hash of an integer of 64 bits. Different integers have different hashes.
func HashUint64(x uint64) uint64 { return mix(x + hashSeed) }

// HashFloat64 is the hash of a number: -0 is 0 and one NaN is as good as another.
func HashFloat64(x float64) uint64 {
	b := math.Float64bits(x + 0)
	if x != x {
		b = 0x7ff8000000000001
	}
	return HashUint64(b)
}

// HashBytes is the hash of text or bytes: XXH3 of 64 bits, seeded.
func HashBytes(b []byte) uint64 { return xxh3.HashSeed(b, hashSeed) }

// HashString is HashBytes of a string's bytes.
func HashString(s string) uint64 { return xxh3.HashStringSeed(s, hashSeed) }
