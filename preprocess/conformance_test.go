package preprocess

import (
	"bytes"
	"fmt"
	"testing"

	"howdah/internal/table"
)

// example is a rule that uses a kind, by slot and name. A kind without examples fails the test below.
func examples() map[string][]Rule {
	all := func(names ...string) Selector { return Selector{Names: names} }
	numbers := all("f64", "f32", "positive", "int", "intnull")
	cats := all("int", "intnull", "bool", "boolnull", "plain", "coded", "date", "stamp", "nano")
	yes := true
	options := func(kind string, m map[string]any) Choice { return Choice{Kind: kind, Options: m} }
	quantileClip := Choice{Options: map[string]any{"quantiles": []any{0.01, 0.99}}}
	return map[string][]Rule{
		"missing median":        {{Columns: numbers, Missing: Choice{Kind: "median"}, Indicator: &yes}},
		"missing mean":          {{Columns: numbers, Missing: Choice{Kind: "mean"}}},
		"missing most_frequent": {{Columns: all("int", "intnull", "bool", "boolnull"), Missing: Choice{Kind: "most_frequent"}}, {Columns: all("plain", "coded", "date"), Missing: Choice{Kind: "most_frequent"}, Encode: Choice{Kind: "one_hot"}, Indicator: &yes}},
		"missing constant": {
			{Columns: numbers, Missing: Choice{"constant", int64(-3)}},
			{Columns: all("plain", "coded"), Missing: Choice{"constant", "nowhere"}, Encode: Choice{Kind: "one_hot"}},
			{Columns: all("date"), Missing: Choice{"constant", int64(4)}, Parts: []string{"day_of_week", "year"}},
		},
		"missing keep":     {{Columns: cats, Missing: Choice{Kind: "keep"}, Encode: Choice{Kind: "one_hot"}, Indicator: &yes}},
		"missing drop_row": {{Columns: numbers, Missing: Choice{Kind: "drop_row"}}, {Columns: all("plain", "coded"), Missing: Choice{Kind: "drop_row"}}},
		"clip clip": {
			{Columns: all("f64", "f32", "intnull"), Clip: quantileClip},
			{Columns: all("positive"), Clip: Choice{"min", 0.0}},
			{Columns: all("int"), Clip: Choice{Options: map[string]any{"min": int64(-2), "max": int64(9)}}, Scale: Choices{{Kind: "none"}}},
		},
		"scale standard": {{Columns: numbers, Scale: Choices{{Kind: "standard"}}}, {Columns: all("stamp", "nano", "time"), Missing: Choice{Kind: "median"}, Scale: Choices{{Kind: "standard"}}}},
		"scale min_max":  {{Columns: numbers, Scale: Choices{{Kind: "min_max"}}}},
		"scale robust":   {{Columns: numbers, Scale: Choices{{Kind: "robust"}}}},
		"scale log1p":    {{Columns: all("positive"), Scale: Choices{{Kind: "log1p"}, {Kind: "standard"}}}, {Columns: all("f64"), Clip: Choice{"min", int64(0)}, Scale: Choices{{Kind: "log1p"}, {Kind: "robust"}, {Kind: "min_max"}}}},
		"scale none":     {{Columns: numbers, Scale: Choices{{Kind: "none"}}}},
		"encode one_hot": {{Columns: cats, Encode: Choice{Kind: "one_hot"}}},
		"encode ordinal": {{Columns: cats, Encode: Choice{Kind: "ordinal"}, Scale: Choices{{Kind: "min_max"}}}},
		"encode vocabulary": {
			{Columns: all("int", "plain", "coded"), Encode: options("vocabulary", map[string]any{"min_count": int64(2), "max_size": int64(5), "oov_buckets": int64(3)})},
			{Columns: all("intnull", "date"), Encode: options("vocabulary", map[string]any{"max_size": int64(4), "min_count": int64(1), "oov_buckets": int64(0)}), Embedding: &Embedding{3}},
			{Columns: all("stamp"), Encode: options("vocabulary", map[string]any{"min_count": int64(1000000), "oov_buckets": int64(7)})},
		},
		"encode hash": {
			{Columns: all("int", "plain", "date"), Encode: options("hash", map[string]any{"buckets": int64(11), "seed": int64(3)}), Missing: Choice{Kind: "keep"}},
			{Columns: all("coded"), Missing: Choice{"constant", "none"}, Encode: Choice{"hash", int64(1 << 20)}, Embedding: &Embedding{4}},
			{Columns: all("intnull", "boolnull"), Encode: options("hash", map[string]any{"buckets": int64(7), "signed": true})},
		},
		"encode bucketize": {
			{Columns: all("f64", "intnull", "int"), Encode: options("bucketize", map[string]any{"quantiles": int64(10)})},
			{Columns: all("f32", "positive"), Encode: Choice{"bucketize", []any{-1.0, int64(0), 0.5}}, Missing: Choice{Kind: "median"}, Embedding: &Embedding{2}},
		},
		"date_parts": {
			{Columns: all("date"), Parts: []string{"year", "quarter", "month", "week", "day", "day_of_week", "day_of_year"}},
			{Columns: all("time"), Parts: []string{"hour", "minute", "second"}, Missing: Choice{Kind: "median"}, Scale: Choices{{Kind: "min_max"}}, Indicator: &yes},
			{Columns: all("stamp", "nano"), Parts: []string{"year", "quarter", "month", "week", "day", "day_of_week", "day_of_year", "hour", "minute", "second"}, Missing: Choice{Kind: "mean"}, Scale: Choices{{Kind: "none"}}},
		},
		"exact": {
			{Columns: all("f64", "f32"), Quantiles: "exact", Clip: quantileClip, Scale: Choices{{Kind: "robust"}}, Indicator: &yes},
			{Columns: all("positive"), Quantiles: "exact", Clip: quantileClip, Scale: Choices{{Kind: "log1p"}, {Kind: "standard"}}},
			{Columns: all("int", "intnull"), Quantiles: "exact", Encode: options("bucketize", map[string]any{"quantiles": int64(7)})},
		},
		"odd order": {{Columns: all("positive"), Scale: Choices{{Kind: "min_max"}, {Kind: "log1p"}, {Kind: "standard"}}}},
		"defaults":  nil,
	}
}

func TestEveryKindHasAnExample(t *testing.T) {
	t.Parallel()
	ex := examples()
	for _, k := range Kinds() {
		if _, ok := ex[string(k.Slot)+" "+k.Name]; !ok {
			t.Errorf("%s %s has no example in the conformance suite", k.Slot, k.Name)
		}
		if k.Doc == "" {
			t.Errorf("%s %s is not documented", k.Slot, k.Name)
		}
		for _, o := range k.Options {
			if o.Doc == "" {
				t.Errorf("%s %s: option %s is not documented", k.Slot, k.Name, o.Name)
			}
		}
	}
}

// TestConformance is what every kind of step keeps.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, rules := range examples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := compile(t, rules, Options{Seed: 7})
			// Keep rows that a rule drops: Update must cope with what it is given.
			s := fit(t, p, units(5, 1500))
			want, err := p.StateBytes(s)
			if err != nil {
				t.Fatal(err)
			}
			t.Run("same bits", func(t *testing.T) { sameState(t, p, fit(t, p, units(5, 1500)), want) })
			t.Run("parts travel as bytes", func(t *testing.T) { sameState(t, p, fitByBytes(t, p), want) })
			t.Run("state round-trips", func(t *testing.T) {
				s2, err := p.ReadState(want)
				if err != nil {
					t.Fatal(err)
				}
				sameState(t, p, s2, want)
			})
			tr, err := p.Transformer(s, nil)
			if err != nil {
				t.Fatal(err)
			}
			fitted, err := tr.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			again, err := LoadTransformer(fitted)
			if err != nil {
				t.Fatal(err)
			}
			if twice, _ := again.AppendBinary(nil); !bytes.Equal(twice, fitted) {
				t.Errorf("the transformer's bytes change:\n%s\n%s", fitted, twice)
			}
			for _, rows := range []int{0, 1, 1023, 4096} {
				for _, wild := range []bool{false, true} {
					b := wholeBatch(rows, 99, wild)
					var got, loaded table.Encoded
					if err := tr.Apply(b, &got); err != nil {
						t.Fatal(err)
					}
					if err := again.Apply(b, &loaded); err != nil {
						t.Fatal(err)
					}
					what := fmt.Sprintf("%d rows, wild %t", rows, wild)
					sameBits(t, tr.Layout(), what+": loaded", &loaded, &got)
					if rows > 0 {
						sameBits(t, tr.Layout(), what+": graph", graphOf(t, tr, b), &got)
					}
				}
			}
		})
	}
}

func sameState(t *testing.T, p *Plan, s *State, want []byte) {
	t.Helper()
	got, err := p.StateBytes(s)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("state differs:\n%s\n%s", got, want)
	}
}

// fitByBytes fits as a cluster does: parts and states travel as bytes, and empty parts stand among the others.
func fitByBytes(t *testing.T, p *Plan) *State {
	t.Helper()
	s := p.NewState()
	for w := range p.Waves() {
		total, err := p.NewPart(w, s)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range units(5, 1500) {
			bytes, err := p.StateBytes(s)
			if err != nil {
				t.Fatal(err)
			}
			there, err := p.ReadState(bytes)
			if err != nil {
				t.Fatal(err)
			}
			part, err := p.NewPart(w, there)
			if err != nil {
				t.Fatal(err)
			}
			if err := part.Update(b, labels(b)); err != nil {
				t.Fatal(err)
			}
			poison(b)
			travelled, err := p.NewPart(w, s)
			if err != nil {
				t.Fatal(err)
			}
			packed, err := part.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := travelled.UnmarshalBinary(packed); err != nil {
				t.Fatal(err)
			}
			empty, err := p.NewPart(w, s)
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range []*Part{travelled, empty} {
				if err := total.Merge(q); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.SetTarget(SelectTarget{Type: Binary, Classes: 2})
		if err := p.Fit(s, w, total); err != nil {
			t.Fatal(err)
		}
	}
	return s
}
