package preprocess

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"howdah/internal/onnx"
	"howdah/internal/table"
)

// wholeSchema has a column of every type that can be a feature, with and without nulls.
func wholeSchema() table.Schema {
	return table.Schema{
		{Name: "f64", Type: table.Float64, Nullable: true},
		{Name: "f32", Type: table.Float32, Nullable: true},
		{Name: "positive", Type: table.Float64},
		{Name: "int", Type: table.Int64},
		{Name: "intnull", Type: table.Int64, Nullable: true},
		{Name: "bool", Type: table.Bool},
		{Name: "boolnull", Type: table.Bool, Nullable: true},
		{Name: "plain", Type: table.String, Nullable: true},
		{Name: "coded", Type: table.String, Nullable: true},
		{Name: "date", Type: table.Date, Nullable: true},
		{Name: "time", Type: table.Time, Unit: table.Milli, Nullable: true},
		{Name: "stamp", Type: table.Timestamp, Unit: table.Micro, UTC: true},
		{Name: "nano", Type: table.Timestamp, Unit: table.Nano, Nullable: true},
	}
}

var words = []string{"", "a", "AA", "Zürich", "bad \xff\xe2\x82 end", "日本", "a longer word that is not like the others", "x", "y", "\x00", "UA", "DL", "B6"}

// wholeBatch makes rows of wholeSchema. wild adds what only a scored row may have: infinities, the ends of the ranges, words
// and numbers that training does not have.
func wholeBatch(rows int, seed uint64, wild bool) *table.Batch {
	r := rand.New(rand.NewPCG(seed, 1))
	f64, f32, pos := make([]float64, rows), make([]float32, rows), make([]float64, rows)
	ints, intn := make([]int64, rows), make([]int64, rows)
	bools, booln := make([]bool, rows), make([]bool, rows)
	plain, dict := new(table.Strings), new(table.Strings)
	plain.Offsets = append(plain.Offsets, 0)
	codes := make([]int32, rows)
	date, clock, stamp, nano := make([]int64, rows), make([]int64, rows), make([]int64, rows), make([]int64, rows)
	valid := func(i int) table.Bitmap {
		b := table.NewBitmap(rows)
		for k := range rows {
			if r.IntN(8) != 0 {
				b.Set(k)
			}
		}
		return b
	}
	list := words
	if wild {
		list = append(append([]string{}, words...), "never seen", "\xf0\x9f", "ß")
	}
	for _, w := range list {
		dict.Append([]byte(w))
	}
	for i := range rows {
		f64[i] = r.NormFloat64()*1000 + 5
		f32[i] = float32(r.NormFloat64())
		pos[i] = math.Exp(3 * r.NormFloat64())
		ints[i] = int64(r.IntN(20)) - 5
		intn[i] = int64(r.IntN(9)) * 1_000_000_007
		bools[i], booln[i] = r.IntN(3) == 0, r.IntN(2) == 0
		plain.Append([]byte(list[r.IntN(len(list))]))
		codes[i] = int32(r.IntN(len(list)))
		date[i] = int64(r.IntN(60000)) - 20000
		clock[i] = int64(r.IntN(86400000))
		stamp[i] = r.Int64N(4e15) - 1e15
		nano[i] = r.Int64N(4e18) - 1e18
		if r.IntN(10) == 0 {
			f64[i], f32[i] = math.NaN(), float32(math.NaN())
			nano[i] = NoInt
		}
		if wild && r.IntN(3) == 0 {
			extremes := []float64{math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 5e-324, math.Copysign(0, -1), -1, -2, 1e300, 1 + 1e-15}
			f64[i], pos[i] = extremes[r.IntN(len(extremes))], extremes[r.IntN(len(extremes))]
			f32[i] = float32(extremes[r.IntN(len(extremes))])
			far := []int64{math.MaxInt64, math.MinInt64, math.MinInt64 + 1, 0, -1, 1 << 62}
			ints[i], stamp[i], nano[i], clock[i], date[i] = far[r.IntN(6)], far[r.IntN(6)], far[r.IntN(6)], far[r.IntN(6)], far[r.IntN(6)]
			intn[i] = []int64{1 << 53, -1 << 53, 0, -3}[r.IntN(4)]
		}
	}
	if rows == 0 {
		f64 = nil
	}
	b := &table.Batch{Origin: table.Origin{Shard: fmt.Sprintf("shard-%d", seed)}, Rows: rows}
	b.Put("f64", &table.Float64s{Values: f64, Valid: valid(0)})
	b.Put("f32", &table.Float32s{Values: f32, Valid: valid(0)})
	b.Put("positive", &table.Float64s{Values: pos})
	b.Put("int", &table.Int64s{Values: ints})
	b.Put("intnull", &table.Int64s{Values: intn, Valid: valid(0)})
	b.Put("bool", &table.Bools{Values: bools})
	b.Put("boolnull", &table.Bools{Values: booln, Valid: valid(0)})
	b.Put("plain", &table.Strings{Bytes: plain.Bytes, Offsets: plain.Offsets, Valid: valid(0)})
	b.Put("coded", &table.Coded{Dict: dict, Codes: codes, Valid: valid(0)})
	b.Put("date", &table.Int64s{Values: date, Valid: valid(0)})
	b.Put("time", &table.Int64s{Values: clock, Valid: valid(0)})
	b.Put("stamp", &table.Int64s{Values: stamp})
	b.Put("nano", &table.Int64s{Values: nano, Valid: valid(0)})
	return b
}

// poison overwrites what a batch held, as a reader may once the loop goes on.
func poison(b *table.Batch) {
	for _, c := range b.Cols {
		switch c := c.(type) {
		case *table.Float64s:
			for i := range c.Values {
				c.Values[i] = math.NaN()
			}
		case *table.Float32s:
			for i := range c.Values {
				c.Values[i] = float32(math.NaN())
			}
		case *table.Int64s:
			for i := range c.Values {
				c.Values[i] = -7777
			}
		case *table.Bools:
			clear(c.Values)
		case *table.Strings:
			for i := range c.Bytes {
				c.Bytes[i] = '!'
			}
		case *table.Coded:
			for i := range c.Dict.Bytes {
				c.Dict.Bytes[i] = '!'
			}
			clear(c.Codes)
		}
	}
}

// fit runs all waves over units of batches and returns the state. Each unit is a part; parts are merged left to right.
func fit(t testing.TB, p *Plan, units func(yield func(part int, b *table.Batch) bool)) *State {
	t.Helper()
	s := p.NewState()
	for w := range p.Waves() {
		var parts []*Part
		for k, b := range units {
			for k >= len(parts) {
				part, err := p.NewPart(w, s)
				if err != nil {
					t.Fatal(err)
				}
				parts = append(parts, part)
			}
			if err := parts[k].Update(b, labels(b)); err != nil {
				t.Fatal(err)
			}
			poison(b)
			if k%2 == 0 {
				if err := parts[k].Compact(); err != nil {
					t.Fatal(err)
				}
			}
		}
		total := parts[0]
		for _, q := range parts[1:] {
			if err := total.Merge(q); err != nil {
				t.Fatal(err)
			}
		}
		s.SetTarget(SelectTarget{Type: Binary, Classes: 2})
		if err := p.Fit(s, w, total); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func labels(b *table.Batch) []float64 {
	y := make([]float64, b.Rows)
	for i := range y {
		y[i] = float64(i % 2)
	}
	return y
}

// units yields n batches of the given rows, each a part of its own.
func units(n, rows int) func(yield func(int, *table.Batch) bool) {
	return func(yield func(int, *table.Batch) bool) {
		for k := range n {
			if !yield(k, wholeBatch(rows, uint64(k)+1, false)) {
				return
			}
		}
	}
}

func compile(t testing.TB, rules []Rule, opts Options) *Plan {
	t.Helper()
	p, err := Compile(wholeSchema(), rules, Roles{}, opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// graphOf runs the exported graph over a batch and returns the encoded rows it yields.
func graphOf(t testing.TB, tr *Transformer, b *table.Batch) *table.Encoded {
	t.Helper()
	g := onnx.New("test")
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
	in, err := tr.InputTensors(b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := prog.Run(in, b.Rows)
	if err != nil {
		t.Fatal(err)
	}
	out := &table.Encoded{Rows: b.Rows}
	if dense.Name != "" {
		out.Dense = got["dense"].Floats
	}
	out.Codes = make([]int32, b.Rows*len(codes))
	for i := range codes {
		for r, c := range got[fmt.Sprintf("code%d", i)].Int64s {
			out.Codes[r*len(codes)+i] = int32(c)
		}
	}
	return out
}

// sameBits compares encoded rows, and finds NaN and infinities.
func sameBits(t *testing.T, layout table.Layout, what string, got, want *table.Encoded) {
	t.Helper()
	if len(got.Dense) != len(want.Dense) || len(got.Codes) != len(want.Codes) {
		t.Fatalf("%s: %d dense and %d codes, want %d and %d", what, len(got.Dense), len(got.Codes), len(want.Dense), len(want.Codes))
	}
	d, c := len(layout.Dense), len(layout.Codes)
	for i, x := range got.Dense {
		if x-x != 0 {
			t.Fatalf("%s: row %d %s is %v", what, i/d, layout.Dense[i%d], x)
		}
		if math.Float32bits(x) != math.Float32bits(want.Dense[i]) {
			t.Fatalf("%s: row %d %s is %v, want %v", what, i/d, layout.Dense[i%d], x, want.Dense[i])
		}
	}
	for i, x := range got.Codes {
		if s := layout.Codes[i%c]; x < 0 || int(x) > s.Size {
			t.Fatalf("%s: row %d %s is %d of %d", what, i/c, s.Feature, x, s.Size)
		}
		if x != want.Codes[i] {
			t.Fatalf("%s: row %d %s is %d, want %d", what, i/c, layout.Codes[i%c].Feature, x, want.Codes[i])
		}
	}
}

// columnOf returns the column that has no missing values.
func columnOf(b *table.Batch) ([]float64, error) {
	c, err := table.Col[*table.Float64s](b, "positive")
	if err != nil {
		return nil, err
	}
	return c.Values, nil
}
