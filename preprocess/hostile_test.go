package preprocess

import (
	"reflect"
	"strings"
	"testing"

	"howdah/internal/onnx"
	"howdah/internal/table"
)

// FuzzLoadTransformer: hostile bytes are an error, or a transformer that neither panics nor disagrees with its graph's types.
func FuzzLoadTransformer(f *testing.F) {
	for name, rules := range examples() {
		p := compile(f, rules, Options{})
		tr, err := p.Transformer(fit(f, p, units(1, 200)), nil)
		if err != nil {
			f.Fatal(name, err)
		}
		b, err := tr.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		// The same with other numbers, types and names of steps.
		s := string(b)
		for _, r := range [][2]string{{`"numbers"`, `"text"`}, {`"text"`, `"integers"`}, {"1", "-1"}, {`"value":`, `"valu":`}, {`"one_hot"`, `"ordinal"`},
			{`"float64"`, `"int64"`}, {`"slot":"scale"`, `"slot":"encode"`}, {`"scale":`, `"scal":`}, {"[", "[null,"}, {`"fit":{`, `"fit":{"texts":["x","x"],`}} {
			f.Add([]byte(strings.ReplaceAll(s, r[0], r[1])))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tr, err := LoadTransformer(b)
		if err != nil {
			return
		}
		schema := table.Schema(tr.Inputs())
		batch := wholeBatch(5, 1, true)
		for _, c := range schema {
			if w, ok := wholeSchema().Lookup(c.Name); !ok || w != c {
				return // another column than the batch has
			}
		}
		size := 0
		for _, c := range tr.Layout().Codes {
			size += c.Size
		}
		if size > 1<<20 {
			return
		}
		var out table.Encoded
		if err := tr.Apply(batch, &out); err != nil {
			return
		}
		for i, x := range out.Dense {
			if x-x != 0 {
				t.Errorf("slot %d of %s is %v", i, b, x)
			}
		}
		for i, c := range out.Codes {
			if s := tr.Layout().Codes[i%len(tr.Layout().Codes)]; c < 0 || int(c) > s.Size {
				t.Errorf("code %d of %d in %s", c, s.Size, b)
			}
		}
		if _, _, err := tr.Export(onnx.New("fuzz")); err != nil {
			t.Errorf("applies, but has no graph: %v", err)
		}
	})
}

// FuzzPart: the bytes of a damaged part are an error.
func FuzzPart(f *testing.F) {
	p := compile(f, nil, Options{})
	part, err := p.NewPart(0, nil)
	if err != nil {
		f.Fatal(err)
	}
	if err := part.Update(wholeBatch(300, 1, false), nil); err != nil {
		f.Fatal(err)
	}
	b, err := part.AppendBinary(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := p.NewPart(0, nil)
		if err != nil {
			t.Fatal(err)
		}
		if x.UnmarshalBinary(b) != nil {
			return
		}
		y, err := p.NewPart(0, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := y.Update(wholeBatch(300, 2, false), nil); err != nil {
			t.Fatal(err)
		}
		_ = y.Merge(x) // may refuse, must not panic
	})
}

func TestUnmarshalJob(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	for _, c := range []struct {
		v    any
		into interface{ UnmarshalJob(any) error }
		want any
		err  string
	}{
		{v: "median", into: new(Choice), want: &Choice{Kind: "median"}},
		{v: m{"constant": 3.5}, into: new(Choice), want: &Choice{"constant", 3.5}},
		{v: m{"min": int64(0), "max": int64(1)}, into: new(Choice), want: &Choice{"", m{"min": int64(0), "max": int64(1)}}},
		{v: nil, into: new(Choice), want: &Choice{}},
		{v: true, into: new(Choice), err: "want a name, or a mapping of a name to its options, have true"},
		{v: []any{"log1p", "standard"}, into: new(Choices), want: &Choices{{Kind: "log1p"}, {Kind: "standard"}}},
		{v: "robust", into: new(Choices), want: &Choices{{Kind: "robust"}}},
		{v: []any{"log1p", int64(3)}, into: new(Choices), err: "[1]: want a name"},
		{v: []any{nil}, into: new(Choices), err: "[0]: empty"},
		{v: "a", into: new(Selector), want: &Selector{Names: []string{"a"}}},
		{v: []any{"a", "b"}, into: new(Selector), want: &Selector{Names: []string{"a", "b"}}},
		{v: []any{"a", int64(1)}, into: new(Selector), err: "[1]: want a column's name, have 1"},
		{v: []any{"a", "a"}, into: new(Selector), err: `[1]: "a" is named twice`},
		{v: m{"type": "number", "except": []any{"x"}}, into: new(Selector), want: &Selector{Type: "number", Except: []string{"x"}}},
		{v: m{"typ": "number"}, into: new(Selector), err: "typ: unknown option; known here: names, type, prefix, regex, except"},
		{v: int64(3), into: new(Selector), err: "want a column's name"},
	} {
		err := c.into.UnmarshalJob(c.v)
		switch {
		case c.err != "":
			if err == nil || !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("%v: %v, want %s", c.v, err, c.err)
			}
		case err != nil:
			t.Errorf("%v: %v", c.v, err)
		case !reflect.DeepEqual(c.into, c.want):
			t.Errorf("%v: %+v, want %+v", c.v, c.into, c.want)
		}
		// What Plain returns reads as the same.
		if p, ok := c.into.(interface{ Plain() any }); ok && c.err == "" && c.v != nil {
			again := reflect.New(reflect.TypeOf(c.into).Elem()).Interface().(interface{ UnmarshalJob(any) error })
			if err := again.UnmarshalJob(p.Plain()); err != nil || !reflect.DeepEqual(again, c.want) {
				t.Errorf("%v: plain %v reads as %+v (%v)", c.v, p.Plain(), again, err)
			}
		}
	}
}
