package preprocess

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

type selectOracle struct {
	Numeric     [][]float64
	Codes       [][]int32
	Edges       [][]float64
	LabelEdges  []float64 `json:"label_edges"`
	Variance    []float64
	Correlation [][]float64
	Binary      labelOracle
	Multiclass  labelOracle
	Regression  labelOracle
}

type labelOracle struct {
	Y       []float64
	MI      []float64 `json:"mutual_information"`
	Anova   []float64 `json:"anova_f"`
	AnovaP  []float64 `json:"anova_f_p"`
	Chi2    []float64
	Chi2P   []float64 `json:"chi2_p"`
	target  SelectTarget
	ofChi2  bool
	ofCodes bool
}

func readSelectOracle(t *testing.T) (o selectOracle, features []SelectFeature, labels []labelOracle) {
	t.Helper()
	raw, err := os.ReadFile("testdata/selection.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	for i := range o.Numeric {
		features = append(features, SelectFeature{Name: fmt.Sprintf("x%d", i), Edges: o.Edges[i]})
	}
	for i, c := range o.Codes {
		features = append(features, SelectFeature{Name: fmt.Sprintf("c%d", i), Cardinality: int(slices.Max(c)) + 1})
	}
	o.Binary.target, o.Binary.ofChi2, o.Binary.ofCodes = SelectTarget{Type: Binary, Classes: 2}, true, true
	o.Multiclass.target, o.Multiclass.ofChi2 = SelectTarget{Type: Multiclass, Classes: 3}, true
	o.Regression.target, o.Regression.ofCodes = SelectTarget{Type: Regression, Edges: o.LabelEdges}, true
	return o, features, []labelOracle{o.Binary, o.Multiclass, o.Regression}
}

func num(v float64) *float64 { return &v }

// blocksOf cuts rows into blocks of varying size and gives each to a part.
func blocksOf(t *testing.T, s *Selection, numeric [][]float64, codes [][]int32, y []float64, size int) (parts []*SelectPart) {
	t.Helper()
	for at := 0; at < len(y); at += size {
		to := min(at+size, len(y))
		ns, cs := make([][]float64, len(numeric)), make([][]int32, len(codes))
		for i := range numeric {
			ns[i] = numeric[i][at:to]
		}
		for i := range codes {
			cs[i] = codes[i][at:to]
		}
		p := s.NewPart()
		if err := s.Update(p, ns, cs, y[at:to]); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p)
	}
	return parts
}

func mergeAll(t *testing.T, parts []*SelectPart) *SelectPart {
	t.Helper()
	out := new(SelectPart)
	for _, p := range parts {
		if err := out.Merge(p); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func near(a, b, tol float64) bool { return math.Abs(a-b) <= tol*max(1, math.Abs(a), math.Abs(b)) }

func TestSelectionAgreesWithScikitLearn(t *testing.T) {
	t.Parallel()
	o, features, labels := readSelectOracle(t)
	for _, l := range labels {
		methods := map[string]struct{ score, p []float64 }{
			byVariance: {o.Variance, nil},
			byMI:       {l.MI, nil},
			byAnova:    {l.Anova, l.AnovaP},
		}
		if l.ofChi2 {
			methods[byChi2] = struct{ score, p []float64 }{l.Chi2, l.Chi2P}
		}
		for method, want := range methods {
			rule := SelectRule{Method: method, Threshold: num(0)}
			if method == byVariance {
				rule = SelectRule{Method: method}
			}
			s, err := NewSelection([]SelectRule{rule}, features, l.target)
			if err != nil {
				t.Fatal(err)
			}
			part := mergeAll(t, blocksOf(t, s, o.Numeric, o.Codes, l.Y, 64))
			_, report, err := s.Decide(part)
			if err != nil {
				t.Fatal(err)
			}
			if len(report) != len(features) {
				t.Fatalf("%s: %d scores", method, len(report))
			}
			for i, w := range want.score {
				const tol = 1e-9
				if !near(report[i].Score, w, tol) {
					t.Errorf("%s, %s: %s scores %v, want %v", l.target.Type, method, features[i].Name, report[i].Score, w)
				}
				if want.p != nil && !near(report[i].PValue, want.p[i], 1e-8) {
					t.Errorf("%s, %s: %s has p-value %v, want %v", l.target.Type, method, features[i].Name, report[i].PValue, want.p[i])
				}
			}
			if method == byVariance && (report[3].Kept || report[3].Reason != "constant") {
				t.Errorf("the constant feature: %+v", report[3])
			}
			if method == byAnova && l.target.Type == Multiclass && (!report[4].Kept || report[4].Reason == "") {
				t.Errorf("a categorical feature and three classes: %+v", report[4])
			}
		}
	}
}

func TestSelectionByCorrelation(t *testing.T) {
	t.Parallel()
	o, features, labels := readSelectOracle(t)
	for _, l := range labels {
		s, err := NewSelection([]SelectRule{{Method: byCorrelation, Max: num(0.9)}}, features, l.target)
		if err != nil {
			t.Fatal(err)
		}
		part := mergeAll(t, blocksOf(t, s, o.Numeric, o.Codes, l.Y, 50))
		for i := range 3 {
			for j := range i {
				if got := s.correlation(part, i, j); !near(got, o.Correlation[i][j], 1e-9) {
					t.Errorf("correlation of x%d and x%d: %v, want %v", i, j, got, o.Correlation[i][j])
				}
			}
		}
		kept, report, err := s.Decide(part)
		if err != nil {
			t.Fatal(err)
		}
		// x1 is x0 with noise: it says less about the label.
		if want := []bool{true, false, true, true, true, true}; !slices.Equal(kept, want) {
			t.Errorf("%s: kept %v, want %v", l.target.Type, kept, want)
		}
		if !strings.Contains(report[1].Reason, "with x0, which says more about the label") {
			t.Errorf("%s: reason %q", l.target.Type, report[1].Reason)
		}
	}
	// Equals: the later one goes, and the pair names the one that stays.
	twins := []SelectFeature{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	s, err := NewSelection([]SelectRule{{Method: byCorrelation, Max: num(0.5)}}, twins, SelectTarget{Type: Binary, Classes: 2})
	if err != nil {
		t.Fatal(err)
	}
	x := o.Numeric[0]
	kept, report, err := s.Decide(mergeAll(t, blocksOf(t, s, [][]float64{x, x, x}, nil, o.Binary.Y, 100)))
	if err != nil || !slices.Equal(kept, []bool{true, false, false}) {
		t.Errorf("twins: %v, %v", kept, err)
	}
	if !strings.Contains(report[2].Reason, "correlation 1.0000 with a, which says as much") {
		t.Errorf("twins: %q", report[2].Reason)
	}
}

func TestSelectionKeeps(t *testing.T) {
	t.Parallel()
	o, features, labels := readSelectOracle(t)
	l := labels[0]
	features[1].Missing = 0.4
	for _, tt := range []struct {
		name  string
		rules []SelectRule
		want  string
	}{
		{"count", []SelectRule{{Method: byMI, Keep: num(2)}}, "x0 x1"},
		{"share", []SelectRule{{Method: byMI, Keep: num(0.5)}}, "x0 x1 x2"},
		{"all", []SelectRule{{Method: byMI, Keep: num(10)}}, "x0 x1 x2 x3 c0 c1"},
		{"missing", []SelectRule{{Method: byMissing, Max: num(0.3)}}, "x0 x2 x3 c0 c1"},
		{"chain", []SelectRule{{Method: byVariance}, {Method: byMissing, Max: num(0.3)}, {Method: byMI, Keep: num(0.5)}}, "x0 x2"},
		{"threshold", []SelectRule{{Method: byAnova, Threshold: num(3)}}, "x0 x1 c0"},
		{"none", nil, "x0 x1 x2 x3 c0 c1"},
	} {
		s, err := NewSelection(tt.rules, features, l.target)
		if err != nil {
			t.Fatal(tt.name, err)
		}
		kept, _, err := s.Decide(mergeAll(t, blocksOf(t, s, o.Numeric, o.Codes, l.Y, 128)))
		if err != nil {
			t.Fatal(tt.name, err)
		}
		var names []string
		for i, k := range kept {
			if k {
				names = append(names, features[i].Name)
			}
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	s, _ := NewSelection([]SelectRule{{Method: byMI, Threshold: num(100)}}, features, l.target)
	if _, _, err := s.Decide(mergeAll(t, blocksOf(t, s, o.Numeric, o.Codes, l.Y, 128))); err == nil || err.Error() != "selection: method mutual_information drops every feature; loosen threshold" {
		t.Errorf("all dropped: %v", err)
	}
	if _, _, err := s.Decide(new(SelectPart)); err == nil || !strings.Contains(err.Error(), "no training rows") {
		t.Errorf("no rows: %v", err)
	}
}

// The part's bytes are the same whatever ran when; counts are exact in any order, and moments nearly so.
func TestSelectPartMerges(t *testing.T) {
	t.Parallel()
	o, features, labels := readSelectOracle(t)
	rules := []SelectRule{{Method: byVariance}, {Method: byCorrelation, Max: num(0.9)}, {Method: byMI, Keep: num(0.9)}, {Method: byAnova, Keep: num(0.9)}}
	for _, l := range labels {
		for _, rs := range [][]SelectRule{rules, rules[3:], rules[:1], rules[2:3]} {
			s, err := NewSelection(rs, features, l.target)
			if err != nil {
				t.Fatal(err)
			}
			parts := blocksOf(t, s, o.Numeric, o.Codes, l.Y, 37)
			whole := mergeAll(t, parts)
			raw, err := whole.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			var back SelectPart
			if err := back.UnmarshalBinary(raw); err != nil {
				t.Fatal(err)
			}
			if again, _ := back.AppendBinary(nil); !bytes.Equal(raw, again) {
				t.Fatal("bytes do not round-trip")
			}
			if err := back.Merge(s.NewPart()); err != nil {
				t.Fatal(err)
			}
			if again, _ := back.AppendBinary(nil); !bytes.Equal(raw, again) {
				t.Fatal("merging an empty part changes the part")
			}
			r := rand.New(rand.NewPCG(1, 2))
			for range 5 {
				r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
				other := mergeAll(t, parts)
				for k, c := range whole.counts() {
					if !slices.Equal(*c, *other.counts()[k]) {
						t.Fatal("counts depend on the order of merging")
					}
				}
				for k, f := range whole.floats() {
					for i, v := range *f {
						if !near(v, (*other.floats()[k])[i], 1e-8) {
							t.Fatalf("array %d, entry %d: %v and %v", k, i, v, (*other.floats()[k])[i])
						}
					}
				}
				_, a, errA := s.Decide(whole)
				_, b, errB := s.Decide(other)
				if errA != nil || errB != nil || len(a) != len(b) {
					t.Fatal(errA, errB)
				}
				for i := range a {
					if a[i].Kept != b[i].Kept {
						t.Errorf("%+v and %+v", a[i], b[i])
					}
				}
			}
			for cut := range raw {
				if err := new(SelectPart).UnmarshalBinary(raw[:cut]); err == nil {
					t.Fatalf("a part cut at %d of %d bytes is read", cut, len(raw))
				}
			}
		}
	}
}

// A feature of millions of categories is counted in groups, and still found to say something.
func TestSelectionOfManyCategories(t *testing.T) {
	t.Parallel()
	for _, target := range []SelectTarget{{Type: Binary, Classes: 2}, {Type: Multiclass, Classes: 1000}, {Type: Regression}} {
		rules := []SelectRule{{Method: byVariance}, {Method: byMI, Threshold: num(0)}, {Method: byAnova, Threshold: num(0)}}
		s, err := NewSelection(rules, []SelectFeature{{Name: "big", Cardinality: 1 << 30}}, target)
		if err != nil {
			t.Fatal(err)
		}
		codes, y := make([]int32, 4000), make([]float64, 4000)
		for i := range codes {
			codes[i] = int32(i%8) << 27
			if i%8 == 7 {
				codes[i] = 1 << 30
			}
			y[i] = float64(i % 2)
		}
		p := s.NewPart()
		if cells := len(p.codes) + len(p.rowN); cells > 2*maxSelectCells {
			t.Fatalf("%s: a part of %d cells", target.Type, cells)
		}
		if err := s.Update(p, nil, [][]int32{codes}, y); err != nil {
			t.Fatal(err)
		}
		_, report, err := s.Decide(p)
		if err != nil || !(report[0].Score > 0) {
			t.Errorf("%s: %v, %v", target.Type, report, err)
		}
	}
}

func TestSelectMistakes(t *testing.T) {
	t.Parallel()
	target := SelectTarget{Type: Regression}
	_, err := NewSelection([]SelectRule{{Method: "varianz"}, {Method: byCorrelation}, {Method: byMI, Keep: num(1.5)}, {Method: byMI}, {Method: byChi2, Keep: num(3)},
		{Method: byVariance, Keep: num(2)}, {Method: byAnova, Keep: num(2), Threshold: num(1)}, {Method: byMissing, Max: num(math.NaN())}}, nil, target)
	want := `[0].method: unknown method "varianz", want one of [variance missing_rate correlation mutual_information chi2 anova_f]
[1].max: method correlation needs it, a number between 0 and 1
[2].keep: want a count (20) or a share below 1 (0.8), have 1.5
[3].keep: method mutual_information needs keep (a count, or a share below 1) or threshold
[4].method: chi2 needs a label with classes; this one is a quantity: use mutual_information or anova_f
[5].keep: method variance does not take it
[6].threshold: give keep or threshold, not both
[7].max: want a number between 0 and 1, have NaN`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	s, err := NewSelection([]SelectRule{{Method: byVariance}}, []SelectFeature{{Name: "x"}, {Name: "c", Cardinality: 2}}, SelectTarget{Type: Binary, Classes: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		x    []float64
		c    []int32
		y    []float64
		want string
	}{
		{[]float64{1, math.NaN()}, []int32{0, 1}, []float64{0, 1}, `selection: row 1 of the block: feature "x" is NaN`},
		{[]float64{math.Inf(1), 1}, []int32{0, 1}, []float64{0, 1}, `selection: row 0 of the block: feature "x" is +Inf`},
		{[]float64{1, 2}, []int32{0, 3}, []float64{0, 1}, `selection: row 1 of the block: feature "c" has code 3, want 0 to 2`},
		{[]float64{1, 2}, []int32{0, -1}, []float64{0, 1}, `selection: row 1 of the block: feature "c" has code -1, want 0 to 2`},
		{[]float64{1, 2}, []int32{0, 1}, []float64{0, 2}, `selection: row 1 of the block: the label is 2, want a class from 0 to 1`},
		{[]float64{1}, []int32{0, 1}, []float64{0, 1}, `selection: feature "x" has 1 rows, the label 2`},
	} {
		err := s.Update(s.NewPart(), [][]float64{tt.x}, [][]int32{tt.c}, tt.y)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
}

func FuzzSelectPart(f *testing.F) {
	p := &SelectPart{n: 3, mean: []float64{1}, co: []float64{2}, classN: []int64{1, 2}, groupMean: []float64{1, 2}, groupM2: []float64{0, 0}, codes: []int64{4}}
	raw, _ := p.AppendBinary(nil)
	f.Add(raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		var q SelectPart
		if q.UnmarshalBinary(b) != nil {
			return
		}
		again, err := q.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		var r SelectPart
		if err := r.UnmarshalBinary(again); err != nil {
			t.Fatal(err)
		}
		if err := q.Merge(&r); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkSelectUpdate(b *testing.B) {
	const d, rows = 40, 4096
	r := rand.New(rand.NewPCG(1, 1))
	features := make([]SelectFeature, d)
	numeric := make([][]float64, d)
	for i := range features {
		features[i] = SelectFeature{Name: fmt.Sprint(i)}
		for k := range 31 {
			features[i].Edges = append(features[i].Edges, float64(k)/16-1)
		}
		numeric[i] = make([]float64, rows)
		for k := range numeric[i] {
			numeric[i][k] = r.NormFloat64()
		}
	}
	y := make([]float64, rows)
	for k := range y {
		y[k] = float64(r.IntN(2))
	}
	for _, rules := range [][]SelectRule{{{Method: byCorrelation, Max: num(0.9)}}, {{Method: byMI, Keep: num(0.9)}}, {{Method: byAnova, Keep: num(0.9)}}} {
		b.Run(rules[0].Method, func(b *testing.B) {
			s, err := NewSelection(rules, features, SelectTarget{Type: Binary, Classes: 2})
			if err != nil {
				b.Fatal(err)
			}
			p := s.NewPart()
			b.SetBytes(8 * d * rows)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Update(p, numeric, nil, y); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
