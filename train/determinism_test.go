package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"testing"

	"howdah/internal/table"
)

// wide is a layout with every kind of slot.
func wide(classes int) table.Layout {
	return layoutOf(9, classes, [2]int{40, 0}, [2]int{30, 4}, [2]int{7, 0}, [2]int{500, 6})
}

// configs are models that between them use every part of the state.
func configs() map[string]Config {
	mlp := ModelConfig{Type: "mlp", Hidden: []int{24, 12}, Dropout: 0.2, Activation: "gelu"}
	return map[string]Config{
		"logistic, sgd":  {Optimizer: OptimizerConfig{Type: "sgd", LearningRate: ptr(0.1), Momentum: ptr(0.5)}, Train: TrainConfig{Epochs: 3, BatchSize: 96, Slice: 16}},
		"logistic, ftrl": {Optimizer: OptimizerConfig{Type: "ftrl", L1: 0.001}, Train: TrainConfig{Epochs: 3, BatchSize: 64, Slice: 16, ClassWeights: ClassWeights{Balanced: true}}},
		"mlp, adam":      {Model: mlp, Optimizer: OptimizerConfig{ClipNorm: ptr(0.5), Schedule: ScheduleConfig{Type: "cosine", WarmUp: 7}}, Train: TrainConfig{Epochs: 3, BatchSize: 300, Slice: 16}},
		"mlp, gd":        {Model: mlp, Optimizer: OptimizerConfig{Type: "gd", Momentum: ptr(0.9)}, Train: TrainConfig{Epochs: 4, BatchSize: 128, Slice: 32}},
		"mlp, early stop": {Model: mlp, Optimizer: OptimizerConfig{Type: "adamw", LearningRate: ptr(0.02), Schedule: ScheduleConfig{Type: "plateau", Metric: "train_loss", Patience: ptr(0), Factor: ptr(0.5)}},
			Train: TrainConfig{Epochs: 5, BatchSize: 200, Slice: 64, EarlyStopping: &EarlyStopping{Metric: "train_loss", Patience: ptr(0), MinDelta: 0.03}}},
	}
}

func snapshot(t testing.TB, n *Network) []byte {
	t.Helper()
	b, err := n.Snapshot(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestWorkers: the same bits with no pool and with 1, 2 and 7 workers, alone and in company.
func TestWorkers(t *testing.T) {
	t.Parallel()
	l := wide(2)
	rows := rowsOf(t, l, 1111, 3, true)
	all := configs()
	all["mlp, several chunks"] = Config{Model: ModelConfig{Type: "mlp", Hidden: []int{600, 70}}, Optimizer: OptimizerConfig{ClipNorm: ptr(0.1), L2: 0.001}, Train: TrainConfig{Epochs: 2}}
	for name, cfg := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alone := newNet(t, cfg, l, nil)
			fit(t, alone, rows)
			want := snapshot(t, alone)
			for _, w := range []int{1, 2, 7} {
				n := newNet(t, cfg, l, goPool(w))
				n.parallelFrom = 1
				other := newNet(t, configs()["logistic, sgd"], l, goPool(w))
				twin := newNet(t, cfg, l, nil)
				if err := Fit(context.Background(), []Trainer{other, n, twin}, rows, FitOptions{}); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(snapshot(t, n), want) || !bytes.Equal(snapshot(t, twin), want) {
					t.Errorf("%d workers and companions give another state", w)
				}
			}
		})
	}
}

// TestLearns: each configuration ends with a lower loss than it began with.
func TestLearns(t *testing.T) {
	t.Parallel()
	l := wide(2)
	rows := rowsOf(t, l, 1111, 3, true)
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNet(t, cfg, l, nil)
			first, err := n.Round(context.Background(), rows)
			if err != nil {
				t.Fatal(err)
			}
			fit(t, n, rows)
			if !(n.Last().Loss < first.Loss) {
				t.Errorf("loss went from %v to %v", first.Loss, n.Last().Loss)
			}
			if n.Last().Rows != rows.Len() {
				t.Errorf("swept %d rows, want %d", n.Last().Rows, rows.Len())
			}
		})
	}
}

// stopping ends the context after so many batches, and overwrites each batch when the loop goes on: nobody may keep one.
type stopping struct {
	Rows
	left   int
	cancel func()
}

func (s *stopping) Batches(ctx context.Context, o Order) iter.Seq2[*table.Encoded, error] {
	return func(yield func(*table.Encoded, error) bool) {
		for b, err := range s.Rows.Batches(ctx, o) {
			if err != nil {
				yield(nil, err)
				return
			}
			c := &table.Encoded{Rows: b.Rows, Dense: append([]float32(nil), b.Dense...), Codes: append([]int32(nil), b.Codes...),
				Labels: append([]float32(nil), b.Labels...), Weights: append([]float32(nil), b.Weights...), IDs: append([]uint64(nil), b.IDs...)}
			if s.left--; s.left == 0 {
				s.cancel()
			}
			if !yield(c, nil) {
				return
			}
			for i := range c.Dense {
				c.Dense[i] = float32(math.NaN())
			}
			for i := range c.Codes {
				c.Codes[i] = -1
			}
			clear(c.IDs)
		}
	}
}

// TestResume: stopped after any number of batches, in the middle of an epoch or at its end, and continued from the snapshot
// by a new model, training ends with the same bits.
func TestResume(t *testing.T) {
	t.Parallel()
	l := wide(2)
	rows := rowsOf(t, l, 700, 3, true)
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := newNet(t, cfg, l, nil)
			fit(t, whole, rows)
			want := snapshot(t, whole)
			perEpoch := (700 + cfg.Train.BatchSize - 1) / cfg.Train.BatchSize
			for every := 1; every <= perEpoch+1; every++ {
				var saved []byte
				for round := 0; ; round++ {
					n := newNet(t, cfg, l, nil)
					if saved != nil {
						if err := n.Restore(saved); err != nil {
							t.Fatal(err)
						}
					}
					ctx, cancel := context.WithCancel(context.Background())
					err := Fit(ctx, []Trainer{n}, &stopping{rows, every, cancel}, FitOptions{})
					cancel()
					saved = snapshot(t, n)
					if err == nil {
						break
					}
					if !errors.Is(err, context.Canceled) {
						t.Fatal(err)
					}
					if round > 1000 {
						t.Fatal("no progress")
					}
				}
				if !bytes.Equal(saved, want) {
					t.Errorf("stopped every %d batches it ends in another state", every)
				}
			}
		})
	}
}

// TestNoAllocation: nothing is allocated a batch once the model is warm.
func TestNoAllocation(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	l := wide(2)
	rows := rowsOf(t, l, 96, 3, true)
	for name, cfg := range configs() {
		for _, p := range []Pool{nil, serial{}} {
			n := newNet(t, cfg, l, p)
			n.parallelFrom = 1
			var b *table.Encoded
			for x := range rows.Batches(t.Context(), Order{Sequential: true, BatchSize: 64}) {
				b = x
				break
			}
			step := func() {
				if err := n.Step(b); err != nil {
					t.Fatal(err)
				}
			}
			step()
			if a := testing.AllocsPerRun(20, step); a != 0 {
				t.Errorf("%s: %v allocations a batch", name, a)
			}
		}
	}
	n := newNet(t, configs()["mlp, adam"], l, nil)
	logits := make([]float32, 96)
	if a := testing.AllocsPerRun(20, func() {
		if err := n.Predict(rows.all, logits); err != nil {
			t.Fatal(err)
		}
	}); a > 1 { // the closure that a pool would run
		t.Errorf("%v allocations a prediction", a)
	}
}

// serial is a pool of the caller alone.
type serial struct{}

func (serial) Do(n int, f func(i int)) {
	for i := range n {
		f(i)
	}
}

// TestMemoryOrder: each row once, the same order for the same (seed, epoch) at any batch size, another for others.
func TestMemoryOrder(t *testing.T) {
	t.Parallel()
	l := layoutOf(1, 0)
	rows := rowsOf(t, l, 203, 3, false)
	order := func(o Order) []uint64 {
		var ids []uint64
		for b, err := range rows.Batches(t.Context(), o) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, b.IDs...)
		}
		return ids
	}
	base := order(Order{Seed: 1, Epoch: 2, BatchSize: 7})
	seen := map[uint64]bool{}
	for _, id := range base {
		seen[id] = true
	}
	if len(base) != 203 || len(seen) != 203 {
		t.Fatalf("%d rows, %d of them different, want 203", len(base), len(seen))
	}
	if fmt.Sprint(base) != fmt.Sprint(order(Order{Seed: 1, Epoch: 2, BatchSize: 50})) {
		t.Error("the batch size changes the order")
	}
	if fmt.Sprint(base[21:]) != fmt.Sprint(order(Order{Seed: 1, Epoch: 2, BatchSize: 7, Skip: 3})) {
		t.Error("skip changes the order")
	}
	if fmt.Sprint(base) == fmt.Sprint(order(Order{Seed: 1, Epoch: 3, BatchSize: 7})) || fmt.Sprint(base) == fmt.Sprint(order(Order{Seed: 2, Epoch: 2, BatchSize: 7})) {
		t.Error("two epochs or seeds have the same order")
	}
	if fmt.Sprint(order(Order{Sequential: true, BatchSize: 9})) != fmt.Sprint(rows.all.IDs) {
		t.Error("the sequential order is not that of the rows")
	}
	if got := order(Order{Seed: 1, BatchSize: 7, Skip: 29}); len(got) != 0 {
		t.Errorf("%d rows behind the last batch", len(got))
	}
}
