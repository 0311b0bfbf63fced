//go:build linux || darwin || freebsd

package hdfsio

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Map implements Mapper.
func (f *localFile) Map() ([]byte, error) {
	f.mapping.Lock()
	defer f.mapping.Unlock()
	if f.mapped != nil || f.info.Size() == 0 {
		return f.mapped, nil
	}
	size := f.info.Size()
	if int64(int(size)) != size {
		return nil, &fs.PathError{Op: "map", Path: f.f.Name(), Err: unix.ENOMEM}
	}
	b, err := unix.Mmap(int(f.f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, &fs.PathError{Op: "map", Path: f.f.Name(), Err: err}
	}
	f.mapped = b
	return b, nil
}

// Ahead implements Mapper.
func (f *localFile) Ahead(off, n int64) {
	f.mapping.Lock()
	defer f.mapping.Unlock()
	page := int64(os.Getpagesize())
	from, to := max(off, 0)/page*page, min(off+n, int64(len(f.mapped)))
	if from < to {
		_ = unix.Madvise(f.mapped[from:to], unix.MADV_WILLNEED) // advice
	}
}

func (f *localFile) unmap() error {
	f.mapping.Lock()
	defer f.mapping.Unlock()
	if f.mapped == nil {
		return nil
	}
	b := f.mapped
	f.mapped = nil
	return unix.Munmap(b)
}
