package shard

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// Budget bounds the bytes that all readers sharing it hold at once, in fetched column chunks and decompressed pages. It
// is shared out over the workers: a reader that needs more than its share for a row group reads it in windows.
// A page and a dictionary are reckoned at 1 MiB for each column, as most writers have them; where a file's are larger, or so
// many columns are read that these alone exceed the share, that is what a reader holds at least.
//
// A reader takes what it needs for a unit at once, before it reads, and waits while it holds nothing; so readers cannot
// block each other for ever. The one way to do so is for one goroutine to hold a reader's loop open while it waits
// in another reader's; use two budgets then.
type Budget struct {
	limit, share int64

	mu    sync.Mutex
	used  int64
	queue []*waiter // in order of arrival
	free  [][]byte  // buffers to use again; counted in kept
	kept  int64
}

type waiter struct {
	n     int64
	ready chan struct{}
}

// MinShare is the least memory that a worker can read with.
const MinShare = 1 << 20

// NewBudget shares out limit bytes over a number of workers. Each gets at least MinShare.
func NewBudget(limit int64, workers int) *Budget {
	workers = max(workers, 1)
	limit = max(limit, MinShare*int64(workers))
	return &Budget{limit: limit, share: limit / int64(workers)}
}

// Share is what one reader may hold.
func (b *Budget) Share() int64 { return b.share }

// Used is what is held now, for progress records and tests.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// acquire waits until n bytes are free; who came first is served first.
func (b *Budget) acquire(ctx context.Context, n int64) error {
	if n > b.limit {
		return fmt.Errorf("%d bytes asked of a budget of %d", n, b.limit)
	}
	b.mu.Lock()
	if len(b.queue) == 0 && b.used+n <= b.limit {
		b.take(n)
		b.mu.Unlock()
		return nil
	}
	w := &waiter{n, make(chan struct{})}
	b.queue = append(b.queue, w)
	b.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.queue, w); i >= 0 {
		b.queue = slices.Delete(b.queue, i, i+1)
	} else {
		b.used -= n // it was granted meanwhile
	}
	b.serve()
	return ctx.Err()
}

func (b *Budget) release(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	b.serve()
}

func (b *Budget) serve() {
	for len(b.queue) > 0 && b.used+b.queue[0].n <= b.limit {
		b.take(b.queue[0].n)
		close(b.queue[0].ready)
		b.queue = b.queue[1:]
	}
}

// take counts n bytes as used, and lets go of idle buffers that would exceed the limit together with them.
func (b *Budget) take(n int64) {
	b.used += n
	for len(b.free) > 0 && b.used+b.kept > b.limit {
		b.kept -= int64(cap(b.free[0]))
		b.free = b.free[1:]
	}
}

// buffer returns n bytes, an idle buffer if one is about as large. The caller has acquired them.
func (b *Budget) buffer(n int64) []byte {
	b.mu.Lock()
	best := -1
	for i, f := range b.free {
		if c := int64(cap(f)); c >= n && c <= n+n/4+2<<20 && (best < 0 || c < int64(cap(b.free[best]))) {
			best = i
		}
	}
	var buf []byte
	if best >= 0 {
		buf = b.free[best]
		b.kept -= int64(cap(buf))
		b.free = slices.Delete(b.free, best, best+1)
	}
	b.mu.Unlock()
	if buf == nil {
		const step = 1 << 20 // so that row groups of about one size share buffers
		if n < step {
			return make([]byte, n)
		}
		buf = make([]byte, (n+step-1)/step*step)
	}
	return buf[:n]
}

// recycle keeps a buffer for later, within the limit. Its bytes are still acquired; release them after.
func (b *Budget) recycle(buf []byte) {
	if cap(buf) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.kept+int64(cap(buf)) <= b.limit/2 {
		b.free = append(b.free, buf)
		b.kept += int64(cap(buf))
	}
}
