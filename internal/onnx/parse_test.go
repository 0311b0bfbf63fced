package onnx

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// FuzzParse: bytes from anywhere give an error or a graph that marshals, parses and runs; no panic.
func FuzzParse(f *testing.F) {
	b, err := flights().Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	g := New("other")
	x, s := g.Input("x", Double), g.Input("s", String)
	g.Output("a", g.Clip(x, g.Double(0), g.Double(1)))
	g.Output("b", g.Softmax(g.Concat(g.Cast(x, Float), g.Cast(x, Float))))
	g.Output("c", g.Columns(g.Concat(s, s), 1))
	g.Output("d", g.FloorDiv(g.Cast(x, Int64), 60))
	g.Output("e", g.ArgMax(g.Concat(x, x)))
	g.Output("f", g.Gelu(g.Cast(g.ReduceSum(g.Concat(x, x)), Float)))
	if b, err = g.Marshal(); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := Parse(b)
		if err != nil {
			return
		}
		text := g.Text()
		p, err := Compile(g)
		if err != nil {
			if !strings.Contains(text, "invalid: ") {
				t.Fatalf("Text does not say that %v", err)
			}
			return
		}
		m, err := g.Marshal()
		if err == nil {
			h, err := Parse(m)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := h.Marshal(); err != nil || !bytes.Equal(m, again) {
				t.Fatalf("marshals to other bytes (%v)", err)
			}
		}
		in := map[string]Tensor{}
		for _, v := range p.Inputs() {
			x := newTensor(v.Type, 3, 1)
			in[v.Name] = x
		}
		if p.bytesOfState() < 1<<24 {
			_, _ = p.Run(in, 3)
		}
	})
}

func (p *Program) bytesOfState() (n int64) {
	for _, s := range p.slots {
		n += int64(s.width) * elemSize(s.typ) * int64(p.block)
	}
	return n
}

// TestParseDamage: each truncation and each flipped byte of a model gives an error or a graph, and takes little memory.
func TestParseDamage(t *testing.T) {
	t.Parallel()
	whole, err := flights().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		if g, err := Parse(whole[:i]); err == nil {
			if _, err := Compile(g); err == nil && len(g.Outputs) > 0 && i < len(whole)-40 {
				t.Errorf("the first %d bytes of %d pass for a model", i, len(whole))
			}
		}
		for _, bit := range []byte{1, 0x80, 0xff} {
			b := bytes.Clone(whole)
			b[i] ^= bit
			if g, err := Parse(b); err == nil {
				_, _ = Compile(g)
			}
		}
	}
}

// TestParseBounds: lengths and dimensions that promise more than is there take no memory.
func TestParseBounds(t *testing.T) {
	t.Parallel()
	tensor := func(dims ...uint64) []byte {
		var b []byte
		for _, d := range dims {
			b = protowire.AppendTag(b, tensorDims, protowire.VarintType)
			b = protowire.AppendVarint(b, d)
		}
		b = protowire.AppendTag(b, tensorType, protowire.VarintType)
		return protowire.AppendVarint(b, uint64(Double))
	}
	wrap := func(num protowire.Number, b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), b)
	}
	for name, b := range map[string][]byte{
		"huge dimension":  wrap(modelGraph, wrap(graphInitializer, tensor(1<<31-1))),
		"huge product":    wrap(modelGraph, wrap(graphInitializer, tensor(1<<30, 1<<30, 1<<30))),
		"minus one":       wrap(modelGraph, wrap(graphInitializer, tensor(1<<64-1))),
		"length too long": {modelGraph<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"deep groups":     bytes.Repeat([]byte{0x0b}, 1<<16),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Parse(b)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
			t.Errorf("%s: %d bytes allocated", name, n)
		}
	}
}

// TestParseForeign: models of other makers are refused by what they have that ours have not.
func TestParseForeign(t *testing.T) {
	t.Parallel()
	w := writer{}
	g := flights()
	g.Nodes[0].Op = "Selu"
	w.varint(modelIR, irVersion)
	w.msg(modelGraph, func() { w.graph(g) })
	w.msg(modelOpset, func() { w.varint(opsetVersion, opset) })
	if _, err := Parse(w.b); err == nil || err.Error() != `node 0, Selu "/IsNaN_1": operator is not among those evaluated here` {
		t.Errorf("an operator we do not have: %v", err)
	}
	w = writer{}
	w.varint(modelIR, irVersion)
	w.msg(modelGraph, func() { w.graph(flights()) })
	w.msg(modelOpset, func() { w.varint(opsetVersion, opset+1) })
	if _, err := Parse(w.b); err == nil || !strings.Contains(err.Error(), "operator set version: want 20, have 21") {
		t.Errorf("another operator set: %v", err)
	}
	w = writer{}
	w.varint(modelIR, irVersion)
	w.msg(25, func() { w.str(1, "f") })
	if _, err := Parse(w.b); err == nil || err.Error() != "model: field 25 of onnx.proto is not used here" {
		t.Errorf("functions: %v", err)
	}
	if _, err := Parse([]byte("not a model")); err == nil {
		t.Error("text passes for a model")
	}
}

func TestMarshalText(t *testing.T) {
	t.Parallel()
	g := New("g")
	g.Output("y\xff", g.Input("x", Double))
	if _, err := g.Marshal(); err == nil || !strings.Contains(err.Error(), "is not UTF-8") {
		t.Errorf("a name that is not UTF-8: %v", err)
	}
	g = flights()
	g.Metadata = append(g.Metadata, g.Metadata[0])
	if _, err := g.Marshal(); err == nil || !strings.Contains(err.Error(), `metadata key "b" stands there twice`) {
		t.Errorf("a key twice: %v", err)
	}
}
