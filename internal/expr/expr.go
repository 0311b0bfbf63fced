// Package expr compiles the expressions of a job file (where, and a column's expr) and evaluates them on batches of
// columns: parsed and shaped by expr-lang/expr, checked against the table's schema, computed a vector at a time, text in
// dictionary codes once an entry.
//
// The language is expr-lang's, without what does not fit columns (closures, maps, variables):
//
//	arithmetic    + - * % on integers are exact: what leaves int64 is an error that names the row; / and ** give doubles
//	comparison    == != < <= > >=, in [..], in 1..5, not in; a date may be compared with a text: day >= "2013-02-01"
//	logic         && || ! and or not, c ? a : b, a ?? b
//	text          contains startsWith endsWith matches (a constant regular expression), + ; lower upper trim trimPrefix
//	              trimSuffix hasPrefix hasSuffix len
//	numbers       abs min max floor ceil round int float
//	dates         date("2013-02-01"), date - date (days), date + 7; timestamp - timestamp (seconds); of dates and times
//	              year month day weekday (0 is Monday) hour minute
//	columns       by name, a.b for the field b of a, column("any name")
//
// Missing values. Null, NaN and the empty text are one thing: missing. An operation on a missing value is missing, a
// comparison too; && and || follow Kleene's logic; x == nil and x != nil ask; [..., nil] contains missing values; ?? gives
// a default. A comparison with "" is a comparison with nil. A filter keeps the rows for which the expression is true.
// The right side of && and ||, and the branches of a condition, raise no error for rows that do not need them.
//
// Invariant: no file, no clock, no global random source, no logging; no panic leaves the package.
package expr

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"howdah/internal/table"
)

// MaxText is the length of the longest text that Compile takes, in bytes.
const MaxText = 32 << 10

// Error is one mistake in an expression. Line and Column count from 1, columns in characters.
type Error struct {
	Line, Column int
	Msg, Hint    string
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Msg)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Errors are all mistakes of an expression, in the order of the text. It is what Compile returns.
type Errors []*Error

func (e Errors) Error() string {
	s := make([]string, len(e))
	for i, x := range e {
		s[i] = x.Error()
	}
	return strings.Join(s, "\n")
}

// Unwrap lists the mistakes for errors.As.
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i, x := range e {
		out[i] = x
	}
	return out
}

// Program is a compiled expression. It is immutable and safe for concurrent use.
type Program struct {
	text    string
	root    node
	columns []string
}

// Compile parses and checks an expression over the columns of a schema. Its error is Errors: all unknown columns and wrong
// types, or the first mistake of syntax.
func Compile(text string, schema table.Schema) (p *Program, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, Errors{{Line: 1, Column: 1, Msg: fmt.Sprintf("cannot be understood: %v", r)}}
		}
	}()
	if len(text) > MaxText {
		return nil, Errors{{Line: 1, Column: 1, Msg: fmt.Sprintf("expression of %d bytes, at most %d are read", len(text), MaxText)}}
	}
	if strings.TrimSpace(text) == "" {
		return nil, Errors{{Line: 1, Column: 1, Msg: "empty expression"}}
	}
	tree, err := parser.Parse(text)
	if err != nil {
		var fe *file.Error
		if errors.As(err, &fe) {
			return nil, Errors{{Line: fe.Line, Column: fe.Column + 1, Msg: fe.Message}}
		}
		return nil, Errors{{Line: 1, Column: 1, Msg: err.Error()}}
	}
	c := &checker{text: []rune(text), schema: schema, used: map[string]bool{}}
	root := c.check(tree.Node)
	if len(c.errs) > 0 {
		sort.SliceStable(c.errs, func(i, j int) bool {
			a, b := c.errs[i], c.errs[j]
			return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
		})
		return nil, c.errs
	}
	if root.typ().kind == kindNull {
		return nil, Errors{{Line: 1, Column: 1, Msg: "the expression is always missing"}}
	}
	p = &Program{text: text, root: root}
	for name := range c.used {
		p.columns = append(p.columns, name)
	}
	sort.Strings(p.columns)
	return p, nil
}

// Columns lists the columns that the expression reads, sorted.
func (p *Program) Columns() []string { return append([]string(nil), p.columns...) }

// Type is the type of the result.
func (p *Program) Type() table.Type { return p.Field("").Type }

// Field describes the result as a column of the given name.
func (p *Program) Field(name string) table.Field {
	if c, ok := p.root.(*columnNode); ok {
		f := c.field
		f.Name, f.Partition = name, false
		return f
	}
	t := p.root.typ()
	return table.Field{Name: name, Type: t.kind.table(), Unit: t.unit, Nullable: true}
}

// Eval computes the expression for every row of b, in memory of the arena. An expression that is just a column is that
// column, as it is. The error names the shard and the row.
func (p *Program) Eval(b *table.Batch, a *table.Arena) (c table.Column, err error) {
	defer p.contain(b, &err)
	if n, ok := p.root.(*columnNode); ok {
		return n.lookup(b)
	}
	v, err := p.eval(b, a)
	if err != nil {
		return nil, err
	}
	return v.column(p.root.typ(), b.Rows, a), nil
}

// Filter lists the rows for which the expression is true, ascending; nil means all of them, and no rows are a slice of
// length 0 that is not nil.
func (p *Program) Filter(b *table.Batch, a *table.Arena) (rows []int32, err error) {
	defer p.contain(b, &err)
	if t := p.root.typ(); t.kind != kindBool {
		return nil, fmt.Errorf("%s: %s gives %s, want a condition", b.Shard, p.text, t)
	}
	v, err := p.eval(b, a)
	if err != nil {
		return nil, err
	}
	v = v.expand(b.Rows, a)
	out := a.Int32s(b.Rows)[:0]
	for i, t := range v.bools {
		if t && v.valid.Get(i) {
			out = append(out, int32(i))
		}
	}
	if len(out) == b.Rows && b.Rows > 0 {
		return nil, nil
	}
	return out, nil
}

func (p *Program) eval(b *table.Batch, a *table.Arena) (vec, error) {
	return p.root.eval(&batchEnv{b: b, n: b.Rows, a: a}, nil)
}

// contain turns a panic on damaged columns (lengths, offsets or codes that do not fit) into an error.
func (p *Program) contain(b *table.Batch, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: rows from %d: %s: damaged column: %v", b.Shard, b.Row, p.text, r)
	}
}
