package shard

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"howdah/hdfsio"
	"howdah/internal/table"
)

// oracle is what another program says its files hold; see the scripts in testdata.
type oracle struct {
	Versions map[string]string
	Files    map[string]*string // file -> table, null where reading must fail
	Tables   map[string]map[string][]any
}

func loadOracle(t testing.TB, name string) (o oracle) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		t.Fatal(err)
	}
	if len(o.Files) == 0 {
		t.Fatalf("%s.json names no file", name)
	}
	return o
}

// readAll reads a file's rows into plain values, by column, in the words of the oracles.
func readAll(t testing.TB, path string, names ...string) (map[string][]any, error) {
	t.Helper()
	return readIn(t, path, 0, names...)
}

// readIn is readAll in windows of so many bytes, if that is not 0.
func readIn(t testing.TB, path string, block int, names ...string) (map[string][]any, error) {
	t.Helper()
	s, err := Inspect(t.Context(), hdfsio.Local{}, path, filepath.Base(path))
	if err != nil {
		return nil, err
	}
	merged, err := Merge([]*Shard{s})
	if err != nil {
		return nil, err
	}
	if names == nil {
		names = merged.Names()
	}
	schema, err := Select([]*Shard{s}, merged, names)
	if err != nil {
		return nil, err
	}
	r := NewReader(hdfsio.Local{}, schema, Options{})
	r.block = block
	out := map[string][]any{}
	for _, f := range schema {
		out[f.Name] = []any{}
	}
	var rows int64
	for _, u := range Units([]*Shard{s}, 1) {
		for b, err := range Poison(r.Read(t.Context(), s, u)) {
			if err != nil {
				return nil, err
			}
			if b.Row != rows {
				t.Errorf("%s: batch at row %d, want %d", path, b.Row, rows)
			}
			rows += int64(b.Rows)
			for i, f := range schema {
				if got := b.Names[i]; got != f.Name {
					t.Fatalf("%s: column %d is %q, want %q", path, i, got, f.Name)
				}
				for r := range b.Rows {
					out[f.Name] = append(out[f.Name], plainValue(f, b.Cols[i], r))
				}
			}
		}
	}
	if rows != s.Rows {
		t.Errorf("%s: %d rows read, the footer says %d", path, rows, s.Rows)
	}
	return out, nil
}

func plainFloat(v float64, bits int) any {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	return v
}

func plainValue(f table.Field, c table.Column, r int) any {
	if c.IsNull(r) {
		return nil
	}
	text := func(b []byte) any {
		if f.Type == table.Binary {
			return hex.EncodeToString(b)
		}
		return string(b)
	}
	switch c := c.(type) {
	case *table.Bools:
		return c.Values[r]
	case *table.Int64s:
		return c.Values[r]
	case *table.Float32s:
		return plainFloat(float64(c.Values[r]), 32)
	case *table.Float64s:
		return plainFloat(c.Values[r], 64)
	case *table.Strings:
		return text(c.At(r))
	case *table.Coded:
		return text(c.Dict.At(int(c.Codes[r])))
	case *table.Lists:
		out := []any{}
		for e := c.Offsets[r]; e < c.Offsets[r+1]; e++ {
			out = append(out, plainValue(f, c.Elem, int(e)))
		}
		return out
	}
	return fmt.Sprintf("%T", c)
}

// same compares a value that was read with one from JSON.
func same(got, want any) bool {
	switch w := want.(type) {
	case nil:
		return got == nil
	case json.Number:
		switch g := got.(type) {
		case int64:
			return fmt.Sprint(g) == w.String()
		case float64:
			f, err := w.Float64()
			return err == nil && f == g && math.Signbit(f) == math.Signbit(g)
		}
		return false
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !same(g[i], w[i]) {
				return false
			}
		}
		return true
	}
	return got == want
}

func checkTable(t *testing.T, got, want map[string][]any) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d columns, want %d", len(got), len(want))
	}
	for name, w := range want {
		g, ok := got[name]
		if !ok {
			t.Errorf("column %q is missing", name)
			continue
		}
		if len(g) != len(w) {
			t.Errorf("column %q: %d rows, want %d", name, len(g), len(w))
			continue
		}
		for i := range w {
			if !same(g[i], w[i]) {
				t.Errorf("column %q, row %d: got %v, want %v", name, i, g[i], w[i])
				break
			}
		}
	}
}

// TestOracles reads what other programs wrote.
func TestOracles(t *testing.T) {
	t.Parallel()
	for _, writer := range []string{"pyarrow", "duckdb", "parquetgo", "xitongsys"} {
		o := loadOracle(t, writer)
		for file, name := range o.Files {
			if name == nil {
				continue
			}
			t.Run(writer+"/"+file, func(t *testing.T) {
				t.Parallel()
				got, err := readAll(t, filepath.Join("testdata", writer, file+".parquet"))
				if err != nil {
					t.Fatal(err)
				}
				checkTable(t, got, o.Tables[*name])
				for _, block := range []int{61, 700} { // smaller than a page, and than some pages
					if got, err = readIn(t, filepath.Join("testdata", writer, file+".parquet"), block); err != nil {
						t.Fatalf("in windows of %d bytes: %v", block, err)
					}
					checkTable(t, got, o.Tables[*name])
				}
			})
		}
	}
}
