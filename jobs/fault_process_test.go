package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The test binary is also a process that runs one job, to be killed.
const (
	jobEnv  = "HOWDAH_TEST_JOB"
	slotEnv = "HOWDAH_TEST_SLOT"
)

func TestMain(m *testing.M) {
	if file := os.Getenv(jobEnv); file != "" {
		os.Exit(runJobProcess(file, os.Getenv(slotEnv)))
	}
	os.Exit(m.Run())
}

// runJobProcess runs a job and prints its run's directory.
func runJobProcess(file, slot string) int {
	source, err := os.ReadFile(file)
	if err == nil {
		var job *Job
		if job, err = Load(file, source); err == nil {
			var res *Result
			if res, err = job.Run(context.Background(), RunOptions{Workers: 2, Slot: slot}); err == nil {
				fmt.Println(res.Run.Dir())
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return int(ClassOf(err))
}

// jobProcess prepares a process that runs a job file.
func jobProcess(t testing.TB, job *Job, slot string) *exec.Cmd {
	t.Helper()
	file := filepath.Join(t.TempDir(), "job.yaml")
	if err := os.WriteFile(file, job.Source, 0o644); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), jobEnv+"="+file, slotEnv+"="+slot)
	return cmd
}

func artefactsBelow(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, f := range artefacts {
		b, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			t.Fatal(err)
		}
		out[f] = b
	}
	return out
}

// A process that is killed at any instant leaves nothing torn. The next one goes on, to the same bytes; nothing of the dead
// ones piles up.
func TestKilledAtRandomInstants(t *testing.T) {
	t.Parallel()
	data := peopleDir(t, 3, 1500)
	lines := "model: {type: mlp, hidden: [16], dropout: 0.1}\ntrain: {epochs: 12, batch_size: 32}\nsplit: {method: time, column: joined}"
	want := clean(t, data, lines)

	begun := time.Now()
	if out, err := jobProcess(t, peopleJob(t, data, t.TempDir(), lines), "").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	whole := time.Since(begun)
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	t.Logf("a run takes %v; seed %d", whole, seed)
	resumed, kills := 0, 0
	for round := range rounds {
		home := filepath.Join(t.TempDir(), "home")
		job := peopleJob(t, data, home, lines)
		killed := 0
		for range 1 + random.IntN(3) {
			cmd := jobProcess(t, job, "2013-01-05")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(random.Float64() * float64(whole)))
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				killed++
			}
			if over, _ := filepath.Glob(filepath.Join(home, "jobs", "people", "runs", "*", "summary.json")); len(over) > 0 {
				break
			}
		}
		kills += killed
		what := fmt.Sprintf("round %d", round)
		runs, _ := filepath.Glob(filepath.Join(home, "jobs", "people", "runs", "*"))
		var dir string
		if over, _ := filepath.Glob(filepath.Join(home, "jobs", "people", "runs", "*", "summary.json")); len(over) == 0 {
			out, err := jobProcess(t, job, "2013-01-05").Output()
			if err != nil {
				var exit *exec.ExitError
				if errors.As(err, &exit) {
					err = fmt.Errorf("%w: %s", err, exit.Stderr)
				}
				t.Fatalf("%s: after %d kills: %v", what, killed, err)
			}
			dir = strings.TrimSpace(string(out))
			if claims, _ := filepath.Glob(filepath.Join(home, "jobs", "people", "runs", "*", "owners", "*", "owner.json")); len(claims) > 1 {
				resumed++
				checkOwners(t, what, dir)
			}
			checkWhole(t, what, home)
		} else {
			dir = filepath.Dir(over[0])
		}
		if len(runs) > 1 {
			t.Errorf("%s: %d runs of one slot: %v", what, len(runs), runs)
		}
		same(t, what, want, artefactsBelow(t, dir))
		// A process killed after it had published may leave its scratch to the next run.
		if left := rowFiles(t, job.Spec.Runtime.Scratch); len(left) > 0 {
			if _, err := jobProcess(t, job, "").Output(); err != nil {
				t.Fatal(err)
			}
			if left := rowFiles(t, job.Spec.Runtime.Scratch); len(left) > 0 {
				t.Errorf("%s: left in the scratch directory: %v", what, left)
			}
		}
	}
	if !testing.Short() && (resumed < rounds/4 || kills < rounds/2) {
		t.Errorf("only %d of %d rounds were resumed, after %d kills", resumed, rounds, kills)
	}
}

// checkOwners wants owners 0001, 0002 and so on, each whole.
func checkOwners(t *testing.T, what, dir string) {
	t.Helper()
	owners, err := os.ReadDir(filepath.Join(dir, "owners"))
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range owners {
		var who Owner
		b, err := os.ReadFile(filepath.Join(dir, "owners", o.Name(), "owner.json"))
		if err == nil {
			err = json.Unmarshal(b, &who)
		}
		if n, _ := strconv.Atoi(o.Name()); n != i+1 || err != nil || who.Nonce == "" {
			t.Errorf("%s: owner %s: %v", what, o.Name(), err)
		}
	}
}

// rowFiles is everything below a scratch directory.
func rowFiles(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Two processes that start one job at once never work in one run's directory: for a slot one has it and the other is told so;
// without a slot each may have a run of its own.
func TestTwoProcessesAtOnce(t *testing.T) {
	t.Parallel()
	data := peopleDir(t, 2, 1500)
	const lines = "train: {epochs: 4, batch_size: 32}"
	want := clean(t, data, lines)
	for _, slot := range []string{"2013-01-05", ""} {
		for round := range 5 {
			what := fmt.Sprintf("slot %q, round %d", slot, round)
			home := filepath.Join(t.TempDir(), "home")
			job := peopleJob(t, data, home, lines)
			if round%2 == 1 {
				// There is something to resume: both want it.
				cmd := jobProcess(t, job, slot)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				for range 500 {
					if kept, _ := keptPasses(t, home); len(kept) > 0 {
						break
					}
					time.Sleep(time.Millisecond)
				}
				cmd.Process.Kill()
				cmd.Wait()
			}
			type outcome struct {
				dir, words string
				code       int
			}
			ends := make(chan outcome, 2)
			for range 2 {
				cmd := jobProcess(t, job, slot)
				go func() {
					var words strings.Builder
					cmd.Stderr = &words
					out, _ := cmd.Output()
					ends <- outcome{strings.TrimSpace(string(out)), words.String(), cmd.ProcessState.ExitCode()}
				}()
			}
			dirs := map[string]bool{}
			done := 0
			for range 2 {
				switch e := <-ends; {
				case e.code == int(Done):
					done++
					if dirs[e.dir] {
						t.Errorf("%s: two processes worked in %s", what, e.dir)
					}
					dirs[e.dir] = true
					same(t, what, want, artefactsBelow(t, e.dir))
				case e.code == int(Claimed):
					if !strings.Contains(e.words, "claim") || !strings.Contains(e.words, "people") {
						t.Errorf("%s: %s", what, e.words)
					}
				default:
					t.Errorf("%s: exit code %d: %s", what, e.code, e.words)
				}
			}
			if done == 0 {
				t.Errorf("%s: nobody did it", what)
			}
			checkWhole(t, what, home)
			if left := rowFiles(t, job.Spec.Runtime.Scratch); len(left) > 0 {
				t.Errorf("%s: left in the scratch directory: %v", what, left)
			}
		}
	}
}

// In one process too: a second run of a slot that is under way is refused, and without a slot it is another run.
func TestTwoRunsInOneProcess(t *testing.T) {
	t.Parallel()
	data := peopleDir(t, 1, 1000)
	home := t.TempDir()
	const lines = "train: {epochs: 3}"
	job := peopleJob(t, data, home, lines)
	var second, third error
	var other *Result
	inside := &hook{epoch: func() {
		_, second = peopleJob(t, data, home, lines).Run(t.Context(), RunOptions{Slot: "2013-01-05"})
		other, third = peopleJob(t, data, home, lines).Run(t.Context(), RunOptions{})
	}}
	res, err := job.Run(t.Context(), RunOptions{Slot: "2013-01-05", Reporter: inside})
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(second, ErrClaimed) || ClassOf(second) != Claimed {
		t.Errorf("the second run of the slot: %v", second)
	}
	if third != nil {
		t.Fatal(third)
	}
	if other.Run.Dir() == res.Run.Dir() || other.Run.Resumed {
		t.Errorf("two runs in %s", other.Run.Dir())
	}
	same(t, "beside another", readArtefacts(t, res), readArtefacts(t, other))
}

// hook does something at the first epoch.
type hook struct {
	Silence
	epoch func()
}

func (h *hook) Epoch(EpochRecord, int) {
	if f := h.epoch; f != nil {
		h.epoch = nil
		f()
	}
}
