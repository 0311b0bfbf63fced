package eval

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"howdah/internal/table"
)

// oracleCase is a case of testdata/metrics.json.
type oracleCase struct {
	Task      Task
	Classes   []string
	Threshold float64
	Priors    []float64
	Mean      float64
	Logits    []float32
	Labels    []float32
	Weights   []float32
	Metrics   map[string]float64
	Baseline  map[string]float64
	Confusion [][]float64
	AUCError  float64 `json:"auc_error"`
}

func oracles(t *testing.T) map[string]oracleCase {
	t.Helper()
	b, err := os.ReadFile("testdata/metrics.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Cases map[string]oracleCase }
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Cases) < 10 {
		t.Fatalf("%d cases", len(f.Cases))
	}
	return f.Cases
}

func (c oracleCase) config() (Config, Baseline) {
	return Config{Task: c.Task, Classes: c.Classes, Threshold: c.Threshold, Seed: 7}, Baseline{Mean: c.Mean, Priors: c.Priors}
}

func (c oracleCase) rows() *table.Encoded {
	b := &table.Encoded{Rows: len(c.Labels), Labels: c.Labels, Weights: c.Weights}
	for i := range c.Labels {
		b.IDs = append(b.IDs, uint64(i)*0x9e3779b97f4a7c15)
	}
	return b
}

// part is rows [from, to) of b, and their logits.
func part(b *table.Encoded, logits []float32, from, to int) (*table.Encoded, []float32) {
	n := len(logits) / b.Rows
	p := &table.Encoded{Rows: to - from, Labels: b.Labels[from:to], IDs: b.IDs[from:to]}
	if b.Weights != nil {
		p.Weights = b.Weights[from:to]
	}
	return p, logits[from*n : to*n]
}

// evaluate measures rows in units of the given size.
func evaluate(t *testing.T, cfg Config, base Baseline, b *table.Encoded, logits []float32, unit int) *Evaluation {
	t.Helper()
	m := NewMerger(cfg, base)
	for from := 0; from < b.Rows; from += unit {
		p := NewPart(cfg, base)
		rows, z := part(b, logits, from, min(from+unit, b.Rows))
		if err := p.Update(rows, z); err != nil {
			t.Fatal(err)
		}
		if err := m.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	e, err := m.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance*max(1, math.Abs(b)) }

func TestScikitLearn(t *testing.T) {
	t.Parallel()
	for name, c := range oracles(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, base := c.config()
			for _, unit := range []int{len(c.Labels), 64, 17} {
				e := evaluate(t, cfg, base, c.rows(), c.Logits, unit)
				if len(e.Metrics) < len(c.Metrics) {
					t.Errorf("%d metrics, want %d; absent: %v", len(e.Metrics), len(c.Metrics), e.Absent)
				}
				for n, want := range c.Metrics {
					m := e.Metric(n)
					switch {
					case m == nil:
						t.Errorf("%s is absent", n)
						continue
					case !near(m.Value, want, 3e-7):
						t.Errorf("%s = %.12g, want %.12g", n, m.Value, want)
					case !(m.Low <= m.Value && m.Value <= m.High) || m.Low == m.High && m.Value != 1:
						t.Errorf("%s = %v, not within %v to %v", n, m.Value, m.Low, m.High)
					}
					if want, ok := c.Baseline[n]; ok && !near(m.Baseline, want, 1e-7) {
						t.Errorf("%s of the baseline = %.12g, want %.12g", n, m.Baseline, want)
					}
				}
				for i, row := range c.Confusion {
					for j, want := range row {
						if got := e.Confusion.Weights[i][j]; !near(got, want, 1e-9) {
							t.Errorf("confusion [%d][%d] = %v, want %v", i, j, got, want)
						}
					}
				}
				if c.AUCError > 0 {
					m := e.Metric("auc")
					if se := (m.High - m.Low) / 2 / normalQuantile(0.975); !near(se, c.AUCError, 1e-9) {
						t.Errorf("standard error of the auc = %v, want %v", se, c.AUCError)
					}
				}
			}
			q := NewQuick(cfg)
			b := c.rows()
			for from := 0; from < b.Rows; from += 100 {
				rows, z := part(b, c.Logits, from, min(from+100, b.Rows))
				if err := q.Update(rows, z); err != nil {
					t.Fatal(err)
				}
			}
			got := q.Metrics()
			for _, n := range []string{"log_loss", "accuracy"} {
				if _, ok := got[n]; !ok && c.Task != Regression {
					t.Errorf("an epoch has no %s", n)
				}
			}
			if _, ok := got["auc"]; !ok && c.Task == Binary {
				t.Error("an epoch has no auc")
			}
			if _, ok := got["r2"]; !ok && c.Task == Regression {
				t.Error("an epoch has no r2")
			}
			for n, v := range got {
				if !near(v, c.Metrics[n], 3e-7) {
					t.Errorf("of an epoch: %s = %.12g, want %.12g", n, v, c.Metrics[n])
				}
			}
		})
	}
}

// Top-k of the baseline, where scikit-learn treats ties in its own way: the k classes with the largest priors.
func TestTopBaseline(t *testing.T) {
	t.Parallel()
	c := oracles(t)["multiclass 7 weighted"]
	cfg, base := c.config()
	e := evaluate(t, cfg, base, c.rows(), c.Logits, 1000)
	for name, k := range map[string]int{"top_3_accuracy": 3, "top_5_accuracy": 5} {
		var hit, all float64
		for i, y := range c.Labels {
			all += float64(c.Weights[i])
			if int(y) >= 7-k {
				hit += float64(c.Weights[i])
			}
		}
		if m := e.Metric(name); !near(m.Baseline, hit/all, 1e-12) {
			t.Errorf("%s of the baseline = %v, want %v", name, m.Baseline, hit/all)
		}
	}
}
