// Operators that work element by element: arithmetic, comparison, logic, choice, functions of one value.

package onnx

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"howdah/internal/kernel"
)

var errOperator = errors.New("operator is not among those evaluated here")

// builder checks the compiler's current node and returns its outcome and how it is computed; nil where there is nothing to do.
type builder func(c *compiler) (operand, exec, error)

// operators is what a graph may hold, by domain and name.
var operators map[string]builder

func init() {
	operators = map[string]builder{
		"/Add": buildArith, "/Sub": buildArith, "/Mul": buildArith, "/Div": buildArith, "/Mod": buildArith,
		"/Less": buildCompare, "/LessOrEqual": buildCompare, "/Greater": buildCompare, "/GreaterOrEqual": buildCompare,
		"/Equal": buildEqual, "/And": buildLogic, "/Or": buildLogic, "/Not": buildNot, "/IsNaN": buildIsNaN,
		"/Where": buildWhere, "/Cast": buildCast, "/Identity": buildIdentity,
		"/Log": buildFloats, "/Exp": buildFloats, "/Floor": buildFloats, "/Round": buildFloats, "/Sqrt": buildFloats, "/Relu": buildFloats,
		"/Sigmoid": buildKernel, "/Tanh": buildKernel, "/Erf": buildKernel, "/Gelu": buildKernel,
		"/Abs": buildSigned, "/Neg": buildSigned,
		"/Softmax": buildSoftmax, "/Gemm": buildGemm, "/ReduceSum": buildReduceSum, "/ArgMax": buildArgMax,
		"/Concat": buildConcat, "/Reshape": buildReshape, "/Gather": buildGather,
		"ai.onnx.ml/LabelEncoder": buildLabelEncoder, "com.microsoft/MurmurHash3": buildMurmurHash3,
	}
}

type signed interface {
	float32 | float64 | int64 | int32
}
type integer interface{ int64 | int32 | uint32 }
type floating interface{ float32 | float64 }

// broadcast returns the width of the outcome of an element-wise node. Each operand is [N,width], [N,1], a constant of one
// element, or a constant of [width] or [1,width].
func (c *compiler) broadcast() (int, error) {
	w, rows := 1, false
	for _, o := range c.in {
		if o.vector {
			return 0, fmt.Errorf("operand %v: want a value [N,width]", o)
		}
		if k := o.konst; k != nil {
			if len(k.Shape) > 2 || len(k.Shape) == 2 && k.Shape[0] != 1 {
				return 0, fmt.Errorf("operand %v: want a constant of one element or one row", o)
			}
		} else {
			rows = true
		}
		if o.width < 1 {
			return 0, fmt.Errorf("operand %v is empty", o)
		}
		w = max(w, o.width)
	}
	for _, o := range c.in {
		if o.width != w && o.width != 1 {
			return 0, fmt.Errorf("operand %v: want width %d or 1", o, w)
		}
	}
	if !rows {
		return 0, errors.New("all operands are constants")
	}
	return w, nil
}

// fetch returns a function that lays out operand i, for n rows, as n x width elements.
func fetch[T any](c *compiler, i, width int) func(s *state, n int) []T {
	o := c.in[i]
	if o.konst == nil && o.width == width {
		return func(s *state, n int) []T { return get[T](s, o.slot)[:n*width] }
	}
	tmp := c.scratchSlot(o.typ, i, width)
	if o.konst == nil { // [N,1] over the columns
		return func(s *state, n int) []T {
			dst, src := get[T](s, tmp)[:n*width], get[T](s, o.slot)[:n]
			for r, x := range src {
				fill(dst[r*width:(r+1)*width], x)
			}
			return dst
		}
	}
	row := *slice[T](&o.konst.Tensor)
	if len(row) == 1 {
		return func(s *state, n int) []T {
			dst := get[T](s, tmp)[:n*width]
			fill(dst, row[0])
			return dst
		}
	}
	return func(s *state, n int) []T {
		dst := get[T](s, tmp)[:n*width]
		for r := range n {
			copy(dst[r*width:], row)
		}
		return dst
	}
}

func fill[T any](dst []T, x T) {
	for i := range dst {
		dst[i] = x
	}
}

// ofTwo builds a node of two operands of type T.
func ofTwo[T, R any](c *compiler, out DType, f func(dst []R, a, b []T)) (operand, exec, error) {
	w, err := c.broadcast()
	if err != nil {
		return operand{}, nil, err
	}
	a, b := fetch[T](c, 0, w), fetch[T](c, 1, w)
	o, err := c.out(out, w)
	if err != nil {
		return operand{}, nil, err
	}
	return o, func(s *state, n int) error {
		f(get[R](s, o.slot)[:n*w], a(s, n), b(s, n))
		return nil
	}, nil
}

// ofOne builds a node of one operand of type T.
func ofOne[T, R any](c *compiler, out DType, f func(dst []R, a []T)) (operand, exec, error) {
	if err := c.matrix(0); err != nil {
		return operand{}, nil, err
	}
	w := c.in[0].width
	a := fetch[T](c, 0, w)
	o, err := c.out(out, w)
	if err != nil {
		return operand{}, nil, err
	}
	return o, func(s *state, n int) error {
		f(get[R](s, o.slot)[:n*w], a(s, n))
		return nil
	}, nil
}

// sameType checks that there are n operands, the last two of one type among those given.
func (c *compiler) sameType(n int, types ...DType) error {
	if err := c.operands(n); err != nil {
		return err
	}
	if err := c.typed(n-1, types...); err != nil {
		return err
	}
	if n > 1 && c.in[n-2].typ != c.in[n-1].typ {
		return fmt.Errorf("operands %v and %v differ in type", c.in[n-2], c.in[n-1])
	}
	return nil
}

func buildArith(c *compiler) (operand, exec, error) {
	types := []DType{Float, Double, Int64, Int32, UInt32}
	if c.n.Op == "Mod" {
		types = types[2:]
		if err := c.fixed("fmod", int64(0), false); err != nil {
			return operand{}, nil, err
		}
	}
	if err := c.sameType(2, types...); err != nil {
		return operand{}, nil, err
	}
	switch c.in[0].typ {
	case Float:
		return ofTwo(c, Float, arith[float32](c.n.Op))
	case Double:
		return ofTwo(c, Double, arith[float64](c.n.Op))
	case Int64:
		return integers[int64](c, Int64)
	case Int32:
		return integers[int32](c, Int32)
	}
	return integers[uint32](c, UInt32)
}

func integers[T integer](c *compiler, t DType) (operand, exec, error) {
	op := c.n.Op
	if op != "Div" && op != "Mod" {
		return ofTwo(c, t, arith[T](op))
	}
	k := c.in[1].konst
	if k == nil {
		return operand{}, nil, fmt.Errorf("divisor %v: want a constant", c.in[1])
	}
	for _, x := range *slice[T](&k.Tensor) {
		if x == 0 || x+1 == 0 && t != UInt32 {
			return operand{}, nil, fmt.Errorf("divisor %q has an element %v, which onnxruntime cannot divide by", k.Name, x)
		}
	}
	if op == "Div" {
		return ofTwo(c, t, func(dst, a, b []T) {
			for i := range dst {
				dst[i] = a[i] / b[i]
			}
		})
	}
	return ofTwo(c, t, func(dst, a, b []T) {
		for i := range dst {
			r := a[i] % b[i]
			if r != 0 && (r < 0) != (b[i] < 0) {
				r += b[i]
			}
			dst[i] = r
		}
	})
}

func arith[T signed | uint32](op string) func(dst, a, b []T) {
	switch op {
	case "Add":
		return func(dst, a, b []T) {
			a, b = a[:len(dst)], b[:len(dst)]
			for i := range dst {
				dst[i] = a[i] + b[i]
			}
		}
	case "Sub":
		return func(dst, a, b []T) {
			a, b = a[:len(dst)], b[:len(dst)]
			for i := range dst {
				dst[i] = a[i] - b[i]
			}
		}
	case "Mul":
		return func(dst, a, b []T) {
			a, b = a[:len(dst)], b[:len(dst)]
			for i := range dst {
				dst[i] = a[i] * b[i]
			}
		}
	}
	return func(dst, a, b []T) { // Div, of floats
		a, b = a[:len(dst)], b[:len(dst)]
		for i := range dst {
			dst[i] = a[i] / b[i]
		}
	}
}

func buildCompare(c *compiler) (operand, exec, error) {
	if err := c.sameType(2, Float, Double, Int64, Int32); err != nil {
		return operand{}, nil, err
	}
	switch c.in[0].typ {
	case Float:
		return ofTwo(c, Bool, compare[float32](c.n.Op))
	case Double:
		return ofTwo(c, Bool, compare[float64](c.n.Op))
	case Int64:
		return ofTwo(c, Bool, compare[int64](c.n.Op))
	}
	return ofTwo(c, Bool, compare[int32](c.n.Op))
}

func compare[T signed](op string) func(dst []bool, a, b []T) {
	switch op {
	case "Less":
		return func(dst []bool, a, b []T) {
			for i := range dst {
				dst[i] = a[i] < b[i]
			}
		}
	case "LessOrEqual":
		return func(dst []bool, a, b []T) {
			for i := range dst {
				dst[i] = a[i] <= b[i]
			}
		}
	case "Greater":
		return func(dst []bool, a, b []T) {
			for i := range dst {
				dst[i] = a[i] > b[i]
			}
		}
	}
	return func(dst []bool, a, b []T) {
		for i := range dst {
			dst[i] = a[i] >= b[i]
		}
	}
}

func buildEqual(c *compiler) (operand, exec, error) {
	if err := c.sameType(2, Float, Double, Int64, Int32, Bool, String); err != nil {
		return operand{}, nil, err
	}
	switch c.in[0].typ {
	case Float:
		return ofTwo(c, Bool, equal[float32])
	case Double:
		return ofTwo(c, Bool, equal[float64])
	case Int64:
		return ofTwo(c, Bool, equal[int64])
	case Int32:
		return ofTwo(c, Bool, equal[int32])
	case Bool:
		return ofTwo(c, Bool, equal[bool])
	}
	return ofTwo(c, Bool, func(dst []bool, a, b [][]byte) {
		for i := range dst {
			dst[i] = bytes.Equal(a[i], b[i])
		}
	})
}

func equal[T signed | bool](dst []bool, a, b []T) {
	for i := range dst {
		dst[i] = a[i] == b[i]
	}
}

func buildLogic(c *compiler) (operand, exec, error) {
	if err := c.sameType(2, Bool); err != nil {
		return operand{}, nil, err
	}
	if c.n.Op == "And" {
		return ofTwo(c, Bool, func(dst, a, b []bool) {
			for i := range dst {
				dst[i] = a[i] && b[i]
			}
		})
	}
	return ofTwo(c, Bool, func(dst, a, b []bool) {
		for i := range dst {
			dst[i] = a[i] || b[i]
		}
	})
}

func buildNot(c *compiler) (operand, exec, error) {
	if err := c.sameType(1, Bool); err != nil {
		return operand{}, nil, err
	}
	return ofOne(c, Bool, func(dst, a []bool) {
		for i := range dst {
			dst[i] = !a[i]
		}
	})
}

func buildIsNaN(c *compiler) (operand, exec, error) {
	if err := c.sameType(1, Float, Double); err != nil {
		return operand{}, nil, err
	}
	if c.in[0].typ == Float {
		return ofOne(c, Bool, isNaN[float32])
	}
	return ofOne(c, Bool, isNaN[float64])
}

func isNaN[T floating](dst []bool, a []T) {
	for i, x := range a {
		dst[i] = x != x
	}
}

func buildWhere(c *compiler) (operand, exec, error) {
	if err := c.sameType(3, Float, Double, Int64, Int32, String); err != nil {
		return operand{}, nil, err
	}
	if err := c.typed(0, Bool); err != nil {
		return operand{}, nil, err
	}
	switch c.in[1].typ {
	case Float:
		return where[float32](c)
	case Double:
		return where[float64](c)
	case Int64:
		return where[int64](c)
	case Int32:
		return where[int32](c)
	}
	return where[[]byte](c)
}

func where[T any](c *compiler) (operand, exec, error) {
	w, err := c.broadcast()
	if err != nil {
		return operand{}, nil, err
	}
	cond, a, b := fetch[bool](c, 0, w), fetch[T](c, 1, w), fetch[T](c, 2, w)
	o, err := c.out(c.in[1].typ, w)
	if err != nil {
		return operand{}, nil, err
	}
	return o, func(s *state, n int) error {
		dst, cond, a, b := get[T](s, o.slot)[:n*w], cond(s, n), a(s, n), b(s, n)
		for i := range dst {
			if cond[i] {
				dst[i] = a[i]
			} else {
				dst[i] = b[i]
			}
		}
		return nil
	}, nil
}

// buildFloats: functions of a float or a double.
func buildFloats(c *compiler) (operand, exec, error) {
	if err := c.sameType(1, Float, Double); err != nil {
		return operand{}, nil, err
	}
	if c.in[0].typ == Float {
		switch c.n.Op {
		case "Log":
			return ofOne(c, Float, kernel.Log)
		case "Exp":
			return ofOne(c, Float, kernel.Exp)
		case "Relu":
			return ofOne(c, Float, kernel.Relu)
		}
		f := floats(c.n.Op)
		return ofOne(c, Float, func(dst, a []float32) {
			for i, x := range a {
				dst[i] = float32(f(float64(x))) // exact: rounding of float64's exact or correctly rounded answer
			}
		})
	}
	switch c.n.Op {
	case "Log":
		return ofOne(c, Double, kernel.Log64)
	case "Exp":
		return ofOne(c, Double, kernel.Exp64)
	case "Relu":
		return ofOne(c, Double, func(dst, a []float64) {
			for i, x := range a {
				if x < 0 {
					x = 0
				}
				dst[i] = x
			}
		})
	}
	f := floats(c.n.Op)
	return ofOne(c, Double, func(dst, a []float64) {
		for i, x := range a {
			dst[i] = f(x)
		}
	})
}

func floats(op string) func(float64) float64 {
	switch op {
	case "Floor":
		return math.Floor
	case "Round":
		return math.RoundToEven
	}
	return math.Sqrt
}

// buildKernel: functions of a float alone, from package kernel.
func buildKernel(c *compiler) (operand, exec, error) {
	if err := c.sameType(1, Float); err != nil {
		return operand{}, nil, err
	}
	switch c.n.Op {
	case "Sigmoid":
		return ofOne(c, Float, kernel.Sigmoid)
	case "Tanh":
		return ofOne(c, Float, kernel.Tanh)
	case "Erf":
		return ofOne(c, Float, kernel.Erf)
	}
	if err := c.fixed("approximate", "none", false); err != nil {
		return operand{}, nil, err
	}
	return ofOne(c, Float, kernel.Gelu)
}

// buildSigned: Abs and Neg.
func buildSigned(c *compiler) (operand, exec, error) {
	if err := c.sameType(1, Float, Double, Int64, Int32); err != nil {
		return operand{}, nil, err
	}
	switch c.in[0].typ {
	case Float:
		return ofOne(c, Float, absOrNeg[float32](c.n.Op))
	case Double:
		return ofOne(c, Double, absOrNeg[float64](c.n.Op))
	case Int64:
		return ofOne(c, Int64, absOrNeg[int64](c.n.Op))
	}
	return ofOne(c, Int32, absOrNeg[int32](c.n.Op))
}

func absOrNeg[T signed](op string) func(dst, a []T) {
	if op == "Neg" {
		return func(dst, a []T) {
			for i, x := range a {
				dst[i] = -x
			}
		}
	}
	return func(dst, a []T) {
		for i, x := range a {
			if x < 0 {
				x = -x
			} else if x == 0 {
				x = 0 // -0 too
			}
			dst[i] = x
		}
	}
}

func buildIdentity(c *compiler) (operand, exec, error) {
	if err := c.operands(1); err != nil {
		return operand{}, nil, err
	}
	if err := c.matrix(0); err != nil {
		return operand{}, nil, err
	}
	return c.in[0], nil, nil
}
