// Run evaluates a program block after block.

package onnx

import "fmt"

// state is the buffers of one Run: vals[i] is a *[]T for slot i.
type state struct {
	vals []any
	row  int // of the block's first row, for errors
}

// known reports whether t is an element type of this package.
func known(t DType) bool {
	switch t {
	case Float, Double, Int64, Int32, UInt32, Bool, String:
		return true
	}
	return false
}

// check compares a tensor's data with its type and shape.
func (t *Tensor) check() error {
	if !known(t.Type) {
		return fmt.Errorf("%v is not a type of tensors here", t.Type)
	}
	n := 1
	for _, d := range t.Shape {
		if d < 0 || d > 0 && n > (1<<40)/d {
			return fmt.Errorf("shape %s", dims(t.Shape))
		}
		n *= d
	}
	if have := t.Len(); have != n {
		return fmt.Errorf("%v%s has %d elements, want %d", t.Type, dims(t.Shape), have, n)
	}
	return nil
}

// Len is the number of elements.
func (t *Tensor) Len() int {
	switch t.Type {
	case Float:
		return len(t.Floats)
	case Double:
		return len(t.Doubles)
	case Int64:
		return len(t.Int64s)
	case Int32:
		return len(t.Int32s)
	case UInt32:
		return len(t.UInt32s)
	case Bool:
		return len(t.Bools)
	case String:
		return len(t.Strings)
	}
	return 0
}

// slice is the field that holds elements of type T.
func slice[T any](t *Tensor) *[]T {
	var p any
	switch any((*T)(nil)).(type) {
	case *float32:
		p = &t.Floats
	case *float64:
		p = &t.Doubles
	case *int64:
		p = &t.Int64s
	case *int32:
		p = &t.Int32s
	case *uint32:
		p = &t.UInt32s
	case *bool:
		p = &t.Bools
	case *[]byte:
		p = &t.Strings
	}
	return p.(*[]T)
}

// Inputs lists the columns that Run wants, each [N,1].
func (p *Program) Inputs() []Value {
	vs := make([]Value, len(p.inputs))
	for i, q := range p.inputs {
		vs[i] = q.Value
	}
	return vs
}

// Run evaluates the graph over the given number of rows and returns its outputs, each of shape [rows,Width], in memory of
// their own (but the bytes of strings, which are shared). in has a column of rows elements for each of Inputs; what else it
// holds is not looked at, and neither is Shape. Strings are UTF-8; a null is the empty string before it gets here. The answer for a row does
// not depend on the other rows. Errors name the input, or the node and the row.
func (p *Program) Run(in map[string]Tensor, rows int) (map[string]Tensor, error) {
	if rows < 0 {
		return nil, fmt.Errorf("%d rows", rows)
	}
	for _, q := range p.inputs {
		t, ok := in[q.Name]
		switch {
		case !ok:
			return nil, fmt.Errorf("input %q: no such column among those given", q.Name)
		case t.Type != q.Type:
			return nil, fmt.Errorf("input %q: want %v, have %v", q.Name, q.Type, t.Type)
		case t.Len() != rows:
			return nil, fmt.Errorf("input %q: want %d rows, have %d", q.Name, rows, t.Len())
		}
	}
	out := make(map[string]Tensor, len(p.outputs))
	for _, q := range p.outputs {
		out[q.Name] = newTensor(q.Type, rows, q.Width)
	}
	s, _ := p.pool.Get().(*state)
	if s == nil {
		s = p.newState()
	}
	for lo := 0; lo < rows; lo += p.block {
		hi := min(lo+p.block, rows)
		s.row = lo
		for _, q := range p.inputs {
			t := in[q.Name]
			s.bind(q.slot, &t, lo, hi)
		}
		for i := range p.steps {
			if err := p.steps[i].run(s, hi-lo); err != nil {
				return nil, fmt.Errorf("%s: %w", p.steps[i].name, err)
			}
		}
		for _, q := range p.outputs {
			t := out[q.Name]
			s.copyOut(q, &t, lo, hi)
		}
	}
	for _, q := range p.inputs {
		s.bind(q.slot, &Tensor{Type: q.Type}, 0, 0) // lets go of the caller's memory
	}
	p.pool.Put(s)
	return out, nil
}

func newTensor(t DType, rows, width int) Tensor {
	n := rows * width
	out := Tensor{Type: t, Shape: []int{rows, width}}
	switch t {
	case Float:
		out.Floats = make([]float32, n)
	case Double:
		out.Doubles = make([]float64, n)
	case Int64:
		out.Int64s = make([]int64, n)
	case Int32:
		out.Int32s = make([]int32, n)
	case UInt32:
		out.UInt32s = make([]uint32, n)
	case Bool:
		out.Bools = make([]bool, n)
	case String:
		out.Strings = make([][]byte, n)
	}
	return out
}

func (p *Program) newState() *state {
	s := &state{vals: make([]any, len(p.slots))}
	for i, sl := range p.slots {
		n := 0
		if !sl.borrowed {
			n = p.block * sl.width
		}
		switch sl.typ {
		case Float:
			s.vals[i] = newSlice[float32](n)
		case Double:
			s.vals[i] = newSlice[float64](n)
		case Int64:
			s.vals[i] = newSlice[int64](n)
		case Int32:
			s.vals[i] = newSlice[int32](n)
		case UInt32:
			s.vals[i] = newSlice[uint32](n)
		case Bool:
			s.vals[i] = newSlice[bool](n)
		case String:
			s.vals[i] = newSlice[[]byte](n)
		}
	}
	return s
}

func newSlice[T any](n int) *[]T {
	s := make([]T, n)
	return &s
}

// get is the buffer of a slot.
func get[T any](s *state, slot int) []T { return *(s.vals[slot].(*[]T)) }

// bind points a borrowed slot to rows lo to hi of the caller's column.
func (s *state) bind(slot int, t *Tensor, lo, hi int) {
	switch p := s.vals[slot].(type) {
	case *[]float32:
		*p = t.Floats[lo:hi]
	case *[]float64:
		*p = t.Doubles[lo:hi]
	case *[]int64:
		*p = t.Int64s[lo:hi]
	case *[]int32:
		*p = t.Int32s[lo:hi]
	case *[]uint32:
		*p = t.UInt32s[lo:hi]
	case *[]bool:
		*p = t.Bools[lo:hi]
	case *[][]byte:
		*p = t.Strings[lo:hi]
	}
}

func (s *state) copyOut(q port, t *Tensor, lo, hi int) {
	lo, hi = lo*q.Width, hi*q.Width
	switch p := s.vals[q.slot].(type) {
	case *[]float32:
		copy(t.Floats[lo:hi], *p)
	case *[]float64:
		copy(t.Doubles[lo:hi], *p)
	case *[]int64:
		copy(t.Int64s[lo:hi], *p)
	case *[]int32:
		copy(t.Int32s[lo:hi], *p)
	case *[]uint32:
		copy(t.UInt32s[lo:hi], *p)
	case *[]bool:
		copy(t.Bools[lo:hi], *p)
	case *[][]byte:
		copy(t.Strings[lo:hi], *p)
	}
}
