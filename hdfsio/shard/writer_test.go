package shard

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"howdah/hdfsio"
	"howdah/internal/table"
)

// written is a shard made by Writer of rows rows of every type, in row groups of so many rows.
func written(t testing.TB, fsys *hdfsio.Memory, name string, rows, groupRows int) (*Shard, []*table.Batch, table.Schema) {
	t.Helper()
	schema := table.Schema{
		{Name: "z", Type: table.Int64}, {Name: "a.b", Type: table.Float64, Nullable: true}, {Name: "f", Type: table.Float32},
		{Name: "flag", Type: table.Bool, Nullable: true}, {Name: "text", Type: table.String, Nullable: true}, {Name: "bin", Type: table.Binary},
		{Name: "day", Type: table.Date}, {Name: "tod", Type: table.Time, Unit: table.Milli}, {Name: "ts", Type: table.Timestamp, Unit: table.Nano, UTC: true},
		{Name: "list", Type: table.Int64, List: true, Nullable: true}, {Name: "words", Type: table.String, List: true},
	}
	var batches []*table.Batch
	for at := 0; at < rows; at += table.BatchRows {
		n := min(table.BatchRows, rows-at)
		b := &table.Batch{Rows: n, Origin: table.Origin{Row: int64(at)}}
		dict := new(table.Strings)
		for i := range 5 {
			dict.Append(fmt.Appendf(nil, "word %d", i))
		}
		z, ab, f := &table.Int64s{}, &table.Float64s{Valid: table.NewBitmap(n)}, &table.Float32s{}
		flag, text, bin := &table.Bools{Valid: table.NewBitmap(n)}, &table.Coded{Dict: dict, Valid: table.NewBitmap(n)}, &table.Strings{}
		day, tod, ts := &table.Int64s{}, &table.Int64s{}, &table.Int64s{}
		elems, words := &table.Int64s{}, &table.Strings{}
		list := &table.Lists{Offsets: []uint32{0}, Valid: table.NewBitmap(n)}
		wordList := &table.Lists{Offsets: []uint32{0}}
		words.Offsets = []uint32{0}
		for i := range n {
			r := at + i
			z.Values = append(z.Values, int64(r))
			ab.Values = append(ab.Values, 0)
			if r%10 != 7 {
				ab.Values[i] = float64(r) / 3
				ab.Valid.Set(i)
			}
			f.Values = append(f.Values, float32(r))
			flag.Values = append(flag.Values, r%4 == 1)
			if r%4 != 2 {
				flag.Valid.Set(i)
			}
			text.Codes = append(text.Codes, 0)
			if r%6 != 5 {
				text.Codes[i] = int32(r % 5)
				text.Valid.Set(i)
			}
			bin.Append([]byte{byte(r), 0xff})
			day.Values = append(day.Values, int64(r-1000))
			tod.Values = append(tod.Values, int64(r))
			ts.Values = append(ts.Values, int64(r)*1e12-5)
			if r%7 != 3 {
				list.Valid.Set(i)
				for j := range r % 3 {
					elems.Values = append(elems.Values, int64(r+j))
				}
			}
			list.Offsets = append(list.Offsets, uint32(len(elems.Values)))
			for range r % 2 {
				words.Append([]byte("w"))
			}
			wordList.Offsets = append(wordList.Offsets, uint32(words.Len()))
		}
		list.Elem, wordList.Elem = elems, words
		for i, c := range []table.Column{z, ab, f, flag, text, bin, day, tod, ts, list, wordList} {
			b.Put(schema[i].Name, c)
		}
		batches = append(batches, b)
	}
	var out bytes.Buffer
	w, err := NewWriter(&out, schema, WithRowGroupRows(groupRows))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return shardOf(t, fsys, name, out.Bytes()), batches, schema
}

func TestWriterRoundTrip(t *testing.T) {
	t.Parallel()
	fsys := hdfsio.NewMemory()
	const rows = 3*table.BatchRows + 100
	s, batches, schema := written(t, fsys, "a.parquet", rows, 2*table.BatchRows)
	if s.Rows != rows || len(s.RowGroups) != 2 {
		t.Fatalf("%d rows in %d row groups", s.Rows, len(s.RowGroups))
	}
	merged, err := Merge([]*Shard{s})
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range schema {
		if merged[i] != f {
			t.Errorf("column %d: wrote %+v, read %+v", i, f, merged[i])
		}
	}
	r := NewReader(fsys, merged, Options{})
	i := 0
	for b, err := range r.Read(t.Context(), s, Unit{From: 0, To: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		if b.Row != int64(i)*table.BatchRows || b.Rows != batches[i].Rows || b.RowGroup != i/2 || b.Shard != "a.parquet" {
			t.Errorf("batch %d: %+v of %d rows", i, b.Origin, b.Rows)
		}
		for c, f := range schema {
			for row := range b.Rows {
				got, want := plainValue(f, b.Cols[c], row), plainValue(f, batches[i].Cols[c], row)
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("column %q, batch %d, row %d: got %v, want %v", f.Name, i, row, got, want)
				}
			}
		}
		if _, err := table.Col[*table.Coded](b, "text"); err != nil {
			t.Error(err)
		}
		i++
	}
	if i != len(batches) {
		t.Errorf("%d batches, want %d", i, len(batches))
	}
}

func TestWriterRefuses(t *testing.T) {
	t.Parallel()
	one := func(c table.Column) *table.Batch {
		b := &table.Batch{Rows: 1}
		b.Put("x", c)
		return b
	}
	null := table.NewBitmap(1)
	for _, c := range []struct {
		f    table.Field
		b    *table.Batch
		want string
	}{
		{table.Field{Name: "x", Type: table.Int64}, one(&table.Int64s{Values: []int64{1}, Valid: null}), `column "x": row 0 of the batch is null`},
		{table.Field{Name: "x", Type: table.Int64}, one(&table.Float64s{Values: []float64{1}}), `column "x": *table.Float64s, want int64`},
		{table.Field{Name: "x", Type: table.Date}, one(&table.Int64s{Values: []int64{math.MaxInt64}}), `does not fit the 32 bits of a date`},
		{table.Field{Name: "y", Type: table.Int64}, one(&table.Int64s{Values: []int64{1}}), `column "y": no such column`},
		{table.Field{Name: "x", Type: table.Int64}, one(&table.Int64s{Values: []int64{1, 2}}), `column "x": 2 rows in a batch of 1`},
	} {
		w, err := NewWriter(new(bytes.Buffer), table.Schema{c.f})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(c.b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
		if err := w.Close(); err == nil {
			t.Error("a file is closed as if it were whole after an error")
		}
	}
	if _, err := NewWriter(new(bytes.Buffer), table.Schema{{Name: "x"}}); err == nil {
		t.Error("a column without a type is accepted")
	}
}
