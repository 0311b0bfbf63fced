package train

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// The safetensors format (huggingface/safetensors): the header's length as uint64, a JSON header with type, shape and place
// of each tensor, then the numbers, all little-endian. Ours lists the blocks in their order, which is also that of the bytes;
// the header is padded with spaces to a multiple of 8, as theirs is.

// Weights appends the parameters to b as a safetensors file. Equal models give equal bytes.
func (n *Network) Weights(b []byte) []byte {
	var h bytes.Buffer
	h.WriteString(`{"__metadata__":{"format":"howdah"}`)
	at := 0
	for _, k := range n.blocks {
		name, _ := json.Marshal(k.Name) // a string always marshals
		shape := fmt.Sprintf("%d,%d", k.Rows, k.Width)
		if k.Bias {
			shape = fmt.Sprint(k.Width)
		}
		fmt.Fprintf(&h, `,%s:{"dtype":"F32","shape":[%s],"data_offsets":[%d,%d]}`, name, shape, at, at+4*k.size())
		at += 4 * k.size()
	}
	h.WriteByte('}')
	for h.Len()%8 != 0 {
		h.WriteByte(' ')
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(h.Len()))
	b = append(b, h.Bytes()...)
	return appendFloats(b, n.state.Params)
}

// LoadWeights reads the parameters from a safetensors file of float32 tensors with the names and shapes of the blocks, in any
// order. On an error the model is unchanged. It replaces weights only: the optimiser's memory stays.
func (n *Network) LoadWeights(b []byte) error {
	p, err := n.readWeights(b)
	if err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	copy(n.state.Params, p)
	return nil
}

type tensorHeader struct {
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets []int  `json:"data_offsets"`
}

func (n *Network) readWeights(b []byte) ([]float32, error) {
	if len(b) < 8 {
		return nil, errors.New("the file is shorter than its header")
	}
	size := binary.LittleEndian.Uint64(b)
	if size > maxHeader || size > uint64(len(b)-8) {
		return nil, fmt.Errorf("a header of %d bytes in a file of %d", size, len(b))
	}
	header, data := b[8:8+size], b[8+size:]
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal(header, &raw); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	delete(raw, "__metadata__")
	if len(raw) != len(n.blocks) {
		return nil, fmt.Errorf("%d tensors, want %d", len(raw), len(n.blocks))
	}
	p := make([]float32, n.params)
	for _, k := range n.blocks {
		m, ok := raw[k.Name]
		if !ok {
			return nil, fmt.Errorf("there is no tensor %q", k.Name)
		}
		var t tensorHeader
		if err := json.Unmarshal(m, &t); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", k.Name, err)
		}
		want := []int{k.Rows, k.Width}
		if k.Bias {
			want = want[1:]
		}
		if t.DType != "F32" || fmt.Sprint(t.Shape) != fmt.Sprint(want) {
			return nil, fmt.Errorf("tensor %q is %s%v, want F32%v", k.Name, t.DType, t.Shape, want)
		}
		if len(t.Offsets) != 2 || t.Offsets[0] < 0 || t.Offsets[0] > len(data) || t.Offsets[1]-t.Offsets[0] != 4*k.size() || t.Offsets[1] > len(data) {
			return nil, fmt.Errorf("tensor %q lies at %v of %d bytes, want %d", k.Name, t.Offsets, len(data), 4*k.size())
		}
		for i := range k.size() {
			x := math.Float32frombits(binary.LittleEndian.Uint32(data[t.Offsets[0]+4*i:]))
			if x-x != 0 {
				return nil, fmt.Errorf("tensor %q: element %d is %v", k.Name, i, x)
			}
			p[k.Offset+i] = x
		}
	}
	return p, nil
}
