package expr

import (
	"bytes"
	"fmt"
	"math"

	"howdah/internal/table"
)

// kind is what a value is while it is computed: integers, doubles and so on, whatever its width in the table.
type kind uint8

const (
	kindNull kind = iota // the literal nil
	kindBool
	kindInt
	kindFloat
	kindString
	kindDate
	kindTime
	kindTimestamp
)

func (k kind) table() table.Type {
	return [...]table.Type{table.Invalid, table.Bool, table.Int64, table.Float64, table.String, table.Date, table.Time, table.Timestamp}[k]
}

// typ is a kind with the unit of a time or timestamp.
type typ struct {
	kind kind
	unit table.Unit
}

func (t typ) String() string {
	return [...]string{"nil", "a truth value", "an integer", "a number", "text", "a date", "a time of day", "a timestamp"}[t.kind]
}

func (t typ) number() bool   { return t.kind == kindInt || t.kind == kindFloat }
func (t typ) temporal() bool { return t.kind >= kindDate }

// perDay is the number of ticks of a temporal type in a day.
func (t typ) perDay() int64 {
	if t.kind == kindDate {
		return 1
	}
	return 86400 * int64(t.unit)
}

func typeOf(f table.Field) (typ, bool) {
	switch f.Type {
	case table.Bool:
		return typ{kind: kindBool}, true
	case table.Int64:
		return typ{kind: kindInt}, true
	case table.Float32, table.Float64:
		return typ{kind: kindFloat}, true
	case table.String, table.Binary:
		return typ{kind: kindString}, true
	case table.Date:
		return typ{kind: kindDate}, true
	case table.Time:
		return typ{kindTime, f.Unit}, f.Unit > 0
	case table.Timestamp:
		return typ{kindTimestamp, f.Unit}, f.Unit > 0
	}
	return typ{}, false
}

// vec is a column under computation. One of bools, ints (also dates and times), floats and strs is set. valid nil means
// that no row is missing; a valid double is never NaN, a valid text never empty. Where isConst, the slices have one entry,
// which stands for every row.
type vec struct {
	isConst bool
	bools   []bool
	ints    []int64
	floats  []float64
	strs    *table.Strings
	codes   []int32 // entry of strs of each row; nil: row i is entry i
	valid   table.Bitmap
}

// batchEnv is what an expression is evaluated on.
type batchEnv struct {
	b *table.Batch
	n int
	a *table.Arena
}

// missing is a constant without a value.
func missing(k kind) vec {
	v := vec{isConst: true, valid: table.Bitmap{0}}
	switch k {
	case kindBool:
		v.bools = []bool{false}
	case kindFloat:
		v.floats = []float64{0}
	case kindString:
		v.strs = &table.Strings{Offsets: []uint32{0, 0}}
	default:
		v.ints = []int64{0}
	}
	return v
}

func (v vec) constNull() bool { return v.isConst && !v.valid.Get(0) }

// text is the text of row i.
func (v vec) text(i int) []byte {
	switch {
	case v.isConst:
		i = 0
	case v.codes != nil:
		i = int(v.codes[i])
	}
	return v.strs.At(i)
}

func fill[T any](dst []T, v T) []T {
	for i := range dst {
		dst[i] = v
	}
	return dst
}

// expand gives a constant n rows.
func (v vec) expand(n int, a *table.Arena) vec {
	if !v.isConst {
		return v
	}
	out := vec{}
	switch {
	case v.bools != nil:
		out.bools = fill(a.Bools(n), v.bools[0])
	case v.ints != nil:
		out.ints = fill(a.Int64s(n), v.ints[0])
	case v.floats != nil:
		out.floats = fill(a.Float64s(n), v.floats[0])
	case v.strs != nil:
		out.strs, out.codes = v.strs, fill(a.Int32s(n), 0)
	}
	if !v.valid.Get(0) {
		out.valid = a.Bitmap(n)
	}
	return out
}

// column makes a table column of the result.
func (v vec) column(t typ, n int, a *table.Arena) table.Column {
	v = v.expand(n, a)
	switch t.kind {
	case kindBool:
		return &table.Bools{Values: v.bools, Valid: v.valid}
	case kindFloat:
		return &table.Float64s{Values: v.floats, Valid: v.valid}
	case kindString:
		if v.codes == nil {
			return &table.Strings{Bytes: v.strs.Bytes, Offsets: v.strs.Offsets, Valid: v.valid}
		}
		return &table.Coded{Dict: v.strs, Codes: v.codes, Valid: v.valid}
	}
	return &table.Int64s{Values: v.ints, Valid: v.valid}
}

// both is the rows where neither is missing. n is the number of rows.
func both(x, y vec, n int, a *table.Arena) table.Bitmap {
	if x.constNull() || y.constNull() {
		return a.Bitmap(n)
	}
	xv, yv := x.valid, y.valid
	if x.isConst {
		xv = nil
	}
	if y.isConst {
		yv = nil
	}
	switch {
	case xv == nil:
		return yv
	case yv == nil:
		return xv
	}
	out := a.Bitmap(n)
	for i := range out {
		out[i] = xv[i] & yv[i]
	}
	return out
}

func allSet(n int, a *table.Arena) table.Bitmap {
	out := a.Bitmap(n)
	for i := range out {
		out[i] = ^uint64(0)
	}
	return out
}

// own returns a bitmap that may be written to.
func own(v table.Bitmap, n int, a *table.Arena) table.Bitmap {
	if v == nil {
		return allSet(n, a)
	}
	out := a.Bitmap(n)
	copy(out, v)
	return out
}

// withoutNaN makes NaNs missing.
func withoutNaN(values []float64, valid table.Bitmap, a *table.Arena) table.Bitmap {
	owned := false
	for i, x := range values {
		if math.IsNaN(x) {
			if !owned {
				valid, owned = own(valid, len(values), a), true
			}
			valid.Clear(i)
		}
	}
	return valid
}

// withoutEmpty makes empty texts missing.
func withoutEmpty(v vec, n int, a *table.Arena) table.Bitmap {
	if v.codes != nil {
		some := false
		for i := range v.strs.Len() {
			if v.strs.Offsets[i] == v.strs.Offsets[i+1] {
				some = true
				break
			}
		}
		if !some {
			return v.valid
		}
	}
	valid, owned := v.valid, false
	for i := range n {
		if valid.Get(i) && len(v.text(i)) == 0 {
			if !owned {
				valid, owned = own(valid, n, a), true
			}
			valid.Clear(i)
		}
	}
	return valid
}

// columnNode reads a column.
type columnNode struct {
	name  string
	field table.Field
	t     typ
}

func (c *columnNode) typ() typ      { return c.t }
func (c *columnNode) canFail() bool { return false }

func (c *columnNode) lookup(b *table.Batch) (table.Column, error) {
	col := b.Lookup(c.name)
	if col == nil {
		return nil, fmt.Errorf("%s: column %q: %w", b.Shard, c.name, table.ErrNoColumn)
	}
	if col.Len() != b.Rows {
		return nil, fmt.Errorf("%s: column %q has %d rows, the batch %d", b.Shard, c.name, col.Len(), b.Rows)
	}
	return col, nil
}

func (c *columnNode) eval(e *batchEnv, _ table.Bitmap) (vec, error) {
	col, err := c.lookup(e.b)
	if err != nil {
		return vec{}, err
	}
	switch x := col.(type) {
	case *table.Bools:
		if c.t.kind == kindBool {
			return vec{bools: x.Values, valid: x.Valid}, nil
		}
	case *table.Int64s:
		switch {
		case c.t.kind == kindInt || c.t.temporal():
			return vec{ints: x.Values, valid: x.Valid}, nil
		case c.t.kind == kindFloat:
			return toFloat(vec{ints: x.Values, valid: x.Valid}, e), nil
		}
	case *table.Float32s:
		if c.t.kind == kindFloat {
			wide := e.a.Float64s(e.n)
			for i, v := range x.Values {
				wide[i] = float64(v)
			}
			return vec{floats: wide, valid: withoutNaN(wide, x.Valid, e.a)}, nil
		}
	case *table.Float64s:
		if c.t.kind == kindFloat {
			return vec{floats: x.Values, valid: withoutNaN(x.Values, x.Valid, e.a)}, nil
		}
	case *table.Strings:
		if c.t.kind == kindString {
			v := vec{strs: x, valid: x.Valid}
			v.valid = withoutEmpty(v, e.n, e.a)
			return v, nil
		}
	case *table.Coded:
		if c.t.kind == kindString {
			v := vec{strs: x.Dict, codes: x.Codes, valid: x.Valid}
			if x.Dict == nil || x.Dict.Len() == 0 { // all null
				return vec{strs: &table.Strings{Offsets: []uint32{0, 0}}, codes: x.Codes, valid: e.a.Bitmap(e.n)}, nil
			}
			v.valid = withoutEmpty(v, e.n, e.a)
			return v, nil
		}
	}
	return vec{}, fmt.Errorf("%s: column %q: want %s, have %T", e.b.Shard, c.name, c.t, col)
}

func toFloat(v vec, e *batchEnv) vec {
	if v.isConst {
		return vec{isConst: true, floats: []float64{float64(v.ints[0])}, valid: v.valid}
	}
	out := e.a.Float64s(len(v.ints))
	for i, x := range v.ints {
		out[i] = float64(x)
	}
	return vec{floats: out, valid: v.valid}
}

// eachText computes f once an entry of a dictionary that is not larger than the batch, else once a row that has text, and
// writes what it says of each row.
func eachText[T any](v vec, e *batchEnv, table, dst []T, f func([]byte) T) {
	if v.codes != nil && v.strs.Len() <= e.n {
		for i := range v.strs.Len() {
			table[i] = f(v.strs.At(i))
		}
		for i, c := range v.codes {
			dst[i] = table[c]
		}
		return
	}
	for i := range dst {
		if v.valid.Get(i) {
			dst[i] = f(v.text(i))
		}
	}
}

// eachTextBool is eachText for truth values.
func eachTextBool(v vec, e *batchEnv, f func([]byte) bool) vec {
	dst := e.a.Bools(e.n)
	clear(dst)
	eachText(v, e, e.a.Bools(min(v.strs.Len(), e.n)), dst, f)
	return vec{bools: dst, valid: v.valid}
}

// mapText makes new texts. f appends the new text to its first argument.
func mapText(v vec, e *batchEnv, f func(dst, s []byte) []byte) vec {
	build := func(n int, at func(i int) []byte) *table.Strings {
		s := &table.Strings{Bytes: e.a.Bytes(len(v.strs.Bytes))[:0], Offsets: e.a.Uint32s(n + 1)}
		s.Offsets[0] = 0
		for i := range n {
			if t := at(i); t != nil {
				s.Bytes = f(s.Bytes, t)
			}
			s.Offsets[i+1] = uint32(len(s.Bytes))
		}
		return s
	}
	var out vec
	if v.codes != nil && v.strs.Len() <= e.n {
		out = vec{strs: build(v.strs.Len(), v.strs.At), codes: v.codes, valid: v.valid}
	} else {
		out = vec{strs: build(e.n, func(i int) []byte {
			if !v.valid.Get(i) {
				return nil
			}
			return v.text(i)
		}), valid: v.valid}
	}
	out.valid = withoutEmpty(out, e.n, e.a)
	return out
}

// compareTexts returns the sign of a comparison of two texts of a row.
func compareTexts(x, y vec, i int) int { return bytes.Compare(x.text(i), y.text(i)) }
