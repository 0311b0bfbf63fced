package onnx

import (
	"fmt"
	"testing"
)

// BenchmarkRun: rows of a small tabular model, and elements of one node.
func BenchmarkRun(b *testing.B) {
	const rows = 4096
	run := func(name string, g *Graph, in map[string]Tensor) {
		p, err := Compile(g)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Run(in, rows); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
	run("flights", flights(), flightRows(rows))
	chain := func(f func(g *Graph, x Value) Value) *Graph {
		g := New("chain")
		x := g.Input("dep_delay", Double)
		for range 100 {
			x = f(g, x)
		}
		g.Output("y", x)
		return g
	}
	run("100 subtractions", chain(func(g *Graph, x Value) Value { return g.Sub(x, g.Double(1)) }), flightRows(rows))
	run("100 choices", chain(func(g *Graph, x Value) Value { return g.Where(g.Less(x, g.Double(10)), g.Double(3), x) }), flightRows(rows))
	g := New("mlp")
	x := g.Cast(g.Input("dep_delay", Double), Float)
	x = g.Mul(x, g.Vector(make([]float32, 64)))
	for range 2 {
		x = g.Relu(g.Gemm(x, g.Matrix(64, 64, make([]float32, 64*64)), g.Vector(make([]float32, 64))))
	}
	g.Output("y", x)
	run("mlp 64x64x64", g, flightRows(rows))
	g = New("one hot")
	s := g.Input("carrier", String)
	var cols []Value
	for i := range 100 {
		cols = append(cols, g.Cast(g.Equal(s, g.Str(fmt.Sprint("carrier ", i))), Float))
	}
	g.Output("y", g.Concat(cols...))
	run("100 equal strings", g, flightRows(rows))
}

// TestRunAllocations: blocks allocate nothing; only the outputs are new. (Not parallel: it counts.)
func TestRunAllocations(t *testing.T) {
	p, err := Compile(flights())
	if err != nil {
		t.Fatal(err)
	}
	count := func(rows int) float64 {
		in := flightRows(rows)
		return testing.AllocsPerRun(50, func() {
			if _, err := p.Run(in, rows); err != nil {
				t.Error(err)
			}
		})
	}
	if one, many := count(10), count(20*blockRows); many > one+2 {
		t.Errorf("%v allocations for 20 blocks, %v for one", many, one)
	}
}
