package eval

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	values := []float32{-math.MaxFloat32, -2, -1.5, -math.SmallestNonzeroFloat32, 0, math.SmallestNonzeroFloat32, 1, 1.5, math.MaxFloat32}
	for i, v := range values {
		if got := scoreOf(keyOf(v)); got != v {
			t.Errorf("score %v comes back as %v", v, got)
		}
		if i > 0 && keyOf(values[i-1]) >= keyOf(v) {
			t.Errorf("keys of %v and %v are out of order", values[i-1], v)
		}
	}
	if keyOf(float32(math.Copysign(0, -1))) != keyOf(0) {
		t.Error("the zeros differ")
	}
}

func TestSortRows(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{1, 2, 100, 5000} {
		for _, mask := range []uint64{math.MaxUint64, 0x00ff_0000_ffff_ffff, 0xffff_ffff, 0xf000_0007_ffff_ffff} {
			a := make([]uint64, n)
			for i := range a {
				a[i] = r.Uint64() & mask
			}
			want := slices.Clone(a)
			sort.SliceStable(want, func(i, j int) bool { return want[i]>>32 < want[j]>>32 })
			if got := sortRows(a, make([]uint64, n)); !slices.Equal(got, want) {
				t.Errorf("%d rows, mask %#x: not sorted stably", n, mask)
			}
		}
	}
}

// gather puts rows into scores of a small buffer by merging parts of the given size.
func gather(t *testing.T, z, w []float32, y []bool, size int) []*run {
	t.Helper()
	all := newScores(1)[0]
	for from := 0; from < len(z); from += size {
		s := newScores(1)[0]
		for i := from; i < min(from+size, len(z)); i++ {
			if err := s.put(z[i], w[i], y[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := all.merge(&s); err != nil {
			t.Fatal(err)
		}
	}
	runs, err := all.runs()
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// The ranking of any rows equals that over all pairs, however the rows are cut.
func TestAUCByPairs(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 2))
	for trial := range 60 {
		n := 2 + r.IntN(150)
		z, w, y := make([]float32, n), make([]float32, n), make([]bool, n)
		for i := range z {
			z[i] = float32(r.NormFloat64())
			if trial%2 == 0 {
				z[i] = float32(r.IntN(9) - 4)
			}
			w[i] = 1
			if trial%3 == 0 {
				w[i] = float32(r.IntN(4)) + r.Float32()*float32(trial%2)
			}
			y[i] = i == 0 || i != 1 && r.IntN(3) == 0
		}
		w[0], w[1] = 1, 2
		var right, pairs float64
		for i := range z {
			for j := range z {
				if y[i] && !y[j] {
					p := float64(w[i]) * float64(w[j])
					pairs += p
					if z[i] > z[j] {
						right += p
					} else if z[i] == z[j] {
						right += p / 2
					}
				}
			}
		}
		for _, size := range []int{1, 3, 20, n} {
			c, err := order(gather(t, z, w, y, size), nil)
			if err != nil {
				t.Fatal(err)
			}
			if !near(c.auc, right/pairs, 1e-12) {
				t.Fatalf("trial %d, parts of %d rows: auc %v, by pairs %v", trial, size, c.auc, right/pairs)
			}
		}
	}
}

// Equal scores are added up, and rows of no weight take no place.
func TestRunsCompress(t *testing.T) {
	t.Parallel()
	n := 1000
	z, w, y := make([]float32, n), make([]float32, n), make([]bool, n)
	for i := range z {
		z[i], w[i], y[i] = float32(i%7), float32(i%2), i%3 == 0
	}
	var entries int64
	var pos, neg float64
	runs := gather(t, z, w, y, 10)
	for _, r := range runs {
		pos += r.pos
		neg += r.neg
	}
	merged, err := mergeRuns(runs)
	if err != nil {
		t.Fatal(err)
	}
	entries = merged.entries
	if entries != 7 || pos+neg != 500 || merged.pos != pos {
		t.Errorf("%d entries of weight %v and %v", entries, pos, neg)
	}
}

// Every kind of entry comes back as it went in.
func TestRunKinds(t *testing.T) {
	t.Parallel()
	in := [][3]float64{{0, 0, 1}, {1, 1, 0}, {2, 3, 4}, {900, 0, 1 << 31}, {901, 0.5, 0}, {902, 0, float64(float32(0.1))}, {1 << 30, 0.1, 0}, {math.MaxUint32, 1e10, 1e-10}}
	r := &run{}
	for _, e := range in {
		r.add(uint32(e[0]), e[1], e[2])
	}
	i := 0
	for c := r.cursor(); c.ok; c.next() {
		if got := [3]float64{float64(c.key), c.pos, c.neg}; got != in[i] {
			t.Errorf("entry %d: %v, want %v", i, got, in[i])
		}
		i++
	}
	if i != len(in) {
		t.Errorf("%d entries, want %d", i, len(in))
	}
}

// Beyond the limit of bytes the scores are rounded, evenly over all rows, and the AUC stays close.
func TestRounding(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	exact, bounded := newScores(1)[0], newScores(1)[0]
	bounded.limit = 60_000
	for range 20 {
		a, b := newScores(1)[0], newScores(1)[0]
		for range 5000 {
			y := r.IntN(2) == 0
			z := float32(r.NormFloat64())
			if y {
				z++
			}
			for _, s := range []*scores{&a, &b} {
				if err := s.put(z, 1, y); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := exact.merge(&a); err != nil {
			t.Fatal(err)
		}
		if err := bounded.merge(&b); err != nil {
			t.Fatal(err)
		}
	}
	runs, err := bounded.runs()
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, r := range runs {
		size += len(r.bytes)
	}
	if bounded.dropped == 0 || size > bounded.limit {
		t.Fatalf("%d bits dropped, %d bytes", bounded.dropped, size)
	}
	got, err := order(runs, nil)
	if err != nil {
		t.Fatal(err)
	}
	if runs, err = exact.runs(); err != nil {
		t.Fatal(err)
	}
	want, err := order(runs, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.pos != want.pos || got.neg != want.neg || got.auc == want.auc || math.Abs(got.auc-want.auc) > 1e-4 {
		t.Errorf("rounded %+v, exact %+v", got, want)
	}
}
