package shard

import (
	"fmt"
	"io"
	"reflect"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"howdah/internal/table"
)

// WriterOption changes how a Writer writes.
type WriterOption func(*writerConfig)

type writerConfig struct {
	codec     compress.Codec
	groupRows int
}

// WithSnappy compresses with snappy instead of zstd: larger and faster.
func WithSnappy() WriterOption { return func(c *writerConfig) { c.codec = &parquet.Snappy } }

// WithRowGroupRows ends row groups at the first batch that brings them to n rows (default: MinUnitRows).
func WithRowGroupRows(n int) WriterOption { return func(c *writerConfig) { c.groupRows = max(n, 1) } }

// Writer writes batches as one Parquet file: scored rows, samples. It is not safe for concurrent use. What it has
// written is a file only after Close; to make it visible whole, write to an hdfsio.Writer and commit that afterwards.
type Writer struct {
	w      *parquet.GenericWriter[any]
	schema table.Schema
	cols   []*parquet.ColumnWriter
	cfg    writerConfig
	rows   int
	buf    []parquet.Value
	err    error
}

// NewWriter begins a file with the schema's columns, in that order. Columns that are Nullable may have nulls; text,
// bytes and partition columns are written with dictionaries.
func NewWriter(w io.Writer, schema table.Schema, options ...WriterOption) (*Writer, error) {
	cfg := writerConfig{codec: &parquet.Zstd, groupRows: MinUnitRows}
	for _, o := range options {
		o(&cfg)
	}
	root := rootNode{Group: parquet.Group{}}
	for _, f := range schema {
		n, err := nodeOf(f)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		if _, ok := root.Group[f.Name]; ok {
			return nil, fmt.Errorf("column %q: there are two of this name", f.Name)
		}
		root.Group[f.Name] = n
		root.fields = append(root.fields, &rootField{n, f.Name})
	}
	if len(schema) == 0 {
		return nil, fmt.Errorf("a Parquet file needs at least one column")
	}
	pw := parquet.NewGenericWriter[any](w, parquet.NewSchema("howdah", root), parquet.Compression(cfg.codec),
		parquet.CreatedBy("howdah", "1", "0"), parquet.DictionaryMaxBytes(1<<20))
	return &Writer{w: pw, schema: schema, cols: pw.ColumnWriters(), cfg: cfg}, nil
}

// rootNode is a group that keeps its fields' order; the library's own sorts them by name.
type rootNode struct {
	parquet.Group
	fields []parquet.Field
}

func (r rootNode) Fields() []parquet.Field { return r.fields }

type rootField struct {
	parquet.Node
	name string
}

func (f *rootField) Name() string { return f.name }

func (f *rootField) Value(base reflect.Value) reflect.Value {
	return base.MapIndex(reflect.ValueOf(f.name))
}

func nodeOf(f table.Field) (parquet.Node, error) {
	var n parquet.Node
	unit := parquet.Nanosecond
	switch f.Unit {
	case table.Milli:
		unit = parquet.Millisecond
	case table.Micro:
		unit = parquet.Microsecond
	}
	switch f.Type {
	case table.Bool:
		n = parquet.Leaf(parquet.BooleanType)
	case table.Int64:
		n = parquet.Leaf(parquet.Int64Type)
	case table.Float32:
		n = parquet.Leaf(parquet.FloatType)
	case table.Float64:
		n = parquet.Leaf(parquet.DoubleType)
	case table.String:
		n = parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	case table.Binary:
		n = parquet.Encoded(parquet.Leaf(parquet.ByteArrayType), &parquet.RLEDictionary)
	case table.Date:
		n = parquet.Date()
	case table.Time:
		n = parquet.TimeAdjusted(unit, f.UTC)
	case table.Timestamp:
		n = parquet.TimestampAdjusted(unit, f.UTC)
	default:
		return nil, fmt.Errorf("type %s cannot be written", f.Type)
	}
	if f.List {
		n = parquet.List(parquet.Optional(n))
	}
	if f.Nullable {
		n = parquet.Optional(n)
	}
	return n, nil
}

// Write appends a batch's rows. It must have every column of the schema; others are left out.
func (w *Writer) Write(b *table.Batch) error {
	if w.err != nil {
		return w.err
	}
	w.err = w.write(b)
	return w.err
}

func (w *Writer) write(b *table.Batch) error {
	for i, f := range w.schema {
		col := b.Lookup(f.Name)
		if col == nil {
			return fmt.Errorf("column %q: %w", f.Name, table.ErrNoColumn)
		}
		if col.Len() != b.Rows {
			return fmt.Errorf("column %q: %d rows in a batch of %d", f.Name, col.Len(), b.Rows)
		}
		if err := w.encode(f, col, i); err != nil {
			return fmt.Errorf("column %q: %w", f.Name, err)
		}
		if _, err := w.cols[i].WriteRowValues(w.buf); err != nil {
			return fmt.Errorf("column %q: %w", f.Name, err)
		}
	}
	w.rows += b.Rows
	if w.rows >= w.cfg.groupRows {
		w.rows = 0
		return w.w.Flush()
	}
	return nil
}

// encode fills w.buf with a column's values and levels.
func (w *Writer) encode(f table.Field, col table.Column, i int) error {
	w.buf = w.buf[:0]
	def := 0
	if f.Nullable {
		def = 1
	}
	lists, isList := col.(*table.Lists)
	if isList != f.List {
		return fmt.Errorf("%T, want %s", col, describe(f))
	}
	n := col.Len()
	if !isList {
		value, err := valuesOf(f, col)
		if err != nil {
			return err
		}
		for r := range n {
			switch {
			case !col.IsNull(r):
				w.buf = append(w.buf, value(r).Level(0, def, i))
			case f.Nullable:
				w.buf = append(w.buf, parquet.Value{}.Level(0, 0, i))
			default:
				return fmt.Errorf("row %d of the batch is null, but the column is not nullable", r)
			}
		}
		return nil
	}
	value, err := valuesOf(f, lists.Elem)
	if err != nil {
		return err
	}
	for r := range n {
		from, to := lists.Offsets[r], lists.Offsets[r+1]
		switch {
		case lists.IsNull(r) && !f.Nullable:
			return fmt.Errorf("row %d of the batch is null, but the column is not nullable", r)
		case lists.IsNull(r):
			w.buf = append(w.buf, parquet.Value{}.Level(0, 0, i))
		case from == to:
			w.buf = append(w.buf, parquet.Value{}.Level(0, def, i))
		}
		if lists.IsNull(r) {
			continue
		}
		for e := from; e < to; e++ {
			rep := 1
			if e == from {
				rep = 0
			}
			if lists.Elem.IsNull(int(e)) {
				w.buf = append(w.buf, parquet.Value{}.Level(rep, def+1, i))
			} else {
				w.buf = append(w.buf, value(int(e)).Level(rep, def+2, i))
			}
		}
	}
	return nil
}

// valuesOf returns a function that yields a column's values, in the physical type of the field.
func valuesOf(f table.Field, col table.Column) (func(int) parquet.Value, error) {
	wrong := fmt.Errorf("%T, want %s", col, describe(f))
	switch c := col.(type) {
	case *table.Bools:
		if f.Type == table.Bool {
			return func(r int) parquet.Value { return parquet.BooleanValue(c.Values[r]) }, nil
		}
	case *table.Int64s:
		switch {
		case f.Type == table.Date, f.Type == table.Time && f.Unit == table.Milli:
			for r, v := range c.Values {
				if int64(int32(v)) != v && !c.IsNull(r) {
					return nil, fmt.Errorf("row %d of the batch: %d does not fit the 32 bits of a %s", r, v, f.Type)
				}
			}
			return func(r int) parquet.Value { return parquet.Int32Value(int32(c.Values[r])) }, nil
		case f.Type == table.Int64 || f.Type.Temporal():
			return func(r int) parquet.Value { return parquet.Int64Value(c.Values[r]) }, nil
		}
	case *table.Float32s:
		if f.Type == table.Float32 {
			return func(r int) parquet.Value { return parquet.FloatValue(c.Values[r]) }, nil
		}
	case *table.Float64s:
		if f.Type == table.Float64 {
			return func(r int) parquet.Value { return parquet.DoubleValue(c.Values[r]) }, nil
		}
	case *table.Strings:
		if f.Type == table.String || f.Type == table.Binary {
			return func(r int) parquet.Value { return parquet.ByteArrayValue(c.At(r)) }, nil
		}
	case *table.Coded:
		if f.Type == table.String || f.Type == table.Binary {
			return func(r int) parquet.Value { return parquet.ByteArrayValue(c.Dict.At(int(c.Codes[r]))) }, nil
		}
	}
	return nil, wrong
}

// Close writes the footer. It does not close what the file is written to.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	w.err = w.w.Close()
	return w.err
}
