package jobs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"howdah/internal/table"
)

func initJob(t *testing.T, uri string, opts InitOptions) string {
	t.Helper()
	b, err := InitJob(t.Context(), uri, opts)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestInitGolden(t *testing.T) {
	t.Parallel()
	golden(t, filepath.Join("testdata", "init", "flights.yaml"), []byte(initJob(t, "../testdata/flights", InitOptions{})))
	golden(t, filepath.Join("testdata", "init", "flights-carrier.yaml"), []byte(initJob(t, "../testdata/flights", InitOptions{Label: "carrier", Name: "who-flies"})))
}

// What init writes runs, and says something about its label.
func TestInitRuns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ data, label, metric string }{
		"binary":     {peopleDir(t, 3, 1500), "", "log_loss"},
		"regression": {"../testdata/flights/day=2013-01-1*", "", "rmse"},
		"multiclass": {"../testdata/flights/day=2013-01-1*", "origin", "log_loss"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := initJob(t, c.data, InitOptions{Label: c.label})
			j, err := Load("init.yaml", []byte(src), "home="+t.TempDir(), "runtime.scratch="+t.TempDir(), "train.epochs=3")
			if err != nil {
				t.Fatalf("%v\n%s", err, src)
			}
			res, err := j.Run(t.Context(), RunOptions{Workers: 2})
			if err != nil {
				t.Fatalf("%v\n%s", err, src)
			}
			m := res.Summary.Metrics["train"][c.metric]
			if !(m.Value < m.Baseline) {
				t.Errorf("%s on training rows is %v, the baseline's %v\n%s", c.metric, m.Value, m.Baseline, src)
			}
		})
	}
}

// made is a column of a test's table.
type made struct {
	field table.Field
	value func(i int) any // nil: null
}

func madeDir(t *testing.T, rows int, cols ...made) string {
	t.Helper()
	schema := table.Schema{}
	b := &table.Batch{Rows: rows}
	for _, m := range cols {
		valid := table.NewBitmap(rows)
		var ints []int64
		var floats []float64
		var bools []bool
		text := &table.Strings{Offsets: []uint32{0}, Valid: valid}
		for i := range rows {
			v := m.value(i)
			if v != nil {
				valid.Set(i)
			} else {
				m.field.Nullable = true
			}
			n, _ := v.(int)
			x, _ := v.(float64)
			y, _ := v.(bool)
			s, _ := v.(string)
			ints, floats, bools = append(ints, int64(n)), append(floats, x), append(bools, y)
			text.Append([]byte(s))
		}
		var c table.Column
		switch m.field.Type {
		case table.Float64:
			c = &table.Float64s{Values: floats, Valid: valid}
		case table.Bool:
			c = &table.Bools{Values: bools, Valid: valid}
		case table.String:
			c = text
		default:
			c = &table.Int64s{Values: ints, Valid: valid}
		}
		b.Put(m.field.Name, c)
		schema = append(schema, m.field)
	}
	dir := t.TempDir()
	writeShard(t, filepath.Join(dir, "part-0.parquet"), schema, b)
	return dir
}

func column(name string, typ table.Type, value func(i int) any) made {
	f := table.Field{Name: name, Type: typ}
	if typ == table.Timestamp {
		f.Unit = table.Micro
	}
	return made{f, value}
}

var (
	number  = func(i int) any { return 10 * hash01(1, i) }
	flag01  = func(i int) any { return i * 7 % 3 % 2 }
	counter = func(i int) any { return i }
)

func TestInitGuesses(t *testing.T) {
	t.Parallel()
	x := column("x", table.Float64, number)
	for name, c := range map[string]struct {
		cols      []made
		want, not []string
	}{
		"a label by its name": {[]made{column("target", table.Float64, number), x, column("flag", table.Int64, flag01)},
			[]string{"target: {role: label, type: regression}  # guessed by its name", "# other candidates: flag", "model: linear"}, []string{"GUESS"}},
		"y": {[]made{column("y", table.Int64, flag01), x}, []string{`"y": {role: label, type: binary}  # guessed by its name`, "model: logistic"}, []string{"GUESS"}},
		"an event": {[]made{column("isChurned", table.Bool, func(i int) any { return i%3 == 0 }), x, column("price", table.Float64, number)},
			[]string{"isChurned: {role: label, type: binary}"}, []string{"GUESS"}},
		"a guess is said to be one": {[]made{x, column("z", table.Int64, flag01), column("w", table.Float64, number)},
			[]string{"# A GUESS (it has two values)", "z: {role: label, type: binary}"}, nil},
		"nothing tells": {[]made{column("w", table.Float64, number), x}, []string{"# A GUESS (the last column)", "x: {role: label, type: regression}"}, nil},
		"classes": {[]made{x, column("class", table.String, func(i int) any { return string(rune('a' + i%5)) })},
			[]string{"class: {role: label, type: multiclass}", "model: softmax", "loss: categorical_cross_entropy"}, nil},
		"missing labels": {[]made{x, column("label", table.Float64, func(i int) any {
			if i%10 == 0 {
				return nil
			}
			return hash01(3, i)
		})}, []string{`where: "label != nil"  # 10% of the rows looked at have no label`}, nil},
		"id": {[]made{column("order_id", table.Int64, counter), column("label", table.Int64, flag01), x},
			[]string{"order_id: {role: id}", "method: hash"}, []string{"columns: [order_id"}},
		"two ids": {[]made{column("customer_id", table.Int64, counter), column("id", table.Int64, counter), column("label", table.Int64, flag01), x},
			[]string{"id: {role: id}", "customer_id: {role: ignore}  # every row has a value of its own"}, nil},
		"names of things": {[]made{column("zip_code", table.Int64, func(i int) any { return 10000 + i%90 }), column("label", table.Int64, flag01), x},
			[]string{"- columns: [zip_code]\n    encode: {vocabulary:"}, nil},
		"time": {[]made{column("created_at", table.Timestamp, func(i int) any { return i * 3_600_000_000 }), column("birth_date", table.Date, func(i int) any { return i % 4000 }), column("label", table.Int64, flag01), x},
			[]string{"created_at: {role: time}", "method: time", "- columns: [birth_date]\n    date_parts: [month, day_of_week]"}, []string{"columns: [created_at"}},
		"a date as a number": {[]made{column("dt", table.Int64, func(i int) any { return 20130101 + i%28 }), column("label", table.Int64, flag01), x},
			[]string{"dt: {role: time}", "method: time"}, nil},
		"text": {[]made{column("city", table.String, func(i int) any { return fmt.Sprint("c", i%5) }), column("street", table.String, func(i int) any { return fmt.Sprint("s", i%100) }),
			column("note", table.String, func(i int) any { return strings.Repeat("word ", 20) + fmt.Sprint(i) }), column("label", table.Int64, flag01), x},
			[]string{"- columns: [city]\n    encode: one_hot", "- columns: [street]\n    encode: {vocabulary:", "note: {role: ignore}"}, []string{"note: {role: id}"}},
		"long tail": {[]made{column("income", table.Float64, func(i int) any { return 1 / (0.0001 + hash01(4, i)) }), column("label", table.Int64, flag01)},
			[]string{"- columns: [income]\n    missing: median\n    scale: [log1p, standard]"}, nil},
		"gaps and nothing": {[]made{column("a", table.Float64, func(i int) any {
			if i%5 == 0 {
				return nil
			}
			return hash01(5, i)
		}), column("void", table.Float64, func(int) any { return nil }), column("label", table.Int64, flag01), x},
			[]string{"- columns: [a]\n    missing: median\n    indicator: true", "void: {role: ignore}  # no value"}, nil},
		"odd names": {[]made{column("a: b", table.Float64, number), column("true", table.Float64, number), column("the label", table.Float64, func(i int) any {
			if i == 0 {
				return nil
			}
			return hash01(6, i)
		})},
			[]string{`the label: {role: label, type: regression}`, `- columns: ["a: b", "true"]`}, []string{"expr:"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := initJob(t, madeDir(t, 600, c.cols...), InitOptions{})
			for _, w := range c.want {
				if !strings.Contains(got, w) {
					t.Errorf("no %q in\n%s", w, got)
				}
			}
			for _, w := range c.not {
				if strings.Contains(got, w) {
					t.Errorf("%q in\n%s", w, got)
				}
			}
		})
	}
}

func TestInitManyColumns(t *testing.T) {
	t.Parallel()
	cols := []made{column("label", table.Int64, flag01)}
	for k := range 100 {
		cols = append(cols, column(fmt.Sprintf("measurement_%03d", k), table.Float64, func(i int) any { return hash01(k, i) }))
	}
	got := initJob(t, madeDir(t, 200, cols...), InitOptions{})
	if !strings.Contains(got, "- columns: {type: number}") {
		t.Errorf("a hundred names are written out\n%s", got)
	}
	got = initJob(t, madeDir(t, 200, cols[:40]...), InitOptions{})
	for l := range strings.Lines(got) {
		if len(l) > 120 && !strings.HasPrefix(l, "#") {
			t.Errorf("a line of %d: %s", len(l), l)
		}
	}
}

func TestInitMistakes(t *testing.T) {
	t.Parallel()
	x := column("x", table.Float64, number)
	constant := column("c", table.Float64, func(int) any { return 1.0 })
	dir := madeDir(t, 200, x, column("churned", table.Int64, flag01), constant)
	empty := t.TempDir()
	writeShard(t, filepath.Join(empty, "part-0.parquet"), table.Schema{{Name: "x", Type: table.Float64}}, nil)
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "a.parquet"), []byte("PAR1 no PAR1"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		uri   string
		opts  InitOptions
		want  string
		class Class
	}{
		"a label that is not there":   {dir, InitOptions{Label: "churnd"}, `label "churnd": no such column (did you mean "churned"?)`, UserError},
		"a constant label":            {dir, InitOptions{Label: "c"}, "there is nothing to learn", UserError},
		"a bad name":                  {dir, InitOptions{Name: "a b"}, `name "a b": want letters`, UserError},
		"no file":                     {filepath.Join(dir, "nowhere"), InitOptions{}, "no file matches", DataError},
		"an empty path":               {"", InitOptions{}, "empty path", UserError},
		"a file system nobody has":    {"s3://b/c", InitOptions{}, "not supported", UserError},
		"no row":                      {empty, InitOptions{}, "hold no row", DataError},
		"not Parquet":                 {broken, InitOptions{}, "a.parquet", DataError},
		"only a label":                {madeDir(t, 200, x), InitOptions{}, "no column is left to be a feature", DataError},
		"nothing that can be a label": {madeDir(t, 200, constant), InitOptions{}, "no column can be a label", DataError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := InitJob(t.Context(), c.uri, c.opts)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if ClassOf(err) != c.class {
				t.Errorf("class %v, want %v", ClassOf(err), c.class)
			}
		})
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"arrDelay_min": "arr delay min", "ID": "id", "is-late": "is late", "y": "y", "": "", "__": "", "Größe2": "größe2"} {
		if got := strings.Join(tokens(name), " "); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// Integers that may be missing and are not exact as doubles are names: the job that init writes reads them as text, and runs.
func TestInitOnHugeIntegers(t *testing.T) {
	t.Parallel()
	schema, b := people(0, 800)
	uid := &table.Int64s{Valid: table.NewBitmap(b.Rows)}
	for i := range b.Rows {
		uid.Values = append(uid.Values, 1<<60+int64(i))
		if i%50 != 7 {
			uid.Valid.Set(i)
		}
	}
	schema = withColumn(schema, b, table.Field{Name: "ref", Type: table.Int64, Nullable: true}, uid)
	dir := t.TempDir()
	writeShard(t, filepath.Join(dir, "a.parquet"), schema, b)
	src := initJob(t, dir, InitOptions{Label: "bought"})
	if !strings.Contains(src, "types: {ref: string}") {
		t.Fatalf("no types:\n%s", src)
	}
	j, err := Load("init.yaml", []byte(src), "home="+t.TempDir(), "runtime.scratch="+t.TempDir(), "train.epochs=2")
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	if _, err := j.Run(t.Context(), RunOptions{Workers: 2}); err != nil {
		t.Errorf("%v\n%s", err, src)
	}
}
