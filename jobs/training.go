package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"time"

	"howdah/eval"
	"howdah/internal/engine"
	"howdah/internal/table"
	"howdah/preprocess"
	"howdah/train"
)

// checkpointEvery is how much work a crash may cost within training; an epoch that takes longer is kept at its end.
const checkpointEvery = time.Second

func (r *runner) train(ctx context.Context) error {
	cfg := r.job.Spec.TrainConfig()
	counts := make([]float64, len(r.baseline.Priors))
	for i, p := range r.baseline.Priors {
		counts[i] = p * float64(r.baseline.Rows)
	}
	model, err := train.New(cfg, r.enc.layout, train.Options{Pool: r.pool, ClassCounts: counts})
	if err != nil {
		r.job.doc.ReportErr("", err)
		if e := r.job.Err(); e != nil {
			return e
		}
		return err
	}
	r.model = model
	r.epochs = nil
	if err := r.restore(ctx); err != nil {
		return err
	}
	rows := sweep{r.enc.sets[preprocess.SideTrain]}
	of := model.Config().Train.Epochs
	bar := r.progress.pass("train", of, rows.Len()*int64(of))
	for range r.epochs {
		bar.add(engine.Unit{})
		bar.before(rows.Len())
	}
	kept := time.Now()
	opts := train.FitOptions{
		Epoch: func(ctx context.Context, _ int, l train.Losses, m train.Metrics) error {
			e := EpochRecord{Epoch: l.Epoch + 1, Loss: l.Loss, Rate: l.Rate, Validation: m}
			r.epochs = append(r.epochs, e)
			r.progress.epoch(e, of)
			bar.add(engine.Unit{})
			r.log.Info("epoch", "epoch", e.Epoch, "loss", e.Loss, "rate", e.Rate)
			if time.Since(kept) < checkpointEvery || model.Done() {
				return nil
			}
			kept = time.Now()
			return r.checkpoint(ctx)
		},
	}
	if v := r.enc.sets[preprocess.SideValidation]; v.Len() > 0 {
		opts.Validate = func(ctx context.Context, _ []int) ([]train.Metrics, error) {
			m, err := r.validate(ctx)
			return []train.Metrics{m}, err
		}
	}
	err = train.Fit(ctx, []train.Trainer{model}, watched{rows, bar}, opts)
	if ctx.Err() != nil {
		// Stopped between two batches: the work done so far is kept.
		wctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return errors.Join(context.Cause(ctx), r.checkpoint(wctx))
	}
	if err != nil {
		return err
	}
	bar.done()
	return r.checkpoint(ctx)
}

// validate computes the metrics of the validation rows, for the curves and for early stopping.
func (r *runner) validate(ctx context.Context) (train.Metrics, error) {
	q := eval.NewQuick(r.evalConfig())
	logits := []float32(nil)
	for b, err := range r.enc.sets[preprocess.SideValidation].Sequential(ctx) {
		if err != nil {
			return nil, err
		}
		logits = grow(logits, b.Rows*r.model.Outputs())
		if err := r.predict(b, logits); err != nil {
			return nil, err
		}
		if err := q.Update(b, logits); err != nil {
			return nil, err
		}
	}
	return q.Metrics(), nil
}

// watched moves the bar with every batch: an epoch may take an hour.
type watched struct {
	sweep
	bar *bar
}

// Batches implements train.Rows.
func (w watched) Batches(ctx context.Context, o train.Order) iter.Seq2[*table.Encoded, error] {
	return func(yield func(*table.Encoded, error) bool) {
		if o.Skip > 0 {
			w.bar.before(int64(o.Skip) * int64(o.BatchSize))
		}
		for b, err := range w.sweep.Batches(ctx, o) {
			if !yield(b, err) {
				return
			}
			w.bar.rows(int64(b.Rows))
		}
	}
}

// predict computes a block's logits with all workers: rows do not depend on one another.
func (r *runner) predict(b *table.Encoded, logits []float32) error {
	return r.model.Predict(b, logits)
}

func (r *runner) evalConfig() eval.Config {
	e := r.job.Spec.Evaluate
	return eval.Config{Task: eval.Task(r.target.Type().String()), Classes: r.target.Classes(), Threshold: e.Threshold, Confidence: e.Confidence, Seed: r.job.Spec.Split.Seed}
}

// checkpoint keeps the trainer's state and the curves so far.
func (r *runner) checkpoint(ctx context.Context) error {
	snap, err := r.model.Snapshot(nil)
	if err != nil {
		return err
	}
	c := checkpoint{Key: r.enc.key, Epochs: r.epochs, State: snap}
	b, err := seal(&c)
	if err != nil {
		return err
	}
	return r.run.WriteBehind(ctx, trainState, b)
}

// restore takes up a checkpoint that a former owner left.
func (r *runner) restore(ctx context.Context) error {
	b, err := r.run.Read(ctx, trainState)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var c checkpoint
	if err := unseal(b, &c); err != nil {
		r.log.Warn("the checkpoint is damaged; training begins anew", "err", err.Error())
		return nil
	}
	if c.Key != r.enc.key {
		r.log.Warn("the checkpoint belongs to other rows; training begins anew")
		return nil
	}
	if err := r.model.Restore(c.State); err != nil {
		// It is whole, so another version of this program wrote it.
		r.log.Warn("the checkpoint cannot be taken up; training begins anew", "err", err.Error())
		r.progress.note(fmt.Sprintf("training begins anew: the checkpoint cannot be taken up: %v", err))
		return nil
	}
	r.epochs = c.Epochs
	r.progress.restored(c.Epochs)
	r.progress.note(fmt.Sprintf("training goes on after epoch %d", len(c.Epochs)))
	return nil
}

// checkpoint is what a run needs to go on training.
type checkpoint struct {
	Key    string        `json:"key"`
	Epochs []EpochRecord `json:"epochs"`
	State  []byte        `json:"-"`
}
