package train

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"howdah/internal/table"
)

type trajectories struct {
	Torch        string
	Batch, Steps int
	ClassWeights []float64 `json:"class_weights"`
	Problems     []struct {
		Kind    string
		X, Y, W []float32
		Codes   []int32
		Params  map[string][]float32
	}
	Runs []struct {
		Name, Problem string
		Optimizer     map[string]any
		Loss          struct {
			Loss           string
			LabelSmoothing float64 `json:"label_smoothing"`
			Delta          *float64
		}
		Losses []float64
		Final  map[string][]float64
	}
	Schedules []struct {
		Schedule map[string]any
		Metrics  []float64
		Rates    []float64
	}
}

func readTrajectories(t *testing.T) trajectories {
	t.Helper()
	b, err := os.ReadFile("testdata/oracle/trajectories.json")
	if err != nil {
		t.Fatal(err)
	}
	var o trajectories
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatal(err)
	}
	if len(o.Runs) == 0 || len(o.Schedules) == 0 || len(o.Problems) != 3 {
		t.Fatalf("the oracle has %d runs, %d schedules, %d problems", len(o.Runs), len(o.Schedules), len(o.Problems))
	}
	return o
}

// TestTrajectories compares ten steps of each optimiser with PyTorch's.
func TestTrajectories(t *testing.T) {
	t.Parallel()
	o := readTrajectories(t)
	for _, r := range o.Runs {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			var cfg Config
			if err := cfg.Optimizer.UnmarshalJob(r.Optimizer); err != nil {
				t.Fatal(err)
			}
			cfg.Model = ModelConfig{Type: "mlp", Hidden: []int{7}, Activation: "tanh"}
			cfg.Loss = LossConfig{Type: r.Loss.Loss, LabelSmoothing: r.Loss.LabelSmoothing, Delta: r.Loss.Delta}
			classes := map[string]int{"binary": 2, "multi": 3, "regression": 0}[r.Problem]
			cfg.Train = TrainConfig{BatchSize: o.Batch, Slice: 7, Epochs: o.Steps}
			if classes == 3 {
				cfg.Train.ClassWeights.Weights = map[string]float64{}
				for i, w := range o.ClassWeights {
					cfg.Train.ClassWeights.Weights[layoutOf(0, 3).Classes[i]] = w
				}
			}
			l := layoutOf(4, classes, [2]int{6, 3}, [2]int{5, 0})
			n := newNet(t, cfg, l, nil)
			for _, p := range o.Problems {
				if p.Kind != r.Problem {
					continue
				}
				for _, b := range n.blocks {
					if len(p.Params[b.Name]) != b.size() {
						t.Fatalf("the oracle has %d numbers for %s, want %d", len(p.Params[b.Name]), b.Name, b.size())
					}
					copy(n.state.Params[b.Offset:], p.Params[b.Name])
				}
				e := &table.Encoded{Rows: len(p.Y), Dense: p.X, Codes: p.Codes, Labels: p.Y, Weights: p.W, IDs: make([]uint64, len(p.Y))}
				rows, err := NewMemory(l, e)
				if err != nil {
					t.Fatal(err)
				}
				for i, want := range r.Losses {
					var have float64
					if n.full() {
						l, err := n.Round(context.Background(), rows)
						if err == nil {
							err = n.Observe(nil)
						}
						if err != nil {
							t.Fatal(err)
						}
						have = l.Loss
					} else {
						before, weight := n.state.Loss, n.state.Weight
						lo, hi := i*o.Batch, (i+1)*o.Batch
						if err := n.Step(&table.Encoded{Rows: o.Batch, Dense: p.X[lo*4 : hi*4], Codes: p.Codes[lo*2 : hi*2], Labels: p.Y[lo:hi], Weights: p.W[lo:hi], IDs: e.IDs[lo:hi]}); err != nil {
							t.Fatal(err)
						}
						have = (n.state.Loss - before) / (n.state.Weight - weight)
					}
					if math.Abs(have-want) > 2e-6*(1+math.Abs(want)) {
						t.Errorf("loss of step %d: %v, want %v", i+1, have, want)
					}
				}
			}
			// Without correction the update carries the rounding of 1 - beta_2, 1e-5 of it.
			tol := 1e-6
			if n.cfg.Optimizer.BiasCorrection != nil && !*n.cfg.Optimizer.BiasCorrection {
				tol = 5e-6
			}
			worst := 0.0
			for _, b := range n.blocks {
				for i, want := range r.Final[b.Name] {
					have := float64(n.state.Params[b.Offset+i])
					worst = max(worst, math.Abs(have-want)/(1+math.Abs(want)))
					if math.Abs(have-want) > tol*(1+math.Abs(want)) {
						t.Errorf("%s[%d] after %d steps: %v, want %v", b.Name, i, o.Steps, have, want)
					}
				}
			}
			t.Logf("torch %s: largest difference %.2g", o.Torch, worst)
		})
	}
}

// TestWarmUp: the rate rises linearly over the updates, then follows its schedule.
func TestWarmUp(t *testing.T) {
	t.Parallel()
	l := layoutOf(2, 2)
	n := newNet(t, Config{Optimizer: OptimizerConfig{LearningRate: ptr(0.8), Schedule: ScheduleConfig{WarmUp: 3}}, Train: TrainConfig{BatchSize: 10}}, l, nil)
	e := rowsOf(t, l, 10, 1, false).all
	for i, want := range []float64{0.2, 0.4, 0.6, 0.8, 0.8} {
		if err := n.Step(e); err != nil {
			t.Fatal(err)
		}
		if math.Abs(n.state.Rate-want) > 1e-7 {
			t.Errorf("rate of update %d: %v, want %v", i, n.state.Rate, want)
		}
	}
}

// TestInitialWeights: uniform within the bounds of He and Glorot, zero where there is nothing to break, another draw for
// another seed.
func TestInitialWeights(t *testing.T) {
	t.Parallel()
	l := layoutOf(30, 3, [2]int{200, 0}, [2]int{100, 9})
	cfg := Config{Model: ModelConfig{Type: "mlp", Hidden: []int{50, 40}}}
	n := newNet(t, cfg, l, nil)
	for i, want := range []struct {
		name  string
		limit float64
	}{
		{"dense_1.weight", math.Sqrt(6.0 / (30 + 9 + 1))}, {"dense_1.bias", 0}, {"dense_2.weight", math.Sqrt(6.0 / 50)}, {"dense_2.bias", 0},
		{"output.weight", math.Sqrt(6.0 / (40 + 3))}, {"output.bias", 0}, {"embedding.c1", 0.05}, {"one_hot.c0", math.Sqrt(6.0 / (30 + 9 + 1))},
	} {
		b := n.Blocks()[i]
		var top, sum, squares float64
		for _, x := range n.Params()[b.Offset : b.Offset+b.Rows*b.Width] {
			top, sum, squares = max(top, math.Abs(float64(x))), sum+float64(x), squares+float64(x)*float64(x)
		}
		k := float64(b.Rows * b.Width)
		if b.Name != want.name || top > want.limit || top < 0.97*want.limit {
			t.Errorf("%s within %v, want %s within %v", b.Name, top, want.name, want.limit)
		}
		if want.limit > 0 {
			if z := sum / math.Sqrt(squares); math.Abs(z) > 4 {
				t.Errorf("%s: the mean is %v standard errors from 0", b.Name, z)
			}
			if v := 3 * squares / k / (want.limit * want.limit); math.Abs(v-1) > 0.25 {
				t.Errorf("%s: the variance is %v of a uniform one's", b.Name, v)
			}
		}
	}
	cfg.Train.Seed = 1
	if m := newNet(t, cfg, l, nil); m.Params()[0] == n.Params()[0] {
		t.Error("another seed gives the same weights")
	}
	for _, x := range newNet(t, Config{}, layoutOf(30, 3, [2]int{200, 0}), nil).Params() {
		if x != 0 {
			t.Fatalf("softmax regression begins with a weight of %v", x)
		}
	}
}

// TestSchedules compares the rate of each epoch with PyTorch's schedulers.
func TestSchedules(t *testing.T) {
	t.Parallel()
	for _, s := range readTrajectories(t).Schedules {
		t.Run(s.Schedule["type"].(string), func(t *testing.T) {
			t.Parallel()
			cfg := Config{Optimizer: OptimizerConfig{Type: "sgd", LearningRate: ptr(0.5)}}
			if err := cfg.Optimizer.Schedule.UnmarshalJob(s.Schedule); err != nil {
				t.Fatal(err)
			}
			cfg.Train.Epochs, cfg.Train.BatchSize = len(s.Rates), 16
			l := layoutOf(2, 2)
			n := newNet(t, cfg, l, nil)
			rows := rowsOf(t, l, 16, 1, false)
			for e, want := range s.Rates {
				l, err := n.Round(context.Background(), rows)
				if err != nil {
					t.Fatal(err)
				}
				if math.Abs(l.Rate-want) > 1e-6*want {
					t.Errorf("rate of epoch %d: %v, want %v", e, l.Rate, want)
				}
				var m Metrics
				if s.Metrics != nil {
					m = Metrics{"log_loss": s.Metrics[e]}
				}
				if err := n.Observe(m); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestOptimum: full-batch descent arrives at the coefficients of scikit-learn's LogisticRegression.
func TestOptimum(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/oracle/logistic.json")
	if err != nil {
		t.Fatal(err)
	}
	var o struct {
		L2, Intercept float64
		X, Y, W       []float32
		Codes         []int32
		Coef          []float64
	}
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatal(err)
	}
	l := layoutOf(4, 2, [2]int{5, 0})
	rows, err := NewMemory(l, &table.Encoded{Rows: len(o.Y), Dense: o.X, Codes: o.Codes, Labels: o.Y, Weights: o.W, IDs: make([]uint64, len(o.Y))})
	if err != nil {
		t.Fatal(err)
	}
	n := newNet(t, Config{
		Optimizer: OptimizerConfig{Type: "gd", LearningRate: ptr(1.0), Momentum: ptr(0.9), L2: o.L2},
		Train:     TrainConfig{Epochs: 800},
	}, l, nil)
	fit(t, n, rows)
	want := append(append(append([]float64(nil), o.Coef[:4]...), o.Intercept), o.Coef[4:]...)
	if len(want) != len(n.Params()) {
		t.Fatalf("%d coefficients, want %d", len(n.Params()), len(want))
	}
	for i, w := range want {
		if have := float64(n.Params()[i]); math.Abs(have-w) > 2e-5 {
			t.Errorf("parameter %d: %v, want %v", i, have, w)
		}
	}
}
