package jobs

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"howdah/internal/table"
)

// oneColumn replaces a column of people by another of the same length.
func withColumn(schema table.Schema, b *table.Batch, f table.Field, c table.Column) table.Schema {
	out := append(table.Schema{}, schema...)
	for i := range out {
		if out[i].Name == f.Name {
			out[i] = f
			b.Put(f.Name, c)
			return out
		}
	}
	b.Put(f.Name, c)
	return append(out, f)
}

func filled[T any](n int, v T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// Each kind of bad data ends in an error that says where and what, of the class that makes the exit code.
func TestBadData(t *testing.T) {
	t.Parallel()
	const n = 1000
	for name, c := range map[string]struct {
		data  func(t *testing.T, dir string)
		lines string
		class Class
		want  []string
	}{
		"no file matches": {
			data:  func(t *testing.T, dir string) { mkdir(t, dir) },
			class: DataError, want: []string{"data: ", "no"},
		},
		"no such directory": {
			data:  func(t *testing.T, dir string) {},
			class: DataError, want: []string{"data: "},
		},
		"zero rows": {
			data: func(t *testing.T, dir string) {
				schema, _ := people(0, 1)
				writeShard(t, filepath.Join(dir, "a.parquet"), schema, nil)
			},
			class: DataError, want: []string{"data: 1 files hold no row"},
		},
		"where leaves nothing": {
			data: plain, lines: "data: {where: 'age > 1000'}",
			class: DataError, want: []string{"data.where: no row of 1000 is left: age > 1000"},
		},
		"not parquet": {
			data: func(t *testing.T, dir string) {
				plain(t, dir)
				write(t, filepath.Join(dir, "b.parquet"), "this is not Parquet, it is text")
			},
			class: DataError, want: []string{"b.parquet: not a Parquet file", "data.bad_shards: skip"},
		},
		"truncated": {
			data: func(t *testing.T, dir string) {
				plain(t, dir)
				b, err := os.ReadFile(filepath.Join(dir, "a.parquet"))
				if err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(dir, "b.parquet"), string(b[:len(b)-100]))
			},
			class: DataError, want: []string{"b.parquet: truncated"},
		},
		"types that conflict": {
			data: func(t *testing.T, dir string) {
				plain(t, dir)
				schema, b := people(n, n)
				text := &table.Strings{}
				for range n {
					text.Append([]byte("old"))
				}
				schema = withColumn(schema, b, table.Field{Name: "age", Type: table.String}, text)
				writeShard(t, filepath.Join(dir, "b.parquet"), schema, b)
			},
			class: DataError, want: []string{`column "age": float64 in `, "a.parquet, but string in ", "b.parquet"},
		},
		"label absent": {
			data: plain, lines: "columns: {baught: {role: label}}",
			class: UserError, want: []string{`columns.baught: no such column (did you mean "bought"?)`},
		},
		"feature absent": {
			data: plain, lines: "features: [{columns: [aeg], scale: standard}]",
			class: UserError, want: []string{"features[0].columns", `aeg`, `did you mean "age"?`},
		},
		"label of one class": {
			data: func(t *testing.T, dir string) {
				schema, b := people(0, n)
				schema = withColumn(schema, b, table.Field{Name: "bought", Type: table.Int64}, &table.Int64s{Values: filled[int64](n, 1)})
				writeShard(t, filepath.Join(dir, "a.parquet"), schema, b)
			},
			class: DataError, want: []string{"label: ", "one"},
		},
		"label with nulls": {
			data: func(t *testing.T, dir string) {
				schema, b := people(0, n)
				y := b.Lookup("bought").(*table.Int64s)
				y.Valid = table.NewBitmap(n)
				for i := range n {
					if i%10 != 3 {
						y.Valid.Set(i)
					}
				}
				schema = withColumn(schema, b, table.Field{Name: "bought", Type: table.Int64, Nullable: true}, y)
				writeShard(t, filepath.Join(dir, "a.parquet"), schema, b)
			},
			class: DataError, want: []string{"label: ", "100", "bought != nil"},
		},
		"named column constant": {
			data: func(t *testing.T, dir string) {
				schema, b := people(0, n)
				schema = withColumn(schema, b, table.Field{Name: "age", Type: table.Float64}, &table.Float64s{Values: filled(n, math.NaN())})
				writeShard(t, filepath.Join(dir, "a.parquet"), schema, b)
			},
			lines: "features: [{columns: [age], missing: median, scale: standard}]",
			class: DataError, want: []string{"features[0]", "age"},
		},
		"infinite numbers": {
			data: func(t *testing.T, dir string) {
				schema, b := people(0, n)
				b.Lookup("income").(*table.Float64s).Values[17] = math.Inf(1)
				writeShard(t, filepath.Join(dir, "a.parquet"), schema, b)
			},
			lines: "features: [{columns: [income], scale: standard}]\nsplit: {fractions: {train: 1}}",
			class: DataError, want: []string{"income", "infinite"},
		},
		"a side without rows": {
			data: func(t *testing.T, dir string) {
				schema, b := people(0, 5)
				writeShard(t, filepath.Join(dir, "a.parquet"), schema, b)
			},
			class: DataError, want: []string{"split: no row is on the"},
		},
		"expression with a mistake": {
			data: plain, lines: "data: {where: 'agee > 3 &&'}",
			class: UserError, want: []string{"data.where"},
		},
		"model of another label": {
			data: plain, lines: "model: linear",
			class: UserError, want: []string{"model.type", "linear", "logistic"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, home := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "home")
			c.data(t, dir)
			columns := "columns: {bought: {role: label}, id: {role: id}}"
			data := "data: {path: " + dir + "}"
			if rest, ok := strings.CutPrefix(c.lines, "data: {"); ok {
				data, c.lines = "data: {path: "+dir+", "+rest, ""
			}
			if strings.HasPrefix(c.lines, "columns:") {
				columns, c.lines = c.lines, ""
			}
			job, err := Load("job.yaml", []byte("name: bad\nhome: "+home+"\n"+data+"\n"+columns+"\n"+c.lines+"\n"))
			if err == nil {
				_, err = job.Run(t.Context(), RunOptions{Workers: 2})
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q is not in\n%v", w, err)
				}
			}
			if got := ClassOf(err); got != c.class {
				t.Errorf("class %v, want %v: %v", got, c.class, err)
			}
		})
	}
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	mkdir(t, filepath.Dir(file))
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func plain(t *testing.T, dir string) {
	t.Helper()
	schema, b := people(0, 1000)
	writeShard(t, filepath.Join(dir, "a.parquet"), schema, b)
}

// A bad shard is left out where the job says so, counted and listed; one whose pages are damaged is found half way.
func TestBadShardsSkipped(t *testing.T) {
	t.Parallel()
	dir := peopleDir(t, 3, 1000)
	want, err := peopleJob(t, dir, t.TempDir()).Run(t.Context(), RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "empty.parquet"), "")
	b, err := os.ReadFile(filepath.Join(dir, "part-0.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 300; i < 3000; i++ {
		b[i] ^= 0x5a // pages, not the footer
	}
	write(t, filepath.Join(dir, "zz.parquet"), string(b))
	job := peopleJob(t, dir, t.TempDir())
	job.Spec.Data.BadShards = "skip"
	got, err := job.Run(t.Context(), RunOptions{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Summary.Skipped) != 2 || got.Summary.Files != 3 || got.Summary.Rows != 3000 {
		t.Errorf("%+v", got.Summary.Skipped)
	}
	a, g := readArtefacts(t, want), readArtefacts(t, got)
	if string(a["model/weights.safetensors"]) != string(g["model/weights.safetensors"]) {
		t.Error("the model is not that of the good shards")
	}
	job = peopleJob(t, dir, t.TempDir())
	if _, err = job.Run(t.Context(), RunOptions{}); err == nil || !strings.Contains(err.Error(), "data.bad_shards: skip") || ClassOf(err) != DataError {
		t.Errorf("got %v", err)
	}
}

// Text that is not UTF-8, categories never seen, and missing columns in some shards are not errors.
func TestOddButGood(t *testing.T) {
	t.Parallel()
	dir := peopleDir(t, 2, 1000)
	schema, b := people(3000, 1000)
	odd := &table.Strings{}
	for i := range 1000 {
		odd.Append([]byte{0xff, 'a', byte(i)})
	}
	schema = withColumn(schema, b, table.Field{Name: "city", Type: table.String, Nullable: true}, odd)
	schema = append(schema[:1:1], schema[2:]...) // without age
	short := &table.Batch{Rows: b.Rows}
	for _, f := range schema {
		short.Put(f.Name, b.Lookup(f.Name))
	}
	writeShard(t, filepath.Join(dir, "zz.parquet"), schema, short)
	res, err := peopleJob(t, dir, t.TempDir()).Run(t.Context(), RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if res.Summary.Used != 3000 {
		t.Errorf("%d rows used", res.Summary.Used)
	}
}

func TestHomeThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir := peopleDir(t, 1, 1000)
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "in the way")
	_, err := peopleJob(t, dir, filepath.Join(file, "home")).Run(t.Context(), RunOptions{})
	if err == nil || !strings.Contains(err.Error(), "home") || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
	if os.Getuid() != 0 {
		locked := filepath.Join(t.TempDir(), "locked")
		if err := os.Mkdir(locked, 0o500); err != nil {
			t.Fatal(err)
		}
		_, err := peopleJob(t, dir, filepath.Join(locked, "home")).Run(t.Context(), RunOptions{})
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("got %v", err)
		}
	}
}
