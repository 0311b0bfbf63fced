package table

import (
	"slices"
	"testing"
)

func TestTake(t *testing.T) {
	t.Parallel()
	valid := NewBitmap(4)
	valid.Set(1)
	valid.Set(3)
	dict := &Strings{}
	dict.Append([]byte("a"))
	dict.Append([]byte("bc"))
	text := &Strings{}
	for _, s := range []string{"w", "", "yy", "z"} {
		text.Append([]byte(s))
	}
	b := &Batch{Origin: Origin{Shard: "s", Row: 100}, Rows: 4}
	b.Put("f", &Float64s{Values: []float64{0, 1, 2, 3}, Valid: valid})
	b.Put("t", text)
	b.Put("c", &Coded{Dict: dict, Codes: []int32{0, 1, 1, 0}})
	b.Put("l", &Lists{Elem: &Int64s{Values: []int64{1, 2, 3, 4}}, Offsets: []uint32{0, 1, 1, 3, 4}})
	var a Arena
	x := Take(b, []int32{1, 2, 3}, &a)
	y := Take(x, []int32{2, 0}, &a) // rows 3 and 1 of b
	if y.Rows != 2 || y.RowNumber(0) != 103 || y.RowNumber(1) != 101 || b.RowNumber(2) != 102 {
		t.Errorf("row numbers %d %d", y.RowNumber(0), y.RowNumber(1))
	}
	f := y.Lookup("f").(*Float64s)
	if !slices.Equal(f.Values, []float64{3, 1}) || f.IsNull(0) || f.IsNull(1) || !x.Lookup("f").IsNull(1) {
		t.Errorf("%+v", f)
	}
	s := y.Lookup("t").(*Strings)
	if s.Str(0) != "z" || s.Str(1) != "" || s.Len() != 2 {
		t.Errorf("%+v", s)
	}
	if c := y.Lookup("c").(*Coded); !slices.Equal(c.Codes, []int32{0, 1}) || c.Dict != dict {
		t.Errorf("%+v", c)
	}
	l := Take(b, []int32{2, 0}, &a).Lookup("l").(*Lists)
	if !slices.Equal(l.Offsets, []uint32{0, 2, 3}) || !slices.Equal(l.Elem.(*Int64s).Values, []int64{2, 3, 1}) {
		t.Errorf("%+v", l)
	}
	if none := Take(b, nil, &a); none.Rows != 0 || none.Lookup("f").Len() != 0 || none.Lookup("t").Len() != 0 || none.Lookup("l").Len() != 0 {
		t.Errorf("no rows are %+v", none)
	}
	if _, err := Col[*Strings](b, "f"); err == nil {
		t.Error("a column of another type was returned")
	}
	if _, err := Col[*Strings](b, "g"); err == nil {
		t.Error("a column that is not there was returned")
	}
}

func TestArenaGivesTheSameMemoryAgain(t *testing.T) {
	var a Arena
	use := func() {
		a.Reset()
		for range 10 {
			a.Float64s(3000)
			a.Bytes(100)
		}
		a.Bitmap(70).Set(69)
	}
	use()
	if n := testing.AllocsPerRun(20, use); n > 0 {
		t.Errorf("%v allocations once warm", n)
	}
	x, y := a.Int32s(10), a.Int32s(10)
	x = append(x, 7)
	if y[0] == 7 {
		t.Error("appending to one slice reached into the next")
	}
	_ = x
}
