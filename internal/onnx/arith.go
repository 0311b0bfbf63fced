// The arithmetic that graph and steps share where package kernel has none: hashing, remainders, conversions. Pure functions.

package onnx

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Murmur3 is MurmurHash3_x86_32 (Austin Appleby, public domain) of b: what MurmurHash3 with positive=1 yields for a string.
// The hash with positive=0 is int32 of it.
func Murmur3(b []byte, seed uint32) uint32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	h, n := seed, len(b)
	for ; len(b) >= 4; b = b[4:] {
		h ^= bits.RotateLeft32(binary.LittleEndian.Uint32(b)*c1, 15) * c2
		h = bits.RotateLeft32(h, 13)*5 + 0xe6546b64
	}
	var k uint32
	switch len(b) {
	case 3:
		k = uint32(b[2]) << 16
		fallthrough
	case 2:
		k |= uint32(b[1]) << 8
		fallthrough
	case 1:
		k |= uint32(b[0])
		h ^= bits.RotateLeft32(k*c1, 15) * c2
	}
	h ^= uint32(n)
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}

// Murmur3Int64 is Murmur3 of the eight little-endian bytes of x, Murmur3Float64 of those of a double.
func Murmur3Int64(x int64, seed uint32) uint32 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(x))
	return Murmur3(b[:], seed)
}

// Murmur3Float64 is Murmur3 of the eight little-endian bytes of x.
func Murmur3Float64(x float64, seed uint32) uint32 {
	return Murmur3Int64(int64(math.Float64bits(x)), seed)
}

// Mod is the remainder of a by b with the sign of b, as Mod with fmod=0. b is neither 0 nor -1.
func Mod(a, b int64) int64 {
	r := a % b
	if r != 0 && (r < 0) != (b < 0) {
		r += b
	}
	return r
}

// FloorDiv is a/b rounded toward minus infinity, as Graph.FloorDiv. b is at least 1.
func FloorDiv(a, b int64) int64 { return (a - Mod(a, b)) / b }

// ToInt64 truncates toward zero; a NaN and a number beyond int64 give the smallest int64. It is Cast to int64.
func ToInt64(x float64) int64 {
	if x >= -0x1p63 && x < 0x1p63 {
		return int64(x)
	}
	return math.MinInt64
}

// ToInt32 truncates toward zero; a NaN and a number beyond int32 give the smallest int32. It is Cast to int32.
func ToInt32(x float64) int32 {
	if x > -0x1p31-1 && x < 0x1p31 {
		return int32(x)
	}
	return math.MinInt32
}
