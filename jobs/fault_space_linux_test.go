package jobs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A disk of the home that fills up after any number of bytes stops the run with an error that names the file and says what
// to do; once there is room the run goes on, to the same bytes.
func TestFullHome(t *testing.T) {
	t.Parallel()
	data := peopleDir(t, 1, 1000)
	const lines = "train: {epochs: 2}"
	want := clean(t, data, lines)
	stopped := 0
	for room := int64(0); room < 1<<22; room = room*3/2 + 200 {
		what := fmt.Sprintf("room for %d bytes", room)
		files, f := faulty(t)
		home := filepath.Join(t.TempDir(), "home")
		f.Fill(room)
		job := peopleJob(t, data, home, lines)
		res, err := job.Run(t.Context(), RunOptions{Workers: 1, Files: files})
		f.Heal()
		checkWhole(t, what, home)
		if err == nil {
			same(t, what, want, readArtefacts(t, res))
			continue
		}
		stopped++
		checkFull(t, what, err, home)
		if res, err = job.Run(t.Context(), RunOptions{Workers: 2, Files: files}); err != nil {
			t.Fatalf("%s: again: %v", what, err)
		}
		same(t, what+", again", want, readArtefacts(t, res))
		checkWhole(t, what+", again", home)
	}
	if stopped < 5 {
		t.Errorf("only %d runs were stopped", stopped)
	}
}

func checkFull(t *testing.T, what string, err error, path string) {
	t.Helper()
	if !errors.Is(err, syscall.ENOSPC) || ClassOf(err) != Transient || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("%s: class %v: %v", what, ClassOf(err), err)
	}
}

// smallDisk mounts a file system of so many bytes in memory, which only root may.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skipf("a small disk cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	})
	return dir
}

func enlarge(t *testing.T, dir string, size int) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%d", size)); err != nil {
		t.Fatal(err)
	}
}

// The same on real disks that are full: the home's, and the one of the scratch space.
func TestFullDisks(t *testing.T) {
	t.Parallel()
	data := peopleDir(t, 2, 4000)
	const lines = "train: {epochs: 2}"
	want := clean(t, data, lines)
	for _, pages := range []int{1, 3, 6, 12, 20, 28} {
		disk := smallDisk(t, pages*os.Getpagesize())
		job := peopleJob(t, data, disk, lines)
		what := fmt.Sprintf("a home of %d pages", pages)
		_, err := job.Run(t.Context(), RunOptions{})
		checkFull(t, what, err, disk)
		checkWhole(t, what, disk)
		enlarge(t, disk, 64<<20)
		res, err := job.Run(t.Context(), RunOptions{})
		if err != nil {
			t.Fatalf("%s: again: %v", what, err)
		}
		same(t, what, want, readArtefacts(t, res))
	}
	for _, pages := range []int{1, 4, 16, 60} {
		disk := smallDisk(t, pages*os.Getpagesize())
		job := peopleJob(t, data, t.TempDir(), lines)
		job.Spec.Runtime.Scratch = disk
		what := fmt.Sprintf("scratch space of %d pages", pages)
		_, err := job.Run(t.Context(), RunOptions{})
		checkFull(t, what, err, disk)
		if err != nil && !strings.Contains(err.Error(), "runtime.scratch") {
			t.Errorf("%s: the error does not say which setting: %v", what, err)
		}
		enlarge(t, disk, 64<<20)
		seen := &countPasses{}
		res, err := job.Run(t.Context(), RunOptions{Reporter: seen})
		if err != nil {
			t.Fatalf("%s: again: %v", what, err)
		}
		if !res.Run.Resumed || !seen.found["fit-1"] {
			t.Errorf("%s: what was done is done again: %v", what, seen.found)
		}
		same(t, what, want, readArtefacts(t, res))
		if left := rowFiles(t, disk); len(left) > 0 {
			t.Errorf("%s: left behind: %v", what, left)
		}
	}
}

// Many runs in one process, whatever becomes of them, leave no goroutine, no open file and nothing in the temporary directory.
// Not parallel: it counts what the process has.
func TestNothingLeaks(t *testing.T) {
	temp := plainTemp(t)
	data, bad := peopleDir(t, 2, 600), peopleDir(t, 2, 600)
	damage(t, filepath.Join(bad, "part-1.parquet"), "income")
	home := t.TempDir()
	busy := t.TempDir()
	t.Setenv("TMPDIR", temp)
	const lines = "train: {epochs: 2}"
	atTemp := func(data, home, lines string) *Job {
		job := peopleJob(t, data, home, lines)
		job.Spec.Runtime.Scratch = ""
		return job
	}
	round := func() {
		// One that ends well, and while it runs another that finds the slot taken.
		inside := &hook{epoch: func() {
			if _, err := atTemp(data, busy, lines).Run(t.Context(), RunOptions{Workers: 3, Slot: "2013-01-05"}); !errors.Is(err, ErrClaimed) {
				t.Errorf("the slot was not taken: %v", err)
			}
		}}
		if _, err := atTemp(data, busy, lines).Run(t.Context(), RunOptions{Workers: 3, Slot: "2013-01-05", Reporter: inside}); err != nil {
			t.Error(err)
		}
		// Bad data, skipped and not.
		if _, err := atTemp(bad, home, lines).Run(t.Context(), RunOptions{Workers: 3}); ClassOf(err) != DataError {
			t.Errorf("bad data: %v", err)
		}
		if _, err := skipping(atTemp(bad, home, lines)).Run(t.Context(), RunOptions{Workers: 3}); err != nil {
			t.Error(err)
		}
		// Mistakes that are found before there is a run.
		if _, err := atTemp(data, home, "model: linear").Run(t.Context(), RunOptions{Workers: 3}); ClassOf(err) != UserError {
			t.Errorf("a mistake: %v", err)
		}
		if _, err := atTemp(filepath.Join(data, "nowhere"), home, lines).Run(t.Context(), RunOptions{Workers: 3}); ClassOf(err) != DataError {
			t.Errorf("no data: %v", err)
		}
		// Interrupted, and taken up.
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		_, err := atTemp(data, home, lines).Run(ctx, RunOptions{Workers: 3, Reporter: &stopper{cancel: cancel, after: func(e, _ int32) bool { return e == 1 }}})
		if !errors.Is(err, ErrInterrupted) {
			t.Errorf("interrupted: %v", err)
		}
		res, err := atTemp(data, home, lines).Run(t.Context(), RunOptions{Workers: 3})
		if err != nil || !res.Run.Resumed {
			t.Errorf("resumed: %v", err)
		}
	}
	round() // what a process does once
	goroutines, open := settled(), openFiles(t)
	for range 5 {
		round()
	}
	if now := settled(); now > goroutines {
		b := make([]byte, 1<<20)
		t.Errorf("%d goroutines, there were %d:\n%s", now, goroutines, b[:runtime.Stack(b, true)])
	}
	if now := openFiles(t); len(now) > len(open) {
		t.Errorf("%d open files, there were %d: %v", len(now), len(open), now)
	}
	if left := rowFiles(t, temp); len(left) > 0 {
		t.Errorf("left in the temporary directory: %v", left)
	}
	live := 0
	underWay.Range(func(any, any) bool { live++; return true })
	if live > 0 {
		t.Errorf("%d runs count as under way", live)
	}
}

// settled counts goroutines once those that are ending have ended.
func settled() int {
	least := runtime.NumGoroutine()
	for range 20 {
		time.Sleep(10 * time.Millisecond)
		least = min(least, runtime.NumGoroutine())
	}
	return least
}

func openFiles(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			names = append(names, to)
		}
	}
	return names
}

func skipping(j *Job) *Job {
	j.Spec.Data.BadShards = "skip"
	return j
}
