// Byte strings, in each of the encodings that they have.

package shard

import (
	"encoding/binary"
	"fmt"

	"howdah/internal/table"
)

// each calls f with each of the next n byte strings, which are valid until it returns.
func (v *values) each(n int, f func([]byte) error) error {
	switch v.mode {
	case modePlain:
		if v.size > 0 {
			return v.eachFixed(n, f)
		}
		for range n {
			if len(v.data)-v.pos < 4 {
				return errValuesEnd
			}
			size := int64(binary.LittleEndian.Uint32(v.data[v.pos:]))
			v.pos += 4
			if size > int64(len(v.data)-v.pos) {
				return errValuesEnd
			}
			b := v.data[v.pos : v.pos+int(size)]
			v.pos += int(size)
			if err := f(b); err != nil {
				return err
			}
		}
		return nil
	case modeSplit:
		return v.eachFixed(n, f)
	case modeDict:
		codes, err := v.codesOf(n)
		if err != nil {
			return err
		}
		if err := checkCodes(codes, v.dict.n); err != nil {
			return err
		}
		for _, c := range codes {
			if err := f(v.dict.bytes.At(int(c))); err != nil {
				return err
			}
		}
		return nil
	case modeDeltaLength:
		for n > 0 {
			k := min(n, table.BatchRows)
			lengths, err := v.deltas(k)
			if err != nil {
				return err
			}
			for _, size := range lengths {
				if size < 0 || size > int64(len(v.data)-v.pos) {
					return errValuesEnd
				}
				b := v.data[v.pos : v.pos+int(size)]
				v.pos += int(size)
				if err := f(b); err != nil {
					return err
				}
			}
			n -= k
		}
		return nil
	case modeDeltaBytes:
		return v.eachDeltaBytes(n, f)
	}
	return fmt.Errorf("encoding %d of byte strings", v.mode)
}

func (v *values) eachFixed(n int, f func([]byte) error) error {
	b, err := v.fixed(n)
	if err != nil {
		return err
	}
	for i := range n {
		if err := f(b[i*v.size:][:v.size]); err != nil {
			return err
		}
	}
	return nil
}

// eachDeltaBytes decodes strings that share a beginning with the one before.
func (v *values) eachDeltaBytes(n int, f func([]byte) error) error {
	for n > 0 {
		k := min(n, table.BatchRows/2)
		all := v.longs()
		prefixes, lengths := all[:k], all[table.BatchRows/2:][:k]
		if err := v.prefixes.ints(prefixes); err != nil {
			return err
		}
		if err := v.ints.ints(lengths); err != nil {
			return err
		}
		for i, p := range prefixes {
			size := lengths[i]
			if p < 0 || p > int64(len(v.previous)) || size < 0 || size > int64(len(v.data)-v.pos) {
				return errValuesEnd
			}
			v.previous = append(v.previous[:p], v.data[v.pos:v.pos+int(size)]...)
			v.pos += int(size)
			if err := f(v.previous); err != nil {
				return err
			}
		}
		n -= k
	}
	return nil
}
