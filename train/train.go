// Package train fits models to encoded rows: losses, optimisers, sweeps.
//
// A model family stands behind the Trainer port. Models trained by gradients are a Network: one flat vector of
// parameters in named blocks (dense, or row-sparse tables), the layers that view it, and an optimiser that is a Chain of
// Transforms whose memory lies in the State. A Sweep feeds one model or several from one read of the rows; Fit sweeps
// for as many epochs as the models want.
//
// What training yields is a pure function of the configuration, the layout and the rows: randomness is counter-based, a
// batch's gradient is summed over slices of fixed size in slice order, and nothing depends on the number of workers, on
// companions in the sweep or on being stopped and resumed.
//
// Invariant: no file, no clock, no global random source, no logging. A pool of workers is handed in.
package train

import (
	"context"
	"fmt"

	"howdah/internal/onnx"
	"howdah/internal/table"
)

// Trainer is a model in training. Gradients are one family; others may join. It is not safe for concurrent use.
type Trainer interface {
	// Round trains for one epoch, or for what remains of one that was interrupted. When ctx ends it finishes the batch at
	// hand and returns ctx's error; the state is then fit for Snapshot and a later Round goes on at the next batch.
	Round(ctx context.Context, rows Rows) (Losses, error)
	// Pending reports whether a round is complete whose validation has not been observed.
	Pending() bool
	// Last is the outcome of the last complete round.
	Last() Losses
	// Observe takes the validation metrics of the last round: early stopping and the plateau schedule follow them.
	Observe(m Metrics) error
	// Done reports whether all epochs are trained or training was stopped early; the best weights are then restored,
	// where that is asked for.
	Done() bool
	// Snapshot appends the whole state to b; a Trainer made from the same configuration and layout continues from it as
	// if it had never stopped.
	Snapshot(b []byte) ([]byte, error)
	// Restore reads a state that Snapshot wrote. On an error the Trainer is unchanged.
	Restore(b []byte) error
	// Outputs is the number of logits of a row.
	Outputs() int
	// Predict computes the logits of rows: logits is [Rows, Outputs]. A row's logits do not depend on its neighbours.
	Predict(rows *table.Encoded, logits []float32) error
	// Export writes the model as nodes: dense is [N, len(Layout.Dense)] or the zero Value where there are none, codes has
	// an int64 [N,1] for each code slot. It returns the logits and the prediction: the probability of the positive class
	// [N,1], the probabilities of the classes [N,K], or the predicted value [N,1].
	Export(g *onnx.Graph, dense onnx.Value, codes []onnx.Value) (logits, prediction onnx.Value, err error)
}

// Losses is the outcome of a round.
type Losses struct {
	Epoch   int     `json:"epoch"`   // counted from 0
	Loss    float64 `json:"loss"`    // mean over the weights of the rows, each at the time it was swept; penalties not included
	Rows    int64   `json:"rows"`    // rows swept
	Batches int     `json:"batches"` // updates, or for full-batch descent the blocks that its gradient was summed over
	Weight  float64 `json:"weight"`  // sum of weights
	Rate    float64 `json:"rate"`    // learning rate of the round's last update
}

// Metrics are values by name, as evaluation names them: log_loss, auc, mse.
type Metrics map[string]float64

// Pool is a set of workers. Do calls f(0), ..., f(n-1), in any order and any number at once, and returns when all have
// returned. A nil Pool runs everything in the caller's goroutine; the result is the same.
type Pool interface{ Do(n int, f func(i int)) }

// FieldError is a mistake in a configuration: Path is relative to the configuration it was found in, as in
// "optimizer.learning_rate".
type FieldError struct{ Path, Msg string }

func (e *FieldError) Error() string {
	if e.Path == "" {
		return e.Msg
	}
	return e.Path + ": " + e.Msg
}

// Field returns the place and the message apart.
func (e *FieldError) Field() (path, msg string) { return e.Path, e.Msg }

// DivergedError says that training met a number that is not finite.
type DivergedError struct {
	Epoch, Batch int    // both counted from 0
	What         string // "loss", "gradient" or "weights"
	Value        float64
}

func (e *DivergedError) Error() string {
	// People count epochs from 1, as the learning curves do.
	return fmt.Sprintf("training diverged: the %s of epoch %d, batch %d is %v", e.What, e.Epoch+1, e.Batch+1, e.Value)
}

// Hint says what to change.
func (e *DivergedError) Hint() string {
	return "lower optimizer.learning_rate, set optimizer.clip_norm, or scale the features"
}

// ModelError is the failure of one of several models.
type ModelError struct {
	Index int // of the model among those handed to Fit or Sweep
	Err   error
}

func (e *ModelError) Error() string { return fmt.Sprintf("model %d: %v", e.Index, e.Err) }
func (e *ModelError) Unwrap() error { return e.Err }
