package preprocess

import (
	"math"
	"unsafe"

	"howdah/internal/onnx"
	"howdah/internal/table"
)

// InputTensors converts a batch to the graph's inputs, one [N,1] for each of the transformer's columns, by the convention of
// inputType: what a client in service does. The tensors share no memory with the batch but text that is UTF-8.
func (t *Transformer) InputTensors(b *table.Batch) (map[string]onnx.Tensor, error) {
	out := make(map[string]onnx.Tensor, len(t.fields))
	for _, f := range t.fields {
		x, err := inputTensor(b, f)
		if err != nil {
			return nil, err
		}
		out[f.Name] = x
	}
	return out, nil
}

func inputTensor(b *table.Batch, f table.Field) (onnx.Tensor, error) {
	t := onnx.Tensor{Type: inputType(f), Shape: []int{b.Rows, 1}}
	s := source{field: f, flow: Numbers}
	c, err := s.find(b)
	if err != nil {
		return t, err
	}
	switch t.Type {
	case onnx.String:
		t.Strings = inputStrings(c)
	case onnx.Float:
		c := c.(*table.Float32s)
		t.Floats = make([]float32, b.Rows)
		copy(t.Floats, c.Values)
		for i := range t.Floats {
			if c.IsNull(i) {
				t.Floats[i] = float32(math.NaN())
			}
		}
	case onnx.Bool:
		c := c.(*table.Bools)
		t.Bools = make([]bool, b.Rows)
		copy(t.Bools, c.Values)
		err = s.refuseNulls(b, c)
	case onnx.Int64:
		c := c.(*table.Int64s)
		t.Int64s = make([]int64, b.Rows)
		copy(t.Int64s, c.Values)
		if !f.Type.Temporal() {
			err = s.refuseNulls(b, c)
			break
		}
		for i := range t.Int64s {
			if c.IsNull(i) {
				t.Int64s[i] = NoInt
			}
		}
	case onnx.Double:
		t.Doubles = make([]float64, b.Rows)
		v := newValues()
		for lo := 0; lo < b.Rows && err == nil; lo += blockRows {
			n := min(blockRows, b.Rows-lo)
			err = s.load(v, b, c, lo, n, nil)
			copy(t.Doubles[lo:], v.Num[:n])
		}
	}
	return t, err
}

func (s *source) refuseNulls(b *table.Batch, c table.Column) error {
	for i := range c.Len() {
		if c.IsNull(i) {
			return columnError(b, s.field.Name, "row %d is null, but the column was declared without nulls", b.RowNumber(i))
		}
	}
	return nil
}

func inputStrings(c table.Column) [][]byte {
	out := make([][]byte, c.Len())
	valid := func(b []byte) []byte {
		s := utf8Text(b)
		return unsafe.Slice(unsafe.StringData(s), len(s))
	}
	switch c := c.(type) {
	case *table.Strings:
		for i := range out {
			if !c.IsNull(i) {
				out[i] = valid(c.At(i))
			}
		}
	case *table.Coded:
		known := make([][]byte, c.Dict.Len())
		for i := range out {
			if c.IsNull(i) {
				continue
			}
			e := c.Codes[i]
			if known[e] == nil {
				known[e] = valid(c.Dict.At(int(e)))
			}
			out[i] = known[e]
		}
	}
	return out
}
