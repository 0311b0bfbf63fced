package shard

import (
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"howdah/internal/table"
)

// form is how a leaf's physical values become a table column.
type form uint8

const (
	formBool    form = iota
	formInt          // int32 or int64, signed
	formUint         // int32 or int64, unsigned
	formInt96        // nanoseconds of the day and a Julian day
	formFloat        // float32
	formDouble       // float64
	formHalf         // float16 in two bytes
	formDecimal      // unscaled integer, in int32, int64 or big-endian bytes
	formBytes        // byte array, or fixed-length bytes
	formUUID         // sixteen bytes, as text
	formNull         // a column declared to hold nothing
)

// leaf is a leaf column of the schema tree.
type leaf struct {
	path     string // full path, inner nodes of lists included
	physical format.Type
	length   int // of a fixed-length byte array
	form     form
	scale    int32 // of a decimal
	maxDef   int
	maxRep   int
	listDef  int // the definition level at which a list has an element (null or not)
	field    table.Field
	reason   string // why it is not read; "" if it is
}

func (l *leaf) repeated() bool { return l.maxRep > 0 }

// Unsupported is a column that is in the file but has a shape that is not read.
type Unsupported struct {
	Column string `json:"column"`
	Reason string `json:"reason"`
}

const maxDepth = 64

// tree walks the schema depth first and fills f.leaves and f.refused.
type tree struct {
	f    *footer
	next int
	used map[string]bool
}

// resolve turns the schema tree into leaves.
func (f *footer) resolve() error {
	t := &tree{f: f, used: map[string]bool{}}
	if len(f.schema) == 0 {
		return fmt.Errorf("the footer has no schema")
	}
	root := f.schema[0]
	t.next = 1
	for range root.children {
		if err := t.node(place{}); err != nil {
			return err
		}
	}
	if t.next != len(f.schema) {
		return fmt.Errorf("schema: %d elements, but the tree has %d", len(f.schema), t.next)
	}
	return nil
}

// place is what a node inherits from those above it.
type place struct {
	path, name string // name leaves the inner nodes of lists out
	def, rep   int
	listDef    int
	nullable   bool
	reason     string // set below a shape that is not read
	shape      string // the column that the reason is about
	inList     bool   // this node is the element of a list
	depth      int
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "." + b
}

func (t *tree) node(p place) error {
	if t.next >= len(t.f.schema) {
		return fmt.Errorf("schema: a group has more children than there are elements")
	}
	if p.depth > maxDepth {
		return fmt.Errorf("schema: nested more than %d deep", maxDepth)
	}
	e := &t.f.schema[t.next]
	t.next++
	p.depth++
	p.path = join(p.path, e.name)
	if !p.inList {
		p.name = join(p.name, e.name)
	}
	switch e.repetition {
	case format.Optional:
		p.def++
		p.nullable = p.nullable || p.rep == 0 // of a list it is about the list; elements are another matter
	case format.Repeated:
		p.def++
		p.rep++
		if p.reason == "" {
			switch {
			case p.rep > 1:
				p.refuse("a list of lists")
			case !e.typed && !p.inList:
				p.refuse("a repeated group")
			}
		}
		p.listDef = p.def
	case format.Required:
	default:
		return fmt.Errorf("schema: column %q: unknown repetition %d", p.path, e.repetition)
	}
	if e.typed {
		return t.leaf(e, p)
	}
	if e.children <= 0 {
		if e.children < 0 {
			return fmt.Errorf("schema: column %q has %d children", p.path, e.children)
		}
		return nil // a group of nothing
	}
	inner := p
	inner.inList = false
	switch {
	case e.logical.kind == lMap || e.is(deprecated.Map) || e.is(deprecated.MapKeyValue):
		inner.refuse("a map")
	case e.logical.kind == lVariant:
		inner.refuse("a variant")
	case e.logical.kind == lList || e.is(deprecated.List):
		return t.list(e, inner)
	}
	for range e.children {
		if err := t.node(inner); err != nil {
			return err
		}
	}
	return nil
}

func (p *place) refuse(reason string) {
	if p.reason == "" {
		p.reason, p.shape = reason, p.name
	}
}

// list walks the group annotated LIST. Its child is repeated: either the element itself (two levels, as old writers
// have it) or a group around the element (three levels). The rules are those of the format's LogicalTypes.md,
// "Backward-compatibility rules".
func (t *tree) list(e *element, p place) error {
	if e.children != 1 || t.next >= len(t.f.schema) || t.f.schema[t.next].repetition != format.Repeated || e.repetition == format.Repeated {
		p.refuse("a list of a shape that the format does not define")
		for range e.children {
			if err := t.node(p); err != nil {
				return err
			}
		}
		return nil
	}
	r := &t.f.schema[t.next]
	p.inList = true
	if r.typed { // two levels
		return t.node(p)
	}
	if r.children != 1 || r.name == "array" || r.name == e.name+"_tuple" {
		p.refuse("a list of structs")
		return t.node(p)
	}
	// Three levels: pass over the repeated group to its only child.
	t.next++
	p.path = join(p.path, r.name)
	p.def++
	p.rep++
	p.depth++
	if p.rep > 1 {
		p.refuse("a list of lists")
	}
	p.listDef = p.def
	if t.next >= len(t.f.schema) {
		return fmt.Errorf("schema: a list without an element")
	}
	if c := &t.f.schema[t.next]; !c.typed {
		switch {
		case c.logical.kind == lList || c.is(deprecated.List):
			p.refuse("a list of lists")
		case c.logical.kind == lMap || c.is(deprecated.Map):
			p.refuse("a list of maps")
		default:
			p.refuse("a list of structs")
		}
	} else if c.repetition == format.Repeated {
		p.refuse("a list of lists")
	}
	return t.node(p)
}

func (t *tree) leaf(e *element, p place) error {
	l := leaf{path: p.path, physical: e.physical, length: int(e.length), maxDef: p.def, maxRep: p.rep, listDef: p.listDef, reason: p.reason}
	if l.physical < 0 || l.physical > format.FixedLenByteArray {
		return fmt.Errorf("schema: column %q: unknown physical type %d", p.path, l.physical)
	}
	if l.physical == format.FixedLenByteArray && (l.length <= 0 || l.length > 1<<20) {
		return fmt.Errorf("schema: column %q: a fixed length of %d bytes", p.path, l.length)
	}
	if p.def > 127 || p.rep > 127 {
		return fmt.Errorf("schema: column %q is nested too deeply", p.path)
	}
	l.field = table.Field{Name: p.name, Nullable: p.nullable, List: p.rep > 0}
	column := p.name
	if l.reason == "" {
		l.reason = l.meaning(e)
	} else {
		column = p.shape
	}
	if l.reason == "" && t.used[p.name] {
		l.reason = "another column has this name too"
	}
	if l.reason != "" {
		if n := len(t.f.refused); n == 0 || t.f.refused[n-1].Column != column {
			t.f.refused = append(t.f.refused, Unsupported{column, l.reason})
		}
	} else {
		t.used[p.name] = true
	}
	t.f.leaves = append(t.f.leaves, l)
	return nil
}

// meaning sets form and field from the annotations; it returns why the leaf is not read, or "".
func (l *leaf) meaning(e *element) string {
	kind := e.logical.kind
	set := func(f form, t table.Type) string {
		l.form, l.field.Type = f, t
		return ""
	}
	odd := func(what string) string {
		return fmt.Sprintf("%s stored as %s is not defined by the format", what, strings.ToLower(l.physical.String()))
	}
	isInt := l.physical == format.Int32 || l.physical == format.Int64
	isBytes := l.physical == format.ByteArray || l.physical == format.FixedLenByteArray
	switch {
	case kind == lNull:
		l.field.Nullable = true
		return set(formNull, table.Float64)
	case kind == lDecimal || e.is(deprecated.Decimal):
		l.scale = e.scale
		if kind == lDecimal {
			l.scale = e.logical.scale
		}
		if !isInt && !isBytes {
			return odd("a decimal")
		}
		if l.scale < 0 || l.scale > 1000 {
			return fmt.Sprintf("a decimal of scale %d", l.scale)
		}
		return set(formDecimal, table.Float64)
	case kind == lDate || e.is(deprecated.Date):
		if l.physical != format.Int32 {
			return odd("a date")
		}
		return set(formInt, table.Date)
	case kind == lTime || e.is(deprecated.TimeMillis) || e.is(deprecated.TimeMicros):
		if !isInt {
			return odd("a time")
		}
		l.field.UTC = kind != lTime || e.logical.utc
		return l.unit(e, set(formInt, table.Time), e.is(deprecated.TimeMillis))
	case kind == lTimestamp || e.is(deprecated.TimestampMillis) || e.is(deprecated.TimestampMicros):
		if l.physical != format.Int64 {
			return odd("a timestamp")
		}
		l.field.UTC = kind != lTimestamp || e.logical.utc
		return l.unit(e, set(formInt, table.Timestamp), e.is(deprecated.TimestampMillis))
	case kind == lInteger || e.converted >= int(deprecated.Uint8) && e.converted <= int(deprecated.Int64):
		if !isInt {
			return odd("an integer")
		}
		signed := e.converted >= int(deprecated.Int8)
		if kind == lInteger {
			signed = e.logical.signed
		}
		if signed {
			return set(formInt, table.Int64)
		}
		return set(formUint, table.Int64)
	case kind == lUUID:
		if l.physical != format.FixedLenByteArray || l.length != 16 {
			return odd("a UUID")
		}
		return set(formUUID, table.String)
	case kind == lFloat16:
		if l.physical != format.FixedLenByteArray || l.length != 2 {
			return odd("a half-precision number")
		}
		return set(formHalf, table.Float32)
	case kind == lString || kind == lEnum || kind == lJSON || e.is(deprecated.UTF8) || e.is(deprecated.Enum) || e.is(deprecated.Json):
		if !isBytes {
			return odd("text")
		}
		return set(formBytes, table.String)
	case e.is(deprecated.Interval):
		return "an interval"
	}
	switch l.physical {
	case format.Boolean:
		return set(formBool, table.Bool)
	case format.Int32, format.Int64:
		return set(formInt, table.Int64)
	case format.Int96:
		l.field.Unit = table.Nano
		return set(formInt96, table.Timestamp)
	case format.Float:
		return set(formFloat, table.Float32)
	case format.Double:
		return set(formDouble, table.Float64)
	}
	return set(formBytes, table.Binary)
}

func (l *leaf) unit(e *element, reason string, millis bool) string {
	switch {
	case e.logical.unit == 1 || e.logical.unit == 0 && millis:
		l.field.Unit = table.Milli
	case e.logical.unit == 2 || e.logical.unit == 0:
		l.field.Unit = table.Micro
	case e.logical.unit == 3:
		l.field.Unit = table.Nano
	default:
		return fmt.Sprintf("a time in the unknown unit %d", e.logical.unit)
	}
	return reason
}
