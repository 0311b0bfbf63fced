// Package table holds columnar batches: what a shard yields, what a step reads and writes, what a model is fed.
//
// A Batch is a run of consecutive rows of one file. Its columns are borrowed: read-only, and valid only until the loop
// that yielded the batch goes on. Whoever wants a value later copies it. Memory is therefore bounded by
// workers x batch however large the table is. Strings that a file keeps as dictionary codes stay codes ([Coded]), so
// that work on text is done once an entry of the dictionary and not once a row.
//
// Invariant: this package opens no file, reads no clock, draws no random number and logs nothing.
package table

import (
	"errors"
	"fmt"
	"iter"
	"unsafe"
)

// BatchRows is the grid on which batches end: a batch never crosses a multiple of BatchRows within its row group and
// never a row group's end. It is one of the constants that make passes reproducible; changing it changes the bits of
// every sum.
const BatchRows = 4096

// Column is one column of a batch. The set is closed: *Bools, *Int64s, *Float32s, *Float64s, *Strings, *Coded, *Lists.
type Column interface {
	// Len is the number of rows.
	Len() int
	// IsNull reports whether row i has no value. A NaN is a value here.
	IsNull(i int) bool
	column()
}

// Bools holds truth values.
type Bools struct {
	Values []bool
	Valid  Bitmap
}

// Int64s holds integers of every width, and dates (days), times and timestamps (in the unit of their [Field]).
type Int64s struct {
	Values []int64
	Valid  Bitmap
}

// Float32s holds single-precision numbers (and half-precision ones, widened).
type Float32s struct {
	Values []float32
	Valid  Bitmap
}

// Float64s holds double-precision numbers and decimals.
type Float64s struct {
	Values []float64
	Valid  Bitmap // nil: every row has a value
}

// Strings holds text or bytes: row i is Bytes[Offsets[i]:Offsets[i+1]]. Offsets has one entry more than there are rows.
type Strings struct {
	Bytes   []byte
	Offsets []uint32
	Valid   Bitmap
}

// Coded holds text as indices into a dictionary, as the file has it: row i is Dict.At(Codes[i]). The code of a null row
// is 0 and means nothing; Dict itself has no nulls but may hold an entry twice and entries no row uses.
type Coded struct {
	Dict  *Strings
	Codes []int32
	Valid Bitmap
}

// Lists holds lists of scalars: row i is Elem[Offsets[i]:Offsets[i+1]].
type Lists struct {
	Elem    Column
	Offsets []uint32
	Valid   Bitmap
}

func (*Bools) column()    {}
func (*Int64s) column()   {}
func (*Float32s) column() {}
func (*Float64s) column() {}
func (*Strings) column()  {}
func (*Coded) column()    {}
func (*Lists) column()    {}

func (c *Bools) Len() int    { return len(c.Values) }
func (c *Int64s) Len() int   { return len(c.Values) }
func (c *Float32s) Len() int { return len(c.Values) }
func (c *Float64s) Len() int { return len(c.Values) }
func (c *Coded) Len() int    { return len(c.Codes) }
func (c *Strings) Len() int  { return max(len(c.Offsets)-1, 0) }
func (c *Lists) Len() int    { return max(len(c.Offsets)-1, 0) }

func (c *Bools) IsNull(i int) bool    { return !c.Valid.Get(i) }
func (c *Int64s) IsNull(i int) bool   { return !c.Valid.Get(i) }
func (c *Float32s) IsNull(i int) bool { return !c.Valid.Get(i) }
func (c *Float64s) IsNull(i int) bool { return !c.Valid.Get(i) }
func (c *Strings) IsNull(i int) bool  { return !c.Valid.Get(i) }
func (c *Coded) IsNull(i int) bool    { return !c.Valid.Get(i) }
func (c *Lists) IsNull(i int) bool    { return !c.Valid.Get(i) }

// At returns entry i without copying; the caller must not write to it.
func (c *Strings) At(i int) []byte { return c.Bytes[c.Offsets[i]:c.Offsets[i+1]] }

// Str returns entry i as a string that shares the column's memory: valid as long as the column, not to be kept.
func (c *Strings) Str(i int) string {
	b := c.At(i)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// Append adds an entry, for building columns and dictionaries.
func (c *Strings) Append(b []byte) {
	if len(c.Offsets) == 0 {
		c.Offsets = append(c.Offsets, 0)
	}
	c.Bytes = append(c.Bytes, b...)
	c.Offsets = append(c.Offsets, uint32(len(c.Bytes)))
}

// Bitmap says which rows have a value: bit i of word i/64 is set where row i has one. A nil Bitmap means all have.
type Bitmap []uint64

// NewBitmap returns a bitmap of n clear bits (no row has a value).
func NewBitmap(n int) Bitmap { return make(Bitmap, (n+63)/64) }

// Get reports whether bit i is set; always true for a nil Bitmap.
func (b Bitmap) Get(i int) bool { return b == nil || b[i>>6]>>(uint(i)&63)&1 != 0 }

// Set sets bit i.
func (b Bitmap) Set(i int) { b[i>>6] |= 1 << (uint(i) & 63) }

// Clear clears bit i.
func (b Bitmap) Clear(i int) { b[i>>6] &^= 1 << (uint(i) & 63) }

// Origin is where a batch was read: for errors, identities and seeds.
type Origin struct {
	Shard    string // path below the data root
	Path     string // where the shard was opened, for messages only; never a part of a result
	RowGroup int
	Row      int64 // the file's row number of the batch's first row, before any were taken out
	// Index holds, for each row, how far it lay behind Row where the batch was read; nil: row i lay i behind. Take sets it.
	Index []int32
}

// RowNumber is row i's number in its file.
func (o Origin) RowNumber(i int) int64 {
	if o.Index != nil {
		i = int(o.Index[i])
	}
	return o.Row + int64(i)
}

// Batch is a run of rows. Its columns are borrowed: read-only, and valid until the loop that yielded it goes on.
type Batch struct {
	Origin
	Names []string
	Cols  []Column
	Rows  int
}

// Batches is a sequence of batches; an error ends it. Leaving the loop early releases what the reader holds.
type Batches = iter.Seq2[*Batch, error]

// ErrNoColumn is wrapped by errors about a column that a batch does not have.
var ErrNoColumn = errors.New("no such column")

// Lookup returns the column of that name, or nil.
func (b *Batch) Lookup(name string) Column {
	for i, n := range b.Names {
		if n == name {
			return b.Cols[i]
		}
	}
	return nil
}

// Put adds a column, or replaces the one of that name. It does not touch the columns' values.
func (b *Batch) Put(name string, c Column) {
	for i, n := range b.Names {
		if n == name {
			b.Cols[i] = c
			return
		}
	}
	b.Names = append(b.Names, name)
	b.Cols = append(b.Cols, c)
}

// Col returns the column of that name and type, or an error that says what is there instead.
func Col[C Column](b *Batch, name string) (C, error) {
	var zero C
	c := b.Lookup(name)
	if c == nil {
		return zero, fmt.Errorf("%s: column %q: %w", b.Shard, name, ErrNoColumn)
	}
	t, ok := c.(C)
	if !ok {
		return zero, fmt.Errorf("%s: column %q: want %T, have %T", b.Shard, name, zero, c)
	}
	return t, nil
}
