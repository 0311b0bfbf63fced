package shard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"testing"

	"howdah/hdfsio"
	"howdah/internal/table"
)

// encode writes one batch as a file.
func encode(t testing.TB, schema table.Schema, b *table.Batch) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, schema)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(b), w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func batchOf(rows int, cols ...any) *table.Batch {
	b := &table.Batch{Rows: rows}
	for i := 0; i < len(cols); i += 2 {
		b.Put(cols[i].(string), cols[i+1].(table.Column))
	}
	return b
}

// TestShardsDiffer reads a file without some columns, and with others in narrower types.
func TestShardsDiffer(t *testing.T) {
	t.Parallel()
	fsys := hdfsio.NewMemory()
	field := func(name string, typ table.Type) table.Field { return table.Field{Name: name, Type: typ} }
	ms := table.Field{Name: "t", Type: table.Timestamp, Unit: table.Milli, UTC: true}
	us := ms
	us.Unit = table.Micro
	small := batchOf(2, "x", &table.Int64s{Values: []int64{7, 1 << 53}}, "t", &table.Int64s{Values: []int64{1, -2}})
	s := shardOf(t, fsys, "small", encode(t, table.Schema{field("x", table.Int64), ms}, small))
	wide := batchOf(1, "x", &table.Float64s{Values: []float64{0.5}}, "t", &table.Int64s{Values: []int64{5}}, "more", &table.Strings{Bytes: []byte("q"), Offsets: []uint32{0, 1}})
	w := shardOf(t, fsys, "wide", encode(t, table.Schema{field("x", table.Float64), us, field("more", table.String)}, wide))
	for i, sh := range []*Shard{s, w} {
		sh.Partition = []PartitionValue{{Name: "day", Value: fmt.Sprintf("2013-01-0%d", i+1)}, {Name: "k", Value: "v", Null: i == 1}}
	}
	merged, err := Merge([]*Shard{s, w})
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(fsys, merged, Options{})
	var got []string
	for _, sh := range []*Shard{s, w} {
		for b, err := range Poison(r.Read(t.Context(), sh, Unit{From: 0, To: 1})) {
			if err != nil {
				t.Fatal(err)
			}
			for row := range b.Rows {
				line := ""
				for i, f := range merged {
					line += fmt.Sprintf("%s=%v ", f.Name, plainValue(f, b.Cols[i], row))
				}
				got = append(got, line)
			}
		}
	}
	want := []string{
		"x=7 t=1000 more=<nil> day=15706 k=v ",
		"x=9.007199254740992e+15 t=-2000 more=<nil> day=15706 k=v ",
		"x=0.5 t=5 more=q day=15707 k=<nil> ",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q\nwant %q", got, want)
	}

	big := shardOf(t, fsys, "big", encode(t, table.Schema{field("x", table.Int64)}, batchOf(3, "x", &table.Int64s{Values: []int64{0, 0, 1<<53 + 1}})))
	_, err = drain(t, NewReader(fsys, merged[:1], Options{}), big)
	wantBad(t, err, `/d/big: row group 0, column "x": row 2 of the row group: the integer 9007199254740993 is not exact as a float`)
	far := shardOf(t, fsys, "far", encode(t, table.Schema{ms}, batchOf(1, "t", &table.Int64s{Values: []int64{1 << 62}})))
	_, err = drain(t, NewReader(fsys, merged[1:2], Options{}), far)
	wantBad(t, err, `column "t": row 0 of the row group: the time 4611686018427387904 does not fit`)
	_, err = drain(t, NewReader(fsys, table.Schema{field("x", table.String)}, Options{}), big)
	wantBad(t, err, `/d/big: column "x" is int64, want string`)
}

// digest hashes all that a sequence yields, bits and places.
func digest(t testing.TB, in table.Batches) (uint64, int64) {
	t.Helper()
	h := fnv.New64a()
	var rows int64
	for b, err := range in {
		if err != nil {
			t.Error(err)
			return 0, 0
		}
		fmt.Fprint(h, b.Origin, b.Rows)
		rows += int64(b.Rows)
		for i, c := range b.Cols {
			for r := range b.Rows {
				fmt.Fprint(h, plainValue(table.Field{Name: b.Names[i]}, c, r), ";")
			}
		}
	}
	return h.Sum64(), rows
}

// TestMemoryDoesNotMatter reads the same rows with much and little memory, whole and in windows, alone and with others
// at once; and the budget is never exceeded, and given back.
func TestMemoryDoesNotMatter(t *testing.T) {
	t.Parallel()
	fsys := hdfsio.NewMemory()
	s, _, schema := written(t, fsys, "a.parquet", 2*table.BatchRows+17, table.BatchRows)
	u := Unit{From: 0, To: len(s.RowGroups), Rows: s.Rows}
	want, rows := digest(t, NewReader(fsys, schema, Options{}).Read(t.Context(), s, u))
	if rows != s.Rows {
		t.Fatalf("%d rows", rows)
	}
	for _, workers := range []int{1, 3} {
		for _, block := range []int{0, 1000} {
			budget := NewBudget(0, workers) // the least there is
			r := NewReader(fsys, schema, Options{Budget: budget})
			r.block = block
			var wg sync.WaitGroup
			for range 2*workers + 1 { // more than the budget lets in at once
				wg.Go(func() {
					got, _ := digest(t, Poison(r.Read(t.Context(), s, u)))
					if got != want {
						t.Errorf("%d workers, windows of %d: other rows", workers, block)
					}
					if used := budget.Used(); used > budget.limit {
						t.Errorf("%d bytes of %d are used", used, budget.limit)
					}
				})
			}
			wg.Wait()
			if used := budget.Used(); used != 0 {
				t.Errorf("%d bytes were not given back", used)
			}
		}
	}
}

// TestColumnsDoNotMoveBatches reads one column and all: batches end at the same rows.
func TestColumnsDoNotMoveBatches(t *testing.T) {
	t.Parallel()
	fsys := hdfsio.NewMemory()
	s, _, schema := written(t, fsys, "a.parquet", 3*table.BatchRows+1, 2*table.BatchRows)
	places := func(schema table.Schema) (out []string) {
		for b, err := range NewReader(fsys, schema, Options{}).Read(t.Context(), s, Unit{From: 0, To: 2}) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, fmt.Sprint(b.Origin, b.Rows))
		}
		return out
	}
	want := fmt.Sprint(places(schema))
	for i := range schema {
		if got := fmt.Sprint(places(schema[i : i+1])); got != want {
			t.Errorf("column %q alone: %v, want %v", schema[i].Name, got, want)
		}
	}
	if got := fmt.Sprint(places(nil)); got != want {
		t.Errorf("no columns: %v, want %v", got, want)
	}
}

func TestLeavingEarly(t *testing.T) {
	t.Parallel()
	fsys := hdfsio.NewMemory()
	s, _, schema := written(t, fsys, "a.parquet", 3*table.BatchRows, table.BatchRows)
	for _, block := range []int{0, 500} {
		budget := NewBudget(64<<20, 1)
		r := NewReader(fsys, schema, Options{Budget: budget})
		r.block = block
		for range 3 {
			for _, err := range r.Read(t.Context(), s, Unit{From: 0, To: 3}) {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
			if used := budget.Used(); used != 0 {
				t.Errorf("%d bytes were not given back", used)
			}
		}
		func() {
			defer func() { _ = recover() }()
			for range r.Read(t.Context(), s, Unit{From: 0, To: 3}) {
				panic("the consumer's own")
			}
		}()
		if used := budget.Used(); used != 0 {
			t.Errorf("%d bytes were not given back after a panic", used)
		}
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		var last error
		for _, err := range r.Read(ctx, s, Unit{From: 0, To: 3}) {
			n++
			last = err
			cancel()
		}
		cancel()
		if !errors.Is(last, context.Canceled) || n > 2 {
			t.Errorf("cancelled: %d batches, then %v", n, last)
		}
	}
}

// TestWaiting sees that a reader waits for memory and stops waiting when its context ends.
func TestWaiting(t *testing.T) {
	t.Parallel()
	b := NewBudget(MinShare, 1)
	if err := b.acquire(t.Context(), MinShare); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.acquire(ctx, 1) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("waiting ended with %v", err)
	}
	go func() { done <- b.acquire(t.Context(), MinShare) }()
	b.release(MinShare)
	if err := <-done; err != nil {
		t.Error(err)
	}
	b.release(MinShare)
	if b.Used() != 0 {
		t.Errorf("%d bytes used", b.Used())
	}
	if err := b.acquire(t.Context(), MinShare+1); err == nil {
		t.Error("more than there is was granted")
	}
}

// brokenFS fails reads beyond the footer.
type brokenFS struct{ hdfsio.FS }

type brokenFile struct{ hdfsio.File }

var errDisk = errors.New("disk on fire")

func (f brokenFS) Open(ctx context.Context, name string) (hdfsio.File, error) {
	h, err := f.FS.Open(ctx, name)
	return brokenFile{h}, err
}

func (f brokenFile) ReadAt(b []byte, off int64) (int, error) {
	if off < f.Size()/2 {
		return 0, errDisk
	}
	return f.File.ReadAt(b, off)
}

// TestUnreachable sees that a file that cannot be read is not taken for a bad one.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	fsys := hdfsio.NewMemory()
	s, _, schema := written(t, fsys, "a.parquet", table.BatchRows, table.BatchRows)
	for _, block := range []int{0, 700} {
		r := NewReader(brokenFS{fsys}, schema[:1], Options{})
		r.block = block
		_, err := drain(t, r, s)
		var bad *BadShardError
		if !errors.Is(err, errDisk) || errors.As(err, &bad) {
			t.Errorf("got %v", err)
		}
		if err != nil && err.Error() != `/d/a.parquet: row group 0, column "z": disk on fire` {
			t.Errorf("got %q", err)
		}
	}
}

// TestPrune skips row groups by the footer's statistics and batches by the page index; rows keep their numbers.
func TestPrune(t *testing.T) {
	t.Parallel()
	fsys := hdfsio.NewMemory()
	s := shardOf(t, fsys, "long", sample(t, "pyarrow/long")) // k counts rows; row groups of 5,000 rows, pages of 8 KiB, an index
	between := func(lo, hi int64) func(Stats) bool {
		return func(stats Stats) bool {
			r, ok := stats("k")
			return ok && r.Known && (r.MaxInt < lo || r.MinInt > hi)
		}
	}
	for _, c := range []struct {
		lo, hi int64
		rows   []int64 // first rows of the batches
	}{
		{0, 10, []int64{0}},
		{4990, 4999, []int64{4096}},
		{4200, 5100, []int64{4096, 5000}},
		{9400, 9499, []int64{9096}},
		{20000, 30000, nil},
		{0, 9499, []int64{0, 4096, 5000, 9096}},
	} {
		for _, block := range []int{0, 300} {
			r := NewReader(fsys, s.Schema, Options{Prune: between(c.lo, c.hi)})
			r.block = block
			var rows []int64
			for _, u := range Units([]*Shard{s}, 1) {
				for b, err := range r.Read(t.Context(), s, u) {
					if err != nil {
						t.Fatal(err)
					}
					rows = append(rows, b.Row)
					for i, f := range s.Schema {
						got := plainValue(f, b.Cols[i], b.Rows-1)
						k := b.Row + int64(b.Rows) - 1
						var want any
						switch f.Name {
						case "k":
							want = k
						case "x":
							if want = float64(k) * 0.5; k%1000 == 999 {
								want = nil
							}
						case "c":
							want = fmt.Sprint("c", k/1500)
						case "l":
							l := []any{}
							for range k % 3 {
								l = append(l, k)
							}
							want = l
						}
						if fmt.Sprint(got) != fmt.Sprint(want) {
							t.Errorf("%v: column %q, row %d: got %v, want %v", c, f.Name, k, got, want)
						}
					}
				}
			}
			if fmt.Sprint(rows) != fmt.Sprint(c.rows) {
				t.Errorf("rows %d to %d: batches at %v, want %v", c.lo, c.hi, rows, c.rows)
			}
		}
	}
}

// TestPruneSeesNoFalsehood checks that every row lies within what statistics say, for all samples.
func TestPruneSeesNoFalsehood(t *testing.T) {
	t.Parallel()
	known := 0
	for _, name := range []string{"pyarrow/types_v1", "pyarrow/types_plain_v2", "pyarrow/groups", "pyarrow/indexed", "pyarrow/long", "duckdb/v1_snappy", "parquetgo/v2_snappy", "xitongsys/snappy"} {
		fsys := hdfsio.NewMemory()
		s := shardOf(t, fsys, "a", sample(t, name))
		type seen struct {
			r  Range
			ok bool
		}
		var asked []map[string]seen
		r := NewReader(fsys, s.Schema, Options{Prune: func(stats Stats) bool {
			m := map[string]seen{}
			for _, f := range s.Schema {
				x, ok := stats(f.Name)
				m[f.Name] = seen{r: x, ok: ok}
			}
			asked = append(asked, m)
			return false
		}})
		for g := range s.RowGroups {
			asked = asked[:0]
			batch := 0
			for b, err := range r.Read(t.Context(), s, Unit{From: g, To: g + 1}) {
				if err != nil {
					t.Fatal(err)
				}
				all := []map[string]seen{asked[0]}
				if len(asked) > 1+batch && s.RowGroups[g].Rows > table.BatchRows {
					all = append(all, asked[1+batch])
				}
				batch++
				for _, m := range all {
					for i, f := range s.Schema {
						x := m[f.Name]
						if !x.ok || !x.r.Known {
							continue
						}
						known++
						for row := range b.Rows {
							if !within(x.r, b.Cols[i], row) {
								t.Errorf("%s: column %q, row %d: %v is outside %+v", name, f.Name, row, plainValue(f, b.Cols[i], row), x.r)
								break
							}
						}
					}
				}
			}
		}
	}
	if known < 50 {
		t.Errorf("only %d ranges were known", known)
	}
}

func within(r Range, c table.Column, i int) bool {
	if c.IsNull(i) {
		return r.Nulls != 0
	}
	switch c := c.(type) {
	case *table.Int64s:
		return r.MinInt <= c.Values[i] && c.Values[i] <= r.MaxInt
	case *table.Bools:
		return c.Values[i] && r.MaxInt == 1 || !c.Values[i] && r.MinInt == 0
	case *table.Float64s:
		return c.Values[i] != c.Values[i] || r.MinFloat <= c.Values[i] && c.Values[i] <= r.MaxFloat
	case *table.Float32s:
		v := float64(c.Values[i])
		return v != v || r.MinFloat <= v && v <= r.MaxFloat
	case *table.Strings:
		return string(r.MinBytes) <= c.Str(i) && c.Str(i) <= string(r.MaxBytes)
	case *table.Coded:
		return string(r.MinBytes) <= c.Dict.Str(int(c.Codes[i])) && c.Dict.Str(int(c.Codes[i])) <= string(r.MaxBytes)
	}
	return false
}

// TestNoAllocationPerBatch reads a file again and again: the number of allocations does not grow with batches.
func TestNoAllocationPerBatch(t *testing.T) {
	fsys := hdfsio.NewMemory()
	perRead := func(batches int) float64 {
		var out bytes.Buffer
		schema := table.Schema{{Name: "x", Type: table.Float64, Nullable: true}, {Name: "i", Type: table.Int64}, {Name: "t", Type: table.String}}
		w, err := NewWriter(&out, schema, WithRowGroupRows(1<<30))
		if err != nil {
			t.Fatal(err)
		}
		b := batchOf(table.BatchRows, "x", &table.Float64s{Values: make([]float64, table.BatchRows)}, "i", &table.Int64s{Values: make([]int64, table.BatchRows)},
			"t", &table.Coded{Dict: &table.Strings{Bytes: []byte("ab"), Offsets: []uint32{0, 1, 2}}, Codes: make([]int32, table.BatchRows)})
		for i := range b.Rows {
			b.Cols[0].(*table.Float64s).Values[i] = float64(i) / 3
			b.Cols[1].(*table.Int64s).Values[i] = int64(i * i)
			b.Cols[2].(*table.Coded).Codes[i] = int32(i % 2)
		}
		for range batches {
			if err := w.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		s := shardOf(t, fsys, fmt.Sprint(batches), out.Bytes())
		r := NewReader(fsys, schema, Options{})
		read := func() {
			for _, err := range r.Read(context.Background(), s, Unit{From: 0, To: 1}) {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		read()
		return testing.AllocsPerRun(5, read)
	}
	few, many := perRead(4), perRead(40)
	if many >= few+36 {
		t.Errorf("%v allocations for 4 batches, %v for 40", few, many)
	}
}
