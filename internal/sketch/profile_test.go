package sketch

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"howdah/internal/table"
)

func TestMomentsAgreeWithExactArithmetic(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for _, offset := range []float64{0, 1e9, -1e15, 1e-200} {
		for _, n := range []int{1, 15, 16, 17, 4096, 4097, 60000} {
			x := make([]float64, n)
			for i := range x {
				x[i] = offset + r.NormFloat64()
			}
			var whole, parts Moments
			whole.Update(x)
			for i := 0; i < n; i += 1000 {
				var p Moments
				p.Update(x[i:min(i+1000, n)])
				must(parts.Merge(&p))
			}
			exact := func() *big.Float { return new(big.Float).SetPrec(400) }
			mean, m2 := exact(), exact()
			for _, v := range x {
				mean.Add(mean, exact().SetFloat64(v))
			}
			mean.Quo(mean, exact().SetInt64(int64(n)))
			for _, v := range x {
				d := exact().Sub(exact().SetFloat64(v), mean)
				m2.Add(m2, d.Mul(d, d))
			}
			wantMean, _ := mean.Float64()
			wantM2, _ := m2.Float64()
			for what, m := range map[string]Moments{"whole": whole, "merged": parts} {
				if !close(m.Mean, wantMean, 1e-14) && math.Abs(m.Mean-wantMean) > 1e-15 || !close(m.M2, wantM2, 1e-13) {
					t.Errorf("%s, %d values near %v: mean %v and M2 %v, want %v and %v", what, n, offset, m.Mean, m.M2, wantMean, wantM2)
				}
			}
		}
	}
}

func TestMomentsHoldApart(t *testing.T) {
	t.Parallel()
	x := []float64{1, math.NaN(), 2, math.Inf(1), 3, math.Inf(-1), math.NaN()}
	for n := range 40 { // wherever the vectors end
		var updated, added Moments
		long := append(slices.Repeat([]float64{2}, n), x...)
		updated.Update(long)
		for _, v := range long {
			added.Add(v)
		}
		for _, m := range []Moments{updated, added} {
			if m.Count != int64(n+3) || m.NaN != 2 || m.PosInf != 1 || m.NegInf != 1 || m.Mean != 2 || math.Abs(m.M2-2) > 1e-15 || m.Min != 1 || m.Max != 3 {
				t.Fatalf("%d more: %+v", n, m)
			}
		}
	}
	var m Moments
	m.Update(slices.Repeat([]float64{math.MaxFloat64}, 100))
	if !close(m.Mean, math.MaxFloat64, 1e-14) {
		t.Errorf("mean of the largest doubles %v", m.Mean)
	}
}

// TestAssemblyEqualsGo compares the bits of both ways.
func TestAssemblyEqualsGo(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	for n := lanes; n <= 1024; n += lanes {
		x := make([]float64, n)
		for i := range x {
			x[i] = r.NormFloat64() * math.Pow10(r.IntN(20)-10)
		}
		if a, b := statsBlock(x), statsGo(x); a != b {
			t.Fatalf("stats of %d values: %v, in Go %v", n, a, b)
		}
		a1, a2 := deviationsBlock(x, 0.3)
		if b1, b2 := deviationsGo(x, 0.3); a1 != b1 || a2 != b2 {
			t.Fatalf("deviations of %d values: %v %v, in Go %v %v", n, a1, a2, b1, b2)
		}
		y := make([]float64, n)
		for i := range y {
			y[i] = r.NormFloat64()
		}
		var p, q [8]float64
		products2x4(x, y, n/4, n/4, &p)
		products2x4Go(x, y, n/4, n/4, &q)
		if p != q {
			t.Fatalf("products of %d values: %v, in Go %v", n, p, q)
		}
		if n%sortStride == 0 {
			x[0], x[5] = math.Inf(-1), math.Copysign(0, -1)
			a, b := make([]float64, n), make([]float64, n)
			sortColumns(a, x)
			sortColumnsGo(b, x)
			for i := range a {
				if math.Float64bits(a[i]) != math.Float64bits(b[i]) {
					t.Fatalf("value %d of %d sorted: %v, in Go %v", i, n, a[i], b[i])
				}
			}
		}
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for at := range 32 {
			x := make([]float64, 32)
			x[at] = bad
			if statsBlock(x).finite || statsGo(x).finite {
				t.Fatalf("%v at %d passes for finite", bad, at)
			}
		}
	}
}

func TestSortKeys(t *testing.T) {
	t.Parallel()
	for name, x := range distributions(1500) {
		keys := make([]uint64, len(x))
		for i, v := range x {
			keys[i] = keyOf(v)
			if floatOf(keys[i]) != v {
				t.Fatalf("%s: %v has the key of %v", name, v, floatOf(keys[i]))
			}
		}
		want := slices.Clone(keys)
		slices.Sort(want)
		sortKeys(keys, make([]uint64, len(keys)))
		if !slices.Equal(keys, want) {
			t.Errorf("%s: out of order", name)
		}
	}
}

func TestHLLError(t *testing.T) {
	t.Parallel()
	worst := 0.0
	for seed := range uint64(20) {
		var h HLL
		n := 0
		for _, upTo := range []int{10, 2048, 2049, 5000, 20000, 65536, 200000, 400000} {
			for ; n < upTo; n++ {
				h.AddHash(HashUint64(seed<<40 | uint64(n)))
			}
			e := math.Abs(h.Estimate()/float64(n) - 1)
			if n <= hllSparse && e != 0 {
				t.Errorf("%v of %d", h.Estimate(), n)
			}
			worst = max(worst, e)
		}
	}
	t.Logf("largest error %.3f%%", 100*worst)
	if worst > 0.02 {
		t.Errorf("error %.2f%%, want at most 2%%", 100*worst)
	}
	var h, with HLL
	h.UpdateFloats([]float64{0, math.Copysign(0, -1), math.NaN(), -math.NaN()})
	if h.Estimate() != 2 || with.Estimate() != 0 {
		t.Errorf("%v different of zero and NaN, %v of none", h.Estimate(), with.Estimate())
	}
}

func TestExactQuantilesByPasses(t *testing.T) {
	t.Parallel()
	for name, x := range distributions(300000) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := []float64{0, 0.01, 0.25, 0.5, 0.75, 0.99, 1}
			e, err := NewExactQuantiles(q...)
			must(err)
			passes := 0
			for ; !e.Done(); passes++ {
				for i := 0; i < len(x); i += 70000 {
					part := e.Pass()
					part.Update(x[i:min(i+70000, len(x))])
					sent := new(ExactQuantiles)
					must(sent.UnmarshalBinary(bytesOf(t, part)))
					if err := e.Merge(sent); err != nil {
						t.Fatal(err)
					}
				}
				if err := e.Next(); err != nil {
					t.Fatal(err)
				}
			}
			if passes > 4 {
				t.Errorf("%d passes", passes)
			}
			sorted := slices.Clone(x)
			slices.Sort(sorted)
			at := func(rank int64) float64 { return sorted[rank] }
			for i, got := range e.Quantiles() {
				if want := linear(q[i], int64(len(x)), at); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
					t.Errorf("quantile %v: %v, want %v", q[i], got, want)
				}
			}
		})
	}
}

func TestPairMomentsSkipHoles(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 9))
	const d, n = 5, 3000
	cols := make([][]float64, d)
	for j := range cols {
		cols[j] = make([]float64, n)
		for i := range cols[j] {
			cols[j][i] = 1e6 + r.NormFloat64() + float64(i)*1e-3*float64(j)
			if j%2 == 1 && i > 600 && r.IntN(3) == 0 {
				cols[j][i] = math.NaN()
			}
		}
	}
	var s PairMoments
	must(s.Update(cols))
	for i := range d {
		for j := range d {
			var both [2][]float64
			for k := range n {
				if !math.IsNaN(cols[i][k]) && !math.IsNaN(cols[j][k]) {
					both[0], both[1] = append(both[0], cols[i][k]), append(both[1], cols[j][k])
				}
			}
			var want CoMoments
			must(want.Update(both[:]))
			if s.Count(i, j) != want.Count || math.Abs(s.Correlation(i, j)-want.Correlation(0, 1)) > 1e-9 {
				t.Errorf("%d and %d: %v over %d rows, want %v over %d", i, j, s.Correlation(i, j), s.Count(i, j), want.Correlation(0, 1), want.Count)
			}
		}
	}
}

func TestMismatchesAreErrors(t *testing.T) {
	t.Parallel()
	var co CoMoments
	must(co.Update([][]float64{{1, 2}, {3, 4}}))
	var other CoMoments
	must(other.Update([][]float64{{1, 2}}))
	var p Profile
	must(p.Update(&table.Bools{Values: []bool{true}}))
	three, four := BottomK{K: 3}, BottomK{K: 4}
	three.Add(1, nil)
	four.Add(1, nil)
	small, large := NewKLL(8, 0), NewKLL(16, 0)
	small.Add(1)
	large.Add(1)
	_, noQuantile := NewExactQuantiles(1.5)
	for want, err := range map[string]error{
		"want 2 columns, have 1":          co.Merge(&other),
		"column 1 holds a NaN":            co.Update([][]float64{{1}, {math.NaN()}}),
		"column 1 has 1 rows":             co.Update([][]float64{{1, 2}, {3}}),
		"have kind":                       p.Update(&table.Float64s{Values: []float64{1}}),
		"have *table.Lists":               p.Update(&table.Lists{}),
		"samples of 3 and 4":              three.Merge(&four),
		"K = 8 and 16":                    small.Merge(large),
		"want quantiles from 0 to 1":      noQuantile,
		"class -1, bin 0":                 new(Contingency).Add(-1, 0, 1),
		"class -3 out of range":           new(GroupedMoments).Add(-3, 1),
		"code 7 of a dictionary":          new(Profile).UpdateCoded([]byte("a"), []uint32{0, 1}, []int32{7}, nil),
		"bitmap of 1 words":               new(Profile).UpdateFloats(make([]float64, 100), make([]uint64, 1)),
		"column \"x\": no such column":    NewProfileSet([]table.Field{{Name: "x", Type: table.Float64}}, 1).Update(&table.Batch{}),
		"bytes of a KLL: want kind 'Q'":   new(KLL).UnmarshalBinary([]byte("M\x01")),
		"bytes of a Moments: want versio": new(Moments).UnmarshalBinary([]byte("M\x02")),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, have %v", want, err)
		}
	}
}

func TestProfileOfColumns(t *testing.T) {
	t.Parallel()
	texts := new(table.Strings)
	for _, s := range []string{"a", "", "bb", "a"} {
		texts.Append([]byte(s))
	}
	valid := table.NewBitmap(4)
	valid.Set(0)
	valid.Set(1)
	valid.Set(3)
	texts.Valid = valid
	var p Profile
	must(p.Update(texts))
	must(p.Update(&table.Coded{Dict: texts, Codes: []int32{2, 0, 0, 1}, Valid: valid}))
	if p.Rows != 8 || p.Nulls != 2 || p.Distinct.Estimate() != 3 || p.Empty != 2 || p.Moments.Max != 2 || fmt.Sprint(p.Texts.MostFrequent(2)) != "[{a 3} { 2}]" {
		t.Errorf("%+v, most frequent %v", p, p.Texts.MostFrequent(2))
	}
	var ints Profile
	const big = 1<<62 + 1
	must(ints.Update(&table.Int64s{Values: []int64{5, big, -big, 7}, Valid: valid}))
	if ints.MinInt != 5 || ints.MaxInt != big || ints.Nulls != 1 || ints.Moments.Count != 3 {
		t.Errorf("%+v", ints)
	}
	var bools Profile
	must(bools.Update(&table.Bools{Values: []bool{true, true, false, false}, Valid: valid}))
	if bools.Moments.Sum() != 2 || bools.Distinct.Estimate() != 2 {
		t.Errorf("%+v", bools)
	}
	var narrow Profile
	must(narrow.Update(&table.Float32s{Values: []float32{1, 2, 3, 6}, Valid: valid}))
	if narrow.Moments.Mean != 3 || narrow.Values.Quantile(0.5) != 2 {
		t.Errorf("%+v", narrow)
	}
}

func TestNoAllocationPerBatch(t *testing.T) {
	set := NewProfileSet([]table.Field{{Name: "a", Type: table.Float64}, {Name: "b", Type: table.Float64}}, 1)
	b := &table.Batch{Rows: table.BatchRows}
	b.Put("a", &table.Float64s{Values: uniform(table.BatchRows, 1)})
	b.Put("b", &table.Float64s{Values: uniform(table.BatchRows, 7)})
	for range 200 {
		must(set.Update(b))
	}
	if n := testing.AllocsPerRun(200, func() { must(set.Update(b)) }); n > 0 {
		t.Errorf("%v allocations a batch, want none", n)
	}
}
