// A copy of what is being written to HDFS, so that it can be written again.

package hdfsio

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// spoolMemory is how much of a file is kept in memory; the rest goes to a local file without a name.
const spoolMemory = 16 << 20

type spool struct {
	dir  string
	mem  bytes.Buffer
	file *os.File // nil until the memory is full
	rest int64    // bytes in file
}

func (s *spool) Write(b []byte) (int, error) {
	n := 0
	if s.file == nil {
		n = min(len(b), spoolMemory-s.mem.Len())
		s.mem.Write(b[:n])
		if n == len(b) {
			return n, nil
		}
		f, err := os.CreateTemp(s.dir, "howdah-spool-*")
		if err != nil {
			return n, fmt.Errorf("the local copy of what is being written: %w", err)
		}
		// Unlinked at once: it goes when we do, however that is.
		os.Remove(f.Name())
		s.file = f
	}
	m, err := s.file.WriteAt(b[n:], s.rest)
	s.rest += int64(m)
	if err != nil {
		return n + m, fmt.Errorf("the local copy of what is being written (%s is full? set spool_dir or TMPDIR): %w", s.file.Name(), err)
	}
	return n + m, nil
}

func (s *spool) size() int64 { return int64(s.mem.Len()) + s.rest }

// reader reads the copy from its beginning.
func (s *spool) reader() io.Reader {
	if s.file == nil {
		return bytes.NewReader(s.mem.Bytes())
	}
	return io.MultiReader(bytes.NewReader(s.mem.Bytes()), io.NewSectionReader(s.file, 0, s.rest))
}

func (s *spool) close() {
	s.mem = bytes.Buffer{}
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}
