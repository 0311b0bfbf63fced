package jobs

import (
	"fmt"
	"math"
	"testing"
)

// The trivial baseline of weighted rows is the best constant for them: the weighted share of the classes, the weighted mean.
func TestBaselineOfWeightedRows(t *testing.T) {
	t.Parallel()
	job := func(label, weight string) *Job {
		return mustLoad(t, fmt.Sprintf(`name: weighted
home: %q
data: {path: %q}
columns:
  y: {role: label, expr: %q}
  w: {role: weight, expr: %q}
  bought: {role: ignore}
  id: {role: id}
runtime: {scratch: %q}
train: {epochs: 1}
features: [{columns: income, scale: standard}]
`, t.TempDir(), peopleDir(t, 2, 1000), label, weight, t.TempDir()))
	}
	res, err := job("bought == 1", "bought == 1 ? 3.0 : 1.0").Run(t.Context(), RunOptions{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	var evals evaluations
	if err := res.Run.ReadJSON(t.Context(), "evaluation.json", &evals); err != nil {
		t.Fatal(err)
	}
	train := evals["train"]
	rows := float64(train.Rows)
	if q := 3 * (train.Weight - rows) / 2 / train.Weight; q <= 0.05 || q >= 0.95 {
		t.Fatalf("weighted share %v: %v rows weigh %v", q, rows, train.Weight)
	} else if got, want := res.Summary.Metrics["train"]["log_loss"].Baseline, -q*math.Log(q)-(1-q)*math.Log(1-q); math.Abs(got-want) > 1e-9 {
		t.Errorf("baseline log loss of the training rows is %v, want the entropy of their weighted share, %v", got, want)
	}

	res, err = job("age ?? 40", "age != nil && age > 50 ? 5.0 : 0.5").Run(t.Context(), RunOptions{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Summary.Metrics["train"]["r2"].Baseline; math.Abs(got) > 1e-9 {
		t.Errorf("baseline R² of the training rows is %v, want 0: their weighted mean explains nothing", got)
	}
}
