package preprocess

import (
	"math"
	"testing"

	"howdah/internal/sketch"
)

// TestStandardNearConstant: a constant is divided by 1 however many rows it has, and a small deviation about a large mean is not
// taken for one.
func TestStandardNearConstant(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ mean, spread, want float64 }{
		{0.1, 0, 1}, {1e9 + 0.3, 0, 1}, {-1e300, 0, 1}, {0, 0, 1}, {1e9, 1, 1}, {1.7e15, 8, 8}, {0, 1e-100, 1e-100}, {1, 0x1p-40, 0x1p-40},
	} {
		s := new(sketch.Moments)
		for range 300 {
			var part sketch.Moments
			x := make([]float64, 4097)
			for i := range x {
				x[i] = c.mean + c.spread*float64(1-i%2*2)
			}
			part.Update(x)
			if err := s.Merge(&part); err != nil {
				t.Fatal(err)
			}
		}
		got, err := new(Standard).Fit(s, Seen{})
		if err != nil {
			t.Fatal(err)
		}
		if a := got.(*affine); math.Abs(a.Scale-c.want) > 1e-4*c.want {
			t.Errorf("%v ± %v: divides by %v, want %v", c.mean, c.spread, a.Scale, c.want)
		}
	}
}
