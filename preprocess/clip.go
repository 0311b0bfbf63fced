package preprocess

import (
	"fmt"

	"howdah/internal/onnx"
)

func init() {
	Register[clipped](Doc{SlotClip, "clip",
		"Numbers beyond the bounds become the bounds; infinities too. The bounds are fixed, or quantiles of the training rows.", nil, ""}, &Clip{})
}

// Clip bounds a number.
type Clip struct {
	quantiles `json:"sketch"`
	Min       *float64  `yaml:"min" json:"min,omitempty" doc:"the lower bound"`
	Max       *float64  `yaml:"max" json:"max,omitempty" doc:"the upper bound"`
	Quantiles []float64 `yaml:"quantiles" json:"quantiles,omitempty" doc:"two shares, such as [0.001, 0.999]: the bounds are these quantiles of the training rows"`
}

func (c *Clip) String() string {
	if c.Quantiles != nil {
		return fmt.Sprintf("clip to quantiles %v", c.Quantiles)
	}
	return "clip"
}

// Check wants bounds that make sense.
func (c *Clip) Check(in ValueType) (ValueType, error) {
	q := c.Quantiles
	switch {
	case q == nil && c.Min == nil && c.Max == nil:
		return 0, fieldErrorf("", "wants min, max or quantiles")
	case q != nil && (c.Min != nil || c.Max != nil):
		return 0, fieldErrorf("quantiles", "give either min and max, or quantiles")
	case q != nil && (len(q) != 2 || !(q[0] >= 0 && q[0] < q[1] && q[1] <= 1)):
		return 0, fieldErrorf("quantiles", "want two ascending shares from 0 to 1, have %v", q)
	case c.Min != nil && c.Max != nil && *c.Min > *c.Max:
		return 0, fieldErrorf("min", "is above max: %v > %v", *c.Min, *c.Max)
	}
	return wantNumbers(in)
}

// Fixed is the step with fixed bounds.
func (c *Clip) Fixed() Fitted {
	if c.Quantiles != nil {
		return nil
	}
	return &clipped{c.Min, c.Max}
}

func (c *Clip) shares() []float64 { return c.Quantiles }

// Fit takes the quantiles.
func (c *Clip) Fit(s *Quantiles, _ Seen) (Fitted, error) {
	q, err := s.at(c.Quantiles...)
	if err != nil {
		return nil, err
	}
	return &clipped{&q[0], &q[1]}, nil
}

// clipped bounds numbers; a nil bound is none, except that the largest doubles stand for infinities.
type clipped struct {
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
}

func (f *clipped) bounds() (lo, hi float64) {
	lo, hi = -maxDouble, maxDouble
	if f.Min != nil {
		lo = *f.Min
	}
	if f.Max != nil {
		hi = *f.Max
	}
	return lo, hi
}

func (f *clipped) Apply(v *Values) {
	lo, hi := f.bounds()
	for i, x := range v.Num[:v.N] {
		if x < lo {
			x = lo
		}
		if x > hi {
			x = hi
		}
		v.Num[i] = x
	}
}

func (f *clipped) Export(g *onnx.Graph, n *Node) {
	lo, hi := f.bounds()
	n.V = g.Clip(n.V, g.Double(lo), g.Double(hi))
}

func (f *clipped) takes(t ValueType) bool { return t == Numbers }

func (f *clipped) String() string {
	lo, hi := f.bounds()
	switch {
	case f.Min == nil:
		return fmt.Sprintf("at most %.6g", hi)
	case f.Max == nil:
		return fmt.Sprintf("at least %.6g", lo)
	}
	return fmt.Sprintf("clip to %.6g..%.6g", lo, hi)
}
