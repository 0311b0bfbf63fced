package sketch

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"unsafe"

	"howdah/internal/table"
)

// Profile is what one column looks like: rows, nulls, moments and quantiles of numbers, lengths of text, the number of
// different values, and the values themselves where they are few. A profile describes one kind of column, fixed by its
// first update. [NewProfile] gives a seed; the zero value has seed 0 and serves as well.
type Profile struct {
	Field    table.Field // what is described; not part of the bytes
	Kind     ProfileKind
	Rows     int64 // with and without a value
	Nulls    int64
	Moments  Moments // of numbers, of truth values as 0 and 1, of the lengths of texts in bytes
	Distinct HLL     // of the values that are not null; every NaN is the same value
	Values   KLL     // numbers and times
	Texts    Counts  // by text, while there are at most ProfileTexts different ones
	Empty    int64   // texts of no byte
	// MinInt and MaxInt are the extremes of integers and times, which Moments round beyond 2^53. Defined where Rows > Nulls.
	MinInt, MaxInt int64

	work *profileWork
}

// ProfileKind is what a column holds.
type ProfileKind uint8

// The kinds of columns.
const (
	ProfileNone   ProfileKind = iota // nothing has been seen
	ProfileFloat                     // numbers
	ProfileInt                       // integers, dates, times
	ProfileBool                      // truth values
	ProfileString                    // text or bytes
)

// ProfileTexts is how many different texts a profile counts one by one.
const ProfileTexts = 1000

// profileWork is memory kept between updates.
type profileWork struct {
	floats  []float64
	ints    []int64
	lengths []float64
	tally   []int64
}

// NewProfile returns an empty profile whose coins are a function of the seed, which is to differ from column to column.
func NewProfile(seed uint64) *Profile {
	return &Profile{Values: *NewKLL(0, seed), Texts: Counts{Limit: ProfileTexts}}
}

// Update adds the rows of a column: any but a list.
func (p *Profile) Update(c table.Column) error {
	switch c := c.(type) {
	case *table.Float64s:
		return p.UpdateFloats(c.Values, c.Valid)
	case *table.Float32s:
		return p.updateFloat32s(c.Values, c.Valid)
	case *table.Int64s:
		return p.UpdateInts(c.Values, c.Valid)
	case *table.Bools:
		return p.UpdateBools(c.Values, c.Valid)
	case *table.Strings:
		return p.UpdateStrings(c.Bytes, c.Offsets, c.Valid)
	case *table.Coded:
		return p.UpdateCoded(c.Dict.Bytes, c.Dict.Offsets, c.Codes, c.Valid)
	}
	return fmt.Errorf("profile: want a column of scalars, have %T", c)
}

// begin checks the kind and counts rows; present says how many of n have a value.
func (p *Profile) begin(kind ProfileKind, n int, valid []uint64) (present int, err error) {
	if p.Kind == ProfileNone {
		p.Kind = kind
		p.Texts.Limit = ProfileTexts
	}
	if p.Kind != kind {
		return 0, fmt.Errorf("profile of a column of kind %d: have kind %d", p.Kind, kind)
	}
	if p.work == nil {
		p.work = new(profileWork)
	}
	present = n
	if valid != nil {
		if len(valid) < (n+63)/64 {
			return 0, fmt.Errorf("profile: %d rows, bitmap of %d words", n, len(valid))
		}
		present = 0
		for i := 0; i < n; i += 64 {
			w := valid[i/64]
			if n-i < 64 {
				w &= 1<<(n-i) - 1
			}
			present += bits.OnesCount64(w)
		}
	}
	p.Rows += int64(n)
	p.Nulls += int64(n - present)
	return present, nil
}

func isValid(valid []uint64, i int) bool { return valid == nil || valid[i>>6]>>(uint(i)&63)&1 != 0 }

// UpdateFloats adds rows of numbers; valid is the bitmap of rows that have a value (bit i%64 of word i/64), nil for all.
func (p *Profile) UpdateFloats(x []float64, valid []uint64) error {
	present, err := p.begin(ProfileFloat, len(x), valid)
	if err != nil {
		return err
	}
	if present < len(x) {
		kept := p.work.floats[:0]
		for i, v := range x {
			if isValid(valid, i) {
				kept = append(kept, v)
			}
		}
		p.work.floats, x = kept, kept
	}
	p.addPresent(x)
	return nil
}

func (p *Profile) addPresent(x []float64) {
	for len(x) > 0 {
		block := x[:min(len(x), momentsBlock)]
		x = x[len(block):]
		p.addFloats(block, statsOf(block))
	}
}

// updateFloat32s widens what is present and goes on as with doubles.
func (p *Profile) updateFloat32s(x []float32, valid []uint64) error {
	if _, err := p.begin(ProfileFloat, len(x), valid); err != nil {
		return err
	}
	wide := p.work.floats[:0]
	for i, v := range x {
		if isValid(valid, i) {
			wide = append(wide, float64(v))
		}
	}
	p.work.floats = wide
	p.addPresent(wide)
	return nil
}

// addFloats adds at most a block of present values to moments, quantiles and distinct values, while they are in the cache.
func (p *Profile) addFloats(x []float64, s stats) {
	p.Distinct.UpdateFloats(x)
	if s.finite {
		p.Moments.addBlock(x, s)
		p.Values.updateOrdered(x, s.min, s.max)
		return
	}
	p.Moments.Update(x)
	p.Values.Update(x)
}

// UpdateInts adds rows of integers, dates or times.
func (p *Profile) UpdateInts(x []int64, valid []uint64) error {
	present, err := p.begin(ProfileInt, len(x), valid)
	if err != nil || present == 0 {
		return err
	}
	if present < len(x) {
		kept := p.work.ints[:0]
		for i, v := range x {
			if isValid(valid, i) {
				kept = append(kept, v)
			}
		}
		p.work.ints, x = kept, kept
	}
	if p.Rows-p.Nulls == int64(present) {
		p.MinInt, p.MaxInt = math.MaxInt64, math.MinInt64
	}
	f := p.work.floats[:0]
	for _, v := range x {
		p.MinInt, p.MaxInt = min(p.MinInt, v), max(p.MaxInt, v)
		f = append(f, float64(v))
	}
	p.work.floats = f
	p.Distinct.UpdateInts(x)
	for len(f) > 0 {
		block := f[:min(len(f), momentsBlock)]
		f = f[len(block):]
		s := statsOf(block)
		p.Moments.addBlock(block, s)
		p.Values.updateOrdered(block, s.min, s.max)
	}
	return nil
}

// UpdateBools adds rows of truth values.
func (p *Profile) UpdateBools(x []bool, valid []uint64) error {
	present, err := p.begin(ProfileBool, len(x), valid)
	if err != nil {
		return err
	}
	f := p.work.floats[:0]
	ones := 0
	for i, v := range x {
		if isValid(valid, i) {
			if v {
				ones++
				f = append(f, 1)
			} else {
				f = append(f, 0)
			}
		}
	}
	p.work.floats = f
	p.Moments.Update(f)
	if ones > 0 {
		p.Distinct.AddHash(HashUint64(1))
	}
	if present > ones {
		p.Distinct.AddHash(HashUint64(0))
	}
	return nil
}

// UpdateStrings adds rows of text: row i is data[offsets[i]:offsets[i+1]].
func (p *Profile) UpdateStrings(data []byte, offsets []uint32, valid []uint64) error {
	n := max(len(offsets)-1, 0)
	if _, err := p.begin(ProfileString, n, valid); err != nil {
		return err
	}
	lengths := p.work.lengths[:0]
	for i := range n {
		if isValid(valid, i) {
			text := data[offsets[i]:offsets[i+1]]
			lengths = append(lengths, float64(len(text)))
			p.addText(text, 1)
		}
	}
	p.work.lengths = lengths
	p.Moments.Update(lengths)
	return nil
}

// UpdateCoded adds rows of dictionary-coded text: row i is entry codes[i] of the dictionary, whose entries lie in data
// as in [Profile.UpdateStrings]. Text is looked at once an entry.
func (p *Profile) UpdateCoded(data []byte, offsets []uint32, codes []int32, valid []uint64) error {
	if _, err := p.begin(ProfileString, len(codes), valid); err != nil {
		return err
	}
	size := max(len(offsets)-1, 0)
	lengths := p.work.lengths[:0]
	few := size <= 4*len(codes)
	for i, c := range codes {
		if isValid(valid, i) {
			if uint(c) >= uint(size) {
				return fmt.Errorf("profile: row %d has code %d of a dictionary of %d entries", i, c, size)
			}
			lengths = append(lengths, float64(offsets[c+1]-offsets[c]))
			if !few {
				p.addText(data[offsets[c]:offsets[c+1]], 1)
			}
		}
	}
	p.work.lengths = lengths
	p.Moments.Update(lengths)
	if few {
		p.work.tally = TallyCodes(codes, valid, size, p.work.tally)
		for c, n := range p.work.tally {
			if n > 0 {
				p.addText(data[offsets[c]:offsets[c+1]], n)
			}
		}
	}
	return nil
}

func (p *Profile) addText(text []byte, n int64) {
	p.Distinct.AddHash(HashBytes(text))
	p.Texts.Add(unsafe.String(unsafe.SliceData(text), len(text)), n) // which copies what it keeps
	if len(text) == 0 {
		p.Empty += n
	}
}

// Merge adds what o has seen.
func (p *Profile) Merge(o *Profile) error {
	if o.Kind == ProfileNone {
		return nil
	}
	if p.Kind == ProfileNone {
		p.Kind = o.Kind
	}
	if p.Kind != o.Kind {
		return fmt.Errorf("profiles of columns of kinds %d and %d do not merge", p.Kind, o.Kind)
	}
	if o.Rows > o.Nulls {
		if p.Rows == p.Nulls {
			p.MinInt, p.MaxInt = o.MinInt, o.MaxInt
		}
		p.MinInt, p.MaxInt = min(p.MinInt, o.MinInt), max(p.MaxInt, o.MaxInt)
	}
	p.Rows += o.Rows
	p.Nulls += o.Nulls
	p.Empty += o.Empty
	if err := p.Moments.Merge(&o.Moments); err != nil {
		return err
	}
	if err := p.Distinct.Merge(&o.Distinct); err != nil {
		return err
	}
	if err := p.Texts.Merge(&o.Texts); err != nil {
		return err
	}
	return p.Values.Merge(&o.Values)
}

const profileKind, profileVersion = 'P', 1

// AppendBinary appends the sketch's bytes.
func (p *Profile) AppendBinary(b []byte) ([]byte, error) {
	b = append(appendHeader(b, profileKind, profileVersion), byte(p.Kind))
	for _, n := range [...]int64{p.Rows, p.Nulls, p.Empty} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendVarint(binary.AppendVarint(b, p.MinInt), p.MaxInt)
	var err error
	for _, s := range []interface{ AppendBinary([]byte) ([]byte, error) }{&p.Moments, &p.Distinct, &p.Texts, &p.Values} {
		if b, err = appendNested(b, s); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// UnmarshalBinary replaces the sketch by the one that b describes.
func (p *Profile) UnmarshalBinary(b []byte) error {
	r := open("Profile", b, profileKind, profileVersion)
	x := Profile{Kind: ProfileKind(r.byte()), Rows: r.count(), Nulls: r.count(), Empty: r.count(), MinInt: r.varint(), MaxInt: r.varint()}
	if x.Kind > ProfileString || x.Nulls > x.Rows {
		r.fail("kind %d, %d nulls in %d rows", x.Kind, x.Nulls, x.Rows)
	}
	r.nested(&x.Moments)
	r.nested(&x.Distinct)
	r.nested(&x.Texts)
	r.nested(&x.Values)
	if err := r.close(); err != nil {
		return err
	}
	x.Field = p.Field
	*p = x
	return nil
}
