package shard

import (
	"math"
	"slices"

	"howdah/internal/table"
)

// Poison is for tests: it yields copies of the batches, and spoils each copy as soon as the loop goes on. Code that keeps
// a column, a bitmap or a dictionary beyond its batch then computes garbage, or panics on a code or an offset out of range.
func Poison(in table.Batches) table.Batches {
	return func(yield func(*table.Batch, error) bool) {
		for b, err := range in {
			if err != nil {
				yield(nil, err)
				return
			}
			c := &table.Batch{Origin: b.Origin, Names: slices.Clone(b.Names), Rows: b.Rows}
			for _, col := range b.Cols {
				c.Cols = append(c.Cols, cloneColumn(col))
			}
			lent := slices.Clone(c.Cols) // what was lent; the consumer may have put other columns into the batch
			more := yield(c, nil)
			for _, col := range lent {
				spoil(col)
			}
			c.Rows = -1
			if !more {
				return
			}
		}
	}
}

func cloneColumn(c table.Column) table.Column {
	switch c := c.(type) {
	case *table.Bools:
		return &table.Bools{Values: slices.Clone(c.Values), Valid: slices.Clone(c.Valid)}
	case *table.Int64s:
		return &table.Int64s{Values: slices.Clone(c.Values), Valid: slices.Clone(c.Valid)}
	case *table.Float32s:
		return &table.Float32s{Values: slices.Clone(c.Values), Valid: slices.Clone(c.Valid)}
	case *table.Float64s:
		return &table.Float64s{Values: slices.Clone(c.Values), Valid: slices.Clone(c.Valid)}
	case *table.Strings:
		return cloneStrings(c)
	case *table.Coded:
		return &table.Coded{Dict: cloneStrings(c.Dict), Codes: slices.Clone(c.Codes), Valid: slices.Clone(c.Valid)}
	case *table.Lists:
		return &table.Lists{Elem: cloneColumn(c.Elem), Offsets: slices.Clone(c.Offsets), Valid: slices.Clone(c.Valid)}
	}
	return c
}

func cloneStrings(c *table.Strings) *table.Strings {
	return &table.Strings{Bytes: slices.Clone(c.Bytes), Offsets: slices.Clone(c.Offsets), Valid: slices.Clone(c.Valid)}
}

func fill[T any](s []T, v T) {
	for i := range s {
		s[i] = v
	}
}

func spoil(c table.Column) {
	var valid table.Bitmap
	switch c := c.(type) {
	case *table.Bools:
		for i := range c.Values {
			c.Values[i] = !c.Values[i]
		}
		valid = c.Valid
	case *table.Int64s:
		fill(c.Values, math.MinInt64+12345)
		valid = c.Valid
	case *table.Float32s:
		fill(c.Values, float32(math.NaN()))
		valid = c.Valid
	case *table.Float64s:
		fill(c.Values, math.NaN())
		valid = c.Valid
	case *table.Strings:
		spoilStrings(c)
		valid = c.Valid
	case *table.Coded:
		spoilStrings(c.Dict)
		fill(c.Codes, math.MaxInt32)
		valid = c.Valid
	case *table.Lists:
		spoil(c.Elem)
		fill(c.Offsets, math.MaxUint32)
		valid = c.Valid
	}
	for i := range valid {
		valid[i] = ^valid[i]
	}
}

func spoilStrings(c *table.Strings) {
	fill(c.Bytes, 0xfe)
	fill(c.Offsets, math.MaxUint32)
}
