package shard

import (
	"slices"

	"howdah/internal/table"
)

// groupStats looks up what the footer says about a row group's columns.
func (sc *scan) groupStats(g int) Stats {
	return func(name string) (Range, bool) {
		i := sc.wanted(name)
		rows := sc.meta.groups[g].rows
		if i < 0 {
			return sc.unwanted(g, name)
		}
		if sc.leaves[i] < 0 {
			return sc.constantRange(i, rows), true
		}
		l := &sc.meta.leaves[sc.leaves[i]]
		k := &sc.meta.groups[g].chunks[sc.leaves[i]]
		lo, hi := chunkBounds(l, k)
		return rangeOf(l, sc.r.schema[i], lo, hi, k.nulls, rows), true
	}
}

func (sc *scan) wanted(name string) int {
	return slices.IndexFunc(sc.r.schema, func(f table.Field) bool { return f.Name == name })
}

// unwanted looks up a column that is in the file but is not read.
func (sc *scan) unwanted(g int, name string) (Range, bool) {
	for j := range sc.meta.leaves {
		if l := &sc.meta.leaves[j]; l.reason == "" && l.field.Name == name {
			k := &sc.meta.groups[g].chunks[j]
			lo, hi := chunkBounds(l, k)
			return rangeOf(l, l.field, lo, hi, k.nulls, sc.meta.groups[g].rows), true
		}
	}
	return Range{}, false
}

// constantRange is the range of a partition column, or of one that the shard lacks.
func (sc *scan) constantRange(i int, rows int64) Range {
	f := sc.r.schema[i]
	r := Range{Type: f.Type, Unit: f.Unit, Nulls: rows, Rows: rows}
	if f.List || sc.consts[i].col.IsNull(0) {
		return r
	}
	r.Nulls, r.Known = 0, true
	switch c := sc.consts[i].col.(type) {
	case *table.Int64s:
		r.MinInt, r.MaxInt = c.Values[0], c.Values[0]
	case *table.Coded:
		r.MinBytes, r.MaxBytes = c.Dict.At(0), c.Dict.At(0)
	}
	return r
}

// pageIndex is what a file's column index and offset index say about a chunk's pages.
type pageIndex struct {
	first []int64 // row of the row group at which each page begins
	bound []Range // of each page
}

// maxIndex is the largest index that is read; a larger one is left alone.
const maxIndex = 64 << 20

// prunedBatches says which batches of a row group Prune rejects, by page statistics. nil: none.
func (sc *scan) prunedBatches(g int) []bool {
	prune := sc.r.opt.Prune
	rows := sc.meta.groups[g].rows
	if prune == nil || rows <= table.BatchRows {
		return nil
	}
	indexes := map[string]*pageIndex{}
	useful := false
	footerStats := sc.groupStats(g)
	from, to := int64(0), int64(0)
	lookup := func(name string) (Range, bool) {
		x, ok := indexes[name]
		if !ok {
			x = sc.loadIndex(g, name)
			indexes[name] = x
		}
		if x == nil {
			r, ok := footerStats(name)
			if r.Nulls == r.Rows {
				r.Nulls = to - from
			} else if r.Nulls > 0 {
				r.Nulls = -1
			}
			r.Rows = to - from
			return r, ok
		}
		useful = true
		return x.over(from, to), true
	}
	out := make([]bool, (rows+table.BatchRows-1)/table.BatchRows)
	any := false
	for i := range out {
		from = int64(i) * table.BatchRows
		to = min(from+table.BatchRows, rows)
		out[i] = prune(lookup)
		any = any || out[i]
		if !useful { // no index: every batch would have the row group's answer, which is known
			return nil
		}
	}
	if !any {
		return nil
	}
	return out
}

// over joins the bounds of the pages that hold rows from to to-1.
func (x *pageIndex) over(from, to int64) Range {
	p, found := slices.BinarySearch(x.first, from)
	if !found {
		p--
	}
	r := x.bound[p]
	allNull, noNull := r.Nulls == r.Rows, r.Nulls == 0
	known := r.Known || allNull
	for p++; p < len(x.first) && x.first[p] < to; p++ {
		b := x.bound[p]
		nulls := b.Nulls == b.Rows
		noNull = noNull && b.Nulls == 0
		known = known && (b.Known || nulls)
		switch {
		case nulls:
		case allNull:
			r = b
		default:
			r.MinInt, r.MaxInt = min(r.MinInt, b.MinInt), max(r.MaxInt, b.MaxInt)
			r.MinFloat, r.MaxFloat = min(r.MinFloat, b.MinFloat), max(r.MaxFloat, b.MaxFloat)
			if string(b.MinBytes) < string(r.MinBytes) {
				r.MinBytes = b.MinBytes
			}
			if string(b.MaxBytes) > string(r.MaxBytes) {
				r.MaxBytes = b.MaxBytes
			}
		}
		allNull = allNull && nulls
	}
	r.Rows = to - from
	r.Known = known && !allNull
	switch {
	case allNull:
		r.Nulls = r.Rows
	case noNull:
		r.Nulls = 0
	default:
		r.Nulls = -1
	}
	return r
}

// loadIndex reads a column's page statistics; nil if the file has none, or none that make sense. Pruning is only a
// saving, so what is odd here is left alone rather than refused.
func (sc *scan) loadIndex(g int, name string) *pageIndex {
	i := sc.wanted(name)
	if i < 0 || sc.leaves[i] < 0 {
		return nil
	}
	l := &sc.meta.leaves[sc.leaves[i]]
	k := &sc.meta.groups[g].chunks[sc.leaves[i]]
	rows := sc.meta.groups[g].rows
	if l.repeated() {
		return nil
	}
	locations := sc.span(k.offsetIndex)
	columns := sc.span(k.columnIndex)
	if locations == nil || columns == nil {
		return nil
	}
	x := &pageIndex{}
	c := &compact{b: locations}
	err := c.fields(func(id int, typ byte) error {
		if id != 1 {
			return errSkip
		}
		n, _, err := listOf(c, typ, tStruct)
		if err != nil {
			return err
		}
		for range n {
			var row int64
			if err := c.fields(func(id int, typ byte) (err error) {
				if id != 3 {
					return errSkip
				}
				row, err = c.intField(typ)
				return err
			}); err != nil {
				return err
			}
			x.first = append(x.first, row)
		}
		return nil
	})
	if err != nil || len(x.first) == 0 || x.first[0] != 0 {
		return nil
	}
	ends := append(slices.Clone(x.first[1:]), rows)
	for p, e := range ends {
		if e <= x.first[p] {
			return nil
		}
	}
	nullPages, mins, maxs, nulls, err := parseColumnIndex(columns)
	n := len(x.first)
	if err != nil || len(nullPages) != n || len(mins) != n || len(maxs) != n || nulls != nil && len(nulls) != n {
		return nil
	}
	x.bound = make([]Range, n)
	for p := range n {
		count, pageRows := int64(-1), ends[p]-x.first[p]
		if nulls != nil {
			count = nulls[p]
		}
		if nullPages[p] {
			x.bound[p] = rangeOf(l, sc.r.schema[i], nil, nil, pageRows, pageRows)
			continue
		}
		x.bound[p] = rangeOf(l, sc.r.schema[i], mins[p], maxs[p], count, pageRows)
		if x.bound[p].Nulls == pageRows { // says that it is not
			x.bound[p].Nulls = -1
		}
	}
	return x
}

func (sc *scan) span(s span) []byte {
	if s.len <= 0 || s.len > maxIndex || s.off <= 0 || s.off > sc.shard.Size-s.len {
		return nil
	}
	b := make([]byte, s.len)
	if readFull(sc.file, b, s.off) != nil {
		return nil
	}
	return b
}

func parseColumnIndex(b []byte) (nullPages []bool, mins, maxs [][]byte, nulls []int64, err error) {
	c := &compact{b: b}
	err = c.fields(func(id int, typ byte) error {
		if id < 1 || id > 5 || id == 4 {
			return errSkip
		}
		if err := want(typ, tList); err != nil {
			return err
		}
		n, _, err := c.list()
		if err != nil {
			return err
		}
		for range n {
			switch id {
			case 1:
				v, err := c.byte()
				if err != nil {
					return err
				}
				nullPages = append(nullPages, v == tTrue)
			case 2, 3:
				v, err := c.bytes()
				if err != nil {
					return err
				}
				if id == 2 {
					mins = append(mins, v)
				} else {
					maxs = append(maxs, v)
				}
			case 5:
				v, err := c.int()
				if err != nil {
					return err
				}
				nulls = append(nulls, v)
			}
		}
		return nil
	})
	return nullPages, mins, maxs, nulls, err
}
