package table

// Arena hands out memory for the columns a step makes. Reset takes all of it back at once, after each batch, so that a
// pass allocates nothing once it is warm. What an Arena handed out must not be used after Reset. The zero Arena is
// ready; it is not safe for concurrent use (one a worker).
type Arena struct {
	f32   pool[float32]
	f64   pool[float64]
	i64   pool[int64]
	i32   pool[int32]
	u32   pool[uint32]
	words pool[uint64]
	bools pool[bool]
	bytes pool[byte]
}

// pool is a bump allocator over slabs that it keeps.
type pool[T any] struct {
	slabs [][]T
	slab  int // the one in use
	used  int // of it
}

func (p *pool[T]) take(n int) []T {
	for ; p.slab < len(p.slabs); p.slab, p.used = p.slab+1, 0 {
		if s := p.slabs[p.slab]; p.used+n <= len(s) {
			out := s[p.used : p.used+n : p.used+n]
			p.used += n
			return out
		}
	}
	p.slabs = append(p.slabs, make([]T, max(n, 4*BatchRows)))
	p.slab, p.used = len(p.slabs)-1, n
	return p.slabs[p.slab][:n:n]
}

func (p *pool[T]) reset() { p.slab, p.used = 0, 0 }

// Float32s returns n numbers of unspecified value.
func (a *Arena) Float32s(n int) []float32 { return a.f32.take(n) }

// Float64s returns n numbers of unspecified value.
func (a *Arena) Float64s(n int) []float64 { return a.f64.take(n) }

// Int64s returns n numbers of unspecified value.
func (a *Arena) Int64s(n int) []int64 { return a.i64.take(n) }

// Int32s returns n numbers of unspecified value.
func (a *Arena) Int32s(n int) []int32 { return a.i32.take(n) }

// Uint32s returns n numbers of unspecified value.
func (a *Arena) Uint32s(n int) []uint32 { return a.u32.take(n) }

// Bools returns n truth values of unspecified value.
func (a *Arena) Bools(n int) []bool { return a.bools.take(n) }

// Bytes returns n bytes of unspecified value.
func (a *Arena) Bytes(n int) []byte { return a.bytes.take(n) }

// Bitmap returns n clear bits.
func (a *Arena) Bitmap(n int) Bitmap {
	b := Bitmap(a.words.take((n + 63) / 64))
	clear(b)
	return b
}

// Reset takes back everything handed out.
func (a *Arena) Reset() {
	a.f32.reset()
	a.f64.reset()
	a.i64.reset()
	a.i32.reset()
	a.u32.reset()
	a.words.reset()
	a.bools.reset()
	a.bytes.reset()
}
