package preprocess

import (
	"errors"
	"math"

	"howdah/internal/sketch"
)

// Quantiles is a quantile sketch of the finite numbers that it is given, or, where a job asks for exact ones, one of the
// four passes that find them.
type Quantiles struct {
	kll   sketch.KLL
	exact *ranks // nil for a sketch
}

// Merge adds what o has seen.
func (q *Quantiles) Merge(o *Quantiles) error {
	switch {
	case q.exact == nil && o.exact == nil:
		return q.kll.Merge(&o.kll)
	case q.exact == nil || o.exact == nil:
		return errors.New("exact quantiles and a sketch of them cannot be merged")
	}
	return q.exact.merge(o.exact)
}

// AppendBinary appends the sketch's bytes, after a byte that tells it from exact counts.
func (q *Quantiles) AppendBinary(b []byte) ([]byte, error) {
	if q.exact != nil {
		return q.exact.appendBinary(append(b, 1)), nil
	}
	return q.kll.AppendBinary(append(b, 0))
}

// UnmarshalBinary reads what AppendBinary wrote.
func (q *Quantiles) UnmarshalBinary(b []byte) (err error) {
	switch {
	case len(b) == 0 || b[0] > 1 || (b[0] == 1) != (q.exact != nil):
		return errors.New("bytes of quantiles are damaged, or those of another kind")
	case b[0] == 1:
		q.exact, err = readRanks(b[1:])
		return err
	}
	return q.kll.UnmarshalBinary(b[1:])
}

// at returns the quantiles of the given shares, interpolated as numpy does (a sketch is exact up to 1,024 values).
func (q *Quantiles) at(shares ...float64) ([]float64, error) {
	if q.exact != nil {
		return q.exact.at(shares)
	}
	d := q.kll.Distribution()
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
type quantiles struct{ Exact bool }

func (quantiles) Check(in ValueType) (ValueType, error) { return wantNumbers(in) }
func (quantiles) Fixed() Fitted                         { return nil }
func (quantiles) Raw() bool                             { return true }

func (l quantiles) NewSketch(seed uint64) *Quantiles {
	if l.Exact {
		return &Quantiles{exact: newRanks(nil)}
	}
	return &Quantiles{kll: *sketch.NewKLL(0, seed)}
}

func (quantiles) Update(s *Quantiles, v *Values) {
	x := v.Num[:v.N]
	if s.exact != nil {
		s.exact.update(x)
		return
	}
	for i, y := range x {
		if math.IsInf(y, 0) { // only where they are clipped or cut into buckets afterwards
			kept := append(v.buf[:0], x[:i]...)
			for _, y := range x[i:] {
				if !math.IsInf(y, 0) {
					kept = append(kept, y)
				}
			}
			s.kll.Update(kept)
			return
		}
	}
	s.kll.Update(x)
}

// multipass is a learner that may take several passes over the same values.
type multipass interface {
	setExact()
	passes() int
	shares() []float64 // that its quantiles are
}

func (l *quantiles) setExact() { l.Exact = true }

func (l *quantiles) passes() int {
	if l.Exact {
		return rankPasses
	}
	return 1
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
	if q.kll.Count() == 0 { // a constant stands for every row
		return nil, nil
	}
	return q.at(shares...)
}
