package shard

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"howdah/hdfsio"
	"howdah/internal/table"
)

// put makes a file in memory.
func put(t testing.TB, fsys *hdfsio.Memory, name string, b []byte) {
	t.Helper()
	if err := hdfsio.WriteFile(context.Background(), fsys, name, b); err != nil {
		t.Fatal(err)
	}
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)+".parquet"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// shardOf inspects bytes as a file.
func shardOf(t testing.TB, fsys *hdfsio.Memory, name string, b []byte) *Shard {
	t.Helper()
	put(t, fsys, "/d/"+name, b)
	s, err := Inspect(t.Context(), fsys, "/d/"+name, name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// drain reads every unit of a shard and returns the first error.
func drain(t testing.TB, r *Reader, s *Shard) (rows int64, err error) {
	t.Helper()
	for _, u := range Units([]*Shard{s}, 1) {
		for b, err := range r.Read(t.Context(), s, u) {
			if err != nil {
				return rows, err
			}
			rows += int64(b.Rows)
		}
	}
	return rows, nil
}

// wantBad checks that err is about a bad shard and says all of the parts.
func wantBad(t *testing.T, err error, parts ...string) {
	t.Helper()
	var bad *BadShardError
	if !errors.As(err, &bad) {
		t.Fatalf("got %v, want a *BadShardError", err)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("got %q, want %q in it", err, p)
		}
	}
}

func TestInspectBadFiles(t *testing.T) {
	t.Parallel()
	good := sample(t, "pyarrow/groups")
	cut := func(n int) []byte { return good[:len(good)-n] }
	flipped := func(at int, v byte) []byte {
		b := slices.Clone(good)
		b[len(b)-at] ^= v
		return b
	}
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":         {nil, "the file is empty"},
		"tiny":          {[]byte("PAR1"), "not a Parquet file: 4 bytes are too few"},
		"text":          {[]byte("id,age\n1,2\n3,4\n"), `not a Parquet file: it ends with "3,4\n", want "PAR1"`},
		"truncated":     {cut(5), "truncated: it begins as a Parquet file but has no footer at its end"},
		"half":          {good[:len(good)/2], "truncated"},
		"encrypted":     {slices.Concat(cut(4), []byte("PARE")), "the footer is encrypted, which is not supported"},
		"footer length": {flipped(5, 0x40), "the footer is said to have"},
		"short footer":  {flipped(8, 1), "footer: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsys := hdfsio.NewMemory()
			put(t, fsys, "/d/x.parquet", c.b)
			_, err := Inspect(t.Context(), fsys, "/d/x.parquet", "x.parquet")
			wantBad(t, err, "/d/x.parquet: ", c.want)
		})
	}
	_, err := Inspect(t.Context(), hdfsio.NewMemory(), "/none.parquet", "none.parquet")
	var bad *BadShardError
	if !errors.Is(err, fs.ErrNotExist) || errors.As(err, &bad) {
		t.Errorf("an absent file: %v", err)
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	fsys := hdfsio.NewMemory()
	s := shardOf(t, fsys, "day=1/a.parquet", sample(t, "pyarrow/odd"))
	if s.Rows != 2 || len(s.RowGroups) != 1 || s.RowGroups[0].Rows != 2 || s.RowGroups[0].Bytes <= 0 || len(s.FooterSum) != 64 || s.ModTime.IsZero() {
		t.Errorf("inspected %+v", s)
	}
	if got := s.Schema.Names(); !slices.Equal(got, []string{"ok"}) {
		t.Errorf("columns %q", got)
	}
	want := []Unsupported{{"map", "a map"}, {"deep", "a list of lists"}, {"structs", "a list of structs"}}
	if !slices.Equal(s.Unsupported, want) {
		t.Errorf("unsupported: %v, want %v", s.Unsupported, want)
	}
	merged, err := Merge([]*Shard{s})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Select([]*Shard{s}, merged, []string{"ok", "deep"})
	wantBad(t, err, `/d/day=1/a.parquet: column "deep" is a list of lists, which is not supported`)
	_, err = Select([]*Shard{s}, merged, []string{"absent"})
	if !errors.Is(err, table.ErrNoColumn) {
		t.Errorf("an absent column: %v", err)
	}
}

// TestRecord reads through a Shard that has been in a run's record, and finds out when the file is another one.
func TestRecord(t *testing.T) {
	t.Parallel()
	fsys := hdfsio.NewMemory()
	s := shardOf(t, fsys, "a.parquet", sample(t, "pyarrow/long"))
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	again := new(Shard)
	if err := json.Unmarshal(b, again); err != nil {
		t.Fatal(err)
	}
	if b2, _ := json.Marshal(again); string(b2) != string(b) {
		t.Errorf("the record changed:\n%s\n%s", b, b2)
	}
	schema, err := Merge([]*Shard{again})
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(fsys, schema, Options{})
	if rows, err := drain(t, r, again); err != nil || rows != s.Rows {
		t.Errorf("%d rows, %v", rows, err)
	}
	// One byte of the footer's text is another: the same length, another checksum.
	other := sample(t, "pyarrow/long")
	i := strings.LastIndex(string(other), "parquet-cpp-arrow")
	other[i] = 'P'
	put(t, fsys, "/d/a.parquet", other)
	again = new(Shard)
	if err := json.Unmarshal(b, again); err != nil {
		t.Fatal(err)
	}
	_, err = drain(t, r, again)
	wantBad(t, err, "/d/a.parquet: the file has changed since it was inspected: its footer has another checksum")
	if !errors.Is(err, ErrChanged) {
		t.Error("not ErrChanged")
	}
	put(t, fsys, "/d/a.parquet", append(other, 0))
	_, err = drain(t, r, s)
	wantBad(t, err, "/d/a.parquet: the file has changed since it was inspected: ")
}

// TestDamage flips bytes of a file whose pages have checksums: every damage to a page's bytes is found, and named.
func TestDamage(t *testing.T) {
	t.Parallel()
	fsys := hdfsio.NewMemory()
	good := sample(t, "pyarrow/checksums")
	s := shardOf(t, fsys, "good.parquet", good)
	schema, err := Select([]*Shard{s}, s.Schema, []string{"f64"})
	if err != nil {
		t.Fatal(err)
	}
	k := s.meta.Load().groups[0].chunks[3]
	if s.meta.Load().leaves[3].path != "f64" {
		t.Fatal("the columns of the sample have moved")
	}
	found := 0
	for at := k.start() + 40; at < k.start()+k.size; at += 37 {
		b := slices.Clone(good)
		b[at] ^= 0x10
		bad := shardOf(t, fsys, "bad.parquet", b)
		_, err := drain(t, NewReader(fsys, schema, Options{}), bad)
		if err == nil {
			continue // a header's statistics, which are not used
		}
		found++
		wantBad(t, err, `/d/bad.parquet: row group 0, column "f64": `)
	}
	if found < 100 {
		t.Errorf("%d damages found", found)
	}
	b := slices.Clone(good)
	b[k.start()+k.size-1] ^= 1
	_, err = drain(t, NewReader(fsys, schema, Options{}), shardOf(t, fsys, "last.parquet", b))
	wantBad(t, err, "damaged: the page's checksum is")
}

// TestCorruptPage damages a compressed page that has no checksum: the codec says so.
func TestCorruptPage(t *testing.T) {
	t.Parallel()
	for codec, want := range map[string]string{
		"snappy": `/d/x.parquet: row group 0, column "free": snappy: `,
		"gzip":   `/d/x.parquet: row group 0, column "free": gzip: `,
		"zstd":   `/d/x.parquet: row group 0, column "free": zstd: `,
		"brotli": `/d/x.parquet: row group 0, column "free": brotli: `,
		"lz4":    `/d/x.parquet: row group 0, column "free": lz4_raw: `,
	} {
		fsys := hdfsio.NewMemory()
		b := sample(t, "pyarrow/codec_"+codec+"_v1_plain")
		s := shardOf(t, fsys, "x.parquet", b)
		m := s.meta.Load()
		at := slices.IndexFunc(m.leaves, func(l leaf) bool { return l.path == "free" })
		k := m.groups[0].chunks[at]
		_, n, err := parsePageHeader(b[k.start():])
		if err != nil {
			t.Fatal(err)
		}
		page := b[k.start()+int64(n):]
		for i := range 12 {
			page[i] ^= 0xa5
		}
		_, err = drain(t, NewReader(fsys, s.Schema, Options{}), shardOf(t, fsys, "x.parquet", b))
		wantBad(t, err, want)
	}
}

// TestPageBeyondBudget refuses a page that does not fit the whole budget, by name.
func TestPageBeyondBudget(t *testing.T) {
	t.Parallel()
	var c column
	c.most = 1000
	err := c.roomFor(&pageHeader{uncompressed: 1001})
	if err == nil || err.Error() != "a page of 1001 bytes, which is more than the whole memory budget of 1000" {
		t.Errorf("got %v", err)
	}
}

func TestBeyondInt64(t *testing.T) {
	t.Parallel()
	_, err := readAll(t, "testdata/pyarrow/uint64_beyond_plain.parquet")
	wantBad(t, err, `row group 0, column "u": row 2 of the row group: the unsigned integer 9223372036854775808 is beyond an int64`)
	_, err = readAll(t, "testdata/pyarrow/uint64_beyond.parquet")
	wantBad(t, err, `row group 0, column "u": dictionary page: entry 1: the unsigned integer 9223372036854775808 is beyond an int64`)
}

func TestUnits(t *testing.T) {
	t.Parallel()
	groups := func(rows ...int64) *Shard {
		s := new(Shard)
		for _, r := range rows {
			s.RowGroups = append(s.RowGroups, RowGroup{Rows: r})
			s.Rows += r
		}
		return s
	}
	got := Units([]*Shard{groups(60, 60, 60, 30), groups(), groups(0, 0), groups(10), groups(100, 100, 0, 5), groups(0, 300)}, 100)
	want := []Unit{
		{0, 0, 4, 0, 210}, // 120 and a rest of 90
		{3, 0, 1, 0, 10},
		{4, 0, 1, 0, 100}, {4, 1, 4, 100, 105},
		{5, 0, 2, 0, 300},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	field := func(name string, typ table.Type) table.Field { return table.Field{Name: name, Type: typ} }
	shard := func(path string, fields ...table.Field) *Shard { return &Shard{Path: path, Schema: fields} }
	ms := table.Field{Name: "t", Type: table.Timestamp, Unit: table.Milli}
	us := table.Field{Name: "t", Type: table.Timestamp, Unit: table.Micro}
	a := shard("/a", field("i", table.Int64), field("f", table.Float32), ms, field("only", table.String), field("n", table.Float64))
	a.Null = []string{"n"}
	b := shard("/b", field("i", table.Float32), field("f", table.Float64), us, field("n", table.String))
	got, err := Merge([]*Shard{a, b})
	if err != nil {
		t.Fatal(err)
	}
	only := field("only", table.String)
	only.Nullable = true
	want := table.Schema{field("i", table.Float64), field("f", table.Float64), us, only, field("n", table.String)}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	_, err = Merge([]*Shard{a, shard("/c", field("i", table.String))})
	if err == nil || err.Error() != `column "i": int64 in /a, but string in /c` {
		t.Errorf("conflict: %v", err)
	}
	list := field("i", table.Int64)
	list.List = true
	if _, err = Merge([]*Shard{a, shard("/c", list)}); err == nil {
		t.Error("a list agrees with a scalar")
	}

	p := func(path, day, hour string) *Shard {
		s := shard(path, field("x", table.Int64), field("day", table.Int64))
		s.Partition = []PartitionValue{{Name: "day", Value: day}, {Name: "hour", Value: hour}, {Name: "kind", Value: "k" + hour}}
		return s
	}
	got, err = Merge([]*Shard{p("/a", "2013-01-05", "01"), p("/b", "2013-01-06", "2")})
	want = table.Schema{field("x", table.Int64), {Name: "day", Type: table.Date, Partition: true}, {Name: "hour", Type: table.Int64, Partition: true}, {Name: "kind", Type: table.String, Partition: true}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("partitions: %v, %v", got, err)
	}
	if _, err = Merge([]*Shard{p("/a", "1", "1"), a}); err == nil || !strings.Contains(err.Error(), "/a is partitioned by [day hour kind], but /a by []") {
		t.Errorf("partitions that differ: %v", err)
	}
}
