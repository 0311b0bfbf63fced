package jobs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// scratchRows are the files of encoded rows below a scratch directory.
func scratchRows(t *testing.T, scratch string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(scratch, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(name, ".train") {
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Scratch may be deleted or damaged at any time: between two owners of a run, where it is made again before anybody is the
// wiser, or under a run, which then stops and goes on. Training goes on from its checkpoint all the same.
func TestScratchIsNothingToRelyOn(t *testing.T) {
	t.Parallel()
	data := peopleDir(t, 2, 1500)
	const lines = "model: {type: mlp, hidden: [8]}\ntrain: {epochs: 5}"
	want := clean(t, data, lines)
	flip := func(file string) error {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		b[len(b)/2] ^= 0x10
		return os.WriteFile(file, b, 0o600)
	}
	for name, c := range map[string]struct {
		harm  func(scratch, file string) error
		twice bool // the damage is met under way: the run stops once more
	}{
		"all deleted":      {harm: func(scratch, _ string) error { return os.RemoveAll(scratch) }},
		"a file deleted":   {harm: func(_, file string) error { return os.Remove(file) }},
		"a file cut short": {harm: func(_, file string) error { return os.Truncate(file, 500) }},
		"a file emptied":   {harm: func(_, file string) error { return os.Truncate(file, 0) }},
		"a bit flipped":    {harm: func(_, file string) error { return flip(file) }, twice: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scratch, home := plainTemp(t), plainTemp(t)
			job := peopleJob(t, data, home, lines)
			job.Spec.Runtime.Scratch = scratch
			ctx, cancel := context.WithCancelCause(t.Context())
			_, err := job.Run(ctx, RunOptions{Reporter: &stopper{cancel: cancel, after: func(e, _ int32) bool { return e == 2 }}})
			if !errors.Is(err, ErrInterrupted) {
				t.Fatal(err)
			}
			rows := scratchRows(t, scratch)
			if len(rows) != 2 {
				t.Fatalf("rows in %v", rows)
			}
			if err := c.harm(scratch, rows[1]); err != nil {
				t.Fatal(err)
			}
			if c.twice {
				_, err := job.Run(t.Context(), RunOptions{})
				if err == nil || ClassOf(err) != Transient || !strings.Contains(err.Error(), rows[1]) || !strings.Contains(err.Error(), "damaged") {
					t.Fatalf("class %v: %v", ClassOf(err), err)
				}
			}
			seen := &countPasses{}
			res, err := job.Run(t.Context(), RunOptions{Reporter: seen})
			if err != nil {
				t.Fatal(err)
			}
			if !res.Run.Resumed || !seen.found["fit-1"] || !strings.Contains(strings.Join(seen.notes, "\n"), "training goes on") {
				t.Errorf("what was done is done again: %v %v", seen.found, seen.notes)
			}
			same(t, name, want, readArtefacts(t, res))
			if left, _ := os.ReadDir(scratch); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}

	t.Run("deleted while rows are encoded", func(t *testing.T) {
		t.Parallel()
		scratch, home := plainTemp(t), plainTemp(t)
		job := peopleJob(t, data, home, lines)
		job.Spec.Runtime.Scratch = scratch
		gone := &atPass{name: "encode", do: func() {
			entries, _ := os.ReadDir(scratch)
			for _, e := range entries {
				os.RemoveAll(filepath.Join(scratch, e.Name()))
			}
		}}
		_, err := job.Run(t.Context(), RunOptions{Reporter: gone})
		if err == nil || ClassOf(err) != Transient || !strings.Contains(err.Error(), "runtime.scratch: ") {
			t.Fatalf("class %v: %v", ClassOf(err), err)
		}
		res, err := job.Run(t.Context(), RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "deleted", want, readArtefacts(t, res))
	})
	t.Run("a file in its place", func(t *testing.T) {
		t.Parallel()
		scratch := filepath.Join(plainTemp(t), "file")
		write(t, scratch, "in the way")
		job := peopleJob(t, data, plainTemp(t), lines)
		job.Spec.Runtime.Scratch = scratch
		_, err := job.Run(t.Context(), RunOptions{})
		if err == nil || ClassOf(err) != Other || !strings.Contains(err.Error(), "runtime.scratch: ") || !strings.Contains(err.Error(), scratch) {
			t.Errorf("class %v: %v", ClassOf(err), err)
		}
	})
}

// What interrupted runs that nobody goes on with left in the scratch space is cleared away by the next run of the job; what a
// run under way uses is not.
func TestAbandonedScratchIsClearedAway(t *testing.T) {
	t.Parallel()
	data, home, scratch := peopleDir(t, 1, 1000), t.TempDir(), t.TempDir()
	const lines = "train: {epochs: 3}"
	at := func(lines string) *Job {
		job := peopleJob(t, data, home, lines)
		job.Spec.Runtime.Scratch = scratch
		return job
	}
	for _, other := range []string{"train: {epochs: 4}", "train: {epochs: 5}"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		_, err := at(other).Run(ctx, RunOptions{Reporter: &stopper{cancel: cancel, after: func(e, _ int32) bool { return e == 1 }}})
		if !errors.Is(err, ErrInterrupted) {
			t.Fatal(err)
		}
		if n := len(scratchRows(t, scratch)); n != 1 {
			t.Errorf("%d files of rows lie about, want those of the latest run", n)
		}
	}
	inside := &hook{epoch: func() {
		if _, err := at(lines).Run(t.Context(), RunOptions{}); err != nil {
			t.Error(err)
		}
		if n := len(scratchRows(t, scratch)); n != 1 {
			t.Errorf("%d files of rows, want those of the run under way", n)
		}
	}}
	if _, err := at(lines).Run(t.Context(), RunOptions{Reporter: inside}); err != nil {
		t.Fatal(err)
	}
	if left := rowFiles(t, scratch); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
