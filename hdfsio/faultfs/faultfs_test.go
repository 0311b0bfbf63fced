package faultfs_test

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"testing"
	"time"

	"howdah/hdfsio"
	"howdah/hdfsio/faultfs"
	"howdah/hdfsio/fstest"
)

func TestWithoutFaults(t *testing.T) {
	t.Parallel()
	fstest.Run(t, faultfs.New(hdfsio.NewMemory()), "/test")
}

func TestFaults(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := faultfs.New(hdfsio.NewMemory(), faultfs.Fault{Op: faultfs.Commit, After: 1, Times: 1})
	for i, want := range []error{nil, faultfs.ErrInjected, nil} {
		if err := hdfsio.WriteFile(ctx, f, "/a/"+string(rune('0'+i)), []byte("x")); !errors.Is(err, want) {
			t.Errorf("write %d: %v, want %v", i, err, want)
		}
	}
	if infos, err := f.List(ctx, "/a"); err != nil || len(infos) != 2 {
		t.Errorf("%d files, %v; want the two that were committed", len(infos), err)
	}
	if n := f.Calls(faultfs.Commit); n != 3 {
		t.Errorf("%d commits counted, want 3", n)
	}

	// A late fault has done its work.
	f.Add(faultfs.Fault{Op: faultfs.Claim, Late: true, Times: 1, Err: syscall.ECONNRESET})
	if err := f.Claim(ctx, "/claim", []byte("me")); !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	if err := f.Claim(ctx, "/claim", []byte("you")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v, want that the claim is there", err)
	}

	// A torn write must not be committed.
	f.Add(faultfs.Fault{Op: faultfs.Write, Path: "/torn", Late: true})
	w, err := f.Create(ctx, "/torn")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.Write([]byte("0123456789")); n != 5 || !errors.Is(err, faultfs.ErrInjected) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if err := w.Commit(); !errors.Is(err, faultfs.ErrInjected) {
		t.Errorf("a torn file was committed: %v", err)
	}
	if ok, err := hdfsio.Exists(ctx, f, "/torn"); ok || err != nil {
		t.Errorf("a torn file is there: %v, %v", ok, err)
	}

	// A full disk, until somebody makes room.
	f.Fill(15)
	if err := hdfsio.WriteFile(ctx, f, "/ten", make([]byte, 10)); err != nil {
		t.Error(err)
	}
	if err := hdfsio.WriteFile(ctx, f, "/more", make([]byte, 10)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v, want that the disk is full", err)
	}
	f.Heal()
	if err := hdfsio.WriteFile(ctx, f, "/more", make([]byte, 10)); err != nil {
		t.Error(err)
	}

	// A call that hangs ends with its context.
	f.Add(faultfs.Fault{Op: faultfs.Stat, Hang: true})
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if _, err := f.Stat(short, "/more"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want that time ran out", err)
	}
}
