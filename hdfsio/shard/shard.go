// Package shard is Parquet files and the batches in them.
//
// [Inspect] reads a file's footer: its columns, its row groups, the checksum that identifies it. [Merge] makes one
// schema of many files. [Units] cuts the files into runs of row groups, the unit of work of every pass. A [Reader]
// yields a unit's rows as batches of at most table.BatchRows rows, and a [Writer] writes batches.
//
// The reader decodes pages itself. What a file says about sizes is checked against what the file has before anything
// is allocated; every page's values are counted; page checksums, where the writer left any, are verified. A wrong
// value is never returned: what cannot be read right is an error that names file, row group and column. Dictionary
// codes stay codes.
package shard

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"howdah/hdfsio"
	"howdah/internal/table"
)

// Shard is one Parquet file, as its footer describes it. It goes into a run's record as JSON; a Shard read back from
// there finds its chunks again by reading the footer, which must still have the same checksum.
type Shard struct {
	Name      string           `json:"name"` // path below the data root: the file's identity
	Path      string           `json:"path"` // where it is opened
	Size      int64            `json:"size"` // bytes
	ModTime   time.Time        `json:"mod_time"`
	Rows      int64            `json:"rows"`
	FooterSum string           `json:"footer_sum"` // SHA-256 of the footer, in hexadecimal
	RowGroups []RowGroup       `json:"row_groups"`
	Partition []PartitionValue `json:"partition,omitempty"` // constants from the path; set by the caller

	// Schema is the columns that can be read, in file order: lists of scalars as lists, structs flattened to a.b.
	Schema table.Schema `json:"schema"`
	// Null names the columns of Schema that are declared to hold nothing; they agree with any type.
	Null []string `json:"null,omitempty"`
	// Unsupported is the columns that cannot be read, and why.
	Unsupported []Unsupported `json:"unsupported,omitempty"`

	meta atomic.Pointer[footer]
}

// RowGroup is a run of rows of a file that was written at once.
type RowGroup struct {
	Rows  int64 `json:"rows"`
	Bytes int64 `json:"bytes"` // of all its columns, compressed
}

// PartitionValue is a column that the path gives, such as day=2013-01-05.
type PartitionValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Null  bool   `json:"null,omitempty"` // __HIVE_DEFAULT_PARTITION__
}

// BadShardError says that a file's content cannot be read right: it is damaged, truncated, changed or of a kind that is
// not supported. A file that cannot be reached is another error. Whoever skips bad shards must drop the whole shard:
// rows of it may have been yielded before the damage was met.
type BadShardError struct {
	Path     string
	Shard    string // path below the data root
	RowGroup int    // -1: the footer
	Column   string // "": all
	Err      error
}

func (e *BadShardError) Error() string {
	switch {
	case e.RowGroup < 0:
		return fmt.Sprintf("%s: %v", e.Path, e.Err)
	case e.Column == "":
		return fmt.Sprintf("%s: row group %d: %v", e.Path, e.RowGroup, e.Err)
	}
	return fmt.Sprintf("%s: row group %d, column %q: %v", e.Path, e.RowGroup, e.Column, e.Err)
}

func (e *BadShardError) Unwrap() error { return e.Err }

// ErrChanged is wrapped where a file is not the one that was inspected.
var ErrChanged = errors.New("the file has changed since it was inspected")

// The footer's frame: a file begins and ends with "PAR1", and before the last one stands the footer's length.
const (
	magic          = "PAR1"
	magicEncrypted = "PARE"
	tailSize       = 8
	firstRead      = 64 << 10 // most footers fit, so that one read is enough
	maxFooter      = 512 << 20
)

// Inspect reads the footer of the Parquet file at path. Its name is its path below the data root, by which it is
// known in seeds and keys. A file whose footer cannot be read is a *BadShardError. The context covers the reading.
func Inspect(ctx context.Context, fsys hdfsio.FS, path, name string) (*Shard, error) {
	f, err := fsys.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := inspect(f, f.Size(), path, name)
	if err != nil {
		return nil, err
	}
	s.ModTime = f.ModTime()
	return s, nil
}

func inspect(r io.ReaderAt, size int64, path, name string) (s *Shard, err error) {
	meta, sum, err := readFooter(r, size, path, name)
	if err != nil {
		return nil, err
	}
	s = &Shard{Name: name, Path: path, Size: size, Rows: meta.rows, FooterSum: sum, Unsupported: meta.refused}
	s.RowGroups = make([]RowGroup, len(meta.groups))
	for i, g := range meta.groups {
		s.RowGroups[i].Rows = g.rows
		for j := range g.chunks {
			s.RowGroups[i].Bytes += g.chunks[j].size
		}
	}
	for i := range meta.leaves {
		l := &meta.leaves[i]
		if l.reason != "" {
			continue
		}
		s.Schema = append(s.Schema, l.field)
		if l.form == formNull {
			s.Null = append(s.Null, l.field.Name)
		}
	}
	s.meta.Store(meta)
	return s, nil
}

// readFooter reads and checks a footer and returns its SHA-256.
func readFooter(r io.ReaderAt, size int64, path, name string) (meta *footer, sum string, err error) {
	bad := func(format string, args ...any) error {
		return &BadShardError{Path: path, Shard: name, RowGroup: -1, Err: fmt.Errorf(format, args...)}
	}
	defer func() {
		if p := recover(); p != nil {
			err = bad("footer: %v", p)
		}
	}()
	switch {
	case size == 0:
		return nil, "", bad("the file is empty")
	case size < int64(len(magic))+tailSize:
		return nil, "", bad("not a Parquet file: %d bytes are too few", size)
	}
	tail := make([]byte, min(size, firstRead))
	if err := readFull(r, tail, size-int64(len(tail))); err != nil {
		return nil, "", atPath(path, err)
	}
	end := tail[len(tail)-tailSize:]
	switch string(end[4:]) {
	case magic:
	case magicEncrypted:
		return nil, "", bad("the footer is encrypted, which is not supported")
	default:
		head := make([]byte, len(magic))
		if err := readFull(r, head, 0); err != nil {
			return nil, "", atPath(path, err)
		}
		if string(head) == magic {
			return nil, "", bad("truncated: it begins as a Parquet file but has no footer at its end")
		}
		return nil, "", bad("not a Parquet file: it ends with %q, want %q", end[4:], magic)
	}
	n := int64(binary.LittleEndian.Uint32(end))
	if n == 0 || n > size-tailSize-int64(len(magic)) || n > maxFooter {
		return nil, "", bad("the footer is said to have %d bytes, in a file of %d", n, size)
	}
	var body []byte
	if n+tailSize <= int64(len(tail)) {
		body = tail[int64(len(tail))-tailSize-n : len(tail)-tailSize]
	} else {
		body = make([]byte, n)
		if err := readFull(r, body, size-tailSize-n); err != nil {
			return nil, "", atPath(path, err)
		}
	}
	meta, err = parseFooter(body)
	if err != nil {
		return nil, "", bad("footer: %w", err)
	}
	if err := meta.resolve(); err != nil {
		return nil, "", bad("footer: %w", err)
	}
	if err := meta.check(size - tailSize - n); err != nil {
		return nil, "", bad("footer: %w", err)
	}
	h := sha256.Sum256(body)
	return meta, hex.EncodeToString(h[:]), nil
}

// readFull fills b; a file that ends before is an unexpected end.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF { //nolint:errorlint // ReadAt returns it bare
		return io.ErrUnexpectedEOF
	}
	return err
}

func atPath(path string, err error) error {
	var pe interface{ Timeout() bool }
	if errors.As(err, &pe) { // a *fs.PathError names the file already
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// footerOf returns the shard's footer, reading it again where the shard came from a record.
func (s *Shard) footerOf(f hdfsio.File) (*footer, error) {
	bad := func(err error) error {
		return &BadShardError{Path: s.Path, Shard: s.Name, RowGroup: -1, Err: err}
	}
	if f.Size() != s.Size {
		return nil, bad(fmt.Errorf("%w: %d bytes, had %d", ErrChanged, f.Size(), s.Size))
	}
	// Of the same length and yet another file: the time tells. What is kept of its footer would say nothing of its pages.
	touched := !s.ModTime.IsZero() && !f.ModTime().Equal(s.ModTime)
	if m := s.meta.Load(); m != nil && !touched {
		return m, nil
	}
	m, sum, err := readFooter(f, f.Size(), s.Path, s.Name)
	if err != nil {
		return nil, err
	}
	if sum != s.FooterSum {
		return nil, bad(fmt.Errorf("%w: its footer has another checksum", ErrChanged))
	}
	if touched {
		return nil, bad(fmt.Errorf("%w: written at %s, not %s", ErrChanged, f.ModTime().UTC().Format(time.RFC3339Nano), s.ModTime.UTC().Format(time.RFC3339Nano)))
	}
	s.meta.Store(m)
	return m, nil
}

// panicError turns what a decoder panicked with into an error. Decoders check what they read; this is for what they
// did not think of.
func panicError(p any) error {
	if fault, ok := p.(interface{ Addr() uintptr }); ok && fault.Addr() != 0 { // see hdfsio.Mapper
		return fmt.Errorf("%w: it was cut short, or its disk failed, while it was read", ErrChanged)
	}
	if err, ok := p.(error); ok {
		return fmt.Errorf("corrupt: %w", err)
	}
	return fmt.Errorf("corrupt: %v", p)
}
