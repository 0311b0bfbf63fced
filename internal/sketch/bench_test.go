package sketch

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"howdah/internal/table"
)

func benchColumns(d, n int) [][]float64 {
	r := rand.New(rand.NewPCG(1, 2))
	cols := make([][]float64, d)
	for j := range cols {
		cols[j] = make([]float64, n)
		for i := range cols[j] {
			cols[j][i] = r.NormFloat64()
		}
	}
	return cols
}

// benchUnit is how many values a sketch sees before a new one begins, as the engine's units have it.
const benchUnit = 1 << 17

func benchValues(b *testing.B, unit func(x []float64)) {
	x := benchColumns(1, benchUnit)[0]
	b.SetBytes(8 * benchUnit)
	b.ReportAllocs()
	for b.Loop() {
		unit(x)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchUnit, "ns/value")
}

func blocks(x []float64, f func([]float64)) {
	for i := 0; i < len(x); i += momentsBlock {
		f(x[i:min(i+momentsBlock, len(x))])
	}
}

func BenchmarkMoments(b *testing.B) {
	benchValues(b, func(x []float64) { var m Moments; blocks(x, m.Update) })
}

func BenchmarkKLL(b *testing.B) {
	benchValues(b, func(x []float64) { var s KLL; blocks(x, s.Update) })
}

func BenchmarkHLL(b *testing.B) {
	benchValues(b, func(x []float64) { var s HLL; blocks(x, s.UpdateFloats) })
}

func BenchmarkCoMoments40(b *testing.B) {
	cols := benchColumns(40, momentsBlock)
	var c CoMoments
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Update(cols); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(40*momentsBlock), "ns/value")
}

// BenchmarkProfileSet40 is the whole profile pass over 40 columns, without the reading.
func BenchmarkProfileSet40(b *testing.B) {
	const d = 40
	cols := benchColumns(d, benchUnit)
	var fields []table.Field
	for j := range d {
		fields = append(fields, table.Field{Name: fmt.Sprint("x", j), Type: table.Float64})
	}
	b.SetBytes(8 * benchUnit * d)
	b.ReportAllocs()
	for b.Loop() {
		set := NewProfileSet(fields, 1)
		for at := 0; at < benchUnit; at += table.BatchRows {
			batch := &table.Batch{Rows: table.BatchRows}
			for j := range d {
				batch.Put(fields[j].Name, &table.Float64s{Values: cols[j][at : at+table.BatchRows]})
			}
			if err := set.Update(batch); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(d*benchUnit), "ns/value")
}
