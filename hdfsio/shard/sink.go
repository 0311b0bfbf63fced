package shard

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unsafe"

	"github.com/parquet-go/parquet-go/format"

	"howdah/internal/table"
)

// sink gathers the values of a batch of one column, from as many pages as it takes.
type sink struct {
	leaf  *leaf
	n     int // rows, or elements of lists
	valid table.Bitmap
	nulls bool // valid is in use: some row has no value

	i64   []int64
	f32   []float32
	f64   []float64
	bools []bool
	// Byte strings: codes as long as every page has them, strings otherwise.
	kind    stringKind
	codes   []int32
	dict    *table.Strings
	bytes   []byte
	offsets []uint32

	view   bool // the numbers are the page's own bytes
	levels []uint8

	// what column returns, used again
	asI64     table.Int64s
	asF32     table.Float32s
	asF64     table.Float64s
	asBools   table.Bools
	asCoded   table.Coded
	asStrings table.Strings
	viewI64   []int64
	viewF32   []float32
	viewF64   []float64
}

type stringKind uint8

const (
	noStrings stringKind = iota
	codedStrings
	plainStrings
)

// Limits on one column of one batch: lists and strings may be as long as they like, but not without end.
const (
	maxBatchBytes = 1 << 30
	maxBatchElems = 1 << 26
)

func (s *sink) reset(l *leaf) {
	s.leaf, s.n, s.nulls, s.view = l, 0, false, false
	s.kind, s.dict = noStrings, nil
	s.bytes = s.bytes[:0]
}

// grown returns b with room for n values, what is in it kept.
func grown[T any](b []T, n int) []T {
	if cap(b) >= n {
		return b[:n]
	}
	out := make([]T, n, max(n, 2*cap(b), table.BatchRows))
	copy(out, b)
	return out
}

// bitmap returns s.valid with room for n bits.
func (s *sink) bitmap(n int) table.Bitmap {
	s.valid = grown(s.valid, (n+63)/64)
	return s.valid
}

// validity reads the definition levels of k rows from row at, notes which have a value and returns how many do.
func (s *sink) validity(defs *hybrid, at, k, highest int) (present int, err error) {
	if !s.nulls {
		// Most columns have few nulls or none: as long as the levels repeat the highest one, there is nothing to note.
		for present < k {
			n, v, err := defs.repeated(k - present)
			if err != nil {
				return 0, err
			}
			if n == 0 || int(v) != highest {
				break
			}
			defs.drop(n)
			present += n
		}
		if present == k {
			return k, nil
		}
		s.nulls = true
		s.bitmap(at + k)
		fillBits(s.valid, 0, at+present, true)
		at += present
		k -= present
	}
	s.bitmap(at + k)
	if highest == 1 {
		ones, err := defs.setBits(s.valid, at, k)
		return present + ones, err
	}
	if cap(s.levels) < k {
		s.levels = make([]uint8, max(k, table.BatchRows))
	}
	lv := s.levels[:k]
	if err := defs.bytes(lv); err != nil {
		return 0, err
	}
	for i, d := range lv {
		if int(d) > highest {
			return 0, fmt.Errorf("level %d, the highest is %d", d, highest)
		}
		if int(d) == highest {
			s.valid.Set(at + i)
			present++
		} else {
			s.valid.Clear(at + i)
		}
	}
	return present, nil
}

// take appends k rows, present of which have values. Their validity has been noted. If all is true they are the whole
// batch, and may be a view of the page.
func (s *sink) take(v *values, k, present int, all bool) error {
	at := s.n
	if k > maxBatchElems-at {
		return fmt.Errorf("lists of more than %d elements in %d rows", maxBatchElems, table.BatchRows)
	}
	s.n += k
	if !s.nulls && present < k {
		return fmt.Errorf("%d of %d rows have values", present, k)
	}
	var err error
	switch s.leaf.form {
	case formInt, formUint, formInt96:
		if all && present == k && s.viewInt64(v, k) {
			return nil
		}
		s.i64 = grown(s.i64, s.n)
		err = v.int64s(s.i64[at : at+present])
		if present < k {
			spread(s.i64[at:s.n], s.valid, at, present)
		}
	case formFloat, formHalf:
		if all && present == k && s.viewFloat32(v, k) {
			return nil
		}
		s.f32 = grown(s.f32, s.n)
		err = v.float32s(s.f32[at : at+present])
		if present < k {
			spread(s.f32[at:s.n], s.valid, at, present)
		}
	case formDouble, formDecimal:
		if all && present == k && s.viewFloat64(v, k) {
			return nil
		}
		s.f64 = grown(s.f64, s.n)
		err = v.float64s(s.f64[at : at+present])
		if present < k {
			spread(s.f64[at:s.n], s.valid, at, present)
		}
	case formNull:
		if present > 0 {
			return fmt.Errorf("%d values in a column declared to hold none", present)
		}
		s.f64 = grown(s.f64, s.n)
		clear(s.f64[at:s.n])
	case formBool:
		s.bools = grown(s.bools, s.n)
		err = v.bools(s.bools[at : at+present])
		if present < k {
			spread(s.bools[at:s.n], s.valid, at, present)
		}
	case formBytes, formUUID:
		err = s.takeBytes(v, at, k, present)
	}
	if ve, ok := err.(*valueError); ok { //nolint:errorlint // made by values, bare
		ve.index = at + rowOf(s.valid, s.nulls, at, ve.index)
		return ve
	}
	return err
}

// rowOf is the row, from row at, of the i-th value.
func rowOf(valid table.Bitmap, nulls bool, at, i int) int {
	if !nulls {
		return i
	}
	for r := 0; ; r++ {
		if valid.Get(at + r) {
			if i == 0 {
				return r
			}
			i--
		}
	}
}

// spread moves the values at dst's beginning to the rows that have one; the others become zero. It goes from the end, a run of
// rows with values, or without, at a time.
func spread[T any](dst []T, valid table.Bitmap, at, present int) {
	j := present
	for i := len(dst) - 1; i >= 0; {
		if j == i+1 { // all that are left stand where they belong
			return
		}
		p := at + i
		word := valid[p>>6] << (63 - uint(p)&63) // row i's bit on top, earlier rows below it
		most := min(p&63, i) + 1
		if n := min(bits.LeadingZeros64(^word), most); n > 0 {
			j -= n
			copy(dst[i+1-n:i+1], dst[j:j+n])
			i -= n
			continue
		}
		n := min(bits.LeadingZeros64(word), most)
		clear(dst[i+1-n : i+1])
		i -= n
	}
}

// aligned returns k plain values at the decoder's position as a slice of the page, if they lie aligned in memory.
func aligned[T int64 | float32 | float64](v *values, k int) ([]T, bool) {
	var t T
	size := int(unsafe.Sizeof(t))
	if v.mode != modePlain || v.size != size || len(v.data)-v.pos < k*size || !littleEndian {
		return nil, false
	}
	p := unsafe.Pointer(unsafe.SliceData(v.data[v.pos:]))
	if uintptr(p)%uintptr(size) != 0 {
		return nil, false
	}
	v.pos += k * size
	return unsafe.Slice((*T)(p), k), true
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

func (s *sink) viewInt64(v *values, k int) bool {
	if s.leaf.form == formInt && s.leaf.physical == format.Int64 {
		s.viewI64, s.view = aligned[int64](v, k)
	}
	return s.view
}

func (s *sink) viewFloat32(v *values, k int) bool {
	if s.leaf.form == formFloat {
		s.viewF32, s.view = aligned[float32](v, k)
	}
	return s.view
}

func (s *sink) viewFloat64(v *values, k int) bool {
	if s.leaf.form == formDouble {
		s.viewF64, s.view = aligned[float64](v, k)
	}
	return s.view
}

func (s *sink) takeBytes(v *values, at, k, present int) error {
	if v.mode == modeDict && s.kind != plainStrings {
		s.kind, s.dict = codedStrings, v.dict.bytes
		s.codes = grown(s.codes, s.n)
		codes := s.codes[at : at+present]
		if err := v.codes.ints(codes); err != nil {
			return err
		}
		if err := checkCodes(codes, v.dict.n); err != nil {
			return err
		}
		if present < k {
			spread(s.codes[at:s.n], s.valid, at, present)
		}
		return nil
	}
	if s.kind == codedStrings { // the chunk falls back to plain pages within this batch
		if err := s.expand(at); err != nil {
			return err
		}
	}
	s.kind = plainStrings
	s.offsets = grown(s.offsets, s.n+1)
	if at == 0 {
		s.offsets[0] = 0
	}
	if err := s.appendStrings(v, s.offsets[at+1:at+1+present]); err != nil {
		return err
	}
	if present < k {
		// Offsets of the rows: a row without a value ends where the value before it ends.
		j := present
		for i := k - 1; i >= 0 && j != i+1; i-- {
			s.offsets[at+i+1] = s.offsets[at+j]
			if s.valid.Get(at + i) {
				j--
			}
		}
	}
	return nil
}

// appendStrings appends as many values as there are ends, and notes where they end.
func (s *sink) appendStrings(v *values, ends []uint32) error {
	if v.mode == modePlain && v.size == 0 && s.leaf.form == formBytes { // the usual case, without a call a value
		data, pos := v.data, v.pos
		out := s.bytes
		for i := range ends {
			if len(data)-pos < 4 {
				return errValuesEnd
			}
			size := int64(binary.LittleEndian.Uint32(data[pos:]))
			pos += 4
			if size > int64(len(data)-pos) {
				return errValuesEnd
			}
			out = append(out, data[pos:pos+int(size)]...)
			pos += int(size)
			ends[i] = uint32(len(out))
		}
		v.pos, s.bytes = pos, out
		return s.sizeError(len(out))
	}
	i := 0
	return v.each(len(ends), func(b []byte) error {
		if s.leaf.form == formUUID && v.mode != modeDict { // a dictionary's entries are text already
			s.bytes = appendUUID(s.bytes, b)
		} else {
			s.bytes = append(s.bytes, b...)
		}
		ends[i] = uint32(len(s.bytes))
		i++
		return s.sizeError(len(s.bytes))
	})
}

func (s *sink) sizeError(n int) error {
	if n > maxBatchBytes {
		return fmt.Errorf("more than %d bytes of text in %d rows", maxBatchBytes, table.BatchRows)
	}
	return nil
}

// expand turns the first n rows from codes into strings.
func (s *sink) expand(n int) error {
	s.offsets = grown(s.offsets, s.n+1)
	s.offsets[0] = 0
	s.bytes = s.bytes[:0]
	for i := range n {
		if !s.nulls || s.valid.Get(i) {
			s.bytes = append(s.bytes, s.dict.At(int(s.codes[i]))...)
		}
		s.offsets[i+1] = uint32(len(s.bytes))
		if err := s.sizeError(len(s.bytes)); err != nil {
			return err
		}
	}
	return nil
}

// column returns what was gathered: n rows.
func (s *sink) column(n int) table.Column {
	var valid table.Bitmap
	if s.nulls {
		valid = s.valid[:(n+63)/64]
		if n&63 != 0 {
			valid[n>>6] &= 1<<(uint(n)&63) - 1
		}
	}
	switch s.leaf.form {
	case formInt, formUint, formInt96:
		s.asI64 = table.Int64s{Values: s.i64[:min(n, len(s.i64))], Valid: valid}
		if s.view {
			s.asI64.Values = s.viewI64
		}
		return &s.asI64
	case formFloat, formHalf:
		s.asF32 = table.Float32s{Values: s.f32[:min(n, len(s.f32))], Valid: valid}
		if s.view {
			s.asF32.Values = s.viewF32
		}
		return &s.asF32
	case formDouble, formDecimal, formNull:
		s.asF64 = table.Float64s{Values: s.f64[:min(n, len(s.f64))], Valid: valid}
		if s.view {
			s.asF64.Values = s.viewF64
		}
		return &s.asF64
	case formBool:
		s.asBools = table.Bools{Values: s.bools[:min(n, len(s.bools))], Valid: valid}
		return &s.asBools
	}
	if s.kind == codedStrings {
		s.asCoded = table.Coded{Dict: s.dict, Codes: s.codes[:n], Valid: valid}
		return &s.asCoded
	}
	s.offsets = grown(s.offsets, n+1)
	if n == 0 {
		s.offsets[0] = 0
	}
	s.asStrings = table.Strings{Bytes: s.bytes, Offsets: s.offsets[:n+1], Valid: valid}
	return &s.asStrings
}
