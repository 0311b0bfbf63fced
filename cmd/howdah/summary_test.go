package main

import (
	"strings"
	"testing"
	"time"

	"howdah/jobs"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	better := jobs.Metric{Value: 0.7, Baseline: 0.5, Gain: 0.2, GainLow: 0.18, GainHigh: 0.22}
	same := jobs.Metric{Value: 0.51, Baseline: 0.5, Gain: 0.01, GainLow: -0.02, GainHigh: 0.04}
	worse := jobs.Metric{Value: 0.4, Baseline: 0.5, Gain: -0.1, GainLow: -0.12, GainHigh: -0.08}
	lower, higher := worse, better // of a metric that is better the lower it is
	lower.Gain, lower.GainLow, lower.GainHigh = 0.1, 0.08, 0.12
	higher.Gain, higher.GainLow, higher.GainHigh = -0.2, -0.22, -0.18
	for name, c := range map[string]struct {
		shown []string
		sides map[string]map[string]jobs.Metric
		want  []string
		not   string
	}{
		"beats": {
			shown: []string{"auc", "accuracy"},
			sides: map[string]map[string]jobs.Metric{"test": {"auc": better, "accuracy": same}},
			want: []string{"On the test rows the model beats the trivial baseline", "better               auc 0.7000 against 0.5000 (+0.2000)",
				"no clear difference  accuracy 0.5100 against 0.5000 (+0.0100)"},
			not: "worse",
		},
		"low is good": {
			shown: []string{"log_loss"},
			sides: map[string]map[string]jobs.Metric{"test": {"log_loss": lower}},
			want:  []string{"beats", "better               log_loss 0.4000 against 0.5000 (20.0% lower)"},
		},
		"the first metric leads": {
			shown: []string{"auc", "accuracy"},
			sides: map[string]map[string]jobs.Metric{"test": {"auc": same, "accuracy": better}},
			want:  []string{"is not clearly better than the trivial baseline"},
		},
		"worse": {
			shown: []string{"auc"},
			sides: map[string]map[string]jobs.Metric{"test": {"auc": worse}},
			want:  []string{"is WORSE than the trivial baseline", "worse                auc 0.4000 against 0.5000 (-0.1000)"},
		},
		"mixed": {
			shown: []string{"auc", "log_loss"},
			sides: map[string]map[string]jobs.Metric{"test": {"auc": better, "log_loss": higher}},
			want:  []string{"is in some ways better and in others WORSE than", "log_loss 0.7000 against 0.5000 (40.0% higher)"},
		},
		"without test rows, the validation rows; a metric that is not there is not judged": {
			shown: []string{"pr_auc", "auc"},
			sides: map[string]map[string]jobs.Metric{"validation": {"auc": better}, "train": {"auc": worse}},
			want:  []string{"On the validation rows the model beats"},
			not:   "pr_auc",
		},
		"what says yes to no row has no recall": {
			shown: []string{"auc", "recall"},
			sides: map[string]map[string]jobs.Metric{"test": {"auc": better, "recall": {Value: 0.3, Gain: 0.3, GainLow: 0.2, GainHigh: 0.4}}},
			want:  []string{"beats"}, not: "recall",
		},
	} {
		var b strings.Builder
		printVerdict(&b, &jobs.Summary{Shown: c.shown, Metrics: c.sides})
		for _, w := range c.want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%s: %q is not in\n%s", name, w, b.String())
			}
		}
		if c.not != "" && strings.Contains(b.String(), c.not) {
			t.Errorf("%s: %q is in\n%s", name, c.not, b.String())
		}
	}
}

func TestSummaryOfAFailure(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	at := time.Date(2013, 3, 31, 0, 0, 0, 0, time.UTC)
	printSummary(&b, &jobs.Summary{Job: "late", Run: "r-a1", State: "failed", Class: "data", Error: "a.parquet: bad",
		Started: at, Ended: at.Add(90 * time.Second), Files: 3, Rows: 1000})
	if want := "\nlate r-a1: failed after 1m30s\ndata error: a.parquet: bad\n"; b.String() != want {
		t.Errorf("have %q, want %q", b.String(), want)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]string{0: "0", 7: "7", 9999: "9999", 12345: "12.3k", 80789: "80.8k", 999999: "1000k", 1234567: "1.23M", 62.4e6: "62.4M", 1e10: "10.0G"} {
		if got := human(x); got != want {
			t.Errorf("human(%v) = %s, want %s", x, got, want)
		}
	}
	for x, want := range map[float64]string{0: "0.0000", 0.64563: "0.6456", -0.0002555: "-0.0003", 34.7123: "34.7123", 1676.414: "1676.41", 2.5e7: "2.5e+07", 0.00001234: "1.23e-05"} {
		if got := number(x); got != want {
			t.Errorf("number(%v) = %s, want %s", x, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 80789: "80,789", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		if got := comma(n); got != want {
			t.Errorf("comma(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestProgressLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{passLine(jobs.PassProgress{Name: "fit-1", Rows: 50000, RowsDone: 50000, Seconds: 0.5}), "fit-1                 50.0k rows     100k rows/s"},
		{passLine(jobs.PassProgress{Name: "encode", Rows: 50000, RowsDone: 50000, Found: true}), "encode                50.0k rows  done before, found"},
		// What a former owner did says nothing about the rate.
		{passLine(jobs.PassProgress{Name: "train", Rows: 3e6, RowsDone: 2e6, Before: 1e6, Seconds: 2}), "train                 2.00M rows     500k rows/s"},
		{rateAndETA(jobs.PassProgress{Rows: 3e6, RowsDone: 2e6, Before: 1e6, Seconds: 2}), "  500k rows/s  ETA 2s"},
		{rateAndETA(jobs.PassProgress{Rows: 10}), ""},
		{epochLine(jobs.EpochRecord{Epoch: 3, Loss: 0.5, Validation: map[string]float64{"auc": 0.7, "recall": 0.1, "log_loss": 0.4}}, 10, epochMetrics), "epoch  3/10  loss 0.5000  validation log_loss 0.4000, auc 0.7000"},
		{epochLine(jobs.EpochRecord{Epoch: 3, Loss: 0.5}, 9, []string{"auc"}), "epoch 3/9  loss 0.5000"},
	} {
		if c.got != c.want {
			t.Errorf("have %q\nwant %q", c.got, c.want)
		}
	}
}
