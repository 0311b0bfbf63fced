// Writing to HDFS.
//
// The library's writer does not mend a broken pipeline: if a DataNode dies, the file is lost. So bytes go to a temporary file on HDFS
// and to a local copy at once; where the first breaks, the copy is written again, by a new client to a new temporary file, at Commit.
// A rename then makes the file visible. Rename replaces silently, which is what Commit promises.

package hdfsio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/colinmarc/hdfs/v2"
)

// Create implements FS.
func (h *HDFS) Create(ctx context.Context, name string) (Writer, error) {
	if err := h.check("create", name); err != nil {
		return nil, err
	}
	w := &hdfsWriter{h: h, ctx: ctx, name: path.Clean(name), copy: spool{dir: h.o.SpoolDir}}
	err := h.retry(ctx, "create", name, func() (err error) {
		w.a, err = h.begin(ctx, w.name, 0)
		return err
	})
	if err != nil {
		return nil, h.explain(ctx, name, err)
	}
	return w, nil
}

type hdfsWriter struct {
	h    *HDFS
	ctx  context.Context
	name string
	copy spool
	a    *attempt // nil after it broke
	err  error    // what makes the file impossible: it must not be committed

	mu   sync.Mutex
	done bool
}

// attempt is one temporary file being written.
type attempt struct {
	h     *HDFS
	c     *client
	fw    *hdfs.FileWriter
	temp  string
	stop  func() bool // ends the watch on the context
	blank bool        // nothing was written
	tried bool        // the temporary file may be there
}

// begin creates a temporary file beside name. A block size of 0 is the cluster's own.
func (h *HDFS) begin(ctx context.Context, name string, blockSize int64) (_ *attempt, err error) {
	a := &attempt{h: h, temp: path.Join(path.Dir(name), tempName(path.Base(name))), blank: true}
	if a.c, err = h.get(ctx); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	a.stop = context.AfterFunc(ctx, a.c.conns.cut)
	err = a.create(name, blockSize)
	if err != nil {
		err = a.c.because(err)
		a.abandon(!transient(err))
		return nil, err
	}
	return a, nil
}

func (a *attempt) create(name string, blockSize int64) error {
	hc := a.c.hc
	if name == "/" {
		return errIsDir
	}
	info, err := hc.Stat(name)
	if err == nil && info.IsDir() {
		return errIsDir
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	defaults, err := hc.ServerDefaults()
	if err != nil {
		return err
	}
	if blockSize < defaults.BlockSize {
		blockSize = defaults.BlockSize
	}
	a.tried = true
	a.fw, err = hc.CreateFile(a.temp, defaults.Replication, blockSize, 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		if err := hc.MkdirAll(path.Dir(name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		a.fw, err = hc.CreateFile(a.temp, defaults.Replication, blockSize, 0o644)
	}
	if err != nil {
		return err
	}
	info, err = hc.Stat(a.temp)
	if err != nil {
		return err
	}
	return readable(info) // erasure coding and encryption are the directory's: what we wrote there nobody could read
}

// abandon gives the attempt up and removes its file, as far as that goes now: a leftover has a name that nobody lists.
func (a *attempt) abandon(healthy bool) {
	watched := a.stop()
	if a.fw != nil && !a.blank {
		a.c.conns.drain()
		a.fw.Close() // ends the block writer's goroutines; never completes, for the acknowledgements do not come
		healthy = false
	}
	if !watched || !healthy {
		a.c.close()
	} else if a.fw == nil {
		a.h.put(a.c)
		return
	}
	if !a.tried {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(a.h.o.Timeout, 5*time.Second))
	defer cancel()
	remove := func(c *client) error { return c.hc.Remove(a.temp) }
	if watched && healthy {
		remove(a.c)
		a.c.close() // with it goes the lease
		return
	}
	a.h.with(ctx, 0, remove)
}

func (a *attempt) write(b []byte) error {
	if len(b) == 0 {
		return nil // the library would begin a block, which without bytes can never be finished
	}
	a.blank = false
	_, err := a.fw.Write(b)
	return a.c.because(err)
}

// hopeless tells whether a failed write would fail again. The NameNode's "could only be written to 0 of the 1 minReplication nodes"
// is not: a DataNode may come back.
func hopeless(err error) bool {
	var remote hdfs.Error
	if errors.As(err, &remote) {
		e := remote.Exception()
		return strings.HasSuffix(e, "QuotaExceededException") || strings.HasSuffix(e, "AccessControlException")
	}
	return !transient(err)
}

// Write implements io.Writer.
func (w *hdfsWriter) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if err := w.ctx.Err(); err != nil {
		return 0, w.h.pathError("write", w.name, err)
	}
	// In pieces: the library keeps a copy of what it is given at once.
	for n := 0; n < len(b); {
		piece := b[n:min(n+1<<20, len(b))]
		if _, err := w.copy.Write(piece); err != nil {
			w.err = w.h.pathError("write", w.name, err)
			return n, w.err
		}
		if w.a != nil {
			if err := w.a.write(piece); err != nil {
				w.broken("write", err)
			}
		}
		if w.err != nil {
			return n, w.err
		}
		n += len(piece)
	}
	return len(b), nil
}

// broken gives the current attempt up, and tells whether another one may help.
func (w *hdfsWriter) broken(op string, err error) error {
	w.a.abandon(false)
	w.a = nil
	if w.ctx.Err() != nil {
		err = w.ctx.Err()
	} else if !hopeless(err) {
		w.h.o.Log.Warn("hdfs: the pipeline to the DataNodes broke; the file is written again", "file", w.h.name+w.name, "err", err)
		return &retryError{err}
	}
	w.err = w.h.pathError(op, w.name, err)
	return &finalError{w.err}
}

// Commit implements Writer.
func (w *hdfsWriter) Commit() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return w.h.pathError("commit", w.name, fs.ErrClosed)
	}
	if w.err != nil {
		return w.err
	}
	defer w.release()
	err := w.h.retry(w.ctx, "commit", w.name, func() error {
		if w.a == nil {
			if err := w.again(); err != nil {
				return err
			}
		}
		err := w.finish()
		if err == nil {
			return nil
		}
		return w.broken("commit", err)
	})
	if err != nil {
		return w.h.explain(w.ctx, w.name, err)
	}
	temp := w.a.temp
	if w.a.stop() {
		w.h.put(w.a.c)
	} else {
		w.a.c.close()
	}
	w.a = nil
	return w.rename(temp)
}

// again writes the copy to a new temporary file. In one block, if it can be: a writer cannot tell the NameNode which DataNode failed
// it, so each block is another chance to meet the dead one before the NameNode has noticed.
func (w *hdfsWriter) again() error {
	const most = 2 << 30
	size := (w.copy.size() + 511) / 512 * 512
	if size > most {
		size = 0
	}
	a, err := w.h.begin(w.ctx, w.name, size)
	if err != nil {
		return err
	}
	w.a = a
	_, err = io.CopyBuffer(writerFunc(func(b []byte) (int, error) { return len(b), a.write(b) }), struct{ io.Reader }{w.copy.reader()}, make([]byte, 1<<20))
	if err != nil {
		return w.broken("write", err)
	}
	return nil
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// finish closes the temporary file and sees that all of it is there.
func (w *hdfsWriter) finish() error {
	err := closeFile(w.ctx, w.a.fw, w.h.o.Retry)
	if err != nil {
		return w.a.c.because(err)
	}
	info, err := w.a.c.hc.Stat(w.a.temp)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the temporary file %s is gone: somebody removed it", w.a.temp)
		}
		return w.a.c.because(err)
	}
	if info.Size() != w.copy.size() {
		return fmt.Errorf("%d bytes written, HDFS has %d", w.copy.size(), info.Size())
	}
	return nil
}

// closeLimit is how long a closed file may wait for its last block; Hadoop's own client gives up after 12.4 s. Then it is written again.
const closeLimit = 12 * time.Second

// closeFile closes a file, again and again while its last block has not been reported by enough DataNodes.
func closeFile(ctx context.Context, fw *hdfs.FileWriter, retry time.Duration) error {
	limit := min(retry/2, closeLimit)
	began := time.Now()
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := fw.Close()
		if !hdfs.IsErrReplicating(err) {
			return err
		}
		if time.Since(began) > limit {
			return fmt.Errorf("no DataNode had reported the last block after %v: %w", limit, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// rename moves the finished file to its place. A lost answer is told by the temporary name, which is ours alone: if it is gone, the
// rename was done.
func (w *hdfsWriter) rename(temp string) error {
	err := w.h.do(w.ctx, "commit", w.name, func(c *client, again bool) error {
		err := c.hc.Rename(temp, w.name)
		if err == nil || !again || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		_, serr := c.hc.Stat(temp)
		if !errors.Is(serr, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	if err != nil {
		w.h.with(context.WithoutCancel(w.ctx), min(w.h.o.Timeout, 5*time.Second), func(c *client) error { return c.hc.Remove(temp) })
	}
	return w.h.explain(w.ctx, w.name, err)
}

// Abort implements Writer.
func (w *hdfsWriter) Abort() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.done {
		w.release()
	}
	return nil
}

func (w *hdfsWriter) release() {
	w.done = true
	if w.err == nil {
		w.err = w.h.pathError("write", w.name, fs.ErrClosed)
	}
	if w.a != nil {
		w.a.abandon(true)
		w.a = nil
	}
	w.copy.close()
}
