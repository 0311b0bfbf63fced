package onnx

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
)

// TestCompileErrors: what does not fit together is refused, and the error names the node or value.
func TestCompileErrors(t *testing.T) {
	t.Parallel()
	ints := func(x ...int64) Tensor { return Tensor{Type: Int64, Shape: []int{len(x)}, Int64s: x} }
	for _, c := range []struct {
		name  string
		build func(g *Graph)
		want  string
	}{
		{"no output", func(g *Graph) { g.Input("x", Double) }, `graph "no output" has no output`},
		{"types", func(g *Graph) { g.Output("y", g.AddOp(g.Input("x", Double), g.Float(1))) },
			`node 0, Add "/Add_2": operands "x" double[N,1] and "/const_1" float[1] differ in type`},
		{"add of strings", func(g *Graph) { g.Output("y", g.AddOp(g.Input("x", String), g.Str("a"))) },
			`node 0, Add "/Add_2": operand "/const_1" string[1]: want [float double int64 int32 uint32]`},
		{"widths", func(g *Graph) {
			x := g.Input("x", Float)
			g.Output("y", g.AddOp(g.Concat(x, x), g.Vector([]float32{1, 2, 3})))
		}, `node 1, Add "/Add_3": operand "/Concat_1" float[N,2]: want width 3 or 1`},
		{"constants", func(g *Graph) { g.Input("x", Double); g.Output("y", g.AddOp(g.Double(1), g.Double(2))) }, `all operands are constants`},
		{"matrix", func(g *Graph) { g.Output("y", g.Mul(g.Input("x", Float), g.Matrix(3, 1, []float32{1, 2, 3}))) },
			`operand "/const_1" float[3,1]: want a constant of one element or one row`},
		{"division by zero", func(g *Graph) { g.Output("y", g.Div(g.Input("x", Int64), g.Int64(0))) },
			`divisor "/const_1" has an element 0, which onnxruntime cannot divide by`},
		{"remainder by -1", func(g *Graph) { g.Output("y", g.Mod(g.Input("x", Int64), g.Int64(-1))) }, `has an element -1`},
		{"variable divisor", func(g *Graph) { g.Output("y", g.Mod(g.Input("x", Int64), g.Input("z", Int64))) }, `divisor "z" int64[N,1]: want a constant`},
		{"float remainder", func(g *Graph) { g.Output("y", g.Mod(g.Input("x", Double), g.Double(2))) }, `want [int64 int32 uint32]`},
		{"gemm", func(g *Graph) {
			g.Output("y", g.Gemm(g.Input("x", Float), g.Matrix(2, 2, make([]float32, 4)), Value{}))
		}, `node 0, Gemm "/Gemm_2": operand "x" float[N,1]: weights "/const_1" float[2,2] want width 2`},
		{"bias", func(g *Graph) {
			g.Output("y", g.Gemm(g.Input("x", Float), g.Matrix(1, 2, make([]float32, 2)), g.Vector(make([]float32, 3))))
		}, `operand "/const_2" float[3]: want [2]`},
		{"gather", func(g *Graph) { g.Output("y", g.Gather(g.Vector([]float32{1, 2}), g.Input("x", Int64))) },
			`operand "/const_1" float[2]: want a constant float of rank 2`},
		{"codes", func(g *Graph) { g.Output("y", g.Gather(g.Matrix(1, 1, []float32{1}), g.Input("x", Float))) }, `indices "/Reshape_3" float[N]: want int64[N] or int32[N]`},
		{"wide codes", func(g *Graph) {
			x := g.Input("x", Int64)
			g.Output("y", g.Gather(g.Matrix(1, 1, []float32{1}), g.Concat(x, x)))
		}, `operand "/Concat_2" int64[N,2]: want [N,1]`},
		{"columns", func(g *Graph) { g.Output("y", g.Columns(g.Input("x", Int64), 1)) }, `index 1 is not a column of "x" int64[N,1]`},
		{"cast", func(g *Graph) { g.Output("y", g.Cast(g.Input("x", String), Double)) }, `operand "x" string[N,1] cannot be cast to double`},
		{"keys", func(g *Graph) {
			g.Output("y", g.LabelEncoder(g.Input("x", String), []string{"a", "b", "a"}, []int64{1, 2, 3}, 0))
		}, `key a stands there twice`},
		{"values", func(g *Graph) { g.Output("y", g.LabelEncoder(g.Input("x", String), []string{"a"}, nil, 0)) },
			`want as many keys as values and at least one, have 1 and 0`},
		{"seed", func(g *Graph) { g.Output("y", g.MurmurHash3(g.Input("x", String), -1, true)) }, `attribute seed: want an integer of 32 bits, have -1`},
		{"taken name", func(g *Graph) { x := g.Input("x", Double); g.Output("x", g.Neg(x)) }, `the name "x" is taken by another value`},
		{"twice", func(g *Graph) {
			x := g.Input("x", Double)
			g.Output("y", x)
			g.Outputs = append(g.Outputs, g.Outputs[0])
		}, `output "y": declared twice`},
		{"unknown operator", func(g *Graph) {
			g.Output("y", g.Add("ai.onnx.ml", "TreeEnsembleRegressor", Float, 1, nil, g.Input("x", Float)))
		}, `node 0, ai.onnx.ml.TreeEnsembleRegressor "/TreeEnsembleRegressor_1": operator is not among those evaluated here`},
		{"unknown attribute", func(g *Graph) {
			g.Output("y", g.Add("", "Neg", Float, 1, []Attr{{"slope", float32(1)}}, g.Input("x", Float)))
		}, `has attributes beyond those known here: slope`},
		{"order", func(g *Graph) {
			g.Output("y", g.Neg(g.Input("x", Float)))
			g.Nodes[0], g.Nodes[1] = g.Nodes[1], g.Nodes[0]
		}, `node 0, Identity "y": operand "/Neg_1" is not computed before it`},
		{"shape", func(g *Graph) { g.Output("y", g.Mul(g.Input("x", Float), g.Matrix(1, 3, []float32{1, 2}))) },
			`constant "/const_1": float[1,3] has 2 elements, want 3`},
		{"negative shape", func(g *Graph) { g.Output("y", g.Mul(g.Input("x", Float), g.Matrix(-1, -1, []float32{1}))) }, `shape [-1,-1]`},
		{"declared width", func(g *Graph) { g.Output("y", g.Neg(g.Input("x", Float))); g.Outputs[0].Width = 2 },
			`output "y": declared as float[N,2], is "y" float[N,1]`},
		{"sum of integers", func(g *Graph) { g.Output("y", g.ReduceSum(g.Input("x", Int64))) }, `want float or double`},
		{"doubling", func(g *Graph) {
			x := g.Input("x", Float)
			for range 40 {
				x = g.Concat(x, x)
			}
			g.Output("y", x)
		}, `its outcome would have 2097152 columns, want 1 to 1048576`},
		{"wide concat", func(g *Graph) {
			x := g.Input("x", Float)
			in := make([]Value, 1<<20+1)
			for i := range in {
				in[i] = x
			}
			g.Output("y", g.Concat(in...))
		}, `its outcome would have 1048577 columns`},
		{"buffers", func(g *Graph) {
			x := g.Input("x", Double)
			for range 20 {
				x = g.Concat(x, x)
			}
			y := x
			var all []Value
			for range 32 {
				y = g.Neg(y)
				all = append(all, y)
			}
			for i, v := range all {
				g.Output(fmt.Sprint("y", i), v)
			}
		}, `needs buffers of`},
		{"axes", func(g *Graph) {
			g.Output("y", g.Add("", "ReduceSum", Float, 1, nil, g.Input("x", Float), g.Constant(ints(0))))
		}, `axes: want [1], have [0]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := New(c.name)
			c.build(g)
			_, err := Compile(g)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want an error with %q, have %v", c.want, err)
			}
			if _, err := g.Marshal(); err == nil {
				t.Error("it marshals all the same")
			}
			if !strings.Contains(g.Text(), "invalid: ") {
				t.Error("Text does not say that it is invalid")
			}
		})
	}
}

func TestRunErrors(t *testing.T) {
	t.Parallel()
	g := New("g")
	g.Output("y", g.Gather(g.Matrix(2, 1, []float32{1, 2}), g.Input("x", Int64)))
	p, err := Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	late := make([]int64, 3000)
	late[2999] = -3
	for _, c := range []struct {
		in   map[string]Tensor
		rows int
		want string
	}{
		{nil, 1, `input "x": no such column among those given`},
		{map[string]Tensor{"x": {Type: Double, Doubles: []float64{1}}}, 1, `input "x": want int64, have double`},
		{map[string]Tensor{"x": {Type: Int64, Int64s: []int64{1}}}, 2, `input "x": want 2 rows, have 1`},
		{map[string]Tensor{"x": {Type: Int64, Int64s: []int64{0, 2}}}, 2, `node 1, Gather "/Gather_4": row 1: index 2 is not a row of the table of 2`},
		{map[string]Tensor{"x": {Type: Int64, Int64s: late}}, 3000, `row 2999: index -3`},
		{nil, -1, `-1 rows`},
	} {
		if _, err := p.Run(c.in, c.rows); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want an error with %q, have %v", c.want, err)
		}
	}
}

// TestRunBlocks: a row's answer does not depend on where blocks end, nor on what else runs at the same time.
func TestRunBlocks(t *testing.T) {
	t.Parallel()
	p, err := Compile(flights())
	if err != nil {
		t.Fatal(err)
	}
	in := flightRows(3 * blockRows)
	want, err := p.Run(in, 3*blockRows)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for lo := 0; lo < 3*blockRows; lo += 777 {
		hi := min(lo+777, 3*blockRows)
		wg.Go(func() {
			part := map[string]Tensor{
				"dep_delay": {Type: Double, Doubles: in["dep_delay"].Doubles[lo:hi]},
				"carrier":   {Type: String, Strings: in["carrier"].Strings[lo:hi]},
			}
			out, err := p.Run(part, hi-lo)
			if err != nil {
				t.Error(err)
				return
			}
			for name, w := range map[string]int{"features": 5, "probability": 1} {
				for i, x := range out[name].Floats {
					if y := want[name].Floats[lo*w+i]; math.Float32bits(x) != math.Float32bits(y) {
						t.Errorf("%s: element %d: %v, want %v", name, lo*w+i, x, y)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if out, err := p.Run(flightRows(0), 0); err != nil || len(out["features"].Floats) != 0 || out["features"].Shape[1] != 5 {
		t.Errorf("no rows: %v, %v", out, err)
	}
}

func flightRows(n int) map[string]Tensor {
	carriers := []string{"AA", "UA", "DL", "", "ü"}
	d, s := make([]float64, n), make([][]byte, n)
	for i := range n {
		d[i], s[i] = float64(i*7919%300)-60, []byte(carriers[i%len(carriers)])
		if i%11 == 0 {
			d[i] = math.NaN()
		}
	}
	return map[string]Tensor{"dep_delay": {Type: Double, Doubles: d}, "carrier": {Type: String, Strings: s}}
}

// TestText keeps the text form: run with -update to rewrite it.
func TestText(t *testing.T) {
	t.Parallel()
	const file = "testdata/flights.txt"
	have := flights().Text()
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if have != string(want) {
		t.Errorf("%s: want\n%s\nhave\n%s", file, want, have)
	}
}

// TestScalars: a constant that is there is used again, and NaN, -0 and types are told apart.
func TestScalars(t *testing.T) {
	t.Parallel()
	g := New("g")
	if a, b := g.Double(1), g.Double(1); a.Name != b.Name || len(g.Consts) != 1 {
		t.Errorf("the same double twice: %v and %v", a, b)
	}
	n := len(g.Consts)
	g.Double(0)
	g.Double(math.Copysign(0, -1))
	g.Float(0)
	g.Int64(0)
	g.Str("0")
	g.Str("")
	g.UInt32(0)
	if len(g.Consts) != n+7 {
		t.Errorf("%d constants, want %d", len(g.Consts), n+7)
	}
}

func TestMurmur3(t *testing.T) {
	t.Parallel()
	// From the reference implementation's own vectors.
	for _, c := range []struct {
		s    string
		seed uint32
		want uint32
	}{{"", 0, 0}, {"", 1, 0x514e28b7}, {"", 0xffffffff, 0x81f16f39}, {"test", 0, 0xba6bd213}, {"Hello, world!", 0, 0xc0363e43},
		{"The quick brown fox jumps over the lazy dog", 0, 0x2e4ff723}, {"aaaa", 0x9747b28c, 0x5a97808a}, {"abc", 0x9747b28c, 0xc84a62dd}} {
		if h := Murmur3([]byte(c.s), c.seed); h != c.want {
			t.Errorf("%q, seed %#x: %#x, want %#x", c.s, c.seed, h, c.want)
		}
	}
}

func TestIntegers(t *testing.T) {
	t.Parallel()
	for _, c := range [][4]int64{{7, 3, 1, 2}, {-7, 3, 2, -3}, {-6, 3, 0, -2}, {0, 5, 0, 0}, {-1, 86400, 86399, -1}} {
		if m, d := Mod(c[0], c[1]), FloorDiv(c[0], c[1]); m != c[2] || d != c[3] {
			t.Errorf("%d by %d: remainder %d and quotient %d, want %d and %d", c[0], c[1], m, d, c[2], c[3])
		}
	}
	if Mod(7, -3) != -2 {
		t.Errorf("7 mod -3: %d", Mod(7, -3))
	}
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0x1p63, -0x1p64} {
		if ToInt64(x) != math.MinInt64 || ToInt32(x) != math.MinInt32 {
			t.Errorf("%v: %d, %d", x, ToInt64(x), ToInt32(x))
		}
	}
	if ToInt64(-2.9) != -2 || ToInt32(2.9) != 2 || ToInt32(-0x1p31-0.5) != math.MinInt32 {
		t.Error("truncation")
	}
}
