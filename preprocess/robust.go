package preprocess

import (
	"fmt"

	"howdah/internal/kernel"
	"howdah/internal/onnx"
	"howdah/internal/sketch"
)

func init() {
	Register[affine](Doc{SlotScale, "robust",
		"Subtract the median and divide by the distance between the quartiles of the training rows; a distance of 0 is 1. sklearn.preprocessing.RobustScaler, from a quantile sketch.", nil, ""}, &Robust{})
	Register[log1p](Doc{SlotScale, "log1p",
		"The natural logarithm of 1 + x, for quantities with a long tail. Training rows must be above -1 (clip them); in scoring a value of -1 or below becomes the smallest of the training rows.", nil, ""}, &Log1p{})
	Register[skip](Doc{SlotScale, "none", "The number as it is.", nil, ""}, &NoScale{})
}

// Robust scales by quartiles.
type Robust struct {
	quantiles `json:"quantiles"`
}

// Raw is false: it scales what it is given.
func (*Robust) Raw() bool { return false }

func (*Robust) shares() []float64 { return []float64{0.25, 0.5, 0.75} }

// Fit takes median and quartiles.
func (*Robust) Fit(s *Quantiles, _ Seen) (Fitted, error) {
	q, err := s.at(0.25, 0.5, 0.75)
	if err != nil {
		return nil, err
	}
	return newAffine(q[1], q[2]-q[0])
}

// NoScale does nothing.
type NoScale struct{ untaught }

// Check wants numbers.
func (*NoScale) Check(in ValueType) (ValueType, error) { return wantNumbers(in) }

// Fixed is a step that does nothing.
func (*NoScale) Fixed() Fitted { return new(skip) }

// Log1p takes a logarithm. It learns the smallest value, only to refuse what has none.
type Log1p struct{}

// Check wants numbers.
func (*Log1p) Check(in ValueType) (ValueType, error) { return wantNumbers(in) }

func (*Log1p) Fixed() Fitted                    { return nil }
func (*Log1p) NewSketch(uint64) *sketch.Moments { return new(sketch.Moments) }

// Update adds numbers; what an encoder will turn into numbers is none yet.
func (*Log1p) Update(s *sketch.Moments, v *Values) {
	if v.Type == Numbers {
		s.Update(v.Num[:v.N])
	}
}

// Raw is true, so that scaling afterwards takes no wave more: the smallest value after the steps before it follows from the
// smallest raw one, since clipping keeps the order.
func (*Log1p) Raw() bool { return true }

// Fit checks the smallest value.
func (*Log1p) Fit(s *sketch.Moments, seen Seen) (Fitted, error) {
	if seen.at != Numbers { // encoded as an ordinal: from -1 (unseen) on
		return &log1p{0}, nil
	}
	if s.Count == 0 && seen.Missing == 0 {
		return nil, errNoValue
	}
	lo := seen.Through(nan)
	if s.Count > 0 {
		if x := seen.Through(s.Min); !(lo < x) {
			lo = x
		}
	}
	if s.NegInf > 0 {
		lo = min(lo, seen.Through(-inf))
	}
	if lo <= -1 {
		return nil, fmt.Errorf("log1p wants values above -1, the smallest is %v; clip it first (clip: {min: 0})", lo)
	}
	return &log1p{lo}, nil
}

// log1p is log(1 + x), as the graph's Add and Log compute it.
type log1p struct {
	Least float64 `json:"least"` // stands for x of -1 and below
}

func (f *log1p) Apply(v *Values) {
	x := v.Num[:v.N]
	for i, y := range x {
		if y <= -1 {
			y = f.Least
		}
		x[i] = 1 + y
	}
	kernel.Log64(x, x)
}

func (f *log1p) Export(g *onnx.Graph, n *Node) {
	n.V = g.Log(g.AddOp(g.Where(g.LessOrEqual(n.V, g.Double(-1)), g.Double(f.Least), n.V), g.Double(1)))
}

func (f *log1p) restored() error {
	if !(f.Least > -1) {
		return fmt.Errorf("least is %v", f.Least)
	}
	return nil
}

func (f *log1p) takes(t ValueType) bool { return t == Numbers }
func (f *log1p) String() string         { return "log(1 + x)" }
