// Histograms over the whole range of float32.

package eval

import (
	"math"
	"slices"
)

// floatBins is a histogram whose bins are the upper 16 bits of a float32, in its order: 128 bins for each power of two, so
// that no range need be known beforehand. Only bins in use take memory.
type floatBins struct {
	at   []int32 // by key: place in bins + 1, or 0; nil while there are none
	bins []floatBin
}

type floatBin struct {
	key       uint16
	weight    float64
	sum, with float64 // weighted sums of the value and of what is kept beside it
}

func (h *floatBins) bin(key uint16) *floatBin {
	if h.at == nil {
		h.at = make([]int32, 1<<16)
	}
	if h.at[key] == 0 {
		h.bins = append(h.bins, floatBin{key: key})
		h.at[key] = int32(len(h.bins))
	}
	return &h.bins[h.at[key]-1]
}

func (h *floatBins) add(x float32, w, value, with float64) {
	b := h.bin(uint16(keyOf(x) >> 16))
	b.weight += w
	b.sum += float64(w * value)
	b.with += float64(w * with)
}

func (h *floatBins) merge(o *floatBins) {
	for _, b := range o.bins {
		a := h.bin(b.key)
		a.weight += b.weight
		a.sum += b.sum
		a.with += b.with
	}
}

// sorted returns the bins in ascending order.
func (h *floatBins) sorted() []floatBin {
	out := slices.Clone(h.bins)
	slices.SortFunc(out, func(a, b floatBin) int { return int(a.key) - int(b.key) })
	return out
}

// edges are the least and the greatest number of a bin.
func (b floatBin) edges() (lo, hi float64) {
	lo, hi = float64(scoreOf(uint32(b.key)<<16)), float64(scoreOf(uint32(b.key)<<16|0xffff))
	return clampFinite(lo), clampFinite(hi)
}

func clampFinite(x float64) float64 {
	if x != x {
		return 0
	}
	return min(max(x, -math.MaxFloat32), math.MaxFloat32)
}

// quantile is the q-quantile by weight, interpolated within a bin.
func quantile(sorted []floatBin, q float64) float64 {
	total := 0.0
	for _, b := range sorted {
		total += b.weight
	}
	want, below := float64(q*total), 0.0
	for _, b := range sorted {
		if below+b.weight >= want {
			lo, hi := b.edges()
			return lo + float64((hi-lo)*((want-below)/b.weight))
		}
		below += b.weight
	}
	if len(sorted) == 0 {
		return 0
	}
	_, hi := sorted[len(sorted)-1].edges()
	return hi
}
