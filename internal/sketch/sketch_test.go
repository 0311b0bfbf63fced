package sketch

import (
	"bytes"
	"encoding"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"howdah/internal/table"
)

// testee is a kind of sketch as the shared tests see it.
type testee struct {
	name  string
	exact bool // merges are exact in any order
	empty func() any
	fill  func(s any, seed uint64)
	merge func(into, from any) error
}

func testeeOf[S any, P interface {
	*S
	Sketch[P]
}](name string, exact bool, fill func(s P, r *rand.Rand)) testee {
	return testee{
		name: name, exact: exact,
		empty: func() any { return P(new(S)) },
		fill:  func(s any, seed uint64) { fill(s.(P), rand.New(rand.NewPCG(seed, 1))) },
		merge: func(into, from any) error { return into.(P).Merge(from.(P)) },
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// numbers draws n numbers, some of them special.
func numbers(r *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		switch r.IntN(40) {
		case 0:
			x[i] = math.NaN()
		case 1:
			x[i] = math.Inf(1)
		case 2:
			x[i] = math.Inf(-1)
		case 3:
			x[i] = math.Copysign(0, -1)
		default:
			x[i] = math.Round(r.NormFloat64()*1000) / 8
		}
	}
	return x
}

func testees() []testee {
	texts := func(r *rand.Rand) string { return fmt.Sprint("k", r.IntN(50)) }
	return []testee{
		testeeOf("Moments", false, func(s *Moments, r *rand.Rand) { s.Update(numbers(r, 5000)) }),
		testeeOf("WeightedMoments", false, func(s *WeightedMoments, r *rand.Rand) {
			for range 100 {
				s.Add(r.NormFloat64(), r.Float64())
			}
		}),
		testeeOf("CoMoments", false, func(s *CoMoments, r *rand.Rand) {
			must(s.Update([][]float64{uniform(1000, r.Uint64()%99), uniform(1000, r.Uint64()%99), uniform(1000, 3)}))
		}),
		testeeOf("PairMoments", false, func(s *PairMoments, r *rand.Rand) {
			must(s.Update([][]float64{numbers(r, 700), numbers(r, 700), numbers(r, 700)}))
			must(s.Update([][]float64{uniform(700, 5), uniform(700, 7), uniform(700, 9)}))
		}),
		testeeOf("KLL small", true, func(s *KLL, r *rand.Rand) { s.Update(numbers(r, 100)) }),
		testeeOf("KLL", false, func(s *KLL, r *rand.Rand) { s.Update(numbers(r, 30001)) }),
		testeeOf("HLL small", true, func(s *HLL, r *rand.Rand) { s.UpdateFloats(numbers(r, 300)) }),
		testeeOf("HLL middling", true, func(s *HLL, r *rand.Rand) { s.UpdateFloats(uniform(1500, r.Uint64())) }),
		testeeOf("HLL", true, func(s *HLL, r *rand.Rand) { s.UpdateFloats(uniform(9000, r.Uint64())) }),
		testeeOf("Counts", true, func(s *Counts, r *rand.Rand) {
			for range 200 {
				s.Add(texts(r), int64(r.IntN(4)))
			}
		}),
		testeeOf("Counts exceeded", true, func(s *Counts, r *rand.Rand) {
			s.Limit = 40
			for range 60 {
				s.Add(texts(r), 1)
			}
		}),
		testeeOf("Int64Counts", true, func(s *Int64Counts, r *rand.Rand) {
			for range 200 {
				s.Add(int64(r.IntN(50)-25), 1)
			}
		}),
		testeeOf("Float64Counts", true, func(s *Float64Counts, r *rand.Rand) {
			for _, v := range numbers(r, 200) {
				s.Add(v, 1)
			}
		}),
		testeeOf("BottomK", true, func(s *BottomK, r *rand.Rand) {
			s.K = 20
			for range 200 {
				h := r.Uint64N(150)
				s.Add(h, fmt.Appendf(nil, "row %d", h))
			}
		}),
		testeeOf("Contingency", true, func(s *Contingency, r *rand.Rand) {
			for range 200 {
				must(s.Add(r.IntN(3), r.IntN(9), 1))
			}
		}),
		testeeOf("GroupedMoments", false, func(s *GroupedMoments, r *rand.Rand) {
			for _, v := range numbers(r, 300) {
				must(s.Add(r.IntN(4), v))
			}
		}),
		testeeOf("ExactQuantiles", true, func(s *ExactQuantiles, r *rand.Rand) {
			if !s.ready {
				e, err := NewExactQuantiles(0.1, 0.5, 0.99)
				must(err)
				*s = *e
			}
			s.Update(numbers(r, 500))
		}),
		testeeOf("ExactQuantiles counts", true, func(s *ExactQuantiles, r *rand.Rand) {
			if !s.ready {
				e, err := NewExactQuantiles(0.25)
				must(err)
				*s = *e
			}
			s.Update(numbers(r, 40000))
		}),
		testeeOf("Profile float", false, func(s *Profile, r *rand.Rand) { must(s.Update(floats(r, 5000))) }),
		testeeOf("Profile string", false, func(s *Profile, r *rand.Rand) { must(s.Update(coded(r, 500))) }),
		testeeOf("ProfileSet", false, func(s *ProfileSet, r *rand.Rand) {
			if len(s.Columns) == 0 {
				*s = *NewProfileSet([]table.Field{{Name: "a", Type: table.Float64}, {Name: "s", Type: table.String}, {Name: "b", Type: table.Float64}}, 7)
			}
			b := &table.Batch{Rows: 900}
			b.Put("a", floats(r, 900))
			b.Put("b", &table.Float64s{Values: uniform(900, 5)})
			b.Put("s", coded(r, 900))
			must(s.Update(b))
		}),
	}
}

func floats(r *rand.Rand, n int) *table.Float64s {
	c := &table.Float64s{Values: numbers(r, n), Valid: table.NewBitmap(n)}
	for i := range n {
		if r.IntN(5) > 0 {
			c.Valid.Set(i)
		}
	}
	return c
}

func coded(r *rand.Rand, n int) *table.Coded {
	c := &table.Coded{Dict: new(table.Strings), Codes: make([]int32, n), Valid: table.NewBitmap(n)}
	for i := range 30 {
		c.Dict.Append(bytes.Repeat([]byte{'x'}, i))
	}
	for i := range n {
		if r.IntN(5) > 0 {
			c.Codes[i] = int32(r.IntN(30))
			c.Valid.Set(i)
		}
	}
	return c
}

func bytesOf(t testing.TB, s any) []byte {
	t.Helper()
	b, err := s.(encoding.BinaryAppender).AppendBinary([]byte("prefix"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(b, []byte("prefix")) {
		t.Fatal("AppendBinary does not append")
	}
	return b[len("prefix"):]
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, s := range testees() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			filled := func(seeds ...uint64) any {
				x := s.empty()
				for _, seed := range seeds {
					s.fill(x, seed)
				}
				return x
			}
			merged := func(parts ...any) any {
				x := s.empty()
				for _, p := range parts {
					if err := s.merge(x, p); err != nil {
						t.Fatal(err)
					}
				}
				return x
			}
			a := filled(1)
			once := bytesOf(t, a)

			if !bytes.Equal(once, bytesOf(t, a)) || !bytes.Equal(once, bytesOf(t, filled(1))) {
				t.Error("the same values give other bytes")
			}
			if !bytes.Equal(once, bytesOf(t, merged(s.empty(), a, s.empty()))) {
				t.Error("merging with an empty sketch changes the bytes")
			}
			back := s.empty()
			if err := back.(encoding.BinaryUnmarshaler).UnmarshalBinary(once); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(once, bytesOf(t, back)) {
				t.Error("bytes do not survive a round trip")
			}
			s.fill(a, 2)
			s.fill(back, 2)
			if !bytes.Equal(bytesOf(t, a), bytesOf(t, back)) {
				t.Error("a sketch that came back from bytes goes on differently")
			}
			empty := s.empty()
			if err := empty.(encoding.BinaryUnmarshaler).UnmarshalBinary(bytesOf(t, s.empty())); err != nil {
				t.Errorf("bytes of an empty sketch: %v", err)
			}

			x, y, z := filled(1), filled(2), filled(3)
			before := bytesOf(t, y)
			first := bytesOf(t, merged(x, y, z))
			if !bytes.Equal(first, bytesOf(t, merged(x, y, z))) {
				t.Error("the same merge gives other bytes")
			}
			if !bytes.Equal(before, bytesOf(t, y)) {
				t.Error("merging changes its argument")
			}
			if s.exact {
				for i, other := range []any{merged(z, x, y), merged(x, merged(z, y)), filled(2, 3, 1)} {
					if !bytes.Equal(first, bytesOf(t, other)) {
						t.Errorf("order %d gives other bytes", i)
					}
				}
			}

			fresh := s.empty().(encoding.BinaryUnmarshaler)
			for i := range min(len(once), 300) {
				if fresh.UnmarshalBinary(once[:i]) == nil {
					t.Fatalf("the first %d of %d bytes are taken for a sketch", i, len(once))
				}
			}
			if fresh.UnmarshalBinary(append(slices.Clone(once), 0)) == nil {
				t.Error("bytes with one too many are taken for a sketch")
			}
			later := slices.Clone(once)
			later[1]++
			if fresh.UnmarshalBinary(later) == nil {
				t.Error("another version is taken for this one")
			}
		})
	}
}

// FuzzUnmarshal hands any bytes to every kind of sketch. What is accepted must be usable: it can be merged with itself's
// copy, updated, asked, and written again.
func FuzzUnmarshal(f *testing.F) {
	kinds := testees()
	for i, s := range kinds {
		x := s.empty()
		f.Add(uint8(i), bytesOf(f, x))
		s.fill(x, 1)
		f.Add(uint8(i), bytesOf(f, x))
	}
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		s := kinds[int(kind)%len(kinds)]
		x, y := s.empty(), s.empty()
		if x.(encoding.BinaryUnmarshaler).UnmarshalBinary(b) != nil {
			return
		}
		if err := y.(encoding.BinaryUnmarshaler).UnmarshalBinary(bytesOf(t, x)); err != nil {
			t.Fatalf("accepted bytes, written again: %v", err)
		}
		if err := s.merge(x, y); err != nil {
			t.Fatalf("a sketch does not merge with its copy: %v", err)
		}
		switch x := x.(type) {
		case *KLL:
			x.Update(uniform(10000, 3))
			x.Quantiles(0, 0.3, 1)
		case *HLL:
			x.UpdateFloats(uniform(5000, 3))
			x.Estimate()
		case *Moments:
			x.Update(uniform(100, 3))
		case *CoMoments:
			if x.Columns() < 50 {
				x.Correlations()
			}
		case *PairMoments:
			if x.Columns() < 50 {
				x.Correlations()
			}
		case *ExactQuantiles:
			x.Update(uniform(100, 3))
			_ = x.Next()
			x.Quantiles()
		case *Contingency:
			x.MutualInformation()
			x.ChiSquared()
		case *GroupedMoments:
			x.F()
		}
		bytesOf(t, x)
	})
}
