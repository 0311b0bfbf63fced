package shard

import (
	"encoding/binary"
	"math"

	"github.com/parquet-go/parquet-go/format"

	"howdah/internal/table"
)

// Range is what statistics say about a column over a run of rows. It is a bound, not a fact: no value lies outside it,
// but Min and Max themselves need not occur. For text and bytes they may be prefixes, cut short (Max then rounded up).
//
// NaNs are never in the range and never counted: where Type is a float, any row may be NaN besides. A condition that is
// true for NaN must not be pruned by a range.
type Range struct {
	Type  table.Type
	Unit  table.Unit
	Known bool // Min and Max are set
	// One pair, after the Type: integers, dates, times and booleans (0, 1); numbers; text and bytes.
	MinInt, MaxInt     int64
	MinFloat, MaxFloat float64
	MinBytes, MaxBytes []byte
	// Nulls is the number of rows without a value; -1: not known. It is 0 only for columns that cannot have any: the
	// counts of some writers (xitongsys/parquet-go with dictionaries) are 0 whatever the column holds.
	Nulls int64
	Rows  int64
}

// Stats looks up what is known of a column; false if nothing is.
type Stats func(column string) (Range, bool)

// rangeOf reads a column's statistics, in the type that is wanted of it. Bounds are plain-encoded values.
func rangeOf(l *leaf, want table.Field, minv, maxv []byte, nulls, rows int64) Range {
	r := Range{Type: want.Type, Unit: want.Unit, Nulls: nulls, Rows: rows}
	if nulls <= 0 || nulls > rows {
		r.Nulls = -1 // some writers say 0 where there are nulls
	}
	if !l.field.Nullable {
		r.Nulls = 0
	}
	if minv == nil || maxv == nil || want.List || l.repeated() {
		return r
	}
	switch l.form {
	case formBool:
		if len(minv) == 1 && len(maxv) == 1 {
			r.MinInt, r.MaxInt, r.Known = int64(minv[0]&1), int64(maxv[0]&1), true
		}
	case formInt, formUint:
		lo, ok1 := statInt(l, minv)
		hi, ok2 := statInt(l, maxv)
		if !ok1 || !ok2 {
			return r
		}
		if want.Type == table.Float64 {
			r.MinFloat, r.MaxFloat, r.Known = float64(lo), float64(hi), true
			return r
		}
		if f := unitFactor(l.field, want); f > 1 {
			if lo > math.MaxInt64/f || lo < math.MinInt64/f || hi > math.MaxInt64/f || hi < math.MinInt64/f {
				return r
			}
			lo, hi = lo*f, hi*f
		}
		r.MinInt, r.MaxInt, r.Known = lo, hi, true
	case formFloat, formDouble, formHalf:
		lo, ok1 := statFloat(l, minv)
		hi, ok2 := statFloat(l, maxv)
		if ok1 && ok2 && lo == lo && hi == hi {
			if lo == 0 {
				lo = math.Copysign(0, -1) // writers may have recorded either zero
			}
			if hi == 0 {
				hi = 0
			}
			r.MinFloat, r.MaxFloat, r.Known = lo, hi, true
		}
	case formDecimal:
		lo, ok1 := statDecimal(l, minv)
		hi, ok2 := statDecimal(l, maxv)
		if ok1 && ok2 {
			r.MinFloat, r.MaxFloat, r.Known = lo, hi, true
		}
	case formBytes:
		r.MinBytes, r.MaxBytes, r.Known = minv, maxv, true
	}
	if r.Known && (r.MinInt > r.MaxInt || r.MinFloat > r.MaxFloat || string(r.MinBytes) > string(r.MaxBytes)) {
		return Range{Type: want.Type, Unit: want.Unit, Nulls: r.Nulls, Rows: rows} // nonsense is no knowledge
	}
	return r
}

// chunkBounds returns a chunk's min and max, or nil where the writer left none that can be trusted: the deprecated
// fields were compared as signed bytes by old writers, so they are used for signed numbers only.
func chunkBounds(l *leaf, k *chunk) (minv, maxv []byte) {
	if k.min != nil && k.max != nil {
		return k.min, k.max
	}
	switch l.form {
	case formInt, formFloat, formDouble, formBool:
		return k.legacyMin, k.legacyMax
	}
	return nil, nil
}

func statInt(l *leaf, b []byte) (int64, bool) {
	switch {
	case l.physical == format.Int32 && len(b) == 4:
		v := binary.LittleEndian.Uint32(b)
		if l.form == formUint {
			return int64(v), true
		}
		return int64(int32(v)), true
	case l.physical == format.Int64 && len(b) == 8:
		v := binary.LittleEndian.Uint64(b)
		return int64(v), l.form != formUint || v <= math.MaxInt64
	}
	return 0, false
}

func statFloat(l *leaf, b []byte) (float64, bool) {
	switch {
	case l.form == formFloat && len(b) == 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), true
	case l.form == formDouble && len(b) == 8:
		return math.Float64frombits(binary.LittleEndian.Uint64(b)), true
	case l.form == formHalf && len(b) == 2:
		return float64(halfToFloat(binary.LittleEndian.Uint16(b))), true
	}
	return 0, false
}

func statDecimal(l *leaf, b []byte) (float64, bool) {
	switch {
	case l.physical == format.Int32 && len(b) == 4, l.physical == format.Int64 && len(b) == 8:
		v, _ := statInt(l, b)
		return decimal(v, l.scale), true
	case l.physical == format.FixedLenByteArray && len(b) == l.length:
		return decimalBytes(b, l.scale), true
	}
	return 0, false // of variable length they may be cut short
}

// unitFactor is what times in a field's unit are multiplied by to be in the wanted one.
func unitFactor(have, want table.Field) int64 {
	if have.Unit == 0 || want.Unit <= have.Unit {
		return 1
	}
	return int64(want.Unit / have.Unit)
}
