package jobs

import (
	"testing"

	"howdah/eval"
)

// Every example learns something: on the test rows, the first of its metrics is better than the trivial model's.
func TestExamplesBeatTheBaseline(t *testing.T) {
	t.Parallel()
	for _, file := range examples(t) {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			job := example(t, file, flights)
			res, err := job.Run(t.Context(), RunOptions{Workers: 2})
			if err != nil {
				t.Fatal(err)
			}
			name := job.Spec.Evaluate.Metrics[0]
			m, ok := res.Summary.Metrics["test"][name]
			if !ok {
				t.Fatalf("no %s in %v", name, res.Summary.Metrics["test"])
			}
			if better := m.Value < m.Baseline; better == eval.Maximise(name) {
				t.Errorf("test %s is %v, the baseline's %v", name, m.Value, m.Baseline)
			}
		})
	}
}
