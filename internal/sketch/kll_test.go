package sketch

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// distributions are the shapes that the error bounds are tested on.
func distributions(n int) map[string][]float64 {
	r := rand.New(rand.NewPCG(7, 7))
	fill := func(f func(i int) float64) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = f(i)
		}
		return x
	}
	return map[string][]float64{
		"uniform":      fill(func(int) float64 { return r.Float64() }),
		"normal":       fill(func(int) float64 { return r.NormFloat64() }),
		"lognormal":    fill(func(int) float64 { return math.Exp(3 * r.NormFloat64()) }),
		"near 1e9":     fill(func(int) float64 { return 1e9 + r.Float64()*1e-3 }),
		"constant":     fill(func(int) float64 { return 42 }),
		"few distinct": fill(func(int) float64 { return float64(r.IntN(7) - 3) }),
		"sorted":       fill(func(i int) float64 { return float64(i) }),
		"reversed":     fill(func(i int) float64 { return float64(-i) }),
		"zigzag":       fill(func(i int) float64 { return float64(i * (1 - 2*(i%2))) }),
		"periodic":     fill(func(i int) float64 { return float64(i % 1000) }),
		"outlier": fill(func(i int) float64 {
			if i == n/2 {
				return 1e300
			}
			return r.Float64() * 1e-300
		}),
		"infinite": fill(func(i int) float64 {
			switch r.IntN(10) {
			case 0:
				return math.Inf(1)
			case 1:
				return math.Inf(-1)
			}
			return r.NormFloat64()
		}),
	}
}

// rankError is the largest error of a rank, as a share of the count, over the sketch's answers for 99 quantiles.
func rankError(d *Distribution, sorted []float64) float64 {
	n := float64(len(sorted))
	worst := 0.0
	for i := 1; i < 100; i++ {
		q := float64(i) / 100
		v := d.NearestRank(q)
		lo, _ := slices.BinarySearch(sorted, v)
		hi, _ := slices.BinarySearch(sorted, math.Nextafter(v, math.Inf(1)))
		if math.IsInf(v, 1) {
			hi = len(sorted)
		}
		// v covers the ranks (lo, hi]
		e := max(float64(lo)/n-q, q-float64(hi)/n, 0)
		worst = max(worst, e)
		worst = max(worst, math.Abs(float64(d.Rank(v))-float64(hi))/n)
	}
	return worst
}

func TestKLLRankError(t *testing.T) {
	t.Parallel()
	for _, n := range []int{5000, 9000, 131072, 1 << 19} {
		for name, x := range distributions(n) {
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) {
				t.Parallel()
				whole := NewKLL(0, 3)
				blocks(x, whole.Update)
				merged := new(KLL)
				for i, unit := 0, max(n/8, 1); i < n; i += unit {
					part := NewKLL(0, 3)
					blocks(x[i:min(i+unit, n)], part.Update)
					if err := merged.Merge(part); err != nil {
						t.Fatal(err)
					}
				}
				sorted := slices.Clone(x)
				slices.Sort(sorted)
				for what, s := range map[string]*KLL{"whole": whole, "merged": merged} {
					d := s.Distribution()
					if d.Count() != int64(n) || s.Min() != sorted[0] || s.Max() != sorted[n-1] {
						t.Fatalf("%s: %d values from %v to %v, want %d from %v to %v", what, d.Count(), s.Min(), s.Max(), n, sorted[0], sorted[n-1])
					}
					if w := d.upTo[len(d.upTo)-1]; w != int64(n) {
						t.Fatalf("%s: weights add up to %d, want %d", what, w, n)
					}
					e := rankError(d, sorted)
					t.Logf("%s: rank error %.4f%%, %d values kept", what, 100*e, len(d.x))
					if e > 0.005 {
						t.Errorf("%s: rank error %.3f%%, want at most 0.5%%", what, 100*e)
					}
					if len(d.x) > 5*kllK {
						t.Errorf("%s: %d values kept, want at most %d", what, len(d.x), 5*kllK)
					}
				}
			})
		}
	}
}
