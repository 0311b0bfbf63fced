// Cast: the conversions between element types that mean the same everywhere.

package onnx

import (
	"fmt"
	"strconv"
)

func buildCast(c *compiler) (operand, exec, error) {
	if err := c.operands(1); err != nil {
		return operand{}, nil, err
	}
	v, _ := c.attr("to")
	to, ok := v.(int64)
	if !ok {
		return operand{}, nil, fmt.Errorf("attribute to: want a type's number, have %v", v)
	}
	t := DType(to)
	if int64(t) != to {
		return operand{}, nil, fmt.Errorf("attribute to: no type has the number %d", to)
	}
	switch c.in[0].typ {
	case Float:
		return castFloat[float32](c, t)
	case Double:
		return castFloat[float64](c, t)
	case Int64:
		if t == String {
			return ofOne(c, String, func(dst [][]byte, a []int64) {
				for i, x := range a {
					dst[i] = strconv.AppendInt(nil, x, 10)
				}
			})
		}
		return castInteger[int64](c, t)
	case Int32:
		return castInteger[int32](c, t)
	case UInt32:
		return castInteger[uint32](c, t)
	case Bool:
		return castBool(c, t)
	}
	return c.noCast(t)
}

func (c *compiler) noCast(t DType) (operand, exec, error) {
	return operand{}, nil, fmt.Errorf("operand %v cannot be cast to %v", c.in[0], t)
}

func convert[R, T signed | uint32](dst []R, a []T) {
	for i, x := range a {
		dst[i] = R(x)
	}
}

func nonZero[T signed | uint32](dst []bool, a []T) {
	for i, x := range a {
		dst[i] = x != 0
	}
}

func castFloat[T floating](c *compiler, t DType) (operand, exec, error) {
	switch t {
	case Float:
		return ofOne(c, t, convert[float32, T])
	case Double:
		return ofOne(c, t, convert[float64, T])
	case Int64:
		return ofOne(c, t, func(dst []int64, a []T) {
			for i, x := range a {
				dst[i] = ToInt64(float64(x))
			}
		})
	case Int32:
		return ofOne(c, t, func(dst []int32, a []T) {
			for i, x := range a {
				dst[i] = ToInt32(float64(x))
			}
		})
	case Bool:
		return ofOne(c, t, nonZero[T])
	}
	return c.noCast(t)
}

func castInteger[T integer](c *compiler, t DType) (operand, exec, error) {
	switch t {
	case Float:
		return ofOne(c, t, convert[float32, T])
	case Double:
		return ofOne(c, t, convert[float64, T])
	case Int64:
		return ofOne(c, t, convert[int64, T])
	case Int32:
		return ofOne(c, t, convert[int32, T])
	case UInt32:
		return ofOne(c, t, convert[uint32, T])
	case Bool:
		return ofOne(c, t, nonZero[T])
	}
	return c.noCast(t)
}

func castBool(c *compiler, t DType) (operand, exec, error) {
	switch t {
	case Float:
		return ofOne(c, t, zeroOne[float32])
	case Double:
		return ofOne(c, t, zeroOne[float64])
	case Int64:
		return ofOne(c, t, zeroOne[int64])
	case Int32:
		return ofOne(c, t, zeroOne[int32])
	}
	return c.noCast(t)
}

func zeroOne[R signed](dst []R, a []bool) {
	for i, x := range a {
		dst[i] = 0
		if x {
			dst[i] = 1
		}
	}
}
