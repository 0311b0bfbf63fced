package preprocess

import (
	"fmt"
	"math"

	"howdah/internal/onnx"
	"howdah/internal/sketch"
)

func init() {
	Register[affine](Doc{SlotScale, "standard",
		"Subtract the mean and divide by the standard deviation (the population's, ddof 0) of the training rows; a constant is divided by 1. sklearn.preprocessing.StandardScaler.", nil, ""}, &Standard{})
	Register[affine](Doc{SlotScale, "min_max",
		"Map the smallest value of the training rows to 0 and the largest to 1; a constant is divided by 1. sklearn.preprocessing.MinMaxScaler.", nil, ""}, &MinMax{})
}

// Standard centres and scales to unit variance.
type Standard struct{}

func (*Standard) Check(in ValueType) (ValueType, error) { return wantNumbers(in) }
func (*Standard) Fixed() Fitted                         { return nil }
func (*Standard) Raw() bool                             { return false }
func (*Standard) NewSketch(uint64) *sketch.Moments      { return new(sketch.Moments) }
func (*Standard) Update(s *sketch.Moments, v *Values)   { s.Update(v.Num[:v.N]) }

// Fit takes the mean and the root of the variance.
func (*Standard) Fit(s *sketch.Moments, seen Seen) (Fitted, error) {
	if s.Count == 0 {
		return nil, errNoValue
	}
	if s.Min == s.Max {
		return newAffine(s.Min, 0)
	}
	// What is constant up to rounding has a deviation of some last places of it, which means nothing. (sklearn's
	// _is_constant_feature allows for the error of a plain sum, which grows with the rows; Moments' does not.)
	std := s.Std(0)
	if std <= 16*0x1p-52*math.Abs(s.Mean) {
		std = 0
	}
	return newAffine(s.Mean, std)
}

// MinMax maps the range of the training rows to [0, 1].
type MinMax struct{}

func (*MinMax) Check(in ValueType) (ValueType, error) { return wantNumbers(in) }
func (*MinMax) Fixed() Fitted                         { return nil }
func (*MinMax) Raw() bool                             { return false }
func (*MinMax) NewSketch(uint64) *sketch.Moments      { return new(sketch.Moments) }
func (*MinMax) Update(s *sketch.Moments, v *Values)   { s.Update(v.Num[:v.N]) }

// Fit takes the range.
func (*MinMax) Fit(s *sketch.Moments, seen Seen) (Fitted, error) {
	if s.Count == 0 {
		return nil, errNoValue
	}
	return newAffine(s.Min, s.Max-s.Min)
}

// affine is (x - Center) / Scale, in double.
type affine struct {
	Center float64 `json:"center"`
	Scale  float64 `json:"scale"`
}

func newAffine(center, scale float64) (Fitted, error) {
	if center-center != 0 || scale-scale != 0 {
		return nil, fmt.Errorf("its values are too large to scale (center %v, width %v); clip them first", center, scale)
	}
	if scale < 10*0x1p-52*1e-290 { // a constant, or a width that cannot be divided by
		scale = 1
	}
	return &affine{center, scale}, nil
}

func (f *affine) Apply(v *Values) {
	for i, x := range v.Num[:v.N] {
		v.Num[i] = (x - f.Center) / f.Scale
	}
}

func (f *affine) Export(g *onnx.Graph, n *Node) {
	n.V = g.Div(g.Sub(n.V, g.Double(f.Center)), g.Double(f.Scale))
}

func (f *affine) restored() error {
	if !(f.Scale > 0) || f.Scale > maxDouble {
		return fmt.Errorf("scale is %v", f.Scale)
	}
	return nil
}

func (f *affine) String() string { return fmt.Sprintf("(x - %.6g) / %.6g", f.Center, f.Scale) }

// wantNumbers is the Check of the steps from numbers to numbers.
func wantNumbers(in ValueType) (ValueType, error) {
	if in != Numbers {
		return 0, fieldErrorf("", "works on numbers; these are %s", in)
	}
	return Numbers, nil
}
