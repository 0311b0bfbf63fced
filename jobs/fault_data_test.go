package jobs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"howdah/internal/table"
)

// frame is a table in the making, column by column.
type frame struct {
	schema table.Schema
	b      table.Batch
}

func (f *frame) put(field table.Field, c table.Column) *frame {
	f.schema = withColumn(f.schema, &f.b, field, c)
	f.b.Rows = c.Len()
	return f
}

func (f *frame) ints(name string, n int, v func(i int) (int64, bool)) *frame {
	c := &table.Int64s{Values: make([]int64, n), Valid: table.NewBitmap(n)}
	nullable := false
	for i := range n {
		x, ok := v(i)
		if ok {
			c.Values[i] = x
			c.Valid.Set(i)
		} else {
			nullable = true
		}
	}
	if !nullable {
		c.Valid = nil
	}
	return f.put(table.Field{Name: name, Type: table.Int64, Nullable: nullable}, c)
}

func (f *frame) floats(name string, n int, v func(i int) (float64, bool)) *frame {
	c := &table.Float64s{Values: make([]float64, n), Valid: table.NewBitmap(n)}
	nullable := false
	for i := range n {
		x, ok := v(i)
		if ok {
			c.Values[i] = x
			c.Valid.Set(i)
		} else {
			nullable = true
		}
	}
	if !nullable {
		c.Valid = nil
	}
	return f.put(table.Field{Name: name, Type: table.Float64, Nullable: nullable}, c)
}

func (f *frame) texts(name string, n int, v func(i int) string) *frame {
	c := &table.Strings{Offsets: []uint32{0}}
	for i := range n {
		c.Append([]byte(v(i)))
	}
	return f.put(table.Field{Name: name, Type: table.String}, c)
}

func (f *frame) bools(name string, n int, v func(i int) bool) *frame {
	c := &table.Bools{Values: make([]bool, n)}
	for i := range n {
		c.Values[i] = v(i)
	}
	return f.put(table.Field{Name: name, Type: table.Bool}, c)
}

func (f *frame) temporal(name string, n int, field table.Field, v func(i int) int64) *frame {
	c := &table.Int64s{Values: make([]int64, n)}
	for i := range n {
		c.Values[i] = v(i)
	}
	field.Name = name
	return f.put(field, c)
}

func (f *frame) write(t *testing.T, file string) {
	t.Helper()
	writeShard(t, file, f.schema, &f.b)
}

// signal is a number in [-3, 3) of row i that the labels of these tests follow.
func signal(i int) float64 { return 6*hash01(11, i) - 3 }

func likely(i int) bool { return hash01(12, i) < 1/(1+math.Exp(-2*signal(i))) }

// base is a table of n rows with one feature, x, and a label y of 0 and 1 that depends on it.
func base(n int) *frame {
	f := &frame{}
	return f.floats("x", n, func(i int) (float64, bool) { return signal(i), true }).
		ints("y", n, func(i int) (int64, bool) {
			if likely(i) {
				return 1, true
			}
			return 0, true
		})
}

// without drops a column.
func (f *frame) without(name string) *frame {
	out := &frame{}
	for _, x := range f.schema {
		if x.Name != name {
			out.put(x, f.b.Lookup(x.Name))
		}
	}
	return out
}

// Odd data that is good trains right: a model beats the trivial baseline, and scoring works. Odd data that is not ends in an
// error that says what, where, and what to do.
func TestOddData(t *testing.T) {
	t.Parallel()
	const n = 2000
	for name, c := range map[string]struct {
		data    func(t *testing.T, dir string)
		columns string // roles; default y is the label
		lines   string
		metric  string   // that must be on the good side of its baseline on the test rows; default log_loss
		no      bool     // no such promise
		class   Class    // of the error; 0: it trains
		want    []string // in the error
		dropped []string // features that fitted.json says were left out, and why
		check   func(t *testing.T, r *Result)
	}{
		"label of yes and no": {
			data: func(t *testing.T, dir string) {
				base(n).without("y").texts("y", n, func(i int) string { return map[bool]string{true: "yes", false: "no"}[likely(i)] }).write(t, dir+"/a.parquet")
			},
			check: func(t *testing.T, r *Result) {
				if got := modelClasses(t, r); got != "[no yes]" {
					t.Errorf("classes %s", got)
				}
			},
		},
		"label of truth values": {
			data: func(t *testing.T, dir string) {
				base(n).without("y").bools("y", n, likely).write(t, dir+"/a.parquet")
			},
		},
		"label of five classes": {
			data: func(t *testing.T, dir string) {
				base(n).without("y").texts("y", n, func(i int) string { return fmt.Sprint("class ", min(max(int(signal(i)+2.5+hash01(13, i)-0.5), 0), 4)) }).write(t, dir+"/a.parquet")
			},
			lines: "train: {epochs: 20}",
			check: func(t *testing.T, r *Result) {
				if got := modelClasses(t, r); got != "[class 0 class 1 class 2 class 3 class 4]" {
					t.Errorf("classes %s", got)
				}
			},
		},
		"regression with huber": {
			data: func(t *testing.T, dir string) {
				base(n).without("y").floats("y", n, func(i int) (float64, bool) { return 100 + 7*signal(i) + hash01(14, i), true }).write(t, dir+"/a.parquet")
			},
			lines: "loss: {type: huber, delta: 1}\ntrain: {epochs: 60}\noptimizer: {type: adam, learning_rate: 0.5}", metric: "mae",
		},
		"constant feature": {
			data: func(t *testing.T, dir string) {
				base(n).floats("same", n, func(int) (float64, bool) { return 7, true }).write(t, dir+"/a.parquet")
			},
			dropped: []string{"same: constant"},
		},
		"constant feature by name": {
			data: func(t *testing.T, dir string) {
				base(n).floats("same", n, func(int) (float64, bool) { return 7, true }).write(t, dir+"/a.parquet")
			},
			lines: "features: [{columns: [x, same], scale: standard}]", dropped: []string{"same: constant"},
		},
		"feature without a value, by pattern": {
			data: func(t *testing.T, dir string) {
				base(n).floats("void", n, func(int) (float64, bool) { return 0, false }).write(t, dir+"/a.parquet")
			},
			lines: "features: [{columns: {type: number}, missing: median, scale: standard}]", dropped: []string{"void: "},
		},
		"feature without a value, by name": {
			data: func(t *testing.T, dir string) {
				base(n).floats("void", n, func(int) (float64, bool) { return 0, false }).write(t, dir+"/a.parquet")
			},
			lines: "features: [{columns: [x, void], missing: median, scale: standard}]",
			class: DataError, want: []string{"features[0]", "void", "training row"},
		},
		"every feature without a value": {
			data: func(t *testing.T, dir string) {
				base(n).floats("x", n, func(int) (float64, bool) { return 0, false }).write(t, dir+"/a.parquet")
			},
			class: DataError, want: []string{"feature"},
		},
		"no column but the label": {
			data: func(t *testing.T, dir string) {
				base(n).without("x").write(t, dir+"/a.parquet")
			},
			class: UserError, want: []string{"feature"},
		},
		"weights": {
			data: func(t *testing.T, dir string) {
				base(n).floats("w", n, func(i int) (float64, bool) { return 0.5 + hash01(15, i), true }).write(t, dir+"/a.parquet")
			},
			columns: "w: {role: weight}",
		},
		"weights below zero": {
			data: func(t *testing.T, dir string) {
				base(n).floats("w", n, func(i int) (float64, bool) { return float64(i%100) - 1, true }).write(t, dir+"/a.parquet")
			},
			columns: "w: {role: weight}",
			class:   DataError, want: []string{"a.parquet", `"w"`, "row 0", "-1"},
		},
		"weights with nulls": {
			data: func(t *testing.T, dir string) {
				base(n).floats("w", n, func(i int) (float64, bool) { return 1, i != 77 }).write(t, dir+"/a.parquet")
			},
			columns: "w: {role: weight}",
			class:   DataError, want: []string{"a.parquet", `"w"`, "77"},
		},
		"weights of zero": {
			data: func(t *testing.T, dir string) {
				base(n).floats("w", n, func(i int) (float64, bool) { return 0, true }).write(t, dir+"/a.parquet")
			},
			columns: "w: {role: weight}",
			class:   DataError, want: []string{"weight: all ", " training rows weigh 0"},
		},
		"group kept together": {
			data: func(t *testing.T, dir string) {
				base(n).ints("g", n, func(i int) (int64, bool) { return int64(i / 10), true }).write(t, dir+"/a.parquet")
			},
			columns: "g: {role: ignore}", lines: "split: {group: g}",
		},
		"stratified": {
			data:  func(t *testing.T, dir string) { base(n).write(t, dir+"/a.parquet") },
			lines: "split: {method: stratified}",
		},
		"sides by a column": {
			data: func(t *testing.T, dir string) {
				base(n).texts("side", n, func(i int) string { return []string{"train", "train", "validation", "test"}[i%4] }).write(t, dir+"/a.parquet")
			},
			lines: "split: {method: column, column: side}",
			check: func(t *testing.T, r *Result) {
				if s := r.Summary; s.Train != n/2 || s.Valid != n/4 || s.Test != n/4 {
					t.Errorf("%d %d %d rows", s.Train, s.Valid, s.Test)
				}
			},
		},
		"sides by a column with another value": {
			data: func(t *testing.T, dir string) {
				base(n).texts("side", n, func(i int) string { return []string{"train", "test", "train", "holdout"}[i%4] }).write(t, dir+"/a.parquet")
			},
			lines: "split: {method: column, column: side}",
			class: DataError, want: []string{"a.parquet", "side", "holdout"},
		},
		"split by a column that is not there": {
			data:  func(t *testing.T, dir string) { base(n).write(t, dir+"/a.parquet") },
			lines: "split: {method: column, column: sied}",
			class: UserError, want: []string{"split.column", "sied"},
		},
		"one row": {
			data:  func(t *testing.T, dir string) { base(1).write(t, dir+"/a.parquet") },
			class: DataError, want: []string{"label: ", "one"},
		},
		"two rows": {
			data: func(t *testing.T, dir string) {
				base(2).ints("y", 2, func(i int) (int64, bool) { return int64(i), true }).write(t, dir+"/a.parquet")
			},
			class: DataError, want: []string{"split: no row"},
		},
		"two rows, all of them for training": {
			data: func(t *testing.T, dir string) {
				base(2).ints("y", 2, func(i int) (int64, bool) { return int64(i), true }).write(t, dir+"/a.parquet")
			},
			lines: "split: {fractions: {train: 1, validation: 0, test: 0}}", no: true,
		},
		"ids that repeat": {
			data: func(t *testing.T, dir string) {
				base(n).ints("id", n, func(i int) (int64, bool) { return int64(i / 3), true }).write(t, dir+"/a.parquet")
			},
			columns: "id: {role: id}",
		},
		"ids with nulls": {
			data: func(t *testing.T, dir string) {
				base(n).ints("id", n, func(i int) (int64, bool) { return int64(i), i != 1234 }).write(t, dir+"/a.parquet")
			},
			columns: "id: {role: id}",
			class:   DataError, want: []string{"a.parquet", `"id"`, "1234"},
		},
		"names with spaces, dots, slashes and other letters": {
			data: func(t *testing.T, dir string) {
				f := base(n)
				for k, odd := range []string{"a b", "a.b.c", "a/b", "größe ☃", `quo"te`, "[0]", "x, y", "-", "{ds}", "*"} {
					f.floats(odd, n, func(i int) (float64, bool) { return signal(i) + hash01(20+k, i), i%7 != k })
				}
				f.write(t, dir+"/a.parquet")
			},
		},
		"a label of an odd name": {
			data: func(t *testing.T, dir string) {
				base(n).without("y").bools("is it. so?", n, likely).write(t, dir+"/a.parquet")
			},
			columns: "NOLABEL\n  \"is it. so?\": {role: label}",
		},
		"dates and times": {
			data: func(t *testing.T, dir string) {
				base(n).without("x").
					temporal("day", n, table.Field{Type: table.Date}, func(i int) int64 { return int64(15000 + 100*signal(i)) }).
					temporal("at", n, table.Field{Type: table.Timestamp, Unit: table.Nano, UTC: true}, func(i int) int64 { return int64(1.3e18 + 1e15*signal(i)) }).
					temporal("clock", n, table.Field{Type: table.Time, Unit: table.Micro}, func(i int) int64 { return int64(4e10 + 1e10*signal(i)) }).
					write(t, dir+"/a.parquet")
			},
			lines: "features:\n  - {columns: {type: temporal}, scale: standard}\n  - {columns: [day], date_parts: [year, month, day_of_week]}",
		},
		"dates and times under the default rules": {
			data: func(t *testing.T, dir string) {
				base(n).
					temporal("day", n, table.Field{Type: table.Date}, func(i int) int64 { return int64(15000 + 100*signal(i)) }).
					temporal("at", n, table.Field{Type: table.Timestamp, Unit: table.Milli}, func(i int) int64 { return int64(1.3e12 + 1e9*signal(i)) }).
					write(t, dir+"/a.parquet")
			},
		},
		"numbers of ids beyond 2^53, with nulls": {
			data: func(t *testing.T, dir string) {
				base(n).ints("big", n, func(i int) (int64, bool) { return 1<<53 + int64(i), i%10 != 0 }).write(t, dir+"/a.parquet")
			},
			class: DataError, want: []string{"a.parquet", `"big"`, "2^53", "data.types", "string"},
		},
		"numbers of ids beyond 2^53, as text": {
			data: func(t *testing.T, dir string) {
				base(n).ints("big", n, func(i int) (int64, bool) { return 1<<53 + int64(i%40), i%10 != 0 }).write(t, dir+"/a.parquet")
			},
			lines: "data: {types: {big: string}}",
		},
		"300 columns": {
			data: func(t *testing.T, dir string) {
				f := base(n)
				for k := range 300 {
					f.floats(fmt.Sprintf("c%03d", k), n, func(i int) (float64, bool) { return hash01(100+k, i), hash01(500+k, i) > 0.01 })
				}
				f.write(t, dir+"/a.parquet")
			},
			check: func(t *testing.T, r *Result) {
				if r.Summary.Features != 301 {
					t.Errorf("%d features", r.Summary.Features)
				}
			},
		},
		"text of 200000 different values": {
			data: func(t *testing.T, dir string) {
				const n = 200000
				base(n).texts("name", n, func(i int) string { return fmt.Sprintf("name-%08x", uint32(i)*2654435761) }).write(t, dir+"/a.parquet")
			},
		},
		"a shard of no row group beside another": {
			data: func(t *testing.T, dir string) {
				base(n).write(t, dir+"/b.parquet")
				writeShard(t, dir+"/a.parquet", base(1).schema, nil)
				writeShard(t, dir+"/c.parquet", base(1).schema, nil)
			},
		},
		"lists of structs that nobody uses": {
			data: nested, no: true,
		},
		"lists of structs by name": {
			data: nested, lines: "features: [{columns: [x, deep], scale: standard}]",
			class: UserError, want: []string{"features[0].columns", "deep", "a.parquet"},
		},
		"lists of structs as label": {
			data: nested, columns: "NOLABEL\n  deep: {role: label}",
			class: UserError, want: []string{"columns.deep", "deep"},
		},
		"damage in a column that is not read": {
			data: func(t *testing.T, dir string) {
				base(n).texts("notes", n, func(i int) string { return fmt.Sprintf("%032x", i) }).write(t, dir+"/a.parquet")
				damage(t, dir+"/a.parquet", "notes")
			},
			columns: "notes: {role: ignore}",
		},
		"damage in a column that is": {
			data: func(t *testing.T, dir string) {
				base(n).write(t, dir+"/a.parquet")
				base(n).texts("notes", n, func(i int) string { return fmt.Sprintf("%032x", i) }).write(t, dir+"/b.parquet")
				damage(t, dir+"/b.parquet", "notes")
			},
			class: DataError, want: []string{"b.parquet: row group 0, column \"notes\"", "data.bad_shards: skip"},
		},
		"damage that is skipped": {
			data: func(t *testing.T, dir string) {
				base(n).write(t, dir+"/a.parquet")
				base(n).texts("notes", n, func(i int) string { return fmt.Sprintf("%032x", i) }).write(t, dir+"/b.parquet")
				damage(t, dir+"/b.parquet", "notes")
			},
			lines: "data: {bad_shards: skip}",
			check: func(t *testing.T, r *Result) {
				if s := r.Summary; s.Rows != n || len(s.Skipped) != 1 || s.Skipped[0].Shard != "b.parquet" || !strings.Contains(s.Skipped[0].Reason, `column "notes"`) {
					t.Errorf("%d rows, skipped %+v", s.Rows, s.Skipped)
				}
			},
		},
		"nothing but damage that is skipped": {
			data: func(t *testing.T, dir string) {
				base(n).texts("notes", n, func(i int) string { return fmt.Sprintf("%032x", i) }).write(t, dir+"/b.parquet")
				damage(t, dir+"/b.parquet", "notes")
			},
			lines: "data: {bad_shards: skip}",
			class: DataError, want: []string{"every shard is bad", "b.parquet"},
		},
		"numbers so large that their squares are infinite": {
			data: func(t *testing.T, dir string) {
				base(n).floats("huge", n, func(i int) (float64, bool) { return 1e300 * signal(i), true }).write(t, dir+"/a.parquet")
			},
			class: DataError, want: []string{"huge", "too large", "clip"},
		},
		"a learning rate that diverges": {
			data:  func(t *testing.T, dir string) { base(n).write(t, dir+"/a.parquet") },
			lines: "model: {type: mlp, hidden: [8]}\noptimizer: {type: sgd, learning_rate: 1e30}\ntrain: {epochs: 5}",
			class: Diverged, want: []string{"of epoch 1, batch 2 is"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(plainTemp(t), "data")
			mkdir(t, dir)
			c.data(t, dir)
			data, lines := "data: {path: "+dir+"}", c.lines
			if rest, ok := strings.CutPrefix(c.lines, "data: {"); ok {
				data, lines = "data: {path: "+dir+", "+rest, ""
			}
			columns := "  y: {role: label}\n  " + c.columns
			if rest, ok := strings.CutPrefix(c.columns, "NOLABEL\n"); ok {
				columns = rest
			}
			scratch, home := plainTemp(t), plainTemp(t)
			job, err := Load("job.yaml", []byte("name: odd\nhome: "+home+"\n"+data+"\ncolumns:\n"+columns+"\nruntime: {scratch: "+scratch+"}\n"+lines+"\n"))
			var res *Result
			if err == nil {
				res, err = job.Run(t.Context(), RunOptions{Workers: 2})
			}
			if left := rowFiles(t, scratch); len(left) > 0 {
				t.Errorf("left in the scratch directory: %v", left)
			}
			checkWhole(t, name, home)
			if c.class != Done {
				if err == nil {
					t.Fatalf("no error; metrics %v", res.Summary.Metrics["test"])
				}
				for _, w := range c.want {
					if !strings.Contains(err.Error(), w) {
						t.Errorf("%q is not in\n%v", w, err)
					}
				}
				if got := ClassOf(err); got != c.class {
					t.Errorf("class %v, want %v: %v", got, c.class, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			metric := c.metric
			if metric == "" {
				metric = "log_loss"
			}
			if m, ok := res.Summary.Metrics["test"][metric]; !c.no && (!ok || !(m.Value < m.Baseline)) {
				t.Errorf("test %s %v is not below the baseline's %v", metric, m.Value, m.Baseline)
			}
			var fitted struct {
				Dropped, Selection []struct{ Feature, Reason string }
			}
			if err := res.Run.ReadJSON(t.Context(), "model/fitted.json", &fitted); err != nil {
				t.Fatal(err)
			}
			for _, d := range c.dropped {
				found := false
				for _, f := range append(fitted.Dropped, fitted.Selection...) {
					found = found || strings.HasPrefix(f.Feature+": "+f.Reason, d) && f.Reason != ""
				}
				if !found {
					t.Errorf("%q is not among what was left out: %+v", d, fitted)
				}
			}
			if c.check != nil {
				c.check(t, res)
			}
			scoreBack(t, res, dir, job)
		})
	}
}

// plainTemp is a temporary directory whose name holds nothing that means something in YAML.
func plainTemp(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "howdah-test-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// scoreBack scores the data with the published model.
func scoreBack(t *testing.T, res *Result, dir string, job *Job) {
	t.Helper()
	if job.Spec.Data.BadShards == "skip" {
		return
	}
	files, _ := faulty(t)
	p, err := Predict(t.Context(), res.Run, dir, t.TempDir(), PredictOptions{Workers: 2, Files: files})
	if err != nil {
		t.Errorf("scoring: %v", err)
	} else if p.Rows != res.Summary.Rows {
		t.Errorf("%d rows were scored, of %d", p.Rows, res.Summary.Rows)
	}
}

func modelClasses(t *testing.T, r *Result) string {
	t.Helper()
	var m struct{ Classes []string }
	if err := r.Run.ReadJSON(t.Context(), "model/manifest.json", &m); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(m.Classes)
}

// nested writes a file with a list of structs, which is not read.
func nested(t *testing.T, dir string) {
	t.Helper()
	type point struct {
		A int64   `parquet:"a"`
		B float64 `parquet:"b"`
	}
	type row struct {
		X    float64 `parquet:"x"`
		Y    int64   `parquet:"y"`
		Deep []point `parquet:"deep,list"`
	}
	var buf bytes.Buffer
	w := parquet.NewGenericWriter[row](&buf)
	for i := range 1000 {
		r := row{X: signal(i), Deep: []point{{1, 2}, {3, 4}}}
		if likely(i) {
			r.Y = 1
		}
		if _, err := w.Write([]row{r}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "a.parquet"), buf.String())
}

// damage flips bytes in the pages of one column and leaves the footer as it is.
func damage(t *testing.T, file, column string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range f.Metadata().RowGroups {
		for _, c := range g.Columns {
			if m := c.MetaData; strings.Join(m.PathInSchema, ".") == column {
				from := m.DataPageOffset
				if m.DictionaryPageOffset > 0 && m.DictionaryPageOffset < from {
					from = m.DictionaryPageOffset
				}
				for i := from + m.TotalCompressedSize/2; i < from+m.TotalCompressedSize; i++ {
					b[i] ^= 0x5a
				}
				if err := os.WriteFile(file, b, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
		}
	}
	t.Fatalf("%s: no column %s", file, column)
}

// What a run leaves in its record about numbers is JSON that others read: no NaN, no infinity.
func TestRecordsAreJSON(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	base(2000).floats("wild", 2000, func(i int) (float64, bool) {
		return []float64{math.NaN(), 1e30, -1e30, 5e-324, 0}[i%5], true
	}).write(t, filepath.Join(dir, "a.parquet"))
	job := mustLoad(t, "name: wild\nhome: "+t.TempDir()+"\ndata: {path: "+dir+"}\ncolumns: {y: {role: label}}\nruntime: {scratch: "+t.TempDir()+"}\n")
	res, err := job.Run(t.Context(), RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"summary.json", "evaluation.json", "plan.json", "inputs.json", "model/fitted.json", "model/manifest.json", "owners/0001/progress.json"} {
		b, err := res.Run.Read(t.Context(), f)
		if err != nil || !json.Valid(b) {
			t.Errorf("%s: %v", f, err)
		}
	}
}
