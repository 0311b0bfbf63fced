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
	left int64  // bytes of the chunk beyond cur

	// of a sliding window
	file   io.ReaderAt
	off    int64 // of the first byte beyond cur and the block in flight
	block  int
	flight chan fetched // a block being read, or nil
	spare  []byte       // a buffer of an earlier block
	joined [2][]byte    // buffers for cur
	flip   int
}

type fetched struct {
	b   []byte
	err error
}

// whole makes s read b, which is all of the chunk.
func (s *stream) whole(b []byte) {
	s.cur, s.pos, s.left, s.file = b, 0, 0, nil
}

// slide makes s read a chunk of n bytes at off in blocks.
func (s *stream) slide(f io.ReaderAt, off, n int64, block int) {
	s.cur, s.pos, s.left, s.file, s.off, s.block = nil, 0, n, f, off, block
	s.launch()
}

// launch begins to read the next block.
func (s *stream) launch() {
	n := min(int64(s.block), s.left)
	if n == 0 || s.flight != nil {
		return
	}
	b := s.spare
	s.spare = nil
	if int64(cap(b)) < n {
		b = make([]byte, n, s.block)
	}
	b = b[:n]
	ch := make(chan fetched, 1)
	s.flight = ch
	f, off := s.file, s.off
	s.off += n
	go func() {
		defer func() {
			if p := recover(); p != nil {
				ch <- fetched{b, panicError(p)}
			}
		}()
		err := readFull(f, b, off)
		ch <- fetched{b, err}
	}()
}

// remaining is the number of bytes of the chunk that are not consumed.
func (s *stream) remaining() int64 { return int64(len(s.cur)-s.pos) + s.left }

// peek returns at least n bytes from here on, or all that are left, without consuming them. They are valid until the
// next peek.
func (s *stream) peek(n int) ([]byte, error) {
	if have := len(s.cur) - s.pos; have >= n || s.left == 0 {
		return s.cur[s.pos:], nil
	}
	for len(s.cur)-s.pos < n && s.left > 0 {
		s.launch()
		got := <-s.flight
		s.flight = nil
		if got.err != nil {
			s.spare = got.b
			return nil, &readError{got.err}
		}
		s.left -= int64(len(got.b))
		rest := s.cur[s.pos:]
		// cur may be joined[flip]: the new one goes to the other buffer.
		s.flip ^= 1
		buf := s.joined[s.flip][:0]
		if need := len(rest) + len(got.b); cap(buf) < need+slack {
			want := need
			if int64(n) > int64(need) && int64(n) <= int64(need)+s.left {
				want = n // a page larger than a block: all of it at once
			}
			buf = make([]byte, 0, want+slack)
		}
		buf = append(buf, rest...)
		buf = append(buf, got.b...)
		s.joined[s.flip] = buf
		s.cur, s.pos = buf, 0
		s.spare = got.b
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
		got := <-s.flight
		s.spare, s.flight = got.b, nil
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
