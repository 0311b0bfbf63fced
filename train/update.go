package train

import (
	"math"

	"howdah/internal/kernel"
)

// touched is a table's part of a batch: the rows that it touched in order of appearance, their gradient, and while they are
// updated their parameters and state, gathered so that the chain runs over all of them at once.
//
// A table takes part lazily: transforms see only the rows that the batch touched. State of other rows does not decay and
// penalties do not reach them, as in PyTorch's SparseAdam; the step counts for all. For SGD without momentum, Adagrad and FTRL,
// without penalties, this is the same as the dense rule. Full-batch descent treats tables as dense.
type touched struct {
	lookup
	embedding bool
	index     []int32 // by row: 1 + its place in rows, or 0
	rows      []int32
	g         []float32 // [len(rows), width]
	p         []float32 // [len(rows), width]
	state     []float32 // [slots, len(rows), width]
}

func (n *Network) newTouched(l lookup, embedding bool) touched {
	m := min(n.cfg.Train.BatchSize, l.size)
	t := touched{lookup: l, embedding: embedding, index: make([]int32, l.size), rows: make([]int32, 0, m), g: make([]float32, m*l.width)}
	if n.full() {
		return t // the sum of all batches is updated as a whole
	}
	if n.chain.readsParams() {
		t.p = make([]float32, m*l.width)
	}
	t.state = make([]float32, n.chain.Slots()*m*l.width)
	return t
}

// scatter sums the gradient of the i-th table's rows, in the order of the batch's rows.
func (n *Network) scatter(i int) {
	w := n.work
	t := &w.tables[i]
	b, f := w.batch, len(n.layout.Codes)
	// The gradient by a one-hot row is that by the first layer's outcome, by an embedding that by its columns of the input.
	src, stride, column := w.grads[1], t.width, 0
	if t.embedding {
		src, stride, column = w.grads[0], n.input[0], t.column
	}
	rows, size, m := t.rows[:0], uint32(t.size), t.width
	if m == 1 && stride == 1 {
		g := t.g
		for r, at := 0, t.slot; r < b.Rows; r, at = r+1, at+f {
			c := uint32(b.Codes[at])
			if c >= size {
				continue
			}
			if k := t.index[c]; k != 0 {
				g[k-1] += src[r]
			} else {
				g[len(rows)] = src[r]
				rows = append(rows, int32(c))
				t.index[c] = int32(len(rows))
			}
		}
		t.rows = rows
		return
	}
	for r, at := 0, t.slot; r < b.Rows; r, at = r+1, at+f {
		c := uint32(b.Codes[at])
		if c >= size {
			continue
		}
		v := src[r*stride+column : r*stride+column+m]
		if k := int(t.index[c]); k != 0 {
			kernel.Add(t.g[(k-1)*m:k*m], v)
		} else {
			copy(t.g[len(rows)*m:], v)
			rows = append(rows, int32(c))
			t.index[c] = int32(len(rows))
		}
	}
	t.rows = rows
}

// forget empties the list of rows.
func (t *touched) forget() {
	for _, r := range t.rows {
		t.index[r] = 0
	}
	t.rows = t.rows[:0]
}

// gather fetches the parameters and the state of the rows touched. A table's state lies row by row, [rows, slots, width].
func (t *touched) gather(params, state []float32, slots int) {
	m, k := t.width, len(t.rows)*t.width
	if t.p != nil {
		if m == 1 {
			for i, r := range t.rows {
				t.p[i] = params[r]
			}
		} else {
			for i, r := range t.rows {
				copy(t.p[i*m:(i+1)*m], params[int(r)*m:])
			}
		}
	}
	switch {
	case slots == 0:
	case slots == 1 && m == 1:
		for i, r := range t.rows {
			t.state[i] = state[r]
		}
	case slots == 2 && m == 1:
		a, b := t.state[:k], t.state[k:2*k]
		for i, r := range t.rows {
			s := state[2*int(r) : 2*int(r)+2]
			a[i], b[i] = s[0], s[1]
		}
	default:
		for i, r := range t.rows {
			for s := range slots {
				copy(t.state[s*k+i*m:s*k+(i+1)*m], state[(int(r)*slots+s)*m:])
			}
		}
	}
}

// release adds the updates to the parameters, puts the state back and forgets the rows.
func (t *touched) release(params, state []float32, slots int) {
	m, k := t.width, len(t.rows)*t.width
	if m == 1 {
		for i, r := range t.rows {
			params[r] += t.g[i]
		}
	} else {
		for i, r := range t.rows {
			kernel.Add(params[int(r)*m:(int(r)+1)*m], t.g[i*m:(i+1)*m])
		}
	}
	switch {
	case slots == 0:
	case slots == 1 && m == 1:
		for i, r := range t.rows {
			state[r] = t.state[i]
		}
	case slots == 2 && m == 1:
		a, b := t.state[:k], t.state[k:2*k]
		for i, r := range t.rows {
			s := state[2*int(r) : 2*int(r)+2]
			s[0], s[1] = a[i], b[i]
		}
	default:
		for i, r := range t.rows {
			for s := range slots {
				copy(state[(int(r)*slots+s)*m:(int(r)*slots+s+1)*m], t.state[s*k+i*m:])
			}
		}
	}
	t.forget()
}

// chunk is a range of a block's parameters that is updated by one worker; its state is [slots, hi-lo], at lo times the
// chain's slots.
type chunk struct {
	lo, hi int
	bias   bool
}

const chunkSize = 1 << 15

// chunksOf cuts blocks into chunks, in order.
func chunksOf(blocks []Block) []chunk {
	var out []chunk
	for _, b := range blocks {
		end := b.Offset + b.size()
		for lo := b.Offset; lo < end; lo += chunkSize {
			out = append(out, chunk{lo, min(lo+chunkSize, end), b.Bias})
		}
	}
	return out
}

// each calls f for 0..k-1, on the pool where the batch is worth it.
func (n *Network) each(k int, f func(int)) {
	if n.work.parallel && k > 1 {
		n.pool.Do(k, f)
		return
	}
	for i := range k {
		f(i)
	}
}

// reduce adds the gradients of the group's slices to a chunk of grad, in slice order.
func (n *Network) reduce(i int) {
	w := n.work
	c := w.chunks[i]
	for j := range w.group {
		if w.first+j > 0 {
			kernel.Add(w.grad[c.lo:c.hi], w.passes[j].gp[c.lo:c.hi])
		}
	}
}

// apply runs the chain over the batch's gradient and adds the outcome to the parameters.
//
// A transform that needs the norm of the whole gradient ends a part of the chain; within a part each table is worked on by
// itself.
func (n *Network) apply(grad []float32, rate float32, batch int) error {
	w, s := n.work, &n.state
	if norm := n.norm(grad); norm-norm != 0 {
		return &DivergedError{s.Epoch, batch, "gradient", norm}
	}
	w.at = At{Step: s.Step + 1, Rate: rate}
	for w.from = 0; w.from < len(n.chain); w.from = w.to {
		if _, ok := n.chain[w.from].(Global); ok {
			w.at.Norm = n.norm(grad)
		}
		for w.to = w.from + 1; w.to < len(n.chain); w.to++ {
			if _, ok := n.chain[w.to].(Global); ok {
				break
			}
		}
		if n.full() { // tables are dense here
			n.each(len(w.all), w.updateChunk)
			continue
		}
		n.each(len(w.chunks), w.updateChunk)
		n.each(len(w.tables), w.updateTable)
	}
	s.Step++
	return nil
}

// norm is the Euclidean norm of the gradient, of which dense is the part of all blocks that are not touched sparsely.
func (n *Network) norm(dense []float32) float64 {
	sum := kernel.SumSquares(dense)
	for i := range n.work.tables {
		t := &n.work.tables[i]
		sum += kernel.SumSquares(t.g[:len(t.rows)*t.width])
	}
	return math.Sqrt(sum)
}

// updateChunk runs the part of the chain over the i-th chunk.
func (n *Network) updateChunk(i int) {
	w, s := n.work, &n.state
	c, grad := w.all[i], w.grad // the dense blocks come first among all
	if n.full() {
		grad = w.mean
	}
	u, params := grad[c.lo:c.hi], s.Params[c.lo:c.hi]
	for j := w.from; j < w.to; j++ {
		t := n.chain[j]
		if _, spare := t.(OnWeights); spare && c.bias {
			continue
		}
		at := n.chain.Slots()*c.lo + n.chain[:j].Slots()*len(u)
		t.Apply(w.at, u, params, s.Slots[at:at+t.Slots()*len(u)])
	}
	if w.to == len(n.chain) {
		kernel.Add(params, u)
	}
}

// updateTable runs the part of the chain over the i-th table.
func (n *Network) updateTable(i int) {
	w, s := n.work, &n.state
	t := &w.tables[i]
	b := &n.blocks[t.block]
	slots := n.chain.Slots()
	params := s.Params[b.Offset : b.Offset+b.size()]
	state := s.Slots[slots*b.Offset : slots*(b.Offset+b.size())]
	if w.from == 0 {
		t.gather(params, state, slots)
	}
	k := len(t.rows) * t.width
	p := t.p[:min(len(t.p), k)]
	for j := w.from; j < w.to; j++ {
		at := n.chain[:j].Slots() * k
		n.chain[j].Apply(w.at, t.g[:k], p, t.state[at:at+n.chain[j].Slots()*k])
	}
	if w.to == len(n.chain) {
		t.release(params, state, slots)
	}
}
