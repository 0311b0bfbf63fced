package jobs

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"howdah/hdfsio"
)

// brokenFS fails for one name.
type brokenFS struct {
	hdfsio.FS
	fails string
}

var errDisk = errors.New("the disk is full")

func (f brokenFS) Create(ctx context.Context, name string) (hdfsio.Writer, error) {
	if name == f.fails {
		return nil, errDisk
	}
	return f.FS.Create(ctx, name)
}

func TestWritesBehind(t *testing.T) {
	t.Parallel()
	fsys := hdfsio.NewMemory()
	w := newBehind(fsys)
	ctx, cancel := context.WithCancel(t.Context())
	for i := range 100 {
		if err := w.write(ctx, "/same", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
		if err := w.write(ctx, fmt.Sprint("/own-", i), fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	cancel() // what has begun is finished all the same
	if err := w.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"/same": "99", "/own-0": "0", "/own-99": "99"} {
		if b, err := hdfsio.ReadFile(t.Context(), fsys, name); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v; want %s", name, b, err, want)
		}
	}
}

func TestWritesBehindFail(t *testing.T) {
	t.Parallel()
	w := newBehind(brokenFS{hdfsio.NewMemory(), "/bad"})
	if err := w.write(t.Context(), "/bad", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := w.settle(t.Context()); !errors.Is(err, errDisk) {
		t.Errorf("settle: %v", err)
	}
	for range 2 * writesBehind { // a failure is told at every write, and takes no place
		if err := w.write(t.Context(), "/good", []byte("x")); !errors.Is(err, errDisk) {
			t.Fatalf("write: %v", err)
		}
	}
}
