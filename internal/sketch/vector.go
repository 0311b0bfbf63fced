package sketch

import "math"

// The inner loops, in plain Go. The assembly (vector_amd64.s, made by asm/main.go) gives the same bits: the same lanes,
// the same order, every product rounded before it is added.

// lanes is how many running sums a loop keeps: the sum of values i, i+16, i+32 and so on is one lane.
const lanes = 16

// stats are the sum and extremes of a block of values; finite says that no value is NaN or infinite, without which the
// rest means nothing.
type stats struct {
	sum, min, max float64
	finite        bool
}

// fold adds up lanes in the order in which the assembly does.
func fold(s *[lanes]float64) float64 {
	var v [4]float64
	for i := range v {
		v[i] = (s[i] + s[i+4]) + (s[i+8] + s[i+12])
	}
	return (v[0] + v[2]) + (v[1] + v[3])
}

// statsOf looks at a block of at least one value.
func statsOf(x []float64) stats {
	n := len(x) &^ (lanes - 1)
	s := stats{min: math.Inf(1), max: math.Inf(-1), finite: true}
	if n > 0 {
		s = statsBlock(x[:n])
	}
	var bad float64
	for _, v := range x[n:] {
		s.sum += v
		s.min = min(s.min, v)
		s.max = max(s.max, v)
		bad += float64(v * 0)
	}
	s.finite = s.finite && bad == 0
	return s
}

// statsGo is statsBlock in Go; len(x) is a positive multiple of lanes.
func statsGo(x []float64) stats {
	var sum, bad [lanes]float64
	lo, hi := x[0], x[0]
	for ; len(x) >= lanes; x = x[lanes:] {
		for i, v := range x[:lanes] {
			sum[i] += v
			bad[i] += float64(v * 0)
			lo = min(lo, v)
			hi = max(hi, v)
		}
	}
	return stats{sum: fold(&sum), min: lo + 0, max: hi + 0, finite: fold(&bad) == 0}
}

// deviations returns the sums of x-c and of (x-c)².
func deviations(x []float64, c float64) (s1, s2 float64) {
	n := len(x) &^ (lanes - 1)
	if n > 0 {
		s1, s2 = deviationsBlock(x[:n], c)
	}
	for _, v := range x[n:] {
		d := v - c
		s1 += d
		s2 += float64(d * d)
	}
	return s1, s2
}

func deviationsGo(x []float64, c float64) (s1, s2 float64) {
	var a, b [lanes]float64
	for ; len(x) >= lanes; x = x[lanes:] {
		for i, v := range x[:lanes] {
			d := v - c
			a[i] += d
			b[i] += float64(d * d)
		}
	}
	return fold(&a), fold(&b)
}

// products2x4Go returns the inner products of two rows with four: out[4*i+j] = Σ a[i*stride+r]·b[j*stride+r] for r < n,
// in four lanes. n is a multiple of four.
func products2x4Go(a, b []float64, stride, n int, out *[8]float64) {
	for i := range 2 {
		for j := range 4 {
			var s [4]float64
			x, y := a[i*stride:i*stride+n], b[j*stride:j*stride+n]
			for ; len(x) >= 4; x, y = x[4:], y[4:] {
				s[0] += float64(x[0] * y[0])
				s[1] += float64(x[1] * y[1])
				s[2] += float64(x[2] * y[2])
				s[3] += float64(x[3] * y[3])
			}
			out[4*i+j] = (s[0] + s[2]) + (s[1] + s[3])
		}
	}
}

// sortStride is how many values sortColumns works on at a time: sixteen rows of four.
const sortStride = 64

// sortColumnsGo sorts the columns of each run of 64 values seen as 16 rows of 4, smallest first, and makes -0 to +0.
// len(x) is a multiple of 64, no value is NaN, and out is as long as x.
func sortColumnsGo(out, x []float64) {
	for ; len(x) >= sortStride; x, out = x[sortStride:], out[sortStride:] {
		for c := range 4 {
			for r := range 16 {
				v := x[4*r+c] + 0
				i := r
				for ; i > 0 && out[4*(i-1)+c] > v; i-- {
					out[4*i+c] = out[4*(i-1)+c]
				}
				out[4*i+c] = v
			}
		}
	}
}
