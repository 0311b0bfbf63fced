package train

import (
	"fmt"
	"math"
	"slices"

	"howdah/internal/kernel"
	"howdah/internal/table"
)

// work is the memory of training: all of it is made once, for batches of the configured size.
type work struct {
	values [][]float32 // [0]: input of the first layer, [i+1]: outcome of layer i; for the whole batch
	grads  [][]float32
	w      []float32 // weights of the rows, by class too
	buf    []float32 // of the loss
	passes []pass
	grad   []float32 // of the dense blocks
	sums   []float64 // loss of each slice
	chunks []chunk   // of the dense blocks
	tables []touched
	total  []float64 // full batch: sum of gradients of all parameters
	mean   []float32 // full batch: that sum over the weight
	all    []chunk   // full batch: of all blocks

	slice, reduce, scatter, updateChunk, updateTable func(i int) // the network's methods, bound once

	// The batch at hand.
	batch    *table.Encoded
	parallel bool    // it is worth waking other workers for
	scale    float32 // of the gradient: 1 over the batch's weight, or 1 for full-batch descent
	slices   int
	first    int // slice of passes[0]
	group    int // slices that are computed at once
	at       At
	from, to int // part of the chain that an update runs
}

// pass is the forward and backward computation of one slice.
type pass struct {
	ctx           Ctx
	values, grads []Tensor
	gp            []float32 // gradient of the dense blocks
}

func (n *Network) newWork() *work {
	b, k := n.cfg.Train.BatchSize, n.input[0]
	w := &work{
		w: make([]float32, b), buf: make([]float32, b*n.outputs+b), grad: make([]float32, n.dense),
		sums: make([]float64, n.sliceCount(b)),
	}
	var x, dx []float32
	if len(n.embeds) > 0 {
		x, dx = make([]float32, b*k), make([]float32, b*k)
	}
	w.values, w.grads = append(w.values, x), append(w.grads, dx)
	for _, l := range n.layers {
		w.values = append(w.values, make([]float32, b*product(l.shape)))
		w.grads = append(w.grads, make([]float32, b*product(l.shape)))
	}
	// The first pass of a batch sums into grad itself. In one goroutine one more buffer serves all other slices.
	buffers := min(n.group(), n.sliceCount(b))
	if n.pool == nil {
		buffers = min(buffers, 1)
	}
	w.passes = make([]pass, buffers)
	for i := range w.passes {
		p := &w.passes[i]
		p.values, p.grads = make([]Tensor, len(w.values)), make([]Tensor, len(w.values))
		p.gp = make([]float32, n.dense)
		p.ctx.Seed, p.ctx.Training = n.cfg.Train.Seed, true
		for j := range p.values {
			shape := n.input
			if j > 0 {
				shape = n.layers[j-1].shape
			}
			p.values[j].Shape, p.grads[j].Shape = shape, shape
		}
	}
	for i, ls := range [][]lookup{n.embeds, n.oneHots} {
		for _, l := range ls {
			w.tables = append(w.tables, n.newTouched(l, i == 0))
		}
	}
	if n.full() {
		w.total, w.mean = make([]float64, n.params), make([]float32, n.params)
		copy(w.total, n.state.Total)
		n.state.Total = w.total
	}
	w.all = chunksOf(n.blocks)
	w.chunks = slices.DeleteFunc(slices.Clone(w.all), func(c chunk) bool { return c.lo >= n.dense })
	w.slice, w.reduce, w.scatter, w.updateChunk, w.updateTable = n.runSlice, n.reduce, n.scatter, n.updateChunk, n.updateTable
	return w
}

func (n *Network) sliceCount(rows int) int { return (rows + n.cfg.Train.Slice - 1) / n.cfg.Train.Slice }

// Step learns from one batch. It allocates nothing once it is warm. A *DivergedError names the epoch and the batch where a
// number was not finite; the model is then of no further use.
func (n *Network) Step(b *table.Encoded) error {
	if n.work == nil {
		n.work = n.newWork()
	}
	w, s := n.work, &n.state
	if s.Pending || s.Done {
		return fmt.Errorf("epoch %d is complete: Observe comes before the next batch", s.Last.Epoch)
	}
	if b.Rows > n.cfg.Train.BatchSize {
		return fmt.Errorf("a batch of %d rows, want at most %d", b.Rows, n.cfg.Train.BatchSize)
	}
	weight, err := n.check(b, w.w)
	if err != nil {
		return fmt.Errorf("epoch %d, batch %d: %w", s.Epoch, s.Batch, err)
	}
	rate := n.sched.rate(s.Epoch, float64(s.Batch)/float64(max(n.batches, 1)), s.Step, s.Cut)
	if weight > 0 {
		w.scale = 1
		if !n.full() {
			w.scale = float32(1 / weight)
		}
		loss := n.gradient(b)
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return n.diverged(b, "loss", loss)
		}
		if n.full() {
			n.accumulate()
		} else if err := n.apply(w.grad, rate, s.Batch); err != nil {
			return err
		}
		s.Loss += loss
		s.Weight += weight
	}
	s.Rate = float64(rate)
	s.Rows += int64(b.Rows)
	s.Batch++
	return nil
}

// diverged tells a training that diverged from rows that should never have come here.
func (n *Network) diverged(b *table.Encoded, what string, value float64) error {
	d := len(n.layout.Dense)
	for i, x := range b.Dense {
		if x-x != 0 {
			return fmt.Errorf("epoch %d, batch %d: row %d: feature %q is %v, want a finite number", n.state.Epoch, n.state.Batch, i/d, n.layout.Dense[i%d], x)
		}
	}
	return &DivergedError{n.state.Epoch, n.state.Batch, what, value}
}

// End completes the epoch: full-batch descent takes its step here.
func (n *Network) End() (Losses, error) {
	s := &n.state
	if s.Batch == 0 || !(s.Weight > 0) {
		return Losses{}, fmt.Errorf("epoch %d: the training rows have no weight", s.Epoch)
	}
	if n.full() {
		w := n.work
		if w == nil { // resumed behind the last batch
			n.work = n.newWork()
			w = n.work
		}
		for i, g := range w.total {
			w.mean[i] = float32(g / s.Weight)
		}
		if err := n.apply(w.mean, n.sched.rate(s.Epoch, 0, s.Step, s.Cut), s.Batch-1); err != nil {
			return Losses{}, err
		}
		clear(w.total)
	}
	if size := math.Sqrt(kernel.SumSquares(s.Params)); size-size != 0 {
		return Losses{}, &DivergedError{s.Epoch, s.Batch - 1, "weights", size}
	}
	s.Last = Losses{Epoch: s.Epoch, Loss: s.Loss / s.Weight, Rows: s.Rows, Batches: s.Batch, Weight: s.Weight, Rate: s.Rate}
	s.Epoch++
	s.Batch, s.Rows, s.Loss, s.Weight, s.Pending = 0, 0, 0, 0, true
	return s.Last, nil
}

// check proves that the batch is what the layout says, fills the rows' weights and returns their sum.
func (n *Network) check(b *table.Encoded, w []float32) (float64, error) {
	if err := checkShape(n.layout, b); err != nil {
		return 0, err
	}
	if err := checkCodes(n.layout, b); err != nil {
		return 0, err
	}
	for i, y := range b.Labels {
		if n.classes > 0 {
			if c := int(y); !(y >= 0) || c >= n.classes || float32(c) != y {
				return 0, fmt.Errorf("row %d: label %v, want a class between 0 and %d", i, y, n.classes-1)
			}
		} else if y-y != 0 {
			return 0, fmt.Errorf("row %d: label %v, want a finite number", i, y)
		}
	}
	if b.Weights == nil {
		for i := range b.Rows {
			w[i] = 1
		}
	} else {
		for i, x := range b.Weights {
			if !(x >= 0) || x-x != 0 {
				return 0, fmt.Errorf("row %d: weight %v, want a finite number of at least 0", i, x)
			}
			w[i] = x
		}
	}
	if n.classW != nil {
		for i, y := range b.Labels {
			w[i] *= n.classW[int(y)]
		}
	}
	return kernel.Sum(w[:b.Rows]), nil
}

func checkCodes(l table.Layout, b *table.Encoded) error {
	f := len(l.Codes)
	for s := range l.Codes {
		size := uint32(l.Codes[s].Size)
		for i := s; i < len(b.Codes); i += f {
			if uint32(b.Codes[i]) > size {
				return fmt.Errorf("row %d: code %d of feature %q, want between 0 and %d", i/f, b.Codes[i], l.Codes[s].Feature, size)
			}
		}
	}
	return nil
}

// gradient computes the gradient of the batch: of the dense blocks into grad, of the tables into their touched rows. It
// returns the loss, summed over the weights. Slices are added in their order, whoever computed them.
func (n *Network) gradient(b *table.Encoded) float64 {
	w := n.work
	w.batch, w.slices = b, n.sliceCount(b.Rows)
	group := len(w.passes)
	w.parallel = n.pool != nil && b.Rows*(n.dense+n.sparseCost) >= n.parallelFrom
	if !w.parallel {
		group = 1
	}
	for w.first = 0; w.first < w.slices; w.first += group {
		w.group = min(group, w.slices-w.first)
		n.each(w.group, w.slice)
		if w.first+w.group > 1 {
			n.each(len(w.chunks), w.reduce)
		}
	}
	n.each(len(w.tables), w.scatter)
	w.batch = nil
	var sum float64
	for _, x := range w.sums[:w.slices] {
		sum += x
	}
	return sum
}

// runSlice computes the i-th slice of the group.
func (n *Network) runSlice(i int) {
	w := n.work
	b, p, s := w.batch, &w.passes[i], w.first+i
	lo := s * n.cfg.Train.Slice
	hi := min(lo+n.cfg.Train.Slice, b.Rows)
	gp := p.gp
	if s == 0 {
		gp = w.grad
	}
	p.ctx.Step, p.ctx.Rows = n.state.Step, b.IDs[lo:hi]
	for j := range p.values {
		k := p.values[j].Width()
		if w.values[j] != nil {
			p.values[j].Data = w.values[j][lo*k : hi*k]
			p.grads[j].Data = w.grads[j][lo*k : hi*k]
		} else {
			p.values[j].Data = b.Dense[lo*k : hi*k]
		}
		p.values[j].Rows, p.grads[j].Rows = hi-lo, hi-lo
	}
	f := len(n.layout.Codes)
	codes := b.Codes[lo*f : hi*f]
	d := len(n.layout.Dense)
	n.embed(n.state.Params, p.values[0], b.Dense[lo*d:hi*d], codes)
	for j := range n.layers {
		l := &n.layers[j]
		l.Forward(&p.ctx, n.state.Params[l.lo:l.hi], p.values[j+1], p.values[j:j+1]...)
		if j == 0 {
			n.addOneHots(n.state.Params, p.values[1], codes)
		}
	}
	top := len(n.layers)
	k := n.outputs
	buf := w.buf[lo*(k+1) : hi*(k+1)]
	w.sums[s] = n.loss.grad(p.grads[top].Data, p.values[top].Data, k, b.Labels[lo:hi], w.w[lo:hi], w.scale, buf)
	for j := top - 1; j >= 0; j-- {
		l := &n.layers[j]
		l.Backward(&p.ctx, n.state.Params[l.lo:l.hi], p.values[j+1], p.grads[j+1], gp[l.lo:l.hi], p.values[j:j+1], p.grads[j:j+1])
	}
}

// accumulate adds the batch's gradient to that of the full batch.
func (n *Network) accumulate() {
	w := n.work
	for i, g := range w.grad {
		w.total[i] += float64(g)
	}
	for i := range w.tables {
		t := &w.tables[i]
		at := n.blocks[t.block].Offset
		for j, r := range t.rows {
			sum := w.total[at+int(r)*t.width : at+(int(r)+1)*t.width]
			for k, g := range t.g[j*t.width : (j+1)*t.width] {
				sum[k] += float64(g)
			}
		}
		t.forget()
	}
}
