package shard

import (
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// footer is what we keep of a file's metadata.
type footer struct {
	rows      int64
	schema    []element
	groups    []group
	createdBy string
	leaves    []leaf
	refused   []Unsupported
}

// element is a node of the schema tree, in depth-first order.
type element struct {
	name       string
	physical   format.Type
	typed      bool // a leaf
	length     int32
	repetition format.FieldRepetitionType
	children   int
	converted  int // deprecated.ConvertedType, or -1
	logical    logical
	scale      int32
}

// logical is the union LogicalType: kind is the number of its member, 0 if there is none.
type logical struct {
	kind   int
	scale  int32
	utc    bool
	unit   int // 1 milli, 2 micro, 3 nano
	bits   int8
	signed bool
}

// The members of LogicalType.
const (
	lString    = 1
	lMap       = 2
	lList      = 3
	lEnum      = 4
	lDecimal   = 5
	lDate      = 6
	lTime      = 7
	lTimestamp = 8
	lInteger   = 10
	lNull      = 11
	lJSON      = 12
	lBSON      = 13
	lUUID      = 14
	lFloat16   = 15
	lVariant   = 16
)

type group struct {
	rows   int64
	first  int64 // row number of its first row
	chunks []chunk
}

type chunk struct {
	physical     format.Type
	codec        format.CompressionCodec
	values       int64
	size         int64 // on disk, headers included
	uncompressed int64
	dataOffset   int64
	dictOffset   int64
	nulls        int64 // -1: not known
	min, max     []byte
	legacyMin    []byte
	legacyMax    []byte
	external     bool // FilePath is set: the pages are in another file
	encrypted    bool
	hasMeta      bool
	offsetIndex  span
	columnIndex  span
}

// span is a run of bytes of the file.
type span struct{ off, len int64 }

// start is where the chunk's bytes begin: the dictionary page, if it lies before the data.
func (c *chunk) start() int64 {
	if c.dictOffset > 0 && c.dictOffset < c.dataOffset {
		return c.dictOffset
	}
	return c.dataOffset
}

func parseFooter(b []byte) (*footer, error) {
	f := new(footer)
	c := &compact{b: b}
	err := c.fields(func(id int, typ byte) (err error) {
		switch id {
		case 2:
			n, elem, err := listOf(c, typ, tStruct)
			if err != nil {
				return err
			}
			_ = elem
			for range n {
				e, err := parseElement(c)
				if err != nil {
					return fmt.Errorf("schema: %w", err)
				}
				f.schema = append(f.schema, e)
			}
		case 3:
			f.rows, err = c.intField(typ)
		case 4:
			n, _, err := listOf(c, typ, tStruct)
			if err != nil {
				return err
			}
			for i := range n {
				g, err := parseGroup(c)
				if err != nil {
					return fmt.Errorf("row group %d: %w", i, err)
				}
				f.groups = append(f.groups, g)
			}
		case 6:
			var v []byte
			v, err = c.bytesField(typ)
			f.createdBy = string(v)
		case 8:
			return errors.New("the file is encrypted, which is not supported")
		default:
			return errSkip
		}
		return err
	})
	return f, err
}

func listOf(c *compact, typ, elem byte) (int, byte, error) {
	if err := want(typ, tList); err != nil {
		return 0, 0, err
	}
	n, t, err := c.list()
	if err == nil && n > 0 && t != elem {
		err = fmt.Errorf("thrift: list of type %d, want %d", t, elem)
	}
	return n, t, err
}

func parseElement(c *compact) (element, error) {
	e := element{converted: -1}
	err := c.fields(func(id int, typ byte) error {
		var v int64
		var err error
		switch id {
		case 1:
			v, err = c.intField(typ)
			e.physical, e.typed = format.Type(v), true
		case 2:
			v, err = c.intField(typ)
			e.length = int32(v)
		case 3:
			v, err = c.intField(typ)
			e.repetition = format.FieldRepetitionType(v)
		case 4:
			var s []byte
			s, err = c.bytesField(typ)
			e.name = string(s)
		case 5:
			v, err = c.intField(typ)
			e.children = int(v)
		case 6:
			v, err = c.intField(typ)
			e.converted = int(v)
		case 7:
			v, err = c.intField(typ)
			e.scale = int32(v)
		case 10:
			if err := want(typ, tStruct); err != nil {
				return err
			}
			e.logical, err = parseLogical(c)
		default:
			return errSkip
		}
		return err
	})
	if e.children > 0 {
		e.typed = false
	}
	return e, err
}

func parseLogical(c *compact) (logical, error) {
	var l logical
	err := c.fields(func(id int, typ byte) error {
		if err := want(typ, tStruct); err != nil {
			return err
		}
		l.kind = id
		switch id {
		case lDecimal:
			return c.fields(func(id int, typ byte) error {
				if id != 1 {
					return errSkip
				}
				v, err := c.intField(typ)
				l.scale = int32(v)
				return err
			})
		case lTime, lTimestamp:
			return c.fields(func(id int, typ byte) error {
				switch id {
				case 1:
					l.utc = typ == tTrue
				case 2:
					if err := want(typ, tStruct); err != nil {
						return err
					}
					return c.fields(func(id int, _ byte) error { l.unit = id; return errSkip })
				default:
					return errSkip
				}
				return nil
			})
		case lInteger:
			return c.fields(func(id int, typ byte) error {
				switch id {
				case 1:
					b, err := c.byte()
					l.bits = int8(b)
					return err
				case 2:
					l.signed = typ == tTrue
					return nil
				}
				return errSkip
			})
		}
		return errSkip
	})
	return l, err
}

func parseGroup(c *compact) (group, error) {
	var g group
	err := c.fields(func(id int, typ byte) error {
		switch id {
		case 1:
			n, _, err := listOf(c, typ, tStruct)
			if err != nil {
				return err
			}
			for i := range n {
				k, err := parseChunk(c)
				if err != nil {
					return fmt.Errorf("column %d: %w", i, err)
				}
				g.chunks = append(g.chunks, k)
			}
			return nil
		case 3:
			v, err := c.intField(typ)
			g.rows = v
			return err
		}
		return errSkip
	})
	return g, err
}

func parseChunk(c *compact) (chunk, error) {
	k := chunk{nulls: -1}
	err := c.fields(func(id int, typ byte) (err error) {
		switch id {
		case 1:
			k.external = true
			return errSkip
		case 3:
			if err := want(typ, tStruct); err != nil {
				return err
			}
			k.hasMeta = true
			return parseChunkMeta(c, &k)
		case 4:
			k.offsetIndex.off, err = c.intField(typ)
		case 5:
			k.offsetIndex.len, err = c.intField(typ)
		case 6:
			k.columnIndex.off, err = c.intField(typ)
		case 7:
			k.columnIndex.len, err = c.intField(typ)
		case 8, 9:
			k.encrypted = true
			return errSkip
		default:
			return errSkip
		}
		return err
	})
	return k, err
}

func parseChunkMeta(c *compact, k *chunk) error {
	return c.fields(func(id int, typ byte) error {
		var v int64
		var err error
		switch id {
		case 1:
			v, err = c.intField(typ)
			k.physical = format.Type(v)
		case 4:
			v, err = c.intField(typ)
			k.codec = format.CompressionCodec(v)
		case 5:
			k.values, err = c.intField(typ)
		case 6:
			k.uncompressed, err = c.intField(typ)
		case 7:
			k.size, err = c.intField(typ)
		case 9:
			k.dataOffset, err = c.intField(typ)
		case 11:
			k.dictOffset, err = c.intField(typ)
		case 12:
			if err := want(typ, tStruct); err != nil {
				return err
			}
			return parseStatistics(c, k)
		default:
			return errSkip
		}
		return err
	})
}

func parseStatistics(c *compact, k *chunk) error {
	return c.fields(func(id int, typ byte) error {
		var err error
		var b []byte
		switch id {
		case 1, 2, 5, 6:
			b, err = c.bytesField(typ)
			b = append(make([]byte, 0, len(b)), b...) // the footer's bytes are not kept
			switch id {
			case 1:
				k.legacyMax = b
			case 2:
				k.legacyMin = b
			case 5:
				k.max = b
			case 6:
				k.min = b
			}
		case 3:
			k.nulls, err = c.intField(typ)
		default:
			return errSkip
		}
		return err
	})
}

// convertedOf names an element's legacy annotation, for elements written before LogicalType existed.
func (e *element) is(t deprecated.ConvertedType) bool { return e.converted == int(t) }

// check refuses what cannot be true of a file of this size, before anything is allocated or read by it.
func (f *footer) check(size int64) error {
	if len(f.schema) == 0 {
		return errors.New("the footer has no schema")
	}
	var total int64
	for i := range f.groups {
		g := &f.groups[i]
		if g.rows < 0 {
			return fmt.Errorf("row group %d: %d rows", i, g.rows)
		}
		g.first = total
		if total += g.rows; total < 0 {
			return fmt.Errorf("row group %d: the number of rows overflows", i)
		}
		if len(g.chunks) != len(f.leaves) {
			return fmt.Errorf("row group %d: %d column chunks, but the schema has %d leaf columns", i, len(g.chunks), len(f.leaves))
		}
		for j := range g.chunks {
			k := &g.chunks[j]
			at := func(format string, args ...any) error {
				return fmt.Errorf("row group %d, column %q: %s", i, f.leaves[j].path, fmt.Sprintf(format, args...))
			}
			switch {
			case k.encrypted || !k.hasMeta:
				return at("encrypted or without metadata, which is not supported")
			case k.external:
				return at("its pages are in another file, which is not supported")
			case k.physical != f.leaves[j].physical:
				return at("stored as %v, but the schema says %v", k.physical, f.leaves[j].physical)
			case k.values < 0 || k.size < 0 || k.dataOffset < 0 || k.dictOffset < 0 || k.start() > size-k.size:
				return at("bytes %d to %d of a file of %d bytes", k.start(), k.start()+k.size, size)
			case !f.leaves[j].repeated() && k.values != g.rows:
				return at("%d values for %d rows", k.values, g.rows)
			}
		}
	}
	if total != f.rows {
		return fmt.Errorf("the footer says %d rows, but its row groups have %d", f.rows, total)
	}
	return nil
}
