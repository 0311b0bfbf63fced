// The float32 functions of one number: the definition that the assembly must equal bit for bit. Each product is converted to
// float32 before it is added, so that no compiler may fuse it. Coefficients come from testdata/coefficients.py.

package kernel

import "math"

const (
	expMax     = 89   // above, exp overflows
	expMin     = -104 // below, exp is less than half the smallest denormal
	invLn2     = 1.4426950408889634
	ln2Head    = 0.693359375    // 355/512: exact when multiplied by an exponent
	ln2Tail    = -2.12194440e-4 // ln 2 - ln2Head
	rounder    = 3 << 22        // adding it to |x| < 2^22 rounds x to an integer, kept in the lowest bits
	sqrtHalf   = 0.70710678118654752440
	invSqrt2Pi = 0.39894228040143267794
	tanhSwitch = 0.625     // below, tanh is a polynomial
	erfSwitch  = 0.9296875 // below, erf is a polynomial
	erfMax     = 4         // from here on erf rounds to 1
)

func absf(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// signOf returns |x| with the sign of s.
func signOf(x, s float32) float32 {
	return math.Float32frombits(math.Float32bits(x)&^(1<<31) | math.Float32bits(s)&(1<<31))
}

func expf(x float32) float32 {
	if x > expMax {
		x = expMax
	}
	if x < expMin {
		x = expMin
	}
	t := float32(x*invLn2) + rounder
	n := int32(math.Float32bits(t)) - 0x4b400000
	k := t - rounder
	r := x - float32(k*ln2Head)
	r -= float32(k * ln2Tail)
	p := float32(0.0013818365)
	p = float32(p*r) + 0.008368716
	p = float32(p*r) + 0.041668296
	p = float32(p*r) + 0.16666521
	p = float32(p*r) + 0.49999994
	p = float32(p*float32(r*r)) + r
	p += 1
	// Two steps of scaling: neither factor overflows, and a denormal result is rounded once.
	half := n >> 1
	p *= math.Float32frombits(uint32(half+127) << 23)
	return p * math.Float32frombits(uint32(n-half+127)<<23)
}

func logf(x float32) float32 {
	v := x
	k := int32(0)
	if v < 0x1p-126 {
		v *= 0x1p23
		k = -23
	}
	b := int32(math.Float32bits(v))
	t := (b - 0x3f3504f3) >> 23 // the mantissa lies in [sqrt(1/2), sqrt 2)
	e := float32(k + t)
	f := math.Float32frombits(uint32(b-t<<23)) - 1
	z := float32(f * f)
	p := float32(0.067509554)
	p = float32(p*f) - 0.11671451
	p = float32(p*f) + 0.11883569
	p = float32(p*f) - 0.12406032
	p = float32(p*f) + 0.14220327
	p = float32(p*f) - 0.16667996
	p = float32(p*f) + 0.20002073
	p = float32(p*f) - 0.2500001
	p = float32(p*f) + 0.33333313
	y := float32(float32(p*f) * z)
	y += float32(e * ln2Tail)
	y -= float32(z * 0.5)
	y += f
	y += float32(e * ln2Head)
	switch {
	case x == 0:
		return float32(math.Inf(-1))
	case x < 0:
		return float32(math.NaN())
	case x < float32(math.Inf(1)):
		return y
	}
	return x
}

func sigmoidf(x float32) float32 {
	e := expf(-absf(x))
	n := float32(1)
	if x < 0 {
		n = e
	}
	return n / (1 + e)
}

func tanhf(x float32) float32 {
	a := absf(x)
	z := float32(a * a)
	p := float32(-0.005695813)
	p = float32(p*z) + 0.020630825
	p = float32(p*z) - 0.05373714
	p = float32(p*z) + 0.1333141
	p = float32(p*z) - 0.3333328
	y := float32(float32(p*z)*a) + a
	if !(a < tanhSwitch) {
		y = 1 - 2/(expf(a+a)+1)
	}
	return signOf(y, x)
}

func erff(x float32) float32 {
	a := absf(x)
	z := float32(a * a)
	p := float32(-0.00059595896)
	p = float32(p*z) + 0.004987353
	p = float32(p*z) - 0.026762966
	p = float32(p*z) + 0.11281731
	p = float32(p*z) - 0.3761249
	p = float32(p*z) + 0.12837915
	y := float32(p*a) + a
	if !(a < erfSwitch) {
		// 1 - exp(-q), q a polynomial for -log(erfc).
		if a > erfMax {
			a = erfMax
		}
		q := float32(-0.00019820883)
		q = float32(q*a) + 0.0030654182
		q = float32(q*a) - 0.02231503
		q = float32(q*a) + 0.10411347
		q = float32(q*a) + 0.6369762
		q = float32(q*a) + 1.1277972
		q = float32(q*a) + 0.00016643581
		y = 1 - expf(-q)
	}
	return signOf(y, x)
}

func geluf(x float32) float32 {
	t := erff(float32(x*sqrtHalf)) + 1
	return float32(x*0.5) * t
}

func softplusf(x float32) float32 {
	e := expf(-absf(x))
	// log(1+e) = 2·atanh(s), s = e/(2+e).
	s := e / (e + 2)
	z := float32(s * s)
	p := float32(0.2424492)
	p = float32(p*z) + 0.2144395
	p = float32(p*z) + 0.2861521
	p = float32(p*z) + 0.3999895
	p = float32(p*z) + 0.66666675
	y := float32(float32(p*z)*s) + (s + s)
	return y + reluf(x)
}

func reluf(x float32) float32 {
	if 0 > x {
		return 0
	}
	return x
}

func sigmoidGradf(dy, y float32) float32 { return dy * float32(y*(1-y)) }

func tanhGradf(dy, y float32) float32 { return dy * (1 - float32(y*y)) }

func reluGradf(dy, y float32) float32 {
	if y > 0 {
		return dy
	}
	return 0
}

func geluGradf(dy, x float32) float32 {
	cdf := float32((erff(float32(x*sqrtHalf)) + 1) * 0.5)
	pdf := float32(expf(float32(float32(x*x)*-0.5)) * invSqrt2Pi)
	return dy * (cdf + float32(x*pdf))
}
