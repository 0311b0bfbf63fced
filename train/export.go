package train

import (
	"fmt"
	"slices"

	"howdah/internal/kernel"
	"howdah/internal/onnx"
)

// Export writes the model as nodes: embeddings as Gather and Concat, layers as Gemm and activations, one-hot tables as Gather
// and Add in the order in which Predict adds them. The code "none" of a slot picks a row of zeros at the table's end.
func (n *Network) Export(g *onnx.Graph, dense onnx.Value, codes []onnx.Value) (logits, prediction onnx.Value, err error) {
	fail := func(format string, args ...any) (onnx.Value, onnx.Value, error) {
		return onnx.Value{}, onnx.Value{}, fmt.Errorf("export: "+format, args...)
	}
	d := len(n.layout.Dense)
	if (d > 0) != (dense.Name != "") || (d > 0 && (dense.Width != d || dense.Type != onnx.Float)) {
		return fail("dense input is %v, want %d columns of float", dense, d)
	}
	if len(codes) != len(n.layout.Codes) {
		return fail("%d code inputs, want %d", len(codes), len(n.layout.Codes))
	}
	for i, c := range codes {
		if c.Type != onnx.Int64 || c.Width != 1 {
			return fail("code input of feature %q is %v, want one column of int64", n.layout.Codes[i].Feature, c)
		}
	}
	p := slices.Clone(n.state.Params)
	rows := func(l lookup) onnx.Value {
		b := n.blocks[l.block]
		t := make([]float32, b.size()+b.Width)
		copy(t, p[b.Offset:b.Offset+b.size()])
		return g.Gather(g.Matrix(b.Rows+1, b.Width, t), codes[l.slot])
	}
	var x []onnx.Value
	if d > 0 {
		x = append(x, dense)
	}
	for _, e := range n.embeds {
		x = append(x, rows(e))
	}
	var v onnx.Value
	for i, l := range n.layers {
		switch {
		case i > 0:
			v = l.Export(g, p[l.lo:l.hi], v)
		case len(x) > 0:
			v = l.Export(g, p[l.lo:l.hi], g.Concat(x...))
		default: // one-hot slots only: the first layer is its bias
			v = g.Vector(p[l.lo:l.hi])
		}
		if i == 0 {
			for _, h := range n.oneHots {
				v = g.AddOp(rows(h), v)
			}
		}
	}
	switch n.cfg.Loss.Type {
	case "binary_cross_entropy":
		return v, g.Sigmoid(v), nil
	case "categorical_cross_entropy":
		return v, g.Softmax(v), nil
	}
	return v, v, nil
}

// Probabilities turns logits [rows, Outputs] into what Export calls the prediction, with the same kernels; dst and logits may be
// the same.
func (n *Network) Probabilities(dst, logits []float32) {
	switch n.cfg.Loss.Type {
	case "binary_cross_entropy":
		kernel.Sigmoid(dst, logits)
	case "categorical_cross_entropy":
		kernel.SoftmaxRows(dst, logits, n.outputs)
	default:
		copy(dst, logits)
	}
}

// Weight is a weight of a linear, logistic or softmax model, or of a network's first layer, with the feature it belongs to.
type Weight struct {
	Feature string    // the dense slot's name, or the code slot's feature
	Code    int       // of a one-hot slot; -1 for a dense slot
	Values  []float32 // by unit of the first layer
}

// FirstLayer lists the weights of the dense and one-hot slots, in the layout's order: what a report shows of a linear model.
// Embeddings are left out.
func (n *Network) FirstLayer(yield func(Weight) bool) {
	m := product(n.layers[0].shape)
	for i, name := range n.layout.Dense {
		if !yield(Weight{name, -1, n.state.Params[i*m : (i+1)*m]}) {
			return
		}
	}
	for _, h := range n.oneHots {
		b := n.blocks[h.block]
		for c := range b.Rows {
			at := b.Offset + c*m
			if !yield(Weight{n.layout.Codes[h.slot].Feature, c, n.state.Params[at : at+m]}) {
				return
			}
		}
	}
}

var _ Stepper = (*Network)(nil)
var _ Rows = (*Memory)(nil)
