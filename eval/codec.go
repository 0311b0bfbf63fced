// The bytes of a part, by which it travels from a mapper to the driver.

package eval

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Bytes of a part: a kind and a version; the task's first letter and the number of classes; the rows; then each table of
// sums as its length and, for each value that is not zero, the gap from the one before and eight bytes; the bins of
// residuals and predictions; the runs of scores.
const (
	partKind    = 'E'
	partVersion = 1
	maxHeight   = 12 // of a tree of merges: 2^65 rows
)

// AppendBinary appends the part's bytes to b. Buffered rows are sorted into runs.
func (p *Part) AppendBinary(b []byte) ([]byte, error) {
	if p.err != nil {
		return b, p.err
	}
	b = append(b, partKind, partVersion, p.cfg.Task[0])
	b = binary.AppendUvarint(b, uint64(p.classes()))
	b = appendFloats(b, []float64{p.cfg.Threshold, p.base.Mean})
	b = binary.AppendUvarint(b, uint64(p.rows))
	for _, t := range p.tables() {
		b = appendFloats(b, t)
	}
	for _, h := range []*floatBins{&p.errors, &p.values} {
		b = binary.AppendUvarint(b, uint64(len(h.bins)))
		for _, x := range h.bins {
			b = binary.LittleEndian.AppendUint16(b, x.key)
			for _, v := range []float64{x.weight, x.sum, x.with} {
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
			}
		}
	}
	for i := range p.scores {
		s := &p.scores[i]
		if err := s.close(); err != nil {
			return b, err
		}
		b = binary.AppendUvarint(b, uint64(s.dropped))
		b = binary.AppendUvarint(b, uint64(len(s.stack)))
		for _, l := range s.stack {
			b = binary.AppendUvarint(b, uint64(l.height))
			b = binary.AppendUvarint(b, uint64(len(l.run.bytes)))
			b = append(b, l.run.bytes...)
		}
	}
	return b, nil
}

// tables are the sums that merge by adding up.
func (p *Part) tables() [][]float64 {
	return [][]float64{p.buckets, p.sums.classes, p.sums.bins, p.matrix, p.hist, p.squares[:]}
}

func appendFloats(b []byte, t []float64) []byte {
	used := 0
	for _, x := range t {
		if x != 0 {
			used++
		}
	}
	b = binary.AppendUvarint(b, uint64(used))
	last := 0
	for i, x := range t {
		if x != 0 {
			b = binary.AppendUvarint(b, uint64(i-last))
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
			last = i
		}
	}
	return b
}

var errBytes = errors.New("evaluation: the bytes of a part are damaged")

// partReader takes bytes apart; the first error sticks.
type partReader struct {
	b   []byte
	err error
}

func (r *partReader) fail() {
	if r.err == nil {
		r.err = errBytes
	}
	r.b = nil
}

func (r *partReader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	x := r.b[:n:n]
	r.b = r.b[n:]
	return x
}

func (r *partReader) number() uint64 {
	x, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return x
}

// float reads a finite number.
func (r *partReader) float() float64 {
	x := r.take(8)
	if r.err != nil {
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(x))
	if !finite(v) {
		r.fail()
		return 0
	}
	return v
}

func (r *partReader) floats(t []float64) {
	used := r.number()
	if used > uint64(len(t)) {
		r.fail()
	}
	at := uint64(0)
	for i := uint64(0); i < used && r.err == nil; i++ {
		gap := r.number()
		if i > 0 && gap == 0 || gap >= uint64(len(t)) {
			r.fail()
			return
		}
		if at += gap; at >= uint64(len(t)) {
			r.fail()
			return
		}
		t[at] = r.float()
	}
}

// UnmarshalBinary reads the bytes of a part into an empty part of the same configuration.
func (p *Part) UnmarshalBinary(b []byte) error {
	if p.err != nil {
		return p.err
	}
	if p.rows != 0 {
		return errors.New("evaluation: the part has rows already")
	}
	r := &partReader{b: b}
	head := r.take(3)
	if r.err != nil || head[0] != partKind {
		return errBytes
	}
	if head[1] != partVersion {
		return fmt.Errorf("evaluation: a part of version %d; want %d", head[1], partVersion)
	}
	var fixed [2]float64
	classes := r.number()
	r.floats(fixed[:])
	if r.err == nil && (head[2] != p.cfg.Task[0] || classes != uint64(p.classes()) || fixed != [2]float64{p.cfg.Threshold, p.base.Mean}) {
		return errors.New("evaluation: the part is of another configuration")
	}
	rows := r.number()
	if rows > math.MaxInt64/4 {
		r.fail()
	}
	for _, t := range p.tables() {
		r.floats(t)
	}
	for _, h := range []*floatBins{&p.errors, &p.values} {
		n := r.number()
		if n > uint64(len(r.b)/26) {
			r.fail()
		}
		for i := uint64(0); i < n && r.err == nil; i++ {
			key := r.take(2)
			if r.err != nil {
				break
			}
			x := h.bin(binary.LittleEndian.Uint16(key))
			x.weight, x.sum, x.with = r.float(), r.float(), r.float()
			if !(x.weight > 0) {
				r.fail()
			}
		}
	}
	for i := range p.scores {
		s := &p.scores[i]
		if s.dropped = uint(r.number()); s.dropped > 24 {
			r.fail()
		}
		n := r.number()
		if n > maxHeight*fanIn {
			r.fail()
		}
		last := uint64(maxHeight)
		for j := uint64(0); j < n && r.err == nil; j++ {
			height := r.number()
			if height > last {
				r.fail()
				break
			}
			last = height
			l := level{&run{bytes: append([]byte(nil), r.take(r.number())...)}, int(height)}
			if r.err == nil {
				r.err = l.run.check()
			}
			s.stack = append(s.stack, l)
		}
	}
	if r.err == nil && len(r.b) > 0 {
		r.fail()
	}
	if r.err != nil {
		*p = *NewPart(p.cfg, p.base)
		return r.err
	}
	p.rows = int64(rows)
	return nil
}

// check reads a run through and sets its totals. Keys that do not ascend and weights that are none are errors.
func (r *run) check() error {
	c := r.cursor()
	for ; c.ok; c.next() {
		if r.entries > 0 && c.key <= r.last || !(c.pos >= 0 && c.neg >= 0 && c.pos+c.neg > 0) || !finite(c.pos+c.neg) {
			return errBytes
		}
		r.last = c.key
		r.entries++
		r.pos += c.pos
		r.neg += c.neg
	}
	return c.err
}
