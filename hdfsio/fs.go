// Package hdfsio is the edge to files: on HDFS, on the local disk, and in memory for tests.
//
// Everything else in the tree reaches files through the port FS. Its promises are few and hold in every implementation
// (hdfsio/fstest checks them): a file that exists is whole, a claim has one winner, a list is sorted. Resuming a run needs no
// journal because of the first.
//
// Names are absolute paths with forward slashes, as Resolve returns them: "/warehouse/flights/day=2013-01-05/part-0.parquet" (on the
// local disk, whatever the operating system takes). Nothing here cleans, decodes or encodes them.
//
// Errors are *fs.PathError or wrap one, name the file, and answer errors.Is for fs.ErrNotExist, fs.ErrExist and fs.ErrPermission.
// A cancelled context ends every call; no call waits for ever.
package hdfsio

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"
)

// FS is a file system. All methods may be called from any number of goroutines.
type FS interface {
	// Open opens a file for reading. The context covers every later read of the file too: once it is cancelled, ReadAt fails.
	Open(ctx context.Context, name string) (File, error)

	// Create begins a file. Nobody sees it, under this or another listed name, before Commit; Commit replaces a file of that name
	// in one step. Missing parent directories are made. The context covers the writes and the commit.
	Create(ctx context.Context, name string) (Writer, error)

	// Claim makes a file that holds b, if no file has that name: of any number of callers, on any number of machines, one gets nil
	// and the others an error that is fs.ErrExist. b must be unlike any other caller's (a nonce, the owner's id): where an answer
	// is lost on the way, the content tells whose the file is. Missing parent directories are made. On HDFS a claim in the making
	// reads as an empty file; elsewhere it is never seen torn.
	Claim(ctx context.Context, name string, b []byte) error

	// List returns what a directory holds, sorted by name, without files that are still being written. An absent directory is an
	// error that is fs.ErrNotExist.
	List(ctx context.Context, dir string) ([]fs.FileInfo, error)

	// Stat describes one file or directory.
	Stat(ctx context.Context, name string) (fs.FileInfo, error)

	// Remove removes a file or an empty directory. If there is none it returns nil.
	Remove(ctx context.Context, name string) error
}

// File is an open file. ReadAt may be called by several goroutines at once; on HDFS each call opens its own stream to a DataNode
// (1.4 ms for 4 KiB, 2.7 ms for 1 MiB), so fetch whole column chunks rather than pages.
type File interface {
	io.ReaderAt
	io.Closer
	Size() int64
	ModTime() time.Time
}

// Mapper is a File on the local disk whose content can be looked at in place, without copying it.
type Mapper interface {
	// Map returns the file's content, until Close. It is the page cache's own memory: to touch a part that cannot be read any
	// more (the file was cut short, the disk fails) is a fault. Whoever reads it calls debug.SetPanicOnFault and recovers.
	Map() ([]byte, error)
	// Ahead says which bytes will be wanted soon.
	Ahead(off, n int64)
}

// Writer is a file being written. Writes are sequential, from one goroutine at a time.
type Writer interface {
	io.Writer
	// Commit makes the file visible, whole and durable. After an error the file of that name is the old one or none, or, if the
	// answer was lost, the whole new one; never a part.
	Commit() error
	// Abort forgets the file. After Commit it does nothing: defer it.
	Abort() error
}

// ErrChanged is the error of reading a file that was replaced or changed since it was opened. What was read before is the old file's.
var ErrChanged = errors.New("the file was replaced or changed while it was read")
