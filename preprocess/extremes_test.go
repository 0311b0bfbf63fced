package preprocess

import (
	"math"
	"strings"
	"testing"

	"howdah/internal/table"
)

// The greatest integer, which some data have for "never", is on the last side that has a share, and not on one without.
func TestSplitOfTheGreatestInteger(t *testing.T) {
	t.Parallel()
	years := &table.Int64s{Values: []int64{2011, 2012, 2013, math.MaxInt64}}
	b := &table.Batch{Rows: 4, Names: []string{"year"}, Cols: []table.Column{years}}
	for _, c := range []struct {
		f    Fractions
		want [3]int64
	}{
		{Fractions{Train: 1}, [3]int64{4, 0, 0}},
		{Fractions{Train: 0.75, Validation: 0.25}, [3]int64{3, 1, 0}},
		{Fractions{Train: 0.75, Test: 0.25}, [3]int64{3, 0, 1}},
		{Fractions{Train: 0.5, Validation: 0.25, Test: 0.25}, [3]int64{2, 1, 1}},
	} {
		s, f := fitSplit(t, Split{Method: "time", Column: "year", Fractions: c.f}, []*table.Batch{b}, nil)
		if _, counts := assign(t, s, f, b, nil); counts != c.want {
			t.Errorf("%v: %v rows a side, want %v", c.f, counts, c.want)
		}
	}
}

// As many values as one_hot takes, and missing ones besides: missing is one code more, not one too many.
func TestOneHotAtItsLimit(t *testing.T) {
	t.Parallel()
	c := new(OneHot).NewSketch(0)
	v := newValues()
	v.Type = Integers
	for lo := 0; lo < maxOneHot; lo += blockRows {
		v.N = blockRows
		for i := range v.N {
			v.Int[i] = int64(lo + i)
		}
		c.update(v)
	}
	f, err := new(OneHot).Fit(c, Seen{Missing: 1, at: Integers})
	if err != nil {
		t.Fatal(err)
	}
	if n := f.(*listed).len(); n != maxOneHot+1 {
		t.Errorf("%d codes, want %d", n, maxOneHot+1)
	}
	v.N, v.Int[0] = 1, maxOneHot
	c.update(v)
	if _, err := new(OneHot).Fit(c, Seen{at: Integers}); err == nil || !strings.Contains(err.Error(), "more than 65536 different values") {
		t.Errorf("one value more: %v", err)
	}
}

// A weight is finite after that of the class has multiplied it, too.
func TestWeightBeyondFloat32(t *testing.T) {
	t.Parallel()
	w := make([]float32, 2)
	err := Weights(table.Origin{Shard: "p"}, "w", doubles(1, 3e38), []float64{1, 2}, []float32{0, 1}, w)
	if err == nil || err.Error() != `p: row 1: weight column "w" times the weight of the row's class is beyond float32` {
		t.Error(err)
	}
}
