// The operators that a graph may hold, a method each. What a method does not check (types, widths) Compile and Marshal do.
// A note says where runtimes differ and what a step must therefore keep away from the operator.

package onnx

// Scalars and matrices as constants.

func (g *Graph) Double(x float64) Value {
	return g.Constant(Tensor{Type: Double, Shape: []int{1}, Doubles: []float64{x}})
}
func (g *Graph) Float(x float32) Value {
	return g.Constant(Tensor{Type: Float, Shape: []int{1}, Floats: []float32{x}})
}
func (g *Graph) Int64(x int64) Value {
	return g.Constant(Tensor{Type: Int64, Shape: []int{1}, Int64s: []int64{x}})
}
func (g *Graph) UInt32(x uint32) Value {
	return g.Constant(Tensor{Type: UInt32, Shape: []int{1}, UInt32s: []uint32{x}})
}
func (g *Graph) Str(x string) Value {
	return g.Constant(Tensor{Type: String, Shape: []int{1}, Strings: [][]byte{[]byte(x)}})
}
func (g *Graph) Matrix(rows, cols int, x []float32) Value {
	return g.Constant(Tensor{Type: Float, Shape: []int{rows, cols}, Floats: x})
}
func (g *Graph) Vector(x []float32) Value {
	return g.Constant(Tensor{Type: Float, Shape: []int{len(x)}, Floats: x})
}

func (g *Graph) binary(op string, t DType, a, b Value) Value {
	return g.Add("", op, t, max(a.Width, b.Width), nil, a, b)
}
func (g *Graph) unary(op string, t DType, a Value) Value { return g.Add("", op, t, a.Width, nil, a) }

// Element-wise arithmetic in the operands' common type. A constant of one element and a value of width 1 are broadcast over
// the columns, a constant of [Width] over the rows. Integers wrap around. Div of integers truncates toward zero; its divisor
// is a constant without 0 and -1, since onnxruntime dies of those.

func (g *Graph) AddOp(a, b Value) Value { return g.binary("Add", a.Type, a, b) }
func (g *Graph) Sub(a, b Value) Value   { return g.binary("Sub", a.Type, a, b) }
func (g *Graph) Mul(a, b Value) Value   { return g.binary("Mul", a.Type, a, b) }
func (g *Graph) Div(a, b Value) Value   { return g.binary("Div", a.Type, a, b) }

// FloorDiv divides integers and rounds toward minus infinity: how days follow from seconds. d is at least 1, and a at least
// d-1 above the smallest int64.
func (g *Graph) FloorDiv(a Value, d int64) Value {
	c := g.Int64(d)
	return g.Div(g.Sub(a, g.Mod(a, c)), c)
}

// Comparison and logic. A NaN is unequal to everything and not in order with anything. Strings and booleans have only Equal.

func (g *Graph) Less(a, b Value) Value           { return g.binary("Less", Bool, a, b) }
func (g *Graph) LessOrEqual(a, b Value) Value    { return g.binary("LessOrEqual", Bool, a, b) }
func (g *Graph) Greater(a, b Value) Value        { return g.binary("Greater", Bool, a, b) }
func (g *Graph) GreaterOrEqual(a, b Value) Value { return g.binary("GreaterOrEqual", Bool, a, b) }
func (g *Graph) Equal(a, b Value) Value          { return g.binary("Equal", Bool, a, b) }
func (g *Graph) And(a, b Value) Value            { return g.binary("And", Bool, a, b) }
func (g *Graph) Or(a, b Value) Value             { return g.binary("Or", Bool, a, b) }
func (g *Graph) Not(a Value) Value               { return g.unary("Not", Bool, a) }
func (g *Graph) IsNaN(a Value) Value             { return g.unary("IsNaN", Bool, a) }

// Where picks a where cond is true and b elsewhere; not for booleans, which have And and Or. (onnxruntime yields 0 for a -0
// picked: do not divide by it, nor hash it.)
func (g *Graph) Where(cond, a, b Value) Value {
	return g.Add("", "Where", a.Type, max(cond.Width, a.Width, b.Width), nil, cond, a, b)
}

// Clip returns lo where a < lo, hi where a > hi, and a elsewhere: a NaN stays. (ONNX's own Clip, Min and Max treat NaN
// differently from runtime to runtime.)
func (g *Graph) Clip(a, lo, hi Value) Value {
	a = g.Where(g.Less(a, lo), lo, a)
	return g.Where(g.Greater(a, hi), hi, a)
}

// Cast converts, as C does: double to float and integers to floats round to nearest even, floats to int64 and int32 truncate,
// integers wrap around, a number is true where it is not 0 (a NaN too), true is 1, int64 to string writes decimal digits.
// A NaN or a number beyond the integers' range becomes the smallest integer here and on x86, something else elsewhere: keep
// them away by Where. Refused: strings to numbers, floats to strings or to uint32.
func (g *Graph) Cast(a Value, t DType) Value {
	if a.Type == t {
		return a
	}
	return g.Add("", "Cast", t, a.Width, []Attr{{"to", int64(t)}}, a)
}

// Functions of one value, element by element. Log and Exp take floats and doubles; Floor, Round (half to even), Sqrt and Relu
// too; Abs and Neg also int64 and int32; Sigmoid, Tanh, Erf and Gelu floats alone. All but Floor, Round, Sqrt, Abs, Neg and
// Relu are kernel's and differ from onnxruntime's in the last places.

func (g *Graph) Log(a Value) Value     { return g.unary("Log", a.Type, a) }
func (g *Graph) Exp(a Value) Value     { return g.unary("Exp", a.Type, a) }
func (g *Graph) Floor(a Value) Value   { return g.unary("Floor", a.Type, a) }
func (g *Graph) Round(a Value) Value   { return g.unary("Round", a.Type, a) }
func (g *Graph) Sqrt(a Value) Value    { return g.unary("Sqrt", a.Type, a) }
func (g *Graph) Abs(a Value) Value     { return g.unary("Abs", a.Type, a) }
func (g *Graph) Neg(a Value) Value     { return g.unary("Neg", a.Type, a) }
func (g *Graph) Relu(a Value) Value    { return g.unary("Relu", a.Type, a) }
func (g *Graph) Sigmoid(a Value) Value { return g.unary("Sigmoid", a.Type, a) }
func (g *Graph) Tanh(a Value) Value    { return g.unary("Tanh", a.Type, a) }
func (g *Graph) Erf(a Value) Value     { return g.unary("Erf", a.Type, a) }

// Gelu is 0.5 x (1 + erf(x / sqrt 2)), by the Gelu operator of opset 20.
func (g *Graph) Gelu(a Value) Value { return g.unary("Gelu", a.Type, a) }

// Softmax over the columns of each row.
func (g *Graph) Softmax(a Value) Value {
	return g.Add("", "Softmax", a.Type, a.Width, []Attr{{"axis", int64(1)}}, a)
}

// Concat joins matrices side by side.
func (g *Graph) Concat(in ...Value) Value {
	if len(in) == 1 {
		return in[0]
	}
	w := 0
	for _, v := range in {
		w += v.Width
	}
	return g.Add("", "Concat", in[0].Type, w, []Attr{{"axis", int64(1)}}, in...)
}

// Gemm is x·w + b: x [N,K], w a constant [K,M], b a constant [M] or none (the zero Value). It is kernel.Gemm from zero, and
// then b is added.
func (g *Graph) Gemm(x, w, b Value) Value {
	if b.Name == "" {
		return g.Add("", "Gemm", Float, w.Width, nil, x, w)
	}
	return g.Add("", "Gemm", Float, w.Width, nil, x, w, b)
}

// Gather looks up rows of a constant table [K,M] by codes [N,1] of int64: the outcome is [N,M]. (A Reshape to [N] comes
// first, since ONNX's Gather of [N,1] would give [N,1,M].)
func (g *Graph) Gather(table, codes Value) Value {
	flat := g.Add("", "Reshape", codes.Type, 1, nil, codes, g.Constant(Tensor{Type: Int64, Shape: []int{1}, Int64s: []int64{-1}}))
	return g.Add("", "Gather", table.Type, table.Width, []Attr{{"axis", int64(0)}}, table, flat)
}

// Columns picks columns of a [N,Width] by number, in that order.
func (g *Graph) Columns(a Value, numbers ...int64) Value {
	i := g.Constant(Tensor{Type: Int64, Shape: []int{len(numbers)}, Int64s: numbers})
	return g.Add("", "Gather", a.Type, len(numbers), []Attr{{"axis", int64(1)}}, a, i)
}

// ArgMax is the number of the largest column of each row, the first of several: [N,1] of int64. The row has no NaN.
func (g *Graph) ArgMax(a Value) Value {
	return g.Add("", "ArgMax", Int64, 1, []Attr{{"axis", int64(1)}, {"keepdims", int64(1)}}, a)
}

// LabelEncoderInt64 (ai.onnx.ml) maps integers to integers, with a value for keys it does not know.
func (g *Graph) LabelEncoderInt64(x Value, keys, values []int64, other int64) Value {
	return g.Add("ai.onnx.ml", "LabelEncoder", Int64, x.Width,
		[]Attr{{"default_int64", other}, {"keys_int64s", keys}, {"values_int64s", values}}, x)
}

// LabelEncoder (ai.onnx.ml) maps strings to integers, with a value for keys it does not know. Keys are in code order, at
// least one and none twice.
func (g *Graph) LabelEncoder(x Value, keys []string, values []int64, other int64) Value {
	return g.Add("ai.onnx.ml", "LabelEncoder", Int64, x.Width,
		[]Attr{{"default_int64", other}, {"keys_strings", keys}, {"values_int64s", values}}, x)
}

// MurmurHash3 (com.microsoft) is the 32-bit x86 murmur3 of a string's bytes, or of the little-endian bytes of an int32, uint32,
// int64, float or double (-0 and 0 differ); positive chooses UInt32, otherwise Int32. [Murmur3] is the same function.
func (g *Graph) MurmurHash3(x Value, seed int64, positive bool) Value {
	p, t := int64(0), Int32
	if positive {
		p, t = 1, UInt32
	}
	return g.Add("com.microsoft", "MurmurHash3", t, x.Width, []Attr{{"positive", p}, {"seed", seed}}, x)
}

// Mod is the remainder with the sign of the divisor (fmod=0), of integers; the divisor is as for Div. [Mod] is the same function.
func (g *Graph) Mod(a, b Value) Value {
	return g.Add("", "Mod", a.Type, max(a.Width, b.Width), []Attr{{"fmod", int64(0)}}, a, b)
}

// ReduceSum adds up the columns of each row, left to right, in their own type: [N,1] of float
// or double. (onnxruntime sums integers as doubles; add those by AddOp.)
func (g *Graph) ReduceSum(a Value) Value {
	axes := g.Constant(Tensor{Type: Int64, Shape: []int{1}, Int64s: []int64{1}})
	return g.Add("", "ReduceSum", a.Type, 1, []Attr{{"keepdims", int64(1)}}, a, axes)
}
