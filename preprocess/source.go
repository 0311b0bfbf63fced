package preprocess

import (
	"fmt"
	"math"

	"howdah/internal/onnx"
	"howdah/internal/table"
)

// maxExact is the largest magnitude up to which every integer is a double.
const maxExact = 1 << 53

// inputType is the type of the graph input that carries a column: the convention between table and serving.
//
//   - text and bytes: String; null is "", and bytes that are not UTF-8 become U+FFFD
//   - dates, times, timestamps: Int64 in the column's unit; null is the smallest int64 (numpy's NaT), so that
//     nanoseconds stay exact
//   - integers and truth values without nulls: Int64, Bool; with nulls: Double, null is NaN, and an integer beyond 2^53 is
//     refused
//   - numbers: Float or Double as stored; null is NaN
func inputType(f table.Field) onnx.DType {
	switch f.Type {
	case table.String, table.Binary:
		return onnx.String
	case table.Date, table.Time, table.Timestamp:
		return onnx.Int64
	case table.Float32:
		return onnx.Float
	case table.Float64:
		return onnx.Double
	case table.Bool:
		if f.Nullable {
			return onnx.Double
		}
		return onnx.Bool
	case table.Int64:
		if f.Nullable {
			return onnx.Double
		}
		return onnx.Int64
	}
	return 0
}

// source reads a column of a batch into values.
type source struct {
	field table.Field
	flow  ValueType // Numbers, Integers or Text
}

// columnError names the place and the column.
func columnError(b *table.Batch, column, format string, args ...any) error {
	where := b.Path
	if where == "" {
		where = b.Shard
	}
	return fmt.Errorf("%s: row group %d, column %q: %s", where, b.RowGroup, column, fmt.Sprintf(format, args...))
}

// find returns the column of the batch, checked to be what the field says.
func (s *source) find(b *table.Batch) (table.Column, error) {
	c := b.Lookup(s.field.Name)
	if c == nil {
		return nil, columnError(b, s.field.Name, "no such column")
	}
	ok := false
	switch c.(type) {
	case *table.Strings, *table.Coded:
		ok = s.field.Type == table.String || s.field.Type == table.Binary
	case *table.Int64s:
		ok = s.field.Type == table.Int64 || s.field.Type.Temporal()
	case *table.Float32s:
		ok = s.field.Type == table.Float32
	case *table.Float64s:
		ok = s.field.Type == table.Float64
	case *table.Bools:
		ok = s.field.Type == table.Bool
	}
	if !ok {
		return nil, columnError(b, s.field.Name, "want %s, have %T", s.field.Type, c)
	}
	if c.Len() != b.Rows {
		return nil, columnError(b, s.field.Name, "has %d rows, the batch %d", c.Len(), b.Rows)
	}
	return c, nil
}

// load reads rows lo..lo+n of the column. known belongs to this column and worker.
func (s *source) load(v *Values, b *table.Batch, c table.Column, lo, n int, known *lookup) error {
	v.Type, v.N = s.flow, n
	switch c := c.(type) {
	case *table.Strings:
		v.text = text{entries: c, valid: c.Valid, lo: lo}
	case *table.Coded:
		if lo == 0 || known.dict != c.Dict {
			known.over(b.Origin, c.Dict)
		}
		v.text = text{entries: c.Dict, codes: c.Codes, valid: c.Valid, lo: lo, known: known}
	case *table.Float64s:
		copy(v.Num[:n], c.Values[lo:lo+n])
		if c.Valid != nil {
			for i := range n {
				if !c.Valid.Get(lo + i) {
					v.Num[i] = math.NaN()
				}
			}
		}
	case *table.Float32s:
		for i, x := range c.Values[lo : lo+n] {
			v.Num[i] = float64(x)
		}
		if c.Valid != nil {
			for i := range n {
				if !c.Valid.Get(lo + i) {
					v.Num[i] = math.NaN()
				}
			}
		}
	case *table.Int64s:
		return s.loadInts(v, b, c, lo, n)
	case *table.Bools:
		for i, x := range c.Values[lo : lo+n] {
			k := int64(0)
			if x {
				k = 1
			}
			if s.flow == Integers {
				v.Int[i] = k
			} else {
				v.Num[i] = float64(k)
			}
		}
		return s.nulls(v, b, c.Valid, lo, n)
	}
	return nil
}

func (s *source) loadInts(v *Values, b *table.Batch, c *table.Int64s, lo, n int) error {
	x := c.Values[lo : lo+n]
	if s.field.Nullable && s.field.Type == table.Int64 {
		for i, k := range x {
			if (k > maxExact || k < -maxExact) && c.Valid.Get(lo+i) {
				return columnError(b, s.field.Name, "row %d: %d is beyond 2^53, where a nullable integer is not exact in a model's input; declare the column a string (data.types: {%s: string})", b.RowNumber(lo+i), k, s.field.Name)
			}
		}
	}
	if s.flow == Integers {
		copy(v.Int[:n], x)
	} else {
		for i, k := range x {
			v.Num[i] = float64(k)
		}
		if s.field.Type.Temporal() {
			for i, k := range x {
				if k == NoInt {
					v.Num[i] = math.NaN()
				}
			}
		}
	}
	return s.nulls(v, b, c.Valid, lo, n)
}

// nulls marks the rows that the bitmap has no value for.
func (s *source) nulls(v *Values, b *table.Batch, valid table.Bitmap, lo, n int) error {
	if valid == nil {
		return nil
	}
	for i := range n {
		if valid.Get(lo + i) {
			continue
		}
		if !s.field.Nullable && !s.field.Type.Temporal() {
			return columnError(b, s.field.Name, "row %d is null, but the column was declared without nulls", b.RowNumber(lo+i))
		}
		if s.flow == Integers {
			v.Int[i] = NoInt
		} else {
			v.Num[i] = math.NaN()
		}
	}
	return nil
}

// export declares the column's input and gives its values the type of the flow.
func (s *source) export(g *onnx.Graph) *Node {
	x := g.Input(s.field.Name, inputType(s.field))
	n := &Node{Type: s.flow, V: x}
	switch {
	case s.flow == Text:
	case s.flow == Numbers && s.field.Type.Temporal():
		n.V = g.Where(g.Equal(x, g.Int64(NoInt)), g.Double(math.NaN()), g.Cast(x, onnx.Double))
	case s.flow == Numbers:
		n.V = g.Cast(x, onnx.Double)
	case x.Type == onnx.Double: // a nullable integer or truth value
		missing := g.IsNaN(x)
		n.V = g.Where(missing, g.Int64(NoInt), g.Cast(g.Where(missing, g.Double(0), x), onnx.Int64))
	default:
		n.V = g.Cast(x, onnx.Int64)
	}
	return n
}
