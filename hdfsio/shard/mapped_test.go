package shard

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"howdah/hdfsio"
	"howdah/internal/table"
)

// noMap hides that a file can be mapped.
type noMap struct{ hdfsio.File }

// localShard writes n rows of numbers that no codec shrinks, and of text, in groups of 20,000.
func localShard(t *testing.T, n int) (file string, s *Shard) {
	t.Helper()
	schema := table.Schema{{Name: "x", Type: table.Float64}, {Name: "t", Type: table.String}}
	var buf bytes.Buffer
	w, err := NewWriter(&buf, schema, WithRowGroupRows(20000), WithSnappy())
	if err != nil {
		t.Fatal(err)
	}
	h := uint64(1)
	for at := 0; at < n; at += 10000 {
		x, text := &table.Float64s{}, &table.Strings{}
		for range 10000 {
			h = h*6364136223846793005 + 1442695040888963407
			x.Values = append(x.Values, float64(h>>11))
			text.Append([]byte{byte('a' + h>>60), byte('a' + h>>56&15)})
		}
		if err := w.Write(&table.Batch{Names: []string{"x", "t"}, Cols: []table.Column{x, text}, Rows: 10000}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "a.parquet")
	if err := os.WriteFile(file, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err = Inspect(t.Context(), hdfsio.Local{}, file, "a.parquet"); err != nil {
		t.Fatal(err)
	}
	return file, s
}

// A local file that is cut short while it is read in place ends in an error that says so, not in the end of the process.
func TestMappedFileCutShort(t *testing.T) {
	t.Parallel()
	file, s := localShard(t, 200000)
	r := NewReader(hdfsio.Local{}, s.Schema, Options{})
	rows, cut, failed := 0, false, error(nil)
	for b, err := range r.Read(t.Context(), s, Unit{To: len(s.RowGroups), Rows: s.Rows}) {
		if err != nil {
			failed = err
			break
		}
		if rows += b.Rows; b.RowGroup == 1 && !cut {
			cut = true
			if err := os.Truncate(file, 4096); err != nil {
				t.Fatal(err)
			}
		}
	}
	var bad *BadShardError
	if !errors.As(failed, &bad) || !errors.Is(failed, ErrChanged) || !strings.Contains(failed.Error(), "a.parquet: row group ") {
		t.Errorf("after %d rows: %v", rows, failed)
	}
}

// unmapped is the local file system without mapping.
type unmapped struct{ hdfsio.Local }

func (u unmapped) Open(ctx context.Context, name string) (hdfsio.File, error) {
	f, err := u.Local.Open(ctx, name)
	return noMap{f}, err
}

// In place or copied, the rows are the same.
func TestMappedFileReadsTheSame(t *testing.T) {
	t.Parallel()
	_, s := localShard(t, 50000)
	read := func(fsys hdfsio.FS) (sum float64, text []byte) {
		r := NewReader(fsys, s.Schema, Options{})
		for b, err := range Poison(r.Read(t.Context(), s, Unit{To: len(s.RowGroups), Rows: s.Rows})) {
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range b.Lookup("x").(*table.Float64s).Values {
				sum = sum*1.0000001 + v
			}
			switch c := b.Lookup("t").(type) {
			case *table.Strings:
				text = append(text, c.Bytes[c.Offsets[0]:c.Offsets[c.Len()]]...)
			case *table.Coded:
				for _, k := range c.Codes {
					text = append(text, c.Dict.At(int(k))...)
				}
			}
		}
		return sum, text
	}
	a, b := read(hdfsio.Local{})
	c, d := read(unmapped{})
	if a != c || !bytes.Equal(b, d) || len(b) != 100000 {
		t.Errorf("in place %v and %d bytes, copied %v and %d", a, len(b), c, len(d))
	}
}

// Pages that are not compressed are the hard case: what is lent of them must have been copied out of the mapping, which cannot
// be written to: a batch of which a part still lies there faults here. A text of 0 to 7 letters more moves the numbers behind
// it, so that in one of the files they lie aligned and a batch could be a view of them.
func TestMappedPagesAreNotLent(t *testing.T) {
	t.Parallel()
	type row struct {
		A string  `parquet:"a,plain"`
		X float64 `parquet:"x,plain"`
		N int64   `parquet:"n,plain"`
	}
	for more := range 8 {
		var buf bytes.Buffer
		w := parquet.NewGenericWriter[row](&buf, parquet.Compression(&parquet.Uncompressed), parquet.DataPageVersion(1))
		rows := make([]row, 5000)
		for i := range rows {
			rows[i] = row{"text", float64(i) + 0.5, int64(i)}
		}
		rows[0].A += strings.Repeat("x", more)
		if _, err := w.Write(rows); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "a.parquet")
		if err := os.WriteFile(file, buf.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Inspect(t.Context(), hdfsio.Local{}, file, "a.parquet")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for b, err := range NewReader(hdfsio.Local{}, s.Schema, Options{}).Read(t.Context(), s, Unit{To: len(s.RowGroups), Rows: s.Rows}) {
			if err != nil {
				t.Fatal(err)
			}
			if x := b.Lookup("x").(*table.Float64s); x.Values[0] != float64(n)+0.5 {
				t.Fatalf("row %d is %v", n, x.Values[0])
			}
			n += b.Rows
			for _, c := range b.Cols {
				spoil(c)
			}
		}
		if n != len(rows) {
			t.Errorf("%d rows", n)
		}
	}
}
