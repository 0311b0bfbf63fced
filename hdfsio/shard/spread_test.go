package shard

import (
	"slices"
	"testing"

	"howdah/internal/table"
)

// spread agrees with going row by row, wherever the bits begin and however the nulls lie.
func TestSpread(t *testing.T) {
	t.Parallel()
	h := uint64(7)
	for round := range 3000 {
		h = h*6364136223846793005 + 1442695040888963407
		n, at := int(h>>33)%300, int(h>>20)%130
		dense := int(h>>50) % 8 // of 8
		valid := table.NewBitmap(at + n)
		var values, want []int64
		for i := range n {
			h = h*6364136223846793005 + 1442695040888963407
			if round%3 != 0 && int(h>>40)%8 < dense || round%3 == 0 && int(h>>40)%64 != 0 {
				valid.Set(at + i)
				values = append(values, int64(i+1))
				want = append(want, int64(i+1))
			} else {
				want = append(want, 0)
			}
		}
		dst := make([]int64, n)
		for i := range dst {
			dst[i] = -1 // what lies there before
		}
		copy(dst, values)
		spread(dst, valid, at, len(values))
		if !slices.Equal(dst, want) {
			t.Fatalf("%d rows from bit %d: %v, want %v", n, at, dst, want)
		}
	}
}
