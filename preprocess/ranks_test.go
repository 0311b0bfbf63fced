package preprocess

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// exactly runs the four passes over parts that travel as bytes.
func exactly(t *testing.T, parts [][]float64, shares []float64) []float64 {
	t.Helper()
	var known *ranks
	for pass := range rankPasses {
		total := &Quantiles{exact: newRanks(known)}
		for _, x := range parts {
			q := &Quantiles{exact: newRanks(known)}
			q.exact.update(x)
			b, err := q.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			travelled := &Quantiles{exact: newRanks(nil)}
			if err := travelled.UnmarshalBinary(b); err != nil {
				t.Fatal(err)
			}
			if err := total.Merge(travelled); err != nil {
				t.Fatal(err)
			}
		}
		if pass == rankPasses-1 {
			got, err := total.at(shares...)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		var err error
		if known, err = total.exact.next(shares); err != nil {
			t.Fatal(err)
		}
	}
	return nil
}

func TestExactQuantiles(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	shares := []float64{0, 0.001, 0.25, 0.5, 0.9, 0.999, 1}
	for name, draw := range map[string]func() float64{
		"normal":   r.NormFloat64,
		"integers": func() float64 { return float64(r.IntN(5) - 2) },
		"close":    func() float64 { return 1 + float64(r.IntN(1000))*0x1p-52 },
		"wide":     func() float64 { return math.Ldexp(r.Float64()-0.5, r.IntN(2000)-1000) },
		"one":      func() float64 { return -7.25 },
		"zeros":    func() float64 { return math.Copysign(0, r.Float64()-0.5) },
	} {
		parts := make([][]float64, 5)
		var all []float64
		for i := range parts {
			for range 1 + r.IntN(4000) {
				parts[i] = append(parts[i], draw())
			}
			all = append(all, parts[i]...)
			parts[i] = append(parts[i], math.NaN(), math.Inf(1)) // not counted
		}
		slices.Sort(all)
		for i, got := range exactly(t, parts, shares) {
			lo, hi, part := rankOf(shares[i], int64(len(all)))
			want := all[lo] + (all[hi]-all[lo])*part
			if math.Abs(got-want) > 1e-15*math.Abs(want) || part == 0 && got != all[lo] {
				t.Errorf("%s: quantile %v of %d is %v, want %v", name, shares[i], len(all), got, want)
			}
		}
	}
}

func TestExactQuantilesOfARule(t *testing.T) {
	t.Parallel()
	named := Selector{Names: []string{"positive"}}
	sketched := compile(t, []Rule{{Columns: named, Scale: Choices{{Kind: "robust"}}}}, Options{})
	p := compile(t, []Rule{{Columns: named, Scale: Choices{{Kind: "robust"}}, Quantiles: "exact"}}, Options{})
	if p.Waves() != 2*rankPasses || p.Hash() == sketched.Hash() {
		t.Fatalf("%d waves, want %d; hash %s", p.Waves(), 2*rankPasses, p.Hash())
	}
	var all []float64
	for _, b := range units(5, 3000) {
		c, _ := columnOf(b)
		all = append(all, c...)
	}
	slices.Sort(all)
	s := fit(t, p, units(5, 3000))
	got := s.feats[0].steps[len(s.feats[0].steps)-1].(*affine)
	n := len(all) // 15000: the median is between two
	if want := (all[n/2-1] + all[n/2]) / 2; math.Abs(got.Center-want) > 1e-15*want {
		t.Errorf("median %v, want %v", got.Center, want)
	}
}
