package shard

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"howdah/hdfsio"
)

// seeds adds the small sample files.
func seeds(f *testing.F) {
	f.Helper()
	names, err := filepath.Glob("testdata/*/*.parquet")
	if err != nil || len(names) == 0 {
		f.Fatalf("no samples: %v", err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 40000 {
			f.Add(b)
		}
	}
}

// readHostile inspects and reads bytes as a file; all that may come of it is rows or an error about the shard.
func readHostile(t *testing.T, b []byte) {
	t.Helper()
	fsys := hdfsio.NewMemory()
	put(t, fsys, "/x", b)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := Inspect(ctx, fsys, "/x", "x")
	if err != nil {
		var bad *BadShardError
		if !errors.As(err, &bad) {
			t.Fatalf("not a *BadShardError: %v", err)
		}
		return
	}
	merged, err := Merge([]*Shard{s})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := NewReader(fsys, merged, Options{Budget: NewBudget(64<<20, 1), Prune: func(st Stats) bool {
		for _, f := range merged {
			st(f.Name)
		}
		return false
	}})
	const enough = 1 << 16 // rows: a hostile run of a thousand million nulls is read for ever otherwise
	var rows int64
	for _, u := range Units([]*Shard{s}, 0) {
		for b, err := range r.Read(ctx, s, u) {
			if err != nil {
				var bad *BadShardError
				if !errors.As(err, &bad) {
					t.Fatalf("not a *BadShardError: %v", err)
				}
				break
			}
			for i, c := range b.Cols {
				if c.Len() != b.Rows {
					t.Fatalf("column %q: %d rows in a batch of %d", b.Names[i], c.Len(), b.Rows)
				}
				for row := range b.Rows {
					plainValue(merged[i], c, row) // panics on an offset or a code out of range
				}
			}
			if rows += int64(b.Rows); rows > enough {
				return
			}
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<30 {
		t.Fatalf("%d bytes were allocated for a file of %d", n, len(b))
	}
}

// FuzzRead changes whole files.
func FuzzRead(f *testing.F) {
	seeds(f)
	f.Fuzz(readHostile)
}

// FuzzInspect changes footers, which are framed anew so that they are looked at.
func FuzzInspect(f *testing.F) {
	names, err := filepath.Glob("testdata/*/*.parquet")
	if err != nil || len(names) == 0 {
		f.Fatalf("no samples: %v", err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		n := int(binary.LittleEndian.Uint32(b[len(b)-8:]))
		f.Add(b[len(b)-8-n : len(b)-8])
	}
	body := make([]byte, 8192)
	copy(body, magic)
	f.Fuzz(func(t *testing.T, footer []byte) {
		b := append(append([]byte(nil), body...), footer...)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(footer)))
		readHostile(t, append(b, magic...))
	})
}

// FuzzPage changes a page's bytes under each encoding.
func FuzzPage(f *testing.F) {
	var all [][]byte
	for _, name := range []string{"encoding_delta_v1", "encoding_split_v1", "encoding_rle_v2", "encoding_swapped_v2", "codec_none_v1_dict", "codec_none_v2_plain"} {
		b, err := os.ReadFile("testdata/pyarrow/" + name + ".parquet")
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, b)
	}
	f.Add(uint8(0), uint32(100), []byte{1, 2, 3})
	f.Add(uint8(4), uint32(5000), []byte{0xff})
	f.Fuzz(func(t *testing.T, which uint8, at uint32, patch []byte) {
		src := all[int(which)%len(all)]
		b := append([]byte(nil), src...)
		n := len(b) - 8 - int(binary.LittleEndian.Uint32(b[len(b)-8:]))
		copy(b[int(at)%n:n], patch)
		readHostile(t, b)
	})
}
