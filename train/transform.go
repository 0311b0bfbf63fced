package train

import (
	"math"

	"howdah/internal/kernel"
)

// At is where an update stands.
type At struct {
	Step int64   // counts from 1
	Rate float32 // the learning rate
	Norm float64 // Euclidean norm of the whole gradient as it reaches this transform; 0 unless the transform is Global
}

// Transform turns a gradient into an update, step by step: a Chain of them is an optimiser. It holds no memory; its state is
// an argument. (After optax' GradientTransformation.) It works element by element, but for what At says of the whole, so that
// a block or any rows of a table may be handed to it.
type Transform interface {
	// Slots is the number of float32s of state per parameter: 0 for descent, 1 for momentum, 2 for Adam.
	Slots() int
	// Apply rewrites u, the gradient or what earlier transforms made of it. state is [Slots, len(u)]; params is empty unless
	// the transform is OfParams. It allocates nothing.
	Apply(at At, u, params, state []float32)
}

// OfParams is a Transform that reads the parameters.
type OfParams interface{ ReadsParams() }

// Global is a Transform that needs At.Norm.
type Global interface{ NeedsNorm() }

// OnWeights is a Transform that leaves biases alone.
type OnWeights interface{ WeightsOnly() }

// Chain applies its transforms one after the other; what comes out is added to the parameters.
type Chain []Transform

// NewChain builds the optimiser that a resolved configuration describes. Penalties come first, as they are a part of what
// is minimised; then clipping; then the optimiser proper.
func NewChain(o OptimizerConfig) Chain {
	var c Chain
	if o.Type != "ftrl" {
		if o.L1 > 0 {
			c = append(c, L1{float32(o.L1)})
		}
		if o.L2 > 0 {
			c = append(c, L2{float32(o.L2)})
		}
	}
	if o.ClipValue != nil {
		c = append(c, ClipValue{float32(*o.ClipValue)})
	}
	if o.ClipNorm != nil {
		c = append(c, ClipNorm{*o.ClipNorm})
	}
	decay := float32(0)
	if o.WeightDecay != nil {
		decay = float32(*o.WeightDecay)
	}
	if decay > 0 && o.Type != "adamw" {
		c = append(c, Decay{decay})
	}
	switch o.Type {
	case "adam", "adamw":
		c = append(c, ScaleByAdam{*o.Beta1, *o.Beta2, *o.Epsilon, *o.BiasCorrection})
		if decay > 0 && o.Type == "adamw" {
			c = append(c, Decay{decay})
		}
	case "adagrad":
		c = append(c, ScaleByAdagrad{float32(*o.Epsilon)})
	case "ftrl":
		return append(c, FTRL{float32(*o.Beta), float32(o.L1), float32(o.L2)})
	default:
		if *o.Momentum > 0 {
			c = append(c, Momentum{float32(*o.Momentum), o.Nesterov})
		}
	}
	return append(c, Descend{})
}

func (c Chain) readsParams() bool {
	for _, t := range c {
		if _, ok := t.(OfParams); ok {
			return true
		}
	}
	return false
}

// Slots is the state of all transforms.
func (c Chain) Slots() int {
	n := 0
	for _, t := range c {
		n += t.Slots()
	}
	return n
}

// Descend scales by -rate: the last transform of most chains, and all of plain gradient descent.
type Descend struct{}

// Slots is 0.
func (Descend) Slots() int { return 0 }

// Apply sets u = -rate·u.
func (Descend) Apply(at At, u, _, _ []float32) { kernel.Scale(u, -at.Rate) }

// Momentum is b = Factor·b + u; u = b, or with Nesterov u + Factor·b (PyTorch's SGD, dampening 0).
type Momentum struct {
	Factor   float32
	Nesterov bool
}

// Slots is 1: b.
func (Momentum) Slots() int { return 1 }

// Apply updates b and u.
func (m Momentum) Apply(_ At, u, _, state []float32) {
	b := state[:len(u)]
	for i, g := range u {
		v := float32(m.Factor*b[i]) + g
		b[i] = v
		if m.Nesterov {
			v = g + float32(m.Factor*v)
		}
		u[i] = v
	}
}

// ScaleByAdam is Adam's update (Kingma and Ba 2015, algorithm 1; PyTorch's Adam) without the rate: m/(1-β1^t) divided by
// sqrt(v/(1-β2^t)) + ε; without correction, the textbook m/(sqrt(v) + ε).
type ScaleByAdam struct {
	Beta1, Beta2, Epsilon float64
	Correct               bool
}

// Slots is 2: m and v.
func (ScaleByAdam) Slots() int { return 2 }

func (a ScaleByAdam) at(step int64) kernel.AdamStep {
	s := kernel.AdamStep{Beta1: float32(a.Beta1), Beta2: float32(a.Beta2), Correct1: 1, Correct2: 1, Epsilon: float32(a.Epsilon)}
	if a.Correct {
		// By the rounded betas, as the moments are: 1-0.999 is off by 1e-5 of itself in float32, and the correction must be too.
		s.Correct1 = float32(1 / (1 - power(float64(s.Beta1), step)))
		s.Correct2 = float32(1 / (1 - power(float64(s.Beta2), step)))
	}
	return s
}

// Apply updates m, v and u.
func (a ScaleByAdam) Apply(at At, u, _, state []float32) {
	kernel.Adam(u, state[:len(u)], state[len(u):2*len(u)], a.at(at.Step))
}

// ScaleByAdagrad is s = s + u²; u = u/(sqrt(s) + ε) (Duchi et al. 2011; PyTorch's Adagrad).
type ScaleByAdagrad struct{ Epsilon float32 }

// Slots is 1: s.
func (ScaleByAdagrad) Slots() int { return 1 }

// Apply updates s and u.
func (a ScaleByAdagrad) Apply(_ At, u, _, state []float32) {
	s := state[:len(u)]
	for i, g := range u {
		v := s[i] + float32(g*g)
		s[i] = v
		u[i] = g / (sqrt32(v) + a.Epsilon)
	}
}

// FTRL is FTRL-Proximal with per-coordinate rates (McMahan et al. 2013, "Ad click prediction: a view from the trenches",
// algorithm 1), α the learning rate:
//
//	σ = (sqrt(n+g²) - sqrt(n))/α;  z = z + g - σ·w;  n = n + g²
//	w = 0 where |z| <= λ1, else -(z - sign(z)·λ1)/((β + sqrt(n))/α + λ2)
//
// u becomes the difference to the new w, with no Descend after it. A weight whose gradient was always 0 keeps its initial
// value.
type FTRL struct{ Beta, L1, L2 float32 }

// Slots is 2: z and n.
func (FTRL) Slots() int { return 2 }

// ReadsParams asks for the parameters.
func (FTRL) ReadsParams() {}

// Apply updates z, n and u.
func (f FTRL) Apply(at At, u, params, state []float32) {
	z, n, params := state[:len(u)], state[len(u):2*len(u)], params[:len(u)]
	inverse := 1 / at.Rate
	for i, g := range u {
		w := params[i]
		n1 := n[i] + float32(g*g)
		if n1 == 0 {
			u[i] = 0
			continue
		}
		root := sqrt32(n1)
		sigma := (root - sqrt32(n[i])) * inverse
		z1 := z[i] + (g - float32(sigma*w))
		z[i], n[i] = z1, n1
		var next float32
		if abs32(z1) > f.L1 {
			next = -(z1 - withSign(f.L1, z1)) / (float32((f.Beta+root)*inverse) + f.L2)
		}
		u[i] = next - w
	}
}

// L1 adds the gradient of Factor·Σ|w|.
type L1 struct{ Factor float32 }

// Slots is 0.
func (L1) Slots() int { return 0 }

// ReadsParams asks for the parameters.
func (L1) ReadsParams() {}

// WeightsOnly spares biases.
func (L1) WeightsOnly() {}

// Apply adds Factor·sign(w).
func (l L1) Apply(_ At, u, params, _ []float32) {
	for i, w := range params[:len(u)] {
		u[i] += float32(l.Factor * sign32(w))
	}
}

// L2 adds the gradient of Factor/2·Σw².
type L2 struct{ Factor float32 }

// Slots is 0.
func (L2) Slots() int { return 0 }

// ReadsParams asks for the parameters.
func (L2) ReadsParams() {}

// WeightsOnly spares biases.
func (L2) WeightsOnly() {}

// Apply adds Factor·w.
func (l L2) Apply(_ At, u, params, _ []float32) { kernel.Axpy(u, l.Factor, params[:len(u)]) }

// Decay adds Factor·w for every parameter, biases included: before the optimiser it is PyTorch's weight_decay, after Adam it
// is AdamW's decoupled decay (Loshchilov and Hutter 2019).
type Decay struct{ Factor float32 }

// Slots is 0.
func (Decay) Slots() int { return 0 }

// ReadsParams asks for the parameters.
func (Decay) ReadsParams() {}

// Apply adds Factor·w.
func (d Decay) Apply(_ At, u, params, _ []float32) { kernel.Axpy(u, d.Factor, params[:len(u)]) }

// ClipValue cuts each element to [-Max, Max].
type ClipValue struct{ Max float32 }

// Slots is 0.
func (ClipValue) Slots() int { return 0 }

// Apply cuts.
func (c ClipValue) Apply(_ At, u, _, _ []float32) {
	for i, g := range u {
		u[i] = min(max(g, -c.Max), c.Max)
	}
}

// ClipNorm scales the whole gradient by Max/(norm + 1e-6) where that is below 1 (PyTorch's clip_grad_norm_).
type ClipNorm struct{ Max float64 }

// Slots is 0.
func (ClipNorm) Slots() int { return 0 }

// NeedsNorm asks for At.Norm.
func (ClipNorm) NeedsNorm() {}

// Apply scales.
func (c ClipNorm) Apply(at At, u, _, _ []float32) {
	if f := c.Max / (at.Norm + 1e-6); f < 1 {
		kernel.Scale(u, float32(f))
	}
}

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// power is x^n by squaring, n >= 0: the same bits everywhere, which math.Pow does not promise.
func power(x float64, n int64) float64 {
	y := 1.0
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			y = float64(y * x)
		}
		x = float64(x * x)
	}
	return y
}
