package shard

import (
	"cmp"
	"slices"
	"sync"
)

// launch begins to fetch a row group's chunks.
func (sc *scan) launch(g int) {
	ch := make(chan *slab, 1)
	sc.flight = ch
	go func() {
		s := &slab{chunks: make([][]byte, len(sc.leaves)), failed: -1}
		defer func() {
			if p := recover(); p != nil {
				s.err = panicError(p)
			}
			ch <- s
		}()
		sc.fetch(g, s)
	}()
}

// Reads of chunks that lie close together become one; a read of its own costs a connection on HDFS (1.4 ms, as much as
// 1 MiB takes), and reads go on side by side.
const (
	closeBy     = 128 << 10
	readAtMost  = 8 << 20
	readersSide = 4
)

// piece is one read: a run of bytes of the file, and the columns whose chunks are in it.
type piece struct {
	off, len int64
	at       int64 // where it goes in the slab
	cols     []int
}

func (sc *scan) fetch(g int, s *slab) {
	chunks := sc.meta.groups[g].chunks
	var order []int
	for i, j := range sc.leaves {
		if j >= 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Compare(chunks[sc.leaves[a]].start(), chunks[sc.leaves[b]].start())
	})
	var pieces []piece
	var total int64
	for _, i := range order {
		k := &chunks[sc.leaves[i]]
		if n := len(pieces); n > 0 {
			p := &pieces[n-1]
			end := p.off + p.len
			if gap := k.start() - end; gap >= 0 && gap <= min(closeBy, k.size) && k.start()+k.size-p.off <= readAtMost {
				total += gap + k.size
				p.len += gap + k.size
				p.cols = append(p.cols, i)
				continue
			}
		}
		pieces = append(pieces, piece{k.start(), k.size, total, []int{i}})
		total += k.size
	}
	s.buf = sc.r.opt.Budget.buffer(total + slack)
	var wg sync.WaitGroup
	var mu sync.Mutex
	gate := make(chan struct{}, readersSide)
	for p := range pieces {
		p := &pieces[p]
		one := func() {
			err := readFull(sc.file, s.buf[p.at:p.at+p.len], p.off)
			if err != nil {
				mu.Lock()
				if s.err == nil || p.cols[0] < s.failed { // the same error every time, if several fail
					s.err, s.failed = &readError{err}, p.cols[0]
				}
				mu.Unlock()
			}
		}
		if len(pieces) == 1 {
			one()
			break
		}
		gate <- struct{}{}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() { <-gate }()
			defer func() {
				if r := recover(); r != nil {
					mu.Lock()
					s.err, s.failed = panicError(r), p.cols[0]
					mu.Unlock()
				}
			}()
			one()
		}()
	}
	wg.Wait()
	for _, p := range pieces {
		for _, i := range p.cols {
			k := &chunks[sc.leaves[i]]
			from := p.at + k.start() - p.off
			s.chunks[i] = s.buf[from : from+k.size]
		}
	}
}
