package expr

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"howdah/internal/table"
)

// schemaOfTest has a column of each type; dates are days since 1970 (2013-02-01 is 15737).
var schemaOfTest = table.Schema{
	{Name: "b", Type: table.Bool, Nullable: true},
	{Name: "i", Type: table.Int64, Nullable: true},
	{Name: "j", Type: table.Int64},
	{Name: "f", Type: table.Float64, Nullable: true},
	{Name: "g", Type: table.Float32, Nullable: true},
	{Name: "s", Type: table.String, Nullable: true},
	{Name: "c", Type: table.String, Nullable: true},
	{Name: "day", Type: table.Date, Nullable: true},
	{Name: "ts", Type: table.Timestamp, Unit: table.Milli, Nullable: true},
	{Name: "ns", Type: table.Timestamp, Unit: table.Nano, Nullable: true},
	{Name: "t", Type: table.Time, Unit: table.Milli, Nullable: true},
	{Name: "p.q", Type: table.Int64, Nullable: true},
	{Name: "odd name", Type: table.Int64, Nullable: true},
	{Name: "list", Type: table.Int64, List: true},
}

// row is a row of values by column; an absent one is null.
type row map[string]any

// batchOf builds a batch of the test's schema.
func batchOf(rows []row) *table.Batch {
	b := &table.Batch{Origin: table.Origin{Shard: "part-0.parquet", Row: 100}, Rows: len(rows)}
	n := len(rows)
	for _, f := range schemaOfTest {
		if f.List {
			continue
		}
		valid := table.NewBitmap(n)
		for i, r := range rows {
			if r[f.Name] != nil {
				valid.Set(i)
			}
		}
		var col table.Column
		switch f.Type {
		case table.Bool:
			v := make([]bool, n)
			for i, r := range rows {
				v[i], _ = r[f.Name].(bool)
			}
			col = &table.Bools{Values: v, Valid: valid}
		case table.Float64:
			v := make([]float64, n)
			for i, r := range rows {
				v[i], _ = r[f.Name].(float64)
			}
			col = &table.Float64s{Values: v, Valid: valid}
		case table.Float32:
			v := make([]float32, n)
			for i, r := range rows {
				x, _ := r[f.Name].(float64)
				v[i] = float32(x)
			}
			col = &table.Float32s{Values: v, Valid: valid}
		case table.String:
			s := &table.Strings{Offsets: []uint32{0}}
			for _, r := range rows {
				x, _ := r[f.Name].(string)
				s.Append([]byte(x))
			}
			if f.Name == "c" { // coded, with an entry that no row uses
				codes := make([]int32, n)
				for i := range codes {
					if valid.Get(i) {
						codes[i] = int32(i)
					}
				}
				s.Append([]byte("unused"))
				col = &table.Coded{Dict: s, Codes: codes, Valid: valid}
			} else {
				s.Valid = valid
				col = s
			}
		default:
			v := make([]int64, n)
			for i, r := range rows {
				switch x := r[f.Name].(type) {
				case int:
					v[i] = int64(x)
				case int64:
					v[i] = x
				}
			}
			col = &table.Int64s{Values: v, Valid: valid}
		}
		b.Put(f.Name, col)
	}
	return b
}

// valueAt is the value of a row: nil, bool, int64, float64 or string.
func valueAt(c table.Column, i int) any {
	if c.IsNull(i) {
		return nil
	}
	switch c := c.(type) {
	case *table.Bools:
		return c.Values[i]
	case *table.Int64s:
		return c.Values[i]
	case *table.Float64s:
		return c.Values[i]
	case *table.Float32s:
		return float64(c.Values[i])
	case *table.Strings:
		return string(c.At(i))
	case *table.Coded:
		return string(c.Dict.At(int(c.Codes[i])))
	}
	return "?"
}

func TestEval(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	one := row{"b": true, "i": 7, "j": -3, "f": 2.5, "g": 0.5, "s": "Zürich", "c": "AA", "day": 15737, "ts": int64(15737*86400000 + 1500),
		"ns": int64(15737 * 86400000000000), "t": 37800000, "p.q": 4, "odd name": 9}
	none := row{"f": nan, "s": "", "j": 0}
	for _, tt := range []struct {
		text      string
		one, none any
	}{
		{"i + j", int64(4), nil}, {"i - j", int64(10), nil}, {"i * j", int64(-21), nil}, {"i / 2", 3.5, nil}, {"j % 2", int64(-1), int64(0)},
		{"i ** 2", 49.0, nil}, {"i ^ 2", 49.0, nil}, {"-i", int64(-7), nil}, {"+i", int64(7), nil}, {"f * i", 17.5, nil}, {"1 / 0", math.Inf(1), math.Inf(1)},
		{"f / 0 - f / 0", nil, nil}, {"g + 0.25", 0.75, nil},
		{"i > 5", true, nil}, {"i > 5.5", true, nil}, {"5 < i", true, nil}, {"f == 2.5", true, nil}, {"f != 2.5", false, nil}, {"1 < i < 9", true, nil},
		{"i == nil", false, true}, {"i != nil", true, false}, {"f == nil", false, true}, {"s == nil", false, true}, {`s == ""`, false, true}, {`s != ""`, true, false},
		{"nil == g", false, true}, {"j == nil", false, false},
		{"b && i > 5", true, nil}, {"b and false", false, false}, {"b or true", true, true}, {"b || i > 100", true, nil}, {"!b", false, nil}, {"not (j > 0)", true, true},
		{`c in ["AA", "UA"]`, true, nil}, {`c in ["AA", nil]`, true, true}, {`c not in ["AA"]`, false, nil}, {"i in [1, 7]", true, nil}, {"i in [7.0, 2.5]", true, nil},
		{"f in [1, 2.5]", true, nil}, {"i in 1..7", true, nil}, {"i in 8..9", false, nil}, {"b in [true]", true, nil}, {"i in []", false, nil},
		{`s contains "ri"`, true, nil}, {`s startsWith "Zü"`, true, nil}, {`s endsWith "h"`, true, nil}, {`s matches "^Z.rich$"`, true, nil}, {`c not matches "^A"`, false, nil},
		{`"xAAx" contains c`, true, nil}, {`hasPrefix(c, "A")`, true, nil}, {`hasSuffix(c, "B")`, false, nil},
		{"lower(s)", "zürich", nil}, {"upper(s)", "ZÜRICH", nil}, {`trim(" x ")`, "x", "x"}, {`trim(c, "A")`, nil, nil}, {`trimPrefix(c, "A")`, "A", nil}, {`trimSuffix(c, "A") + "x"`, "Ax", nil},
		{"len(s)", int64(6), nil}, {"len(c)", int64(2), nil}, {`s + "-" + c`, "Zürich-AA", nil},
		{"abs(j)", int64(3), int64(0)}, {"abs(-f)", 2.5, nil}, {"floor(f)", 2.0, nil}, {"ceil(f)", 3.0, nil}, {"round(f)", 3.0, nil}, {"round(-f)", -3.0, nil}, {"floor(i)", 7.0, nil},
		{"min(i, 3)", int64(3), nil}, {"max(i, 3, 8.5)", 8.5, nil}, {"int(-f)", int64(-2), nil}, {"float(i)", 7.0, nil},
		{"b ? i : j", int64(7), nil}, {"i == nil ? 0 : i", int64(7), int64(0)}, {`i > 3 ? "big" : "small"`, "big", nil}, {"i ?? -1", int64(7), int64(-1)}, {`s ?? "none"`, "Zürich", "none"},
		{"f ?? i ?? 1", 2.5, 1.0}, {"b ? nil : 1", nil, nil},
		{`day >= date("2013-02-01")`, true, nil}, {`day > "2013-02-01"`, false, nil}, {`"2013-01-31" < day`, true, nil}, {`day in ["2013-02-01"]`, true, nil}, {`day - date("2013-01-01")`, int64(31), nil},
		{"day + 7", int64(15744), nil}, {`ts >= "2013-02-01"`, true, nil}, {`ts == "2013-02-01T00:00:01.5"`, true, nil}, {`ts < "2013-02-01T01:00:02+01:00"`, true, nil}, {"ts > day", true, nil},
		{"ns == day", true, nil}, {"ns < ts", true, nil}, {"day == ts", false, nil}, {`day < "2013-02-01T00:00:01"`, true, nil}, {`ts - "2013-02-01"`, 1.5, nil}, {`t == "10:30"`, true, nil}, {`t < "10:30:00.5"`, true, nil},
		{`ts in ["2013-02-01T00:00:01.5", "2014-01-01"]`, true, nil}, {`ts in ["2013-02-01T00:00:01.500001"]`, false, nil},
		{"year(day)", int64(2013), nil}, {"month(ts)", int64(2), nil}, {"day(ns)", int64(1), nil}, {"weekday(day)", int64(4), nil}, {"hour(t)", int64(10), nil}, {"minute(t)", int64(30), nil},
		{`month(date("1969-12-31"))`, int64(12), int64(12)},
		{"p.q", int64(4), nil}, {`column("odd name") + 1`, int64(10), nil}, {"2 + 3 * 4", int64(14), int64(14)},
		{"b ? 10 % i : 1 % j", int64(3), nil}, {"j != 0 && 10 % j == 1", true, false}, {"j == 0 || 10 % j == 1", true, true},
	} {
		p, err := Compile(tt.text, schemaOfTest)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		var a table.Arena
		// The second arena is dirty: what it hands out is not zero.
		for range 2 {
			col, err := p.Eval(batchOf([]row{one, none}), &a)
			if err != nil {
				t.Errorf("%s: %v", tt.text, err)
				continue
			}
			for i, want := range []any{tt.one, tt.none} {
				if got := valueAt(col, i); got != want {
					t.Errorf("%s: row %d: %v (%T), want %v", tt.text, i, got, got, want)
				}
			}
			a.Reset()
			for _, x := range [][]float64{a.Float64s(64)} {
				fill(x, math.NaN())
			}
			fill(a.Int64s(64), math.MinInt64)
			fill(a.Bools(64), true)
			a.Reset()
		}
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                       "1:1: empty expression",
		"arr_delay > 3":          `1:1: no column named "arr_delay"`,
		"1 + dya":                `1:5: no column named "dya" (did you mean "day"?)`,
		"i >":                    "1:3: unexpected token EOF",
		"b > true":               "1:3: truth values have no order: use == or !=",
		"i < nil":                "1:3: nothing is less or greater than a missing value (use == nil or != nil)",
		"i && b":                 "1:1: && wants conditions, have an integer",
		"s > 3":                  "1:3: cannot put text beside an integer",
		"lowr(s)":                "1:1: no function named lowr (did you mean lower?)",
		"len(s, s)":              "1:1: len wants one argument, have 2",
		"abs(s)":                 "1:5: abs wants a number, have text",
		`day > "yesterday"`:      `1:5: "yesterday" is not a date: want 2013-02-01, 2013-02-01T10:30 or 2013-02-01T10:30:00Z`,
		"s matches c":            "1:11: matches wants a constant regular expression",
		`s matches "("`:          "1:11: error parsing regexp: missing closing ): `(`",
		"i in j":                 "1:6: in wants a list, as in [1, 2], or a range, as in 1..5",
		"i in [j]":               "1:7: the elements of a list must be constants",
		"hour(day)":              "1:6: a date has no hour",
		"i == null":              `1:6: no column named "null" (a missing value is written nil)`,
		"list":                   `1:1: column "list" has type list, which expressions do not read`,
		"filter(list, # > 1)":    "1:1: no function named filter",
		"9223372036854775807 +1": "1:21: 9223372036854775807 + 1 is out of the range of integers",
		"nil":                    "1:1: the expression is always missing",
		"day * 2":                "1:5: a date * an integer is not defined",
		"x1 > 1 && \n x2 > 1":    "1:1: no column named \"x1\"\n2:2: no column named \"x2\"",
		"let x = 1; x":           "1:5: variabledeclarator is not part of column expressions",
		"f % 2":                  "1:3: % wants integers, have a number and an integer",
	} {
		_, err := Compile(text, schemaOfTest)
		if err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
	if _, err := Compile(strings.Repeat("(", MaxText+1), schemaOfTest); err == nil {
		t.Error("a text that is too long compiles")
	}
	nested := "i"
	for range 40 {
		nested = "(1 < " + nested + " < 3 ? 1 : 2)"
	}
	if _, err := Compile(nested, schemaOfTest); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("nested comparisons: %v", err)
	}
}

func TestRowErrors(t *testing.T) {
	t.Parallel()
	big := int64(math.MaxInt64)
	for text, want := range map[string]string{
		"i + 1":          "part-0.parquet: row 101: 9223372036854775807 + 1 is out of the range of integers",
		"i * i":          "part-0.parquet: row 101: 9223372036854775807 * 9223372036854775807 is out of the range of integers",
		"-i - 2":         "part-0.parquet: row 101: -9223372036854775807 - 2 is out of the range of integers",
		"i % j":          "part-0.parquet: row 101: 9223372036854775807 % 0 has no value",
		"int(f * 1e300)": "part-0.parquet: row 101: int(1e+300) is out of the range of integers",
	} {
		p, err := Compile(text, schemaOfTest)
		if err != nil {
			t.Fatal(text, err)
		}
		b := batchOf([]row{{"i": 1, "j": 1, "f": 0.0}, {"i": big, "j": 0, "f": 1.0}})
		if _, err := p.Eval(b, new(table.Arena)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	p, _ := Compile("i > 0", schemaOfTest)
	b := batchOf([]row{{"i": 1}})
	b.Put("i", &table.Bools{Values: []bool{true}})
	if _, err := p.Filter(b, new(table.Arena)); err == nil || !strings.Contains(err.Error(), `part-0.parquet: column "i": want an integer, have *table.Bools`) {
		t.Errorf("wrong type of column: %v", err)
	}
	b.Put("i", &table.Int64s{Values: []int64{1, 2}})
	if _, err := p.Filter(b, new(table.Arena)); err == nil || !strings.Contains(err.Error(), "has 2 rows, the batch 1") {
		t.Errorf("wrong length of column: %v", err)
	}
	if _, err := p.Filter(&table.Batch{Rows: 1}, new(table.Arena)); err == nil || !strings.Contains(err.Error(), "no such column") {
		t.Errorf("absent column: %v", err)
	}
	q, _ := Compile(`lower(c) == "x"`, schemaOfTest)
	b.Put("c", &table.Coded{Dict: &table.Strings{Bytes: []byte("x"), Offsets: []uint32{0, 1}}, Codes: []int32{5}})
	if _, err := q.Filter(b, new(table.Arena)); err == nil || !strings.Contains(err.Error(), "damaged column") {
		t.Errorf("damaged codes: %v", err)
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	b := batchOf([]row{{"i": 1, "s": "x"}, {}, {"i": 3}})
	for text, want := range map[string]string{
		"i > 0": "[0 2]", "i != nil": "[0 2]", "i == nil": "[1]", "i > 5": "[]", "j == 0 || true": "all", "!(i > 2)": "[0]", "true": "all", "false": "[]",
	} {
		p, err := Compile(text, schemaOfTest)
		if err != nil {
			t.Fatal(text, err)
		}
		rows, err := p.Filter(b, new(table.Arena))
		got := fmt.Sprint(rows)
		if rows == nil {
			got = "all"
		}
		if err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
	p, err := Compile("i + 1", schemaOfTest)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Filter(b, new(table.Arena)); err == nil {
		t.Error("a number is taken for a condition")
	}
	if p.Type() != table.Int64 {
		t.Errorf("type %v", p.Type())
	}
	p, _ = Compile("ts", schemaOfTest)
	if f := p.Field("x"); f.Type != table.Timestamp || f.Unit != table.Milli || f.Name != "x" {
		t.Errorf("field %+v", f)
	}
	p, _ = Compile("p.q > 1 && i > j", schemaOfTest)
	if got := fmt.Sprint(p.Columns()); got != "[i j p.q]" {
		t.Errorf("columns %s", got)
	}
}

// Once warm, filtering a batch allocates nothing but the vectors' headers that escape.
func TestFilterAllocates(t *testing.T) {
	b := batchOf(make([]row, 4096))
	p, err := Compile("i > 3 && f < 2 || j == 1", schemaOfTest)
	if err != nil {
		t.Fatal(err)
	}
	var a table.Arena
	allocs := testing.AllocsPerRun(20, func() {
		a.Reset()
		if _, err := p.Filter(b, &a); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 4 {
		t.Errorf("%v allocations a batch", allocs)
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{`i > 3 && c in ["AA", nil]`, `s matches "a+" ? f : -g`, `day >= date("2013-02-01")`, "1 < i < 9 || not b",
		"min(i, 2.5) ** 2 % 3", "a?.b[1:2] | map(#)", `column("odd name") ?? 1..3`, "if b { 1 } else { 2 }", "\"\\u00", "i\xff"} {
		f.Add(s)
	}
	b := batchOf([]row{{"i": 3, "f": 1.5, "c": "AA", "b": true, "day": 3}, {}})
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Compile(text, schemaOfTest)
		if err != nil {
			for _, e := range err.(Errors) {
				if e.Line < 1 || e.Column < 1 || e.Msg == "" {
					t.Fatalf("%q: a mistake without a place: %+v", text, e)
				}
				if strings.Contains(e.Msg, "runtime error") {
					t.Fatalf("%q: %s", text, e.Msg)
				}
			}
			return
		}
		var a table.Arena
		col, err := p.Eval(b, &a)
		if err != nil {
			if strings.Contains(err.Error(), "damaged") {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if col.Len() != 2 {
			t.Fatalf("%q: %d rows", text, col.Len())
		}
	})
}

func TestCivil(t *testing.T) {
	t.Parallel()
	for _, step := range []int64{1, 97, 100003} {
		for days := -400000 * step % 3000000; days < 3000000; days += step {
			d := time.Unix(days*86400, 0).UTC()
			y, m, day := civil(days)
			if y != int64(d.Year()) || m != int64(d.Month()) || day != int64(d.Day()) || partOf("weekday", days, 1) != int64(d.Weekday()+6)%7 {
				t.Fatalf("day %d: %d-%d-%d, want %v", days, y, m, day, d)
			}
		}
	}
}
