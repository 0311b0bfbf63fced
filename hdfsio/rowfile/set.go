package rowfile

import (
	"context"
	"iter"

	"howdah/internal/splitmix"
	"howdah/internal/table"
)

// windowBytes bounds the rows that are shuffled among one another; two windows are in memory at once. It decides the
// order of rows, so it is a constant of the format.
const windowBytes = 16 << 20

// chunkRows is about how many rows are gathered at once for the trainer.
const chunkRows = 8192

// Set is the encoded rows of one side of the split: the files in unit order. It hands them out in order, or shuffled in
// an order that is a pure function of (seed, epoch) and the rows.
type Set struct {
	layout table.Layout
	shape  shape
	files  []*File
	blocks []blockRef
	rows   int64
	window int // blocks
}

type blockRef struct{ file, block int32 }

// NewSet joins files of one layout.
func NewSet(layout table.Layout, files []*File) *Set {
	s := &Set{layout: layout, shape: shapeOf(layout), files: files}
	for i, f := range files {
		for b := range f.Blocks() {
			s.blocks = append(s.blocks, blockRef{int32(i), int32(b)})
		}
		s.rows += f.rows
	}
	s.window = max(4, windowBytes/s.shape.blockSize(BlockRows))
	return s
}

// Layout says what the rows are made of.
func (s *Set) Layout() table.Layout { return s.layout }

// Len is the number of rows.
func (s *Set) Len() int64 { return s.rows }

// Blocks is the number of blocks, the grain of Block.
func (s *Set) Blocks() int { return len(s.blocks) }

// Buffer returns memory for one block.
func (s *Set) Buffer() []byte { return aligned(s.shape.blockSize(BlockRows)) }

// Block reads block i, in file order, into buf (from Buffer); e is a view of it.
func (s *Set) Block(i int, buf []byte, e *table.Encoded) error {
	ref := s.blocks[i]
	return s.files[ref.file].read(int(ref.block), buf, e)
}

// Sequential yields the blocks in order, reading one ahead.
func (s *Set) Sequential(ctx context.Context) iter.Seq2[*table.Encoded, error] {
	return func(yield func(*table.Encoded, error) bool) {
		s.stream(ctx, identity(len(s.blocks)), 1, func(w []table.Encoded) bool { return yield(&w[0], nil) }, func(err error) { yield(nil, err) })
	}
}

// stream reads blocks in the given order, n at a time, one window ahead of use.
func (s *Set) stream(ctx context.Context, order []int, n int, use func([]table.Encoded) bool, fail func(error)) {
	type window struct {
		bufs [][]byte
		rows []table.Encoded
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	full, empty := make(chan *window, 1), make(chan *window, 2)
	for range 2 {
		empty <- &window{}
	}
	done := make(chan struct{})
	defer func() { cancel(); <-done }()
	go func() {
		defer close(done)
		defer close(full)
		for i := 0; i < len(order); i += n {
			var w *window
			select {
			case w = <-empty:
			case <-ctx.Done():
				return
			}
			part := order[i:min(i+n, len(order))]
			w.rows = w.rows[:0]
			for k, b := range part {
				if k == len(w.bufs) {
					w.bufs = append(w.bufs, s.Buffer())
				}
				var e table.Encoded
				if w.err = s.Block(b, w.bufs[k], &e); w.err != nil {
					break
				}
				w.rows = append(w.rows, e)
			}
			select {
			case full <- w:
			case <-ctx.Done():
				return
			}
			if w.err != nil {
				return
			}
		}
	}()
	for w := range full {
		if w.err != nil {
			fail(w.err)
			return
		}
		if err := context.Cause(ctx); err != nil {
			fail(err)
			return
		}
		if !use(w.rows) {
			return
		}
		empty <- w
	}
	if err := context.Cause(ctx); err != nil {
		fail(err)
	}
}

// Batches yields the rows of one epoch, shuffled, in minibatches of batchSize rows (the last may be smaller), from
// minibatch skip on. Blocks are drawn in random order over all files and rows are mixed within a window of them. A yielded
// batch is valid until the loop goes on.
func (s *Set) Batches(ctx context.Context, seed uint64, epoch, batchSize, skip int) iter.Seq2[*table.Encoded, error] {
	order := permutation(len(s.blocks), mix(seed, uint64(epoch), 0))
	return s.batches(ctx, order, s.window, batchSize, skip, func(window, rows int) []int {
		return permutation(rows, mix(seed, uint64(epoch), uint64(window+1)))
	})
}

// InOrder yields the rows as they lie, in minibatches of batchSize rows, from minibatch skip on.
func (s *Set) InOrder(ctx context.Context, batchSize, skip int) iter.Seq2[*table.Encoded, error] {
	return s.batches(ctx, identity(len(s.blocks)), 1, batchSize, skip, func(_, rows int) []int { return identity(rows) })
}

func identity(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	return p
}

// batches reads blocks in the given order, a window of them at a time, and gathers the rows of window k in the order
// that arrange returns.
func (s *Set) batches(ctx context.Context, order []int, window, batchSize, skip int, arrange func(k, rows int) []int) iter.Seq2[*table.Encoded, error] {
	return func(yield func(*table.Encoded, error) bool) {
		skipRows := int64(skip) * int64(batchSize)
		k := 0
		// Whole windows before the first wanted row are not read.
		for k*window < len(order) {
			n := int64(0)
			for _, b := range order[k*window : min((k+1)*window, len(order))] {
				ref := s.blocks[b]
				n += int64(s.files[ref.file].blockRows(int(ref.block)))
			}
			if n > skipRows {
				break
			}
			skipRows -= n
			k++
		}
		out := newChunk(s.shape, max(1, chunkRows/batchSize)*batchSize)
		flush := func() bool {
			for at := 0; at < out.n; at += batchSize {
				e := out.view(at, min(at+batchSize, out.n))
				if !yield(&e, nil) {
					return false
				}
			}
			out.n = 0
			return true
		}
		stopped := false
		var starts []int
		var home []int32 // the block of each row of the window
		s.stream(ctx, order[min(k*window, len(order)):], window, func(w []table.Encoded) bool {
			starts, home = starts[:0], home[:0]
			for i := range w {
				starts = append(starts, len(home))
				for range w[i].Rows {
					home = append(home, int32(i))
				}
			}
			rows := arrange(k, len(home))[skipRows:]
			k, skipRows = k+1, 0
			for _, r := range rows {
				b := home[r]
				out.add(&w[b], r-starts[b])
				if out.n == out.cap && !flush() {
					stopped = true
					return false
				}
			}
			return true
		}, func(err error) { stopped = true; yield(nil, err) })
		if !stopped {
			flush()
		}
	}
}

// chunk gathers rows.
type chunk struct {
	shape  shape
	all    table.Encoded
	n, cap int
}

func newChunk(s shape, rows int) *chunk {
	c := &chunk{shape: s, cap: rows}
	c.all = table.Encoded{Rows: rows, Dense: make([]float32, rows*s.dense), Codes: make([]int32, rows*s.codes), Labels: make([]float32, rows), IDs: make([]uint64, rows)}
	if s.weight {
		c.all.Weights = make([]float32, rows)
	}
	return c
}

func (c *chunk) add(e *table.Encoded, r int) {
	d, f, k := c.shape.dense, c.shape.codes, c.n
	copy(c.all.Dense[k*d:(k+1)*d], e.Dense[r*d:(r+1)*d])
	copy(c.all.Codes[k*f:(k+1)*f], e.Codes[r*f:(r+1)*f])
	c.all.Labels[k] = e.Labels[r]
	c.all.IDs[k] = e.IDs[r]
	if c.shape.weight {
		c.all.Weights[k] = e.Weights[r]
	}
	c.n++
}

func (c *chunk) view(from, to int) table.Encoded {
	d, f := c.shape.dense, c.shape.codes
	e := table.Encoded{Rows: to - from, Dense: c.all.Dense[from*d : to*d], Codes: c.all.Codes[from*f : to*f], Labels: c.all.Labels[from:to], IDs: c.all.IDs[from:to]}
	if c.shape.weight {
		e.Weights = c.all.Weights[from:to]
	}
	return e
}

// mix hashes (seed, epoch, window) into the key of a permutation, by rounds of SplitMix64.
func mix(words ...uint64) uint64 {
	h := uint64(splitmix.Gamma)
	for _, w := range words {
		h = splitmix.Draw(h^w, 0)
	}
	return h
}

// permutation of 0..n-1 by Fisher and Yates; draw i is a function of (key, i).
func permutation(n int, key uint64) []int {
	p := identity(n)
	for i := n - 1; i > 0; i-- {
		j := int(splitmix.Below(splitmix.Draw(key^uint64(i)*0xd1342543de82ef95, 0), uint64(i+1)))
		p[i], p[j] = p[j], p[i]
	}
	return p
}
