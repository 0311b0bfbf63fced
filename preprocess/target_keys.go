package preprocess

import (
	"fmt"
	"math"
	"strconv"

	"howdah/internal/table"
)

// maxClasses is the number of classes a label may have.
const maxClasses = 1000

// keyIndex numbers the distinct values of a column by their text: the value itself, false or true, 5 for the integer and
// the double alike. It works once an entry of a dictionary and once a distinct number of a batch, not once a row.
type keyIndex struct {
	keys  []string
	byKey map[string]int32
	limit int // codes finds no room for more keys than this; 0: it adds none
}

// Codes of rows without a number.
const (
	keyNone    = -1 // null, NaN or an empty text
	keyUnknown = -2 // a value that is not in the index, where it adds none
	keyTooMany = -3 // a value that no longer fits
)

func (k *keyIndex) code(key []byte) int32 {
	if c, ok := k.byKey[string(key)]; ok {
		return c
	}
	switch {
	case k.limit == 0:
		return keyUnknown
	case len(k.keys) >= k.limit:
		return keyTooMany
	}
	if k.byKey == nil {
		k.byKey = map[string]int32{}
	}
	c := int32(len(k.keys))
	k.keys = append(k.keys, string(key))
	k.byKey[k.keys[c]] = c
	return c
}

// codes writes the number of each row's value. It returns the first row whose value found no room, or -1.
func (k *keyIndex) codes(c table.Column, dst []int32) (full int, err error) {
	var buf [32]byte
	switch c := c.(type) {
	case *table.Bools:
		known := [2]int32{math.MinInt32, math.MinInt32}
		for i, v := range c.Values {
			if !c.Valid.Get(i) {
				dst[i] = keyNone
				continue
			}
			at := 0
			if v {
				at = 1
			}
			if known[at] == math.MinInt32 {
				known[at] = k.code(strconv.AppendBool(buf[:0], v))
			}
			dst[i] = known[at]
		}
	case *table.Int64s:
		known := map[int64]int32{}
		var last int64
		code := int32(math.MinInt32)
		for i, v := range c.Values {
			if !c.Valid.Get(i) {
				dst[i] = keyNone
				continue
			}
			if v != last || code == math.MinInt32 {
				var ok bool
				if code, ok = known[v]; !ok {
					code = k.code(strconv.AppendInt(buf[:0], v, 10))
					known[v] = code
				}
				last = v
			}
			dst[i] = code
		}
	case *table.Float64s:
		floatCodes(k, c.Values, c.Valid, dst)
	case *table.Float32s:
		floatCodes(k, c.Values, c.Valid, dst)
	case *table.Strings:
		for i := range dst {
			dst[i] = keyNone
			if c.Valid.Get(i) && len(c.At(i)) > 0 {
				dst[i] = k.code(c.At(i))
			}
		}
	case *table.Coded:
		known := make([]int32, c.Dict.Len())
		for i := range known {
			known[i] = math.MinInt32
		}
		for i, e := range c.Codes {
			if !c.Valid.Get(i) {
				dst[i] = keyNone
				continue
			}
			if known[e] == math.MinInt32 {
				known[e] = keyNone
				if text := c.Dict.At(int(e)); len(text) > 0 {
					known[e] = k.code(text)
				}
			}
			dst[i] = known[e]
		}
	default:
		return -1, fmt.Errorf("holds lists, want one value a row")
	}
	for i, code := range dst {
		if code == keyTooMany {
			return i, nil
		}
	}
	return -1, nil
}

func floatCodes[F float32 | float64](k *keyIndex, values []F, valid table.Bitmap, dst []int32) {
	known := map[F]int32{}
	for i, v := range values {
		if !valid.Get(i) || v != v {
			dst[i] = keyNone
			continue
		}
		code, ok := known[v]
		if !ok {
			code = k.code([]byte(floatKey(float64(v))))
			known[v] = code
		}
		dst[i] = code
	}
}
