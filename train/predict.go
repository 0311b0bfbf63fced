package train

import (
	"fmt"

	"howdah/internal/table"
)

// predictRows is the number of rows that a Predictor works on at once.
const predictRows = 256

// Predictor computes logits from a model's weights, in memory of its own. One serves one goroutine; several may read the
// same model as long as nobody trains it.
type Predictor struct {
	n      *Network
	ctx    Ctx
	buf    [][]float32
	values []Tensor
}

// NewPredictor returns a predictor over the model's weights as they are at the time of each call.
func (n *Network) NewPredictor() *Predictor {
	p := &Predictor{n: n, buf: make([][]float32, len(n.layers)+1), values: make([]Tensor, len(n.layers)+1)}
	p.values[0].Shape = n.input
	if len(n.embeds) > 0 {
		p.buf[0] = make([]float32, predictRows*n.input[0])
	}
	for i, l := range n.layers {
		p.buf[i+1] = make([]float32, predictRows*product(l.shape))
		p.values[i+1].Shape = l.shape
	}
	return p
}

// Predict computes the logits of rows: logits is [Rows, Outputs]. Labels, weights and ids are not read.
func (p *Predictor) Predict(rows *table.Encoded, logits []float32) error {
	if err := p.n.checkPredict(rows, logits); err != nil {
		return err
	}
	for lo := 0; lo < rows.Rows; lo += predictRows {
		p.block(rows, logits, lo)
	}
	return nil
}

func (n *Network) checkPredict(rows *table.Encoded, logits []float32) error {
	d, f := len(n.layout.Dense), len(n.layout.Codes)
	if rows.Rows < 0 || len(rows.Dense) != rows.Rows*d || len(rows.Codes) != rows.Rows*f {
		return fmt.Errorf("encoded rows: %d dense numbers and %d codes for %d rows of %d and %d", len(rows.Dense), len(rows.Codes), rows.Rows, d, f)
	}
	if len(logits) != rows.Rows*n.outputs {
		return fmt.Errorf("logits: room for %d, want %d rows of %d", len(logits), rows.Rows, n.outputs)
	}
	return checkCodes(n.layout, rows)
}

// block computes the rows from lo on, predictRows at most.
func (p *Predictor) block(rows *table.Encoded, logits []float32, lo int) {
	n := p.n
	hi := min(lo+predictRows, rows.Rows)
	d, f := len(n.layout.Dense), len(n.layout.Codes)
	dense, codes := rows.Dense[lo*d:hi*d], rows.Codes[lo*f:hi*f]
	for i := range p.values {
		v := &p.values[i]
		v.Rows = hi - lo
		v.Data = p.buf[i][:min(len(p.buf[i]), v.Rows*v.Width())]
	}
	if len(n.embeds) == 0 {
		p.values[0].Data = dense
	}
	p.values[len(p.values)-1].Data = logits[lo*n.outputs : hi*n.outputs]
	n.embed(n.state.Params, p.values[0], dense, codes)
	for i := range n.layers {
		l := &n.layers[i]
		l.Forward(&p.ctx, n.state.Params[l.lo:l.hi], p.values[i+1], p.values[i:i+1]...)
		if i == 0 {
			n.addOneHots(n.state.Params, p.values[1], codes)
		}
	}
}

// Predict computes the logits of rows, on all workers of the pool.
func (n *Network) Predict(rows *table.Encoded, logits []float32) error {
	if err := n.checkPredict(rows, logits); err != nil {
		return err
	}
	const lanes = 16
	blocks := (rows.Rows + predictRows - 1) / predictRows
	k := min(lanes, blocks)
	if n.pool == nil {
		k = min(k, 1)
	}
	for len(n.infer) < k {
		n.infer = append(n.infer, n.NewPredictor())
	}
	lane := func(i int) {
		for b := i; b < blocks; b += k {
			n.infer[i].block(rows, logits, b*predictRows)
		}
	}
	if k <= 1 {
		if k == 1 {
			lane(0)
		}
		return nil
	}
	n.pool.Do(k, lane)
	return nil
}
