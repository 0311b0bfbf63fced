package preprocess

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strconv"

	"howdah/internal/splitmix"
	"howdah/internal/table"
)

// RowIDs writes a 64-bit hash of each row's identity: the value of the id column or, where that is "", the shard's path
// below the data root with the row's number in the file. It depends on no seed, and a value has the same hash however its
// column is stored (coded or plain text, integer or double). dst has b.Rows entries. A null id is an error.
//
// It is to be called on a batch as it was read, before rows are taken out of it.
func RowIDs(b *table.Batch, idColumn string, dst []uint64) error {
	if len(dst) != b.Rows {
		return fmt.Errorf("row ids: room for %d rows, the batch has %d", len(dst), b.Rows)
	}
	if idColumn == "" {
		// One multiplication a row keeps distinct rows of a file distinct: both steps are bijections.
		base := hashText(hashPlace, []byte(b.Shard))
		for i := range dst {
			dst[i] = splitmix.Mix(base + uint64(b.RowNumber(i))*splitmix.Gamma)
		}
		return nil
	}
	c := b.Lookup(idColumn)
	if c == nil {
		return fmt.Errorf("%s: id column %q: %w", b.Shard, idColumn, table.ErrNoColumn)
	}
	return hashColumn(b, "id", idColumn, c, dst)
}

// Domains of the hash, so that the text "5" and the number 5 and row 5 are different things.
const (
	hashPlace = 0x70c3a1b5d2e4f687
	hashTexts = 0x2d358dccaa6c78a5
	hashInts  = 0x8bb84b93962eacc9
	hashFloat = 0x4b33a62ed433d4a3
	hashBools = 0x4d5a2da51de1aa47
)

// hashColumn writes a hash of each value; role says what the column is for in errors.
func hashColumn(b *table.Batch, role, name string, c table.Column, dst []uint64) error {
	if c.Len() != len(dst) {
		return fmt.Errorf("%s: %s column %q has %d rows, the batch %d", b.Shard, role, name, c.Len(), len(dst))
	}
	var valid table.Bitmap
	switch c := c.(type) {
	case *table.Int64s:
		valid = c.Valid
		for i, v := range c.Values {
			dst[i] = hashInt(v)
		}
	case *table.Float64s:
		valid = c.Valid
		for i, v := range c.Values {
			dst[i] = hashNumber(v)
		}
	case *table.Float32s:
		valid = c.Valid
		for i, v := range c.Values {
			dst[i] = hashNumber(float64(v))
		}
	case *table.Bools:
		valid = c.Valid
		for i, v := range c.Values {
			dst[i] = splitmix.Mix(hashBools)
			if v {
				dst[i] = splitmix.Mix(hashBools + 1)
			}
		}
	case *table.Strings:
		valid = c.Valid
		for i := range dst {
			dst[i] = hashText(hashTexts, c.At(i))
		}
	case *table.Coded:
		valid = c.Valid
		if n := c.Dict.Len(); n <= len(dst) {
			hashes := make([]uint64, n)
			for i := range hashes {
				hashes[i] = hashText(hashTexts, c.Dict.At(i))
			}
			for i, code := range c.Codes {
				if valid.Get(i) {
					dst[i] = hashes[code]
				}
			}
		} else { // a dictionary larger than the batch: only what the rows name
			for i, code := range c.Codes {
				if valid.Get(i) {
					dst[i] = hashText(hashTexts, c.Dict.At(int(code)))
				}
			}
		}
	default:
		return fmt.Errorf("%s: %s column %q holds lists", b.Shard, role, name)
	}
	if valid != nil {
		for i := range dst {
			if !valid.Get(i) {
				return fmt.Errorf("%s: row %d: %s column %q has no value; filter such rows (where: %s != nil)",
					b.Shard, b.RowNumber(i), role, name, name)
			}
		}
	}
	return nil
}

func hashInt(v int64) uint64 { return splitmix.Mix(hashInts ^ splitmix.Mix(uint64(v)+splitmix.Gamma)) }

// hashNumber hashes a double; an integer that has become a double hashes as the integer.
func hashNumber(v float64) uint64 {
	if v == math.Trunc(v) && math.Abs(v) < 1<<63 {
		return hashInt(int64(v))
	}
	return splitmix.Mix(hashFloat ^ splitmix.Mix(math.Float64bits(v)))
}

// hashText is a 64-bit hash of bytes: eight at a time, folded by 64x64 to 128-bit multiplication in the manner of wyhash
// (Wang Yi), with the length in the last step.
func hashText(domain uint64, b []byte) uint64 {
	const k0, k1 = 0xa0761d6478bd642f, 0xe7037ed1a0b428db
	h := domain
	n := uint64(len(b))
	for ; len(b) >= 8; b = b[8:] {
		h = fold(h^binary.LittleEndian.Uint64(b)^k0, k1^domain)
	}
	var tail uint64
	for i, c := range b {
		tail |= uint64(c) << (8 * i)
	}
	h = fold(h^tail^k1, k0^n)
	return splitmix.Mix(h ^ n)
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo ^ a // a keeps the step from losing everything where a factor is 0
}

// floatKey writes a number as labels and split values know it: integers without a point.
func floatKey(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
