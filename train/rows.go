package train

import (
	"context"
	"fmt"
	"iter"

	"howdah/internal/splitmix"
	"howdah/internal/table"
)

// Order says which batches of the rows to yield, and in what order.
type Order struct {
	// Sequential yields the rows as they lie; Seed and Epoch then say nothing. It is the order of evaluation and of
	// full-batch descent.
	Sequential bool
	Seed       uint64
	Epoch      int
	BatchSize  int // rows of a batch; the last one may be smaller
	Skip       int // batches to leave out at the beginning: those that were done before an interruption
}

// Rows are the encoded rows of one side of a split.
type Rows interface {
	Layout() table.Layout
	// Len is the number of rows.
	Len() int64
	// Batches yields each row once, in an order that is a pure function of (Seed, Epoch) and of the rows: neither the
	// batch size nor Skip changes it. A block is borrowed: read-only, and valid until the loop goes on. An error ends the
	// sequence, ctx's end included.
	Batches(ctx context.Context, o Order) iter.Seq2[*table.Encoded, error]
}

// Memory is Rows held in memory: for tests and small data.
type Memory struct {
	layout table.Layout
	all    *table.Encoded
}

// NewMemory returns rows in memory. It keeps e.
func NewMemory(l table.Layout, e *table.Encoded) (*Memory, error) {
	if err := checkShape(l, e); err != nil {
		return nil, err
	}
	return &Memory{l, e}, nil
}

// Layout says what a row is made of.
func (m *Memory) Layout() table.Layout { return m.layout }

// Len is the number of rows.
func (m *Memory) Len() int64 { return int64(m.all.Rows) }

// Batches yields the rows in a Fisher-Yates shuffle whose draws are hash(seed, epoch, i), or in sequence.
func (m *Memory) Batches(ctx context.Context, o Order) iter.Seq2[*table.Encoded, error] {
	return func(yield func(*table.Encoded, error) bool) {
		if o.BatchSize < 1 || o.Skip < 0 {
			yield(nil, fmt.Errorf("rows in memory: batch size %d, skip %d: want at least 1 and 0", o.BatchSize, o.Skip))
			return
		}
		e, n := m.all, m.all.Rows
		if o.Skip > n/o.BatchSize {
			return
		}
		first := o.Skip * o.BatchSize
		d, f := len(m.layout.Dense), len(m.layout.Codes)
		var perm []int32
		var own *table.Encoded
		if !o.Sequential {
			perm = shuffle(o.Seed, o.Epoch, n)
			b := min(o.BatchSize, n)
			own = &table.Encoded{Dense: make([]float32, b*d), Codes: make([]int32, b*f), Labels: make([]float32, b), IDs: make([]uint64, b)}
			if e.Weights != nil {
				own.Weights = make([]float32, b)
			}
		}
		for lo := first; lo < n; lo += o.BatchSize {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			hi := min(lo+o.BatchSize, n)
			b := &table.Encoded{}
			if o.Sequential {
				*b = table.Encoded{Rows: hi - lo, Dense: e.Dense[lo*d : hi*d], Codes: e.Codes[lo*f : hi*f], Labels: e.Labels[lo:hi], IDs: e.IDs[lo:hi]}
				if e.Weights != nil {
					b.Weights = e.Weights[lo:hi]
				}
			} else {
				for i, r := range perm[lo:hi] {
					copy(own.Dense[i*d:(i+1)*d], e.Dense[int(r)*d:])
					copy(own.Codes[i*f:(i+1)*f], e.Codes[int(r)*f:])
					own.Labels[i], own.IDs[i] = e.Labels[r], e.IDs[r]
					if e.Weights != nil {
						own.Weights[i] = e.Weights[r]
					}
				}
				k := hi - lo
				*b = table.Encoded{Rows: k, Dense: own.Dense[:k*d], Codes: own.Codes[:k*f], Labels: own.Labels[:k], IDs: own.IDs[:k]}
				if e.Weights != nil {
					b.Weights = own.Weights[:k]
				}
			}
			if !yield(b, nil) {
				return
			}
		}
	}
}

// shuffle returns a permutation of 0..n-1.
func shuffle(seed uint64, epoch, n int) []int32 {
	p := make([]int32, n)
	key := splitmix.Draw(splitmix.Draw(seed, purposeShuffle), uint64(epoch))
	for i := range p {
		j := splitmix.Below(splitmix.Draw(key, uint64(i)), uint64(i)+1)
		p[i] = p[j]
		p[j] = int32(i)
	}
	return p
}

// checkShape says whether every slice of e has the length that the layout and the number of rows ask for.
func checkShape(l table.Layout, e *table.Encoded) error {
	switch d, f := len(l.Dense), len(l.Codes); {
	case e.Rows < 0:
		return fmt.Errorf("encoded rows: %d rows", e.Rows)
	case len(e.Dense) != e.Rows*d:
		return fmt.Errorf("encoded rows: %d dense numbers for %d rows of %d", len(e.Dense), e.Rows, d)
	case len(e.Codes) != e.Rows*f:
		return fmt.Errorf("encoded rows: %d codes for %d rows of %d", len(e.Codes), e.Rows, f)
	case len(e.Labels) != e.Rows:
		return fmt.Errorf("encoded rows: %d labels for %d rows", len(e.Labels), e.Rows)
	case e.Weights != nil && len(e.Weights) != e.Rows:
		return fmt.Errorf("encoded rows: %d weights for %d rows", len(e.Weights), e.Rows)
	case len(e.IDs) != e.Rows:
		return fmt.Errorf("encoded rows: %d ids for %d rows", len(e.IDs), e.Rows)
	}
	return nil
}
