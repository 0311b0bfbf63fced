package preprocess

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"howdah/internal/table"
)

// TestExactKindsIgnoreOrder: counts and extremes merge exactly, whatever the order of the parts.
func TestExactKindsIgnoreOrder(t *testing.T) {
	t.Parallel()
	ex := examples()
	for _, name := range []string{"missing most_frequent", "missing keep", "encode one_hot", "encode ordinal", "encode vocabulary", "encode hash"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := compile(t, ex[name], Options{})
			var want []byte
			for _, order := range [][]int{{0, 1, 2, 3}, {3, 1, 0, 2}, {2, 3, 1, 0}} {
				s := p.NewState()
				var parts []*Part
				for _, k := range order {
					part, err := p.NewPart(0, s)
					if err != nil {
						t.Fatal(err)
					}
					if err := part.Update(wholeBatch(700, uint64(k), false), nil); err != nil {
						t.Fatal(err)
					}
					parts = append(parts, part)
				}
				for _, q := range parts[1:] {
					if err := parts[0].Merge(q); err != nil {
						t.Fatal(err)
					}
				}
				if err := p.Fit(s, 0, parts[0]); err != nil {
					t.Fatal(err)
				}
				got, err := p.StateBytes(s)
				if err != nil {
					t.Fatal(err)
				}
				if want == nil {
					want = got
				}
				if !bytes.Equal(got, want) {
					t.Errorf("order %v: another state", order)
				}
			}
		})
	}
}

func TestSelectionKeepsWholeFeatures(t *testing.T) {
	t.Parallel()
	keep := 5.0
	p := compile(t, nil, Options{Selection: []SelectRule{{Method: "mutual_information", Keep: &keep}}})
	if p.SelectionWave() != 1 || p.Waves() != 2 {
		t.Fatalf("selection in wave %d of %d", p.SelectionWave(), p.Waves())
	}
	y := func(b *table.Batch) []float64 {
		out := make([]float64, b.Rows)
		c := b.Lookup("f64").(*table.Float64s)
		for i := range out {
			if c.Values[i] > 0 {
				out[i] = 1
			}
		}
		return out
	}
	s := p.NewState()
	for w := range p.Waves() {
		var total *Part
		for _, b := range units(6, 1000) {
			part, err := p.NewPart(w, s)
			if err != nil {
				t.Fatal(err)
			}
			if err := part.Update(b, y(b)); err != nil {
				t.Fatal(err)
			}
			packed, err := part.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := part.UnmarshalBinary(packed); err != nil {
				t.Fatal(err)
			}
			if total == nil {
				total = part
			} else if err := total.Merge(part); err != nil {
				t.Fatal(err)
			}
		}
		s.SetTarget(SelectTarget{Type: Binary, Classes: 2})
		if err := p.Fit(s, w, total); err != nil {
			t.Fatal(err)
		}
	}
	kept := p.Kept(s)
	if len(kept) != 5 || !slices.Contains(kept, "f64") {
		t.Fatalf("kept %v, want 5 with f64", kept)
	}
	packed, err := p.StateBytes(s)
	if err != nil {
		t.Fatal(err)
	}
	s, err = p.ReadState(packed)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := p.Transformer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := tr.Features(); !slices.Equal(got, kept) {
		t.Errorf("features %v, want %v", got, kept)
	}
	if len(tr.Columns()) > 5 {
		t.Errorf("reads %v for 5 features", tr.Columns())
	}
	only, err := p.Transformer(s, []string{"f64"})
	if err != nil {
		t.Fatal(err)
	}
	if got := only.Layout().Dense; !slices.Equal(got, []string{"f64", "f64_missing"}) {
		t.Errorf("dense slots %v", got)
	}
}

// TestEveryKindCanBeSelected: whatever a chain yields, selection can score it, and the parts stay the same bits.
func TestEveryKindCanBeSelected(t *testing.T) {
	t.Parallel()
	zero, share, most := 0.0, 0.9, 0.95
	rules := []SelectRule{{Method: "variance", Min: &zero}, {Method: "missing_rate", Max: &most}, {Method: "correlation", Max: &most},
		{Method: "mutual_information", Keep: &share}, {Method: "chi2", Threshold: &zero}, {Method: "anova_f", Threshold: &zero}}
	for name, ex := range examples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := compile(t, ex, Options{Selection: rules})
			s := fit(t, p, units(5, 1500))
			if len(s.Scores()) == 0 {
				t.Error("no scores")
			}
			want, err := p.StateBytes(s)
			if err != nil {
				t.Fatal(err)
			}
			sameState(t, p, fitByBytes(t, p), want)
			if _, err := p.Transformer(s, nil); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestDropRowsOfInfinities: an infinity is missing only where the rule says so; elsewhere it stays, for the fit to refuse it.
func TestDropRowsOfInfinities(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]int{"": 1, "error": 1, "missing": 2} {
		p := compile(t, []Rule{{Columns: Selector{Names: []string{"positive"}}, Missing: Choice{Kind: "drop_row"}, Infinite: policy}}, Options{})
		b := &table.Batch{Rows: 3}
		b.Put("positive", &table.Float64s{Values: []float64{1, math.NaN(), math.Inf(-1)}})
		if n, err := p.DropRows(b, make([]bool, 3)); err != nil || n != want {
			t.Errorf("infinite %q: %d rows dropped (%v), want %d", policy, n, err, want)
		}
	}
}

// TestPlainTextEqualsCoded: a chunk may fall back from a dictionary to plain pages half way.
func TestPlainTextEqualsCoded(t *testing.T) {
	t.Parallel()
	for _, encode := range []string{"one_hot", "vocabulary", "ordinal"} {
		p := compile(t, []Rule{{Columns: Selector{Names: []string{"coded"}}, Encode: Choice{Kind: encode}}}, Options{})
		s := fit(t, p, units(2, 800))
		want, _ := p.StateBytes(s)
		asPlain := func(b *table.Batch) {
			c := b.Lookup("coded").(*table.Coded)
			out := &table.Strings{Valid: c.Valid}
			for _, e := range c.Codes {
				out.Append(c.Dict.At(int(e)))
			}
			b.Put("coded", out)
		}
		s2 := fit(t, p, func(yield func(int, *table.Batch) bool) {
			for k, b := range units(2, 800) {
				asPlain(b)
				if !yield(k, b) {
					return
				}
			}
		})
		sameState(t, p, s2, want)
		tr, err := p.Transformer(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := wholeBatch(3000, 5, true)
		var x, y table.Encoded
		if err := tr.Apply(b, &x); err != nil {
			t.Fatal(err)
		}
		asPlain(b)
		if err := tr.Apply(b, &y); err != nil {
			t.Fatal(err)
		}
		sameBits(t, tr.Layout(), encode, &y, &x)
	}
}

func TestApplyAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool forgets what it is given")
	}
	p := compile(t, nil, Options{})
	tr, err := p.Transformer(fit(t, p, units(3, 2000)), nil)
	if err != nil {
		t.Fatal(err)
	}
	b := wholeBatch(table.BatchRows, 3, false)
	// Text that is not UTF-8 is copied; here there is none.
	clean := new(table.Strings)
	for i := range b.Rows {
		clean.Append([]byte(words[i%3]))
	}
	b.Put("plain", clean)
	var out table.Encoded
	if n := testing.AllocsPerRun(10, func() {
		if err := tr.Apply(b, &out); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

func TestAdversarialRowsAgreeWithTheGraph(t *testing.T) {
	t.Parallel()
	for name, rules := range examples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := compile(t, rules, Options{})
			tr, err := p.Transformer(fit(t, p, units(2, 900)), nil)
			if err != nil {
				t.Fatal(err)
			}
			bad, err := Adversarial(tr.Inputs(), wholeBatch(100, 4, false))
			if err != nil {
				t.Fatal(err)
			}
			var got table.Encoded
			if err := tr.Apply(bad, &got); err != nil {
				t.Fatal(err)
			}
			sameBits(t, tr.Layout(), "graph", graphOf(t, tr, bad), &got)
		})
	}
}

func TestDropRows(t *testing.T) {
	t.Parallel()
	p := compile(t, []Rule{
		{Columns: Selector{Names: []string{"f64", "coded", "nano"}}, Missing: Choice{Kind: "drop_row"}},
		{Columns: Selector{Names: []string{"f32"}}},
	}, Options{})
	if got := p.DropColumns(); !slices.Equal(got, []string{"f64", "coded", "nano"}) {
		t.Fatalf("drop columns %v", got)
	}
	b := wholeBatch(500, 8, false)
	drop := make([]bool, b.Rows)
	drop[0] = true
	n, err := p.DropRows(b, drop)
	if err != nil {
		t.Fatal(err)
	}
	set := 0
	for i, d := range drop {
		f, c, x := b.Lookup("f64").(*table.Float64s), b.Lookup("coded").(*table.Coded), b.Lookup("nano").(*table.Int64s)
		want := i == 0 || f.IsNull(i) || math.IsNaN(f.Values[i]) || c.IsNull(i) || len(c.Dict.At(int(c.Codes[i]))) == 0 || x.IsNull(i) || x.Values[i] == NoInt
		if d != want {
			t.Fatalf("row %d: dropped %t, want %t", i, d, want)
		}
		if d {
			set++
		}
	}
	if set != n+1 {
		t.Errorf("says %d rows, dropped %d", n, set-1)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	p, err := Compile(wholeSchema(), []Rule{
		{Columns: Selector{Type: "number", Except: []string{"intnull"}}, Clip: Choice{Options: map[string]any{"quantiles": []any{0.01, 0.99}}}},
		{Columns: Selector{Names: []string{"coded"}}, Embedding: &Embedding{8}},
		{Columns: Selector{Regex: "d.te"}},
	}, Roles{Label: "bool", LabelReads: []string{"positive"}, Time: "stamp"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range p.Describe() {
		got = append(got, c.String())
	}
	want := []string{
		"f64 (float64): median, clip to quantiles [0.01 0.99], standard -> dense",
		"f32 (float32): median, clip to quantiles [0.01 0.99], standard -> dense",
		"int (int64): median, clip to quantiles [0.01 0.99], standard -> dense",
		"coded (string): keep, vocabulary of at most 10000 seen 3 times or more, 1 more buckets -> embedding of 8",
		"date.month (date): month, keep, one_hot -> code",
		"date.day_of_week (date): day_of_week, keep, one_hot -> code",
		"positive (float64): not used: it is read by the label's expression",
		"intnull (int64): not used: no rule selects it",
		"bool (bool): not used: it is the label",
		"boolnull (bool): not used: no rule selects it",
		"plain (string): not used: no rule selects it",
		"time (time): not used: no rule selects it",
		"stamp (timestamp): not used: it is the time",
		"nano (timestamp): not used: no rule selects it",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := fmt.Sprint(p.Columns()); got != "[f64 f32 int coded date]" {
		t.Errorf("columns %s", got)
	}
}

// TestMistakes is a mistake in the rules, and what is said of it.
func TestMistakes(t *testing.T) {
	t.Parallel()
	n := func(names ...string) Selector { return Selector{Names: names} }
	yes := true
	for _, c := range []struct {
		rules []Rule
		want  string
	}{
		{[]Rule{{}}, "[0].columns: want columns: a name"},
		{[]Rule{{Columns: n("intt")}}, `[0].columns[0]: no column "intt" (did you mean "int"?)`},
		{[]Rule{{Columns: n("label")}}, `[0].columns[0]: column "label" is the label and cannot be a feature`},
		{[]Rule{{Columns: n("f64")}, {Columns: n("f32", "f64")}}, `[1].columns[1]: column "f64" has a rule already, features[0]`},
		{[]Rule{{Columns: Selector{Type: "number"}}, {Columns: Selector{Prefix: "f"}}}, `[1].columns: column "f64" has a rule already, features[0]; name it`},
		{[]Rule{{Columns: Selector{Type: "numeric"}}}, `[0].columns.type: unknown type "numeric"`},
		{[]Rule{{Columns: Selector{Regex: "("}}}, `[0].columns.regex: error parsing regexp`},
		{[]Rule{{Columns: Selector{Prefix: "zz"}}}, `[0].columns: no column matches prefix zz`},
		{[]Rule{{Columns: Selector{Type: "number", Except: []string{"q"}}}}, `[0].columns.except[0]: no column "q"`},
		{[]Rule{{Columns: n("f64"), Missing: Choice{Kind: "medium"}}}, `[0].missing: unknown kind "medium", want one of constant, drop_row, keep, mean, median, most_frequent`},
		{[]Rule{{Columns: n("f64"), Missing: Choice{Kind: "keep"}}}, `[0].missing: a number needs a value where it is missing`},
		{[]Rule{{Columns: n("f64"), Missing: Choice{"constant", "x"}}}, `[0].missing.constant.value: want one of numbers, have x`},
		{[]Rule{{Columns: n("plain"), Missing: Choice{Kind: "median"}}}, `[0].missing: median works on numbers; these are text (column "plain")`},
		{[]Rule{{Columns: n("f64"), Clip: Choice{Kind: "tight"}}}, `[0].clip: want a mapping of options, have "tight"`},
		{[]Rule{{Columns: n("f64"), Clip: Choice{"quantiles", []any{0.9, 0.1}}}}, `[0].clip.quantiles: want two ascending shares`},
		{[]Rule{{Columns: n("f64"), Clip: Choice{"mini", 0.0}}}, `[0].clip.mini: unknown option; known here: min, max, quantiles`},
		{[]Rule{{Columns: n("plain"), Scale: Choices{{Kind: "standard"}}}}, `[0].scale: standard works on numbers; these are codes (column "plain")`},
		{[]Rule{{Columns: n("f64"), Scale: Choices{{Kind: "none"}, {Kind: "zscore"}}}}, `[0].scale[1]: unknown kind "zscore"`},
		{[]Rule{{Columns: n("f64"), Encode: Choice{Kind: "one_hot"}}}, `[0].encode: one_hot works on categories (text, integers, truth values, dates); these are numbers: use bucketize (column "f64")`},
		{[]Rule{{Columns: n("plain"), Encode: Choice{"hash", map[string]any{"buckets": 0}}}}, `[0].encode.hash.buckets: want 1 to`},
		{[]Rule{{Columns: n("plain"), Encode: Choice{"vocabulary", map[string]any{"min_count": "many"}}}}, `[0].encode.vocabulary.min_count: want a whole number, have many`},
		{[]Rule{{Columns: n("f64"), Encode: Choice{"bucketize", []any{1.0, 1.0}}}}, `[0].encode.bucketize.edges[1]: must be above the one before`},
		{[]Rule{{Columns: n("f64"), Embedding: &Embedding{4}}}, `[0].embedding: column "f64" has no codes to embed`},
		{[]Rule{{Columns: n("plain"), Embedding: &Embedding{0}}}, `[0].embedding.dim: want 1 to 4096, have 0`},
		{[]Rule{{Columns: n("plain"), Parts: []string{"year"}}}, `[0].date_parts: column "plain" is not a date, time or timestamp but string`},
		{[]Rule{{Columns: n("date"), Parts: []string{"hour"}}}, `[0].date_parts[0]: a date has no hour`},
		{[]Rule{{Columns: n("date"), Parts: []string{"fortnight"}}}, `[0].date_parts[0]: unknown part "fortnight", want one of day,`},
		{[]Rule{{Columns: n("f64"), Infinite: "maybe"}}, `[0].infinite: unknown policy "maybe"`},
		{[]Rule{{Columns: n("tags")}}, `[0].columns: column "tags" is a list; lists are not features yet`},
	} {
		schema := append(wholeSchema(), table.Field{Name: "label", Type: table.Bool}, table.Field{Name: "tags", Type: table.String, List: true})
		if len(c.rules) > 0 && c.rules[0].Columns.Type != "" {
			c.rules[0].Indicator = &yes
		}
		_, err := Compile(schema, c.rules, Roles{Label: "label"}, Options{})
		if err == nil {
			t.Errorf("no error, want %s", c.want)
			continue
		}
		if !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

// TestBadData is training data that a rule cannot work with, and what is said of it.
func TestBadData(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	num := func(x ...float64) *table.Batch {
		b := &table.Batch{Origin: table.Origin{Shard: "part-1.parquet"}, Rows: len(x)}
		b.Put("x", &table.Float64s{Values: x})
		b.Put("ok", &table.Float64s{Values: make([]float64, len(x))})
		return b
	}
	schema := table.Schema{{Name: "x", Type: table.Float64}, {Name: "ok", Type: table.Float64}}
	named := Selector{Names: []string{"x"}}
	for _, c := range []struct {
		name    string
		rules   []Rule
		b       *table.Batch
		want    string // "" means no error
		dropped string
	}{
		{name: "infinite", rules: []Rule{{Columns: named}}, b: num(1, inf, 3), want: `[0].infinite: column "x": 1 of 3 training rows are infinite; clip it, or say infinite: missing`},
		{name: "infinite is missing", rules: []Rule{{Columns: named, Infinite: "missing"}}, b: num(1, inf, 3)},
		{name: "infinite is clipped", rules: []Rule{{Columns: named, Clip: Choice{"quantiles", []any{0.0, 1.0}}}}, b: num(1, inf, -inf, 3)},
		{name: "no value, named", rules: []Rule{{Columns: named}}, b: num(math.NaN(), math.NaN()), want: `[0].missing: column "x": no training row has a value`},
		{name: "no value, by pattern", b: num(math.NaN(), math.NaN()), dropped: "no training row has a value"},
		{name: "no rows", b: num(), want: "no training row is left to fit the preprocessing on"},
		{name: "log1p", rules: []Rule{{Columns: named, Scale: Choices{{Kind: "log1p"}}}}, b: num(5, -2), want: `[0].scale: column "x": log1p wants values above -1, the smallest is -2; clip it first`},
		{name: "log1p, clipped", rules: []Rule{{Columns: named, Clip: Choice{"min", 0.0}, Scale: Choices{{Kind: "log1p"}}}}, b: num(5, -2)},
		{name: "constant", rules: []Rule{{Columns: named}}, b: num(7, 7, 7)},
		{name: "huge", rules: []Rule{{Columns: named}}, b: num(math.MaxFloat64, -math.MaxFloat64), want: `[0].scale: column "x": its values are too large to scale`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, err := Compile(schema, c.rules, Roles{}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			s := p.NewState()
			for w := 0; w < p.Waves() && err == nil; w++ {
				var part *Part
				if part, err = p.NewPart(w, s); err != nil {
					break
				}
				if err = part.Update(c.b, nil); err == nil {
					err = p.Fit(s, w, part)
				}
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if d := p.Dropped(s); c.dropped != "" && (len(d) != 1 || d[0].Reason != c.dropped) {
				t.Errorf("dropped %v, want %q", d, c.dropped)
			}
			if err != nil {
				return
			}
			tr, err := p.Transformer(s, nil)
			if err != nil {
				t.Fatal(err)
			}
			var out table.Encoded
			if err := tr.Apply(c.b, &out); err != nil {
				t.Fatal(err)
			}
			sameBits(t, tr.Layout(), "graph", graphOf(t, tr, c.b), &out)
		})
	}
}

// TestBadColumns is a column that is not what the plan was made for.
func TestBadColumns(t *testing.T) {
	t.Parallel()
	field := func(f table.Field) table.Schema { return table.Schema{f} }
	for _, c := range []struct {
		schema table.Schema
		col    table.Column
		want   string
	}{
		{field(table.Field{Name: "x", Type: table.Int64, Nullable: true}), &table.Int64s{Values: []int64{1 << 60}}, `part-1.parquet: row group 2, column "x": row 10: 1152921504606846976 is beyond 2^53`},
		{field(table.Field{Name: "x", Type: table.Int64}), &table.Int64s{Values: []int64{1}, Valid: table.NewBitmap(1)}, `part-1.parquet: row group 2, column "x": row 10 is null, but the column was declared without nulls`},
		{field(table.Field{Name: "x", Type: table.Int64}), &table.Float64s{Values: []float64{1}}, `part-1.parquet: row group 2, column "x": want int64, have *table.Float64s`},
		{field(table.Field{Name: "x", Type: table.Float64}), &table.Float64s{Values: []float64{1, 2}}, `part-1.parquet: row group 2, column "x": has 2 rows, the batch 1`},
		{field(table.Field{Name: "y", Type: table.Float64}), &table.Float64s{Values: []float64{1}}, `part-1.parquet: row group 2, column "y": no such column`},
	} {
		p, err := Compile(c.schema, nil, Roles{}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		part, err := p.NewPart(0, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := &table.Batch{Origin: table.Origin{Shard: "part-1.parquet", RowGroup: 2, Row: 10}, Rows: 1}
		b.Put("x", c.col)
		if err := part.Update(b, nil); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v\nwant %s", err, c.want)
		}
	}
}
