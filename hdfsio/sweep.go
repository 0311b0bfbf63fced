// Clearing away what writers that died left behind.

package hdfsio

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Sweeper is an FS whose unfinished files outlive a writer that died.
type Sweeper interface {
	// Sweep removes the files of dir that were begun and never committed. Whoever calls it knows that nobody writes there.
	// An absent directory holds none.
	Sweep(ctx context.Context, dir string) error
}

var (
	_ Sweeper = Local{}
	_ Sweeper = (*HDFS)(nil)
)

// Sweep removes what dead writers left in dir, where the file system keeps such.
func Sweep(ctx context.Context, fsys FS, dir string) error {
	if s, ok := fsys.(Sweeper); ok {
		return s.Sweep(ctx, dir)
	}
	return nil
}

// Sweep implements Sweeper.
func (Local) Sweep(ctx context.Context, dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if isTemp(e.Name()) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// Sweep implements Sweeper.
func (h *HDFS) Sweep(ctx context.Context, dir string) error {
	infos, err := h.list(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, i := range infos {
		if isTemp(i.Name()) {
			errs = append(errs, h.Remove(ctx, path.Join(dir, i.Name())))
		}
	}
	return errors.Join(errs...)
}
