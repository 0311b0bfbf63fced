package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// unary lists each function of a vector with its definition, the true function and the error it promises in units in the
// last place over [lo, hi].
var unary = []struct {
	name   string
	f      func(dst, src []float32)
	scalar func(x float32) float32
	truth  func(x float64) float64
	lo, hi float32
	ulps   float64
}{
	{"Exp", Exp, expf, math.Exp, -87.33, 88.72, 1},
	{"Log", Log, logf, math.Log, math.SmallestNonzeroFloat32, math.MaxFloat32, 1},
	{"Sigmoid", Sigmoid, sigmoidf, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, -87.33, 100, 2.5},
	{"Tanh", Tanh, tanhf, math.Tanh, -20, 20, 1.5},
	{"Erf", Erf, erff, math.Erf, -6, 6, 1.5},
	{"Softplus", Softplus, softplusf, func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, -87.33, 1e30, 2.5},
	{"Relu", Relu, reluf, func(x float64) float64 { return max(x, 0) }, -math.MaxFloat32, math.MaxFloat32, 0},
	{"Gelu", Gelu, geluf, nil, 0, 0, 0},
}

var binary = []struct {
	name   string
	f      func(dx, dy, y []float32)
	scalar func(dy, y float32) float32
}{
	{"SigmoidGrad", SigmoidGrad, sigmoidGradf},
	{"TanhGrad", TanhGrad, tanhGradf},
	{"ReluGrad", ReluGrad, reluGradf},
	{"GeluGrad", GeluGrad, geluGradf},
	{"Add", func(dx, dy, y []float32) { copy(dx, dy); Add(dx, y) }, func(x, y float32) float32 { return x + y }},
	{"Axpy", func(dx, dy, y []float32) { copy(dx, dy); Axpy(dx, 0.3, y) }, func(x, y float32) float32 { return x + float32(0.3*y) }},
	{"Scale", func(dx, dy, y []float32) { copy(dx, dy); Scale(dx, 0.3) }, func(x, y float32) float32 { return x * 0.3 }},
}

// ulpsOff returns |y-want| in units in the last place of a float32 near want.
func ulpsOff(y float32, want float64) float64 {
	w := float32(math.Abs(want))
	return math.Abs(float64(y)-want) / (float64(math.Nextafter32(w, float32(math.Inf(1)))) - float64(w))
}

func TestAccuracy(t *testing.T) {
	t.Parallel()
	for _, f := range unary {
		if f.truth == nil {
			continue
		}
		var worst float64
		var at float32
		count := 0
		for b := uint64(0); b < 1<<32; b += 4099 { // both signs, all exponents
			x := math.Float32frombits(uint32(b))
			if !(x >= f.lo && x <= f.hi) {
				continue
			}
			count++
			if e := ulpsOff(f.scalar(x), f.truth(float64(x))); e > worst {
				worst, at = e, x
			}
		}
		if worst > f.ulps || count < 10_000 {
			t.Errorf("%s: %.3f units in the last place at %g over %d numbers, want at most %g", f.name, worst, at, count, f.ulps)
		}
	}
}

func TestGeluAccuracy(t *testing.T) {
	t.Parallel()
	for i := -80_000; i <= 80_000; i++ {
		x := float32(i) / 8000
		want := float64(x) * 0.5 * math.Erfc(-float64(x)*math.Sqrt2/2)
		if e := math.Abs(float64(geluf(x)) - want); e > math.Abs(float64(x))*0x1p-23 {
			t.Fatalf("gelu(%g) is off by %g", x, e)
		}
		slope := 0.5*math.Erfc(-float64(x)*math.Sqrt2/2) + float64(x)*math.Exp(-0.5*float64(x)*float64(x))/math.Sqrt(2*math.Pi)
		if e := math.Abs(float64(geluGradf(1, x)) - slope); e > 3e-7 {
			t.Fatalf("the slope of gelu at %g is off by %g", x, e)
		}
	}
}

func TestSpecialNumbers(t *testing.T) {
	t.Parallel()
	inf, nan, zero := float32(math.Inf(1)), float32(math.NaN()), float32(math.Copysign(0, -1))
	for _, c := range []struct {
		name    string
		f       func(float32) float32
		x, want float32
	}{
		{"exp", expf, inf, inf}, {"exp", expf, -inf, 0}, {"exp", expf, nan, nan}, {"exp", expf, 88.73, inf}, {"exp", expf, -104, 0}, {"exp", expf, zero, 1},
		{"exp", expf, -103, float32(math.Exp(-103))}, {"exp", expf, -90, float32(math.Exp(-90))},
		{"log", logf, inf, inf}, {"log", logf, -1, nan}, {"log", logf, -inf, nan}, {"log", logf, 0, -inf}, {"log", logf, zero, -inf}, {"log", logf, nan, nan}, {"log", logf, 1, 0},
		{"sigmoid", sigmoidf, inf, 1}, {"sigmoid", sigmoidf, -inf, 0}, {"sigmoid", sigmoidf, nan, nan}, {"sigmoid", sigmoidf, zero, 0.5},
		{"tanh", tanhf, inf, 1}, {"tanh", tanhf, -inf, -1}, {"tanh", tanhf, nan, nan}, {"tanh", tanhf, zero, zero}, {"tanh", tanhf, 1e-45, 1e-45},
		{"erf", erff, inf, 1}, {"erf", erff, -inf, -1}, {"erf", erff, nan, nan}, {"erf", erff, zero, zero},
		{"softplus", softplusf, inf, inf}, {"softplus", softplusf, -inf, 0}, {"softplus", softplusf, nan, nan},
		{"relu", reluf, inf, inf}, {"relu", reluf, -inf, 0}, {"relu", reluf, nan, nan}, {"relu", reluf, zero, zero},
	} {
		if got := c.f(c.x); !same(got, c.want) {
			t.Errorf("%s(%g) = %g, want %g", c.name, c.x, got, c.want)
		}
	}
}

// inputs are numbers of all exponents, then ordinary ones.
func inputs(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 9))
	x := make([]float32, n)
	for i := range x {
		switch i % 3 {
		case 0:
			x[i] = math.Float32frombits(r.Uint32())
		case 1:
			x[i] = float32(r.NormFloat64() * 4)
		default:
			x[i] = float32(r.NormFloat64() * 60)
		}
	}
	copy(x[min(n, 5):], []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 1e-45, 88.722839, 89, -104, 0.625, 4})
	return x
}

// TestVectorsEqualDefinition runs at every level. Not parallel: it puts one level after another in place.
func TestVectorsEqualDefinition(t *testing.T) {
	levels(t, func(t testing.TB, name string, _ level) {
		lengths := []int{300_001}
		for n := range 41 {
			lengths = append(lengths, n)
		}
		for _, n := range lengths {
			x, z := inputs(n, 1), inputs(n, 2)
			for _, f := range unary {
				y := guarded(n)
				f.f(y, x)
				for i := range y {
					if want := f.scalar(x[i]); !same(y[i], want) {
						t.Fatalf("%s %s(%x) = %x, want %x (element %d of %d)", name, f.name, x[i], y[i], want, i, n)
					}
				}
				checkGuard(t, f.name, y)
				f.f(y, y[:n]) // in place
			}
			for _, f := range binary {
				y := guarded(n)
				f.f(y, z, x)
				for i := range y {
					if want := f.scalar(z[i], x[i]); !same(y[i], want) {
						t.Fatalf("%s %s(%x, %x) = %x, want %x (element %d of %d)", name, f.name, z[i], x[i], y[i], want, i, n)
					}
				}
				checkGuard(t, f.name, y)
			}
		}
	})
}

// guarded returns n numbers with sixteen 7s behind them.
func guarded(n int) []float32 {
	x := make([]float32, n+16)
	for i := range x {
		x[i] = 7
	}
	return x[:n]
}

func checkGuard(t testing.TB, name string, x []float32) {
	for i, v := range x[len(x) : len(x)+16] {
		if v != 7 {
			t.Fatalf("%s wrote %g at %d beyond its %d elements", name, v, i, len(x))
		}
	}
}

// TestAdam compares with the formula in float64, and each level with the first in bits.
func TestAdam(t *testing.T) {
	s := AdamStep{Beta1: 0.9, Beta2: 0.999, Correct1: 1 / (1 - 0.9*0.9), Correct2: 1 / (1 - 0.999*0.999), Epsilon: 1e-8}
	var first [3][]float32
	levels(t, func(t testing.TB, name string, l level) {
		r := rand.New(rand.NewPCG(1, 1))
		const n = 1003
		u, m, v := guarded(n), guarded(n), guarded(n)
		for i := range u {
			u[i], m[i], v[i] = float32(r.NormFloat64()), float32(r.NormFloat64()), r.Float32()
		}
		u0, m0, v0 := append([]float32(nil), u...), append([]float32(nil), m...), append([]float32(nil), v...)
		Adam(u, m, v, s)
		for i := range u {
			g := float64(u0[i])
			m1 := 0.9*float64(m0[i]) + 0.1*g
			v1 := 0.999*float64(v0[i]) + 0.001*g*g
			want := m1 * float64(s.Correct1) / (math.Sqrt(v1*float64(s.Correct2)) + 1e-8)
			if math.Abs(float64(m[i])-m1) > 1e-6 || math.Abs(float64(v[i])-v1) > 1e-6*(1+g*g) || math.Abs(float64(u[i])-want) > 1e-4*(1+math.Abs(want)) {
				t.Fatalf("%s element %d: m %g want %g, v %g want %g, u %g want %g", name, i, m[i], m1, v[i], v1, u[i], want)
			}
		}
		for i, x := range [][]float32{u, m, v} {
			checkGuard(t, "Adam", x)
			if l == levelGo {
				first[i] = x
			}
			for j := range x {
				if !same(x[j], first[i][j]) {
					t.Fatalf("%s differs from pure Go in vector %d at %d: %x, want %x", name, i, j, x[j], first[i][j])
				}
			}
		}
	})
}

func BenchmarkVectors(b *testing.B) {
	const n = 4096
	x, y := make([]float32, n), make([]float32, n)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range x {
		x[i] = float32(r.NormFloat64() * 2)
	}
	per := func(b *testing.B, f func()) {
		b.SetBytes(4 * n)
		for b.Loop() {
			f()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
	}
	levels(b, func(t testing.TB, name string, _ level) {
		b := t.(*testing.B)
		for _, f := range unary {
			b.Run(f.name+"/"+name, func(b *testing.B) { per(b, func() { f.f(y, x) }) })
		}
		for _, f := range binary[:4] {
			b.Run(f.name+"/"+name, func(b *testing.B) { per(b, func() { f.f(y, x, x) }) })
		}
		m, v := make([]float32, n), make([]float32, n)
		b.Run("Axpy/"+name, func(b *testing.B) { per(b, func() { Axpy(y, 0.5, x) }) })
		b.Run("Adam/"+name, func(b *testing.B) { per(b, func() { copy(y, x); Adam(y, m, v, AdamStep{0.9, 0.999, 1, 1, 1e-8}) }) })
		b.Run("Dot/"+name, func(b *testing.B) { per(b, func() { Dot(y, x) }) })
		b.Run("Softmax10/"+name, func(b *testing.B) { per(b, func() { SoftmaxRows(y[:4090], x[:4090], 10) }) })
	})
}
