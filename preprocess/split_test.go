package preprocess

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"howdah/internal/table"
)

// coded makes a dictionary-coded column; "" is a null.
func coded(values ...string) *table.Coded {
	c := &table.Coded{Dict: new(table.Strings), Codes: make([]int32, len(values)), Valid: table.NewBitmap(len(values))}
	at := map[string]int32{}
	for i, v := range values {
		if v == "" {
			continue
		}
		if _, ok := at[v]; !ok {
			at[v] = int32(c.Dict.Len())
			c.Dict.Append([]byte(v))
		}
		c.Codes[i] = at[v]
		c.Valid.Set(i)
	}
	return c
}

// plain makes a column of text; "" is a null.
func plain(values ...string) *table.Strings {
	s := &table.Strings{Offsets: []uint32{0}, Valid: table.NewBitmap(len(values))}
	for i, v := range values {
		s.Append([]byte(v))
		if v != "" {
			s.Valid.Set(i)
		}
	}
	return s
}

func TestRowIDs(t *testing.T) {
	t.Parallel()
	ids := func(b *table.Batch, column string) []uint64 {
		dst := make([]uint64, b.Rows)
		if err := RowIDs(b, column, dst); err != nil {
			t.Fatal(err)
		}
		return dst
	}
	// By place: of the path below the root and the number of the row, however batches are cut.
	whole := ids(&table.Batch{Origin: table.Origin{Shard: "day=1/p0.parquet", Path: "/tmp/x/day=1/p0.parquet"}, Rows: 100}, "")
	part := ids(&table.Batch{Origin: table.Origin{Shard: "day=1/p0.parquet", Path: "hdfs://nn/day=1/p0.parquet", RowGroup: 3, Row: 40}, Rows: 10}, "")
	for i, id := range part {
		if id != whole[40+i] {
			t.Fatal("the id of a row depends on the batch")
		}
	}
	if other := ids(&table.Batch{Origin: table.Origin{Shard: "day=2/p0.parquet"}, Rows: 1}, ""); other[0] == whole[0] {
		t.Error("rows of two files have one id")
	}
	// By value, however it is stored.
	words := []string{"AA1", "UA22", "AA1", "a rather long text of many bytes", "x"}
	b := &table.Batch{Rows: 5, Names: []string{"c", "s", "i", "f"}, Cols: []table.Column{coded(words...), plain(words...),
		&table.Int64s{Values: []int64{1, 2, -3, 4, 1 << 60}}, &table.Float64s{Values: []float64{1, 2, -3, 4, 1 << 60}}}}
	c, s, i, f := ids(b, "c"), ids(b, "s"), ids(b, "i"), ids(b, "f")
	for k := range c {
		if c[k] != s[k] || i[k] != f[k] {
			t.Errorf("row %d: ids differ between ways of storing: %x %x, %x %x", k, c[k], s[k], i[k], f[k])
		}
	}
	if c[0] != c[2] || c[0] == c[1] {
		t.Error("equal values have different ids, or different values one")
	}
	// The hash is part of what a run promises: these values never change.
	if got := fmt.Sprintf("%x %x %x", whole[0], c[0], i[0]); got != "22dd9c562f700547 54fbed9b923cd014 ce9599b730ccddd3" {
		t.Errorf("ids have changed: %s", got)
	}
	large := coded(append(words, make([]string, 3)...)...)
	b = &table.Batch{Origin: table.Origin{Shard: "p", Row: 7}, Rows: 2, Names: []string{"c"}, Cols: []table.Column{&table.Coded{Dict: large.Dict, Codes: large.Codes[:2]}}}
	if got := ids(b, "c"); got[0] != c[0] || got[1] != c[1] {
		t.Error("ids depend on the size of the dictionary")
	}
	b.Cols[0] = coded("x", "")
	if err := RowIDs(b, "c", make([]uint64, 2)); err == nil || !strings.Contains(err.Error(), `p: row 8: id column "c" has no value`) {
		t.Errorf("null id: %v", err)
	}
	if err := RowIDs(b, "d", make([]uint64, 2)); err == nil || !strings.Contains(err.Error(), `id column "d": no such column`) {
		t.Errorf("absent id: %v", err)
	}
}

// No two of a million places or short texts share a hash, and every bit is set about half of the time.
func TestRowIDsAreSpread(t *testing.T) {
	t.Parallel()
	const n = 1 << 20
	seen := make(map[uint64]bool, 2*n)
	ids := make([]uint64, n)
	if err := RowIDs(&table.Batch{Origin: table.Origin{Shard: "p"}, Rows: n}, "", ids); err != nil {
		t.Fatal(err)
	}
	var bits [64]int
	for _, id := range ids {
		seen[id] = true
		for k := range bits {
			bits[k] += int(id >> k & 1)
		}
	}
	var buf []byte
	for k := range n {
		buf = fmt.Appendf(buf[:0], "N%d", k)
		seen[hashText(hashTexts, buf)] = true
	}
	if len(seen) != 2*n {
		t.Errorf("%d hashes collide", 2*n-len(seen))
	}
	for k, c := range bits {
		if math.Abs(float64(c)/n-0.5) > 0.003 {
			t.Errorf("bit %d is set in %v of the ids", k, float64(c)/n)
		}
	}
}

var splitSchema = table.Schema{
	{Name: "day", Type: table.Date}, {Name: "ts", Type: table.Timestamp, Unit: table.Micro}, {Name: "year", Type: table.Int64},
	{Name: "user", Type: table.String}, {Name: "fold", Type: table.String}, {Name: "x", Type: table.Float64}, {Name: "tags", Type: table.String, List: true},
}

// fitSplit compiles and fits a split over batches, each in a part of its own.
func fitSplit(t *testing.T, cfg Split, bs []*table.Batch, labels []table.Column) (*Splitter, *FittedSplit) {
	t.Helper()
	s, err := NewSplitter(cfg.WithDefaults(), splitSchema)
	if err != nil {
		t.Fatal(err)
	}
	total := s.NewPart()
	for i, b := range bs {
		ids := make([]uint64, b.Rows)
		if err := RowIDs(b, s.IDColumn(""), ids); err != nil {
			t.Fatal(err)
		}
		var label table.Column
		if labels != nil {
			label = labels[i]
		}
		p := s.NewPart()
		if err := s.Update(p, b, ids, label); err != nil {
			t.Fatal(err)
		}
		if err := total.Merge(p); err != nil {
			t.Fatal(err)
		}
	}
	f, err := s.Fit(total)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := f.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	back := new(FittedSplit)
	if err := back.UnmarshalBinary(raw); err != nil {
		t.Fatal(err)
	}
	if again, _ := back.AppendBinary(nil); !bytes.Equal(raw, again) {
		t.Fatal("a fitted split does not round-trip")
	}
	return s, back // what was stored is what is used
}

func assign(t *testing.T, s *Splitter, f *FittedSplit, b *table.Batch, label table.Column) (sides []uint8, counts [3]int64) {
	t.Helper()
	ids := make([]uint64, b.Rows)
	if err := RowIDs(b, s.IDColumn(""), ids); err != nil {
		t.Fatal(err)
	}
	sides = make([]uint8, b.Rows)
	if err := f.Assign(b, ids, label, sides); err != nil {
		t.Fatal(err)
	}
	for _, s := range sides {
		counts[s]++
	}
	return sides, counts
}

func dayBatch(shard string, day int64, rows int) *table.Batch {
	days := make([]int64, rows)
	users := make([]string, rows)
	for i := range days {
		days[i] = day
		users[i] = fmt.Sprintf("u%d", (i*7+int(day))%500)
	}
	return &table.Batch{Origin: table.Origin{Shard: shard}, Rows: rows, Names: []string{"day", "user"},
		Cols: []table.Column{&table.Int64s{Values: days}, coded(users...)}}
}

func TestSplitByHash(t *testing.T) {
	t.Parallel()
	b := dayBatch("p0", 1, 20000)
	for _, cfg := range []Split{{}, {Seed: 9}, {Method: "random"}, {Fractions: Fractions{Train: 0.5, Test: 0.5}}, {Fractions: Fractions{Train: 1}}, {Fractions: Fractions{Train: 0.9, Validation: 0.1}}} {
		s, f := fitSplit(t, cfg, nil, nil)
		_, counts := assign(t, s, f, b, nil)
		for i, want := range cfg.WithDefaults().Fractions.list() {
			if got := float64(counts[i]) / 20000; math.Abs(got-want) > 0.012 || want == 0 && got != 0 {
				t.Errorf("%+v: %s has %v of the rows, want %v", cfg, SideNames[i], got, want)
			}
		}
		if err := s.CheckSides(counts); err != nil {
			t.Error(err)
		}
	}
	s, f := fitSplit(t, Split{}, nil, nil)
	first, _ := assign(t, s, f, b, nil)
	s, f = fitSplit(t, Split{Seed: 1}, nil, nil)
	second, _ := assign(t, s, f, b, nil)
	if bytes.Equal(first, second) {
		t.Error("the seed does not matter")
	}
	// Rows taken out of a batch keep their sides: ids are computed before.
	ids := make([]uint64, b.Rows)
	if err := RowIDs(b, "", ids); err != nil {
		t.Fatal(err)
	}
	var a table.Arena
	sub := table.Take(b, []int32{5, 700, 1999}, &a)
	sides := make([]uint8, 3)
	if err := f.Assign(sub, []uint64{ids[5], ids[700], ids[1999]}, nil, sides); err != nil {
		t.Fatal(err)
	}
	if sides[0] != second[5] || sides[1] != second[700] || sides[2] != second[1999] {
		t.Error("filtering moves rows")
	}
}

func TestSplitKeepsGroups(t *testing.T) {
	t.Parallel()
	s, f := fitSplit(t, Split{Group: "user"}, nil, nil)
	side := map[string]uint8{}
	var total [3]int64
	for day := range int64(5) {
		b := dayBatch(fmt.Sprint("p", day), day, 1000)
		sides, counts := assign(t, s, f, b, nil)
		for i := range total {
			total[i] += counts[i]
		}
		c := b.Lookup("user").(*table.Coded)
		for i, v := range sides {
			user := c.Dict.Str(int(c.Codes[i]))
			if was, ok := side[user]; ok && was != v {
				t.Fatalf("%s is on two sides", user)
			}
			side[user] = v
		}
	}
	if err := s.CheckSides(total); err != nil {
		t.Error(err)
	}
}

func TestSplitByTime(t *testing.T) {
	t.Parallel()
	var bs []*table.Batch
	for day := range int64(10) {
		bs = append(bs, dayBatch(fmt.Sprint("p", day), 15737+day, 100+int(day)))
	}
	s, f := fitSplit(t, Split{Method: "time", Column: "day"}, bs, nil)
	if want := "by day: train before 2013-02-09, validation before 2013-02-10, test from then on"; f.Describe() != want {
		t.Errorf("%q, want %q", f.Describe(), want)
	}
	for i, b := range bs {
		sides, _ := assign(t, s, f, b, nil)
		want := []uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 2}[i]
		for _, side := range sides {
			if side != want {
				t.Fatalf("day %d is on side %d, want %d", i, side, want)
			}
		}
	}
	// Timestamps split between days, or hours; before 1970 too.
	times := make([]int64, 0, 480)
	for h := range int64(48) {
		for m := range int64(10) {
			times = append(times, ((h-24)*3600+m*300)*1e6)
		}
	}
	b := &table.Batch{Rows: len(times), Names: []string{"ts"}, Cols: []table.Column{&table.Int64s{Values: times}}}
	s, f = fitSplit(t, Split{Method: "time", Column: "ts", Unit: "hour", Fractions: Fractions{Train: 0.76, Test: 0.24}}, []*table.Batch{b}, nil)
	if want := "by ts: train before 1970-01-01T12:00, test from then on"; f.Describe() != want {
		t.Errorf("%q, want %q", f.Describe(), want)
	}
	if _, counts := assign(t, s, f, b, nil); counts != [3]int64{360, 0, 120} {
		t.Errorf("hours: %v", counts)
	}
	s, f = fitSplit(t, Split{Method: "time", Column: "ts", Fractions: Fractions{Train: 0.9, Validation: 0.1}}, []*table.Batch{b}, nil)
	if _, counts := assign(t, s, f, b, nil); counts != [3]int64{240, 240, 0} {
		t.Errorf("days: %v", counts)
	}
	s, err := NewSplitter(Split{Method: "time", Column: "ts"}.WithDefaults(), splitSchema)
	if err != nil {
		t.Fatal(err)
	}
	p := s.NewPart()
	if err := s.Update(p, b, make([]uint64, b.Rows), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Fit(p); err == nil || err.Error() != `split: time column "ts" has 2 distinct days, want at least 3, one for each side` {
		t.Errorf("too few days: %v", err)
	}
	if _, err := s.Fit(nil); err == nil || err.Error() != "split: there are no rows to split" {
		t.Errorf("no rows: %v", err)
	}
	b.Cols[0] = &table.Int64s{Values: []int64{1, 2}, Valid: table.Bitmap{1}}
	b.Rows = 2
	if err := s.Update(p, b, make([]uint64, 2), nil); err == nil || !strings.Contains(err.Error(), `row 1: time column "ts" has no value; filter such rows (where: ts != nil)`) {
		t.Errorf("null time: %v", err)
	}
}

func TestSplitStratified(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	n := 30000
	values := make([]string, n)
	count := map[string]float64{}
	for i := range values {
		values[i] = "common"
		if k := r.IntN(1000); k < 1 {
			values[i] = "rare"
		} else if k < 50 {
			values[i] = "some"
		}
		count[values[i]]++
	}
	b := dayBatch("p0", 1, n)
	label := coded(values...)
	s, f := fitSplit(t, Split{Method: "stratified"}, []*table.Batch{b}, []table.Column{label})
	sides, counts := assign(t, s, f, b, label)
	if err := s.CheckSides(counts); err != nil {
		t.Error(err)
	}
	got := map[string]*[3]float64{"common": {}, "some": {}, "rare": {}}
	for i, side := range sides {
		got[values[i]][side]++
	}
	for class, c := range got {
		for side, want := range []float64{0.8, 0.1, 0.1} {
			// Within a row or two of the share of a small class, and half a percent of a large one.
			if d := math.Abs(c[side] - want*count[class]); d > 2+0.005*count[class] {
				t.Errorf("class %s: %v of %v rows on the %s side", class, c[side], count[class], SideNames[side])
			}
		}
	}
	// A label stored as plain text is the same label.
	ids := make([]uint64, n)
	if err := RowIDs(b, "", ids); err != nil {
		t.Fatal(err)
	}
	again := make([]uint8, n)
	if err := f.Assign(b, ids, plain(values...), again); err != nil || !bytes.Equal(again, sides) {
		t.Errorf("plain and coded labels split differently (%v)", err)
	}
	if err := s.Update(s.NewPart(), b, ids, coded(append(values[1:], "")...)); err == nil || !strings.Contains(err.Error(), "p0: row 29999: the label has no value") {
		t.Errorf("null label: %v", err)
	}
}

func TestSplitByColumn(t *testing.T) {
	t.Parallel()
	b := &table.Batch{Origin: table.Origin{Shard: "p", Row: 10}, Rows: 4, Names: []string{"fold", "year"}, Cols: []table.Column{
		coded("train", "test", "validation", "train"), &table.Int64s{Values: []int64{2013, 2014, 2012, 2012}}}}
	s, f := fitSplit(t, Split{Method: "column", Column: "fold"}, nil, nil)
	if sides, _ := assign(t, s, f, b, nil); !bytes.Equal(sides, []uint8{0, 2, 1, 0}) {
		t.Errorf("by name: %v", sides)
	}
	var v SplitValues
	if err := v.UnmarshalJob(map[string]any{"train": []any{int64(2012), 2013.0}, "test": int64(2014)}); err != nil {
		t.Fatal(err)
	}
	s, f = fitSplit(t, Split{Method: "column", Column: "year", Values: v}, nil, nil)
	sides, counts := assign(t, s, f, b, nil)
	if !bytes.Equal(sides, []uint8{0, 2, 0, 0}) {
		t.Errorf("by value: %v", sides)
	}
	if err := s.CheckSides(counts); err != nil {
		t.Error(err)
	}
	if err := s.CheckSides([3]int64{5, 0, 0}); err == nil || err.Error() != `split: no row is on the test side: column "year" has none of the values ["2014"] in 5 rows` {
		t.Errorf("empty side: %v", err)
	}
	b.Put("year", &table.Int64s{Values: []int64{2013, 2014, 1999, 2012}})
	if err := f.Assign(b, nil, nil, sides); err == nil || err.Error() != `p: row 12: split column "year" has the value 1999, which no side lists` {
		t.Errorf("unknown value: %v", err)
	}
}

// Adding a day of data moves no row; merging in any order, and any cut into parts, gives the same bytes.
func TestSplitIsStable(t *testing.T) {
	t.Parallel()
	s, f := fitSplit(t, Split{}, nil, nil)
	old, _ := assign(t, s, f, dayBatch("day=1/p0", 1, 5000), nil)
	s, f = fitSplit(t, Split{}, []*table.Batch{dayBatch("day=2/p0", 2, 5000)}, nil)
	now, _ := assign(t, s, f, dayBatch("day=1/p0", 1, 5000), nil)
	if !bytes.Equal(old, now) {
		t.Error("a new day moves rows")
	}
	for _, cfg := range []Split{{Method: "time", Column: "day"}, {Method: "stratified"}} {
		s, err := NewSplitter(cfg.WithDefaults(), splitSchema)
		if err != nil {
			t.Fatal(err)
		}
		var parts []*SplitPart
		for day := range int64(20) {
			b := dayBatch(fmt.Sprint("p", day), 100-day, 50)
			p := s.NewPart()
			ids := make([]uint64, b.Rows)
			if err := RowIDs(b, "", ids); err != nil {
				t.Fatal(err)
			}
			if err := s.Update(p, b, ids, b.Lookup("user")); err != nil {
				t.Fatal(err)
			}
			parts = append(parts, p)
		}
		r := rand.New(rand.NewPCG(3, 4))
		var first []byte
		for range 4 {
			total := new(SplitPart)
			for _, p := range parts {
				raw, err := p.AppendBinary(nil)
				if err != nil {
					t.Fatal(err)
				}
				var q SplitPart
				if err := q.UnmarshalBinary(raw); err != nil {
					t.Fatal(err)
				}
				if err := total.Merge(&q); err != nil {
					t.Fatal(err)
				}
				if err := total.Merge(new(SplitPart)); err != nil {
					t.Fatal(err)
				}
			}
			raw, _ := total.AppendBinary(nil)
			if first == nil {
				first = raw
			}
			if !bytes.Equal(raw, first) {
				t.Fatalf("%s: the order of merging matters", cfg.Method)
			}
			r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		}
		for cut := 0; cut < len(first); cut += 1 + cut/50 {
			if err := new(SplitPart).UnmarshalBinary(first[:cut]); err == nil {
				t.Fatalf("a part cut at %d of %d bytes is read", cut, len(first))
			}
		}
	}
}

func TestSplitMistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cfg  Split
		want string
	}{
		{Split{Method: "hsah"}, `method: unknown method "hsah", want one of [hash random stratified time column]`},
		{Split{Fractions: Fractions{Train: 0.8, Test: 0.1}}, "fractions: add up to 0.9, want 1"},
		{Split{Fractions: Fractions{Train: 1.2, Test: -0.2}}, "fractions.train: want a number between 0 and 1, have 1.2\nfractions.test: want a number between 0 and 1, have -0.2"},
		{Split{Fractions: Fractions{Test: 1}}, "fractions.train: is 0: nothing to train on"},
		{Split{Method: "time"}, "column: method time needs a column of times: name one here, or give a column the role time"},
		{Split{Method: "time", Column: "days"}, `column: no column named "days"`},
		{Split{Method: "time", Column: "user"}, `column: column "user" has type string, want a date, a timestamp or an integer`},
		{Split{Method: "time", Column: "day", Unit: "hour"}, `unit: column "day" holds days, which have no hour`},
		{Split{Method: "time", Column: "tags"}, `column: column "tags" holds lists`},
		{Split{Method: "random", Group: "user"}, "group: needs method hash; method random does not keep groups together"},
		{Split{Group: "usr"}, `group: no column named "usr"`},
		{Split{Column: "day"}, "column: method hash does not take it"},
		{Split{Method: "column", Column: "fold", Fractions: Fractions{Train: 1}}, "fractions: method column takes none: the column says where each row belongs"},
		{Split{Method: "column", Column: "fold", Values: SplitValues{Train: []string{"a"}, Test: []string{"a"}}}, `values.test[0]: "a" is in train too`},
	} {
		_, err := NewSplitter(tt.cfg.WithDefaults(), splitSchema)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%+v:\n got %v\nwant %s", tt.cfg, err, tt.want)
		}
	}
	s, _ := fitSplit(t, Split{}, nil, nil)
	if err := s.CheckSides([3]int64{3, 0, 1}); err == nil || err.Error() != "split: no row is on the validation side: 4 rows are too few for a fraction of 0.1" {
		t.Errorf("empty side: %v", err)
	}
}

func FuzzSplitPart(f *testing.F) {
	p := &SplitPart{times: map[int64]int64{-4: 3, 9: 1}}
	raw, _ := p.AppendBinary(nil)
	f.Add(raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		var q SplitPart
		if q.UnmarshalBinary(b) == nil {
			again, err := q.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := new(SplitPart).UnmarshalBinary(again); err != nil {
				t.Fatal(err)
			}
		}
	})
}
