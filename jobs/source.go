package jobs

import (
	"context"
	"fmt"
	"howdah/internal/spelling"
	"maps"
	"slices"
	"strconv"

	"howdah/hdfsio"
	"howdah/hdfsio/shard"
	"howdah/internal/engine"
	"howdah/internal/expr"
	"howdah/internal/strictyaml"
	"howdah/internal/table"
	"howdah/preprocess"
)

// source is a job's rows: the frozen shards, filtered by `where`, with the columns that expressions make.
type source struct {
	inputs *Inputs
	budget *shard.Budget
	file   table.Schema // columns of the files and of their paths
	schema table.Schema // those, and the made ones
	where  *expr.Program
	made   []madeColumn
	types  map[string]string
	roles  preprocess.Roles
	label  string
	id     string
}

type madeColumn struct {
	name string
	prog *expr.Program
}

// newSource checks the job's columns and expressions against what the files hold. Mistakes are reported to the job, at
// their places.
func newSource(j *Job, in *Inputs, budget *shard.Budget) (*source, error) {
	s := &j.Spec
	file, err := shard.Merge(in.Shards)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	src := &source{inputs: in, budget: budget, types: s.Data.Types, label: s.column(RoleLabel), id: s.column(RoleID)}
	for i, f := range file {
		if s.Data.Types[f.Name] == "string" {
			if f.Type != table.Int64 && f.Type != table.String {
				j.fail(strictyaml.Join("data.types", f.Name), "only whole numbers can be read as strings; the column is %s", f.Type)
			}
			file[i].Type = table.String
		}
	}
	src.file = file
	for _, c := range slices.Sorted(maps.Keys(s.Data.Types)) {
		if _, ok := file.Lookup(c); !ok {
			j.doc.Report(strictyaml.Join("data.types", c), "no such column", didYouMean(c, file))
		}
	}
	if s.Data.Where != "" {
		if src.where, err = expr.Compile(s.Data.Where, file); err != nil {
			j.doc.ReportErr("data.where", err)
		} else if src.where.Type() != table.Bool {
			j.fail("data.where", "want a condition (true or false), the expression is %s", src.where.Type())
		}
	}
	src.schema = slices.Clone(file)
	src.roles = preprocess.Roles{Label: src.label, ID: src.id, Weight: s.column(RoleWeight), Time: s.column(RoleTime),
		Group: s.column(RoleGroup), Ignore: s.columnsOf(RoleIgnore)}
	for _, name := range slices.Sorted(maps.Keys(s.Columns)) {
		c := s.Columns[name]
		at := strictyaml.Join("columns", name)
		_, exists := file.Lookup(name)
		if c.Expr == "" {
			if !exists {
				j.doc.Report(at, "no such column", didYouMean(name, file))
			}
			continue
		}
		if exists {
			j.fail(at, "the data have a column of that name; an expr needs a new one")
			continue
		}
		p, err := expr.Compile(c.Expr, file)
		if err != nil {
			j.doc.ReportErr(at+".expr", err)
			continue
		}
		src.schema = append(src.schema, p.Field(name))
		src.made = append(src.made, madeColumn{name, p})
		if c.Role == RoleLabel {
			src.roles.LabelReads = p.Columns()
		}
	}
	// A feature made of what the label is made of would tell the model the answer.
	secret := append([]string{src.label}, src.roles.LabelReads...)
	for _, m := range src.made {
		if s.Columns[m.name].Role != RoleFeature {
			continue
		}
		for _, c := range m.prog.Columns() {
			if slices.Contains(secret, c) {
				j.doc.Report(strictyaml.Join("columns", m.name)+".expr", fmt.Sprintf("reads %s, of which the label is made: the model would be told the answer", c), "give it role: ignore, or another column")
			}
		}
	}
	for _, sh := range in.Shards {
		for _, u := range sh.Unsupported {
			if _, used := s.Columns[u.Column]; used {
				j.fail(strictyaml.Join("columns", u.Column), "%s: column %q cannot be read: %s", sh.Path, u.Column, u.Reason)
			}
			for i, rule := range s.Features {
				if slices.Contains(rule.Columns.Names, u.Column) {
					j.fail(fmt.Sprintf("features[%d].columns", i), "%s: column %q cannot be read: %s", sh.Path, u.Column, u.Reason)
				}
			}
		}
	}
	return src, j.Err()
}

func didYouMean(name string, schema table.Schema) string {
	if near := spelling.Nearest(name, schema.Names()); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "columns: " + shortList(schema.Names(), 12)
}

func shortList(names []string, n int) string {
	out := ""
	for i, x := range names {
		if i == n {
			return out + fmt.Sprintf(" and %d more", len(names)-n)
		}
		if i > 0 {
			out += ", "
		}
		out += x
	}
	return out
}

// scan reads the columns that a pass wants.
type scan struct {
	src     *source
	want    []string
	made    []madeColumn
	place   bool // also row ids by place
	id      string
	readers map[hdfsio.FS]*shard.Reader
}

// scan prepares a pass over the wanted columns, files' and made ones.
func (s *source) scan(want []string, ids bool, splitByPlace bool) (*scan, error) {
	c := &scan{src: s, place: splitByPlace || s.id == ""}
	if ids {
		c.id = s.id
	} else {
		c.place = false
	}
	need := map[string]bool{}
	if c.id != "" {
		want = append(slices.Clone(want), c.id)
	}
	for _, w := range want {
		if i := slices.IndexFunc(s.made, func(m madeColumn) bool { return m.name == w }); i >= 0 {
			if !slices.ContainsFunc(c.made, func(m madeColumn) bool { return m.name == w }) {
				c.made = append(c.made, s.made[i])
			}
			for _, r := range s.made[i].prog.Columns() {
				need[r] = true
			}
		} else {
			need[w] = true
		}
	}
	if s.where != nil {
		for _, r := range s.where.Columns() {
			need[r] = true
		}
	}
	var schema table.Schema
	for _, f := range s.file {
		if need[f.Name] {
			if s.types[f.Name] == "string" && f.Type == table.String {
				f = s.asStored(f)
			}
			schema = append(schema, f)
		}
	}
	c.want = slices.Compact(slices.Sorted(slices.Values(want)))
	c.readers = map[hdfsio.FS]*shard.Reader{}
	for _, fsys := range s.inputs.fsOf {
		if c.readers[fsys] == nil {
			opts := shard.Options{Budget: s.budget}
			if s.where != nil {
				opts.Prune = func(stats shard.Stats) bool { return s.where.Prune(statistics(stats)) }
			}
			r := shard.NewReader(fsys, schema, opts)
			c.readers[fsys] = r
		}
	}
	return c, nil
}

// statistics presents what a file knows of its columns to an expression.
func statistics(stats shard.Stats) expr.Statistics {
	return func(column string) (lo, hi any, nulls, rows int64, ok bool) {
		r, ok := stats(column)
		if !ok || !r.Known {
			return nil, nil, r.Nulls, r.Rows, ok
		}
		switch r.Type {
		case table.Float32, table.Float64:
			return r.MinFloat, r.MaxFloat, r.Nulls, r.Rows, true
		case table.String, table.Binary:
			return r.MinBytes, r.MaxBytes, r.Nulls, r.Rows, true
		case table.Bool:
			return r.MinInt != 0, r.MaxInt != 0, r.Nulls, r.Rows, true
		}
		return r.MinInt, r.MaxInt, r.Nulls, r.Rows, true
	}
}

// asStored is the field as the files have it, where the job reads it as a string.
func (s *source) asStored(f table.Field) table.Field {
	for _, sh := range s.inputs.Shards {
		if g, ok := sh.Schema.Lookup(f.Name); ok && g.Type == table.Int64 {
			f.Type = table.Int64
		}
	}
	return f
}

// rows is a filtered batch on its way through a pass. Everything in it is borrowed until the loop goes on.
type rows struct {
	*table.Batch
	IDs   []uint64 // by the id column, or by place
	Place []uint64 // by place; nil unless asked for
}

// scratch is a worker's memory between batches.
type scratch struct {
	arena table.Arena
	ids   []uint64
	place []uint64
	batch table.Batch
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// each calls f for every batch of a unit, after filters, with made columns and identities.
func (c *scan) each(ctx context.Context, u engine.Unit, w *scratch, f func(rows) error) error {
	sh := c.src.inputs.Shards[u.Index]
	reader := c.readers[c.src.inputs.fsOf[u.Index]]
	unit := shard.Unit{Shard: u.Index, From: u.From, To: u.To, FirstRow: u.FirstRow, Rows: u.Rows}
	for b, err := range reader.Read(ctx, sh, unit) {
		if err != nil {
			return err
		}
		w.arena.Reset()
		var out rows
		place := grow(w.place, b.Rows)
		w.place = place
		if c.place {
			if err := preprocess.RowIDs(b, "", place); err != nil {
				return err
			}
		}
		b = c.retyped(b, w)
		if c.src.where != nil {
			keep, err := c.src.where.Filter(b, &w.arena)
			if err != nil {
				return fmt.Errorf("data.where: %w", err)
			}
			if keep != nil {
				b = table.Take(b, keep, &w.arena)
				for i, r := range keep {
					place[i] = place[r]
				}
				place = place[:len(keep)]
			}
		}
		if b.Rows == 0 {
			continue
		}
		if len(c.made) > 0 {
			w.batch = table.Batch{Origin: b.Origin, Rows: b.Rows, Names: append(w.batch.Names[:0], b.Names...), Cols: append(w.batch.Cols[:0], b.Cols...)}
			b = &w.batch
			for _, m := range c.made {
				col, err := m.prog.Eval(b, &w.arena)
				if err != nil {
					return fmt.Errorf("columns.%s.expr: %w", m.name, err)
				}
				b.Put(m.name, col)
			}
		}
		out.Batch = b
		if c.place {
			out.Place, out.IDs = place, place
		}
		if c.id != "" {
			w.ids = grow(w.ids, b.Rows)
			if err := preprocess.RowIDs(b, c.id, w.ids); err != nil {
				return err
			}
			out.IDs = w.ids
		}
		if err := f(out); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// retyped turns integers that the job reads as strings into text.
func (c *scan) retyped(b *table.Batch, w *scratch) *table.Batch {
	copied := false
	for name := range c.src.types {
		ints, ok := b.Lookup(name).(*table.Int64s)
		if !ok {
			continue
		}
		text := &table.Strings{Bytes: w.arena.Bytes(20 * b.Rows)[:0], Offsets: w.arena.Uint32s(b.Rows + 1), Valid: ints.Valid}
		text.Offsets[0] = 0
		for i, v := range ints.Values {
			if !ints.IsNull(i) {
				text.Bytes = strconv.AppendInt(text.Bytes, v, 10)
			}
			text.Offsets[i+1] = uint32(len(text.Bytes))
		}
		if !copied {
			b = &table.Batch{Origin: b.Origin, Rows: b.Rows, Names: slices.Clone(b.Names), Cols: slices.Clone(b.Cols)}
			copied = true
		}
		b.Put(name, text)
	}
	return b
}
