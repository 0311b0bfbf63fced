package sketch

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

// Distribution answers questions about quantiles and ranks: the sorted view of a sketch. It does not change when the sketch does.
type Distribution struct {
	n        int64
	min, max float64
	x        []float64 // ascending
	upTo     []int64   // how many values x[i] and those before it stand for
	exact    bool
}

// Distribution returns the sketch's sorted view.
func (s *KLL) Distribution() *Distribution {
	type item struct {
		key    uint64
		weight int64
	}
	var items []item
	for h, l := range s.levels {
		for _, k := range l {
			items = append(items, item{k, 1 << h})
		}
	}
	for _, k := range s.base {
		items = append(items, item{k, 1 << s.stage})
	}
	for _, v := range s.pending {
		items = append(items, item{keyOf(v + 0), 1})
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.key, b.key) })
	d := &Distribution{n: s.n, min: s.min, max: s.max, x: make([]float64, len(items)), upTo: make([]int64, len(items)), exact: int64(len(items)) == s.n}
	var sum int64
	for i, it := range items {
		sum += it.weight
		d.x[i], d.upTo[i] = floatOf(it.key), sum
	}
	return d
}

// Exact reports that every value is there: no answer is an estimate.
func (d *Distribution) Exact() bool { return d.exact }

// Count is the number of values.
func (d *Distribution) Count() int64 { return d.n }

// at is the value of a rank from 0 to n-1.
func (d *Distribution) at(rank int64) float64 {
	switch {
	case rank <= 0:
		return d.min
	case rank >= d.n-1:
		return d.max
	}
	return d.x[sort.Search(len(d.x)-1, func(i int) bool { return d.upTo[i] > rank })]
}

// NearestRank is the smallest value that at least a share q of the values do not exceed: numpy's "inverted_cdf". q is in [0,1], or
// the answer is NaN; so is that of an empty distribution.
func (d *Distribution) NearestRank(q float64) float64 {
	if d.n == 0 || !(q >= 0 && q <= 1) {
		return math.NaN()
	}
	return d.at(int64(math.Ceil(q*float64(d.n))) - 1)
}

// Quantile interpolates between the values of the two ranks around q(n-1): numpy's "linear", the default of numpy, pandas and
// scikit-learn. q is in [0,1], or the answer is NaN; so is that of an empty distribution.
func (d *Distribution) Quantile(q float64) float64 {
	if d.n == 0 || !(q >= 0 && q <= 1) {
		return math.NaN()
	}
	return linear(q, d.n, d.at)
}

// linear interpolates as numpy.quantile does, from either end so that the ends are met.
func linear(q float64, n int64, at func(rank int64) float64) float64 {
	h := float64(q * float64(n-1))
	lo := math.Floor(h)
	a, b := at(int64(lo)), at(min(int64(lo)+1, n-1))
	if a == b {
		return a // infinities too
	}
	t := h - lo
	if t >= 0.5 {
		return b - float64((b-a)*(1-t))
	}
	return a + float64((b-a)*t)
}

// Quantiles is Quantile of each.
func (d *Distribution) Quantiles(q ...float64) []float64 {
	out := make([]float64, len(q))
	for i := range q {
		out[i] = d.Quantile(q[i])
	}
	return out
}

// Rank is how many values do not exceed x.
func (d *Distribution) Rank(x float64) int64 {
	switch {
	case d.n == 0 || !(x >= d.min):
		return 0
	case x >= d.max:
		return d.n
	}
	i := sort.Search(len(d.x), func(i int) bool { return d.x[i] > x })
	if i == 0 {
		return 0
	}
	return d.upTo[i-1]
}

// Quantile is [Distribution.Quantile] of the sketch; whoever asks for several takes the Distribution once.
func (s *KLL) Quantile(q float64) float64 { return s.Distribution().Quantile(q) }

// Quantiles is [Distribution.Quantiles] of the sketch.
func (s *KLL) Quantiles(q ...float64) []float64 { return s.Distribution().Quantiles(q...) }
