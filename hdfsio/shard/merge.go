package shard

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"howdah/internal/table"
)

// ConflictError says that two files disagree about a column.
type ConflictError struct {
	Column       string
	PathA, PathB string
	A, B         table.Field
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("column %q: %s in %s, but %s in %s", e.Column, describe(e.A), e.PathA, describe(e.B), e.PathB)
}

func describe(f table.Field) string {
	s := f.Type.String()
	switch f.Unit {
	case table.Milli:
		s += "[ms]"
	case table.Micro:
		s += "[us]"
	case table.Nano:
		s += "[ns]"
	}
	if f.Type == table.Timestamp || f.Type == table.Time {
		if f.UTC {
			s += " in UTC"
		} else {
			s += " in local time"
		}
	}
	if f.List {
		s = "list of " + s
	}
	return s
}

// Merge returns the columns of all the shards, in order of their first appearance, with types that hold every shard's
// values; partition columns come last. A column that a shard lacks is null there. Integers that meet floats become
// Float64 (a row whose integer is beyond 2^53 is an error when it is read), Float32 that meets Float64 becomes Float64,
// times in different units take the finest. Anything else that differs is a *ConflictError that names both files.
//
// A partition column is an Int64 if every value of it is an integer, a Date if every value is one, else a String, and it
// hides a column of its name inside the files.
func Merge(shards []*Shard) (table.Schema, error) {
	type seen struct {
		field  table.Field
		path   string
		count  int  // shards that have it
		isNull bool // so far only declared to hold nothing
	}
	var order []string
	cols := map[string]*seen{}
	parts, err := partitions(shards)
	if err != nil {
		return nil, err
	}
	for _, s := range shards {
		for _, f := range s.Schema {
			if _, ok := parts.Lookup(f.Name); ok {
				continue
			}
			isNull := slices.Contains(s.Null, f.Name)
			have, ok := cols[f.Name]
			if !ok {
				order = append(order, f.Name)
				cols[f.Name] = &seen{f, s.Path, 1, isNull}
				continue
			}
			have.count++
			nullable := have.field.Nullable || f.Nullable
			switch {
			case isNull:
			case have.isNull:
				have.field, have.path, have.isNull = f, s.Path, false
			default:
				m, ok := unify(have.field, f)
				if !ok {
					return nil, &ConflictError{f.Name, have.path, s.Path, have.field, f}
				}
				have.field = m
			}
			have.field.Nullable = nullable
		}
	}
	out := make(table.Schema, 0, len(order)+len(parts))
	for _, name := range order {
		c := cols[name]
		if c.count < len(shards) {
			c.field.Nullable = true
		}
		out = append(out, c.field)
	}
	return append(out, parts...), nil
}

// unify returns the type that holds the values of both.
func unify(a, b table.Field) (table.Field, bool) {
	if a.List != b.List {
		return a, false
	}
	if a.Type != b.Type {
		if !a.Type.Numeric() || !b.Type.Numeric() {
			return a, false
		}
		a.Type = table.Float64
		return a, true
	}
	if a.UTC != b.UTC {
		return a, false
	}
	a.Unit = max(a.Unit, b.Unit)
	return a, true
}

// partitions returns the partition columns. Every shard must have the same ones, in the same order.
func partitions(shards []*Shard) (table.Schema, error) {
	if len(shards) == 0 {
		return nil, nil
	}
	first := shards[0]
	out := make(table.Schema, len(first.Partition))
	for i, p := range first.Partition {
		f := table.Field{Name: p.Name, Partition: true}
		isInt, isDate := true, true
		for _, s := range shards {
			if len(s.Partition) != len(first.Partition) || s.Partition[i].Name != p.Name {
				return nil, fmt.Errorf("%s is partitioned by %v, but %s by %v", first.Path, partitionNames(first), s.Path, partitionNames(s))
			}
			v := s.Partition[i]
			if v.Null {
				f.Nullable = true
				continue
			}
			if isInt {
				_, err := strconv.ParseInt(v.Value, 10, 64)
				isInt = err == nil
			}
			if isDate {
				_, err := time.Parse(time.DateOnly, v.Value)
				isDate = err == nil
			}
		}
		switch {
		case isInt:
			f.Type = table.Int64
		case isDate:
			f.Type = table.Date
		default:
			f.Type = table.String
		}
		out[i] = f
	}
	for _, s := range shards {
		if len(s.Partition) != len(first.Partition) {
			return nil, fmt.Errorf("%s is partitioned by %v, but %s by %v", first.Path, partitionNames(first), s.Path, partitionNames(s))
		}
	}
	return out, nil
}

func partitionNames(s *Shard) []string {
	n := make([]string, len(s.Partition))
	for i, p := range s.Partition {
		n[i] = p.Name
	}
	return n
}

// Select returns the fields of the named columns, in that order. A name that no shard has, or that a shard has in a
// shape that is not read, is an error; the second names the file and the reason.
func Select(shards []*Shard, merged table.Schema, names []string) (table.Schema, error) {
	out := make(table.Schema, 0, len(names))
	for _, name := range names {
		for _, s := range shards {
			if err := s.refuses(name); err != nil {
				return nil, err
			}
		}
		f, ok := merged.Lookup(name)
		if !ok {
			return nil, fmt.Errorf("column %q: %w", name, table.ErrNoColumn)
		}
		out = append(out, f)
	}
	return out, nil
}

// refuses returns an error if the column, or something inside it, is in the file but cannot be read.
func (s *Shard) refuses(name string) error {
	if _, ok := s.Schema.Lookup(name); ok {
		return nil
	}
	for _, u := range s.Unsupported {
		if u.Column == name || len(name) > len(u.Column) && name[:len(u.Column)+1] == u.Column+"." {
			return &BadShardError{Path: s.Path, Shard: s.Name, RowGroup: -1, Err: fmt.Errorf("column %q is %s, which is not supported", u.Column, u.Reason)}
		}
	}
	return nil
}

// partitionInt is the value of a partition column that is an integer or a date.
func partitionInt(f table.Field, p PartitionValue) (int64, error) {
	switch f.Type {
	case table.Int64:
		v, err := strconv.ParseInt(p.Value, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("partition %s=%s: want an integer", p.Name, p.Value)
		}
		return v, nil
	case table.Date:
		t, err := time.Parse(time.DateOnly, p.Value)
		if err != nil {
			return 0, fmt.Errorf("partition %s=%s: want a date, as in 2013-01-05", p.Name, p.Value)
		}
		return t.Unix() / 86400, nil // midnight: a whole number of days, before 1970 too
	}
	return 0, fmt.Errorf("partition %s=%s: %s is not a partition's type", p.Name, p.Value, f.Type)
}
