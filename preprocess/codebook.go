package preprocess

import (
	"errors"
	"slices"
	"strconv"

	"howdah/internal/onnx"
)

// codebook gives values their codes: key i of the list has code i. It is what the encoders learn. Exactly one of Texts and
// Ints is used. The empty text and NoInt stand for missing values, where those have a code.
type codebook struct {
	Texts []string `json:"texts,omitempty"`
	Ints  []int64  `json:"ints,omitempty"`
	byStr map[string]int32
	byInt map[int64]int32
	table []int32 // by integer minus first, where the integers are close together
	first int64
}

func (c *codebook) of() ValueType {
	if c.Ints != nil {
		return Integers
	}
	return Text
}

func (c *codebook) len() int { return len(c.Texts) + len(c.Ints) }

// restored makes the maps.
func (c *codebook) restored() error {
	if c.Texts != nil && c.Ints != nil || c.len() == 0 {
		return errors.New("want a list of texts or one of integers")
	}
	if c.Ints == nil {
		c.byStr = make(map[string]int32, len(c.Texts))
		for i, k := range c.Texts {
			c.byStr[k] = int32(i)
		}
		if len(c.byStr) != len(c.Texts) {
			return errors.New("a text is listed twice")
		}
		return nil
	}
	c.byInt = make(map[int64]int32, len(c.Ints))
	lo, hi := int64(NoInt), int64(NoInt)
	for i, k := range c.Ints {
		c.byInt[k] = int32(i)
		if k == NoInt {
			continue
		}
		if lo == NoInt {
			lo, hi = k, k
		}
		lo, hi = min(lo, k), max(hi, k)
	}
	if len(c.byInt) != len(c.Ints) {
		return errors.New("an integer is listed twice")
	}
	if width := uint64(hi) - uint64(lo); lo != NoInt && width < 1<<14 {
		c.first, c.table = lo, make([]int32, width+1)
		for i := range c.table {
			c.table[i] = -1
		}
		for i, k := range c.Ints {
			if k != NoInt {
				c.table[k-lo] = int32(i)
			}
		}
	}
	return nil
}

// findText returns the code, -1 where there is none.
func (c *codebook) findText(s string) int32 {
	if k, ok := c.byStr[s]; ok {
		return k
	}
	return -1
}

// findInt returns the code, -1 where there is none.
func (c *codebook) findInt(x int64) int32 {
	if d := uint64(x) - uint64(c.first); d < uint64(len(c.table)) {
		return c.table[d]
	}
	if c.table != nil && x != NoInt {
		return -1
	}
	if k, ok := c.byInt[x]; ok {
		return k
	}
	return -1
}

// names lists the values for reports; a missing one is called "(missing)".
func (c *codebook) names() []string {
	const missing = "(missing)"
	if c.Ints == nil {
		out := slices.Clone(c.Texts)
		if i := slices.Index(out, ""); i >= 0 {
			out[i] = missing
		}
		return out
	}
	out := make([]string, len(c.Ints))
	for i, k := range c.Ints {
		out[i] = strconv.FormatInt(k, 10)
		if k == NoInt {
			out[i] = missing
		}
	}
	return out
}

// export looks the node's values up: other is the code of a value that is not listed.
func (c *codebook) export(g *onnx.Graph, n *Node, other int64) onnx.Value {
	codes := make([]int64, c.len(), c.len()+1)
	for i := range codes {
		codes[i] = int64(i)
	}
	if c.Ints != nil {
		return g.LabelEncoderInt64(n.V, c.Ints, codes, other)
	}
	texts := c.Texts
	if n.fill != "" && !slices.Contains(texts, "") { // missing text is the fill
		texts = append(slices.Clone(texts), "")
		code := int64(c.findText(n.fill))
		if code < 0 {
			code = other
		}
		codes = append(codes, code)
	}
	return g.LabelEncoder(n.V, texts, codes, other)
}

// newCodebook makes the codebook of the categories in their order.
func newCodebook(cats []category, of ValueType) (codebook, error) {
	var c codebook
	for _, k := range cats {
		if of == Integers {
			c.Ints = append(c.Ints, k.num)
		} else {
			c.Texts = append(c.Texts, k.text)
		}
	}
	return c, c.restored()
}
