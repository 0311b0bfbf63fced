package sketch

import (
	"encoding/binary"
	"fmt"
	"math"
)

// The bytes of a sketch begin with a letter for its kind and a version. Numbers that are often small are unsigned
// varints; floats are the eight little-endian bytes of their IEEE form. Lengths are checked against the bytes that are
// left before anything is allocated, so that damaged or hostile bytes cost no more memory than they have length times a
// small factor.

// appendHeader starts the bytes of a sketch.
func appendHeader(b []byte, kind, version byte) []byte { return append(b, kind, version) }

func appendFloat(b []byte, x float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
}

// reader takes the bytes of a sketch apart. The first error sticks, and every later read gives zero.
type reader struct {
	what string // the sketch's name, for errors
	b    []byte
	err  error
}

// open checks the header. A sketch of a later version is an error that says so.
func open(what string, b []byte, kind, version byte) *reader {
	r := &reader{what: what, b: b}
	k, v := r.byte(), r.byte()
	switch {
	case r.err != nil:
	case k != kind:
		r.fail("want kind %q, have %q", kind, k)
	case v != version:
		r.fail("want version %d, have %d", version, v)
	}
	return r
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("bytes of a %s: "+format, append([]any{r.what}, args...)...)
	}
	r.b = nil
}

func (r *reader) byte() byte {
	if len(r.b) < 1 {
		r.fail("end too early")
		return 0
	}
	x := r.b[0]
	r.b = r.b[1:]
	return x
}

func (r *reader) uint64() uint64 {
	if len(r.b) < 8 {
		r.fail("end too early")
		return 0
	}
	x := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return x
}

func (r *reader) float() float64 { return math.Float64frombits(r.uint64()) }

func (r *reader) uvarint() uint64 {
	x, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("broken number")
		return 0
	}
	r.b = r.b[n:]
	return x
}

// length reads a count of items that take at least size bytes each in what follows.
func (r *reader) length(size int) int {
	n := r.uvarint()
	if n > uint64(len(r.b)/size) {
		r.fail("%d items of %d bytes announced, %d bytes left", n, size, len(r.b))
		return 0
	}
	return int(n)
}

// bytes reads a length and as many bytes, uncopied.
func (r *reader) bytes() []byte {
	n := r.length(1)
	x := r.b[:n:n]
	r.b = r.b[n:]
	return x
}

// close returns the first error; bytes that nobody read are one.
func (r *reader) close() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes too many", len(r.b))
	}
	return r.err
}

// appendNested appends the bytes of a sketch within a sketch, after their length.
func appendNested(b []byte, s interface{ AppendBinary([]byte) ([]byte, error) }) ([]byte, error) {
	inner, err := s.AppendBinary(nil)
	if err != nil {
		return b, err
	}
	b = binary.AppendUvarint(b, uint64(len(inner)))
	return append(b, inner...), nil
}

func (r *reader) nested(s interface{ UnmarshalBinary([]byte) error }) {
	b := r.bytes()
	if r.err != nil {
		return
	}
	if err := s.UnmarshalBinary(b); err != nil {
		r.err = fmt.Errorf("bytes of a %s: %w", r.what, err)
		r.b = nil
	}
}

// count reads a number of rows: one that fits an int64 and leaves room to add others.
func (r *reader) count() int64 {
	n := r.uvarint()
	if n > math.MaxInt64/4 {
		r.fail("impossible count %d", n)
		return 0
	}
	return int64(n)
}

// floats reads n numbers; the caller has checked that they are there.
func (r *reader) floats(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = r.float()
	}
	return x
}

func (r *reader) flag() bool {
	x := r.byte()
	if x > 1 {
		r.fail("want 0 or 1, have %d", x)
	}
	return x == 1
}

func (r *reader) varint() int64 {
	x, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail("broken number")
		return 0
	}
	r.b = r.b[n:]
	return x
}
