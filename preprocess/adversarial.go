package preprocess

import (
	"fmt"
	"math"
	"strings"

	"howdah/internal/table"
)

// adversarialRows is how many rows Adversarial makes: more than any column has hostile values, and not a multiple of
// their numbers, so that they meet in many combinations.
const adversarialRows = 61

// Adversarial makes rows that a model in service may meet and training did not: missing values, NaN, infinities, the ends
// of the ranges, text never seen, not UTF-8 or long; among them values of the sample, a batch with the fields' columns. A model
// must answer for each of them, with the same bits as its graph.
func Adversarial(fields []table.Field, sample *table.Batch) (*table.Batch, error) {
	out := &table.Batch{Origin: table.Origin{Shard: "adversarial rows"}, Rows: adversarialRows}
	for k, f := range fields {
		s := source{field: f}
		c, err := s.find(sample)
		if err != nil {
			return nil, err
		}
		var valid table.Bitmap
		if f.Nullable {
			valid = table.NewBitmap(adversarialRows)
			for i := range adversarialRows {
				if (i+k)%7 != 3 {
					valid.Set(i)
				}
			}
		}
		col, err := hostileColumn(f, c, k, valid)
		if err != nil {
			return nil, err
		}
		out.Put(f.Name, col)
	}
	return out, nil
}

// hostile picks for each row one of the hostile values or, every third time, one of the sample's.
func hostile[T any](k int, list, sample []T) []T {
	out := make([]T, adversarialRows)
	for i := range out {
		out[i] = list[(i*(k+1)+k)%len(list)]
		if i%3 == 0 && len(sample) > 0 {
			out[i] = sample[i%len(sample)]
		}
	}
	return out
}

func hostileColumn(f table.Field, c table.Column, k int, valid table.Bitmap) (table.Column, error) {
	switch c := c.(type) {
	case *table.Float64s:
		list := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 0, math.Copysign(0, -1), 5e-324,
			-1, -1 - 1e-9, 1e18, -1e18, 1e39, math.MaxFloat32, 0.1}
		return &table.Float64s{Values: hostile(k, list, c.Values), Valid: valid}, nil
	case *table.Float32s:
		list := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, -math.MaxFloat32, 0,
			float32(math.Copysign(0, -1)), 1e-45, -1, -1.5, 1e18, 0.1}
		return &table.Float32s{Values: hostile(k, list, c.Values), Valid: valid}, nil
	case *table.Int64s:
		list := []int64{0, 1, -1, math.MaxInt64, math.MinInt64, math.MinInt64 + 1, 1 << 53, -1 << 53, 123456789}
		if f.Type == table.Int64 && f.Nullable {
			list = []int64{0, 1, -1, maxExact, -maxExact, maxExact - 1, 123456789}
		}
		return &table.Int64s{Values: hostile(k, list, c.Values), Valid: valid}, nil
	case *table.Bools:
		return &table.Bools{Values: hostile(k, []bool{true, false}, c.Values), Valid: valid}, nil
	}
	list := []string{"", "\x00", " ", "never seen before", "\xff", "a\xe2\x82", "\xf0\x9f\x98\x80", "\xed\xa0\x80", "Ünïcödé", strings.Repeat("long ", 300)}
	var words []string
	for i := range min(c.Len(), adversarialRows) {
		if c.IsNull(i) {
			continue
		}
		switch c := c.(type) {
		case *table.Strings:
			words = append(words, string(c.At(i)))
		case *table.Coded:
			words = append(words, string(c.Dict.At(int(c.Codes[i]))))
		default:
			return nil, fmt.Errorf("column %q: no hostile values for %T", f.Name, c)
		}
	}
	out := &table.Strings{Valid: valid}
	for _, w := range hostile(k, list, words) {
		out.Append([]byte(w))
	}
	return out, nil
}
