package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// ulps64 returns |y-want| in units in the last place of want.
func ulps64(y, want float64) float64 {
	w := math.Abs(want)
	return math.Abs(y-want) / (math.Nextafter(w, math.Inf(1)) - w)
}

// TestFloat64Accuracy compares with package math, itself within one unit: two together are the bound.
func TestFloat64Accuracy(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	for range 1_000_000 {
		x := r.Float64()*1453 - 744
		if e := ulps64(ExpFloat64(x), math.Exp(x)); e > 2 {
			t.Fatalf("exp(%g) = %g, want %g: %g units in the last place", x, ExpFloat64(x), math.Exp(x), e)
		}
		x = math.Float64frombits(r.Uint64() & math.MaxInt64)
		if x <= math.MaxFloat64 {
			want := math.Log(x)
			if x < 0x1p-1022 { // package math's assembly for x86-64 is wrong by tens for denormals
				want = math.Log(x*0x1p54) - 54*math.Ln2
			}
			if e := ulps64(LogFloat64(x), want); e > 2 {
				t.Fatalf("log(%g) = %g, want %g: %g units in the last place", x, LogFloat64(x), want, e)
			}
		}
		x = 1 + r.NormFloat64()*0.1
		if e := ulps64(LogFloat64(x), math.Log(x)); x > 0 && e > 2 {
			t.Fatalf("log(%g) = %g, want %g: %g units in the last place", x, LogFloat64(x), math.Log(x), e)
		}
		x = math.Ldexp(r.Float64()*2-1, -r.IntN(60))
		if e := ulps64(Log1pFloat64(x), math.Log1p(x)); e > 2 {
			t.Fatalf("log1p(%g) = %g, want %g: %g units in the last place", x, Log1pFloat64(x), math.Log1p(x), e)
		}
	}
}

// TestExpFloat64Exact compares with Taylor's series in 200 bits.
func TestExpFloat64Exact(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 8))
	for range 2000 {
		x := r.Float64()*1400 - 700
		// exp(x) = exp(x/2^12)^(2^12)
		y := new(big.Float).SetPrec(200).SetFloat64(x / 4096)
		sum, term := big.NewFloat(1).SetPrec(200), big.NewFloat(1).SetPrec(200)
		for i := 1; i < 60; i++ {
			term.Mul(term, y)
			term.Quo(term, big.NewFloat(float64(i)).SetPrec(200))
			sum.Add(sum, term)
		}
		for range 12 {
			sum.Mul(sum, sum)
		}
		want, _ := sum.Float64()
		d, _ := new(big.Float).Sub(sum, new(big.Float).SetPrec(200).SetFloat64(ExpFloat64(x))).Float64()
		if e := math.Abs(d) / (math.Nextafter(want, math.Inf(1)) - want); e > 1 {
			t.Fatalf("exp(%g) = %g, want %g: %g units in the last place", x, ExpFloat64(x), want, e)
		}
	}
}

func TestFloat64Special(t *testing.T) {
	t.Parallel()
	inf, nan, zero := math.Inf(1), math.NaN(), math.Copysign(0, -1)
	for _, c := range []struct {
		name    string
		f       func(float64) float64
		x, want float64
	}{
		{"exp", ExpFloat64, inf, inf}, {"exp", ExpFloat64, -inf, 0}, {"exp", ExpFloat64, nan, nan}, {"exp", ExpFloat64, zero, 1},
		{"exp", ExpFloat64, 709.79, inf}, {"exp", ExpFloat64, -746, 0}, {"exp", ExpFloat64, -745, 5e-324}, {"exp", ExpFloat64, 1, math.E},
		{"log", LogFloat64, inf, inf}, {"log", LogFloat64, 0, -inf}, {"log", LogFloat64, zero, -inf}, {"log", LogFloat64, -1, nan}, {"log", LogFloat64, nan, nan},
		{"log", LogFloat64, -inf, nan}, {"log", LogFloat64, 1, 0}, {"log", LogFloat64, 5e-324, -744.4400719213812}, {"log", LogFloat64, math.E, 1},
		{"log1p", Log1pFloat64, inf, inf}, {"log1p", Log1pFloat64, -1, -inf}, {"log1p", Log1pFloat64, -2, nan}, {"log1p", Log1pFloat64, nan, nan},
		{"log1p", Log1pFloat64, zero, zero}, {"log1p", Log1pFloat64, 1e-300, 1e-300}, {"log1p", Log1pFloat64, 1e300, math.Log(1e300)},
	} {
		if got := c.f(c.x); math.Float64bits(got) != math.Float64bits(c.want) && !(got != got && c.want != c.want) {
			t.Errorf("%s(%g) = %g, want %g", c.name, c.x, got, c.want)
		}
	}
}

func TestFloat64Slices(t *testing.T) {
	t.Parallel()
	x, y := []float64{0.5, 1, 2, 700, 1e-5}, make([]float64, 5)
	Exp64(y, x)
	Log64(y, y)
	for i := range x {
		if math.Abs(y[i]-x[i]) > 1e-15*(1+x[i]) {
			t.Errorf("log(exp(%g)) = %g", x[i], y[i])
		}
	}
}
