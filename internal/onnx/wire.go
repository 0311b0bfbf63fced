// Marshal writes a graph as a ModelProto of the official onnx.proto (field numbers as in onnx 1.15 and later).

package onnx

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// The versions written, and the only ones read.
const (
	irVersion    = 9
	opset        = 20
	opsetML      = 4 // ai.onnx.ml, where it is used
	opsetMS      = 1 // com.microsoft, where it is used
	producer     = "howdah"
	maxModelSize = 1<<31 - 1 // protobuf's own limit
)

// Field numbers of onnx.proto.
const (
	modelIR, modelProducer, modelGraph, modelOpset, modelMetadata                  = 1, 2, 7, 8, 14
	opsetDomain, opsetVersion                                                      = 1, 2
	entryKey, entryValue                                                           = 1, 2
	graphNode, graphName, graphInitializer, graphInput, graphOutput                = 1, 2, 5, 11, 12
	nodeInput, nodeOutput, nodeNameField, nodeOp, nodeAttribute, nodeDomain        = 1, 2, 3, 4, 5, 7
	attrName, attrF, attrI, attrS, attrT, attrFloats, attrInts, attrStrings        = 1, 2, 3, 4, 5, 7, 8, 9
	attrType                                                                       = 20
	tensorDims, tensorType, tensorStrings, tensorName, tensorRaw                   = 1, 2, 6, 8, 9
	valueName, valueType, typeTensor, tensorElem, tensorShape, shapeDim            = 1, 2, 1, 1, 2, 1
	dimValue, dimParam                                                             = 1, 2
	kindFloat, kindInt, kindString, kindTensor, kindFloats, kindInts, kindsStrings = 1, 2, 3, 4, 6, 7, 8
)

// Marshal checks the graph, as Compile does, and returns model.onnx. Equal graphs give equal bytes.
func (g *Graph) Marshal() ([]byte, error) {
	if _, err := Compile(g); err != nil {
		return nil, err
	}
	domains := []struct {
		name    string
		version uint64
	}{{"", opset}, {"ai.onnx.ml", opsetML}, {"com.microsoft", opsetMS}}
	size := 1 << 10
	used := map[string]bool{"": true}
	for _, n := range g.Nodes {
		used[n.Domain] = true
	}
	for _, k := range g.Consts {
		size += 64 + k.Len()*8
	}
	props := slices.Clone(g.Metadata)
	slices.SortStableFunc(props, func(a, b KeyValue) int { return cmp.Compare(a.Key, b.Key) })

	w := writer{b: make([]byte, 0, size)}
	w.varint(modelIR, irVersion)
	w.str(modelProducer, producer)
	w.msg(modelGraph, func() { w.graph(g) })
	for _, d := range domains {
		if used[d.name] {
			w.msg(modelOpset, func() {
				w.str(opsetDomain, d.name)
				w.varint(opsetVersion, d.version)
			})
		}
	}
	for i, p := range props {
		if i > 0 && props[i-1].Key == p.Key {
			return nil, fmt.Errorf("metadata key %q stands there twice", p.Key)
		}
		w.msg(modelMetadata, func() {
			w.str(entryKey, p.Key)
			w.str(entryValue, p.Value)
		})
	}
	if w.err == nil && len(w.b) > maxModelSize {
		w.err = fmt.Errorf("graph %q takes %d bytes, more than a protobuf message can have (%d)", g.Name, len(w.b), maxModelSize)
	}
	if w.err != nil {
		return nil, w.err
	}
	return w.b, nil
}

// writer appends protobuf fields; the first error stays.
type writer struct {
	b   []byte
	err error
}

func (w *writer) varint(field protowire.Number, x uint64) {
	w.b = protowire.AppendTag(w.b, field, protowire.VarintType)
	w.b = protowire.AppendVarint(w.b, x)
}

func (w *writer) bytes(field protowire.Number, s []byte) {
	w.b = protowire.AppendTag(w.b, field, protowire.BytesType)
	w.b = protowire.AppendBytes(w.b, s)
}

// str writes text. Readers refuse what is not UTF-8, so we do.
func (w *writer) str(field protowire.Number, s string) {
	if !utf8.ValidString(s) && w.err == nil {
		w.err = fmt.Errorf("%q is not UTF-8, as names and texts of a model must be", s)
	}
	w.b = protowire.AppendTag(w.b, field, protowire.BytesType)
	w.b = protowire.AppendString(w.b, s)
}

// msg writes a message whose fields body appends; its length is put before it afterwards.
func (w *writer) msg(field protowire.Number, body func()) {
	w.b = protowire.AppendTag(w.b, field, protowire.BytesType)
	at := len(w.b)
	body()
	n := len(w.b) - at
	k := protowire.SizeVarint(uint64(n))
	var pad [10]byte
	w.b = append(w.b, pad[:k]...)
	copy(w.b[at+k:], w.b[at:at+n])
	protowire.AppendVarint(w.b[:at], uint64(n))
}

func (w *writer) graph(g *Graph) {
	for _, n := range g.Nodes {
		w.msg(graphNode, func() { w.node(&n) })
	}
	w.str(graphName, cmp.Or(g.Name, "model"))
	for i := range g.Consts {
		w.msg(graphInitializer, func() { w.tensor(g.Consts[i].Name, &g.Consts[i].Tensor) })
	}
	for _, v := range g.Inputs {
		w.msg(graphInput, func() { w.value(v) })
	}
	for _, v := range g.Outputs {
		w.msg(graphOutput, func() { w.value(v) })
	}
}

func (w *writer) node(n *Node) {
	for _, s := range n.In {
		w.str(nodeInput, s)
	}
	for _, s := range n.Out {
		w.str(nodeOutput, s)
	}
	w.str(nodeNameField, n.Out[0])
	w.str(nodeOp, n.Op)
	attrs := slices.Clone(n.Attrs)
	slices.SortStableFunc(attrs, func(a, b Attr) int { return cmp.Compare(a.Name, b.Name) })
	for _, a := range attrs {
		w.msg(nodeAttribute, func() { w.attr(a) })
	}
	if n.Domain != "" {
		w.str(nodeDomain, n.Domain)
	}
}

func (w *writer) attr(a Attr) {
	w.str(attrName, a.Name)
	kind := uint64(0)
	switch x := a.Value.(type) {
	case float32:
		kind = kindFloat
		w.b = protowire.AppendTag(w.b, attrF, protowire.Fixed32Type)
		w.b = protowire.AppendFixed32(w.b, math.Float32bits(x))
	case int64:
		kind = kindInt
		w.varint(attrI, uint64(x))
	case string:
		kind = kindString
		w.str(attrS, x)
	case *Tensor:
		kind = kindTensor
		w.msg(attrT, func() { w.tensor("", x) })
	case []float32:
		kind = kindFloats
		for _, f := range x {
			w.b = protowire.AppendTag(w.b, attrFloats, protowire.Fixed32Type)
			w.b = protowire.AppendFixed32(w.b, math.Float32bits(f))
		}
	case []int64:
		kind = kindInts
		for _, i := range x {
			w.varint(attrInts, uint64(i))
		}
	case []string:
		kind = kindsStrings
		for _, s := range x {
			w.str(attrStrings, s)
		}
	default:
		w.err = cmp.Or(w.err, fmt.Errorf("attribute %s has a value of type %T", a.Name, x))
	}
	w.varint(attrType, kind)
}

func (w *writer) tensor(name string, t *Tensor) {
	for _, d := range t.Shape {
		w.varint(tensorDims, uint64(d))
	}
	w.varint(tensorType, uint64(t.Type))
	for _, s := range t.Strings {
		w.bytes(tensorStrings, s)
	}
	if name != "" {
		w.str(tensorName, name)
	}
	n := 0
	switch t.Type {
	case String:
	case Bool:
		n = len(t.Bools)
	case Float, Int32, UInt32:
		n = 4 * t.Len()
	default:
		n = 8 * t.Len()
	}
	if n == 0 {
		return
	}
	w.b = protowire.AppendTag(w.b, tensorRaw, protowire.BytesType)
	w.b = protowire.AppendVarint(w.b, uint64(n))
	for _, x := range t.Floats {
		w.b = binary.LittleEndian.AppendUint32(w.b, math.Float32bits(x))
	}
	for _, x := range t.Doubles {
		w.b = binary.LittleEndian.AppendUint64(w.b, math.Float64bits(x))
	}
	for _, x := range t.Int64s {
		w.b = binary.LittleEndian.AppendUint64(w.b, uint64(x))
	}
	for _, x := range t.Int32s {
		w.b = binary.LittleEndian.AppendUint32(w.b, uint32(x))
	}
	for _, x := range t.UInt32s {
		w.b = binary.LittleEndian.AppendUint32(w.b, x)
	}
	for _, x := range t.Bools {
		if x {
			w.b = append(w.b, 1)
		} else {
			w.b = append(w.b, 0)
		}
	}
}

// value describes an input or output: [N,Width] of its type.
func (w *writer) value(v Value) {
	w.str(valueName, v.Name)
	w.msg(valueType, func() {
		w.msg(typeTensor, func() {
			w.varint(tensorElem, uint64(v.Type))
			w.msg(tensorShape, func() {
				w.msg(shapeDim, func() { w.str(dimParam, "N") })
				w.msg(shapeDim, func() { w.varint(dimValue, uint64(v.Width)) })
			})
		})
	})
}
