// Whole-file helpers over the port, for any FS.

package hdfsio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
)

// ReadFile returns the content of a file: of one version of it, where it is replaced meanwhile.
func ReadFile(ctx context.Context, fsys FS, name string) ([]byte, error) {
	for try := 0; ; try++ {
		b, err := readFile(ctx, fsys, name)
		if !errors.Is(err, ErrChanged) || try >= 10 {
			return b, err
		}
	}
}

func readFile(ctx context.Context, fsys FS, name string) ([]byte, error) {
	f, err := fsys.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, f.Size())
	n, err := f.ReadAt(b, 0)
	if n == len(b) && (err == nil || err == io.EOF) {
		return b, nil
	}
	if err == nil || err == io.EOF {
		err = &fs.PathError{Op: "read", Path: name, Err: ErrChanged} // shorter than it was a moment ago
	}
	return nil, err
}

// WriteFile makes a file of b, or replaces it in one step: a reader sees the old content or the new, whole. Missing directories are
// made.
func WriteFile(ctx context.Context, fsys FS, name string, b []byte) error {
	w, err := fsys.Create(ctx, name)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write(b); err != nil {
		return err
	}
	return w.Commit()
}

// Exists tells whether there is a file or a directory of that name.
func Exists(ctx context.Context, fsys FS, name string) (bool, error) {
	_, err := fsys.Stat(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Copy streams one file to another name, on the same file system or another one, and returns its length.
func Copy(ctx context.Context, dst FS, to string, src FS, from string) (int64, error) {
	f, err := src.Open(ctx, from)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	w, err := dst.Create(ctx, to)
	if err != nil {
		return 0, err
	}
	defer w.Abort()
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, io.NewSectionReader(f, 0, f.Size()), make([]byte, 4<<20))
	if err != nil {
		return n, err
	}
	if n != f.Size() {
		return n, fmt.Errorf("%s: %d bytes read, the file has %d: %w", from, n, f.Size(), io.ErrUnexpectedEOF)
	}
	return n, w.Commit()
}

// Walk calls visit for every file and directory below dir, a directory before what it holds, in order of name; dir itself is not
// visited. If visit returns fs.SkipDir for a directory, what it holds is skipped; fs.SkipAll ends the walk without an error.
func Walk(ctx context.Context, fsys FS, dir string, visit func(name string, info fs.FileInfo) error) error {
	err := walk(ctx, fsys, dir, visit)
	if err == fs.SkipAll {
		return nil
	}
	return err
}

func walk(ctx context.Context, fsys FS, dir string, visit func(string, fs.FileInfo) error) error {
	infos, err := fsys.List(ctx, dir)
	if err != nil {
		return err
	}
	for _, info := range infos {
		name := path.Join(dir, info.Name())
		err := visit(name, info)
		if err == fs.SkipDir && info.IsDir() {
			continue
		}
		if err != nil {
			return err
		}
		if info.IsDir() {
			if err := walk(ctx, fsys, name, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// RemoveAll removes a file, or a directory and all that it holds. If there is none it returns nil.
func RemoveAll(ctx context.Context, fsys FS, name string) error {
	info, err := fsys.Stat(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		infos, err := fsys.List(ctx, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, info := range infos {
			if err := RemoveAll(ctx, fsys, path.Join(name, info.Name())); err != nil {
				return err
			}
		}
	}
	return fsys.Remove(ctx, name)
}
