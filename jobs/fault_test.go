package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"howdah/hdfsio"
	"howdah/hdfsio/faultfs"
)

// faulty returns a resolver whose local disk has faults.
func faulty(t testing.TB) (*hdfsio.Resolver, *faultfs.FS) {
	t.Helper()
	var f *faultfs.FS
	files := hdfsio.NewResolver(hdfsio.Options{Wrap: func(fsys hdfsio.FS) hdfsio.FS {
		f = faultfs.New(fsys)
		return f
	}})
	t.Cleanup(func() { files.Close() })
	if _, _, err := files.Resolve(context.Background(), "/"); err != nil {
		t.Fatal(err)
	}
	return files, f
}

// clean returns the artefacts of a job that nothing disturbs.
func clean(t testing.TB, data, lines string) map[string][]byte {
	t.Helper()
	res, err := peopleJob(t, data, t.TempDir(), lines).Run(t.Context(), RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return readArtefacts(t, res)
}

// checkWhole looks at every file below a home: a file that exists is whole, and none is left half made.
func checkWhole(t *testing.T, what, home string) {
	t.Helper()
	err := filepath.WalkDir(home, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		bad := ""
		switch ext := filepath.Ext(name); ext {
		case ".json":
			if !json.Valid(b) {
				bad = "is no JSON"
			}
		case ".jsonl":
			for line := range strings.Lines(string(b)) {
				if !json.Valid([]byte(line)) {
					bad = "has a line that is no JSON"
				}
			}
		case ".bin", ".ckpt":
			if _, err := unsealed(b); err != nil {
				bad = err.Error()
			}
		case ".tmp":
			bad = "was left behind"
		}
		if bad != "" {
			t.Errorf("%s: %s %s", what, name, bad)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// countPasses notes which passes were found, done by a former owner.
type countPasses struct {
	Silence
	mu    sync.Mutex
	found map[string]bool
	notes []string
}

func (c *countPasses) Pass(p PassProgress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found == nil {
		c.found = map[string]bool{}
	}
	if p.Found {
		c.found[p.Name] = true
	}
}

func (c *countPasses) Begin(_ *Run, notes []string) { c.notes = append(c.notes, notes...) }
func (c *countPasses) Note(text string)             { c.notes = append(c.notes, text) }

// keptPasses are the passes whose outcome lies in the runs of a home.
func keptPasses(t *testing.T, home string) (names []string, runs int) {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(home, "jobs", "*", "runs", "*"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(home, "jobs", "*", "runs", "*", "state", "*.bin"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		base := filepath.Base(f)
		names = append(names, base[:strings.LastIndexByte(base, '-')])
	}
	return names, len(dirs)
}

// Whatever operation of the home's file system fails, once or from then on, before its work or after it: the run ends well or
// with an error that says worth a retry and names the file; no file is torn; and the same command, once the trouble is
// over, goes on from what was done, to the same bytes.
func TestEveryOperationOfTheHomeFails(t *testing.T) {
	t.Parallel()
	data := peopleDir(t, 1, 600)
	const lines = "model: {type: mlp, hidden: [4]}\ntrain: {epochs: 2, batch_size: 64}\nsplit: {method: stratified}"
	want := clean(t, data, lines)

	files, f := faulty(t)
	home := filepath.Join(t.TempDir(), "home")
	f.Add(faultfs.Fault{Path: "/home", After: 1 << 30})
	if _, err := peopleJob(t, data, home, lines).Run(t.Context(), RunOptions{Workers: 1, Files: files}); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, op := range []faultfs.Op{faultfs.Create, faultfs.Write, faultfs.Commit, faultfs.Claim, faultfs.List, faultfs.Stat, faultfs.Remove, faultfs.Open} {
		total += f.Calls(op)
	}
	if total < 60 {
		t.Fatalf("only %d operations were counted", total)
	}
	for mode, fault := range map[string]faultfs.Fault{
		"once":        {Times: 1},
		"for good":    {},
		"answer lost": {Times: 1, Late: true},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			stopped := 0
			n := 0
			step := 1
			if testing.Short() {
				step = 7
			}
			for ; ; n += step {
				what := fmt.Sprintf("%s, operation %d", mode, n)
				files, f := faulty(t)
				home := filepath.Join(t.TempDir(), "home")
				fault.Path, fault.After, fault.Err = "/home", n, syscall.EIO
				f.Add(fault)
				job := peopleJob(t, data, home, lines)
				res, err := job.Run(t.Context(), RunOptions{Workers: 1, Files: files})
				f.Heal()
				checkWhole(t, what, home)
				switch {
				case err != nil:
					stopped++
					if ClassOf(err) != Transient {
						t.Errorf("%s: class %v: %v", what, ClassOf(err), err)
					}
					if !strings.Contains(err.Error(), home) || !strings.Contains(err.Error(), syscall.EIO.Error()) {
						t.Errorf("%s: the error names no file or no cause: %v", what, err)
					}
				default:
					same(t, what, want, readArtefacts(t, res))
				}
				if err == nil && n > total {
					break // nothing failed any more
				}
				if err == nil {
					continue
				}
				kept, runs := keptPasses(t, home)
				checkpoints, _ := filepath.Glob(filepath.Join(home, "jobs", "*", "runs", "*", "state", "train.ckpt"))
				over, _ := filepath.Glob(filepath.Join(home, "jobs", "*", "runs", "*", "summary.json"))
				seen := &countPasses{}
				res, err = job.Run(t.Context(), RunOptions{Workers: 2, Files: files, Reporter: seen})
				if err != nil {
					t.Fatalf("%s: again: %v", what, err)
				}
				same(t, what+", again", want, readArtefacts(t, res))
				checkWhole(t, what+", again", home)
				if runs > 0 && len(over) == 0 {
					// A claim whose answer was lost is nobody's; what is claimed next may be another attempt.
					if !res.Run.Resumed && len(kept) > 0 {
						t.Errorf("%s: %d passes were done and a new run was begun", what, len(kept))
					}
					if len(checkpoints) > 0 && !strings.Contains(strings.Join(seen.notes, "\n"), "training goes on after epoch 2") {
						t.Errorf("%s: a checkpoint was there and training began anew: %q", what, seen.notes)
					}
					for _, k := range kept {
						if !seen.found[k] {
							t.Errorf("%s: pass %s was done and is done again", what, k)
						}
					}
				}
				left, _ := filepath.Glob(filepath.Join(job.Spec.Runtime.Scratch, "*"))
				if len(left) > 0 {
					t.Errorf("%s: scratch left behind: %v", what, left)
				}
			}
			if stopped < total/2/step {
				t.Errorf("only %d of %d faults stopped a run", stopped, n)
			}
		})
	}
}

// Operations on the data that fail end the run; they are no bad data, so that nothing is skipped or blamed.
func TestEveryOperationOnTheDataFails(t *testing.T) {
	t.Parallel()
	dir := peopleDir(t, 2, 600)
	data := filepath.Join(t.TempDir(), "shards")
	if err := os.Rename(dir, data); err != nil {
		t.Fatal(err)
	}
	const lines = "train: {epochs: 1}"
	skipping := peopleJob(t, data, t.TempDir(), lines)
	skipping.Spec.Data.BadShards = "skip"
	whole, err := skipping.Run(t.Context(), RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := readArtefacts(t, whole)
	for n := 0; ; n++ {
		what := fmt.Sprintf("operation %d", n)
		files, f := faulty(t)
		home := t.TempDir()
		f.Add(faultfs.Fault{Path: "/shards", After: n, Err: syscall.EIO})
		job := peopleJob(t, data, home, lines)
		job.Spec.Data.BadShards = "skip"
		res, err := job.Run(t.Context(), RunOptions{Workers: 1, Files: files})
		f.Heal()
		if err == nil {
			if n < 10 {
				t.Errorf("%s failed and the run went on", what)
			}
			same(t, what, want, readArtefacts(t, res))
			break
		}
		if ClassOf(err) != Transient || !strings.Contains(err.Error(), data) {
			t.Errorf("%s: class %v: %v", what, ClassOf(err), err)
		}
		res, err = job.Run(t.Context(), RunOptions{Workers: 2, Files: files})
		if err != nil {
			t.Fatalf("%s: again: %v", what, err)
		}
		if len(res.Summary.Skipped) > 0 {
			t.Errorf("%s: skipped %v", what, res.Summary.Skipped)
		}
		got := readArtefacts(t, res)
		same(t, what+", again", want, got)
	}
}
