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
