package sketch

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// BottomK is a uniform sample of at most K rows: those whose hashes are smallest. Which rows stay depends on the hashes
// alone, so updates and merges are exact in any order (Cohen and Kaplan, Summarizing data using bottom-k sketches, 2007). The hash
// is of the row's identity with a seed; the payload is what the caller wants to keep of the row. Equal hashes are ordered
// by payload. The zero value takes the K of the first sketch it is merged with.
type BottomK struct {
	K     int
	count int64  // of rows seen
	rows  []Kept // at most 2K; sorted and cut to K by settle
	dirty bool
}

// Kept is a row of a sample.
type Kept struct {
	Hash    uint64
	Payload []byte
}

func compareKept(a, b Kept) int {
	return cmp.Or(cmp.Compare(a.Hash, b.Hash), bytes.Compare(a.Payload, b.Payload))
}

// Wants reports whether a row of that hash may enter the sample, so that its payload need not be made otherwise. The row
// must then be counted by Skip.
func (s *BottomK) Wants(hash uint64) bool {
	return s.K > 0 && (len(s.rows) < s.K || s.dirty || hash <= s.rows[s.K-1].Hash)
}

// Skip counts rows that the sample does not want.
func (s *BottomK) Skip(n int64) { s.count += n }

// Add shows a row to the sample, which copies the payload if it keeps it.
func (s *BottomK) Add(hash uint64, payload []byte) {
	s.count++
	if !s.Wants(hash) {
		return
	}
	s.rows = append(s.rows, Kept{hash, bytes.Clone(payload)})
	s.dirty = true
	if len(s.rows) >= 2*s.K {
		s.settle()
	}
}

func (s *BottomK) settle() {
	if !s.dirty {
		return
	}
	slices.SortFunc(s.rows, compareKept)
	if len(s.rows) > s.K {
		clear(s.rows[s.K:])
		s.rows = s.rows[:s.K]
	}
	s.dirty = false
}

// Rows lists the sample in ascending order of hash. It belongs to the sketch.
func (s *BottomK) Rows() []Kept {
	s.settle()
	return s.rows
}

// Count is the number of rows seen.
func (s *BottomK) Count() int64 { return s.count }

// Merge adds what o has seen. Samples of different sizes do not merge.
func (s *BottomK) Merge(o *BottomK) error {
	if s.K == 0 && s.count == 0 {
		s.K = o.K
	}
	if o.K != s.K && o.count > 0 {
		return fmt.Errorf("bottom-k samples of %d and %d rows do not merge", s.K, o.K)
	}
	n := s.count + o.count
	for _, r := range o.rows {
		s.Add(r.Hash, r.Payload)
	}
	s.count = n
	return nil
}

const bottomKind, bottomVersion = 'B', 1

// AppendBinary appends the sketch's bytes.
func (s *BottomK) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(appendHeader(b, bottomKind, bottomVersion), uint64(max(s.K, 0)))
	b = binary.AppendUvarint(b, uint64(s.count))
	rows := slices.Clone(s.rows)
	slices.SortFunc(rows, compareKept)
	rows = rows[:min(len(rows), max(s.K, 0))]
	b = binary.AppendUvarint(b, uint64(len(rows)))
	for _, r := range rows {
		b = binary.LittleEndian.AppendUint64(b, r.Hash)
		b = append(binary.AppendUvarint(b, uint64(len(r.Payload))), r.Payload...)
	}
	return b, nil
}

// UnmarshalBinary replaces the sketch by the one that b describes.
func (s *BottomK) UnmarshalBinary(b []byte) error {
	r := open("BottomK", b, bottomKind, bottomVersion)
	x := BottomK{K: int(r.count()), count: r.count()}
	n := r.length(9)
	if n > x.K || int64(n) > x.count {
		r.fail("%d rows of at most %d, %d seen", n, x.K, x.count)
	}
	for i := 0; i < n && r.err == nil; i++ {
		row := Kept{r.uint64(), bytes.Clone(r.bytes())}
		if i > 0 && compareKept(x.rows[i-1], row) > 0 {
			r.fail("rows out of order")
		}
		x.rows = append(x.rows, row)
	}
	if err := r.close(); err != nil {
		return err
	}
	*s = x
	return nil
}
