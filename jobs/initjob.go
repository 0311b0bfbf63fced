package jobs

// InitJob: a first job file for data that nobody has described yet. This file looks at the data; initguess.go decides what
// the columns are; initwrite.go writes it down.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"

	"howdah/hdfsio"
	"howdah/hdfsio/shard"
	"howdah/internal/table"
)

// InitOptions says what the caller of InitJob knows already.
type InitOptions struct {
	Label string           // the column to predict; "": the likeliest
	Name  string           // the job's name; "": from the path
	Files *hdfsio.Resolver // reaches the file systems; nil: one of its own
}

// Bounds on what InitJob reads: rows from the beginnings of units that lie evenly over the data.
const (
	initFiles    = 32
	initUnits    = 32
	initRows     = table.BatchRows // a unit
	initDistinct = 50_000          // distinct values of a column that are kept apart
)

// InitJob looks at the Parquet files of a URI (a directory, a file or a glob) and writes a job file for them, with comments:
// the label, id and time that the columns' names and values suggest, and rules for the features by their types. It loads
// without mistakes and runs. What is guessed says so.
func InitJob(ctx context.Context, uri string, opts InitOptions) ([]byte, error) {
	if opts.Files == nil {
		opts.Files = hdfsio.NewResolver(hdfsio.Options{})
		defer opts.Files.Close()
	}
	if opts.Name != "" && !nameRE.MatchString(opts.Name) {
		return nil, withClass(UserError, fmt.Errorf("name %q: want letters, digits, - and _, beginning with a letter or digit", opts.Name))
	}
	l, err := look(ctx, opts.Files, uri)
	if err != nil {
		return nil, err
	}
	g, err := guess(l, opts.Label)
	if err != nil {
		return nil, err
	}
	out := g.write(uri, opts.Name)
	if _, err := Load("the job file written for "+uri, out); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return out, nil
}

// looked is what was seen of the data.
type looked struct {
	files, read int // files there are, and files that were looked into
	rows        int64
	columns     []*glance // in the order of the schema
	unsupported []shard.Unsupported
	root        string
	whole       bool // the root is all that the URI means, not a pattern in it
}

// glance is what was seen of a column.
type glance struct {
	table.Field
	rows, nulls int
	distinct    map[string]int // values as text, with their counts, until there are too many
	many        bool           // there were
	values      []float64      // of numbers, without those that are missing or infinite
	whole       bool           // all of them whole
	length      int            // of text, summed
	low, high   int64          // of integers, dates and times, in their unit
	name        bool           // integers that a model can only take as text: see asNames
}

// asNames takes integers that may be missing and lie beyond 2^53 for the names that they are: as numbers they are not exact
// in a model's input, and a run would refuse them.
func (g *glance) asNames() {
	const exact = 1 << 53
	if g.Type == table.Int64 && g.Nullable && !g.List && g.low <= g.high && (g.low < -exact || g.high > exact) {
		g.name, g.Type, g.values = true, table.String, nil
	}
}

// look lists the files, reads some footers and the first rows of some units.
func look(ctx context.Context, files *hdfsio.Resolver, uri string) (*looked, error) {
	fsys, pattern, err := files.Resolve(ctx, uri)
	if err != nil {
		return nil, withClass(UserError, err)
	}
	entries, err := hdfsio.Glob(ctx, fsys, pattern)
	if err != nil {
		return nil, dataError(err)
	}
	root, all, err := named(fsys, hdfsio.Root(pattern), entries)
	if err != nil {
		return nil, withClass(DataError, err)
	}
	if len(all) == 0 {
		return nil, withClass(DataError, fmt.Errorf("no Parquet file in %s", uri))
	}
	if err := partitionValues(root, all); err != nil {
		return nil, withClass(DataError, err)
	}
	l := &looked{files: len(all), root: root, whole: root == path.Clean(pattern)}
	var shards []*shard.Shard
	for _, i := range evenly(len(all), initFiles) {
		s, err := shard.Inspect(ctx, fsys, all[i].path, all[i].name)
		if err != nil {
			return nil, err
		}
		s.Partition = all[i].parts
		shards = append(shards, s)
		for _, u := range s.Unsupported {
			if !slices.ContainsFunc(l.unsupported, func(have shard.Unsupported) bool { return have.Column == u.Column }) {
				l.unsupported = append(l.unsupported, u)
			}
		}
	}
	l.read = len(shards)
	schema, err := shard.Merge(shards)
	if err != nil {
		return nil, withClass(DataError, err)
	}
	for _, f := range schema {
		l.columns = append(l.columns, &glance{Field: f, distinct: map[string]int{}, whole: true, low: math.MaxInt64, high: math.MinInt64})
	}
	reader := shard.NewReader(fsys, schema, shard.Options{})
	units := shard.Units(shards, 0)
	for _, i := range evenly(len(units), initUnits) {
		rows := 0
		for b, err := range reader.Read(ctx, shards[units[i].Shard], units[i]) {
			if err != nil {
				return nil, err
			}
			for k, c := range b.Cols {
				l.columns[k].add(c)
			}
			rows += b.Rows
			if rows >= initRows {
				break
			}
		}
		l.rows += int64(rows)
	}
	if l.rows == 0 {
		return nil, withClass(DataError, errors.New("the files of "+uri+" hold no row"))
	}
	for _, c := range l.columns {
		c.asNames()
	}
	return l, nil
}

// evenly chooses at most most of n indices, the first and the last among them.
func evenly(n, most int) []int {
	var out []int
	if n <= most {
		for i := range n {
			out = append(out, i)
		}
		return out
	}
	for i := range most {
		out = append(out, i*(n-1)/(most-1))
	}
	return out
}

// add looks at a batch's values.
func (g *glance) add(c table.Column) {
	n := c.Len()
	for i := range n {
		g.rows++
		if c.IsNull(i) {
			g.nulls++
			continue
		}
		switch c := c.(type) {
		case *table.Bools:
			g.count(strconv.FormatBool(c.Values[i]))
		case *table.Int64s:
			g.low, g.high = min(g.low, c.Values[i]), max(g.high, c.Values[i])
			if !g.Type.Temporal() {
				g.values = append(g.values, float64(c.Values[i]))
			}
			g.count(strconv.FormatInt(c.Values[i], 10))
		case *table.Float32s:
			g.number(float64(c.Values[i]))
		case *table.Float64s:
			g.number(c.Values[i])
		case *table.Strings:
			g.text(c.At(i))
		case *table.Coded:
			g.text(c.Dict.At(int(c.Codes[i])))
		}
	}
}

func (g *glance) number(x float64) {
	if math.IsNaN(x) {
		g.nulls++
		return
	}
	if math.IsInf(x, 0) {
		return
	}
	g.whole = g.whole && x == math.Trunc(x)
	g.values = append(g.values, x)
	g.count(strconv.FormatFloat(x, 'g', -1, 64))
}

func (g *glance) text(s []byte) {
	if len(s) == 0 {
		g.nulls++ // the empty text is a missing value
		return
	}
	g.length += len(s)
	g.count(string(s))
}

func (g *glance) count(v string) {
	if _, ok := g.distinct[v]; !ok && len(g.distinct) == initDistinct {
		g.many = true
		return
	}
	g.distinct[v]++
}

// present is the number of rows with a value.
func (g *glance) present() int { return g.rows - g.nulls }

// unique reports whether no two rows looked at have one value, and all have one.
func (g *glance) unique() bool {
	if g.nulls > 0 || g.rows < 2 {
		return false
	}
	if g.many {
		for _, n := range g.distinct {
			if n > 1 {
				return false
			}
		}
		return true
	}
	return len(g.distinct) == g.rows
}

// quantile is the value below which a share of the numbers lies.
func (g *glance) quantile(q float64) float64 {
	if len(g.values) == 0 {
		return math.NaN()
	}
	if !slices.IsSorted(g.values) {
		slices.Sort(g.values)
	}
	return g.values[int(q*float64(len(g.values)-1))]
}
