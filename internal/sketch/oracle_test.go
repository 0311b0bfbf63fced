package sketch

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// uniform repeats the formula of testdata/numpy_oracle.py.
func uniform(n int, salt uint64) []float64 {
	const scale = 1 << 53
	phi := 0.6180339887498949
	step := uint64(phi*scale) * salt
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(uint64(i+1)*step%scale) / scale
	}
	return x
}

func over(x []float64, f func(float64) float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = f(v)
	}
	return out
}

type oracle struct {
	Quantiles []float64
	Sets      map[string]struct {
		N                        int
		Mean, Variance, Min, Max float64
		Linear                   []float64
		Inverted                 []float64 `json:"inverted_cdf"`
		Distinct                 int
	}
	Correlation, Covariance [][]float64
	Classes                 struct {
		F, Chi2           float64
		MutualInformation float64 `json:"mutual_information"`
		ContingencyChi2   float64 `json:"contingency_chi2"`
		ContingencyDOF    int     `json:"contingency_dof"`
	}
}

func readOracle(t *testing.T) *oracle {
	t.Helper()
	b, err := os.ReadFile("testdata/numpy_oracle.json")
	if err != nil {
		t.Fatal(err)
	}
	var o oracle
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatal(err)
	}
	if len(o.Sets) != 8 || len(o.Correlation) != 4 {
		t.Fatalf("oracle of %d sets and %d columns", len(o.Sets), len(o.Correlation))
	}
	return &o
}

func oracleSets() map[string][]float64 {
	u, v := uniform(5000, 1), uniform(5000, 7)
	skewed := make([]float64, len(u))
	for i := range u {
		skewed[i] = math.Pow(u[i], 9)*1e6 - v[i]
	}
	return map[string][]float64{
		"uniform":    u,
		"near 1e9":   over(u, func(x float64) float64 { return 1e9 + float64(x*1e-3) }),
		"near -1e15": over(u, func(x float64) float64 { return -1e15 + math.Floor(x*100) }),
		"tiny":       over(u, func(x float64) float64 { return x * 1e-300 }),
		"skewed":     skewed,
		"few":        over(u, func(x float64) float64 { return math.Floor(x * 3) }),
		"one":        {2.5},
		"seventeen":  v[:17],
	}
}

// close reports whether two numbers differ by at most a share of the second.
func close(a, b, share float64) bool { return math.Abs(a-b) <= share*math.Abs(b) || a == b }

func TestAgreesWithNumpy(t *testing.T) {
	t.Parallel()
	o := readOracle(t)
	for name, x := range oracleSets() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, ok := o.Sets[name]
			if !ok || want.N != len(x) {
				t.Fatalf("the oracle has %d numbers, the test %d", want.N, len(x))
			}
			exp := 1e-14
			if name == "skewed" { // numpy's power rounds differently
				exp = 1e-12
			}
			var m Moments
			m.Update(x)
			if !close(m.Mean, want.Mean, exp) {
				t.Errorf("mean %v, want %v", m.Mean, want.Mean)
			}
			if !close(m.Variance(0), want.Variance, 1e-12) && math.Abs(m.Variance(0)-want.Variance) > 5e-324 {
				t.Errorf("variance %v, want %v", m.Variance(0), want.Variance)
			}
			if !close(m.Min, want.Min, exp) || !close(m.Max, want.Max, exp) {
				t.Errorf("from %v to %v, want from %v to %v", m.Min, m.Max, want.Min, want.Max)
			}
			kll := NewKLL(5000, 0) // exact
			kll.Update(x)
			d := kll.Distribution()
			if !d.Exact() {
				t.Fatal("5000 values with K = 5000 are not exact")
			}
			exact, err := NewExactQuantiles(o.Quantiles...)
			if err != nil {
				t.Fatal(err)
			}
			exact.Update(x)
			if err := exact.Next(); err != nil || !exact.Done() {
				t.Fatalf("a pass over few values does not suffice: %v", err)
			}
			linear, nearest := exact.Quantiles(), exact.NearestRanks()
			for i, q := range o.Quantiles {
				if v := d.Quantile(q); !close(v, want.Linear[i], exp) || v != linear[i] {
					t.Errorf("quantile %v: %v, exactly %v, want %v", q, v, linear[i], want.Linear[i])
				}
				if v := d.NearestRank(q); !close(v, want.Inverted[i], exp) || v != nearest[i] {
					t.Errorf("nearest rank %v: %v, exactly %v, want %v", q, v, nearest[i], want.Inverted[i])
				}
			}
			var h HLL
			h.UpdateFloats(x)
			if e := h.Estimate(); !close(e, float64(want.Distinct), 0.02) {
				t.Errorf("%v distinct, want %d", e, want.Distinct)
			}
		})
	}
}

func TestCorrelationAgreesWithNumpy(t *testing.T) {
	t.Parallel()
	o := readOracle(t)
	var cols [][]float64
	for k, s := range []uint64{1, 7, 13} {
		cols = append(cols, over(uniform(5000, s), func(x float64) float64 { return float64(x*math.Pow10(k)) + 1e6*float64(k) }))
	}
	last := make([]float64, 5000)
	for i := range last {
		last[i] = float64(cols[0][i]*2) - float64(cols[1][i]*0.1)
	}
	cols = append(cols, last)
	var c CoMoments
	var p PairMoments
	if err := c.Update(cols); err != nil {
		t.Fatal(err)
	}
	if err := p.Update(cols); err != nil {
		t.Fatal(err)
	}
	for i := range cols {
		for j := range cols {
			if got, want := c.Correlation(i, j), o.Correlation[i][j]; math.Abs(got-want) > 1e-10 || p.Correlation(i, j) != got {
				t.Errorf("correlation of %d and %d: %v, in pairs %v, want %v", i, j, got, p.Correlation(i, j), want)
			}
			if got, want := c.Covariance(i, j, 1), o.Covariance[i][j]; !close(got, want, 1e-8) || p.Covariance(i, j, 1) != got {
				t.Errorf("covariance of %d and %d: %v, want %v", i, j, got, want)
			}
		}
	}
}

func TestClassesAgreeWithSklearn(t *testing.T) {
	t.Parallel()
	want := readOracle(t).Classes
	y, f := uniform(5000, 3), uniform(5000, 5)
	var c Contingency
	var g GroupedMoments
	for i := range y {
		class := int(y[i] * 4)
		x := f[i] + float64(float64(class)*0.1)
		if err := c.Add(class, int(x*6), 1); err != nil {
			t.Fatal(err)
		}
		if err := g.Add(class, x); err != nil {
			t.Fatal(err)
		}
	}
	if mi := c.MutualInformation(); !close(mi, want.MutualInformation, 1e-10) {
		t.Errorf("mutual information %v, want %v", mi, want.MutualInformation)
	}
	if chi, dof := c.ChiSquared(); !close(chi, want.ContingencyChi2, 1e-10) || dof != want.ContingencyDOF {
		t.Errorf("chi-squared %v with %d degrees of freedom, want %v with %d", chi, dof, want.ContingencyChi2, want.ContingencyDOF)
	}
	if v, _, _ := g.F(); !close(v, want.F, 1e-10) {
		t.Errorf("F %v, want %v", v, want.F)
	}
	if v := g.ChiSquared(); !close(v, want.Chi2, 1e-10) {
		t.Errorf("chi-squared %v, want %v", v, want.Chi2)
	}
}
