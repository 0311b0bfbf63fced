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
	"slices"
	"strings"

	"github.com/colinmarc/hdfs/v2"
)

// Claim implements FS: an exclusive create, which is atomic at the NameNode.
//
// An answer can be lost after the create was done. Then the next create says "it exists", which may mean ours: the content tells, and
// while there is none yet, the lease, whose holder the NameNode names when it refuses an append.
func (h *HDFS) Claim(ctx context.Context, name string, b []byte) error {
	if err := h.check("claim", name); err != nil {
		return err
	}
	if len(b) == 0 {
		return h.pathError("claim", name, errEmptyClaim)
	}
	cl := &claim{h: h, ctx: ctx, name: path.Clean(name), content: b}
	return h.explain(ctx, name, h.retry(ctx, "claim", name, cl.try))
}

type claim struct {
	h       *HDFS
	ctx     context.Context
	name    string
	content []byte
	holders []string // the names of clients whose create's answer was lost: they may hold the lease
	owned   bool     // a create succeeded, and then the content was not written
}

// try makes one attempt, with a client of its own.
func (cl *claim) try() error {
	c, err := cl.h.get(cl.ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(cl.ctx, c.conns.cut)
	err = c.because(cl.attempt(c))
	if stop() && (err == nil || !transient(err)) {
		cl.h.put(c)
		return err
	}
	c.close() // and with it the lease's renewal
	cl.h.flush()
	return err
}

func (cl *claim) attempt(c *client) error {
	if cl.owned {
		if err := cl.whose(c.hc); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	defaults, err := c.hc.ServerDefaults()
	if err != nil {
		return err
	}
	fw, err := c.hc.CreateFile(cl.name, defaults.Replication, defaults.BlockSize, 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		if err := c.hc.MkdirAll(path.Dir(cl.name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		fw, err = c.hc.CreateFile(cl.name, defaults.Replication, defaults.BlockSize, 0o644)
	}
	switch {
	case err == nil:
		return cl.fill(c, fw)
	case errors.Is(err, fs.ErrExist) && len(cl.holders) > 0:
		return cl.whose(c.hc)
	case transient(err):
		cl.holders = append(cl.holders, c.hc.Name())
	}
	return err
}

// fill writes the claim's content into the file that we have created.
func (cl *claim) fill(c *client, fw *hdfs.FileWriter) error {
	_, err := fw.Write(cl.content)
	if err == nil {
		err = closeFile(cl.ctx, fw, cl.h.o.Retry)
	}
	if err == nil {
		return nil
	}
	err = c.because(err)
	// The file is ours, but what became of its content is not known: the next try looks.
	cl.owned = true
	cl.holders = append(cl.holders, c.hc.Name())
	c.conns.drain()
	fw.Close() // for its goroutines; with its connections gone it completes nothing
	if hopeless(err) {
		cl.h.with(context.WithoutCancel(cl.ctx), cl.h.o.Timeout, func(c *client) error { return c.hc.Remove(cl.name) })
		return &finalError{err}
	}
	return &retryError{fmt.Errorf("writing the claim: %w", err)}
}

// whose finds out whether the file that exists is our own: nil; or fs.ErrExist if it is another's; or fs.ErrNotExist if it is gone.
func (cl *claim) whose(hc *hdfs.Client) error {
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
	mine, err := cl.leased(hc)
	if err != nil {
		return err
	}
	if !mine {
		return fs.ErrExist // another's, in the making
	}
	// Ours, and empty: there is no writer for it any more. Make room and create it again; whoever is quicker has it.
	if err := hc.Remove(cl.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	cl.owned = false
	return &retryError{errors.New("the claim was cut off; it is made again")}
}

// leased tells whether one of our clients is the one that is writing the file.
func (cl *claim) leased(hc *hdfs.Client) (bool, error) {
	fw, err := hc.Append(cl.name)
	if err == nil {
		// Nobody is writing it: an empty file that its writer closed. Give it back as it was.
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
	// "Failed to APPEND_FILE /x for go-hdfs-A on 10.0.0.1 because this file lease is currently owned by go-hdfs-B on 10.0.0.2"
	_, reason, ok := strings.Cut(firstLine(remote.Message()), " because ")
	if !ok {
		return false, err
	}
	return slices.ContainsFunc(strings.Fields(reason), func(word string) bool { return slices.Contains(cl.holders, word) }), nil
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
