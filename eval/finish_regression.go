// The evaluation of a regression.

package eval

import "math"

func (p *Part) finishRegression(e *Evaluation, t []float64) {
	w := t[sumWeight]
	conf := p.cfg.Confidence
	mse, baseMSE := t[sumSquare]/w, t[sumDD]/w
	in := ratioInterval(p.buckets, regressionLen, sumSquare, sumWeight, conf).clip(0, math.MaxFloat64)
	// Squared errors less the baseline's; those of the other metrics follow, on the scale of this one.
	paired := meanInterval(p.buckets, regressionLen, conf, func(s []float64) float64 { return s[sumSquare] - s[sumDD] })
	scaled := func(f float64) interval { return interval{paired.low * f, paired.high * f, paired.method} }
	// √a - √b = (a - b) / (√a + √b)
	e.putPaired("rmse", math.Sqrt(mse), math.Sqrt(baseMSE), interval{math.Sqrt(in.low), math.Sqrt(in.high), in.method},
		scaled(1/max(math.Sqrt(mse)+math.Sqrt(baseMSE), math.SmallestNonzeroFloat32)))
	e.putPaired("mae", t[sumAbsolute]/w, t[sumAbsD]/w, ratioInterval(p.buckets, regressionLen, sumAbsolute, sumWeight, conf).clip(0, math.MaxFloat64),
		meanInterval(p.buckets, regressionLen, conf, func(s []float64) float64 { return s[sumAbsolute] - s[sumAbsD] }))
	// The sum of squares about the rows' own mean; what is left of a constant label is rounding.
	about := func(s []float64) float64 {
		v := s[sumDD] - float64(s[sumD]/s[sumWeight]*s[sumD])
		if v <= 1e-12*s[sumDD] {
			return 0
		}
		return v
	}
	if v := about(t); v > 0 {
		var s sample
		bootstrap(p.buckets, regressionLen, p.cfg.Seed, func(b []float64) {
			if v := about(b); v > 0 {
				s.put(1 - b[sumSquare]/v)
			}
		})
		r2 := 1 - t[sumSquare]/v
		d := scaled(w / v)
		e.putPaired("r2", r2, 1-t[sumDD]/v, s.percentiles(r2, conf), interval{-d.high, -d.low, d.method})
	} else {
		e.absent("r2", "the label is constant")
	}
	e.putPaired("mse", mse, baseMSE, in, paired)

	e.Residuals = histogram(p.errors.sorted(), 40)
	e.Deciles = deciles(p.values.sorted())
}

// histogram spreads fine bins over bins of equal width between the 0.5% and the 99.5% quantile.
func histogram(fine []floatBin, n int) *Histogram {
	lo, hi := quantile(fine, 0.005), quantile(fine, 0.995)
	if !(hi > lo) {
		d := float64(max(math.Abs(lo), 1) / 2)
		lo, hi = lo-d, lo+d
	}
	h := &Histogram{Weights: make([]float64, n)}
	width := (hi - lo) / float64(n)
	for i := 0; i <= n; i++ {
		h.Edges = append(h.Edges, lo+float64(float64(i)*width))
	}
	for _, b := range fine {
		from, to := b.edges()
		if to <= from {
			to = from
		}
		// The share of the bin below x.
		below := func(x float64) float64 {
			switch {
			case x <= from && !(from == to && x == from):
				return 0
			case x >= to:
				return 1
			}
			return (x - from) / (to - from)
		}
		h.Below += float64(b.weight * below(lo))
		h.Above += float64(b.weight * (1 - below(hi)))
		if to < lo || from > hi {
			continue
		}
		first := min(max(int((from-lo)/width), 0), n-1)
		last := min(max(int((to-lo)/width), 0), n-1)
		for i := first; i <= last; i++ {
			h.Weights[i] += float64(b.weight * max(below(h.Edges[i+1])-below(h.Edges[i]), 0))
		}
	}
	return h
}

// deciles groups neighbouring bins of predictions into ten groups of about equal weight.
func deciles(fine []floatBin) []Decile {
	total := 0.0
	for _, b := range fine {
		total += b.weight
	}
	var out []Decile
	var d Decile
	sum := 0.0
	for i, b := range fine {
		d.Weight += b.weight
		d.Predicted += b.sum
		d.Actual += b.with
		sum += b.weight
		if sum >= total*float64(len(out)+1)/10 || i == len(fine)-1 {
			d.Predicted /= d.Weight
			d.Actual /= d.Weight
			out = append(out, d)
			d = Decile{}
		}
	}
	return out
}
