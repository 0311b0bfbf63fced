package train

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"

	"howdah/internal/splitmix"
	"howdah/internal/table"
)

// goPool runs tasks on so many goroutines.
type goPool int

func (p goPool) Do(n int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range int(p) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

func ptr[T any](v T) *T { return &v }

// layoutOf has d dense slots and the code slots given as {size, dim}.
func layoutOf(d, classes int, codes ...[2]int) table.Layout {
	var l table.Layout
	for i := range d {
		l.Dense = append(l.Dense, fmt.Sprintf("x%d", i))
	}
	for i, c := range codes {
		l.Codes = append(l.Codes, table.CodeSlot{Feature: fmt.Sprintf("c%d", i), Size: c[0], Dim: c[1]})
	}
	for i := range classes {
		l.Classes = append(l.Classes, fmt.Sprintf("class%d", i))
	}
	return l
}

func uniform(h uint64) float64 { return float64(h>>11) / (1 << 53) }

// rowsOf makes n rows whose label depends on dense and code slots; every code, "none" included, occurs.
func rowsOf(t testing.TB, l table.Layout, n int, seed uint64, weights bool) *Memory {
	t.Helper()
	d, f, k := len(l.Dense), len(l.Codes), len(l.Classes)
	e := &table.Encoded{Rows: n, Dense: make([]float32, n*d), Codes: make([]int32, n*f), Labels: make([]float32, n), IDs: make([]uint64, n)}
	if weights {
		e.Weights = make([]float32, n)
	}
	for i := range n {
		row := splitmix.Draw(seed, uint64(i))
		z := 0.3
		for j := range d {
			x := 4*uniform(splitmix.Draw(row, uint64(j))) - 2
			e.Dense[i*d+j] = float32(x)
			z += x * math.Cos(float64(j))
		}
		for j, c := range l.Codes {
			code := int32(splitmix.Below(splitmix.Draw(row, uint64(1000+j)), uint64(c.Size)+1))
			e.Codes[i*f+j] = code
			z += math.Sin(float64(code) + float64(j))
		}
		z += uniform(splitmix.Draw(row, 5000)) - 0.5
		switch {
		case k == 0:
			e.Labels[i] = float32(z)
		case k == 2:
			if z > 0 {
				e.Labels[i] = 1
			}
		default:
			e.Labels[i] = float32(min(max(int(z+float64(k)/2), 0), k-1))
		}
		if weights {
			e.Weights[i] = float32(0.25 + 2*uniform(splitmix.Draw(row, 6000)))
		}
		e.IDs[i] = row
	}
	m, err := NewMemory(l, e)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newNet(t testing.TB, cfg Config, l table.Layout, p Pool) *Network {
	t.Helper()
	o := Options{Pool: p}
	for range l.Classes {
		o.ClassCounts = append(o.ClassCounts, float64(len(o.ClassCounts)+1))
	}
	n, err := New(cfg, l, o)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// fit trains to the end without validation.
func fit(t testing.TB, n *Network, rows Rows) {
	t.Helper()
	if err := Fit(context.Background(), []Trainer{n}, rows, FitOptions{}); err != nil {
		t.Fatal(err)
	}
}

func sameBits(t testing.TB, what string, a, b []float32) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%s: %d numbers, want %d", what, len(a), len(b))
	}
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, a[i], b[i])
		}
	}
}
