package preprocess

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"howdah/internal/table"
)

// wideBatch is 4,096 rows of the given numbers of numeric and of dictionary-coded columns.
func wideBatch(numbers, texts int) (table.Schema, *table.Batch) {
	r := rand.New(rand.NewPCG(1, 2))
	b := &table.Batch{Rows: table.BatchRows}
	var schema table.Schema
	for i := range numbers {
		c := &table.Float64s{Values: make([]float64, b.Rows)}
		for k := range c.Values {
			c.Values[k] = r.NormFloat64() * float64(i+1)
		}
		name := fmt.Sprintf("n%d", i)
		b.Put(name, c)
		schema = append(schema, table.Field{Name: name, Type: table.Float64, Nullable: true})
	}
	for i := range texts {
		c := &table.Coded{Dict: new(table.Strings), Codes: make([]int32, b.Rows)}
		for k := range 200 {
			c.Dict.Append(fmt.Appendf(nil, "category %d", k))
		}
		for k := range c.Codes {
			c.Codes[k] = int32(r.IntN(200))
		}
		name := fmt.Sprintf("t%d", i)
		b.Put(name, c)
		schema = append(schema, table.Field{Name: name, Type: table.String, Nullable: true})
	}
	return schema, b
}

func fitted(b *testing.B, schema table.Schema, batch *table.Batch) (*Plan, *State) {
	p, err := Compile(schema, nil, Roles{}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	s := p.NewState()
	for w := range p.Waves() {
		part, err := p.NewPart(w, s)
		if err != nil {
			b.Fatal(err)
		}
		if err := part.Update(batch, nil); err != nil {
			b.Fatal(err)
		}
		if err := p.Fit(s, w, part); err != nil {
			b.Fatal(err)
		}
	}
	return p, s
}

// Values a second: rows times columns.
func perValue(b *testing.B, values int) {
	b.ReportMetric(float64(b.N)*float64(values)/b.Elapsed().Seconds()/1e6, "Mvalues/s")
}

func BenchmarkApply(b *testing.B) {
	for _, c := range []struct{ numbers, texts int }{{40, 0}, {0, 10}, {20, 5}} {
		b.Run(fmt.Sprintf("%dx%d", c.numbers, c.texts), func(b *testing.B) {
			schema, batch := wideBatch(c.numbers, c.texts)
			p, s := fitted(b, schema, batch)
			tr, err := p.Transformer(s, nil)
			if err != nil {
				b.Fatal(err)
			}
			var out table.Encoded
			b.ReportAllocs()
			for b.Loop() {
				if err := tr.Apply(batch, &out); err != nil {
					b.Fatal(err)
				}
			}
			perValue(b, batch.Rows*len(batch.Cols))
		})
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, c := range []struct{ numbers, texts int }{{40, 0}, {0, 10}} {
		for wave := range 2 {
			if wave == 1 && c.numbers == 0 {
				continue
			}
			b.Run(fmt.Sprintf("%dx%d wave %d", c.numbers, c.texts, wave), func(b *testing.B) {
				schema, batch := wideBatch(c.numbers, c.texts)
				p, s := fitted(b, schema, batch)
				part, err := p.NewPart(wave, s)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if err := part.Update(batch, nil); err != nil {
						b.Fatal(err)
					}
				}
				perValue(b, batch.Rows*len(batch.Cols))
			})
		}
	}
}
