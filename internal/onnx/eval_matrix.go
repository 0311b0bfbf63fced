// Operators that mix the columns of a row, and those that look things up.

package onnx

import (
	"errors"
	"fmt"
	"math"

	"howdah/internal/kernel"
)

func buildSoftmax(c *compiler) (operand, exec, error) {
	if err := c.sameType(1, Float); err != nil {
		return operand{}, nil, err
	}
	if err := c.fixed("axis", int64(1), true); err != nil {
		return operand{}, nil, err
	}
	w := c.in[0].width
	return ofOne(c, Float, func(dst, a []float32) { kernel.SoftmaxRows(dst, a, w) })
}

func buildGemm(c *compiler) (operand, exec, error) {
	if len(c.in) != 2 && len(c.in) != 3 {
		return operand{}, nil, fmt.Errorf("want 2 or 3 operands, have %d", len(c.in))
	}
	if err := c.typed(0, Float); err != nil {
		return operand{}, nil, err
	}
	if err := c.matrix(0); err != nil {
		return operand{}, nil, err
	}
	wk, err := c.constant(1, Float, 2)
	if err != nil {
		return operand{}, nil, err
	}
	k, m := wk.Shape[0], wk.Shape[1]
	if k != c.in[0].width {
		return operand{}, nil, fmt.Errorf("operand %v: weights %v want width %d", c.in[0], c.in[1], k)
	}
	var bias []float32
	if len(c.in) == 3 {
		b, err := c.constant(2, Float, 1)
		if err != nil {
			return operand{}, nil, err
		}
		if b.Shape[0] != m {
			return operand{}, nil, fmt.Errorf("operand %v: want [%d]", c.in[2], m)
		}
		bias = b.Floats
	}
	x := fetch[float32](c, 0, k)
	o, err := c.out(Float, m)
	if err != nil {
		return operand{}, nil, err
	}
	return o, func(s *state, n int) error {
		dst := get[float32](s, o.slot)[:n*m]
		kernel.Gemm(n, m, k, x(s, n), k, wk.Floats, m, dst, m, false)
		if bias != nil {
			kernel.AddRow(dst, bias, m)
		}
		return nil
	}, nil
}

func buildReduceSum(c *compiler) (operand, exec, error) {
	if err := c.operands(2); err != nil {
		return operand{}, nil, err
	}
	axes, err := c.constant(1, Int64, 1)
	if err != nil {
		return operand{}, nil, err
	}
	if len(axes.Int64s) != 1 || axes.Int64s[0] != 1 {
		return operand{}, nil, fmt.Errorf("axes: want [1], have %v", axes.Int64s)
	}
	if err := errors.Join(c.matrix(0), c.fixed("keepdims", int64(1), false)); err != nil {
		return operand{}, nil, err
	}
	switch c.in[0].typ {
	case Float:
		return reduceSum[float32](c)
	case Double:
		return reduceSum[float64](c)
	}
	return operand{}, nil, fmt.Errorf("operand %v: want float or double: onnxruntime sums integers as doubles", c.in[0])
}

func reduceSum[T floating](c *compiler) (operand, exec, error) {
	w := c.in[0].width
	a := fetch[T](c, 0, w)
	o, err := c.out(c.in[0].typ, 1)
	if err != nil {
		return operand{}, nil, err
	}
	return o, func(s *state, n int) error {
		dst, a := get[T](s, o.slot)[:n], a(s, n)
		for i := range dst {
			row := a[i*w : (i+1)*w]
			t := row[0]
			for _, x := range row[1:] {
				t += x
			}
			dst[i] = t
		}
		return nil
	}, nil
}

func buildArgMax(c *compiler) (operand, exec, error) {
	if err := c.sameType(1, Float, Double); err != nil {
		return operand{}, nil, err
	}
	if err := errors.Join(c.matrix(0), c.fixed("axis", int64(1), true), c.fixed("keepdims", int64(1), false)); err != nil {
		return operand{}, nil, err
	}
	if c.in[0].typ == Float {
		return argMax[float32](c)
	}
	return argMax[float64](c)
}

func argMax[T floating](c *compiler) (operand, exec, error) {
	w := c.in[0].width
	a := fetch[T](c, 0, w)
	o, err := c.out(Int64, 1)
	if err != nil {
		return operand{}, nil, err
	}
	return o, func(s *state, n int) error {
		dst, a := get[int64](s, o.slot)[:n], a(s, n)
		for i := range dst {
			row, best := a[i*w:(i+1)*w], 0
			for j, x := range row {
				if x > row[best] {
					best = j
				}
			}
			dst[i] = int64(best)
		}
		return nil
	}, nil
}

// byType instantiates a generic builder for the type of operand i.
func byType(c *compiler, t DType, f32, f64, i64, i32, u32, b, str builder) (operand, exec, error) {
	switch t {
	case Float:
		return f32(c)
	case Double:
		return f64(c)
	case Int64:
		return i64(c)
	case Int32:
		return i32(c)
	case UInt32:
		return u32(c)
	case Bool:
		return b(c)
	}
	return str(c)
}

func buildConcat(c *compiler) (operand, exec, error) {
	if len(c.in) == 0 {
		return operand{}, nil, errors.New("want operands")
	}
	if err := c.fixed("axis", int64(1), true); err != nil {
		return operand{}, nil, err
	}
	for i, o := range c.in {
		if err := errors.Join(c.matrix(i), c.typed(i, c.in[0].typ)); err != nil {
			return operand{}, nil, err
		}
		if o.width < 1 {
			return operand{}, nil, fmt.Errorf("operand %v is empty", o)
		}
	}
	return byType(c, c.in[0].typ, concat[float32], concat[float64], concat[int64], concat[int32], concat[uint32], concat[bool], concat[[]byte])
}

func concat[T any](c *compiler) (operand, exec, error) {
	in, w := c.in, 0
	for _, o := range in {
		w += o.width
	}
	o, err := c.out(in[0].typ, w)
	if err != nil {
		return operand{}, nil, err
	}
	return o, func(s *state, n int) error {
		dst := get[T](s, o.slot)[:n*w]
		at := 0
		for _, x := range in {
			src := get[T](s, x.slot)[:n*x.width]
			if x.width == 1 {
				for i, j := 0, at; i < n; i, j = i+1, j+w {
					dst[j] = src[i]
				}
			} else {
				for i := range n {
					copy(dst[i*w+at:], src[i*x.width:(i+1)*x.width])
				}
			}
			at += x.width
		}
		return nil
	}, nil
}

// buildReshape: only [N,1] to [N], as Gather wants its indices.
func buildReshape(c *compiler) (operand, exec, error) {
	if err := errors.Join(c.operands(2)); err != nil {
		return operand{}, nil, err
	}
	to, err := c.constant(1, Int64, 1)
	if err != nil {
		return operand{}, nil, err
	}
	if len(to.Int64s) != 1 || to.Int64s[0] != -1 {
		return operand{}, nil, fmt.Errorf("shape: want [-1], have %v", to.Int64s)
	}
	if err := c.matrix(0); err != nil {
		return operand{}, nil, err
	}
	if c.in[0].width != 1 {
		return operand{}, nil, fmt.Errorf("operand %v: want [N,1]", c.in[0])
	}
	o := c.in[0]
	o.vector = true
	return o, nil, nil
}

func buildGather(c *compiler) (operand, exec, error) {
	if err := c.operands(2); err != nil {
		return operand{}, nil, err
	}
	axis, _ := c.attr("axis")
	t := c.in[0].typ
	switch axis {
	case int64(0):
		if _, err := c.constant(0, t, 2); err != nil {
			return operand{}, nil, err
		}
		if o := c.in[1]; !o.vector || o.typ != Int64 && o.typ != Int32 {
			return operand{}, nil, fmt.Errorf("indices %v: want int64[N] or int32[N]", o)
		}
		return byType(c, t, gatherRows[float32], gatherRows[float64], gatherRows[int64], gatherRows[int32], gatherRows[uint32], gatherRows[bool], gatherRows[[]byte])
	case int64(1):
		if err := c.matrix(0); err != nil {
			return operand{}, nil, err
		}
		if _, err := c.constant(1, Int64, 1); err != nil {
			return operand{}, nil, err
		}
		for _, i := range c.in[1].konst.Int64s {
			if i < 0 || i >= int64(c.in[0].width) {
				return operand{}, nil, fmt.Errorf("index %d is not a column of %v", i, c.in[0])
			}
		}
		return byType(c, t, gatherColumns[float32], gatherColumns[float64], gatherColumns[int64], gatherColumns[int32], gatherColumns[uint32], gatherColumns[bool], gatherColumns[[]byte])
	}
	return operand{}, nil, fmt.Errorf("attribute axis: want 0 or 1, have %v", axis)
}

func gatherRows[T any](c *compiler) (operand, exec, error) {
	k := c.in[0].konst
	table, rows, w := *slice[T](&k.Tensor), k.Shape[0], k.Shape[1]
	code := c.in[1]
	o, err := c.out(k.Type, w)
	if err != nil {
		return operand{}, nil, err
	}
	return o, func(s *state, n int) error {
		dst := get[T](s, o.slot)[:n*w]
		if code.typ == Int32 {
			return gather(dst, table, rows, w, get[int32](s, code.slot)[:n], s.row)
		}
		return gather(dst, table, rows, w, get[int64](s, code.slot)[:n], s.row)
	}, nil
}

// gather copies table[codes[i]] to row i. A negative code counts from the end, as ONNX has it.
func gather[T any, I int32 | int64](dst, table []T, rows, w int, codes []I, first int) error {
	for i, x := range codes {
		j := int64(x)
		if j < 0 {
			j += int64(rows)
		}
		if j < 0 || j >= int64(rows) {
			return fmt.Errorf("row %d: index %d is not a row of the table of %d", first+i, x, rows)
		}
		if w == 1 {
			dst[i] = table[j]
		} else {
			copy(dst[i*w:(i+1)*w], table[int(j)*w:])
		}
	}
	return nil
}

func gatherColumns[T any](c *compiler) (operand, exec, error) {
	in, cols := c.in[0], c.in[1].konst.Int64s
	w := len(cols)
	o, err := c.out(in.typ, w)
	if err != nil {
		return operand{}, nil, err
	}
	return o, func(s *state, n int) error {
		dst, src := get[T](s, o.slot)[:n*w], get[T](s, in.slot)[:n*in.width]
		for i := range n {
			for j, k := range cols {
				dst[i*w+j] = src[i*in.width+int(k)]
			}
		}
		return nil
	}, nil
}

func buildLabelEncoder(c *compiler) (operand, exec, error) {
	if err := c.sameType(1, String, Int64); err != nil {
		return operand{}, nil, err
	}
	def, _ := c.attr("default_int64")
	other, ok := def.(int64)
	if !ok {
		return operand{}, nil, errors.New("attribute default_int64: want an integer")
	}
	v, _ := c.attr("values_int64s")
	values, ok := v.([]int64)
	if !ok {
		return operand{}, nil, errors.New("attribute values_int64s: want integers")
	}
	if c.in[0].typ == Int64 {
		v, _ := c.attr("keys_int64s")
		keys, _ := v.([]int64)
		m, err := encoding(keys, values)
		if err != nil {
			return operand{}, nil, err
		}
		return ofOne(c, Int64, func(dst, a []int64) {
			for i, x := range a {
				if y, ok := m[x]; ok {
					dst[i] = y
				} else {
					dst[i] = other
				}
			}
		})
	}
	v, _ = c.attr("keys_strings")
	keys, _ := v.([]string)
	m, err := encoding(keys, values)
	if err != nil {
		return operand{}, nil, err
	}
	return ofOne(c, Int64, func(dst []int64, a [][]byte) {
		for i, x := range a {
			if y, ok := m[string(x)]; ok {
				dst[i] = y
			} else {
				dst[i] = other
			}
		}
	})
}

func encoding[K comparable](keys []K, values []int64) (map[K]int64, error) {
	if len(keys) == 0 || len(keys) != len(values) {
		return nil, fmt.Errorf("want as many keys as values and at least one, have %d and %d", len(keys), len(values))
	}
	m := make(map[K]int64, len(keys))
	for i, k := range keys {
		if _, ok := m[k]; ok {
			return nil, fmt.Errorf("key %v stands there twice", k)
		}
		m[k] = values[i]
	}
	return m, nil
}

func buildMurmurHash3(c *compiler) (operand, exec, error) {
	if err := c.sameType(1, String, Int64, Int32, UInt32, Float, Double); err != nil {
		return operand{}, nil, err
	}
	p, _ := c.attr("positive")
	sd, _ := c.attr("seed")
	seed, ok := sd.(int64)
	if !ok || seed < 0 || seed > math.MaxUint32 {
		return operand{}, nil, fmt.Errorf("attribute seed: want an integer of 32 bits, have %v", sd)
	}
	switch p {
	case int64(0):
		return murmur[int32](c, Int32, uint32(seed))
	case int64(1):
		return murmur[uint32](c, UInt32, uint32(seed))
	}
	return operand{}, nil, fmt.Errorf("attribute positive: want 0 or 1, have %v", p)
}

func murmur[R int32 | uint32](c *compiler, out DType, seed uint32) (operand, exec, error) {
	switch c.in[0].typ {
	case Int64:
		return ofOne(c, out, func(dst []R, a []int64) {
			for i, x := range a {
				dst[i] = R(Murmur3Int64(x, seed))
			}
		})
	case Double:
		return ofOne(c, out, func(dst []R, a []float64) {
			for i, x := range a {
				dst[i] = R(Murmur3Float64(x, seed))
			}
		})
	case Int32:
		return ofOne(c, out, func(dst []R, a []int32) {
			for i, x := range a {
				dst[i] = R(murmur4(uint32(x), seed))
			}
		})
	case UInt32:
		return ofOne(c, out, func(dst []R, a []uint32) {
			for i, x := range a {
				dst[i] = R(murmur4(x, seed))
			}
		})
	case Float:
		return ofOne(c, out, func(dst []R, a []float32) {
			for i, x := range a {
				dst[i] = R(murmur4(math.Float32bits(x), seed))
			}
		})
	}
	return ofOne(c, out, func(dst []R, a [][]byte) {
		for i, x := range a {
			dst[i] = R(Murmur3(x, seed))
		}
	})
}

func murmur4(x, seed uint32) uint32 {
	return Murmur3([]byte{byte(x), byte(x >> 8), byte(x >> 16), byte(x >> 24)}, seed)
}
