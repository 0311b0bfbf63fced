// Package eval measures a model on rows whose labels are known.
//
// Rows come as encoded blocks with the model's logits. A [Part] sums up one unit of rows; a [Merger] takes the parts in
// order, merges them along a fixed tree and finishes with an [Evaluation]: each metric beside that of the trivial baseline,
// with a confidence interval, and the curves that a report draws. [Quick] computes the metrics of an epoch without
// intervals and curves.
//
// Rows hash into 4,096 buckets by their ids, and sums are kept for each: intervals come from these alone. What depends on
// the order of the scores (AUC, average precision, the curves) is exact over all rows, from sorted runs of scores with
// equal scores added up; a row costs about three bytes. Memory does not grow otherwise.
//
// Metrics follow scikit-learn's definitions. A metric that the rows do not define (the AUC of one class) is left out and
// listed in Evaluation.Absent with the reason; no number is ever NaN or infinite.
//
// # Invariant
//
// No file, no clock, no global random source, no logging. The same rows in the same parts give the same bits.
package eval

import (
	"fmt"
	"math"

	"howdah/internal/kernel"
)

// Task says what a model predicts.
type Task string

// The tasks.
const (
	Binary     Task = "binary"     // labels 0 and 1; one logit, or two where the model was trained by categorical cross-entropy
	Multiclass Task = "multiclass" // labels 0..K-1; K logits
	Regression Task = "regression" // any label; one output, the prediction itself
)

// Config says how a model is measured.
type Config struct {
	Task    Task     `json:"task"`
	Classes []string `json:"classes,omitempty"` // by code; two for a binary task, the positive one last
	// Threshold is the probability from which on a row counts as predicted positive; 0: 0.5.
	Threshold float64 `json:"threshold,omitempty"`
	// Confidence is the level of the intervals; 0: 0.95.
	Confidence float64 `json:"confidence,omitempty"`
	Seed       uint64  `json:"seed,omitempty"` // of the bootstrap's weights
}

// Baseline is what the trivial model predicts: what the labels of the training rows say without any feature.
type Baseline struct {
	Mean   float64   `json:"mean"`             // regression: the mean label
	Priors []float64 `json:"priors,omitempty"` // by class: its share
}

// Metric is one number with its interval, beside the trivial baseline's.
type Metric struct {
	Name     string  `json:"name"`
	Value    float64 `json:"value"`
	Low      float64 `json:"low"`      // the interval at Evaluation.Confidence
	High     float64 `json:"high"`     //
	Baseline float64 `json:"baseline"` // the same metric of the trivial model on the same rows
	// Gain is how much better than the baseline the model is, in the metric's unit, positive where it is better. Its interval
	// is that of the paired difference on the same rows, which is often much narrower than the metric's own.
	Gain     float64 `json:"gain"`
	GainLow  float64 `json:"gain_low"`
	GainHigh float64 `json:"gain_high"`
	// Method says where the interval is from: MethodClusters, MethodDeLong, MethodLogit, MethodBootstrap, or MethodNone
	// where the rows are too few for one (then Low = High = Value).
	Method string `json:"method"`
}

// The methods of intervals.
const (
	MethodClusters  = "clusters"  // normal, with the cluster-robust standard error over buckets of rows
	MethodDeLong    = "delong"    // DeLong, DeLong and Clarke-Pearson (1988)
	MethodLogit     = "logit"     // Boyd, Eng and Page (2013), eq. 10: for the average precision
	MethodBootstrap = "bootstrap" // percentiles of 400 Poisson bootstraps over buckets of rows (Chamandy et al., 2012)
	MethodNone      = "none"
)

// Absent is a metric that these rows do not define.
type Absent struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// metric is one entry of the register.
type metric struct {
	name     string
	maximise bool
	tasks    []Task
	shown    []Task // where it is shown by default
}

var (
	onlyBinary     = []Task{Binary}
	onlyMulti      = []Task{Multiclass}
	both           = []Task{Binary, Multiclass}
	onlyRegression = []Task{Regression}
)

// metrics in the order in which they are reported.
var metrics = []metric{
	{"log_loss", false, both, both},
	{"auc", true, both, both},
	{"pr_auc", true, onlyBinary, onlyBinary},
	{"accuracy", true, both, both},
	{"precision", true, both, onlyBinary},
	{"recall", true, both, onlyBinary},
	{"f1", true, both, both},
	{"precision_weighted", true, onlyMulti, nil},
	{"recall_weighted", true, onlyMulti, nil},
	{"f1_weighted", true, onlyMulti, nil},
	{"top_3_accuracy", true, onlyMulti, nil},
	{"top_5_accuracy", true, onlyMulti, nil},
	{"brier", false, both, onlyBinary},
	{"calibration_error", false, both, onlyBinary},
	{"rmse", false, onlyRegression, onlyRegression},
	{"mae", false, onlyRegression, onlyRegression},
	{"r2", true, onlyRegression, onlyRegression},
	{"mse", false, onlyRegression, nil},
}

// MetricNames lists every metric, of all tasks, in the order of reports. For several classes precision, recall and f1 are
// macro averages and auc is the macro average of one class against the rest.
func MetricNames() []string {
	out := make([]string, len(metrics))
	for i, m := range metrics {
		out[i] = m.name
	}
	return out
}

// DefaultMetrics lists the metrics that a task is summed up by.
func DefaultMetrics(t Task) []string {
	var out []string
	for _, m := range metrics {
		for _, s := range m.shown {
			if s == t {
				out = append(out, m.name)
			}
		}
	}
	return out
}

// Maximise says whether a higher value of the metric is better.
func Maximise(name string) bool {
	for _, m := range metrics {
		if m.name == name {
			return m.maximise
		}
	}
	return false
}

func (c Config) withDefaults() Config {
	if c.Threshold == 0 {
		c.Threshold = 0.5
	}
	if c.Confidence == 0 {
		c.Confidence = 0.95
	}
	return c
}

// check finds what cannot be measured.
func (c Config) check() error {
	switch c.Task {
	case Binary:
		if n := len(c.Classes); n != 2 && n != 0 {
			return fmt.Errorf("evaluation: a binary task has 2 classes, have %d", n)
		}
	case Multiclass:
		if len(c.Classes) < 2 {
			return fmt.Errorf("evaluation: a multiclass task has at least 2 classes, have %d", len(c.Classes))
		}
	case Regression:
	default:
		return fmt.Errorf("evaluation: unknown task %q; want binary, multiclass or regression", c.Task)
	}
	if !(c.Threshold > 0 && c.Threshold < 1) {
		return fmt.Errorf("evaluation: the threshold is a probability between 0 and 1, have %v", c.Threshold)
	}
	if !(c.Confidence > 0 && c.Confidence < 1) {
		return fmt.Errorf("evaluation: the confidence lies between 0 and 1, have %v", c.Confidence)
	}
	return nil
}

// cut is the logit from which on a row counts as predicted positive.
func (c Config) cut() float64 {
	return kernel.LogFloat64(c.Threshold) - kernel.Log1pFloat64(-c.Threshold)
}

func finite(x float64) bool { return x-x == 0 }

// prior is a class's share among the training rows, kept away from 0 and 1 so that its logarithm is finite.
func (b Baseline) prior(class int) float64 {
	if class >= len(b.Priors) {
		return 1e-15
	}
	return min(max(b.Priors[class], 1e-15), 1-1e-15)
}

func (b Baseline) check(c Config, classes int) error {
	if !finite(b.Mean) {
		return fmt.Errorf("evaluation: the baseline's mean is %v", b.Mean)
	}
	if c.Task != Regression && len(b.Priors) != classes {
		return fmt.Errorf("evaluation: the baseline wants the shares of %d classes, have %d", classes, len(b.Priors))
	}
	for k, p := range b.Priors {
		if !(p >= 0 && p <= 1) || math.IsNaN(p) {
			return fmt.Errorf("evaluation: the baseline's share of class %d is %v", k, p)
		}
	}
	return nil
}

// baseClass is how the trivial model fares on a row of one class.
type baseClass struct{ loss, brier, correct float64 }

// classes are these for each of k classes, and the class that the trivial model predicts.
func (b Baseline) classes(k int) (out []baseClass, guess int) {
	squares := 0.0
	for c := range k {
		if b.prior(c) > b.prior(guess) {
			guess = c
		}
		squares += float64(b.prior(c) * b.prior(c))
	}
	out = make([]baseClass, k)
	for c := range out {
		q := b.prior(c)
		out[c] = baseClass{loss: -kernel.LogFloat64(q), brier: squares - 2*q + 1}
	}
	out[guess].correct = 1
	return out, guess
}
