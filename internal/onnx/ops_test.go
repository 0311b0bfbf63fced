package onnx_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"howdah/internal/onnx"
	"howdah/internal/onnxtest"
)

var update = flag.Bool("update", false, "rewrite testdata/ops.json by onnxruntime")

// opCase is a graph of one operator or a few, and columns that are hard for it.
type opCase struct {
	name  string
	exact bool // equal to onnxruntime in every bit
	model []byte
	in    map[string]onnx.Tensor
	rows  int
}

var (
	inf, nan = math.Inf(1), math.NaN()
	negZero  = math.Copysign(0, -1)

	doubles = []float64{0, negZero, 1, -1, .5, -.5, 1.5, -1.5, 2.5, -2.5, 3.999999, nan, inf, -inf, math.MaxFloat64, -math.MaxFloat64,
		math.SmallestNonzeroFloat64, -1e-310, 1e-38, 1e-45, 1e10, -1e10, 1 << 31, -1 << 31, 1 << 53, 1<<53 + 2, 0.1, 1e300, 1e-300, 7, -7, 100.25, math.Pi}
	floats = []float32{0, float32(negZero), 1, -1, .5, -.5, 1.5, -1.5, 2.5, -2.5, 3.999999, float32(nan), float32(inf), float32(-inf),
		math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, -1e-40, 1e-38, 1e-45, 1e10, -1e10, 1 << 31, 1 << 24, 1<<24 + 2, 0.1,
		1e30, 1e-30, 7, -7, 100.25, 3.14159, 88, -88, 9, -9, 20, -20}
	int64s = []int64{0, 1, -1, 2, -2, 6, 7, -7, -6, 13, math.MaxInt64, math.MinInt64, math.MaxInt32, math.MinInt32, 1 << 32, 1<<53 + 1,
		-(1<<53 + 1), 1<<62 + 12345, 86400, -86400, 86399, -86401, 1356998400}
	int32s  = []int32{0, 1, -1, 2, -2, 6, 7, -7, -6, 13, math.MaxInt32, math.MinInt32, 1<<24 + 1, -(1<<24 + 1), 86400}
	bools   = []bool{true, false, false, true}
	texts   = []string{"", "a", "ab", "abc", "abcd", "abcde", "AA", "UA", " AA", "ünï", "日本語", "😀", "a\x00b", "\uFFFD", "AA ", strings.Repeat("long ", 50), "nan", "0"}
	finite  = []float32{0, 1, -1, .5, 2, -2, 3, 10, -10, 88, -88, 100, -100, .001, -.001, 1e-10, 5.5, 1e4, -1e4, .25, 7, 1e-40}
	strData = func() [][]byte {
		var b [][]byte
		for _, s := range texts {
			b = append(b, []byte(s))
		}
		return b
	}()
)

// cross lays xs against themselves: every pair is a row.
func cross[T any](xs []T) (a, b []T) {
	for _, x := range xs {
		for _, y := range xs {
			a, b = append(a, x), append(b, y)
		}
	}
	return a, b
}

func tensor(data any) onnx.Tensor {
	switch x := data.(type) {
	case []float64:
		return onnx.Tensor{Type: onnx.Double, Doubles: x}
	case []float32:
		return onnx.Tensor{Type: onnx.Float, Floats: x}
	case []int64:
		return onnx.Tensor{Type: onnx.Int64, Int64s: x}
	case []int32:
		return onnx.Tensor{Type: onnx.Int32, Int32s: x}
	case []uint32:
		return onnx.Tensor{Type: onnx.UInt32, UInt32s: x}
	case []bool:
		return onnx.Tensor{Type: onnx.Bool, Bools: x}
	}
	return onnx.Tensor{Type: onnx.String, Strings: data.([][]byte)}
}

// opCases builds every operator in every type.
func opCases(t *testing.T) []opCase {
	var cases []opCase
	add := func(name string, exact bool, build func(g *onnx.Graph, x []onnx.Value) onnx.Value, columns ...any) {
		t.Helper()
		g := onnx.New(name)
		c := opCase{name: name, exact: exact, in: map[string]onnx.Tensor{}}
		var x []onnx.Value
		for i, col := range columns {
			v := tensor(col)
			c.rows = v.Len()
			n := string(rune('a' + i))
			c.in[n] = v
			x = append(x, g.Input(n, v.Type))
		}
		g.Output("y", build(g, x))
		var err error
		if c.model, err = g.Marshal(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		cases = append(cases, c)
	}
	one := func(f func(*onnx.Graph, onnx.Value) onnx.Value) func(*onnx.Graph, []onnx.Value) onnx.Value {
		return func(g *onnx.Graph, x []onnx.Value) onnx.Value { return f(g, x[0]) }
	}
	two := func(f func(g *onnx.Graph, a, b onnx.Value) onnx.Value) func(*onnx.Graph, []onnx.Value) onnx.Value {
		return func(g *onnx.Graph, x []onnx.Value) onnx.Value { return f(g, x[0], x[1]) }
	}
	da, db := cross(doubles)
	fa, fb := cross(floats)
	ia, ib := cross(int64s)
	ja, jb := cross(int32s)
	sa, sb := cross(strData)
	ba, bb := cross(bools[:2])
	ua := []uint32{0, 1, 2, 7, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32}
	pairs := []struct {
		name string
		a, b any
	}{{"double", da, db}, {"float", fa, fb}, {"int64", ia, ib}, {"int32", ja, jb}}

	for _, p := range pairs {
		for name, f := range map[string]func(g *onnx.Graph, a, b onnx.Value) onnx.Value{
			"add": (*onnx.Graph).AddOp, "sub": (*onnx.Graph).Sub, "mul": (*onnx.Graph).Mul,
			"less": (*onnx.Graph).Less, "less_or_equal": (*onnx.Graph).LessOrEqual, "greater": (*onnx.Graph).Greater,
			"greater_or_equal": (*onnx.Graph).GreaterOrEqual, "equal": (*onnx.Graph).Equal,
			"where": func(g *onnx.Graph, a, b onnx.Value) onnx.Value { // onnxruntime's Where turns -0 into 0, so 0 is added
				y := g.Where(g.Less(a, b), a, b)
				return g.AddOp(y, g.Cast(g.Less(a, a), y.Type))
			},
		} {
			add(name+"/"+p.name, true, two(f), p.a, p.b)
		}
	}
	add("add/uint32", true, func(g *onnx.Graph, x []onnx.Value) onnx.Value { return g.AddOp(x[0], g.UInt32(math.MaxUint32)) }, ua)
	add("sub/uint32", true, func(g *onnx.Graph, x []onnx.Value) onnx.Value { return g.Sub(x[0], g.UInt32(3)) }, ua)
	add("mul/uint32", true, func(g *onnx.Graph, x []onnx.Value) onnx.Value { return g.Mul(x[0], x[0]) }, ua)
	add("div/double", true, two((*onnx.Graph).Div), da, db)
	add("div/float", true, two((*onnx.Graph).Div), fa, fb)
	for _, d := range []int64{1, 2, 7, -3, math.MaxInt64, math.MinInt64} {
		add(fmt.Sprint("div/int64/", d), true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value { return g.Div(a, g.Int64(d)) }), int64s)
		add(fmt.Sprint("mod/int64/", d), true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value { return g.Mod(a, g.Int64(d)) }), int64s)
		e := int32(max(d, math.MinInt32) % math.MaxInt32)
		if e == 0 || e == -1 {
			e = 1000003
		}
		k := onnx.Tensor{Type: onnx.Int32, Shape: []int{1}, Int32s: []int32{e}}
		add(fmt.Sprint("div/int32/", d), true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value { return g.Div(a, g.Constant(k)) }), int32s)
		add(fmt.Sprint("mod/int32/", d), true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value { return g.Mod(a, g.Constant(k)) }), int32s)
	}
	add("div/uint32", true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value { return g.Div(a, g.UInt32(5)) }), ua)
	add("mod/uint32", true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value { return g.Mod(a, g.UInt32(5)) }), ua)
	add("mod/uint32/all", true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value { return g.Mod(a, g.UInt32(math.MaxUint32)) }), ua)
	add("floor_div", true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value { return g.FloorDiv(a, 86400) }), []int64{0, 1, -1, 86399, 86400, -86400, -86401, 1 << 60, -1 << 60})

	add("equal/string", true, two((*onnx.Graph).Equal), sa, sb)
	add("equal/string/const", true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value { return g.Equal(a, g.Str("")) }), strData)
	add("equal/bool", true, two((*onnx.Graph).Equal), ba, bb)
	add("and", true, two((*onnx.Graph).And), ba, bb)
	add("or", true, two((*onnx.Graph).Or), ba, bb)
	add("not", true, one((*onnx.Graph).Not), bools)
	add("where/string", true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value {
		return g.Where(g.Equal(a, g.Str("")), g.Str("missing"), a)
	}), strData)
	add("isnan/double", true, one((*onnx.Graph).IsNaN), doubles)
	add("isnan/float", true, one((*onnx.Graph).IsNaN), floats)
	add("clip/double", true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value { return g.Clip(a, g.Double(-1.5), g.Double(7)) }), doubles)

	for name, f := range map[string]func(g *onnx.Graph, a onnx.Value) onnx.Value{
		"floor": (*onnx.Graph).Floor, "round": (*onnx.Graph).Round, "sqrt": (*onnx.Graph).Sqrt, "relu": (*onnx.Graph).Relu,
		"abs": (*onnx.Graph).Abs, "neg": (*onnx.Graph).Neg,
	} {
		add(name+"/double", true, one(f), doubles)
		add(name+"/float", true, one(f), floats)
	}
	for name, f := range map[string]func(g *onnx.Graph, a onnx.Value) onnx.Value{"abs": (*onnx.Graph).Abs, "neg": (*onnx.Graph).Neg} {
		add(name+"/int64", true, one(f), int64s)
		add(name+"/int32", true, one(f), int32s)
	}
	for name, f := range map[string]func(g *onnx.Graph, a onnx.Value) onnx.Value{
		"log": (*onnx.Graph).Log, "exp": (*onnx.Graph).Exp, "sigmoid": (*onnx.Graph).Sigmoid, "tanh": (*onnx.Graph).Tanh,
		"erf": (*onnx.Graph).Erf, "gelu": (*onnx.Graph).Gelu,
	} {
		add(name+"/float", false, one(f), floats)
	}
	add("log/double", false, one((*onnx.Graph).Log), doubles)
	add("exp/double", false, one((*onnx.Graph).Exp), doubles)

	for _, to := range []onnx.DType{onnx.Float, onnx.Double, onnx.Int64, onnx.Int32, onnx.Bool, onnx.UInt32, onnx.String} {
		for _, from := range []any{doubles, floats, int64s, int32s, ua, bools} {
			x := tensor(from)
			isInt := x.Type == onnx.Int64 || x.Type == onnx.Int32 || x.Type == onnx.UInt32
			if to == onnx.String && x.Type != onnx.Int64 || to == onnx.UInt32 && !isInt || x.Type == to {
				continue
			}
			add(fmt.Sprintf("cast/%v/%v", x.Type, to), true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value { return g.Cast(a, to) }), from)
		}
	}
	wide := func(g *onnx.Graph, x []onnx.Value) onnx.Value { return g.Concat(x...) }
	for _, p := range append(pairs, []struct {
		name string
		a, b any
	}{{"string", sa, sb}, {"bool", ba, bb}, {"uint32", ua, ua}}...) {
		add("concat/"+p.name, true, wide, p.a, p.b, p.a)
		add("columns/"+p.name, true, func(g *onnx.Graph, x []onnx.Value) onnx.Value {
			return g.Columns(g.Concat(x...), 1, 0, 1)
		}, p.a, p.b)
	}
	for _, p := range pairs {
		add("identity/"+p.name, true, one(func(_ *onnx.Graph, a onnx.Value) onnx.Value { return a }), p.a)
	}
	add("identity/string", true, one(func(_ *onnx.Graph, a onnx.Value) onnx.Value { return a }), strData)
	add("one_hot", true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value {
		return g.Cast(g.Equal(a, g.Constant(onnx.Tensor{Type: onnx.Int64, Shape: []int{4}, Int64s: []int64{0, 1, 2, 7}})), onnx.Float)
	}), int64s)
	add("broadcast/column", true, func(g *onnx.Graph, x []onnx.Value) onnx.Value { return g.Sub(g.Concat(x...), x[0]) }, da, db)
	add("broadcast/row", true, func(g *onnx.Graph, x []onnx.Value) onnx.Value {
		return g.Mul(g.Constant(onnx.Tensor{Type: onnx.Double, Shape: []int{1, 2}, Doubles: []float64{2, -3}}), g.Concat(x...))
	}, da, db)
	add("broadcast/widen", true, func(g *onnx.Graph, x []onnx.Value) onnx.Value {
		return g.AddOp(x[0], g.Vector([]float32{1, 2, 3}))
	}, floats)
	add("broadcast/where", true, func(g *onnx.Graph, x []onnx.Value) onnx.Value {
		return g.Where(g.IsNaN(x[0]), g.Vector([]float32{1, 2, 3}), x[0])
	}, floats[2:])
	add("softmax", false, func(g *onnx.Graph, x []onnx.Value) onnx.Value { return g.Softmax(g.Concat(x[0], x[1], x[0])) }, finite, reversed(finite))
	add("softmax/one", false, one((*onnx.Graph).Softmax), finite)
	ga, gb := cross(finite[:11])
	w := make([]float32, 2*19)
	for i := range w {
		w[i] = float32(i%7) - 2.75
	}
	add("gemm", false, func(g *onnx.Graph, x []onnx.Value) onnx.Value {
		return g.Gemm(g.Concat(x...), g.Matrix(2, 19, w), g.Vector(w[:19]))
	}, ga, gb)
	add("gemm/no_bias", false, func(g *onnx.Graph, x []onnx.Value) onnx.Value {
		return g.Gemm(g.Concat(x...), g.Matrix(2, 1, w[:2]), onnx.Value{})
	}, ga, gb)
	add("reduce_sum/double", false, func(g *onnx.Graph, x []onnx.Value) onnx.Value { return g.ReduceSum(g.Concat(x...)) }, da, db)
	add("reduce_sum/float", false, func(g *onnx.Graph, x []onnx.Value) onnx.Value { return g.ReduceSum(g.Concat(x...)) }, fa, fb)
	add("argmax/float", true, func(g *onnx.Graph, x []onnx.Value) onnx.Value { return g.ArgMax(g.Concat(x[0], x[1], x[0])) }, ga, gb)
	dd := append(append([]float64{}, doubles[:11]...), doubles[12:]...) // no NaN
	add("softmax/extreme", false, func(g *onnx.Graph, x []onnx.Value) onnx.Value { return g.Softmax(g.Concat(x[0], x[1], x[0])) }, ga, gb)
	add("argmax/double", true, func(g *onnx.Graph, x []onnx.Value) onnx.Value { return g.ArgMax(g.Concat(x[0], x[1])) }, dd, reversed(dd))

	codes := []int64{0, 1, 2, 3, -1, -4, 2, 0}
	tables := map[string]onnx.Tensor{
		"float":  {Type: onnx.Float, Shape: []int{4, 2}, Floats: []float32{1, 2, 3, 4, 5, 6, 7, float32(nan)}},
		"double": {Type: onnx.Double, Shape: []int{4, 1}, Doubles: []float64{1.1, 2.2, inf, nan}},
		"int64":  {Type: onnx.Int64, Shape: []int{4, 1}, Int64s: []int64{9, math.MinInt64, 7, 6}},
		"int32":  {Type: onnx.Int32, Shape: []int{4, 1}, Int32s: []int32{9, math.MinInt32, 7, 6}},
		"bool":   {Type: onnx.Bool, Shape: []int{4, 1}, Bools: []bool{true, false, true, false}},
		"string": {Type: onnx.String, Shape: []int{4, 1}, Strings: [][]byte{[]byte("x"), nil, []byte("日本"), []byte("w")}},
		"uint32": {Type: onnx.UInt32, Shape: []int{4, 1}, UInt32s: []uint32{1, 2, 3, math.MaxUint32}},
	}
	for name, k := range tables {
		add("gather/"+name, true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value { return g.Gather(g.Constant(k), a) }), codes)
	}
	add("gather/int32_codes", true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value { return g.Gather(g.Constant(tables["float"]), a) }), []int32{0, 3, -1, 2})
	add("label_encoder", true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value {
		return g.LabelEncoder(a, []string{"AA", "UA", "", "日本語", "a\x00b"}, []int64{4, 3, 2, 1, 0}, -7)
	}), strData)
	add("label_encoder/int64", true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value {
		return g.LabelEncoderInt64(a, []int64{7, math.MinInt64, 0}, []int64{1, 2, 3}, 99)
	}), int64s)
	for _, positive := range []bool{true, false} {
		for name, col := range map[string]any{"string": strData, "int64": int64s, "int32": int32s, "double": doubles, "float": floats, "uint32": ua} {
			for _, seed := range []int64{0, 42, math.MaxUint32} {
				add(fmt.Sprintf("murmur/%s/%v/%d", name, positive, seed), true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value { return g.MurmurHash3(a, seed, positive) }), col)
			}
		}
	}
	add("murmur/bucket", true, one(func(g *onnx.Graph, a onnx.Value) onnx.Value {
		return g.Cast(g.Mod(g.MurmurHash3(a, 3, true), g.UInt32(1000)), onnx.Int64)
	}), strData)
	return cases
}

func reversed[T any](xs []T) []T {
	out := make([]T, 0, len(xs))
	for i := len(xs) - 1; i >= 0; i-- {
		out = append(out, xs[i])
	}
	return out
}

// repeat makes columns of n rows of the case's, over and over.
func (c *opCase) repeat(n int) map[string]onnx.Tensor {
	in := map[string]onnx.Tensor{}
	for name, x := range c.in {
		y := onnx.Tensor{Type: x.Type}
		for i := range n {
			k := i % c.rows
			switch x.Type {
			case onnx.Float:
				y.Floats = append(y.Floats, x.Floats[k])
			case onnx.Double:
				y.Doubles = append(y.Doubles, x.Doubles[k])
			case onnx.Int64:
				y.Int64s = append(y.Int64s, x.Int64s[k])
			case onnx.Int32:
				y.Int32s = append(y.Int32s, x.Int32s[k])
			case onnx.UInt32:
				y.UInt32s = append(y.UInt32s, x.UInt32s[k])
			case onnx.Bool:
				y.Bools = append(y.Bools, x.Bools[k])
			case onnx.String:
				y.Strings = append(y.Strings, x.Strings[k])
			}
		}
		in[name] = y
	}
	return in
}

func (c *opCase) run(t *testing.T, in map[string]onnx.Tensor, rows int) map[string]onnx.Tensor {
	t.Helper()
	g, err := onnx.Parse(c.model)
	if err != nil {
		t.Fatal(err)
	}
	p, err := onnx.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(in, rows)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// oracle is testdata/ops.json: what onnxruntime answered to each case.
type oracle struct {
	MadeBy   string                       `json:"made_by"`
	Versions map[string]string            `json:"versions"`
	Answers  map[string]map[string]answer `json:"answers"`
}

type answer struct {
	Model string          `json:"model"` // sha256: the answer is to this model
	Y     onnxtest.Tensor `json:"y"`
}

const oracleFile = "testdata/ops.json"

// TestOperators compares each operator with what onnxruntime answered when the file was made.
func TestOperators(t *testing.T) {
	t.Parallel()
	cases := opCases(t)
	if *update {
		var ask []onnxtest.Case
		for _, c := range cases {
			ask = append(ask, onnxtest.Case{Model: c.model, In: c.in, Rows: c.rows, Plain: true})
		}
		results, versions := onnxtest.ScoreAll(t, ask)
		o := oracle{"internal/onnxtest/score.py, asked by go test ./internal/onnx -run TestOperators -update", versions, map[string]map[string]answer{}}
		for i, c := range cases {
			if results[i].Err != nil {
				t.Errorf("%s: %v", c.name, results[i].Err)
				continue
			}
			op, rest, _ := strings.Cut(c.name, "/")
			if o.Answers[op] == nil {
				o.Answers[op] = map[string]answer{}
			}
			o.Answers[op][rest] = answer{hash(c.model), onnxtest.Tensor{Tensor: results[i].Out["y"]}}
		}
		b, err := json.MarshalIndent(o, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(oracleFile, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(oracleFile)
	if err != nil {
		t.Fatal(err)
	}
	var o oracle
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, of := range o.Answers {
		n += len(of)
	}
	if n != len(cases) {
		t.Errorf("%d answers for %d cases: run with -update", n, len(cases))
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			op, rest, _ := strings.Cut(c.name, "/")
			a, ok := o.Answers[op][rest]
			if !ok || a.Model != hash(c.model) {
				t.Fatal("the model has changed since the answer was made: run with -update")
			}
			if err := onnxtest.Equal(c.run(t, c.in, c.rows), map[string]onnx.Tensor{"y": a.Y.Tensor}, c.exact); err != nil {
				t.Error(err)
			}
		})
	}
}

func hash(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:8])
}

// TestOnnxruntime asks the real onnxruntime, with its optimizer on, at other numbers of rows.
func TestOnnxruntime(t *testing.T) {
	t.Parallel()
	onnxtest.Python(t)
	cases := opCases(t)
	var ask []onnxtest.Case
	for _, rows := range []int{0, 1, 4097} {
		for _, c := range cases {
			ask = append(ask, onnxtest.Case{Model: c.model, In: c.repeat(rows), Rows: rows})
		}
	}
	results, _ := onnxtest.ScoreAll(t, ask)
	for i, r := range results {
		c := cases[i%len(cases)]
		t.Run(fmt.Sprintf("%s/%d", c.name, ask[i].Rows), func(t *testing.T) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			if err := onnxtest.Equal(c.run(t, ask[i].In, ask[i].Rows), r.Out, c.exact); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestModelOnnxruntime: a whole model with three operator sets and metadata.
func TestModelOnnxruntime(t *testing.T) {
	t.Parallel()
	g := onnx.Flights()
	b, err := g.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	p, err := onnx.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	in := onnx.FlightRows(2000)
	have, err := p.Run(in, 2000)
	if err != nil {
		t.Fatal(err)
	}
	if err := onnxtest.Equal(have, onnxtest.Score(t, b, in, 2000), false); err != nil {
		t.Error(err)
	}
}

// TestMutationsOnnxruntime: whatever compiles here onnxruntime accepts, and it answers the same or both refuse the data.
func TestMutationsOnnxruntime(t *testing.T) {
	t.Parallel()
	onnxtest.Python(t)
	rows := onnx.FlightRows(50)
	var ask []onnxtest.Case
	var programs []*onnx.Program
	for _, g := range onnx.Mutations(3, 5000) {
		b, err := g.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		p, err := onnx.Compile(g)
		if err != nil {
			t.Fatal(err)
		}
		in := onnx.Zeros(p, 50)
		for name, x := range in {
			if x.Type == rows[name].Type {
				in[name] = rows[name]
			}
		}
		ask, programs = append(ask, onnxtest.Case{Model: b, In: in, Rows: 50}), append(programs, p)
	}
	results, _ := onnxtest.ScoreAll(t, ask)
	same := 0
	for i, r := range results {
		have, err := programs[i].Run(ask[i].In, 50)
		g, _ := onnx.Parse(ask[i].Model)
		switch {
		case (err != nil) != (r.Err != nil):
			t.Errorf("have error %v, want error %v\n%s", err, r.Err, g.Text())
		case err == nil:
			if err := onnxtest.Equal(have, r.Out, false); err != nil {
				t.Errorf("%v\n%s", err, g.Text())
			}
			same++
		}
	}
	if same < 100 {
		t.Errorf("only %d of %d graphs ran", same, len(ask))
	}
}
