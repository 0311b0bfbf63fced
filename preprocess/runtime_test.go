package preprocess

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"howdah/internal/onnx"
	"howdah/internal/onnxtest"
	"howdah/internal/table"
)

// TestRuntime: the real onnxruntime answers what our evaluator, and so Apply, answers: codes exactly, numbers within
// 1e-6 + 1e-5|x|, on real and hostile rows.
func TestRuntime(t *testing.T) {
	t.Parallel()
	onnxtest.Python(t)
	var cases []onnxtest.Case
	var want []map[string]onnx.Tensor
	var names []string
	ex := examples()
	for _, name := range slices.Sorted(maps.Keys(ex)) {
		p := compile(t, ex[name], Options{})
		tr, err := p.Transformer(fit(t, p, units(2, 900)), nil)
		if err != nil {
			t.Fatal(err)
		}
		g := onnx.New("preprocess")
		dense, codes, err := tr.Export(g)
		if err != nil {
			t.Fatal(err)
		}
		if dense.Name != "" {
			g.Output("dense", dense)
		}
		for i, c := range codes {
			g.Output(fmt.Sprintf("code%d", i), c)
		}
		prog, err := onnx.Compile(g)
		if err != nil {
			t.Fatal(err)
		}
		model, err := g.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		bad, err := Adversarial(tr.Inputs(), wholeBatch(100, 4, false))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range []*table.Batch{wholeBatch(300, 21, false), wholeBatch(300, 22, true), bad} {
			in, err := tr.InputTensors(b)
			if err != nil {
				t.Fatal(err)
			}
			out, err := prog.Run(in, b.Rows)
			if err != nil {
				t.Fatal(err)
			}
			cases = append(cases, onnxtest.Case{Model: model, In: in, Rows: b.Rows})
			want = append(want, out)
			names = append(names, name+" "+b.Shard)
		}
	}
	results, versions := onnxtest.ScoreAll(t, cases)
	for i, r := range results {
		if r.Err != nil {
			t.Errorf("%s: %v (%v)", names[i], r.Err, versions)
			continue
		}
		if err := onnxtest.Equal(want[i], r.Out, false); err != nil {
			t.Errorf("%s: %v (%v)", names[i], err, versions)
		}
	}
}
