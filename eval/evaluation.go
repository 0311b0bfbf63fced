// What an evaluation consists of.

package eval

// Evaluation is a model measured on one side of the split. Its JSON is evaluation.json.
type Evaluation struct {
	Task       Task     `json:"task"`
	Classes    []string `json:"classes,omitempty"`
	Rows       int64    `json:"rows"`
	Weight     float64  `json:"weight"` // of all rows; their number where rows have no weights
	Threshold  float64  `json:"threshold,omitempty"`
	Confidence float64  `json:"confidence"`
	Metrics    []Metric `json:"metrics"`
	Absent     []Absent `json:"absent,omitempty"`

	Confusion   *Confusion       `json:"confusion,omitempty"`
	PerClass    []ClassMetrics   `json:"per_class,omitempty"`
	ROC         []ROCPoint       `json:"roc,omitempty"` // from (0,0) to (1,1)
	PR          []PRPoint        `json:"pr,omitempty"`  // from the highest threshold to recall 1
	Calibration []CalibrationBin `json:"calibration,omitempty"`
	Scores      *ScoreHistogram  `json:"scores,omitempty"`
	Residuals   *Histogram       `json:"residuals,omitempty"` // label - prediction
	Deciles     []Decile         `json:"deciles,omitempty"`
	Notes       []string         `json:"notes,omitempty"` // what a reader should know of the numbers
}

// Metric returns the metric of that name, or nil.
func (e *Evaluation) Metric(name string) *Metric {
	for i := range e.Metrics {
		if e.Metrics[i].Name == name {
			return &e.Metrics[i]
		}
	}
	return nil
}

// Confusion is the confusion matrix: the weight of the rows by true class (outer) and predicted class (inner).
type Confusion struct {
	Classes []string    `json:"classes"`
	Weights [][]float64 `json:"weights"`
}

// ClassMetrics are the numbers of one class against the rest.
type ClassMetrics struct {
	Class     string   `json:"class"`
	Support   float64  `json:"support"` // weight of its rows
	Predicted float64  `json:"predicted"`
	Precision float64  `json:"precision"` // 0 where it is never predicted
	Recall    float64  `json:"recall"`    // 0 where there is no row of it
	F1        float64  `json:"f1"`
	AUC       *float64 `json:"auc,omitempty"`
}

// ROCPoint is a point of the receiver operating characteristic: rows with a probability of Threshold or more count as
// positive. The curve holds every point or about 200 of them; those are exact.
type ROCPoint struct {
	Threshold float64 `json:"threshold"`
	FPR       float64 `json:"fpr"`
	TPR       float64 `json:"tpr"`
}

// PRPoint is a point of the precision-recall curve.
type PRPoint struct {
	Threshold float64 `json:"threshold"`
	Recall    float64 `json:"recall"`
	Precision float64 `json:"precision"`
}

// CalibrationBin is a bin of equal width of the predicted probability (for several classes: of the likeliest class).
type CalibrationBin struct {
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
	Weight    float64 `json:"weight"`
	Predicted float64 `json:"predicted"` // mean probability
	Observed  float64 `json:"observed"`  // share of the positive rows (several classes: of the right ones)
}

// ScoreHistogram counts rows by predicted probability, by true class.
type ScoreHistogram struct {
	Edges    []float64 `json:"edges"` // one more than bins
	Negative []float64 `json:"negative"`
	Positive []float64 `json:"positive"`
}

// Histogram counts rows by value.
type Histogram struct {
	Edges   []float64 `json:"edges"` // one more than bins
	Weights []float64 `json:"weights"`
	Below   float64   `json:"below,omitempty"` // weight below the first edge
	Above   float64   `json:"above,omitempty"`
}

// Decile is about a tenth of the rows, by prediction.
type Decile struct {
	Weight    float64 `json:"weight"`
	Predicted float64 `json:"predicted"` // mean prediction
	Actual    float64 `json:"actual"`    // mean label
}

// put adds a metric whose baseline is a constant.
func (e *Evaluation) put(name string, value, baseline float64, i interval) {
	e.putPaired(name, value, baseline, i, interval{i.low - baseline, i.high - baseline, i.method})
}

// putPaired adds a metric with the interval of value - baseline on the same rows.
func (e *Evaluation) putPaired(name string, value, baseline float64, i, difference interval) {
	m := Metric{Name: name, Value: value, Low: i.low, High: i.high, Baseline: baseline, Method: i.method,
		Gain: value - baseline, GainLow: difference.low, GainHigh: difference.high}
	if !Maximise(name) {
		m.Gain, m.GainLow, m.GainHigh = baseline-value, -difference.high, -difference.low
	}
	for _, x := range []float64{m.Value, m.Low, m.High, m.Baseline, m.GainLow, m.GainHigh} {
		if !finite(x) {
			e.absent(name, "it is beyond the range of numbers")
			return
		}
	}
	e.Metrics = append(e.Metrics, m)
}

func (e *Evaluation) absent(name, reason string) {
	e.Absent = append(e.Absent, Absent{name, reason})
}
