package expr

import (
	"bytes"
	"math"
)

// Statistics answers what a file knows of a column in a run of rows: bounds on its values (bool, int64, float32, float64,
// string or []byte; nil where unknown; they need not be attained), the number of nulls (negative: unknown) and the number
// of rows. NaNs need not be in bounds or nulls. ok is false where nothing is known.
type Statistics func(column string) (min, max any, nulls, rows int64, ok bool)

type statistics struct{ of Statistics }

// bound is what is known of an expression over a run of rows: whether some row may be missing or have a value, and
// between what the values lie. It is always on the safe side.
type bound struct {
	null, some bool
	t, f       bool // of truth values: may be true, may be false
	ilo, ihi   int64
	flo, fhi   float64
	slo, shi   []byte
	open       bool // shi is infinite
}

// anything is a bound that says nothing.
func anything() bound {
	return bound{null: true, some: true, t: true, f: true, ilo: math.MinInt64, ihi: math.MaxInt64,
		flo: math.Inf(-1), fhi: math.Inf(1), open: true}
}

// nothing is a bound of no rows at all, the identity of join.
func nothing() bound {
	return bound{ilo: math.MaxInt64, ihi: math.MinInt64, flo: math.Inf(1), fhi: math.Inf(-1)}
}

func (b bound) join(c bound) bound {
	switch {
	case !b.some:
		c.null = c.null || b.null
		return c
	case !c.some:
		b.null = b.null || c.null
		return b
	}
	out := bound{null: b.null || c.null, some: true, t: b.t || c.t, f: b.f || c.f,
		ilo: min(b.ilo, c.ilo), ihi: max(b.ihi, c.ihi), flo: min(b.flo, c.flo), fhi: max(b.fhi, c.fhi),
		slo: b.slo, shi: b.shi, open: b.open || c.open}
	if bytes.Compare(c.slo, out.slo) < 0 {
		out.slo = c.slo
	}
	if bytes.Compare(c.shi, out.shi) > 0 {
		out.shi = c.shi
	}
	return out
}

// truth is the bound of a condition.
func truth(t, f, null bool) bound {
	b := anything()
	b.t, b.f, b.null, b.some = t, f, null, t || f
	return b
}

// Prune reports that no row of a run can make the condition true, so that the run need not be read. It errs only towards
// reading. Errors of evaluation that pruned rows would raise are not raised.
func (p *Program) Prune(stats Statistics) bool {
	if p.root.typ().kind != kindBool || stats == nil {
		return false
	}
	b := p.root.bounds(&statistics{stats})
	return !(b.some && b.t)
}

func (c *columnNode) bounds(s *statistics) bound {
	b := anything()
	lo, hi, nulls, rows, ok := s.of(c.name)
	if !ok {
		return b
	}
	if nulls >= 0 && rows > 0 {
		b.null = nulls > 0
		b.some = nulls < rows
	}
	switch c.t.kind {
	case kindBool:
		x, okLo := lo.(bool)
		y, okHi := hi.(bool)
		if okLo && okHi && (y || !x) {
			b.f, b.t = !x, y
		}
	case kindFloat:
		b.null = true // NaN
		if x, ok := asFloat(lo); ok {
			b.flo = x
		}
		if x, ok := asFloat(hi); ok {
			b.fhi = x
		}
		if math.IsNaN(b.flo) || math.IsNaN(b.fhi) || b.flo > b.fhi {
			b.flo, b.fhi = math.Inf(-1), math.Inf(1)
		}
	case kindString:
		if x, ok := asBytes(lo); ok {
			b.slo = x
		}
		if x, ok := asBytes(hi); ok {
			b.shi, b.open = x, false
			if len(x) == 0 { // all are empty, which is missing
				b.some = false
			}
			if bytes.Compare(b.slo, b.shi) > 0 {
				b.slo, b.open = nil, true
			}
		}
		b.null = b.null || len(b.slo) == 0
	default:
		if x, ok := lo.(int64); ok {
			b.ilo = x
		}
		if x, ok := hi.(int64); ok {
			b.ihi = x
		}
		if b.ilo > b.ihi {
			b.ilo, b.ihi = math.MinInt64, math.MaxInt64
		}
	}
	return b
}

func asFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case int64:
		return float64(v), true
	}
	return 0, false
}

func asBytes(v any) ([]byte, bool) {
	switch v := v.(type) {
	case string:
		return []byte(v), true
	case []byte:
		return v, true
	}
	return nil, false
}

func (c *constNode) bounds(*statistics) bound { return constBound(c.v) }

func constBound(v vec) bound {
	b := anything()
	if v.constNull() {
		b.some = false
		return b
	}
	b.null = false
	switch {
	case v.bools != nil:
		b.t, b.f = v.bools[0], !v.bools[0]
	case v.floats != nil:
		b.flo, b.fhi = v.floats[0], v.floats[0]
	case v.strs != nil:
		b.slo, b.shi, b.open = v.strs.At(0), v.strs.At(0), false
	default:
		b.ilo, b.ihi = v.ints[0], v.ints[0]
	}
	return b
}

func (f *floatNode) bounds(s *statistics) bound {
	b := f.x.bounds(s)
	b.flo, b.fhi = float64(b.ilo), float64(b.ihi) // rounding keeps the order
	return b
}

func (n *intNode) bounds(s *statistics) bound {
	x := n.x.bounds(s)
	b := anything()
	b.null, b.some = x.null, x.some
	if t := math.Trunc(x.flo); t >= -1<<63 && t < 1<<63 {
		b.ilo = int64(t)
	}
	if t := math.Trunc(x.fhi); t >= -1<<63 && t < 1<<63 {
		b.ihi = int64(t)
	}
	return b
}

func (a *arithNode) bounds(s *statistics) bound {
	x, y := a.l.bounds(s), a.r.bounds(s)
	b := anything()
	b.null, b.some = x.null || y.null, x.some && y.some
	if a.t.kind == kindFloat {
		b.null = true // Inf - Inf, 0 * Inf, 0/0
		switch {
		case a.op == "/" && y.flo <= 0 && y.fhi >= 0, a.op == "**":
			return b
		}
		// Rounded + - * / are monotone in each argument, so that the corners bound them.
		lo, hi := math.Inf(1), math.Inf(-1)
		var out [1]float64
		for _, p := range [2]float64{x.flo, x.fhi} {
			for _, q := range [2]float64{y.flo, y.fhi} {
				floatArith(a.op, out[:], []float64{p}, []float64{q})
				if math.IsNaN(out[0]) {
					return b
				}
				lo, hi = min(lo, out[0]), max(hi, out[0])
			}
		}
		if a.op == "*" && (math.IsInf(x.flo, 0) || math.IsInf(x.fhi, 0) || math.IsInf(y.flo, 0) || math.IsInf(y.fhi, 0)) {
			return b
		}
		b.flo, b.fhi = lo, hi
		return b
	}
	if a.op == "%" {
		if y.ilo > 0 && x.ilo >= 0 {
			b.ilo, b.ihi = 0, min(x.ihi, y.ihi-1)
		}
		return b
	}
	lo, hi := int64(math.MaxInt64), int64(math.MinInt64)
	for _, p := range [2]int64{x.ilo, x.ihi} {
		for _, q := range [2]int64{y.ilo, y.ihi} {
			v, ok := intArith(a.op, p, q)
			if !ok {
				return b
			}
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	b.ilo, b.ihi = lo, hi
	return b
}

func (s *sinceNode) bounds(st *statistics) bound {
	x, y := s.l.bounds(st), s.r.bounds(st)
	b := anything()
	b.null, b.some = x.null || y.null, x.some && y.some
	if _, ok := intArith("-", x.ilo, y.ihi); !ok {
		return b
	}
	if _, ok := intArith("-", x.ihi, y.ilo); !ok {
		return b
	}
	b.flo, b.fhi = seconds(x.ilo, y.ihi, s.unit), seconds(x.ihi, y.ilo, s.unit)
	return b
}

func (n *negNode) bounds(s *statistics) bound {
	x := n.x.bounds(s)
	b := x
	b.flo, b.fhi = -x.fhi, -x.flo
	b.ilo, b.ihi = math.MinInt64, math.MaxInt64
	if x.ilo > math.MinInt64 {
		b.ihi = -x.ilo
	}
	if x.ihi > math.MinInt64 {
		b.ilo = -x.ihi
	}
	return b
}

func (r *roundNode) bounds(s *statistics) bound {
	b := r.x.bounds(s)
	if r.fn != "abs" {
		f := roundings[r.fn]
		b.flo, b.fhi = f(b.flo), f(b.fhi)
		return b
	}
	lo, hi := math.Abs(b.flo), math.Abs(b.fhi)
	if b.flo <= 0 && b.fhi >= 0 {
		b.flo, b.fhi = 0, max(lo, hi)
	} else {
		b.flo, b.fhi = min(lo, hi), max(lo, hi)
	}
	if b.ilo < 0 {
		if b.ilo == math.MinInt64 {
			b.ilo, b.ihi = 0, math.MaxInt64
		} else if b.ihi <= 0 {
			b.ilo, b.ihi = -b.ihi, -b.ilo
		} else {
			b.ilo, b.ihi = 0, max(-b.ilo, b.ihi)
		}
	}
	return b
}

func (m *extremeNode) bounds(s *statistics) bound {
	b := m.args[0].bounds(s)
	for _, a := range m.args[1:] {
		x := a.bounds(s)
		b.null, b.some = b.null || x.null, b.some && x.some
		if m.greatest {
			b.ilo, b.ihi, b.flo, b.fhi = max(b.ilo, x.ilo), max(b.ihi, x.ihi), max(b.flo, x.flo), max(b.fhi, x.fhi)
		} else {
			b.ilo, b.ihi, b.flo, b.fhi = min(b.ilo, x.ilo), min(b.ihi, x.ihi), min(b.flo, x.flo), min(b.fhi, x.fhi)
		}
	}
	return b
}

func (l *lenNode) bounds(s *statistics) bound {
	x := l.x.bounds(s)
	b := anything()
	b.null, b.some, b.ilo = x.null, x.some, 0
	return b
}

func (t *textNode) bounds(s *statistics) bound {
	b := anything()
	b.some = t.x.bounds(s).some
	return b
}

func (j *joinNode) bounds(s *statistics) bound {
	x, y := j.l.bounds(s), j.r.bounds(s)
	b := anything()
	b.null, b.some = x.null || y.null, x.some && y.some
	return b
}

func (c *compareNode) bounds(s *statistics) bound {
	x, y := c.l.bounds(s), c.r.bounds(s)
	null := x.null || y.null
	if !x.some || !y.some {
		return truth(false, false, true)
	}
	var less, equal, greater bool // which orders may occur
	lt, rt := c.l.typ(), c.r.typ()
	switch {
	case lt.kind == kindBool:
		equal = x.t && y.t || x.f && y.f
		less = x.t && y.f || x.f && y.t
	case lt.kind == kindFloat:
		less, greater = x.flo < y.fhi, x.fhi > y.flo
		equal = x.flo <= y.fhi && y.flo <= x.fhi
	case lt.kind == kindString:
		less = y.open || bytes.Compare(x.slo, y.shi) < 0
		greater = x.open || bytes.Compare(x.shi, y.slo) > 0
		equal = (y.open || bytes.Compare(x.slo, y.shi) <= 0) && (x.open || bytes.Compare(y.slo, x.shi) <= 0)
	case lt.temporal():
		p, q := lt.perDay(), rt.perDay()
		less, greater = compareTicks(x.ilo, p, y.ihi, q) < 0, compareTicks(x.ihi, p, y.ilo, q) > 0
		equal = compareTicks(x.ilo, p, y.ihi, q) <= 0 && compareTicks(x.ihi, p, y.ilo, q) >= 0
	default:
		less, greater = x.ilo < y.ihi, x.ihi > y.ilo
		equal = x.ilo <= y.ihi && y.ilo <= x.ihi
	}
	may := func(want bool) bool {
		return less && holds(c.op, -1) == want || equal && holds(c.op, 0) == want || greater && holds(c.op, 1) == want
	}
	return truth(may(true), may(false), null)
}

func (n *nilNode) bounds(s *statistics) bound {
	x := n.x.bounds(s)
	if n.not {
		return truth(x.some, x.null, false)
	}
	return truth(x.null, x.some, false)
}

func (n *notNode) bounds(s *statistics) bound {
	x := n.x.bounds(s)
	return truth(x.some && x.f, x.some && x.t, x.null)
}

func (a *andNode) bounds(s *statistics) bound {
	x, y := a.l.bounds(s), a.r.bounds(s)
	xt, xf, yt, yf := x.some && x.t, x.some && x.f, y.some && y.t, y.some && y.f
	if a.or {
		return truth(xt || yt, xf && yf, x.null && (y.null || yf) || y.null && xf)
	}
	return truth(xt && yt, xf || yf, x.null && (y.null || yt) || y.null && xt)
}

func (c *condNode) bounds(s *statistics) bound {
	x, y := c.x.bounds(s), c.y.bounds(s)
	if c.c == nil {
		null := x.null
		x.null = false
		if !null {
			return x
		}
		return x.join(y)
	}
	k := c.c.bounds(s)
	out := nothing()
	if k.some && k.t {
		out = out.join(x)
	}
	if k.some && k.f {
		out = out.join(y)
	}
	out.null = out.null || k.null
	return out
}

func (n *inNode) bounds(s *statistics) bound {
	x := n.x.bounds(s)
	t := n.null && x.null
	if x.some {
		for _, e := range n.list {
			t = t || n.near(x, e)
		}
	}
	return truth(t, x.some || t, x.null && !n.null)
}

// near reports whether an element of the list lies within the bounds.
func (n *inNode) near(x, e bound) bool {
	switch n.x.typ().kind {
	case kindBool:
		return x.t && e.t || x.f && e.f
	case kindFloat:
		return x.flo <= e.flo && e.flo <= x.fhi
	case kindString:
		return bytes.Compare(x.slo, e.slo) <= 0 && (x.open || bytes.Compare(e.slo, x.shi) <= 0)
	}
	return x.ilo <= e.ihi && e.ilo <= x.ihi
}

func (t *testNode) bounds(s *statistics) bound {
	x := t.x.bounds(s)
	null, some := x.null, x.some
	if t.y != nil {
		y := t.y.bounds(s)
		null, some = null || y.null, some && y.some
	}
	may := some
	if t.op == "startsWith" && t.text != nil && some {
		// Texts with the prefix lie from the prefix to the end of those that begin with it.
		before := !x.open && bytes.Compare(x.shi, t.text) < 0
		after := bytes.Compare(x.slo, t.text) > 0 && !bytes.HasPrefix(x.slo, t.text)
		may = !before && !after
	}
	return truth(may, some, null)
}
