package hdfsio_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"howdah/hdfsio"
)

// TestLocalDiskFull fills a real disk, a small one in memory.
func TestLocalDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=128k"); err != nil {
		t.Skipf("no disk to fill: mounting a tmpfs: %v", err)
	}
	defer syscall.Unmount(dir, 0)
	ctx := t.Context()
	must(t, hdfsio.WriteFile(ctx, hdfsio.Local{}, dir+"/old", make([]byte, 1000)))
	err := hdfsio.WriteFile(ctx, hdfsio.Local{}, dir+"/old", make([]byte, 1<<20))
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), dir+"/old") || !strings.Contains(err.Error(), "free space there") {
		t.Errorf("%v, want that the disk is full, where, and what to do", err)
	}
	// The old file is whole, nothing lies about, and there is room again.
	b, err := hdfsio.ReadFile(ctx, hdfsio.Local{}, dir+"/old")
	if len(b) != 1000 || err != nil {
		t.Errorf("the old file has %d bytes, %v", len(b), err)
	}
	entries, err := os.ReadDir(dir)
	if len(entries) != 1 || err != nil {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	must(t, hdfsio.WriteFile(ctx, hdfsio.Local{}, dir+"/new", make([]byte, 50_000)))
	// What is written to HDFS is spooled; a full spool directory is an error that says so, not a lost file.
	fsys, hdir := shared(t, hdfsio.Options{SpoolDir: dir})
	err = hdfsio.WriteFile(ctx, fsys, hdir+"/big", make([]byte, 17<<20))
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "local copy of what is being written") {
		t.Errorf("%v, want that the spool is full", err)
	}
	if ok, err := hdfsio.Exists(ctx, fsys, hdir+"/big"); ok || err != nil {
		t.Errorf("the file is there: %v, %v", ok, err)
	}
}
