package train

import "howdah/internal/kernel"

// Code slots: embeddings are columns of the first layer's input, one-hot slots are rows added to its outcome.

// embed fills x with the dense slots and the embeddings, where there are embeddings; otherwise x is the dense slots already.
func (p *plan) embed(params []float32, x Tensor, dense []float32, codes []int32) {
	if len(p.embeds) == 0 {
		return
	}
	d, f, k := len(p.layout.Dense), len(p.layout.Codes), p.input[0]
	for r := range x.Rows {
		row := x.Data[r*k : (r+1)*k]
		copy(row[:d], dense[r*d:(r+1)*d])
		for i := range p.embeds {
			e := &p.embeds[i]
			to := row[e.column : e.column+e.width]
			if c := int(codes[r*f+e.slot]); c < e.size {
				at := p.blocks[e.block].Offset + c*e.width
				copy(to, params[at:at+e.width])
			} else {
				clear(to)
			}
		}
	}
}

// addOneHots adds each slot's row to y. The code "none" adds zeros: that is what the exported graph does, and it turns -0
// into 0.
func (p *plan) addOneHots(params []float32, y Tensor, codes []int32) {
	f, m := len(p.layout.Codes), y.Width()
	if m == 1 {
		for r := range y.Rows {
			z := y.Data[r]
			row := codes[r*f : (r+1)*f]
			for i := range p.oneHots {
				h := &p.oneHots[i]
				var v float32
				if c := int(row[h.slot]); c < h.size {
					v = params[p.blocks[h.block].Offset+c]
				}
				z += v
			}
			y.Data[r] = z
		}
		return
	}
	for r := range y.Rows {
		row := y.Data[r*m : (r+1)*m]
		for i := range p.oneHots {
			h := &p.oneHots[i]
			if c := int(codes[r*f+h.slot]); c < h.size {
				at := p.blocks[h.block].Offset + c*m
				kernel.Add(row, params[at:at+m])
			} else {
				for j := range row {
					row[j] += 0
				}
			}
		}
	}
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

// add adds the updates to the table's rows and forgets them.
func (t *touched) add(params []float32) {
	m := t.width
	if m == 1 {
		for i, r := range t.rows {
			params[r] += t.g[i]
			t.index[r] = 0
		}
		t.rows = t.rows[:0]
		return
	}
	for i, r := range t.rows {
		kernel.Add(params[int(r)*m:(int(r)+1)*m], t.g[i*m:(i+1)*m])
		t.index[r] = 0
	}
	t.rows = t.rows[:0]
}

// reset forgets the rows.
func (t *touched) reset() {
	for _, r := range t.rows {
		t.index[r] = 0
	}
	t.rows = t.rows[:0]
}
