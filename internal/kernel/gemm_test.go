package kernel

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// fma32 returns a·b+c rounded once. The product of two float32 is exact in float64; the sum is rounded to odd, so that
// rounding it again to float32 gives what one rounding would (Boldo and Melquiond 2008).
func fma32(a, b, c float32) float32 {
	p, x := float64(a)*float64(b), float64(c)
	s := p + x
	v := s - p
	if e := (p - (s - v)) + (x - v); e != 0 && !math.IsNaN(e) {
		if bits := math.Float64bits(s); bits&1 == 0 {
			// s was rounded towards e's opposite: step towards e when it pulls below or above.
			if (e > 0) == (s > 0) {
				bits++
			} else {
				bits--
			}
			s = math.Float64frombits(bits)
		}
	}
	return float32(s)
}

func TestFMA32(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 300_000 {
		// Close exponents make ties and cancellation likely.
		f := func() float32 {
			return math.Float32frombits(r.Uint32()&0x807fffff | (r.Uint32()%24+uint32(115))<<23&0x7f800000)
		}
		a, b, c := f(), f(), f()
		if r.Uint32()%4 == 0 {
			a, b = float32(r.Uint32()%4096), float32(r.Uint32()%4096)*0x1p-30
		}
		if r.Uint32()%8 == 0 {
			a, b, c = a*0x1p-70, b*0x1p-70, math.Float32frombits(r.Uint32()&0x807fffff) // denormal
		}
		want := new(big.Float).SetPrec(400).Mul(big.NewFloat(float64(a)), big.NewFloat(float64(b)))
		want.Add(want, big.NewFloat(float64(c)))
		w, _ := want.Float32()
		if got := fma32(a, b, c); got != w {
			t.Fatalf("fma32(%x, %x, %x) = %x, want %x", a, b, c, got, w)
		}
	}
}

// product is one of the three, with the places of A's and B's elements.
type product struct {
	name   string
	f      func(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool)
	aT, bT bool
}

var products = []product{{"Gemm", Gemm, false, false}, {"GemmTN", GemmTN, true, false}, {"GemmNT", GemmNT, false, true}}

// reference computes by the contract: element by element, k ascending.
func (p product) reference(step func(a, b, c float32) float32, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	for i := range m {
		for j := range n {
			var s float32
			if acc {
				s = c[i*ldc+j]
			}
			for q := range k {
				x, y := i*lda+q, q*ldb+j
				if p.aT {
					x = q*lda + i
				}
				if p.bT {
					y = j*ldb + q
				}
				s = step(a[x], b[y], s)
			}
			c[i*ldc+j] = s
		}
	}
}

func roundedStep(a, b, c float32) float32 { return float32(a*b) + c }

func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// levels returns the levels this machine has; each is put in place for f, and the best one again after the test.
func levels(t testing.TB, f func(t testing.TB, name string, l level)) {
	names := []string{"go", "avx2", "avx512"}
	defer set(best)
	for l := levelGo; l <= best; l++ {
		set(l)
		f(t, names[l], l)
	}
}

// matrix fills rows·ld values: small numbers, and now and then a special one.
func matrix(r *rand.Rand, rows, cols, ld int, special bool) []float32 {
	x := make([]float32, max(0, (rows-1)*ld+cols))
	specials := []float32{0, float32(math.Copysign(0, -1)), 1e-42, -1e-45, 3e38, -3e38, 1e-20, float32(math.Inf(1)), float32(math.NaN())}
	for i := range x {
		x[i] = r.Float32()*2 - 1
		if special && r.IntN(8) == 0 {
			x[i] = specials[r.IntN(len(specials))]
		}
	}
	return x
}

// TestProductsEqualReference is not parallel: it puts one level after another in place.
func TestProductsEqualReference(t *testing.T) {
	type shape struct{ m, n, k int }
	var shapes []shape
	for s := range 41 {
		shapes = append(shapes, shape{s, 1 + s*7%40, 1 + s*11%40}, shape{1 + s*7%40, s, 1 + s*3%40}, shape{1 + s*11%40, 1 + s*3%40, s},
			shape{s, s, s}, shape{s, 1, 40 - s}, shape{1, s, 40 - s}, shape{s, 3, 9}, shape{40 - s, 40, s})
	}
	shapes = append(shapes, shape{48, 64, 40}, shape{9, 33, 1030}, shape{37, 2, 1030}, shape{70, 1, 513}, shape{1, 70, 513}, shape{65, 97, 17})
	levels(t, func(t testing.TB, name string, l level) {
		step := fma32
		if l == levelGo {
			step = roundedStep
		}
		r := rand.New(rand.NewPCG(3, 4))
		for at, s := range shapes {
			for _, p := range products {
				for _, acc := range []bool{false, true} {
					ar, ac, br, bc := s.m, s.k, s.k, s.n
					if p.aT {
						ar, ac = ac, ar
					}
					if p.bT {
						br, bc = bc, br
					}
					lda, ldb, ldc := ac+at%3, bc+at%2*5, s.n+at%4
					special := at%3 == 0
					a, b, c := matrix(r, ar, ac, lda, special), matrix(r, br, bc, ldb, special), matrix(r, s.m, s.n, ldc, special)
					want := append([]float32(nil), c...)
					p.reference(step, s.m, s.n, s.k, a, lda, b, ldb, want, ldc, acc)
					p.f(s.m, s.n, s.k, a, lda, b, ldb, c, ldc, acc)
					for i := range c {
						if !same(c[i], want[i]) {
							t.Fatalf("%s %s %v acc %v ld %d %d %d: C[%d,%d] = %x, want %x", name, p.name, s, acc, lda, ldb, ldc, i/ldc, i%ldc, c[i], want[i])
						}
					}
				}
			}
		}
	})
}

func TestProductsPanicOnShortSlices(t *testing.T) {
	t.Parallel()
	x := make([]float32, 100)
	for _, p := range products {
		for which := range 3 {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s with matrix %d too short: no panic", p.name, which)
					}
				}()
				m := [][]float32{x, x, x}
				m[which] = x[:99]
				p.f(10, 10, 10, m[0], 10, m[1], 10, m[2], 10, false)
			}()
		}
	}
}

func BenchmarkProducts(b *testing.B) {
	for _, s := range [][3]int{{48, 64, 40}, {480, 128, 784}, {960, 512, 512}, {256, 10, 784}, {256, 1, 100}, {4096, 1, 40}, {1, 64, 40}, {256, 2, 100}, {256, 3, 100}, {256, 4, 100}, {256, 6, 100}, {256, 8, 100}} {
		m, n, k := s[0], s[1], s[2]
		for _, p := range products {
			r := rand.New(rand.NewPCG(5, 6))
			x, y, z := matrix(r, 1, m*k, 1, false), matrix(r, 1, k*n, 1, false), make([]float32, m*n)
			lda, ldb := k, n
			if p.aT {
				lda = m
			}
			if p.bT {
				ldb = k
			}
			levels(b, func(t testing.TB, name string, l level) {
				if l == levelGo && m*n*k > 1<<22 {
					return
				}
				t.(*testing.B).Run(fmt.Sprintf("%s/%dx%dx%d/%s", p.name, m, n, k, name), func(b *testing.B) {
					for b.Loop() {
						p.f(m, n, k, x, lda, y, ldb, z, n, false)
					}
					b.ReportMetric(2*float64(m)*float64(n)*float64(k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			})
		}
	}
}
