// Package faultfs wraps a file system and makes its calls fail, for tests: the nth of a kind, or all that a function picks; writes torn
// half way; a disk that is full after so many bytes. What it wraps keeps its promises all the while: a file that was not committed is
// not seen.
package faultfs

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"time"

	"howdah/hdfsio"
)

// Op is a kind of call.
type Op string

// The calls that can fail.
const (
	Open   Op = "open"
	ReadAt Op = "read"
	Create Op = "create"
	Write  Op = "write"
	Commit Op = "commit"
	Claim  Op = "claim"
	List   Op = "list"
	Stat   Op = "stat"
	Remove Op = "remove"
)

// ErrInjected is the error of a call that was made to fail, where no other was named.
var ErrInjected = errors.New("injected fault")

// Fault says which calls fail and how. A call that matches several faults takes the first.
type Fault struct {
	Op    Op     // "": any
	Path  string // calls on files whose name contains it; "": any
	After int    // so many matching calls succeed first
	Times int    // so many fail then; 0: all that follow
	Err   error  // default ErrInjected
	// Late: the call does its work first and then fails, as where an answer is lost on the way. A write does half of its work.
	Late bool
	// Hang: the call waits until its context ends, and returns its error.
	Hang bool
}

// FS is a file system with faults.
type FS struct {
	base hdfsio.FS

	mu     sync.Mutex
	faults []*state
	calls  map[Op]int
	room   int64 // bytes that can still be written; -1: no limit
}

type state struct {
	Fault
	seen int
}

var _ hdfsio.FS = (*FS)(nil)

// New wraps a file system.
func New(base hdfsio.FS, faults ...Fault) *FS {
	f := &FS{base: base, calls: map[Op]int{}, room: -1}
	for _, x := range faults {
		f.Add(x)
	}
	return f
}

// Add adds a fault.
func (f *FS) Add(x Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if x.Err == nil {
		x.Err = ErrInjected
	}
	f.faults = append(f.faults, &state{Fault: x})
}

// Heal removes all faults, and the limit of the disk.
func (f *FS) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults, f.room = nil, -1
}

// Fill lets so many more bytes be written; then writes fail with syscall.ENOSPC, half done.
func (f *FS) Fill(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.room = bytes
}

// Calls tells how many calls of a kind were made.
func (f *FS) Calls(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}

// fault counts a call and returns the fault that hits it, or nil.
func (f *FS) fault(op Op, name string) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[op]++
	var hit *Fault
	for _, s := range f.faults {
		if s.Op != "" && s.Op != op || !strings.Contains(name, s.Path) {
			continue
		}
		s.seen++
		if s.seen > s.After && (s.Times == 0 || s.seen <= s.After+s.Times) && hit == nil {
			hit = &s.Fault
		}
	}
	return hit
}

func (x *Fault) fail(ctx context.Context, op Op, name string) error {
	err := x.Err
	if x.Hang {
		<-ctx.Done()
		err = ctx.Err()
	}
	return &fs.PathError{Op: string(op), Path: name, Err: err}
}

// call runs one call under its fault.
func call[T any](f *FS, ctx context.Context, op Op, name string, do func() (T, error)) (T, error) {
	x := f.fault(op, name)
	var zero T
	switch {
	case x == nil:
		return do()
	case x.Late:
		if _, err := do(); err != nil {
			return zero, err
		}
	}
	return zero, x.fail(ctx, op, name)
}

func none(err error) (struct{}, error) { return struct{}{}, err }

// Open implements hdfsio.FS.
func (f *FS) Open(ctx context.Context, name string) (hdfsio.File, error) {
	return call(f, ctx, Open, name, func() (hdfsio.File, error) {
		file, err := f.base.Open(ctx, name)
		if err != nil {
			return nil, err
		}
		return &faultyFile{f: f, ctx: ctx, name: name, base: file}, nil
	})
}

type faultyFile struct {
	f    *FS
	ctx  context.Context
	name string
	base hdfsio.File
}

func (r *faultyFile) ReadAt(b []byte, off int64) (int, error) {
	return call(r.f, r.ctx, ReadAt, r.name, func() (int, error) { return r.base.ReadAt(b, off) })
}
func (r *faultyFile) Close() error       { return r.base.Close() }
func (r *faultyFile) Size() int64        { return r.base.Size() }
func (r *faultyFile) ModTime() time.Time { return r.base.ModTime() }

// Create implements hdfsio.FS.
func (f *FS) Create(ctx context.Context, name string) (hdfsio.Writer, error) {
	var made hdfsio.Writer
	w, err := call(f, ctx, Create, name, func() (hdfsio.Writer, error) {
		w, err := f.base.Create(ctx, name)
		if err != nil {
			return nil, err
		}
		made = w
		return &faultyWriter{f: f, ctx: ctx, name: name, base: w}, nil
	})
	if err != nil && made != nil {
		made.Abort() // whoever has no writer cannot
	}
	return w, err
}

type faultyWriter struct {
	f    *FS
	ctx  context.Context
	name string
	base hdfsio.Writer
	err  error // a torn write: the file can only be aborted
}

func (w *faultyWriter) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if x := w.f.fault(Write, w.name); x != nil {
		n := 0
		if x.Late {
			n, _ = w.base.Write(b[:len(b)/2])
		}
		w.err = x.fail(w.ctx, Write, w.name)
		return n, w.err
	}
	w.f.mu.Lock()
	room := w.f.room
	if room >= 0 {
		w.f.room -= min(room, int64(len(b)))
	}
	w.f.mu.Unlock()
	if room >= 0 && int64(len(b)) > room {
		n, _ := w.base.Write(b[:room])
		w.err = &fs.PathError{Op: "write", Path: w.name, Err: syscall.ENOSPC}
		return n, w.err
	}
	return w.base.Write(b)
}

func (w *faultyWriter) Commit() error {
	if w.err != nil {
		return w.err
	}
	_, err := call(w.f, w.ctx, Commit, w.name, func() (struct{}, error) { return none(w.base.Commit()) })
	return err
}

func (w *faultyWriter) Abort() error { return w.base.Abort() }

// Claim implements hdfsio.FS.
func (f *FS) Claim(ctx context.Context, name string, b []byte) error {
	_, err := call(f, ctx, Claim, name, func() (struct{}, error) { return none(f.base.Claim(ctx, name, b)) })
	return err
}

// Sweep implements hdfsio.Sweeper, without faults.
func (f *FS) Sweep(ctx context.Context, dir string) error { return hdfsio.Sweep(ctx, f.base, dir) }

// List implements hdfsio.FS.
func (f *FS) List(ctx context.Context, dir string) ([]fs.FileInfo, error) {
	return call(f, ctx, List, dir, func() ([]fs.FileInfo, error) { return f.base.List(ctx, dir) })
}

// Stat implements hdfsio.FS.
func (f *FS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	return call(f, ctx, Stat, name, func() (fs.FileInfo, error) { return f.base.Stat(ctx, name) })
}

// Remove implements hdfsio.FS.
func (f *FS) Remove(ctx context.Context, name string) error {
	_, err := call(f, ctx, Remove, name, func() (struct{}, error) { return none(f.base.Remove(ctx, name)) })
	return err
}
