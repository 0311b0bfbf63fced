package sketch

import (
	"bytes"
	"encoding"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the sketches of the current formats under testdata/format")

// TestOldSketches: the bytes of every version of every sketch are kept, and read. Those of the current version are also what
// the same values give today: a change of a sketch's format, or of what it computes, raises its version and keeps the old file.
func TestOldSketches(t *testing.T) {
	t.Parallel()
	for _, s := range testees() {
		if s.name == "ExactQuantiles counts" {
			continue // a few hundred kilobytes of the same form as ExactQuantiles
		}
		x := s.empty()
		s.fill(x, 1)
		now := bytesOf(t, x)
		file := func(version byte) string {
			return filepath.Join("testdata", "format", strings.ReplaceAll(s.name, " ", "-")+"-"+string('0'+version)+".bin")
		}
		version := now[1] // after the kind
		if *update {
			if err := os.WriteFile(file(version), now, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for v := byte(1); v <= version; v++ {
			old, err := os.ReadFile(file(v))
			if err != nil {
				t.Fatal(err)
			}
			y := s.empty()
			if err := y.(encoding.BinaryUnmarshaler).UnmarshalBinary(old); err != nil {
				t.Errorf("%s: %v", file(v), err)
				continue
			}
			if got := bytesOf(t, y); !bytes.Equal(got, now) {
				t.Errorf("%s: read and written again it differs from what its values give now", file(v))
			}
			if v == version && !bytes.Equal(old, now) {
				t.Errorf("%s: the same values give other bytes now", file(v))
			}
		}
	}
}
