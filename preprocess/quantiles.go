package preprocess

import (
	"math"

	"howdah/internal/sketch"
)

// Quantiles is a quantile sketch of the finite numbers that it is given.
type Quantiles struct{ sketch.KLL }

// Merge adds what o has seen.
func (q *Quantiles) Merge(o *Quantiles) error { return q.KLL.Merge(&o.KLL) }

// at returns the quantiles of the given shares, interpolated as numpy does (exact up to 1,024 values).
func (q *Quantiles) at(shares ...float64) ([]float64, error) {
	d := q.Distribution()
	if d.Count() == 0 {
		return nil, errNoValue
	}
	out := make([]float64, len(shares))
	for i, s := range shares {
		out[i] = d.Quantile(s)
	}
	return out, nil
}

// quantiles is embedded by the learners that need quantiles of numbers.
type quantiles struct{}

func (quantiles) Check(in ValueType) (ValueType, error) { return wantNumbers(in) }
func (quantiles) Fixed() Fitted                         { return nil }
func (quantiles) Raw() bool                             { return true }
func (quantiles) NewSketch(seed uint64) *Quantiles      { return &Quantiles{*sketch.NewKLL(0, seed)} }

func (quantiles) Update(s *Quantiles, v *Values) {
	x := v.Num[:v.N]
	for i, y := range x {
		if math.IsInf(y, 0) { // only where they are clipped or cut into buckets afterwards
			kept := append(v.buf[:0], x[:i]...)
			for _, y := range x[i:] {
				if !math.IsInf(y, 0) {
					kept = append(kept, y)
				}
			}
			s.KLL.Update(kept)
			return
		}
	}
	s.KLL.Update(x)
}

// bins learns nothing but the quantiles: those between which selection cuts a feature into bins.
type bins struct{ quantiles }

func (*bins) Fit(*Quantiles, Seen) (Fitted, error) { return nil, errNoValue }

func binLearner() learner { return hidden[*Quantiles]{new(bins)} }

// selectionBins is into how many bins of equally many rows selection cuts a number.
const selectionBins = 32

func binEdges(s any) ([]float64, error) {
	shares := make([]float64, selectionBins-1)
	for i := range shares {
		shares[i] = float64(i+1) / selectionBins
	}
	q := s.(*Quantiles)
	if q.Count() == 0 { // a constant stands for every row
		return nil, nil
	}
	return q.at(shares...)
}
