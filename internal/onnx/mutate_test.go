package onnx

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Mutations yields graphs whose nodes were rewired at random: those that compile, out of n.
func Mutations(seed uint64, n int) (out []*Graph) {
	rng := rand.New(rand.NewPCG(seed, 2))
	pick := func(n int) int { return rng.IntN(n) }
	names := slices.Sorted(maps.Keys(operators))
	for range n {
		g := flights()
		var values []string
		for _, v := range g.Inputs {
			values = append(values, v.Name)
		}
		for _, k := range g.Consts {
			values = append(values, k.Name)
		}
		for _, n := range g.Nodes {
			values = append(values, n.Out...)
		}
		for range 1 + pick(3) {
			n, k := &g.Nodes[pick(len(g.Nodes))], &g.Consts[pick(len(g.Consts))]
			switch pick(9) {
			case 0, 1:
				n.In[pick(len(n.In))] = values[pick(len(values))]
			case 2:
				n.Domain, n.Op, _ = strings.Cut(names[pick(len(names))], "/")
			case 3:
				n.In = append(n.In, values[pick(len(values))])
			case 4:
				if len(n.In) > 1 {
					n.In = n.In[:len(n.In)-1]
				}
			case 5:
				n.Attrs = []Attr{{"axis", int64(pick(4) - 1)}}
			case 6:
				n.Attrs = append(n.Attrs, Attr{"to", int64(pick(14))})
			case 7:
				k.Shape = [][]int{{k.Len()}, {1, k.Len()}, {k.Len(), 1}, {}, {0}, {2, 2}}[pick(6)]
			case 8:
				g.Inputs[pick(2)].Type = DType(pick(14))
			}
		}
		if _, types, err := compile(g); err == nil {
			for i, v := range g.Outputs { // what a mutation changed
				g.Outputs[i].Type, g.Outputs[i].Width = types[v.Name].typ, types[v.Name].width
			}
			out = append(out, g)
		}
	}
	return out
}

// TestMutations: random graphs compile, run and marshal, or give an error.
func TestMutations(t *testing.T) {
	t.Parallel()
	ran := 0
	for _, g := range Mutations(1, 10000) {
		p, err := Compile(g)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Run(Zeros(p, 9), 9); err == nil {
			ran++
		}
		if _, err := g.Marshal(); err != nil {
			t.Fatal(err)
		}
	}
	if ran < 300 {
		t.Errorf("only %d of the graphs ran", ran)
	}
}

// Zeros is the columns that a program wants, all of them 0 or empty.
func Zeros(p *Program, rows int) map[string]Tensor {
	in := map[string]Tensor{}
	for _, v := range p.Inputs() {
		in[v.Name] = newTensor(v.Type, rows, 1)
	}
	return in
}
