package expr

import (
	"math"
	"testing"
)

// A power is math.Pow's to within a few units in the last place for each factor of e, and exactly so where no root is taken.
func TestPower(t *testing.T) {
	t.Parallel()
	inf, nan := math.Inf(1), math.NaN()
	xs := []float64{0, math.Copysign(0, -1), 1, -1, 2, -2, 0.3, -0.3, 10, 1e-300, 1e300, math.MaxFloat64, inf, -inf, nan, 1 + 0x1p-52}
	ys := []float64{0, 1, -1, 2, -3, 0.5, -0.5, 1.5, 2.5, -2.5, 0.1, -0.1, 0.999, 1.001, 1e-10, 3.7, -3.7, 300.25, 1e18, -1e18, 1e300, inf, -inf, nan}
	for _, x := range xs {
		for _, y := range ys {
			got, want := power(x, y), math.Pow(x, y)
			if got == want || got != got && want != want {
				continue
			}
			_, part := math.Modf(y)
			tolerance := 1e-15 * (4 + math.Abs(y*math.Log(math.Abs(x))))
			if part == 0 || !(math.Abs(got-want) <= tolerance*want+5e-324) {
				t.Errorf("%v ** %v = %v, want %v", x, y, got, want)
			}
		}
	}
	// math.Log is far off below the normal numbers on some machines.
	if got, want := power(5e-324, 0.1), 4.6706622762338734e-33; math.Abs(got-want) > 1e-13*want {
		t.Errorf("the least double ** 0.1 = %v, want %v", got, want)
	}
}
