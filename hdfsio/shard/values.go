package shard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/parquet-go/parquet-go/format"

	"howdah/internal/table"
)

// values decodes the values of one page in order, as many at a time as are asked for. Nulls are not among them.
type values struct {
	leaf *leaf
	mode mode
	data []byte // what follows
	pos  int
	size int // bytes of a value of fixed length
	n    int // values in the page, for byte stream split, whose streams are n long

	codes hybrid // dictionary codes or booleans
	dict  *dictionary
	ints  delta
	// delta byte array
	prefixes delta
	previous []byte
	scratch  []int64
	raw      []byte
	codeBuf  []int32
}

type mode uint8

const (
	modePlain mode = iota
	modeDict
	modeRLE   // booleans
	modeDelta // integers
	modeSplit
	modeDeltaLength
	modeDeltaBytes
)

// dictionary holds a dictionary page's entries, in the type that the column becomes.
type dictionary struct {
	n     int
	i64   []int64
	f32   []float32
	f64   []float64
	bytes *table.Strings
}

var errValuesEnd = errors.New("the page ends before its values do")

// physicalSize is the length of a plain value, 0 where it varies; booleans are bits.
func physicalSize(l *leaf) int {
	switch l.physical {
	case format.Int32, format.Float:
		return 4
	case format.Int64, format.Double:
		return 8
	case format.Int96:
		return 12
	case format.FixedLenByteArray:
		return l.length
	}
	return 0
}

// begin sets v to a page's values. present is how many there are, or an upper bound if that is not known.
func (v *values) begin(enc format.Encoding, data []byte, present int) error {
	v.data, v.pos, v.n = data, 0, present
	l := v.leaf
	bad := func() error {
		return fmt.Errorf("encoding %v of %s, which the format does not define", enc, lower(l.physical.String()))
	}
	switch enc {
	case format.Plain:
		v.mode = modePlain
	case plainDictionary, format.RLEDictionary:
		if v.dict == nil {
			return errors.New("dictionary codes without a dictionary page")
		}
		v.mode = modeDict
		if len(data) == 0 {
			v.codes = newHybrid(nil, 1) // no values: an error if one is asked for
			return nil
		}
		if data[0] > 32 {
			return fmt.Errorf("dictionary codes of %d bits", data[0])
		}
		v.codes = newHybrid(data[1:], uint(data[0]))
	case format.RLE:
		if l.physical != format.Boolean {
			return bad()
		}
		v.mode = modeRLE
		if len(data) == 0 {
			v.codes = newHybrid(nil, 1)
			return nil
		}
		if len(data) < 4 {
			return errValuesEnd
		}
		n := binary.LittleEndian.Uint32(data)
		if int64(n) > int64(len(data)-4) {
			return errValuesEnd
		}
		v.codes = newHybrid(data[4:4+n], 1)
	case format.DeltaBinaryPacked:
		if l.physical != format.Int32 && l.physical != format.Int64 {
			return bad()
		}
		v.mode = modeDelta
		if len(data) == 0 {
			v.ints = delta{}
			return nil
		}
		return v.ints.reset(data)
	case format.DeltaLengthByteArray:
		if l.physical != format.ByteArray {
			return bad()
		}
		v.mode = modeDeltaLength
		return v.beginLengths(data)
	case format.DeltaByteArray:
		if l.physical != format.ByteArray && l.physical != format.FixedLenByteArray {
			return bad()
		}
		v.mode = modeDeltaBytes
		v.previous = v.previous[:0]
		if len(data) == 0 {
			v.prefixes, v.ints = delta{}, delta{}
			return nil
		}
		if err := v.prefixes.reset(data); err != nil {
			return err
		}
		rest, err := v.prefixes.rest(v.longs())
		if err != nil {
			return err
		}
		return v.beginLengths(rest)
	case format.ByteStreamSplit:
		if l.physical == format.ByteArray || l.physical == format.Boolean || l.physical == format.Int96 {
			return bad()
		}
		v.mode = modeSplit
		if len(data)%v.size != 0 {
			return fmt.Errorf("byte stream split: %d bytes for values of %d", len(data), v.size)
		}
		v.n = len(data) / v.size // as long as the streams are
	default:
		return fmt.Errorf("encoding %v, which is not supported", enc)
	}
	return nil
}

func (v *values) longs() []int64 {
	if v.scratch == nil {
		v.scratch = make([]int64, table.BatchRows)
	}
	return v.scratch
}

func (v *values) beginLengths(data []byte) error {
	if len(data) == 0 {
		v.ints, v.data, v.pos = delta{}, nil, 0
		return nil
	}
	if err := v.ints.reset(data); err != nil {
		return err
	}
	rest, err := v.ints.rest(v.longs())
	if err != nil {
		return err
	}
	v.data, v.pos = rest, 0
	return nil
}

// fixed returns the next n plain values of fixed length, as bytes. They are valid until the next call.
func (v *values) fixed(n int) ([]byte, error) {
	switch v.mode {
	case modePlain:
		need := n * v.size
		if need > len(v.data)-v.pos {
			return nil, errValuesEnd
		}
		b := v.data[v.pos : v.pos+need]
		v.pos += need
		return b, nil
	case modeSplit:
		if n > v.n-v.pos {
			return nil, errValuesEnd
		}
		out := v.rawBytes(n * v.size)
		unsplit(out, v.data, v.pos, n, v.n, v.size)
		v.pos += n
		return out, nil
	case modeDeltaBytes:
		out := v.rawBytes(n * v.size)[:0]
		err := v.eachDeltaBytes(n, func(b []byte) error {
			if len(b) != v.size {
				return fmt.Errorf("a value of %d bytes, want %d", len(b), v.size)
			}
			out = append(out, b...)
			return nil
		})
		return out, err
	}
	return nil, fmt.Errorf("encoding %d of values of fixed length", v.mode)
}

func (v *values) rawBytes(n int) []byte {
	if cap(v.raw) < n {
		v.raw = make([]byte, n)
	}
	return v.raw[:n]
}

// unsplit gathers values at, at+1, ... of byte streams that are total long.
func unsplit(out, data []byte, at, n, total, size int) {
	switch size {
	case 4:
		b0, b1, b2, b3 := data[at:][:n], data[total+at:][:n], data[2*total+at:][:n], data[3*total+at:][:n]
		for i := range n {
			binary.LittleEndian.PutUint32(out[4*i:], uint32(b0[i])|uint32(b1[i])<<8|uint32(b2[i])<<16|uint32(b3[i])<<24)
		}
	default:
		for k := range size {
			col := data[k*total+at:][:n]
			for i, b := range col {
				out[i*size+k] = b
			}
		}
	}
}

// deltas returns the next n integers of a delta-encoded page.
func (v *values) deltas(n int) ([]int64, error) {
	d := v.longs()
	if n > len(d) {
		d = make([]int64, n)
		v.scratch = d
	}
	return d[:n], v.ints.ints(d[:n])
}

// codesOf returns the next n dictionary codes, unchecked.
func (v *values) codesOf(n int) ([]int32, error) {
	if cap(v.codeBuf) < n {
		v.codeBuf = make([]int32, max(n, table.BatchRows))
	}
	c := v.codeBuf[:n]
	return c, v.codes.ints(c)
}

// gather looks codes up.
func gather[T any](dst, dict []T, codes []int32) error {
	dst = dst[:len(codes)]
	for i, c := range codes {
		if uint(uint32(c)) >= uint(len(dict)) {
			return codeError(uint32(c), len(dict))
		}
		dst[i] = dict[uint32(c)]
	}
	return nil
}

func codeError(c uint32, n int) error {
	return fmt.Errorf("dictionary code %d, but the dictionary has %d entries", c, n)
}

func checkCodes(codes []int32, n int) error {
	var highest uint32
	for _, c := range codes {
		highest = max(highest, uint32(c))
	}
	if len(codes) > 0 && int64(highest) >= int64(n) {
		return codeError(highest, n)
	}
	return nil
}

// int64s fills dst with the next values. The error of a value that does not fit carries its index.
func (v *values) int64s(dst []int64) error {
	switch v.mode {
	case modeDict:
		codes, err := v.codesOf(len(dst))
		if err != nil {
			return err
		}
		return gather(dst, v.dict.i64, codes)
	case modeDelta:
		d, err := v.deltas(len(dst))
		if err != nil {
			return err
		}
		switch {
		case v.leaf.physical == format.Int32 && v.leaf.form == formUint:
			for i, x := range d {
				dst[i] = int64(uint32(x))
			}
		case v.leaf.physical == format.Int32:
			for i, x := range d {
				dst[i] = int64(int32(x))
			}
		default:
			copy(dst, d)
			if v.leaf.form == formUint {
				return checkUnsigned(dst)
			}
		}
		return nil
	}
	b, err := v.fixed(len(dst))
	if err != nil {
		return err
	}
	return plainInt64s(v.leaf, dst, b)
}

// valueError is about one value; the column that reads knows its row.
type valueError struct {
	index int
	what  string
}

func (e *valueError) Error() string { return e.what }

func checkUnsigned(dst []int64) error {
	for i, x := range dst {
		if x < 0 {
			return &valueError{i, fmt.Sprintf("the unsigned integer %d is beyond an int64", uint64(x))}
		}
	}
	return nil
}

func plainInt64s(l *leaf, dst []int64, b []byte) error {
	switch {
	case l.physical == format.Int96:
		for i := range dst {
			t, ok := int96(b[12*i:])
			if !ok {
				return &valueError{i, "the timestamp does not fit nanoseconds since 1970 (years 1677 to 2262)"}
			}
			dst[i] = t
		}
	case l.physical == format.Int64:
		copyPlain(dst, b)
		if l.form == formUint {
			return checkUnsigned(dst)
		}
	case l.form == formUint:
		for i := range dst {
			dst[i] = int64(binary.LittleEndian.Uint32(b[4*i:]))
		}
	default:
		for i := range dst {
			dst[i] = int64(int32(binary.LittleEndian.Uint32(b[4*i:])))
		}
	}
	return nil
}

func (v *values) float32s(dst []float32) error {
	if v.mode == modeDict {
		codes, err := v.codesOf(len(dst))
		if err != nil {
			return err
		}
		return gather(dst, v.dict.f32, codes)
	}
	b, err := v.fixed(len(dst))
	if err != nil {
		return err
	}
	plainFloat32s(v.leaf, dst, b)
	return nil
}

func plainFloat32s(l *leaf, dst []float32, b []byte) {
	if l.form == formHalf {
		for i := range dst {
			dst[i] = halfToFloat(binary.LittleEndian.Uint16(b[2*i:]))
		}
		return
	}
	copyPlain(dst, b)
}

// copyPlain copies numbers whose plain encoding is their memory on a little-endian machine.
func copyPlain[T int64 | float32 | float64](dst []T, b []byte) {
	size := int(unsafe.Sizeof(dst[0]))
	if littleEndian {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(dst))), len(dst)*size), b)
		return
	}
	for i := range dst {
		switch d := any(&dst[i]).(type) {
		case *int64:
			*d = int64(binary.LittleEndian.Uint64(b[8*i:]))
		case *float32:
			*d = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		case *float64:
			*d = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
}

func (v *values) float64s(dst []float64) error {
	l := v.leaf
	switch {
	case v.mode == modeDict:
		codes, err := v.codesOf(len(dst))
		if err != nil {
			return err
		}
		return gather(dst, v.dict.f64, codes)
	case v.mode == modeDelta:
		d, err := v.deltas(len(dst))
		if err != nil {
			return err
		}
		for i, x := range d {
			if l.physical == format.Int32 {
				x = int64(int32(x))
			}
			dst[i] = decimal(x, l.scale)
		}
		return nil
	case l.physical == format.ByteArray: // a decimal of variable length
		i := 0
		return v.each(len(dst), func(b []byte) error {
			dst[i] = decimalBytes(b, l.scale)
			i++
			return nil
		})
	}
	b, err := v.fixed(len(dst))
	if err != nil {
		return err
	}
	plainFloat64s(l, dst, b)
	return nil
}

func plainFloat64s(l *leaf, dst []float64, b []byte) {
	switch {
	case l.form != formDecimal:
		copyPlain(dst, b)
	case l.physical == format.Int32:
		for i := range dst {
			dst[i] = decimal(int64(int32(binary.LittleEndian.Uint32(b[4*i:]))), l.scale)
		}
	case l.physical == format.Int64:
		for i := range dst {
			dst[i] = decimal(int64(binary.LittleEndian.Uint64(b[8*i:])), l.scale)
		}
	default:
		for i := range dst {
			dst[i] = decimalBytes(b[l.length*i:][:l.length], l.scale)
		}
	}
}

func (v *values) bools(dst []bool) error {
	switch v.mode {
	case modePlain:
		if (v.pos+len(dst)+7)/8 > len(v.data) {
			return errValuesEnd
		}
		for i := range dst {
			at := v.pos + i
			dst[i] = v.data[at>>3]>>(at&7)&1 != 0
		}
		v.pos += len(dst)
		return nil
	case modeRLE:
		c := v.rawBytes(len(dst))
		if err := v.codes.bytes(c); err != nil {
			return err
		}
		for i := range dst {
			dst[i] = c[i] != 0
		}
		return nil
	}
	return fmt.Errorf("encoding %d of booleans", v.mode)
}

// plainDictionary is what RLEDictionary was called before format version 2: files have it, so it is read.
const plainDictionary format.Encoding = 2
