package shard

import (
	"fmt"
	"math"

	"howdah/internal/table"
)

// converter turns a column as the file has it into the type that is wanted of it, where shards differ.
type converter struct {
	i64 []int64
	f64 []float64
	out struct {
		i64  table.Int64s
		f64  table.Float64s
		list table.Lists
	}
}

// exactInt is the largest integer up to which a double holds every integer.
const exactInt = 1 << 53

// convert returns c itself where nothing differs. The kinds of differences are those that Merge allows.
func (v *converter) convert(c table.Column, have, want table.Field) (table.Column, error) {
	if have.Type == want.Type && (have.Unit == want.Unit || have.Unit == 0) {
		return c, nil
	}
	if l, ok := c.(*table.Lists); ok {
		elem, err := v.convert(l.Elem, table.Field{Type: have.Type, Unit: have.Unit}, table.Field{Type: want.Type, Unit: want.Unit})
		if ve, ok := err.(*valueError); ok { //nolint:errorlint // made below, bare
			for r := 1; r < len(l.Offsets); r++ {
				if ve.index < int(l.Offsets[r]) {
					return nil, &valueError{r - 1, ve.what}
				}
			}
		}
		v.out.list = table.Lists{Elem: elem, Offsets: l.Offsets, Valid: l.Valid}
		return &v.out.list, err
	}
	switch c := c.(type) {
	case *table.Int64s:
		n := len(c.Values)
		if want.Type == table.Float64 {
			v.f64 = grown(v.f64[:0], n)
			for i, x := range c.Values {
				if x > exactInt || x < -exactInt {
					return nil, &valueError{i, fmt.Sprintf("the integer %d is not exact as a float (beyond 2^53), which the column is in other files", x)}
				}
				v.f64[i] = float64(x)
			}
			v.out.f64 = table.Float64s{Values: v.f64, Valid: c.Valid}
			return &v.out.f64, nil
		}
		if f := unitFactor(have, want); f > 1 && have.Type == want.Type {
			v.i64 = grown(v.i64[:0], n)
			lo, hi := math.MinInt64/f, math.MaxInt64/f
			for i, x := range c.Values {
				if x < lo || x > hi {
					return nil, &valueError{i, fmt.Sprintf("the time %d does not fit units of 1/%d s, which the column has in other files", x, want.Unit)}
				}
				v.i64[i] = x * f
			}
			v.out.i64 = table.Int64s{Values: v.i64, Valid: c.Valid}
			return &v.out.i64, nil
		}
	case *table.Float32s:
		if want.Type == table.Float64 {
			v.f64 = grown(v.f64[:0], len(c.Values))
			for i, x := range c.Values {
				v.f64[i] = float64(x)
			}
			v.out.f64 = table.Float64s{Values: v.f64, Valid: c.Valid}
			return &v.out.f64, nil
		}
	}
	return nil, fmt.Errorf("%s, but %s is wanted", describe(have), describe(want))
}

// constant is a column of one value, or of nulls: a partition column, or one that the shard lacks.
type constant struct {
	col  table.Column
	rows int
}

// nullColumn makes n nulls of a field's type. Its storage is shared by all batches: nobody writes to a batch's columns.
func nullColumn(f table.Field, n int) table.Column {
	valid := table.NewBitmap(n)
	if f.List {
		elem := f
		elem.List = false
		return &table.Lists{Elem: nullColumn(elem, 0), Offsets: make([]uint32, n+1), Valid: valid}
	}
	switch f.Type {
	case table.Bool:
		return &table.Bools{Values: make([]bool, n), Valid: valid}
	case table.Float32:
		return &table.Float32s{Values: make([]float32, n), Valid: valid}
	case table.Float64:
		return &table.Float64s{Values: make([]float64, n), Valid: valid}
	case table.String, table.Binary:
		return &table.Strings{Offsets: make([]uint32, n+1), Valid: valid}
	}
	return &table.Int64s{Values: make([]int64, n), Valid: valid}
}

// partitionColumn makes n rows of a partition's value.
func partitionColumn(f table.Field, p PartitionValue, n int) (table.Column, error) {
	if p.Null {
		return nullColumn(f, n), nil
	}
	if f.Type == table.String {
		dict := new(table.Strings)
		dict.Append([]byte(p.Value))
		return &table.Coded{Dict: dict, Codes: make([]int32, n)}, nil
	}
	v, err := partitionInt(f, p)
	if err != nil {
		return nil, err
	}
	c := &table.Int64s{Values: make([]int64, n)}
	for i := range c.Values {
		c.Values[i] = v
	}
	return c, nil
}

// cut returns the first n rows of a constant column.
func (c *constant) cut(n int) table.Column {
	if n == c.rows {
		return c.col
	}
	cutValid := func(b table.Bitmap) table.Bitmap {
		if b == nil {
			return nil
		}
		return b[:(n+63)/64]
	}
	switch v := c.col.(type) {
	case *table.Bools:
		return &table.Bools{Values: v.Values[:n], Valid: cutValid(v.Valid)}
	case *table.Int64s:
		return &table.Int64s{Values: v.Values[:n], Valid: cutValid(v.Valid)}
	case *table.Float32s:
		return &table.Float32s{Values: v.Values[:n], Valid: cutValid(v.Valid)}
	case *table.Float64s:
		return &table.Float64s{Values: v.Values[:n], Valid: cutValid(v.Valid)}
	case *table.Strings:
		return &table.Strings{Bytes: v.Bytes, Offsets: v.Offsets[:n+1], Valid: cutValid(v.Valid)}
	case *table.Coded:
		return &table.Coded{Dict: v.Dict, Codes: v.Codes[:n], Valid: cutValid(v.Valid)}
	case *table.Lists:
		return &table.Lists{Elem: v.Elem, Offsets: v.Offsets[:n+1], Valid: cutValid(v.Valid)}
	}
	return c.col
}
