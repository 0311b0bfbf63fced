package sketch

import (
	"encoding/binary"
	"math"
	"slices"
)

// HLL estimates how many different values there were: HyperLogLog (Flajolet et al. 2007) with 2^16 registers over hashes
// of 64 bits, and the estimator of Ertl, New cardinality estimation algorithms for HyperLogLog sketches (2017), which needs
// no tables of corrections. The standard error is 1.04/sqrt(2^16) = 0.41%, so that 2% is five of them and no column of a wide
// table strays beyond it. Up to 2,048 different values the hashes themselves are kept, and the count is exact but for
// collisions of 64-bit hashes.
//
// The state is a function of the set of hashes: updates and merges are exact in any order and any number of times.
type HLL struct {
	set  []uint64 // open addressing, 0 is a free place; nil when dense or empty
	used int      // of set
	reg  []uint8  // hllRegisters of them when dense, else nil
}

const (
	hllBits      = 16
	hllRegisters = 1 << hllBits
	hllRank      = 64 - hllBits // the largest value of a register: the lowest bit of a hash counts as set
	hllSparse    = 2048         // hashes kept as they are
)

// AddHash adds a value by its hash ([HashFloat64], [HashString] and so on), of which all bits but the lowest count.
func (h *HLL) AddHash(x uint64) {
	x |= 1 // never 0, which marks a free place
	if h.reg != nil {
		h.record(x)
		return
	}
	h.remember(x)
}

func (h *HLL) record(x uint64) {
	i := x >> (64 - hllBits)
	h.reg[i] = max(h.reg[i], uint8(rank(x)))
}

// rank is one more than the number of zeros before the first one in the bits of an odd hash that do not choose the
// register. The exponent of a double counts them: the machine's own instruction is slow, or costs a test of the processor.
func rank(x uint64) uint64 {
	low := float64(int64(x & (1<<hllRank - 1))) // exact: 48 bits
	return hllRank + 1023 - math.Float64bits(low)>>52
}

// remember adds to the sparse set and makes it dense when it is full.
func (h *HLL) remember(x uint64) {
	if 2*h.used >= len(h.set) {
		h.grow()
	}
	mask := uint64(len(h.set) - 1)
	for i := x & mask; ; i = (i + 1) & mask {
		switch h.set[i] {
		case x:
			return
		case 0:
			h.set[i] = x
			if h.used++; h.used > hllSparse {
				h.densify()
			}
			return
		}
	}
}

func (h *HLL) grow() {
	old := h.set
	h.set = make([]uint64, max(64, 2*len(old)))
	mask := uint64(len(h.set) - 1)
	for _, x := range old {
		if x == 0 {
			continue
		}
		i := x & mask
		for h.set[i] != 0 {
			i = (i + 1) & mask
		}
		h.set[i] = x
	}
}

func (h *HLL) densify() {
	set := h.set
	h.set, h.used, h.reg = nil, 0, make([]uint8, hllRegisters)
	for _, x := range set {
		if x != 0 {
			h.record(x)
		}
	}
}

// UpdateFloats adds numbers, by [HashFloat64].
func (h *HLL) UpdateFloats(x []float64) {
	i := 0
	for ; i < len(x) && h.reg == nil; i++ {
		h.remember(HashFloat64(x[i]) | 1)
	}
	if i == len(x) {
		return
	}
	reg := (*[hllRegisters]uint8)(h.reg)
	for _, v := range x[i:] {
		hash := HashFloat64(v) | 1
		p := &reg[hash>>(64-hllBits)]
		*p = uint8(max(uint64(*p), rank(hash))) // without a branch
	}
}

// UpdateInts adds integers, by [HashUint64].
func (h *HLL) UpdateInts(x []int64) {
	for _, v := range x {
		h.AddHash(HashUint64(uint64(v)))
	}
}

// Merge adds what o has seen.
func (h *HLL) Merge(o *HLL) error {
	if o.reg != nil && h.reg == nil {
		h.densify()
	}
	for i, r := range o.reg {
		h.reg[i] = max(h.reg[i], r)
	}
	for _, x := range o.set {
		if x != 0 {
			h.AddHash(x)
		}
	}
	return nil
}

// Exact reports that Estimate is the number itself.
func (h *HLL) Exact() bool { return h.reg == nil }

// Estimate is the number of different values.
func (h *HLL) Estimate() float64 {
	if h.reg == nil {
		return float64(h.used)
	}
	var count [hllRank + 1]int
	for _, r := range h.reg {
		count[r]++
	}
	const m = hllRegisters
	z := float64(m * tau(1-float64(float64(count[hllRank])/m)))
	for k := hllRank - 1; k >= 1; k-- {
		z = float64(0.5 * (z + float64(count[k])))
	}
	z += float64(m * sigma(float64(count[0])/m))
	return m / (2 * math.Ln2) * m / z
}

// sigma and tau are Ertl's corrections for registers still at zero and already full: x + Σ x^(2^k) 2^(k-1), and
// (1 - x - Σ (1-x^(2^-k))² 2^-k) / 3.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	z, y := x, 1.0
	for {
		x = float64(x * x)
		old := z
		z += float64(x * y)
		y += y
		if z == old {
			return z
		}
	}
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	z, y := 1-x, 1.0
	for {
		x = math.Sqrt(x)
		old := z
		y = float64(y * 0.5)
		z -= float64((1 - x) * (1 - x) * y)
		if z == old {
			return z / 3
		}
	}
}

const hllKind, hllVersion = 'H', 1

// AppendBinary appends the sketch's bytes: the hashes in ascending order while there are few, or else the registers, four
// bits each above the smallest, followed by those that exceed it by 15 and more.
func (h *HLL) AppendBinary(b []byte) ([]byte, error) {
	b = appendHeader(b, hllKind, hllVersion)
	b = append(b, hllBits, flagByte(h.reg != nil))
	if h.reg == nil {
		b = binary.AppendUvarint(b, uint64(h.used))
		for _, x := range h.hashes() {
			b = binary.LittleEndian.AppendUint64(b, x)
		}
		return b, nil
	}
	base := slices.Min(h.reg)
	b = append(b, base)
	var high []byte
	for i := 0; i < hllRegisters; i += 2 {
		lo, hi := h.reg[i]-base, h.reg[i+1]-base
		if lo >= 15 {
			high = append(high, lo+base)
		}
		if hi >= 15 {
			high = append(high, hi+base)
		}
		b = append(b, min(lo, 15)|min(hi, 15)<<4)
	}
	return append(b, high...), nil
}

func (h *HLL) hashes() []uint64 {
	out := make([]uint64, 0, h.used)
	for _, x := range h.set {
		if x != 0 {
			out = append(out, x)
		}
	}
	slices.Sort(out)
	return out
}

// UnmarshalBinary replaces the sketch by the one that b describes.
func (h *HLL) UnmarshalBinary(b []byte) error {
	r := open("HLL", b, hllKind, hllVersion)
	if p := r.byte(); r.err == nil && p != hllBits {
		r.fail("want 2^%d registers, have 2^%d", hllBits, p)
	}
	var x HLL
	if r.flag() {
		x.unpack(r)
	} else {
		n := r.length(8)
		if n > hllSparse {
			r.fail("%d hashes, want at most %d", n, hllSparse)
		}
		for range n {
			v := r.uint64()
			if r.err == nil && v&1 == 0 {
				r.fail("a hash that is even")
			}
			if r.err != nil {
				break
			}
			x.remember(v)
		}
		if r.err == nil && x.used != n {
			r.fail("a hash twice")
		}
	}
	if err := r.close(); err != nil {
		return err
	}
	*h = x
	return nil
}

func (h *HLL) unpack(r *reader) {
	base := r.byte()
	if len(r.b) < hllRegisters/2 {
		r.fail("%d bytes of registers, want %d", len(r.b), hllRegisters/2)
		return
	}
	packed := r.b[:hllRegisters/2]
	r.b = r.b[hllRegisters/2:]
	h.reg = make([]uint8, hllRegisters)
	for i := range h.reg {
		v := packed[i/2] >> (4 * (i % 2)) & 15
		if v < 15 {
			v += base
		} else if v = r.byte(); v < base || v-base < 15 {
			r.fail("register %d out of place", i)
		}
		if v > hllRank {
			r.fail("register %d is %d, want at most %d", i, v, hllRank)
		}
		if r.err != nil {
			return
		}
		h.reg[i] = v
	}
}
