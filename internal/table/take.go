package table

import "fmt"

// Take returns a batch of the chosen rows of b, in that order, in memory of the arena; the dictionary of a coded column
// is shared, not copied. Without rows it is an empty batch. RowNumber still tells where each row was read.
func Take(b *Batch, rows []int32, a *Arena) *Batch {
	out := &Batch{Origin: b.Origin, Names: b.Names, Cols: make([]Column, len(b.Cols)), Rows: len(rows)}
	for i, c := range b.Cols {
		out.Cols[i] = TakeColumn(c, rows, a)
	}
	out.Names = append([]string(nil), b.Names...)
	out.Index = a.Int32s(len(rows))
	for i, r := range rows {
		out.Index[i] = r
		if b.Index != nil {
			out.Index[i] = b.Index[r]
		}
	}
	return out
}

func takeValues[T any](dst, src []T, rows []int32) []T {
	for i, r := range rows {
		dst[i] = src[r]
	}
	return dst
}

func takeValid(v Bitmap, rows []int32, a *Arena) Bitmap {
	if v == nil {
		return nil
	}
	out := a.Bitmap(len(rows))
	for i, r := range rows {
		if v.Get(int(r)) {
			out.Set(i)
		}
	}
	return out
}

// TakeColumn returns the chosen rows of one column.
func TakeColumn(c Column, rows []int32, a *Arena) Column {
	n := len(rows)
	switch c := c.(type) {
	case *Bools:
		return &Bools{takeValues(a.Bools(n), c.Values, rows), takeValid(c.Valid, rows, a)}
	case *Int64s:
		return &Int64s{takeValues(a.Int64s(n), c.Values, rows), takeValid(c.Valid, rows, a)}
	case *Float32s:
		return &Float32s{takeValues(a.Float32s(n), c.Values, rows), takeValid(c.Valid, rows, a)}
	case *Float64s:
		return &Float64s{takeValues(a.Float64s(n), c.Values, rows), takeValid(c.Valid, rows, a)}
	case *Coded:
		return &Coded{c.Dict, takeValues(a.Int32s(n), c.Codes, rows), takeValid(c.Valid, rows, a)}
	case *Strings:
		size := 0
		for _, r := range rows {
			size += len(c.At(int(r)))
		}
		out := &Strings{a.Bytes(size)[:0], a.Uint32s(n + 1), takeValid(c.Valid, rows, a)}
		out.Offsets[0] = 0
		for i, r := range rows {
			out.Bytes = append(out.Bytes, c.At(int(r))...)
			out.Offsets[i+1] = uint32(len(out.Bytes))
		}
		return out
	case *Lists:
		offsets := a.Uint32s(n + 1)
		offsets[0] = 0
		for i, r := range rows {
			offsets[i+1] = offsets[i] + c.Offsets[r+1] - c.Offsets[r]
		}
		elems := a.Int32s(int(offsets[n]))[:0]
		for _, r := range rows {
			for e := c.Offsets[r]; e < c.Offsets[r+1]; e++ {
				elems = append(elems, int32(e))
			}
		}
		return &Lists{TakeColumn(c.Elem, elems, a), offsets, takeValid(c.Valid, rows, a)}
	}
	panic(fmt.Sprintf("table: unknown column %T", c))
}
