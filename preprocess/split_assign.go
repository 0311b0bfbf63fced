package preprocess

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"howdah/internal/splitmix"
	"howdah/internal/table"
)

// FittedSplit says on which side a row is. It is immutable and safe for concurrent use.
type FittedSplit struct {
	cfg     Split
	field   table.Field
	ticks   int64
	borders [2]int64  // time: the first unit that no longer trains, the first that is a test
	strata  []stratum // stratified, by class in byte order

	cut   [2]uint64 // of the hash's upper 63 bits, where no class has its own
	index keyIndex  // of classes, or of the values of a column
	sides []uint8   // column: by index
}

// stratum is a class with its borders over the upper 63 bits of the hash.
type stratum struct {
	Class string    `json:"class"`
	Cut   [2]uint64 `json:"cut"`
}

func (s Split) seedMix() uint64 { return splitmix.Mix(s.Seed + 0x5851f42d4c957f2d) }

// IDColumn is the id column that the split's row ids come from, given the job's: a random split has none, it goes by place.
func (s *Splitter) IDColumn(job string) string {
	if s.cfg.Method == splitRandom {
		return ""
	}
	return job
}

// prepare makes what Assign needs from what is stored.
func (f *FittedSplit) prepare() {
	fr := f.cfg.Fractions
	f.cut = [2]uint64{uint64(fr.Train * (1 << 63)), uint64((fr.Train + fr.Validation) * (1 << 63))}
	if fr.Validation == 0 {
		f.cut[1] = f.cut[0]
	}
	if fr.Test == 0 {
		f.cut[1] = 1 << 63
		if fr.Validation == 0 {
			f.cut[0] = 1 << 63
		}
	}
	f.index = keyIndex{limit: maxTimeUnits}
	for _, s := range f.strata {
		f.index.code([]byte(s.Class))
	}
	if f.cfg.Method == splitColumn {
		for side, list := range f.cfg.Values.list() {
			for _, v := range list {
				f.index.code([]byte(v))
				f.sides = append(f.sides, uint8(side))
			}
		}
	}
	f.index.limit = 0 // from now on it is only read
}

// Assign writes each row's side: SideTrain, SideValidation or SideTest. b holds the columns of Reads; ids are the rows'
// identities (see Splitter.IDColumn; the methods time and column do not look at them); label is the label's column,
// which the method stratified looks at; others take nil. dst has b.Rows entries. Batches after filters are welcome: only ids depend on rows' places.
func (f *FittedSplit) Assign(b *table.Batch, ids []uint64, label table.Column, dst []uint8) error {
	if len(dst) != b.Rows {
		return fmt.Errorf("split: room for %d rows, the batch has %d", len(dst), b.Rows)
	}
	switch f.cfg.Method {
	case splitTime:
		values, err := timeColumn(b, f.cfg.Column)
		if err != nil {
			return err
		}
		last := f.last()
		for i, v := range values {
			u := unitOf(v, f.ticks)
			switch {
			case u < f.borders[0] || last == SideTrain:
				dst[i] = SideTrain
			case u < f.borders[1] || last == SideValidation:
				dst[i] = SideValidation
			default:
				dst[i] = SideTest
			}
		}
		return nil
	case splitColumn:
		return f.assignByColumn(b, dst)
	}
	if len(ids) != b.Rows {
		return fmt.Errorf("split: %d row ids for %d rows", len(ids), b.Rows)
	}
	if f.cfg.Group != "" {
		c := b.Lookup(f.cfg.Group)
		if c == nil {
			return fmt.Errorf("%s: group column %q: %w", b.Shard, f.cfg.Group, table.ErrNoColumn)
		}
		ids = make([]uint64, b.Rows)
		if err := hashColumn(b, "group", f.cfg.Group, c, ids); err != nil {
			return err
		}
	}
	seed := f.cfg.seedMix()
	if f.cfg.Method != splitStratified {
		for i, id := range ids {
			dst[i] = sideOf(splitmix.Mix(id^seed), &f.cut)
		}
		return nil
	}
	if label == nil || label.Len() != b.Rows {
		return errors.New("split: method stratified needs the label of each row")
	}
	codes := make([]int32, b.Rows)
	if _, err := f.index.codes(label, codes); err != nil {
		return fmt.Errorf("split: the label %w", err)
	}
	for i, id := range ids {
		cut := &f.cut
		if c := codes[i]; c >= 0 {
			cut = &f.strata[c].Cut
		}
		dst[i] = sideOf(splitmix.Mix(id^seed), cut)
	}
	return nil
}

// last is the last side that has a share: a border beyond all units would leave out the greatest integer.
func (f *FittedSplit) last() uint8 {
	last := SideTrain
	for side, share := range f.cfg.Fractions.list() {
		if share > 0 {
			last = uint8(side)
		}
	}
	return last
}

func sideOf(h uint64, cut *[2]uint64) uint8 {
	h >>= 1
	switch {
	case h < cut[0]:
		return SideTrain
	case h < cut[1]:
		return SideValidation
	}
	return SideTest
}

func (f *FittedSplit) assignByColumn(b *table.Batch, dst []uint8) error {
	c := b.Lookup(f.cfg.Column)
	if c == nil {
		return fmt.Errorf("%s: split column %q: %w", b.Shard, f.cfg.Column, table.ErrNoColumn)
	}
	codes := make([]int32, b.Rows)
	if _, err := f.index.codes(c, codes); err != nil {
		return fmt.Errorf("%s: split column %q %w", b.Shard, f.cfg.Column, err)
	}
	for i, code := range codes {
		if code < 0 {
			return fmt.Errorf("%s: row %d: split column %q has the value %s, which no side lists", b.Shard, b.RowNumber(i),
				f.cfg.Column, valueText(c, i))
		}
		dst[i] = f.sides[code]
	}
	return nil
}

// valueText shows a value in a message.
func valueText(c table.Column, i int) string {
	if c.IsNull(i) {
		return "null"
	}
	switch c := c.(type) {
	case *table.Bools:
		return fmt.Sprint(c.Values[i])
	case *table.Int64s:
		return fmt.Sprint(c.Values[i])
	case *table.Float64s:
		return fmt.Sprint(c.Values[i])
	case *table.Float32s:
		return fmt.Sprint(c.Values[i])
	case *table.Strings:
		return fmt.Sprintf("%.80q", c.At(i))
	case *table.Coded:
		return fmt.Sprintf("%.80q", c.Dict.At(int(c.Codes[i])))
	}
	return "a list"
}

func (f *FittedSplit) unitName() string {
	switch {
	case f.field.Type == table.Int64:
		return "values"
	case f.cfg.Unit != "":
		return f.cfg.Unit + "s"
	}
	return "days"
}

// Describe says in words where the borders are.
func (f *FittedSplit) Describe() string {
	fr := f.cfg.Fractions
	switch f.cfg.Method {
	case splitTime:
		switch {
		case fr.Validation == 0 && fr.Test == 0:
			return "by " + f.cfg.Column + ": all rows train"
		case fr.Test == 0:
			return fmt.Sprintf("by %s: train before %s, validation from then on", f.cfg.Column, f.border(0))
		case fr.Validation == 0:
			return fmt.Sprintf("by %s: train before %s, test from then on", f.cfg.Column, f.border(0))
		}
		return fmt.Sprintf("by %s: train before %s, validation before %s, test from then on", f.cfg.Column, f.border(0), f.border(1))
	case splitColumn:
		return "by the values of " + f.cfg.Column
	case splitStratified:
		return fmt.Sprintf("stratified over %d classes, seed %d: train %v, validation %v, test %v", len(f.strata), f.cfg.Seed,
			fr.Train, fr.Validation, fr.Test)
	}
	what := "row identity"
	if f.cfg.Method == splitRandom {
		what = "row place"
	} else if f.cfg.Group != "" {
		what = f.cfg.Group
	}
	return fmt.Sprintf("by hash of %s, seed %d: train %v, validation %v, test %v", what, f.cfg.Seed, fr.Train, fr.Validation, fr.Test)
}

func (f *FittedSplit) border(i int) string {
	u := f.borders[i]
	const day = 86400
	switch {
	case f.field.Type == table.Date && u > -1e7 && u < 1e7:
		return time.Unix(u*day, 0).UTC().Format("2006-01-02")
	case f.field.Type == table.Timestamp:
		seconds := f.ticks / int64(f.field.Unit)
		format := "2006-01-02"
		if seconds < day {
			format = "2006-01-02T15:04"
		}
		return time.Unix(u*seconds, 0).UTC().Format(format)
	}
	return fmt.Sprint(u)
}

// fittedSplitState is a FittedSplit as it is stored.
type fittedSplitState struct {
	Config  Split       `json:"config"`
	Field   table.Field `json:"field"`
	Ticks   int64       `json:"ticks,omitempty"`
	Borders [2]int64    `json:"borders"`
	Strata  []stratum   `json:"strata,omitempty"`
}

// AppendBinary appends the fitted split as JSON: it is small, and part of a run's record.
func (f *FittedSplit) AppendBinary(b []byte) ([]byte, error) {
	j, err := json.Marshal(fittedSplitState{f.cfg, f.field, f.ticks, f.borders, f.strata})
	return append(b, j...), err
}

// UnmarshalBinary reads what AppendBinary wrote.
func (f *FittedSplit) UnmarshalBinary(b []byte) error {
	var s fittedSplitState
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("split: damaged state: %w", err)
	}
	if err := s.Config.Validate(); err != nil {
		return fmt.Errorf("split: damaged state: %w", err)
	}
	for i, c := range s.Strata {
		if c.Class == "" || i > 0 && c.Class <= s.Strata[i-1].Class {
			return errors.New("split: damaged state: its classes are not in order")
		}
	}
	if s.Ticks < 0 || s.Config.Method == splitTime && s.Field.Type == table.Timestamp && (s.Ticks == 0 || s.Field.Unit <= 0) {
		return errors.New("split: damaged state: it has no unit of time")
	}
	*f = FittedSplit{cfg: s.Config, field: s.Field, ticks: s.Ticks, borders: s.Borders, strata: s.Strata}
	f.prepare()
	return nil
}
