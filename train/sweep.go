package train

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"howdah/internal/table"
)

// Stepper is a Trainer that learns batch by batch, so that several can share a read of the rows.
type Stepper interface {
	Trainer
	// Order says which batches come next: those of the epoch that is not done yet.
	Order() Order
	// Begin prepares for the batches of Order, of a table of so many rows.
	Begin(rows int64) error
	// Step learns from one batch. An error leaves the state as it was after the batch before.
	Step(b *table.Encoded) error
	// End completes the epoch.
	End() (Losses, error)
}

// Sweep trains each model for one epoch, or for what remains of one. Models that want the same batches in the same order
// share one read. A model's outcome does not depend on its companions: one that fails is left behind, as a *ModelError,
// while the others go on. Any other error (reading, or ctx's end) stops the sweep between two batches.
func Sweep(ctx context.Context, rows Rows, trainers []Trainer) ([]Losses, error) {
	out := make([]Losses, len(trainers))
	failed := make([]error, len(trainers))
	groups := map[Order][]int{}
	var orders []Order
	for i, t := range trainers {
		s, ok := t.(Stepper)
		if !ok {
			l, err := t.Round(ctx, rows)
			if err != nil && ctx.Err() != nil {
				return nil, ctx.Err()
			}
			out[i], failed[i] = l, err
			continue
		}
		if failed[i] = s.Begin(rows.Len()); failed[i] != nil {
			continue
		}
		o := s.Order()
		if groups[o] == nil {
			orders = append(orders, o)
		}
		groups[o] = append(groups[o], i)
	}
	for _, o := range orders {
		want := max(rows.Len()-int64(o.Skip)*int64(o.BatchSize), 0)
		var seen int64
		for b, err := range rows.Batches(ctx, o) {
			if err != nil {
				return nil, err
			}
			alive := false
			for _, i := range groups[o] {
				if failed[i] == nil {
					failed[i] = trainers[i].(Stepper).Step(b)
				}
				alive = alive || failed[i] == nil
			}
			seen += int64(b.Rows)
			if !alive {
				break
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		for _, i := range groups[o] {
			if failed[i] != nil {
				continue
			}
			if seen != want {
				return nil, fmt.Errorf("training rows: read %d, want %d", seen, want)
			}
			out[i], failed[i] = trainers[i].(Stepper).End()
		}
	}
	return out, modelErrors(failed)
}

func modelErrors(failed []error) error {
	var errs []error
	for i, err := range failed {
		if err != nil {
			errs = append(errs, &ModelError{i, err})
		}
	}
	return errors.Join(errs...)
}

// FitOptions are what Fit calls between epochs.
type FitOptions struct {
	// Validate returns the metrics of the models of these numbers, in order, from one read of the validation rows. Where it
	// is nil, only train_loss is known.
	Validate func(ctx context.Context, models []int) ([]Metrics, error)
	// Epoch is called for each model after each of its epochs, once the metrics are observed: the place to record curves and
	// to keep a Snapshot.
	Epoch func(ctx context.Context, model int, l Losses, m Metrics) error
}

// Fit sweeps the rows until all models are done. Models that fail are left behind and returned as *ModelErrors, joined,
// when the others are done (the failure of an only model is returned as it is); any other error is returned at once. After ctx's end every model is fit for Snapshot, and a
// Fit of the restored models goes on where this one stopped.
func Fit(ctx context.Context, trainers []Trainer, rows Rows, o FitOptions) error {
	failed := make([]error, len(trainers))
	for {
		var pending, active []int
		for i, t := range trainers {
			if failed[i] == nil && t.Pending() {
				pending = append(pending, i)
			}
		}
		if err := observe(ctx, trainers, pending, failed, o); err != nil {
			return err
		}
		var group []Trainer
		for i, t := range trainers {
			if failed[i] == nil && !t.Done() {
				active, group = append(active, i), append(group, t)
			}
		}
		if len(active) == 0 {
			if len(failed) == 1 {
				return failed[0]
			}
			return modelErrors(failed)
		}
		_, err := Sweep(ctx, rows, group)
		for _, e := range flatten(err) {
			var m *ModelError
			if e == nil {
				continue
			}
			if !errors.As(e, &m) {
				return e
			}
			failed[active[m.Index]] = m.Err
		}
	}
}

func observe(ctx context.Context, trainers []Trainer, pending []int, failed []error, o FitOptions) error {
	if len(pending) == 0 {
		return nil
	}
	metrics := make([]Metrics, len(pending))
	if o.Validate != nil {
		m, err := o.Validate(ctx, slices.Clone(pending))
		if err != nil {
			return err
		}
		if len(m) != len(pending) {
			return fmt.Errorf("validation returned metrics of %d models, want %d", len(m), len(pending))
		}
		metrics = m
	}
	for k, i := range pending {
		last := trainers[i].Last()
		if failed[i] = trainers[i].Observe(metrics[k]); failed[i] != nil || o.Epoch == nil {
			continue
		}
		if err := o.Epoch(ctx, i, last, metrics[k]); err != nil {
			return err
		}
	}
	return nil
}
