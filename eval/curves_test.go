package eval

import (
	"math"
	"math/rand/v2"
	"testing"

	"howdah/internal/table"
)

// logistic are rows whose label follows the logistic model of their score.
func logistic(rows int, seed uint64) (*table.Encoded, []float32) {
	r := rand.New(rand.NewPCG(seed, 9))
	b := &table.Encoded{Rows: rows}
	z := make([]float32, rows)
	for i := range rows {
		z[i] = float32(r.NormFloat64() - 0.5)
		y := float32(0)
		if r.Float64() < 1/(1+math.Exp(-float64(z[i]))) {
			y = 1
		}
		b.Labels = append(b.Labels, y)
		b.IDs = append(b.IDs, r.Uint64())
	}
	return b, z
}

// The points of the curves are few, in order and exact: each equals what its threshold gives over all rows.
func TestCurvePoints(t *testing.T) {
	t.Parallel()
	b, z := logistic(20000, 1)
	e := evaluate(t, Config{Task: Binary}, Baseline{Priors: []float64{0.5, 0.5}}, b, z, 3000)
	if len(e.ROC) < 100 || len(e.ROC) > 205 || len(e.PR) < 80 || len(e.PR) > 205 {
		t.Fatalf("%d and %d points", len(e.ROC), len(e.PR))
	}
	var pos, neg float64
	for _, y := range b.Labels {
		pos += float64(y)
		neg += float64(1 - y)
	}
	at := func(threshold float64) (tp, fp float64) {
		for i, y := range b.Labels {
			if sigmoid(float64(z[i])) >= threshold {
				tp += float64(y)
				fp += float64(1 - y)
			}
		}
		return tp, fp
	}
	area := 0.0
	for i, p := range e.ROC {
		if i == 0 {
			if p.FPR != 0 || p.TPR != 0 {
				t.Errorf("the curve starts at %+v", p)
			}
			continue
		}
		q := e.ROC[i-1]
		if p.FPR < q.FPR || p.TPR < q.TPR || p.Threshold > q.Threshold {
			t.Errorf("point %d: %+v after %+v", i, p, q)
		}
		area += (p.FPR - q.FPR) * (p.TPR + q.TPR) / 2
		if tp, fp := at(p.Threshold); i%10 == 0 && (!near(p.TPR, tp/pos, 1e-12) || !near(p.FPR, fp/neg, 1e-12)) {
			t.Errorf("point %d: %+v, want %v %v", i, p, fp/neg, tp/pos)
		}
	}
	if last := e.ROC[len(e.ROC)-1]; last.FPR != 1 || last.TPR != 1 {
		t.Errorf("the curve ends at %+v", last)
	}
	if auc := e.Metric("auc").Value; math.Abs(area-auc) > 2e-3 {
		t.Errorf("the curve's area is %v, the auc %v", area, auc)
	}
	for i, p := range e.PR {
		if tp, fp := at(p.Threshold); i%10 == 0 && (!near(p.Recall, tp/pos, 1e-12) || !near(p.Precision, tp/(tp+fp), 1e-12)) {
			t.Errorf("point %d: %+v, want %v %v", i, p, tp/pos, tp/(tp+fp))
		}
	}
	if last := e.PR[len(e.PR)-1]; last.Recall != 1 {
		t.Errorf("the curve ends at %+v", last)
	}
	// Bins and histograms hold every row.
	var binned, seen float64
	for _, c := range e.Calibration {
		binned += c.Weight
		if c.Predicted < c.Low-1e-6 || c.Predicted > c.High+1e-6 {
			t.Errorf("bin %+v", c)
		}
	}
	for i := range e.Scores.Negative {
		seen += e.Scores.Negative[i] + e.Scores.Positive[i]
	}
	if binned != 20000 || seen != 20000 {
		t.Errorf("%v rows in bins, %v in the histogram", binned, seen)
	}
}

// Residuals and deciles of a regression hold every row and follow its distribution.
func TestResiduals(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 4))
	b := &table.Encoded{Rows: 30000}
	z := make([]float32, b.Rows)
	for i := range z {
		z[i] = float32(100 * r.NormFloat64())
		b.Labels = append(b.Labels, z[i]+float32(5*r.NormFloat64()+1))
		b.IDs = append(b.IDs, r.Uint64())
	}
	e := evaluate(t, Config{Task: Regression}, Baseline{}, b, z, 7000)
	h := e.Residuals
	total := h.Below + h.Above
	for i, w := range h.Weights {
		total += w
		// The share of the normal distribution in the bin.
		phi := func(x float64) float64 { return 0.5 * math.Erfc(-(x-1)/5/math.Sqrt2) }
		want := (phi(h.Edges[i+1]) - phi(h.Edges[i])) * 30000
		if math.Abs(w-want) > 5*math.Sqrt(want)+10 {
			t.Errorf("bin %d: %v rows, want about %v", i, w, want)
		}
	}
	if !near(total, 30000, 1e-9) {
		t.Errorf("%v rows", total)
	}
	if lo, hi := h.Edges[0], h.Edges[len(h.Edges)-1]; math.Abs(lo+11.88) > 0.6 || math.Abs(hi-13.88) > 0.6 {
		t.Errorf("range %v to %v", lo, hi)
	}
	if len(e.Deciles) != 10 {
		t.Fatalf("%d deciles", len(e.Deciles))
	}
	sum := 0.0
	for _, d := range e.Deciles {
		sum += d.Weight
		if math.Abs(d.Weight-3000) > 150 || math.Abs(d.Actual-d.Predicted-1) > 0.5 {
			t.Errorf("decile %+v", d)
		}
	}
	if sum != 30000 {
		t.Errorf("%v rows in deciles", sum)
	}
}

// Intervals hold the value of the whole population about as often as they say.
func TestCoverage(t *testing.T) {
	t.Parallel()
	b, z := logistic(400_000, 2)
	cfg, base := Config{Task: Binary, Confidence: 0.9}, Baseline{Priors: []float64{0.6, 0.4}}
	truth := evaluate(t, cfg, base, b, z, unitRows)
	const trials, rows = 150, 400
	var coverage [trials]*Evaluation
	for _, name := range []string{"log_loss", "auc", "accuracy", "f1", "brier", "precision", "pr_auc"} {
		in := 0
		want := truth.Metric(name).Value
		for i := range trials {
			sample, logits := part(b, z, i*rows, (i+1)*rows)
			if name == "log_loss" { // once for all metrics
				coverage[i] = evaluate(t, cfg, base, sample, logits, rows)
			}
			if m := coverage[i].Metric(name); m.Low <= want && want <= m.High {
				in++
			}
		}
		// 90% of 150 within 3 standard errors: 0.83 to 0.97.
		if share := float64(in) / trials; share < 0.82 || share > 0.98 {
			t.Errorf("%s: %v of the intervals hold %v", name, share, want)
		}
	}
}

func TestNormalQuantile(t *testing.T) {
	t.Parallel()
	for p, want := range map[float64]float64{0.5: 0, 0.975: 1.959963984540054, 0.95: 1.6448536269514722, 0.995: 2.5758293035489004, 0.9999: 3.719016485455709} {
		if got := normalQuantile(p); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %v = %v, want %v", p, got, want)
		}
	}
	// Poisson weights: mean and variance 1.
	var sum, squares float64
	for i := range 1 << 16 {
		x := draw(uint32(i)<<16 | 1<<15)
		sum += x
		squares += x * x
	}
	if mean := sum / (1 << 16); !near(mean, 1, 1e-3) || !near(squares/(1<<16)-mean*mean, 1, 1e-3) {
		t.Errorf("mean %v, mean square %v", mean, squares/(1<<16))
	}
}

// The interval of the gain is that of the rows' own differences.
func TestPairedGain(t *testing.T) {
	t.Parallel()
	spread := func(x []float64) float64 {
		var mean, squares float64
		for _, v := range x {
			mean += v / float64(len(x))
		}
		for _, v := range x {
			squares += (v - mean) * (v - mean)
		}
		return math.Sqrt(squares / float64(len(x)-1) / float64(len(x)))
	}
	check := func(m *Metric, differences []float64) {
		t.Helper()
		want := 0.0
		for _, d := range differences {
			want += d / float64(len(differences))
		}
		if !near(m.Gain, want, 1e-6) {
			t.Errorf("%s: gain %v, want %v", m.Name, m.Gain, want)
		}
		if got, want := (m.GainHigh-m.GainLow)/2/normalQuantile(0.975), spread(differences); math.Abs(got-want) > 0.05*want {
			t.Errorf("%s: standard error of the gain %v, want about %v", m.Name, got, want)
		}
		if !near((m.GainHigh+m.GainLow)/2, m.Gain, 1e-9) {
			t.Errorf("%s: %v is not in the middle of %v and %v", m.Name, m.Gain, m.GainLow, m.GainHigh)
		}
	}
	b, z := logistic(3000, 8)
	e := evaluate(t, Config{Task: Binary}, Baseline{Priors: []float64{0.6, 0.4}}, b, z, 1000)
	var loss, brier, right []float64
	for i, y := range b.Labels {
		p := 1 / (1 + math.Exp(-float64(z[i])))
		l, base, hit, guess := -math.Log(p), -math.Log(0.4), 0.0, 0.0
		if y == 0 {
			l, base, guess = -math.Log(1-p), -math.Log(0.6), 1
		}
		if (z[i] >= 0) == (y == 1) {
			hit = 1
		}
		loss = append(loss, base-l)
		brier = append(brier, (0.4-float64(y))*(0.4-float64(y))-(p-float64(y))*(p-float64(y)))
		right = append(right, hit-guess)
	}
	check(e.Metric("log_loss"), loss)
	check(e.Metric("brier"), brier)
	check(e.Metric("accuracy"), right)

	c := oracles(t)["regression"]
	cfg, base := c.config()
	e = evaluate(t, cfg, base, c.rows(), c.Logits, 1000)
	var squared, absolute []float64
	for i, y := range c.Labels {
		d, r := float64(y)-c.Mean, float64(y)-float64(c.Logits[i])
		squared = append(squared, d*d-r*r)
		absolute = append(absolute, math.Abs(d)-math.Abs(r))
	}
	check(e.Metric("mse"), squared)
	check(e.Metric("mae"), absolute)
	for _, name := range []string{"rmse", "r2"} {
		m, mse := e.Metric(name), e.Metric("mse")
		if want := m.Gain / mse.Gain; !near(m.GainLow, mse.GainLow*want, 1e-9) || !near(m.GainHigh, mse.GainHigh*want, 1e-9) {
			t.Errorf("%s: %+v against %+v", name, m, mse)
		}
	}

	k := oracles(t)["multiclass 3"]
	cfg, base = k.config()
	e = evaluate(t, cfg, base, k.rows(), k.Logits, 1000)
	loss = nil
	for i, y := range k.Labels {
		row, sum := k.Logits[3*i:3*i+3], 0.0
		for _, v := range row {
			sum += math.Exp(float64(v))
		}
		loss = append(loss, -math.Log(k.Priors[int(y)])-(math.Log(sum)-float64(row[int(y)])))
	}
	check(e.Metric("log_loss"), loss)
}
