package train

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// TestUnmarshal reads the forms that a job file may have.
func TestUnmarshal(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	for _, tt := range []struct {
		dst  interface{ UnmarshalJob(any) error }
		v    any
		want any
	}{
		{&ModelConfig{}, "logistic", &ModelConfig{Type: "logistic"}},
		{&ModelConfig{}, nil, &ModelConfig{}},
		{&ModelConfig{}, m{"type": "mlp", "hidden": []any{int64(64), int64(32)}, "dropout": 0.1, "embedding": m{"dim": int64(8)}},
			&ModelConfig{Type: "mlp", Hidden: []int{64, 32}, Dropout: 0.1, Embedding: EmbeddingConfig{Dim: 8}}},
		{&LossConfig{}, "huber", &LossConfig{Type: "huber"}},
		{&LossConfig{}, m{"type": "huber", "delta": int64(2)}, &LossConfig{Type: "huber", Delta: ptr(2.0)}},
		{&OptimizerConfig{}, m{"type": "adam", "bias_correction": false, "schedule": "cosine"},
			&OptimizerConfig{Type: "adam", BiasCorrection: ptr(false), Schedule: ScheduleConfig{Type: "cosine"}}},
		{&OptimizerConfig{}, m{"schedule": m{"type": "step", "every": int64(3), "factor": 0.5}, "clip_norm": nil},
			&OptimizerConfig{Schedule: ScheduleConfig{Type: "step", Every: 3, Factor: ptr(0.5)}}},
		{&ClassWeights{}, "balanced", &ClassWeights{Balanced: true}},
		{&ClassWeights{}, m{"no": int64(1), "yes": 2.5}, &ClassWeights{Weights: map[string]float64{"no": 1, "yes": 2.5}}},
	} {
		if err := tt.dst.UnmarshalJob(tt.v); err != nil {
			t.Errorf("%v: %v", tt.v, err)
		} else if !reflect.DeepEqual(tt.dst, tt.want) {
			t.Errorf("%v: have %+v, want %+v", tt.v, tt.dst, tt.want)
		}
	}
}

// places lists "path: message" of each mistake.
func places(err error) []string {
	if err == nil {
		return nil
	}
	var out []string
	for _, e := range flatten(err) {
		out = append(out, e.Error())
	}
	return out
}

func TestUnmarshalMistakes(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	for _, tt := range []struct {
		dst  interface{ UnmarshalJob(any) error }
		v    any
		want []string
	}{
		{&ModelConfig{}, int64(3), []string{"want a type, or a mapping; have 3"}},
		{&ModelConfig{}, m{"hiden": []any{}, "hidden": []any{"a", 1.5}}, []string{`hidden[0]: want a whole number, have "a"`, "hidden[1]: want a whole number, have 1.5", "hiden: unknown field; known here: type, hidden, activation, dropout, embedding"}},
		{&ModelConfig{}, m{"embedding": int64(8)}, []string{"embedding: want a mapping, have 8"}},
		{&LossConfig{}, m{"type": true, "delta": "x"}, []string{`delta: want a number, have "x"`, "type: want a word, have true"}},
		{&OptimizerConfig{}, m{"schedule": []any{}}, []string{"schedule: want a type, or a mapping; have a list"}},
		{&OptimizerConfig{}, m{"schedule": m{"every": "day"}, "nesterov": "yes"}, []string{`nesterov: want true or false, have "yes"`, `schedule.every: want a whole number, have "day"`}},
		{&ClassWeights{}, "even", []string{`want balanced, or a mapping from class to weight; have "even"`}},
		{&ClassWeights{}, m{"a": "b"}, []string{`a: want a number, have "b"`}},
		{&ClassWeights{}, true, []string{"want balanced, or a mapping from class to weight; have true"}},
	} {
		if have := places(tt.dst.UnmarshalJob(tt.v)); !reflect.DeepEqual(have, tt.want) {
			t.Errorf("%v:\nhave %q\nwant %q", tt.v, have, tt.want)
		}
	}
}

// TestMistakes: each is found at its place, all at once.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		classes int
		cfg     Config
		want    []string
	}{
		"unknown words": {2, Config{Model: ModelConfig{Type: "tree", Activation: "swish"}, Loss: LossConfig{Type: "hinge"}, Optimizer: OptimizerConfig{Type: "lion", Schedule: ScheduleConfig{Type: "linear"}}},
			[]string{"model.type: want one of linear", "model.activation: want one of relu", "loss.type: want one of", "optimizer.type: want one of", "optimizer.schedule.type: want one of"}},
		"numbers": {2, Config{Model: ModelConfig{Type: "mlp", Hidden: []int{8, 0}, Dropout: 1}, Optimizer: OptimizerConfig{Type: "sgd", LearningRate: ptr(0.0), Momentum: ptr(1.0), ClipNorm: ptr(-1.0)}, Train: TrainConfig{Epochs: -1, BatchSize: -2}},
			[]string{"model.dropout: want a number in [0, 1)", "model.hidden[1]: want a width", "optimizer.learning_rate: want a number above 0", "optimizer.momentum: want a number in [0, 1)", "optimizer.clip_norm: want a number above 0", "train.epochs: want a whole number", "train.batch_size: want a whole number"}},
		"not of this optimizer": {2, Config{Optimizer: OptimizerConfig{Type: "sgd", Beta1: ptr(0.9), Epsilon: ptr(1e-8)}}, []string{"optimizer.beta_1: does not apply to sgd, only to adam, adamw", "optimizer.epsilon: does not apply to sgd"}},
		"momentum of adam":      {2, Config{Optimizer: OptimizerConfig{Momentum: ptr(0.9)}}, []string{"optimizer.momentum: does not apply to adam"}},
		"nesterov":              {2, Config{Optimizer: OptimizerConfig{Type: "sgd", Nesterov: true}}, []string{"optimizer.nesterov: needs a momentum"}},
		"decay of ftrl":         {2, Config{Optimizer: OptimizerConfig{Type: "ftrl", WeightDecay: ptr(0.1)}}, []string{"optimizer.weight_decay: does not apply to ftrl"}},
		"hidden of logistic":    {2, Config{Model: ModelConfig{Type: "logistic", Hidden: []int{3}}}, []string{"model.hidden: a logistic model has no hidden layers"}},
		"linear for classes":    {2, Config{Model: ModelConfig{Type: "linear"}}, []string{"model.type: the label has 2 classes, and a linear model predicts a quantity; use logistic"}},
		"logistic of three":     {3, Config{Model: ModelConfig{Type: "logistic"}}, []string{"model.type: a logistic model separates two classes, and the label has 3 classes; use softmax"}},
		"softmax of quantity":   {0, Config{Model: ModelConfig{Type: "softmax"}}, []string{"model.type: a softmax model separates classes"}},
		"mse of classes":        {3, Config{Loss: LossConfig{Type: "mse"}}, []string{"loss: mse is for quantities, and the label has 3 classes; use categorical_cross_entropy"}},
		"entropy of quantity":   {0, Config{Loss: LossConfig{Type: "binary_cross_entropy"}}, []string{"loss: binary_cross_entropy needs a label of two classes, and the label is a quantity; use mse"}},
		"categorical, logistic": {2, Config{Model: ModelConfig{Type: "logistic"}, Loss: LossConfig{Type: "categorical_cross_entropy"}}, []string{"loss: a logistic model has one logit"}},
		"smoothing":             {0, Config{Loss: LossConfig{LabelSmoothing: 0.1}}, []string{"loss.label_smoothing: does not apply to mse"}},
		"delta":                 {0, Config{Loss: LossConfig{Type: "mse", Delta: ptr(1.0)}}, []string{"loss.delta: does not apply to mse"}},
		"one class":             {1, Config{}, []string{"the label has one class only"}},
		"metric":                {2, Config{Train: TrainConfig{EarlyStopping: &EarlyStopping{Metric: "profit"}}}, []string{`train.early_stopping.metric: it is not known whether less or more of "profit" is better; say mode`}},
		"weights of quantity":   {0, Config{Train: TrainConfig{ClassWeights: ClassWeights{Balanced: true}}}, []string{"train.class_weights: the label is a quantity"}},
		"schedule":              {2, Config{Optimizer: OptimizerConfig{Schedule: ScheduleConfig{Type: "cosine", Every: 3, Patience: ptr(1)}}}, []string{"optimizer.schedule.every: does not apply to cosine", "optimizer.schedule.patience: does not apply to cosine"}},
		"min rate":              {2, Config{Optimizer: OptimizerConfig{LearningRate: ptr(0.1), Schedule: ScheduleConfig{Type: "cosine", MinRate: 0.2}}}, []string{"optimizer.schedule.min_rate: 0.2 is above the learning rate 0.1"}},
	} {
		_, err := tt.cfg.Resolve(tt.classes)
		have := places(err)
		if len(have) != len(tt.want) {
			t.Errorf("%s: have %q, want %q", name, have, tt.want)
			continue
		}
		for i, w := range tt.want {
			found := false
			for _, h := range have {
				found = found || strings.HasPrefix(h, w)
			}
			if !found {
				t.Errorf("%s: mistake %d %q is not in %q", name, i, w, have)
			}
		}
		var f *FieldError
		if !errors.As(err, &f) {
			t.Errorf("%s: no *FieldError in %v", name, err)
		}
	}
}

// TestResolve: everything has a default, which fits the label; a resolved configuration stays as it is.
func TestResolve(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		classes           int
		cfg               Config
		model, loss, rate string
	}{
		{0, Config{}, "linear", "mse", "0.001"},
		{2, Config{}, "logistic", "binary_cross_entropy", ""},
		{5, Config{}, "softmax", "categorical_cross_entropy", ""},
		{2, Config{Loss: LossConfig{Type: "categorical_cross_entropy"}}, "softmax", "categorical_cross_entropy", ""},
		{2, Config{Model: ModelConfig{Hidden: []int{4}}}, "mlp", "binary_cross_entropy", ""},
		{0, Config{Loss: LossConfig{Delta: ptr(2.0)}}, "linear", "huber", ""},
	} {
		c, err := tt.cfg.Resolve(tt.classes)
		if err != nil {
			t.Fatal(err)
		}
		if c.Model.Type != tt.model || c.Loss.Type != tt.loss {
			t.Errorf("%d classes: %s with %s, want %s with %s", tt.classes, c.Model.Type, c.Loss.Type, tt.model, tt.loss)
		}
		if *c.Optimizer.LearningRate != 0.001 || c.Train.Epochs != 10 || c.Train.BatchSize != 256 {
			t.Errorf("defaults are %+v, %+v", c.Optimizer, c.Train)
		}
		again, err := c.Resolve(tt.classes)
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("resolved again: %+v, %v; want %+v", again, err, c)
		}
	}
	for _, o := range OptimizerTypes {
		for _, s := range ScheduleTypes {
			c, err := Config{Optimizer: OptimizerConfig{Type: o, Schedule: ScheduleConfig{Type: s}}, Train: TrainConfig{EarlyStopping: &EarlyStopping{}}}.Resolve(2)
			if err != nil {
				t.Fatal(o, s, err)
			}
			again, err := c.Resolve(2)
			if err != nil || !reflect.DeepEqual(again, c) {
				t.Errorf("%s, %s resolved again: %+v, %v; want %+v", o, s, again, err, c)
			}
		}
	}
	if c, err := (Config{Optimizer: OptimizerConfig{Type: "adamw", WeightDecay: ptr(0.0)}}).Resolve(2); err != nil || *c.Optimizer.WeightDecay != 0 {
		t.Errorf("a decay of 0 became %v, %v", *c.Optimizer.WeightDecay, err)
	}
}

func TestClassWeights(t *testing.T) {
	t.Parallel()
	w, err := classWeights(ClassWeights{Balanced: true}, []string{"a", "b"}, []float64{30, 10})
	if err != nil || w[0] != float32(40.0/60) || w[1] != 2 {
		t.Errorf("balanced: %v, %v; want [0.667 2]", w, err)
	}
	if _, err := classWeights(ClassWeights{Balanced: true}, []string{"a", "b"}, []float64{30, 0}); err == nil {
		t.Error("a class without rows is balanced")
	}
	if _, err := classWeights(ClassWeights{Weights: map[string]float64{"c": 1}}, []string{"a", "b"}, nil); err == nil || err.Error() != "train.class_weights.c: the label has no such class; it has a, b" {
		t.Errorf("unknown class: %v", err)
	}
}

// TestEstimate: the parameters and the state are those that the model then has.
func TestEstimate(t *testing.T) {
	t.Parallel()
	for name, cfg := range configs() {
		l := wide(2)
		s, err := Estimate(cfg, l, 2)
		if err != nil {
			t.Fatal(err)
		}
		n := newNet(t, cfg, l, goPool(2))
		if s.Params != int64(len(n.Params())) {
			t.Errorf("%s: %d parameters, want %d", name, s.Params, len(n.Params()))
		}
		fit(t, n, rowsOf(t, l, 300, 1, false))
		if b := int64(len(snapshot(t, n))); b < s.StateBytes || b > s.StateBytes+4096+8*s.Params {
			t.Errorf("%s: a snapshot has %d bytes, estimated %d", name, b, s.StateBytes)
		}
		var work int64
		w := n.work
		for _, x := range [][][]float32{w.values, w.grads, {w.w, w.buf, w.grad, w.mean}} {
			for _, y := range x {
				work += 4 * int64(len(y))
			}
		}
		work += 8*int64(len(w.total)) + 4*int64(len(w.passes)*n.dense)
		for _, x := range w.tables {
			work += 4 * int64(len(x.index)+cap(x.rows)+len(x.g)+len(x.p)+len(x.state))
		}
		if d := float64(work) / float64(s.WorkBytes); d < 0.9 || d > 1.1 {
			t.Errorf("%s: %d bytes of work, estimated %d", name, work, s.WorkBytes)
		}
	}
}

// TestTags: every field of the configuration has a name and a line of documentation.
func TestTags(t *testing.T) {
	t.Parallel()
	var walk func(r reflect.Type)
	seen := 0
	walk = func(r reflect.Type) {
		for i := range r.NumField() {
			f := r.Field(i)
			if f.Tag.Get("yaml") == "" || f.Tag.Get("doc") == "" {
				t.Errorf("%v.%s has no yaml or no doc tag", r, f.Name)
			}
			seen++
			in := f.Type
			if in.Kind() == reflect.Pointer {
				in = in.Elem()
			}
			if in.Kind() == reflect.Struct {
				walk(in)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
	if seen < 40 {
		t.Errorf("only %d fields", seen)
	}
}
