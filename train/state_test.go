package train

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRestore: a snapshot is refused where it is damaged or belongs to another model, and the model then is unchanged.
func TestRestore(t *testing.T) {
	t.Parallel()
	l := wide(2)
	cfg := configs()["mlp, early stop"]
	n := newNet(t, cfg, l, nil)
	fit(t, n, rowsOf(t, l, 400, 1, false))
	good := snapshot(t, n)
	if again := snapshot(t, n); !bytes.Equal(again, good) {
		t.Error("two snapshots of a state differ")
	}
	if b, err := n.Snapshot([]byte("before")); err != nil || !bytes.Equal(b, append([]byte("before"), good...)) {
		t.Error("a snapshot does not append")
	}
	m := newNet(t, cfg, l, nil)
	before := snapshot(t, m)
	refuse := func(what, want string, b []byte) {
		t.Helper()
		if err := m.Restore(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
		if !bytes.Equal(snapshot(t, m), before) {
			t.Errorf("%s: the model changed", what)
		}
	}
	for i := 0; i < len(good); i += 1 + len(good)/200 {
		bad := slices.Clone(good)
		bad[i] ^= 0x10
		refuse("a flipped bit", "snapshot: ", bad)
		refuse("cut", "snapshot: ", good[:i])
	}
	refuse("one byte more", "checksum", append(slices.Clone(good), 0))
	otherRate := cfg
	otherRate.Optimizer.LearningRate = ptr(0.5)
	refuse("another rate", "another configuration", snapshot(t, newNet(t, otherRate, l, nil)))
	refuse("another model", "blocks of parameters", snapshot(t, newNet(t, Config{}, l, nil)))
	wider := cfg
	wider.Model.Hidden = []int{25, 12}
	refuse("another width", "its block 0 is dense_1.weight [19,25], and the model's is dense_1.weight [19,24]", snapshot(t, newNet(t, wider, l, nil)))
	if err := m.Restore(good); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(snapshot(t, m), good) {
		t.Error("a restored state writes other bytes")
	}
}

var update = flag.Bool("update", false, "write the snapshots of the current version under testdata")

// TestOldSnapshots: snapshots of every version are read, and training goes on from them. A change that must break this raises
// snapshotVersion and says in its error what to do.
func TestOldSnapshots(t *testing.T) {
	t.Parallel()
	l := layoutOf(2, 2, [2]int{3, 2}, [2]int{4, 0})
	cfg := Config{
		Model:     ModelConfig{Type: "mlp", Hidden: []int{4}},
		Optimizer: OptimizerConfig{Schedule: ScheduleConfig{Type: "plateau", Metric: "train_loss"}},
		Train:     TrainConfig{Epochs: 3, BatchSize: 16, Seed: 1<<63 + 1, EarlyStopping: &EarlyStopping{Metric: "train_loss"}, ClassWeights: ClassWeights{Balanced: true}},
	}
	rows := rowsOf(t, l, 64, 1, false)
	if *update {
		n := newNet(t, cfg, l, nil)
		ctx, cancel := context.WithCancel(context.Background())
		if err := Fit(ctx, []Trainer{n}, &stopping{rows, 6, cancel}, FitOptions{}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := os.WriteFile(fmt.Sprintf("testdata/state/v%d.bin", snapshotVersion), snapshot(t, n), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob("testdata/state/v*.bin")
	if err != nil || len(files) < snapshotVersion {
		t.Fatalf("%d snapshots, %v; want one of each of %d versions", len(files), err, snapshotVersion)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		n := newNet(t, cfg, l, nil)
		if err := n.Restore(b); err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if n.state.Epoch != 1 || n.state.Batch != 2 || n.state.Step != 6 || len(n.state.Best) == 0 {
			t.Errorf("%s: %d epochs, %d batches, %d updates, best of %d; want 1, 2, 6 and the parameters", f, n.state.Epoch, n.state.Batch, n.state.Step, len(n.state.Best))
		}
		fit(t, n, rows)
		if n.Epoch() != 3 {
			t.Errorf("%s: ended after %d epochs", f, n.Epoch())
		}
	}
}

// TestMoreEpochs: a finished training goes on where epochs are raised.
func TestMoreEpochs(t *testing.T) {
	t.Parallel()
	l := wide(2)
	rows := rowsOf(t, l, 400, 1, false)
	short, long := configs()["logistic, sgd"], configs()["logistic, sgd"]
	long.Train.Epochs = 6
	a, b, c := newNet(t, short, l, nil), newNet(t, long, l, nil), newNet(t, long, l, nil)
	fit(t, a, rows)
	if err := b.Restore(snapshot(t, a)); err != nil {
		t.Fatal(err)
	}
	fit(t, b, rows)
	fit(t, c, rows)
	if !bytes.Equal(snapshot(t, b), snapshot(t, c)) {
		t.Error("3 and 3 epochs are not 6")
	}
}

// FuzzRestore: no snapshot panics or allocates beyond its size, right checksum or not.
func FuzzRestore(f *testing.F) {
	l := layoutOf(2, 2, [2]int{3, 2}, [2]int{4, 0})
	cfg := Config{Model: ModelConfig{Type: "mlp", Hidden: []int{3}}, Optimizer: OptimizerConfig{Type: "gd", Momentum: ptr(0.5)}, Train: TrainConfig{EarlyStopping: &EarlyStopping{Metric: "train_loss"}, BatchSize: 16}}
	n, err := New(cfg, l, Options{})
	if err != nil {
		f.Fatal(err)
	}
	e := rowsOf(f, l, 16, 1, false).all
	if err := n.Begin(16); err != nil {
		f.Fatal(err)
	}
	if err := n.Step(e); err != nil {
		f.Fatal(err)
	}
	b, err := n.Snapshot(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:len(b)-sha256.Size])
	f.Add([]byte(snapshotMagic))
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := sha256.Sum256(body)
		m, err := New(cfg, l, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if m.Restore(append(slices.Clone(body), sum[:]...)) != nil {
			return
		}
		// What is accepted can be trained on, or says why not.
		_ = m.Begin(64)
		if err := m.Step(e); err == nil {
			_, _ = m.End()
		}
		if _, err := m.Snapshot(nil); err != nil && !strings.Contains(err.Error(), "unsupported value") {
			t.Fatal(err)
		}
	})
}

// FuzzLoadWeights: no safetensors file panics.
func FuzzLoadWeights(f *testing.F) {
	l := layoutOf(2, 2, [2]int{3, 2}, [2]int{4, 0})
	n, err := New(Config{}, l, Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(n.Weights(nil))
	huge := binary.LittleEndian.AppendUint64(nil, 1<<63)
	f.Add(append(huge, "{}"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := New(Config{}, l, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if m.LoadWeights(b) == nil {
			if m.LoadWeights(m.Weights(nil)) != nil {
				t.Error("weights that were read cannot be written and read again")
			}
		}
	})
}
