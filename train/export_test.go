package train

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"howdah/internal/onnx"
	"howdah/internal/onnxtest"
	"howdah/internal/splitmix"
	"howdah/internal/table"
)

// exported writes a model that takes each slot as a column, and those columns for rows.
func exported(t testing.TB, n *Network, e *table.Encoded) (*onnx.Graph, map[string]onnx.Tensor) {
	t.Helper()
	g := onnx.New("model")
	in := map[string]onnx.Tensor{}
	d, f := len(n.layout.Dense), len(n.layout.Codes)
	var dense []onnx.Value
	for j, name := range n.layout.Dense {
		dense = append(dense, g.Input(name, onnx.Float))
		col := onnx.Tensor{Type: onnx.Float, Shape: []int{e.Rows, 1}}
		for i := range e.Rows {
			col.Floats = append(col.Floats, e.Dense[i*d+j])
		}
		in[name] = col
	}
	var codes []onnx.Value
	for j, c := range n.layout.Codes {
		codes = append(codes, g.Input(c.Feature, onnx.Int64))
		col := onnx.Tensor{Type: onnx.Int64, Shape: []int{e.Rows, 1}}
		for i := range e.Rows {
			col.Int64s = append(col.Int64s, int64(e.Codes[i*f+j]))
		}
		in[c.Feature] = col
	}
	var x onnx.Value
	if d > 0 {
		x = g.Concat(dense...)
	}
	logits, prediction, err := n.Export(g, x, codes)
	if err != nil {
		t.Fatal(err)
	}
	g.Output("logits", logits)
	g.Output("prediction", prediction)
	return g, in
}

// exportModels are models of every kind over every kind of layout.
func exportModels(t testing.TB) map[string]*Network {
	out := map[string]*Network{}
	layouts := map[string]func(int) table.Layout{
		"dense":      func(k int) table.Layout { return layoutOf(5, k) },
		"one":        func(k int) table.Layout { return layoutOf(1, k) },
		"one-hot":    func(k int) table.Layout { return layoutOf(0, k, [2]int{4, 0}, [2]int{0, 0}, [2]int{9, 0}) },
		"embeddings": func(k int) table.Layout { return layoutOf(0, k, [2]int{4, 3}, [2]int{0, 2}) },
		"all":        wide,
	}
	for name, layout := range layouts {
		for _, k := range []int{0, 2, 4} {
			models := map[string]Config{"regression": {}}
			for _, a := range Activations {
				models["mlp "+a] = Config{Model: ModelConfig{Type: "mlp", Hidden: []int{17, 5}, Activation: a, Dropout: 0.1}}
			}
			if k == 2 {
				models["softmax of 2"] = Config{Model: ModelConfig{Type: "softmax"}}
			}
			for m, cfg := range models {
				cfg.Train = TrainConfig{Epochs: 2, BatchSize: 64}
				n := newNet(t, cfg, layout(k), nil)
				if err := Fit(context.Background(), []Trainer{n}, rowsOf(t, n.layout, 300, 8, false), FitOptions{}); err != nil {
					t.Fatal(err)
				}
				// Zeros of both signs in tables and biases.
				for _, b := range n.blocks {
					if b.size() > 1 {
						n.state.Params[b.Offset] = 0
						n.state.Params[b.Offset+b.size()-1] = float32(math.Copysign(0, -1))
					}
				}
				out[fmt.Sprintf("%s/%d classes/%s", name, k, m)] = n
			}
		}
	}
	return out
}

// adversarial replaces dense numbers by extreme ones.
func adversarial(e *table.Encoded) *table.Encoded {
	c := *e
	c.Dense = slices.Clone(e.Dense)
	odd := []float32{0, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32, -1e-40, 1e30, -1e30, math.MaxFloat32, 88.8, -104, 1, 16777217}
	for i := range c.Dense {
		if h := splitmix.Draw(77, uint64(i)); h%3 != 0 {
			c.Dense[i] = odd[h/3%uint64(len(odd))]
		}
	}
	return &c
}

// TestExport: the exported graph yields the bits of Predict, on common and on adversarial rows, every code among them.
func TestExport(t *testing.T) {
	t.Parallel()
	for name, n := range exportModels(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain := rowsOf(t, n.layout, 2500, 9, false).all
			for kind, e := range map[string]*table.Encoded{"plain": plain, "adversarial": adversarial(plain)} {
				logits := make([]float32, e.Rows*n.outputs)
				if err := n.Predict(e, logits); err != nil {
					t.Fatal(err)
				}
				g, in := exported(t, n, e)
				p, err := onnx.Compile(g)
				if err != nil {
					t.Fatal(err)
				}
				out, err := p.Run(in, e.Rows)
				if err != nil {
					t.Fatal(err)
				}
				sameNumbers(t, kind+": logits", out["logits"].Floats, logits)
				prediction := make([]float32, len(logits))
				n.Probabilities(prediction, logits)
				sameNumbers(t, kind+": prediction", out["prediction"].Floats, prediction)
			}
		})
	}
}

// sameNumbers is sameBits, but any NaN equals any other.
func sameNumbers(t testing.TB, what string, a, b []float32) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%s: %d numbers, want %d", what, len(a), len(b))
	}
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) && (a[i] == a[i] || b[i] == b[i]) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, a[i], b[i])
		}
	}
}

// TestExportRuntime: onnxruntime agrees within 1e-6 + 1e-5|b| on logits and values, 1e-6 on probabilities.
func TestExportRuntime(t *testing.T) {
	t.Parallel()
	onnxtest.Python(t)
	models := exportModels(t)
	var cases []onnxtest.Case
	var names []string
	var rows []*table.Encoded
	for name, n := range models {
		e := rowsOf(t, n.layout, 300, 10, false).all
		g, in := exported(t, n, e)
		m, err := g.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		cases, names, rows = append(cases, onnxtest.Case{Model: m, In: in, Rows: e.Rows}), append(names, name), append(rows, e)
	}
	results, _ := onnxtest.ScoreAll(t, cases)
	for i, r := range results {
		if r.Err != nil {
			t.Errorf("%s: %v", names[i], r.Err)
			continue
		}
		n := models[names[i]]
		logits := make([]float32, rows[i].Rows*n.outputs)
		if err := n.Predict(rows[i], logits); err != nil {
			t.Fatal(err)
		}
		prediction := make([]float32, len(logits))
		n.Probabilities(prediction, logits)
		near := func(what string, have, want []float32, relative float64) {
			if len(have) != len(want) {
				t.Fatalf("%s: %s: %d numbers, want %d", names[i], what, len(have), len(want))
			}
			for j, w := range want {
				if !(math.Abs(float64(have[j]-w)) <= 1e-6+relative*math.Abs(float64(w))) {
					t.Errorf("%s: %s: row %d: onnxruntime says %v, want %v", names[i], what, j, have[j], w)
					break
				}
			}
		}
		near("logits", r.Out["logits"].Floats, logits, 1e-5)
		relative := 0.0
		if n.classes == 0 {
			relative = 1e-5
		}
		near("prediction", r.Out["prediction"].Floats, prediction, relative)
	}
}

// TestExportRefuses inputs that do not fit the layout.
func TestExportRefuses(t *testing.T) {
	t.Parallel()
	n := newNet(t, Config{}, layoutOf(2, 2, [2]int{3, 0}), nil)
	g := onnx.New("model")
	a, b := g.Input("a", onnx.Float), g.Input("b", onnx.Float)
	x, c := g.Concat(a, b), g.Input("c", onnx.Int64)
	for name, try := range map[string]func() error{
		"no dense input":  func() error { _, _, err := n.Export(g, onnx.Value{}, []onnx.Value{c}); return err },
		"too narrow":      func() error { _, _, err := n.Export(g, a, []onnx.Value{c}); return err },
		"no codes":        func() error { _, _, err := n.Export(g, x, nil); return err },
		"codes of floats": func() error { _, _, err := n.Export(g, x, []onnx.Value{a}); return err },
	} {
		if try() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestPredictNeighbours: a row's logits do not depend on the rows beside it, nor on the pool.
func TestPredictNeighbours(t *testing.T) {
	t.Parallel()
	l := wide(4)
	cfg := Config{Model: ModelConfig{Type: "mlp"}}
	n, p := newNet(t, cfg, l, nil), newNet(t, cfg, l, goPool(3))
	e := rowsOf(t, l, 1500, 12, false).all
	all, pooled := make([]float32, 1500*4), make([]float32, 1500*4)
	if err := n.Predict(e, all); err != nil {
		t.Fatal(err)
	}
	if err := p.Predict(e, pooled); err != nil {
		t.Fatal(err)
	}
	sameBits(t, "pool", pooled, all)
	one := make([]float32, 4)
	for i := 0; i < 1500; i += 97 {
		r := &table.Encoded{Rows: 1, Dense: e.Dense[i*9 : i*9+9], Codes: e.Codes[i*4 : i*4+4]}
		if err := n.Predict(r, one); err != nil {
			t.Fatal(err)
		}
		sameBits(t, "row alone", one, all[i*4:i*4+4])
	}
}

// TestWeights: what Weights writes LoadWeights reads; equal models give equal bytes; damage is refused.
func TestWeights(t *testing.T) {
	t.Parallel()
	l := wide(2)
	cfg := configs()["mlp, adam"]
	n := newNet(t, cfg, l, nil)
	fit(t, n, rowsOf(t, l, 500, 1, false))
	w := n.Weights(nil)
	fresh := newNet(t, cfg, l, nil)
	if err := fresh.LoadWeights(w); err != nil {
		t.Fatal(err)
	}
	sameBits(t, "weights", fresh.Params(), n.Params())
	if !bytes.Equal(fresh.Weights(nil), w) {
		t.Error("the same weights give other bytes")
	}
	if other := newNet(t, Config{}, l, nil); other.LoadWeights(w) == nil {
		t.Error("another model's weights are accepted")
	}
	for _, cut := range []int{0, 7, 8, 100, len(w) - 1} {
		if fresh.LoadWeights(w[:cut]) == nil {
			t.Errorf("the first %d bytes are accepted", cut)
		}
	}
	bad := slices.Clone(w)
	copy(bad[len(bad)-4:], []byte{0, 0, 0xc0, 0x7f})
	if fresh.LoadWeights(bad) == nil {
		t.Error("a NaN is accepted")
	}
	sameBits(t, "weights after errors", fresh.Params(), n.Params())
}

// TestWeightsOfLibrary reads a file that the safetensors library wrote.
func TestWeightsOfLibrary(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/oracle/weights.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	n := newNet(t, Config{}, layoutOf(2, 2, [2]int{3, 0}), nil)
	if err := n.LoadWeights(b); err != nil {
		t.Fatal(err)
	}
	sameBits(t, "weights", n.Params(), []float32{-1, 0.1, 0.125, 1.5, -2.25, 3})
}
