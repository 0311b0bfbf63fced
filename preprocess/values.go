package preprocess

import (
	"fmt"
	"math"
	"unsafe"

	"howdah/internal/onnx"
	"howdah/internal/table"
)

// ValueType is the type of what flows along a feature's chain.
type ValueType uint8

// The types of values.
const (
	Numbers  ValueType = iota + 1 // doubles, NaN where missing
	Integers                      // int64, NoInt where missing
	Text                          // UTF-8, empty where missing
	Codes                         // 0..size-1; size is "none"
	Signs                         // a code and a sign: ±1 in one of size dense slots
)

func (t ValueType) String() string {
	switch t {
	case Numbers:
		return "numbers"
	case Integers:
		return "integers"
	case Text:
		return "text"
	case Codes:
		return "codes"
	case Signs:
		return "signed codes"
	}
	return fmt.Sprintf("ValueType(%d)", uint8(t))
}

// NoInt stands for a missing integer, date or time, as NaT does in numpy.
const NoInt = math.MinInt64

// blockRows is how many rows flow along a chain at a time: a block of doubles fits the first-level cache. Like
// table.BatchRows it is one of the constants that make fitted numbers reproducible.
const blockRows = 1024

// Values is a block of one feature's values on their way along its chain. Steps rewrite it in place.
type Values struct {
	Type ValueType
	N    int       // rows, at most blockRows
	Num  []float64 // Numbers
	Int  []int64   // Integers
	Code []int32   // Codes; Signs: the code, or ^code where the sign is minus
	text text      // Text
	flag []bool    // where the value was missing, once an indicator has looked
	buf  []float64 // scratch of blockRows
}

// newValues returns a block's memory.
func newValues() *Values {
	return &Values{
		Num: make([]float64, blockRows), Int: make([]int64, blockRows), Code: make([]int32, blockRows),
		flag: make([]bool, blockRows), buf: make([]float64, blockRows),
	}
}

// text is a view of a block of text: rows of a column, as entries of a dictionary where the file has one.
type text struct {
	entries *table.Strings
	codes   []int32 // nil: row i is entry i
	valid   table.Bitmap
	lo      int     // the block's first row within the column
	fill    string  // stands for missing values
	known   *lookup // what has been found out about the dictionary's entries; nil without one
}

// lookup remembers, for the entries of one dictionary, the codes that an encoder gave them. It belongs to one worker.
type lookup struct {
	shard    string
	rowGroup int
	dict     *table.Strings
	data     *byte
	n, bytes int
	codes    []int32 // unasked where not yet asked for
	counts   []int32 // zero between blocks
	touched  []int32
}

const unasked = math.MinInt32

// over makes the lookup that of a dictionary; what it knew of another one is forgotten. A dictionary is the same where
// its shard, row group and memory are.
func (l *lookup) over(o table.Origin, d *table.Strings) {
	data := unsafe.SliceData(d.Bytes)
	if l.dict == d && l.rowGroup == o.RowGroup && l.shard == o.Shard && l.data == data && l.n == d.Len() && l.bytes == len(d.Bytes) {
		return
	}
	l.shard, l.rowGroup, l.dict, l.data, l.n, l.bytes = o.Shard, o.RowGroup, d, data, d.Len(), len(d.Bytes)
	if cap(l.codes) < l.n {
		l.codes, l.counts = make([]int32, l.n), make([]int32, l.n)
	}
	l.codes, l.counts = l.codes[:l.n], l.counts[:l.n]
	for i := range l.codes {
		l.codes[i] = unasked
	}
}

// coder gives a text its code. "" is missing.
type coder interface{ code(s string) int32 }

// encode looks the block's texts up and makes it Codes.
func (v *Values) encode(c coder) {
	t := &v.text
	v.Type = Codes
	missing := c.code(t.fill)
	if t.codes == nil {
		for i := range v.N {
			r := t.lo + i
			v.Code[i] = missing
			if !t.valid.Get(r) {
				continue
			}
			if b := t.entries.At(r); len(b) > 0 {
				v.Code[i] = c.code(utf8Text(b))
			}
		}
		return
	}
	known := t.known.codes
	for i := range v.N {
		r := t.lo + i
		if !t.valid.Get(r) {
			v.Code[i] = missing
			continue
		}
		e := t.codes[r]
		if known[e] == unasked {
			known[e] = missing
			if b := t.entries.At(int(e)); len(b) > 0 {
				known[e] = c.code(utf8Text(b))
			}
		}
		v.Code[i] = known[e]
	}
}

// eachText calls add for each text of the block that is not missing, a dictionary's entry once with its number of rows.
func (v *Values) eachText(add func(s string, n int64)) {
	t := &v.text
	if t.codes == nil {
		for i := range v.N {
			r := t.lo + i
			if !t.valid.Get(r) {
				continue
			}
			if b := t.entries.At(r); len(b) > 0 {
				add(utf8Text(b), 1)
			}
		}
		return
	}
	l := t.known
	l.touched = l.touched[:0]
	for i := range v.N {
		r := t.lo + i
		if !t.valid.Get(r) {
			continue
		}
		e := t.codes[r]
		if l.counts[e] == 0 {
			l.touched = append(l.touched, e)
		}
		l.counts[e]++
	}
	for _, e := range l.touched {
		if b := t.entries.At(int(e)); len(b) > 0 {
			add(utf8Text(b), int64(l.counts[e]))
		}
		l.counts[e] = 0
	}
}

// missing reports whether the value of row i of the block is missing.
func (v *Values) missing(i int) bool {
	switch v.Type {
	case Numbers:
		return v.Num[i] != v.Num[i]
	case Integers:
		return v.Int[i] == NoInt
	case Text:
		t := &v.text
		r := t.lo + i
		if !t.valid.Get(r) {
			return true
		}
		if t.codes != nil {
			r = int(t.codes[r])
		}
		return t.entries.Offsets[r] == t.entries.Offsets[r+1]
	}
	return false
}

// Node is the counterpart of Values in a graph.
type Node struct {
	Type ValueType
	// V is a [N,1] of Double, Int64 or String; for Codes a [N,1] of Int64; for Signs a [N,size] of Double.
	V    onnx.Value
	Flag onnx.Value // Bool, once an indicator has looked
	fill string     // stands for missing text
}
