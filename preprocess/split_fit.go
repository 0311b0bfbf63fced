package preprocess

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"howdah/internal/splitmix"
	"howdah/internal/table"
)

const (
	strataBits    = 10 // a class's hashes are counted by this many of their upper bits
	strataBuckets = 1 << strataBits
	maxTimeUnits  = 1 << 20 // distinct units of a time column
)

// SplitPart is the sketch behind a split that needs a pass: rows by unit of time, or by class and bucket of the hash. All of
// it is counts, so that merging is exact in any order. The zero part is Merge's identity.
type SplitPart struct {
	times  map[int64]int64
	strata map[string]*[strataBuckets]int64
}

// NewPart returns an empty part.
func (s *Splitter) NewPart() *SplitPart { return new(SplitPart) }

// Update adds a batch of rows, after filters. ids are their identities (see IDColumn); label is the label's column,
// which the method stratified looks at; others take nil. A row without a time or a label is an error.
func (s *Splitter) Update(p *SplitPart, b *table.Batch, ids []uint64, label table.Column) error {
	if len(ids) != b.Rows {
		return fmt.Errorf("split: %d row ids for %d rows", len(ids), b.Rows)
	}
	switch s.cfg.Method {
	case splitTime:
		return s.addTimes(p, b)
	case splitStratified:
		return s.addStrata(p, b, ids, label)
	}
	return nil
}

// timeColumn returns the column of a time split without nulls.
func timeColumn(b *table.Batch, name string) ([]int64, error) {
	c, err := table.Col[*table.Int64s](b, name)
	if err != nil {
		return nil, err
	}
	if c.Valid != nil {
		for i := range c.Values {
			if !c.Valid.Get(i) {
				return nil, fmt.Errorf("%s: row %d: time column %q has no value; filter such rows (where: %s != nil)",
					b.Shard, b.RowNumber(i), name, name)
			}
		}
	}
	return c.Values, nil
}

// unitOf is the number of the unit that a time falls into.
func unitOf(v, ticks int64) int64 {
	if ticks == 0 {
		return v
	}
	q := v / ticks
	if v%ticks < 0 {
		q--
	}
	return q
}

func (s *Splitter) addTimes(p *SplitPart, b *table.Batch) error {
	values, err := timeColumn(b, s.cfg.Column)
	if err != nil {
		return err
	}
	if p.times == nil {
		p.times = map[int64]int64{}
	}
	var run int64 // rows of one unit come together: one look-up a run
	for i, v := range values {
		u := unitOf(v, s.ticks)
		run++
		if i+1 == len(values) || unitOf(values[i+1], s.ticks) != u {
			p.times[u] += run
			run = 0
		}
	}
	return p.checkTimes()
}

func (p *SplitPart) checkTimes() error {
	if len(p.times) > maxTimeUnits {
		return fmt.Errorf("split: the time column has more than %d distinct values; use a coarser unit or a date", maxTimeUnits)
	}
	return nil
}

func (s *Splitter) addStrata(p *SplitPart, b *table.Batch, ids []uint64, label table.Column) error {
	if label == nil || label.Len() != b.Rows {
		return errors.New("split: method stratified needs the label of each row")
	}
	index := keyIndex{limit: maxClasses}
	codes := make([]int32, b.Rows)
	full, err := index.codes(label, codes)
	if err != nil {
		return fmt.Errorf("split: the label %w", err)
	}
	tooMany := fmt.Errorf("split: the label has more than %d distinct values: method stratified needs classes", maxClasses)
	if full >= 0 {
		return tooMany
	}
	if p.strata == nil {
		p.strata = map[string]*[strataBuckets]int64{}
	}
	byCode := make([]*[strataBuckets]int64, len(index.keys))
	for i, key := range index.keys {
		if p.strata[key] == nil {
			p.strata[key] = new([strataBuckets]int64)
		}
		byCode[i] = p.strata[key]
	}
	if len(p.strata) > maxClasses {
		return tooMany
	}
	seed := s.cfg.seedMix()
	for i, c := range codes {
		if c < 0 {
			return fmt.Errorf("%s: row %d: the label has no value; filter such rows (where: label != nil)", b.Shard, b.RowNumber(i))
		}
		byCode[c][splitmix.Mix(ids[i]^seed)>>(64-strataBits)]++
	}
	return nil
}

// Merge adds the rows of q.
func (p *SplitPart) Merge(q *SplitPart) error {
	if len(q.times) > 0 && p.times == nil {
		p.times = map[int64]int64{}
	}
	for u, n := range q.times {
		p.times[u] += n
	}
	if len(q.strata) > 0 && p.strata == nil {
		p.strata = map[string]*[strataBuckets]int64{}
	}
	for key, counts := range q.strata {
		mine := p.strata[key]
		if mine == nil {
			mine = new([strataBuckets]int64)
			p.strata[key] = mine
		}
		addCounts(mine[:], counts[:])
	}
	if len(p.strata) > maxClasses {
		return fmt.Errorf("split: the label has more than %d distinct values: method stratified needs classes", maxClasses)
	}
	return p.checkTimes()
}

const splitPartVersion = 1

// AppendBinary appends the part: a version byte; the units of time, ascending, as differences, each with its count; the
// classes in byte order, each with its counts. All numbers are varints.
func (p *SplitPart) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, splitPartVersion)
	b = binary.AppendUvarint(b, uint64(len(p.times)))
	var last int64
	for _, u := range slices.Sorted(maps.Keys(p.times)) {
		b = binary.AppendVarint(b, u-last)
		b = binary.AppendUvarint(b, uint64(p.times[u]))
		last = u
	}
	b = binary.AppendUvarint(b, uint64(len(p.strata)))
	for _, key := range slices.Sorted(maps.Keys(p.strata)) {
		b = binary.AppendUvarint(b, uint64(len(key)))
		b = append(b, key...)
		for _, n := range p.strata[key] {
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	return b, nil
}

// UnmarshalBinary reads what AppendBinary wrote.
func (p *SplitPart) UnmarshalBinary(b []byte) error {
	bad := errors.New("split: damaged part")
	if len(b) == 0 {
		return bad
	}
	if b[0] != splitPartVersion {
		return fmt.Errorf("split: part of version %d, want %d", b[0], splitPartVersion)
	}
	b = b[1:]
	next := func() (v int64, ok bool) {
		u, n := binary.Uvarint(b)
		if n <= 0 || u > math.MaxInt64 {
			return 0, false
		}
		b = b[n:]
		return int64(u), true
	}
	var out SplitPart
	count, ok := next()
	if !ok || count > maxTimeUnits {
		return bad
	}
	if count > 0 {
		out.times = map[int64]int64{}
	}
	var last int64
	for range count {
		step, n := binary.Varint(b)
		if n <= 0 {
			return bad
		}
		b = b[n:]
		last += step
		rows, ok := next()
		if !ok {
			return bad
		}
		out.times[last] = rows
	}
	count, ok = next()
	if !ok || count > maxClasses {
		return bad
	}
	if count > 0 {
		out.strata = map[string]*[strataBuckets]int64{}
	}
	for range count {
		size, ok := next()
		if !ok || size > int64(len(b)) {
			return bad
		}
		key := string(b[:size])
		b = b[size:]
		counts := new([strataBuckets]int64)
		for i := range counts {
			if counts[i], ok = next(); !ok {
				return bad
			}
		}
		out.strata[key] = counts
	}
	if len(b) != 0 {
		return bad
	}
	*p = out
	return nil
}

// Fit places the borders. p is what all rows of the data (after filters) went into; methods without a pass take nil.
func (s *Splitter) Fit(p *SplitPart) (*FittedSplit, error) {
	f := &FittedSplit{cfg: s.cfg, field: s.field, ticks: s.ticks}
	if p == nil {
		p = new(SplitPart)
	}
	switch s.cfg.Method {
	case splitTime:
		if err := f.fitTimes(p); err != nil {
			return nil, err
		}
	case splitStratified:
		if len(p.strata) == 0 {
			return nil, errors.New("split: there are no rows to split")
		}
		for _, key := range slices.Sorted(maps.Keys(p.strata)) {
			f.strata = append(f.strata, stratum{Class: key, Cut: cutStratum(p.strata[key], s.cfg.Fractions)})
		}
	}
	f.prepare()
	return f, nil
}

// fitTimes puts each border between two units, where the rows before it come nearest to the fraction, the lower one of
// equally near ones, with at least one unit for each side asked for.
func (f *FittedSplit) fitTimes(p *SplitPart) error {
	units := slices.Sorted(maps.Keys(p.times))
	if len(units) == 0 {
		return errors.New("split: there are no rows to split")
	}
	fr := f.cfg.Fractions.list()
	sides := 0
	for _, x := range fr {
		if x > 0 {
			sides++
		}
	}
	if len(units) < sides {
		return fmt.Errorf("split: time column %q has %d distinct %s, want at least %d, one for each side", f.cfg.Column,
			len(units), f.unitName(), sides)
	}
	before := make([]float64, len(units)+1) // rows before unit i
	for i, u := range units {
		before[i+1] = before[i] + float64(p.times[u])
	}
	total := before[len(units)]
	need := func(side int) int {
		if fr[side] > 0 {
			return 1
		}
		return 0
	}
	nearest := func(want float64, lo, hi int) int {
		best := lo
		for i := lo + 1; i <= hi; i++ {
			if math.Abs(before[i]-want) < math.Abs(before[best]-want) {
				best = i
			}
		}
		return best
	}
	cut := [2]int{}
	cut[0] = nearest(float64(fr[0]*total), 1, len(units)-need(1)-need(2))
	switch {
	case fr[1] == 0:
		cut[1] = cut[0]
	case fr[2] == 0:
		cut[1] = len(units)
	default:
		cut[1] = nearest(float64((fr[0]+fr[1])*total), cut[0]+1, len(units)-1)
	}
	for i, c := range cut {
		if c < len(units) {
			f.borders[i] = units[c]
		} else {
			f.borders[i] = math.MaxInt64 // beyond all units; Assign knows the last side
		}
	}
	return nil
}

// cutStratum returns the borders of one class over the upper 63 bits of the hash. A border lies between two buckets, or
// within a bucket of many rows at the place that its share of them takes if they are spread evenly.
func cutStratum(counts *[strataBuckets]int64, fr Fractions) [2]uint64 {
	var total int64
	for _, n := range counts {
		total += n
	}
	place := func(share float64) uint64 {
		want := math.Floor(float64(share*float64(total)) + 0.5)
		var before float64
		for i, n := range counts {
			start := uint64(i) << (63 - strataBits)
			after := before + float64(n)
			switch {
			case want > after || n == 0:
				before = after
				continue
			case want == after:
				return start + 1<<(63-strataBits)
			case want <= before:
				return start
			case n <= 16:
				if want-before < after-want {
					return start
				}
				return start + 1<<(63-strataBits)
			}
			return start + uint64((want-before)/float64(n)*(1<<(63-strataBits)))
		}
		return 1 << 63
	}
	cut := [2]uint64{place(fr.Train), place(fr.Train + fr.Validation)}
	if fr.Test == 0 {
		cut[1] = 1 << 63
	}
	if fr.Validation == 0 {
		cut[1] = cut[0]
		if fr.Test == 0 {
			cut = [2]uint64{1 << 63, 1 << 63}
		}
	}
	cut[1] = max(cut[0], cut[1])
	return cut
}
