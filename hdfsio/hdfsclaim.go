// Claims on HDFS.

package hdfsio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/colinmarc/hdfs/v2"
)

// Claim implements FS: an exclusive create, which is atomic at the NameNode.
//
// An answer can be lost after the create was done. Then the next create says "it exists", which may mean ours: the content tells, and
// while there is none yet, the lease. The NameNode answers an append to a file that this very client is writing with
// "current leaseholder is trying to recreate file".
func (h *HDFS) Claim(ctx context.Context, name string, b []byte) error {
	if err := h.check("claim", name); err != nil {
		return err
	}
	if len(b) == 0 {
		return h.pathError("claim", name, errEmptyClaim)
	}
	name = path.Clean(name)
	cl := &claim{h: h, ctx: ctx, name: name, content: b}
	defer func() {
		if cl.c != nil {
			cl.stop()
			cl.c.close()
		}
	}()
	err := h.retry(ctx, "claim", name, cl.try)
	if err == nil && cl.c != nil && cl.stop() {
		h.put(cl.c)
		cl.c = nil
	}
	return h.explain(ctx, name, err)
}

type claim struct {
	h       *HDFS
	ctx     context.Context
	name    string
	content []byte
	c       *client // the same one for all tries, as long as the lease may tell: it is kept by the client's name
	stop    func() bool
	unsure  bool // a create's answer was lost
	owned   bool // a create succeeded, and then the content was not written
}

func (cl *claim) try() error {
	if cl.c == nil {
		c, err := cl.h.get(cl.ctx)
		if err != nil {
			return err
		}
		cl.c = c
		cl.stop = context.AfterFunc(cl.ctx, c.conns.cut)
	}
	c := cl.c
	return c.because(cl.attempt())
}

func (cl *claim) attempt() error {
	hc := cl.c.hc
	if cl.owned {
		if err := cl.whose(); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	defaults, err := hc.ServerDefaults()
	if err != nil {
		return err
	}
	fw, err := hc.CreateFile(cl.name, defaults.Replication, defaults.BlockSize, 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		if err := hc.MkdirAll(path.Dir(cl.name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		fw, err = hc.CreateFile(cl.name, defaults.Replication, defaults.BlockSize, 0o644)
	}
	switch {
	case err == nil:
		return cl.fill(fw)
	case errors.Is(err, fs.ErrExist) && cl.unsure:
		return cl.whose()
	case transient(err):
		cl.unsure = true
	}
	return err
}

// fill writes the claim's content into the file that we have created.
func (cl *claim) fill(fw *hdfs.FileWriter) error {
	_, err := fw.Write(cl.content)
	if err == nil {
		err = closeFile(cl.ctx, fw, cl.h.o.Retry)
	}
	if err == nil {
		return nil
	}
	err = cl.c.because(err)
	// The file is ours, but what became of it is not known: the next try looks, with a client whose pipeline is not broken.
	cl.owned, cl.unsure = true, true
	cl.stop()
	cl.c.conns.drain()
	fw.Close()
	cl.c.close()
	cl.c = nil
	if hopeless(err) {
		cl.h.with(context.WithoutCancel(cl.ctx), cl.h.o.Timeout, func(c *client) error { return c.hc.Remove(cl.name) })
		return &finalError{err}
	}
	return &retryError{fmt.Errorf("writing the claim: %w", err)}
}

// whose finds out whether the file that exists is our own: nil, or fs.ErrExist if it is another's, or fs.ErrNotExist if there is room now.
func (cl *claim) whose() error {
	hc := cl.c.hc
	b, err := readPlain(hc, cl.name)
	if err != nil {
		return err
	}
	if len(b) > 0 {
		if bytes.Equal(b, cl.content) {
			return nil
		}
		return fs.ErrExist
	}
	if mine := cl.owned; !mine {
		if mine, err = cl.leased(); err != nil {
			return err
		}
		if !mine {
			return fs.ErrExist // another's, in the making
		}
	}
	// Ours, and empty: there is no writer for it any more. Make room and create it again; whoever is quicker has it.
	if err := hc.Remove(cl.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	cl.owned = false
	return &retryError{errors.New("the claim was cut off; it is made again")}
}

// leased tells whether this client is writing the file.
func (cl *claim) leased() (bool, error) {
	fw, err := cl.c.hc.Append(cl.name)
	if err == nil {
		// Nobody was writing it: an empty file that its writer closed. Give it back as it was.
		return false, fw.Close()
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	var remote hdfs.Error
	if !errors.As(err, &remote) {
		return false, err
	}
	return strings.Contains(remote.Message(), "current leaseholder is trying to recreate file"), nil
}

func readPlain(hc *hdfs.Client, name string) ([]byte, error) {
	r, err := hc.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.Stat().IsDir() {
		return nil, fs.ErrExist
	}
	b := make([]byte, r.Stat().Size())
	_, err = io.ReadFull(r, b)
	return b, err
}
