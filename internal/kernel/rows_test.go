package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestSums compares every level with float64 sums in the lanes the contract fixes.
func TestSums(t *testing.T) {
	levels(t, func(t testing.TB, name string, _ level) {
		r := rand.New(rand.NewPCG(1, 5))
		for n := range 100 {
			x, y := matrix(r, 1, n, 1, n%5 == 1), matrix(r, 1, n, 1, false)
			var sums, dots, squares [16]float64
			for i := range x {
				sums[i%16] += float64(x[i])
				dots[i%16] += float64(x[i]) * float64(y[i])
				squares[i%16] += float64(x[i]) * float64(x[i])
			}
			total := func(l [16]float64) float64 {
				for _, w := range []int{8, 4, 2, 1} {
					for j := range w {
						l[j] += l[j+w]
					}
				}
				return l[0]
			}
			for _, c := range []struct {
				what      string
				got, want float64
			}{{"Sum", Sum(x), total(sums)}, {"Dot", Dot(x, y), total(dots)}, {"SumSquares", SumSquares(x), total(squares)}} {
				if math.Float64bits(c.got) != math.Float64bits(c.want) && !(c.got != c.got && c.want != c.want) {
					t.Fatalf("%s %s of %d = %x, want %x", name, c.what, n, c.got, c.want)
				}
			}
		}
	})
}

func TestRows(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 5))
	for _, n := range []int{1, 2, 10, 17, 300} {
		const m = 7
		x, bias := matrix(r, m, n, n, false), matrix(r, 1, n, n, false)
		y := append([]float32(nil), x...)
		AddRow(y, bias, n)
		sums := append([]float32(nil), bias...)
		SumRows(sums, x, n)
		want := append([]float32(nil), bias...)
		for i := range x {
			if y[i] != x[i]+bias[i%n] {
				t.Fatalf("n %d: AddRow gives %g at %d, want %g", n, y[i], i, x[i]+bias[i%n])
			}
			want[i%n] += x[i]
		}
		for j := range sums {
			if sums[j] != want[j] {
				t.Fatalf("n %d: SumRows gives %g at %d, want %g", n, sums[j], j, want[j])
			}
		}
	}
}

func TestSoftmaxRows(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 5))
	for _, n := range []int{1, 2, 3, 10, 16, 100, 1000} {
		const m = 5
		x := make([]float32, m*n)
		for i := range x {
			x[i] = float32(r.NormFloat64()*5) + float32(i/n)*100 // the later rows overflow unless shifted
		}
		y, l := make([]float32, m*n), make([]float32, m)
		SoftmaxRows(y, x, n)
		LogSumExpRows(l, x, n)
		for i := range m {
			var sum float64
			row := x[i*n : (i+1)*n]
			for _, v := range row {
				sum += math.Exp(float64(v) - 400)
			}
			if want := 400 + math.Log(sum); math.Abs(float64(l[i])-want) > 2e-7*math.Abs(want)+1e-6 {
				t.Errorf("n %d row %d: log of the sum %g, want %g", n, i, l[i], want)
			}
			for j, v := range row {
				want := math.Exp(float64(v)-400) / sum
				// x - max is rounded to float32 and may be -40.
				if math.Abs(float64(y[i*n+j])-want) > 5e-6*want+1e-37 {
					t.Errorf("n %d row %d: softmax %g, want %g", n, i, y[i*n+j], want)
				}
			}
		}
		SoftmaxRows(x, x, n) // in place
		for i := range x {
			if x[i] != y[i] {
				t.Fatalf("n %d: in place %g, apart %g", n, x[i], y[i])
			}
		}
	}
}

// TestSoftmaxBits compares every level with pure Go.
func TestSoftmaxBits(t *testing.T) {
	wants := map[int][]float32{}
	levels(t, func(t testing.TB, name string, l level) {
		for n := 1; n <= 41; n++ {
			r := rand.New(rand.NewPCG(4, uint64(n)))
			x := matrix(r, 6, n, n, n%2 == 0)
			for i := range n {
				x[i] = float32(r.NormFloat64()*20 - 100) // no zero above them all
			}
			got := make([]float32, 6*n+6)
			SoftmaxRows(got[:6*n], x, n)
			LogSumExpRows(got[6*n:], x, n)
			if l == levelGo {
				wants[n] = got
			}
			for i, want := range wants[n] {
				if !same(got[i], want) {
					t.Fatalf("%s n %d: element %d is %x, in pure Go %x", name, n, i, got[i], want)
				}
			}
		}
	})
}

func TestRowsOfInfinities(t *testing.T) {
	t.Parallel()
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		row  []float32
		want float32
	}{
		{[]float32{-inf, -inf}, -inf}, {[]float32{-inf, 3}, 3}, {[]float32{inf, 3}, inf}, {[]float32{nan, 3}, nan}, {[]float32{nan, inf}, nan}, {[]float32{-inf, inf}, inf},
		{[]float32{nan, -inf}, nan}, {[]float32{0, 0, 0, 0}, float32(math.Log(4))},
	} {
		got := make([]float32, 1)
		LogSumExpRows(got, c.row, len(c.row))
		if !same(got[0], c.want) {
			t.Errorf("LogSumExpRows(%g) = %g, want %g", c.row, got[0], c.want)
		}
	}
	y := make([]float32, 3)
	SoftmaxRows(y, []float32{-inf, 1, 1}, 3)
	if y[0] != 0 || y[1] != 0.5 || y[2] != 0.5 {
		t.Errorf("softmax(-Inf, 1, 1) = %g, want 0, 0.5, 0.5", y)
	}
}

func TestBrokenRowsPanic(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(){
		"SoftmaxRows":   func() { SoftmaxRows(make([]float32, 7), make([]float32, 7), 2) },
		"LogSumExpRows": func() { LogSumExpRows(make([]float32, 2), make([]float32, 5), 2) },
		"AddRow":        func() { AddRow(make([]float32, 7), make([]float32, 2), 2) },
		"SumRows":       func() { SumRows(make([]float32, 2), make([]float32, 5), 2) },
		// The capacity would be enough.
		"Exp":         func() { Exp(make([]float32, 3), make([]float32, 2, 8)) },
		"Add":         func() { Add(make([]float32, 3), make([]float32, 2, 8)) },
		"Axpy":        func() { Axpy(make([]float32, 3), 1, make([]float32, 2, 8)) },
		"TanhGrad dy": func() { TanhGrad(make([]float32, 3), make([]float32, 2, 8), make([]float32, 3)) },
		"TanhGrad y":  func() { TanhGrad(make([]float32, 3), make([]float32, 3), make([]float32, 2, 8)) },
		"Adam m":      func() { Adam(make([]float32, 3), make([]float32, 2, 8), make([]float32, 3), AdamStep{}) },
		"Adam v":      func() { Adam(make([]float32, 3), make([]float32, 3), make([]float32, 2, 8), AdamStep{}) },
		"Dot":         func() { Dot(make([]float32, 20), make([]float32, 19, 40)) },
		"AddRow row":  func() { AddRow(make([]float32, 6), make([]float32, 1, 8), 2) },
		"SumRows dst": func() { SumRows(make([]float32, 1, 8), make([]float32, 6), 2) },
		"Softmax src": func() { SoftmaxRows(make([]float32, 6), make([]float32, 4, 8), 2) },
		"LogSumExp":   func() { LogSumExpRows(make([]float32, 3), make([]float32, 4, 8), 2) },
		"Exp64":       func() { Exp64(make([]float64, 3), make([]float64, 2, 8)) },
		"Log64":       func() { Log64(make([]float64, 3), make([]float64, 2, 8)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s with too short a slice: no panic", name)
				}
			}()
			f()
		}()
	}
}

// TestClass is not parallel: it changes the class and puts it back.
func TestClass(t *testing.T) {
	defer set(best)
	if err := Use(Portable); err != nil || Class() != Portable {
		t.Errorf("after Use(%q): class %q, error %v", Portable, Class(), err)
	}
	if err := Use("avx1024"); err == nil || !strings.Contains(err.Error(), `"avx1024"`) || Class() != Portable {
		t.Errorf("an unknown class: error %v, class %q", err, Class())
	}
	if best > levelGo {
		if err := Use(FMA); err != nil || Class() != FMA {
			t.Errorf("after Use(%q): class %q, error %v", FMA, Class(), err)
		}
	}
	was := best
	best = levelGo
	if err := Use(FMA); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", FMA)) {
		t.Errorf("class %q on a machine without it: error %v", FMA, err)
	}
	best = was
}

// TestNoAllocation covers every function at every level.
func TestNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector a sync.Pool forgets at random")
	}
	x, y, z := make([]float32, 1000), make([]float32, 1000), make([]float32, 1000)
	d := make([]float64, 100)
	levels(t, func(t testing.TB, name string, _ level) {
		fs := map[string]func(){
			"AddRow": func() { AddRow(x, y, 100) }, "SumRows": func() { SumRows(x, y, 100) },
			"SoftmaxRows": func() { SoftmaxRows(x, y, 100) }, "LogSumExpRows": func() { LogSumExpRows(z[:10], y, 100) },
			"Adam": func() { Adam(x, y, z, AdamStep{}) }, "Exp64": func() { Exp64(d, d) }, "Log64": func() { Log64(d, d) },
			"Sum": func() { Sum(x) }, "Dot": func() { Dot(x, y) }, "SumSquares": func() { SumSquares(x) },
		}
		for _, f := range unary {
			fs[f.name] = func() { f.f(x, y) }
		}
		for _, f := range binary {
			fs[f.name] = func() { f.f(x, y, z) }
		}
		for _, p := range products {
			fs[p.name] = func() { p.f(20, 20, 20, x, 20, y, 20, z, 20, true) }
			fs[p.name+" of one column"] = func() { p.f(20, 1, 20, x, 20, y, 20, z, 1, true) }
		}
		for f, run := range fs {
			if n := testing.AllocsPerRun(20, run); n != 0 {
				t.Errorf("%s %s: %g allocations", name, f, n)
			}
		}
	})
}
