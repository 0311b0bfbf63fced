package table

import "fmt"

// Type is what a column means; Column types are how it lies in memory.
type Type uint8

// The types, with the column that carries each.
const (
	Invalid   Type = iota
	Bool           // *Bools
	Int64          // *Int64s: signed integers of every width, unsigned ones where they fit
	Float32        // *Float32s
	Float64        // *Float64s: doubles, and decimals rounded to the nearest double
	String         // *Strings or *Coded: text, UTF-8 as the file has it
	Binary         // *Strings or *Coded: bytes
	Date           // *Int64s: days since 1970-01-01
	Time           // *Int64s: since midnight, in Unit
	Timestamp      // *Int64s: since 1970-01-01T00:00:00, in Unit
)

var typeNames = [...]string{"invalid", "bool", "int64", "float32", "float64", "string", "binary", "date", "time", "timestamp"}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// MarshalText writes the type's name.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a type's name.
func (t *Type) UnmarshalText(b []byte) error {
	for i, n := range typeNames {
		if n == string(b) {
			*t = Type(i)
			return nil
		}
	}
	return fmt.Errorf("unknown column type %q", b)
}

// Numeric reports whether the type is a quantity: what `{type: number}` selects.
func (t Type) Numeric() bool { return t == Int64 || t == Float32 || t == Float64 }

// Temporal reports whether the type is a date, a time or a timestamp.
func (t Type) Temporal() bool { return t == Date || t == Time || t == Timestamp }

// Unit is the unit of a Time or Timestamp, as a number of them in a second; 0 for other types.
type Unit int64

// The units that Parquet has.
const (
	Milli Unit = 1e3
	Micro Unit = 1e6
	Nano  Unit = 1e9
)

// Field describes a column.
type Field struct {
	Name      string `json:"name"`
	Type      Type   `json:"type"`
	Unit      Unit   `json:"unit,omitempty"` // of times and timestamps
	UTC       bool   `json:"utc,omitempty"`  // a timestamp is an instant, not a local time
	List      bool   `json:"list,omitempty"` // *Lists of Type
	Nullable  bool   `json:"nullable,omitempty"`
	Partition bool   `json:"partition,omitempty"` // comes from the path (day=2013-01-05), not from the file
}

// Schema is the columns in file order.
type Schema []Field

// Lookup returns the field of that name.
func (s Schema) Lookup(name string) (Field, bool) {
	for _, f := range s {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// Names lists the columns' names in order.
func (s Schema) Names() []string {
	n := make([]string, len(s))
	for i, f := range s {
		n[i] = f.Name
	}
	return n
}
