// The local disk. A name here is whatever the operating system takes as a path.

package hdfsio

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Local is the local disk.
type Local struct{}

var _ FS = Local{}

// Names of files that are still being written. They lie beside the file they will become, so that a rename is enough, and List leaves
// them out; one whose writer died stays behind and harms nobody.
const (
	tempPrefix = "._howdah-"
	tempSuffix = ".tmp"
)

func tempName(base string) string {
	var b [8]byte
	rand.Read(b[:])
	// A file name has at most 255 bytes; what is cut off here serves only the eye.
	if len(base) > 180 {
		base = strings.ToValidUTF8(base[:180], "")
	}
	return tempPrefix + base + "-" + hex.EncodeToString(b[:]) + tempSuffix
}

func isTemp(base string) bool {
	return strings.HasPrefix(base, tempPrefix) && strings.HasSuffix(base, tempSuffix)
}

// Open implements FS.
func (Local) Open(ctx context.Context, name string) (File, error) {
	if err := ctx.Err(); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	if info.IsDir() {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: errIsDir}
	}
	return &localFile{ctx: ctx, f: f, info: info}, nil
}

var (
	errIsDir  = errors.New("is a directory, not a file")
	errNotDir = errors.New("is a file, not a directory")

	errEmptyClaim = fmt.Errorf("%w: a claim says whose it is; it cannot be empty", fs.ErrInvalid)
)

type localFile struct {
	ctx  context.Context
	f    *os.File
	info fs.FileInfo

	mapping sync.Mutex
	mapped  []byte // the file in memory, once it was asked for
}

func (f *localFile) ReadAt(b []byte, off int64) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, &fs.PathError{Op: "read", Path: f.f.Name(), Err: err}
	}
	return f.f.ReadAt(b, off)
}
func (f *localFile) Close() error       { return errors.Join(f.unmap(), f.f.Close()) }
func (f *localFile) Size() int64        { return f.info.Size() }
func (f *localFile) ModTime() time.Time { return f.info.ModTime() }

// Create implements FS.
func (Local) Create(ctx context.Context, name string) (Writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: err}
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return nil, &fs.PathError{Op: "create", Path: name, Err: errIsDir}
	}
	dir, base := filepath.Split(name)
	if base == "" {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrInvalid}
	}
	if err := makeDirs(dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, tempName(base)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, createError(name, err)
	}
	return &localWriter{ctx: ctx, name: name, f: f}, nil
}

// createError puts the name that the caller gave in the place of the temporary one.
func createError(name string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		err = le.Err
	}
	return &fs.PathError{Op: "create", Path: name, Err: err}
}

func makeDirs(dir string) error {
	if dir == "" {
		return nil
	}
	return os.MkdirAll(dir, 0o755)
}

type localWriter struct {
	ctx  context.Context
	name string
	f    *os.File
	mu   sync.Mutex
	done bool
	err  error // the first failed write: what follows it must not be committed
}

func (w *localWriter) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if err := w.ctx.Err(); err != nil {
		return 0, &fs.PathError{Op: "write", Path: w.name, Err: err}
	}
	n, err := w.f.Write(b)
	if err != nil {
		w.err = writeError(w.name, err)
		return n, w.err
	}
	return n, nil
}

// writeError names the file and, for a full disk, says what to do.
func writeError(name string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = fmt.Errorf("%w: free space there, or choose another directory", err)
	}
	return &fs.PathError{Op: "write", Path: name, Err: err}
}

// Commit implements Writer: fsync, rename, fsync of the directory.
func (w *localWriter) Commit() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return &fs.PathError{Op: "commit", Path: w.name, Err: fs.ErrClosed}
	}
	if w.err != nil {
		return w.err
	}
	if err := w.ctx.Err(); err != nil {
		return &fs.PathError{Op: "commit", Path: w.name, Err: err}
	}
	w.done = true
	err := w.f.Sync()
	if cerr := w.f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(w.f.Name(), w.name)
	}
	if err != nil {
		os.Remove(w.f.Name())
		var le *os.LinkError
		if errors.As(err, &le) {
			err = le.Err
		}
		return writeError(w.name, err)
	}
	return syncDir(filepath.Dir(w.name))
}

// Abort implements Writer.
func (w *localWriter) Abort() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return nil
	}
	w.done = true
	w.f.Close()
	return os.Remove(w.f.Name())
}

// syncDir makes a rename durable. File systems that cannot sync a directory say EINVAL or ENOTSUP; there is nothing more to do there.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return err
}

// Claim implements FS. The claim is written whole under a temporary name and then linked, which fails if the name is taken.
func (Local) Claim(ctx context.Context, name string, b []byte) error {
	if err := ctx.Err(); err != nil {
		return &fs.PathError{Op: "claim", Path: name, Err: err}
	}
	if len(b) == 0 {
		return &fs.PathError{Op: "claim", Path: name, Err: errEmptyClaim}
	}
	dir, base := filepath.Split(name)
	if base == "" {
		return &fs.PathError{Op: "claim", Path: name, Err: fs.ErrInvalid}
	}
	if err := makeDirs(dir); err != nil {
		return err
	}
	temp := filepath.Join(dir, tempName(base))
	err := writeExclusive(temp, b)
	if err != nil {
		os.Remove(temp)
		return writeError(name, err)
	}
	defer os.Remove(temp)
	err = os.Link(temp, name)
	if errors.Is(err, fs.ErrExist) {
		return &fs.PathError{Op: "claim", Path: name, Err: fs.ErrExist}
	}
	if err != nil {
		// No hard links here (FAT, some network file systems): an exclusive create decides, and its writer fills it.
		err = writeExclusive(name, b)
		if errors.Is(err, fs.ErrExist) {
			return &fs.PathError{Op: "claim", Path: name, Err: fs.ErrExist}
		}
		if err != nil {
			return writeError(name, err)
		}
	}
	return syncDir(filepath.Dir(name))
}

func writeExclusive(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(name) // it is ours: the create was exclusive
	}
	return err
}

// List implements FS.
func (Local) List(ctx context.Context, dir string) ([]fs.FileInfo, error) {
	if err := ctx.Err(); err != nil {
		return nil, &fs.PathError{Op: "list", Path: dir, Err: err}
	}
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		if errors.Is(err, syscall.ENOTDIR) {
			return nil, &fs.PathError{Op: "list", Path: dir, Err: errNotDir}
		}
		return nil, err
	}
	infos := make([]fs.FileInfo, 0, len(entries))
	for _, e := range entries {
		if isTemp(e.Name()) {
			continue
		}
		// Stat, not Lstat: a link to a file or a directory is read as what it points at.
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since, or a link to nowhere
		}
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// Stat implements FS.
func (Local) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	if err := ctx.Err(); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	info, err := os.Stat(name)
	if errors.Is(err, syscall.ENOTDIR) {
		// "/file/below": there is no such file, and HDFS says so too.
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return info, err
}

// Remove implements FS.
func (Local) Remove(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	err := os.Remove(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return err
}
