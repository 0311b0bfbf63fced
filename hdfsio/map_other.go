//go:build !(linux || darwin || freebsd)

package hdfsio

import (
	"errors"
	"io/fs"
)

// Map implements Mapper.
func (f *localFile) Map() ([]byte, error) {
	return nil, &fs.PathError{Op: "map", Path: f.f.Name(), Err: errors.ErrUnsupported}
}

// Ahead implements Mapper.
func (f *localFile) Ahead(off, n int64) {}

func (f *localFile) unmap() error { return nil }
