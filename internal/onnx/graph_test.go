package onnx

import (
	"bytes"
	"math"
	"testing"
)

// flights is a small graph with most kinds of nodes.
func flights() *Graph {
	g := New("flights")
	delay, carrier := g.Input("dep_delay", Double), g.Input("carrier", String)
	miss := g.IsNaN(delay)
	x := g.Where(miss, g.Double(2.5), delay)
	x = g.Cast(g.Div(g.Sub(x, g.Double(10)), g.Double(40)), Float)
	code := g.LabelEncoder(carrier, []string{"AA", "UA", "ü"}, []int64{0, 1, 2}, 3)
	e := g.Gather(g.Matrix(4, 2, []float32{1, 2, 3, 4, 5, 6, 0, 0}), code)
	h := g.Cast(g.Mod(g.MurmurHash3(carrier, 7, true), g.UInt32(5)), Int64)
	bag := g.Gather(g.Matrix(5, 1, []float32{.1, .2, .3, .4, .5}), h)
	in := g.Concat(x, e, g.Cast(miss, Float), bag)
	y := g.Relu(g.Gemm(in, g.Matrix(5, 3, []float32{1, 2, 3, -1, -2, -3, .5, .25, .125, 1, 1, 1, 2, 2, 2}), g.Vector([]float32{.5, 0, -.5})))
	g.Output("probability", g.Sigmoid(g.Gemm(y, g.Matrix(3, 1, []float32{1, -1, .5}), Value{})))
	g.Output("features", in)
	g.Metadata = []KeyValue{{"b", "2"}, {"a", "1"}}
	return g
}

func TestMarshalParse(t *testing.T) {
	t.Parallel()
	b, err := flights().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := flights().Marshal()
	if err != nil || !bytes.Equal(b, again) {
		t.Fatalf("equal graphs, other bytes (%v)", err)
	}
	g, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	back, err := g.Marshal()
	if err != nil || !bytes.Equal(b, back) {
		t.Fatalf("what was parsed marshals to other bytes (%v)", err)
	}
	if want := flights().Text(); g.Text() != want {
		t.Fatalf("want\n%s\nhave\n%s", want, g.Text())
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	p, err := Compile(flights())
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(map[string]Tensor{
		"dep_delay": {Type: Double, Doubles: []float64{50, math.NaN(), -30}},
		"carrier":   {Type: String, Strings: [][]byte{[]byte("ü"), []byte("AA"), nil}},
	}, 3)
	if err != nil {
		t.Fatal(err)
	}
	f := out["features"]
	want := []float32{1, 5, 6, 0, -0.1875, 1, 2, 1, -1, 0, 0, 0}
	for i := range 3 {
		if !equalRows(f.Floats[i*5:i*5+4], want[i*4:i*4+4]) {
			t.Errorf("row %d: want %v, have %v", i, want[i*4:i*4+4], f.Floats[i*5:i*5+4])
		}
	}
	if p := out["probability"]; len(p.Floats) != 3 || p.Shape[0] != 3 || p.Shape[1] != 1 {
		t.Errorf("probability: %v", p)
	}
}

func equalRows(a, b []float32) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}
