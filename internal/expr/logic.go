package expr

import (
	"bytes"
	"cmp"

	"howdah/internal/table"
)

// compareNode compares two values of one kind; temporal ones may have different units.
type compareNode struct {
	op   string // == != < <= > >=
	l, r node
}

func (c *compareNode) typ() typ      { return typ{kind: kindBool} }
func (c *compareNode) canFail() bool { return c.l.canFail() || c.r.canFail() }
func (c *compareNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	x, err := c.l.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	y, err := c.r.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	out := vec{valid: both(x, y, e.n, e.a)}
	lt, rt := c.l.typ(), c.r.typ()
	switch {
	case lt.kind == kindString && y.isConst && !x.isConst:
		s := y.text(0)
		out.bools = eachTextBool(x, e, func(t []byte) bool { return holds(c.op, bytes.Compare(t, s)) }).bools
	case lt.kind == kindString:
		out.bools = e.a.Bools(e.n)
		for i := range out.bools {
			out.bools[i] = out.valid.Get(i) && holds(c.op, compareTexts(x, y, i))
		}
	case lt.kind == kindBool:
		x, y = x.expand(e.n, e.a), y.expand(e.n, e.a)
		out.bools = e.a.Bools(e.n)
		for i, p := range x.bools {
			out.bools[i] = (p == y.bools[i]) == (c.op == "==")
		}
	case lt.kind == kindFloat:
		out.bools = compareNumbers(c.op, x, y, x.floats, y.floats, e)
	case lt != rt && lt.perDay() != rt.perDay():
		x, y = x.expand(e.n, e.a), y.expand(e.n, e.a)
		out.bools = e.a.Bools(e.n)
		for i, p := range x.ints {
			out.bools[i] = holds(c.op, compareTicks(p, lt.perDay(), y.ints[i], rt.perDay()))
		}
	default:
		out.bools = compareNumbers(c.op, x, y, x.ints, y.ints, e)
	}
	return out, nil
}

// holds says whether a comparison with the given sign is true.
func holds(op string, sign int) bool {
	switch op {
	case "==":
		return sign == 0
	case "!=":
		return sign != 0
	case "<":
		return sign < 0
	case "<=":
		return sign <= 0
	case ">":
		return sign > 0
	}
	return sign >= 0
}

// compareTicks compares times in different units: p of fine or coarse ticks a day, without overflow.
func compareTicks(p, perDayP, q, perDayQ int64) int {
	if perDayP > perDayQ {
		return -compareTicks(q, perDayQ, p, perDayP)
	}
	k := perDayQ / perDayP
	whole, rest := q/k, q%k
	if rest < 0 {
		whole, rest = whole-1, rest+k
	}
	if s := cmp.Compare(p, whole); s != 0 {
		return s
	}
	if rest > 0 {
		return -1
	}
	return 0
}

// compareNumbers compares xs, the values of x, with ys, those of y.
func compareNumbers[T int64 | float64](op string, x, y vec, xs, ys []T, e *batchEnv) []bool {
	dst := e.a.Bools(e.n)
	switch {
	case y.isConst && !x.isConst:
		compareConst(op, dst, xs, ys[0])
		return dst
	case x.isConst && !y.isConst:
		compareConst(flipped[op], dst, ys, xs[0])
		return dst
	case x.isConst:
		return fill(dst, holds(op, cmp.Compare(xs[0], ys[0])))
	}
	ys = ys[:len(xs)]
	switch op {
	case "==":
		for i, p := range xs {
			dst[i] = p == ys[i]
		}
	case "!=":
		for i, p := range xs {
			dst[i] = p != ys[i]
		}
	case "<":
		for i, p := range xs {
			dst[i] = p < ys[i]
		}
	case "<=":
		for i, p := range xs {
			dst[i] = p <= ys[i]
		}
	case ">":
		for i, p := range xs {
			dst[i] = p > ys[i]
		}
	default:
		for i, p := range xs {
			dst[i] = p >= ys[i]
		}
	}
	return dst
}

var flipped = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func compareConst[T int64 | float64](op string, dst []bool, xs []T, y T) {
	dst = dst[:len(xs)]
	switch op {
	case "==":
		for i, p := range xs {
			dst[i] = p == y
		}
	case "!=":
		for i, p := range xs {
			dst[i] = p != y
		}
	case "<":
		for i, p := range xs {
			dst[i] = p < y
		}
	case "<=":
		for i, p := range xs {
			dst[i] = p <= y
		}
	case ">":
		for i, p := range xs {
			dst[i] = p > y
		}
	default:
		for i, p := range xs {
			dst[i] = p >= y
		}
	}
}

// nilNode is x == nil, or x != nil.
type nilNode struct {
	x   node
	not bool
}

func (n *nilNode) typ() typ      { return typ{kind: kindBool} }
func (n *nilNode) canFail() bool { return n.x.canFail() }
func (n *nilNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	v, err := n.x.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	out := e.a.Bools(e.n)
	for i := range out {
		at := i
		if v.isConst {
			at = 0
		}
		out[i] = v.valid.Get(at) == n.not
	}
	return vec{bools: out}, nil
}

// notNode is the negation: of a missing value, missing.
type notNode struct{ x node }

func (n *notNode) typ() typ      { return typ{kind: kindBool} }
func (n *notNode) canFail() bool { return n.x.canFail() }
func (n *notNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	v, err := n.x.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	v = v.expand(e.n, e.a)
	out := e.a.Bools(e.n)
	for i, t := range v.bools {
		out[i] = !t
	}
	return vec{bools: out, valid: v.valid}, nil
}

// andNode is && (or || where or): Kleene's logic. A side that decides by itself decides also against a missing one.
type andNode struct {
	or   bool
	l, r node
}

func (a *andNode) typ() typ      { return typ{kind: kindBool} }
func (a *andNode) canFail() bool { return a.l.canFail() || a.r.canFail() }
func (a *andNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	x, err := a.l.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	x = x.expand(e.n, e.a)
	open := 0 // rows that the left side does not decide
	for i, t := range x.bools {
		if t != a.or || !x.valid.Get(i) {
			open++
		}
	}
	if open == 0 {
		return x, nil
	}
	if a.r.canFail() {
		active = own(active, e.n, e.a)
		for i, t := range x.bools {
			if t == a.or && x.valid.Get(i) {
				active.Clear(i)
			}
		}
	}
	y, err := a.r.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	y = y.expand(e.n, e.a)
	out := vec{bools: e.a.Bools(e.n)}
	if x.valid == nil && y.valid == nil {
		for i, t := range x.bools {
			if a.or {
				out.bools[i] = t || y.bools[i]
			} else {
				out.bools[i] = t && y.bools[i]
			}
		}
		return out, nil
	}
	out.valid = e.a.Bitmap(e.n)
	for i, t := range x.bools {
		u := y.bools[i]
		xv, yv := x.valid.Get(i), y.valid.Get(i)
		decided := xv && t == a.or || yv && u == a.or
		out.bools[i] = decided == a.or
		if decided || xv && yv {
			out.valid.Set(i)
		}
	}
	return out, nil
}

// condNode is c ? x : y of one type, and x ?? y where c is nil. A missing condition gives a missing result.
type condNode struct {
	c, x, y node
	t       typ
}

func (c *condNode) typ() typ { return c.t }
func (c *condNode) canFail() bool {
	return c.c != nil && c.c.canFail() || c.x.canFail() || c.y.canFail()
}

func (c *condNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	first, second := e.a.Bitmap(e.n), e.a.Bitmap(e.n) // the rows that take x, and y
	var x vec
	var err error
	if c.c != nil {
		v, err := c.c.eval(e, active)
		if err != nil {
			return vec{}, err
		}
		v = v.expand(e.n, e.a)
		for i, t := range v.bools {
			switch {
			case !v.valid.Get(i):
			case t:
				first.Set(i)
			default:
				second.Set(i)
			}
		}
	}
	needs := func(rows table.Bitmap) table.Bitmap {
		if active == nil {
			return rows
		}
		out := e.a.Bitmap(e.n)
		for i := range out {
			out[i] = rows[i] & active[i]
		}
		return out
	}
	if c.c == nil {
		x, err = c.x.eval(e, active)
	} else {
		x, err = c.x.eval(e, needs(first))
	}
	if err != nil {
		return vec{}, err
	}
	if c.c == nil {
		for i := range e.n {
			at := i
			if x.isConst {
				at = 0
			}
			if x.valid.Get(at) {
				first.Set(i)
			} else {
				second.Set(i)
			}
		}
	}
	y, err := c.y.eval(e, needs(second))
	if err != nil {
		return vec{}, err
	}
	valid := e.a.Bitmap(e.n)
	pick := func(i int) (v *vec, ok bool) {
		at := i
		switch {
		case first.Get(i):
			v = &x
		case second.Get(i):
			v = &y
		default:
			return nil, false
		}
		if v.isConst {
			at = 0
		}
		return v, v.valid.Get(at)
	}
	for i := range e.n {
		if _, ok := pick(i); ok {
			valid.Set(i)
		}
	}
	if c.t.kind == kindString {
		return buildText(e, valid, func(dst []byte, i int) []byte {
			v, _ := pick(i)
			return append(dst, v.text(i)...)
		}), nil
	}
	x, y = x.expand(e.n, e.a), y.expand(e.n, e.a)
	out := vec{valid: valid}
	switch c.t.kind {
	case kindBool:
		out.bools = choose(e.a.Bools(e.n), x.bools, y.bools, first)
	case kindFloat:
		out.floats = choose(e.a.Float64s(e.n), x.floats, y.floats, first)
	default:
		out.ints = choose(e.a.Int64s(e.n), x.ints, y.ints, first)
	}
	return out, nil
}

func choose[T any](dst, x, y []T, first table.Bitmap) []T {
	for i := range dst {
		if first.Get(i) {
			dst[i] = x[i]
		} else {
			dst[i] = y[i]
		}
	}
	return dst
}

// inNode is membership in a list of constants.
type inNode struct {
	x      node
	ints   map[int64]struct{}
	floats map[float64]struct{}
	texts  map[string]struct{}
	bools  [2]bool
	null   bool // the list has nil: missing values are in it
	list   []bound
}

func (n *inNode) typ() typ      { return typ{kind: kindBool} }
func (n *inNode) canFail() bool { return n.x.canFail() }
func (n *inNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	v, err := n.x.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	v = v.expand(e.n, e.a)
	out := vec{valid: v.valid}
	switch n.x.typ().kind {
	case kindString:
		out.bools = eachTextBool(v, e, func(s []byte) bool { _, ok := n.texts[string(s)]; return ok }).bools
	case kindFloat:
		out.bools = e.a.Bools(e.n)
		for i, x := range v.floats {
			_, out.bools[i] = n.floats[x]
		}
	case kindBool:
		out.bools = e.a.Bools(e.n)
		for i, x := range v.bools {
			out.bools[i] = x && n.bools[1] || !x && n.bools[0]
		}
	default:
		out.bools = e.a.Bools(e.n)
		for i, x := range v.ints {
			_, out.bools[i] = n.ints[x]
		}
	}
	if n.null && v.valid != nil {
		for i := range out.bools {
			if !v.valid.Get(i) {
				out.bools[i] = true
			}
		}
		out.valid = nil
	}
	return out, nil
}

// testNode asks something of a text: contains, startsWith, endsWith or matches. The pattern is a constant (f) or a value.
type testNode struct {
	op   string
	x    node
	f    func(s []byte) bool
	text []byte // the constant pattern, of startsWith
	y    node   // where f is nil
}

func (t *testNode) typ() typ      { return typ{kind: kindBool} }
func (t *testNode) canFail() bool { return t.x.canFail() || t.y != nil && t.y.canFail() }
func (t *testNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	x, err := t.x.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	if t.f != nil {
		return eachTextBool(x.expand(e.n, e.a), e, t.f), nil
	}
	y, err := t.y.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	f := textTests[t.op]
	out := vec{bools: e.a.Bools(e.n), valid: both(x, y, e.n, e.a)}
	for i := range out.bools {
		out.bools[i] = out.valid.Get(i) && f(x.text(i), y.text(i))
	}
	return out, nil
}

var textTests = map[string]func(s, part []byte) bool{
	"contains":   bytes.Contains,
	"startsWith": bytes.HasPrefix,
	"endsWith":   bytes.HasSuffix,
}
