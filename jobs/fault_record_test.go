package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"howdah/hdfsio"
	"howdah/internal/hadooptest"
)

// What lies in a run's directory may be damaged, by a disk or by hand: whoever goes on sees it, does again what it must, and
// comes to the same bytes.
func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	data := peopleDir(t, 2, 1000)
	const lines = "train: {epochs: 4}\nsplit: {method: stratified}"
	want := clean(t, data, lines)
	flip := func(t *testing.T, pattern string) {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/3] ^= 0x40
			if err := os.WriteFile(f, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	empty := func(t *testing.T, pattern string) {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, f := range files {
			if err := os.Truncate(f, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		harm  func(t *testing.T, run string)
		fresh bool // the run is not known again: a new one begins
		owner int  // the number of the next owner; default 2
	}{
		"outcomes of passes":        {harm: func(t *testing.T, run string) { flip(t, run+"/state/*.bin") }},
		"outcomes of passes, empty": {harm: func(t *testing.T, run string) { empty(t, run+"/state/*.bin") }},
		"checkpoint":                {harm: func(t *testing.T, run string) { flip(t, run+"/state/train.ckpt") }},
		"checkpoint, empty":         {harm: func(t *testing.T, run string) { empty(t, run+"/state/train.ckpt") }},
		"state deleted":             {harm: func(t *testing.T, run string) { os.RemoveAll(run + "/state") }},
		"released, empty":           {harm: func(t *testing.T, run string) { empty(t, run+"/owners/0001/released.json") }},
		"inputs and plan, empty":    {harm: func(t *testing.T, run string) { empty(t, run+"/*.json") }},
		"a directory without owner": {harm: func(t *testing.T, run string) { mkdir(t, run+"/owners/0002") }},
		"a claim that was cut off": {harm: func(t *testing.T, run string) {
			write(t, run+"/owners/0002/owner.json", "")
			write(t, run+"/owners/0002/released.json", "")
		}, owner: 3},
		"strange names among owners": {harm: func(t *testing.T, run string) { mkdir(t, run+"/owners/-7"); mkdir(t, run+"/owners/x") }},
		"the only owner, cut off":    {harm: func(t *testing.T, run string) { empty(t, run+"/owners/0001/owner.json") }, fresh: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := plainTemp(t)
			job := peopleJob(t, data, home, lines)
			ctx, cancel := context.WithCancelCause(t.Context())
			_, err := job.Run(ctx, RunOptions{Reporter: &stopper{cancel: cancel, after: func(e, _ int32) bool { return e == 2 }}})
			if !errors.Is(err, ErrInterrupted) {
				t.Fatal(err)
			}
			runs, err := filepath.Glob(home + "/jobs/people/runs/*")
			if err != nil || len(runs) != 1 {
				t.Fatal(runs, err)
			}
			c.harm(t, runs[0])
			res, err := job.Run(t.Context(), RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			owner := c.owner
			if owner == 0 {
				owner = 2
			}
			if res.Run.Resumed == c.fresh || !c.fresh && res.Run.Number != owner {
				t.Errorf("resumed %v, by owner %d", res.Run.Resumed, res.Run.Number)
			}
			same(t, name, want, readArtefacts(t, res))
		})
	}
}

// A process that works on HDFS is killed; the next one goes on, and its unfinished files are gone.
func TestKilledOverHDFS(t *testing.T) {
	t.Parallel()
	cluster := hadooptest.Shared(t)
	files := hdfsio.NewResolver(hdfsio.Options{})
	defer files.Close()
	data := peopleDir(t, 3, 1500)
	const lines = "model: {type: mlp, hidden: [16]}\ntrain: {epochs: 8, batch_size: 32}"
	want := clean(t, data, lines)
	root := cluster.URI() + "/" + filepath.Base(t.TempDir()) + "-killed"
	upload(t, files, data, root+"/data")
	fsys, dir, err := files.Resolve(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	for round, until := range []string{"/owners/0001/owner.json", "/state/fit-1-*.bin", "/model/*"} {
		home := root + "/home-" + string(rune('a'+round))
		job := peopleJob(t, root+"/data", home, lines)
		cmd := jobProcess(t, job, "")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for begun := time.Now(); time.Since(begun) < 30*time.Second; time.Sleep(2 * time.Millisecond) {
			found, err := hdfsio.Glob(t.Context(), fsys, dir+"/home-"+string(rune('a'+round))+"/jobs/people/runs/*"+until)
			if err == nil && len(found) > 0 {
				break
			}
		}
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		over := cmd.Wait() == nil
		begun := time.Now()
		res, err := job.Run(t.Context(), RunOptions{Files: files})
		if err != nil {
			t.Fatalf("after %s: %v", until, err)
		}
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("after %s: going on took %v", until, took)
		}
		// A claim that was cut off is nobody's, and nothing was done: then another run may begin.
		if !over && round > 0 && (!res.Run.Resumed || res.Run.Number != 2) {
			t.Errorf("after %s: a new run was begun: owner %d", until, res.Run.Number)
		}
		for _, f := range artefacts {
			if got, err := res.Run.Read(t.Context(), f); err != nil || string(got) != string(want[f]) {
				t.Errorf("after %s: %s differs: %v", until, f, err)
			}
		}
		if left := rowFiles(t, job.Spec.Runtime.Scratch); len(left) > 0 && !over {
			t.Errorf("after %s: left in the scratch directory: %s", until, strings.Join(left, ", "))
		}
	}
}

// A process that died while it claimed left a directory and nothing in it: the number is taken by the next.
func TestClaimThatNobodyMade(t *testing.T) {
	t.Parallel()
	data, home := peopleDir(t, 1, 1000), t.TempDir()
	run := home + "/jobs/people/runs/20130105T000000+0000-a1"
	write(t, run+"/owners/0001/._howdah-owner.json-0123456789abcdef.tmp", "{")
	res, err := peopleJob(t, data, home, "train: {epochs: 1}").Run(t.Context(), RunOptions{Slot: "2013-01-05"})
	if err != nil {
		t.Fatal(err)
	}
	if res.Run.ID.Attempt != 1 || res.Run.Number != 1 || res.Run.Resumed {
		t.Errorf("run %s, owner %d, resumed %v", res.Run.ID, res.Run.Number, res.Run.Resumed)
	}
	checkWhole(t, "after", home)
}

// On HDFS a claim in the making is an empty file. Whoever meets it for the same slot waits until it says whose it is.
func TestClaimInTheMaking(t *testing.T) {
	t.Parallel()
	data, home := peopleDir(t, 1, 1000), t.TempDir()
	job := peopleJob(t, data, home, "train: {epochs: 1}")
	file := home + "/jobs/people/runs/20130105T000000+0000-a1/owners/0001/owner.json"
	write(t, file, "")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	owner, err := json.Marshal(Owner{Nonce: "theirs", Host: host, PID: os.Getppid(), Started: time.Now(), Recipe: job.Spec.RecipeHash()})
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(2*claimPoll, func() { os.WriteFile(file, owner, 0o644) })
	if _, err := job.Run(t.Context(), RunOptions{Slot: "2013-01-05"}); !errors.Is(err, ErrClaimed) {
		t.Errorf("a slot that another process was claiming: %v", err)
	}
}
