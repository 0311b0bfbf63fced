package expr

import (
	"fmt"
	"math"
	"math/bits"

	"howdah/internal/kernel"
	"howdah/internal/table"
)

// node is one operation of a checked expression.
type node interface {
	typ() typ
	// eval computes the rows of a batch. Rows outside active (nil: all are in) may get any value and raise no error.
	eval(e *batchEnv, active table.Bitmap) (vec, error)
	canFail() bool // some row's values can make eval fail
	bounds(s *statistics) bound
}

// rowError is an error about a row's values.
func rowError(e *batchEnv, i int, format string, args ...any) error {
	if e.b == nil {
		return fmt.Errorf(format, args...)
	}
	return fmt.Errorf("%s: row %d: %s", e.b.Shard, e.b.RowNumber(i), fmt.Sprintf(format, args...))
}

// constNode is a literal or a folded expression.
type constNode struct {
	v vec
	t typ
}

func (c *constNode) typ() typ                                  { return c.t }
func (c *constNode) canFail() bool                             { return false }
func (c *constNode) eval(*batchEnv, table.Bitmap) (vec, error) { return c.v, nil }

func (c *constNode) null() bool { return c.v.constNull() }

// floatNode turns integers into doubles.
type floatNode struct{ x node }

func (f *floatNode) typ() typ      { return typ{kind: kindFloat} }
func (f *floatNode) canFail() bool { return f.x.canFail() }
func (f *floatNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	v, err := f.x.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	return toFloat(v, e), nil
}

// intNode turns doubles into integers, towards zero.
type intNode struct{ x node }

func (n *intNode) typ() typ      { return typ{kind: kindInt} }
func (n *intNode) canFail() bool { return true }
func (n *intNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	v, err := n.x.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	v = v.expand(e.n, e.a)
	out := e.a.Int64s(e.n)
	for i, x := range v.floats {
		out[i] = 0
		if t := math.Trunc(x); t >= -1<<63 && t < 1<<63 {
			out[i] = int64(t)
		} else if v.valid.Get(i) && active.Get(i) {
			return vec{}, rowError(e, i, "int(%v) is out of the range of integers", x)
		}
	}
	return vec{ints: out, valid: v.valid}, nil
}

// arithNode is + - * / % ** on two numbers of one kind, and on the ticks of dates.
type arithNode struct {
	op   string
	l, r node
	t    typ
}

func (a *arithNode) typ() typ      { return a.t }
func (a *arithNode) canFail() bool { return a.t.kind != kindFloat || a.l.canFail() || a.r.canFail() }

func (a *arithNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	x, err := a.l.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	y, err := a.r.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	valid := both(x, y, e.n, e.a)
	x, y = x.expand(e.n, e.a), y.expand(e.n, e.a)
	if a.t.kind == kindFloat {
		out := e.a.Float64s(e.n)
		floatArith(a.op, out, x.floats, y.floats)
		return vec{floats: out, valid: withoutNaN(out, valid, e.a)}, nil
	}
	out := e.a.Int64s(e.n)
	for i, p := range x.ints {
		q := y.ints[i]
		v, ok := intArith(a.op, p, q)
		if !ok && valid.Get(i) && active.Get(i) {
			if a.op == "%" {
				return vec{}, rowError(e, i, "%d %% 0 has no value", p)
			}
			return vec{}, rowError(e, i, "%d %s %d is out of the range of integers", p, a.op, q)
		}
		out[i] = v
	}
	return vec{ints: out, valid: valid}, nil
}

func floatArith(op string, out, x, y []float64) {
	y, out = y[:len(x)], out[:len(x)]
	switch op {
	case "+":
		for i, p := range x {
			out[i] = p + y[i]
		}
	case "-":
		for i, p := range x {
			out[i] = p - y[i]
		}
	case "*":
		for i, p := range x {
			out[i] = p * y[i]
		}
	case "/":
		for i, p := range x {
			out[i] = p / y[i]
		}
	default:
		for i, p := range x {
			out[i] = power(p, y[i])
		}
	}
}

// power is x^y as math.Pow has it, but for one thing: the root in a broken power is taken by the kernels, since math.Exp and
// math.Log do not promise the same bits on every machine.
func power(x, y float64) float64 {
	whole, part := math.Modf(y)
	if part-part != 0 || part == 0 || y == 0.5 || y == -0.5 || !(x > 0) || math.IsInf(x, 1) {
		return math.Pow(x, y)
	}
	return math.Pow(x, whole) * kernel.ExpFloat64(float64(part*kernel.LogFloat64(x)))
}

func intArith(op string, p, q int64) (int64, bool) {
	switch op {
	case "+":
		s := p + q
		return s, (s^p)&(s^q) >= 0
	case "-":
		s := p - q
		return s, (p^q)&(s^p) >= 0
	case "*":
		hi, lo := bits.Mul64(abs64(p), abs64(q))
		if (p < 0) != (q < 0) {
			return -int64(lo), hi == 0 && lo <= 1<<63
		}
		return int64(lo), hi == 0 && lo < 1<<63
	}
	if q == 0 {
		return 0, false
	}
	return p % q, true // of the dividend's sign; MinInt64 % -1 is 0 in Go
}

func abs64(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// sinceNode is the difference of two timestamps of one unit, in seconds.
type sinceNode struct {
	l, r node
	unit table.Unit
}

func (s *sinceNode) typ() typ      { return typ{kind: kindFloat} }
func (s *sinceNode) canFail() bool { return s.l.canFail() || s.r.canFail() }
func (s *sinceNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	x, err := s.l.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	y, err := s.r.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	valid := both(x, y, e.n, e.a)
	x, y = x.expand(e.n, e.a), y.expand(e.n, e.a)
	out := e.a.Float64s(e.n)
	for i, p := range x.ints {
		out[i] = seconds(p, y.ints[i], s.unit)
	}
	return vec{floats: out, valid: valid}, nil
}

// seconds is (p - q) / unit; the difference is exact where it fits 64 bits.
func seconds(p, q int64, unit table.Unit) float64 {
	if d, ok := intArith("-", p, q); ok {
		return float64(d) / float64(unit)
	}
	return (float64(p) - float64(q)) / float64(unit)
}

// negNode is the unary minus.
type negNode struct{ x node }

func (n *negNode) typ() typ      { return n.x.typ() }
func (n *negNode) canFail() bool { return n.x.typ().kind == kindInt || n.x.canFail() }
func (n *negNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	v, err := n.x.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	v = v.expand(e.n, e.a)
	if v.floats != nil {
		out := e.a.Float64s(e.n)
		for i, x := range v.floats {
			out[i] = -x
		}
		return vec{floats: out, valid: v.valid}, nil
	}
	out := e.a.Int64s(e.n)
	for i, x := range v.ints {
		out[i] = -x
		if x == math.MinInt64 && v.valid.Get(i) && active.Get(i) {
			return vec{}, rowError(e, i, "-(%d) is out of the range of integers", x)
		}
	}
	return vec{ints: out, valid: v.valid}, nil
}

// roundNode is abs, floor, ceil or round; all but abs give doubles. round goes away from zero at halves.
type roundNode struct {
	fn string
	x  node
}

func (r *roundNode) typ() typ      { return r.x.typ() }
func (r *roundNode) canFail() bool { return r.x.typ().kind == kindInt || r.x.canFail() }
func (r *roundNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	v, err := r.x.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	v = v.expand(e.n, e.a)
	if v.ints != nil {
		out := e.a.Int64s(e.n)
		for i, x := range v.ints {
			if out[i] = x; x < 0 {
				if out[i] = -x; x == math.MinInt64 && v.valid.Get(i) && active.Get(i) {
					return vec{}, rowError(e, i, "abs(%d) is out of the range of integers", x)
				}
			}
		}
		return vec{ints: out, valid: v.valid}, nil
	}
	f := roundings[r.fn]
	out := e.a.Float64s(e.n)
	for i, x := range v.floats {
		out[i] = f(x)
	}
	return vec{floats: out, valid: v.valid}, nil
}

var roundings = map[string]func(float64) float64{"abs": math.Abs, "floor": math.Floor, "ceil": math.Ceil, "round": math.Round}

// extremeNode is min or max of numbers of one kind.
type extremeNode struct {
	greatest bool
	args     []node
	t        typ
}

func (m *extremeNode) typ() typ      { return m.t }
func (m *extremeNode) canFail() bool { return anyCanFail(m.args) }
func (m *extremeNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	var acc vec
	for k, arg := range m.args {
		v, err := arg.eval(e, active)
		if err != nil {
			return vec{}, err
		}
		if k == 0 {
			acc = v.expand(e.n, e.a)
			continue
		}
		valid := both(acc, v, e.n, e.a)
		v = v.expand(e.n, e.a)
		out := vec{valid: valid}
		if m.t.kind == kindFloat {
			out.floats = e.a.Float64s(e.n)
			extremes(m.greatest, out.floats, acc.floats, v.floats)
		} else {
			out.ints = e.a.Int64s(e.n)
			extremes(m.greatest, out.ints, acc.ints, v.ints)
		}
		acc = out
	}
	return acc, nil
}

func extremes[T int64 | float64](greatest bool, dst, x, y []T) {
	for i, p := range x {
		if greatest {
			dst[i] = max(p, y[i])
		} else {
			dst[i] = min(p, y[i])
		}
	}
}

func anyCanFail(args []node) bool {
	for _, a := range args {
		if a.canFail() {
			return true
		}
	}
	return false
}

// lenNode is the number of characters of a text.
type lenNode struct{ x node }

func (l *lenNode) typ() typ      { return typ{kind: kindInt} }
func (l *lenNode) canFail() bool { return l.x.canFail() }
func (l *lenNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	v, err := l.x.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	v = v.expand(e.n, e.a)
	out := e.a.Int64s(e.n)
	clear(out)
	eachText(v, e, e.a.Int64s(min(v.strs.Len(), e.n)), out, runeCount)
	return vec{ints: out, valid: v.valid}, nil
}

// textNode makes a text of a text: lower, upper, trim and the like.
type textNode struct {
	f func(dst, s []byte) []byte
	x node
}

func (t *textNode) typ() typ      { return typ{kind: kindString} }
func (t *textNode) canFail() bool { return t.x.canFail() }
func (t *textNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	v, err := t.x.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	return mapText(v.expand(e.n, e.a), e, t.f), nil
}

// joinNode is + of two texts.
type joinNode struct{ l, r node }

func (j *joinNode) typ() typ      { return typ{kind: kindString} }
func (j *joinNode) canFail() bool { return j.l.canFail() || j.r.canFail() }
func (j *joinNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	x, err := j.l.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	y, err := j.r.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	valid := both(x, y, e.n, e.a)
	return buildText(e, valid, func(dst []byte, i int) []byte { return append(append(dst, x.text(i)...), y.text(i)...) }), nil
}

// buildText makes a text for each row that has one.
func buildText(e *batchEnv, valid table.Bitmap, f func(dst []byte, i int) []byte) vec {
	s := &table.Strings{Bytes: e.a.Bytes(16 * e.n)[:0], Offsets: e.a.Uint32s(e.n + 1)}
	s.Offsets[0] = 0
	for i := range e.n {
		if valid.Get(i) {
			s.Bytes = f(s.Bytes, i)
		}
		s.Offsets[i+1] = uint32(len(s.Bytes))
	}
	return vec{strs: s, valid: valid}
}
