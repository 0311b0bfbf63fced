package sketch

import (
	"encoding/binary"
	"math"
)

// Moments sums up a quantity: count, mean, sum of squared deviations and extremes of the finite values. NaN and the
// infinities are counted apart and never reach the mean.
//
// A block of up to 4,096 values is summed twice, for its mean and for the deviations from it, with the correction of Chan, Golub
// and LeVeque (1983) for the rounding of the mean; blocks and sketches are joined by the formula of Chan et al. (1979).
// Values near 1e9 with deviations near 1 therefore keep their variance. The sums run over sixteen fixed lanes, so that the
// same values in the same calls give the same bits on every machine; a different cut into calls may give others.
type Moments struct {
	Count          int64 // of finite values
	NaN            int64
	PosInf, NegInf int64
	Mean           float64
	M2             float64 // sum of (x-Mean)²
	Min, Max       float64 // of the finite values; 0 where there are none

	low float64 // what Mean lacks of the mean: without it, joining blocks near 1e9 costs half of the variance's digits
}

// momentsBlock is how many values are summed before they join the total.
const momentsBlock = 4096

// Update adds values.
func (m *Moments) Update(x []float64) {
	for len(x) > 0 {
		block := x[:min(len(x), momentsBlock)]
		x = x[len(block):]
		s := statsOf(block)
		if s.finite {
			m.addBlock(block, s)
			continue
		}
		var buf [momentsBlock]float64
		kept := m.holdApart(buf[:0], block)
		if len(kept) > 0 {
			m.addBlock(kept, statsOf(kept))
		}
	}
}

// Add adds one value.
func (m *Moments) Add(x float64) {
	switch {
	case math.IsNaN(x):
		m.NaN++
	case x > math.MaxFloat64:
		m.PosInf++
	case x < -math.MaxFloat64:
		m.NegInf++
	default:
		m.join(1, x, 0, 0, x, x)
	}
}

// holdApart counts what is not finite and appends the rest to buf.
func (m *Moments) holdApart(buf, x []float64) []float64 {
	for _, v := range x {
		switch {
		case v-v == 0:
			buf = append(buf, v)
		case math.IsNaN(v):
			m.NaN++
		case v > 0:
			m.PosInf++
		default:
			m.NegInf++
		}
	}
	return buf
}

// addBlock adds finite values whose statistics are known.
func (m *Moments) addBlock(x []float64, s stats) {
	n := float64(len(x))
	mean := s.sum / n
	if s.sum-s.sum != 0 { // finite values whose sum is not
		mean = 0
		for _, v := range x {
			mean += v / n
		}
		mean = max(s.min, min(s.max, mean))
	}
	s1, s2 := deviations(x, mean)
	low := s1 / n
	if low-low != 0 { // the deviations overflow
		low = 0
	}
	m.join(int64(len(x)), mean, low, max(s2-float64(low*s1), 0), s.min, s.max)
}

// join adds a group of n > 0 finite values whose mean is mean+low.
func (m *Moments) join(n int64, mean, low, m2, lo, hi float64) {
	if m.Count == 0 {
		m.Count, m.M2, m.Min, m.Max = n, m2, lo, hi
		m.Mean, m.low = twoSum(mean, low)
		return
	}
	a, b := float64(m.Count), float64(n)
	total := a + b
	d := (mean - m.Mean) + (low - m.low)
	if math.IsInf(d, 0) {
		m.Mean, m.low = float64(m.Mean*(a/total))+float64(mean*(b/total)), 0
	} else {
		mean, rest := twoSum(m.Mean, float64(d*(b/total)))
		m.Mean, m.low = twoSum(mean, m.low+rest)
	}
	m.M2 += m2 + float64(float64(d*d)*(a*(b/total)))
	m.Count += n
	m.Min = min(m.Min, lo)
	m.Max = max(m.Max, hi)
}

// twoSum returns the rounded sum and exactly what the rounding took away (Knuth).
func twoSum(a, b float64) (sum, rest float64) {
	sum = a + b
	t := sum - a
	return sum, (a - (sum - t)) + (b - t)
}

// Merge adds what o has seen.
func (m *Moments) Merge(o *Moments) error {
	m.NaN += o.NaN
	m.PosInf += o.PosInf
	m.NegInf += o.NegInf
	if o.Count > 0 {
		m.join(o.Count, o.Mean, o.low, o.M2, o.Min, o.Max)
	}
	return nil
}

// Sum is the sum of the finite values.
func (m *Moments) Sum() float64 { return float64(m.Mean * float64(m.Count)) }

// Variance is M2/(Count-ddof): the population's with ddof 0 (numpy.var), the sample's with ddof 1. NaN where there are
// not more than ddof values.
func (m *Moments) Variance(ddof int) float64 {
	if m.Count <= int64(ddof) {
		return math.NaN()
	}
	return m.M2 / float64(m.Count-int64(ddof))
}

// Std is the root of Variance.
func (m *Moments) Std(ddof int) float64 { return math.Sqrt(m.Variance(ddof)) }

const momentsKind, momentsVersion = 'M', 1

// AppendBinary appends the sketch's bytes.
func (m *Moments) AppendBinary(b []byte) ([]byte, error) {
	b = appendHeader(b, momentsKind, momentsVersion)
	for _, n := range [...]int64{m.Count, m.NaN, m.PosInf, m.NegInf} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	for _, x := range [...]float64{m.Mean, m.low, m.M2, m.Min, m.Max} {
		b = appendFloat(b, x)
	}
	return b, nil
}

// UnmarshalBinary replaces the sketch by the one that b describes.
func (m *Moments) UnmarshalBinary(b []byte) error {
	r := open("Moments", b, momentsKind, momentsVersion)
	var x Moments
	for _, n := range [...]*int64{&x.Count, &x.NaN, &x.PosInf, &x.NegInf} {
		*n = r.count()
	}
	for _, f := range [...]*float64{&x.Mean, &x.low, &x.M2, &x.Min, &x.Max} {
		*f = r.float()
	}
	if err := r.close(); err != nil {
		return err
	}
	*m = x
	return nil
}

// WeightedMoments are Moments of values with weights of their own: each counts as if it had been seen weight times.
type WeightedMoments struct {
	Count  int64   // of values with a positive weight
	Weight float64 // their sum
	Mean   float64
	M2     float64 // sum of weight·(x-Mean)²
}

// Add adds a finite value. A weight that is not a positive finite number, or a value that is not finite, adds nothing.
// West, Updating mean and variance estimates (1979).
func (m *WeightedMoments) Add(x, weight float64) {
	if !(weight > 0) || weight-weight != 0 || x-x != 0 {
		return
	}
	m.join(1, weight, x, 0)
}

func (m *WeightedMoments) join(n int64, weight, mean, m2 float64) {
	total := m.Weight + weight
	d := mean - m.Mean
	if m.Count == 0 {
		m.Mean, d = mean, 0
	} else {
		m.Mean += float64(d * (weight / total))
	}
	m.M2 += m2 + float64(float64(d*d)*(m.Weight*(weight/total)))
	m.Count += n
	m.Weight = total
}

// Merge adds what o has seen.
func (m *WeightedMoments) Merge(o *WeightedMoments) error {
	if o.Count > 0 {
		m.join(o.Count, o.Weight, o.Mean, o.M2)
	}
	return nil
}

// Variance is M2/Weight, the population's variance; NaN where nothing has been seen.
func (m *WeightedMoments) Variance() float64 {
	if m.Count == 0 {
		return math.NaN()
	}
	return m.M2 / m.Weight
}

const weightedKind, weightedVersion = 'W', 1

// AppendBinary appends the sketch's bytes.
func (m *WeightedMoments) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(appendHeader(b, weightedKind, weightedVersion), uint64(m.Count))
	return appendFloat(appendFloat(appendFloat(b, m.Weight), m.Mean), m.M2), nil
}

// UnmarshalBinary replaces the sketch by the one that b describes.
func (m *WeightedMoments) UnmarshalBinary(b []byte) error {
	r := open("WeightedMoments", b, weightedKind, weightedVersion)
	x := WeightedMoments{Count: r.count(), Weight: r.float(), Mean: r.float(), M2: r.float()}
	if err := r.close(); err != nil {
		return err
	}
	*m = x
	return nil
}
