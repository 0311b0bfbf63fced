package sketch

import (
	"encoding/binary"
	"fmt"
	"math"

	"howdah/internal/table"
)

// ProfileSet is the whole profile pass: a profile of each column and the correlations of the numeric ones over the rows
// in which both have a value. The zero value takes its columns from the first set it is merged with.
type ProfileSet struct {
	Columns []*Profile  // in the order of the fields
	Numeric []int       // indices into Columns, in the order of Pairs
	Pairs   PairMoments // of the numeric columns

	cols  [][]float64
	spare [][]float64 // per numeric column: memory for its values as doubles with NaN in the holes
}

// NewProfileSet prepares to describe these columns; lists are left out. The coins of each are a function of the seed
// and its name.
func NewProfileSet(fields []table.Field, seed uint64) *ProfileSet {
	s := new(ProfileSet)
	for _, f := range fields {
		if f.List {
			continue
		}
		if f.Type.Numeric() {
			s.Numeric = append(s.Numeric, len(s.Columns))
		}
		p := NewProfile(mix(seed) ^ HashString(f.Name))
		p.Field = f
		s.Columns = append(s.Columns, p)
	}
	return s
}

// Update adds a batch, which must have every column. After an error the set is of no use.
func (s *ProfileSet) Update(b *table.Batch) error {
	for len(s.cols) < len(s.Numeric) {
		s.cols, s.spare = append(s.cols, nil), append(s.spare, nil)
	}
	numeric := 0
	for i, p := range s.Columns {
		c := b.Lookup(p.Field.Name)
		if c == nil {
			return fmt.Errorf("%s: column %q: %w", b.Shard, p.Field.Name, table.ErrNoColumn)
		}
		if err := p.Update(c); err != nil {
			return fmt.Errorf("%s: column %q: %w", b.Shard, p.Field.Name, err)
		}
		if numeric < len(s.Numeric) && s.Numeric[numeric] == i {
			s.cols[numeric] = s.doubles(numeric, c)
			numeric++
		}
	}
	err := s.Pairs.Update(s.cols)
	clear(s.cols) // the batch's memory is borrowed
	if err != nil {
		return fmt.Errorf("%s: %w", b.Shard, err)
	}
	return nil
}

// doubles is a numeric column as doubles, NaN where it has no value.
func (s *ProfileSet) doubles(k int, c table.Column) []float64 {
	var valid table.Bitmap
	out := s.spare[k][:0]
	switch c := c.(type) {
	case *table.Float64s:
		if c.Valid == nil {
			return c.Values
		}
		out, valid = append(out, c.Values...), c.Valid
	case *table.Float32s:
		for _, v := range c.Values {
			out = append(out, float64(v))
		}
		valid = c.Valid
	case *table.Int64s:
		for _, v := range c.Values {
			out = append(out, float64(v))
		}
		valid = c.Valid
	}
	if valid != nil {
		for i := range out {
			if !valid.Get(i) {
				out[i] = math.NaN()
			}
		}
	}
	s.spare[k] = out
	return out
}

// Merge adds what o has seen of the same columns.
func (s *ProfileSet) Merge(o *ProfileSet) error {
	if len(s.Columns) == 0 {
		for _, p := range o.Columns {
			s.Columns = append(s.Columns, &Profile{Field: p.Field})
		}
		s.Numeric = append(s.Numeric, o.Numeric...)
	}
	if len(o.Columns) == 0 {
		return nil
	}
	if len(s.Columns) != len(o.Columns) {
		return fmt.Errorf("profiles of %d and %d columns do not merge", len(s.Columns), len(o.Columns))
	}
	for i, p := range s.Columns {
		if q := o.Columns[i]; p.Field.Name != q.Field.Name {
			return fmt.Errorf("profiles of columns %q and %q do not merge", p.Field.Name, q.Field.Name)
		}
		if err := p.Merge(o.Columns[i]); err != nil {
			return fmt.Errorf("column %q: %w", p.Field.Name, err)
		}
	}
	return s.Pairs.Merge(&o.Pairs)
}

const setKind, setVersion = 'S', 1

// AppendBinary appends the sketch's bytes: each column's name, whether it is among the numeric ones, and its profile.
func (s *ProfileSet) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(appendHeader(b, setKind, setVersion), uint64(len(s.Columns)))
	var err error
	numeric := 0
	for i, p := range s.Columns {
		b = append(binary.AppendUvarint(b, uint64(len(p.Field.Name))), p.Field.Name...)
		b = append(b, byte(p.Field.Type))
		isNumeric := numeric < len(s.Numeric) && s.Numeric[numeric] == i
		if isNumeric {
			numeric++
		}
		b = append(b, flagByte(isNumeric))
		if b, err = appendNested(b, p); err != nil {
			return nil, err
		}
	}
	return appendNested(b, &s.Pairs)
}

// UnmarshalBinary replaces the sketch by the one that b describes. Of the fields, names and types come back; where the
// set had the same columns, their fields stay as they were.
func (s *ProfileSet) UnmarshalBinary(b []byte) error {
	r := open("ProfileSet", b, setKind, setVersion)
	var x ProfileSet
	n := r.length(4)
	for i := 0; i < n && r.err == nil; i++ {
		f := table.Field{Name: string(r.bytes()), Type: table.Type(r.byte())}
		if i < len(s.Columns) && s.Columns[i].Field.Name == f.Name && s.Columns[i].Field.Type == f.Type {
			f = s.Columns[i].Field
		}
		if r.flag() {
			x.Numeric = append(x.Numeric, i)
		}
		p := &Profile{Field: f}
		r.nested(p)
		x.Columns = append(x.Columns, p)
	}
	r.nested(&x.Pairs)
	if d := x.Pairs.Columns(); r.err == nil && d != 0 && d != len(x.Numeric) {
		r.fail("correlations of %d columns, %d numeric", d, len(x.Numeric))
	}
	if err := r.close(); err != nil {
		return err
	}
	*s = x
	return nil
}
