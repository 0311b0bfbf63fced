// Sorted runs of scores: what exact AUC and curves are computed from.

package eval

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// A run is a sequence of entries with ascending, distinct keys. A key is the 32 bits of a score, ordered; an entry has the
// weights of the positive and of the negative rows of that score. An entry's bytes are a varint of (the step from the key
// before)*8 + kind, then what the kind asks for. Kinds, of which the encoder takes the first that is exact:
const (
	oneNegative   = iota + 1 // a row of weight 1
	onePositive              //
	counts                   // two varints: weights that are whole numbers
	floatNegative            // a weight that is a float32
	floatPositive            //
	pair                     // two float64s
)

type run struct {
	bytes    []byte
	last     uint32 // key of the last entry
	entries  int64
	pos, neg float64 // totals
}

// keyOf orders the bits of a finite score; both zeros have one key.
func keyOf(score float32) uint32 {
	b := math.Float32bits(score + 0)
	return b ^ (uint32(int32(b)>>31) | 1<<31)
}

// scoreOf is the score with the given key.
func scoreOf(key uint32) float32 {
	if key>>31 == 1 {
		return math.Float32frombits(key &^ (1 << 31))
	}
	return math.Float32frombits(^key)
}

func (r *run) add(key uint32, pos, neg float64) {
	step := uint64(key - r.last)
	r.last = key
	r.entries++
	r.pos += pos
	r.neg += neg
	b := r.bytes
	switch {
	case pos == 0 && neg == 1:
		b = binary.AppendUvarint(b, step<<3+oneNegative)
	case neg == 0 && pos == 1:
		b = binary.AppendUvarint(b, step<<3+onePositive)
	case whole(pos) && whole(neg):
		b = binary.AppendUvarint(b, step<<3+counts)
		b = binary.AppendUvarint(b, uint64(pos))
		b = binary.AppendUvarint(b, uint64(neg))
	case pos == 0 && float64(float32(neg)) == neg:
		b = binary.AppendUvarint(b, step<<3+floatNegative)
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(neg)))
	case neg == 0 && float64(float32(pos)) == pos:
		b = binary.AppendUvarint(b, step<<3+floatPositive)
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(pos)))
	default:
		b = binary.AppendUvarint(b, step<<3+pair)
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(pos))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(neg))
	}
	r.bytes = b
}

func whole(x float64) bool { return x < 1<<32 && x == float64(uint32(x)) }

// cursor reads a run's entries.
type cursor struct {
	b        []byte
	key      uint32
	pos, neg float64
	ok       bool // there is an entry
	err      error
}

func (r *run) cursor() *cursor {
	c := &cursor{b: r.bytes}
	c.next()
	return c
}

func (c *cursor) next() {
	c.ok = false
	if len(c.b) == 0 {
		return
	}
	x, n := binary.Uvarint(c.b)
	if n <= 0 || x>>3 > math.MaxUint32-uint64(c.key) {
		c.fail()
		return
	}
	c.b = c.b[n:]
	c.key += uint32(x >> 3)
	c.pos, c.neg = 0, 0
	switch x & 7 {
	case oneNegative:
		c.neg = 1
	case onePositive:
		c.pos = 1
	case counts:
		p, n := binary.Uvarint(c.b)
		if n <= 0 {
			c.fail()
			return
		}
		q, m := binary.Uvarint(c.b[n:])
		if m <= 0 || p > math.MaxUint32 || q > math.MaxUint32 {
			c.fail()
			return
		}
		c.b = c.b[n+m:]
		c.pos, c.neg = float64(p), float64(q)
	case floatNegative, floatPositive:
		if len(c.b) < 4 {
			c.fail()
			return
		}
		w := float64(math.Float32frombits(binary.LittleEndian.Uint32(c.b)))
		c.b = c.b[4:]
		if x&7 == floatNegative {
			c.neg = w
		} else {
			c.pos = w
		}
	case pair:
		if len(c.b) < 16 {
			c.fail()
			return
		}
		c.pos = math.Float64frombits(binary.LittleEndian.Uint64(c.b))
		c.neg = math.Float64frombits(binary.LittleEndian.Uint64(c.b[8:]))
		c.b = c.b[16:]
	default:
		c.fail()
		return
	}
	c.ok = true
}

func (c *cursor) fail() {
	c.ok, c.b = false, nil
	c.err = fmt.Errorf("evaluation: a run of scores is damaged after key %#x", c.key)
}

// mergeRuns returns one run of all entries. A single run is returned as it is.
func mergeRuns(runs []*run) (*run, error) {
	if len(runs) == 1 {
		return runs[0], nil
	}
	size := 0
	for _, r := range runs {
		size += len(r.bytes)
	}
	out := &run{bytes: make([]byte, 0, size/8*7)}
	if err := walk(runs, out.add); err != nil {
		return nil, err
	}
	// Merged steps are shorter than the former ones, and equal scores are one entry: much may be left over.
	if cap(out.bytes)-len(out.bytes) > cap(out.bytes)/8 {
		out.bytes = slices.Clone(out.bytes)
	}
	return out, nil
}

// walk yields the entries of several runs in ascending order of the keys, equal keys added up in the order of the runs.
func walk(runs []*run, yield func(key uint32, pos, neg float64)) error {
	cs := make([]*cursor, len(runs))
	var heap []uint64 // key<<32 | number of the run, the least first
	for i, r := range runs {
		cs[i] = r.cursor()
		if cs[i].ok {
			heap = append(heap, uint64(cs[i].key)<<32|uint64(i))
		}
	}
	slices.Sort(heap) // a sorted slice is a heap
	for len(heap) > 0 {
		key, pos, neg := uint32(heap[0]>>32), 0.0, 0.0
		for len(heap) > 0 && uint32(heap[0]>>32) == key {
			c := cs[uint32(heap[0])]
			pos += c.pos
			neg += c.neg
			if c.next(); c.ok {
				heap[0] = uint64(c.key)<<32 | heap[0]&math.MaxUint32
			} else {
				heap[0] = heap[len(heap)-1]
				heap = heap[:len(heap)-1]
			}
			sift(heap)
		}
		yield(key, pos, neg)
	}
	for _, c := range cs {
		if c.err != nil {
			return c.err
		}
	}
	return nil
}

// sift moves the first element of a heap to its place.
func sift(h []uint64) {
	for i := 0; ; {
		c := 2*i + 1
		if c >= len(h) {
			return
		}
		if c+1 < len(h) && h[c+1] < h[c] {
			c++
		}
		if h[i] <= h[c] {
			return
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
}

// unitRows is the number of rows that are sorted at once.
const unitRows = 1 << 17

// scores gathers rows into runs: a buffer of unsorted rows, and a stack of runs merged like the digits of a counter to
// base 16, so that a row takes part in few merges and the tree depends on the number of rows alone.
type scores struct {
	// rows are key<<32 | bits of the weight, whose sign bit says that the row is positive.
	rows, spare []uint64
	stack       []level
	limit       int  // bytes of all runs; beyond it, scores are rounded
	dropped     uint // low bits that are rounded away; 0: the scores are exact
}

// scoreBytes bounds the runs of an evaluation. Exact scores of one task of two classes reach it at some sixty million
// rows.
const scoreBytes = 192 << 20

func newScores(n int) []scores {
	s := make([]scores, n)
	for i := range s {
		s[i].limit = scoreBytes / n
	}
	return s
}

// coarsen rounds the run's scores down to keys without their lowest bits.
func (r *run) coarsen(bits uint) (*run, error) {
	out := &run{bytes: make([]byte, 0, len(r.bytes)/2)}
	var at uint32
	var pos, neg float64
	err := walk([]*run{r}, func(key uint32, p, n float64) {
		if key = key >> bits << bits; key != at && (pos > 0 || neg > 0) {
			out.add(at, pos, neg)
			pos, neg = 0, 0
		}
		at = key
		pos += p
		neg += n
	})
	if pos > 0 || neg > 0 {
		out.add(at, pos, neg)
	}
	return out, err
}

// bound rounds the scores until the runs keep to the limit.
func (s *scores) bound() error {
	for s.dropped < 24 {
		total := 0
		for _, l := range s.stack {
			total += len(l.run.bytes)
		}
		if total <= s.limit {
			return nil
		}
		if err := s.round(s.dropped + 2); err != nil {
			return err
		}
	}
	return nil
}

// round drops so many low bits of every score.
func (s *scores) round(bits uint) error {
	if bits <= s.dropped {
		return nil
	}
	s.dropped = bits
	for i := range s.stack {
		r, err := s.stack[i].run.coarsen(bits)
		if err != nil {
			return err
		}
		s.stack[i].run = r
	}
	return nil
}

// level is a run of the stack. Heights never rise from one to the next.
type level struct {
	run    *run
	height int // of its tree of merges
}

// fanIn is the number of runs of one height that are merged.
const fanIn = 16

// put adds a row. The weight is finite and not negative; rows of weight 0 count for nothing.
func (s *scores) put(score, weight float32, positive bool) error {
	if weight == 0 {
		return nil
	}
	w := math.Float32bits(weight)
	if positive {
		w |= 1 << 31
	}
	s.rows = append(s.rows, uint64(keyOf(score))<<32|uint64(w))
	if len(s.rows) == unitRows {
		return s.flush()
	}
	return nil
}

// flush turns the buffered rows into a run.
func (s *scores) flush() error {
	if len(s.rows) == 0 {
		return nil
	}
	if cap(s.spare) < len(s.rows) {
		s.spare = make([]uint64, len(s.rows))
	}
	rows := sortRows(s.rows, s.spare[:len(s.rows)])
	r := &run{bytes: make([]byte, 0, 4*len(rows))}
	for i := 0; i < len(rows); {
		key := uint32(rows[i] >> 32)
		pos, neg := 0.0, 0.0
		for ; i < len(rows) && uint32(rows[i]>>32) == key; i++ {
			w := float64(math.Float32frombits(uint32(rows[i]) &^ (1 << 31)))
			if rows[i]>>31&1 == 1 {
				pos += w
			} else {
				neg += w
			}
		}
		r.add(key, pos, neg)
	}
	s.rows = s.rows[:0]
	return s.push(level{r, 0})
}

func (s *scores) push(l level) error {
	if s.dropped > 0 {
		r, err := l.run.coarsen(s.dropped)
		if err != nil {
			return err
		}
		l.run = r
	}
	// What lies below a higher run is closed: it becomes one with it.
	from := len(s.stack)
	for from > 0 && s.stack[from-1].height < l.height {
		from--
	}
	s.stack = append(s.stack, l)
	if err := s.collapse(from, l.height); err != nil {
		return err
	}
	for {
		h := s.stack[len(s.stack)-1].height
		from := len(s.stack)
		for from > 0 && s.stack[from-1].height == h {
			from--
		}
		if len(s.stack)-from < fanIn {
			break
		}
		if err := s.collapse(from, h+1); err != nil {
			return err
		}
	}
	return s.bound()
}

// collapse merges the stack's runs from a place on into one of the given height.
func (s *scores) collapse(from, height int) error {
	runs := make([]*run, 0, fanIn)
	for _, l := range s.stack[from:] {
		runs = append(runs, l.run)
	}
	r, err := mergeRuns(runs)
	if err != nil {
		return err
	}
	clear(s.stack[from:])
	s.stack = append(s.stack[:from], level{r, height})
	return nil
}

// close flushes and lets the buffers go.
func (s *scores) close() error {
	err := s.flush()
	s.rows, s.spare = nil, nil
	return err
}

// merge appends the rows of t, which is used up.
func (s *scores) merge(t *scores) error {
	if err := s.close(); err != nil {
		return err
	}
	if err := t.close(); err != nil {
		return err
	}
	if err := s.round(t.dropped); err != nil {
		return err
	}
	for _, l := range t.stack {
		if err := s.push(l); err != nil {
			return err
		}
	}
	t.stack = nil
	return nil
}

// runs returns the runs of all rows so far; the buffer is flushed.
func (s *scores) runs() ([]*run, error) {
	if err := s.flush(); err != nil {
		return nil, err
	}
	out := make([]*run, len(s.stack))
	for i, l := range s.stack {
		out[i] = l.run
	}
	return out, nil
}

// sortRows sorts by the upper 32 bits, equal ones staying in order: a radix sort of three digits. It uses both slices
// and returns the one that holds the result.
func sortRows(a, b []uint64) []uint64 {
	var n [3][2048]uint32
	for _, x := range a {
		n[0][x>>32&2047]++
		n[1][x>>43&2047]++
		n[2][x>>54]++
	}
	for d := range n {
		shift := 32 + 11*d
		count := &n[d]
		if count[a[0]>>shift&2047] == uint32(len(a)) {
			continue // all have the same digit
		}
		at := uint32(0)
		for i, c := range count {
			count[i] = at
			at += c
		}
		for _, x := range a {
			digit := x >> shift & 2047
			b[count[digit]] = x
			count[digit]++
		}
		a, b = b, a
	}
	return a
}
