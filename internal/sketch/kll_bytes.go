package sketch

import (
	"encoding/binary"
	"math"
	"slices"
)

const kllKind, kllVersion = 'Q', 1

// AppendBinary appends the sketch's bytes.
func (s *KLL) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(appendHeader(b, kllKind, kllVersion), uint64(s.k))
	b = binary.LittleEndian.AppendUint64(b, s.seed)
	b = binary.AppendUvarint(b, uint64(s.n))
	if s.n == 0 {
		return b, nil
	}
	b = appendFloat(appendFloat(b, s.min), s.max)
	b = append(b, byte(s.stage), byte(len(s.levels)))
	for _, l := range s.levels {
		b = appendKeys(b, l)
	}
	base := slices.Clone(s.base)
	slices.Sort(base)
	b = appendKeys(b, base)
	b = binary.AppendUvarint(b, uint64(len(s.pending)))
	for _, v := range s.pending {
		b = appendFloat(b, v)
	}
	return b, nil
}

func appendKeys(b []byte, keys []uint64) []byte {
	b = binary.AppendUvarint(b, uint64(len(keys)))
	for _, k := range keys {
		b = binary.LittleEndian.AppendUint64(b, k)
	}
	return b
}

// keys reads sorted keys, none of them of a NaN.
func (r *reader) keys() []uint64 {
	n := r.length(8)
	if n == 0 {
		return nil
	}
	out := make([]uint64, n)
	for i := range out {
		out[i] = r.uint64()
		if i > 0 && out[i] < out[i-1] {
			r.fail("keys out of order")
		}
		if f := floatOf(out[i]); f != f {
			r.fail("a NaN among the values")
		}
	}
	return out
}

// UnmarshalBinary replaces the sketch by the one that b describes.
func (s *KLL) UnmarshalBinary(b []byte) error {
	r := open("KLL", b, kllKind, kllVersion)
	x := KLL{k: int(min(r.uvarint(), math.MaxInt32)), seed: r.uint64(), n: r.count()}
	if x.k != 0 && (x.k < kllMinK || x.k > kllMaxK) || x.k == 0 && x.n > 0 {
		r.fail("K = %d, want %d to %d", x.k, kllMinK, kllMaxK)
	}
	if x.n > 0 {
		x.unpack(r)
	}
	if err := r.close(); err != nil {
		return err
	}
	*s = x
	return nil
}

func (s *KLL) unpack(r *reader) {
	s.min, s.max = r.float(), r.float()
	if !(s.min <= s.max) {
		r.fail("minimum %v, maximum %v", s.min, s.max)
	}
	s.stage = int(r.byte())
	levels := int(r.byte())
	if s.stage != 0 && s.stage != sampled || levels > kllLevels {
		r.fail("stage %d, %d levels", s.stage, levels)
		return
	}
	left := s.n // what the values' weights must add up to
	take := func(keys []uint64, level int) []uint64 {
		if int64(len(keys)) > left>>level {
			r.fail("values weigh more than %d", s.n)
			return nil
		}
		left -= int64(len(keys)) << level
		return keys
	}
	for h := range levels {
		s.levels = append(s.levels, take(r.keys(), h))
	}
	s.base = take(r.keys(), s.stage)
	if len(s.base) > s.k {
		r.fail("%d values at the bottom, want at most %d", len(s.base), s.k)
	}
	n := r.length(8)
	if n >= sortStride || n > 0 && s.stage == 0 {
		r.fail("%d values pending", n)
		return
	}
	for range n {
		v := r.float()
		if v != v {
			r.fail("a NaN among the values")
		}
		s.pending = append(s.pending, v)
	}
	if left -= int64(n); r.err == nil && left != 0 {
		r.fail("values weigh %d, want %d", s.n-left, s.n)
	}
}
