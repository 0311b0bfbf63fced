package train

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// checker collects mistakes.
type checker struct{ errs []error }

func (c *checker) fail(path, format string, args ...any) {
	c.errs = append(c.errs, &FieldError{path, fmt.Sprintf(format, args...)})
}

func (c *checker) oneOf(path, v string, names []string) bool {
	if v == "" || slices.Contains(names, v) {
		return true
	}
	c.fail(path, "want one of %s, have %q", strings.Join(names, ", "), v)
	return false
}

func (c *checker) positive(path string, v float64) {
	if !(v > 0) || math.IsInf(v, 0) {
		c.fail(path, "want a number above 0, have %v", v)
	}
}

func (c *checker) atLeast0(path string, v float64) {
	if !(v >= 0) || math.IsInf(v, 0) {
		c.fail(path, "want a number of at least 0, have %v", v)
	}
}

func (c *checker) share(path string, v float64) {
	if !(v >= 0 && v < 1) {
		c.fail(path, "want a number in [0, 1), have %v", v)
	}
}

// count checks a whole number that is not said where it is 0.
func (c *checker) count(path string, v int) {
	if v < 0 {
		c.fail(path, "want a whole number of at least 1, have %d", v)
	}
}

func set[T any](p **T, v T) {
	if *p == nil {
		*p = &v
	}
}

func fill[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// Validate finds all mistakes that can be found without knowing the label, as *FieldError joined.
func (c Config) Validate() error {
	k := &checker{}
	c.Model.check(k)
	c.Loss.check(k)
	c.Optimizer.check(k)
	c.Train.check(k)
	return errors.Join(k.errs...)
}

func (m *ModelConfig) check(k *checker) {
	known := k.oneOf("model.type", m.Type, ModelTypes)
	k.oneOf("model.activation", m.Activation, Activations)
	k.share("model.dropout", m.Dropout)
	for i, h := range m.Hidden {
		if h < 1 || h > 1<<20 {
			k.fail(fmt.Sprintf("model.hidden[%d]", i), "want a width between 1 and %d, have %d", 1<<20, h)
		}
	}
	if d := m.Embedding.Dim; d < 0 || d > 1<<16 {
		k.fail("model.embedding.dim", "want a width between 0 and %d, have %d", 1<<16, d)
	}
	if known && m.Type != "" && m.Type != "mlp" {
		if len(m.Hidden) > 0 {
			k.fail("model.hidden", "a %s model has no hidden layers; use type mlp", m.Type)
		}
		if m.Activation != "" {
			k.fail("model.activation", "a %s model has no hidden layers; use type mlp", m.Type)
		}
		if m.Dropout != 0 {
			k.fail("model.dropout", "a %s model has no hidden layers; use type mlp", m.Type)
		}
	}
}

func (l *LossConfig) check(k *checker) {
	k.oneOf("loss.type", l.Type, LossTypes)
	k.share("loss.label_smoothing", l.LabelSmoothing)
	if l.LabelSmoothing != 0 && (l.Type == "mse" || l.Type == "mae" || l.Type == "huber") {
		k.fail("loss.label_smoothing", "does not apply to %s", l.Type)
	}
	if l.Delta != nil {
		k.positive("loss.delta", *l.Delta)
		if l.Type != "huber" && l.Type != "" {
			k.fail("loss.delta", "does not apply to %s", l.Type)
		}
	}
}

func (o *OptimizerConfig) check(k *checker) {
	known := k.oneOf("optimizer.type", o.Type, OptimizerTypes)
	t := o.Type
	if t == "" {
		t = "adam"
	}
	only := func(path string, said bool, types ...string) {
		if known && said && !slices.Contains(types, t) {
			k.fail("optimizer."+path, "does not apply to %s, only to %s", t, strings.Join(types, ", "))
		}
	}
	if o.LearningRate != nil {
		k.positive("optimizer.learning_rate", *o.LearningRate)
	}
	if o.Momentum != nil {
		k.share("optimizer.momentum", *o.Momentum)
	}
	if o.Nesterov && (o.Momentum == nil || *o.Momentum == 0) {
		k.fail("optimizer.nesterov", "needs a momentum above 0")
	}
	if o.Beta1 != nil {
		k.share("optimizer.beta_1", *o.Beta1)
	}
	if o.Beta2 != nil {
		k.share("optimizer.beta_2", *o.Beta2)
	}
	if o.Epsilon != nil {
		k.positive("optimizer.epsilon", *o.Epsilon) // a parameter without gradient would become 0/0
	}
	if o.Beta != nil {
		k.atLeast0("optimizer.beta", *o.Beta)
	}
	if o.WeightDecay != nil {
		k.atLeast0("optimizer.weight_decay", *o.WeightDecay)
	}
	k.atLeast0("optimizer.l1", o.L1)
	k.atLeast0("optimizer.l2", o.L2)
	if o.ClipNorm != nil {
		k.positive("optimizer.clip_norm", *o.ClipNorm)
	}
	if o.ClipValue != nil {
		k.positive("optimizer.clip_value", *o.ClipValue)
	}
	only("momentum", o.Momentum != nil, "gd", "sgd")
	only("nesterov", o.Nesterov, "gd", "sgd")
	only("beta_1", o.Beta1 != nil, "adam", "adamw")
	only("beta_2", o.Beta2 != nil, "adam", "adamw")
	only("epsilon", o.Epsilon != nil, "adam", "adamw", "adagrad")
	only("bias_correction", o.BiasCorrection != nil, "adam", "adamw")
	only("beta", o.Beta != nil, "ftrl")
	only("weight_decay", o.WeightDecay != nil, "gd", "sgd", "adam", "adamw", "adagrad")
	o.Schedule.check(k)
}

func (s *ScheduleConfig) check(k *checker) {
	const at = "optimizer.schedule."
	known := k.oneOf(at+"type", s.Type, ScheduleTypes)
	t := s.Type
	if t == "" {
		t = "constant"
	}
	only := func(path string, said bool, types ...string) {
		if known && said && !slices.Contains(types, t) {
			k.fail(at+path, "does not apply to %s, only to %s", t, strings.Join(types, ", "))
		}
	}
	k.count(at+"every", s.Every)
	k.count(at+"epochs", s.Epochs)
	if s.WarmUp < 0 {
		k.fail(at+"warm_up", "want a number of updates of at least 0, have %d", s.WarmUp)
	}
	if s.Factor != nil && !(*s.Factor > 0 && *s.Factor <= 1) {
		k.fail(at+"factor", "want a number in (0, 1], have %v", *s.Factor)
	}
	k.atLeast0(at+"min_rate", s.MinRate)
	k.atLeast0(at+"min_delta", s.MinDelta)
	if s.Patience != nil && *s.Patience < 0 {
		k.fail(at+"patience", "want at least 0, have %d", *s.Patience)
	}
	k.oneOf(at+"mode", s.Mode, []string{"auto", "min", "max"})
	checkMetric(k, at+"metric", s.Metric, s.Mode)
	only("every", s.Every != 0, "step")
	only("epochs", s.Epochs != 0, "cosine")
	only("factor", s.Factor != nil, "step", "exponential", "plateau")
	only("min_rate", s.MinRate != 0, "cosine", "plateau")
	only("metric", s.Metric != "", "plateau")
	only("mode", s.Mode != "", "plateau")
	only("patience", s.Patience != nil, "plateau")
	only("min_delta", s.MinDelta != 0, "plateau")
}

func checkMetric(k *checker, path, metric, mode string) {
	if metric == "" {
		return
	}
	if _, ok := maximise(metric, mode); !ok {
		k.fail(path, "it is not known whether less or more of %q is better; say mode: min or max", metric)
	}
}

func (t *TrainConfig) check(k *checker) {
	k.count("train.epochs", t.Epochs)
	k.count("train.batch_size", t.BatchSize)
	if t.BatchSize > 1<<20 {
		k.fail("train.batch_size", "want at most %d rows, have %d", 1<<20, t.BatchSize)
	}
	k.count("train.slice", t.Slice)
	if e := t.EarlyStopping; e != nil {
		k.oneOf("train.early_stopping.mode", e.Mode, []string{"auto", "min", "max"})
		checkMetric(k, "train.early_stopping.metric", e.Metric, e.Mode)
		if e.Patience != nil && *e.Patience < 0 {
			k.fail("train.early_stopping.patience", "want at least 0, have %d", *e.Patience)
		}
		k.atLeast0("train.early_stopping.min_delta", e.MinDelta)
	}
	w := t.ClassWeights
	if w.Balanced && len(w.Weights) > 0 {
		k.fail("train.class_weights", "want balanced or weights, not both")
	}
	for _, class := range slices.Sorted(maps.Keys(w.Weights)) {
		k.atLeast0("train.class_weights."+class, w.Weights[class])
	}
}

// Resolve returns the configuration with every default in place, for a label of so many classes (0: a quantity), or all
// mistakes as *FieldError joined. A resolved configuration resolves to itself.
func (c Config) Resolve(classes int) (Config, error) {
	if err := c.Validate(); err != nil {
		return c, err
	}
	k := &checker{}
	m := &c.Model
	if classes == 1 {
		k.fail("", "the label has one class only: there is nothing to learn")
	}
	switch {
	case m.Type != "":
	case len(m.Hidden) > 0 || m.Activation != "" || m.Dropout != 0:
		m.Type = "mlp"
	case classes == 0:
		m.Type = "linear"
	case classes == 2 && c.Loss.Type != "categorical_cross_entropy":
		m.Type = "logistic"
	default:
		m.Type = "softmax"
	}
	switch m.Type {
	case "linear":
		if classes != 0 {
			k.fail("model.type", "the label has %d classes, and a linear model predicts a quantity; use %s", classes, pick(classes == 2, "logistic", "softmax"))
		}
	case "logistic":
		if classes != 2 {
			k.fail("model.type", "a logistic model separates two classes, and the label %s; use %s", labelIs(classes), pick(classes == 0, "linear", "softmax"))
		}
	case "softmax":
		if classes == 0 {
			k.fail("model.type", "a softmax model separates classes, and the label is a quantity; use linear")
		}
	case "mlp":
		if m.Hidden == nil {
			m.Hidden = []int{64, 32}
		}
		fill(&m.Activation, "relu")
	}

	if len(k.errs) > 0 {
		return c, errors.Join(k.errs...) // what a loss would fit is not clear
	}

	l := &c.Loss
	if l.Type == "" {
		switch {
		case l.Delta != nil:
			l.Type = "huber"
		case classes == 0:
			l.Type = "mse"
		case m.Type == "softmax" || classes > 2:
			l.Type = "categorical_cross_entropy"
		default:
			l.Type = "binary_cross_entropy"
		}
	}
	switch l.Type {
	case "binary_cross_entropy":
		if classes != 2 {
			k.fail("loss", "binary_cross_entropy needs a label of two classes, and the label %s; use %s", labelIs(classes), pick(classes == 0, "mse", "categorical_cross_entropy"))
		} else if m.Type == "softmax" {
			k.fail("loss", "a softmax model has a logit for each class; use categorical_cross_entropy, or model logistic")
		}
	case "categorical_cross_entropy":
		if classes == 0 {
			k.fail("loss", "categorical_cross_entropy needs a label of classes, and the label is a quantity; use mse")
		} else if m.Type == "logistic" {
			k.fail("loss", "a logistic model has one logit; use binary_cross_entropy, or model softmax")
		}
	default:
		if classes != 0 {
			k.fail("loss", "%s is for quantities, and the label has %d classes; use %s", l.Type, classes, pick(classes == 2, "binary_cross_entropy", "categorical_cross_entropy"))
		}
		if l.LabelSmoothing != 0 {
			k.fail("loss.label_smoothing", "does not apply to %s", l.Type)
		}
	}
	if l.Type == "huber" {
		set(&l.Delta, 1)
	}
	c.Optimizer.defaults()
	c.Train.defaults()
	metric := map[string]string{"mse": "mse", "mae": "mae", "huber": "mae"}[l.Type]
	fill(&metric, "log_loss")
	if e := c.Train.EarlyStopping; e != nil {
		own := *e
		fill(&own.Metric, metric)
		fill(&own.Mode, "auto")
		set(&own.Patience, 2)
		set(&own.RestoreBest, true)
		c.Train.EarlyStopping = &own
		metric = own.Metric
	}
	s := &c.Optimizer.Schedule
	switch s.Type {
	case "cosine":
		fill(&s.Epochs, c.Train.Epochs)
	case "plateau":
		if s.Metric == "" && s.Mode == "" && c.Train.EarlyStopping != nil {
			s.Mode = c.Train.EarlyStopping.Mode
		}
		fill(&s.Metric, metric)
		fill(&s.Mode, "auto")
	}
	if s.MinRate > *c.Optimizer.LearningRate {
		k.fail("optimizer.schedule.min_rate", "%v is above the learning rate %v", s.MinRate, *c.Optimizer.LearningRate)
	}
	if w := c.Train.ClassWeights; classes == 0 && (w.Balanced || len(w.Weights) > 0) {
		k.fail("train.class_weights", "the label is a quantity and has no classes")
	}
	return c, errors.Join(k.errs...)
}

func (o *OptimizerConfig) defaults() {
	fill(&o.Type, "adam")
	rate := map[string]float64{"adam": 0.001, "adamw": 0.001, "sgd": 0.01, "adagrad": 0.01, "gd": 0.1, "ftrl": 0.1}
	set(&o.LearningRate, rate[o.Type])
	switch o.Type {
	case "gd", "sgd":
		set(&o.Momentum, 0)
		set(&o.WeightDecay, 0)
	case "adam", "adamw":
		set(&o.Beta1, 0.9)
		set(&o.Beta2, 0.999)
		set(&o.Epsilon, 1e-8)
		set(&o.BiasCorrection, true)
		set(&o.WeightDecay, pick(o.Type == "adamw", 0.01, 0))
	case "adagrad":
		set(&o.Epsilon, 1e-10)
		set(&o.WeightDecay, 0)
	case "ftrl":
		set(&o.Beta, 1)
	}
	s := &o.Schedule
	fill(&s.Type, "constant")
	switch s.Type {
	case "step":
		fill(&s.Every, 10)
		set(&s.Factor, 0.1)
	case "exponential":
		set(&s.Factor, 0.95)
	case "plateau":
		set(&s.Factor, 0.1)
		set(&s.Patience, 2)
	}
}

func (t *TrainConfig) defaults() {
	fill(&t.Epochs, 10)
	fill(&t.BatchSize, 256)
	fill(&t.Slice, DefaultSlice)
}

// DefaultSlice is the default of train.slice.
const DefaultSlice = 128

func labelIs(classes int) string {
	if classes == 0 {
		return "is a quantity"
	}
	return fmt.Sprintf("has %d classes", classes)
}

func pick[T any](c bool, a, b T) T {
	if c {
		return a
	}
	return b
}
