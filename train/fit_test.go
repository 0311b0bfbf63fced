package train

import (
	"context"
	"errors"
	"iter"
	"math"
	"strings"
	"testing"

	"howdah/internal/table"
)

// TestEarlyStopping: training stops when the metric has not improved for longer than patience, and ends with the best
// epoch's weights.
func TestEarlyStopping(t *testing.T) {
	t.Parallel()
	l := layoutOf(3, 2)
	rows := rowsOf(t, l, 200, 1, false)
	for _, tt := range []struct {
		name    string
		stop    EarlyStopping
		metrics []float64
		epochs  int
		best    int
	}{
		{"min", EarlyStopping{Metric: "log_loss", Patience: ptr(1)}, []float64{0.9, 0.7, 0.8, 0.7, 0.1, 0, 0, 0}, 4, 1},
		{"max", EarlyStopping{Metric: "auc", Patience: ptr(0)}, []float64{0.5, 0.6, 0.7, 0.69, 0.9, 1, 1, 1}, 4, 2},
		{"mode", EarlyStopping{Metric: "profit", Mode: "max", Patience: ptr(0)}, []float64{5, 4, 9, 9, 9, 9, 9, 9}, 2, 0},
		{"delta", EarlyStopping{Metric: "log_loss", Patience: ptr(1), MinDelta: 0.05}, []float64{0.9, 0.88, 0.86, 0.84, 0.8, 0.8, 0.8, 0.8}, 3, 0},
		{"NaN", EarlyStopping{Metric: "log_loss", Patience: ptr(1)}, []float64{math.NaN(), 0.9, math.NaN(), math.NaN(), 0, 0, 0, 0}, 4, 1},
		{"no better", EarlyStopping{Metric: "auc", Patience: ptr(1)}, []float64{0.5, 0.5, 0.5, 0.9, 0, 0, 0, 0}, 3, 0},
		{"to the end", EarlyStopping{Metric: "log_loss", Patience: ptr(5)}, []float64{9, 8, 7, 6, 5, 4, 3, 3.5}, 8, 6},
		{"keep the last", EarlyStopping{Metric: "log_loss", Patience: ptr(0), RestoreBest: ptr(false)}, []float64{1, 2, 0, 0, 0, 0, 0, 0}, 2, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{Train: TrainConfig{Epochs: 8, BatchSize: 50, EarlyStopping: &tt.stop}}
			n := newNet(t, cfg, l, nil)
			var weights [][]float32
			err := Fit(context.Background(), []Trainer{n}, rows, FitOptions{Validate: func(context.Context, []int) ([]Metrics, error) {
				weights = append(weights, append([]float32(nil), n.Params()...))
				return []Metrics{{tt.stop.Metric: tt.metrics[len(weights)-1]}}, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			if len(weights) != tt.epochs || n.Epoch() != tt.epochs {
				t.Fatalf("trained for %d epochs, want %d", len(weights), tt.epochs)
			}
			sameBits(t, "weights", n.Params(), weights[tt.best])
		})
	}
}

// TestMetricMissing: the metric that is watched must be among those of the validation.
func TestMetricMissing(t *testing.T) {
	t.Parallel()
	l := layoutOf(3, 2)
	n := newNet(t, Config{Train: TrainConfig{EarlyStopping: &EarlyStopping{}}}, l, nil)
	err := Fit(context.Background(), []Trainer{n}, rowsOf(t, l, 50, 1, false), FitOptions{Validate: func(context.Context, []int) ([]Metrics, error) { return []Metrics{{"auc": 0.5}}, nil }})
	var f *FieldError
	if !errors.As(err, &f) || f.Path != "train.early_stopping.metric" || !strings.Contains(f.Msg, `no metric "log_loss"; it has auc, train_loss`) {
		t.Errorf("have %v", err)
	}
}

// TestDiverged: a number that is not finite stops the model at its batch, and leaves companions alone.
func TestDiverged(t *testing.T) {
	t.Parallel()
	l := layoutOf(4, 0)
	rows := rowsOf(t, l, 300, 1, false)
	for name, cfg := range map[string]Config{
		"sgd": {Optimizer: OptimizerConfig{Type: "sgd", LearningRate: ptr(1e9)}},
		"gd":  {Optimizer: OptimizerConfig{Type: "gd", LearningRate: ptr(1e15)}},
	} {
		cfg.Train = TrainConfig{Epochs: 30, BatchSize: 10}
		bad := newNet(t, cfg, l, nil)
		good := Config{Train: TrainConfig{Epochs: 2, BatchSize: 10}}
		a, b := newNet(t, good, l, nil), newNet(t, good, l, nil)
		err := Fit(context.Background(), []Trainer{a, bad}, rows, FitOptions{})
		var d *DivergedError
		var m *ModelError
		if !errors.As(err, &d) || !errors.As(err, &m) || m.Index != 1 {
			t.Fatalf("%s: have %v", name, err)
		}
		if d.Epoch != bad.state.Epoch || (name == "sgd" && d.Batch != bad.state.Batch) || !strings.Contains(d.Error(), "training diverged: the ") {
			t.Errorf("%s: %v, and the model stands at epoch %d, batch %d", name, d, bad.state.Epoch, bad.state.Batch)
		}
		fit(t, b, rows)
		sameBits(t, "companion", a.Params(), b.Params())
	}
}

// TestLastBatch: weights that the epoch's last update ruined do not pass for a model.
func TestLastBatch(t *testing.T) {
	t.Parallel()
	l := layoutOf(1, 0)
	e := rowsOf(t, l, 4, 1, false).all
	for i := range e.Dense {
		e.Dense[i], e.Labels[i] = 1e18, 1e18
	}
	rows, err := NewMemory(l, e)
	if err != nil {
		t.Fatal(err)
	}
	n := newNet(t, Config{Loss: LossConfig{Type: "mae"}, Optimizer: OptimizerConfig{Type: "sgd", LearningRate: ptr(3e38)}, Train: TrainConfig{Epochs: 1}}, l, nil)
	var d *DivergedError
	if err := Fit(context.Background(), []Trainer{n}, rows, FitOptions{}); !errors.As(err, &d) || d.What != "weights" || d.Batch != 0 {
		t.Errorf("have %v", err)
	}
}

// counting counts reads of the rows.
type counting struct {
	Rows
	reads map[Order]int
}

func (c counting) Batches(ctx context.Context, o Order) iter.Seq2[*table.Encoded, error] {
	c.reads[o]++
	return c.Rows.Batches(ctx, o)
}

// TestSweepShares: models that want the same order are fed from one read, the others from another; what is observed of each
// reaches it.
func TestSweepShares(t *testing.T) {
	t.Parallel()
	l := layoutOf(4, 2)
	rows := counting{rowsOf(t, l, 300, 1, false), map[Order]int{}}
	cfg := func(batch, epochs int) Config {
		return Config{Train: TrainConfig{Epochs: epochs, BatchSize: batch, EarlyStopping: &EarlyStopping{Metric: "auc", Patience: ptr(0)}}}
	}
	models := []Trainer{newNet(t, cfg(50, 2), l, nil), newNet(t, cfg(50, 4), l, nil), newNet(t, cfg(70, 3), l, nil)}
	calls := map[int]int{}
	err := Fit(context.Background(), models, rows, FitOptions{
		Validate: func(_ context.Context, which []int) ([]Metrics, error) {
			out := make([]Metrics, len(which))
			for k, i := range which {
				calls[i]++
				// The model 1 gets worse from its second epoch on.
				out[k] = Metrics{"auc": float64(calls[i]) * []float64{1, -1, 1}[i]}
			}
			return out, nil
		},
		Epoch: func(_ context.Context, i int, l Losses, m Metrics) error {
			if l.Epoch != calls[i]-1 || m["auc"] == 0 {
				t.Errorf("model %d: epoch %d after %d validations, metrics %v", i, l.Epoch, calls[i], m)
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{2, 2, 3} {
		if calls[i] != want {
			t.Errorf("model %d was trained for %d epochs, want %d", i, calls[i], want)
		}
	}
	if len(rows.reads) != 5 {
		t.Errorf("%d orders were read, want 2 of batches of 50 and 3 of 70: %v", len(rows.reads), rows.reads)
	}
	for o, k := range rows.reads {
		if k != 1 {
			t.Errorf("%+v was read %d times", o, k)
		}
	}
}

// broken yields rows and then an error, or fewer rows than it promises.
type broken struct {
	Rows
	after int
	err   error
}

func (b broken) Batches(ctx context.Context, o Order) iter.Seq2[*table.Encoded, error] {
	return func(yield func(*table.Encoded, error) bool) {
		k := 0
		for x, err := range b.Rows.Batches(ctx, o) {
			if k == b.after {
				if b.err != nil {
					yield(nil, b.err)
				}
				return
			}
			k++
			if !yield(x, err) {
				return
			}
		}
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	l := layoutOf(4, 2)
	rows := rowsOf(t, l, 300, 1, false)
	cfg := Config{Train: TrainConfig{BatchSize: 50}}
	torn := errors.New("block 3: checksum")
	if err := Fit(context.Background(), []Trainer{newNet(t, cfg, l, nil)}, broken{rows, 2, torn}, FitOptions{}); !errors.Is(err, torn) {
		t.Errorf("have %v, want %v", err, torn)
	}
	if err := Fit(context.Background(), []Trainer{newNet(t, cfg, l, nil)}, broken{rows, 2, nil}, FitOptions{}); err == nil || err.Error() != "training rows: read 100, want 300" {
		t.Errorf("rows that end early: %v", err)
	}
	empty := rowsOf(t, l, 0, 1, false)
	if err := Fit(context.Background(), []Trainer{newNet(t, cfg, l, nil)}, empty, FitOptions{}); err == nil || !strings.Contains(err.Error(), "there are no training rows") {
		t.Errorf("no rows: %v", err)
	}
	failed := errors.New("validation failed")
	if err := Fit(context.Background(), []Trainer{newNet(t, cfg, l, nil)}, rows, FitOptions{Validate: func(context.Context, []int) ([]Metrics, error) { return nil, failed }}); !errors.Is(err, failed) {
		t.Errorf("have %v, want %v", err, failed)
	}
	if err := Fit(context.Background(), []Trainer{newNet(t, cfg, l, nil)}, rows, FitOptions{Epoch: func(context.Context, int, Losses, Metrics) error { return failed }}); !errors.Is(err, failed) {
		t.Errorf("have %v, want %v", err, failed)
	}
}

// TestBadRows: a batch that is not what the layout says is refused by row and feature, before anything changes.
func TestBadRows(t *testing.T) {
	t.Parallel()
	l := layoutOf(2, 3, [2]int{4, 0}, [2]int{5, 2})
	nan := float32(math.NaN())
	for _, tt := range []struct {
		want string
		harm func(e *table.Encoded)
	}{
		{`row 3: code 5 of feature "c0", want between 0 and 4`, func(e *table.Encoded) { e.Codes[6] = 5 }},
		{`row 0: code -1 of feature "c1", want between 0 and 5`, func(e *table.Encoded) { e.Codes[1] = -1 }},
		{"row 4: label 3, want a class between 0 and 2", func(e *table.Encoded) { e.Labels[4] = 3 }},
		{"row 4: label 0.5, want a class between 0 and 2", func(e *table.Encoded) { e.Labels[4] = 0.5 }},
		{"row 4: label NaN, want a class", func(e *table.Encoded) { e.Labels[4] = nan }},
		{"row 4: label +Inf, want a class", func(e *table.Encoded) { e.Labels[4] = float32(math.Inf(1)) }},
		{"row 2: weight -1, want a finite number of at least 0", func(e *table.Encoded) { e.Weights[2] = -1 }},
		{"row 2: weight NaN, want a finite number", func(e *table.Encoded) { e.Weights[2] = nan }},
		{`row 7: feature "x1" is NaN, want a finite number`, func(e *table.Encoded) { e.Dense[15] = nan }},
		{"encoded rows: 19 dense numbers for 10 rows of 2", func(e *table.Encoded) { e.Dense = e.Dense[:19] }},
		{"encoded rows: 0 ids for 10 rows", func(e *table.Encoded) { e.IDs = nil }},
		{"a batch of 10 rows, want at most 9", func(*table.Encoded) {}},
	} {
		cfg := Config{Train: TrainConfig{BatchSize: 10}}
		if strings.HasPrefix(tt.want, "a batch") {
			cfg.Train.BatchSize = 9
		}
		n := newNet(t, cfg, l, nil)
		before := snapshot(t, n)
		e := rowsOf(t, l, 10, 2, true).all
		tt.harm(e)
		if err := n.Step(e); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("have %v, want %q", err, tt.want)
		}
		if string(snapshot(t, n)) != string(before) {
			t.Errorf("%s: the model changed", tt.want)
		}
	}
	n := newNet(t, Config{}, l, nil)
	e := rowsOf(t, l, 10, 2, true).all
	if err := n.Predict(e, make([]float32, 29)); err == nil {
		t.Error("logits of the wrong length are accepted")
	}
	e.Codes[0] = 99
	if err := n.Predict(e, make([]float32, 30)); err == nil || !strings.Contains(err.Error(), `code 99 of feature "c0"`) {
		t.Errorf("prediction of a code without a row: %v", err)
	}
	if _, err := New(Config{}, table.Layout{Classes: []string{"a", "b"}}, Options{}); err == nil {
		t.Error("a layout without features is accepted")
	}
}

// TestWeightsOfRows: a weight of 2 is a row twice, a weight of 0 no row; a batch without weight changes nothing.
func TestWeightsOfRows(t *testing.T) {
	t.Parallel()
	l := layoutOf(3, 2, [2]int{4, 0})
	cfg := Config{Optimizer: OptimizerConfig{Type: "gd"}, Train: TrainConfig{Epochs: 3, BatchSize: 64}}
	e := rowsOf(t, l, 40, 2, true).all
	var twice table.Encoded
	for i := range e.Rows {
		k := i % 3
		e.Weights[i] = float32(k)
		for range k {
			twice.Rows++
			twice.Dense = append(twice.Dense, e.Dense[i*3:i*3+3]...)
			twice.Codes = append(twice.Codes, e.Codes[i])
			twice.Labels = append(twice.Labels, e.Labels[i])
			twice.IDs = append(twice.IDs, e.IDs[i])
		}
	}
	a, b := newNet(t, cfg, l, nil), newNet(t, cfg, l, nil)
	for n, e := range map[*Network]*table.Encoded{a: e, b: &twice} {
		rows, err := NewMemory(l, e)
		if err != nil {
			t.Fatal(err)
		}
		fit(t, n, rows)
	}
	for i, x := range a.Params() {
		if math.Abs(float64(x-b.Params()[i])) > 1e-6 {
			t.Errorf("parameter %d is %v with weights, %v with copies", i, x, b.Params()[i])
		}
	}
	n := newNet(t, Config{}, l, nil)
	clear(e.Weights)
	before := append([]float32(nil), n.Params()...)
	if err := n.Step(e); err != nil {
		t.Fatal(err)
	}
	sameBits(t, "weights after a batch of weight 0", n.Params(), before)
	if _, err := n.End(); err == nil || !strings.Contains(err.Error(), "have no weight") {
		t.Errorf("an epoch of weight 0: %v", err)
	}
}

// TestLazy: rows of a table that no batch touched keep their bits and cost nothing, whatever the optimiser.
func TestLazy(t *testing.T) {
	t.Parallel()
	l := layoutOf(2, 2, [2]int{1000, 4}, [2]int{1000, 0})
	for _, o := range OptimizerTypes[1:] {
		c := OptimizerConfig{Type: o, L2: 0.1}
		n := newNet(t, Config{Model: ModelConfig{Type: "mlp"}, Optimizer: c}, l, nil)
		before := append([]float32(nil), n.Params()...)
		e := rowsOf(t, l, 60, 2, false).all
		used := [2]map[int]bool{{}, {}}
		for i, c := range e.Codes {
			used[i%2][int(c)] = true
		}
		for range 3 {
			if err := n.Step(e); err != nil {
				t.Fatal(err)
			}
		}
		for i, b := range n.Blocks() {
			if !b.Sparse {
				continue
			}
			table := i - (len(n.Blocks()) - 2)
			for r := range b.Rows {
				changed := false
				for j := range b.Width {
					at := b.Offset + r*b.Width + j
					changed = changed || n.Params()[at] != before[at]
				}
				if changed != used[table][r] {
					t.Fatalf("%s: %s row %d: changed is %v, used is %v", o, b.Name, r, changed, used[table][r])
				}
			}
		}
	}
}

// TestFTRLIsSparse: with a large l1 most weights are exactly 0, and no more with a smaller one.
func TestFTRLIsSparse(t *testing.T) {
	t.Parallel()
	l := layoutOf(20, 2, [2]int{50, 0})
	rows := rowsOf(t, l, 1000, 2, false)
	zeros := func(l1 float64) int {
		n := newNet(t, Config{Optimizer: OptimizerConfig{Type: "ftrl", L1: l1}, Train: TrainConfig{Epochs: 3}}, l, nil)
		fit(t, n, rows)
		k := 0
		for _, x := range n.Params() {
			if x == 0 {
				k++
			}
		}
		return k
	}
	if few, many := zeros(0.001), zeros(0.3); few > 5 || many < 30 {
		t.Errorf("%d weights are 0 with l1 of 0.001 and %d with 0.3, of 71", few, many)
	}
}
