package train

import (
	"fmt"
	"math"
	"testing"

	"howdah/internal/splitmix"
	"howdah/internal/table"
)

// lossOf computes the mean loss of a batch from the formulas, in float64, from the model's logits.
func lossOf(n *Network, b *table.Encoded, w []float32) float64 {
	z := make([]float32, b.Rows*n.outputs)
	if err := n.Predict(b, z); err != nil {
		panic(err)
	}
	var sum, weight float64
	k := n.outputs
	a := n.cfg.Loss.LabelSmoothing
	for i, y := range b.Labels {
		var l float64
		v, y := float64(z[i*k]), float64(y)
		switch n.cfg.Loss.Type {
		case "binary_cross_entropy":
			y = (1-a)*y + a/2
			l = -y*math.Log(1/(1+math.Exp(-v))) - (1-y)*math.Log(1/(1+math.Exp(v)))
		case "categorical_cross_entropy":
			var s float64
			for _, x := range z[i*k : (i+1)*k] {
				s += math.Exp(float64(x))
			}
			for j, x := range z[i*k : (i+1)*k] {
				q := a / float64(k)
				if j == int(y) {
					q += 1 - a
				}
				l -= q * (float64(x) - math.Log(s))
			}
		case "mse":
			l = (v - y) * (v - y)
		case "mae":
			l = math.Abs(v - y)
		case "huber":
			if d := math.Abs(v - y); d <= *n.cfg.Loss.Delta {
				l = d * d / 2
			} else {
				l = *n.cfg.Loss.Delta * (d - *n.cfg.Loss.Delta/2)
			}
		}
		sum += float64(w[i]) * l
		weight += float64(w[i])
	}
	return sum / weight
}

// TestGradients compares the gradient of every parameter, tables included, with central differences.
func TestGradients(t *testing.T) {
	t.Parallel()
	type test struct {
		classes int
		cfg     Config
	}
	tests := map[string]test{
		"linear/mse":        {0, Config{}},
		"linear/mae":        {0, Config{Loss: LossConfig{Type: "mae"}}},
		"linear/huber":      {0, Config{Loss: LossConfig{Type: "huber", Delta: ptr(0.7)}}},
		"logistic":          {2, Config{}},
		"logistic/smooth":   {2, Config{Loss: LossConfig{LabelSmoothing: 0.1}}},
		"softmax":           {4, Config{}},
		"softmax/smooth":    {4, Config{Loss: LossConfig{LabelSmoothing: 0.2}}},
		"softmax/2":         {2, Config{Model: ModelConfig{Type: "softmax"}}},
		"balanced":          {3, Config{Train: TrainConfig{ClassWeights: ClassWeights{Balanced: true}}}},
		"weights":           {2, Config{Train: TrainConfig{ClassWeights: ClassWeights{Weights: map[string]float64{"class1": 3}}}}},
		"mlp/dropout of 0":  {0, Config{Model: ModelConfig{Type: "mlp", Hidden: []int{5}, Activation: "tanh"}, Loss: LossConfig{Type: "huber"}}},
		"mlp without layer": {2, Config{Model: ModelConfig{Type: "mlp", Hidden: []int{}}}},
	}
	for _, a := range Activations {
		tests["mlp/"+a] = test{3, Config{Model: ModelConfig{Type: "mlp", Hidden: []int{7, 5}, Activation: a}}}
		tests["mlp/binary/"+a] = test{2, Config{Model: ModelConfig{Type: "mlp", Hidden: []int{6}, Activation: a}}}
	}
	for name, tt := range tests {
		for in, l := range map[string]table.Layout{
			"dense":      layoutOf(3, tt.classes),
			"one-hot":    layoutOf(0, tt.classes, [2]int{4, 0}, [2]int{3, 0}),
			"embeddings": layoutOf(0, tt.classes, [2]int{4, 3}, [2]int{3, 2}),
			"all":        layoutOf(2, tt.classes, [2]int{4, 0}, [2]int{5, 3}, [2]int{0, 0}, [2]int{3, 0}),
		} {
			t.Run(name+"/"+in, func(t *testing.T) {
				t.Parallel()
				cfg := tt.cfg
				cfg.Train.Slice, cfg.Train.BatchSize = 4, 23
				n := newNet(t, cfg, l, nil)
				for i := range n.state.Params { // zero weights have too regular a gradient
					n.state.Params[i] += 0.4 * symmetric(splitmix.Draw(99, uint64(i)))
				}
				b := rowsOf(t, l, 23, 5, true).all
				n.work = n.newWork()
				weight, err := n.check(b, n.work.w)
				if err != nil {
					t.Fatal(err)
				}
				n.work.scale = float32(1 / weight)
				loss := n.gradient(b) / weight
				if want := lossOf(n, b, n.work.w); math.Abs(loss-want) > 1e-5*(1+math.Abs(want)) {
					t.Errorf("loss is %v, want %v", loss, want)
				}
				grad := make([]float32, n.params)
				copy(grad, n.work.grad)
				for i := range n.work.tables {
					s := &n.work.tables[i]
					for j, r := range s.rows {
						copy(grad[n.blocks[s.block].Offset+int(r)*s.width:], s.g[j*s.width:(j+1)*s.width])
					}
				}
				for _, blk := range n.blocks {
					for i := blk.Offset; i < blk.Offset+blk.size(); i++ {
						const h = 1.0 / 256
						p := n.state.Params[i]
						n.state.Params[i] = p + h
						up := lossOf(n, b, n.work.w)
						n.state.Params[i] = p - h
						down := lossOf(n, b, n.work.w)
						n.state.Params[i] = p
						want := (up - down) / (2 * h)
						// A kink within h of a row's place makes the difference quotient wrong by at most h times its slope; none
						// of these rows has one but for relu and mae.
						tol := 2e-4
						if n.cfg.Model.Activation == "relu" || n.cfg.Loss.Type == "mae" {
							tol = 2e-2
						}
						if math.Abs(float64(grad[i])-want) > tol*(1+math.Abs(want)) {
							t.Errorf("%s[%d]: gradient %v, want %v", blk.Name, i-blk.Offset, grad[i], want)
						}
					}
				}
			})
		}
	}
}

// TestDropout: the gradient goes through the units that were kept, the share kept is right, and a row's mask depends on
// nothing but the row.
func TestDropout(t *testing.T) {
	t.Parallel()
	d := &Dropout{Rate: 0.3, Salt: 1}
	const rows, width = 400, 31
	c := &Ctx{Training: true, Seed: 3, Step: 5}
	x := make([]float32, rows*width)
	for i := range x {
		x[i] = 1
	}
	for i := range rows {
		c.Rows = append(c.Rows, splitmix.Draw(17, uint64(i)))
	}
	y, dx := make([]float32, len(x)), make([]float32, len(x))
	tensor := func(v []float32) Tensor { return Tensor{v, rows, []int{width}} }
	d.Forward(c, nil, tensor(y), tensor(x))
	d.Backward(c, nil, tensor(y), tensor(x), nil, []Tensor{tensor(x)}, []Tensor{tensor(dx)})
	sameBits(t, "gradient of dropout", dx, y)
	kept := 0
	for _, v := range y {
		switch v {
		case float32(1 / 0.7):
			kept++
		case 0:
		default:
			t.Fatalf("a unit of 1 became %v", v)
		}
	}
	if share := float64(kept) / float64(len(y)); math.Abs(share-0.7) > 0.015 {
		t.Errorf("share of units kept is %v, want 0.7", share)
	}
	one := make([]float32, width)
	d.Forward(&Ctx{Training: true, Seed: 3, Step: 5, Rows: c.Rows[200:201]}, nil, Tensor{one, 1, []int{width}}, Tensor{x[:width], 1, []int{width}})
	sameBits(t, "row alone", one, y[200*width:201*width])
	same := 0
	d.Forward(&Ctx{Training: true, Seed: 3, Step: 6, Rows: c.Rows}, nil, tensor(dx), tensor(x))
	for i := range y {
		if dx[i] == y[i] {
			same++
		}
	}
	if share := float64(same) / float64(len(y)); math.Abs(share-(0.7*0.7+0.3*0.3)) > 0.02 {
		t.Errorf("two steps agree on %v of the units, want 0.58", share)
	}
	d.Forward(&Ctx{}, nil, tensor(dx), tensor(x))
	sameBits(t, "inference", dx, x)
}

func ExampleDivergedError() {
	err := &DivergedError{Epoch: 2, Batch: 17, What: "loss", Value: math.Inf(1)}
	fmt.Println(err)
	fmt.Println(err.Hint())
	// Output:
	// training diverged: the loss of epoch 3, batch 18 is +Inf
	// lower optimizer.learning_rate, set optimizer.clip_norm, or scale the features
}
