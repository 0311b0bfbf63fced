// Hive partitions: columns whose values stand in the path.

package hdfsio

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"howdah/internal/table"
)

// PartitionColumn is a column that comes from the path, with its value in each file. A column has one type over all files: Date if all
// values are dates (2013-01-05), else Int64 if all are whole numbers, else String. Field.Partition is true; Field.Nullable if a
// value is missing.
type PartitionColumn struct {
	Field  table.Field
	Values []PartitionValue // one a file, in the order of the paths
}

// PartitionValue is one file's value.
type PartitionValue struct {
	Null bool   // __HIVE_DEFAULT_PARTITION__, or empty
	Int  int64  // of Int64; of Date: days since 1970-01-01
	Text string // as the path has it, decoded
}

const hiveNull = "__HIVE_DEFAULT_PARTITION__"

// Partitions reads the partition columns from the paths of files below root: the directories named key=value, in their order. Every
// file must have the same keys in the same order.
func Partitions(root string, paths []string) ([]PartitionColumn, error) {
	var cols []PartitionColumn
	for i, p := range paths {
		rest, ok := Below(root, p)
		if !ok {
			return nil, fmt.Errorf("%s does not lie below %s", p, root)
		}
		dirs := strings.Split(rest, "/")
		n := 0
		for _, d := range dirs[:len(dirs)-1] {
			key, text, ok := partition(d)
			if !ok {
				continue
			}
			for _, c := range cols[:min(n, len(cols))] {
				if c.Field.Name == key {
					return nil, fmt.Errorf("%s: partition key %q stands in the path twice", p, key)
				}
			}
			if i == 0 {
				cols = append(cols, PartitionColumn{Field: table.Field{Name: key, Partition: true}, Values: make([]PartitionValue, len(paths))})
			}
			if n >= len(cols) || cols[n].Field.Name != key {
				return nil, keysDiffer(root, paths[0], p)
			}
			v := PartitionValue{Text: text}
			if text == hiveNull || text == "" {
				v = PartitionValue{Null: true}
				cols[n].Field.Nullable = true
			}
			cols[n].Values[i] = v
			n++
		}
		if n != len(cols) {
			return nil, keysDiffer(root, paths[0], p)
		}
	}
	for i := range cols {
		cols[i].infer()
	}
	return cols, nil
}

func keysDiffer(root, a, b string) error {
	return fmt.Errorf("partition keys differ below %s: %s has %s, %s has %s", root, a, keys(root, a), b, keys(root, b))
}

func keys(root, p string) string {
	rest, _ := Below(root, p)
	var k []string
	dirs := strings.Split(rest, "/")
	for _, d := range dirs[:len(dirs)-1] {
		if key, _, ok := partition(d); ok {
			k = append(k, key)
		}
	}
	if len(k) == 0 {
		return "none"
	}
	return strings.Join(k, ", ")
}

// Below returns the part of a path below a root, which names a file wherever the data lies. A file that is the root itself has its
// own name.
func Below(root, p string) (string, bool) {
	if root == "." || root == "" {
		return p, true
	}
	root = strings.TrimSuffix(root, "/")
	if p == root {
		return path.Base(p), true
	}
	return strings.CutPrefix(p, root+"/")
}

// partition splits key=value, and decodes both as Hive encodes them: %XX for what a path cannot hold.
func partition(dir string) (key, value string, ok bool) {
	key, value, ok = strings.Cut(dir, "=")
	if !ok || key == "" || hasMeta(key) {
		return "", "", false
	}
	return unescape(key), unescape(value), true
}

// unescape decodes %XX. A percent sign that two hexadecimal digits do not follow stands for itself, as in Hive.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// infer gives the column its type.
func (c *PartitionColumn) infer() {
	c.Field.Type = table.String
	for _, t := range []table.Type{table.Date, table.Int64} {
		ints := make([]int64, len(c.Values))
		some, all := false, true
		for i, v := range c.Values {
			if v.Null {
				continue
			}
			n, ok := parsePartition(t, v.Text)
			if !ok {
				all = false
				break
			}
			some, ints[i] = true, n
		}
		if some && all {
			c.Field.Type = t
			for i := range c.Values {
				c.Values[i].Int = ints[i]
			}
			return
		}
	}
}

func parsePartition(t table.Type, s string) (int64, bool) {
	if t == table.Date {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			return 0, false
		}
		return d.Unix() / 86400, true // midnight, so the division is exact before 1970 too
	}
	if strings.HasPrefix(s, "+") {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
