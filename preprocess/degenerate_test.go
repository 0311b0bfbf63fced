package preprocess

import (
	"strings"
	"testing"

	"howdah/internal/table"
)

// TestDegenerateShards: one row, rows without any value, and batches without rows fit, or are refused in words; what fits
// equals its graph.
func TestDegenerateShards(t *testing.T) {
	t.Parallel()
	nulls := func(rows int) *table.Batch {
		b := wholeBatch(rows, 2, false)
		for i, f := range wholeSchema() {
			if !f.Nullable {
				continue
			}
			none := table.NewBitmap(rows)
			switch c := b.Cols[i].(type) {
			case *table.Float64s:
				c.Valid = none
			case *table.Float32s:
				c.Valid = none
			case *table.Int64s:
				c.Valid = none
			case *table.Bools:
				c.Valid = none
			case *table.Strings:
				c.Valid = none
			case *table.Coded:
				c.Valid = none
			}
		}
		return b
	}
	for name, rules := range examples() {
		for shape, make := range map[string]func() []*table.Batch{
			"one row":  func() []*table.Batch { return []*table.Batch{wholeBatch(1, 1, false), wholeBatch(0, 1, false)} },
			"nulls":    func() []*table.Batch { return []*table.Batch{nulls(50), nulls(1)} },
			"no row":   func() []*table.Batch { return []*table.Batch{wholeBatch(0, 1, false)} },
			"constant": func() []*table.Batch { b := wholeBatch(1, 3, false); return []*table.Batch{repeat(b, 40)} },
		} {
			t.Run(name+", "+shape, func(t *testing.T) {
				t.Parallel()
				p := compile(t, rules, Options{})
				s := p.NewState()
				for w := range p.Waves() {
					part, err := p.NewPart(w, s)
					if err != nil {
						t.Fatal(err)
					}
					for _, b := range make() {
						if err := part.Update(b, nil); err != nil {
							t.Fatal(err)
						}
					}
					if err := p.Fit(s, w, part); err != nil {
						for _, known := range []string{"no training row", "min_count", "no feature is left"} {
							if strings.Contains(err.Error(), known) {
								return
							}
						}
						t.Fatal(err)
					}
				}
				tr, err := p.Transformer(s, nil)
				if err != nil {
					t.Fatal(err)
				}
				for _, b := range append(make(), wholeBatch(100, 9, true)) {
					var out table.Encoded
					if err := tr.Apply(b, &out); err != nil {
						t.Fatal(err)
					}
					if b.Rows > 0 {
						sameBits(t, tr.Layout(), "graph", graphOf(t, tr, b), &out)
					}
				}
			})
		}
	}
}

// repeat returns the first row n times.
func repeat(b *table.Batch, n int) *table.Batch {
	return table.Take(b, make([]int32, n), new(table.Arena))
}
