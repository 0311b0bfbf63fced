// Files in memory, for tests: the same promises, no disk.

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
	"sync"
	"time"
)

// Memory is a file system in memory, empty at first except for "/". Its modification times count upwards from a fixed moment, one
// second a change, so that tests see the same times always.
type Memory struct {
	mu    sync.Mutex
	nodes map[string]*memNode // by clean absolute path
	ticks int64
}

type memNode struct {
	data []byte // never changed once it is here: a new version is a new node
	dir  bool
	mod  time.Time
}

var _ FS = (*Memory)(nil)

// NewMemory returns an empty file system.
func NewMemory() *Memory {
	m := &Memory{nodes: map[string]*memNode{}}
	m.nodes["/"] = &memNode{dir: true, mod: m.tick()}
	return m
}

func (m *Memory) tick() time.Time {
	m.ticks++
	return time.Unix(1_700_000_000+m.ticks, 0).UTC()
}

func memPath(op, name string) (string, error) {
	if !strings.HasPrefix(name, "/") {
		return "", &fs.PathError{Op: op, Path: name, Err: fmt.Errorf("%w: not an absolute path", fs.ErrInvalid)}
	}
	return path.Clean(name), nil
}

type memInfo struct {
	name string
	n    *memNode
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return int64(len(i.n.data)) }
func (i memInfo) ModTime() time.Time { return i.n.mod }
func (i memInfo) IsDir() bool        { return i.n.dir }
func (i memInfo) Sys() any           { return nil }
func (i memInfo) Mode() fs.FileMode {
	if i.n.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

// Open implements FS.
func (m *Memory) Open(ctx context.Context, name string) (File, error) {
	n, err := m.find(ctx, "open", name)
	if err != nil {
		return nil, err
	}
	if n.dir {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errIsDir}
	}
	return &memFile{ctx: ctx, name: name, n: n}, nil
}

func (m *Memory) find(ctx context.Context, op, name string) (*memNode, error) {
	if err := ctx.Err(); err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	p, err := memPath(op, name)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.nodes[p]
	if n == nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n, nil
}

type memFile struct {
	ctx  context.Context
	name string
	n    *memNode

	mu     sync.Mutex
	closed bool
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	f.mu.Lock()
	closed := f.closed
	f.mu.Unlock()
	if closed {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: fs.ErrClosed}
	}
	if err := f.ctx.Err(); err != nil {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: err}
	}
	if off < 0 {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: fmt.Errorf("%w: negative offset", fs.ErrInvalid)}
	}
	if off >= int64(len(f.n.data)) {
		if len(b) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	n := copy(b, f.n.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return nil
}
func (f *memFile) Size() int64        { return int64(len(f.n.data)) }
func (f *memFile) ModTime() time.Time { return f.n.mod }

// makeDirs makes dir and its parents; m.mu is held.
func (m *Memory) makeDirs(dir string) error {
	if n := m.nodes[dir]; n != nil {
		if !n.dir {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: errNotDir}
		}
		return nil
	}
	if err := m.makeDirs(path.Dir(dir)); err != nil {
		return err
	}
	m.nodes[dir] = &memNode{dir: true, mod: m.tick()}
	return nil
}

// Create implements FS.
func (m *Memory) Create(ctx context.Context, name string) (Writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: err}
	}
	p, err := memPath("create", name)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.nodes[p]; n != nil && n.dir {
		return nil, &fs.PathError{Op: "create", Path: name, Err: errIsDir}
	}
	if err := m.makeDirs(path.Dir(p)); err != nil {
		return nil, err
	}
	return &memWriter{ctx: ctx, m: m, name: name, path: p}, nil
}

type memWriter struct {
	ctx  context.Context
	m    *Memory
	name string
	path string
	buf  bytes.Buffer
	done bool
}

func (w *memWriter) Write(b []byte) (int, error) {
	if w.done {
		return 0, &fs.PathError{Op: "write", Path: w.name, Err: fs.ErrClosed}
	}
	if err := w.ctx.Err(); err != nil {
		return 0, &fs.PathError{Op: "write", Path: w.name, Err: err}
	}
	return w.buf.Write(b)
}

func (w *memWriter) Commit() error {
	if w.done {
		return &fs.PathError{Op: "commit", Path: w.name, Err: fs.ErrClosed}
	}
	if err := w.ctx.Err(); err != nil {
		return &fs.PathError{Op: "commit", Path: w.name, Err: err}
	}
	w.done = true
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	if n := w.m.nodes[w.path]; n != nil && n.dir {
		return &fs.PathError{Op: "commit", Path: w.name, Err: errIsDir}
	}
	if err := w.m.makeDirs(path.Dir(w.path)); err != nil {
		return err
	}
	w.m.nodes[w.path] = &memNode{data: w.buf.Bytes(), mod: w.m.tick()}
	return nil
}

func (w *memWriter) Abort() error {
	w.done = true
	return nil
}

// Claim implements FS.
func (m *Memory) Claim(ctx context.Context, name string, b []byte) error {
	if err := ctx.Err(); err != nil {
		return &fs.PathError{Op: "claim", Path: name, Err: err}
	}
	if len(b) == 0 {
		return &fs.PathError{Op: "claim", Path: name, Err: errEmptyClaim}
	}
	p, err := memPath("claim", name)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.nodes[p] != nil {
		return &fs.PathError{Op: "claim", Path: name, Err: fs.ErrExist}
	}
	if err := m.makeDirs(path.Dir(p)); err != nil {
		return err
	}
	m.nodes[p] = &memNode{data: bytes.Clone(b), mod: m.tick()}
	return nil
}

// List implements FS.
func (m *Memory) List(ctx context.Context, dir string) ([]fs.FileInfo, error) {
	n, err := m.find(ctx, "list", dir)
	if err != nil {
		return nil, err
	}
	if !n.dir {
		return nil, &fs.PathError{Op: "list", Path: dir, Err: errNotDir}
	}
	prefix := path.Clean(dir)
	if prefix != "/" {
		prefix += "/"
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var infos []fs.FileInfo
	for p, n := range m.nodes {
		if rest, ok := strings.CutPrefix(p, prefix); ok && rest != "" && !strings.Contains(rest, "/") {
			infos = append(infos, memInfo{rest, n})
		}
	}
	slices.SortFunc(infos, func(a, b fs.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
	return infos, nil
}

// Stat implements FS.
func (m *Memory) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	n, err := m.find(ctx, "stat", name)
	if err != nil {
		return nil, err
	}
	return memInfo{path.Base(path.Clean(name)), n}, nil
}

var errNotEmpty = errors.New("directory not empty")

// Remove implements FS.
func (m *Memory) Remove(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	p, err := memPath("remove", name)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.nodes[p]
	if n == nil {
		return nil
	}
	if n.dir {
		if p == "/" {
			return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrInvalid}
		}
		for q := range m.nodes {
			if strings.HasPrefix(q, p+"/") {
				return &fs.PathError{Op: "remove", Path: name, Err: errNotEmpty}
			}
		}
	}
	delete(m.nodes, p)
	return nil
}
