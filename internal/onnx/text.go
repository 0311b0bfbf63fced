// Text is a graph for people and for golden files.

package onnx

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// textElements is how many elements of a constant or of a list Text writes out; of longer ones it writes a hash.
const textElements = 8

// Text returns the graph as text, a line for each input, constant, node, output and metadata entry, in order. It is stable:
// equal graphs give equal text, and graphs that differ differ in it. Where the graph does not compile, the types of nodes are
// missing and the last line says why.
func (g *Graph) Text() string {
	_, types, bad := compile(g)
	var b strings.Builder
	fmt.Fprintf(&b, "graph %s\n", g.Name)
	for _, v := range g.Inputs {
		fmt.Fprintf(&b, "input %s %v[N,%d]\n", v.Name, v.Type, v.Width)
	}
	for _, k := range g.Consts {
		fmt.Fprintf(&b, "const %s %v%s = %s\n", k.Name, k.Type, dims(k.Shape), k.text())
	}
	for _, n := range g.Nodes {
		b.WriteString("node ")
		for i, out := range n.Out {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(out)
			if o, ok := types[out]; ok && o.vector {
				fmt.Fprintf(&b, " %v[N]", o.typ)
			} else if ok {
				fmt.Fprintf(&b, " %v[N,%d]", o.typ, o.width)
			}
		}
		b.WriteString(" = ")
		if n.Domain != "" {
			b.WriteString(n.Domain + ".")
		}
		b.WriteString(n.Op + "(" + strings.Join(n.In, ", ") + ")")
		attrs := slices.Clone(n.Attrs)
		slices.SortStableFunc(attrs, func(a, b Attr) int { return strings.Compare(a.Name, b.Name) })
		for _, a := range attrs {
			b.WriteString(" " + a.Name + "=" + attrText(n.Op, a))
		}
		b.WriteByte('\n')
	}
	for _, v := range g.Outputs {
		fmt.Fprintf(&b, "output %s %v[N,%d]\n", v.Name, v.Type, v.Width)
	}
	props := slices.Clone(g.Metadata)
	slices.SortStableFunc(props, func(a, b KeyValue) int { return strings.Compare(a.Key, b.Key) })
	for _, p := range props {
		fmt.Fprintf(&b, "metadata %s = %s\n", strconv.Quote(p.Key), strconv.Quote(p.Value))
	}
	if bad != nil {
		fmt.Fprintf(&b, "invalid: %v\n", bad)
	}
	return b.String()
}

func (t *Tensor) text() string {
	switch t.Type {
	case Float:
		return list(t.Floats, func(x float32) string { return strconv.FormatFloat(float64(x), 'g', -1, 32) })
	case Double:
		return list(t.Doubles, func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) })
	case Int64:
		return list(t.Int64s, func(x int64) string { return strconv.FormatInt(x, 10) })
	case Int32:
		return list(t.Int32s, func(x int32) string { return strconv.FormatInt(int64(x), 10) })
	case UInt32:
		return list(t.UInt32s, func(x uint32) string { return strconv.FormatUint(uint64(x), 10) })
	case Bool:
		return list(t.Bools, strconv.FormatBool)
	case String:
		return list(t.Strings, func(x []byte) string { return strconv.Quote(string(x)) })
	}
	return "?"
}

func list[T any](xs []T, text func(T) string) string {
	if len(xs) > textElements {
		h := sha256.New()
		for _, x := range xs {
			h.Write([]byte(text(x) + ","))
		}
		return fmt.Sprintf("%d elements, sha256 %s", len(xs), hex.EncodeToString(h.Sum(nil)))
	}
	s := make([]string, len(xs))
	for i, x := range xs {
		s[i] = text(x)
	}
	return "[" + strings.Join(s, " ") + "]"
}

func attrText(op string, a Attr) string {
	switch x := a.Value.(type) {
	case int64:
		if op == "Cast" && a.Name == "to" {
			return DType(x).String()
		}
		return strconv.FormatInt(x, 10)
	case float32:
		return strconv.FormatFloat(float64(x), 'g', -1, 32)
	case string:
		return strconv.Quote(x)
	case []int64:
		return list(x, func(i int64) string { return strconv.FormatInt(i, 10) })
	case []float32:
		return list(x, func(f float32) string { return strconv.FormatFloat(float64(f), 'g', -1, 32) })
	case []string:
		return list(x, strconv.Quote)
	case *Tensor:
		return fmt.Sprintf("%v%s%s", x.Type, dims(x.Shape), x.text())
	}
	return fmt.Sprintf("%T", a.Value)
}
