// Reading from HDFS.

package hdfsio

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sync"
	"time"

	"github.com/colinmarc/hdfs/v2"
)

// Open implements FS.
func (h *HDFS) Open(ctx context.Context, name string) (File, error) {
	if err := h.check("open", name); err != nil {
		return nil, err
	}
	f := &hdfsFile{h: h, ctx: ctx, name: name}
	err := h.retry(ctx, "open", name, func() error {
		s, err := f.newStream()
		if err != nil {
			return err
		}
		f.putStream(s)
		return nil
	})
	if err != nil {
		return nil, h.explain(ctx, name, err)
	}
	return f, nil
}

// hdfsFile is an open file. Each ReadAt has a stream to itself, and leaves it for the next.
type hdfsFile struct {
	h    *HDFS
	ctx  context.Context
	name string

	mu      sync.Mutex
	info    *hdfs.FileInfo // of the first stream: later ones must find the same file
	streams []*hdfsStream
	closed  bool
}

// hdfsStream is one of the library's readers, with the client that it asks for blocks. One goroutine uses it at a time.
type hdfsStream struct {
	c   *client
	r   *hdfs.FileReader
	off int64 // where it stands
	// sure: the blocks are those of the file that was opened. The library asks for a file's blocks by name, at the first read, which may
	// be after the file was replaced.
	sure bool
}

func (f *hdfsFile) newStream() (*hdfsStream, error) {
	ctx, cancel := context.WithTimeoutCause(f.ctx, 2*f.h.o.Timeout, fmt.Errorf("no answer from %s for %v", f.h.name, 2*f.h.o.Timeout))
	defer cancel()
	c, err := f.h.get(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, c.conns.cut)
	r, err := c.hc.Open(path.Clean(f.name))
	if !stop() {
		c.close()
		return nil, context.Cause(ctx)
	}
	if err == nil {
		err = f.same(r.Stat())
	}
	if err != nil {
		err = c.because(err)
		if transient(err) {
			c.close()
			f.h.flush()
		} else {
			f.h.put(c)
		}
		return nil, err
	}
	return &hdfsStream{c: c, r: r}, nil
}

// same refuses a file that is not the one that was opened, or that cannot be read rightly.
func (f *hdfsFile) same(info fs.FileInfo) error {
	if info.IsDir() {
		return errIsDir
	}
	if err := readable(info); err != nil {
		return err
	}
	now := info.(*hdfs.FileInfo)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.info == nil {
		f.info = now
	}
	if now.Size() != f.info.Size() || !now.ModTime().Equal(f.info.ModTime()) || fileID(now) != fileID(f.info) {
		return ErrChanged
	}
	return nil
}

func fileID(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*hdfs.FileStatus); ok {
		return s.GetFileId()
	}
	return 0
}

// takeStream returns a stream that stands at off, or another one, or a new one.
func (f *hdfsFile) takeStream(off int64) (*hdfsStream, error) {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil, fs.ErrClosed
	}
	if n := len(f.streams); n > 0 {
		pick := n - 1
		for i, s := range f.streams {
			if s.off == off {
				pick = i
			}
		}
		s := f.streams[pick]
		f.streams[pick] = f.streams[n-1]
		f.streams = f.streams[:n-1]
		f.mu.Unlock()
		return s, nil
	}
	f.mu.Unlock()
	return f.newStream()
}

func (f *hdfsFile) putStream(s *hdfsStream) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		s.r.Close()
		f.h.put(s.c)
		return
	}
	f.streams = append(f.streams, s)
}

// ReadAt implements io.ReaderAt. The bytes are checked against the block's checksums; a DataNode that is gone, hangs or has a damaged
// copy is passed over for another one.
func (f *hdfsFile) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, f.h.pathError("read", f.name, fmt.Errorf("%w: negative offset", fs.ErrInvalid))
	}
	size := f.Size()
	want := b
	if off >= size {
		want = nil
	} else if int64(len(b)) > size-off {
		want = b[:size-off]
	}
	if len(want) > 0 {
		err := f.h.retry(f.ctx, "read", f.name, func() error { return f.readOnce(want, off) })
		if err != nil {
			return 0, err
		}
	}
	if len(want) < len(b) {
		return len(want), io.EOF
	}
	return len(want), nil
}

func (f *hdfsFile) readOnce(b []byte, off int64) error {
	s, err := f.takeStream(off)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(f.ctx, s.c.conns.cut)
	n, err := s.r.ReadAt(b, off)
	if !stop() {
		s.r.Close()
		s.c.close()
		if n == len(b) && err == nil {
			return nil
		}
		return context.Cause(f.ctx)
	}
	if n < len(b) && (err == nil || err == io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		s.r.Close()
		err = s.c.because(err)
		s.c.close()
		return fmt.Errorf("at byte %d: %w", off, err)
	}
	s.off = off + int64(n)
	if !s.sure {
		var info fs.FileInfo
		err := f.h.with(f.ctx, 2*f.h.o.Timeout, func(c *client) (err error) {
			info, err = c.hc.Stat(path.Clean(f.name))
			return err
		})
		if err == nil {
			err = f.same(info)
		}
		if err != nil {
			s.r.Close()
			f.h.put(s.c)
			return err
		}
		s.sure = true
	}
	f.putStream(s)
	return nil
}

// Close implements io.Closer. Reads that are under way go on.
func (f *hdfsFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return f.h.pathError("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	for _, s := range f.streams {
		s.r.Close()
		f.h.put(s.c)
	}
	f.streams = nil
	return nil
}

func (f *hdfsFile) Size() int64        { return f.info.Size() }
func (f *hdfsFile) ModTime() time.Time { return f.info.ModTime() }
