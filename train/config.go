package train

import "slices"

// Config is what a job says about the model and its training. A nil pointer and a zero value mean "not said": Resolve
// puts the default there.
type Config struct {
	Model     ModelConfig     `yaml:"model" doc:"what is fitted"`
	Loss      LossConfig      `yaml:"loss" doc:"what is minimised"`
	Optimizer OptimizerConfig `yaml:"optimizer" doc:"how it is minimised"`
	Train     TrainConfig     `yaml:"train" doc:"epochs, batches, seed and when to stop"`
}

// ModelConfig describes the model. In a job file it may be just the type.
type ModelConfig struct {
	Type       string          `yaml:"type" doc:"linear, logistic, softmax or mlp; the default fits the label: linear for a quantity, logistic for two classes, softmax for more"`
	Hidden     []int           `yaml:"hidden" doc:"widths of an mlp's hidden layers; default [64, 32]"`
	Activation string          `yaml:"activation" doc:"relu (default), tanh, sigmoid or gelu, after each hidden layer"`
	Dropout    float64         `yaml:"dropout" doc:"share of hidden units left out in training, in [0, 1)"`
	Embedding  EmbeddingConfig `yaml:"embedding" doc:"for categorical columns that name no width of their own"`
}

// EmbeddingConfig is the default of the layout's code slots; the layout itself has the final say.
type EmbeddingConfig struct {
	Dim int `yaml:"dim" doc:"width of the embedding; 0 (default) is one-hot"`
}

// LossConfig describes the loss. In a job file it may be just the type.
type LossConfig struct {
	Type           string   `yaml:"type" doc:"binary_cross_entropy, categorical_cross_entropy, mse, mae or huber; the default fits the label"`
	LabelSmoothing float64  `yaml:"label_smoothing" doc:"share of each label's mass spread over all classes, in [0, 1)"`
	Delta          *float64 `yaml:"delta" doc:"huber: where the quadratic becomes linear; default 1"`
}

// OptimizerConfig describes the optimiser. In a job file it may be just the type.
type OptimizerConfig struct {
	Type           string         `yaml:"type" doc:"gd (full batch), sgd, adam (default), adamw, adagrad or ftrl"`
	LearningRate   *float64       `yaml:"learning_rate" doc:"default 0.001 for adam and adamw, 0.01 for sgd and adagrad, 0.1 for gd and ftrl"`
	Schedule       ScheduleConfig `yaml:"schedule" doc:"how the learning rate changes"`
	Momentum       *float64       `yaml:"momentum" doc:"gd, sgd: share of the last update that is kept, in [0, 1); default 0"`
	Nesterov       bool           `yaml:"nesterov" doc:"gd, sgd: look ahead along the momentum"`
	Beta1          *float64       `yaml:"beta_1" doc:"adam, adamw: decay of the gradient's mean; default 0.9"`
	Beta2          *float64       `yaml:"beta_2" doc:"adam, adamw: decay of the gradient's square; default 0.999"`
	Epsilon        *float64       `yaml:"epsilon" doc:"adam, adamw, adagrad: added to the root; default 1e-8, adagrad 1e-10"`
	BiasCorrection *bool          `yaml:"bias_correction" doc:"adam: divide the moments by 1 - beta^step (default true); false is the plain form m/(sqrt(v)+eps)"`
	Beta           *float64       `yaml:"beta" doc:"ftrl: beta of the per-coordinate rate alpha/(beta + sqrt(sum of squares)); default 1"`
	WeightDecay    *float64       `yaml:"weight_decay" doc:"adds weight_decay*w to the gradient of every parameter; adamw: shrinks the parameters beside it (default there 0.01)"`
	L1             float64        `yaml:"l1" doc:"penalty l1*sum|w| on weights, not biases; ftrl: lambda_1 of every parameter, which makes weights exactly 0"`
	L2             float64        `yaml:"l2" doc:"penalty l2/2*sum w^2 on weights, not biases; ftrl: lambda_2 of every parameter"`
	ClipNorm       *float64       `yaml:"clip_norm" doc:"scale the gradient down to this Euclidean norm"`
	ClipValue      *float64       `yaml:"clip_value" doc:"cut each element of the gradient to [-clip_value, clip_value]"`
}

// ScheduleConfig describes the learning rate over time. In a job file it may be just the type.
type ScheduleConfig struct {
	Type     string   `yaml:"type" doc:"constant (default), step, exponential, cosine or plateau"`
	Every    int      `yaml:"every" doc:"step: epochs between two changes; default 10"`
	Factor   *float64 `yaml:"factor" doc:"step, exponential, plateau: what the rate is multiplied by; default 0.1, exponential 0.95 (every epoch)"`
	Epochs   int      `yaml:"epochs" doc:"cosine: epochs until the minimum; default train.epochs"`
	MinRate  float64  `yaml:"min_rate" doc:"cosine, plateau: the rate does not fall below"`
	WarmUp   int      `yaml:"warm_up" doc:"updates over which the rate rises linearly from 0 to its schedule; default 0"`
	Metric   string   `yaml:"metric" doc:"plateau: the validation metric that is watched; default as in early_stopping"`
	Mode     string   `yaml:"mode" doc:"plateau: auto (default: by the metric's name), min or max"`
	Patience *int     `yaml:"patience" doc:"plateau: epochs without improvement before the rate is cut; default 2"`
	MinDelta float64  `yaml:"min_delta" doc:"plateau: what counts as improvement"`
}

// TrainConfig says how long, in what portions and from what seed to train.
type TrainConfig struct {
	Epochs        int            `yaml:"epochs" doc:"sweeps over the training rows; default 10"`
	BatchSize     int            `yaml:"batch_size" doc:"rows of an update; default 256"`
	Seed          uint64         `yaml:"seed" doc:"of initial weights, order of rows and dropout"`
	EarlyStopping *EarlyStopping `yaml:"early_stopping" doc:"stop when validation no longer improves"`
	ClassWeights  ClassWeights   `yaml:"class_weights" doc:"balanced, or a weight for each class"`
	Slice         int            `yaml:"slice" doc:"rows over which a gradient is summed by one worker; part of the result, default 128"`
}

// EarlyStopping says when to stop before the last epoch.
type EarlyStopping struct {
	Metric      string  `yaml:"metric" doc:"a validation metric, or train_loss; the default follows the loss"`
	Mode        string  `yaml:"mode" doc:"auto (default: by the metric's name), min or max"`
	Patience    *int    `yaml:"patience" doc:"epochs without improvement that are borne; default 2"`
	MinDelta    float64 `yaml:"min_delta" doc:"improvement by no more than this is none"`
	RestoreBest *bool   `yaml:"restore_best" doc:"end with the weights of the best epoch; default true"`
}

// ClassWeights multiply the rows' weights by their class. In a job file: the word balanced, or a map from class to weight.
type ClassWeights struct {
	Balanced bool               `yaml:"balanced" doc:"rows / (classes * rows of the class), as in scikit-learn"`
	Weights  map[string]float64 `yaml:"weights" doc:"a weight for each class; 1 where none is named"`
}

// The names that the configuration knows, in the order in which documentation lists them.
var (
	ModelTypes     = []string{"linear", "logistic", "softmax", "mlp"}
	Activations    = []string{"relu", "tanh", "sigmoid", "gelu"}
	LossTypes      = []string{"binary_cross_entropy", "categorical_cross_entropy", "mse", "mae", "huber"}
	OptimizerTypes = []string{"gd", "sgd", "adam", "adamw", "adagrad", "ftrl"}
	ScheduleTypes  = []string{"constant", "step", "exponential", "cosine", "plateau"}
)

// Metric directions, for `mode: auto`.
var (
	minimised = []string{"train_loss", "loss", "log_loss", "brier", "calibration_error", "mse", "rmse", "mae", "huber"}
	maximised = []string{"auc", "pr_auc", "accuracy", "precision", "recall", "f1", "r2"}
)

// maximise says whether more of the metric is better; ok is false where nobody knows.
func maximise(metric, mode string) (more, ok bool) {
	switch {
	case mode == "max" || mode == "min":
		return mode == "max", true
	case slices.Contains(maximised, metric):
		return true, true
	}
	return false, slices.Contains(minimised, metric)
}
