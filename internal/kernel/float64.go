// Exponential and logarithm in float64, in pure Go with every product rounded, so that all machines agree. The functions of
// package math have assembly on some machines and may be fused on others.

package kernel

import "math"

const (
	ln2Hi = 6.93147180369123816490e-01 // the upper 33 bits of ln 2: exact when multiplied by an exponent
	ln2Lo = 1.90821492927058770002e-10 // the rest
	log2E = 1.44269504088896338700e+00
)

// ExpFloat64 returns eˣ.
func ExpFloat64(x float64) float64 {
	switch {
	case x != x:
		return x
	case x > 709.782712893384:
		return math.Inf(1)
	case x < -745.1332191019412:
		return 0
	}
	const magic = 3 << 51 // adding it rounds to an integer
	k := float64(x*log2E) + magic - magic
	hi := x - float64(k*ln2Hi)
	lo := float64(k * ln2Lo)
	r := hi - lo
	e := (hi - r) - lo // what r lost
	// Taylor's series from r³/3! on; |r| <= ln 2 / 2 leaves a rest below 2^-58.
	p := 1.0 / 6227020800
	p = float64(p*r) + 1.0/479001600
	p = float64(p*r) + 1.0/39916800
	p = float64(p*r) + 1.0/3628800
	p = float64(p*r) + 1.0/362880
	p = float64(p*r) + 1.0/40320
	p = float64(p*r) + 1.0/5040
	p = float64(p*r) + 1.0/720
	p = float64(p*r) + 1.0/120
	p = float64(p*r) + 1.0/24
	p = float64(p*r) + 1.0/6
	p = float64(p*r) + 0.5
	q := float64(float64(r*r) * p)
	y := 1 + (r + (q + (e + float64(e*r))))
	n := int64(k)
	half := n >> 1
	return y * math.Float64frombits(uint64(half+1023)<<52) * math.Float64frombits(uint64(n-half+1023)<<52)
}

// LogFloat64 returns the natural logarithm of x: -Inf for 0, NaN below.
func LogFloat64(x float64) float64 {
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	k := int64(0)
	if x < 0x1p-1022 {
		x *= 0x1p54
		k = -54
	}
	return logReduced(math.Float64bits(x), k, 0)
}

// logReduced returns the logarithm of the normal number with the given bits times 2^k, plus c: c is a small correction.
func logReduced(b uint64, k int64, c float64) float64 {
	const half = 0x3fe6a09e667f3bcd // the bits of sqrt(1/2)
	t := int64(b-half) >> 52
	k += t
	// The mantissa m = 1+f lies in [sqrt(1/2), sqrt 2).
	f := math.Float64frombits(b-uint64(t)<<52) - 1
	// log(1+f) = 2·atanh(s), s = f/(2+f), written as f - f²/2 + s·(f²/2 + R) so that f enters exactly.
	s := f / (2 + f)
	z := float64(s * s)
	r := 2.0 / 25
	r = float64(r*z) + 2.0/23
	r = float64(r*z) + 2.0/21
	r = float64(r*z) + 2.0/19
	r = float64(r*z) + 2.0/17
	r = float64(r*z) + 2.0/15
	r = float64(r*z) + 2.0/13
	r = float64(r*z) + 2.0/11
	r = float64(r*z) + 2.0/9
	r = float64(r*z) + 2.0/7
	r = float64(r*z) + 2.0/5
	r = float64(r*z) + 2.0/3
	r = float64(r * z)
	h := float64(0.5 * float64(f*f))
	kf := float64(k)
	return float64(kf*ln2Hi) - ((h - (float64(s*(h+r)) + (float64(kf*ln2Lo) + c))) - f)
}

// Log1pFloat64 returns log(1+x), exact to the last place also where x is small: -Inf for -1, NaN below.
func Log1pFloat64(x float64) float64 {
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x < -1:
		return math.NaN()
	case x == -1:
		return math.Inf(-1)
	case x > -0x1p-54 && x < 0x1p-54:
		return x
	}
	u := 1 + x
	// What the sum lost, relative to it, is added to the logarithm.
	var c float64
	if x > 1 {
		c = (1 - (u - x)) / u
	} else {
		c = (x - (u - 1)) / u
	}
	return logReduced(math.Float64bits(u), 0, c)
}

// Exp64 sets dst[i] = exp(src[i]).
func Exp64(dst, src []float64) {
	if len(src) < len(dst) {
		short(len(src), len(dst))
	}
	for i, x := range src[:len(dst)] {
		dst[i] = ExpFloat64(x)
	}
}

// Log64 sets dst[i] = log(src[i]).
func Log64(dst, src []float64) {
	if len(src) < len(dst) {
		short(len(src), len(dst))
	}
	for i, x := range src[:len(dst)] {
		dst[i] = LogFloat64(x)
	}
}
