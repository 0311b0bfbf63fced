package train

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"howdah/internal/table"
)

// Network is a model trained by gradients: linear, logistic and softmax regression are networks without hidden layers. It
// is a Trainer and a Stepper.
type Network struct {
	*plan
	pool    Pool
	chain   Chain
	loss    loss
	sched   schedule
	classW  []float32 // by class; nil: all 1
	state   state
	batches int // of an epoch, set by Begin
	work    *work
	infer   []*Predictor

	sparseCost   int // of a row's codes, in multiplications
	parallelFrom int // number of multiplications of a batch from which waking other workers pays
}

// Options are what New needs besides the configuration.
type Options struct {
	Pool        Pool      // nil: one core
	ClassCounts []float64 // training rows (or their weight) of each class: for class_weights: balanced
}

// New makes a model with its initial weights. Mistakes in the configuration are *FieldErrors, joined.
func New(cfg Config, l table.Layout, o Options) (*Network, error) {
	p, err := newPlan(cfg, l)
	if err != nil {
		return nil, err
	}
	n := &Network{plan: p, pool: o.Pool, chain: NewChain(p.cfg.Optimizer), loss: newLoss(p.cfg.Loss), sched: newSchedule(p.cfg.Optimizer), parallelFrom: 1 << 17}
	if n.classW, err = classWeights(p.cfg.Train.ClassWeights, l.Classes, o.ClassCounts); err != nil {
		return nil, err
	}
	for _, ls := range [][]lookup{p.embeds, p.oneHots} {
		for _, l := range ls {
			n.sparseCost += 16 + 2*l.width*(1+n.chain.Slots())
		}
	}
	n.state.Cut = 1
	n.state.Params = make([]float32, p.params)
	n.state.Slots = make([]float32, p.params*n.chain.Slots())
	p.initialise(n.state.Params)
	return n, nil
}

func classWeights(c ClassWeights, classes []string, counts []float64) ([]float32, error) {
	const at = "train.class_weights"
	if !c.Balanced && len(c.Weights) == 0 {
		return nil, nil
	}
	w := make([]float32, len(classes))
	if c.Balanced {
		if len(counts) != len(classes) {
			return nil, fmt.Errorf("%s: balanced needs the rows of each of %d classes, have %d counts", at, len(classes), len(counts))
		}
		var all float64
		for i, x := range counts {
			if !(x > 0) {
				return nil, &FieldError{at, fmt.Sprintf("class %q has no training rows and cannot be balanced", classes[i])}
			}
			all += x
		}
		for i, x := range counts {
			w[i] = float32(all / (float64(len(classes)) * x))
		}
		return w, nil
	}
	for i, name := range classes {
		w[i] = 1
		if x, ok := c.Weights[name]; ok {
			w[i] = float32(x)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Weights)) {
		if !slices.Contains(classes, name) {
			return nil, &FieldError{at + "." + name, "the label has no such class; it has " + strings.Join(classes, ", ")}
		}
	}
	return w, nil
}

// Config is the resolved configuration.
func (n *Network) Config() Config { return n.cfg }

// Layout says what rows the model takes.
func (n *Network) Layout() table.Layout { return n.layout }

// Outputs is the number of logits of a row: 1, or the number of classes with categorical cross-entropy.
func (n *Network) Outputs() int { return n.outputs }

// Blocks lists the parts of the parameter vector.
func (n *Network) Blocks() []Block { return slices.Clone(n.blocks) }

// Params returns the parameter vector itself, not a copy: read-only, and changed by the next Step.
func (n *Network) Params() []float32 { return n.state.Params }

// Epoch is the number of complete epochs.
func (n *Network) Epoch() int { return n.state.Epoch }

// Order says which batches come next.
func (n *Network) Order() Order {
	o := Order{Seed: n.cfg.Train.Seed, Epoch: n.state.Epoch, BatchSize: n.cfg.Train.BatchSize, Skip: n.state.Batch}
	if n.full() {
		o.Sequential, o.Seed, o.Epoch = true, 0, 0
	}
	return o
}

// full reports whether an epoch is one update.
func (n *Network) full() bool { return n.cfg.Optimizer.Type == "gd" }

// Begin prepares for the batches of Order.
func (n *Network) Begin(rows int64) error {
	if rows < 1 {
		return fmt.Errorf("there are no training rows")
	}
	b := int64(n.cfg.Train.BatchSize)
	n.batches = int((rows + b - 1) / b)
	if n.state.Batch > n.batches {
		return fmt.Errorf("the state has done %d batches of an epoch of %d: it belongs to other rows", n.state.Batch, n.batches)
	}
	return nil
}

// Round trains for one epoch.
func (n *Network) Round(ctx context.Context, rows Rows) (Losses, error) {
	l, err := Sweep(ctx, rows, []Trainer{n})
	if err != nil {
		if m, ok := flatten(err)[0].(*ModelError); ok {
			err = m.Err
		}
		return Losses{}, err
	}
	return l[0], nil
}

// Pending reports whether a round waits for Observe.
func (n *Network) Pending() bool { return n.state.Pending }

// Last is the outcome of the last complete round.
func (n *Network) Last() Losses { return n.state.Last }

// Done reports whether training is over.
func (n *Network) Done() bool { return n.state.Done }

// Observe takes the validation metrics of the last round; train_loss is added to them.
func (n *Network) Observe(m Metrics) error {
	s := &n.state
	if !s.Pending {
		return fmt.Errorf("there is no round to observe")
	}
	all := maps.Clone(m)
	if all == nil {
		all = Metrics{}
	}
	all["train_loss"] = s.Last.Loss
	epoch := s.Last.Epoch
	var stopAt, cutAt float64
	var err error
	stop, plateau := n.cfg.Train.EarlyStopping, n.sched.c.Type == "plateau"
	if stop != nil {
		if stopAt, err = metricOf(all, stop.Metric, "train.early_stopping.metric"); err != nil {
			return err
		}
	}
	if plateau {
		if cutAt, err = metricOf(all, n.sched.c.Metric, "optimizer.schedule.metric"); err != nil {
			return err
		}
	}
	s.Pending = false
	if plateau && !s.Plateau.observe(cutAt, epoch, n.sched.more, n.sched.c.MinDelta) && s.Plateau.Bad > *n.sched.c.Patience {
		s.Cut *= *n.sched.c.Factor
		s.Plateau.Bad = 0
	}
	s.Done = s.Epoch >= n.cfg.Train.Epochs
	if stop != nil {
		more, _ := maximise(stop.Metric, stop.Mode)
		if s.Stop.observe(stopAt, epoch, more, stop.MinDelta) {
			if *stop.RestoreBest {
				s.Best = append(s.Best[:0], s.Params...)
			}
		} else if s.Stop.Bad > *stop.Patience {
			s.Done = true
		}
		if s.Done && *stop.RestoreBest && len(s.Best) > 0 {
			copy(s.Params, s.Best)
		}
	}
	return nil
}

// BestEpoch is the epoch whose weights early stopping holds to be the best; -1 before there is one.
func (n *Network) BestEpoch() int {
	if !n.state.Stop.Seen {
		return -1
	}
	return n.state.Stop.Epoch
}

func nameList(m Metrics) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}
