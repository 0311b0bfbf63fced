// Parse reads back what Marshal wrote. It trusts nothing: bytes from elsewhere give an error, never a panic, and memory stays
// in proportion to them.

package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Parse reads a model that Marshal wrote. A model of another make is refused, and the error names its first operator, version,
// type or field that is not evaluated here. Whether the nodes fit together Compile says.
func Parse(b []byte) (*Graph, error) {
	g := &Graph{}
	var graphs, ir int
	versions := map[string]uint64{}
	err := fields(b, "model", func(f field) error {
		switch f.num {
		case modelIR:
			ir = int(f.x)
			return f.want(protowire.VarintType)
		case modelGraph:
			graphs++
			return errors.Join(f.want(protowire.BytesType), g.parse(f.b))
		case modelOpset:
			var domain string
			var version uint64
			err := fields(f.b, "opset_import", func(f field) error {
				switch f.num {
				case opsetDomain:
					return f.text(&domain)
				case opsetVersion:
					version = f.x
					return f.want(protowire.VarintType)
				}
				return f.unknown()
			})
			if _, ok := versions[domain]; ok && err == nil {
				err = fmt.Errorf("operator set %q is imported twice", domain)
			}
			versions[domain] = version
			return err
		case modelMetadata:
			var kv KeyValue
			err := fields(f.b, "metadata_props", func(f field) error {
				switch f.num {
				case entryKey:
					return f.text(&kv.Key)
				case entryValue:
					return f.text(&kv.Value)
				}
				return f.unknown()
			})
			g.Metadata = append(g.Metadata, kv)
			return err
		case modelProducer, 3, 4, 5, 6: // producer_version, domain, model_version, doc_string change nothing
			return nil
		}
		return f.unknown()
	})
	if err != nil {
		return nil, err
	}
	if graphs != 1 || ir != irVersion {
		return nil, fmt.Errorf("model: want one graph of IR version %d, have %d of version %d", irVersion, graphs, ir)
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		want := map[string]uint64{"": opset, "ai.onnx.ml": opsetML, "com.microsoft": opsetMS}[n.Domain]
		if _, ok := operators[n.Domain+"/"+n.Op]; !ok {
			return nil, fmt.Errorf("%s: %w", nodeName(i, n), errOperator)
		}
		if have := versions[n.Domain]; have != want {
			return nil, fmt.Errorf("%s: operator set version: want %d, have %d", nodeName(i, n), want, have)
		}
	}
	return g, nil
}

// field is one protobuf field: x holds varints and fixed numbers, b bytes, which share the message's memory.
type field struct {
	message string
	num     protowire.Number
	typ     protowire.Type
	x       uint64
	b       []byte
}

func (f field) unknown() error {
	return fmt.Errorf("%s: field %d of onnx.proto is not used here", f.message, f.num)
}

func (f field) want(t protowire.Type) error {
	if f.typ != t {
		return fmt.Errorf("%s: field %d: want wire type %d, have %d", f.message, f.num, t, f.typ)
	}
	return nil
}

func (f field) text(s *string) error {
	if !utf8.Valid(f.b) {
		return fmt.Errorf("%s: field %d: %q is not UTF-8", f.message, f.num, f.b[:min(len(f.b), 80)])
	}
	*s = string(f.b)
	return f.want(protowire.BytesType)
}

// ints appends a repeated integer, packed or not.
func (f field) ints(to []int64) ([]int64, error) {
	if f.typ == protowire.VarintType {
		return append(to, int64(f.x)), nil
	}
	for b := f.b; len(b) > 0; {
		x, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return nil, fmt.Errorf("%s: field %d: %w", f.message, f.num, protowire.ParseError(n))
		}
		to, b = append(to, int64(x)), b[n:]
	}
	return to, f.want(protowire.BytesType)
}

// fields calls each for the fields of a message.
func fields(b []byte, message string, each func(field) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%s: %w", message, protowire.ParseError(n))
		}
		b = b[n:]
		f := field{message: message, num: num, typ: typ}
		switch typ {
		case protowire.VarintType:
			f.x, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var x uint32
			x, n = protowire.ConsumeFixed32(b)
			f.x = uint64(x)
		case protowire.Fixed64Type:
			f.x, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			f.b, n = protowire.ConsumeBytes(b)
		default:
			return fmt.Errorf("%s: field %d has wire type %d", message, num, typ)
		}
		if n < 0 {
			return fmt.Errorf("%s: field %d: %w", message, num, protowire.ParseError(n))
		}
		b = b[n:]
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

func (g *Graph) parse(b []byte) error {
	err := fields(b, "graph", func(f field) error {
		switch f.num {
		case graphNode:
			n, err := parseNode(f)
			g.Nodes = append(g.Nodes, n)
			return err
		case graphName:
			return f.text(&g.Name)
		case graphInitializer:
			var k Const
			err := errors.Join(f.want(protowire.BytesType), parseTensor(f.b, &k))
			g.Consts = append(g.Consts, k)
			return err
		case graphInput, graphOutput:
			v, err := parseValue(f.b)
			if f.num == graphInput {
				g.Inputs = append(g.Inputs, v)
			} else {
				g.Outputs = append(g.Outputs, v)
			}
			return errors.Join(f.want(protowire.BytesType), err)
		case 10, 13, 16: // doc_string, value_info, metadata_props change nothing
			return nil
		}
		return f.unknown()
	})
	if err != nil {
		return err
	}
	// New names go on where the old ones ended.
	for i := range g.Nodes {
		for _, s := range g.Nodes[i].Out {
			g.resume(s)
		}
	}
	for _, k := range g.Consts {
		g.resume(k.Name)
	}
	return nil
}

func (g *Graph) resume(name string) {
	if i := strings.LastIndexByte(name, '_'); i > 0 && name[0] == '/' {
		if x, err := strconv.ParseUint(name[i+1:], 10, 31); err == nil {
			g.seq = max(g.seq, int(x))
		}
	}
}

func parseNode(f field) (n Node, err error) {
	err = fields(f.b, "node", func(f field) error {
		switch f.num {
		case nodeInput, nodeOutput:
			var s string
			err := f.text(&s)
			if f.num == nodeInput {
				n.In = append(n.In, s)
			} else {
				n.Out = append(n.Out, s)
			}
			return err
		case nodeOp:
			return f.text(&n.Op)
		case nodeDomain:
			return f.text(&n.Domain)
		case nodeAttribute:
			a, err := parseAttr(f)
			n.Attrs = append(n.Attrs, a)
			return err
		case nodeNameField, 6, 9: // name, doc_string, metadata_props change nothing
			return nil
		}
		return f.unknown()
	})
	if n.Domain == "ai.onnx" {
		n.Domain = ""
	}
	return n, errors.Join(f.want(protowire.BytesType), err)
}

func parseAttr(f field) (a Attr, err error) {
	var kind uint64
	var x struct {
		f       float32
		i       int64
		s       string
		t       *Tensor
		floats  []float32
		ints    []int64
		strings []string
	}
	err = fields(f.b, "attribute", func(f field) (err error) {
		switch f.num {
		case attrName:
			return f.text(&a.Name)
		case attrF:
			x.f = math.Float32frombits(uint32(f.x))
			return f.want(protowire.Fixed32Type)
		case attrI:
			x.i = int64(f.x)
			return f.want(protowire.VarintType)
		case attrS:
			return f.text(&x.s)
		case attrT:
			var k Const
			err := errors.Join(f.want(protowire.BytesType), parseTensor(f.b, &k))
			x.t = &k.Tensor
			return err
		case attrFloats:
			if f.typ == protowire.BytesType {
				for b := f.b; len(b) >= 4; b = b[4:] {
					x.floats = append(x.floats, math.Float32frombits(binary.LittleEndian.Uint32(b)))
				}
				return nil
			}
			x.floats = append(x.floats, math.Float32frombits(uint32(f.x)))
			return f.want(protowire.Fixed32Type)
		case attrInts:
			x.ints, err = f.ints(x.ints)
			return err
		case attrStrings:
			var s string
			err := f.text(&s)
			x.strings = append(x.strings, s)
			return err
		case attrType:
			kind = f.x
			return f.want(protowire.VarintType)
		case 13: // doc_string
			return nil
		}
		return f.unknown()
	})
	switch kind {
	case kindFloat:
		a.Value = x.f
	case kindInt:
		a.Value = x.i
	case kindString:
		a.Value = x.s
	case kindTensor:
		if x.t == nil {
			x.t = &Tensor{}
		}
		a.Value = x.t
	case kindFloats:
		a.Value = x.floats
	case kindInts:
		a.Value = x.ints
	case kindsStrings:
		a.Value = x.strings
	default:
		err = errors.Join(err, fmt.Errorf("attribute %q is of kind %d, which is not used here", a.Name, kind))
	}
	return a, errors.Join(f.want(protowire.BytesType), err)
}

func parseTensor(b []byte, k *Const) error {
	var shape []int64
	var raw []byte
	err := fields(b, "tensor", func(f field) (err error) {
		switch f.num {
		case tensorDims:
			shape, err = f.ints(shape)
			return err
		case tensorType:
			k.Type = DType(f.x)
			if uint64(k.Type) != f.x {
				return fmt.Errorf("tensor: no type has the number %d", f.x)
			}
			return f.want(protowire.VarintType)
		case tensorName:
			return f.text(&k.Name)
		case tensorStrings:
			if !utf8.Valid(f.b) {
				return errors.New("tensor: a string is not UTF-8")
			}
			k.Strings = append(k.Strings, append([]byte{}, f.b...))
			return f.want(protowire.BytesType)
		case tensorRaw:
			raw = f.b
			return f.want(protowire.BytesType)
		case 12, 16: // doc_string, metadata_props change nothing
			return nil
		}
		return f.unknown()
	})
	if err != nil {
		return err
	}
	for _, d := range shape {
		if d < 0 || d > math.MaxInt32 {
			return fmt.Errorf("tensor %q: a dimension of %d", k.Name, d)
		}
		k.Shape = append(k.Shape, int(d))
	}
	switch k.Type {
	case Float:
		k.Floats = words(raw, func(x uint32) float32 { return math.Float32frombits(x) })
	case Int32:
		k.Int32s = words(raw, func(x uint32) int32 { return int32(x) })
	case UInt32:
		k.UInt32s = words(raw, func(x uint32) uint32 { return x })
	case Double:
		k.Doubles = longs(raw, math.Float64frombits)
	case Int64:
		k.Int64s = longs(raw, func(x uint64) int64 { return int64(x) })
	case Bool:
		for _, x := range raw {
			k.Bools = append(k.Bools, x != 0)
		}
	case String:
		if len(raw) > 0 {
			return fmt.Errorf("tensor %q: strings as raw data", k.Name)
		}
	}
	if k.Type != String && k.Strings != nil {
		return fmt.Errorf("tensor %q: strings in a tensor of %v", k.Name, k.Type)
	}
	if err := k.check(); err != nil {
		return fmt.Errorf("tensor %q: %w", k.Name, err)
	}
	if size := elemSize(k.Type); k.Type != String && int64(len(raw))%size != 0 {
		return fmt.Errorf("tensor %q: %d bytes are not a whole number of %v", k.Name, len(raw), k.Type)
	}
	return nil
}

func words[T any](raw []byte, conv func(uint32) T) []T {
	out := make([]T, len(raw)/4)
	for i := range out {
		out[i] = conv(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return out
}

func longs[T any](raw []byte, conv func(uint64) T) []T {
	out := make([]T, len(raw)/8)
	for i := range out {
		out[i] = conv(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	return out
}

// parseValue reads an input or output, which must be [N,Width].
func parseValue(b []byte) (v Value, err error) {
	var batch string
	rank, width := 0, uint64(0)
	dim := func(f field) error {
		rank++
		first := rank == 1
		return fields(f.b, "dimension", func(f field) error {
			switch {
			case f.num == dimParam && first:
				return f.text(&batch)
			case f.num == dimValue && !first:
				width = f.x
				return f.want(protowire.VarintType)
			case f.num == 3: // denotation
				return nil
			}
			return errors.New("the shape is not [N,width]")
		})
	}
	shape := func(f field) error {
		if f.num != shapeDim {
			return f.unknown()
		}
		return dim(f)
	}
	tensor := func(f field) error {
		switch f.num {
		case tensorElem:
			v.Type = DType(f.x)
			if uint64(v.Type) != f.x {
				return fmt.Errorf("no type has the number %d", f.x)
			}
			return f.want(protowire.VarintType)
		case tensorShape:
			return fields(f.b, "shape", shape)
		}
		return f.unknown()
	}
	err = fields(b, "value", func(f field) error {
		switch f.num {
		case valueName:
			return f.text(&v.Name)
		case valueType:
			return fields(f.b, "type", func(f field) error {
				if f.num == typeTensor {
					return fields(f.b, "tensor_type", tensor)
				}
				return f.unknown()
			})
		case 3, 4: // doc_string, metadata_props change nothing
			return nil
		}
		return f.unknown()
	})
	if err == nil && (rank != 2 || batch == "" || width < 1 || width > maxWidth || !known(v.Type)) {
		err = fmt.Errorf("want %v of shape [N,width]", v.Type)
	}
	if err != nil {
		return v, fmt.Errorf("input or output %q: %w", v.Name, err)
	}
	v.Width = int(width)
	return v, nil
}
