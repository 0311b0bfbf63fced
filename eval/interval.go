// Intervals: from sums over buckets of rows.

package eval

import (
	"math"
	"slices"

	"howdah/internal/kernel"
	"howdah/internal/sketch"
)

// interval is a metric's range.
type interval struct {
	low, high float64
	method    string
}

func none(value float64) interval { return interval{value, value, MethodNone} }

// normalQuantile is x with Φ(x) = p, by bisection of Φ's power series (Marsaglia 2004, eq. 1); |x| stays below 8.
func normalQuantile(p float64) float64 {
	lo, hi := -8.0, 8.0
	for range 60 {
		x := (lo + hi) / 2
		sum, term := x, x
		for k := 3.0; ; k += 2 {
			term = term * float64(x*x) / k
			if sum+term == sum {
				break
			}
			sum += term
		}
		const log2Pi = 1.8378770664093454836
		if 0.5+float64(sum*kernel.ExpFloat64(float64(-0.5*float64(x*x))-0.5*log2Pi)) < p {
			lo = x
		} else {
			hi = x
		}
	}
	return (lo + hi) / 2
}

// around is value ± z standard errors.
func around(value, variance, confidence float64, method string) interval {
	if !(variance >= 0) || !finite(variance) {
		return none(value)
	}
	d := float64(normalQuantile(0.5+float64(confidence/2)) * math.Sqrt(variance))
	return interval{value - d, value + d, method}
}

// clip keeps an interval within the metric's range.
func (i interval) clip(low, high float64) interval {
	return interval{max(i.low, low), min(i.high, high), i.method}
}

// ratioInterval is the interval of Σ num / Σ den over the rows of a table of sums [buckets, width], by the linearised,
// cluster-robust variance: B/(B-1) Σ (num - r·den)² / (Σ den)².
func ratioInterval(sums []float64, width, num, den int, confidence float64) interval {
	var n, d float64
	for i := 0; i < len(sums); i += width {
		n += sums[i+num]
		d += sums[i+den]
	}
	r := n / d
	var squares float64
	used := 0
	for i := 0; i < len(sums); i += width {
		if sums[i+den] > 0 {
			used++
			e := sums[i+num] - float64(r*sums[i+den])
			squares += float64(e * e)
		}
	}
	if used < 2 {
		return none(r)
	}
	return around(r, squares/d/d*float64(used)/float64(used-1), confidence, MethodClusters)
}

// meanInterval is that of the mean over rows of a sum that is linear in the columns of a table of sums [buckets, width].
func meanInterval(sums []float64, width int, confidence float64, sum func(row []float64) float64) interval {
	pairs := make([]float64, 0, len(sums)/width*2)
	for i := 0; i < len(sums); i += width {
		row := sums[i : i+width]
		pairs = append(pairs, row[sumWeight], sum(row))
	}
	return ratioInterval(pairs, 2, 1, 0, confidence)
}

// replicates is the number of bootstraps.
const replicates = 400

// poisson holds P(X <= k)·2³² of the Poisson distribution of mean 1.
var poisson = func() (c [13]uint64) {
	p, sum := kernel.ExpFloat64(-1), 0.0
	for k := range c {
		if k > 0 {
			p /= float64(k)
		}
		sum += p
		c[k] = uint64(sum * (1 << 32))
	}
	c[len(c)-1] = 1 << 32
	return c
}()

// draw is a number of the Poisson distribution of mean 1, from 32 random bits.
func draw(bits uint32) float64 {
	k := 0
	for uint64(bits) >= poisson[k] {
		k++
	}
	return float64(k)
}

// bootstrap hands over the sums of each replicate: the rows of sums [buckets, width], each times a Poisson weight that is
// a function of the seed, the bucket and the replicate. see keeps nothing of its argument.
func bootstrap(sums []float64, width int, seed uint64, see func(total []float64)) {
	total := make([]float64, 2*width)
	used := make([]int, 0, len(sums)/width)
	for i := 0; i < len(sums); i += width {
		for _, x := range sums[i : i+width] {
			if x != 0 {
				used = append(used, i)
				break
			}
		}
	}
	for r := 0; r < replicates; r += 2 {
		clear(total)
		a, b := total[:width], total[width:]
		key := sketch.HashUint64(seed + uint64(r))
		for _, i := range used {
			h := sketch.HashUint64(key ^ uint64(i/width))
			row := sums[i : i+width]
			if n := draw(uint32(h)); n > 0 {
				for j, x := range row {
					a[j] += float64(n * x)
				}
			}
			if n := draw(uint32(h >> 32)); n > 0 {
				for j, x := range row {
					b[j] += float64(n * x)
				}
			}
		}
		see(a)
		see(b)
	}
}

// sample gathers the replicates of one metric.
type sample []float64

func (s *sample) put(x float64) {
	if finite(x) {
		*s = append(*s, x)
	}
}

// percentiles is the interval between the percentiles of the replicates.
func (s sample) percentiles(value, confidence float64) interval {
	if len(s) < replicates/2 {
		return none(value)
	}
	slices.Sort(s)
	at := func(q float64) float64 {
		x := float64(q * float64(len(s)-1))
		i := min(int(x), len(s)-2)
		return s[i] + float64((s[i+1]-s[i])*(x-float64(i)))
	}
	tail := float64((1 - confidence) / 2)
	return interval{min(at(tail), value), max(at(1-tail), value), MethodBootstrap}
}

// spread is the interval of the replicates' standard deviation about the value: for the calibration error, whose
// replicates are larger than itself on the average.
func (s sample) spread(value, confidence float64) interval {
	if len(s) < replicates/2 {
		return none(value)
	}
	mean, squares := 0.0, 0.0
	for _, x := range s {
		mean += x
	}
	mean /= float64(len(s))
	for _, x := range s {
		squares += float64((x - mean) * (x - mean))
	}
	return around(value, squares/float64(len(s)-1), confidence, MethodBootstrap)
}
