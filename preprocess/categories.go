package preprocess

import (
	"fmt"

	"howdah/internal/sketch"
)

// Categories counts how often each value was seen: texts, integers or numbers, whichever the feature has. Its merge is exact
// in any order. It holds at most Limit different values and says when there were more.
type Categories struct {
	of   ValueType // 0 while empty
	text sketch.Counts
	ints sketch.Int64Counts
	nums sketch.Float64Counts
}

func newCategories(limit int) *Categories {
	c := new(Categories)
	c.text.Limit, c.ints.Limit, c.nums.Limit = limit, limit, limit
	return c
}

// update counts the block's values that are not missing.
func (c *Categories) update(v *Values) {
	c.of = v.Type
	switch v.Type {
	case Text:
		v.eachText(c.text.Add)
	case Integers:
		// Runs of equal values are counted at once.
		for i, x := 0, v.Int[:v.N]; i < len(x); {
			j := i + 1
			for j < len(x) && x[j] == x[i] {
				j++
			}
			if x[i] != NoInt {
				c.ints.Add(x[i], int64(j-i))
			}
			i = j
		}
	case Numbers:
		for i, x := 0, v.Num[:v.N]; i < len(x); {
			j := i + 1
			for j < len(x) && x[j] == x[i] {
				j++
			}
			if x[i]-x[i] == 0 {
				c.nums.Add(x[i], int64(j-i))
			}
			i = j
		}
	}
}

// Merge adds what o has seen.
func (c *Categories) Merge(o *Categories) error {
	if o.of == 0 {
		return nil
	}
	if c.of != 0 && c.of != o.of {
		return fmt.Errorf("counts of %s and of %s cannot be merged", c.of, o.of)
	}
	c.of = o.of
	switch c.of {
	case Text:
		return c.text.Merge(&o.text)
	case Integers:
		return c.ints.Merge(&o.ints)
	}
	return c.nums.Merge(&o.nums)
}

// AppendBinary appends the type and the counts of that type.
func (c *Categories) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, byte(c.of))
	switch c.of {
	case Text:
		return c.text.AppendBinary(b)
	case Integers:
		return c.ints.AppendBinary(b)
	case Numbers:
		return c.nums.AppendBinary(b)
	}
	return b, nil
}

// UnmarshalBinary reads what AppendBinary wrote.
func (c *Categories) UnmarshalBinary(b []byte) error {
	if len(b) == 0 {
		return fmt.Errorf("bytes of counts end too early")
	}
	c.of = ValueType(b[0])
	switch b = b[1:]; c.of {
	case 0:
		if len(b) > 0 {
			return fmt.Errorf("bytes of counts: %d bytes too many", len(b))
		}
		return nil
	case Text:
		return c.text.UnmarshalBinary(b)
	case Integers:
		return c.ints.UnmarshalBinary(b)
	case Numbers:
		return c.nums.UnmarshalBinary(b)
	}
	return fmt.Errorf("bytes of counts of an unknown type %d", c.of)
}

// exceeded reports that there were more different values than the limit.
func (c *Categories) exceeded() bool {
	return c.text.Exceeded() || c.ints.Exceeded() || c.nums.Exceeded()
}

// category is a value with its count.
type category struct {
	text  string
	num   int64
	count int64
}

// sorted lists texts in the order of their bytes, integers ascending. Where missing rows were seen, or where a value stands
// for them, they are in it too: as the empty text or NoInt, which come first.
func (c *Categories) sorted(seen Seen, of ValueType) []category {
	text, num := "", int64(NoInt)
	if seen.fill != nil {
		text, num = seen.fill.Text, seen.fill.Int
	}
	var out []category
	if of == Integers {
		counts := sketch.Int64Counts{}
		_ = counts.Merge(&c.ints) // a copy; merging into an empty one cannot fail
		counts.Limit = 0          // which is for values: missing may be one more
		counts.Add(num, seen.Missing)
		for _, k := range counts.Sorted() {
			out = append(out, category{num: k.Key, count: k.Count})
		}
		return out
	}
	counts := sketch.Counts{}
	_ = counts.Merge(&c.text)
	counts.Limit = 0
	counts.Add(text, seen.Missing)
	for _, k := range counts.Sorted() {
		out = append(out, category{text: k.Key, count: k.Count})
	}
	return out
}
