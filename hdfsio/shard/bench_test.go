package shard

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parquet-go/parquet-go"

	"howdah/hdfsio"
	"howdah/internal/table"
)

// wideFile is a file of 40 numeric columns, snappy: HOWDAH_WIDE names one, else one of 262,144 rows is made.
func wideFile(b *testing.B) (hdfsio.FS, string) {
	b.Helper()
	if p := os.Getenv("HOWDAH_WIDE"); p != "" {
		return hdfsio.Local{}, p
	}
	fsys := hdfsio.NewMemory()
	f, err := fsys.Create(context.Background(), "/wide.parquet")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Abort()
	var schema table.Schema
	batch := &table.Batch{Rows: table.BatchRows}
	for i := range 40 {
		name := fmt.Sprintf("c%02d", i)
		v := make([]float64, table.BatchRows)
		for r := range v {
			v[r] = float64((r*2654435761+i*7919)%1000003) / 7
		}
		schema = append(schema, table.Field{Name: name, Type: table.Float64, Nullable: i%4 == 0})
		batch.Put(name, &table.Float64s{Values: v})
	}
	w, err := NewWriter(f, schema, WithSnappy())
	if err != nil {
		b.Fatal(err)
	}
	for range 64 {
		if err := w.Write(batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	if err := f.Commit(); err != nil {
		b.Fatal(err)
	}
	return fsys, "/wide.parquet"
}

func benchmarkWide(b *testing.B, workers int, budget int64) {
	fsys, path := wideFile(b)
	s, err := Inspect(b.Context(), fsys, path, "wide.parquet")
	if err != nil {
		b.Fatal(err)
	}
	schema, err := Merge([]*Shard{s})
	if err != nil {
		b.Fatal(err)
	}
	r := NewReader(fsys, schema, Options{Budget: NewBudget(budget, workers)})
	units := Units([]*Shard{s}, 0)
	values := s.Rows * int64(len(schema))
	b.ReportAllocs()
	for b.Loop() {
		var next atomic.Int64
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for {
					i := int(next.Add(1)) - 1
					if i >= len(units) {
						return
					}
					for _, err := range r.Read(b.Context(), s, units[i]) {
						if err != nil {
							b.Error(err)
							return
						}
					}
				}
			})
		}
		wg.Wait()
	}
	b.ReportMetric(float64(values)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mvalues/s")
}

func BenchmarkReadWide(b *testing.B)     { benchmarkWide(b, 1, 256<<20) }
func BenchmarkReadWide2(b *testing.B)    { benchmarkWide(b, 2, 256<<20) }
func BenchmarkReadWindows(b *testing.B)  { benchmarkWide(b, 1, 48<<20) }
func BenchmarkReadWindows2(b *testing.B) { benchmarkWide(b, 2, 96<<20) }

// BenchmarkBarePageLoop is what ReadWide is measured against: the library's pages, decoded and let go.
func BenchmarkBarePageLoop(b *testing.B) {
	fsys, path := wideFile(b)
	h, err := fsys.Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	f, err := parquet.OpenFile(h, h.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(1<<20))
	if err != nil {
		b.Fatal(err)
	}
	var values int64
	b.ReportAllocs()
	for b.Loop() {
		values = 0
		for _, g := range f.RowGroups() {
			for _, c := range g.ColumnChunks() {
				pages := c.Pages()
				for {
					p, err := pages.ReadPage()
					if err == io.EOF {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					values += p.NumValues()
					parquet.Release(p)
				}
				pages.Close()
			}
		}
	}
	b.ReportMetric(float64(values)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mvalues/s")
}
