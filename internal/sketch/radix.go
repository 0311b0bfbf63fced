package sketch

import (
	"math"
	"math/bits"
	"slices"
)

// The ordered bits of a float, or its key: an integer that compares as the float does. NaN has no place in the order and
// must not be passed; -0 comes just before +0.

func keyOf(x float64) uint64 {
	b := math.Float64bits(x)
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}

func floatOf(k uint64) float64 {
	return math.Float64frombits(k ^ (uint64(^int64(k)>>63) | 1<<63))
}

// sortKeys sorts x with work of the same length. The three highest bytes in which the keys differ are sorted by
// counting, which leaves most keys in place, and the rest by insertion; where too many are still out of place, by
// comparison. The result does not depend on the way taken.
func sortKeys(x, work []uint64) {
	if len(x) < 48 {
		slices.Sort(x)
		return
	}
	lo, hi := x[0], x[0]
	for _, k := range x {
		lo, hi = min(lo, k), max(hi, k)
	}
	if lo == hi {
		return
	}
	shift := max(bits.Len64(hi-lo), 24) - 24 // of the lowest bit sorted by counting
	var count [3][256]uint32
	for _, k := range x {
		d := (k - lo) >> shift
		count[0][d&255]++
		count[1][d>>8&255]++
		count[2][d>>16&255]++
	}
	src, dst := x, work[:len(x)]
	for pass := range count {
		c := &count[pass]
		var at uint32
		for i, n := range c {
			c[i] = at
			at += n
		}
		s := shift + 8*pass
		for _, k := range src {
			d := uint8((k - lo) >> s)
			dst[c[d]] = k
			c[d]++
		}
		src, dst = dst, src
	}
	// src is work after three passes
	copy(x, src)
	if shift > 0 {
		insert(x)
	}
}

// insert finishes a nearly sorted slice.
func insert(x []uint64) {
	budget := 8 * len(x)
	for i := 1; i < len(x); i++ {
		k := x[i]
		if x[i-1] <= k {
			continue
		}
		j := i
		for ; j > 0 && x[j-1] > k; j-- {
			x[j] = x[j-1]
		}
		x[j] = k
		if budget -= i - j; budget < 0 {
			slices.Sort(x)
			return
		}
	}
}

// mergeKeys merges two sorted slices into out, which is as long as both.
func mergeKeys(out, a, b []uint64) {
	i, j, k := 0, 0, 0
	for i < len(a) && j < len(b) {
		x, y := a[i], b[j]
		first := 0 // without a branch, which would be foreseen half of the time
		if x <= y {
			first = 1
		}
		i += first
		j += 1 - first
		out[k] = min(x, y)
		k++
	}
	k += copy(out[k:], a[i:])
	copy(out[k:], b[j:])
}
