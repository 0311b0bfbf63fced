package shard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// delta decodes DELTA_BINARY_PACKED a few values at a time
// (https://parquet.apache.org/docs/file-format/data-pages/encodings/#DELTAENC): a head, then blocks of miniblocks, each
// bit-packed with a width of its own, of differences from the smallest difference of the block.
type delta struct {
	src      []byte // what follows the current miniblock
	total    int    // values not yielded yet
	perBlock int    // values in a block
	perMini  int    // in a miniblock
	last     int64
	first    bool // the first value, which is in the head, is still to come

	minDelta int64
	widths   []byte // of the miniblocks of this block that are to come
	mini     []byte
	width    uint
	at, left int // in the miniblock
}

var errDeltaEnd = errors.New("delta encoding: unexpected end")

func (d *delta) uvarint() (uint64, error) {
	v, n := binary.Uvarint(d.src)
	if n <= 0 {
		return 0, errDeltaEnd
	}
	d.src = d.src[n:]
	return v, nil
}

func (d *delta) varint() (int64, error) {
	u, err := d.uvarint()
	return int64(u>>1) ^ -int64(u&1), err
}

// reset reads the head.
func (d *delta) reset(src []byte) error {
	*d = delta{src: src, first: true}
	block, err := d.uvarint()
	if err != nil {
		return err
	}
	minis, err := d.uvarint()
	if err != nil {
		return err
	}
	total, err := d.uvarint()
	if err != nil {
		return err
	}
	if d.last, err = d.varint(); err != nil {
		return err
	}
	if block == 0 || block > 1<<20 || block%128 != 0 || minis == 0 || minis > block || block%minis != 0 || block/minis%32 != 0 {
		return fmt.Errorf("delta encoding: blocks of %d values in %d miniblocks", block, minis)
	}
	if total > 1<<31 {
		return fmt.Errorf("delta encoding: %d values", total)
	}
	d.total, d.perBlock, d.perMini = int(total), int(block), int(block/minis)
	return nil
}

// next moves to the next miniblock.
func (d *delta) next() error {
	if len(d.widths) == 0 {
		var err error
		if d.minDelta, err = d.varint(); err != nil {
			return err
		}
		n := d.perBlock / d.perMini
		if len(d.src) < n {
			return errDeltaEnd
		}
		d.widths, d.src = d.src[:n], d.src[n:]
	}
	d.width, d.widths = uint(d.widths[0]), d.widths[1:]
	if d.width > 64 {
		return fmt.Errorf("delta encoding: %d bits a value", d.width)
	}
	size := d.perMini / 8 * int(d.width)
	if size > len(d.src) { // the last one may be cut where its values end
		if need := (min(d.total, d.perMini)*int(d.width) + 7) / 8; need > len(d.src) {
			return errDeltaEnd
		}
		size = len(d.src)
	}
	d.mini, d.src = d.src[:size], d.src[size:]
	d.at, d.left = 0, d.perMini
	return nil
}

// ints fills dst. Sums wrap, as the format has it.
func (d *delta) ints(dst []int64) error {
	if len(dst) > d.total {
		return fmt.Errorf("delta encoding: fewer values than the page says")
	}
	if d.first && len(dst) > 0 {
		d.first = false
		d.total--
		dst[0] = d.last
		dst = dst[1:]
	}
	for len(dst) > 0 {
		if d.left == 0 {
			if err := d.next(); err != nil {
				return err
			}
		}
		k := min(d.left, len(dst))
		last, lo := d.last, d.minDelta
		switch {
		case d.width == 0:
			for i := range dst[:k] {
				last += lo
				dst[i] = last
			}
		case d.width <= 57:
			bit := d.at * int(d.width)
			for i := range dst[:k] {
				last += lo + int64(bitsAt(d.mini, bit, d.width))
				dst[i] = last
				bit += int(d.width)
			}
		default:
			bit := d.at * int(d.width)
			for i := range dst[:k] {
				v := bitsAt(d.mini, bit, 32) | bitsAt(d.mini, bit+32, d.width-32)<<32
				last += lo + int64(v)
				dst[i] = last
				bit += int(d.width)
			}
		}
		d.last = last
		d.at += k
		d.left -= k
		d.total -= k
		dst = dst[k:]
	}
	return nil
}

// rest returns the bytes that follow the encoded values, which it passes over.
func (d delta) rest(scratch []int64) ([]byte, error) {
	for d.total > 0 {
		if err := d.ints(scratch[:min(len(scratch), d.total)]); err != nil {
			return nil, err
		}
	}
	return d.src, nil
}

// levelWidth is the number of bits of a level.
func levelWidth(highest int) uint { return uint(bits.Len(uint(highest))) }
