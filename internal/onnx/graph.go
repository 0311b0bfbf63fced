// Package onnx builds graphs of the official ONNX operators, writes them with the official onnx.proto, and evaluates
// just those operators in Go.
//
// A graph takes raw columns, each [N,1], and every value in it is a matrix [N,Width]. Steps of preprocess and layers of
// train write themselves into a graph by Export, and compute the same numbers in Apply and Forward: the evaluator here
// shares their kernels, so that what training saw equals what the exported model answers, bit by bit.
//
// New, Input, the operators of ops.go and Output build a [Graph]; Marshal writes model.onnx, [Parse] reads it back, [Compile] and
// [Program.Run] evaluate it, Text shows it. What a graph computes is what onnxruntime computes (the tests ask it): to the bit
// where the arithmetic is exact, to the last places where it is package kernel's.
//
// Invariant: no file, no clock, no global random source, no logging; equal graphs marshal to equal bytes.
package onnx

import (
	"fmt"
	"math"
	"strconv"
)

// DType is the element type of a tensor.
type DType int32

// The element types used, numbered as in onnx.proto's TensorProto.DataType.
const (
	Float  DType = 1
	Int32  DType = 6
	Int64  DType = 7
	String DType = 8
	Bool   DType = 9
	Double DType = 11
	UInt32 DType = 12
)

// Value names a tensor of the graph: [N, Width] of Type, or a constant of Shape. The zero Value is none.
type Value struct {
	Name  string
	Type  DType
	Width int
	Const bool // an initializer: Shape says its dimensions
	Shape []int
}

// Tensor is data, row-major: a constant, or what a [Program] reads and yields. The one slice that Type names is set; it has
// as many elements as the product of Shape, which is [] for a scalar. Strings are UTF-8.
type Tensor struct {
	Type    DType
	Shape   []int
	Floats  []float32
	Doubles []float64
	Int64s  []int64
	Int32s  []int32
	UInt32s []uint32
	Bools   []bool
	Strings [][]byte
}

// Attr is a node's attribute: one of int64, float32, string, []int64, []float32, []string, *Tensor.
type Attr struct {
	Name  string
	Value any
}

// Node is one operator. Domain "" is ai.onnx; "ai.onnx.ml" and "com.microsoft" are the others in use.
type Node struct {
	Op, Domain string
	In, Out    []string
	Attrs      []Attr // sorted by name
}

// Graph is a model under construction. Nodes are in topological order by construction.
type Graph struct {
	Name     string
	Inputs   []Value
	Outputs  []Value
	Nodes    []Node
	Consts   []Const
	Metadata []KeyValue // sorted by key when written; nothing of time, host or place belongs here
	seq      int
	scalars  map[string]Value // constants of one element, by type and bits: each is kept once
}

// Const is a named initializer.
type Const struct {
	Name string
	Tensor
}

// KeyValue is an entry of the model's metadata_props.
type KeyValue struct{ Key, Value string }

// New returns an empty graph.
func New(name string) *Graph { return &Graph{Name: name} }

// fresh names a value. The slash keeps it apart from columns' names.
func (g *Graph) fresh(op string) string {
	g.seq++
	return "/" + op + "_" + strconv.Itoa(g.seq)
}

// Input declares a raw column [N,1].
func (g *Graph) Input(name string, t DType) Value {
	for _, v := range g.Inputs {
		if v.Name == name {
			return v
		}
	}
	v := Value{Name: name, Type: t, Width: 1}
	g.Inputs = append(g.Inputs, v)
	return v
}

// Output names v as an output of the model, by an Identity node so that any value can be an output under any name.
func (g *Graph) Output(name string, v Value) {
	g.Nodes = append(g.Nodes, Node{Op: "Identity", In: []string{v.Name}, Out: []string{name}})
	v.Name = name
	g.Outputs = append(g.Outputs, v)
}

// Add appends an operator with one output of the given type and width. In general the typed methods in ops.go are used.
func (g *Graph) Add(domain, op string, t DType, width int, attrs []Attr, in ...Value) Value {
	v := Value{Name: g.fresh(op), Type: t, Width: width}
	n := Node{Op: op, Domain: domain, Attrs: attrs, Out: []string{v.Name}}
	for _, x := range in {
		n.In = append(n.In, x.Name)
	}
	g.Nodes = append(g.Nodes, n)
	return v
}

// Constant adds an initializer. Its width is the last dimension, 1 for a scalar. The data is kept, not copied. A vector of
// one element that was added before is not added again.
func (g *Graph) Constant(t Tensor) Value {
	key := scalarKey(&t)
	if v, ok := g.scalars[key]; ok {
		return v
	}
	v := Value{Name: g.fresh("const"), Type: t.Type, Width: 1, Const: true, Shape: t.Shape}
	if n := len(t.Shape); n > 0 {
		v.Width = t.Shape[n-1]
	}
	g.Consts = append(g.Consts, Const{v.Name, t})
	if key != "" {
		if g.scalars == nil {
			g.scalars = map[string]Value{}
		}
		g.scalars[key] = v
	}
	return v
}

// scalarKey identifies a vector of one element by type and bits; it is "" for other tensors.
func scalarKey(t *Tensor) string {
	if len(t.Shape) != 1 || t.Shape[0] != 1 {
		return ""
	}
	switch {
	case len(t.Floats) == 1:
		return fmt.Sprint("f", math.Float32bits(t.Floats[0]))
	case len(t.Doubles) == 1:
		return fmt.Sprint("d", math.Float64bits(t.Doubles[0]))
	case len(t.Int64s) == 1:
		return fmt.Sprint("i", t.Int64s[0])
	case len(t.UInt32s) == 1:
		return fmt.Sprint("u", t.UInt32s[0])
	case len(t.Strings) == 1:
		return "s" + string(t.Strings[0])
	}
	return ""
}

func (v Value) String() string {
	if v.Const {
		return fmt.Sprintf("%s %v%s", v.Name, v.Type, dims(v.Shape))
	}
	return fmt.Sprintf("%s %v[N,%d]", v.Name, v.Type, v.Width)
}

func (t DType) String() string {
	switch t {
	case Float:
		return "float"
	case Double:
		return "double"
	case Int64:
		return "int64"
	case Int32:
		return "int32"
	case UInt32:
		return "uint32"
	case Bool:
		return "bool"
	case String:
		return "string"
	}
	return fmt.Sprintf("type(%d)", int32(t))
}

// dims writes a shape as onnx's tools do: [2,3].
func dims(shape []int) string {
	b := []byte{'['}
	for i, d := range shape {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(d), 10)
	}
	return string(append(b, ']'))
}
