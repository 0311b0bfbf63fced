package preprocess

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"howdah/internal/table"
)

// targetKind is what kind of values a label holds. Of integers and doubles together the label is doubles.
type targetKind uint8

const (
	targetNone targetKind = iota
	targetBools
	targetInts
	targetFloats
	targetTexts
)

var targetKindNames = [...]string{"nothing", "truth values", "integers", "numbers", "text"}

func (k targetKind) String() string { return targetKindNames[min(int(k), len(targetKindNames)-1)] }

// TargetPart is the sketch of a label: counts of its distinct values up to a limit, moments of its numbers, and the
// missing and infinite ones with the first place of each. Counts and extremes merge exactly in any order; the moments are
// to be merged along the engine's fixed tree, in the order of the rows, as is "first". The zero part is Merge's identity.
type TargetPart struct {
	kind          targetKind
	n             int64 // rows with a finite value
	nulls         int64 // null, NaN or empty text
	infinite      int64
	firstNull     string // "part-3.parquet, row 17"
	firstInfinite string
	mean, m2      float64
	min, max      float64
	fraction      bool // some number is not whole
	overflow      bool // there were more distinct values than counts can hold, which are then forgotten
	counts        map[string]int64
}

func (p *TargetPart) rows() int64 { return p.n + p.nulls + p.infinite }

// Update adds the label's column of a batch that begins at.
func (p *TargetPart) Update(at table.Origin, name string, c table.Column) error {
	kind := targetNone
	var values []float64
	switch c := c.(type) {
	case *table.Bools:
		kind = targetBools
		values = make([]float64, len(c.Values))
		for i, v := range c.Values {
			if v {
				values[i] = 1
			}
		}
	case *table.Int64s:
		kind = targetInts
		values = make([]float64, len(c.Values))
		for i, v := range c.Values {
			values[i] = float64(v)
		}
	case *table.Float64s:
		kind, values = targetFloats, c.Values
	case *table.Float32s:
		kind = targetFloats
		values = make([]float64, len(c.Values))
		for i, v := range c.Values {
			values[i] = float64(v)
		}
	case *table.Strings, *table.Coded:
		kind = targetTexts
	default:
		return fmt.Errorf("%s: label %q: want one value a row, have %T", at.Shard, name, c)
	}
	var err error
	if p.kind, err = mergeKinds(p.kind, kind); err != nil {
		return fmt.Errorf("%s: label %q: %w", at.Shard, name, err)
	}
	index := keyIndex{limit: maxClasses}
	codes := make([]int32, c.Len())
	if p.overflow && values != nil { // a quantity: its values need no numbers, only to be there
		for i, v := range values {
			codes[i] = keyTooMany
			if c.IsNull(i) || math.IsNaN(v) {
				codes[i] = keyNone
			}
		}
	} else {
		full, err := index.codes(c, codes)
		if err != nil {
			return fmt.Errorf("%s: label %q %w", at.Shard, name, err)
		}
		p.overflow = p.overflow || full >= 0
	}
	count := make([]int64, len(index.keys))
	var block TargetPart
	for i, code := range codes {
		switch {
		case code == keyNone:
			if p.nulls++; p.nulls == 1 {
				p.firstNull = place(at, i)
			}
			continue
		case values != nil && math.IsInf(values[i], 0):
			if p.infinite++; p.infinite == 1 {
				p.firstInfinite = place(at, i)
			}
			continue
		case code >= 0:
			count[code]++
		}
		if values != nil {
			block.addNumber(values[i])
		} else {
			block.n++
		}
	}
	block.counts = map[string]int64{}
	for k, key := range index.keys {
		if count[k] > 0 {
			block.counts[key] = count[k]
		}
	}
	p.mergeValues(&block)
	return nil
}

func place(at table.Origin, i int) string {
	return fmt.Sprintf("%s, row %d", at.Shard, at.RowNumber(i))
}

// addNumber adds one value (Welford).
func (p *TargetPart) addNumber(v float64) {
	if p.n++; p.n == 1 {
		p.min, p.max = v, v
	}
	d := v - p.mean
	p.mean += d / float64(p.n)
	p.m2 += float64(d * (v - p.mean))
	p.min, p.max = min(p.min, v), max(p.max, v)
	p.fraction = p.fraction || v != math.Trunc(v)
}

func mergeKinds(a, b targetKind) (targetKind, error) {
	switch {
	case a == b || b == targetNone:
		return a, nil
	case a == targetNone:
		return b, nil
	case (a == targetInts || a == targetFloats) && (b == targetInts || b == targetFloats):
		return targetFloats, nil
	}
	return a, fmt.Errorf("some shards have %s, others %s", min(a, b), max(a, b))
}

// Merge adds the rows of q, which come after those of p.
func (p *TargetPart) Merge(q *TargetPart) error {
	kind, err := mergeKinds(p.kind, q.kind)
	if err != nil {
		return fmt.Errorf("label: %w", err)
	}
	p.kind = kind
	if p.nulls == 0 {
		p.firstNull = q.firstNull
	}
	if p.infinite == 0 {
		p.firstInfinite = q.firstInfinite
	}
	p.nulls += q.nulls
	p.infinite += q.infinite
	p.overflow = p.overflow || q.overflow
	p.mergeValues(q)
	return nil
}

func (p *TargetPart) mergeValues(q *TargetPart) {
	switch {
	case q.n == 0:
	case p.n == 0:
		p.n, p.mean, p.m2, p.min, p.max = q.n, q.mean, q.m2, q.min, q.max
	default:
		mergeMoments(p.n, &p.mean, &p.m2, q.n, q.mean, q.m2)
		p.n += q.n
		p.min, p.max = min(p.min, q.min), max(p.max, q.max)
	}
	p.fraction = p.fraction || q.fraction
	if !p.overflow {
		for key, n := range q.counts {
			if p.counts == nil {
				p.counts = map[string]int64{}
			}
			p.counts[key] += n
		}
		p.overflow = len(p.counts) > maxClasses
	}
	if p.overflow {
		p.counts = nil
	}
}

// infer guesses the type of label from its values.
func (p *TargetPart) infer() string {
	distinct := len(p.counts)
	switch {
	case p.kind == targetBools, !p.overflow && distinct <= 2:
		return "binary"
	case p.kind == targetTexts, !p.overflow && !p.fraction && distinct <= inferredClasses:
		return "multiclass"
	}
	return "regression"
}

func (p *TargetPart) describe() string {
	if p.overflow {
		return fmt.Sprintf("more than %d distinct values", maxClasses)
	}
	keys := p.sortedKeys()
	if len(keys) > 5 {
		return fmt.Sprintf("%d classes (%q and so on)", len(keys), keys[:5])
	}
	return fmt.Sprintf("%d classes (%q)", len(keys), keys)
}

// sortedKeys are the distinct values: numbers ascending, text by its bytes (so false is before true).
func (p *TargetPart) sortedKeys() []string {
	keys := slices.Sorted(maps.Keys(p.counts))
	if p.kind == targetInts || p.kind == targetFloats {
		slices.SortStableFunc(keys, compareNumbers)
	}
	return keys
}

func compareNumbers(a, b string) int {
	x, errX := strconv.ParseInt(a, 10, 64)
	y, errY := strconv.ParseInt(b, 10, 64)
	if errX == nil && errY == nil {
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	u, _ := strconv.ParseFloat(a, 64)
	v, _ := strconv.ParseFloat(b, 64)
	switch {
	case u < v:
		return -1
	case u > v:
		return 1
	}
	return 0
}

// Rows is the number of rows, Nulls how many of them have no label.
func (p *TargetPart) Rows() int64  { return p.rows() }
func (p *TargetPart) Nulls() int64 { return p.nulls }

// Mean, Deviation (population), Min and Max describe the numbers of a label; Counts its distinct values, nil where there
// are too many. They are for reports.
func (p *TargetPart) Mean() float64            { return p.mean }
func (p *TargetPart) Deviation() float64       { return math.Sqrt(p.m2 / float64(max(p.n, 1))) }
func (p *TargetPart) Min() float64             { return p.min }
func (p *TargetPart) Max() float64             { return p.max }
func (p *TargetPart) Counts() map[string]int64 { return maps.Clone(p.counts) }

const targetPartVersion = 1

// AppendBinary appends the part: a version byte, kind and flags, the counts, the first places, the moments, and the
// distinct values in byte order with their counts.
func (p *TargetPart) AppendBinary(b []byte) ([]byte, error) {
	var flags byte
	if p.fraction {
		flags |= 1
	}
	if p.overflow {
		flags |= 2
	}
	b = append(b, targetPartVersion, byte(p.kind), flags)
	for _, n := range []int64{p.n, p.nulls, p.infinite} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	for _, s := range []string{p.firstNull, p.firstInfinite} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	for _, v := range []float64{p.mean, p.m2, p.min, p.max} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	b = binary.AppendUvarint(b, uint64(len(p.counts)))
	for _, key := range slices.Sorted(maps.Keys(p.counts)) {
		b = binary.AppendUvarint(b, uint64(len(key)))
		b = append(b, key...)
		b = binary.AppendUvarint(b, uint64(p.counts[key]))
	}
	return b, nil
}

// UnmarshalBinary reads what AppendBinary wrote.
func (p *TargetPart) UnmarshalBinary(b []byte) error {
	bad := errors.New("label: damaged part")
	if len(b) < 3 {
		return bad
	}
	if b[0] != targetPartVersion {
		return fmt.Errorf("label: part of version %d, want %d", b[0], targetPartVersion)
	}
	if b[1] > byte(targetTexts) || b[2] > 3 {
		return bad
	}
	out := TargetPart{kind: targetKind(b[1]), fraction: b[2]&1 != 0, overflow: b[2]&2 != 0}
	b = b[3:]
	failed := false
	number := func() int64 {
		u, n := binary.Uvarint(b)
		if n <= 0 || u > math.MaxInt64 {
			failed, b = true, nil
			return 0
		}
		b = b[n:]
		return int64(u)
	}
	text := func() string {
		n := number()
		if n > int64(len(b)) {
			failed = true
			return ""
		}
		s := string(b[:n])
		b = b[n:]
		return s
	}
	out.n, out.nulls, out.infinite = number(), number(), number()
	out.firstNull, out.firstInfinite = text(), text()
	if failed || len(b) < 32 {
		return bad
	}
	for i, v := range []*float64{&out.mean, &out.m2, &out.min, &out.max} {
		*v = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	b = b[32:]
	count := number()
	if count > maxClasses {
		return bad
	}
	for range count {
		key := text()
		n := number()
		if failed {
			return bad
		}
		if out.counts == nil {
			out.counts = map[string]int64{}
		}
		out.counts[key] = n
	}
	if failed || len(b) != 0 {
		return bad
	}
	*p = out
	return nil
}
