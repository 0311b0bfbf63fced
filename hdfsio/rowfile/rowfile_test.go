package rowfile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"howdah/internal/table"
)

func layout(d, f int, w bool) table.Layout {
	l := table.Layout{Weight: w}
	for i := range d {
		l.Dense = append(l.Dense, fmt.Sprint("d", i))
	}
	for i := range f {
		l.Codes = append(l.Codes, table.CodeSlot{Feature: fmt.Sprint("c", i), Size: 100})
	}
	return l
}

// row k of a test set has its number everywhere.
func rows(l table.Layout, from, n int) *table.Encoded {
	e := &table.Encoded{Rows: n}
	for k := from; k < from+n; k++ {
		for i := range l.Dense {
			e.Dense = append(e.Dense, float32(k*10+i))
		}
		for i := range l.Codes {
			e.Codes = append(e.Codes, int32(k+i))
		}
		e.Labels = append(e.Labels, float32(k%2))
		e.IDs = append(e.IDs, uint64(k))
		if l.Weight {
			e.Weights = append(e.Weights, float32(k))
		}
	}
	return e
}

func all(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(i)
	}
	return out
}

func file(t *testing.T, l table.Layout, from, n int) *File {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, l)
	for at := 0; at < n; at += 1000 {
		if err := w.Append(rows(l, from+at, min(1000, n-at)), all(min(1000, n-at))); err != nil {
			t.Fatal(err)
		}
	}
	if w.Rows() != int64(n) {
		t.Fatalf("%d rows, want %d", w.Rows(), n)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := Open(bytes.NewReader(b.Bytes()), int64(b.Len()), "f", l)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRoundTripAndShuffle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d, f int
		w    bool
	}{{3, 2, true}, {0, 1, false}, {5, 0, false}, {1, 1, true}} {
		l := layout(c.d, c.f, c.w)
		s := NewSet(l, []*File{file(t, l, 0, 9000), file(t, l, 9000, 0), file(t, l, 9000, 4096), file(t, l, 13096, 17)})
		const n = 13113
		s.window = 2 // several windows
		if s.Len() != n {
			t.Fatal(s.Len())
		}
		check := func(e *table.Encoded, seen []int) []int {
			for r := range e.Rows {
				k := int(e.IDs[r])
				want := rows(l, k, 1)
				if !slices.Equal(e.Dense[r*c.d:(r+1)*c.d], want.Dense) || !slices.Equal(e.Codes[r*c.f:(r+1)*c.f], want.Codes) || e.Labels[r] != want.Labels[0] || (c.w && e.Weights[r] != float32(k)) {
					t.Fatalf("row %d is not itself", k)
				}
				seen = append(seen, k)
			}
			return seen
		}
		var seen []int
		for e, err := range s.Sequential(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			seen = check(e, seen)
		}
		if len(seen) != n || !slices.IsSorted(seen) {
			t.Fatalf("sequential: %d rows", len(seen))
		}
		epoch := func(seed uint64, epoch, batch, skip int) (out []int, sizes []int) {
			for e, err := range s.Batches(t.Context(), seed, epoch, batch, skip) {
				if err != nil {
					t.Fatal(err)
				}
				out = check(e, out)
				sizes = append(sizes, e.Rows)
			}
			return out, sizes
		}
		a, sizes := epoch(1, 1, 100, 0)
		b, _ := epoch(1, 1, 100, 0)
		other, _ := epoch(1, 2, 100, 0)
		if !slices.Equal(a, b) || slices.Equal(a, other) || slices.IsSorted(a) {
			t.Error("the order is not a function of (seed, epoch)")
		}
		if len(sizes) != 132 || sizes[0] != 100 || sizes[131] != 13 {
			t.Errorf("batches %v", sizes)
		}
		for _, skip := range []int{1, 50, 90, 131, 132} {
			if rest, _ := epoch(1, 1, 100, skip); !slices.Equal(rest, a[min(skip*100, n):]) {
				t.Errorf("skip %d: %d rows", skip, len(rest))
			}
		}
		var ordered []int
		for e, err := range s.InOrder(t.Context(), 100, 3) {
			if err != nil || e.Rows > 100 {
				t.Fatal(e.Rows, err)
			}
			ordered = check(e, ordered)
		}
		if len(ordered) != n-300 || ordered[0] != 300 || !slices.IsSorted(ordered) {
			t.Errorf("in order: %d rows", len(ordered))
		}
		slices.Sort(a)
		for i, k := range a {
			if i != k {
				t.Fatal("an epoch does not hold every row once")
			}
		}
		for range s.Batches(t.Context(), 1, 1, 7, 0) {
			break // leaving early must not hang
		}
	}
}

func TestDamageIsSeen(t *testing.T) {
	t.Parallel()
	l := layout(2, 1, false)
	var b bytes.Buffer
	w := NewWriter(&b, l)
	if err := w.Append(rows(l, 0, 5000), all(5000)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 10, headerSize + trailerSize, b.Len() - 1} {
		if _, err := Open(bytes.NewReader(b.Bytes()[:n]), int64(n), "cut", l); err == nil {
			t.Errorf("%d bytes of %d were taken for whole", n, b.Len())
		}
	}
	if _, err := Open(bytes.NewReader(b.Bytes()), int64(b.Len()), "f", layout(3, 1, false)); err == nil {
		t.Error("another layout was accepted")
	}
	bad := bytes.Clone(b.Bytes())
	bad[headerSize+100] ^= 1
	f, err := Open(bytes.NewReader(bad), int64(len(bad)), "bad", l)
	if err != nil {
		t.Fatal(err)
	}
	for _, err = range NewSet(l, []*File{f}).Sequential(t.Context()) {
		break
	}
	if err == nil || !strings.Contains(err.Error(), "bad: block 0: checksum differs") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkBatches(b *testing.B) {
	l := layout(40, 0, false)
	var buf bytes.Buffer
	w := NewWriter(&buf, l)
	for i := range 100 {
		if err := w.Append(rows(l, i*4096, 4096), all(4096)); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	f, err := Open(bytes.NewReader(buf.Bytes()), int64(buf.Len()), "f", l)
	if err != nil {
		b.Fatal(err)
	}
	s := NewSet(l, []*File{f})
	b.SetBytes(int64(buf.Len()))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range s.Batches(b.Context(), 1, 1, 256, 0) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(s.Len())*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
