package shard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/parquet-go/bitpack"

	"howdah/internal/table"
)

// hybrid decodes the RLE / bit-packing hybrid, in which levels, dictionary codes and booleans are written
// (https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE). It yields as many values as are asked for, so
// that a run of two thousand million values costs nothing.
type hybrid struct {
	src    []byte // what follows the current run
	width  uint
	left   int // values left in the current run
	packed bool
	value  uint32 // of a repeated run
	run    []byte // of a packed run
	at     int    // the next value of it
}

var errHybridEnd = errors.New("fewer values than the page says")

func newHybrid(src []byte, width uint) hybrid { return hybrid{src: src, width: width} }

// next moves to the next run that is not empty.
func (h *hybrid) next() error {
	for h.left == 0 {
		if h.width == 0 { // every value is zero, and writers may leave the runs out
			h.packed, h.value, h.left = false, 0, 1<<30
			return nil
		}
		head, n := binary.Uvarint(h.src)
		if n <= 0 {
			return errHybridEnd
		}
		h.src = h.src[n:]
		if head > 1<<33 {
			return fmt.Errorf("a run of %d values", head>>1)
		}
		if head&1 == 0 {
			size := int(h.width+7) / 8
			if len(h.src) < size {
				return errHybridEnd
			}
			h.value = 0
			for i := size - 1; i >= 0; i-- {
				h.value = h.value<<8 | uint32(h.src[i])
			}
			if h.width < 32 && h.value>>h.width != 0 {
				return fmt.Errorf("a value of %d in %d bits", h.value, h.width)
			}
			h.src = h.src[size:]
			h.packed, h.left = false, int(head>>1)
			continue
		}
		count := int(head>>1) * 8
		size := int(head>>1) * int(h.width)
		if size > len(h.src) { // the last run may be cut where its values end
			size = len(h.src)
			count = size * 8 / int(h.width)
			if count == 0 {
				return errHybridEnd
			}
		}
		h.run, h.at = h.src[:size], 0
		h.src = h.src[size:]
		h.packed, h.left = true, count
	}
	return nil
}

// ints fills dst.
func (h *hybrid) ints(dst []int32) error {
	for len(dst) > 0 {
		if h.left == 0 {
			if err := h.next(); err != nil {
				return err
			}
		}
		k := min(h.left, len(dst))
		if h.packed {
			unpack32(dst[:k], h.run, h.at, h.width)
			h.at += k
		} else {
			v := int32(h.value)
			for i := range dst[:k] {
				dst[i] = v
			}
		}
		h.left -= k
		dst = dst[k:]
	}
	return nil
}

// bytes fills dst with values of at most eight bits.
func (h *hybrid) bytes(dst []uint8) error {
	for len(dst) > 0 {
		if h.left == 0 {
			if err := h.next(); err != nil {
				return err
			}
		}
		k := min(h.left, len(dst))
		if h.packed {
			for i := range k {
				dst[i] = uint8(bitsAt(h.run, (h.at+i)*int(h.width), h.width))
			}
			h.at += k
		} else {
			v := uint8(h.value)
			for i := range dst[:k] {
				dst[i] = v
			}
		}
		h.left -= k
		dst = dst[k:]
	}
	return nil
}

// repeated returns how many of the next n values are known to be alike and what they are, without consuming them.
func (h *hybrid) repeated(n int) (int, uint32, error) {
	if h.left == 0 {
		if err := h.next(); err != nil {
			return 0, 0, err
		}
	}
	if h.packed {
		return 0, 0, nil
	}
	return min(h.left, n), h.value, nil
}

func (h *hybrid) drop(n int) { h.left -= n }

// setBits copies bits to valid[off:off+n], where the values are one bit wide, and returns how many are set.
func (h *hybrid) setBits(valid table.Bitmap, off, n int) (ones int, err error) {
	for n > 0 {
		if h.left == 0 {
			if err := h.next(); err != nil {
				return ones, err
			}
		}
		k := min(h.left, n)
		if h.packed {
			ones += copyBits(valid, off, h.run, h.at, k)
			h.at += k
		} else {
			fillBits(valid, off, k, h.value != 0)
			if h.value != 0 {
				ones += k
			}
		}
		h.left -= k
		off += k
		n -= k
	}
	return ones, nil
}

// fillBits sets or clears valid[off:off+n].
func fillBits(valid table.Bitmap, off, n int, set bool) {
	for n > 0 {
		k := min(64-off&63, n)
		mask := ^uint64(0) >> (64 - uint(k)) << (uint(off) & 63)
		if set {
			valid[off>>6] |= mask
		} else {
			valid[off>>6] &^= mask
		}
		off += k
		n -= k
	}
}

// copyBits copies n bits of src, least significant first, to valid[off:], and returns how many are set.
func copyBits(valid table.Bitmap, off int, src []byte, at, n int) (ones int) {
	for n > 0 {
		k := min(64-off&63, n, 56)
		w := bitsAt(src, at, uint(k))
		ones += bits.OnesCount64(w)
		sh := uint(off) & 63
		mask := ^uint64(0) >> (64 - uint(k)) << sh
		valid[off>>6] = valid[off>>6]&^mask | w<<sh
		off += k
		at += k
		n -= k
	}
	return ones
}

// bitsAt returns width (at most 57) bits of src from bit at, least significant first.
func bitsAt(src []byte, at int, width uint) uint64 {
	i := at >> 3
	var w uint64
	if i+8 <= len(src) {
		w = binary.LittleEndian.Uint64(src[i:])
	} else {
		for j := len(src) - 1; j >= i; j-- {
			w = w<<8 | uint64(src[j])
		}
	}
	return w >> (uint(at) & 7) & (1<<width - 1)
}

// unpack32 unpacks values at, at+1, ... of a packed run. The bulk goes through vector code, which starts at whole bytes
// and reads a little beyond the end.
func unpack32(dst []int32, src []byte, at int, width uint) {
	for len(dst) > 0 && at&7 != 0 {
		dst[0] = int32(bitsAt(src, at*int(width), width))
		dst = dst[1:]
		at++
	}
	n := len(dst)
	if n == 0 {
		return
	}
	b := src[at/8*int(width):]
	if n >= 16 && cap(b) >= bitpack.ByteCount(uint(n)*width)+bitpack.PaddingInt32 {
		bitpack.Unpack(dst, b, width)
		return
	}
	for i := range dst {
		dst[i] = int32(bitsAt(b, i*int(width), width))
	}
}
