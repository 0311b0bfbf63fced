package sketch

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
)

// CountKey is what can be counted. A NaN is not counted, and -0 counts as 0.
type CountKey interface{ string | int64 | float64 }

// CountsOf counts how often each key was seen: exactly, in any order of updates and merges.
//
// Limit bounds the memory: a sketch that meets more than Limit different keys forgets them all, keeps only the total, and
// says so ([CountsOf.Exceeded]). Whether that happens depends only on what was seen, never on the order. The zero value
// has no limit; sketches that meet must have the same one or none.
type CountsOf[K CountKey] struct {
	Limit    int          // of different keys; 0: none
	n        map[K]*int64 // pointers, since assigning to a key that is there would replace it by the borrowed one
	total    int64
	exceeded bool
}

// The counts in use.
type (
	Counts        = CountsOf[string]
	Int64Counts   = CountsOf[int64]
	Float64Counts = CountsOf[float64]
)

// KeyCount is a key and how often it was seen.
type KeyCount[K CountKey] struct {
	Key   K
	Count int64
}

// Add counts a key n times; n below 1 adds nothing. A string is copied when it is new, so it may be a borrowed view.
func (c *CountsOf[K]) Add(key K, n int64) {
	if n < 1 || key != key {
		return
	}
	c.total += n
	if c.exceeded {
		return
	}
	if old := c.n[key]; old != nil { // 0 finds -0
		*old += n
		return
	}
	if c.Limit > 0 && len(c.n) >= c.Limit {
		c.n, c.exceeded = nil, true
		return
	}
	switch k := any(key).(type) { // only here: it may allocate
	case string:
		key = any(strings.Clone(k)).(K)
	case float64:
		if k == 0 {
			key = *new(K) // not -0
		}
	}
	if c.n == nil {
		c.n = make(map[K]*int64)
	}
	count := n // n itself would be allocated by every call
	c.n[key] = &count
}

// TallyCodes counts each code of the rows that valid marks (nil: all), in memory that is used and returned. Codes
// outside [0,size) are counted nowhere.
func TallyCodes(codes []int32, valid []uint64, size int, work []int64) []int64 {
	work = slices.Grow(work[:0], size)[:size]
	clear(work)
	for i, code := range codes {
		if (valid == nil || valid[i>>6]>>(uint(i)&63)&1 != 0) && uint(code) < uint(size) {
			work[code]++
		}
	}
	return work
}

// Merge adds what o has seen. Where only one of the two has a limit, it holds.
func (c *CountsOf[K]) Merge(o *CountsOf[K]) error {
	if c.Limit == 0 {
		c.Limit = o.Limit
	}
	if o.exceeded || c.Limit > 0 && len(c.n) > c.Limit {
		c.n, c.exceeded = nil, true
	}
	if c.exceeded {
		c.total += o.total
		return nil
	}
	want := c.total + o.total
	for k, n := range o.n {
		c.Add(k, *n)
	}
	c.total = want
	return nil
}

// Total is how often any key was seen.
func (c *CountsOf[K]) Total() int64 { return c.total }

// Exceeded reports that there were more than Limit different keys, whose counts are gone.
func (c *CountsOf[K]) Exceeded() bool { return c.exceeded }

// Len is the number of different keys; 0 after the limit was exceeded.
func (c *CountsOf[K]) Len() int { return len(c.n) }

// Get is how often a key was seen.
func (c *CountsOf[K]) Get(key K) int64 {
	if n := c.n[key]; n != nil {
		return *n
	}
	return 0
}

// Sorted lists the keys in ascending order.
func (c *CountsOf[K]) Sorted() []KeyCount[K] {
	keys := slices.Collect(maps.Keys(c.n))
	slices.Sort(keys)
	out := make([]KeyCount[K], len(keys))
	for i, k := range keys {
		out[i] = KeyCount[K]{k, *c.n[k]}
	}
	return out
}

// MostFrequent lists the k most frequent keys, most frequent first; equals in ascending order of their keys. With k
// negative it lists all.
func (c *CountsOf[K]) MostFrequent(k int) []KeyCount[K] {
	out := c.Sorted()
	slices.SortStableFunc(out, func(a, b KeyCount[K]) int { return cmp.Compare(b.Count, a.Count) })
	if k >= 0 && k < len(out) {
		out = out[:k:k]
	}
	return out
}

const countsVersion = 1

// kind tells the counts of strings, integers and numbers apart.
func (c *CountsOf[K]) kind() (byte, int) {
	switch any(*new(K)).(type) {
	case string:
		return 's', 2
	case int64:
		return 'i', 2
	default:
		return 'd', 9
	}
}

// AppendBinary appends the sketch's bytes: keys in ascending order.
func (c *CountsOf[K]) AppendBinary(b []byte) ([]byte, error) {
	kind, _ := c.kind()
	b = appendHeader(b, kind, countsVersion)
	b = binary.AppendUvarint(b, uint64(max(c.Limit, 0)))
	b = binary.AppendUvarint(b, uint64(c.total))
	b = append(b, flagByte(c.exceeded))
	b = binary.AppendUvarint(b, uint64(len(c.n)))
	for _, kc := range c.Sorted() {
		switch k := any(kc.Key).(type) {
		case string:
			b = append(binary.AppendUvarint(b, uint64(len(k))), k...)
		case int64:
			b = binary.AppendVarint(b, k)
		case float64:
			b = appendFloat(b, k)
		}
		b = binary.AppendUvarint(b, uint64(kc.Count))
	}
	return b, nil
}

func flagByte(x bool) byte {
	if x {
		return 1
	}
	return 0
}

// UnmarshalBinary replaces the sketch by the one that b describes.
func (c *CountsOf[K]) UnmarshalBinary(b []byte) error {
	kind, size := c.kind()
	r := open("Counts", b, kind, countsVersion)
	x := CountsOf[K]{Limit: int(r.count()), total: r.count(), exceeded: r.flag()}
	n := r.length(size)
	if x.exceeded && n > 0 || x.Limit > 0 && n > x.Limit {
		r.fail("%d keys beyond the limit %d", n, x.Limit)
	}
	if n > 0 && r.err == nil {
		x.n = make(map[K]*int64, n)
	}
	var last K
	var sum int64
	for i := 0; i < n && r.err == nil; i++ {
		var key K
		switch p := any(&key).(type) {
		case *string:
			*p = string(r.bytes())
		case *int64:
			*p = r.varint()
		case *float64:
			*p = r.float()
		}
		count := r.count()
		switch {
		case r.err != nil:
		case key != key || i > 0 && key <= last:
			r.fail("keys out of order")
		case count < 1 || sum+count > x.total:
			r.fail("counts do not add up to %d", x.total)
		}
		if r.err == nil {
			x.n[key], last, sum = &count, key, sum+count
		}
	}
	if !x.exceeded && sum != x.total {
		r.fail("counts add up to %d, not to %d", sum, x.total)
	}
	if err := r.close(); err != nil {
		return err
	}
	*c = x
	return nil
}
