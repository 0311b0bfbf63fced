package train

import (
	"fmt"
	"testing"

	"howdah/internal/table"
)

func benchStep(b *testing.B, cfg Config, l table.Layout, p Pool) {
	b.Helper()
	n := newNet(b, cfg, l, p)
	size := n.cfg.Train.BatchSize
	rows := rowsOf(b, l, 64*size, 3, false)
	var batches []*table.Encoded
	for x, err := range rows.Batches(b.Context(), Order{Sequential: true, BatchSize: size}) {
		if err != nil {
			b.Fatal(err)
		}
		batches = append(batches, x)
	}
	if err := n.Step(batches[0]); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := n.Step(batches[i%len(batches)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

// BenchmarkMLP: 40 features, hidden 64 and 32, batches of 256.
func BenchmarkMLP(b *testing.B) {
	for _, o := range []string{"sgd", "adam"} {
		for _, slice := range []int{32, 64, 128, 256} {
			for _, workers := range []int{0, 2} {
				b.Run(fmt.Sprintf("%s/slice=%d/workers=%d", o, slice, workers), func(b *testing.B) {
					cfg := Config{Model: ModelConfig{Type: "mlp"}, Optimizer: OptimizerConfig{Type: o}, Train: TrainConfig{Slice: slice}}
					var p Pool
					if workers > 0 {
						w := newWorkers(workers)
						defer w.close()
						p = w
					}
					benchStep(b, cfg, layoutOf(40, 2), p)
				})
			}
		}
	}
}

// BenchmarkLogistic: twenty one-hot slots of 10,000 codes each and five dense ones, batches of 256.
func BenchmarkLogistic(b *testing.B) {
	var codes [][2]int
	for range 20 {
		codes = append(codes, [2]int{10000, 0})
	}
	for _, o := range []string{"sgd", "adam", "adagrad", "ftrl"} {
		b.Run(o, func(b *testing.B) {
			benchStep(b, Config{Optimizer: OptimizerConfig{Type: o}}, layoutOf(5, 2, codes...), nil)
		})
	}
}

// BenchmarkEmbeddings: eight embeddings of width 16 and 20 dense slots before a hidden layer of 64.
func BenchmarkEmbeddings(b *testing.B) {
	var codes [][2]int
	for range 8 {
		codes = append(codes, [2]int{5000, 16})
	}
	benchStep(b, Config{Model: ModelConfig{Type: "mlp", Hidden: []int{64}}}, layoutOf(20, 2, codes...), nil)
}

// BenchmarkPredict: the MLP's forward computation.
func BenchmarkPredict(b *testing.B) {
	l := layoutOf(40, 2)
	n := newNet(b, Config{Model: ModelConfig{Type: "mlp"}}, l, nil)
	e := rowsOf(b, l, 4096, 3, false).all
	logits := make([]float32, e.Rows)
	b.ReportAllocs()
	for b.Loop() {
		if err := n.Predict(e, logits); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(e.Rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

// workers is a pool whose goroutines stay.
type workers struct {
	tasks chan task
}

type task struct {
	f    func(int)
	i    int
	done chan struct{}
}

func newWorkers(n int) *workers {
	w := &workers{make(chan task)}
	for range n - 1 {
		go func() {
			for t := range w.tasks {
				t.f(t.i)
				t.done <- struct{}{}
			}
		}()
	}
	return w
}

func (w *workers) close() { close(w.tasks) }

func (w *workers) Do(n int, f func(i int)) {
	done := make(chan struct{}, n)
	out := 0
	for i := range n {
		select {
		case w.tasks <- task{f, i, done}:
			out++
		default:
			f(i)
		}
	}
	for range out {
		<-done
	}
}
