package preprocess

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"howdah/internal/table"
)

// labelPart makes a part of the columns, one a shard, through bytes.
func labelPart(t *testing.T, cols ...table.Column) *TargetPart {
	t.Helper()
	total := new(TargetPart)
	for i, c := range cols {
		p := new(TargetPart)
		if err := p.Update(table.Origin{Shard: fmt.Sprintf("p%d", i), Row: 10}, "y", c); err != nil {
			t.Fatal(err)
		}
		raw, err := p.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		back := new(TargetPart)
		if err := back.UnmarshalBinary(raw); err != nil {
			t.Fatal(err)
		}
		if again, _ := back.AppendBinary(nil); !bytes.Equal(raw, again) {
			t.Fatal("bytes do not round-trip")
		}
		if err := total.Merge(back); err != nil {
			t.Fatal(err)
		}
	}
	return total
}

func ints(v ...int64) *table.Int64s        { return &table.Int64s{Values: v} }
func doubles(v ...float64) *table.Float64s { return &table.Float64s{Values: v} }
func truths(v ...bool) *table.Bools        { return &table.Bools{Values: v} }

func TestTargetFit(t *testing.T) {
	t.Parallel()
	many := make([]float64, 30)
	for i := range many {
		many[i] = float64(i)
	}
	for _, tt := range []struct {
		name    string
		cfg     Target
		col     table.Column
		typ     TargetType
		classes string
		labels  []float32
	}{
		{"truth values", Target{}, truths(true, false, true), Binary, "false true", []float32{1, 0, 1}},
		{"0 and 1", Target{}, ints(1, 0, 0), Binary, "0 1", []float32{1, 0, 0}},
		{"2 and 10", Target{}, ints(10, 2, 2), Binary, "2 10", []float32{1, 0, 0}},
		{"doubles", Target{}, doubles(1, 0, -1), Multiclass, "-1 0 1", []float32{2, 1, 0}},
		{"two texts", Target{}, coded("no", "yes", "no"), Binary, "no yes", []float32{0, 1, 0}},
		{"positive", Target{Positive: "no"}, coded("no", "yes", "no"), Binary, "yes no", []float32{1, 0, 1}},
		{"texts", Target{}, plain("b", "a", "c"), Multiclass, "a b c", []float32{1, 0, 2}},
		{"a few numbers", Target{}, ints(3, 10, 2), Multiclass, "2 3 10", []float32{1, 2, 0}},
		{"two as multiclass", Target{Type: "multiclass"}, ints(3, 10), Multiclass, "3 10", []float32{0, 1}},
		{"numbers", Target{}, doubles(many...), Regression, "", []float32{0, 1, 2}},
		{"fractions", Target{}, doubles(0.5, 1.5, 2.5), Regression, "", []float32{0.5, 1.5, 2.5}},
		{"few numbers as regression", Target{Type: "regression"}, ints(3, 10, 2), Regression, "", []float32{3, 10, 2}},
		{"truth values as regression", Target{Type: "regression"}, truths(true, false), Regression, "", []float32{1, 0}},
	} {
		tt.cfg.Column = "y"
		f, err := tt.cfg.Fit(labelPart(t, tt.col))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		raw, err := f.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		back := new(FittedTarget)
		if err := back.UnmarshalBinary(raw); err != nil {
			t.Fatal(tt.name, err)
		}
		if again, _ := back.AppendBinary(nil); !bytes.Equal(raw, again) {
			t.Errorf("%s: the state does not round-trip", tt.name)
		}
		if back.Type() != tt.typ || strings.Join(back.Classes(), " ") != tt.classes {
			t.Errorf("%s: %s %q, want %s %q", tt.name, back.Type(), back.Classes(), tt.typ, tt.classes)
		}
		got := make([]float32, tt.col.Len())
		if err := back.Apply(table.Origin{}, tt.col, got); err != nil || !slices.Equal(got[:len(tt.labels)], tt.labels) {
			t.Errorf("%s: labels %v, %v, want %v", tt.name, got, err, tt.labels)
		}
	}
}

func TestTargetMistakes(t *testing.T) {
	t.Parallel()
	many := make([]int64, 3000)
	words := make([]string, 3000)
	for i := range many {
		many[i] = int64(i)
		words[i] = fmt.Sprint("w", i)
	}
	nullable := &table.Float64s{Values: []float64{1, math.NaN(), 2}, Valid: table.Bitmap{3}}
	for _, tt := range []struct {
		cfg  Target
		cols []table.Column
		want string
	}{
		{Target{}, []table.Column{doubles(1, 2), nullable}, `label "y" has no value in 2 of 5 rows, first in p1, row 11; leave them out (data.where: "y != nil")`},
		{Target{}, []table.Column{coded("a", "", "b")}, `label "y" has no value in 1 of 3 rows, first in p0, row 11; leave them out (data.where: "y != nil")`},
		{Target{}, []table.Column{doubles(1, 2, math.Inf(-1))}, `label "y" is infinite in 1 of 3 rows, first in p0, row 12; leave them out by data.where`},
		{Target{}, []table.Column{truths(true, true)}, `label "y" has only one class, "true", in 2 rows: there is nothing to learn`},
		{Target{}, []table.Column{ints(4, 4)}, `label "y" has only one class, "4", in 2 rows: there is nothing to learn`},
		{Target{Type: "regression"}, []table.Column{ints(4, 4)}, `label "y" is 4 in every row: there is nothing to learn`},
		{Target{Type: "regression"}, []table.Column{plain("a", "b")}, `label "y" is text, want numbers for a regression`},
		{Target{Type: "binary"}, []table.Column{ints(1, 2, 3)}, `label "y" has 3 classes (["1" "2" "3"]), want 2 for type binary`},
		{Target{Type: "multiclass"}, []table.Column{ints(many...)}, `label "y" has more than 1000 distinct values, too many for classes; type: regression trains on the number`},
		{Target{}, []table.Column{plain(words...)}, `label "y" has more than 1000 distinct values, too many for classes; type: regression trains on the number`},
		{Target{Positive: "maybe"}, []table.Column{plain("no", "yes")}, `label "y" has the classes ["no" "yes"]; positive names neither, but "maybe"`},
		{Target{ClassWeights: ClassWeights{Classes: []ClassWeight{{"no", 2}}}}, []table.Column{plain("no", "yes")}, `label "y": class_weights lack the class "yes"`},
		{Target{ClassWeights: ClassWeights{Classes: []ClassWeight{{"on", 2}}}}, []table.Column{plain("no", "yes")}, `label "y": class_weights name the class "on"; there are ["no" "yes"]`},
		{Target{}, nil, `label "y": there are no rows`},
		{Target{Type: "binry"}, nil, `type: unknown type "binry", want regression, binary or multiclass`},
		{Target{Type: "regression", Positive: "1", ClassWeights: ClassWeights{Balanced: true}}, nil, "positive: type regression does not take it\nclass_weights: a regression has no classes"},
	} {
		tt.cfg.Column = "y"
		_, err := tt.cfg.Fit(labelPart(t, tt.cols...))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%+v:\n got %v\nwant %s", tt.cfg, err, tt.want)
		}
	}
	p := new(TargetPart)
	if err := p.Update(table.Origin{Shard: "a"}, "y", ints(1)); err != nil {
		t.Fatal(err)
	}
	if err := p.Update(table.Origin{Shard: "b"}, "y", plain("x")); err == nil || err.Error() != `b: label "y": some shards have integers, others text` {
		t.Errorf("two kinds: %v", err)
	}
	f, err := Target{Column: "y"}.Fit(labelPart(t, plain("a", "b")))
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float32, 2)
	if err := f.Apply(table.Origin{Shard: "p", Row: 5}, plain("a", "new"), dst); err == nil || err.Error() != `p: row 6: label "y" is "new", which is none of its 2 classes` {
		t.Errorf("unseen class: %v", err)
	}
	f, err = Target{Column: "y"}.Fit(labelPart(t, doubles(0.5, 1.5, 2.5)))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Apply(table.Origin{Shard: "p", Row: 5}, doubles(1, 1e300), dst); err == nil || err.Error() != `p: row 6: label "y" is 1e+300, want a finite number within float32` {
		t.Errorf("too large: %v", err)
	}
}

func TestBaselineAndWeights(t *testing.T) {
	t.Parallel()
	labels := coded("a", "b", "a", "c", "a", "a")
	all := labelPart(t, labels)
	f, err := Target{Column: "y", ClassWeights: ClassWeights{Balanced: true}}.Fit(all)
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.Baseline(all)
	if err != nil {
		t.Fatal(err)
	}
	// sklearn.utils.class_weight.compute_class_weight("balanced", classes=[a, b, c], y): n / (classes * count)
	for i, want := range []float64{6.0 / 12, 6.0 / 3, 6.0 / 3} {
		if !near(b.Weights[i], want, 1e-15) {
			t.Errorf("class %d weighs %v, want %v", i, b.Weights[i], want)
		}
	}
	if !near(b.Priors[0], 4.0/6, 1e-15) || !near(b.Priors[1], 1.0/6, 1e-15) {
		t.Errorf("priors %v", b.Priors)
	}
	y := make([]float32, 6)
	if err := f.Apply(table.Origin{}, labels, y); err != nil {
		t.Fatal(err)
	}
	w := make([]float32, 6)
	if err := Weights(table.Origin{}, "w", doubles(1, 2, 3, 0, 5, 6), b.Weights, y, w); err != nil || !slices.Equal(w, []float32{0.5, 4, 1.5, 0, 2.5, 3}) {
		t.Errorf("weights %v, %v", w, err)
	}
	if err := Weights(table.Origin{}, "w", nil, nil, y, w); err != nil || !slices.Equal(w, []float32{1, 1, 1, 1, 1, 1}) {
		t.Errorf("no weights: %v, %v", w, err)
	}
	for _, c := range []table.Column{doubles(1, 1, -1, 1, 1, 1), doubles(1, 1, math.NaN(), 1, 1, 1), doubles(1, 1, math.Inf(1), 1, 1, 1),
		&table.Int64s{Values: make([]int64, 6), Valid: table.Bitmap{0b111011}}} {
		if err := Weights(table.Origin{Shard: "p"}, "w", c, nil, y, w); err == nil || !strings.HasPrefix(err.Error(), `p: row 2: weight column "w" is `) {
			t.Errorf("bad weight: %v", err)
		}
	}
	if _, err := f.Baseline(labelPart(t, coded("b", "b"))); err == nil || !strings.Contains(err.Error(), `the training rows have only one class, "b"`) {
		t.Errorf("one class to train on: %v", err)
	}
	if _, err := f.Baseline(new(TargetPart)); err == nil || !strings.Contains(err.Error(), "there are no training rows") {
		t.Errorf("no training rows: %v", err)
	}
	r, err := Target{Column: "y"}.Fit(labelPart(t, doubles(0.5, 1.5, 4)))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := r.Baseline(labelPart(t, doubles(0.5, 1.5), doubles(4))); err != nil || !near(b.Mean, 2, 1e-15) || b.Priors != nil {
		t.Errorf("mean: %+v, %v", b, err)
	}
	var cw ClassWeights
	if err := cw.UnmarshalJob(map[string]any{"b": int64(2), "a": 0.5}); err != nil || fmt.Sprint(cw.Classes) != "[{a 0.5} {b 2}]" {
		t.Errorf("explicit weights: %v, %v", cw, err)
	}
	if err := cw.UnmarshalJob("even"); err == nil {
		t.Error("an unknown word is taken for class weights")
	}
	f, err = Target{Column: "y", ClassWeights: ClassWeights{Classes: []ClassWeight{{"0", 3}, {"1", 0.25}}}}.Fit(labelPart(t, ints(0, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := f.Baseline(labelPart(t, ints(0, 1, 1, 1))); err != nil || !slices.Equal(b.Weights, []float64{3, 0.25}) || b.Mean != 0.75 {
		t.Errorf("explicit weights: %+v, %v", b, err)
	}
}

// What is exact in a label's part does not depend on the order of merging, nor does the type it leads to.
func TestTargetPartMerges(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	for _, distinct := range []int{3, 900, 5000} {
		var parts []*TargetPart
		for i := range 12 {
			v := make([]float64, 700)
			for k := range v {
				v[k] = float64(r.IntN(distinct)) / 4
			}
			p := new(TargetPart)
			// Two batches: the second finds counts, or an overflow, that the first left.
			for range 2 {
				if err := p.Update(table.Origin{Shard: fmt.Sprint(i)}, "y", doubles(v...)); err != nil {
					t.Fatal(err)
				}
			}
			parts = append(parts, p)
		}
		var first *TargetPart
		for range 5 {
			total := new(TargetPart)
			for _, p := range parts {
				if err := total.Merge(p); err != nil {
					t.Fatal(err)
				}
			}
			if first == nil {
				first = total
			}
			if total.n != 12*1400 || total.n != first.n || total.overflow != first.overflow || total.min != first.min || total.max != first.max ||
				total.infer() != first.infer() || fmt.Sprint(total.sortedKeys()) != fmt.Sprint(first.sortedKeys()) || !near(total.mean, first.mean, 1e-12) || !near(total.m2, first.m2, 1e-12) {
				t.Fatalf("the order of merging matters: %+v, %+v", total, first)
			}
			r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		}
		if first.overflow != (distinct > maxClasses) {
			t.Errorf("%d distinct values: overflow %v", distinct, first.overflow)
		}
	}
}

func FuzzTargetPart(f *testing.F) {
	p := new(TargetPart)
	if err := p.Update(table.Origin{Shard: "p"}, "y", doubles(1, 2, math.NaN(), math.Inf(1))); err != nil {
		f.Fatal(err)
	}
	raw, _ := p.AppendBinary(nil)
	f.Add(raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		var q TargetPart
		if q.UnmarshalBinary(b) != nil {
			return
		}
		again, err := q.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := new(TargetPart).UnmarshalBinary(again); err != nil {
			t.Fatal(err)
		}
		_, _ = Target{Column: "y"}.Fit(&q)
	})
}
