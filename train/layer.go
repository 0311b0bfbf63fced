package train

import (
	"howdah/internal/kernel"
	"howdah/internal/onnx"
	"howdah/internal/splitmix"
)

// Tensor is a block of rows, row-major: Data is [Rows, Shape...].
type Tensor struct {
	Data  []float32
	Rows  int
	Shape []int // without the rows
}

// Width is the number of elements of a row.
func (t Tensor) Width() int { return product(t.Shape) }

func product(shape []int) int {
	w := 1
	for _, d := range shape {
		w *= d
	}
	return w
}

// Ctx is what a layer may depend on besides its parameters and inputs.
type Ctx struct {
	Training bool
	Seed     uint64
	Step     int64    // updates done before this batch; dropout draws anew for each
	Rows     []uint64 // identity of each row
}

// Param is one block of a layer's parameters, [Rows, Width].
type Param struct {
	Name        string
	Rows, Width int
	Bias        bool    // exempt from the penalties l1 and l2
	Limit       float64 // initial values are uniform in (-Limit, Limit)
}

// Layer is a differentiable function of rows. It holds no weights: p and gp are views of the model's one vector and of its
// gradient. A row's output depends on that row alone. Forward and Backward allocate nothing and may run on several
// slices of a batch at once.
type Layer interface {
	// Shape says what a row becomes and which parameters that takes; shapes are without the rows.
	Shape(in ...[]int) (out []int, params []Param, err error)
	// Forward fills y.
	Forward(c *Ctx, p []float32, y Tensor, xs ...Tensor)
	// Backward sets gp to the gradient of the slice's loss by p, and dxs to that by xs, given dy, that by y. A dxs without
	// Data is not wanted. It may overwrite dy.
	Backward(c *Ctx, p []float32, y, dy Tensor, gp []float32, xs, dxs []Tensor)
	// Export writes the same arithmetic as nodes, in inference.
	Export(g *onnx.Graph, p []float32, xs ...onnx.Value) onnx.Value
}

// Dense is y = x·W + b, W [K, Units] and b [Units] (Keras' Dense, PyTorch's Linear with W transposed).
type Dense struct {
	Units int
	Limit float64 // of the initial weights; biases begin at 0
	// Fixed is the number of leading inputs that are data: they need no gradient.
	Fixed int
}

// Shape of one input [K].
func (d *Dense) Shape(in ...[]int) ([]int, []Param, error) {
	k := product(in[0])
	return []int{d.Units}, []Param{
		{Name: "weight", Rows: k, Width: d.Units, Limit: d.Limit},
		{Name: "bias", Rows: 1, Width: d.Units, Bias: true},
	}, nil
}

// Forward multiplies, then adds the bias: the order of ONNX's Gemm.
func (d *Dense) Forward(_ *Ctx, p []float32, y Tensor, xs ...Tensor) {
	k, m := xs[0].Width(), d.Units
	if k == 0 {
		for r := range y.Rows {
			copy(y.Data[r*m:(r+1)*m], p)
		}
		return
	}
	kernel.Gemm(y.Rows, m, k, xs[0].Data, k, p, m, y.Data, m, false)
	kernel.AddRow(y.Data, p[k*m:], m)
}

// Backward computes dW = xᵀ·dy, db = Σ dy, dx = dy·Wᵀ.
func (d *Dense) Backward(_ *Ctx, p []float32, y, dy Tensor, gp []float32, xs, dxs []Tensor) {
	k, m := xs[0].Width(), d.Units
	if k > 0 {
		kernel.GemmTN(k, m, y.Rows, xs[0].Data, k, dy.Data, m, gp, m, false)
	}
	db := gp[k*m : k*m+m]
	clear(db)
	kernel.SumRows(db, dy.Data, m)
	if dx := dxs[0].Data; dx != nil && k > d.Fixed {
		kernel.GemmNT(y.Rows, k-d.Fixed, m, dy.Data, m, p[d.Fixed*m:], m, dx[d.Fixed:], k, false)
	}
}

// Export writes a Gemm.
func (d *Dense) Export(g *onnx.Graph, p []float32, xs ...onnx.Value) onnx.Value {
	k, m := len(p)/d.Units-1, d.Units
	return g.Gemm(xs[0], g.Matrix(k, m, p[:k*m]), g.Vector(p[k*m:]))
}

// Activation is a function applied to each element: relu, tanh, sigmoid or gelu.
type Activation struct{ Kind string }

// Shape is that of the input.
func (a *Activation) Shape(in ...[]int) ([]int, []Param, error) {
	for _, k := range Activations {
		if k == a.Kind {
			return in[0], nil, nil
		}
	}
	return nil, nil, &FieldError{"model.activation", "unknown activation " + a.Kind}
}

// Forward applies the function.
func (a *Activation) Forward(_ *Ctx, _ []float32, y Tensor, xs ...Tensor) {
	x := xs[0].Data
	switch a.Kind {
	case "relu":
		kernel.Relu(y.Data, x)
	case "tanh":
		kernel.Tanh(y.Data, x)
	case "sigmoid":
		kernel.Sigmoid(y.Data, x)
	case "gelu":
		kernel.Gelu(y.Data, x)
	}
}

// Backward multiplies by the derivative.
func (a *Activation) Backward(_ *Ctx, _ []float32, y, dy Tensor, _ []float32, xs, dxs []Tensor) {
	dx := dxs[0].Data
	if dx == nil {
		return
	}
	switch a.Kind {
	case "relu":
		kernel.ReluGrad(dx, dy.Data, y.Data)
	case "tanh":
		kernel.TanhGrad(dx, dy.Data, y.Data)
	case "sigmoid":
		kernel.SigmoidGrad(dx, dy.Data, y.Data)
	case "gelu":
		kernel.GeluGrad(dx, dy.Data, xs[0].Data)
	}
}

// Export writes the operator of that name.
func (a *Activation) Export(g *onnx.Graph, _ []float32, xs ...onnx.Value) onnx.Value {
	switch a.Kind {
	case "tanh":
		return g.Tanh(xs[0])
	case "sigmoid":
		return g.Sigmoid(xs[0])
	case "gelu":
		return g.Gelu(xs[0])
	}
	return g.Relu(xs[0])
}

// Dropout leaves out units in training and scales the others up by 1/(1-Rate) (inverted dropout: Srivastava et al. 2014).
// Which units is a hash of (seed, step, Salt, row identity, unit): neither a row's neighbours nor its place matter.
type Dropout struct {
	Rate float64
	Salt uint64 // tells the layers of a model apart
}

// Shape is that of the input.
func (d *Dropout) Shape(in ...[]int) ([]int, []Param, error) { return in[0], nil, nil }

// Forward in inference is the identity.
func (d *Dropout) Forward(c *Ctx, _ []float32, y Tensor, xs ...Tensor) {
	if !c.Training {
		copy(y.Data, xs[0].Data)
		return
	}
	d.apply(c, y.Data, xs[0].Data, y.Width())
}

// Backward lets through what Forward let through.
func (d *Dropout) Backward(c *Ctx, _ []float32, y, dy Tensor, _ []float32, _, dxs []Tensor) {
	if dx := dxs[0].Data; dx != nil {
		d.apply(c, dx, dy.Data, y.Width())
	}
}

func (d *Dropout) apply(c *Ctx, dst, src []float32, width int) {
	// Two units share a hash of 64 bits. A unit is left out where its 32 bits are below the threshold.
	threshold := uint32(d.Rate * (1 << 32))
	scale := [2]float32{float32(1 / (1 - d.Rate)), 0}
	key := splitmix.Draw(splitmix.Draw(splitmix.Draw(c.Seed, purposeDropout), uint64(c.Step)), d.Salt)
	for r, id := range c.Rows {
		rowKey := splitmix.Draw(key, id)
		to, from := dst[r*width:(r+1)*width], src[r*width:(r+1)*width]
		j := 0
		for ; j+1 < width; j += 2 {
			h := splitmix.Draw(rowKey, uint64(j))
			to[j] = from[j] * scale[less(uint32(h), threshold)]
			to[j+1] = from[j+1] * scale[less(uint32(h>>32), threshold)]
		}
		if j < width {
			to[j] = from[j] * scale[less(uint32(splitmix.Draw(rowKey, uint64(j))), threshold)]
		}
	}
}

// less is 1 where a < b, without a branch.
func less(a, b uint32) uint64 { return (uint64(a) - uint64(b)) >> 63 }

// Export writes nothing.
func (d *Dropout) Export(_ *onnx.Graph, _ []float32, xs ...onnx.Value) onnx.Value { return xs[0] }
