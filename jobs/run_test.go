package jobs

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// artefacts are the files whose bytes must not depend on anything but job and data.
var artefacts = []string{"model/model.onnx", "model/weights.safetensors", "model/fitted.json", "evaluation.json"}

func readArtefacts(t testing.TB, r *Result) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, f := range artefacts {
		b, err := os.ReadFile(filepath.Join(r.Run.Dir(), f))
		if err != nil {
			t.Fatal(err)
		}
		out[f] = b
	}
	return out
}

func same(t *testing.T, what string, a, b map[string][]byte) {
	t.Helper()
	for _, f := range artefacts {
		if !bytes.Equal(a[f], b[f]) {
			t.Errorf("%s: %s differs", what, f)
		}
	}
}

// models are jobs that between them use each kind of model, label and optimiser once.
var models = map[string]string{
	"default":  "",
	"logistic": "train: {epochs: 3}\nsplit: {method: time, column: joined}",
	"mlp":      "model: {type: mlp, hidden: [16, 8], dropout: 0.1}\ntrain: {epochs: 3, early_stopping: {patience: 1}}\nfeatures:\n  - {columns: {type: number}, missing: median, clip: {quantiles: [0.01, 0.99]}, scale: [log1p, standard]}\n  - {columns: [city], encode: {vocabulary: {min_count: 5, oov_buckets: 4}}, embedding: {dim: 3}}",
	"gd":       "optimizer: {type: gd, learning_rate: 0.5}\ntrain: {epochs: 5}\nselection: [{method: variance, min: 0}, {method: correlation, max: 0.95}, {method: mutual_information, keep: 0.8}]",
}

// The same job on the same data gives the same bytes, with any number of workers, and twice.
func TestSameBytesWithAnyWorkers(t *testing.T) {
	t.Parallel()
	data := peopleDir(t, 7, 1500)
	for name, lines := range models {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var first map[string][]byte
			for _, workers := range []int{1, 1, 2, 7} {
				res, err := peopleJob(t, data, t.TempDir(), lines).Run(t.Context(), RunOptions{Workers: workers})
				if err != nil {
					t.Fatal(err)
				}
				got := readArtefacts(t, res)
				if first == nil {
					first = got
					m := res.Summary.Metrics["test"]["log_loss"]
					if !(m.Value < m.Baseline) {
						t.Errorf("test log loss %v is not below the baseline's %v", m.Value, m.Baseline)
					}
					if res.Summary.Parity.Rows < 1000 || res.Summary.Parity.Adversarial < 10 {
						t.Errorf("the graph was proved on %+v", res.Summary.Parity)
					}
					continue
				}
				same(t, name, first, got)
			}
		})
	}
}

// stopper interrupts a run once something has happened.
type stopper struct {
	Silence
	cancel context.CancelCauseFunc
	epochs int32
	passes int32
	after  func(epochs, passes int32) bool
}

func (s *stopper) check() {
	if s.after(atomic.LoadInt32(&s.epochs), atomic.LoadInt32(&s.passes)) {
		s.cancel(ErrInterrupted)
	}
}

func (s *stopper) Epoch(EpochRecord, int) { atomic.AddInt32(&s.epochs, 1); s.check() }

func (s *stopper) Pass(p PassProgress) {
	if p.Done {
		atomic.AddInt32(&s.passes, 1)
	}
	s.check()
}

// A run that is interrupted anywhere and started again ends as if it had not been.
func TestInterruptedRunGoesOn(t *testing.T) {
	t.Parallel()
	data := peopleDir(t, 3, 1200)
	lines := "model: {type: mlp, hidden: [8], dropout: 0.2}\ntrain: {epochs: 6, early_stopping: {patience: 5}}"
	res, err := peopleJob(t, data, t.TempDir(), lines).Run(t.Context(), RunOptions{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	want := readArtefacts(t, res)
	for name, after := range map[string]func(epochs, passes int32) bool{
		"at once":            func(_, p int32) bool { return true },
		"after a pass":       func(_, p int32) bool { return p >= 1 },
		"after encoding":     func(_, p int32) bool { return p >= 3 },
		"after two epochs":   func(e, _ int32) bool { return e == 2 },
		"after all training": func(e, _ int32) bool { return e == 6 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			job := peopleJob(t, data, home, lines)
			ctx, cancel := context.WithCancelCause(t.Context())
			_, err := job.Run(ctx, RunOptions{Workers: 2, Reporter: &stopper{cancel: cancel, after: after}})
			if !errors.Is(err, ErrInterrupted) || ClassOf(err) != Interrupted {
				t.Fatalf("got %v", err)
			}
			job = peopleJob(t, data, home, lines)
			job.Spec.Runtime.Scratch = t.TempDir() // the scratch is gone too
			again, err := job.Run(t.Context(), RunOptions{Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			if !again.Run.Resumed || again.Run.Number != 2 {
				t.Errorf("a new run was begun: %+v", again.Run)
			}
			same(t, name, want, readArtefacts(t, again))
		})
	}
}

func TestInterruptedRunOfOtherInputsIsLeftAlone(t *testing.T) {
	t.Parallel()
	data, home := peopleDir(t, 2, 800), t.TempDir()
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := peopleJob(t, data, home).Run(ctx, RunOptions{Reporter: &stopper{cancel: cancel, after: func(e, _ int32) bool { return e == 1 }}})
	if !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	schema, b := people(5000, 500)
	writeShard(t, filepath.Join(data, "part-9.parquet"), schema, b)
	res, err := peopleJob(t, data, home).Run(t.Context(), RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if res.Run.Resumed || res.Summary.Rows != 2100 {
		t.Errorf("resumed %v on %d rows", res.Run.Resumed, res.Summary.Rows)
	}
}

func TestRunRecord(t *testing.T) {
	t.Parallel()
	data, home := peopleDir(t, 2, 1000), t.TempDir()
	res, err := peopleJob(t, data, home, "schedule: {cron: '30 2 * * *', time_zone: America/New_York}").Run(t.Context(), RunOptions{Slot: "2013-11-03"})
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Run.ID.String(); got != "20131103T000000-0400-a1" {
		t.Errorf("run %s", got)
	}
	for _, f := range []string{"job.yaml", "inputs.json", "plan.json", "summary.json", "report.html", "model/manifest.json",
		"owners/0001/owner.json", "owners/0001/released.json", "owners/0001/progress.json", "owners/0001/log-0001.jsonl"} {
		if b, err := os.ReadFile(filepath.Join(res.Run.Dir(), f)); err != nil || len(b) == 0 {
			t.Errorf("%s: %v", f, err)
		}
	}
	// A second run of the slot is a second attempt.
	again, err := peopleJob(t, data, home).Run(t.Context(), RunOptions{Slot: "20131103T000000-0400"})
	if err != nil || again.Run.ID.Attempt != 2 {
		t.Errorf("%v %v", again, err)
	}
	st, err := again.Run.State(t.Context())
	if err != nil || st.State != StateSucceeded || st.Summary == nil {
		t.Errorf("%+v %v", st, err)
	}
	// Nothing of the scratch is left.
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "howdah-people-*")); len(left) > 0 && strings.Contains(left[0], again.Run.ID.String()) {
		t.Errorf("left behind: %v", left)
	}
}
