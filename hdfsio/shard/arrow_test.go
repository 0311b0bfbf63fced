package shard

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// arrowValue is a value in the words of the oracles.
func arrowValue(t *testing.T, a arrow.Array, i int) any {
	if _, ok := a.(*array.Null); ok || a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Int8:
		return int64(a.Value(i))
	case *array.Int16:
		return int64(a.Value(i))
	case *array.Int32:
		return int64(a.Value(i))
	case *array.Int64:
		return a.Value(i)
	case *array.Uint8:
		return int64(a.Value(i))
	case *array.Uint16:
		return int64(a.Value(i))
	case *array.Uint32:
		return int64(a.Value(i))
	case *array.Uint64:
		return int64(a.Value(i))
	case *array.Float16:
		if bits := a.Value(i).Uint16(); bits != 0 && bits < 1024 { // arrow-go widens subnormal halves wrongly
			return float64(bits) / (1 << 24)
		}
		return plainFloat(float64(a.Value(i).Float32()), 32)
	case *array.Float32:
		return plainFloat(float64(a.Value(i)), 32)
	case *array.Float64:
		return plainFloat(a.Value(i), 64)
	case *array.Decimal128, *array.Decimal256:
		f, err := strconv.ParseFloat(a.ValueStr(i), 64)
		if err != nil {
			t.Fatal(err)
		}
		return f
	case *array.Date32:
		return int64(a.Value(i))
	case *array.Time32:
		return int64(a.Value(i))
	case *array.Time64:
		return int64(a.Value(i))
	case *array.Timestamp:
		return int64(a.Value(i))
	case *array.String:
		return a.Value(i)
	case *array.LargeString:
		return a.Value(i)
	case *array.Binary:
		return hex.EncodeToString(a.Value(i))
	case *array.LargeBinary:
		return hex.EncodeToString(a.Value(i))
	case *array.FixedSizeBinary:
		return hex.EncodeToString(a.Value(i))
	case *array.Dictionary:
		return arrowValue(t, a.Dictionary(), a.GetValueIndex(i))
	case array.ExtensionArray:
		return a.ValueStr(i)
	case array.ListLike:
		from, to := a.ValueOffsets(i)
		out := []any{}
		for e := from; e < to; e++ {
			out = append(out, arrowValue(t, a.ListValues(), int(e)))
		}
		return out
	}
	t.Fatalf("%T", a)
	return nil
}

// arrowColumns appends a column's values, structs flattened, if it is among the wanted ones.
func arrowColumns(t *testing.T, wanted, out map[string][]any, name string, a arrow.Array, parents []*array.Struct) {
	if s, ok := a.(*array.Struct); ok {
		for i, f := range s.DataType().(*arrow.StructType).Fields() {
			arrowColumns(t, wanted, out, name+"."+f.Name, s.Field(i), append(parents, s))
		}
		return
	}
	if _, ok := wanted[name]; !ok {
		return
	}
	for i := range a.Len() {
		v := any(nil)
		valid := true
		for _, p := range parents {
			valid = valid && p.IsValid(i)
		}
		if valid {
			v = arrowValue(t, a, i)
		}
		out[name] = append(out[name], v)
	}
}

// TestArrow reads every sample with arrow-go and compares every value.
func TestArrow(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/*/*.parquet")
	if err != nil || len(names) < 60 {
		t.Fatalf("%d samples, %v", len(names), err)
	}
	for _, name := range names {
		t.Run(filepath.ToSlash(name), func(t *testing.T) {
			t.Parallel()
			ours, err := readAll(t, name)
			if err != nil {
				if base := filepath.Base(name); base == "uint64_beyond.parquet" || base == "uint64_beyond_plain.parquet" {
					return // refused on purpose
				}
				t.Fatal(err)
			}
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			p, err := file.NewParquetReader(f, file.WithReadProps(parquet.NewReaderProperties(memory.DefaultAllocator)))
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			r, err := pqarrow.NewFileReader(p, pqarrow.ArrowReadProperties{BatchSize: 1000}, memory.DefaultAllocator)
			if err != nil {
				t.Fatal(err)
			}
			table, err := r.ReadTable(t.Context())
			if err != nil {
				if strings.HasPrefix(filepath.ToSlash(name), "testdata/duckdb/v2_") && strings.Contains(err.Error(), "exceeds INT32 range") {
					return // arrow-go does not read DuckDB's deltas of unsigned integers
				}
				t.Fatal(err)
			}
			defer table.Release()
			theirs := map[string][]any{}
			for i := range int(table.NumCols()) {
				c := table.Column(i)
				for _, chunk := range c.Data().Chunks() {
					arrowColumns(t, ours, theirs, c.Name(), chunk, nil)
				}
			}
			compared := 0
			for name, got := range ours {
				want := theirs[name]
				if len(got) != len(want) {
					t.Errorf("column %q: %d rows, arrow-go has %d", name, len(got), len(want))
					continue
				}
				compared++
				for i := range got {
					if fmt.Sprint(got[i]) != fmt.Sprint(want[i]) {
						t.Errorf("column %q, row %d: %v, arrow-go has %v", name, i, got[i], want[i])
						break
					}
				}
			}
			if compared == 0 {
				t.Error("nothing was compared")
			}
		})
	}
}
