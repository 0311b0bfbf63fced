// Package rowfile keeps encoded rows in scratch files: what the encode pass writes once and every epoch of training and
// the evaluation sweep instead of the Parquet.
//
// A file is a header, blocks of BlockRows rows (the last may be shorter) and a trailer. A block holds the ids,
// then the dense slots row-major, the codes, labels and weights, zeros up to a multiple of 8 bytes, and in its last four bytes
// a CRC-32C of all before the zeros; so a block is read with one call and viewed without decoding. Numbers are in the machine's own byte order, which the header names:
// scratch files are made and read on one machine, and deleting them at any time costs a pass and nothing else.
package rowfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unsafe"

	"howdah/internal/table"
)

// BlockRows is the number of rows of a whole block.
const BlockRows = 4096

const (
	magic       = 0x31535741_52574f48 // "HOWRAWS1"; read on a machine of other byte order it is another number
	headerSize  = 32
	trailerSize = 24
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// shape is what the sizes in a file follow from.
type shape struct {
	dense, codes int
	weight       bool
}

func shapeOf(l table.Layout) shape { return shape{len(l.Dense), len(l.Codes), l.Weight} }

// blockSize is the bytes of a block of n rows, a multiple of 8.
func (s shape) blockSize(n int) int {
	return (n*(4*s.dense+4*s.codes+4+8)+n*4*b2i(s.weight)+4+8+7)&^7 + 8 // with room for the checksum, and zeros before it
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// view lays the sections of a block of n rows over buf. The ids come first: they need the widest alignment.
func (s shape) view(buf []byte, n int, e *table.Encoded) {
	e.Rows = n
	at := 0
	take := func(size int) []byte {
		b := buf[at : at+size]
		at += size
		return b
	}
	e.IDs = cast[uint64](take(8*n), n)
	e.Dense = cast[float32](take(4*n*s.dense), n*s.dense)
	e.Codes = cast[int32](take(4*n*s.codes), n*s.codes)
	e.Labels = cast[float32](take(4*n), n)
	e.Weights = nil
	if s.weight {
		e.Weights = cast[float32](take(4*n), n)
	}
}

func (s shape) payload(n int) int { return n * (8 + 4*s.dense + 4*s.codes + 4 + 4*b2i(s.weight)) }

// cast views bytes as n values of T; buf comes from an 8-byte aligned allocation at an offset that T's size divides.
func cast[T any](b []byte, n int) []T {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// aligned returns n bytes that begin on a multiple of 8.
func aligned(n int) []byte {
	if n == 0 {
		return nil
	}
	w := make([]uint64, (n+7)/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(w))), n)
}

// Writer writes one file.
type Writer struct {
	w     io.Writer
	shape shape
	buf   []byte
	block table.Encoded // a view of buf with room for BlockRows
	n     int
	rows  int64
	err   error
}

// NewWriter begins a file of that layout.
func NewWriter(w io.Writer, layout table.Layout) *Writer {
	s := shapeOf(layout)
	x := &Writer{w: w, shape: s, buf: aligned(s.blockSize(BlockRows))}
	s.view(x.buf, BlockRows, &x.block)
	var h [headerSize]byte
	binary.NativeEndian.PutUint64(h[0:], magic)
	binary.NativeEndian.PutUint32(h[8:], uint32(s.dense))
	binary.NativeEndian.PutUint32(h[12:], uint32(s.codes))
	binary.NativeEndian.PutUint32(h[16:], uint32(b2i(s.weight)))
	binary.NativeEndian.PutUint32(h[20:], BlockRows)
	_, x.err = w.Write(h[:])
	return x
}

// Append adds the rows of e at the given indices.
func (x *Writer) Append(e *table.Encoded, rows []int32) error {
	d, f := x.shape.dense, x.shape.codes
	for i := 0; i < len(rows) && x.err == nil; i++ {
		r, k := int(rows[i]), x.n
		copy(x.block.Dense[k*d:(k+1)*d], e.Dense[r*d:(r+1)*d])
		copy(x.block.Codes[k*f:(k+1)*f], e.Codes[r*f:(r+1)*f])
		x.block.Labels[k] = e.Labels[r]
		if x.shape.weight {
			x.block.Weights[k] = e.Weights[r]
		}
		x.block.IDs[k] = e.IDs[r]
		if x.n++; x.n == BlockRows {
			x.flush()
		}
	}
	return x.err
}

func (x *Writer) flush() {
	n := x.n
	if n == 0 || x.err != nil {
		return
	}
	out := x.buf
	if n < BlockRows {
		// The sections of a short block lie closer together.
		out = aligned(x.shape.blockSize(n))
		var v table.Encoded
		x.shape.view(out, n, &v)
		copy(v.IDs, x.block.IDs)
		copy(v.Dense, x.block.Dense)
		copy(v.Codes, x.block.Codes)
		copy(v.Labels, x.block.Labels)
		copy(v.Weights, x.block.Weights)
	}
	size, p := x.shape.blockSize(n), x.shape.payload(n)
	clear(out[p:size])
	binary.NativeEndian.PutUint32(out[size-4:], crc32.Checksum(out[:p], castagnoli))
	_, x.err = x.w.Write(out[:size])
	x.rows += int64(n)
	x.n = 0
}

// Rows is how many rows have been appended.
func (x *Writer) Rows() int64 { return x.rows + int64(x.n) }

// Close writes what is left and the trailer. It does not close the underlying writer.
func (x *Writer) Close() error {
	x.flush()
	if x.err != nil {
		return x.err
	}
	var t [trailerSize]byte
	binary.NativeEndian.PutUint64(t[0:], uint64(x.rows))
	binary.NativeEndian.PutUint32(t[8:], crc32.Checksum(t[:8], castagnoli))
	binary.NativeEndian.PutUint64(t[16:], magic)
	_, x.err = x.w.Write(t[:])
	if x.err != nil {
		return x.err
	}
	x.err = errors.New("rowfile: closed")
	return nil
}

// ErrDamaged is wrapped where a block is not what was written.
var ErrDamaged = errors.New("the scratch file is damaged; without it the run makes it again")

// File is an open file of encoded rows.
type File struct {
	name  string
	r     io.ReaderAt
	shape shape
	rows  int64
}

// Open checks the header and the trailer of a file of size bytes against the layout.
func Open(r io.ReaderAt, size int64, name string, layout table.Layout) (*File, error) {
	s := shapeOf(layout)
	var h [headerSize]byte
	var t [trailerSize]byte
	if size < headerSize+trailerSize {
		return nil, fmt.Errorf("%s: %d bytes: not a file of encoded rows", name, size)
	}
	if _, err := r.ReadAt(h[:], 0); err != nil {
		return nil, fmt.Errorf("%s: header: %w", name, err)
	}
	if _, err := r.ReadAt(t[:], size-trailerSize); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: trailer: %w", name, err)
	}
	u32 := func(i int) uint32 { return binary.NativeEndian.Uint32(h[i:]) }
	if binary.NativeEndian.Uint64(h[0:]) != magic || binary.NativeEndian.Uint64(t[16:]) != magic ||
		binary.NativeEndian.Uint32(t[8:]) != crc32.Checksum(t[:8], castagnoli) {
		return nil, fmt.Errorf("%s: not a whole file of encoded rows of this machine", name)
	}
	if u32(8) != uint32(s.dense) || u32(12) != uint32(s.codes) || u32(16) != uint32(b2i(s.weight)) || u32(20) != BlockRows {
		return nil, fmt.Errorf("%s: rows of %d dense and %d code slots; want %d and %d", name, u32(8), u32(12), s.dense, s.codes)
	}
	f := &File{name, r, s, int64(binary.NativeEndian.Uint64(t[0:]))}
	want := int64(headerSize + trailerSize)
	if f.rows >= 0 && f.rows < size {
		want += f.rows / BlockRows * int64(s.blockSize(BlockRows))
		if n := f.rows % BlockRows; n > 0 {
			want += int64(s.blockSize(int(n)))
		}
	}
	if want != size {
		return nil, fmt.Errorf("%s: %d bytes; %d rows make %d", name, size, f.rows, want)
	}
	return f, nil
}

// Rows is the number of rows.
func (f *File) Rows() int64 { return f.rows }

// Blocks is the number of blocks.
func (f *File) Blocks() int { return int((f.rows + BlockRows - 1) / BlockRows) }

// blockRows is the number of rows of block i.
func (f *File) blockRows(i int) int { return int(min(BlockRows, f.rows-int64(i)*BlockRows)) }

// read fetches block i into buf, which has room for a whole one, and views it.
func (f *File) read(i int, buf []byte, e *table.Encoded) error {
	n := f.blockRows(i)
	size, p := f.shape.blockSize(n), f.shape.payload(n)
	buf = buf[:size]
	if _, err := f.r.ReadAt(buf, headerSize+int64(i)*int64(f.shape.blockSize(BlockRows))); err != nil {
		return fmt.Errorf("%s: block %d: %w", f.name, i, err)
	}
	if crc32.Checksum(buf[:p], castagnoli) != binary.NativeEndian.Uint32(buf[size-4:]) {
		return fmt.Errorf("%s: block %d: checksum differs: %w", f.name, i, ErrDamaged)
	}
	f.shape.view(buf, n, e)
	return nil
}
