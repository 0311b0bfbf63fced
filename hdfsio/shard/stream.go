package shard

import (
	"errors"
	"io"
)

// stream is the bytes of one column chunk in order: either all of them, in a buffer filled by fetch, or a window that
// slides over the file, the next block being read while this one is decoded.
type stream struct {
	cur  []byte // the bytes at hand
	pos  int    // the next one
	left int64  // bytes of the chunk beyond cur and the block in flight

	// of a sliding window
	file     io.ReaderAt
	off      int64        // of the first byte beyond cur and the block in flight
	block    int          // how much to read next
	most     int          // what block may grow to
	again    bool         // the block before was used up as well
	start    int          // where in its buffer the block in flight lies: what is left of the one before fits ahead of it
	flight   chan fetched // a block being read, or nil
	inFlight int          // its bytes
	bufs     [2][]byte    // each has room for a block, and for as much before it
	turn     int          // the buffer that the next block goes to; cur may be in the other
	large    []byte       // cur, where more than a block is asked for

	// shared is memory for pages larger than a block, the same for all columns of a scan: such a page is read, decompressed
	// and done with before another column's turn, so that it stays in the processor's cache. nil: there is none.
	shared *[]byte
	// lent says that the page returned last lies there, or in a mapped file: it is not to be kept.
	lent bool
	// mapped: the chunk is looked at where the file is mapped.
	mapped bool
}

// Blocks begin small and grow as one after the other is used up. Where a page is larger than a block, little more than its header
// is read ahead: the page itself is then read in one go, to where it is wanted.
const (
	firstBlock = 64 << 10
	pagedBlock = 16 << 10
)

type fetched struct {
	n   int
	err error
}

// whole makes s read b, which is all of the chunk.
func (s *stream) whole(b []byte) {
	s.cur, s.pos, s.left, s.file, s.mapped = b, 0, 0, nil, false
}

// inPlace makes s read b, which is all of the chunk, in a mapped file.
func (s *stream) inPlace(b []byte) {
	s.whole(b)
	s.mapped = true
}

// slide makes s read a chunk of n bytes at off in blocks.
func (s *stream) slide(f io.ReaderAt, off, n int64, block int) {
	s.cur, s.pos, s.left, s.file, s.off, s.mapped = nil, 0, n, f, off, false
	s.most = int(min(int64(block), n))
	s.block, s.again = min(firstBlock, s.most), false
	s.launch()
}

// launch begins to read the next block.
func (s *stream) launch() {
	if s.left == 0 || s.flight != nil {
		return
	}
	n := int(min(int64(s.block), s.left))
	if cap(s.bufs[s.turn]) < 2*s.block+slack {
		s.bufs[s.turn] = make([]byte, 2*s.block+slack)
	}
	s.start = s.block
	b := s.bufs[s.turn][s.start : s.start+n]
	ch := make(chan fetched, 1)
	s.flight = ch
	f, off := s.file, s.off
	s.off += int64(n)
	s.left -= int64(n)
	s.inFlight = n
	go func() {
		defer func() {
			if p := recover(); p != nil {
				ch <- fetched{0, panicError(p)}
			}
		}()
		ch <- fetched{n, readFull(f, b, off)}
	}()
}

// remaining is the number of bytes of the chunk that are not consumed.
func (s *stream) remaining() int64 {
	n := int64(len(s.cur)-s.pos) + s.left
	if s.flight != nil {
		n += int64(s.inFlight)
	}
	return n
}

// peek returns at least n bytes from here on, or all that are left, without consuming them. They are valid until the
// next peek.
func (s *stream) peek(n int) ([]byte, error) { return s.fill(n, false) }

// take returns the next n bytes, or all that are left, and consumes them. They are valid until the next call, and if lent is
// set, until any stream that shares memory with this one moves on.
func (s *stream) take(n int) ([]byte, error) {
	s.lent = s.mapped
	b, err := s.fill(n, s.shared != nil)
	if err != nil {
		return nil, err
	}
	b = b[:min(n, len(b))]
	s.pos += len(b)
	return b, nil
}

// fill makes n bytes ready. lend allows them to lie in shared memory; they must be consumed at once then.
func (s *stream) fill(n int, lend bool) ([]byte, error) {
	for len(s.cur)-s.pos < n {
		if s.flight == nil {
			if s.left == 0 {
				break
			}
			s.launch()
		}
		got := <-s.flight
		s.flight = nil
		if got.err != nil {
			s.cur, s.pos, s.left = nil, 0, 0
			return nil, &readError{got.err}
		}
		// Most often what is left of the last block fits before the new one.
		rest, buf := s.cur[s.pos:], s.bufs[s.turn]
		if from := s.start - len(rest); from >= 0 {
			copy(buf[from:], rest)
			s.cur, s.pos = buf[from:s.start+got.n], 0
			if s.again {
				s.block = min(2*s.block, s.most)
			}
			s.again = true
		} else {
			// What is asked for is a page larger than a block: what else it takes goes straight to its place, in one read.
			have := len(rest) + got.n
			need := have + int(min(s.left, int64(max(n-have, 0))))
			memory := &s.large
			if lend && need == n { // nothing will be left over
				memory, s.lent = s.shared, true
			}
			large := *memory
			if cap(large) < need+slack {
				large = make([]byte, need+slack)
			}
			large = large[:need]
			copy(large, rest) // which may lie in the same memory, further on
			copy(large[len(rest):], buf[s.start:s.start+got.n])
			if err := readFull(s.file, large[have:], s.off); err != nil {
				s.cur, s.pos, s.left = nil, 0, 0
				return nil, &readError{err}
			}
			s.off += int64(need - have)
			s.left -= int64(need - have)
			*memory, s.cur, s.pos = large, large, 0
			s.block, s.again = min(pagedBlock, s.most), false
		}
		s.turn ^= 1
		s.launch()
	}
	return s.cur[s.pos:], nil
}

// consume passes over n bytes that were peeked.
func (s *stream) consume(n int) { s.pos += n }

// skip passes over n bytes, which need not be at hand.
func (s *stream) skip(n int64) error {
	for n > 0 {
		b, err := s.peek(1)
		if err != nil {
			return err
		}
		if len(b) == 0 {
			return io.ErrUnexpectedEOF
		}
		k := min(int64(len(b)), n)
		s.consume(int(k))
		n -= k
	}
	return nil
}

// stop waits for a read in flight.
func (s *stream) stop() {
	if s.flight != nil {
		<-s.flight
		s.flight = nil
	}
	s.cur, s.pos, s.left, s.file = nil, 0, 0, nil
}

// readError is an error of the file system, not of what the file holds.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// unreadable reports whether err came from the file system. A file that ends early is damaged, though.
func unreadable(err error) bool {
	var re *readError
	return errors.As(err, &re) && !errors.Is(err, io.ErrUnexpectedEOF)
}
