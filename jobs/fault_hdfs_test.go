package jobs

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"howdah/hdfsio"
	"howdah/internal/hadooptest"
)

// atPass does something once, when the named pass has come so far as said.
type atPass struct {
	Silence
	name string
	done bool // when it is done, not when it begins
	once sync.Once
	do   func()
	said []string
}

func (a *atPass) Pass(p PassProgress) {
	if p.Name == a.name && p.Done == a.done {
		a.once.Do(a.do)
	}
}

func (a *atPass) Begin(_ *Run, notes []string) { a.said = append(a.said, notes...) }

// A run over a real cluster whose daemons die under it.
func TestClusterBreaksUnderARun(t *testing.T) {
	t.Parallel()
	data := peopleDir(t, 6, 1500)
	const lines = "model: {type: mlp, hidden: [8]}\ntrain: {epochs: 4}\nsplit: {method: stratified}"
	want := clean(t, data, lines)
	cluster := hadooptest.Start(t, hadooptest.Options{DataNodes: 3, Replication: 2, BlockSize: 1 << 20})
	files := hdfsio.NewResolver(hdfsio.Options{Timeout: 5 * time.Second})
	defer files.Close()
	root := cluster.URI() + "/broken"
	upload(t, files, data, root+"/data")
	check := func(what string, res *Result) {
		t.Helper()
		for _, f := range artefacts {
			got, err := res.Run.Read(t.Context(), f)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if string(got) != string(want[f]) {
				t.Errorf("%s: %s differs", what, f)
			}
		}
	}

	// Killed while the run reads, and while it writes; each time it goes on without a word.
	for _, when := range []string{"fit-1", "encode", "train"} {
		broke := make(chan error, 1)
		rep := &atPass{name: when, do: func() { go func() { broke <- cluster.RestartNameNode() }() }}
		res, err := peopleJob(t, root+"/data", root+"/home-name-"+when, lines).Run(t.Context(), RunOptions{Workers: 2, Files: files, Reporter: rep})
		if err := <-broke; err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatalf("the NameNode restarted during %s: %v", when, err)
		}
		check("NameNode restarted during "+when, res)
	}
	for i, when := range []string{"fit-1", "train"} {
		if err := cluster.WaitReady(3); err != nil {
			t.Fatal(err)
		}
		broke := make(chan error, 1)
		rep := &atPass{name: when, do: func() { broke <- cluster.KillDataNode(i) }}
		res, err := peopleJob(t, root+"/data", root+"/home-data-"+when, lines).Run(t.Context(), RunOptions{Workers: 2, Files: files, Reporter: rep})
		if err := <-broke; err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatalf("a DataNode died during %s: %v", when, err)
		}
		check("DataNode killed during "+when, res)
		if err := cluster.StartDataNode(i); err != nil {
			t.Fatal(err)
		}
	}
	if err := cluster.WaitReady(3); err != nil {
		t.Fatal(err)
	}

	// A cluster that stays away stops the run, which says so, and goes on when it is back.
	impatient := hdfsio.NewResolver(hdfsio.Options{Timeout: 2 * time.Second, Retry: 3 * time.Second})
	defer impatient.Close()
	job := peopleJob(t, root+"/data", root+"/home-away", lines)
	broke := make(chan error, 1)
	rep := &atPass{name: "encode", do: func() {
		// What passes came to is written while the run goes on: the first ones are there.
		fsys, dir, err := files.Resolve(t.Context(), root+"/home-away/jobs/people/runs")
		for range 500 {
			if kept, gerr := hdfsio.Glob(t.Context(), fsys, dir+"/*/state/fit-1-*.bin"); err == nil && gerr == nil && len(kept) > 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		broke <- cluster.KillNameNode()
	}}
	begun := time.Now()
	_, err := job.Run(t.Context(), RunOptions{Workers: 2, Files: impatient, Reporter: rep})
	if err := <-broke; err != nil {
		t.Fatal(err)
	}
	if err == nil || ClassOf(err) != Transient || !strings.Contains(err.Error(), cluster.URI()) {
		t.Errorf("the cluster went away: class %v: %v", ClassOf(err), err)
	}
	if took := time.Since(begun); took > 60*time.Second {
		t.Errorf("the run went on for %v without its cluster", took)
	}
	if err := cluster.StartNameNode(); err != nil {
		t.Fatal(err)
	}
	if err := cluster.WaitReady(3); err != nil {
		t.Fatal(err)
	}
	seen := &countPasses{}
	res, err := job.Run(t.Context(), RunOptions{Workers: 2, Files: files, Reporter: seen})
	if err != nil {
		t.Fatal(err)
	}
	check("the cluster was away", res)
	if !res.Run.Resumed || !seen.found["fit-1"] {
		t.Errorf("a run that had stopped was not gone on with: %v %v", seen.found, seen.notes)
	}

	// Files that are replaced or removed under a run are named.
	for _, what := range []string{"replaced", "removed"} {
		fsys, dir, err := files.Resolve(t.Context(), root+"/data-"+what)
		if err != nil {
			t.Fatal(err)
		}
		upload(t, files, data, root+"/data-"+what)
		rep := &atPass{name: "fit-1", done: true, do: func() {
			if what == "removed" {
				err = fsys.Remove(t.Context(), dir+"/part-3.parquet")
			} else {
				_, err = hdfsio.Copy(t.Context(), fsys, dir+"/part-3.parquet", hdfsio.Local{}, filepath.Join(data, "part-4.parquet"))
			}
		}}
		_, rerr := peopleJob(t, root+"/data-"+what, root+"/home-"+what, lines).Run(t.Context(), RunOptions{Workers: 2, Files: files, Reporter: rep})
		if err != nil {
			t.Fatal(err)
		}
		if rerr == nil || ClassOf(rerr) != DataError || !strings.Contains(rerr.Error(), "part-3.parquet") {
			t.Errorf("a file was %s: class %v: %v", what, ClassOf(rerr), rerr)
		}
	}
}

// A cluster that cannot be reached is said so in bounded time, whether it refuses or keeps silent.
func TestClusterOutOfReach(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := gone.Addr().String()
	gone.Close()
	data := peopleDir(t, 1, 1000)
	for what, addr := range map[string]string{"refuses": refused, "says nothing": silent.Addr().String()} {
		for part, job := range map[string]*Job{
			"data": peopleJob(t, "hdfs://"+addr+"/data", t.TempDir()),
			"home": peopleJob(t, data, "hdfs://"+addr+"/home"),
		} {
			t.Run(part+" "+what, func(t *testing.T) {
				t.Parallel()
				files := hdfsio.NewResolver(hdfsio.Options{Timeout: time.Second, FirstContact: 2 * time.Second})
				defer files.Close()
				begun := time.Now()
				_, err := job.Run(t.Context(), RunOptions{Files: files})
				if err == nil || ClassOf(err) != Transient || !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), part) {
					t.Errorf("class %v: %v", ClassOf(err), err)
				}
				if took := time.Since(begun); took > 20*time.Second {
					t.Errorf("it took %v to say so", took)
				}
			})
		}
	}
}

// A file that is replaced, changed or removed while a run reads ends the run with its name, whatever the job says of bad
// shards: the rows read so far are not those of one table. The next run reads what there is.
func TestInputsChangeUnderARun(t *testing.T) {
	t.Parallel()
	source := peopleDir(t, 3, 1200)
	for what, change := range map[string]func(file string) error{
		"replaced by one of the same length": func(file string) error {
			b, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if err := os.WriteFile(file+".new", b, 0o644); err != nil {
				return err
			}
			return os.Rename(file+".new", file)
		},
		"replaced by another": func(file string) error {
			b, err := os.ReadFile(filepath.Join(source, "part-2.parquet"))
			if err != nil {
				return err
			}
			return os.WriteFile(file, b, 0o644)
		},
		"cut short": func(file string) error { return os.Truncate(file, 1000) },
		"removed":   os.Remove,
	} {
		for _, when := range []string{"fit-1", "encode", "train"} {
			for _, policy := range []string{"fail", "skip"} {
				t.Run(what+" after "+when+" "+policy, func(t *testing.T) {
					t.Parallel()
					data := plainTemp(t)
					for _, f := range []string{"part-0.parquet", "part-1.parquet"} {
						b, err := os.ReadFile(filepath.Join(source, f))
						if err != nil {
							t.Fatal(err)
						}
						write(t, filepath.Join(data, f), string(b))
					}
					job := mustLoad(t, "name: people\nhome: "+plainTemp(t)+"\ndata: {path: "+data+", bad_shards: "+policy+"}\ncolumns: {bought: {role: label}}\nruntime: {scratch: "+plainTemp(t)+"}\ntrain: {epochs: 2}\n")
					var cerr error
					rep := &atPass{name: when, done: true, do: func() { cerr = change(filepath.Join(data, "part-0.parquet")) }}
					_, err := job.Run(t.Context(), RunOptions{Workers: 1, Reporter: rep})
					if cerr != nil {
						t.Fatal(cerr)
					}
					if err == nil || ClassOf(err) != DataError || !strings.Contains(err.Error(), "part-0.parquet") {
						t.Fatalf("class %v: %v", ClassOf(err), err)
					}
					if !strings.HasPrefix(what, "replaced") {
						return
					}
					res, err := job.Run(t.Context(), RunOptions{})
					if err != nil {
						t.Fatal(err)
					}
					if res.Run.Resumed || len(res.Summary.Skipped) > 0 {
						t.Errorf("the next run: resumed %v, skipped %v", res.Run.Resumed, res.Summary.Skipped)
					}
				})
			}
		}
	}
}

// A run that was stopped is not gone on with where the inputs are others by then, and that is said.
func TestInputsChangeBetweenRuns(t *testing.T) {
	t.Parallel()
	data, home := peopleDir(t, 2, 800), t.TempDir()
	job := peopleJob(t, data, home, "train: {epochs: 3}")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := job.Run(ctx, RunOptions{Reporter: &stopper{cancel: cancel, after: func(e, _ int32) bool { return e == 1 }}})
	if !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	now := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(data, "part-1.parquet"), now, now); err != nil {
		t.Fatal(err)
	}
	seen := &countPasses{}
	res, err := job.Run(t.Context(), RunOptions{Reporter: seen})
	if err != nil {
		t.Fatal(err)
	}
	if res.Run.Resumed || len(seen.notes) != 1 || !strings.Contains(seen.notes[0], "read other files than there are now") {
		t.Errorf("resumed %v; said %q", res.Run.Resumed, seen.notes)
	}
}
